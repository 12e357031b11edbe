/*
 * Answers of several pieces: one at a time, when it was pulled, and the cursor closed once
 * (hand_close looks at that).
 */
#include "tests/unit/serve/hand.h"

#include <errno.h>

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

/* To the first piece. */
static struct request *stream(uint64_t id, uint32_t pieces)
{
	struct request *q = hand_query(&h, id, pieces);

	hand_turn(&h, SERVE_RESEND_NS_MIN);
	serve_confirmed(h.serve, h.context, 1);
	return q;
}

static void expect(uint32_t count, uint64_t id, const char *text, bool last)
{
	const struct hand_word *word = hand_heard(&h, count);

	assert_int_equal(word->id, id);
	assert_int_equal(word->status, SERVE_OK);
	assert_int_equal(word->size, 2);
	assert_memory_equal(word->data, text, 2);
	assert_int_equal(word->last, last);
}

static void the_next_piece_comes_when_the_one_before_was_taken(void **state)
{
	struct request *q = stream(4, 3);

	(void)state;
	expect(1, 4, "p0", false);
	for (int i = 0; i < 10; i++)
		hand_turn(&h, 100 * MS);
	hand_heard(&h, 1);
	serve_pulled(h.serve, q);
	serve_pulled(h.serve, q); /* said twice */
	assert_true(serve_active(h.serve));
	hand_turn(&h, 0);
	expect(2, 4, "p1", false);
	hand_turn(&h, 0);
	hand_heard(&h, 2);
	serve_pulled(h.serve, q);
	hand_turn(&h, 0);
	expect(3, 4, "p2", true);
	assert_int_equal(serve_open_count(h.serve), 0);
	assert_int_equal(serve_get_counters(h.serve)->streams, 1);
	assert_int_equal(serve_get_counters(h.serve)->pushes, 2);
	assert_int_equal(serve_get_counters(h.serve)->answers, 1);
}

/* However fast the readers are, a turn makes one piece; and each has its turn. */
static void one_piece_in_a_turn(void **state)
{
	struct request *q[3];
	uint32_t seen[3] = {0};

	(void)state;
	for (uint64_t i = 0; i < 3; i++)
		q[i] = stream(i, 200);
	for (int turn = 0; turn < 30; turn++) {
		uint32_t words = h.words;

		for (int i = 0; i < 3; i++)
			serve_pulled(h.serve, q[i]);
		hand_turn(&h, 0);
		hand_heard(&h, words + 1);
		seen[h.word[words].id]++;
		assert_true(serve_active(h.serve)); /* the others wait */
	}
	for (int i = 0; i < 3; i++)
		assert_int_equal(seen[i], 10);
}

static void a_step_that_found_nothing_goes_on_by_itself(void **state)
{
	struct request *q = stream(4, 2);

	(void)state;
	h.read_piece_result = 0;
	serve_pulled(h.serve, q);
	for (int i = 0; i < 3; i++) {
		hand_turn(&h, 0);
		assert_true(serve_active(h.serve));
		hand_heard(&h, 1);
	}
	h.read_piece_result = 1;
	hand_turn(&h, 0);
	expect(2, 4, "p1", true);
}

static void half_of_a_command_is_not_read(void **state)
{
	struct request *q = stream(4, 2);

	(void)state;
	serve_pulled(h.serve, q);
	serve_progress(h.serve, 1, true);
	hand_turn(&h, 0);
	hand_heard(&h, 1);
	serve_progress(h.serve, 2, false);
	hand_turn(&h, 0);
	expect(2, 4, "p1", true);
}

static void a_revision_that_is_gone_is_told(void **state)
{
	struct request *q = stream(4, 3);

	(void)state;
	h.read_piece_result = -ESTALE;
	serve_pulled(h.serve, q);
	hand_turn(&h, 0);
	assert_int_equal(hand_heard(&h, 2)->status, SERVE_COMPACTED);
	assert_true(h.word[1].last);
	assert_int_equal(serve_get_counters(h.serve)->streams_cut, 1);
}

static void a_reader_who_stands_still_ends_with_its_time(void **state)
{
	(void)state;
	stream(4, 3);
	hand_turn(&h, REQUEST_TIMEOUT_NS_DEFAULT);
	assert_int_equal(hand_heard(&h, 2)->status, SERVE_TIMEOUT);
	assert_int_equal(h.cursor[0].closed, 1);
}

static void who_was_silent_for_longest_gives_way_to_another(void **state)
{
	struct request *q;

	(void)state;
	stream(1, 9);
	stream(2, 9);
	q = stream(3, 9);
	hand_turn(&h, SERVE_STREAM_PATIENCE_NS / 2);
	/* There is no room for a fourth, and nobody was silent for long. */
	h.query_result = -EBUSY;
	stream(4, 9);
	assert_int_equal(hand_heard(&h, 4)->status, SERVE_BUSY);
	/* The first two still are; the third goes on. */
	serve_pulled(h.serve, q);
	hand_turn(&h, 0);
	hand_turn(&h, SERVE_STREAM_PATIENCE_NS / 2);
	hand_heard(&h, 5);
	stream(5, 9);
	hand_heard(&h, 7);
	assert_int_equal(h.word[5].id, 1);
	assert_int_equal(h.word[5].status, SERVE_TIMEOUT);
	assert_int_equal(h.word[6].id, 5);
	assert_int_equal(h.word[6].status, SERVE_BUSY);
	stream(6, 9);
	hand_heard(&h, 9);
	assert_int_equal(h.word[7].id, 2);
	stream(7, 9);
	hand_heard(&h, 10); /* nobody else */
	assert_int_equal(serve_get_counters(h.serve)->streams_cut, 2);
}

enum { GREEDY = 66, MODEST, THIRD, FOURTH, FIFTH, LOCAL = 0 };

/* Begins as many as it may, each with an id of its own; how many. */
static uint32_t streams(uint64_t source, uint32_t count, struct request *q[])
{
	uint32_t begun = 0;

	for (; begun < count; begun++) {
		q[begun] = hand_query_of(&h, source, source * 100 + begun, 200);
		hand_turn(&h, 0);
		serve_confirmed(h.serve, h.context, 1);
		if (h.word[h.words - 1].last) {
			assert_int_equal(h.word[h.words - 1].status, SERVE_BUSY);
			break;
		}
	}
	return begun;
}

/*
 * One source goes on with each of its answers just before it would be called silent. It has half of
 * what there is, as many as it leaves; and the last is the local socket's.
 */
static void V31_V37_a_slow_source_leaves_answers_for_others(void **state)
{
	struct request *greedy[SM_CURSORS_MAX], *q[SM_CURSORS_MAX];

	(void)state;
	assert_int_equal(streams(GREEDY, SM_CURSORS_MAX, greedy), SM_CURSORS_MAX / 2);
	for (uint32_t i = 0; i < 3; i++) {
		hand_turn(&h, SERVE_STREAM_PATIENCE_NS * 9 / 10);
		for (uint32_t k = 0; k < SM_CURSORS_MAX / 2; k++) {
			serve_pulled(h.serve, greedy[k]);
			hand_turn(&h, 0);
		}
	}
	h.words = 0;
	assert_int_equal(streams(MODEST, SM_CURSORS_MAX, q), SM_CURSORS_MAX / 4);
	assert_int_equal(streams(THIRD, SM_CURSORS_MAX, q), SM_CURSORS_MAX / 8);
	assert_int_equal(streams(FOURTH, SM_CURSORS_MAX, q), SM_CURSORS_MAX / 16);
	assert_int_equal(serve_get_counters(h.serve)->streams_cut, 0);
	assert_int_equal(streams(LOCAL, 1, q), 1);
	for (uint32_t i = 0; i < h.cursors; i++)
		assert_true(h.cursor[i].closed <= 1);
}

/* All are taken, and nobody is silent: who has most gives the one that goes on slowest. */
static void V31_V37_who_reads_most_gives_way_to_who_reads_less(void **state)
{
	struct request *greedy[SM_CURSORS_MAX], *q[SM_CURSORS_MAX];
	uint32_t words;

	(void)state;
	(void)streams(GREEDY, SM_CURSORS_MAX, greedy);
	for (uint64_t source = MODEST; source <= FOURTH; source++)
		(void)streams(source, SM_CURSORS_MAX, q);
	for (uint32_t k = 0; k < SM_CURSORS_MAX / 2; k++)
		if (k != 3) {
			serve_pulled(h.serve, greedy[k]);
			hand_turn(&h, 1);
		}
	words = h.words;
	assert_int_equal(streams(FIFTH, 1, q), 0);
	hand_heard(&h, words + 2);
	assert_int_equal(h.word[words].id, GREEDY * 100 + 3);
	assert_int_equal(h.word[words].status, SERVE_TIMEOUT);
	/* It comes again before the others, or after them: that one is not for who has more. */
	assert_int_equal(streams(GREEDY, 1, q), 0);
	assert_int_equal(streams(FOURTH, 1, q), 0);
	assert_int_equal(streams(FIFTH, 1, q), 1);
	assert_int_equal(serve_get_counters(h.serve)->streams_cut, 1);
}

static void a_door_that_takes_no_piece_ends_it(void **state)
{
	(void)state;
	h.full = true;
	stream(4, 3);
	hand_heard(&h, 1);
	assert_int_equal(h.cursor[0].closed, 1);
	assert_int_equal(serve_open_count(h.serve), 0);
	assert_int_equal(h.gones, 0); /* it has said so itself */
}

static void a_client_that_left_ends_it(void **state)
{
	(void)state;
	serve_cancel(h.serve, stream(4, 3));
	assert_int_equal(h.cursor[0].closed, 1);
	assert_int_equal(h.gones, 1);
	hand_turn(&h, 0);
	hand_heard(&h, 1);
}

static void the_nodes_end_ends_it(void **state)
{
	stream(4, 3);
	hand_close(&h);
	assert_int_equal(h.gones, 1);
	setup(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_next_piece_comes_when_the_one_before_was_taken,
						setup, teardown),
		cmocka_unit_test_setup_teardown(one_piece_in_a_turn, setup, teardown),
		cmocka_unit_test_setup_teardown(a_step_that_found_nothing_goes_on_by_itself, setup,
						teardown),
		cmocka_unit_test_setup_teardown(half_of_a_command_is_not_read, setup, teardown),
		cmocka_unit_test_setup_teardown(a_revision_that_is_gone_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(a_reader_who_stands_still_ends_with_its_time, setup,
						teardown),
		cmocka_unit_test_setup_teardown(who_was_silent_for_longest_gives_way_to_another,
						setup, teardown),
		cmocka_unit_test_setup_teardown(V31_V37_a_slow_source_leaves_answers_for_others,
						setup, teardown),
		cmocka_unit_test_setup_teardown(V31_V37_who_reads_most_gives_way_to_who_reads_less,
						setup, teardown),
		cmocka_unit_test_setup_teardown(a_door_that_takes_no_piece_ends_it, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_client_that_left_ends_it, setup, teardown),
		cmocka_unit_test_setup_teardown(the_nodes_end_ends_it, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
