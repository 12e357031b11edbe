/* Our address: announced (F12), probed for (F7), watched over and defended (RFC 5227). */
#include "dataplane/own.h"
#include "tests/unit/dataplane/dp_world.h"
#include "tests/unit/test.h"

#include <string.h>

static const uint8_t everybody[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

/* Of the frames that were sent, how many announce our address and how many probe for it. */
static void seen(struct world *w, uint32_t *announced, uint32_t *probed)
{
	struct frame f;

	while (world_take(w, &f)) {
		if (frame_get16(f.data + AT_TYPE) != 0x0806 ||
		    frame_get32(f.data + AT_ARP_TARGET) != OURS)
			continue;
		assert_memory_equal(f.data, everybody, 6);
		assert_memory_equal(f.data + AT_ARP_SENDER_MAC, our_mac.byte, 6);
		assert_int_equal(frame_get16(f.data + AT_ARP_OPERATION), 1);
		*announced += frame_get32(f.data + AT_ARP_SENDER) == OURS;
		*probed += frame_get32(f.data + AT_ARP_SENDER) == 0;
	}
}

static void F12_the_address_is_announced_when_the_link_comes_up(void **state)
{
	struct world *w = *state;
	uint32_t announced = 0, probed = 0;

	for (int i = 0; i < 50; i++) {
		world_turn(w, 100 * MS);
		seen(w, &announced, &probed);
	}
	assert_int_equal(announced, 0); /* since its start, which the fixture has seen */
	fake_link_up_set(w->link, false);
	world_turn(w, SECOND);
	seen(w, &announced, &probed);
	assert_int_equal(announced, 0);
	fake_link_up_set(w->link, true);
	world_turn(w, MS);
	seen(w, &announced, &probed);
	assert_int_equal(announced, 1);
	for (int i = 0; i < 50; i++) {
		world_turn(w, 100 * MS);
		seen(w, &announced, &probed);
	}
	assert_int_equal(announced, 2);
	assert_int_equal(probed, 1); /* and asked for, at once */
}

static void F12_and_when_it_starts(void **state)
{
	struct world *w = *state;

	/* The fixture waited for both, and saw a probe. */
	assert_int_equal(dp_get_counters(w->dp)->arp_own, 3);
}

/* What found no buffer was not said: it is said when there is one. */
static void F12_an_announcement_without_a_buffer_is_owed(void **state)
{
	struct world *w = *state;
	uint32_t announced = 0, probed = 0;

	fake_link_up_set(w->link, false);
	world_turn(w, SECOND);
	fake_link_up_set(w->link, true);
	fake_link_budget_set(w->link, 0);
	for (int i = 0; i < 50; i++) {
		world_turn(w, 100 * MS);
		assert_true(dp_deadline(w->dp) > w->now);
		assert_true(dp_deadline(w->dp) <= w->now + MS);
	}
	seen(w, &announced, &probed);
	assert_int_equal(announced, 0);
	fake_link_budget_set(w->link, UINT32_MAX);
	for (int i = 0; i < 30; i++) {
		world_turn(w, 100 * MS);
		seen(w, &announced, &probed);
		assert_int_equal(announced, i < 20 ? 1 : 2);
	}
}

/*
 * Who comes up on a wire where somebody has its address is told so within what a word of nobody
 * takes: it may have started before its port had a link, and asked nobody (claim.h).
 */
static void F7_it_is_asked_for_when_the_link_comes_up(void **state)
{
	struct world *w = *state;
	uint64_t up_ns;
	struct dp_conflict c;
	struct frame f;

	frame_arp(&f, other_mac.byte, our_mac.byte, 2, OURS, 0);
	fake_link_up_set(w->link, false);
	world_turn(w, SECOND);
	fake_link_up_set(w->link, true);
	up_ns = w->now;
	do {
		uint32_t announced = 0, probed = 0;

		world_turn(w, 100 * MS);
		seen(w, &announced, &probed);
		if (probed) /* a kernel's answer, and nothing else of it */
			world_send(w, &f);
		assert_true(w->now - up_ns < HEARSAY_NS + SECOND);
	} while (!dp_get_conflict(w->dp, &c) || !c.lasts);
}

static void F7_who_else_has_it_is_noticed_told_and_answered(void **state)
{
	struct world *w = *state;
	uint32_t announced = 0, probed = 0;
	struct dp_conflict c;
	struct frame f;

	assert_false(dp_get_conflict(w->dp, &c));
	for (int i = 0; i < 300; i++) { /* half a minute */
		world_turn(w, 100 * MS);
		seen(w, &announced, &probed);
	}
	assert_int_equal(announced, 0);
	assert_int_equal(probed, 3);
	/* A kernel that has it answers a probe. Of a burst each frame may be forged (V35). */
	frame_arp(&f, other_mac.byte, our_mac.byte, 2, OURS, 0);
	for (int i = 0; i < 20; i++) {
		world_send(w, &f);
		world_turn(w, MS);
	}
	assert_true(dp_get_conflict(w->dp, &c) && !c.lasts);
	probed = 0;
	for (int i = 0; i < 15; i++) {
		world_turn(w, 100 * MS);
		seen(w, &announced, &probed);
	}
	assert_int_equal(probed, 1); /* asked soon whether it is so */
	world_turn(w, 20 * SECOND);
	world_take_all(w);
	announced = 0;
	for (int i = 0; i < 200; i++) { /* it does not stop: no war */
		world_send(w, &f);
		world_turn(w, 100 * MS);
		seen(w, &announced, &probed);
	}
	assert_true(dp_get_conflict(w->dp, &c));
	assert_memory_equal(c.mac.byte, other_mac.byte, 6);
	assert_int_equal(c.seen_ns, w->now);
	assert_true(c.lasts);
	assert_int_equal(announced, 2);
	assert_int_equal(world_drops(w, DP_DROP_ARP_CONFLICT), 220);
	/* Its questions for others show it too. */
	world_turn(w, 60 * SECOND);
	frame_arp(&f, other_mac.byte, everybody, 1, OURS, PEER);
	world_send(w, &f);
	world_turn(w, MS);
	assert_true(dp_get_conflict(w->dp, &c));
	assert_int_equal(c.seen_ns, w->now);
}

/* So many frames that show that somebody else has our address, one in so long. */
static bool lasts(struct world *w, int frames, uint64_t every_ns)
{
	struct dp_conflict c;
	struct frame f;

	frame_arp(&f, other_mac.byte, our_mac.byte, 2, OURS, 0);
	for (int i = 0; i < frames; i++) {
		world_turn(w, every_ns);
		world_send(w, &f);
		world_turn(w, 0);
		world_take_all(w);
	}
	return dp_get_conflict(w->dp, &c) && c.lasts;
}

/* One limit: what is over is so by silence alone, and a frame more does not end it. */
static void F7_V35_a_conflict_lasts_until_nothing_shows_it(void **state)
{
	struct world *w = *state;

	assert_false(lasts(w, 3, SECOND));
	assert_true(lasts(w, 1, SECOND));
	assert_true(lasts(w, 10, OWN_OVER_NS - MS));
	world_turn(w, OWN_OVER_NS - MS);
	assert_true(lasts(w, 0, 0));
	world_turn(w, MS);
	assert_false(lasts(w, 0, 0));
	assert_false(lasts(w, 1, 0)); /* one is no news again */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(F12_the_address_is_announced_when_the_link_comes_up),
		TEST(F12_and_when_it_starts),
		TEST(F12_an_announcement_without_a_buffer_is_owed),
		TEST(F7_it_is_asked_for_when_the_link_comes_up),
		TEST(F7_who_else_has_it_is_noticed_told_and_answered),
		TEST(F7_V35_a_conflict_lasts_until_nothing_shows_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
