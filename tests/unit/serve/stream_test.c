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

	hand_confirm(&h, 1);
	return q;
}

static void the_next_piece_comes_when_the_one_before_was_taken(void **state)
{
	struct request *q = stream(4, 3);

	(void)state;
	hand_expect(&h, 1, 4, "p0", false);
	for (int i = 0; i < 10; i++)
		hand_turn(&h, 100 * MS);
	hand_heard(&h, 1);
	serve_pulled(h.serve, q);
	serve_pulled(h.serve, q); /* said twice */
	assert_true(serve_active(h.serve));
	hand_turn(&h, 0);
	hand_expect(&h, 2, 4, "p1", false);
	hand_turn(&h, 0);
	hand_heard(&h, 2);
	serve_pulled(h.serve, q);
	hand_turn(&h, 0);
	hand_expect(&h, 3, 4, "p2", true);
	assert_int_equal(serve_open_count(h.serve), 0);
	assert_int_equal(serve_get_counters(h.serve)->streams, 1);
	assert_int_equal(serve_get_counters(h.serve)->pushes, 2);
	assert_int_equal(serve_get_counters(h.serve)->answers, 1);
}

/* Nobody pulls what was not there yet: the state machine is asked until it is. */
static void a_first_piece_may_take_several_steps(void **state)
{
	struct request *q;

	(void)state;
	h.query_waits = true;
	h.read_piece_result = 0;
	q = stream(4, 2);
	for (int i = 0; i < 5; i++)
		hand_turn(&h, 100 * MS);
	hand_heard(&h, 0);
	assert_true(serve_active(h.serve));
	h.read_piece_result = 1;
	hand_turn(&h, 0);
	hand_expect(&h, 1, 4, "p0", false);
	hand_turn(&h, 0);
	hand_heard(&h, 1);
	serve_pulled(h.serve, q);
	hand_turn(&h, 0);
	hand_expect(&h, 2, 4, "p1", true);

	/* There was no room to work in, as it turned out. */
	stream(5, 2);
	h.read_piece_result = -EBUSY;
	hand_turn(&h, 0);
	assert_int_equal(hand_heard(&h, 3)->status, SERVE_BUSY);
	assert_int_equal(serve_open_count(h.serve), 0);
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
	hand_expect(&h, 2, 4, "p1", true);
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
	hand_expect(&h, 2, 4, "p1", true);
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

/* It takes its piece, and the next one leaves. */
static void go_on(struct request *q)
{
	serve_pulled(h.serve, q);
	hand_turn(&h, 0);
}

static void expect_cut(uint32_t word, uint64_t id)
{
	assert_true(word < h.words);
	assert_int_equal(h.word[word].id, id);
	assert_int_equal(h.word[word].status, SERVE_TIMEOUT);
}

static void who_was_silent_for_longest_gives_way_to_another(void **state)
{
	struct request *q[SM_CURSORS_MAX], *none[1];
	uint32_t words;

	(void)state;
	assert_int_equal(streams(LOCAL, SM_CURSORS_MAX, q), SM_CURSORS_MAX);
	hand_turn(&h, SERVE_STREAM_PATIENCE_NS / 2);
	/* There is no room for another, and nobody was silent for long. */
	assert_int_equal(streams(LOCAL, 1, none), 0);
	assert_int_equal(serve_get_counters(h.serve)->streams_cut, 0);
	/* All but two go on, and the second still is. */
	for (uint32_t i = 0; i < SM_CURSORS_MAX; i++)
		if (i != 1 && i != 4)
			go_on(q[i]);
	hand_turn(&h, SERVE_STREAM_PATIENCE_NS / 2);
	for (uint64_t round = 1; round <= 2; round++) {
		words = h.words;
		assert_int_equal(streams(LOCAL, 1, none), 0);
		hand_heard(&h, words + 2);
		expect_cut(words, round == 1 ? 1 : 4);
		assert_int_equal(streams(LOCAL, 1, none), 1);
	}
	assert_int_equal(streams(LOCAL, 1, none), 0); /* nobody else */
	assert_int_equal(serve_get_counters(h.serve)->streams_cut, 2);
}

/* The state machine's own are given back piece by piece: nobody need end for that. */
static void where_there_is_room_nobody_gives_way(void **state)
{
	struct request *q[2], *none[1];

	(void)state;
	assert_int_equal(streams(GREEDY, 2, q), 2);
	hand_turn(&h, SERVE_STREAM_PATIENCE_NS);
	h.query_result = -EBUSY;
	assert_int_equal(streams(MODEST, 1, none), 0);
	assert_int_equal(streams(LOCAL, 1, none), 0);
	assert_int_equal(serve_get_counters(h.serve)->streams_cut, 0);
}

/*
 * The clients of a host are killed, and over UDP nobody tells. Others read meanwhile, so that no
 * single end would be enough: the host is served as soon as its own are silent, which end first.
 */
static void V31_V37_dead_readers_do_not_keep_their_host_out(void **state)
{
	static const uint32_t others[] = {0, 1, 3, SM_CURSORS_MAX / 4};

	for (uint32_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct request *dead[SM_CURSORS_MAX], *live[SM_CURSORS_MAX], *q[1];
		uint32_t words, own = SM_CURSORS_MAX / 2, cut;

		teardown(state);
		setup(state);
		assert_int_equal(streams(MODEST, others[i], live), others[i]);
		own = streams(GREEDY, SM_CURSORS_MAX, dead);
		hand_turn(&h, SERVE_STREAM_PATIENCE_NS - 1);
		assert_int_equal(streams(GREEDY, 1, q), 0);
		assert_int_equal(serve_get_counters(h.serve)->streams_cut, 0);
		/* The others' are silent too, and for longer; all but one. */
		if (others[i])
			go_on(live[0]);
		hand_turn(&h, 1);
		words = h.words;
		assert_int_equal(streams(GREEDY, 1, q), 0);
		cut = (uint32_t)serve_get_counters(h.serve)->streams_cut;
		assert_in_range(cut, 1, 2);
		hand_heard(&h, words + cut + 1);
		for (uint32_t k = 0; k < cut; k++)
			expect_cut(words + k, GREEDY * 100 + k);
		assert_int_equal(streams(GREEDY, 1, q), 1);
		assert_in_range(own, 6, SM_CURSORS_MAX / 2);
		assert_int_equal(serve_get_counters(h.serve)->streams_cut, cut);
	}
}

/* All are taken, the last one by the local socket: one end is not enough for who has none. */
static void full(struct request *local[1])
{
	struct request *q[SM_CURSORS_MAX];

	for (uint64_t source = GREEDY; source <= FOURTH; source++) {
		(void)streams(source, SM_CURSORS_MAX, q);
		hand_turn(&h, 1);
	}
	assert_int_equal(streams(LOCAL, 1, local), 1);
	assert_int_equal(serve_get_counters(h.serve)->streams_cut, 0);
}

static void V31_V37_silent_ones_make_room_where_even_the_last_is_taken(void **state)
{
	struct request *local[1], *q[1];
	uint32_t words;

	(void)state;
	full(local);
	hand_turn(&h, SERVE_STREAM_PATIENCE_NS);
	go_on(local[0]);
	words = h.words;
	assert_int_equal(streams(FIFTH, 1, q), 0);
	hand_heard(&h, words + 3);
	expect_cut(words, GREEDY * 100);
	expect_cut(words + 1, GREEDY * 100 + 1);
	assert_int_equal(streams(FIFTH, 1, q), 1);
	assert_int_equal(serve_get_counters(h.serve)->streams_cut, 2);
}

static void V31_V37_the_greedy_make_room_where_even_the_last_is_taken(void **state)
{
	struct request *local[1], *q[1];

	(void)state;
	full(local);
	/* Not for who has some. */
	assert_int_equal(streams(FOURTH, 1, q), 0);
	assert_int_equal(serve_get_counters(h.serve)->streams_cut, 0);
	assert_int_equal(streams(FIFTH, 1, q), 0);
	assert_int_equal(serve_get_counters(h.serve)->streams_cut, 2);
	assert_int_equal(streams(FIFTH, 1, q), 1);
}

/* A slow reader does not end for who would be refused all the same. */
static void V31_V37_nobody_gives_way_in_vain(void **state)
{
	struct request *greedy[SM_CURSORS_MAX], *slow[SM_CURSORS_MAX], *q[1];
	uint32_t n = streams(GREEDY, SM_CURSORS_MAX, greedy);

	(void)state;
	(void)streams(MODEST, 3, slow);
	(void)streams(THIRD, 1, slow);
	hand_turn(&h, SERVE_STREAM_PATIENCE_NS);
	for (uint32_t i = 0; i < n; i++)
		go_on(greedy[i]);
	assert_int_equal(streams(GREEDY, 1, q), 0);
	assert_int_equal(streams(GREEDY, 1, q), 0);
	assert_int_equal(serve_get_counters(h.serve)->streams_cut, 0);
	/* With one of its own less all four are enough. */
	serve_cancel(h.serve, greedy[0]);
	n = h.words;
	assert_int_equal(streams(GREEDY, 1, q), 0);
	assert_int_equal(serve_get_counters(h.serve)->streams_cut, 4);
	expect_cut(n, MODEST * 100);
	assert_int_equal(streams(GREEDY, 1, q), 1);
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
		cmocka_unit_test_setup_teardown(a_first_piece_may_take_several_steps, setup,
						teardown),
		cmocka_unit_test_setup_teardown(one_piece_in_a_turn, setup, teardown),
		cmocka_unit_test_setup_teardown(a_step_that_found_nothing_goes_on_by_itself, setup,
						teardown),
		cmocka_unit_test_setup_teardown(half_of_a_command_is_not_read, setup, teardown),
		cmocka_unit_test_setup_teardown(a_revision_that_is_gone_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(a_reader_who_stands_still_ends_with_its_time, setup,
						teardown),
		cmocka_unit_test_setup_teardown(who_was_silent_for_longest_gives_way_to_another,
						setup, teardown),
		cmocka_unit_test_setup_teardown(where_there_is_room_nobody_gives_way, setup,
						teardown),
		cmocka_unit_test_setup_teardown(V31_V37_dead_readers_do_not_keep_their_host_out,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			V31_V37_silent_ones_make_room_where_even_the_last_is_taken, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			V31_V37_the_greedy_make_room_where_even_the_last_is_taken, setup, teardown),
		cmocka_unit_test_setup_teardown(V31_V37_nobody_gives_way_in_vain, setup, teardown),
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
