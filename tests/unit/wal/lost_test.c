/*
 * A log whose end is gone: whatever took it away, the next start says so, and goes on saying so
 * until the log was brought back (V14, W20).
 */
#include "tests/unit/wal/lost.h"

#include <errno.h>

static void V14_the_last_segment_and_the_prepared_one_removed(void **state)
{
	char name[DISK_NAME_MAX];
	struct test_log t;
	uint64_t newest;

	(void)state;
	newest = lost_fill(&t);
	wal_meta_segment_name(name, newest);
	fake_remove(t.disk, name);
	wal_meta_segment_name(name, newest - 1);
	fake_remove(t.disk, name);
	wal_meta_segment_name(name, newest - 2);
	lost_until_whole(&t, name);
}

static void V14_every_segment_removed(void **state)
{
	char name[DISK_NAME_MAX];
	struct test_log t;
	uint64_t newest;

	(void)state;
	newest = lost_fill(&t);
	for (uint64_t i = 1; i <= newest; i++) {
		wal_meta_segment_name(name, i);
		fake_remove(t.disk, name);
	}
	lost_until_whole(&t, "no segment");
}

/* Its contents since the mark are not known: it may have been rolled into. */
static void W20_the_prepared_segment_alone_removed(void **state)
{
	char name[DISK_NAME_MAX];
	struct test_log t;
	uint64_t newest;

	(void)state;
	newest = lost_fill(&t);
	wal_meta_segment_name(name, newest);
	fake_remove(t.disk, name);
	lost_until_whole(&t, name);
}

static void W20_a_segment_missing_in_the_middle_is_damage(void **state)
{
	char name[DISK_NAME_MAX];
	struct test_log t;
	uint64_t newest;

	(void)state;
	newest = lost_fill(&t);
	for (uint64_t i = 1; i < newest; i++) {
		struct test_log copy = t;

		copy.disk = fake_clone(t.disk, i);
		wal_meta_segment_name(name, i);
		fake_remove(copy.disk, name);
		test_log_refused(&copy, -EBADMSG, name);
		test_log_free(&copy);
	}
	test_log_free(&t);
}

/* A segment is named by a mark before anything is written to it. */
static void W20_no_roll_before_the_mark_that_names_the_segment(void **state)
{
	char name[DISK_NAME_MAX];
	struct test_log copy;
	struct test_log t;
	raft_index last = 0;
	uint64_t seq = 0;

	(void)state;
	test_log_init(&t);
	assert_int_equal(test_log_open(&t), 0);
	fake_hold(t.disk, true);
	for (int i = 0; i < 1000; i++) {
		if (wal_room(t.wal) >= 4 * (RAFT_ENTRY_DATA_MAX + 64)) {
			last += 4;
			(void)test_append(t.wal, last - 3, last, 1);
		}
		assert_int_equal(wal_poll(t.wal, 0, &seq), 0);
		(void)fake_release(t.disk, TAG_LOG);
		(void)fake_release(t.disk, TAG_PREPARE);
	}
	assert_true(fake_has(t.disk, TAG_MARK));
	assert_int_equal(t.wal->tail, 0);
	assert_true(seq < t.wal->seq);
	assert_true(fake_release(t.disk, TAG_MARK));
	for (int i = 0; i < 20; i++) {
		assert_int_equal(wal_poll(t.wal, 0, &seq), 0);
		(void)fake_release(t.disk, TAG_LOG);
	}
	assert_int_equal(t.wal->tail, 1);
	copy = t;
	copy.disk = fake_clone(t.disk, 1);
	copy.wal = NULL;
	fake_power_cut(copy.disk, FAKE_NONE);
	wal_meta_segment_name(name, 2);
	fake_remove(copy.disk, name);
	test_log_lost(&copy, name);
	test_log_free(&copy);
	fake_hold(t.disk, false);
	assert_int_equal(test_persist(t.wal, t.wal->seq), 0);
	test_log_free(&t);
}

static void V14_the_last_ten_acknowledged_writes_zeroed(void **state)
{
	struct test_place place;
	struct test_log t;

	(void)state;
	(void)lost_fill(&t);
	assert_true(test_log_write(&t, WRITES - 10, &place));
	lost_zero(&t, WRITES + 1 - 10);
	assert_true(test_log_write(&t, WRITES - 10, &place));
	lost_until_whole(&t, place.file);
}

static void V14_one_acknowledged_write_zeroed(void **state)
{
	struct test_place place;
	struct test_log t;

	(void)state;
	(void)lost_fill(&t);
	assert_true(test_log_write(&t, WRITES, &place));
	lost_zero(&t, WRITES);
	lost_until_whole(&t, place.file);
}

/* A sector of it alone: it looks torn, and was acknowledged. */
static void V14_a_sector_of_the_last_write_zeroed(void **state)
{
	static const uint8_t zeros[FORMAT_SECTOR];
	struct test_place place;
	struct test_log t;

	(void)state;
	(void)lost_fill(&t);
	assert_true(test_log_write(&t, WRITES, &place));
	fake_put(t.disk, place.file, place.offset + FORMAT_SECTOR, zeros, FORMAT_SECTOR);
	lost_until_whole(&t, place.file);
}

static void V14_the_whole_log_zeroed(void **state)
{
	struct test_log t;

	(void)state;
	(void)lost_fill(&t);
	lost_zero(&t, 0);
	lost_until_whole(&t, "segment-0000000000000001 at offset 4096");
}

/* One sync of the directory that a disk ignored takes whole segments away (V25). */
static void V25_W20_a_sync_of_names_that_was_ignored_is_told(void **state)
{
	struct test_log t;
	raft_index acked;

	(void)state;
	test_log_init(&t);
	test_log_fill(&t, 2, 2);
	assert_int_equal(test_log_open(&t), 0);
	fake_set_lies(t.disk, (struct fake_lies){.ignore_names = true});
	while (t.wal->tail < 3)
		assert_int_equal(test_persist(t.wal, test_append(t.wal, t.wal->last_index + 1,
								 t.wal->last_index + 1, 1)),
				 0);
	acked = t.wal->last_index;
	test_log_close(&t);
	fake_power_cut(t.disk, FAKE_NONE);
	test_log_lost(&t, "segment-");
	assert_true(t.found.last_index < acked);
	test_log_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(V14_the_last_segment_and_the_prepared_one_removed),
		cmocka_unit_test(V14_every_segment_removed),
		cmocka_unit_test(W20_the_prepared_segment_alone_removed),
		cmocka_unit_test(W20_a_segment_missing_in_the_middle_is_damage),
		cmocka_unit_test(W20_no_roll_before_the_mark_that_names_the_segment),
		cmocka_unit_test(V14_the_last_ten_acknowledged_writes_zeroed),
		cmocka_unit_test(V14_one_acknowledged_write_zeroed),
		cmocka_unit_test(V14_a_sector_of_the_last_write_zeroed),
		cmocka_unit_test(V14_the_whole_log_zeroed),
		cmocka_unit_test(V25_W20_a_sync_of_names_that_was_ignored_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
