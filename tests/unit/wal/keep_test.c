/*
 * Where so many bytes of the log are behind, for what is kept for followers (log-keep): in the
 * segments by the points of the index, in RAM by each entry.
 */
#include "tests/unit/wal/helpers.h"

#define SECOND UINT64_C(1000000000)
enum { ENTRIES = 12, LAST = 480 };

static void begins(struct test_log *t, raft_index first, raft_term before_term)
{
	uint64_t seq;

	test_snapshot(t, first > LAST ? first : LAST, 1);
	assert_int_equal(wal_base_move(t->wal, first, before_term), 0);
	while (t->wal->mover.state != MOVE_IDLE || wal_first(t->wal) != first)
		assert_int_equal(wal_poll(t->wal, t->wal->now_ns, &seq), 0);
}

/* Bytes of the log behind the entry, up to where the write of `index` begins. */
static uint64_t bytes_behind(const struct test_log *t, raft_index entry, raft_index index)
{
	const struct index_point *from = wal_index_find(&t->wal->index, entry);
	const struct index_point *to = wal_index_find(&t->wal->index, index);
	uint64_t bytes = to->offset;

	for (uint64_t s = from->segment; s < to->segment; s++)
		bytes += t->wal->segments[s - t->wal->base.segment].end - t->wal->unit;
	return bytes - from->offset;
}

/* Where the next point after an entry stands. */
static raft_index next_point(const struct test_log *t, raft_index entry)
{
	const struct log_index *x = &t->wal->index;

	return wal_index_find(x, entry) + 1 < x->points + x->count
		       ? wal_index_find(x, entry)[1].first
		       : x->last + 1;
}

/* log-keep: enough, and of the next point it would not be; also of what was read again. */
static void D18_so_much_of_the_log_is_behind(void **state)
{
	struct test_log t;
	raft_index found = 0, index = LAST - 100;
	raft_term term = 0;

	(void)state;
	test_log_init(&t);
	assert_int_equal(test_log_open(&t), 0);
	for (raft_index i = 1; i <= LAST; i += ENTRIES)
		assert_int_equal(test_persist(t.wal, test_append(t.wal, i, i + ENTRIES - 1, 1)), 0);
	assert_int_equal(test_persist(t.wal, test_append(t.wal, 300, LAST, 2)), 0);
	begins(&t, 30, 1);
	for (int again = 0; again < 2; again++) {
		uint64_t all = bytes_behind(&t, 30, index);
		raft_index before = index + 1;

		for (uint64_t bytes = 0; bytes <= all; bytes += 3000) {
			found = wal_look_back(t.wal, index, bytes, &term);
			if (found == 0)
				break;
			assert_true(found <= before && found <= index);
			before = found;
			assert_int_equal(term, found < 300 ? 1 : 2);
			assert_true(bytes_behind(&t, found, index) >= bytes);
			assert_true(next_point(&t, found) > index ||
				    bytes_behind(&t, next_point(&t, found), index) < bytes);
		}
		assert_true(before < 60);
		assert_int_equal(wal_look_back(t.wal, index, all + 3000, &term), 0);
		assert_int_equal(wal_look_back(t.wal, LAST + 1, 0, &term), 0);
		assert_int_equal(wal_look_back(t.wal, 28, 0, &term), 0);
		test_log_close(&t);
		assert_int_equal(test_log_open(&t), 0);
	}
	/* The log begins behind it. */
	found = wal_look_back(t.wal, index, 20000, &term);
	begins(&t, found + 1, term);
	test_log_close(&t);
	assert_int_equal(test_log_open(&t), 0);
	assert_int_equal(t.found.first_index, found + 1);
	assert_int_equal(t.found.before_term, term);
	test_log_free(&t);
}

/* The same by going over them. */
static uint64_t walked(const struct wal *w, raft_index index)
{
	const struct index_point *point = wal_index_find(&w->index, index + 1);
	uint64_t bytes = w->segments[w->tail].end;

	for (size_t i = w->tail; w->segments[i].sequence > point->segment; i--)
		bytes += w->segments[i - 1].size;
	return bytes - point->offset;
}

static void sums_check(struct test_log *t)
{
	struct wal *w = t->wal;
	uint64_t sum = w->spares.count * (uint64_t)w->segment_size;

	for (raft_index i = w->base.index - 1; i < w->index.last; i++)
		assert_int_equal(wal_bytes_behind(w, i), walked(w, i));
	for (size_t i = 0; i < w->segment_count; i++)
		sum += w->segments[i].size;
	for (uint32_t i = 0; i < w->snapshot_count; i++)
		sum += w->snapshots[i].info.size;
	w->quota = sum;
	assert_true(wal_space_holds(w, 0));
	assert_false(wal_space_holds(w, 1));
	w->quota = 0;
}

/* Whatever begins or leaves the log, in segments of two sizes. */
static void D18_what_the_log_takes_is_known(void **state)
{
	struct test_log t;

	(void)state;
	test_log_init(&t);
	for (raft_index last = 0; last < 3 * LAST; last += LAST) {
		assert_int_equal(test_log_open(&t), 0);
		for (raft_index i = last + 1; i <= last + LAST; i += ENTRIES)
			assert_int_equal(
				test_persist(t.wal, test_append(t.wal, i, i + ENTRIES - 1, 1)), 0);
		test_settle(t.wal);
		assert_true(t.wal->tail > 1);
		sums_check(&t);
		if (last > 0)
			begins(&t, last / 2, 1);
		sums_check(&t);
		test_log_close(&t);
		t.options.segment_size = 2 * TEST_SEGMENT_SIZE;
	}
	test_log_free(&t);
}

static void polls(struct test_log *t, uint64_t now_ns)
{
	uint64_t seq;

	for (int i = 0; i < 300; i++)
		assert_int_equal(wal_poll(t->wal, now_ns, &seq), 0);
}

/* Started again with a quota below what is there: it is full, and no more; it goes by itself. */
static void D8_a_quota_below_what_is_there(void **state)
{
	struct wal_space space;
	struct test_log t;
	uint64_t used;

	(void)state;
	test_log_init(&t);
	assert_int_equal(test_log_open(&t), 0);
	for (raft_index i = 1; i <= 8 * LAST; i += ENTRIES)
		assert_int_equal(test_persist(t.wal, test_append(t.wal, i, i + ENTRIES - 1, 1)), 0);
	polls(&t, SECOND);
	wal_get_space(t.wal, &space);
	used = space.used;
	assert_true(used > 2 * STATE_SPACE_SPARE && !space.full);
	for (int low = 0; low < 2; low++) {
		test_log_close(&t);
		t.options.quota = used + (low ? 0 : 2 * STATE_SPACE_SPARE) - TEST_SEGMENT_SIZE;
		assert_int_equal(test_log_open(&t), 0);
		polls(&t, SECOND);
		wal_get_space(t.wal, &space);
		assert_int_equal(space.full, low);
	}
	assert_int_equal(space.error, -ENOSPC);
	assert_true(space.by_quota && space.there == 0 && space.used > space.quota);
	test_expect(t.wal, 1, 8 * LAST, 1);
	assert_int_equal(test_persist(t.wal, test_append(t.wal, 8 * LAST + 1, 8 * LAST + 1, 1)), 0);
	begins(&t, 8 * LAST - 20, 1);
	polls(&t, t.wal->now_ns + 2 * SECOND);
	wal_get_space(t.wal, &space);
	assert_false(space.full);
	test_log_free(&t);
}

/* In RAM it is exact. */
static void D18_so_much_of_a_log_in_RAM_is_behind(void **state)
{
	struct memory *m;
	uint8_t data[RAFT_ENTRY_DATA_MAX] = {0};
	uint64_t size[200] = {0};
	raft_term term = 0;

	(void)state;
	assert_int_equal(wal_memory_create(&m), 0);
	for (raft_index round = 0; round < 2; round++) {
		for (raft_index i = 1 + 50 * round; i < 200; i++) {
			struct raft_entry e = {.index = i,
					       .term = i / 10 + 1 + round,
					       .data = data,
					       .size = (uint16_t)(i * 7 % 300)};

			assert_int_equal(wal_memory_put(m, &e), 0);
			size[i] = e.size + RAFT_ENTRY_OVERHEAD;
		}
	}
	wal_memory_trim(m, 20);
	for (uint64_t bytes = 0, i = 150; i >= 20; bytes += size[--i]) {
		for (uint64_t more = 0; more < 2; more++) {
			raft_index wanted = i - more;
			raft_index found = wal_memory_look_back(m, 150, bytes + more, &term);

			assert_int_equal(found, wanted < 20 ? 0 : wanted);
			if (found)
				assert_int_equal(term, found / 10 + 1 + (found >= 51));
		}
	}
	assert_int_equal(wal_memory_look_back(m, 19, 0, &term), 0);
	assert_int_equal(wal_memory_look_back(m, 200, 0, &term), 0);
	wal_memory_destroy(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(D18_so_much_of_the_log_is_behind),
		cmocka_unit_test(D18_what_the_log_takes_is_known),
		cmocka_unit_test(D8_a_quota_below_what_is_there),
		cmocka_unit_test(D18_so_much_of_a_log_in_RAM_is_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
