/*
 * A log whose end is gone: whatever took it away, the next start says so, and goes on saying so
 * until the log was brought back (V14, V15, W20, W24).
 */
#include "tests/unit/wal/helpers.h"

#include <errno.h>
#include <string.h>

enum { WRITES = 24, ENTRIES = 12, MS = 1000 * 1000 };

static void segment_name(char name[DISK_NAME_MAX], uint64_t sequence)
{
	wal_meta_segment_name(name, sequence);
}

/* Some segments of acknowledged writes, all of them marked, one prepared behind; closed. */
static uint64_t filled(struct test_log *t)
{
	uint64_t newest;
	uint64_t seq;

	test_log_init(t);
	test_log_fill(t, WRITES, ENTRIES);
	assert_int_equal(test_log_open(t), 0);
	assert_false(t->found.lost);
	while (wal_segment_wanted(t->wal))
		assert_int_equal(wal_poll(t->wal, 0, &seq), 0);
	assert_int_equal(test_persist(t->wal, test_append(t->wal, WRITES * ENTRIES + 1,
							  WRITES * ENTRIES + 1, 1)),
			 0);
	wal_witness_changed(t->wal);
	test_mark(t->wal, 1000 * MS, NULL, 0);
	newest = t->wal->segment_count;
	assert_true(newest >= 4);
	assert_int_equal(t->wal->tail + 2, newest);
	test_log_close(t);
	return newest;
}

static void zero(struct test_log *t, uint32_t from)
{
	static const uint8_t zeros[FORMAT_SECTOR];
	struct test_place place;
	struct test_place places[64];
	uint32_t count = 0;

	while (test_log_write(t, from + count, &place))
		places[count++] = place;
	assert_true(count > 0);
	for (uint32_t i = 0; i < count; i++)
		for (uint32_t at = 0; at < places[i].size; at += FORMAT_SECTOR)
			fake_put(t->disk, places[i].file, places[i].offset + at, zeros,
				 FORMAT_SECTOR);
}

/* It opens, says it, still says it after more was appended, and no longer once it is whole. */
static void lost_until_whole(struct test_log *t, const char *file)
{
	const struct raft_hard_state hard_state = {5, 3};
	raft_index last;
	uint64_t marked;

	test_log_lost(t, file);
	last = t->found.last_index;
	/* A mark that is made meanwhile takes nothing back. */
	marked = t->wal->marker.durable.number;
	wal_witness_changed(t->wal);
	test_mark(t->wal, 2000ul * MS, NULL, 0);
	assert_true(t->wal->marker.durable.number >= marked);
	assert_true(t->wal->marker.durable.lost);
	test_expect(t->wal, 1, last, 1);
	/* Past all that was marked: the numbers of the lost writes are given again. */
	for (raft_index i = 1; i <= 2 * WRITES; i++)
		assert_int_equal(test_persist(t->wal, test_append(t->wal, last + i, last + i, 2)),
				 0);
	assert_int_equal(wal_append(t->wal, t->wal->seq + 1, &hard_state, NULL, 0), 0);
	assert_int_equal(test_persist(t->wal, t->wal->seq), 0);
	/* The one that names a new segment may have said all of it. */
	if (wal_mark_due(t->wal, 5000ul * MS))
		test_mark(t->wal, 5000ul * MS, NULL, 0);
	test_log_close(t);
	fake_power_cut(t->disk, FAKE_NONE);
	test_log_lost(t, "mark");
	assert_int_equal(t->found.last_index, last + 2 * WRITES);
	test_log_close(t);
	test_log_lost(t, "mark");
	wal_whole(t->wal);
	assert_true(wal_mark_due(t->wal, 0));
	assert_true(wal_deadline(t->wal) == 0);
	/* Until that mark is durable nothing has changed. */
	test_log_close(t);
	test_log_lost(t, "mark");
	wal_whole(t->wal);
	test_mark(t->wal, 0, NULL, 0);
	test_log_close(t);
	fake_power_cut(t->disk, FAKE_NONE);
	assert_int_equal(test_log_open(t), 0);
	assert_false(t->found.lost);
	assert_string_equal(t->found.lost_why, "");
	test_expect(t->wal, 1, last, 1);
	test_expect(t->wal, last + 1, last + 2 * WRITES, 2);
	test_log_free(t);
}

static void V14_the_last_segment_and_the_prepared_one_removed(void **state)
{
	char name[DISK_NAME_MAX];
	struct test_log t;
	uint64_t newest;

	(void)state;
	newest = filled(&t);
	segment_name(name, newest);
	fake_remove(t.disk, name);
	segment_name(name, newest - 1);
	fake_remove(t.disk, name);
	segment_name(name, newest - 2);
	lost_until_whole(&t, name);
}

static void V14_every_segment_removed(void **state)
{
	char name[DISK_NAME_MAX];
	struct test_log t;
	uint64_t newest;

	(void)state;
	newest = filled(&t);
	for (uint64_t i = 1; i <= newest; i++) {
		segment_name(name, i);
		fake_remove(t.disk, name);
	}
	lost_until_whole(&t, "no segment");
}

/* What it held since the mark is not known: it may have been rolled into. */
static void W20_the_prepared_segment_alone_removed(void **state)
{
	char name[DISK_NAME_MAX];
	struct test_log t;
	uint64_t newest;

	(void)state;
	newest = filled(&t);
	segment_name(name, newest);
	fake_remove(t.disk, name);
	lost_until_whole(&t, name);
}

static void W20_a_segment_missing_in_the_middle_is_damage(void **state)
{
	char name[DISK_NAME_MAX];
	struct test_log t;
	uint64_t newest;

	(void)state;
	newest = filled(&t);
	for (uint64_t i = 1; i < newest; i++) {
		struct test_log copy = t;

		copy.disk = fake_clone(t.disk, i);
		segment_name(name, i);
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
	segment_name(name, 2);
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
	(void)filled(&t);
	assert_true(test_log_write(&t, WRITES - 10, &place));
	zero(&t, WRITES + 1 - 10);
	assert_true(test_log_write(&t, WRITES - 10, &place));
	lost_until_whole(&t, place.file);
}

static void V14_one_acknowledged_write_zeroed(void **state)
{
	struct test_place place;
	struct test_log t;

	(void)state;
	(void)filled(&t);
	assert_true(test_log_write(&t, WRITES, &place));
	zero(&t, WRITES);
	lost_until_whole(&t, place.file);
}

/* A sector of it alone: it looks torn, and was acknowledged. */
static void V14_a_sector_of_the_last_write_zeroed(void **state)
{
	static const uint8_t zeros[FORMAT_SECTOR];
	struct test_place place;
	struct test_log t;

	(void)state;
	(void)filled(&t);
	assert_true(test_log_write(&t, WRITES, &place));
	fake_put(t.disk, place.file, place.offset + FORMAT_SECTOR, zeros, FORMAT_SECTOR);
	lost_until_whole(&t, place.file);
}

static void V14_the_whole_log_zeroed(void **state)
{
	struct test_log t;

	(void)state;
	(void)filled(&t);
	zero(&t, 0);
	lost_until_whole(&t, "segment-0000000000000001 at offset 4096");
}

/* One sync of the directory that a disk ignored takes whole segments away (V25). */
static void W20_a_sync_of_names_that_was_ignored_is_told(void **state)
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

/* --- the mark's own file ----------------------------------------------------------------- */

static void W24_a_missing_mark_is_a_loss(void **state)
{
	struct test_log t;

	(void)state;
	(void)filled(&t);
	fake_remove(t.disk, "mark");
	lost_until_whole(&t, "mark: missing");
	(void)filled(&t);
	fake_truncate(t.disk, "mark", 4096);
	lost_until_whole(&t, "mark: 4096 bytes instead of 8192");
}

static void W24_a_mark_with_one_bad_slot_is_a_lower_bound(void **state)
{
	(void)state;
	for (uint64_t slot = 0; slot < 2; slot++) {
		for (uint64_t at = 0; at < FORMAT_UNIT_MIN; at += 61) {
			struct test_log copy;
			static struct test_log t;

			if (slot == 0 && at == 0)
				(void)filled(&t);
			copy = t;
			copy.disk = fake_clone(t.disk, at);
			fake_flip(copy.disk, "mark", slot * FORMAT_UNIT_MIN + at, at % 8);
			assert_int_equal(test_log_open(&copy), 0);
			assert_false(copy.found.lost);
			/* Two marks later both slots are good again, whichever was bad. */
			for (uint64_t i = 1; i < 3; i++) {
				raft_index next = copy.wal->last_index + 1;

				assert_int_equal(test_persist(copy.wal,
							      test_append(copy.wal, next, next, 1)),
						 0);
				test_mark(copy.wal, i * 1000 * MS, NULL, 0);
			}
			test_log_close(&copy);
			zero(&copy, WRITES + 2);
			test_log_lost(&copy, "segment-");
			test_log_free(&copy);
			if (slot == 1 && at + 61 >= FORMAT_UNIT_MIN)
				test_log_free(&t);
		}
	}
}

static void W24_a_mark_with_two_bad_slots_is_a_loss(void **state)
{
	struct test_log t;

	(void)state;
	(void)filled(&t);
	fake_flip(t.disk, "mark", 80, 3);
	fake_flip(t.disk, "mark", FORMAT_UNIT_MIN + 4000, 3);
	lost_until_whole(&t, "mark: both slots are damaged");
}

/* Another directory's, as it was: not this one's. */
static void W6_the_mark_of_another_directory_is_none(void **state)
{
	struct test_log t;
	struct test_log other;
	uint8_t data[2 * FORMAT_UNIT_MIN];

	(void)state;
	(void)filled(&t);
	test_log_init(&other);
	other.options.identity_seed++;
	test_log_fill(&other, 40, 1);
	fake_get(other.disk, "mark", 0, data, sizeof(data));
	fake_put(t.disk, "mark", 0, data, sizeof(data));
	test_log_free(&other);
	lost_until_whole(&t, "mark: both slots are damaged");
}

/* The sign stands in both slots, so that one that decays does not take it away. */
static void W24_the_sign_of_loss_survives_either_slot(void **state)
{
	struct test_log t;

	(void)state;
	(void)filled(&t);
	zero(&t, WRITES);
	test_log_lost(&t, "segment-");
	/* Now nothing but the sign tells. */
	for (raft_index i = 1; i < 4; i++)
		assert_int_equal(test_persist(t.wal, test_append(t.wal, t.wal->last_index + 1,
								 t.wal->last_index + 1, 2)),
				 0);
	test_log_close(&t);
	for (uint64_t slot = 0; slot < 2; slot++) {
		struct test_log copy = t;

		copy.disk = fake_clone(t.disk, slot);
		fake_flip(copy.disk, "mark", slot * FORMAT_UNIT_MIN + 50, 1);
		test_log_lost(&copy, "mark");
		test_log_free(&copy);
	}
	test_log_free(&t);
}

/* The mark knows of a vote that the vote file does not: never taken back, so refused. */
static void W24_a_vote_that_was_marked_is_missed(void **state)
{
	const struct raft_hard_state hard_state = {9, 2};
	struct test_log t;

	(void)state;
	(void)filled(&t);
	fake_copy(t.disk, "vote", "kept");
	assert_int_equal(test_log_open(&t), 0);
	assert_int_equal(wal_append(t.wal, 1, &hard_state, NULL, 0), 0);
	assert_int_equal(test_persist(t.wal, 1), 0);
	test_mark(t.wal, 1000 * MS, NULL, 0);
	test_log_close(&t);
	fake_copy(t.disk, "kept", "vote");
	test_log_refused(&t, -EBADMSG, "vote: its newest record is of generation");
	test_log_free(&t);
}

/* --- a witness --------------------------------------------------------------------------- */

struct trial {
	struct test_log *log;
	uint64_t before;
	uint64_t known;
	uint32_t crashes;
	uint32_t lost;
};

/* The power fails within wal_lost: the start is the old one counted on, or the sign is there. */
static void crash_here(void *arg, struct fake_disk *disk)
{
	struct trial *trial = arg;

	for (int style = 0; style < FAKE_STYLES; style++) {
		struct test_log t = *trial->log;

		t.disk = fake_clone(disk, (uint64_t)style);
		t.wal = NULL;
		fake_power_cut(t.disk, (enum fake_style)style);
		if (test_log_open(&t) != 0)
			fail_msg("style %d: %s", style, t.error);
		assert_true(t.found.start > trial->before);
		/* A start that is newer than the witness's may not come without the sign. */
		if (WAL_START_COUNT(t.found.start) > WAL_START_COUNT(trial->known))
			assert_true(t.found.lost);
		trial->lost += t.found.lost;
		test_log_free(&t);
	}
	trial->crashes++;
}

static void V15_a_witness_proves_that_the_directory_was_rolled_back(void **state)
{
	struct test_log t;
	struct trial trial = {.log = &t};
	uint64_t start;

	(void)state;
	(void)filled(&t);
	assert_int_equal(test_log_open(&t), 0);
	trial.before = t.found.start;
	trial.known = (WAL_START_COUNT(t.found.start) + 7) << 32 | 12345;
	/* With a write, a mark and a vote under way. */
	(void)test_append(t.wal, t.wal->last_index + 1, t.wal->last_index + 1, 2);
	if (wal_mark_due(t.wal, 2000ul * MS))
		wal_mark(t.wal, 2000ul * MS, NULL, 0);
	fake_set_hook(t.disk, crash_here, &trial);
	assert_int_equal(wal_lost(t.wal, trial.known), 0);
	fake_set_hook(t.disk, NULL, NULL);
	assert_true(trial.crashes >= 3);
	assert_true(trial.lost > 0);
	start = wal_start(t.wal);
	assert_true(WAL_START_COUNT(start) > WAL_START_COUNT(trial.known));
	assert_int_not_equal((uint32_t)start, 0);
	assert_int_equal(test_persist(t.wal, t.wal->seq), 0);
	test_log_close(&t);
	fake_power_cut(t.disk, FAKE_NONE);
	test_log_lost(&t, "mark");
	assert_true(t.found.start > start);
	/* The same count with another nonce is as good a proof. */
	start = t.found.start ^ 1;
	assert_int_equal(wal_lost(t.wal, start), 0);
	assert_true(wal_start(t.wal) > start);
	/* What no start can be is not believed. */
	assert_int_equal(wal_lost(t.wal, UINT64_MAX), -ERANGE);
	wal_whole(t.wal);
	test_mark(t.wal, 3000ul * MS, NULL, 0);
	test_log_close(&t);
	assert_int_equal(test_log_open(&t), 0);
	assert_false(t.found.lost);
	test_log_free(&t);
}

/* --- crashes ----------------------------------------------------------------------------- */

struct lost_trial {
	const struct test_log *log;
	bool must; /* it is not whole yet */
	uint32_t crashes;
	uint32_t whole;
};

static void lost_crash_here(void *arg, struct fake_disk *disk)
{
	struct lost_trial *trial = arg;

	for (int style = 0; style < 2 * FAKE_STYLES; style++) {
		struct test_log t = *trial->log;

		t.disk = fake_clone(disk, (uint64_t)style + trial->crashes);
		t.wal = NULL;
		if (style < FAKE_STYLES)
			fake_power_cut(t.disk, (enum fake_style)style);
		else
			fake_kill(t.disk, (enum fake_style)(style - FAKE_STYLES));
		if (test_log_open(&t) != 0)
			fail_msg("crash %u, style %d: %s", trial->crashes, style, t.error);
		if (trial->must && !t.found.lost)
			fail_msg("crash %u, style %d: the loss is forgotten (write %lu)",
				 trial->crashes, style, t.wal->number);
		trial->whole += !t.found.lost;
		test_log_free(&t);
	}
	trial->crashes++;
}

/* From the first opening on, over every write up to past what was marked, and through wal_whole. */
static void W17_W24_a_crash_at_each_step_of_a_lost_log(void **state)
{
	(void)state;
	for (int what = 0; what < 3; what++) {
		struct test_log t;
		struct lost_trial trial = {.log = &t, .must = true};
		uint64_t marked;

		(void)filled(&t);
		if (what == 0)
			zero(&t, WRITES - 2);
		else if (what == 1)
			fake_remove(t.disk, "mark");
		else
			for (uint64_t s = 1;; s++) {
				char name[DISK_NAME_MAX];

				segment_name(name, s);
				if (!fake_exists(t.disk, name))
					break;
				fake_remove(t.disk, name);
			}
		fake_set_hook(t.disk, lost_crash_here, &trial);
		test_log_lost(&t, "");
		marked = t.wal->marker.durable.number;
		for (int i = 0; t.wal->number <= marked && i < 2 * WRITES; i++)
			assert_int_equal(
				test_persist(t.wal, test_append(t.wal, t.wal->last_index + 1,
								t.wal->last_index + 1, 2)),
				0);
		assert_true(t.wal->number > marked);
		assert_int_equal(trial.whole, 0);
		trial.must = false;
		wal_whole(t.wal);
		test_mark(t.wal, 9000ul * MS, NULL, 0);
		lost_crash_here(&trial, t.disk);
		assert_true(trial.whole >= 2 * FAKE_STYLES);
		fake_set_hook(t.disk, NULL, NULL);
		print_message("%u places\n", trial.crashes);
		test_log_free(&t);
	}
}

static void W24_a_reset_does_not_hide_a_loss(void **state)
{
	struct test_log t;

	(void)state;
	test_log_init(&t);
	test_log_fill(&t, 0, 0);
	fake_remove(t.disk, "mark");
	test_log_lost(&t, "mark");
	assert_int_equal(t.found.last_index, 0);
	assert_int_equal(wal_record_write(t.wal, NULL, 0), -EBUSY);
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
		cmocka_unit_test(W20_a_sync_of_names_that_was_ignored_is_told),
		cmocka_unit_test(W24_a_missing_mark_is_a_loss),
		cmocka_unit_test(W24_a_mark_with_one_bad_slot_is_a_lower_bound),
		cmocka_unit_test(W24_a_mark_with_two_bad_slots_is_a_loss),
		cmocka_unit_test(W6_the_mark_of_another_directory_is_none),
		cmocka_unit_test(W24_the_sign_of_loss_survives_either_slot),
		cmocka_unit_test(W24_a_vote_that_was_marked_is_missed),
		cmocka_unit_test(V15_a_witness_proves_that_the_directory_was_rolled_back),
		cmocka_unit_test(W17_W24_a_crash_at_each_step_of_a_lost_log),
		cmocka_unit_test(W24_a_reset_does_not_hide_a_loss),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
