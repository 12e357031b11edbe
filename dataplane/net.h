/*
 * Ethernet, ARP (RFC 826), IPv4 (RFC 791), ICMP echo (RFC 792) and UDP (RFC 768), as bytes. Pure.
 *
 *	Ethernet, 14:  destination 6, source 6, type 2
 *	ARP, 28:       hardware 2 (1), protocol 2 (0x0800), sizes 1 1 (6, 4), operation 2,
 *	               sender MAC 6, sender address 4, target MAC 6, target address 4
 *	IPv4, 20:      0x45, tos 1, total length 2, id 2, flags and offset 2, ttl 1, protocol 1,
 *	               checksum 2, source 4, destination 4
 *	UDP, 8:        source port 2, destination port 2, length 2, checksum 2
 *
 * All in network byte order; addresses and ports outside of the bytes are in host order.
 */
#ifndef DATAPLANE_NET_H
#define DATAPLANE_NET_H

#include "dataplane/dp.h"
#include "dataplane/link.h"

enum {
	NET_ETHERNET_SIZE = 14,
	NET_ARP_SIZE = 28,
	NET_IP_SIZE = 20,
	NET_UDP_SIZE = 8,
	NET_ICMP_SIZE = 8,
	NET_HEADERS_SIZE = NET_ETHERNET_SIZE + NET_IP_SIZE + NET_UDP_SIZE,
	NET_FRAME_SIZE_MIN = 60, /* without FCS (IEEE 802.3) */

	NET_TYPE_IP = 0x0800,
	NET_TYPE_ARP = 0x0806,
	NET_TYPE_VLAN = 0x8100,
	NET_TYPE_QINQ = 0x88a8,
	NET_PROTOCOL_ICMP = 1,
	NET_PROTOCOL_UDP = 17,
	NET_ARP_REQUEST = 1,
	NET_ARP_REPLY = 2,
	NET_ICMP_ECHO = 8,
	NET_ICMP_ECHO_REPLY = 0,
};

extern const struct link_mac net_broadcast;

static inline uint16_t net_get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static inline uint32_t net_get32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static inline void net_put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static inline void net_put32(uint8_t *at, uint32_t value)
{
	net_put16(at, (uint16_t)(value >> 16));
	net_put16(at + 2, (uint16_t)value);
}

bool net_mac_equal(const struct link_mac *a, const struct link_mac *b);

/* The internet checksum (RFC 1071) of the bytes, on top of `sum`; net_fold ends it. */
uint32_t net_sum(uint32_t sum, const uint8_t *data, size_t size);
uint16_t net_fold(uint32_t sum);
/* Of a UDP header with its payload, pseudo-header included; the checksum field counts as it is. */
uint16_t net_udp_checksum(uint32_t source, uint32_t destination, const uint8_t *udp, size_t size);

struct net_udp {
	uint32_t source, destination;
	uint16_t source_port, destination_port;
	const uint8_t *payload;
	uint32_t payload_size;
};

/* An Ethernet frame's header. DP_DROP_COUNT: good; else why not. */
enum dp_drop net_ethernet_parse(const struct link_frame *frame, const struct link_mac *own,
				uint16_t mtu, uint16_t *type);

/*
 * An IPv4 packet (what follows the Ethernet header; trailing padding is allowed). *size becomes its
 * own total length. DP_DROP_COUNT: good.
 */
enum dp_drop net_ip_parse(const uint8_t *ip, uint32_t *size, bool checksum_good, uint32_t own);

/* A good IPv4 packet with protocol UDP. DP_DROP_COUNT: good. */
enum dp_drop net_udp_parse(struct net_udp *out, const uint8_t *ip, uint32_t size,
			   bool checksum_good);

struct net_arp {
	uint16_t operation;
	struct link_mac sender_mac;
	uint32_t sender;
	uint32_t target;
};

/* False: malformed. */
bool net_arp_parse(struct net_arp *out, const uint8_t *data, uint32_t size);

/* Whole frames, padded; return their size. */
uint32_t net_arp_build(uint8_t *frame, const struct link_mac *from, const struct link_mac *to,
		       uint16_t operation, uint32_t sender, uint32_t target);
/* The headers in front of payload_size bytes that are in place at NET_HEADERS_SIZE. */
uint32_t net_udp_build(uint8_t *frame, const struct link_mac *from, const struct link_mac *to,
		       const struct net_udp *udp);

/* Turns a good ICMP echo request into its reply, in place. False: it is no echo request. */
bool net_icmp_answer(uint8_t *frame, const struct link_mac *own, uint32_t ip_size);

#endif
