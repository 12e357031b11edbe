/*
 * Ranges of a snapshot's file for peers (wal/pull.h).
 */
#include "wal/pull.h"

#include "tests/unit/wal/helpers.h"

#include "base/mix.h"
#include "wal/snapshot.h"

enum { INDEX = 500, TERM = 3, CONTENT = 500001, FILE_MAX = 8 * BLOCK_FILE_STEP };

static uint8_t file[FILE_MAX];
static struct raft_snapshot offer = {.index = INDEX, .term = TERM};

static int poll_once(struct test_log *t)
{
	uint64_t seq;

	return wal_poll(t->wal, t->wal->now_ns, &seq);
}

/* A member that has it. */
static void member(struct test_log *t, enum wal_durability durability, uint32_t unit)
{
	test_log_init(t);
	fake_destroy(t->disk);
	t->disk = fake_create(unit, 7);
	t->options.durability = durability;
	assert_int_equal(test_log_open(t), 0);
	assert_int_equal(wal_pull_begin(t->wal, &offer), 0);
	while (wal_pull_result(t->wal) == -EINPROGRESS) {
		uint64_t from = 0;
		uint32_t length;

		for (; wal_pull_wants(t->wal, from, &from, &length); from += length)
			assert_int_equal(wal_pull_add(t->wal, from, file + from, length), 0);
		assert_int_equal(poll_once(t), 0);
	}
	assert_int_equal(wal_pull_result(t->wal), 0);
}

static void expect_range(struct test_log *t, uint32_t slot, uint64_t offset, uint32_t length)
{
	const uint8_t *data;
	uint32_t size;

	while (wal_range_get(t->wal, slot, &data, &size) == -EAGAIN)
		assert_int_equal(poll_once(t), 0);
	assert_int_equal(wal_range_get(t->wal, slot, &data, &size), 0);
	assert_int_equal(size, length < offer.size - offset ? length : offer.size - offset);
	assert_memory_equal(data, file + offset, size);
}

/* Ranges of it, for a peer: any, of two at a time, and it is not removed meanwhile. */
static void D17_ranges_are_read_for_peers(void **state)
{
	static const uint32_t units[] = {4096, 16384, 4096};
	static uint8_t content[CONTENT];

	(void)state;
	for (size_t i = 0; i < sizeof(content); i++)
		content[i] = (uint8_t)(mix(i / 8) >> i % 8 * 8);
	test_snapshot_image(file, &offer, NULL, 0, content, sizeof(content));
	assert_int_equal(offer.size, sizeof(file));
	for (int mode = 0; mode < 3; mode++) {
		char name[DISK_NAME_MAX];
		struct test_log t;
		uint64_t seed = 5;

		member(&t, mode == 2 ? WAL_VOLATILE : WAL_DURABLE, units[mode]);
		for (int i = 0; i < 200; i++) {
			uint64_t offset = (seed = mix(seed)) % offer.size;
			uint32_t length = 1 + (uint32_t)(seed >> 40) % WAL_RANGE_SIZE_MAX;
			int slot = wal_range_read(t.wal, INDEX, TERM, offset, length);

			assert_true(slot >= 0);
			if (i % 10 == 0) {
				assert_int_equal(wal_range_read(t.wal, INDEX, TERM, 9, 99),
						 1 - slot);
				assert_int_equal(wal_range_read(t.wal, INDEX, TERM, 0, 1), -EAGAIN);
			}
			assert_int_equal(wal_snapshot_remove(t.wal, INDEX, TERM), -EAGAIN);
			if (i % 20 == 0)
				expect_range(&t, (uint32_t)(1 - slot), 9, 99);
			if (i % 10 == 0)
				wal_range_release(t.wal, (uint32_t)(1 - slot));
			expect_range(&t, (uint32_t)slot, offset, length);
			wal_range_release(t.wal, (uint32_t)slot);
			for (int n = 0; i % 10 == 0 && n < 20; n++)
				assert_int_equal(poll_once(&t), 0);
		}
		assert_int_equal(wal_range_read(t.wal, INDEX, TERM, offer.size, 1), -ENOENT);
		assert_int_equal(wal_range_read(t.wal, INDEX, TERM, UINT64_MAX, 1), -ENOENT);
		assert_int_equal(wal_range_read(t.wal, INDEX, TERM + 1, 0, 1), -ENOENT);
		assert_int_equal(wal_range_read(t.wal, INDEX, TERM, 0, 0), -EINVAL);
		assert_int_equal(wal_range_read(t.wal, INDEX, TERM, 0, WAL_RANGE_SIZE_MAX + 1),
				 -EINVAL);
		assert_int_equal(wal_snapshot_remove(t.wal, INDEX, TERM), 0);
		for (int n = 0; n < 20; n++)
			assert_int_equal(poll_once(&t), 0);
		wal_block_name(name, INDEX, TERM);
		assert_false(fake_exists(t.disk, name));
		test_log_free(&t);
	}
}

/* Not again before it is pulled again, or made. */
static void damaged_in(struct test_log *t, uint64_t offset, uint32_t length, int want)
{
	struct raft_snapshot list[WAL_SNAPSHOTS_MAX];
	const uint8_t *data;
	uint32_t size;
	int slot = wal_range_read(t->wal, INDEX, TERM, offset, length), err;

	assert_true(slot >= 0);
	while ((err = wal_range_get(t->wal, (uint32_t)slot, &data, &size)) == -EAGAIN)
		assert_int_equal(poll_once(t), 0);
	assert_int_equal(err, want);
	assert_true(wal_range_damaged(err));
	assert_int_equal(wal_snapshots(t->wal, list), 0);
	assert_int_equal(wal_range_read(t->wal, INDEX, TERM, 0, 1), -ENOENT);
	wal_range_release(t->wal, (uint32_t)slot);
	for (int n = 0; n < 20; n++)
		assert_int_equal(poll_once(t), 0);
	assert_int_equal(t->wal->ranges[slot].fd, -1);
}

/* W21: it is found here, and not by whoever pulls it, again and again. */
static void W21_what_is_damaged_is_given_to_nobody(void **state)
{
	static uint8_t content[CONTENT];
	const uint32_t last = (uint32_t)(wal_block_count(CONTENT) + 1) * BLOCK_SIZE;
	const uint32_t flips[] = {0, BLOCK_SIZE + 7, last / 2, last + 9, FILE_MAX - 1};
	char name[DISK_NAME_MAX];
	struct test_log t;

	(void)state;
	test_snapshot_image(file, &offer, NULL, 0, content, sizeof(content));
	assert_true(last + BLOCK_SIZE < FILE_MAX);
	wal_block_name(name, INDEX, TERM);
	for (size_t i = 0; i < sizeof(flips) / sizeof(flips[0]); i++) {
		uint32_t at = flips[i] / BLOCK_SIZE * BLOCK_SIZE;

		member(&t, WAL_DURABLE, i % 2 ? 4096 : 16384);
		fake_flip(t.disk, name, flips[i], 5);
		/* Also by who asks for another part of the same block. */
		damaged_in(&t, flips[i] > at + 100 ? at : at + 100, 50, -EBADMSG);
		test_log_free(&t);
	}
	member(&t, WAL_DURABLE, 4096);
	fake_bad(t.disk, name, BLOCK_FILE_STEP, 4096, -EIO);
	damaged_in(&t, BLOCK_FILE_STEP, 10, -EIO);
	test_log_free(&t);
	member(&t, WAL_DURABLE, 4096);
	fake_remove(t.disk, name);
	damaged_in(&t, 5, 10, -ENOENT);
	test_log_free(&t);
	member(&t, WAL_DURABLE, 4096);
	fake_truncate(t.disk, name, BLOCK_FILE_STEP);
	damaged_in(&t, 2 * BLOCK_FILE_STEP, 10, -ENODATA);
	test_log_free(&t);
}

/* A disk may read the next time what it could not; what it read wrong is not what was written. */
static void W21_what_could_not_be_read_is_tried_again(void **state)
{
	static uint8_t content[CONTENT];
	struct raft_snapshot useless[WAL_SNAPSHOTS_MAX], list[WAL_SNAPSHOTS_MAX];
	char name[DISK_NAME_MAX];
	struct test_log t;
	int slot;

	(void)state;
	test_snapshot_image(file, &offer, NULL, 0, content, sizeof(content));
	wal_block_name(name, INDEX, TERM);
	member(&t, WAL_DURABLE, 4096);
	assert_false(wal_snapshots_again(t.wal));
	assert_int_equal(wal_snapshots_useless(t.wal, INDEX + 1, useless), 0);
	fake_bad(t.disk, name, BLOCK_FILE_STEP, 4096, -EIO);
	for (int i = 0; i < 2; i++) {
		damaged_in(&t, BLOCK_FILE_STEP, 10, -EIO);
		assert_int_equal(wal_snapshots_useless(t.wal, INDEX, useless), 0);
		assert_int_equal(wal_snapshots_useless(t.wal, INDEX + 1, useless), 1);
		assert_int_equal(useless[0].index, INDEX);
		assert_true(wal_snapshots_again(t.wal));
		assert_int_equal(wal_snapshots(t.wal, list), 1);
	}
	fake_mended(t.disk, name);
	slot = wal_range_read(t.wal, INDEX, TERM, BLOCK_FILE_STEP, 10);
	expect_range(&t, (uint32_t)slot, BLOCK_FILE_STEP, 10);
	wal_range_release(t.wal, (uint32_t)slot);
	fake_flip(t.disk, name, BLOCK_FILE_STEP, 5);
	damaged_in(&t, BLOCK_FILE_STEP, 10, -EBADMSG);
	/* Whatever else is found by who had begun to read it. */
	wal_snapshot_damaged(t.wal, INDEX, TERM, -EIO);
	assert_int_equal(wal_snapshots_useless(t.wal, 0, useless), 1);
	assert_false(wal_snapshots_again(t.wal));
	assert_int_equal(wal_snapshots(t.wal, list), 0);
	test_log_free(&t);
}

/* Counted in numbers that wrap, an empty file would hold as much. */
static void W21_a_stream_has_an_end(void **state)
{
	static const uint64_t payloads[] = {UINT64_MAX, UINT64_MAX - BLOCK_PAYLOAD + 2,
					    BLOCK_STREAM_MAX + 1};
	const struct block_place place = {INDEX, TERM, 1};
	uint8_t block[BLOCK_SIZE];
	char name[DISK_NAME_MAX];

	(void)state;
	wal_block_name(name, INDEX, TERM);
	for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
		uint64_t payload, hash;
		struct test_log t;

		test_log_init(&t);
		assert_int_equal(test_log_open(&t), 0);
		test_log_close(&t);
		test_snapshot_put(t.disk, INDEX, TERM);
		fake_get(t.disk, name, BLOCK_SIZE, block, sizeof(block));
		assert_int_equal(wal_block_trailer_decode(block, &payload, &hash), 0);
		wal_block_trailer_encode(block, payloads[i], hash);
		wal_block_seal(block, &place);
		fake_put(t.disk, name, BLOCK_SIZE, block, sizeof(block));
		assert_int_equal(test_log_open(&t), 0);
		assert_int_equal(t.found.snapshot_count, 0);
		assert_string_equal(t.found.snapshots_damaged[0].name, name);
		test_log_free(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(D17_ranges_are_read_for_peers),
		cmocka_unit_test(W21_what_is_damaged_is_given_to_nobody),
		cmocka_unit_test(W21_what_could_not_be_read_is_tried_again),
		cmocka_unit_test(W21_a_stream_has_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
