/*
 * The hand-out: what it waits for, and what it does not.
 */
#include "tests/unit/raft/hand.h"

/* A leader whose log takes nothing more still leads: only its entries wait. */
static void V9_a_full_log_holds_back_entries_alone(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3});
	hand_elect(&h);
	assert_int_equal(hand_ack(&h, 2, 1), 0);
	assert_int_equal(h.applied, 1);
	h.log_full = true;
	hand_forget(&h);
	assert_int_equal(hand_propose(&h), 0);
	assert_int_equal(h.persist_last, 1);
	assert_int_equal(hand_sent(&h, RAFT_MESSAGE_APPEND, 2)->append.entry_count, 1);
	hand_forget(&h);
	hand_tick(&h, HAND_HEARTBEAT_US);
	assert_non_null(hand_sent(&h, RAFT_MESSAGE_APPEND, 3));
	assert_int_equal(raft_read_index(h.r, 77), 0);
	hand_take(&h);
	assert_int_equal(hand_echo(&h, 2, 1, h.r->reads.seq), 0);
	assert_int_equal(h.read_count, 1);

	/* What the others hold is committed and applied, whatever this disk does. */
	assert_int_equal(hand_ack(&h, 2, 2), 0);
	assert_int_equal(hand_ack(&h, 3, 2), 0);
	assert_int_equal(h.applied, 2);
	assert_int_equal(h.r->durable, 1);

	/* Nothing is due for entries that wait: who sleeps until the deadline sleeps. */
	assert_true(raft_deadline(h.r) > h.now_us);
	h.log_full = false;
	hand_take(&h);
	hand_persist(&h);
	assert_int_equal(h.persist_last, 2);
	assert_int_equal(h.r->durable, 2);
	hand_fini(&h);
}

/* Terms and votes have a place of their own on the disk. */
static void V9_a_full_log_holds_back_no_term_and_no_vote(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "11", .term = 1});
	h.log_full = true;
	assert_int_equal(hand_append(&h, 2, 1, 2, 1, "1", 2), 0);
	hand_persist(&h);
	assert_int_equal(h.r->durable, 2);
	assert_int_equal(h.r->handed, 2);
	assert_int_equal(hand_sent(&h, RAFT_MESSAGE_APPEND_REPLY, 2)->append_reply.match, 2);
	assert_int_equal(hand_vote_ask(&h, 3, 2), 0);
	assert_true(hand_voted(&h, 3));
	assert_int_equal(h.hard.term, 2);
	assert_int_equal(h.r->handed, 2);
	hand_fini(&h);
}

static void V9_entries_leave_as_far_as_there_is_room(void **state)
{
	struct hand h;
	struct raft_ready ready;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "11", .term = 1});
	h.log_full = true;
	assert_int_equal(hand_append(&h, 2, 1, 2, 1, "111", 2), 0);
	hand_persist(&h);
	assert_true(raft_ready(h.r, 2, &ready));
	assert_int_equal(ready.entry_count, 2);
	assert_int_equal(ready.entries[0].index, 3);
	raft_advance(h.r);
	raft_persisted(h.r, ready.persist_seq);
	hand_take(&h);
	assert_int_equal(hand_sent(&h, RAFT_MESSAGE_APPEND_REPLY, 2)->append_reply.match, 4);
	h.log_full = false;
	hand_take(&h);
	hand_persist(&h);
	assert_int_equal(hand_sent(&h, RAFT_MESSAGE_APPEND_REPLY, 2)->append_reply.match, 5);
	hand_fini(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(V9_a_full_log_holds_back_entries_alone),
		cmocka_unit_test(V9_a_full_log_holds_back_no_term_and_no_vote),
		cmocka_unit_test(V9_entries_leave_as_far_as_there_is_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
