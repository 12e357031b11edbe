/* What the files of the packet link share: link_packet.c and link_packet_socket.c. */
#ifndef DATAPLANE_LINK_PACKET_H
#define DATAPLANE_LINK_PACKET_H

#include "dataplane/link_dpdk.h"

struct tpacket_req;

struct link_packet_socket {
	int fd;
	uint8_t *first; /* of the frames that are sent */
	uint32_t frame_size, frames;
	uint32_t next;    /* frame that the driver fills next */
	uint64_t refused; /* frames that the interface refused and that were taken out */
};

/*
 * Puts a socket of our own in the place of the driver's, before its first frame: `ring` is what the
 * driver was told of its rings. 0 or -errno: then the port cannot be used.
 */
int link_packet_socket_make(struct link_packet_socket *s, int fd, int interface,
			    const struct tpacket_req *ring);

/* The driver has put so many frames into the ring, and told the kernel. */
void link_packet_socket_sent(struct link_packet_socket *s, uint16_t count);

#endif
