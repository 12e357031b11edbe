/*
 * Frames, read and written: see net.h. A parser returns why the frame is dropped, or DP_DROP_COUNT.
 */
#include "dataplane/net.h"

#include "base/bytes.h"
#include "base/subnet.h"

#include <assert.h>
#include <string.h>

enum {
	TYPE_IPV4 = 0x0800,
	TYPE_ARP = 0x0806,
	TYPE_VLAN = 0x8100,
	TYPE_QINQ = 0x88a8,
	TYPE_IPV6 = 0x86dd,
	PROTOCOL_ICMP = 1,
	PROTOCOL_UDP = 17,
	IP_DONT_FRAGMENT = 0x4000,
	IP_FRAGMENT_MASK = 0x3fff, /* more fragments, and the offset */
	IP_TTL = 64,
	ICMP_ECHO = 8,
	ICMP_ECHO_REPLY = 0,
};

const struct link_mac net_mac_broadcast = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

bool net_mac_equal(const struct link_mac *a, const struct link_mac *b)
{
	return memcmp(a->byte, b->byte, sizeof(a->byte)) == 0;
}

/* Sums are of 16-bit words in the machine's order: the checksum does not mind (RFC 1071, 2.B). */
static uint64_t sum_add(uint64_t sum, uint64_t word)
{
	sum += word;
	return sum + (sum < word); /* end-around carry */
}

/* The internet checksum (RFC 1071) of size bytes, as it is stored; sum: a pseudo header's, or 0. */
static uint16_t checksum(const uint8_t *data, size_t size, uint64_t sum)
{
	uint64_t word;
	for (; size >= sizeof(word); data += sizeof(word), size -= sizeof(word)) {
		memcpy(&word, data, sizeof(word));
		sum = sum_add(sum, word);
	}
	if (size > 0) {
		word = 0;
		memcpy(&word, data, size);
		sum = sum_add(sum, word);
	}
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)~sum;
}

/* Of the addresses in this IP header, the protocol and the size of what follows. */
static uint64_t pseudo_sum(const uint8_t *ip, uint8_t protocol, uint16_t size)
{
	uint8_t pseudo[12];
	uint64_t a;
	uint32_t b;
	memcpy(pseudo, ip + 12, 8);
	pseudo[8] = 0;
	pseudo[9] = protocol;
	bytes_put16_be(pseudo + 10, size);
	memcpy(&a, pseudo, sizeof(a));
	memcpy(&b, pseudo + 8, sizeof(b));
	return sum_add(a, b);
}

static void checksum_put(uint8_t *field, uint16_t sum)
{
	memcpy(field, &sum, sizeof(sum));
}

static enum dp_drop parse_arp(struct net_packet *out, const uint8_t *arp, uint32_t size)
{
	static const uint8_t expected[6] = {0, 1, TYPE_IPV4 >> 8, TYPE_IPV4 & 0xff, 6, 4};

	if (size < NET_ARP_SIZE || memcmp(arp, expected, sizeof(expected)) != 0)
		return DP_DROP_ARP;
	out->arp_operation = bytes_get16_be(arp + 6);
	if (out->arp_operation != NET_ARP_REQUEST && out->arp_operation != NET_ARP_REPLY)
		return DP_DROP_ARP;
	/* Who speaks for another's MAC address is up to something, or a proxy: neither helps. */
	if (memcmp(arp + 8, out->source_mac.byte, sizeof(out->source_mac.byte)) != 0)
		return DP_DROP_ARP;
	out->source = bytes_get32_be(arp + 14);
	out->destination = bytes_get32_be(arp + 24);
	out->kind = NET_ARP;
	return DP_DROP_COUNT;
}

static enum dp_drop parse_icmp(struct net_packet *out, const uint8_t *icmp, uint32_t size)
{
	if (size < NET_ICMP_SIZE || icmp[0] != ICMP_ECHO || icmp[1] != 0)
		return DP_DROP_ICMP;
	/* No device vouches for it: what they check is UDP and TCP. */
	if (checksum(icmp, size, 0) != 0)
		return DP_DROP_ICMP;
	out->kind = NET_ECHO;
	return DP_DROP_COUNT;
}

static enum dp_drop parse_udp(struct net_packet *out, const struct net_self *self,
			      const uint8_t *ip, uint32_t size, const struct link_frame *frame)
{
	const uint8_t *udp = ip + NET_IPV4_SIZE;

	if (size < NET_UDP_SIZE || bytes_get16_be(udp + 4) != size || bytes_get16_be(udp) == 0)
		return DP_DROP_UDP_HEADER;
	uint16_t port = bytes_get16_be(udp + 2);
	out->to_peer_port = port == self->udp_peer && port != 0;
	if (!out->to_peer_port && (port != self->udp_client || port == 0))
		return DP_DROP_UDP_PORT;
	/* Zero says that there is none; a flipped bit of a put must not go into the log (N5). */
	if (bytes_get16_be(udp + 6) == 0 ||
	    (!frame->l4_vouched &&
	     checksum(udp, size, pseudo_sum(ip, PROTOCOL_UDP, (uint16_t)size)) != 0))
		return DP_DROP_UDP_CHECKSUM;
	out->source_port = bytes_get16_be(udp);
	out->payload = udp + NET_UDP_SIZE;
	out->payload_size = size - NET_UDP_SIZE;
	out->kind = NET_UDP;
	return DP_DROP_COUNT;
}

static enum dp_drop parse_ipv4(struct net_packet *out, const struct net_self *self,
			       const uint8_t *ip, uint32_t size, const struct link_frame *frame)
{
	if (size < NET_IPV4_SIZE || ip[0] >> 4 != 4 || (ip[0] & 15) < 5)
		return DP_DROP_IP_HEADER;
	if ((ip[0] & 15) > 5)
		return DP_DROP_IP_OPTIONS;
	out->ip_size = bytes_get16_be(ip + 2);
	if (out->ip_size < NET_IPV4_SIZE || out->ip_size > size)
		return DP_DROP_IP_HEADER;
	if (!frame->ip_vouched && checksum(ip, NET_IPV4_SIZE, 0) != 0)
		return DP_DROP_IP_CHECKSUM;
	if ((bytes_get16_be(ip + 6) & IP_FRAGMENT_MASK) != 0)
		return DP_DROP_IP_FRAGMENT;
	out->source = bytes_get32_be(ip + 12);
	out->destination = bytes_get32_be(ip + 16);
	if (out->destination != self->address)
		return DP_DROP_IP_OTHER;
	if (out->source == self->address)
		return DP_DROP_OWN_SOURCE;
	if (!subnet_is_unicast(out->source))
		return DP_DROP_IP_HEADER;

	uint32_t rest = out->ip_size - NET_IPV4_SIZE;
	if (ip[9] == PROTOCOL_UDP)
		return parse_udp(out, self, ip, rest, frame);
	if (ip[9] == PROTOCOL_ICMP)
		return parse_icmp(out, ip + NET_IPV4_SIZE, rest);
	return DP_DROP_IP_PROTOCOL;
}

static enum dp_drop parse_ethernet(struct net_packet *out, const struct net_self *self,
				   const struct link_frame *frame)
{
	const uint8_t *data = frame->data;

	if (frame->size < NET_ETHERNET_SIZE)
		return DP_DROP_RUNT;
	if (frame->size > (uint32_t)self->mtu + NET_ETHERNET_SIZE)
		return DP_DROP_GIANT;
	memcpy(out->source_mac.byte, data + 6, sizeof(out->source_mac.byte));
	if (net_mac_equal(&out->source_mac, &self->mac))
		return DP_DROP_OWN_SOURCE;
	bool ours = memcmp(data, self->mac.byte, sizeof(self->mac.byte)) == 0;
	bool broadcast = memcmp(data, net_mac_broadcast.byte, sizeof(net_mac_broadcast.byte)) == 0;
	uint16_t type = bytes_get16_be(data + 12);
	/* Only a question for a MAC address is asked of everybody; no group sends anything. */
	if ((!ours && !(broadcast && type == TYPE_ARP)) || (data[6] & 1) != 0)
		return DP_DROP_OTHER_MAC;

	const uint8_t *rest = data + NET_ETHERNET_SIZE;
	uint32_t size = frame->size - NET_ETHERNET_SIZE;
	if (type == TYPE_IPV4)
		return parse_ipv4(out, self, rest, size, frame);
	if (type == TYPE_ARP)
		return parse_arp(out, rest, size);
	if (type == TYPE_IPV6)
		return DP_DROP_IPV6;
	return type == TYPE_VLAN || type == TYPE_QINQ ? DP_DROP_VLAN : DP_DROP_ETHERTYPE;
}

void net_parse(struct net_packet *out, const struct net_self *self, const struct link_frame *frame)
{
	memset(out, 0, sizeof(*out));
	out->drop = parse_ethernet(out, self, frame);
	if (out->drop != DP_DROP_COUNT)
		out->kind = NET_DROP;
}

static void ethernet_write(uint8_t *data, const struct link_mac *destination,
			   const struct link_mac *source, uint16_t type)
{
	memcpy(data, destination->byte, sizeof(destination->byte));
	memcpy(data + 6, source->byte, sizeof(source->byte));
	bytes_put16_be(data + 12, type);
}

static uint32_t pad(uint8_t *data, uint32_t size)
{
	if (size >= NET_FRAME_SIZE_MIN)
		return size;
	memset(data + size, 0, NET_FRAME_SIZE_MIN - size);
	return NET_FRAME_SIZE_MIN;
}

uint32_t net_udp_write(uint8_t *data, const struct net_udp *udp, uint32_t payload_size)
{
	uint8_t *ip = data + NET_ETHERNET_SIZE;
	uint8_t *header = ip + NET_IPV4_SIZE;
	uint16_t size = (uint16_t)(payload_size + NET_UDP_SIZE);

	assert(payload_size <= UINT16_MAX - NET_UDP_SIZE - NET_IPV4_SIZE);
	ethernet_write(data, &udp->destination_mac, &udp->source_mac, TYPE_IPV4);
	ip[0] = 0x45;
	ip[1] = 0;
	bytes_put16_be(ip + 2, (uint16_t)(size + NET_IPV4_SIZE));
	bytes_put16_be(ip + 4, 0); /* never fragmented: no identification needed (RFC 6864) */
	bytes_put16_be(ip + 6, IP_DONT_FRAGMENT);
	ip[8] = IP_TTL;
	ip[9] = PROTOCOL_UDP;
	bytes_put16_be(ip + 10, 0);
	bytes_put32_be(ip + 12, udp->source);
	bytes_put32_be(ip + 16, udp->destination);
	checksum_put(ip + 10, checksum(ip, NET_IPV4_SIZE, 0));

	bytes_put16_be(header, udp->source_port);
	bytes_put16_be(header + 2, udp->destination_port);
	bytes_put16_be(header + 4, size);
	bytes_put16_be(header + 6, 0);
	uint16_t sum = checksum(header, size, pseudo_sum(ip, PROTOCOL_UDP, size));
	checksum_put(header + 6, sum != 0 ? sum : 0xffff); /* zero would mean "none" */
	return pad(data, NET_HEADERS_SIZE + payload_size);
}

uint32_t net_arp_write(uint8_t *data, uint16_t operation, const struct net_self *self,
		       const struct link_mac *target_mac, uint32_t target)
{
	static const struct link_mac unknown;
	uint8_t *arp = data + NET_ETHERNET_SIZE;
	bool broadcast = net_mac_equal(target_mac, &net_mac_broadcast);

	ethernet_write(data, target_mac, &self->mac, TYPE_ARP);
	bytes_put16_be(arp, 1);
	bytes_put16_be(arp + 2, TYPE_IPV4);
	arp[4] = 6;
	arp[5] = 4;
	bytes_put16_be(arp + 6, operation);
	memcpy(arp + 8, self->mac.byte, sizeof(self->mac.byte));
	bytes_put32_be(arp + 14, self->address);
	memcpy(arp + 18, broadcast ? unknown.byte : target_mac->byte, sizeof(target_mac->byte));
	bytes_put32_be(arp + 24, target);
	return pad(data, NET_ETHERNET_SIZE + NET_ARP_SIZE);
}

uint32_t net_echo_answer(uint8_t *data, const struct net_packet *request,
			 const struct net_self *self)
{
	uint8_t *ip = data + NET_ETHERNET_SIZE;
	uint8_t *icmp = ip + NET_IPV4_SIZE;

	ethernet_write(data, &request->source_mac, &self->mac, TYPE_IPV4);
	ip[8] = IP_TTL;
	bytes_put32_be(ip + 12, self->address);
	bytes_put32_be(ip + 16, request->source);
	bytes_put16_be(ip + 10, 0);
	checksum_put(ip + 10, checksum(ip, NET_IPV4_SIZE, 0));
	icmp[0] = ICMP_ECHO_REPLY;
	bytes_put16_be(icmp + 2, 0);
	checksum_put(icmp + 2, checksum(icmp, request->ip_size - NET_IPV4_SIZE, 0));
	return pad(data, NET_ETHERNET_SIZE + request->ip_size);
}
