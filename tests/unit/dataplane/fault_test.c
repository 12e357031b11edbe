/* The fault shim: whom it cuts off, in which direction, how much, and that nothing leaks. */
#include "dataplane/fault.h"
#include "tests/unit/dataplane/dp_world.h"
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

struct shim {
	struct fake_net *net;
	struct link *link; /* the shim above one end of the wire */
	struct link *far;
	struct fault_rules rules;
};

static int setup(void **state)
{
	struct shim *s = calloc(1, sizeof(*s));
	assert_non_null(s);
	s->net = fake_net_create(NULL);
	s->rules.random = 42;
	struct link *inner = fake_net_link(s->net, &our_mac, 1400);
	assert_int_equal(fault_link_create(&s->link, inner, &s->rules), 0);
	s->far = fake_net_link(s->net, &peer_mac, 1400);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct shim *s = *state;
	s->link->ops->destroy(s->link); /* and what waits in it */
	uint32_t leaked = fake_net_taken(s->net);
	s->far->ops->destroy(s->far);
	fake_net_destroy(s->net);
	free(s);
	assert_int_equal(leaked, 0);
	return 0;
}

/* True: the frame arrives at the other end. */
static bool passes(struct link *from, struct link *to, const struct frame *f)
{
	struct link_frame frame;
	assert_true(from->ops->alloc(from, &frame));
	memcpy(frame.data, f->data, f->size);
	frame.size = (uint32_t)f->size;
	from->ops->tx(from, &frame, 1);
	if (to->ops->rx(to, 0, &frame, 1) == 0)
		return false;
	to->ops->free(to, &frame);
	return true;
}

static void udp(struct frame *f, uint32_t from, uint32_t to)
{
	struct frame_udp ends = {.source = from, .destination = to};
	frame_udp(f, &ends, (const uint8_t *)"x", 1);
}

static void arp(struct frame *f, uint32_t from, uint32_t to)
{
	frame_arp(f, peer_mac.byte, our_mac.byte, 1, from, to);
}

static void without_rules_all_passes(void **state)
{
	struct shim *s = *state;
	struct frame f;
	udp(&f, OURS, PEER);
	assert_true(passes(s->link, s->far, &f));
	assert_true(passes(s->far, s->link, &f));
	assert_int_equal(s->link->mtu, 1400);
	assert_memory_equal(s->link->mac.byte, our_mac.byte, 6);
	assert_true(s->link->ops->up(s->link));
}

static void a_rule_cuts_one_way(void **state)
{
	struct shim *s = *state;
	struct frame f;
	s->rules.count = 1;
	s->rules.rule[0] = (struct fault_rule){.address = PEER, .tx = true};
	udp(&f, OURS, PEER);
	assert_false(passes(s->link, s->far, &f));
	arp(&f, OURS, PEER);
	assert_false(passes(s->link, s->far, &f));
	udp(&f, PEER, OURS);
	assert_true(passes(s->far, s->link, &f));
	arp(&f, PEER, OURS);
	assert_true(passes(s->far, s->link, &f));
	assert_int_equal(s->rules.counters.dropped_tx, 2);
	assert_int_equal(s->rules.counters.dropped_rx, 0);

	s->rules.rule[0] = (struct fault_rule){.address = PEER, .rx = true};
	assert_false(passes(s->far, s->link, &f));
	udp(&f, PEER, OURS);
	assert_false(passes(s->far, s->link, &f));
	udp(&f, OURS, PEER);
	assert_true(passes(s->link, s->far, &f));
	assert_int_equal(s->rules.counters.dropped_rx, 2);
	udp(&f, OURS, PEER_2); /* others are not concerned */
	assert_true(passes(s->link, s->far, &f));
}

static void what_cannot_be_read_passes(void **state)
{
	struct shim *s = *state;
	struct frame f;
	s->rules.count = 1;
	s->rules.rule[0] = (struct fault_rule){.address = PEER, .tx = true, .rx = true};
	udp(&f, OURS, PEER);
	frame_put16(f.data + AT_TYPE, 0x86dd);
	assert_true(passes(s->link, s->far, &f));
	udp(&f, OURS, PEER);
	f.size = AT_IP_DESTINATION + 3;
	assert_true(passes(s->link, s->far, &f));
	f.size = LINK_FRAME_SIZE_MIN;
	assert_true(passes(s->link, s->far, &f));
}

static void loss_is_as_asked_for(void **state)
{
	struct shim *s = *state;
	struct frame f;
	uint32_t passed = 0;
	udp(&f, OURS, PEER);
	s->rules.count = 1;
	s->rules.rule[0] = (struct fault_rule){.address = PEER, .tx = true, .ppm = 300000};
	for (int i = 0; i < 10000; i++)
		passed += passes(s->link, s->far, &f);
	assert_in_range(passed, 6800, 7200); /* four standard deviations */
	assert_int_equal(s->rules.counters.dropped_tx, 10000 - passed);
	s->rules.rule[0].ppm = 1000000;
	assert_false(passes(s->link, s->far, &f));
}

/* Sends one frame and says at which time it arrives, in steps of a millisecond; 0: never. */
static void offer(struct link *from, const struct frame *f)
{
	struct link_frame frame;

	assert_true(from->ops->alloc(from, &frame));
	memcpy(frame.data, f->data, f->size);
	frame.size = (uint32_t)f->size;
	from->ops->tx(from, &frame, 1);
}

/* How many arrive now; the UDP payload's first byte of each goes to `seen`. */
static uint32_t arrived(struct link *at, uint64_t now_ns, char *seen)
{
	struct link_frame frame[LINK_BURST_MAX];
	uint16_t n = at->ops->rx(at, now_ns, frame, LINK_BURST_MAX);

	for (uint16_t i = 0; i < n; i++) {
		if (seen)
			seen[i] = (char)frame[i].data[AT_PAYLOAD];
		at->ops->free(at, &frame[i]);
	}
	if (seen)
		seen[n] = 0;
	return n;
}

static void letter(struct frame *f, uint32_t from, uint32_t to, char what)
{
	struct frame_udp ends = {.source = from, .destination = to};

	frame_udp(f, &ends, (const uint8_t *)&what, 1);
}

static void V39_a_copy_follows_its_frame(void **state)
{
	struct shim *s = *state;
	char seen[LINK_BURST_MAX + 1];
	struct frame f;

	s->rules.count = 1;
	s->rules.rule[0] = (struct fault_rule){
		.kind = FAULT_DUPLICATE, .address = PEER, .tx = true, .rx = true};
	letter(&f, OURS, PEER, 'a');
	offer(s->link, &f);
	assert_int_equal(arrived(s->far, 0, seen), 2);
	assert_string_equal(seen, "aa");
	letter(&f, PEER, OURS, 'b');
	offer(s->far, &f);
	assert_int_equal(arrived(s->link, 0, seen), 1);
	assert_int_equal(arrived(s->link, 0, seen), 1); /* its copy, with the next burst */
	assert_string_equal(seen, "b");
	assert_int_equal(s->rules.counters.duplicated, 2);
	s->rules.rule[0].ppm = 250000;
	for (uint32_t i = 0; i < 4000; i++) {
		offer(s->link, &f);
		arrived(s->far, 0, NULL);
	}
	letter(&f, OURS, PEER, 'c');
	for (uint32_t i = 0; i < 4000; i++) {
		offer(s->link, &f);
		arrived(s->far, 0, NULL);
	}
	assert_in_range(s->rules.counters.duplicated, 890, 1110); /* four standard deviations */
}

static void V39_a_delay_is_as_asked_for_and_keeps_the_order(void **state)
{
	struct shim *s = *state;
	char seen[LINK_BURST_MAX + 1];
	struct frame f;

	s->rules.count = 1;
	s->rules.rule[0] = (struct fault_rule){
		.kind = FAULT_DELAY, .address = PEER, .tx = true, .rx = true, .delay_us = 10000};
	for (char c = 'a'; c <= 'e'; c++) {
		letter(&f, OURS, PEER, c);
		offer(s->link, &f);
	}
	assert_int_equal(s->link->ops->deadline(s->link), 10 * MS);
	arrived(s->link, 10 * MS - 1, NULL);
	assert_int_equal(arrived(s->far, 10 * MS - 1, NULL), 0);
	arrived(s->link, 10 * MS, NULL);
	assert_int_equal(arrived(s->far, 10 * MS, seen), 5);
	assert_string_equal(seen, "abcde");
	letter(&f, PEER, OURS, 'x');
	offer(s->far, &f);
	assert_int_equal(arrived(s->link, 11 * MS, NULL), 0);
	assert_int_equal(arrived(s->link, 21 * MS - 1, NULL), 0);
	assert_int_equal(arrived(s->link, 21 * MS, seen), 1);
	assert_int_equal(s->rules.counters.delayed, 6);
	assert_int_equal(s->link->ops->deadline(s->link), UINT64_MAX);
	/* To others there is none. */
	letter(&f, OURS, PEER_2, 'y');
	offer(s->link, &f);
	assert_int_equal(arrived(s->far, 21 * MS, NULL), 1);
}

static void a_delay_that_varies_stays_in_its_range(void **state)
{
	struct shim *s = *state;
	uint64_t early = 0, late = 0;
	struct frame f;

	s->rules.count = 1;
	s->rules.rule[0] = (struct fault_rule){.kind = FAULT_DELAY,
					       .address = PEER,
					       .tx = true,
					       .delay_us = 5000,
					       .jitter_us = 10000};
	letter(&f, OURS, PEER, 'a');
	for (uint64_t i = 1; i <= 1000; i++) {
		uint64_t begun = i * SECOND, due;

		arrived(s->link, begun, NULL);
		offer(s->link, &f);
		due = s->link->ops->deadline(s->link) - begun;
		assert_in_range(due, 5 * MS, 15 * MS);
		early += due < 10 * MS;
		late += due >= 10 * MS;
		arrived(s->link, begun + due, NULL);
		assert_int_equal(arrived(s->far, begun + due, NULL), 1);
	}
	assert_in_range(early, 400, 600);
	assert_in_range(late, 400, 600);
}

static void V39_a_frame_is_overtaken(void **state)
{
	struct shim *s = *state;
	char seen[LINK_BURST_MAX + 1];
	struct frame f;

	s->rules.count = 1;
	s->rules.rule[0] = (struct fault_rule){.kind = FAULT_REORDER, .address = PEER, .tx = true};
	letter(&f, OURS, PEER, 'a');
	offer(s->link, &f);
	s->rules.count = 0;
	letter(&f, OURS, PEER, 'b');
	offer(s->link, &f);
	assert_int_equal(arrived(s->far, 0, seen), 1);
	assert_string_equal(seen, "b");
	arrived(s->link, FAULT_REORDER_NS, NULL);
	assert_int_equal(arrived(s->far, FAULT_REORDER_NS, seen), 1);
	assert_string_equal(seen, "a");
	assert_int_equal(s->rules.counters.reordered, 1);
}

static void V27_a_hole_lets_small_frames_pass(void **state)
{
	static const uint8_t bytes[1400];
	struct frame_udp ends = {.source = OURS, .destination = PEER};
	struct shim *s = *state;
	struct frame f;

	s->rules.count = 1;
	s->rules.rule[0] =
		(struct fault_rule){.kind = FAULT_MTU, .address = PEER, .tx = true, .mtu = 1200};
	frame_udp(&f, &ends, bytes, 1200 - 28);
	assert_true(passes(s->link, s->far, &f));
	frame_udp(&f, &ends, bytes, 1200 - 27);
	assert_false(passes(s->link, s->far, &f));
	ends = (struct frame_udp){.source = PEER, .destination = OURS};
	frame_udp(&f, &ends, bytes, 1200 - 27);
	assert_true(passes(s->far, s->link, &f)); /* the other way all pass */
	assert_int_equal(s->rules.counters.dropped_tx, 1);
}

/* Invariant 1, and no frame is lost for the pool when the shim goes with frames in it. */
static void as_many_wait_as_may(void **state)
{
	struct shim *s = *state;
	struct frame f;
	uint32_t n = 0;

	s->rules.count = 1;
	s->rules.rule[0] = (struct fault_rule){
		.kind = FAULT_DELAY, .address = PEER, .tx = true, .rx = true, .delay_us = 1000};
	letter(&f, OURS, PEER, 'a');
	for (uint32_t i = 0; i < FAULT_HELD_MAX + 10; i++)
		offer(s->link, &f);
	assert_int_equal(s->rules.counters.no_place, 10);
	arrived(s->link, MS, NULL);
	for (uint32_t i = 0; i < FAULT_HELD_MAX; i += LINK_BURST_MAX)
		n += arrived(s->far, MS, NULL);
	assert_int_equal(n, FAULT_HELD_MAX);
	offer(s->link, &f);
	letter(&f, PEER, OURS, 'b');
	offer(s->far, &f);
	arrived(s->link, MS, NULL);
}

/* One seed, one fate. */
static void the_same_seed_does_the_same(void **state)
{
	struct shim *s = *state;
	char seen[2][1000] = {{0}};
	struct frame f;

	s->rules.count = 2;
	s->rules.rule[0] = (struct fault_rule){.address = PEER, .tx = true, .ppm = 300000};
	s->rules.rule[1] = (struct fault_rule){
		.kind = FAULT_DUPLICATE, .address = PEER, .tx = true, .ppm = 300000};
	letter(&f, OURS, PEER, 'a');
	for (int run = 0; run < 2; run++) {
		s->rules.random = 7;
		for (size_t i = 0; i < sizeof(seen[0]); i++) {
			offer(s->link, &f);
			seen[run][i] = (char)arrived(s->far, 0, NULL);
		}
	}
	assert_memory_equal(seen[0], seen[1], sizeof(seen[0]));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_rules_all_passes),
		TEST(a_rule_cuts_one_way),
		TEST(what_cannot_be_read_passes),
		TEST(loss_is_as_asked_for),
		TEST(V39_a_copy_follows_its_frame),
		TEST(V39_a_delay_is_as_asked_for_and_keeps_the_order),
		TEST(a_delay_that_varies_stays_in_its_range),
		TEST(V39_a_frame_is_overtaken),
		TEST(V27_a_hole_lets_small_frames_pass),
		TEST(as_many_wait_as_may),
		TEST(the_same_seed_does_the_same),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
