#include "tests/unit/wal/lost.h"

/* Some segments of acknowledged writes, all of them marked, one prepared behind; closed. */
uint64_t lost_fill(struct test_log *t)
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

void lost_zero(struct test_log *t, uint32_t from)
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
void lost_until_whole(struct test_log *t, const char *file)
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
