/*
 * What happens to an install at each of its steps: a snapshot is pulled, gets its name, and the log
 * is begun behind it. After any crash the directory is as it was, or can go on, or is done; that
 * there is no space ends nothing; a disk that fails ends the log, and what it has is still right.
 */
#include "wal/pull.h"

#include "tests/unit/wal/helpers.h"

#include "base/mix.h"
#include "wal/snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LAST = 20, INDEX = 500, TERM = 3, CONTENT = 200000, FILE_MAX = 4 * BLOCK_FILE_STEP };

static uint8_t file[FILE_MAX];
static struct raft_snapshot offer = {.index = INDEX, .term = TERM};

static int set_up(void **state)
{
	static uint8_t content[CONTENT];

	(void)state;
	for (size_t i = 0; i < sizeof(content); i++)
		content[i] = (uint8_t)(mix(i / 8) >> i % 8 * 8);
	assert_true(wal_block_file_size(CONTENT) == FILE_MAX);
	test_snapshot_image(file, &offer, content, 100, content, CONTENT);
	return 0;
}

static void name_of(char name[DISK_NAME_MAX], bool part)
{
	char whole[DISK_NAME_MAX];

	wal_block_name(whole, INDEX, TERM);
	memcpy(name, whole, sizeof(whole));
	if (part)
		wal_meta_part_name(name, whole);
}

static bool is_there(const struct test_log *t, bool part)
{
	char name[DISK_NAME_MAX];

	name_of(name, part);
	return fake_exists(t->disk, name);
}

static void member(struct test_log *t)
{
	test_log_init(t);
	assert_int_equal(test_log_open(t), 0);
	assert_int_equal(test_persist(t->wal, test_append(t->wal, 1, LAST, 1)), 0);
	test_settle(t->wal);
}

/* All that is asked for comes at once. What came of it, or of the log. */
static int pull(struct test_log *t)
{
	int err = 0;

	for (int i = 0; err == 0 && wal_pull_result(t->wal) == -EINPROGRESS; i++) {
		uint64_t from = 0, seq;
		uint32_t length;

		assert_true(i < 10000);
		while (wal_pull_wants(t->wal, from, &from, &length)) {
			assert_int_equal(wal_pull_add(t->wal, from, file + from, length), 0);
			from += length;
		}
		err = wal_poll(t->wal, t->wal->now_ns, &seq);
	}
	return err != 0 ? err : wal_pull_result(t->wal);
}

static void idle(struct test_log *t)
{
	uint64_t seq;

	while (t->wal->writer.step != SNAPSHOT_IDLE || wal_in_flight(t->wal))
		assert_int_equal(wal_poll(t->wal, t->wal->now_ns, &seq), 0);
}

/* The whole of it, as a node goes about it. */
static int install(struct test_log *t)
{
	int err = wal_pull_begin(t->wal, &offer);

	if (err == 0)
		err = pull(t);
	return err != 0 ? err : wal_reset(t->wal, INDEX, TERM);
}

static void whole_check(struct test_log *t)
{
	const uint8_t *data;
	size_t size;
	int more;

	assert_int_equal(wal_snapshot_open(t->wal, INDEX, TERM), 0);
	while ((more = wal_snapshot_next_now(t->wal, &data, &size)) == 1)
		;
	assert_int_equal(more, 0);
	wal_snapshot_close(t->wal);
	idle(t);
}

/* As a start finds it: old, with or without a part; whole, and to be installed; or done. */
enum found { OLD, PART, INSTALLS, DONE };

static enum found start_check(struct test_log *t)
{
	if (t->found.snapshot_count == 0) {
		assert_false(t->found.installs);
		assert_int_equal(t->found.last_index, LAST);
		test_expect(t->wal, 1, LAST, 1);
		return t->found.part.index != 0 ? PART : OLD;
	}
	assert_int_equal(t->found.snapshot_count, 1);
	assert_int_equal(t->found.snapshots_damaged_count, 0);
	assert_memory_equal(&t->found.snapshots[0], &offer, sizeof(offer));
	whole_check(t);
	if (t->found.installs) {
		assert_int_equal(t->found.last_index, LAST);
		test_expect(t->wal, 1, LAST, 1);
		return INSTALLS;
	}
	assert_int_equal(t->found.first_index, INDEX + 1);
	assert_int_equal(t->found.before_term, TERM);
	assert_int_equal(t->found.last_index, INDEX);
	return DONE;
}

/* It is finished from whatever was found, and the log goes on behind it. */
static void finish(struct test_log *t, enum found found)
{
	assert_false(t->found.lost);
	if (found < INSTALLS)
		assert_int_equal(install(t), 0);
	else if (found == INSTALLS)
		assert_int_equal(wal_reset(t->wal, INDEX, TERM), 0);
	assert_int_equal(test_persist(t->wal, test_append(t->wal, INDEX + 1, INDEX + 30, 4)), 0);
	test_log_close(t);
	fake_power_cut(t->disk, FAKE_NONE);
	assert_int_equal(test_log_open(t), 0);
	assert_false(t->found.installs);
	assert_false(t->found.lost);
	assert_int_equal(t->found.snapshot_count, 1);
	assert_int_equal(t->found.part.index, 0);
	assert_false(is_there(t, true));
	assert_int_equal(t->found.last_index, INDEX + 30);
	test_expect(t->wal, INDEX + 1, INDEX + 30, 4);
	whole_check(t);
}

static uint32_t seen[4];

static void crash(void *arg, struct fake_disk *disk)
{
	const struct test_log *was = arg;

	for (int style = 0; style < FAKE_STYLES; style++) {
		struct test_log t = *was;
		enum found found;

		t.disk = fake_clone(disk, (uint64_t)style);
		t.options.disk = fake_disk_of(t.disk);
		fake_power_cut(t.disk, (enum fake_style)style);
		assert_int_equal(test_log_open(&t), 0);
		found = start_check(&t);
		seen[found]++;
		finish(&t, found);
		test_log_free(&t);
	}
}

static void W17_a_crash_at_each_step_of_an_install(void **state)
{
	struct test_log t;

	(void)state;
	member(&t);
	fake_set_hook(t.disk, crash, &t);
	assert_int_equal(install(&t), 0);
	fake_set_hook(t.disk, NULL, NULL);
	for (int i = 0; i < 4; i++)
		assert_true(seen[i] > 0);
	test_log_free(&t);
}

/* The start that finishes it ends at each of its steps, too. */
static void W17_a_crash_while_a_start_finishes_an_install(void **state)
{
	struct test_log t;

	(void)state;
	member(&t);
	assert_int_equal(wal_pull_begin(t.wal, &offer), 0);
	assert_int_equal(pull(&t), 0);
	test_log_close(&t);
	fake_set_hook(t.disk, crash, &t);
	assert_int_equal(test_log_open(&t), 0);
	assert_true(t.found.installs);
	assert_int_equal(wal_reset(t.wal, INDEX, TERM), 0);
	fake_set_hook(t.disk, NULL, NULL);
	test_log_free(&t);
}

/* The n-th operation fails so, for each n: what becomes of it. */
static void each_failure(int err, bool ends)
{
	uint32_t ended = 0, gone = 0;

	for (uint64_t n = 0;; n++) {
		struct test_log t;
		uint64_t before;
		int result;

		member(&t);
		before = fake_operations(t.disk);
		assert_int_equal(wal_pull_begin(t.wal, &offer), 0);
		fake_fail(t.disk, n, err);
		result = pull(&t);
		if (fake_operations(t.disk) - before <= n) {
			assert_int_equal(result, 0);
			test_log_free(&t);
			break;
		}
		fake_fail(t.disk, UINT64_MAX, 0);
		if (t.wal->failed != 0) {
			assert_int_equal(result, err);
			ended++;
			test_log_close(&t);
			assert_int_equal(test_log_open(&t), 0);
			finish(&t, start_check(&t));
		} else if (result != 0) {
			assert_false(ends);
			assert_int_equal(result, err);
			gone++;
			idle(&t);
			assert_false(is_there(&t, true));
			assert_false(is_there(&t, false));
			assert_int_equal(install(&t), 0);
			finish(&t, DONE);
		}
		test_log_free(&t);
	}
	assert_true(ended > 0);
	assert_true(ends || gone > 5);
}

static void V17_no_space_ends_a_pull_and_nothing_else(void **state)
{
	(void)state;
	each_failure(-ENOSPC, false);
	each_failure(-EDQUOT, false);
}

static void V18_a_disk_that_fails_ends_the_log(void **state)
{
	(void)state;
	each_failure(-EIO, true);
}

/* What there is of one goes when another is wanted, or a whole one covers it. */
static void D17_a_part_of_no_use_goes(void **state)
{
	struct raft_snapshot other = {.index = INDEX - 1, .term = TERM, .size = BLOCK_FILE_STEP};
	char part[DISK_NAME_MAX], name[DISK_NAME_MAX], other_part[DISK_NAME_MAX];
	uint64_t seq;

	(void)state;
	name_of(part, true);
	wal_block_name(name, other.index, other.term);
	wal_meta_part_name(other_part, name);
	for (int how = 0; how < 4; how++) {
		struct test_log t;

		member(&t);
		test_log_close(&t);
		fake_copy(t.disk, "identity", part);
		fake_copy(t.disk, "identity", other_part);
		assert_int_equal(test_log_open(&t), 0);
		/* One is pulled at a time: the newest is left. */
		assert_int_equal(t.found.part.index, INDEX);
		assert_int_equal(t.found.part.size, BLOCK_FILE_STEP);
		assert_false(fake_exists(t.disk, other_part));
		if (how == 0) {
			assert_int_equal(wal_pull_begin(t.wal, &other), 0);
			wal_pull_abort(t.wal, true);
			idle(&t);
			assert_true(fake_exists(t.disk, other_part) || t.wal->puller.part.index);
		} else if (how == 1) {
			test_snapshot(&t, INDEX, TERM + 1);
		} else if (how == 2) {
			test_snapshot(&t, INDEX - 1, TERM);
		} else {
			assert_int_equal(install(&t), 0);
		}
		for (int i = 0; i < 20; i++)
			assert_int_equal(wal_poll(t.wal, t.wal->now_ns, &seq), 0);
		assert_int_equal(fake_exists(t.disk, part), how == 2);
		test_log_free(&t);
	}
}

/* What comes of some bytes there. They are let go of, but into `slot`. */
static int range_get(struct test_log *t, raft_index index, raft_term term, uint64_t offset,
		     uint32_t *slot)
{
	int got = wal_range_read(t->wal, index, term, offset, 100), err;
	const uint8_t *data;
	uint64_t seq;
	uint32_t size;

	assert_true(got >= 0);
	while ((err = wal_range_get(t->wal, (uint32_t)got, &data, &size)) == -EAGAIN)
		assert_int_equal(wal_poll(t->wal, t->wal->now_ns, &seq), 0);
	if (slot)
		*slot = (uint32_t)got;
	else
		wal_range_release(t->wal, (uint32_t)got);
	return err;
}

/* One that was found damaged is pulled again, and takes its place. */
static void W21_a_damaged_one_is_replaced(void **state)
{
	struct raft_snapshot there[WAL_SNAPSHOTS_MAX];
	char name[DISK_NAME_MAX];
	const uint8_t *data;
	size_t size;
	struct test_log t;
	int more;

	(void)state;
	name_of(name, false);
	member(&t);
	assert_int_equal(install(&t), 0);
	fake_flip(t.disk, name, 20 * BLOCK_SIZE, 1);
	assert_int_equal(wal_pull_begin(t.wal, &offer), -EEXIST);
	assert_int_equal(wal_snapshot_open(t.wal, INDEX, TERM), 0);
	while ((more = wal_snapshot_next_now(t.wal, &data, &size)) == 1)
		;
	assert_int_equal(more, -EBADMSG);
	wal_snapshot_close(t.wal);
	idle(&t);
	assert_int_equal(wal_pull_begin(t.wal, &offer), 0);
	assert_int_equal(pull(&t), 0);
	assert_int_equal(wal_snapshots(t.wal, there), 1);
	whole_check(&t);
	finish(&t, DONE);
	test_log_free(&t);
}

/* And is written again, where what the log has behind the one before makes it so. */
static void W21_a_damaged_one_is_written_anew(void **state)
{
	struct raft_snapshot there[WAL_SNAPSHOTS_MAX];
	char name[DISK_NAME_MAX];
	struct test_log t;

	(void)state;
	wal_block_name(name, 10, 1);
	member(&t);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(wal_snapshot_begin(t.wal, 10, 1, NULL, 0), 0);
		wal_snapshot_finish(t.wal);
		idle(&t);
		assert_int_equal(wal_snapshot_result(t.wal), 0);
		assert_int_equal(wal_snapshot_begin(t.wal, 10, 1, NULL, 0), -EEXIST);
		assert_int_equal(wal_snapshots(t.wal, there), 1);
		fake_flip(t.disk, name, BLOCK_SIZE + 9, 1);
		assert_int_equal(range_get(&t, 10, 1, BLOCK_SIZE, NULL), -EBADMSG);
		assert_int_equal(wal_snapshots(t.wal, there), 0);
		idle(&t);
	}
	test_log_free(&t);
}

/*
 * Who was given bytes of it before has them until it lets go: it would read on in the file of
 * before, and find the new one damaged.
 */
static void W21_one_that_is_read_is_not_replaced(void **state)
{
	struct raft_snapshot useless[WAL_SNAPSHOTS_MAX];
	char name[DISK_NAME_MAX];
	struct test_log t;
	uint32_t slot;

	(void)state;
	name_of(name, false);
	member(&t);
	assert_int_equal(install(&t), 0);
	assert_int_equal(range_get(&t, INDEX, TERM, 0, &slot), 0);
	fake_flip(t.disk, name, 20 * BLOCK_SIZE, 1);
	assert_int_equal(range_get(&t, INDEX, TERM, 20 * BLOCK_SIZE, NULL), -EBADMSG);
	idle(&t);
	assert_int_equal(wal_pull_begin(t.wal, &offer), -EAGAIN);
	assert_int_equal(wal_snapshot_begin(t.wal, INDEX, TERM, NULL, 0), -EAGAIN);
	assert_int_equal(wal_snapshot_remove(t.wal, INDEX, TERM), -EAGAIN);
	wal_range_release(t.wal, slot);
	assert_int_equal(wal_pull_begin(t.wal, &offer), 0);
	/* Nor removed from under its name. */
	assert_int_equal(wal_snapshots_useless(t.wal, 0, useless), 1);
	assert_int_equal(wal_snapshot_remove(t.wal, INDEX, TERM), -EAGAIN);
	assert_int_equal(pull(&t), 0);
	assert_int_equal(wal_snapshots_useless(t.wal, UINT64_MAX, useless), 0);
	assert_int_equal(range_get(&t, INDEX, TERM, 20 * BLOCK_SIZE, NULL), 0);
	whole_check(&t);
	finish(&t, DONE);
	test_log_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(W17_a_crash_at_each_step_of_an_install),
		cmocka_unit_test(W17_a_crash_while_a_start_finishes_an_install),
		cmocka_unit_test(V17_no_space_ends_a_pull_and_nothing_else),
		cmocka_unit_test(V18_a_disk_that_fails_ends_the_log),
		cmocka_unit_test(D17_a_part_of_no_use_goes),
		cmocka_unit_test(W21_a_damaged_one_is_replaced),
		cmocka_unit_test(W21_a_damaged_one_is_written_anew),
		cmocka_unit_test(W21_one_that_is_read_is_not_replaced),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
