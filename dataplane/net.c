#include "dataplane/net.h"

#include <string.h>

const struct link_mac net_broadcast = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

bool net_mac_equal(const struct link_mac *a, const struct link_mac *b)
{
	return memcmp(a->byte, b->byte, sizeof(a->byte)) == 0;
}

uint32_t net_sum(uint32_t sum, const uint8_t *data, size_t size)
{
	uint64_t wide = sum;

	/* Words of any width add up to the same sum (RFC 1071, 2B); in 32 bits it is half the adds. */
	for (; size >= 4; data += 4, size -= 4)
		wide += net_get32(data);
	if (size >= 2) {
		wide += net_get16(data);
		data += 2;
		size -= 2;
	}
	if (size)
		wide += (uint32_t)data[0] << 8;
	wide = (wide & 0xffffffff) + (wide >> 32);
	wide = (wide & 0xffffffff) + (wide >> 32);
	return (uint32_t)(wide >> 16) + (uint32_t)(wide & 0xffff);
}

uint16_t net_fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

uint16_t net_udp_checksum(uint32_t source, uint32_t destination, const uint8_t *udp, size_t size)
{
	uint8_t pseudo[12];

	net_put32(pseudo, source);
	net_put32(pseudo + 4, destination);
	net_put16(pseudo + 8, NET_PROTOCOL_UDP);
	net_put16(pseudo + 10, (uint16_t)size);
	return net_fold(net_sum(net_sum(0, pseudo, sizeof(pseudo)), udp, size));
}

enum dp_drop net_ethernet_parse(const struct link_frame *frame, const struct link_mac *own,
				uint16_t mtu, uint16_t *type)
{
	struct link_mac to, from;

	if (frame->size < NET_ETHERNET_SIZE)
		return DP_DROP_RUNT;
	if (frame->size > (uint32_t)mtu + NET_ETHERNET_SIZE)
		return DP_DROP_GIANT;
	memcpy(to.byte, frame->data, 6);
	memcpy(from.byte, frame->data + 6, 6);
	if (!net_mac_equal(&to, own) && !net_mac_equal(&to, &net_broadcast))
		return DP_DROP_OTHER_MAC;
	if (net_mac_equal(&from, own) || (from.byte[0] & 1))
		return DP_DROP_OWN_SOURCE;
	*type = net_get16(frame->data + 12);
	if (*type == NET_TYPE_VLAN || *type == NET_TYPE_QINQ)
		return DP_DROP_VLAN;
	if (*type != NET_TYPE_IP && *type != NET_TYPE_ARP)
		return DP_DROP_ETHERTYPE;
	return DP_DROP_COUNT;
}

enum dp_drop net_ip_parse(const uint8_t *ip, uint32_t *size, bool checksum_good, uint32_t own)
{
	uint32_t total, source;

	if (*size < NET_IP_SIZE || ip[0] >> 4 != 4 || (ip[0] & 15) < 5)
		return DP_DROP_IP_HEADER;
	if ((ip[0] & 15) > 5)
		return DP_DROP_IP_OPTIONS;
	total = net_get16(ip + 2);
	if (total < NET_IP_SIZE || total > *size)
		return DP_DROP_IP_HEADER;
	if (!checksum_good && net_fold(net_sum(0, ip, NET_IP_SIZE)) != 0)
		return DP_DROP_IP_CHECKSUM;
	if (net_get16(ip + 6) & 0x3fff) /* more fragments, or an offset */
		return DP_DROP_IP_FRAGMENT;
	source = net_get32(ip + 12);
	if (source == 0 || source == own ||
	    source >> 28 >= 0xe) /* multicast, reserved, broadcast */
		return DP_DROP_IP_HEADER;
	if (net_get32(ip + 16) != own)
		return DP_DROP_IP_OTHER;
	*size = total;
	return DP_DROP_COUNT;
}

enum dp_drop net_udp_parse(struct net_udp *out, const uint8_t *ip, uint32_t size,
			   bool checksum_good)
{
	const uint8_t *udp = ip + NET_IP_SIZE;
	uint32_t udp_size = size - NET_IP_SIZE;

	if (udp_size < NET_UDP_SIZE || net_get16(udp + 4) != udp_size)
		return DP_DROP_UDP_HEADER;
	out->source = net_get32(ip + 12);
	out->destination = net_get32(ip + 16);
	/* Zero says "none" (RFC 768); whoever speaks our protocol computes one. */
	if (net_get16(udp + 6) == 0 ||
	    (!checksum_good && net_udp_checksum(out->source, out->destination, udp, udp_size) != 0))
		return DP_DROP_UDP_CHECKSUM;
	out->source_port = net_get16(udp);
	out->destination_port = net_get16(udp + 2);
	out->payload = udp + NET_UDP_SIZE;
	out->payload_size = udp_size - NET_UDP_SIZE;
	return out->source_port ? DP_DROP_COUNT : DP_DROP_UDP_HEADER;
}

bool net_arp_parse(struct net_arp *out, const uint8_t *data, uint32_t size)
{
	if (size < NET_ARP_SIZE || net_get16(data) != 1 || net_get16(data + 2) != NET_TYPE_IP ||
	    data[4] != 6 || data[5] != 4)
		return false;
	out->operation = net_get16(data + 6);
	memcpy(out->sender_mac.byte, data + 8, 6);
	out->sender = net_get32(data + 14);
	out->target = net_get32(data + 24);
	return (out->operation == NET_ARP_REQUEST || out->operation == NET_ARP_REPLY) &&
	       !(out->sender_mac.byte[0] & 1);
}

static void ethernet_build(uint8_t *frame, const struct link_mac *from, const struct link_mac *to,
			   uint16_t type)
{
	memcpy(frame, to->byte, 6);
	memcpy(frame + 6, from->byte, 6);
	net_put16(frame + 12, type);
}

uint32_t net_arp_build(uint8_t *frame, const struct link_mac *from, const struct link_mac *to,
		       uint16_t operation, uint32_t sender, uint32_t target)
{
	uint8_t *arp = frame + NET_ETHERNET_SIZE;

	memset(frame, 0, NET_FRAME_SIZE_MIN);
	ethernet_build(frame, from, to, NET_TYPE_ARP);
	net_put16(arp, 1);
	net_put16(arp + 2, NET_TYPE_IP);
	arp[4] = 6;
	arp[5] = 4;
	net_put16(arp + 6, operation);
	memcpy(arp + 8, from->byte, 6);
	net_put32(arp + 14, sender);
	if (operation == NET_ARP_REPLY)
		memcpy(arp + 18, to->byte, 6);
	net_put32(arp + 24, target);
	return NET_FRAME_SIZE_MIN;
}

uint32_t net_udp_build(uint8_t *frame, const struct link_mac *from, const struct link_mac *to,
		       const struct net_udp *u)
{
	uint8_t *ip = frame + NET_ETHERNET_SIZE, *udp = ip + NET_IP_SIZE;
	uint16_t udp_size = (uint16_t)(NET_UDP_SIZE + u->payload_size), checksum;

	ethernet_build(frame, from, to, NET_TYPE_IP);
	memset(ip, 0, NET_IP_SIZE);
	ip[0] = 0x45;
	net_put16(ip + 2, (uint16_t)(NET_IP_SIZE + udp_size));
	net_put16(ip + 6, 0x4000); /* don't fragment: then an id is not needed (RFC 6864) */
	ip[8] = 64;
	ip[9] = NET_PROTOCOL_UDP;
	net_put32(ip + 12, u->source);
	net_put32(ip + 16, u->destination);
	net_put16(ip + 10, net_fold(net_sum(0, ip, NET_IP_SIZE)));
	net_put16(udp, u->source_port);
	net_put16(udp + 2, u->destination_port);
	net_put16(udp + 4, udp_size);
	net_put16(udp + 6, 0);
	checksum = net_udp_checksum(u->source, u->destination, udp, udp_size);
	net_put16(udp + 6, checksum ? checksum : 0xffff);
	return NET_ETHERNET_SIZE + NET_IP_SIZE + udp_size;
}

bool net_icmp_answer(uint8_t *frame, const struct link_mac *own, uint32_t ip_size)
{
	uint8_t *ip = frame + NET_ETHERNET_SIZE, *icmp = ip + NET_IP_SIZE;
	uint32_t icmp_size = ip_size - NET_IP_SIZE;
	uint8_t source[4];

	if (icmp_size < NET_ICMP_SIZE || icmp[0] != NET_ICMP_ECHO || icmp[1] != 0 ||
	    net_fold(net_sum(0, icmp, icmp_size)) != 0)
		return false;
	memcpy(frame, frame + 6, 6);
	memcpy(frame + 6, own->byte, 6);
	memcpy(source, ip + 12, 4);
	memcpy(ip + 12, ip + 16, 4);
	memcpy(ip + 16, source, 4);
	ip[8] = 64;
	net_put16(ip + 10, 0);
	net_put16(ip + 10, net_fold(net_sum(0, ip, NET_IP_SIZE)));
	icmp[0] = NET_ICMP_ECHO_REPLY;
	net_put16(icmp + 2, 0);
	net_put16(icmp + 2, net_fold(net_sum(0, icmp, icmp_size)));
	return true;
}
