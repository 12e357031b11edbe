/*
 * One write by itself: what goes in comes out, and nothing else does.
 */
#include "tests/unit/wal/helpers.h"

#include "base/bytes.h"
#include "base/crc.h"

#include <errno.h>
#include <stdlib.h>

enum { UNIT = 4096, SIZE_MAX_BYTES = 64 * 1024 };

static const struct log_place here = {{3}, 4, 8192};

struct made {
	uint8_t *data;
	struct record_header header;
};

/* A write of the entries first .. last. */
static struct made make(raft_index first, raft_index last)
{
	struct made m = {.data = aligned_alloc(UNIT, SIZE_MAX_BYTES)};
	uint32_t used = FORMAT_WRITE_HEADER;

	assert_non_null(m.data);
	memset(m.data, 0xcc, SIZE_MAX_BYTES); /* what the buffer held before must not show */
	for (raft_index i = first; i <= last; i++) {
		uint8_t data[RAFT_ENTRY_DATA_MAX];
		struct raft_entry entry;

		test_entry(&entry, data, i, 9);
		wal_record_put(m.data, &used, &entry);
	}
	m.header = (struct record_header){.size = wal_record_disk_size(used, UNIT),
					  .count = (uint32_t)(last - first + 1),
					  .number = 77,
					  .durable = 76,
					  .vote_generation = 5,
					  .first_index = first,
					  .stream_size = used};
	wal_record_seal(m.data, &m.header, &here);
	return m;
}

static int reopen(const struct made *m, const struct log_place *place)
{
	struct record_header header;
	int err = wal_record_header_decode(&header, m->data, place);

	if (err != 0)
		return err;
	return wal_record_open(m->data, &header, place);
}

static void entries_come_back(void **state)
{
	(void)state;
	for (raft_index last = 1; last <= 60; last++) {
		struct made m = make(1, last);
		struct record_header header;
		uint32_t cursor = FORMAT_WRITE_HEADER;
		struct raft_entry entry;

		for (uint32_t at = 0; at < m.header.size; at += FORMAT_SECTOR)
			assert_int_not_equal(wal_record_stamp_get(m.data + at), 0);
		assert_int_equal(wal_record_header_decode(&header, m.data, &here), 0);
		assert_int_equal(header.size, m.header.size);
		assert_int_equal(header.count, last);
		assert_int_equal(header.number, 77);
		assert_int_equal(header.durable, 76);
		assert_int_equal(header.vote_generation, 5);
		assert_int_equal(header.first_index, 1);
		assert_int_equal(wal_record_open(m.data, &header, &here), 0);
		for (raft_index i = 1; i <= last; i++) {
			assert_int_equal(
				wal_record_next(&entry, m.data, header.stream_size, &cursor), 1);
			assert_int_equal(entry.index, i);
			assert_int_equal(entry.term, 9);
			assert_null(test_entry_check(&entry));
		}
		assert_int_equal(wal_record_next(&entry, m.data, header.stream_size, &cursor), 0);
		free(m.data);
	}
}

static void W3_every_flipped_bit_of_a_write(void **state)
{
	struct made m = make(1, 9);

	(void)state;
	assert_true(m.header.size <= 3 * UNIT);
	for (uint32_t at = 0; at < m.header.size; at++) {
		for (uint32_t bit = 0; bit < 8; bit += 3) {
			m.data[at] ^= (uint8_t)(1u << bit);
			assert_int_equal(reopen(&m, &here), -EBADMSG);
			m.data[at] ^= (uint8_t)(1u << bit);
		}
	}
	assert_int_equal(reopen(&m, &here), 0);
	free(m.data);
}

/*
 * The stamps alone already bind a write to its place. So make them right for the other place: the
 * header's seed must still refuse it; and with that made right too, the whole write's.
 */
static void W6_W15_each_check_binds_the_place(void **state)
{
	struct log_place other[3] = {here, here, here};

	(void)state;
	other[0].id.identity++;
	other[1].segment++;
	other[2].offset += UNIT;
	for (int i = 0; i < 3; i++) {
		struct made m = make(1, 9);
		struct record_header header;

		assert_int_equal(wal_record_header_decode(&header, m.data, &other[i]), -EBADMSG);
		/* Stamps of the wrong place. */
		assert_int_equal(wal_record_open(m.data, &m.header, &other[i]), -EBADMSG);
		for (uint32_t at = 0; at < m.header.size; at += FORMAT_SECTOR)
			bytes_put64(m.data + at + FORMAT_PAYLOAD,
				    wal_record_stamp(&other[i], m.header.number, at));
		/* The CRC as it would be if it were not seeded with the place: still refused. */
		assert_int_equal(wal_record_open(m.data, &m.header, &other[i]), -EBADMSG);
		bytes_put32(m.data + 12, bytes_crc_hole(0, m.data, m.header.size, 12));
		assert_int_equal(wal_record_open(m.data, &m.header, &other[i]), -EBADMSG);
		free(m.data);
	}
}

static void stamps_differ(void **state)
{
	struct log_place there = here;

	(void)state;
	assert_true(wal_record_stamp(&here, 1, 0) != wal_record_stamp(&here, 2, 0));
	assert_true(wal_record_stamp(&here, 1, 0) != wal_record_stamp(&here, 1, 512));
	there.segment++;
	assert_true(wal_record_stamp(&here, 1, 0) != wal_record_stamp(&there, 1, 0));
	there = here;
	there.id.identity++;
	assert_true(wal_record_stamp(&here, 1, 0) != wal_record_stamp(&there, 1, 0));
}

static void sizes(void **state)
{
	(void)state;
	assert_int_equal(wal_record_capacity(UNIT), 8 * 504);
	assert_int_equal(wal_record_disk_size(1, UNIT), UNIT);
	assert_int_equal(wal_record_disk_size(8 * 504, UNIT), UNIT);
	assert_int_equal(wal_record_disk_size(8 * 504 + 1, UNIT), 2 * UNIT);
	assert_int_equal(wal_record_disk_size(1, 16384), 16384);
	assert_int_equal(wal_record_entry_size(0), 24);
	assert_int_equal(wal_record_entry_size(1), 32);
	assert_int_equal(wal_record_entry_size(RAFT_ENTRY_DATA_MAX), 1224);
}

/* Nonsense with a good checksum stops the walk, in bounds. */
static void entries_that_make_no_sense(void **state)
{
	uint8_t stream[FORMAT_WRITE_HEADER + 32];
	uint8_t data[8] = {0};
	struct raft_entry entry = {5, 1, data, 8, 1, 3};
	uint32_t used = FORMAT_WRITE_HEADER;
	uint32_t cursor;

	(void)state;
	memset(stream, 0, sizeof(stream));
	wal_record_put(stream, &used, &entry);
	assert_int_equal(used, sizeof(stream));
	for (uint32_t size = FORMAT_WRITE_HEADER + 1; size < used; size++) {
		cursor = FORMAT_WRITE_HEADER;
		assert_int_equal(wal_record_next(&entry, stream, size, &cursor), -EBADMSG);
	}
	cursor = FORMAT_WRITE_HEADER;
	assert_int_equal(wal_record_next(&entry, stream, used, &cursor), 1);
	for (uint32_t at = FORMAT_WRITE_HEADER; at < used; at++) {
		stream[at] ^= 0x10;
		cursor = FORMAT_WRITE_HEADER;
		assert_int_equal(wal_record_next(&entry, stream, used, &cursor), -EBADMSG);
		stream[at] ^= 0x10;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_come_back),
		cmocka_unit_test(W3_every_flipped_bit_of_a_write),
		cmocka_unit_test(W6_W15_each_check_binds_the_place),
		cmocka_unit_test(stamps_differ),
		cmocka_unit_test(sizes),
		cmocka_unit_test(entries_that_make_no_sense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
