/*
 * Decay where nothing was ever written (V22), and places that cannot be read (V25): what holds no
 * data is zeroed again and told. What may have been acknowledged is refused, as ever.
 */
#include "tests/unit/wal/helpers.h"
#include "wal/inspect.h"

#include "base/bytes.h"
#include "wal/scan.h"

#include <stdio.h>
#include <string.h>

#define FIRST_SEGMENT "segment-0000000000000001"
#define SECOND_SEGMENT "segment-0000000000000002"
#define THIRD_SEGMENT "segment-0000000000000003"

enum {
	UNIT = FORMAT_UNIT_MIN,
	/* Of one entry and one unit: with the header they leave one unit of the first segment. */
	SMALL = TEST_SEGMENT_SIZE / UNIT - 2,
	LARGE = 3,    /* behind them, in the second one */
	ENTRIES = 18, /* in each of these */
	WRITES = SMALL + LARGE,
	LAST = SMALL + LARGE * ENTRIES,
};

static void must_place(const struct test_log *t, uint32_t n, struct test_place *place)
{
	if (!test_log_write(t, n, place))
		fail_msg("there is no write %u", n);
}

static void write_more(struct test_log *t, raft_index to)
{
	assert_int_equal(test_persist(t->wal, test_append(t->wal, t->wal->last_index + 1, to, 1)),
			 0);
}

/* All acknowledged; the last write is not marked. */
static void filled(struct test_log *t)
{
	uint64_t seq;

	test_log_init(t);
	test_log_fill(t, SMALL, 1);
	assert_int_equal(test_log_open(t), 0);
	while (t->wal->last_index < LAST - ENTRIES)
		write_more(t, t->wal->last_index + ENTRIES);
	while (wal_segment_wanted(t->wal))
		assert_int_equal(wal_poll(t->wal, 0, &seq), 0);
	test_log_close(t);
	assert_int_equal(test_log_open(t), 0);
	write_more(t, LAST);
	assert_true(t->wal->marker.durable.number < WRITES);
	assert_int_equal(t->wal->segments[0].end, TEST_SEGMENT_SIZE - UNIT);
	assert_int_equal(t->wal->tail, 1);
	test_log_close(t);
	assert_true(fake_exists(t->disk, THIRD_SEGMENT));
}

/* The same disk once more. */
static struct test_log again(const struct test_log *t)
{
	struct test_log copy = *t;

	copy.disk = fake_clone(t->disk, 1);
	copy.wal = NULL;
	return copy;
}

static bool zero_unit(const struct test_log *t, const char *file, uint64_t offset)
{
	uint8_t unit[UNIT];

	fake_get(t->disk, file, offset / UNIT * UNIT, unit, sizeof(unit));
	return bytes_zero(unit, sizeof(unit));
}

static void sector_put(struct test_log *t, const struct test_place *place, uint32_t at, int byte,
		       uint32_t bit)
{
	uint8_t sector[FORMAT_SECTOR];

	memset(sector, byte, sizeof(sector));
	fake_put(t->disk, place->file, place->offset + at, sector, sizeof(sector));
	if (bit > 0)
		fake_flip(t->disk, place->file, place->offset + at + bit / 8, bit % 8);
}

/*
 * It opens with entries 1 .. last, tells of `count` places, the first in this file and unit; what
 * it zeroed is durable before anything is appended, and the log goes on over it. Frees the log.
 */
static void told_and_zeroed(struct test_log *t, raft_index last, uint64_t count, const char *file,
			    uint64_t offset)
{
	char name[DISK_NAME_MAX];
	struct wal_stats stats;

	if (test_log_open(t) != 0)
		fail_msg("%s, %lu: %s", file, offset, t->error);
	assert_false(t->found.lost);
	assert_int_equal(t->found.last_index, last);
	assert_int_equal(t->found.decayed, count);
	wal_meta_segment_name(name, t->found.decayed_segment);
	assert_string_equal(name, file);
	assert_int_equal(t->found.decayed_offset, offset / UNIT * UNIT);
	wal_get_stats(t->wal, &stats);
	assert_int_equal(stats.decayed, count);
	test_expect(t->wal, 1, last, 1);
	test_log_close(t);
	fake_power_cut(t->disk, FAKE_NONE);
	assert_true(zero_unit(t, file, offset));
	assert_int_equal(test_log_open(t), 0);
	assert_int_equal(t->found.decayed, 0);
	while (t->wal->last_index < last + 40)
		write_more(t, t->wal->last_index + 1);
	test_log_close(t);
	assert_int_equal(test_log_open(t), 0);
	test_expect(t->wal, 1, last + 40, 1);
	test_log_free(t);
}

/* --- flipped bits ------------------------------------------------------------------------- */

/* In the rest of a segment that is full, of the one in use, of the one that is ready. */
static void V22_a_flipped_bit_where_nothing_was_written_is_zeroed_again(void **state)
{
	static const char *const files[] = {FIRST_SEGMENT, SECOND_SEGMENT, THIRD_SEGMENT};
	uint32_t seen[3] = {0};
	struct test_log t;

	(void)state;
	filled(&t);
	for (size_t f = 0; f < 3; f++)
		for (uint64_t at = UNIT; at < fake_size(t.disk, files[f]); at += 509) {
			struct test_log copy = again(&t);

			if (zero_unit(&t, files[f], at)) {
				fake_flip(copy.disk, files[f], at, (uint32_t)(at % 8));
				seen[f]++;
				told_and_zeroed(&copy, LAST, 1, files[f], at);
			} else {
				test_log_free(&copy);
			}
		}
	print_message("%u, %u, %u flips\n", seen[0], seen[1], seen[2]);
	for (size_t f = 0; f < 3; f++)
		assert_true(seen[f] >= 8);
	test_log_free(&t);
}

static void V22_many_flips(void **state)
{
	struct test_log copy;
	struct test_place last;
	struct test_log t;
	uint64_t at;

	(void)state;
	filled(&t);
	must_place(&t, WRITES - 1, &last);
	at = last.offset + last.size;
	/* All sectors of the place where the next write would be, but one. */
	copy = again(&t);
	for (uint32_t s = 0; s < 7; s++)
		fake_flip(copy.disk, last.file, at + (uint64_t)s * FORMAT_SECTOR + 100 + s, s);
	told_and_zeroed(&copy, LAST, 1, last.file, at);
	/* All of them: nothing shows that the next write is not there. */
	copy = again(&t);
	for (uint32_t s = 0; s < 8; s++)
		fake_flip(copy.disk, last.file, at + (uint64_t)s * FORMAT_SECTOR + 100 + s, s);
	test_log_refused(&copy, -EBADMSG, last.file);
	test_log_free(&copy);
	/* So many that it is no accident. */
	copy = again(&t);
	copy.options.segment_size = 16 * TEST_SEGMENT_SIZE;
	assert_int_equal(test_log_open(&copy), 0);
	while (copy.wal->segments[copy.wal->tail].size == TEST_SEGMENT_SIZE)
		write_more(&copy, copy.wal->last_index + ENTRIES);
	wal_meta_segment_name(last.file, copy.wal->segments[copy.wal->tail].sequence);
	at = copy.wal->segments[copy.wal->tail].end + UNIT;
	while (wal_segment_wanted(copy.wal))
		assert_int_equal(wal_poll(copy.wal, 0, &(uint64_t){0}), 0);
	test_log_close(&copy);
	for (uint32_t i = 0; i < SCAN_DECAYED_MAX; i++)
		fake_flip(copy.disk, last.file, at + (uint64_t)i * UNIT, 1);

	{
		struct test_log more = again(&copy);

		fake_flip(more.disk, last.file, at + (uint64_t)SCAN_DECAYED_MAX * UNIT, 1);
		test_log_refused(&more, -EBADMSG, last.file);
		assert_non_null(strstr(more.error, "failing"));
		test_log_free(&more);
	}
	assert_int_equal(test_log_open(&copy), 0);
	assert_int_equal(copy.found.decayed, SCAN_DECAYED_MAX);
	test_log_free(&copy);
	test_log_free(&t);
}

/* A flip in what was acknowledged is refused, whether there is one in unwritten space or not. */
static void V22_a_flip_in_an_acknowledged_record_is_refused_beside_one(void **state)
{
	struct test_place last;
	struct test_log t;

	(void)state;
	filled(&t);
	must_place(&t, WRITES - 1, &last);
	fake_flip(t.disk, last.file, last.offset + last.size + 77, 3);
	fake_flip(t.disk, THIRD_SEGMENT, UNIT + 77, 3);
	for (uint32_t n = 0; n < WRITES; n++) {
		struct test_place place;

		must_place(&t, n, &place);
		for (uint32_t at = n; at < place.size; at += 251) {
			fake_flip(t.disk, place.file, place.offset + at, at % 8);
			test_log_refused(&t, -EBADMSG, "segment-");
			fake_flip(t.disk, place.file, place.offset + at, at % 8);
		}
	}
	told_and_zeroed(&t, LAST, 2, last.file, last.offset + last.size);
}

/* Of a record that was acknowledged and marked one sector is nearly zero, the others are zero. */
static void V22_a_flip_hides_no_loss(void **state)
{
	struct test_place last;
	struct test_log t;

	(void)state;
	filled(&t);
	/* Opened once more, the vote file records that the last write was there. */
	assert_int_equal(test_log_open(&t), 0);
	test_log_close(&t);
	must_place(&t, WRITES - 1, &last);
	for (uint32_t at = 0; at < last.size; at += FORMAT_SECTOR)
		sector_put(&t, &last, at, 0, at == FORMAT_SECTOR ? 1234 : 0);
	test_log_lost(&t, last.file);
	assert_int_equal(t.found.decayed, 1);
	test_log_free(&t);
}

/* A write was torn, and a bit was flipped in what did not arrive of it. */
static void V22_a_flip_in_a_torn_write(void **state)
{
	raft_index kept = LAST - ENTRIES;
	struct test_place last;
	struct test_log copy;
	struct test_log t;
	uint32_t sectors;

	(void)state;
	filled(&t);
	must_place(&t, WRITES - 1, &last);
	sectors = last.size / FORMAT_SECTOR;
	for (uint32_t s = 0; s < sectors; s++) {
		uint32_t other = (s + 1) % sectors;

		/* Another sector shows that it was torn. */
		copy = again(&t);
		sector_put(&copy, &last, s * FORMAT_SECTOR, 0, 8 + s);
		sector_put(&copy, &last, other * FORMAT_SECTOR, 0, 0);
		/* Without its header nobody knows how long it was: only up to its last sector. */
		told_and_zeroed(&copy, kept, 1, last.file, last.offset + s * FORMAT_SECTOR);
		/* None does: it may have been whole, and acknowledged. */
		copy = again(&t);
		sector_put(&copy, &last, s * FORMAT_SECTOR, 0, 8 + s);
		test_log_refused(&copy, -EBADMSG, last.file);
		test_log_free(&copy);
	}
	test_log_free(&t);
}

/* What is further from zeros than one bit. */
static void V22_more_than_one_bit_is_damage(void **state)
{
	struct test_place last;
	struct test_place from;
	struct test_log t;

	(void)state;
	filled(&t);
	must_place(&t, WRITES - 1, &last);
	from = last;
	from.offset += last.size;
	for (uint64_t at = 0; at < UNIT; at += 500) {
		fake_flip(t.disk, from.file, from.offset + at, 2);
		fake_flip(t.disk, from.file, from.offset + at / 512 * 512 + 511, 7);
		test_log_refused(&t, -EBADMSG, from.file);
		fake_flip(t.disk, from.file, from.offset + at, 2);
		fake_flip(t.disk, from.file, from.offset + at / 512 * 512 + 511, 7);
	}
	sector_put(&t, &from, FORMAT_SECTOR, 0xff, 0);
	test_log_refused(&t, -EBADMSG, from.file);
	sector_put(&t, &from, FORMAT_SECTOR, 0, 0);
	assert_int_equal(test_log_open(&t), 0);
	assert_int_equal(t.found.decayed, 0);
	test_log_free(&t);
}

/* --- what cannot be read ------------------------------------------------------------------- */

static void V25_what_cannot_be_read_where_nothing_was_written_is_zeroed(void **state)
{
	static const int errors[] = {-EIO, -ENODATA, -EILSEQ};
	struct test_place last;
	struct test_log copy;
	struct test_log t;
	uint64_t end;

	(void)state;
	filled(&t);
	must_place(&t, WRITES - 1, &last);
	end = last.offset + last.size;
	for (size_t i = 0; i < 3; i++) {
		copy = again(&t);
		fake_bad(copy.disk, last.file, end + UNIT + 512, 512, errors[i]);
		told_and_zeroed(&copy, LAST, 1, last.file, end + UNIT);
		copy = again(&t);
		fake_bad(copy.disk, THIRD_SEGMENT, 5ul * UNIT, UNIT, errors[i]);
		fake_bad(copy.disk, THIRD_SEGMENT, 9ul * UNIT, UNIT, errors[i]);
		told_and_zeroed(&copy, LAST, 2, THIRD_SEGMENT, 5ul * UNIT);
	}
	/* Where the next write was due: it may be there. */
	copy = again(&t);
	fake_bad(copy.disk, last.file, end, 512, -EIO);
	test_log_refused(&copy, -EIO, last.file);
	assert_non_null(strstr(copy.error, "cannot be read"));
	test_log_free(&copy);
	test_log_free(&t);
}

static void V25_what_cannot_be_read_of_a_torn_write_is_cut_with_it(void **state)
{
	raft_index kept = LAST - ENTRIES;
	struct test_place last;
	struct test_log copy;
	struct test_log t;

	(void)state;
	filled(&t);
	must_place(&t, WRITES - 1, &last);
	assert_true(last.size > UNIT);
	for (uint32_t unit = 0; unit < last.size; unit += UNIT) {
		uint32_t other = (unit + UNIT) % last.size;

		/* A sector of zeros elsewhere shows that it was torn. */
		copy = again(&t);
		fake_bad(copy.disk, last.file, last.offset + unit + 1024, 512, -EIO);
		sector_put(&copy, &last, other, 0, 0);
		if (unit == 0) {
			/* It is no part of the write for sure, its size being in its header. */
			told_and_zeroed(&copy, kept, 1, last.file, last.offset);
		} else {
			told_and_zeroed(&copy, kept, 1, last.file, last.offset + unit);
		}
		/* None: it may have been acknowledged. */
		copy = again(&t);
		fake_bad(copy.disk, last.file, last.offset + unit + 1024, 512, -EIO);
		test_log_refused(&copy, -EIO, last.file);
		test_log_free(&copy);
	}
	test_log_free(&t);
}

/*
 * All of the place behind the last small write: one unit, in which the next write had no room. What
 * the log is refused with, if it may have been there.
 */
static int rest_spoil(struct test_log *t, uint32_t how)
{
	static const int errors[] = {-EIO, -ENODATA, -EILSEQ};
	uint64_t at = TEST_SEGMENT_SIZE - UNIT;

	if (how < 3)
		fake_bad(t->disk, FIRST_SEGMENT, at + how * FORMAT_SECTOR, FORMAT_SECTOR,
			 errors[how]);
	for (uint32_t s = 0; how == 3 && s < UNIT / FORMAT_SECTOR; s++)
		fake_flip(t->disk, FIRST_SEGMENT, at + (uint64_t)s * FORMAT_SECTOR + 100 + s, s);
	return how < 3 ? errors[how] : -EBADMSG;
}

/* The next write is in the next segment, whole or torn: so it cannot have been here. */
static void V25_what_decayed_behind_a_full_segment_is_zeroed(void **state)
{
	const uint64_t at = TEST_SEGMENT_SIZE - UNIT;
	struct wal_inspect_result looked;
	char error[WAL_ERROR_MAX];
	struct test_place place;
	struct test_log copy;
	struct test_log t;

	(void)state;
	filled(&t);
	for (uint32_t how = 0; how < 4; how++) {
		copy = again(&t);
		(void)rest_spoil(&copy, how);
		for (int live = 0; live < 2; live++)
			assert_int_equal(wal_inspect_disk(fake_disk_of(copy.disk), live, "fake",
							  NULL, NULL, &looked, error),
					 0);
		told_and_zeroed(&copy, LAST, 1, FIRST_SEGMENT, at);
	}
	test_log_free(&t);
	/* The first write of the second segment was the last one. */
	test_log_init(&t);
	test_log_fill(&t, SMALL, 1);
	assert_int_equal(test_log_open(&t), 0);
	write_more(&t, SMALL + ENTRIES);
	test_log_close(&t);
	must_place(&t, SMALL, &place);
	assert_string_equal(place.file, SECOND_SEGMENT);
	for (uint32_t how = 0; how < 4; how++) {
		for (uint32_t s = 0; s < place.size; s += FORMAT_SECTOR) {
			copy = again(&t);
			(void)rest_spoil(&copy, how);
			sector_put(&copy, &place, s, 0, 0);
			told_and_zeroed(&copy, SMALL, 1, FIRST_SEGMENT, at);
		}
		/* It is there, and damaged: that is the place to look at. */
		for (uint64_t byte = 10; byte < place.size; byte += 990) {
			copy = again(&t);
			(void)rest_spoil(&copy, how);
			fake_flip(copy.disk, place.file, place.offset + byte, 1);
			test_log_refused(&copy, -EBADMSG, SECOND_SEGMENT);
			test_log_free(&copy);
		}
	}
	test_log_free(&t);
}

/* Nothing of it is seen there: it may have been here, and acknowledged. */
static void V25_what_decayed_behind_a_segment_may_be_the_last_write(void **state)
{
	struct wal_inspect_result looked;
	char error[WAL_ERROR_MAX];
	struct test_place place;
	struct test_log copy;
	struct test_log t;
	int err;

	(void)state;
	filled(&t);
	for (uint32_t how = 0; how < 4; how++) {
		/* As after SMALL writes: the second segment is there, and nothing in it. */
		copy = again(&t);
		for (uint32_t n = SMALL; n < WRITES; n++) {
			must_place(&t, n, &place);
			for (uint32_t s = 0; s < place.size; s += FORMAT_SECTOR)
				sector_put(&copy, &place, s, 0, 0);
		}
		err = rest_spoil(&copy, how);
		test_log_refused(&copy, err, FIRST_SEGMENT);
		if (err != -EBADMSG)
			assert_int_equal(wal_inspect_disk(fake_disk_of(copy.disk), true, "fake",
							  NULL, NULL, &looked, error),
					 err);
		test_log_free(&copy);
		/* The write in between is gone, and what is in the next segment is later. */
		copy = again(&t);
		must_place(&t, SMALL - 1, &place);
		fake_bad(copy.disk, place.file, place.offset, FORMAT_SECTOR, -EIO);
		(void)rest_spoil(&copy, how);
		test_log_refused(&copy, -EIO, place.file);
		test_log_free(&copy);
	}
	test_log_free(&t);
}

/* Each unit of acknowledged writes; the line names it, and not what was read at once. */
static void V25_what_cannot_be_read_of_an_acknowledged_write_is_refused(void **state)
{
	struct wal_inspect_result looked;
	char error[WAL_ERROR_MAX];
	struct test_place place;
	char where[256];
	struct test_log t;

	(void)state;
	filled(&t);
	for (uint32_t n = 0; n < WRITES; n++) {
		must_place(&t, n, &place);
		for (uint32_t unit = 0; unit < place.size; unit += UNIT) {
			struct test_log copy = again(&t);

			fake_bad(copy.disk, place.file, place.offset + unit, 512, -EIO);
			(void)snprintf(where, sizeof(where),
				       "%s at offset %lu: cannot be read: Input/output error "
				       "(write %u is due at offset %lu)",
				       place.file, place.offset + unit, n + 1, place.offset);
			test_log_refused(&copy, -EIO, where);
			/* Nor does it look like the end of a log that a node has open. */
			assert_int_equal(wal_inspect_disk(fake_disk_of(copy.disk), true, "fake",
							  NULL, NULL, &looked, error),
					 -EIO);
			assert_non_null(strstr(error, where));
			test_log_free(&copy);
		}
	}
	test_log_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(V22_a_flipped_bit_where_nothing_was_written_is_zeroed_again),
		cmocka_unit_test(V22_many_flips),
		cmocka_unit_test(V22_a_flip_in_an_acknowledged_record_is_refused_beside_one),
		cmocka_unit_test(V22_a_flip_hides_no_loss),
		cmocka_unit_test(V22_a_flip_in_a_torn_write),
		cmocka_unit_test(V22_more_than_one_bit_is_damage),
		cmocka_unit_test(V25_what_cannot_be_read_where_nothing_was_written_is_zeroed),
		cmocka_unit_test(V25_what_cannot_be_read_of_a_torn_write_is_cut_with_it),
		cmocka_unit_test(V25_what_decayed_behind_a_full_segment_is_zeroed),
		cmocka_unit_test(V25_what_decayed_behind_a_segment_may_be_the_last_write),
		cmocka_unit_test(V25_what_cannot_be_read_of_an_acknowledged_write_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
