/*
 * Damage other than a crash's: decay, misdirected and lost writes, missing and foreign files. It is
 * refused with the place named, and nothing on disk is changed; what cannot be told from a torn
 * write is written down here as what it is.
 */
#include "tests/unit/wal/helpers.h"

#include "base/bytes.h"
#include "base/crc.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FIRST_SEGMENT "segment-0000000000000001"
#define SECOND_SEGMENT "segment-0000000000000002"
#define THIRD_SEGMENT "segment-0000000000000003"

/* Writes of one to three units, enough of them that the log is in its second segment. */
enum { WRITES = 12, ENTRIES = 12 };

static void must_place(const struct test_log *t, uint32_t n, struct test_place *place)
{
	if (!test_log_write(t, n, place))
		fail_msg("there is no write %u", n);
}

static void overwrite(struct test_log *t, const struct test_place *place, uint32_t at,
		      uint32_t size, int byte)
{
	uint8_t data[FORMAT_SECTOR];

	memset(data, byte, sizeof(data));
	for (uint32_t done = 0; done < size; done += FORMAT_SECTOR)
		fake_put(t->disk, place->file, place->offset + at + done, data, FORMAT_SECTOR);
}

/* --- flips ------------------------------------------------------------------------------- */

static uint32_t flips, places;

static void flip_refused(struct test_log *t, const char *file, uint64_t offset, uint32_t bit)
{
	fake_flip(t->disk, file, offset, bit);
	test_log_refused(t, -EBADMSG, file);
	fake_flip(t->disk, file, offset, bit);
	flips++;
}

/* Where something was written: what nothing was written to is decayed_test.c's. */
static bool written(const struct test_log *t, const char *file, uint64_t offset)
{
	uint8_t unit[FORMAT_UNIT_MIN];

	fake_get(t->disk, file, offset - offset % sizeof(unit), unit, sizeof(unit));
	return strncmp(file, "segment-", 8) != 0 || !bytes_zero(unit, sizeof(unit));
}

/* Every stamp, every header, and a spread over everything else, used or not. */
static bool interesting(uint64_t offset)
{
	uint64_t in_unit = offset % FORMAT_UNIT_MIN;

	return in_unit < FORMAT_WRITE_HEADER + FORMAT_ENTRY_HEADER ||
	       offset % FORMAT_SECTOR >= FORMAT_PAYLOAD || offset % 61 == 0;
}

static void W3_every_flipped_bit_is_found(void **state)
{
	static const char *const files[] = {"identity", "vote", FIRST_SEGMENT, SECOND_SEGMENT};
	struct test_log t;

	(void)state;
	test_log_init(&t);
	test_log_fill(&t, WRITES, ENTRIES);
	assert_true(fake_exists(t.disk, SECOND_SEGMENT));
	flips = 0;
	places = 0;
	for (size_t f = 0; f < sizeof(files) / sizeof(files[0]); f++)
		for (uint64_t at = 0; at < fake_size(t.disk, files[f]); at++)
			if (interesting(at) && (f > 0 || at < 64 || at % 61 == 0) &&
			    written(&t, files[f], at) && places++ % TEST_STRIDE == 0)
				flip_refused(&t, files[f], at, (uint32_t)(at * 7 % 8));
	print_message("%u flips\n", flips);
	assert_true(flips > 5000 / TEST_STRIDE);
	assert_int_equal(test_log_open(&t), 0);
	test_expect(t.wal, 1, WRITES * ENTRIES, 1);
	test_log_free(&t);
}

static void W3_every_byte_of_a_small_write(void **state)
{
	struct test_log t;
	struct test_place place;

	(void)state;
	test_log_init(&t);
	test_log_fill(&t, 3, 1);
	for (uint32_t n = 0; n < 3; n++) {
		must_place(&t, n, &place);
		for (uint32_t at = 0; at < place.size; at += TEST_STRIDE)
			flip_refused(&t, place.file, place.offset + at, at % 8);
	}
	test_log_free(&t);
}

static void W4_a_flip_in_the_last_write_does_not_look_torn(void **state)
{
	struct test_log t;
	struct test_place last;

	(void)state;
	test_log_init(&t);
	test_log_fill(&t, WRITES, ENTRIES);
	must_place(&t, WRITES - 1, &last);
	for (uint32_t at = 0; at < last.size; at += 7 * TEST_STRIDE)
		flip_refused(&t, last.file, last.offset + at, at % 8);
	for (uint32_t at = 0; at < last.size; at += FORMAT_SECTOR) {
		uint8_t before[FORMAT_SECTOR];

		fake_get(t.disk, last.file, last.offset + at, before, sizeof(before));
		overwrite(&t, &last, at, FORMAT_SECTOR, 0xa5);
		test_log_refused(&t, -EBADMSG, last.file);
		fake_put(t.disk, last.file, last.offset + at, before, sizeof(before));
	}
	test_log_free(&t);
}

/* --- torn and lost ----------------------------------------------------------------------- */

/* The sectors that the mask leaves of the last write are cut, and the log goes on. */
static void torn_is_cut(const struct test_log *whole, const struct test_place *last, uint64_t mask)
{
	struct test_log t = *whole;
	raft_index kept = (WRITES - 1) * ENTRIES;

	t.disk = fake_clone(whole->disk, mask);
	for (uint32_t s = 0; s < last->size / FORMAT_SECTOR; s++)
		if ((mask >> s & 1) == 0)
			overwrite(&t, last, s * FORMAT_SECTOR, FORMAT_SECTOR, 0);
	if (test_log_open(&t) != 0)
		fail_msg("mask %lx: %s", mask, t.error);
	assert_int_equal(t.found.last_index, kept);
	assert_int_equal(t.found.torn_bytes > 0, mask != 0);
	assert_true(t.found.torn_bytes <= last->size);
	/* The cut can be told: how much, and where (V16). */
	if (mask != 0) {
		struct wal_stats stats;
		char name[DISK_NAME_MAX];

		wal_meta_segment_name(name, t.found.torn_segment);
		assert_string_equal(name, last->file);
		assert_int_equal(t.found.torn_offset, last->offset);
		wal_get_stats(t.wal, &stats);
		assert_int_equal(stats.torn_bytes, t.found.torn_bytes);
	} else {
		assert_int_equal(t.found.torn_segment, 0);
	}
	test_expect(t.wal, 1, kept, 1);
	/* Smaller than what was cut: nothing of it may show behind the new write. */
	assert_int_equal(test_persist(t.wal, test_append(t.wal, kept + 1, kept + 1, 2)), 0);
	test_log_close(&t);
	if (test_log_open(&t) != 0)
		fail_msg("mask %lx, again: %s", mask, t.error);
	assert_int_equal(t.found.last_index, kept + 1);
	assert_int_equal(t.found.torn_bytes, 0);
	test_log_free(&t);
}

static void V16_W1_W2_a_torn_last_write_is_cut(void **state)
{
	struct test_log t;
	struct test_place last;
	uint32_t sectors;

	(void)state;
	test_log_init(&t);
	test_log_fill(&t, WRITES, ENTRIES);
	must_place(&t, WRITES - 1, &last);
	sectors = last.size / FORMAT_SECTOR;
	assert_true(sectors >= 16);
	assert_true(sectors < 64);
	for (uint32_t s = 0; s < sectors; s++) {
		uint64_t all = (1ul << sectors) - 1;

		torn_is_cut(&t, &last, (1ul << s) - 1); /* up to each boundary (0: W5) */
		torn_is_cut(&t, &last, all & ~(1ul << s));
		torn_is_cut(&t, &last, 1ul << s);
		torn_is_cut(&t, &last, all & ~((1ul << s) - 1) & ~1ul);
		torn_is_cut(&t, &last, all & 0x5555555555555555ul << (s % 2));
	}
	test_log_free(&t);
}

/* Sectors of the due write past the end that its header gives: no crash leaves that behind. */
static void W2_a_torn_write_larger_than_itself(void **state)
{
	uint8_t sector[FORMAT_SECTOR];
	struct test_place small;
	struct test_place large;
	struct test_log ours;
	struct test_log other;

	(void)state;
	test_log_init(&ours);
	test_log_fill(&ours, 2, 1);
	test_log_init(&other);
	assert_int_equal(test_log_open(&other), 0);
	assert_int_equal(test_persist(other.wal, test_append(other.wal, 1, 1, 1)), 0);
	assert_int_equal(test_persist(other.wal, test_append(other.wal, 2, 15, 1)), 0);
	test_log_close(&other);
	must_place(&ours, 1, &small);
	must_place(&other, 1, &large);
	assert_int_equal(small.offset, large.offset);
	assert_true(small.size < large.size);
	overwrite(&ours, &small, 1024, FORMAT_SECTOR, 0); /* torn, but for what follows */
	fake_get(other.disk, large.file, large.offset + small.size, sector, sizeof(sector));
	fake_put(ours.disk, small.file, small.offset + small.size, sector, sizeof(sector));
	test_log_refused(&ours, -EBADMSG, small.file);
	test_log_free(&ours);
	test_log_free(&other);
}

/* One write is in flight: it is torn here, or at the start of the next segment, never in both. */
static void W18_torn_in_two_segments(void **state)
{
	uint8_t sector[FORMAT_SECTOR] = {0};
	struct log_place place = {.segment = 2, .offset = FORMAT_UNIT_MIN};
	struct test_place last;
	struct test_log t;

	(void)state;
	test_log_init(&t);
	test_log_fill(&t, 3, 1);
	must_place(&t, 2, &last);
	place.id = (struct log_id){0};
	fake_get(t.disk, "identity", 16, &place.id.identity, 8);
	bytes_put64(sector + FORMAT_PAYLOAD, wal_record_stamp(&place, 3, FORMAT_SECTOR));
	overwrite(&t, &last, 0, last.size, 0);
	/* There alone it is a torn write. */
	fake_put(t.disk, SECOND_SEGMENT, FORMAT_UNIT_MIN + FORMAT_SECTOR, sector, sizeof(sector));
	assert_int_equal(test_log_open(&t), 0);
	assert_int_equal(t.found.last_index, 2);
	assert_true(t.found.torn_bytes > 0);
	test_log_free(&t);

	test_log_init(&t);
	test_log_fill(&t, 3, 1);
	overwrite(&t, &last, 512, 512, 0);
	fake_put(t.disk, SECOND_SEGMENT, FORMAT_UNIT_MIN + FORMAT_SECTOR, sector, sizeof(sector));
	test_log_refused(&t, -EBADMSG, SECOND_SEGMENT);
	test_log_free(&t);
}

static void W5_W24_a_lost_last_write_is_found_once_it_was_known(void **state)
{
	struct test_log t;
	struct test_place last;

	(void)state;
	test_log_init(&t);
	test_log_fill(&t, WRITES, ENTRIES);
	/* Opened once more, the vote file records that the last write was there. */
	assert_int_equal(test_log_open(&t), 0);
	test_log_close(&t);
	must_place(&t, WRITES - 1, &last);
	overwrite(&t, &last, 0, last.size, 0);
	test_log_lost(&t, last.file);
	test_log_free(&t);
}

static void W5_W7_zeros_in_the_middle_are_damage(void **state)
{
	struct test_log t;
	struct test_place place;

	(void)state;
	test_log_init(&t);
	test_log_fill(&t, WRITES, ENTRIES);
	for (uint32_t n = 0; n + 1 < WRITES; n++) {
		uint8_t before[16 * 1024];

		must_place(&t, n, &place);
		assert_true(place.size <= sizeof(before));
		fake_get(t.disk, place.file, place.offset, before, place.size);
		for (uint32_t at = 0; at < place.size; at += FORMAT_SECTOR) {
			overwrite(&t, &place, at, FORMAT_SECTOR, 0);
			test_log_refused(&t, -EBADMSG, "segment-");
			fake_put(t.disk, place.file, place.offset + at, before + at, FORMAT_SECTOR);
		}
		overwrite(&t, &place, 0, place.size, 0);
		test_log_refused(&t, -EBADMSG, "segment-");
		fake_put(t.disk, place.file, place.offset, before, place.size);
	}
	assert_int_equal(test_log_open(&t), 0);
	test_log_free(&t);
}

/* Nothing but its number tells that it is missing: what follows it supersedes all it held. */
static void W5_a_lost_write_at_the_end_of_a_segment(void **state)
{
	struct test_place last;
	struct test_log t;
	uint32_t n = 0;

	(void)state;
	test_log_init(&t);
	assert_int_equal(test_log_open(&t), 0);
	for (raft_term term = 1; t.wal->tail == 0 || term < 20; term++)
		assert_int_equal(test_persist(t.wal, test_append(t.wal, 1, 1, term)), 0);
	test_log_close(&t);
	assert_int_equal(test_log_open(&t), 0);
	assert_int_equal(t.found.last_index, 1);
	test_log_close(&t);
	do {
		must_place(&t, n++, &last);
	} while (strcmp(last.file, FIRST_SEGMENT) == 0);
	must_place(&t, n - 2, &last);
	assert_string_equal(last.file, FIRST_SEGMENT);
	overwrite(&t, &last, 0, last.size, 0);
	test_log_refused(&t, -EBADMSG, SECOND_SEGMENT);
	test_log_free(&t);
}

/* A directory in which nothing was appended, but which has voted. */
static void W20_no_identity_beside_a_vote(void **state)
{
	struct test_log t;

	(void)state;
	test_log_init(&t);
	assert_int_equal(test_log_open(&t), 0);
	test_log_close(&t);
	assert_false(fake_exists(t.disk, SECOND_SEGMENT));
	fake_remove(t.disk, "identity");
	test_log_refused(&t, -EBADMSG, "identity");
	test_log_free(&t);
}

static void W24_an_older_vote_file_is_found_out(void **state)
{
	struct test_log t;

	(void)state;
	test_log_init(&t);
	test_log_fill(&t, 1, 1);
	fake_copy(t.disk, "vote", "kept");
	assert_int_equal(test_log_open(&t), 0);
	assert_int_equal(test_persist(t.wal, test_append(t.wal, 2, 2, 1)), 0);
	test_log_close(&t);
	fake_copy(t.disk, "kept", "vote");
	test_log_refused(&t, -EBADMSG, "vote");
	test_log_free(&t);
}

/* --- misplaced and foreign --------------------------------------------------------------- */

static void W6_a_write_in_another_place_is_not_valid(void **state)
{
	struct test_log t;
	struct test_place a;
	struct test_place b;
	uint8_t data[16 * 1024];

	(void)state;
	test_log_init(&t);
	test_log_fill(&t, 6, 1);
	for (uint32_t i = 0; i < 6; i++) {
		must_place(&t, i, &a);
		for (uint32_t k = 0; k < 7; k++) {
			struct test_log copy = t;

			if (k == i)
				continue;
			if (!test_log_write(&t, k, &b)) /* the free place behind the last one */
				b = (struct test_place){FIRST_SEGMENT, 7 * FORMAT_UNIT_MIN, 4096};
			copy.disk = fake_clone(t.disk, 1);
			fake_get(t.disk, a.file, a.offset, data, a.size);
			fake_put(copy.disk, b.file, b.offset, data, a.size);
			test_log_refused(&copy, -EBADMSG, "segment-");
			test_log_free(&copy);
		}
	}
	test_log_free(&t);
}

static void W15_writes_of_another_log_are_not_valid(void **state)
{
	uint8_t data[FORMAT_UNIT_MIN];
	struct test_log ours;
	struct test_log theirs;

	(void)state;
	test_log_init(&ours);
	test_log_fill(&ours, 3, 1);
	test_log_init(&theirs);
	theirs.options.identity_seed++;
	test_log_fill(&theirs, 4, 1);
	/* The write that would follow, as if the segment had been theirs before. */
	fake_get(theirs.disk, FIRST_SEGMENT, 4 * FORMAT_UNIT_MIN, data, sizeof(data));
	fake_put(ours.disk, FIRST_SEGMENT, 4 * FORMAT_UNIT_MIN, data, sizeof(data));
	test_log_refused(&ours, -EBADMSG, FIRST_SEGMENT);
	test_log_free(&ours);
	test_log_free(&theirs);
}

static void W20_segments_missing_doubled_or_misshapen(void **state)
{
	static const struct {
		const char *what;
		const char *remove;
		const char *from;
		const char *to;
		uint64_t truncate;
		const char *named;
	} cases[] = {
		{"the first is missing", FIRST_SEGMENT, NULL, NULL, 0, FIRST_SEGMENT},
		{"one in the middle is missing", SECOND_SEGMENT, NULL, NULL, 0, SECOND_SEGMENT},
		{"one is there twice", NULL, FIRST_SEGMENT, SECOND_SEGMENT, 0, SECOND_SEGMENT},
		{"one is there again, later", NULL, FIRST_SEGMENT, "segment-0000000000000004", 0,
		 "segment-0000000000000004"},
		{"a copy under a name of its own", NULL, FIRST_SEGMENT, "segment-1.old", 0,
		 "segment-1.old"},
		{"a name in another spelling", NULL, FIRST_SEGMENT, "segment-000000000000000A", 0,
		 "segment-000000000000000A"},
		{"cut short", NULL, NULL, FIRST_SEGMENT, 12288, FIRST_SEGMENT},
		{"empty", NULL, NULL, FIRST_SEGMENT, 0, FIRST_SEGMENT},
		{"too long", NULL, NULL, FIRST_SEGMENT, TEST_SEGMENT_SIZE + 4096, FIRST_SEGMENT},
		{"no vote", "vote", NULL, NULL, 0, "vote"},
		{"vote cut short", NULL, NULL, "vote", 4096, "vote"},
		{"no identity", "identity", NULL, NULL, 0, "identity"},
		{"identity cut short", NULL, NULL, "identity", 4096, "identity"},
		{"identity empty", NULL, NULL, "identity", 0, "identity"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct test_log t;

		print_message("%s\n", cases[i].what);
		test_log_init(&t);
		test_log_fill(&t, WRITES, ENTRIES);
		assert_true(fake_exists(t.disk, THIRD_SEGMENT));
		if (cases[i].remove)
			fake_remove(t.disk, cases[i].remove);
		else if (cases[i].from)
			fake_copy(t.disk, cases[i].from, cases[i].to);
		else
			fake_truncate(t.disk, cases[i].to, cases[i].truncate);
		test_log_refused(&t, -EBADMSG, cases[i].named);
		test_log_free(&t);
	}
}

static void W25_a_directory_of_another_kind(void **state)
{
	struct test_log t;

	(void)state;
	test_log_init(&t);
	test_log_fill(&t, 1, 1);
	t.options.durability = WAL_VOLATILE;
	test_log_refused(&t, -EXDEV, "durable");
	t.options.durability = WAL_DURABLE;
	assert_int_equal(test_log_open(&t), 0);
	test_log_free(&t);

	test_log_init(&t);
	t.options.create = false;
	test_log_refused(&t, -ENOENT, "identity");
	test_log_free(&t);
}

static void W26_two_processes_on_one_directory(void **state)
{
	struct test_log t;
	struct wal *second;
	struct wal_recovered found;
	char error[WAL_ERROR_MAX];

	(void)state;
	test_log_init(&t);
	assert_int_equal(test_log_open(&t), 0);
	assert_int_equal(wal_open_limited(&second, &t.options, &test_limits, &found, error),
			 -EWOULDBLOCK);
	assert_non_null(strstr(error, "another process"));
	test_log_free(&t);
}

static void W27_units_of_512e_and_4Kn_and_larger(void **state)
{
	static const uint32_t units[] = {4096, 8192, 16384};

	(void)state;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		struct test_log t;

		/* The fake disk asserts alignment of every offset, size and buffer. */
		test_log_init(&t);
		fake_destroy(t.disk);
		t.disk = fake_create(units[i], 1);
		test_log_fill(&t, WRITES, ENTRIES);
		assert_int_equal(test_log_open(&t), 0);
		test_expect(t.wal, 1, WRITES * ENTRIES, 1);
		test_log_close(&t);
		fake_disk_of(t.disk)->unit = 2 * units[i];
		test_log_refused(&t, -EINVAL, "identity");
		test_log_free(&t);
	}
}

static void another_version_is_said_to_be_one(void **state)
{
	static const struct {
		const char *file;
		size_t size;
	} cases[] = {{"identity", FORMAT_IDENTITY_SIZE}, {FIRST_SEGMENT, FORMAT_UNIT_MIN}};

	(void)state;
	for (size_t n = 0; n < 2 * sizeof(cases) / sizeof(cases[0]); n++) {
		static uint8_t data[FORMAT_IDENTITY_SIZE];
		size_t i = n / 2;
		struct test_log t;

		test_log_init(&t);
		test_log_fill(&t, 1, 1);
		fake_get(t.disk, cases[i].file, 0, data, cases[i].size);
		bytes_put32(data + 8, n % 2 == 0 ? FORMAT_VERSION + 1 : 2);
		bytes_put32(data + 12, bytes_crc_hole(0, data, cases[i].size, 12));
		fake_put(t.disk, cases[i].file, 0, data, cases[i].size);
		test_log_refused(&t, -EPROTO, cases[i].file);
		assert_non_null(strstr(t.error, "of another version of the log's format than 3"));
		assert_non_null(strstr(t.error, "use that version; nothing was changed"));
		test_log_free(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(W3_every_flipped_bit_is_found),
		cmocka_unit_test(W3_every_byte_of_a_small_write),
		cmocka_unit_test(W4_a_flip_in_the_last_write_does_not_look_torn),
		cmocka_unit_test(V16_W1_W2_a_torn_last_write_is_cut),
		cmocka_unit_test(W2_a_torn_write_larger_than_itself),
		cmocka_unit_test(W18_torn_in_two_segments),
		cmocka_unit_test(W5_W24_a_lost_last_write_is_found_once_it_was_known),
		cmocka_unit_test(W5_W7_zeros_in_the_middle_are_damage),
		cmocka_unit_test(W5_a_lost_write_at_the_end_of_a_segment),
		cmocka_unit_test(W20_no_identity_beside_a_vote),
		cmocka_unit_test(W24_an_older_vote_file_is_found_out),
		cmocka_unit_test(W6_a_write_in_another_place_is_not_valid),
		cmocka_unit_test(W15_writes_of_another_log_are_not_valid),
		cmocka_unit_test(W20_segments_missing_doubled_or_misshapen),
		cmocka_unit_test(W25_a_directory_of_another_kind),
		cmocka_unit_test(W26_two_processes_on_one_directory),
		cmocka_unit_test(W27_units_of_512e_and_4Kn_and_larger),
		cmocka_unit_test(another_version_is_said_to_be_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
