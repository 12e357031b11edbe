/*
 * How far ahead a term may be (raft/terms.c).
 */
#include "tests/unit/raft/hand.h"

static int say(struct hand *h, raft_id from, enum raft_message_type type, raft_term term)
{
	struct raft_message m = hand_message(h, type, from, term);

	if (type == RAFT_MESSAGE_START_REPLY) {
		m.start_reply.asked = h->r->start;
		m.start_reply.known.start = h->r->start;
	}
	return hand_recv(h, &m);
}

/* One frame, whatever it is, and the next candidacy is in a term that all others take. */
static void V7_one_frame_does_not_carry_a_term_away(void **state)
{
	static const raft_term far[] = {RAFT_TERM_MAX, UINT64_C(1) << 61, UINT64_C(1) << 40,
					RAFT_TERMS_UNHEARD_MAX + 10};
	struct hand h;

	(void)state;
	for (size_t i = 0; i < sizeof(far) / sizeof(far[0]); i++) {
		hand_init(&h, (struct hand_options){.nodes = 3, .term = 9});
		for (int type = RAFT_MESSAGE_VOTE; type <= RAFT_MESSAGE_START_REPLY; type++) {
			if (type == RAFT_MESSAGE_START)
				continue; /* its term is not read */
			assert_int_equal(say(&h, 2, (enum raft_message_type)type, far[i]), -EDOM);
			assert_int_equal(raft_get_term(h.r), 9);
		}
		assert_int_equal(say(&h, 2, RAFT_MESSAGE_START, far[i]), 0);
		hand_persist(&h);
		hand_campaign(&h);
		hand_persist(&h);
		assert_int_equal(h.hard.term, 10);
		hand_fini(&h);
	}
}

static void V29_what_elections_can_have_led_to_is_taken_at_once(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .term = 9});
	assert_int_equal(hand_vote_ask(&h, 2, 9 + RAFT_TERMS_UNHEARD_MAX), 0);
	assert_true(hand_voted(&h, 2));
	/* So much once in an election timeout, whoever says it; and the next term always. */
	raft_term term = raft_get_term(h.r);
	assert_int_equal(hand_vote_ask(&h, 3, term + 2), -EDOM);
	assert_int_equal(hand_vote_ask(&h, 3, term + 1), 0);
	hand_tick(&h, HAND_ELECTION_US - 1); /* however often it is looked at in between */
	assert_int_equal(hand_vote_ask(&h, 3, term + RAFT_TERMS_UNHEARD_MAX), -EDOM);
	hand_tick(&h, 1);
	assert_int_equal(hand_vote_ask(&h, 3, term + RAFT_TERMS_UNHEARD_MAX), 0);
	hand_fini(&h);
}

/* Steps grow while somebody is ahead; whoever lies later begins with a small one again. */
static void V29_steps_are_small_again_after_a_silence(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .term = 9});
	for (int i = 0; i < 4; i++) {
		assert_int_equal(hand_vote_ask(&h, 2, UINT64_C(1) << 50), -EDOM);
		hand_tick(&h, HAND_ELECTION_US);
	}
	assert_true(h.r->terms.doublings > 0);
	hand_tick(&h, HAND_ELECTION_US);
	hand_tick(&h, HAND_ELECTION_US);
	assert_int_equal(h.r->terms.doublings, 0);
	hand_fini(&h);
}

/*
 * A member that is really further ahead says so again and again, as candidates and those that hear
 * an old leader do. Within 31 timeouts the others are where it is.
 */
static void V29_who_is_further_ahead_is_met(void **state)
{
	static const raft_term ahead[] = {RAFT_TERMS_UNHEARD_MAX + 10, UINT64_C(1) << 50,
					  RAFT_TERM_MAX / 2};
	struct hand h;

	(void)state;
	for (size_t i = 0; i < sizeof(ahead) / sizeof(ahead[0]); i++) {
		uint32_t steps = 0;

		hand_init(&h, (struct hand_options){.nodes = 3, .term = 9});
		while (raft_get_term(h.r) < ahead[i]) {
			/* Frames in a burst are no insistence. */
			for (int k = 0; k < 100; k++)
				say(&h, 2, RAFT_MESSAGE_APPEND_REPLY, ahead[i]);
			hand_tick(&h, HAND_ELECTION_US / 2);
			hand_persist(&h);
			assert_true(++steps < 4 * 33);
		}
		assert_true(steps >= 2);
		assert_int_equal(raft_get_term(h.r), ahead[i]);
		hand_fini(&h);
	}
}

/* Its vote in the terms that it skips is spent: it may have given it, and have been rolled back. */
static void V29_a_term_that_is_skipped_has_no_vote(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .term = 9});
	say(&h, 2, RAFT_MESSAGE_APPEND_REPLY, UINT64_C(1) << 50);
	raft_term term = raft_get_term(h.r);
	while (raft_get_term(h.r) == term) {
		hand_tick(&h, HAND_ELECTION_US / 3);
		hand_persist(&h);
		term = raft_get_term(h.r);
		say(&h, 2, RAFT_MESSAGE_APPEND_REPLY, UINT64_C(1) << 50);
	}
	hand_forget(&h);
	assert_int_equal(hand_vote_ask(&h, 3, raft_get_term(h.r)), 0);
	assert_false(hand_voted(&h, 3));
	hand_fini(&h);
}

/* Where only lies can have led, steps are small, and stay so. */
static void V29_above_half_of_the_range_steps_are_small(void **state)
{
	struct hand h;
	raft_term from = RAFT_TERM_MAX / 2;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .term = from});
	for (int i = 0; i < 10000; i++) {
		say(&h, 2, RAFT_MESSAGE_APPEND_REPLY, RAFT_TERM_MAX);
		hand_forget(&h);
		hand_tick(&h, HAND_ELECTION_US / 2);
		hand_persist(&h);
	}
	assert_true(raft_get_term(h.r) > from);
	/* One step in a timeout at most; the last of 10,000 half timeouts may begin another. */
	assert_true(raft_get_term(h.r) - from <= 5001 * (RAFT_TERMS_NEAR_MAX + 1));
	hand_elect(&h);
	assert_int_equal(hand_ack(&h, 2, 1), 0);
	assert_int_equal(h.r->commit, 1);
	hand_fini(&h);
}

/* A disk that says more than any election led to is not believed either. */
static void V7_a_log_of_an_impossible_term_is_refused(void **state)
{
	struct raft *r;
	struct raft_options o = {
		.id = 1,
		.identity = 1,
		.start = 1,
		.members = {.count = 1, .member = {{.id = 1, .identity = 1, .voter = true}}},
		.hard_state = {.term = RAFT_TERM_MAX + 1},
		.election_timeout_us_min = HAND_ELECTION_US,
		.election_timeout_us_max = HAND_ELECTION_US,
		.heartbeat_us = HAND_HEARTBEAT_US,
		.append_size_max = 1400};

	(void)state;
	assert_int_equal(raft_create(&r, &o), -EINVAL);
	o.hard_state.term--;
	assert_int_equal(raft_create(&r, &o), 0);
	raft_destroy(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(V7_one_frame_does_not_carry_a_term_away),
		cmocka_unit_test(V7_a_log_of_an_impossible_term_is_refused),
		cmocka_unit_test(V29_steps_are_small_again_after_a_silence),
		cmocka_unit_test(V29_what_elections_can_have_led_to_is_taken_at_once),
		cmocka_unit_test(V29_who_is_further_ahead_is_met),
		cmocka_unit_test(V29_a_term_that_is_skipped_has_no_vote),
		cmocka_unit_test(V29_above_half_of_the_range_steps_are_small),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
