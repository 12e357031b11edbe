/* Frames byte by byte: see frames.h. The checksum is RFC 1071 in its plainest form. */
#include "tests/unit/dataplane/frames.h"

#include <string.h>

void frame_put16(uint8_t *p, unsigned int value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

void frame_put32(uint8_t *p, uint32_t value)
{
	frame_put16(p, value >> 16);
	frame_put16(p + 2, value & 0xffff);
}

uint32_t frame_get16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

uint32_t frame_get32(const uint8_t *p)
{
	return frame_get16(p) << 16 | frame_get16(p + 2);
}

static uint32_t sum(const uint8_t *data, size_t size, uint32_t start)
{
	uint32_t total = start;
	for (size_t i = 0; i < size; i++)
		total += i % 2 == 0 ? (uint32_t)data[i] << 8 : data[i];
	while (total > 0xffff)
		total = (total >> 16) + (total & 0xffff);
	return total;
}

static size_t ip_rest(const struct frame *f)
{
	return frame_get16(f->data + AT_IP_SIZE) - 20;
}

static uint32_t udp_sum(const struct frame *f)
{
	uint32_t pseudo = sum(f->data + AT_IP_SOURCE, 8, 17 + (uint32_t)ip_rest(f));
	return sum(f->data + AT_UDP, ip_rest(f), pseudo);
}

void frame_ip_checksum(struct frame *f)
{
	frame_put16(f->data + AT_IP_CHECKSUM, 0);
	frame_put16(f->data + AT_IP_CHECKSUM, 0xffff - sum(f->data + AT_IP, 20, 0));
}

void frame_udp_checksum(struct frame *f)
{
	frame_put16(f->data + AT_UDP_CHECKSUM, 0);
	uint32_t value = 0xffff - udp_sum(f);
	frame_put16(f->data + AT_UDP_CHECKSUM, value != 0 ? value : 0xffff);
}

void frame_icmp_checksum(struct frame *f)
{
	frame_put16(f->data + AT_ICMP_CHECKSUM, 0);
	frame_put16(f->data + AT_ICMP_CHECKSUM, 0xffff - sum(f->data + AT_ICMP, ip_rest(f), 0));
}

bool frame_ip_checksum_good(const struct frame *f)
{
	return sum(f->data + AT_IP, 20, 0) == 0xffff;
}

bool frame_udp_checksum_good(const struct frame *f)
{
	return udp_sum(f) == 0xffff;
}

static void ip_header(struct frame *f, const struct frame_udp *ends, unsigned int protocol,
		      size_t rest)
{
	memset(f, 0, sizeof(*f));
	memcpy(f->data, ends->destination_mac, 6);
	memcpy(f->data + 6, ends->source_mac, 6);
	frame_put16(f->data + AT_TYPE, 0x0800);
	f->data[AT_IP] = 0x45;
	frame_put16(f->data + AT_IP_SIZE, (unsigned int)(20 + rest));
	f->data[AT_IP + 8] = 64;
	f->data[AT_IP_PROTOCOL] = (uint8_t)protocol;
	frame_put32(f->data + AT_IP_SOURCE, ends->source);
	frame_put32(f->data + AT_IP_DESTINATION, ends->destination);
	frame_ip_checksum(f);
	f->size = 34 + rest;
}

void frame_udp(struct frame *f, const struct frame_udp *udp, const uint8_t *payload, size_t size)
{
	ip_header(f, udp, 17, 8 + size);
	frame_put16(f->data + AT_UDP, udp->source_port);
	frame_put16(f->data + AT_UDP_DESTINATION, udp->destination_port);
	frame_put16(f->data + AT_UDP_SIZE, (unsigned int)(8 + size));
	memcpy(f->data + AT_PAYLOAD, payload, size);
	frame_udp_checksum(f);
}

void frame_echo(struct frame *f, const struct frame_udp *ends, size_t payload_size)
{
	ip_header(f, ends, 1, 8 + payload_size);
	f->data[AT_ICMP] = 8;
	frame_put32(f->data + AT_ICMP + 4, 0x12340001);
	for (size_t i = 0; i < payload_size; i++)
		f->data[AT_ICMP + 8 + i] = (uint8_t)i;
	frame_icmp_checksum(f);
}

void frame_arp(struct frame *f, const uint8_t *source_mac, const uint8_t *destination_mac,
	       unsigned int operation, uint32_t sender, uint32_t target)
{
	static const uint8_t fixed[] = {0, 1, 8, 0, 6, 4};

	memset(f, 0, sizeof(*f));
	memcpy(f->data, destination_mac, 6);
	memcpy(f->data + 6, source_mac, 6);
	frame_put16(f->data + AT_TYPE, 0x0806);
	memcpy(f->data + AT_ARP, fixed, sizeof(fixed));
	frame_put16(f->data + AT_ARP_OPERATION, operation);
	memcpy(f->data + AT_ARP_SENDER_MAC, source_mac, 6);
	frame_put32(f->data + AT_ARP_SENDER, sender);
	if (operation == 2)
		memcpy(f->data + AT_ARP_SENDER + 4, destination_mac, 6);
	frame_put32(f->data + AT_ARP_TARGET, target);
	f->size = 42;
}
