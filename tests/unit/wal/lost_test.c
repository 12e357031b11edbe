/*
 * A log whose end is gone: whatever took it away, the next start says so, and goes on saying so
 * until the log was brought back (V14, W20).
 */
#include "tests/unit/wal/lost.h"

#include <errno.h>
#include <string.h>

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

/* --- what is left of it ------------------------------------------------------------------ */

/* In which of the places is what is left of a write. */
struct remains {
	struct test_log *log;
	struct test_place place;
	uint8_t sector[FORMAT_SECTOR]; /* one of it */
	uint32_t steps, kept;
};

static bool kept_somewhere(struct disk *d, struct fake_disk *f, const struct remains *r)
{
	char name[DISK_NAME_MAX];
	uint8_t found[FORMAT_SECTOR];

	for (uint32_t i = 0; d->ops->list(d, i, name) == 0; i++) {
		if (strncmp(name, META_KEPT, strlen(META_KEPT)) != 0 || strstr(name, ".tmp"))
			continue;
		assert_int_equal(fake_size(f, name), r->place.size);
		fake_get(f, name, 0, found, sizeof(found));
		if (memcmp(found, r->sector, sizeof(found)) == 0)
			return true;
	}
	return false;
}

/* The power fails at each step of an opening: in the log, or beside it. */
static void remains_are_there(void *arg, struct fake_disk *f)
{
	struct remains *r = arg;
	uint8_t found[FORMAT_SECTOR];

	for (int style = 0; style < FAKE_STYLES; style++) {
		struct test_log copy = *r->log;

		copy.disk = fake_clone(f, r->steps);
		fake_power_cut(copy.disk, (enum fake_style)style);
		fake_get(copy.disk, r->place.file, r->place.offset, found, sizeof(found));
		if (memcmp(found, r->sector, sizeof(found)) != 0) {
			assert_true(kept_somewhere(fake_disk_of(copy.disk), copy.disk, r));
			r->kept++;
		}
		/* And the start after it goes through. */
		copy.wal = NULL;
		assert_int_equal(test_log_open(&copy), 0);
		assert_true(copy.found.lost);
		test_log_free(&copy);
	}
	r->steps++;
}

/* What had been acknowledged, and is not whole, is not wiped: it may be all that there is. */
static void F25_W24_what_is_left_of_an_acknowledged_write_is_kept(void **state)
{
	static const uint8_t zeros[FORMAT_SECTOR];
	uint8_t whole[16 * FORMAT_UNIT_MIN], kept[sizeof(whole)];
	struct test_log t;
	struct remains r = {.log = &t};

	(void)state;
	(void)lost_fill(&t);
	assert_true(test_log_write(&t, WRITES - 1, &r.place));
	assert_true(r.place.size > FORMAT_UNIT_MIN && r.place.size <= sizeof(whole));
	lost_zero(&t, WRITES); /* and the one behind it is gone */
	fake_put(t.disk, r.place.file, r.place.offset + FORMAT_SECTOR, zeros, FORMAT_SECTOR);
	fake_get(t.disk, r.place.file, r.place.offset, whole, r.place.size);
	memcpy(r.sector, whole, sizeof(r.sector));
	/* A part of it cannot be read: that is zero in what is kept. */
	fake_bad(t.disk, r.place.file, r.place.offset + FORMAT_UNIT_MIN, FORMAT_SECTOR, -EIO);
	memset(whole + FORMAT_UNIT_MIN, 0, FORMAT_UNIT_MIN);
	fake_set_hook(t.disk, remains_are_there, &r);
	test_log_lost(&t, r.place.file);
	fake_set_hook(t.disk, NULL, NULL);
	assert_true(r.steps > 10 && r.kept > 10);
	assert_int_equal(t.found.tail, WAL_TAIL_ACKNOWLEDGED);
	assert_int_equal(t.found.torn_bytes, r.place.size);
	assert_int_equal(fake_size(t.disk, t.found.kept), r.place.size);
	fake_get(t.disk, t.found.kept, 0, kept, r.place.size);
	assert_memory_equal(kept, whole, r.place.size);
	test_log_close(&t);
	/* Once: nothing is left in the log, and what is kept stays. */
	memcpy(kept, t.found.kept, DISK_NAME_MAX);
	test_log_lost(&t, r.place.file);
	assert_string_equal(t.found.kept, "");
	assert_true(fake_exists(t.disk, (const char *)kept));
	assert_int_equal(t.found.tail, WAL_TAIL_UNKNOWN);
	test_log_free(&t);
}

static uint32_t kept_files(struct disk *d)
{
	char name[DISK_NAME_MAX];
	uint32_t count = 0;

	for (uint32_t i = 0; d->ops->list(d, i, name) == 0; i++)
		count += strncmp(name, META_KEPT, strlen(META_KEPT)) == 0 && !strstr(name, ".tmp");
	return count;
}

/* A start that fails behind it is followed by others: they find it kept, and fill no disk. */
static void F25_W24_what_is_left_is_kept_once(void **state)
{
	static const uint8_t zeros[FORMAT_SECTOR];
	struct test_place place;
	uint32_t failed = 0;
	struct test_log t;
	int err;

	(void)state;
	(void)lost_fill(&t);
	assert_true(test_log_write(&t, WRITES, &place));
	fake_put(t.disk, place.file, place.offset + FORMAT_SECTOR, zeros, FORMAT_SECTOR);
	for (uint64_t after = 0;; after++) {
		t.options.identity_seed++;
		fake_fail(t.disk, after, -EIO);
		err = test_log_open(&t);
		failed += kept_files(fake_disk_of(t.disk));
		assert_true(kept_files(fake_disk_of(t.disk)) <= 1);
		if (err == 0)
			break;
	}
	assert_true(failed > 3);
	test_log_free(&t);
}

/* Behind a write that is gone as if it had never been, others that cannot be read. */
static void F25_W24_V25_places_of_acknowledged_writes_are_told_as_such(void **state)
{
	struct test_place place[3];
	struct test_log t;

	(void)state;
	(void)lost_fill(&t);
	for (uint32_t i = 0; i < 3; i++)
		assert_true(test_log_write(&t, WRITES - 2 + i, &place[i]));
	lost_zero(&t, WRITES - 2);
	for (uint32_t i = 1; i < 3; i++)
		for (uint32_t at = 0; at < place[i].size; at += FORMAT_UNIT_MIN)
			fake_bad(t.disk, place[i].file, place[i].offset + at, FORMAT_SECTOR, -EIO);
	test_log_lost(&t, "segment-");
	assert_true(t.found.decayed > 0);
	assert_int_equal(t.found.tail, WAL_TAIL_ACKNOWLEDGED);
	assert_string_equal(t.found.kept, "");
	test_log_free(&t);
}

/* Without a loss a mode says it: in WAL_WRITTEN a power cut takes what had been acknowledged. */
static void F25_W24_what_is_cut_is_told_by_the_mode_it_was_written_in(void **state)
{
	static const uint8_t zeros[FORMAT_SECTOR];
	const enum wal_durability modes[] = {WAL_DURABLE, WAL_WRITTEN};

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct test_place place, next;
		struct test_log t;
		uint32_t n = 0;

		test_log_init(&t);
		t.options.durability = modes[i % 2];
		test_log_fill(&t, 3, ENTRIES);
		/* No mark, and no vote, knows of this one. */
		assert_int_equal(test_log_open(&t), 0);
		assert_int_equal(test_persist(t.wal, test_append(t.wal, 3 * ENTRIES + 1,
								 3 * ENTRIES + 1, 1)),
				 0);
		test_log_close(&t);
		fake_kill(t.disk, FAKE_ALL);
		while (test_log_write(&t, n, &next)) {
			place = next;
			n++;
		}
		fake_put(t.disk, place.file, place.offset + FORMAT_SECTOR, zeros, FORMAT_SECTOR);
		t.options.durability = modes[i / 2];
		assert_int_equal(test_log_open(&t), 0);
		assert_false(t.found.lost);
		assert_true(t.found.torn_bytes > 0);
		assert_int_equal(t.found.tail,
				 i % 2 == 0 ? WAL_TAIL_UNACKNOWLEDGED : WAL_TAIL_UNKNOWN);
		assert_string_equal(t.found.kept, "");
		test_log_free(&t);
	}
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

static void rename_segment(struct test_log *t, uint64_t sequence, bool temporary)
{
	char name[DISK_NAME_MAX], other[DISK_NAME_MAX];

	wal_meta_segment_name(name, sequence);
	wal_meta_temporary_name(other, name);
	fake_copy(t->disk, temporary ? name : other, temporary ? other : name);
	fake_remove(t->disk, temporary ? name : other);
}

/* All it held is there under its old name: kept, told, and whole once that is mended (V25). */
static void V25_a_segment_whose_new_name_was_lost_is_kept(void **state)
{
	char name[DISK_NAME_MAX];
	struct test_log t;
	raft_index last;
	uint64_t newest;

	(void)state;
	newest = lost_fill(&t);
	assert_int_equal(test_log_open(&t), 0);
	last = t.found.last_index;
	test_log_close(&t);
	for (uint64_t first = 1; first < newest; first++) {
		struct test_log copy = t;

		copy.disk = fake_clone(t.disk, first);
		for (uint64_t i = first; i < newest; i++)
			rename_segment(&copy, i, true);
		for (uint64_t i = first; i < newest; i++) {
			test_log_refused(&copy, -EBADMSG, "holds writes of this log");
			/* As the line says, whichever it names. */
			for (uint64_t k = first;; k++) {
				wal_meta_segment_name(name, k);
				assert_true(k < newest);
				if (!strstr(copy.error, name) || fake_exists(copy.disk, name))
					continue;
				rename_segment(&copy, k, false);
				break;
			}
		}
		assert_int_equal(test_log_open(&copy), 0);
		assert_false(copy.found.lost);
		assert_int_equal(copy.found.last_index, last);
		test_log_free(&copy);
	}
	/* Under both names, as a crash may leave it: the temporary one goes. */
	wal_meta_segment_name(name, 2);
	fake_copy(t.disk, name, "segment-0000000000000002.tmp");
	assert_int_equal(test_log_open(&t), 0);
	assert_false(fake_exists(t.disk, "segment-0000000000000002.tmp"));
	assert_int_equal(t.found.last_index, last);
	test_log_free(&t);
}

/* One that was being made is thrown away, however far it had come. */
static void V25_a_segment_in_the_making_is_no_segment(void **state)
{
	char name[DISK_NAME_MAX], temporary[DISK_NAME_MAX];
	struct test_log t;
	uint64_t newest;

	(void)state;
	newest = lost_fill(&t);
	wal_meta_segment_name(name, newest);
	fake_copy(t.disk, name, "kept");
	wal_meta_segment_name(name, newest + 1);
	wal_meta_temporary_name(temporary, name);
	for (uint64_t size = 0; size <= TEST_SEGMENT_SIZE; size += 1000) {
		fake_copy(t.disk, "kept", temporary);
		fake_truncate(t.disk, temporary, size);
		assert_int_equal(test_log_open(&t), 0);
		assert_false(t.found.lost);
		assert_false(fake_exists(t.disk, temporary));
		test_log_close(&t);
	}
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
		cmocka_unit_test(F25_W24_what_is_left_of_an_acknowledged_write_is_kept),
		cmocka_unit_test(F25_W24_what_is_left_is_kept_once),
		cmocka_unit_test(F25_W24_V25_places_of_acknowledged_writes_are_told_as_such),
		cmocka_unit_test(F25_W24_what_is_cut_is_told_by_the_mode_it_was_written_in),
		cmocka_unit_test(V14_the_whole_log_zeroed),
		cmocka_unit_test(V25_W20_a_sync_of_names_that_was_ignored_is_told),
		cmocka_unit_test(V25_a_segment_whose_new_name_was_lost_is_kept),
		cmocka_unit_test(V25_a_segment_in_the_making_is_no_segment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
