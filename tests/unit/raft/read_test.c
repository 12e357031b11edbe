/*
 * Linearizable reads: ReadIndex (thesis 6.4).
 */
#include "tests/unit/raft/hand.h"

static void lead(struct hand *h, uint32_t nodes)
{
	hand_init(h, (struct hand_options){.nodes = nodes});
	hand_elect(h);
	for (raft_id id = 2; id <= nodes; id++)
		assert_int_equal(hand_ack(h, id, 1), 0);
	assert_int_equal(h->r->commit, 1);
	hand_forget(h);
}

static int read_ask(struct hand *h, uint64_t context)
{
	int err = raft_read_index(h->r, context);

	hand_take(h);
	return err;
}

static void R40_no_read_before_the_first_commit_of_the_term(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "11", .term = 1});
	assert_int_equal(read_ask(&h, 1), -EREMOTE);
	hand_elect(&h);
	assert_int_equal(read_ask(&h, 1), -EAGAIN);
	struct raft_message m = hand_message(&h, RAFT_MESSAGE_READ, 2, 2);
	m.read.context = 77;
	assert_int_equal(hand_recv(&h, &m), 0);
	const struct raft_message *reply = hand_sent(&h, RAFT_MESSAGE_READ_REPLY, 2);
	assert_non_null(reply);
	assert_int_equal(reply->read_reply.context, 77);
	assert_int_equal(reply->read_reply.index, 0);
	assert_int_equal(hand_ack(&h, 2, 2), 0); /* a majority of an older term: still not */
	assert_int_equal(read_ask(&h, 1), -EAGAIN);
	assert_int_equal(hand_ack(&h, 2, 3), 0);
	assert_int_equal(read_ask(&h, 1), 0);
	hand_fini(&h);
}

static void R41_only_answers_to_later_appends_confirm(void **state)
{
	struct hand h;

	(void)state;
	lead(&h, 3);
	assert_int_equal(read_ask(&h, 1), 0);
	assert_int_equal(hand_sent(&h, RAFT_MESSAGE_APPEND, 2)->append.read_seq, 1);
	assert_int_equal(hand_sent(&h, RAFT_MESSAGE_APPEND, 3)->append.read_seq, 1);
	assert_int_equal(hand_echo(&h, 2, 0, 0), 0); /* a late answer to something older */
	assert_int_equal(h.read_count, 0);
	assert_int_equal(hand_echo(&h, 2, 0, 1), 0);
	assert_int_equal(h.read_count, 1);
	assert_int_equal(h.read[0].context, 1);
	assert_int_equal(h.read[0].index, 1);
	/* The same context again, and duplicates of the old answer: no. */
	assert_int_equal(read_ask(&h, 1), 0);
	assert_int_equal(hand_echo(&h, 2, 0, 1), 0);
	assert_int_equal(hand_echo(&h, 3, 0, 1), 0);
	assert_int_equal(h.read_count, 1);
	assert_int_equal(hand_echo(&h, 3, 0, 9), -ERANGE); /* a token that was never drawn */
	assert_int_equal(h.read_count, 1);
	assert_int_equal(hand_echo(&h, 3, 0, 2), 0);
	assert_int_equal(h.read_count, 2);
	hand_fini(&h);
}

/* A read that comes while another one's round is under way must not ride on it. */
static void R41_a_round_under_way_confirms_nothing_that_came_after_it_left(void **state)
{
	struct hand h;

	(void)state;
	lead(&h, 3);
	assert_int_equal(read_ask(&h, 1), 0);
	assert_int_equal(read_ask(&h, 2), 0);
	assert_int_equal(hand_sent(&h, RAFT_MESSAGE_APPEND, 2)->append.read_seq, 2);
	assert_int_equal(hand_echo(&h, 2, 0, 1), 0);
	assert_int_equal(h.read_count, 1);
	assert_int_equal(h.read[0].context, 1);
	assert_int_equal(hand_echo(&h, 3, 0, 2), 0);
	assert_int_equal(h.read_count, 2);
	hand_fini(&h);
}

/* D9c: with fewer than a majority that count, whoever echoes, the leader may be none any more. */
static void R41_who_does_not_count_confirms_no_read(void **state)
{
	struct raft_message m;
	struct hand h;

	(void)state;
	lead(&h, 3);
	assert_int_equal(read_ask(&h, 1), 0);
	m = hand_message(&h, RAFT_MESSAGE_APPEND_REPLY, 2, raft_get_term(h.r));
	m.append_reply = (struct raft_append_reply){
		.accepted = true, .unconfirmed = true, .match = 1, .read_seq = 1};
	assert_int_equal(hand_recv(&h, &m), 0);
	m = hand_message(&h, RAFT_MESSAGE_APPEND_REPLY, 3, raft_get_term(h.r));
	m.append_reply = (struct raft_append_reply){.accepted = true, .lost = true, .read_seq = 1};
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(h.read_count, 0);
	assert_int_equal(read_ask(&h, 2), 0);
	assert_int_equal(h.read_count, 0);
	assert_int_equal(hand_echo(&h, 2, 0, 1), 0);
	assert_int_equal(h.read_count, 1);
	assert_int_equal(h.read[0].context, 1);
	hand_fini(&h);
}

static void R41_answers_of_another_term_do_not_confirm(void **state)
{
	struct hand h;

	(void)state;
	lead(&h, 3);
	assert_int_equal(read_ask(&h, 1), 0);
	struct raft_message late = hand_message(&h, RAFT_MESSAGE_APPEND_REPLY, 2, 1);
	late.append_reply.accepted = true;
	late.append_reply.read_seq = 1;
	assert_int_equal(hand_append(&h, 3, 2, 0, 0, "", 0), 0);
	assert_int_equal(h.read_count, 1);
	assert_int_equal(h.read[0].index, 0); /* deposed: refused, not forgotten */
	hand_persist(&h);
	hand_elect(&h);
	assert_int_equal(hand_ack(&h, 2, h.r->window.last), 0);
	assert_int_equal(read_ask(&h, 2), 0);
	assert_int_equal(hand_recv(&h, &late), -ESTALE);
	assert_int_equal(h.read_count, 1);
	hand_fini(&h);
}

static void a_majority_of_five_is_three(void **state)
{
	struct hand h;

	(void)state;
	lead(&h, 5);
	assert_int_equal(read_ask(&h, 1), 0);
	assert_int_equal(hand_echo(&h, 2, 0, 1), 0);
	assert_int_equal(hand_echo(&h, 2, 0, 1), 0);
	assert_int_equal(h.read_count, 0);
	assert_int_equal(hand_echo(&h, 4, 0, 1), 0);
	assert_int_equal(h.read_count, 1);
	hand_fini(&h);
}

static void one_round_serves_all_that_wait(void **state)
{
	struct hand h;

	(void)state;
	lead(&h, 3);
	for (uint64_t i = 1; i <= 10; i++)
		assert_int_equal(raft_read_index(h.r, i), 0);
	hand_take(&h);
	assert_int_equal(hand_sent_count(&h, RAFT_MESSAGE_APPEND, 2), 1);
	assert_int_equal(hand_sent(&h, RAFT_MESSAGE_APPEND, 2)->append.read_seq, 1);
	assert_int_equal(hand_echo(&h, 2, 0, 1), 0);
	assert_int_equal(h.read_count, 10);
	hand_fini(&h);
}

static void a_lost_round_is_asked_again(void **state)
{
	struct hand h;

	(void)state;
	lead(&h, 3);
	assert_int_equal(read_ask(&h, 1), 0);
	hand_forget(&h);
	assert_true(raft_deadline(h.r) <= h.now_us + HAND_HEARTBEAT_US);
	hand_tick(&h, raft_deadline(h.r) - h.now_us);
	assert_non_null(hand_sent(&h, RAFT_MESSAGE_APPEND, 2));
	assert_int_equal(hand_sent(&h, RAFT_MESSAGE_APPEND, 2)->append.read_seq, 1);
	hand_fini(&h);
}

static void a_single_node_confirms_at_once(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 1});
	hand_elect(&h);
	assert_int_equal(read_ask(&h, 5), 0);
	assert_int_equal(h.read_count, 1);
	assert_int_equal(h.read[0].index, 1);
	hand_fini(&h);
}

static void R42_a_follower_asks_and_gets_its_own_context_back(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .term = 1, .vote = 2});
	assert_int_equal(hand_append(&h, 2, 1, 0, 0, "1", 1), 0);
	assert_int_equal(read_ask(&h, 0xfeedface12345678), 0);
	const struct raft_message *m = hand_sent(&h, RAFT_MESSAGE_READ, 2);
	assert_non_null(m);
	assert_int_equal(m->read.context, 0xfeedface12345678);
	struct raft_message reply = hand_message(&h, RAFT_MESSAGE_READ_REPLY, 3, 1);
	reply.read_reply.context = 0xfeedface12345678;
	reply.read_reply.index = 1;
	assert_int_equal(hand_recv(&h, &reply), -ESTALE); /* V11: honest, of a leader that was */
	assert_int_equal(h.read_count, 0);
	reply = hand_message(&h, RAFT_MESSAGE_READ_REPLY, 2, 1);
	reply.read_reply.context = 0xfeedface12345678;
	reply.read_reply.index = 1;
	assert_int_equal(hand_recv(&h, &reply), 0);
	assert_int_equal(h.read_count, 1);
	assert_int_equal(h.read[0].context, 0xfeedface12345678);
	hand_fini(&h);
}

static void a_leader_answers_a_follower(void **state)
{
	struct hand h;

	(void)state;
	lead(&h, 3);
	struct raft_message m = hand_message(&h, RAFT_MESSAGE_READ, 3, 1);
	m.read.context = 42;
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_null(hand_sent(&h, RAFT_MESSAGE_READ_REPLY, 3));
	assert_int_equal(hand_echo(&h, 2, 0, 1), 0);
	const struct raft_message *reply = hand_sent(&h, RAFT_MESSAGE_READ_REPLY, 3);
	assert_non_null(reply);
	assert_int_equal(reply->read_reply.context, 42);
	assert_int_equal(reply->read_reply.index, 1);
	hand_fini(&h);
}

static void the_queue_is_bounded(void **state)
{
	struct hand h;

	(void)state;
	lead(&h, 3);
	for (uint64_t i = 1; i <= RAFT_READY_READS_MAX; i++)
		assert_int_equal(raft_read_index(h.r, i), 0);
	assert_int_equal(raft_read_index(h.r, 9999), -EAGAIN);
	hand_take(&h);
	/* Stepping down hands all of them back. */
	struct raft_message m = hand_message(&h, RAFT_MESSAGE_VOTE, 2, 9);
	assert_int_equal(raft_recv(h.r, &m), 0);
	assert_int_equal(h.r->reads.done_count, RAFT_READY_READS_MAX);
	hand_take(&h);
	assert_int_equal(h.r->reads.done_count, 0);
	hand_fini(&h);
}

static int ask_from(struct hand *h, raft_id from, uint64_t context)
{
	struct raft_message m = hand_message(h, RAFT_MESSAGE_READ, from, raft_get_term(h->r));

	m.read.context = context;
	return hand_recv(h, &m);
}

/* What is refused is told, and what leaves in a ready is bounded: the rest is in the next one. */
static void what_members_ask_is_bounded(void **state)
{
	/* The answers alone are more than a ready holds; with the refusals they are. */
	static const uint32_t asks[] = {RAFT_READS_PEER_MAX + 10, RAFT_READY_MESSAGES_MAX - 16};
	struct hand h;

	(void)state;
	for (uint32_t k = 0; k < 2; k++) {
		uint32_t kept = asks[k] < RAFT_READS_PEER_MAX ? asks[k] : RAFT_READS_PEER_MAX;

		lead(&h, 3);
		h.quiet = true;
		for (uint64_t i = 0; i < asks[k]; i++)
			assert_int_equal(ask_from(&h, 2, i), 0);
		assert_int_equal(h.r->reads.wait_count, kept);
		assert_int_equal(h.r->reads.refused_count, asks[k] - kept);
		while (raft_read_index(h.r, 7) == 0)
			;
		assert_int_equal(h.r->reads.wait_count, RAFT_READY_READS_MAX);
		for (uint64_t i = 0; i < RAFT_READ_REFUSALS_MAX + 1; i++)
			assert_int_equal(ask_from(&h, 3, i), 0);
		assert_int_equal(h.r->reads.wait_count, RAFT_READY_READS_MAX);
		assert_int_equal(h.r->reads.refused_count, RAFT_READ_REFUSALS_MAX);
		assert_int_equal(hand_echo(&h, 3, 0, 1), 0);
		h.quiet = false;
		hand_take(&h);
		assert_int_equal(hand_sent_count(&h, RAFT_MESSAGE_READ_REPLY, 2), asks[k]);
		assert_int_equal(hand_sent_count(&h, RAFT_MESSAGE_READ_REPLY, 3),
				 RAFT_READ_REFUSALS_MAX - (asks[k] - kept));
		hand_fini(&h);
	}
}

static void what_a_follower_asks_is_bounded(void **state)
{
	struct raft_message m;
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .term = 1, .vote = 2});
	assert_int_equal(hand_append(&h, 2, 1, 0, 0, "1", 1), 0);
	for (uint64_t i = 0; i < RAFT_READY_READS_MAX; i++)
		assert_int_equal(raft_read_index(h.r, i), 0);
	assert_int_equal(raft_read_index(h.r, 9999), -EAGAIN);
	hand_take(&h);
	assert_int_equal(hand_sent_count(&h, RAFT_MESSAGE_READ, 2), RAFT_READY_READS_MAX);
	h.quiet = true;
	m = hand_message(&h, RAFT_MESSAGE_READ_REPLY, 2, 1);
	for (m.read_reply.context = 5000; m.read_reply.context <= 5000 + RAFT_READY_READS_MAX;
	     m.read_reply.context++)
		assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(h.r->reads.done_count, RAFT_READY_READS_MAX);
	hand_fini(&h);
}

/* A member that asked asks again when this one leads no more; nobody here did. */
static void R42_what_another_member_asked_is_told_to_nobody_here(void **state)
{
	struct hand h;

	(void)state;
	lead(&h, 3);
	assert_int_equal(ask_from(&h, 3, 42), 0);
	assert_int_equal(hand_append(&h, 2, 2, 0, 0, "", 0), 0);
	assert_int_equal(h.r->reads.wait_count, 0);
	assert_int_equal(h.read_count, 0);
	hand_fini(&h);
}

/* A round trip that was measured makes it soon; and as soon as a majority answered nobody waits. */
static void a_round_is_asked_again_while_somebody_waits(void **state)
{
	struct hand h;

	(void)state;
	lead(&h, 3);
	for (raft_id id = 2; id <= 3; id++)
		hand_stream(&h, id);
	assert_int_equal(hand_propose(&h), 0);
	hand_persist(&h);
	hand_tick(&h, 100);
	for (raft_id id = 2; id <= 3; id++)
		assert_int_equal(hand_ack(&h, id, 2), 0);
	hand_tick(&h, 100);
	assert_true(hand_peer(&h, 3)->srtt_us > 0);
	assert_int_equal(read_ask(&h, 1), 0);
	assert_true(raft_deadline(h.r) < h.now_us + HAND_HEARTBEAT_US / 2);
	assert_int_equal(hand_echo(&h, 2, 0, 1), 0);
	assert_int_equal(h.read_count, 1);
	assert_int_equal(raft_deadline(h.r), h.now_us + HAND_HEARTBEAT_US);
	hand_fini(&h);
}

/* A new token is echoed without waiting for the entries it came with. */
static void a_read_does_not_wait_for_the_followers_disk(void **state)
{
	struct raft_message m;
	struct raft_entry e = {.index = 2,
			       .term = 1,
			       .data = (const uint8_t *)"x",
			       .size = 1,
			       .type = RAFT_ENTRY_COMMAND,
			       .flags = 3};
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "1", .term = 1, .vote = 2});
	assert_int_equal(hand_append(&h, 2, 1, 1, 1, "", 0), 0);
	hand_forget(&h);
	m = hand_message(&h, RAFT_MESSAGE_APPEND, 2, 1);
	m.append = (struct raft_append){
		.prev_index = 1, .prev_term = 1, .read_seq = 3, .entries = &e, .entry_count = 1};
	assert_int_equal(hand_recv(&h, &m), 0);
	const struct raft_message *reply = hand_sent(&h, RAFT_MESSAGE_APPEND_REPLY, 2);
	assert_non_null(reply);
	assert_int_equal(reply->append_reply.read_seq, 3);
	assert_int_equal(reply->append_reply.match, 1);
	hand_fini(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(R40_no_read_before_the_first_commit_of_the_term),
		cmocka_unit_test(R41_only_answers_to_later_appends_confirm),
		cmocka_unit_test(R41_a_round_under_way_confirms_nothing_that_came_after_it_left),
		cmocka_unit_test(R41_who_does_not_count_confirms_no_read),
		cmocka_unit_test(R41_answers_of_another_term_do_not_confirm),
		cmocka_unit_test(a_majority_of_five_is_three),
		cmocka_unit_test(one_round_serves_all_that_wait),
		cmocka_unit_test(a_lost_round_is_asked_again),
		cmocka_unit_test(a_single_node_confirms_at_once),
		cmocka_unit_test(R42_a_follower_asks_and_gets_its_own_context_back),
		cmocka_unit_test(a_leader_answers_a_follower),
		cmocka_unit_test(the_queue_is_bounded),
		cmocka_unit_test(what_members_ask_is_bounded),
		cmocka_unit_test(what_a_follower_asks_is_bounded),
		cmocka_unit_test(R42_what_another_member_asked_is_told_to_nobody_here),
		cmocka_unit_test(a_round_is_asked_again_while_somebody_waits),
		cmocka_unit_test(a_read_does_not_wait_for_the_followers_disk),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
