/* Commands on the leader: proposed, refused, put back, answered by their apply alone. */
#include "tests/unit/serve/hand.h"

#include <errno.h>
#include <string.h>

static struct hand h;

static int setup(void **state)
{
	(void)state;
	hand_open(&h);
	h.leader.id = SELF;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	hand_close(&h);
	return 0;
}

static void its_apply_answers_it_and_nothing_before(void **state)
{
	struct request *q = hand_command(&h, 11, 5, 1, 100);

	(void)state;
	assert_int_equal(h.proposals, 0); /* in its turn, not before */
	hand_turn(&h, 0);
	assert_int_equal(h.proposals, 1);
	assert_int_equal(h.proposed_size, 100);
	assert_ptr_equal(h.proposed_data, q->data); /* no copy */
	/* While the term lasts it is in the log: nothing is repeated. */
	for (int i = 0; i < 100; i++)
		hand_turn(&h, 10 * MS);
	assert_int_equal(h.proposals, 1);
	hand_heard(&h, 0);
	hand_apply(&h, 5, 2);
	hand_apply(&h, 6, 1);
	hand_heard(&h, 0); /* others' */
	hand_apply(&h, 5, 1);
	assert_int_equal(hand_heard(&h, 1)->id, 11);
	assert_int_equal(h.word[0].status, SERVE_OK);
	assert_memory_equal(h.word[0].data, "done", 4);
	hand_apply(&h, 5, 1);
	hand_heard(&h, 1); /* once */
	assert_int_equal(serve_open_count(h.serve), 0);
}

static void one_apply_answers_all_who_asked_for_it(void **state)
{
	(void)state;
	hand_command(&h, 1, 5, 1, 100);
	hand_command(&h, 2, 5, 1, 100);
	hand_turn(&h, 0);
	assert_int_equal(h.proposals, 2);
	hand_apply(&h, 5, 1);
	hand_heard(&h, 2);
}

static void what_cannot_be_read_is_not_proposed(void **state)
{
	(void)state;
	hand_command(&h, 1, 0, 0, 15);
	assert_int_equal(hand_heard(&h, 1)->status, SERVE_INVALID);
	hand_turn(&h, 0);
	assert_int_equal(h.proposals, 0);
	assert_int_equal(serve_get_counters(h.serve)->malformed, 1);
}

static void a_log_without_room_is_asked_once_in_a_turn(void **state)
{
	static const int results[] = {-EAGAIN, -EREMOTE};

	(void)state;
	hand_command(&h, 1, 5, 1, 100);
	hand_command(&h, 2, 6, 1, 100);
	for (size_t i = 0; i < 2; i++) {
		h.propose_result = results[i];
		h.proposals = 0;
		hand_turn(&h, 0);
		assert_int_equal(h.proposals, 1);
		hand_heard(&h, 0);
	}
	h.propose_result = 0;
	h.proposals = 0;
	hand_turn(&h, 0);
	assert_int_equal(h.proposals, 2);
}

static void a_new_term_puts_back_what_the_old_one_had(void **state)
{
	(void)state;
	hand_command(&h, 1, 5, 1, 100);
	hand_turn(&h, 0);
	h.leader.id = 0;
	h.leader.term = 8;
	hand_turn(&h, 0);
	assert_int_equal(h.proposals, 1);
	h.leader.id = SELF;
	hand_turn(&h, 0);
	assert_int_equal(h.proposals, 2);
	hand_turn(&h, 0);
	assert_int_equal(h.proposals, 2);
	hand_apply(&h, 5, 1); /* of whichever copy */
	assert_int_equal(hand_heard(&h, 1)->status, SERVE_OK);
}

/* The disk's word is the same as the quota's: at once, and until there is space. */
static void V17_without_space_for_the_log_no_command_is_taken(void **state)
{
	(void)state;
	h.leader.id = SELF;
	h.leader.full = true;
	hand_command(&h, 1, 5, 1, 100);
	hand_turn(&h, 0);
	hand_heard(&h, 0);
	serve_confirmed(h.serve, h.context, 3); /* V10: it does lead */
	hand_turn(&h, 0);
	assert_int_equal(hand_heard(&h, 1)->status, SERVE_NO_SPACE);
	assert_int_equal(h.proposals, 0);
	h.leader.full = false;
	hand_command(&h, 2, 6, 1, 100);
	hand_turn(&h, 0);
	assert_int_equal(h.proposals, 1);
}

/* V10 holds for the disk as for the quota: first all that is in the log, then the store's word. */
static void V17_a_retry_of_what_was_applied_is_answered_without_space(void **state)
{
	static const raft_id leads[] = {SELF, PEER, 0};

	(void)state;
	h.leader.full = true;
	h.settled_session = 5;
	for (uint32_t i = 0; i < 3; i++) {
		h.leader.id = leads[i];
		hand_command(&h, 1, 5, 1, 100);
		hand_turn(&h, 1 * MS);
		assert_int_equal(hand_heard(&h, i + 1)->status, SERVE_OK);
		assert_memory_equal(h.word[i].data, "then", 4);
	}
	assert_int_equal(h.reads, 0);
	assert_int_equal(h.parts, 0);
	/* One that the store knows only when the log's end is applied. */
	h.leader.id = SELF;
	h.leader.last = 3;
	hand_command(&h, 2, 6, 1, 100);
	hand_turn(&h, 1 * MS);
	hand_heard(&h, 3);
	assert_int_equal(h.reads, 0);
	serve_progress(h.serve, 3, false);
	hand_turn(&h, 1 * MS);
	assert_int_equal(h.reads, 1);
	h.settled_session = 6;
	serve_confirmed(h.serve, h.context, 3);
	hand_turn(&h, 1 * MS);
	assert_int_equal(hand_heard(&h, 4)->status, SERVE_OK);
	assert_int_equal(h.proposals, 0);
}

/* A window's: applied in another order than they came; one of them was asked for twice. */
static void R48_commands_of_one_session_are_told_apart(void **state)
{
	static const uint64_t order[] = {2, 4, 1, 3};

	(void)state;
	for (uint64_t sequence = 1; sequence <= 4; sequence++)
		hand_command(&h, sequence, 5, sequence, 100);
	hand_command(&h, 14, 5, 4, 100);
	hand_turn(&h, 0);
	assert_int_equal(h.proposals, 5);
	hand_apply(&h, 5, 5);
	hand_heard(&h, 0);
	for (uint32_t i = 0, heard = 0; i < 4; i++) {
		hand_apply(&h, 5, order[i]);
		heard += order[i] == 4 ? 2 : 1;
		assert_int_equal(hand_heard(&h, heard)->id % 10, order[i]);
		assert_int_equal(h.word[heard - 1].status, SERVE_OK);
	}
	assert_int_equal(serve_open_count(h.serve), 0);
}

static void V17_what_was_forwarded_before_is_not_refused_by_the_disk(void **state)
{
	(void)state;
	h.leader.id = PEER;
	hand_command(&h, 1, 5, 1, 100);
	hand_turn(&h, 0);
	h.leader = (struct serve_leader){.id = SELF, .term = 8, .full = true};
	hand_turn(&h, 1 * MS);
	if (h.reads)
		serve_confirmed(h.serve, h.context, 3);
	hand_turn(&h, 1 * MS);
	hand_heard(&h, 0);
	hand_apply(&h, 5, 1);
	assert_int_equal(hand_heard(&h, 1)->status, SERVE_OK);
}

/* A follower that was behind when it came: what its own store says later goes before a resend. */
static void V17_who_forwards_asks_its_own_store_each_time(void **state)
{
	(void)state;
	h.leader.id = PEER;
	hand_command(&h, 1, 5, 1, 100);
	hand_turn(&h, 0);
	assert_int_equal(h.parts, 1);
	h.settled_session = 5;
	hand_turn(&h, SERVE_RESEND_NS_MAX);
	assert_int_equal(hand_heard(&h, 1)->status, SERVE_OK);
	assert_int_equal(h.parts, 1);
}

static void no_space_waits_for_a_copy_in_the_log(void **state)
{
	(void)state;
	h.admit_result = -ENOSPC;
	h.leader.last = 3;
	serve_progress(h.serve, 2, false);
	hand_command(&h, 1, 5, 1, 100);
	hand_turn(&h, 0);
	hand_heard(&h, 0);
	assert_int_equal(h.proposals, 0);
	/* Its own copy, of an earlier term. */
	hand_apply(&h, 5, 1);
	assert_int_equal(hand_heard(&h, 1)->status, SERVE_OK);
	assert_int_equal(h.reads, 0);
}

/* Others delete and overwrite all the time: the log's end is never applied, and it is told. */
static void V17_no_space_is_told_under_steady_load(void **state)
{
	(void)state;
	h.admit_result = -ENOSPC;
	h.leader.last = 3;
	hand_command(&h, 1, 5, 1, 100);
	for (int i = 0; i < 3; i++) {
		hand_turn(&h, 1 * MS);
		assert_int_equal(h.reads, 0); /* a copy may be in what is not applied yet */
		h.leader.last += 2;
		hand_apply(&h, 9, 1);
	}
	hand_turn(&h, 1 * MS);
	assert_int_equal(h.reads, 1);
	hand_heard(&h, 0);
	h.leader.last += 2;
	serve_confirmed(h.serve, h.context, 7);
	hand_turn(&h, 1 * MS);
	assert_int_equal(hand_heard(&h, 1)->status, SERVE_NO_SPACE);
	/* A log of another term has another end. */
	hand_command(&h, 2, 6, 1, 100);
	hand_turn(&h, 1 * MS);
	serve_progress(h.serve, h.leader.last, false);
	h.leader.term++;
	h.leader.last++;
	hand_turn(&h, 1 * MS);
	assert_int_equal(h.reads, 1);
	assert_int_equal(h.proposals, 0);
}

/* Nothing is in the log, but another may lead by now, and hold a copy. */
static void V10_no_space_is_said_by_who_has_just_proved_to_lead(void **state)
{
	uint64_t context;

	(void)state;
	h.admit_result = -ENOSPC;
	hand_command(&h, 1, 5, 1, 100);
	hand_command(&h, 2, 6, 1, 100);
	hand_turn(&h, 0);
	hand_turn(&h, 1 * MS);
	hand_heard(&h, 0);
	assert_int_equal(h.reads, 1); /* one question for all that came before it */
	context = h.context;
	/* Younger than the question: it has one of its own. */
	hand_command(&h, 3, 7, 1, 100);
	hand_turn(&h, 1 * MS);
	assert_int_equal(h.reads, 2);
	serve_confirmed(h.serve, context, 3);
	hand_turn(&h, 0);
	assert_int_equal(hand_heard(&h, 2)->status, SERVE_NO_SPACE);
	/* Not answered: asked again. */
	serve_confirmed(h.serve, h.context, 0);
	hand_turn(&h, 1 * MS);
	assert_int_equal(h.reads, 3);
	/* What an earlier term confirmed counts for nothing in the next. */
	context = h.context;
	h.leader.term++;
	hand_turn(&h, 1 * MS);
	serve_confirmed(h.serve, context, 3);
	hand_turn(&h, 0);
	hand_heard(&h, 2);
	serve_confirmed(h.serve, h.context, 3);
	hand_turn(&h, 0);
	assert_int_equal(hand_heard(&h, 3)->status, SERVE_NO_SPACE);
	assert_int_equal(h.proposals, 0);
}

/* It was confirmed, and room came: it is proposed after all. */
static void V10_room_that_comes_in_time_is_used(void **state)
{
	(void)state;
	h.admit_result = -ENOSPC;
	hand_command(&h, 1, 5, 1, 100);
	hand_turn(&h, 0);
	h.admit_result = 0;
	serve_confirmed(h.serve, h.context, 3);
	hand_turn(&h, 0);
	assert_int_equal(h.proposals, 1);
	hand_heard(&h, 0);
}

/* It was sent to another, who may propose it yet: its end is unknown. */
static void V10_what_was_forwarded_before_is_not_refused(void **state)
{
	(void)state;
	h.leader.id = PEER;
	hand_command(&h, 1, 5, 1, 100);
	hand_turn(&h, 0);
	assert_int_equal(h.parts, 1);
	h.admit_result = -ENOSPC;
	h.leader.id = SELF;
	h.leader.term++;
	hand_turn(&h, 1 * MS);
	if (h.reads)
		serve_confirmed(h.serve, h.context, 3);
	hand_turn(&h, 1 * MS);
	hand_heard(&h, 0);
	hand_turn(&h, REQUEST_TIMEOUT_NS_DEFAULT);
	serve_expire(h.serve);
	assert_int_equal(hand_heard(&h, 1)->status, SERVE_TIMEOUT);
}

static void status_is_the_nodes(void **state)
{
	enum serve_status why;

	(void)state;
	serve_begin(h.serve, serve_open(h.serve, &h.door, 0, 1, 0, 0, 0, &why), REQUEST_STATUS);
	assert_memory_equal(hand_heard(&h, 1)->data, "name hand\n", 10);
}

/* It is done at once, and its answer is its own; a refusal is one of the catalogue. */
static void an_order_is_the_nodes(void **state)
{
	static const char *const words[] = {"do", "no"};
	enum serve_status why;

	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		struct request *q = serve_open(h.serve, &h.door, 0, i + 1, 2, 0, 0, &why);

		memcpy(q->data, words[i], 2);
		q->size = 2;
		serve_begin(h.serve, q, REQUEST_ORDER);
		hand_heard(&h, i + 1);
	}
	assert_int_equal(h.word[0].status, SERVE_OK);
	assert_memory_equal(h.word[0].data, "did", 3);
	assert_int_equal(h.word[1].status, SERVE_NOT_LEADER);
	assert_int_equal(serve_open_count(h.serve), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(its_apply_answers_it_and_nothing_before, setup,
						teardown),
		cmocka_unit_test_setup_teardown(one_apply_answers_all_who_asked_for_it, setup,
						teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_read_is_not_proposed, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_log_without_room_is_asked_once_in_a_turn, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_new_term_puts_back_what_the_old_one_had, setup,
						teardown),
		cmocka_unit_test_setup_teardown(R48_commands_of_one_session_are_told_apart, setup,
						teardown),
		cmocka_unit_test_setup_teardown(V17_without_space_for_the_log_no_command_is_taken,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			V17_a_retry_of_what_was_applied_is_answered_without_space, setup, teardown),
		cmocka_unit_test_setup_teardown(
			V17_what_was_forwarded_before_is_not_refused_by_the_disk, setup, teardown),
		cmocka_unit_test_setup_teardown(V17_no_space_is_told_under_steady_load, setup,
						teardown),
		cmocka_unit_test_setup_teardown(V17_who_forwards_asks_its_own_store_each_time,
						setup, teardown),
		cmocka_unit_test_setup_teardown(no_space_waits_for_a_copy_in_the_log, setup,
						teardown),
		cmocka_unit_test_setup_teardown(V10_no_space_is_said_by_who_has_just_proved_to_lead,
						setup, teardown),
		cmocka_unit_test_setup_teardown(V10_room_that_comes_in_time_is_used, setup,
						teardown),
		cmocka_unit_test_setup_teardown(V10_what_was_forwarded_before_is_not_refused, setup,
						teardown),
		cmocka_unit_test_setup_teardown(status_is_the_nodes, setup, teardown),
		cmocka_unit_test_setup_teardown(an_order_is_the_nodes, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
