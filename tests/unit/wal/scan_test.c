/*
 * Where the log may go on: in the segment that it ends in, and in the next one. Not further,
 * however well what stands there fits: between them writes are gone.
 */
#include "tests/unit/wal/helpers.h"

#include "base/bytes.h"

enum { WRITES = 12, ENTRIES = 4 };

static uint32_t unit_of(const struct test_log *t)
{
	return fake_disk_of(t->disk)->unit;
}

static void zero(struct test_log *t, uint64_t sequence)
{
	uint8_t zeros[FORMAT_UNIT_MIN] = {0};
	char name[DISK_NAME_MAX];

	wal_meta_segment_name(name, sequence);
	for (uint64_t at = unit_of(t); at < fake_size(t->disk, name); at += sizeof(zeros))
		fake_put(t->disk, name, at, zeros, sizeof(zeros));
}

/*
 * A log whose last write, `number`, lies in the first segment; two more segments are there, empty.
 * The mark is what it was, so only the scan is asked here.
 */
static void three_segments(struct test_log *t, struct record_header *last)
{
	uint8_t sector[FORMAT_SECTOR];
	struct log_place place = {.segment = 1};
	struct test_place found;
	uint8_t id[8];
	uint32_t n = 0;

	test_log_init(t);
	test_log_fill(t, WRITES, ENTRIES);
	for (uint32_t writes = WRITES; !fake_exists(t->disk, "segment-0000000000000003");
	     writes += WRITES) {
		test_log_free(t);
		test_log_init(t);
		test_log_fill(t, writes, ENTRIES);
	}
	zero(t, 2);
	zero(t, 3);
	while (test_log_write(t, n, &found) && strcmp(found.file, "segment-0000000000000001") == 0)
		n++;
	assert_true(test_log_write(t, n - 1, &found));
	fake_get(t->disk, "identity", 16, id, sizeof(id));
	place.id.identity = bytes_get64(id);
	place.offset = found.offset;
	fake_get(t->disk, found.file, found.offset, sector, sizeof(sector));
	assert_int_equal(wal_record_header_decode(last, sector, &place), 0);
}

/* The write that follows, whole and right, at the beginning of a segment; `sectors` of it. */
static void next_write(struct test_log *t, const struct record_header *last, uint64_t segment,
		       uint32_t sectors)
{
	static uint8_t buffer[64 * 1024];
	uint8_t data[RAFT_ENTRY_DATA_MAX];
	struct record_header header = *last;
	struct log_place place = {.segment = segment, .offset = unit_of(t)};
	uint32_t used = FORMAT_WRITE_HEADER;
	char name[DISK_NAME_MAX];
	uint8_t id[8];

	fake_get(t->disk, "identity", 16, id, sizeof(id));
	place.id.identity = bytes_get64(id);
	header.number++;
	header.first_index = last->first_index + last->count;
	header.count = 0;
	memset(buffer, 0, sizeof(buffer));
	while (used < 2 * FORMAT_UNIT_MIN) {
		struct raft_entry entry;

		test_entry(&entry, data, header.first_index + header.count, 1);
		wal_record_put(buffer, &used, &entry);
		header.count++;
	}
	header.stream_size = used;
	header.size = wal_record_disk_size(used, unit_of(t));
	wal_record_seal(buffer, &header, &place);
	wal_meta_segment_name(name, segment);
	fake_put(t->disk, name, place.offset, buffer,
		 sectors > 0 ? sectors * FORMAT_SECTOR : header.size);
}

/* The forgery is a good one: where it may be it is taken, whole and torn. */
static void V24_the_log_goes_on_in_the_next_segment(void **state)
{
	struct record_header last;
	struct test_log t;

	(void)state;
	three_segments(&t, &last);
	next_write(&t, &last, 2, 0);
	assert_int_equal(test_log_open(&t), 0);
	assert_true(t.found.last_index > last.first_index + last.count);
	assert_int_equal(t.found.torn_bytes, 0);
	test_log_free(&t);
	three_segments(&t, &last);
	next_write(&t, &last, 2, 2);
	assert_int_equal(test_log_open(&t), 0);
	assert_int_equal(t.found.last_index, last.first_index + last.count - 1);
	assert_true(t.found.torn_bytes > 0);
	test_log_free(&t);
}

static void V24_the_log_does_not_go_on_past_an_empty_segment(void **state)
{
	struct record_header last;
	struct test_log t;

	(void)state;
	for (uint32_t sectors = 0; sectors < 3; sectors++) {
		three_segments(&t, &last);
		next_write(&t, &last, 3, sectors);
		test_log_refused(&t, -EBADMSG, "segment-0000000000000003");
		test_log_free(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(V24_the_log_goes_on_in_the_next_segment),
		cmocka_unit_test(V24_the_log_does_not_go_on_past_an_empty_segment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
