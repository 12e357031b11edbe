/*
 * Ethernet, ARP, IPv4, ICMP echo and UDP: what a frame looks like, read and written. Pure: bytes
 * in, a verdict out.
 *
 * Ethernet, 14 bytes:      0 destination 6, 6 source 6, 12 type 2
 * ARP, 28 bytes:           0 hardware 2 (1), 2 protocol 2 (0x0800), 4 sizes 2 (6, 4),
 *			    6 operation 2, 8 sender MAC 6, 14 sender IP 4, 18 target MAC 6,
 *			    24 target IP 4
 * IPv4, 20 bytes:          0 version and header words 1 (0x45), 1 service 1, 2 total size 2,
 *			    4 identification 2, 6 flags and fragment offset 2, 8 time to live 1,
 *			    9 protocol 1, 10 checksum 2, 12 source 4, 16 destination 4
 * ICMP echo, 8 bytes:      0 type 1, 1 code 1, 2 checksum 2, 4 identifier and sequence 4
 * UDP, 8 bytes:            0 source 2, 2 destination 2, 4 size 2, 6 checksum 2
 *
 * All big-endian. Addresses are in host byte order here.
 *
 *	1. No byte is read at or beyond the frame's size; every size field is held against it (N4).
 *	2. What follows the IP packet in a frame is padding and ignored.
 *	3. A checksum is taken on trust only if the device vouches for it (N5).
 */
#ifndef DATAPLANE_NET_H
#define DATAPLANE_NET_H

#include "dataplane/dp.h"

enum {
	NET_ETHERNET_SIZE = 14,
	NET_ARP_SIZE = 28,
	NET_IPV4_SIZE = 20,
	NET_UDP_SIZE = 8,
	NET_ICMP_SIZE = 8,
	NET_HEADERS_SIZE = NET_ETHERNET_SIZE + NET_IPV4_SIZE + NET_UDP_SIZE,
	/* Shorter frames are padded with zeros: a NIC may or may not do it. */
	NET_FRAME_SIZE_MIN = 60,
	NET_ARP_REQUEST = 1,
	NET_ARP_REPLY = 2,
};

static_assert((int)WIRE_IP_UDP_SIZE == (int)NET_IPV4_SIZE + (int)NET_UDP_SIZE,
	      "the wire format's arithmetic and ours agree");

enum net_kind {
	NET_DROP, /* see drop */
	NET_ARP,
	NET_ECHO, /* an ICMP echo request for us */
	NET_UDP,  /* for one of our ports */
};

/* This node, as far as the parser has to know it. */
struct net_self {
	struct link_mac mac;
	uint16_t mtu;
	uint32_t address;
	uint16_t udp_client; /* 0: not listened on */
	uint16_t udp_peer;
};

struct net_packet {
	enum net_kind kind;
	enum dp_drop drop;
	struct link_mac source_mac;
	uint32_t source; /* IPv4; in ARP the sender's */
	uint32_t destination;
	uint16_t arp_operation;
	bool to_peer_port;      /* UDP */
	uint16_t source_port;   /* UDP */
	uint32_t ip_size;       /* echo: bytes of the IP packet */
	const uint8_t *payload; /* UDP */
	uint32_t payload_size;
};

/* Every cause of a drop below the envelope is decided here. */
void net_parse(struct net_packet *out, const struct net_self *self, const struct link_frame *frame);

struct net_udp {
	struct link_mac source_mac, destination_mac;
	uint32_t source, destination;
	uint16_t source_port, destination_port;
};

/*
 * Writes the headers in front of a payload that stands at data + NET_HEADERS_SIZE. Returns the
 * frame's size.
 */
uint32_t net_udp_write(uint8_t *data, const struct net_udp *udp, uint32_t payload_size);

/* Returns the frame's size. data holds NET_FRAME_SIZE_MIN bytes. */
uint32_t net_arp_write(uint8_t *data, uint16_t operation, const struct net_self *self,
		       const struct link_mac *target_mac, uint32_t target);

/* Turns a parsed echo request into its answer, in place. Returns the frame's size. */
uint32_t net_echo_answer(uint8_t *data, const struct net_packet *request,
			 const struct net_self *self);

bool net_mac_equal(const struct link_mac *a, const struct link_mac *b);

extern const struct link_mac net_mac_broadcast;

#endif
