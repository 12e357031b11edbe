/*
 * Priority (raft/prefer.c): to whom a leader hands over, when, and how often.
 */
#include "tests/unit/raft/hand.h"

enum { STEADY_US = 8 * HAND_ELECTION_US }; /* four of the longest timeouts */

static const struct hand_options three = {.nodes = 3, .pre_vote = true, .check_quorum = true};

static uint32_t told(const struct hand *h, raft_id id)
{
	return hand_sent_count(h, RAFT_MESSAGE_TIMEOUT_NOW, id);
}

/* Heartbeats for so long, answered by 2 and 3 with these priorities; who has 255 is silent. */
static void beat(struct hand *h, uint64_t us, uint8_t two, uint8_t three_)
{
	for (uint64_t end_us = h->now_us + us; h->now_us < end_us;) {
		uint64_t left = end_us - h->now_us;
		hand_tick(h, left < HAND_HEARTBEAT_US ? left : HAND_HEARTBEAT_US);
		if (two != UINT8_MAX)
			hand_prefer(h, 2, two);
		if (three_ != UINT8_MAX)
			hand_prefer(h, 3, three_);
		hand_forget(h);
		assert_int_equal(raft_get_role(h->r), RAFT_LEADER);
	}
}

static void lead(struct hand *h)
{
	hand_init(h, three);
	hand_elect(h);
	hand_tick(h, 0);
	hand_prefer(h, 2, 0);
	hand_prefer(h, 3, 0);
	hand_tick(h, 0);
}

static bool hands_over(struct hand *h)
{
	hand_tick(h, 2 * HAND_HEARTBEAT_US);
	return raft_get_transfer(h->r) != 0;
}

static void a_steady_leader_hands_over_to_a_higher_priority(void **state)
{
	struct hand h;

	(void)state;
	lead(&h);
	beat(&h, STEADY_US, 10, 0); /* it has said so since the second heartbeat */
	assert_int_equal(raft_get_transfer(h.r), 0);
	assert_true(raft_deadline(h.r) <= h.now_us + 4 * HAND_HEARTBEAT_US);
	beat(&h, HAND_HEARTBEAT_US, 10, 0);
	assert_int_equal(raft_get_transfer(h.r), 0);
	hand_forget(&h);
	hand_tick(&h, HAND_HEARTBEAT_US);
	assert_int_equal(raft_get_transfer(h.r), 2);
	assert_int_equal(told(&h, 2), 1);
	hand_fini(&h);
}

static void of_several_the_highest(void **state)
{
	struct hand h;

	(void)state;
	lead(&h);
	beat(&h, STEADY_US, 10, 11);
	assert_true(hands_over(&h));
	assert_int_equal(raft_get_transfer(h.r), 3);
	hand_fini(&h);
}

static void to_nobody_who_is_not_higher(void **state)
{
	struct hand h;

	(void)state;
	lead(&h);
	h.r->priority = 10;
	beat(&h, 2 * STEADY_US, 10, 9);
	assert_false(hands_over(&h));
	hand_fini(&h);
}

/* Without a break, and with one word. */
static void to_nobody_who_comes_and_goes(void **state)
{
	struct hand h;

	(void)state;
	lead(&h);
	for (int i = 0; i < 4; i++) {
		beat(&h, STEADY_US - HAND_ELECTION_US, 10, 0);
		beat(&h, HAND_ELECTION_US + HAND_HEARTBEAT_US, UINT8_MAX, 0);
		assert_int_equal(raft_get_transfer(h.r), 0);
	}
	for (int i = 0; i < 4; i++) {
		beat(&h, STEADY_US - 2 * HAND_HEARTBEAT_US, 10, 0);
		beat(&h, HAND_HEARTBEAT_US, 0, 0); /* its disk was stalled */
		assert_int_equal(raft_get_transfer(h.r), 0);
	}
	beat(&h, STEADY_US + 2 * HAND_HEARTBEAT_US, 10, 0);
	assert_int_equal(raft_get_transfer(h.r), 2);
	hand_fini(&h);
}

/* Slow, behind, lost, or silent when it would be due. */
static void to_nobody_who_could_not_lead_well(void **state)
{
	struct hand h;

	(void)state;
	for (int how = 0; how < 5; how++) {
		lead(&h);
		beat(&h, STEADY_US, 10, 0);
		struct raft_peer *p = hand_peer(&h, 2);
		if (how == 1)
			p->srtt_us = HAND_ELECTION_US / 2;
		for (int i = 0; how == 2 && i < 3; i++)
			assert_int_equal(hand_propose(&h), 0);
		p->lost = how == 3;
		if (how == 4)
			h.now_us += HAND_ELECTION_US - HAND_HEARTBEAT_US;
		assert_int_equal(hands_over(&h), how == 0);
		hand_fini(&h);
	}
}

static void not_before_the_first_commit_of_the_term(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, three);
	hand_elect(&h);
	for (uint64_t us = 0; us < 2 * STEADY_US; us += HAND_HEARTBEAT_US) {
		hand_tick(&h, HAND_HEARTBEAT_US);
		struct raft_message m = hand_answer(&h, 2, true, 0, 0);
		m.append_reply.read_seq = h.r->reads.seq;
		m.append_reply.priority = 10;
		assert_int_equal(hand_recv(&h, &m), 0);
		assert_int_equal(raft_get_transfer(h.r), 0);
		hand_forget(&h);
	}
	hand_fini(&h);
}

/* It does not stand: the next attempt is later, and the one after that later still. */
static void after_a_failure_it_waits_longer_each_time(void **state)
{
	struct hand h;
	uint64_t last_us = 0, gap_us = 0;

	(void)state;
	lead(&h);
	for (uint32_t times = 0; times < 5; times++) {
		while (raft_get_transfer(h.r) == 0)
			beat(&h, HAND_HEARTBEAT_US, 10, 0);
		if (times > 1)
			assert_in_range(h.now_us - last_us, 2 * gap_us - 2 * HAND_HEARTBEAT_US,
					2 * gap_us + 2 * HAND_HEARTBEAT_US);
		gap_us = times ? h.now_us - last_us : 0;
		last_us = h.now_us;
		while (raft_get_transfer(h.r) != 0)
			beat(&h, HAND_HEARTBEAT_US, 10, 0);
		assert_int_equal(hand_propose(&h), 0);
	}
	assert_true(gap_us > 7 * STEADY_US);
	beat(&h, 64 * STEADY_US, 0, 0); /* in good order for long: it is forgotten */
	beat(&h, 64 * STEADY_US, 0, 0);
	for (uint32_t times = 0; times < 2; times++) {
		last_us = h.now_us;
		while (raft_get_transfer(h.r) == 0)
			beat(&h, HAND_HEARTBEAT_US, 10, 0);
		assert_true(h.now_us - last_us <= STEADY_US + 3 * HAND_HEARTBEAT_US);
		while (raft_get_transfer(h.r) != 0)
			beat(&h, HAND_HEARTBEAT_US, 10, 0);
	}
	hand_fini(&h);
}

static uint8_t tells(struct hand *h)
{
	raft_index last = raft_last(h->r);

	hand_forget(h);
	assert_int_equal(hand_append(h, 2, raft_get_term(h->r), last,
				     raft_window_term(&h->r->window, last), "", last),
			 0);
	hand_persist(h);
	assert_non_null(hand_sent(h, RAFT_MESSAGE_APPEND_REPLY, 2));
	return hand_sent(h, RAFT_MESSAGE_APPEND_REPLY, 2)->append_reply.priority;
}

/* V6, D8, D9c: who would serve nothing for long, or could not stand, says so. */
static void who_cannot_lead_now_has_no_priority(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .long_log = 40, .term = 1});
	raft_priority_set(h.r, 10);
	assert_int_equal(tells(&h), 10);
	raft_disk_stalled(h.r, true);
	assert_int_equal(tells(&h), 0);
	raft_disk_stalled(h.r, false);
	h.r->start_confirmed = false;
	assert_int_equal(tells(&h), 0);
	h.r->start_confirmed = true;
	assert_int_equal(tells(&h), 10);
	h.r->start_last = h.r->applied + RAFT_REPLAY_MIN + 1;
	assert_int_equal(tells(&h), 0);
	h.r->start_last--;
	assert_int_equal(tells(&h), 10);
	hand_fini(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_steady_leader_hands_over_to_a_higher_priority),
		cmocka_unit_test(of_several_the_highest),
		cmocka_unit_test(to_nobody_who_is_not_higher),
		cmocka_unit_test(to_nobody_who_comes_and_goes),
		cmocka_unit_test(to_nobody_who_could_not_lead_well),
		cmocka_unit_test(not_before_the_first_commit_of_the_term),
		cmocka_unit_test(after_a_failure_it_waits_longer_each_time),
		cmocka_unit_test(who_cannot_lead_now_has_no_priority),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
