/*
 * A disk that does not answer: the age of what everybody waits for is known, nothing waits without
 * a bound, and nothing that the disk still has is given back.
 */
#include "tests/unit/wal/helpers.h"

#include "wal/snapshot.h"

#include <stdio.h>
#include <string.h>

#define MS UINT64_C(1000000)

/* A log of which nothing completes. */
static void hung(struct test_log *t, uint64_t wait_ns)
{
	uint64_t seq;

	test_log_init(t);
	t->options.wait_ns = wait_ns;
	assert_int_equal(test_log_open(t), 0);
	/* The first segment is prepared ahead of need. */
	assert_int_equal(test_persist(t->wal, test_append(t->wal, 1, 1, 1)), 0);
	for (int i = 0; i < 1000 && wal_in_flight(t->wal); i++)
		assert_int_equal(wal_poll(t->wal, 0, &seq), 0);
	fake_hang(t->disk, true);
}

static void answers(struct test_log *t)
{
	fake_hang(t->disk, false);
	test_log_free(t);
}

static void vote_next(struct test_log *t, raft_term term)
{
	const struct raft_hard_state hard_state = {term, 7};

	assert_int_equal(wal_append(t->wal, t->wal->seq + 1, &hard_state, NULL, 0), 0);
}

static void V20_the_oldest_write_in_flight_is_known(void **state)
{
	struct wal_waiting waiting;
	struct test_log t;
	uint64_t seq;

	(void)state;
	hung(&t, 0);
	assert_int_equal(wal_poll(t.wal, 10 * MS, &seq), 0);
	assert_false(wal_get_waiting(t.wal, &waiting));
	(void)test_append(t.wal, 2, 2, 1);
	assert_int_equal(wal_poll(t.wal, 20 * MS, &seq), 0);
	vote_next(&t, 2);
	assert_int_equal(wal_poll(t.wal, 30 * MS, &seq), 0);
	assert_true(wal_get_waiting(t.wal, &waiting));
	assert_int_equal(waiting.since_ns, 20 * MS);
	assert_string_equal(waiting.operation, "write");
	assert_string_equal(waiting.file, "segment-0000000000000001");
	assert_int_equal(waiting.offset, t.wal->segments[0].end);
	answers(&t);
}

static void V20_a_vote_in_flight_counts(void **state)
{
	struct wal_waiting waiting;
	struct test_log t;
	uint64_t seq;

	(void)state;
	hung(&t, 0);
	vote_next(&t, 2);
	assert_int_equal(wal_poll(t.wal, 40 * MS, &seq), 0);
	assert_true(wal_get_waiting(t.wal, &waiting));
	assert_int_equal(waiting.since_ns, 40 * MS);
	assert_string_equal(waiting.file, "vote");
	answers(&t);
}

/* So is the oldest read, apart from writes: a write that is quick is looked for all the same. */
static void V20_the_oldest_read_in_flight_is_known(void **state)
{
	struct wal_waiting waiting;
	struct test_log t;
	uint64_t seq;

	(void)state;
	hung(&t, 0);
	assert_int_equal(wal_poll(t.wal, 10 * MS, &seq), 0);
	assert_false(wal_get_reading(t.wal, &waiting));
	assert_int_equal(wal_reading_since(t.wal), UINT64_MAX);
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(wal_poll(t.wal, (20 + i) * MS, &seq), 0);
		assert_int_equal(wal_read(t.wal, 2 - i, 1, 1), 0);
	}
	assert_true(wal_get_reading(t.wal, &waiting));
	assert_int_equal(waiting.since_ns, 20 * MS);
	assert_string_equal(waiting.operation, "read");
	assert_string_equal(waiting.file, "segment-0000000000000001");
	assert_int_equal(waiting.offset, 4096);
	assert_false(wal_get_waiting(t.wal, &waiting));
	assert_int_equal(wal_poll(t.wal, 40 * MS, &seq), 0);
	assert_false(wal_busy(t.wal));
	(void)test_append(t.wal, 2, 2, 1);
	assert_int_equal(wal_poll(t.wal, 41 * MS, &seq), 0);
	assert_int_equal(wal_waiting_since(t.wal), 41 * MS);
	assert_int_equal(wal_reading_since(t.wal), 20 * MS);
	assert_true(wal_busy(t.wal));
	answers(&t);
}

/* A segment that is made ahead, and a mark, hold up nobody; until entries wait for them. */
static void V20_what_is_made_ahead_counts_once_entries_wait(void **state)
{
	struct wal_waiting waiting;
	struct test_log t;
	uint64_t seq = 0;

	(void)state;
	test_log_init(&t);
	assert_int_equal(test_log_open(&t), 0);
	fake_hold(t.disk, true);
	assert_int_equal(wal_poll(t.wal, 5 * MS, &seq), 0);
	assert_true(fake_has(t.disk, TAG_PREPARE));
	assert_false(wal_get_waiting(t.wal, &waiting));
	assert_false(wal_busy(t.wal));
	for (raft_index i = 1; !wal_get_waiting(t.wal, &waiting); i++) {
		(void)test_append(t.wal, i, i, 1);
		assert_int_equal(wal_poll(t.wal, 6 * MS, &seq), 0);
		(void)fake_release(t.disk, TAG_LOG);
		assert_int_equal(wal_poll(t.wal, 6 * MS, &seq), 0);
		assert_true(i < 1000);
	}
	assert_string_equal(waiting.file, "segment-0000000000000002.tmp");
	assert_int_equal(waiting.since_ns, 5 * MS);
	fake_hold(t.disk, false);
	test_log_free(&t);
}

static void V20_a_write_that_hangs_burns_no_core(void **state)
{
	struct test_log t;
	uint64_t seq;

	(void)state;
	hung(&t, 0);
	(void)test_append(t.wal, 2, 2, 1);
	assert_true(wal_busy(t.wal));
	assert_int_equal(wal_poll(t.wal, 20 * MS, &seq), 0);
	assert_true(wal_busy(t.wal));
	(void)test_append(t.wal, 3, 3, 1);
	vote_next(&t, 2);
	assert_int_equal(wal_poll(t.wal, 21 * MS, &seq), 0);
	assert_true(wal_busy(t.wal));
	assert_int_equal(wal_poll(t.wal, 40 * MS, &seq), 0);
	assert_false(wal_busy(t.wal));
	answers(&t);
}

static void V18_closing_ends_when_the_disk_does_not_answer(void **state)
{
	struct test_log t;
	uint64_t seq;

	(void)state;
	hung(&t, 300 * MS);
	(void)test_append(t.wal, 2, 2, 1);
	assert_int_equal(wal_poll(t.wal, 20 * MS, &seq), 0);
	assert_int_equal(wal_poll(t.wal, 60 * MS, &seq), 0);
	assert_int_equal(wal_close(t.wal), -ETIMEDOUT);
	assert_non_null(strstr(wal_error(t.wal), "fake/segment-0000000000000001 at offset"));
	assert_non_null(strstr(wal_error(t.wal), "write has not come back for 340 ms"));
	/* It has waited: not once more. What the disk has is not given back. */
	assert_int_equal(wal_close(t.wal), -ETIMEDOUT);
	answers(&t);
}

static void V18_the_last_mark_ends_when_the_disk_does_not_answer(void **state)
{
	struct test_log t;
	uint64_t seq;

	(void)state;
	/* What was in flight hangs. */
	hung(&t, 300 * MS);
	vote_next(&t, 2);
	assert_int_equal(wal_poll(t.wal, 20 * MS, &seq), 0);
	assert_int_equal(wal_mark_last(t.wal, NULL, 0), -ETIMEDOUT);
	assert_non_null(strstr(wal_error(t.wal), "fake/vote at offset"));
	answers(&t);
	/* The mark itself does. */
	hung(&t, 300 * MS);
	wal_witness_changed(t.wal);
	assert_int_equal(wal_mark_last(t.wal, NULL, 0), -ETIMEDOUT);
	assert_non_null(strstr(wal_error(t.wal), "fake/mark at offset"));
	assert_non_null(strstr(wal_error(t.wal), "the disk does not answer"));
	assert_int_equal(wal_close(t.wal), -ETIMEDOUT);
	answers(&t);
}

static void V18_waits_inside_the_loop_have_a_bound(void **state)
{
	const uint8_t record[8] = {1};
	struct test_log t;

	(void)state;
	hung(&t, 300 * MS);
	assert_int_equal(wal_record_write(t.wal, record, sizeof(record)), -ETIMEDOUT);
	assert_non_null(strstr(wal_error(t.wal), "fake/cluster"));
	assert_int_equal(wal_close(t.wal), -ETIMEDOUT);
	answers(&t);
	hung(&t, 300 * MS);
	assert_int_equal(wal_lost(t.wal, UINT64_C(5) << 32 | 1), -ETIMEDOUT);
	assert_non_null(strstr(wal_error(t.wal), "fake/mark"));
	answers(&t);
}

static void turns(struct test_log *t)
{
	uint64_t seq;

	for (int i = 0; i < 50; i++)
		assert_int_equal(wal_poll(t->wal, t->wal->now_ns, &seq), 0);
}

/* The loop waits for a write of a snapshot that is given up, and does not turn for it. */
static void SM14_nothing_is_due_while_a_write_ends(void **state)
{
	static const uint8_t content[64 * 1024];
	struct test_log t;
	size_t room;

	(void)state;
	test_log_init(&t);
	assert_int_equal(test_log_open(&t), 0);
	assert_int_equal(test_persist(t.wal, test_append(t.wal, 1, 40, 1)), 0);
	assert_int_equal(wal_snapshot_begin(t.wal, 40, 1, NULL, 0), 0);
	turns(&t);
	room = wal_snapshot_room(t.wal);
	wal_snapshot_write(t.wal, content, room < sizeof(content) ? room : sizeof(content), 0);
	fake_hold(t.disk, true);
	turns(&t);
	assert_true(t.wal->writer.buffers[0].in_flight);
	wal_snapshot_abort(t.wal);
	turns(&t);
	assert_true(t.wal->writer.step == SNAPSHOT_DROP);
	assert_true(wal_deadline(t.wal) > t.wal->now_ns);
	fake_hold(t.disk, false);
	turns(&t);
	assert_true(t.wal->writer.step == SNAPSHOT_IDLE);
	test_log_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(SM14_nothing_is_due_while_a_write_ends),
		cmocka_unit_test(V20_the_oldest_write_in_flight_is_known),
		cmocka_unit_test(V20_a_vote_in_flight_counts),
		cmocka_unit_test(V20_the_oldest_read_in_flight_is_known),
		cmocka_unit_test(V20_what_is_made_ahead_counts_once_entries_wait),
		cmocka_unit_test(V20_a_write_that_hangs_burns_no_core),
		cmocka_unit_test(V18_closing_ends_when_the_disk_does_not_answer),
		cmocka_unit_test(V18_the_last_mark_ends_when_the_disk_does_not_answer),
		cmocka_unit_test(V18_waits_inside_the_loop_have_a_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
