/*
 * Snapshots between members (wal/pull.h): what comes in any order, cut and lost, twice or wrong is
 * the file that was offered, or none.
 */
#include "wal/pull.h"

#include "tests/unit/wal/helpers.h"

#include "base/bytes.h"
#include "base/mix.h"
#include "wal/snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INDEX = 500, TERM = 3, FILE_MAX = 16 * BLOCK_FILE_STEP };

static uint8_t file[FILE_MAX];
static struct raft_snapshot offer;

static int poll_once(struct test_log *t)
{
	uint64_t seq;

	return wal_poll(t->wal, t->wal->now_ns, &seq);
}

/* The file that another member has: of so many bytes of the stream. */
static void peer(size_t size)
{
	static uint8_t content[FILE_MAX];

	for (size_t i = 0; i < sizeof(content); i++)
		content[i] = (uint8_t)(mix(i / 8) >> i % 8 * 8);
	offer = (struct raft_snapshot){.index = INDEX, .term = TERM};
	assert_true(wal_block_file_size(size) <= sizeof(file));
	test_snapshot_image(file, &offer, content, 100, content, size);
}

static const char *whole_name(void)
{
	static char name[DISK_NAME_MAX];

	wal_block_name(name, INDEX, TERM);
	return name;
}

static const char *part_name(void)
{
	static char name[DISK_NAME_MAX];

	wal_meta_part_name(name, whole_name());
	return name;
}

/* A member with a short log, of this unit. */
static void member(struct test_log *t, enum wal_durability durability, uint32_t unit)
{
	test_log_init(t);
	fake_destroy(t->disk);
	t->disk = fake_create(unit, 7);
	t->options.durability = durability;
	assert_int_equal(test_log_open(t), 0);
	if (durability != WAL_VOLATILE)
		assert_int_equal(test_persist(t->wal, test_append(t->wal, 1, 20, 1)), 0);
}

static void again(struct test_log *t)
{
	test_log_close(t);
	assert_int_equal(test_log_open(t), 0);
}

/* What is asked for comes, in such chunks; until there is a result or `left` bytes came. */
static int pull(struct test_log *t, size_t chunk, uint64_t left)
{
	uint64_t offset;
	uint32_t length;

	for (int i = 0; wal_pull_result(t->wal) == -EINPROGRESS && left > 0; i++) {
		uint64_t from = 0;

		assert_true(i < 10000);
		while (left > 0 && wal_pull_wants(t->wal, from, &offset, &length)) {
			size_t size = length < chunk ? length : chunk;

			assert_true(offset >= from);
			assert_true(offset + length <= offer.size);
			assert_int_equal(wal_pull_add(t->wal, offset, file + offset, size), 0);
			from = offset + size;
			left -= size < left ? size : left;
		}
		assert_int_equal(poll_once(t), 0);
	}
	return wal_pull_result(t->wal);
}

/* It is there as it was offered. */
static void check(struct test_log *t)
{
	struct raft_snapshot there[WAL_SNAPSHOTS_MAX];
	const uint8_t *data;
	size_t size;
	int more;

	assert_int_equal(wal_snapshots(t->wal, there), 1);
	assert_memory_equal(&there[0], &offer, sizeof(offer));
	assert_int_equal(wal_snapshot_open(t->wal, INDEX, TERM), 0);
	while ((more = wal_snapshot_next_now(t->wal, &data, &size)) == 1)
		;
	assert_int_equal(more, 0);
	wal_snapshot_close(t->wal);
	if (!t->wal->memory) {
		static uint8_t copy[FILE_MAX];

		assert_false(fake_exists(t->disk, part_name()));
		assert_int_equal(fake_size(t->disk, whole_name()), offer.size);
		fake_get(t->disk, whole_name(), 0, copy, offer.size);
		assert_memory_equal(copy, file, offer.size);
	}
	while (wal_in_flight(t->wal))
		assert_int_equal(poll_once(t), 0);
}

static const size_t sizes[] = {0,
			       BLOCK_PAYLOAD * 14,
			       BLOCK_PAYLOAD * 14 + 1,
			       BLOCK_PAYLOAD * 30,
			       BLOCK_PAYLOAD * 47,
			       300000,
			       700001};
enum { SIZES = sizeof(sizes) / sizeof(sizes[0]) };

static void D17_a_snapshot_is_pulled(void **state)
{
	static const size_t chunks[] = {1400, 8900, 65536, 1};
	static const uint32_t units[] = {4096, 8192, 16384};

	(void)state;
	for (size_t i = 0; i < SIZES; i++) {
		peer(sizes[i]);
		for (size_t c = 0; c < (i == 2 ? 4 : 3); c++) {
			for (uint32_t mode = 0; mode < 4; mode++) {
				struct test_log t;

				member(&t, mode == 3 ? WAL_VOLATILE : WAL_DURABLE, units[mode % 3]);
				assert_int_equal(wal_pull_begin(t.wal, &offer), 0);
				assert_int_equal(wal_snapshot_begin(t.wal, 7, 1, NULL, 0), -EAGAIN);
				assert_int_equal(wal_pull_begin(t.wal, &offer), -EAGAIN);
				assert_int_equal(pull(&t, chunks[c], UINT64_MAX), 0);
				check(&t);
				assert_int_equal(wal_pull_begin(t.wal, &offer), -EEXIST);
				if (mode == 3) {
					test_log_free(&t);
					continue;
				}
				test_log_close(&t);
				fake_power_cut(t.disk, FAKE_NONE);
				assert_int_equal(test_log_open(&t), 0);
				assert_true(t.found.installs);
				assert_int_equal(t.found.part.index, 0);
				check(&t);
				test_log_free(&t);
			}
		}
	}
}

/* Any order, any cut, twice, lost: as a seed has it. */
static void any_order(uint64_t seed)
{
	struct test_log t;
	uint64_t offset;
	uint32_t length;
	int i = 0;

	member(&t, WAL_DURABLE, 4096);
	assert_int_equal(wal_pull_begin(t.wal, &offer), 0);
	while (wal_pull_result(t.wal) == -EINPROGRESS) {
		uint64_t roll = seed = mix(seed);
		uint64_t at = roll % offer.size;
		size_t size = roll >> 32 & 0x3fff;
		int taken;

		assert_true(i++ < 1000000);
		if (roll >> 60 < 6 && wal_pull_wants(t.wal, 0, &offset, &length))
			at = offset + (roll >> 50 & 0xff) < offer.size
				     ? offset + (roll >> 50 & 0xff)
				     : offset;
		else if (roll >> 60 < 10 && wal_pull_wants(t.wal, at, &offset, &length))
			at = offset;
		size = size < offer.size - at ? size : offer.size - at;
		taken = wal_pull_add(t.wal, at, file + at, size);
		assert_true(taken == 0 || taken == -EAGAIN);
		if ((roll >> 58) % 2 == 0)
			assert_int_equal(poll_once(&t), 0);
	}
	assert_int_equal(wal_pull_result(t.wal), 0);
	check(&t);
	test_log_free(&t);
}

static void D17_in_any_order_cut_and_twice(void **state)
{
	(void)state;
	peer(700001);
	for (uint64_t seed = 1; seed < 8; seed++)
		any_order(seed);
}

/* So far the file is right, and the rest comes after a restart, an abort, or another leader. */
static void D17_a_pull_goes_on_where_it_was(void **state)
{
	(void)state;
	peer(700001);
	for (uint64_t there = 0; there + 20000 <= offer.size; there += 50000) {
		for (int how = 0; how < 3; how++) {
			struct wal_pulled at;
			struct test_log t;
			int result;

			member(&t, WAL_DURABLE, 8192);
			assert_int_equal(wal_pull_begin(t.wal, &offer), 0);
			result = pull(&t, 8900, there + 1);
			assert_int_equal(result, -EINPROGRESS);
			if (how == 0) {
				for (int i = 0; i < 20; i++)
					assert_int_equal(poll_once(&t), 0);
				again(&t);
			} else if (how == 1) {
				wal_pull_abort(t.wal, true);
				while (wal_pull_result(t.wal) == -EINPROGRESS ||
				       t.wal->writer.pulling)
					assert_int_equal(poll_once(&t), 0);
				assert_int_equal(wal_pull_result(t.wal), -ECANCELED);
			} else {
				test_log_close(&t);
				fake_power_cut(t.disk, FAKE_RANDOM);
				assert_int_equal(test_log_open(&t), 0);
			}
			if (how < 2)
				assert_int_equal(t.found.part.index, how == 1 ? 0 : INDEX);
			assert_int_equal(wal_pull_begin(t.wal, &offer), 0);
			while (t.wal->writer.step != SNAPSHOT_WRITE &&
			       wal_pull_result(t.wal) == -EINPROGRESS)
				assert_int_equal(poll_once(&t), 0);
			wal_pull_get(t.wal, &at);
			assert_int_equal(at.damaged, 0);
			assert_true(how == 2 ||
				    at.scanned >= there / BLOCK_FILE_STEP * BLOCK_FILE_STEP);
			assert_true(at.scanned <= there + 8900);
			assert_int_equal(pull(&t, 8900, UINT64_MAX), 0);
			check(&t);
			test_log_free(&t);
		}
	}
}

/* One block of it is another: damaged, of elsewhere in the file, zero. */
static void wrong_block(uint64_t number, int how)
{
	uint8_t wrong[BLOCK_SIZE];
	uint64_t offset = number * BLOCK_SIZE;
	uint64_t last = offer.size / BLOCK_SIZE;
	struct wal_pulled at;
	struct test_log t;
	int result = 0;

	memcpy(wrong, file + offset, BLOCK_SIZE);
	if (how == 0)
		wrong[number * 37 % BLOCK_SIZE] ^= 4;
	else if (how == 1)
		memcpy(wrong, file + (number == 2 ? 3 : 2) * BLOCK_SIZE, BLOCK_SIZE);
	else
		memset(wrong, 0, BLOCK_SIZE);
	if (memcmp(wrong, file + offset, BLOCK_SIZE) == 0)
		return;
	member(&t, WAL_DURABLE, 4096);
	assert_int_equal(wal_pull_begin(t.wal, &offer), 0);
	while (wal_pull_result(t.wal) == -EINPROGRESS && result == 0) {
		uint64_t from = 0, wanted;
		uint32_t length;

		while (result == 0 && wal_pull_wants(t.wal, from, &wanted, &length)) {
			for (uint64_t b = wanted; result == 0 && b < wanted + length;
			     b += BLOCK_SIZE)
				result = wal_pull_add(t.wal, b, b == offset ? wrong : file + b,
						      BLOCK_SIZE);
			from = wanted + length;
		}
		assert_int_equal(poll_once(&t), 0);
	}
	/* It is noticed, and right when it comes from another. */
	assert_int_equal(result, -EBADMSG);
	wal_pull_get(t.wal, &at);
	assert_int_equal(at.damaged, 1);
	assert_true(last > 0);
	assert_int_equal(pull(&t, 1400, UINT64_MAX), 0);
	check(&t);
	test_log_free(&t);
}

static void W21_a_liar_is_found_at_each_block(void **state)
{
	(void)state;
	peer(300000);
	for (uint64_t number = 0; number < offer.size / BLOCK_SIZE; number++)
		for (int how = 0; how < 3; how++)
			wrong_block(number, how);
}

/* What is right stays so, whatever comes for it later. */
static void W21_what_is_there_is_not_written_over(void **state)
{
	static uint8_t wrong[BLOCK_FILE_STEP];
	struct test_log t;

	(void)state;
	peer(100000);
	memset(wrong, 0x55, sizeof(wrong));
	member(&t, WAL_DURABLE, 4096);
	assert_int_equal(wal_pull_begin(t.wal, &offer), 0);
	while (t.wal->writer.step != SNAPSHOT_WRITE)
		assert_int_equal(poll_once(&t), 0);
	for (uint64_t at = BLOCK_SIZE; at < offer.size; at += BLOCK_SIZE)
		assert_int_equal(wal_pull_add(t.wal, at, file + at, BLOCK_SIZE), 0);
	for (uint64_t at = BLOCK_SIZE; at < offer.size; at += BLOCK_SIZE)
		assert_int_equal(wal_pull_add(t.wal, at + 7, wrong, BLOCK_SIZE - 7), 0);
	assert_int_equal(wal_pull_add(t.wal, 0, file, BLOCK_SIZE), 0);
	assert_int_equal(pull(&t, 8900, UINT64_MAX), 0);
	check(&t);
	test_log_free(&t);
}

/* A first block that is of this one by its stamp, and of another by what it says. */
static void W21_a_header_of_another_is_not_taken(void **state)
{
	const struct block_place place = {INDEX, TERM, 0};
	uint8_t wrong[BLOCK_SIZE];
	struct test_log t;

	(void)state;
	peer(100000);
	member(&t, WAL_DURABLE, 4096);
	assert_int_equal(wal_pull_begin(t.wal, &offer), 0);
	while (t.wal->writer.step != SNAPSHOT_WRITE)
		assert_int_equal(poll_once(&t), 0);
	for (int how = 0; how < 3; how++) {
		wal_block_header_encode(wrong, INDEX + (how == 0), TERM + (how == 1), NULL, 0);
		wrong[0] ^= how == 2;
		wal_block_seal(wrong, &place);
		assert_int_equal(wal_pull_add(t.wal, 0, wrong, BLOCK_SIZE), -EBADMSG);
	}
	assert_int_equal(pull(&t, 8900, UINT64_MAX), 0);
	check(&t);
	test_log_free(&t);
}

/* Whatever is asked for comes, and it is given up. */
static void comes_to_nothing(struct test_log *t)
{
	for (int i = 0; wal_pull_result(t->wal) == -EINPROGRESS; i++) {
		uint64_t at = 0;
		uint32_t length;

		assert_true(i < 100);
		while (wal_pull_wants(t->wal, at, &at, &length)) {
			(void)wal_pull_add(t->wal, at, file + at, length);
			at += length;
		}
		assert_int_equal(poll_once(t), 0);
	}
	assert_int_equal(wal_pull_result(t->wal), -EBADMSG);
	for (int i = 0; i < 20; i++)
		assert_int_equal(poll_once(t), 0);
}

/* Behind the end is a block with the right stamp: the rest is not asked for without an end. */
static void W21_what_can_be_no_end_is_given_up(void **state)
{
	const uint64_t last = 2 * BLOCK_FILE_STEP / BLOCK_SIZE - 1;
	uint8_t wrong[BLOCK_SIZE] = "not an end";
	struct test_log t;

	(void)state;
	peer(BLOCK_PAYLOAD * 20);
	assert_int_equal(offer.size, 2 * BLOCK_FILE_STEP);
	wal_block_seal(wrong, &(struct block_place){INDEX, TERM, last});
	member(&t, WAL_DURABLE, 4096);
	assert_int_equal(wal_pull_begin(t.wal, &offer), 0);
	while (t.wal->writer.step != SNAPSHOT_WRITE)
		assert_int_equal(poll_once(&t), 0);
	assert_int_equal(wal_pull_add(t.wal, last * BLOCK_SIZE, wrong, BLOCK_SIZE), 0);
	comes_to_nothing(&t);
	assert_int_equal(wal_pull_begin(t.wal, &offer), 0);
	assert_int_equal(pull(&t, 8900, UINT64_MAX), 0);
	check(&t);
	test_log_free(&t);
}

/*
 * All of the last step are blocks that are right by themselves, and the last of them calls itself
 * the end of a stream that cannot end there. `part`: it is there from before.
 */
static void false_end(uint64_t payload, bool part)
{
	uint64_t count = offer.size / BLOCK_SIZE;
	struct test_log t;

	for (uint64_t n = count - BLOCK_FILE_STEP / BLOCK_SIZE; n < count; n++) {
		uint8_t *block = file + n * BLOCK_SIZE;

		memset(block, 0x55, BLOCK_SIZE);
		if (n == count - 1)
			wal_block_trailer_encode(block, payload, offer.hash);
		wal_block_seal(block, &(struct block_place){INDEX, TERM, n});
	}
	member(&t, WAL_DURABLE, 4096);
	if (part) {
		fake_copy(t.disk, "identity", part_name());
		fake_truncate(t.disk, part_name(), 0);
		fake_put(t.disk, part_name(), 0, file, offer.size);
		again(&t);
	}
	assert_int_equal(wal_pull_begin(t.wal, &offer), 0);
	comes_to_nothing(&t);
	test_log_free(&t);
}

static void W21_an_end_that_is_none_is_not_believed(void **state)
{
	static const uint64_t payloads[] = {0, 1, UINT64_MAX / 2, UINT64_MAX - 1, UINT64_MAX};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(payloads) / sizeof(payloads[0]); i++) {
		peer(BLOCK_PAYLOAD * 20);
		false_end(payloads[i / 2], i % 2);
	}
}

/* What there is of a part and cannot be read is pulled, and written again. */
static void V25_a_part_that_cannot_be_read_is_pulled_again(void **state)
{
	(void)state;
	peer(300000);
	for (uint64_t bad = 0; bad < 4 * BLOCK_FILE_STEP; bad += 5 * BLOCK_SIZE) {
		struct wal_pulled at;
		struct test_log t;

		member(&t, WAL_DURABLE, 4096);
		assert_int_equal(wal_pull_begin(t.wal, &offer), 0);
		assert_int_equal(pull(&t, BLOCK_FILE_STEP, 4 * BLOCK_FILE_STEP), -EINPROGRESS);
		for (int i = 0; i < 20; i++)
			assert_int_equal(poll_once(&t), 0);
		test_log_close(&t);
		fake_bad(t.disk, part_name(), bad, 512, -EIO);
		assert_int_equal(test_log_open(&t), 0);
		assert_int_equal(wal_pull_begin(t.wal, &offer), 0);
		assert_int_equal(pull(&t, 8900, UINT64_MAX), 0);
		wal_pull_get(t.wal, &at);
		assert_int_equal(at.scanned, bad / BLOCK_FILE_STEP * BLOCK_FILE_STEP);
		check(&t);
		test_log_free(&t);
	}
}

/* What is offered is not what there is. */
static void W21_what_was_not_offered_is_never_there(void **state)
{
	struct raft_snapshot there[WAL_SNAPSHOTS_MAX];

	(void)state;
	peer(300000);
	for (int how = 0; how < 4; how++) {
		struct raft_snapshot lie = offer;
		struct wal_pulled at;
		struct test_log t;

		lie.hash ^= how == 0;
		lie.size += how == 1 ? BLOCK_FILE_STEP : 0;
		lie.size -= how == 2 ? BLOCK_FILE_STEP : 0;
		lie.term += how == 3;
		memset(file + offer.size, 0, BLOCK_FILE_STEP);
		member(&t, how < 2 ? WAL_DURABLE : WAL_VOLATILE, 4096);
		assert_int_equal(wal_pull_begin(t.wal, &lie), 0);
		for (int i = 0; i < 30; i++) {
			uint64_t from = 0, offset;
			uint32_t length;

			while (wal_pull_wants(t.wal, from, &offset, &length)) {
				(void)wal_pull_add(t.wal, offset, file + offset, length);
				from = offset + length;
			}
			assert_int_equal(poll_once(&t), 0);
		}
		/* A block that is of another one, or behind the end, is never right. */
		if (how % 2 == 1) {
			wal_pull_get(t.wal, &at);
			assert_true(at.damaged > 0);
			assert_int_equal(wal_pull_result(t.wal), -EINPROGRESS);
			wal_pull_abort(t.wal, false);
			for (int i = 0; i < 20; i++)
				assert_int_equal(poll_once(&t), 0);
		} else {
			assert_int_equal(wal_pull_result(t.wal), -EBADMSG);
		}
		assert_int_equal(wal_snapshots(t.wal, there), 0);
		assert_false(fake_exists(t.disk, part_name()));
		assert_int_equal(wal_pull_begin(t.wal, &offer), 0);
		assert_int_equal(pull(&t, 8900, UINT64_MAX), 0);
		check(&t);
		test_log_free(&t);
	}
}

static void D17_an_offer_that_can_be_none_is_refused(void **state)
{
	static const struct raft_snapshot none[] = {{0, 1, BLOCK_FILE_STEP, 0},
						    {1, 0, BLOCK_FILE_STEP, 0},
						    {1, 1, 0, 0},
						    {1, 1, BLOCK_FILE_STEP - 1, 0},
						    {1, 1, UINT64_MAX - BLOCK_FILE_STEP + 1, 0}};
	struct test_log t;

	(void)state;
	member(&t, WAL_DURABLE, 4096);
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_int_equal(wal_pull_begin(t.wal, &none[i]), -EINVAL);
	assert_int_equal(wal_pull_add(t.wal, 0, file, 100), -EAGAIN);
	wal_pull_abort(t.wal, false);
	assert_int_equal(wal_pull_result(t.wal), 0);
	test_log_free(&t);
}

/* It is given up at any step: there, or kept, or gone. */
static void D17_a_pull_is_given_up_at_any_step(void **state)
{
	(void)state;
	peer(300000);
	for (int keep = 0; keep < 2; keep++) {
		for (int step = 0; step < 40; step++) {
			struct raft_snapshot there[WAL_SNAPSHOTS_MAX];
			struct test_log t;
			int n = 0;

			member(&t, WAL_DURABLE, 4096);
			assert_int_equal(wal_pull_begin(t.wal, &offer), 0);
			for (; n < step; n++) {
				uint64_t offset;
				uint32_t length;

				if (wal_pull_wants(t.wal, 0, &offset, &length))
					assert_int_equal(
						wal_pull_add(t.wal, offset, file + offset, length),
						0);
				assert_int_equal(poll_once(&t), 0);
			}
			wal_pull_abort(t.wal, keep);
			for (n = 0; n < 20; n++)
				assert_int_equal(poll_once(&t), 0);
			assert_int_equal(t.wal->writer.step, SNAPSHOT_IDLE);
			if (wal_pull_result(t.wal) == 0) {
				assert_true(step > 10);
				check(&t);
			} else {
				assert_int_equal(wal_pull_result(t.wal), -ECANCELED);
				assert_int_equal(wal_snapshots(t.wal, there), 0);
				assert_false(fake_exists(t.disk, whole_name()));
				assert_int_equal(fake_exists(t.disk, part_name()),
						 keep && step > 0);
				assert_int_equal(wal_pull_begin(t.wal, &offer), 0);
				assert_int_equal(pull(&t, 8900, UINT64_MAX), 0);
				check(&t);
			}
			test_log_free(&t);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(D17_a_snapshot_is_pulled),
		cmocka_unit_test(D17_in_any_order_cut_and_twice),
		cmocka_unit_test(D17_a_pull_goes_on_where_it_was),
		cmocka_unit_test(W21_a_liar_is_found_at_each_block),
		cmocka_unit_test(W21_what_is_there_is_not_written_over),
		cmocka_unit_test(W21_a_header_of_another_is_not_taken),
		cmocka_unit_test(W21_what_can_be_no_end_is_given_up),
		cmocka_unit_test(W21_an_end_that_is_none_is_not_believed),
		cmocka_unit_test(V25_a_part_that_cannot_be_read_is_pulled_again),
		cmocka_unit_test(W21_what_was_not_offered_is_never_there),
		cmocka_unit_test(D17_an_offer_that_can_be_none_is_refused),
		cmocka_unit_test(D17_a_pull_is_given_up_at_any_step),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
