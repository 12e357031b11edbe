/*
 * Good frames to start from, and hands to spoil them: written by hand here, not by the code under
 * test.
 */
#ifndef TESTS_UNIT_DATAPLANE_FRAMES_H
#define TESTS_UNIT_DATAPLANE_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	FRAME_MAX = 2048,
	/* Offsets in a frame. */
	AT_TYPE = 12,
	AT_IP = 14,
	AT_IP_SIZE = 16,
	AT_IP_FLAGS = 20,
	AT_IP_PROTOCOL = 23,
	AT_IP_CHECKSUM = 24,
	AT_IP_SOURCE = 26,
	AT_IP_DESTINATION = 30,
	AT_UDP = 34,
	AT_UDP_DESTINATION = 36,
	AT_UDP_SIZE = 38,
	AT_UDP_CHECKSUM = 40,
	AT_PAYLOAD = 42,
	AT_ICMP = 34,
	AT_ICMP_CHECKSUM = 36,
	AT_ARP = 14,
	AT_ARP_OPERATION = 20,
	AT_ARP_SENDER_MAC = 22,
	AT_ARP_SENDER = 28,
	AT_ARP_TARGET = 38,
};

struct frame {
	size_t size;
	uint8_t data[FRAME_MAX];
};

struct frame_udp {
	uint8_t source_mac[6], destination_mac[6];
	uint32_t source, destination;
	uint16_t source_port, destination_port;
};

void frame_put16(uint8_t *p, unsigned int value);
void frame_put32(uint8_t *p, uint32_t value);
uint32_t frame_get16(const uint8_t *p);
uint32_t frame_get32(const uint8_t *p);

void frame_udp(struct frame *f, const struct frame_udp *udp, const uint8_t *payload, size_t size);
void frame_echo(struct frame *f, const struct frame_udp *ends, size_t payload_size);
void frame_arp(struct frame *f, const uint8_t *source_mac, const uint8_t *destination_mac,
	       unsigned int operation, uint32_t sender, uint32_t target);

/* As a sender with this content would have computed them. */
void frame_ip_checksum(struct frame *f);
void frame_udp_checksum(struct frame *f);
void frame_icmp_checksum(struct frame *f);
/* Are they right? */
bool frame_ip_checksum_good(const struct frame *f);
bool frame_udp_checksum_good(const struct frame *f);

#endif
