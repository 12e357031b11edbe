/*
 * The disk says no: once is enough. Every write, sync and change of names fails once, at each
 * place and with each error; what was acknowledged before is there at the next start.
 */
#include "tests/unit/wal/helpers.h"

#include "wal/snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
	int error;
	const char *said;
} errors[] = {
	{-EIO, "disk is repaired"}, {-ENOSPC, "space"}, {-EDQUOT, "space"}, {-EROFS, "writable"}};

/*
 * A hundred tokens, with votes and a roll; stops at the first error. Returns it, and what was
 * acknowledged.
 */
static int work(struct test_log *t, uint64_t *acked)
{
	*acked = 0;
	for (uint64_t i = 1; i <= 100; i++) {
		struct raft_hard_state hard_state = {1, i};
		struct raft_entry entry;
		uint8_t data[RAFT_ENTRY_DATA_MAX];
		int err;

		test_entry(&entry, data, i, 1);
		err = wal_append(t->wal, i, &hard_state, &entry, 1);
		if (err == 0)
			err = wal_poll(t->wal, 0, acked);
		if (err == 0 && i % 3 == 0)
			err = test_persist(t->wal, i);
		if (err == 0)
			err = wal_poll(t->wal, 0, acked);
		if (err != 0)
			return err;
	}
	return test_persist(t->wal, t->wal->seq);
}

static void final(struct test_log *t, int err, const char *said)
{
	struct raft_entry entry = {.index = t->wal->last_index + 1, .term = 1, .type = 2};
	uint64_t operations = fake_operations(t->disk);
	uint64_t seq = 12345;

	assert_non_null(strstr(wal_error(t->wal), "fake/"));
	assert_non_null(strstr(wal_error(t->wal), "process must end"));
	assert_non_null(strstr(wal_error(t->wal), said));
	assert_null(strchr(wal_error(t->wal), '\n'));
	for (int i = 0; i < 10; i++) {
		assert_int_equal(wal_poll(t->wal, 0, &seq), err);
		assert_int_equal(seq, 12345);
		assert_int_equal(wal_append(t->wal, 1000, NULL, &entry, 1), err);
		assert_int_equal(wal_room(t->wal), 0);
	}
	/* Nothing is retried. */
	assert_int_equal(fake_operations(t->disk), operations);
}

static void R57_W9_W10_every_failed_operation_is_final(void **state)
{
	uint32_t alarms = 0;
	bool more = true;

	(void)state;
	for (uint64_t n = 0; more; n++) {
		size_t e = n % (sizeof(errors) / sizeof(errors[0]));
		struct test_log t;
		uint64_t acked, before;
		int err;

		test_log_init(&t);
		assert_int_equal(test_log_open(&t), 0);
		before = fake_operations(t.disk);
		fake_fail(t.disk, n, errors[e].error);
		err = work(&t, &acked);
		more = fake_operations(t.disk) - before > n;
		if (more && err == 0) {
			/* No space for a segment, which is made anew (D8). */
			assert_true(errors[e].error == -ENOSPC || errors[e].error == -EDQUOT);
			alarms++;
		} else if (more) {
			assert_int_equal(err, errors[e].error);
			final(&t, err, errors[e].said);
		} else {
			print_message("%lu operations\n", n);
			assert_true(n > 150);
		}
		test_log_close(&t);
		fake_fail(t.disk, UINT64_MAX / 2, 0);
		/* Also if the power fails now: nothing that was said hangs on what failed. */
		fake_power_cut(t.disk, (enum fake_style)(n % FAKE_STYLES));
		if (test_log_open(&t) != 0)
			fail_msg("operation %lu: %s", n, t.error);
		assert_true(t.found.last_index >= acked);
		assert_true(t.found.hard_state.vote >= acked);
		test_expect(t.wal, 1, t.found.last_index, 1);
		test_log_free(&t);
	}
}

static void W10_every_failed_operation_of_creation_and_open(void **state)
{
	bool more = true;

	(void)state;
	for (int filled = 0; filled < 2; filled++) {
		more = true;
		for (uint64_t n = 0; more; n++) {
			struct test_log t;
			int err;

			test_log_init(&t);
			if (filled != 0)
				test_log_fill(&t, 5, 3);
			fake_fail(t.disk, n, -EIO);
			err = test_log_open(&t);
			more = err != 0;
			if (more) {
				assert_int_equal(err, -EIO);
				assert_non_null(strstr(t.error, "fake/"));
				assert_null(t.wal);
			} else {
				assert_true(n >= (filled != 0 ? 3 : 12));
			}
			test_log_close(&t);
			fake_power_cut(t.disk, (enum fake_style)(n % FAKE_STYLES));
			/* The counter runs on: let nothing fail any more. */
			fake_fail(t.disk, UINT64_MAX / 2, 0);
			if (test_log_open(&t) != 0)
				fail_msg("operation %lu: %s", n, t.error);
			assert_int_equal(t.found.last_index, filled != 0 ? 15 : 0);
			test_log_free(&t);
		}
	}
}

/* Once each: refused, with nothing changed; or, in the log, read in smaller pieces, and whole. */
static void W8_a_read_error_at_recovery(void **state)
{
	uint64_t refused = 0;
	struct test_log t;

	(void)state;
	test_log_init(&t);
	test_log_fill(&t, 12, 12);
	for (uint64_t n = 0; n < 20; n++) {
		uint64_t before = fake_hash(t.disk);
		int err;

		fake_fail_reads(t.disk, n, -EIO);
		err = test_log_open(&t);
		fake_fail_reads(t.disk, UINT64_MAX / 2, 0);
		if (err != 0) {
			assert_int_equal(err, -EIO);
			assert_non_null(strstr(t.error, "fake/"));
			assert_true(fake_hash(t.disk) == before);
			refused++;
		} else {
			assert_int_equal(t.found.decayed, 0);
			test_expect(t.wal, 1, 144, 1);
		}
		test_log_close(&t);
	}
	/* The small files, and each segment's header. */
	assert_true(refused >= 5);
	assert_int_equal(test_log_open(&t), 0);
	test_expect(t.wal, 1, 144, 1);
	test_log_free(&t);
}

static void W8_a_read_error_while_it_runs(void **state)
{
	const struct raft_entry *entries;
	struct test_log t;
	uint64_t seq;

	(void)state;
	test_log_init(&t);
	test_log_fill(&t, 12, 12);
	assert_int_equal(test_log_open(&t), 0);
	fake_fail_reads(t.disk, 0, -EIO);
	assert_int_equal(wal_read_now(t.wal, 3, 20, 5, &entries), -EIO);
	assert_non_null(strstr(wal_error(t.wal), "segment-0000000000000001 at offset"));
	/* That read failed, and that one alone. */
	assert_int_equal(wal_poll(t.wal, 0, &seq), 0);
	assert_int_equal(wal_read_now(t.wal, 3, 20, 5, &entries), 5);
	test_expect(t.wal, 1, 144, 1);
	test_log_free(&t);
}

static void W8_decay_is_found_when_it_is_read(void **state)
{
	const struct raft_entry *entries;
	struct test_place place;
	struct test_log t;

	(void)state;
	test_log_init(&t);
	test_log_fill(&t, 12, 12);
	assert_int_equal(test_log_open(&t), 0);
	for (uint32_t n = 0; n < 12; n++) {
		raft_index first = (raft_index)n * 12 + 1;

		assert_true(test_log_write(&t, n, &place));
		for (uint32_t at = 0; at < place.size; at += 211) {
			int got;

			fake_flip(t.disk, place.file, place.offset + at, at % 8);
			/* The slot forgets what it has read. */
			t.wal->reads[0].segment = 0;
			t.wal->reads[0].end = 0;
			got = wal_read_now(t.wal, 0, first, 12, &entries);
			assert_int_equal(got, -EBADMSG);
			assert_non_null(strstr(wal_error(t.wal), place.file));
			fake_flip(t.disk, place.file, place.offset + at, at % 8);
		}
	}
	test_expect(t.wal, 1, 144, 1);
	test_log_free(&t);
}

static int reader_open(struct test_log *t)
{
	return wal_snapshot_open(t->wal, 1, 1);
}

/* It takes nothing more, until all of that has ended. */
static void disk_fill(struct test_log *t)
{
	const struct disk_call call = {.kind = DISK_SPACE};
	struct disk *d = t->wal->disk;

	while (d->ops->call(d, &call, TAG_CLOSE) == 0)
		t->wal->closing++;
}

static void disk_drain(struct test_log *t)
{
	uint64_t seq;

	while (wal_in_flight(t->wal))
		assert_int_equal(wal_poll(t->wal, t->wal->now_ns, &seq), 0);
}

/* W13: to open it again is nothing, and what was not closed in time is closed. */
static void W13_a_disk_that_takes_no_more_of_a_snapshot_s_reader(void **state)
{
	struct test_log t;
	uint32_t files;

	(void)state;
	for (int again = 0; again < 2; again++) {
		test_log_init(&t);
		assert_int_equal(test_log_open(&t), 0);
		assert_int_equal(test_persist(t.wal, test_append(t.wal, 1, 5, 1)), 0);
		test_settle(t.wal);
		test_snapshot(&t, 1, 1);
		disk_drain(&t);
		files = fake_files(t.disk);
		disk_fill(&t);
		assert_int_equal(reader_open(&t), -EAGAIN);
		for (int i = 0; again && i < 3; i++) {
			disk_drain(&t);
			assert_int_equal(reader_open(&t), 0);
			disk_drain(&t);
			assert_int_equal(fake_files(t.disk), files + 1);
			disk_fill(&t);
			wal_snapshot_close(t.wal);
			assert_int_equal(reader_open(&t), -EAGAIN);
			disk_drain(&t);
			assert_int_equal(reader_open(&t), 0);
			wal_snapshot_close(t.wal);
			disk_drain(&t);
			assert_int_equal(fake_files(t.disk), files);
			disk_fill(&t);
			assert_int_equal(reader_open(&t), -EAGAIN);
		}
		test_log_free(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(R57_W9_W10_every_failed_operation_is_final),
		cmocka_unit_test(W10_every_failed_operation_of_creation_and_open),
		cmocka_unit_test(W8_a_read_error_at_recovery),
		cmocka_unit_test(W8_a_read_error_while_it_runs),
		cmocka_unit_test(W8_decay_is_found_when_it_is_read),
		cmocka_unit_test(W13_a_disk_that_takes_no_more_of_a_snapshot_s_reader),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
