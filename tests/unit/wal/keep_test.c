/*
 * Where so many bytes of the log are behind, for what is kept for followers (log-keep): in the
 * segments by the points of the index, in RAM by each entry.
 */
#include "tests/unit/wal/helpers.h"

enum { ENTRIES = 12, LAST = 480 };

static void begins(struct test_log *t, raft_index first, raft_term before_term)
{
	uint64_t seq;

	test_snapshot(t, LAST, 1);
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
		cmocka_unit_test(D18_so_much_of_a_log_in_RAM_is_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
