/*
 * What comes before an election, and what prevents one: PreVote, stickiness, CheckQuorum.
 */
#include "tests/unit/raft/hand.h"

static const struct hand_options three = {
	.nodes = 3, .terms = "1122", .term = 2, .pre_vote = true, .check_quorum = true};

static int ask(struct hand *h, enum raft_message_type type, raft_id from, raft_term term,
	       raft_index last, raft_term last_term)
{
	struct raft_message m = hand_message(h, type, from, term);

	m.vote.last_index = last;
	m.vote.last_term = last_term;
	return hand_recv(h, &m);
}

static void silence(struct hand *h)
{
	hand_tick(h, 0);
	hand_tick(h, HAND_ELECTION_US - 1);
	hand_tick(h, 1);
	hand_forget(h);
}

/* Thesis 9.6: its own term stays until a majority would elect it; nothing is written. */
static void a_timeout_asks_before_it_stands(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, three);
	hand_tick(&h, 0);
	hand_tick(&h, 2 * HAND_ELECTION_US);
	assert_int_equal(raft_get_role(h.r), RAFT_PRECANDIDATE);
	assert_int_equal(raft_get_term(h.r), 2);
	assert_int_equal(h.seq, 0);
	for (raft_id id = 2; id <= 3; id++) {
		const struct raft_message *m = hand_sent(&h, RAFT_MESSAGE_PREVOTE, id);
		assert_non_null(m);
		assert_int_equal(m->term, 3);
		assert_int_equal(m->vote.last_index, 4);
		assert_int_equal(m->vote.last_term, 2);
	}
	for (int i = 0; i < 20; i++)
		hand_tick(&h, 2 * HAND_ELECTION_US); /* alone for ever: the term stays */
	assert_int_equal(raft_get_term(h.r), 2);
	assert_int_equal(hand_prevote(&h, 3), 0);
	assert_int_equal(raft_get_role(h.r), RAFT_CANDIDATE);
	assert_int_equal(raft_get_term(h.r), 3);
	hand_persist(&h);
	assert_false(hand_sent(&h, RAFT_MESSAGE_VOTE, 2)->vote.transfer);
	hand_fini(&h);
}

static void a_grant_of_another_term_or_unasked_counts_for_nothing(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, three);
	struct raft_message m = hand_message(&h, RAFT_MESSAGE_PREVOTE_REPLY, 2, 3);
	m.vote_reply.granted = true;
	assert_int_equal(hand_recv(&h, &m), -ESTALE); /* it has not asked */
	hand_tick(&h, 0);
	hand_tick(&h, 2 * HAND_ELECTION_US);
	m.term = 2;
	assert_int_equal(hand_recv(&h, &m), -ESTALE);
	m.term = 4;
	assert_int_equal(hand_recv(&h, &m), -ESTALE);
	assert_int_equal(raft_get_role(h.r), RAFT_PRECANDIDATE);
	assert_int_equal(raft_get_term(h.r), 2);
	m.vote_reply.granted = false; /* R54: who refuses is in a later term */
	assert_int_equal(hand_recv(&h, &m), -ESTALE);
	assert_int_equal(raft_get_role(h.r), RAFT_FOLLOWER);
	assert_int_equal(raft_get_term(h.r), 4);
	hand_fini(&h);
}

/* R24: the term of the question, of a grant; its own, of a refusal. Nothing of it changes. */
static void R24_a_prevote_is_answered_in_its_term(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, three);
	silence(&h);
	assert_int_equal(ask(&h, RAFT_MESSAGE_PREVOTE, 2, 7, 4, 2), 0);
	const struct raft_message *m = hand_sent(&h, RAFT_MESSAGE_PREVOTE_REPLY, 2);
	assert_non_null(m);
	assert_true(m->vote_reply.granted);
	assert_int_equal(m->term, 7);
	hand_forget(&h);
	assert_int_equal(ask(&h, RAFT_MESSAGE_PREVOTE, 3, 7, 3, 2), 0); /* it lacks an entry */
	m = hand_sent(&h, RAFT_MESSAGE_PREVOTE_REPLY, 3);
	assert_false(m->vote_reply.granted);
	assert_int_equal(m->term, 2);
	hand_forget(&h);
	assert_int_equal(ask(&h, RAFT_MESSAGE_PREVOTE, 2, 2, 9, 1), -ESTALE); /* it is behind */
	m = hand_sent(&h, RAFT_MESSAGE_PREVOTE_REPLY, 2);
	assert_false(m->vote_reply.granted);
	assert_int_equal(m->term, 2);
	assert_int_equal(raft_get_term(h.r), 2);
	assert_int_equal(h.seq, 0);
	hand_fini(&h);
}

/* Thesis 4.2.3: whoever hears a leader elects no other, and does not adopt the term. */
static void R30_who_hears_a_leader_elects_no_other(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, three);
	silence(&h);
	assert_int_equal(hand_append(&h, 2, 2, 4, 2, "", 4), 0);
	assert_int_equal(ask(&h, RAFT_MESSAGE_PREVOTE, 3, 3, 9, 2), -EBUSY);
	assert_int_equal(ask(&h, RAFT_MESSAGE_VOTE, 3, 3, 9, 2), -EBUSY);
	hand_tick(&h, 0);
	hand_tick(&h, HAND_ELECTION_US - 1);
	assert_int_equal(ask(&h, RAFT_MESSAGE_VOTE, 3, 3, 9, 2), -EBUSY);
	assert_int_equal(raft_get_term(h.r), 2);
	assert_int_equal(raft_leader(h.r), 2);
	hand_forget(&h);
	hand_tick(&h, 1);
	assert_int_equal(ask(&h, RAFT_MESSAGE_VOTE, 3, 3, 9, 2), 0);
	hand_persist(&h);
	assert_true(hand_voted(&h, 3));
	hand_fini(&h);
}

/* It may have heard one before it crashed, and have promised so. */
static void R44_who_was_just_started_elects_nobody_yet(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, three);
	assert_int_equal(ask(&h, RAFT_MESSAGE_VOTE, 3, 3, 9, 2), -EBUSY);
	silence(&h);
	assert_int_equal(ask(&h, RAFT_MESSAGE_VOTE, 3, 3, 9, 2), 0);
	hand_fini(&h);
}

/* R64: a leader that nobody answers, whatever it hears besides; one that is answered leads on. */
static void R64_a_leader_steps_down_when_no_majority_answers(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, three);
	hand_elect(&h);
	for (int i = 0; i < 20; i++) {
		hand_tick(&h, HAND_HEARTBEAT_US);
		assert_int_equal(hand_echo(&h, 2, 4, h.r->reads.seq), 0);
	}
	assert_int_equal(raft_get_role(h.r), RAFT_LEADER);
	hand_tick(&h, HAND_HEARTBEAT_US); /* a round that nobody answers */
	assert_int_equal(ask(&h, RAFT_MESSAGE_PREVOTE, 3, 9, 9, 3), -EBUSY);
	hand_tick(&h, HAND_ELECTION_US - 1);
	assert_int_equal(hand_echo(&h, 3, 4, h.r->reads.seq - 1), 0); /* of an older round */
	assert_int_equal(raft_get_role(h.r), RAFT_LEADER);
	assert_false(raft_election_due(h.r, h.now_us));
	assert_true(raft_election_due(h.r, h.now_us + 1));
	hand_tick(&h, 1);
	assert_int_equal(raft_get_role(h.r), RAFT_FOLLOWER);
	assert_int_equal(raft_leader(h.r), 0);
	assert_int_equal(raft_get_term(h.r), 3);
	assert_int_equal(h.r->quorum_lost, 1);
	hand_fini(&h);
}

/* R47: paused for long, it leads on if the answers of its last round are in its mail. */
static void R47_a_leader_that_slept_reads_its_mail(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, three);
	hand_elect(&h);
	hand_tick(&h, HAND_HEARTBEAT_US);
	assert_int_equal(hand_echo(&h, 2, 4, h.r->reads.seq), 0);
	hand_tick(&h, HAND_HEARTBEAT_US);
	h.now_us += 100 * HAND_ELECTION_US;
	assert_true(raft_election_due(h.r, h.now_us));
	assert_int_equal(hand_echo(&h, 2, 4, h.r->reads.seq), 0);
	assert_false(raft_election_due(h.r, h.now_us));
	hand_tick(&h, 0);
	assert_int_equal(raft_get_role(h.r), RAFT_LEADER);
	hand_fini(&h);
}

/* R51: nothing makes it stand, and whoever stands has its vote. */
static void R51_who_is_unfit_stands_for_nothing(void **state)
{
	struct raft_message now;
	struct hand h;

	(void)state;
	hand_init(&h, three);
	raft_unfit(h.r);
	for (int i = 0; i < 10; i++)
		hand_tick(&h, 2 * HAND_ELECTION_US);
	assert_int_equal(hand_sent_count(&h, RAFT_MESSAGE_PREVOTE, 2), 0);
	assert_int_equal(hand_append(&h, 2, 2, 4, 2, "2", 4), 0);
	hand_persist(&h);
	assert_int_equal(hand_sent(&h, RAFT_MESSAGE_APPEND_REPLY, 2)->append_reply.match, 5);
	now = hand_message(&h, RAFT_MESSAGE_TIMEOUT_NOW, 2, 2);
	(void)hand_recv(&h, &now);
	assert_int_equal(raft_get_role(h.r), RAFT_FOLLOWER);
	assert_int_equal(raft_get_term(h.r), 2);
	silence(&h);
	hand_tick(&h, 2 * HAND_ELECTION_US);
	assert_int_equal(hand_vote_ask(&h, 3, 3), 0);
	assert_true(hand_voted(&h, 3));
	hand_fini(&h);
}

/* W21: two such members of three elect no third one whose log is behind theirs. */
static void W21_who_has_no_state_stands_when_nobody_has_led_for_long(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, three);
	raft_apply_hold(h.r, true);
	hand_tick(&h, 0);
	for (int heard = 0; heard < 2; heard++) {
		for (int i = 0; i < 7; i++)
			hand_tick(&h, 2 * HAND_ELECTION_US);
		assert_int_equal(hand_sent_count(&h, RAFT_MESSAGE_PREVOTE, 2), 0);
		if (heard)
			break;
		assert_int_equal(hand_append(&h, 2, 2, 4, 2, "2", 4), 0);
		hand_persist(&h);
		assert_int_equal(hand_sent(&h, RAFT_MESSAGE_APPEND_REPLY, 2)->append_reply.priority,
				 0);
		hand_tick(&h, 0);
	}
	hand_tick(&h, 2 * HAND_ELECTION_US);
	assert_int_equal(hand_sent_count(&h, RAFT_MESSAGE_PREVOTE, 2), 1);
	assert_int_equal(hand_prevote(&h, 3), 0);
	assert_int_equal(raft_get_role(h.r), RAFT_CANDIDATE);
	hand_fini(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_timeout_asks_before_it_stands),
		cmocka_unit_test(a_grant_of_another_term_or_unasked_counts_for_nothing),
		cmocka_unit_test(R24_a_prevote_is_answered_in_its_term),
		cmocka_unit_test(R30_who_hears_a_leader_elects_no_other),
		cmocka_unit_test(R44_who_was_just_started_elects_nobody_yet),
		cmocka_unit_test(R64_a_leader_steps_down_when_no_majority_answers),
		cmocka_unit_test(R51_who_is_unfit_stands_for_nothing),
		cmocka_unit_test(W21_who_has_no_state_stands_when_nobody_has_led_for_long),
		cmocka_unit_test(R47_a_leader_that_slept_reads_its_mail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
