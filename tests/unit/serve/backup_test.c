/*
 * All of the state as one answer: what is in it, how many of them there are, and how fast they go.
 */
#include "tests/unit/serve/hand.h"

#include <errno.h>

enum { RATE = 1 << 20, PIECE = SERVE_BACKUP_PIECE, MANY = 60 };

/* What a piece takes at that rate. */
#define PIECE_NS (PIECE * S / RATE)

static struct hand h;

static int setup(void **state)
{
	(void)state;
	hand_open_rated(&h, RATE);
	h.backup_pieces = 3;
	serve_progress(h.serve, 1, false);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	hand_close(&h);
	return 0;
}

static struct request *begun(uint64_t source, uint64_t id)
{
	struct request *q = hand_backup(&h, source, id);

	hand_confirm(&h, 1);
	return q;
}

/* SV2: everything that was acknowledged before it was asked for is in it. */
static void it_shows_what_was_acknowledged_before(void **state)
{
	(void)state;
	hand_backup(&h, 0, 4);
	hand_turn(&h, 0);
	assert_int_equal(h.reads, 1);
	hand_confirm(&h, 3);
	hand_turn(&h, 0);
	serve_progress(h.serve, 2, false);
	hand_turn(&h, 0);
	serve_progress(h.serve, 3, true);
	hand_turn(&h, 0);
	assert_int_equal(h.backups, 0);
	serve_progress(h.serve, 3, false);
	hand_turn(&h, 0);
	assert_int_equal(h.backups, 1);
	hand_expect(&h, 1, 4, "b0", false);
}

static void it_leaves_in_pieces_as_they_are_taken(void **state)
{
	struct request *q = begun(0, 4);

	(void)state;
	hand_turn(&h, 0);
	for (uint32_t i = 1; i < 3; i++) {
		hand_turn(&h, S);
		hand_expect(&h, i, 4, i == 1 ? "b0" : "b1", false);
		serve_pulled(h.serve, q);
		hand_turn(&h, S);
	}
	hand_expect(&h, 3, 4, "b2", true);
	assert_int_equal(serve_open_count(h.serve), 0);
	assert_int_equal(h.backup[0].closed, 1);
}

/* So that commits keep their latency: all of them together have one rate. */
static void they_share_a_rate(void **state)
{
	struct request *q[2];

	(void)state;
	h.backup_size = PIECE;
	h.backup_pieces = MANY;
	q[0] = begun(0, 1);
	q[1] = begun(0, 2);
	hand_turn(&h, 0);
	for (uint32_t i = 1; i < 20; i++) {
		uint64_t due_ns = h.now_ns + PIECE_NS;

		hand_heard(&h, i);
		for (int k = 0; k < 2; k++)
			serve_pulled(h.serve, q[k]);
		hand_turn(&h, PIECE_NS - 1 * MS);
		hand_heard(&h, i);
		assert_true(serve_deadline(h.serve) <= due_ns);
		hand_turn(&h, 1 * MS);
	}
}

static void a_listing_waits_for_none(void **state)
{
	struct request *q;

	(void)state;
	h.backup_size = PIECE;
	h.backup_pieces = MANY;
	serve_pulled(h.serve, begun(0, 1));
	hand_turn(&h, 0);
	hand_heard(&h, 1);
	q = hand_query(&h, 2, 3);
	hand_confirm(&h, 1);
	hand_heard(&h, 2);
	serve_pulled(h.serve, q);
	hand_turn(&h, 0);
	hand_heard(&h, 3);
}

static void there_are_two_at_a_time(void **state)
{
	struct request *q[SERVE_BACKUPS_MAX];

	(void)state;
	h.backup_pieces = 2;
	for (uint32_t i = 0; i < SERVE_BACKUPS_MAX; i++) {
		q[i] = begun(0, i);
		hand_turn(&h, S);
	}
	begun(0, 10);
	assert_int_equal(hand_heard(&h, 3)->status, SERVE_BUSY);
	assert_int_equal(h.backups, 2);
	serve_pulled(h.serve, q[0]);
	hand_turn(&h, S);
	assert_true(hand_heard(&h, 4)->last);
	begun(0, 11);
	hand_turn(&h, S);
	hand_expect(&h, 5, 11, "b0", false);
	serve_cancel(h.serve, q[1]);
	begun(0, 12);
	hand_turn(&h, S);
	hand_expect(&h, 6, 12, "b0", false);
}

/* It takes as long as it takes, and a reader that takes nothing ends. */
static void it_outlasts_its_requests_time(void **state)
{
	struct request *q;

	(void)state;
	h.backup_pieces = MANY;
	q = begun(0, 4);
	hand_turn(&h, 0);
	for (uint32_t i = 1; i < 30; i++) {
		hand_heard(&h, i);
		hand_turn(&h, SERVE_BACKUP_PATIENCE_NS - 1 * S);
		serve_pulled(h.serve, q);
		hand_turn(&h, 0);
	}
	hand_heard(&h, 30);
	hand_turn(&h, SERVE_BACKUP_PATIENCE_NS + 1);
	assert_int_equal(hand_heard(&h, 31)->status, SERVE_TIMEOUT);
	assert_int_equal(h.backup[0].closed, 1);
}

static void one_that_can_be_kept_no_longer_is_told(void **state)
{
	struct request *q = begun(0, 4);

	(void)state;
	hand_turn(&h, 0);
	h.backup_result = -ESTALE;
	serve_pulled(h.serve, q);
	hand_turn(&h, S);
	assert_int_equal(hand_heard(&h, 2)->status, SERVE_COMPACTED);
	assert_true(h.word[1].last);
}

static void half_of_a_command_is_in_none(void **state)
{
	struct request *q = begun(0, 4);

	(void)state;
	hand_turn(&h, 0);
	serve_progress(h.serve, 1, true);
	serve_pulled(h.serve, q);
	hand_turn(&h, S);
	hand_heard(&h, 1);
	serve_progress(h.serve, 2, false);
	hand_turn(&h, 0);
	hand_expect(&h, 2, 4, "b1", false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_shows_what_was_acknowledged_before, setup,
						teardown),
		cmocka_unit_test_setup_teardown(it_leaves_in_pieces_as_they_are_taken, setup,
						teardown),
		cmocka_unit_test_setup_teardown(they_share_a_rate, setup, teardown),
		cmocka_unit_test_setup_teardown(a_listing_waits_for_none, setup, teardown),
		cmocka_unit_test_setup_teardown(there_are_two_at_a_time, setup, teardown),
		cmocka_unit_test_setup_teardown(it_outlasts_its_requests_time, setup, teardown),
		cmocka_unit_test_setup_teardown(one_that_can_be_kept_no_longer_is_told, setup,
						teardown),
		cmocka_unit_test_setup_teardown(half_of_a_command_is_in_none, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
