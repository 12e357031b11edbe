/*
 * A member that lost what it had acknowledged, and its leader's view of it (D9c, W24).
 */
#include "tests/unit/raft/hand.h"

#include <errno.h>

static void W24_a_member_that_lost_its_end_takes_part_in_no_election(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "1", .term = 1, .lost = true});
	for (int i = 0; i < 5; i++)
		hand_tick(&h, 2 * HAND_ELECTION_US);
	assert_int_equal(raft_get_role(h.r), RAFT_FOLLOWER);
	assert_int_equal(raft_get_term(h.r), 1);
	assert_int_equal(hand_vote_ask(&h, 2, 2), 0);
	assert_null(hand_sent(&h, RAFT_MESSAGE_VOTE_REPLY, 2));
	assert_int_equal(h.hard.vote, 0);
	hand_fini(&h);
}

/*
 * It is sent entries, says so in each answer, asks for a read index, and is whole when it has that.
 */
static void W24_it_is_whole_when_it_has_what_was_committed(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "1", .term = 1, .lost = true});
	assert_int_equal(hand_append(&h, 2, 2, 1, 1, "12", 0), 0);
	hand_persist(&h);
	const struct raft_message *m = hand_sent(&h, RAFT_MESSAGE_APPEND_REPLY, 2);
	assert_true(m && m->append_reply.accepted);
	assert_true(m->append_reply.lost);
	hand_tick(&h, HAND_HEARTBEAT_US);
	m = hand_sent(&h, RAFT_MESSAGE_READ, 2);
	assert_non_null(m);
	struct raft_message reply = hand_message(&h, RAFT_MESSAGE_READ_REPLY, 2, 2);
	reply.read_reply.context = m->read.context + 1;
	reply.read_reply.index = 1;
	assert_int_equal(hand_recv(&h, &reply), 0); /* not its question */
	assert_int_equal(h.r->lost.target, 0);
	reply.read_reply.context = m->read.context;
	reply.read_reply.index = 4;
	assert_int_equal(hand_recv(&h, &reply), 0);
	assert_int_equal(hand_append(&h, 2, 2, 3, 2, "", 3), 0);
	hand_persist(&h);
	assert_int_equal(h.whole, 0); /* 4 is missing */
	assert_int_equal(hand_append(&h, 2, 2, 3, 2, "2", 4), 0);
	assert_int_equal(h.whole, 0); /* not on its disk yet */
	hand_persist(&h);
	assert_int_equal(h.whole, 1);
	assert_int_equal(hand_vote_ask(&h, 3, 3), 0);
	assert_true(hand_voted(&h, 3));
	hand_fini(&h);
}

/*
 * Its vote may have been for one that lacks what is committed; that leader is told to go, and the
 * term is durable, for the next start would not know that the vote was given in ignorance.
 */
static void V15_who_is_found_out_after_it_voted_leaves_that_term(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "1", .term = 1});
	assert_int_equal(hand_vote_ask(&h, 2, 2), 0);
	assert_true(hand_voted(&h, 2));
	assert_int_equal(hand_append(&h, 2, 2, 1, 1, "2", 0), 0);
	hand_persist(&h);
	struct raft_message m = hand_told(&h, 3, hand_start(1, 9), 0, 0);
	assert_int_equal(hand_recv(&h, &m), 0);
	raft_restarted(h.r, hand_start(1, 10));
	hand_persist(&h);
	assert_int_equal(h.hard.term, 3);
	assert_int_equal(h.hard.vote, 1);
	hand_forget(&h);
	assert_int_equal(hand_append(&h, 2, 2, 2, 2, "", 0), -ESTALE);
	hand_persist(&h);
	assert_int_equal(hand_sent(&h, RAFT_MESSAGE_APPEND_REPLY, 2)->term, 3);
	hand_fini(&h);
}

/* Another one, elected without its vote, proves what was committed. */
static void V15_a_leader_that_it_did_not_vote_for_makes_it_whole(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "1", .term = 1});
	assert_int_equal(hand_vote_ask(&h, 2, 2), 0);
	assert_true(hand_voted(&h, 2));
	assert_int_equal(hand_append(&h, 3, 2, 1, 1, "2", 0), 0);
	hand_persist(&h);
	struct raft_message m = hand_told(&h, 2, hand_start(1, 9), 0, 0);
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(h.lost, 1);
	raft_restarted(h.r, hand_start(1, 10));
	hand_persist(&h);
	assert_int_equal(h.hard.term, 2);
	hand_tick(&h, HAND_HEARTBEAT_US);
	assert_non_null(hand_sent(&h, RAFT_MESSAGE_READ, 3));
	hand_fini(&h);
}

/* A witness was in term 7: it may have had this member's vote there. */
static void V15_votes_that_may_be_forgotten_are_not_given_again(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "1", .term = 1});
	struct raft_message m = hand_told(&h, 3, hand_start(1, 9), 0, 0);
	m.term = 7;
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(raft_get_term(h.r), 7);
	raft_restarted(h.r, hand_start(1, 10));
	/* A leader of before does not make it whole. */
	assert_int_equal(hand_append(&h, 2, 2, 1, 1, "2", 2), -ESTALE);
	assert_int_equal(hand_append(&h, 2, 7, 1, 1, "7", 2), 0);
	hand_persist(&h);
	hand_tick(&h, HAND_HEARTBEAT_US);
	const struct raft_message *read = hand_sent(&h, RAFT_MESSAGE_READ, 2);
	assert_non_null(read);
	m = hand_message(&h, RAFT_MESSAGE_READ_REPLY, 2, 7);
	m.read_reply.context = read->read.context;
	m.read_reply.index = 2;
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(h.whole, 1);
	assert_int_equal(hand_vote_ask(&h, 3, 7), 0);
	assert_false(hand_voted(&h, 3));
	assert_int_equal(hand_vote_ask(&h, 3, 8), 0);
	assert_true(hand_voted(&h, 3));
	hand_fini(&h);
}

/* A leader does not count what a member acknowledges that lost what it had. */
static void W24_a_leader_does_not_count_it(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3});
	hand_elect(&h);
	struct raft_message m = hand_message(&h, RAFT_MESSAGE_APPEND_REPLY, 2, 1);
	m.append_reply = (struct raft_append_reply){
		.accepted = true, .lost = true, .match = 1, .read_seq = h.r->reads.seq};
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(h.r->commit, 0);
	assert_int_equal(hand_peer(&h, 2)->match, 1); /* it steers what is sent */
	/* Nor does its echo confirm a read. */
	assert_int_equal(hand_ack(&h, 3, 1), 0);
	assert_int_equal(h.r->commit, 1);
	assert_int_equal(raft_read_index(h.r, 5), 0);
	hand_take(&h);
	m.append_reply.read_seq = h.r->reads.seq;
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(h.read_count, 0);
	/* Whole again: what it holds counts at once. */
	m.append_reply.lost = false;
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(h.read_count, 1);
	hand_fini(&h);
}

/* An acknowledgement from before the loss is void, and its entries are sent again. */
static void W24_what_it_acknowledged_before_is_void(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 5, .terms = "111", .term = 1});
	hand_elect(&h);
	assert_int_equal(hand_ack(&h, 2, 4), 0);
	assert_int_equal(hand_peer(&h, 2)->match, 4);
	hand_forget(&h);
	struct raft_message m = hand_message(&h, RAFT_MESSAGE_APPEND_REPLY, 2, 2);
	m.start = hand_start(2, 2);
	m.append_reply = (struct raft_append_reply){
		.lost = true, .match = 1, .match_term = 1, .prev_index = 4};
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(hand_peer(&h, 2)->match, 0);
	assert_int_equal(hand_ack(&h, 3, 4), 0);
	assert_int_equal(h.r->commit, 0); /* with 2's it would be three of five */
	hand_fini(&h);
}

/* Its new start shows in any frame; what the former one acknowledged may be gone. */
static void W24_what_an_earlier_start_acknowledged_does_not_count(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 5, .terms = "111", .term = 1});
	hand_elect(&h);
	assert_int_equal(hand_ack(&h, 2, 4), 0);
	struct raft_message m = hand_message(&h, RAFT_MESSAGE_START, 2, 0);
	m.start = hand_start(2, 2);
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(hand_peer(&h, 2)->match, 0);
	assert_int_equal(hand_ack(&h, 3, 4), 0);
	assert_int_equal(h.r->commit, 0);
	hand_fini(&h);
}

/* The answer may take longer than the next time that the question is due. */
static void W24_a_late_answer_is_an_answer(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "1", .term = 1, .lost = true});
	assert_int_equal(hand_append(&h, 2, 2, 1, 1, "2", 1), 0);
	hand_persist(&h);
	hand_tick(&h, HAND_HEARTBEAT_US);
	const struct raft_message *read = hand_sent(&h, RAFT_MESSAGE_READ, 2);
	assert_non_null(read);
	struct raft_message reply = hand_message(&h, RAFT_MESSAGE_READ_REPLY, 2, 2);
	reply.read_reply.context = read->read.context;
	reply.read_reply.index = 1;
	hand_tick(&h, HAND_HEARTBEAT_US);
	hand_tick(&h, HAND_HEARTBEAT_US);
	assert_int_equal(hand_recv(&h, &reply), 0);
	assert_int_equal(h.whole, 1);
	hand_fini(&h);
}

/* A witness finds it out whatever it is; what is to be handed out says the newest start told of. */
static void D9c_whoever_is_told_of_a_loss_follows(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3});
	hand_elect(&h);
	h.quiet = true;
	for (uint32_t i = 0; i < 3; i++)
		raft_lost_begin(h.r, hand_start(1, i == 1 ? 9 : 5));
	raft_changed(h.r);
	assert_int_equal(raft_get_role(h.r), RAFT_FOLLOWER);
	assert_int_equal(raft_leader(h.r), 0);
	h.quiet = false;
	hand_take(&h);
	assert_int_equal(h.lost, 1);
	assert_true(h.lost_known == hand_start(1, 9));
	hand_fini(&h);
}

/* It voted in the last term that there is: it stays, for there is none to leave it for. */
static void the_last_term_is_not_left(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .term = RAFT_TERM_MAX, .vote = 2});
	h.r->lost.voted_term = RAFT_TERM_MAX;
	raft_lost_begin(h.r, hand_start(1, 2));
	assert_true(raft_get_term(h.r) == RAFT_TERM_MAX);
	hand_fini(&h);
	/* Nor is it led by one that lost something. */
	hand_init(&h, (struct hand_options){.nodes = 3, .term = RAFT_TERM_MAX - 1});
	hand_elect(&h);
	raft_lost_begin(h.r, hand_start(1, 2));
	assert_int_equal(raft_get_role(h.r), RAFT_FOLLOWER);
	hand_fini(&h);
}

/* A new loss is on the disk at once, however lately it was told of one that is over. */
static void D9c_a_new_loss_waits_for_nothing(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3});
	h.r->lost.told_us = h.now_us + 1000000;
	raft_lost_begin(h.r, hand_start(1, 2));
	raft_changed(h.r);
	hand_take(&h);
	assert_int_equal(h.lost, 1);
	hand_fini(&h);
}

/* All is there again, but the sign of it not yet on the disk; or it was told of it lately. */
static void V28_no_loss_is_over_before_its_sign_is_durable(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "1", .term = 1, .lost = true});
	assert_int_equal(hand_append(&h, 2, 1, 1, 1, "", 1), 0);
	h.r->lost.asked_term = 1;
	h.r->lost.target = 1;
	h.r->lost.told = true;
	raft_lost_end_try(h.r);
	assert_true(h.r->lost.is);
	h.r->lost.told = false;
	h.r->lost.times = 2;
	h.r->lost.told_us = h.now_us + 1;
	raft_lost_end_try(h.r);
	assert_true(h.r->lost.is);
	hand_tick(&h, 1);
	assert_int_equal(h.whole, 1);
	/* What an old witness tells of from before is no loss any more. */
	struct raft_message m = hand_told(&h, 3, h.r->start, 1, 9);
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_false(h.r->lost.is);
	hand_fini(&h);
}

/* What it acknowledged in a later term says nothing of what it held in an earlier one. */
static void V15_a_later_acknowledgement_hides_no_earlier_loss(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "1", .term = 1});
	assert_int_equal(hand_append(&h, 2, 3, 1, 1, "3333", 0), 0);
	hand_persist(&h);
	struct raft_message m = hand_told(&h, 2, h.r->start, 3, 5);
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_false(h.r->lost.is);
	m = hand_told(&h, 2, h.r->start, 2, 4);
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_true(h.r->lost.is);
	hand_fini(&h);

	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "1", .term = 1});
	assert_int_equal(hand_append(&h, 2, 3, 1, 1, "3333", 0), 0);
	hand_persist(&h);
	m = hand_told(&h, 2, h.r->start, 3, 6); /* nor less of the same one */
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_true(h.r->lost.is);
	hand_fini(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(W24_a_member_that_lost_its_end_takes_part_in_no_election),
		cmocka_unit_test(W24_it_is_whole_when_it_has_what_was_committed),
		cmocka_unit_test(V15_who_is_found_out_after_it_voted_leaves_that_term),
		cmocka_unit_test(V15_a_leader_that_it_did_not_vote_for_makes_it_whole),
		cmocka_unit_test(V15_votes_that_may_be_forgotten_are_not_given_again),
		cmocka_unit_test(W24_a_leader_does_not_count_it),
		cmocka_unit_test(W24_what_it_acknowledged_before_is_void),
		cmocka_unit_test(W24_what_an_earlier_start_acknowledged_does_not_count),
		cmocka_unit_test(W24_a_late_answer_is_an_answer),
		cmocka_unit_test(D9c_whoever_is_told_of_a_loss_follows),
		cmocka_unit_test(the_last_term_is_not_left),
		cmocka_unit_test(D9c_a_new_loss_waits_for_nothing),
		cmocka_unit_test(V15_a_later_acknowledgement_hides_no_earlier_loss),
		cmocka_unit_test(V28_no_loss_is_over_before_its_sign_is_durable),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
