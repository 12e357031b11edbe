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
	uint32_t leaked = fake_net_taken(s->net);
	s->link->ops->destroy(s->link);
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
	s->rules.rule[0] = (struct fault_rule){.address = PEER, .drop_tx = true};
	udp(&f, OURS, PEER);
	assert_false(passes(s->link, s->far, &f));
	arp(&f, OURS, PEER);
	assert_false(passes(s->link, s->far, &f));
	udp(&f, PEER, OURS);
	assert_true(passes(s->far, s->link, &f));
	arp(&f, PEER, OURS);
	assert_true(passes(s->far, s->link, &f));
	assert_int_equal(s->rules.dropped_tx, 2);
	assert_int_equal(s->rules.dropped_rx, 0);

	s->rules.rule[0] = (struct fault_rule){.address = PEER, .drop_rx = true};
	assert_false(passes(s->far, s->link, &f));
	udp(&f, PEER, OURS);
	assert_false(passes(s->far, s->link, &f));
	udp(&f, OURS, PEER);
	assert_true(passes(s->link, s->far, &f));
	assert_int_equal(s->rules.dropped_rx, 2);
	udp(&f, OURS, PEER_2); /* others are not concerned */
	assert_true(passes(s->link, s->far, &f));
}

static void what_cannot_be_read_passes(void **state)
{
	struct shim *s = *state;
	struct frame f;
	s->rules.count = 1;
	s->rules.rule[0] = (struct fault_rule){.address = PEER, .drop_tx = true, .drop_rx = true};
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
	s->rules.rule[0] =
		(struct fault_rule){.address = PEER, .drop_tx = true, .loss_ppm = 300000};
	for (int i = 0; i < 10000; i++)
		passed += passes(s->link, s->far, &f);
	assert_in_range(passed, 6800, 7200); /* four standard deviations */
	assert_int_equal(s->rules.dropped_tx, 10000 - passed);
	s->rules.rule[0].loss_ppm = 1000000;
	assert_false(passes(s->link, s->far, &f));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_rules_all_passes),
		TEST(a_rule_cuts_one_way),
		TEST(what_cannot_be_read_passes),
		TEST(loss_is_as_asked_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
