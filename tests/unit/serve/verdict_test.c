/*
 * From a command's verdict to what its client is told: once it was applied, nothing that is said
 * lets him believe that it was not.
 */
#include "tests/unit/serve/hand.h"

#include <errno.h>

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

/* Proposed, and applied: its answer has so many pieces. */
static void apply_one(uint64_t id, uint32_t pieces)
{
	hand_command(&h, id, id, 1, 100);
	hand_turn(&h, 0);
	h.answer_pieces = pieces;
	hand_apply(&h, id, 1);
}

static void an_answer_of_pieces_is_streamed(void **state)
{
	(void)state;
	apply_one(4, 3);
	assert_false(hand_heard(&h, 1)->last);
	for (uint32_t i = 1; i < 3; i++) {
		struct request *q = serve_find(h.serve, &h.door, 0, 4);

		assert_non_null(q);
		hand_turn(&h, 0);
		hand_heard(&h, i); /* not before the one before it was taken */
		serve_pulled(h.serve, q);
		hand_turn(&h, 0);
		assert_int_equal(hand_heard(&h, i + 1)->status, SERVE_OK);
	}
	assert_true(h.word[2].last);
	assert_memory_equal(h.word[2].data, "p2", 2);
	assert_int_equal(h.cursor[0].closed, 1);
}

static void a_retry_is_answered_in_pieces_too(void **state)
{
	(void)state;
	h.settled_session = 5;
	h.answer_pieces = 2;
	hand_command(&h, 1, 5, 1, 100);
	hand_turn(&h, 0);
	assert_false(hand_heard(&h, 1)->last);
	assert_int_equal(h.proposals, 0);
}

/* Nothing is read of half a command: a retry waits, and may be proposed again meanwhile. */
static void a_retry_waits_for_half_a_command(void **state)
{
	(void)state;
	h.settled_session = 5;
	h.leader.id = PEER;
	serve_progress(h.serve, 1, true);
	hand_command(&h, 1, 5, 1, 100);
	hand_turn(&h, 0);
	hand_heard(&h, 0);
	serve_progress(h.serve, 2, false);
	hand_turn(&h, 1 * S);
	assert_int_equal(hand_heard(&h, 1)->status, SERVE_OK);
}

/*
 * Another state is being made: nothing is read of it, and what it knows when it is whole is told at
 * once, also to who had proposed here.
 */
static void a_state_that_is_restored_tells_what_it_knows(void **state)
{
	(void)state;
	for (uint32_t self = 0; self < 2; self++) {
		h.settled_session = 0;
		h.leader.id = self ? SELF : PEER;
		h.leader.self = self;
		hand_command(&h, 1 + self, 5 + self, 1, 100);
		hand_turn(&h, 0);
		h.settled_session = 5 + self;
		serve_hold(h.serve, true);
		hand_command(&h, 11 + self, 5 + self, 2, 100);
		hand_turn(&h, 0);
		hand_heard(&h, 2 * self);
		serve_hold(h.serve, false);
		assert_int_equal(hand_heard(&h, 2 * self + 2)->status, SERVE_OK);
	}
}

static void without_a_place_for_its_answer_it_was_applied_all_the_same(void **state)
{
	(void)state;
	for (uint64_t id = 1; id <= SM_CURSORS_MAX; id++)
		apply_one(id, 2);
	hand_heard(&h, SM_CURSORS_MAX);
	apply_one(100, 2);
	assert_int_equal(hand_heard(&h, SM_CURSORS_MAX + 1)->status, SERVE_UNANSWERED);
	assert_true(h.word[SM_CURSORS_MAX].last);
	assert_int_equal(status_row(SERVE_UNANSWERED)->done, STATUS_DONE);
	/* One of one piece needs none. */
	apply_one(101, 1);
	assert_int_equal(hand_heard(&h, SM_CURSORS_MAX + 2)->status, SERVE_OK);
}

/* Whatever ends the stream: a revision that is gone, or another who needs the place. */
static void one_that_is_cut_was_applied(void **state)
{
	static const int ends[] = {-ESTALE, -EBUSY};

	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		apply_one(4 + i, 3);
		h.read_piece_result = ends[i];
		serve_pulled(h.serve, serve_find(h.serve, &h.door, 0, 4 + i));
		hand_turn(&h, 0);
		assert_int_equal(hand_heard(&h, 2 * i + 2)->status, SERVE_UNANSWERED);
		h.read_piece_result = 1;
	}
	for (uint64_t id = 10; id < 10 + SM_CURSORS_MAX; id++)
		apply_one(id, 2);
	uint32_t heard = h.words;

	hand_turn(&h, SERVE_STREAM_PATIENCE_NS);
	apply_one(50, 2); /* it finds no place, and who stands still gives way */
	assert_true(h.words > heard + 1);
	for (uint32_t i = heard; i < h.words; i++)
		assert_int_equal(h.word[i].status, SERVE_UNANSWERED);
}

/* That its time was up says that nobody knows. */
static void one_that_is_not_read_ends_with_its_time(void **state)
{
	(void)state;
	apply_one(4, 3);
	hand_turn(&h, REQUEST_TIMEOUT_NS_DEFAULT);
	assert_int_equal(status_row(hand_heard(&h, 2)->status)->done, STATUS_UNKNOWN);
	assert_int_equal(h.cursor[0].closed, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(an_answer_of_pieces_is_streamed),
		TEST(a_retry_is_answered_in_pieces_too),
		TEST(a_retry_waits_for_half_a_command),
		TEST(a_state_that_is_restored_tells_what_it_knows),
		TEST(without_a_place_for_its_answer_it_was_applied_all_the_same),
		TEST(one_that_is_cut_was_applied),
		TEST(one_that_is_not_read_ends_with_its_time),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
