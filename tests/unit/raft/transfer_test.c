/*
 * One core that hands over, and one that is handed to: what it says and refuses (R44 to R46).
 */
#include "tests/unit/raft/hand.h"

static const struct hand_options three = {
	.nodes = 3, .terms = "1122", .term = 2, .pre_vote = true, .check_quorum = true};

static uint32_t told(const struct hand *h, raft_id id)
{
	return hand_sent_count(h, RAFT_MESSAGE_TIMEOUT_NOW, id);
}

/* A leader of term 3; all have its first entry, 5. */
static void led(struct hand *h)
{
	hand_init(h, three);
	hand_elect(h);
	for (raft_id id = 2; id <= 3; id++)
		assert_int_equal(hand_ack(h, id, 5), 0);
	assert_int_equal(raft_commit(h->r), 5);
	hand_tick(h, 0);
	hand_forget(h);
}

/* A follower of term 3, whose leader, 2, has sent it this token. */
static void follows(struct hand *h, uint64_t read_seq)
{
	struct raft_message m;

	hand_init(h, three);
	m = hand_message(h, RAFT_MESSAGE_APPEND, 2, 3);
	m.append.prev_index = 4;
	m.append.prev_term = 2;
	m.append.read_seq = read_seq;
	assert_int_equal(hand_recv(h, &m), 0);
	hand_persist(h);
	hand_tick(h, 0);
	hand_forget(h);
}

static int timeout_now(struct hand *h, raft_id from, raft_term term, uint64_t read_seq)
{
	struct raft_message m = hand_message(h, RAFT_MESSAGE_TIMEOUT_NOW, from, term);

	m.timeout_now.read_seq = read_seq;
	return hand_recv(h, &m);
}

/* Thesis 3.10: it has all before it stands; and no command is taken, so that this ends. */
static void R45_who_is_behind_gets_the_rest_before_it_is_told(void **state)
{
	struct hand h;

	(void)state;
	led(&h);
	assert_int_equal(hand_propose(&h), 0);
	assert_int_equal(raft_transfer(h.r, 2), 0);
	hand_take(&h);
	assert_int_equal(raft_get_transfer(h.r), 2);
	assert_int_equal(hand_propose(&h), -EAGAIN);
	assert_int_equal(hand_ack(&h, 3, 6), 0);
	hand_tick(&h, HAND_HEARTBEAT_US);
	assert_int_equal(told(&h, 2), 0);
	assert_int_equal(hand_ack(&h, 2, 6), 0);
	assert_int_equal(told(&h, 2), 1);
	assert_int_equal(told(&h, 3), 0);
	const struct raft_message *m = hand_sent(&h, RAFT_MESSAGE_TIMEOUT_NOW, 2);
	assert_int_equal(m->term, 3);
	assert_int_equal(m->timeout_now.read_seq, h.r->reads.seq);
	assert_int_equal(hand_propose(&h), -EAGAIN);
	hand_fini(&h);
}

/* R45: within the shortest election timeout it is over, and commands are taken again. */
static void R45_one_that_does_not_stand_is_told_again_and_then_given_up(void **state)
{
	struct hand h;

	(void)state;
	led(&h);
	assert_int_equal(raft_transfer(h.r, 2), 0);
	hand_take(&h);
	assert_int_equal(told(&h, 2), 1); /* it has all: at once */
	for (uint32_t us = 0; us < HAND_ELECTION_US - HAND_HEARTBEAT_US; us += HAND_HEARTBEAT_US) {
		hand_tick(&h, HAND_HEARTBEAT_US);
		assert_int_equal(hand_echo(&h, 3, 5, h.r->reads.seq), 0);
		assert_int_equal(hand_propose(&h), -EAGAIN);
	}
	assert_true(told(&h, 2) > 5); /* frames are lost */
	hand_tick(&h, HAND_HEARTBEAT_US);
	assert_int_equal(raft_get_role(h.r), RAFT_LEADER);
	assert_int_equal(raft_get_transfer(h.r), 0);
	assert_int_equal(hand_propose(&h), 0);
	uint32_t count = told(&h, 2);
	assert_int_equal(hand_ack(&h, 2, 6), 0);
	hand_tick(&h, HAND_HEARTBEAT_US);
	assert_int_equal(told(&h, 2), count);
	hand_fini(&h);
}

/* Who is silent is told from who had no time yet to be heard. */
static void R45_a_leader_of_a_moment_ago_did_not_hear_everybody_yet(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, three);
	hand_elect(&h);
	assert_int_equal(raft_transfer(h.r, 3), -EAGAIN);
	assert_int_equal(raft_transfer(h.r, 0), -EAGAIN);
	assert_int_equal(raft_transfer(h.r, 4), -ENOENT);
	for (uint32_t us = HAND_HEARTBEAT_US; us < HAND_ELECTION_US; us += HAND_HEARTBEAT_US) {
		assert_int_equal(raft_transfer(h.r, 3), -EAGAIN);
		hand_tick(&h, HAND_HEARTBEAT_US);
		assert_int_equal(hand_echo(&h, 2, 0, h.r->reads.seq), 0);
	}
	hand_tick(&h, HAND_HEARTBEAT_US);
	assert_int_equal(raft_transfer(h.r, 3), -EHOSTUNREACH);
	assert_int_equal(raft_transfer(h.r, 0), 0);
	assert_int_equal(raft_get_transfer(h.r), 2);
	hand_fini(&h);
}

static void R45_one_that_lost_its_log_meanwhile_is_not_waited_for(void **state)
{
	struct hand h;

	(void)state;
	led(&h);
	assert_int_equal(hand_propose(&h), 0);
	assert_int_equal(raft_transfer(h.r, 2), 0);
	struct raft_message m = hand_answer(&h, 2, true, 5, 5);
	m.append_reply.lost = true;
	assert_int_equal(hand_recv(&h, &m), 0);
	hand_tick(&h, 1);
	assert_int_equal(raft_get_transfer(h.r), 0);
	assert_int_equal(hand_propose(&h), 0);
	assert_int_equal(raft_transfer(h.r, 2), -EHOSTUNREACH);
	hand_fini(&h);
}

/* W21, R51: it would not stand, and the leader would wait for that in vain. */
static void R45_one_that_said_that_it_leads_no_more_is_not_asked(void **state)
{
	static const int refused[] = {-EPERM, -ESTALE};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct raft_message m;
		struct hand h;

		led(&h);
		assert_int_equal(hand_propose(&h), 0);
		assert_int_equal(raft_transfer(h.r, 2), 0);
		m = hand_answer(&h, 2, true, 6, 6);
		m.append_reply.unfit = i == 0;
		m.append_reply.stateless = i == 1;
		assert_int_equal(hand_recv(&h, &m), 0);
		hand_tick(&h, 1); /* what is under way ends */
		assert_int_equal(raft_get_transfer(h.r), 0);
		assert_int_equal(raft_transfer(h.r, 2), refused[i]);
		assert_int_equal(raft_transfer(h.r, 0), 0); /* though 2 has more of the log */
		assert_int_equal(raft_get_transfer(h.r), 3);
		hand_fini(&h);
	}
}

/* Who is so says it, with each answer; and who did not hear it yet tells it in vain. */
static void R45_one_that_leads_no_more_says_so(void **state)
{
	struct raft_message m;
	struct hand h;

	(void)state;
	follows(&h, 5);
	for (int i = 0; i < 2; i++) {
		m = hand_message(&h, RAFT_MESSAGE_APPEND, 2, 3);
		m.append.prev_index = 4;
		m.append.prev_term = 2;
		m.append.read_seq = 6 + (uint64_t)i;
		assert_int_equal(hand_recv(&h, &m), 0);
		hand_tick(&h, 0);
		assert_int_equal(hand_sent(&h, RAFT_MESSAGE_APPEND_REPLY, 2)->append_reply.unfit,
				 i);
		hand_forget(&h);
		raft_unfit(h.r);
	}
	assert_int_equal(timeout_now(&h, 2, 3, 7), 0);
	assert_int_equal(raft_get_role(h.r), RAFT_FOLLOWER);
	hand_fini(&h);
}

/* Nobody has led for so many timeouts. */
static void unled(struct hand *h, int timeouts)
{
	for (int i = 0; i < timeouts; i++) {
		hand_tick(h, 2 * HAND_ELECTION_US);
		assert_int_equal(raft_get_role(h->r), RAFT_FOLLOWER);
	}
}

/* It was elected for want of others; 2 has no state either, and 3 was not heard. */
static void leads_stateless(struct hand *h, bool check_quorum)
{
	struct hand_options o = three;
	struct raft_message m;

	o.check_quorum = check_quorum;
	hand_init(h, o);
	raft_apply_hold(h->r, true);
	hand_tick(h, 0);
	unled(h, 7);
	hand_elect(h);
	m = hand_answer(h, 2, true, 5, 5);
	m.append_reply.stateless = true;
	assert_int_equal(hand_recv(h, &m), 0);
	assert_int_equal(raft_commit(h->r), 5);
}

/* Whoever has a state, and then the log, is to lead. */
static void W21_who_leads_without_a_state_hands_over(void **state)
{
	struct hand h;

	(void)state;
	leads_stateless(&h, true);
	hand_tick(&h, 1);
	assert_int_equal(raft_get_transfer(h.r), 0);
	assert_int_equal(hand_ack(&h, 3, 2), 0);
	hand_tick(&h, 1);
	assert_int_equal(raft_get_transfer(h.r), 3);
	assert_int_equal(told(&h, 3), 0);
	assert_int_equal(hand_ack(&h, 3, 5), 0);
	assert_int_equal(told(&h, 3), 1);
	hand_fini(&h);
}

/* Another one may reach whom it does not: it gives up, and is not the next one to stand. */
static void W21_who_hands_over_to_nobody_gives_up(void **state)
{
	const uint64_t long_us = UINT64_C(8) * 2 * HAND_ELECTION_US;

	(void)state;
	for (raft_index near = 2; near <= 6; near += 2) {
		struct hand h;

		leads_stateless(&h, false);
		hand_tick(&h, long_us - 1);
		assert_int_equal(raft_get_role(h.r), RAFT_LEADER);
		/* Of one that comes nearer it has to wait for more. */
		for (raft_index match = 2; match < near; match++) {
			assert_int_equal(hand_ack(&h, 3, match), 0);
			hand_tick(&h, 0);
			hand_tick(&h, long_us - 1);
			assert_int_equal(raft_get_role(h.r), RAFT_LEADER);
		}
		assert_true(raft_deadline(h.r) <= h.now_us + 1);
		hand_tick(&h, 1);
		assert_int_equal(raft_get_role(h.r), RAFT_FOLLOWER);
		unled(&h, 15);
		hand_elect(&h);
		assert_int_equal(raft_get_role(h.r), RAFT_LEADER);
		hand_fini(&h);
	}
}

static void R45_one_that_is_no_voter_any_more_is_not_waited_for(void **state)
{
	struct hand h;

	(void)state;
	led(&h);
	assert_int_equal(hand_propose(&h), 0);
	assert_int_equal(raft_transfer(h.r, 2), 0);
	struct raft_members members = *raft_get_members(h.r);
	members.member[1].voter = false;
	raft_members_adopt(h.r, &members, 6);
	hand_tick(&h, 1);
	assert_int_equal(raft_get_transfer(h.r), 0);
	assert_int_equal(raft_transfer(h.r, 2), -ENOENT);
	assert_int_equal(raft_transfer(h.r, 0), 0); /* R66: to a voter */
	assert_int_equal(raft_get_transfer(h.r), 3);
	hand_fini(&h);
}

static void R45_the_one_with_most_of_the_log_is_chosen(void **state)
{
	struct hand h;

	(void)state;
	led(&h);
	assert_int_equal(raft_transfer(h.r, 1), -EALREADY);
	assert_int_equal(raft_transfer(h.r, 4), -ENOENT);
	assert_int_equal(hand_propose(&h), 0);
	assert_int_equal(hand_ack(&h, 3, 6), 0);
	hand_tick(&h, 1);
	assert_int_equal(raft_transfer(h.r, 0), 0);
	assert_int_equal(raft_get_transfer(h.r), 3);
	assert_int_equal(raft_transfer(h.r, 3), 0);
	assert_int_equal(raft_transfer(h.r, 2), -EBUSY);
	hand_fini(&h);

	led(&h); /* the one that is silent has most, and is not asked */
	for (uint32_t us = 0; us <= HAND_ELECTION_US; us += HAND_HEARTBEAT_US) {
		hand_tick(&h, HAND_HEARTBEAT_US);
		assert_int_equal(hand_echo(&h, 2, 5, h.r->reads.seq), 0);
	}
	assert_int_equal(raft_transfer(h.r, 3), -EHOSTUNREACH);
	assert_int_equal(raft_transfer(h.r, 0), 0);
	assert_int_equal(raft_get_transfer(h.r), 2);
	hand_fini(&h);

	led(&h); /* of two that have as much, the one that was heard later: 2 may be gone */
	hand_tick(&h, HAND_HEARTBEAT_US);
	hand_tick(&h, HAND_HEARTBEAT_US);
	assert_int_equal(hand_echo(&h, 3, 5, h.r->reads.seq), 0);
	hand_tick(&h, 1);
	assert_int_equal(raft_transfer(h.r, 0), 0);
	assert_int_equal(raft_get_transfer(h.r), 3);
	hand_fini(&h);

	led(&h); /* as lately, too: the one that is to lead rather than others */
	hand_prefer(&h, 3, 10);
	hand_tick(&h, 1);
	assert_int_equal(raft_transfer(h.r, 0), 0);
	assert_int_equal(raft_get_transfer(h.r), 3);
	hand_fini(&h);

	led(&h); /* which may be gone */
	hand_prefer(&h, 3, 10);
	hand_tick(&h, HAND_HEARTBEAT_US);
	hand_tick(&h, HAND_HEARTBEAT_US);
	assert_int_equal(hand_echo(&h, 2, 5, h.r->reads.seq), 0);
	hand_tick(&h, 1);
	assert_int_equal(raft_transfer(h.r, 0), 0);
	assert_int_equal(raft_get_transfer(h.r), 2);
	hand_fini(&h);

	follows(&h, 1);
	assert_int_equal(raft_transfer(h.r, 0), -EREMOTE);
	hand_fini(&h);
}

static void R44_who_is_told_stands_at_once_and_says_why(void **state)
{
	struct hand h;

	(void)state;
	follows(&h, 7);
	assert_int_equal(timeout_now(&h, 2, 3, 7), 0);
	assert_int_equal(raft_get_role(h.r), RAFT_CANDIDATE);
	assert_int_equal(raft_get_term(h.r), 4);
	assert_int_equal(timeout_now(&h, 2, 3, 7), -ESTALE); /* sent again */
	assert_int_equal(raft_get_term(h.r), 4);
	hand_persist(&h);
	for (raft_id id = 2; id <= 3; id++)
		assert_true(hand_sent(&h, RAFT_MESSAGE_VOTE, id)->vote.transfer);
	/* It was not elected: the next time it asks, as all do. */
	hand_tick(&h, 0);
	hand_tick(&h, 4 * HAND_ELECTION_US);
	assert_int_equal(raft_get_role(h.r), RAFT_PRECANDIDATE);
	hand_prevote(&h, 3);
	hand_forget(&h);
	hand_persist(&h);
	assert_false(hand_sent(&h, RAFT_MESSAGE_VOTE, 3)->vote.transfer);
	hand_fini(&h);
}

/* By its token, its term and its sender; nor does it depose anybody. */
static void R44_a_timeout_now_that_comes_late_is_refused(void **state)
{
	struct hand h;

	(void)state;
	follows(&h, 7);
	assert_int_equal(timeout_now(&h, 2, 3, 6), -ESTALE);
	assert_int_equal(timeout_now(&h, 2, 2, 9), -ESTALE);
	assert_int_equal(timeout_now(&h, 3, 3, 9), -EPROTO);
	assert_int_equal(raft_get_role(h.r), RAFT_FOLLOWER);
	assert_int_equal(raft_get_term(h.r), 3);
	assert_int_equal(raft_leader(h.r), 2);
	hand_fini(&h);
}

/* Of a leader that was not heard yet, for frames overtake each other: it tells the term. */
static void R44_a_timeout_now_before_the_first_append_is_no_second_leader(void **state)
{
	struct hand h;

	(void)state;
	follows(&h, 7);
	assert_int_equal(timeout_now(&h, 3, 4, 9), 0);
	assert_int_equal(raft_get_role(h.r), RAFT_FOLLOWER);
	assert_int_equal(raft_get_term(h.r), 4);
	assert_int_equal(timeout_now(&h, 3, 4, 9), -ESTALE);
	assert_int_equal(raft_get_role(h.r), RAFT_FOLLOWER);
	hand_fini(&h);
}

/* R63, D8, D9c: it could not keep its vote, or must not stand. */
static void R63_who_may_not_campaign_does_not_for_being_told(void **state)
{
	struct hand h;

	(void)state;
	follows(&h, 7);
	raft_disk_stalled(h.r, true);
	assert_int_equal(timeout_now(&h, 2, 3, 7), 0);
	assert_int_equal(raft_get_role(h.r), RAFT_FOLLOWER);
	raft_disk_stalled(h.r, false);
	h.r->start_confirmed = false;
	assert_int_equal(timeout_now(&h, 2, 3, 7), 0);
	assert_int_equal(raft_get_term(h.r), 3);
	h.r->start_confirmed = true;
	assert_int_equal(timeout_now(&h, 2, 3, 7), 0);
	assert_int_equal(raft_get_term(h.r), 4);
	hand_fini(&h);

	struct hand_options fresh = three; /* its term is not durable yet */
	hand_init(&h, fresh);
	assert_int_equal(hand_append(&h, 2, 3, 4, 2, "", 0), 0);
	assert_int_equal(timeout_now(&h, 2, 3, 0), 0);
	assert_int_equal(raft_get_term(h.r), 3);
	hand_fini(&h);
}

/* Who hears the leader, and the leader itself, vote for the one that it wants; once, as ever. */
static void R44_who_hears_the_leader_votes_for_the_one_that_it_wants(void **state)
{
	struct hand h;

	(void)state;
	for (int leads = 0; leads < 2; leads++) {
		if (leads)
			led(&h);
		else
			follows(&h, 7);
		struct raft_message m = hand_message(&h, RAFT_MESSAGE_VOTE, 3, 4);
		m.vote.last_index = 9;
		m.vote.last_term = 3;
		assert_int_equal(hand_recv(&h, &m), -EBUSY);
		assert_int_equal(raft_get_term(h.r), 3);
		m.vote.transfer = true;
		assert_int_equal(hand_recv(&h, &m), 0);
		hand_persist(&h);
		assert_true(hand_voted(&h, 3));
		assert_int_equal(raft_get_role(h.r), RAFT_FOLLOWER);
		m = hand_message(&h, RAFT_MESSAGE_VOTE, 2, 4);
		m.vote = (struct raft_vote){.last_index = 9, .last_term = 3, .transfer = true};
		assert_int_equal(hand_recv(&h, &m), 0);
		assert_false(hand_voted(&h, 2)); /* R22 */
		hand_fini(&h);
	}
}

/* R46: what it said when it stepped down is of its term, and it follows whoever comes. */
static void R46_a_leader_whose_disk_hangs_names_the_next_one(void **state)
{
	struct hand h;

	(void)state;
	led(&h);
	assert_int_equal(hand_propose(&h), 0);
	for (raft_id id = 2; id <= 3; id++)
		assert_int_equal(hand_ack(&h, id, 6), 0);
	assert_int_equal(raft_commit(h.r), 6);
	hand_tick(&h, 1);
	assert_int_equal(raft_get_role(h.r), RAFT_LEADER);
	raft_disk_stalled(h.r, true);
	hand_tick(&h, 1);
	assert_int_equal(raft_get_role(h.r), RAFT_FOLLOWER);
	assert_int_equal(raft_leader(h.r), 0);
	assert_int_equal(told(&h, 2) + told(&h, 3), 1);
	assert_int_equal(hand_propose(&h), -EREMOTE);
	hand_fini(&h);
}

/* V5: where all disks are slow, another leader is no better. */
static void R46_V5_where_the_others_are_as_slow_it_goes_on(void **state)
{
	struct hand h;

	(void)state;
	led(&h);
	assert_int_equal(hand_propose(&h), 0);
	for (raft_id id = 2; id <= 3; id++) {
		assert_int_equal(hand_ack(&h, id, 6), 0);
		hand_peer(&h, id)->srtt_us = HAND_ELECTION_US / 2;
	}
	raft_disk_stalled(h.r, true);
	hand_peer(&h, 2)->sample_acked = hand_peer(&h, 3)->sample_acked = false;
	hand_tick(&h, 1);
	assert_int_equal(raft_get_role(h.r), RAFT_LEADER);
	hand_peer(&h, 2)->srtt_us--;
	hand_peer(&h, 3)->srtt_us--;
	assert_int_equal(hand_ack(&h, 2, 6), 0);
	hand_tick(&h, 1);
	assert_int_equal(raft_get_role(h.r), RAFT_FOLLOWER);
	hand_fini(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(R45_who_is_behind_gets_the_rest_before_it_is_told),
		cmocka_unit_test(R45_one_that_does_not_stand_is_told_again_and_then_given_up),
		cmocka_unit_test(R45_a_leader_of_a_moment_ago_did_not_hear_everybody_yet),
		cmocka_unit_test(R45_one_that_lost_its_log_meanwhile_is_not_waited_for),
		cmocka_unit_test(R45_one_that_said_that_it_leads_no_more_is_not_asked),
		cmocka_unit_test(R45_one_that_leads_no_more_says_so),
		cmocka_unit_test(W21_who_leads_without_a_state_hands_over),
		cmocka_unit_test(W21_who_hands_over_to_nobody_gives_up),
		cmocka_unit_test(R45_one_that_is_no_voter_any_more_is_not_waited_for),
		cmocka_unit_test(R45_the_one_with_most_of_the_log_is_chosen),
		cmocka_unit_test(R44_who_is_told_stands_at_once_and_says_why),
		cmocka_unit_test(R44_a_timeout_now_that_comes_late_is_refused),
		cmocka_unit_test(R44_a_timeout_now_before_the_first_append_is_no_second_leader),
		cmocka_unit_test(R63_who_may_not_campaign_does_not_for_being_told),
		cmocka_unit_test(R44_who_hears_the_leader_votes_for_the_one_that_it_wants),
		cmocka_unit_test(R46_a_leader_whose_disk_hangs_names_the_next_one),
		cmocka_unit_test(R46_V5_where_the_others_are_as_slow_it_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
