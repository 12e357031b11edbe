/*
 * What is told of packets that nobody vouches for (V35): not one of them, nor a burst; what lasts
 * and is not contradicted, as that; what comes beside the real ones, as that; and an end of it.
 */
#include "tests/unit/dataplane/dp_world.h"
#include "tests/unit/test.h"

#include <string.h>

/* One of each kind of what is refused, as peer 0 would send it. */
static struct peer_packet false_packet(enum dp_said about)
{
	struct peer_packet p = world_peer_packet();

	if (about == DP_SAID_IDENTITY)
		p.envelope.source_identity++;
	else if (about == DP_SAID_START)
		p.envelope.source_start--; /* as many starts, and another one */
	else
		p.envelope.destination_identity = OUR_IDENTITY + 1;
	return p;
}

static void offer_real(struct world *w)
{
	struct peer_packet p = world_peer_packet();

	p.envelope.destination_identity = OUR_IDENTITY;
	assert_int_equal(world_offer(w, &p), 1);
	dp_peer_start_set(w->dp, 0, p.envelope.source_start);
}

static enum hearsay_verdict verdict(const struct world *w, enum dp_said about)
{
	struct dp_peer_state s;

	dp_get_peer(w->dp, 0, &s);
	for (int i = 0; i < DP_SAID_COUNT; i++)
		assert_true(i == (int)about || s.said[i] == HEARSAY_NOTHING);
	return s.said[about];
}

/* So many false packets, one in so long, and a real one before each. */
static void play(struct world *w, enum dp_said about, int count, uint64_t every_ns, bool real)
{
	struct peer_packet p = false_packet(about);

	for (int i = 0; i < count; i++) {
		if (real)
			offer_real(w);
		assert_int_equal(world_offer(w, &p), 0);
		world_turn(w, every_ns);
	}
}

static void V35_one_packet_or_a_burst_is_no_news(void **state)
{
	struct world *w = *state;

	for (int about = 0; about < DP_SAID_COUNT; about++) {
		play(w, (enum dp_said)about, 1, 0, true);
		assert_int_equal(verdict(w, (enum dp_said)about), HEARSAY_NOTHING);
		play(w, (enum dp_said)about, 1000, MS, false);
		assert_int_equal(verdict(w, (enum dp_said)about), HEARSAY_NOTHING);
		/* Two, and a long time between. */
		world_turn(w, HEARSAY_NS);
		play(w, (enum dp_said)about, 2, HEARSAY_NS - 10 * MS, false);
		assert_int_equal(verdict(w, (enum dp_said)about), HEARSAY_NOTHING);
		world_turn(w, HEARSAY_NS);
		/* Each after the last was forgotten, for ever. */
		play(w, (enum dp_said)about, 20, HEARSAY_NS, false);
		assert_int_equal(verdict(w, (enum dp_said)about), HEARSAY_NOTHING);
	}
}

/* A member that was wiped, or runs from an older copy: it says so all the time, and alone. */
static void V35_what_lasts_and_is_alone_is_told_and_ends(void **state)
{
	struct world *w = *state;

	for (int about = 0; about < DP_SAID_COUNT; about++) {
		offer_real(w);
		play(w, (enum dp_said)about, 301, 10 * MS, false);
		assert_int_equal(verdict(w, (enum dp_said)about), HEARSAY_ALONE);
		world_turn(w, HEARSAY_NS - 20 * MS);
		assert_int_equal(verdict(w, (enum dp_said)about), HEARSAY_ALONE);
		world_turn(w, 20 * MS);
		assert_int_equal(verdict(w, (enum dp_said)about), HEARSAY_NOTHING);
		/* Or with its first real packet. */
		play(w, (enum dp_said)about, 301, 10 * MS, false);
		assert_int_equal(verdict(w, (enum dp_said)about), HEARSAY_ALONE);
		offer_real(w);
		assert_int_equal(verdict(w, (enum dp_said)about), HEARSAY_NOTHING);
		world_turn(w, HEARSAY_NS);
	}
}

/* Somebody sends again what he recorded, for ever, beside the member itself. */
static void V35_replay_beside_the_live_one_is_never_taken_for_it(void **state)
{
	struct world *w = *state;

	for (int about = 0; about < DP_SAID_COUNT; about++) {
		for (int i = 0; i < 300; i++) {
			play(w, (enum dp_said)about, 1, 100 * MS, true);
			assert_int_equal(verdict(w, (enum dp_said)about),
					 i < 30 ? HEARSAY_NOTHING : HEARSAY_BESIDE);
		}
		world_turn(w, HEARSAY_NS);
		assert_int_equal(verdict(w, (enum dp_said)about), HEARSAY_NOTHING);
		/* Faster than the member speaks: three of its packets in three seconds do. */
		for (int i = 0; i < 4; i++) {
			offer_real(w);
			play(w, (enum dp_said)about, 100, 10 * MS, false);
		}
		assert_int_equal(verdict(w, (enum dp_said)about), HEARSAY_BESIDE);
		world_turn(w, HEARSAY_NS);
	}
}

/* What is refused, or asked by an older start, is no sign of life; nor is FORMATION any more. */
static void V35_what_is_refused_is_no_sign_of_life(void **state)
{
	struct world *w = *state;
	struct peer_packet p = world_peer_packet();
	struct dp_peer_state s;
	uint64_t heard_ns;

	offer_real(w);
	dp_get_peer(w->dp, 0, &s);
	heard_ns = s.heard_ns;
	world_turn(w, SECOND);
	play(w, DP_SAID_IDENTITY, 1, 0, false);
	play(w, DP_SAID_START, 1, 0, false);
	p.envelope.type = WIRE_START;
	p.envelope.body_size = 8;
	p.envelope.source_start = world_start(6);
	assert_int_equal(world_offer(w, &p), 1);
	p.envelope.type = WIRE_FORMATION;
	p.envelope.body_size = 40;
	assert_int_equal(world_offer(w, &p), 1); /* in its own directory, as recorded once */
	p.envelope.source_identity++;
	assert_int_equal(world_offer(w, &p), 1);
	dp_get_peer(w->dp, 0, &s);
	assert_int_equal(s.heard_ns, heard_ns);
}

/* As a wiped member speaks: it knows no ids, and says what it is a hundred times a second. */
static void V35_a_wiped_member_is_told_of_within_three_seconds(void **state)
{
	struct world *w = *state;
	struct peer_packet p = world_peer_packet();
	struct peer_packet old = world_peer_packet();

	offer_real(w);
	p.envelope.type = old.envelope.type = WIRE_FORMATION;
	p.envelope.body_size = old.envelope.body_size = 40;
	p.envelope.source_id = p.envelope.cluster_id = 0;
	p.envelope.source_identity = 0x7777;
	for (int i = 0; i <= 300; i++) {
		assert_int_equal(world_offer(w, &p), 1);
		/* Nor does what it said when the cluster was formed, sent again, hide it. */
		assert_int_equal(world_offer(w, &old), 1);
		world_turn(w, 10 * MS);
	}
	assert_int_equal(verdict(w, DP_SAID_IDENTITY), HEARSAY_ALONE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(V35_one_packet_or_a_burst_is_no_news),
		TEST(V35_what_lasts_and_is_alone_is_told_and_ends),
		TEST(V35_replay_beside_the_live_one_is_never_taken_for_it),
		TEST(V35_what_is_refused_is_no_sign_of_life),
		TEST(V35_a_wiped_member_is_told_of_within_three_seconds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
