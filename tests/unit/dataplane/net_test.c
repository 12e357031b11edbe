/*
 * Frames, parsed and written: every cause of a drop below the envelope, one frame each (N1-N5), and
 * the bytes of what we send.
 */
#include "dataplane/net.h"
#include "tests/unit/dataplane/frames.h"
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#define OURS 0xc6120001u   /* 198.18.0.1 */
#define THEIRS 0xc6120002u /* 198.18.0.2 */

static const struct net_self self = {
	.mac = {{2, 0, 0, 0, 0, 1}},
	.mtu = 1500,
	.address = OURS,
	.udp_client = 2379,
	.udp_peer = 2380,
};

static const struct frame_udp ends = {
	.source_mac = {2, 0, 0, 0, 0, 2},
	.destination_mac = {2, 0, 0, 0, 0, 1},
	.source = THEIRS,
	.destination = OURS,
	.source_port = 2380,
	.destination_port = 2380,
};

static const uint8_t payload[100] = {1, 2, 3};

/* The parser sees a copy that ends where the frame ends: what it reads beyond, ASan reports. */
static struct net_packet parse_of(const struct frame *f, bool ip_vouched, bool l4_vouched)
{
	struct net_packet out;
	uint8_t *copy = malloc(f->size > 0 ? f->size : 1);
	assert_non_null(copy);
	memcpy(copy, f->data, f->size);
	struct link_frame frame = {
		.data = copy,
		.size = (uint32_t)f->size,
		.size_max = (uint32_t)f->size,
		.ip_vouched = ip_vouched,
		.l4_vouched = l4_vouched,
	};
	net_parse(&out, &self, &frame);
	free(copy);
	return out;
}

static struct net_packet parse(const struct frame *f, bool vouched)
{
	return parse_of(f, vouched, vouched);
}

enum base { UDP, ECHO, ARP };

static void good(struct frame *f, enum base base)
{
	if (base == UDP)
		frame_udp(f, &ends, payload, sizeof(payload));
	else if (base == ECHO)
		frame_echo(f, &ends, 56);
	else
		frame_arp(f, ends.source_mac, self.mac.byte, 1, THEIRS, OURS);
}

static void good_frames_pass(void **state)
{
	struct frame f;
	(void)state;
	good(&f, UDP);
	struct net_packet p = parse(&f, false);
	assert_int_equal(p.kind, NET_UDP);
	assert_int_equal(p.drop, DP_DROP_COUNT);
	assert_int_equal(p.source, THEIRS);
	assert_int_equal(p.source_port, 2380);
	assert_true(p.to_peer_port);
	assert_int_equal(p.payload_size, sizeof(payload));
	assert_memory_equal(p.source_mac.byte, ends.source_mac, 6);
	good(&f, ECHO);
	assert_int_equal(parse(&f, false).kind, NET_ECHO);
	good(&f, ARP);
	p = parse(&f, false);
	assert_int_equal(p.kind, NET_ARP);
	assert_int_equal(p.arp_operation, NET_ARP_REQUEST);
	assert_int_equal(p.source, THEIRS);
	assert_int_equal(p.destination, OURS);
	memset(f.data, 0xff, 6); /* asked of everybody */
	assert_int_equal(parse(&f, false).kind, NET_ARP);
}

/* One spoiled frame: `size` bytes at `at` become `bytes`; then the sums are made right again. */
struct spoiled {
	const char *what;
	enum base base;
	size_t at, size;
	uint8_t bytes[6];
	enum dp_drop expected;
	bool sums_stay; /* the spoiled bytes are a checksum, or are to break one */
};

static const struct spoiled table[] = {
	{"another MAC", UDP, 5, 1, {9}, DP_DROP_OTHER_MAC, false},
	{"multicast", UDP, 0, 1, {3}, DP_DROP_OTHER_MAC, false},
	{"broadcast IPv4", UDP, 0, 6, {255, 255, 255, 255, 255, 255}, DP_DROP_OTHER_MAC, false},
	{"from a group", UDP, 6, 1, {3}, DP_DROP_OTHER_MAC, false},
	{"from our MAC", UDP, 11, 1, {1}, DP_DROP_OWN_SOURCE, false},
	{"ARP from our MAC", ARP, 11, 1, {1}, DP_DROP_OWN_SOURCE, false},
	{"VLAN", UDP, AT_TYPE, 2, {0x81, 0x00}, DP_DROP_VLAN, false},
	{"QinQ", UDP, AT_TYPE, 2, {0x88, 0xa8}, DP_DROP_VLAN, false},
	{"IPv6", UDP, AT_TYPE, 2, {0x86, 0xdd}, DP_DROP_IPV6, false},
	{"802.3 length", UDP, AT_TYPE, 2, {0x00, 0x80}, DP_DROP_ETHERTYPE, false},

	{"ARP on other hardware", ARP, AT_ARP, 2, {0, 6}, DP_DROP_ARP, false},
	{"ARP for another protocol", ARP, AT_ARP + 2, 2, {0x86, 0xdd}, DP_DROP_ARP, false},
	{"ARP, MAC of 8 bytes", ARP, AT_ARP + 4, 1, {8}, DP_DROP_ARP, false},
	{"ARP, IP of 16 bytes", ARP, AT_ARP + 5, 1, {16}, DP_DROP_ARP, false},
	{"ARP operation 0", ARP, AT_ARP_OPERATION, 2, {0, 0}, DP_DROP_ARP, false},
	{"RARP", ARP, AT_ARP_OPERATION, 2, {0, 3}, DP_DROP_ARP, false},
	{"ARP for another's MAC",
	 ARP,
	 AT_ARP_SENDER_MAC,
	 6,
	 {2, 9, 9, 9, 9, 9},
	 DP_DROP_ARP,
	 false},

	{"IP version 6", UDP, AT_IP, 1, {0x65}, DP_DROP_IP_HEADER, false},
	{"IP header of 16", UDP, AT_IP, 1, {0x44}, DP_DROP_IP_HEADER, false},
	{"IP options", UDP, AT_IP, 1, {0x46}, DP_DROP_IP_OPTIONS, false},
	{"IP size below its header", UDP, AT_IP_SIZE, 2, {0, 19}, DP_DROP_IP_HEADER, false},
	{"IP size beyond the frame", UDP, AT_IP_SIZE, 2, {0, 129}, DP_DROP_IP_HEADER, false},
	{"IP size of 65535", UDP, AT_IP_SIZE, 2, {255, 255}, DP_DROP_IP_HEADER, false},
	{"IP checksum", UDP, AT_IP_CHECKSUM, 2, {0x12, 0x34}, DP_DROP_IP_CHECKSUM, true},
	{"IP header after its sum", UDP, AT_IP + 8, 1, {63}, DP_DROP_IP_CHECKSUM, true},
	{"first fragment", UDP, AT_IP_FLAGS, 2, {0x20, 0}, DP_DROP_IP_FRAGMENT, false},
	{"last fragment", UDP, AT_IP_FLAGS, 2, {0, 1}, DP_DROP_IP_FRAGMENT, false},
	{"another's IP", UDP, AT_IP_DESTINATION + 3, 1, {9}, DP_DROP_IP_OTHER, false},
	{"the subnet's broadcast", UDP, AT_IP_DESTINATION + 3, 1, {255}, DP_DROP_IP_OTHER, false},
	{"from our own IP", UDP, AT_IP_SOURCE + 3, 1, {1}, DP_DROP_OWN_SOURCE, false},
	{"from 0.0.0.0", UDP, AT_IP_SOURCE, 4, {0, 0, 0, 0}, DP_DROP_IP_HEADER, false},
	{"from loopback", UDP, AT_IP_SOURCE, 4, {127, 0, 0, 1}, DP_DROP_IP_HEADER, false},
	{"from multicast", UDP, AT_IP_SOURCE, 4, {224, 0, 0, 1}, DP_DROP_IP_HEADER, false},
	{"from broadcast", UDP, AT_IP_SOURCE, 4, {255, 255, 255, 255}, DP_DROP_IP_HEADER, false},
	{"TCP", UDP, AT_IP_PROTOCOL, 1, {6}, DP_DROP_IP_PROTOCOL, false},

	{"ICMP unreachable", ECHO, AT_ICMP, 1, {3}, DP_DROP_ICMP, false},
	{"ICMP echo reply", ECHO, AT_ICMP, 1, {0}, DP_DROP_ICMP, false},
	{"ICMP code", ECHO, AT_ICMP + 1, 1, {1}, DP_DROP_ICMP, false},
	{"ICMP checksum", ECHO, AT_ICMP_CHECKSUM, 2, {0x12, 0x34}, DP_DROP_ICMP, true},

	{"UDP size too small", UDP, AT_UDP_SIZE, 2, {0, 107}, DP_DROP_UDP_HEADER, false},
	{"UDP size too large", UDP, AT_UDP_SIZE, 2, {0, 109}, DP_DROP_UDP_HEADER, false},
	{"UDP size 0", UDP, AT_UDP_SIZE, 2, {0, 0}, DP_DROP_UDP_HEADER, false},
	{"from UDP port 0", UDP, AT_UDP, 2, {0, 0}, DP_DROP_UDP_HEADER, false},
	{"to UDP port 0", UDP, AT_UDP_DESTINATION, 2, {0, 0}, DP_DROP_UDP_PORT, false},
	{"to UDP port 2378", UDP, AT_UDP_DESTINATION, 2, {0x09, 0x4a}, DP_DROP_UDP_PORT, false},
	{"UDP checksum", UDP, AT_UDP_CHECKSUM, 2, {0x12, 0x34}, DP_DROP_UDP_CHECKSUM, true},
	{"a peer's without checksum", UDP, AT_UDP_CHECKSUM, 2, {0, 0}, DP_DROP_UDP_CHECKSUM, true},
	{"a payload byte", UDP, AT_PAYLOAD + 99, 1, {1}, DP_DROP_UDP_CHECKSUM, true},
};

static void N1_N2_N5_each_spoiled_frame_has_its_cause(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct spoiled *t = &table[i];
		struct frame f;
		good(&f, t->base);
		memcpy(f.data + t->at, t->bytes, t->size);
		bool sizes_hold = frame_get16(f.data + AT_IP_SIZE) == f.size - AT_IP;
		if (!t->sums_stay && t->base != ARP) {
			frame_ip_checksum(&f);
			if (sizes_hold && t->base == UDP)
				frame_udp_checksum(&f);
			else if (sizes_hold)
				frame_icmp_checksum(&f);
		}
		struct net_packet p = parse(&f, false);
		if (p.kind != NET_DROP || p.drop != t->expected)
			fail_msg("%s: kind %d, %s instead of %s", t->what, p.kind,
				 p.drop < DP_DROP_COUNT ? dp_drop_name(p.drop) : "none",
				 dp_drop_name(t->expected));
	}
}

static void N1_runts_and_giants(void **state)
{
	struct frame f;
	(void)state;
	good(&f, UDP);
	for (f.size = 0; f.size < 14; f.size++)
		assert_int_equal(parse(&f, false).drop, DP_DROP_RUNT);
	good(&f, UDP);
	f.size = 1514; /* padding up to the MTU is ignored */
	assert_int_equal(parse(&f, false).kind, NET_UDP);
	f.size = 1515;
	assert_int_equal(parse(&f, false).drop, DP_DROP_GIANT);
}

static void N4_a_frame_cut_anywhere_is_dropped_and_padding_ignored(void **state)
{
	static const enum base bases[] = {UDP, ECHO, ARP};
	(void)state;
	for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
		struct frame f;
		good(&f, bases[i]);
		size_t whole = f.size;
		for (f.size = 0; f.size < whole; f.size++)
			assert_int_equal(parse(&f, true).kind, NET_DROP);
		for (f.size = whole; f.size < whole + 50; f.size++) {
			memset(f.data + whole, 0xee, f.size - whole);
			assert_int_not_equal(parse(&f, false).kind, NET_DROP);
		}
	}
}

static void N5_checksums_are_trusted_only_when_vouched_for(void **state)
{
	struct frame f;
	(void)state;
	good(&f, UDP);
	frame_put16(f.data + AT_UDP_CHECKSUM, 0x1234);
	frame_put16(f.data + AT_IP_CHECKSUM, 0x1234);
	assert_int_equal(parse(&f, true).kind, NET_UDP);
	assert_int_equal(parse(&f, false).kind, NET_DROP);
	/* For one of them it is no word of the other. */
	assert_int_equal(parse_of(&f, true, false).drop, DP_DROP_UDP_CHECKSUM);
	assert_int_equal(parse_of(&f, false, true).drop, DP_DROP_IP_CHECKSUM);
	frame_ip_checksum(&f);
	assert_int_equal(parse_of(&f, false, true).kind, NET_UDP);
	/* No device looks at ICMP, and none can vouch for a sum that is not there. */
	good(&f, ECHO);
	frame_put16(f.data + AT_ICMP_CHECKSUM, 0x1234);
	assert_int_equal(parse(&f, true).drop, DP_DROP_ICMP);
	good(&f, UDP);
	frame_put16(f.data + AT_UDP_CHECKSUM, 0);
	assert_int_equal(parse(&f, true).drop, DP_DROP_UDP_CHECKSUM);
	frame_put16(f.data + AT_UDP_DESTINATION, 2379); /* nor may a client leave it out */
	assert_int_equal(parse(&f, false).drop, DP_DROP_UDP_CHECKSUM);
}

static void ports_that_are_not_listened_on(void **state)
{
	struct net_self client = self;
	struct frame f;
	struct net_packet p;
	(void)state;
	client.udp_peer = 0;
	good(&f, UDP);
	struct link_frame frame = {.data = f.data, .size = (uint32_t)f.size, .size_max = FRAME_MAX};
	net_parse(&p, &client, &frame);
	assert_int_equal(p.drop, DP_DROP_UDP_PORT);
}

static void udp_is_written_as_the_rfcs_say(void **state)
{
	(void)state;
	/* Odd and even sizes, and contents for which the sum comes out as zero. */
	for (size_t size = 0; size <= 1472; size += size < 40 ? 1 : 179) {
		struct frame f = {0};
		struct net_udp udp = {
			.source_mac = self.mac,
			.destination_mac = {{2, 0, 0, 0, 0, 2}},
			.source = OURS,
			.destination = THEIRS,
			.source_port = 2380,
			.destination_port = 2379,
		};
		for (size_t i = 0; i < size; i++)
			f.data[AT_PAYLOAD + i] = (uint8_t)(i * 7 + size);
		f.size = net_udp_write(f.data, &udp, (uint32_t)size);
		assert_int_equal(f.size, 42 + size < 60 ? 60 : 42 + size);
		assert_true(frame_ip_checksum_good(&f));
		assert_true(frame_udp_checksum_good(&f));
		assert_int_not_equal(frame_get16(f.data + AT_UDP_CHECKSUM), 0);
		assert_int_equal(frame_get16(f.data + AT_UDP_SIZE), 8 + size);
		assert_int_equal(frame_get16(f.data + AT_IP_SIZE), 28 + size);
		assert_int_equal(frame_get32(f.data + AT_IP_SOURCE), OURS);
		assert_int_equal(frame_get16(f.data + AT_UDP_DESTINATION), 2379);
	}
}

/* The one's complement sum of these bytes is zero: RFC 768 has 0xffff sent, since 0 says "none". */
static void a_checksum_of_zero_is_sent_as_ones(void **state)
{
	struct frame f = {0};
	struct net_udp udp = {.source = OURS, .destination = THEIRS, .source_port = 1};
	(void)state;
	udp.destination_port = 1;
	(void)net_udp_write(f.data, &udp, 2);
	uint32_t sum = frame_get16(f.data + AT_UDP_CHECKSUM);
	frame_put16(f.data + AT_PAYLOAD, sum);
	(void)net_udp_write(f.data, &udp, 2);
	assert_int_equal(frame_get16(f.data + AT_UDP_CHECKSUM), 0xffff);
}

static void arp_is_written_as_the_rfc_says(void **state)
{
	struct frame f = {0};
	struct frame expected;
	(void)state;
	f.size = net_arp_write(f.data, NET_ARP_REPLY, &self, &(struct link_mac){{2, 0, 0, 0, 0, 2}},
			       THEIRS);
	frame_arp(&expected, self.mac.byte, ends.source_mac, 2, OURS, THEIRS);
	assert_int_equal(f.size, 60);
	assert_memory_equal(f.data, expected.data, 60);
	f.size = net_arp_write(f.data, NET_ARP_REQUEST, &self, &net_mac_broadcast, THEIRS);
	frame_arp(&expected, self.mac.byte, net_mac_broadcast.byte, 1, OURS, THEIRS);
	assert_memory_equal(f.data, expected.data, 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_frames_pass),
		cmocka_unit_test(N1_N2_N5_each_spoiled_frame_has_its_cause),
		cmocka_unit_test(N1_runts_and_giants),
		cmocka_unit_test(N4_a_frame_cut_anywhere_is_dropped_and_padding_ignored),
		cmocka_unit_test(N5_checksums_are_trusted_only_when_vouched_for),
		cmocka_unit_test(ports_that_are_not_listened_on),
		cmocka_unit_test(udp_is_written_as_the_rfcs_say),
		cmocka_unit_test(a_checksum_of_zero_is_sent_as_ones),
		cmocka_unit_test(arp_is_written_as_the_rfc_says),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
