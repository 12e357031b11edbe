/*
 * R51: a member whose state is not the majority's. What would be answered from that is refused,
 * wherever it is on its way; and of what may be done elsewhere it is not said that it is not.
 */
#include "tests/unit/serve/hand.h"

static struct hand h;

static int setup(void **state)
{
	(void)state;
	hand_open(&h);
	serve_progress(h.serve, 1, false);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	hand_close(&h);
	return 0;
}

/* The status of its last word; -1: that was not said yet. */
static int ended(uint64_t id)
{
	for (uint32_t i = 0; i < h.words; i++) {
		if (h.word[i].id == id && h.word[i].last)
			return (int)h.word[i].status;
	}
	return -1;
}

static struct request *other(uint64_t id, enum request_kind kind)
{
	enum serve_status why;
	struct request *q = serve_open(h.serve, &h.door, 0, id, 1, 0, 0, &why);

	assert_non_null(q);
	q->data[0] = 1;
	serve_begin(h.serve, q, kind);
	return q;
}

static void R51_reads_are_refused_wherever_they_are(void **state)
{
	(void)state;
	h.backup_pieces = 3;
	hand_query(&h, 1, 3);
	hand_backup(&h, 0, 2);
	hand_confirm(&h, 1); /* their first pieces */
	hand_turn(&h, SERVE_RESEND_NS_MIN);
	hand_query(&h, 3, 1);
	hand_confirm(&h, 100); /* it is to apply up to there */
	hand_query(&h, 4, 1);
	hand_turn(&h, SERVE_RESEND_NS_MIN);
	for (uint64_t id = 1; id <= 4; id++)
		assert_int_equal(ended(id), -1);
	hand_heard(&h, 2);
	serve_corrupt(h.serve);
	for (uint64_t id = 1; id <= 4; id++)
		assert_int_equal(ended(id), SERVE_CORRUPT);
	assert_int_equal(serve_open_count(h.serve), 0);
	/* From then on all of them, and not what the member itself says. */
	hand_query(&h, 5, 1);
	other(6, REQUEST_QUERY_LOCAL);
	hand_backup(&h, 0, 7);
	other(8, REQUEST_STATUS);
	hand_turn(&h, 0);
	for (uint64_t id = 5; id <= 7; id++)
		assert_int_equal(ended(id), SERVE_CORRUPT);
	assert_int_equal(ended(8), SERVE_OK);
	assert_int_equal(h.queries, 1);
}

static void R51_a_command_that_is_nowhere_else_is_not_done(void **state)
{
	(void)state;
	h.leader.id = 0;
	hand_command(&h, 1, 5, 1, 100);
	hand_turn(&h, 0);
	serve_corrupt(h.serve);
	assert_int_equal(ended(1), SERVE_CORRUPT);
	assert_int_equal(status_row(SERVE_CORRUPT)->done, STATUS_NOTHING);
	h.leader.id = PEER;
	hand_command(&h, 2, 5, 2, 100);
	assert_int_equal(ended(2), SERVE_CORRUPT);
	assert_int_equal(h.parts, 0);
}

/* Forwarded, or proposed here: it may be in the log. */
static void R51_what_may_be_done_is_not_called_undone(void **state)
{
	(void)state;
	for (uint32_t self = 0; self < 2; self++) {
		hand_close(&h);
		hand_open(&h);
		h.leader.id = self ? SELF : PEER;
		hand_command(&h, 1, 5, 1, 100);
		hand_turn(&h, 0);
		assert_int_equal(self ? h.proposals : h.parts, 1);
		serve_corrupt(h.serve);
		assert_int_equal(ended(1), SERVE_TIMEOUT);
		assert_int_equal(status_row(SERVE_TIMEOUT)->done, STATUS_UNKNOWN);
	}
}

/* It was applied, and the rest of its answer is of a wrong state. */
static void R51_an_answer_that_is_on_its_way_ends(void **state)
{
	(void)state;
	h.leader.id = SELF;
	hand_command(&h, 1, 5, 1, 100);
	hand_turn(&h, 0);
	h.answer_pieces = 3;
	hand_apply(&h, 5, 1);
	assert_false(hand_heard(&h, 1)->last);
	serve_corrupt(h.serve);
	assert_int_equal(ended(1), SERVE_UNANSWERED);
	assert_int_equal(h.cursor[0].closed, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(R51_reads_are_refused_wherever_they_are),
		TEST(R51_a_command_that_is_nowhere_else_is_not_done),
		TEST(R51_what_may_be_done_is_not_called_undone),
		TEST(R51_an_answer_that_is_on_its_way_ends),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
