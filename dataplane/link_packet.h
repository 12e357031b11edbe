/* What the files of the packet link share: link_packet.c and link_packet_socket.c. */
#ifndef DATAPLANE_LINK_PACKET_H
#define DATAPLANE_LINK_PACKET_H

#include "dataplane/link_dpdk.h"

struct tpacket_req;

struct link_packet_socket {
	int fd;
	uint8_t *first; /* of the frames that are sent */
	uint32_t frame_size, frames;
	/* Frames, counted from the start: each has its place in the ring, one behind the other. */
	uint64_t put;      /* that the driver has put there */
	uint64_t head;     /* of them the kernel has all before this */
	uint64_t old;      /* of them those before this were there at since_ns */
	uint64_t since_ns; /* since then, or longer, the interface refuses; 0: it does not */
	uint64_t refused;  /* that were taken out of the ring again */
};

/*
 * Puts a socket of our own in the place of the driver's, before its first frame: `ring` is what the
 * driver was told of its rings. 0 or -errno: then the port cannot be used.
 */
int link_packet_socket_make(struct link_packet_socket *s, int fd, int interface,
			    const struct tpacket_req *ring);

/* For how many frames, of so many, there is room: with one more the driver would wait. */
uint16_t link_packet_socket_room(const struct link_packet_socket *s, uint16_t count);

/* The driver has put so many frames into the ring, and told the kernel. */
static inline void link_packet_socket_sent(struct link_packet_socket *s, uint16_t count)
{
	s->put += count;
}

/* In each turn: what the kernel has left in the ring is offered to it again. */
void link_packet_socket_drive(struct link_packet_socket *s, uint64_t now_ns);

#endif
