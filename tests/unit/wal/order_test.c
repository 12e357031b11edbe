/*
 * The order of acknowledgements: completions in any order, slow ones, group commit, the end of a
 * segment; and reading meanwhile.
 */
#include "tests/unit/wal/helpers.h"

#include <errno.h>

static void opened(struct test_log *t)
{
	test_log_init(t);
	assert_int_equal(test_log_open(t), 0);
	/* The second segment, so that preparing it is not in the way. */
	while (wal_segment_wanted(t->wal) || t->wal->prepare.state != PREPARE_IDLE ||
	       t->wal->marker.step != MARK_IDLE) {
		uint64_t seq;

		assert_int_equal(wal_poll(t->wal, 0, &seq), 0);
	}
	fake_hold(t->disk, true);
}

static uint64_t polled(struct test_log *t)
{
	uint64_t seq = 0;

	assert_int_equal(wal_poll(t->wal, 0, &seq), 0);
	return seq;
}

static void append(struct test_log *t, uint64_t seq, const struct raft_hard_state *hard_state,
		   raft_index index, raft_term term)
{
	uint8_t data[RAFT_ENTRY_DATA_MAX];
	struct raft_entry entry;

	test_entry(&entry, data, index, term);
	assert_int_equal(wal_append(t->wal, seq, hard_state, &entry, index > 0), 0);
}

/* One entry and a term under one token: the term is first, and durable when both are. */
static void W12_a_token_waits_for_both_writes(void **state)
{
	const struct raft_hard_state hard_state = {1, 7};
	struct test_log t;

	(void)state;
	opened(&t);
	append(&t, 1, &hard_state, 1, 1);
	assert_int_equal(polled(&t), 0);
	assert_false(fake_has(t.disk, TAG_LOG));
	assert_true(fake_release(t.disk, TAG_VOTE));
	assert_int_equal(polled(&t), 0);
	assert_true(wal_busy(t.wal));
	assert_true(fake_release(t.disk, TAG_LOG));
	assert_int_equal(polled(&t), 1);
	assert_false(wal_busy(t.wal));
	fake_hold(t.disk, false);
	test_log_free(&t);
}

/* What came before a term does not wait for it; what came later does. */
static void W12_only_the_contiguous_prefix_is_acknowledged(void **state)
{
	const struct raft_hard_state one = {1, 7};
	const struct raft_hard_state two = {2, 7};
	struct test_log t;

	(void)state;
	opened(&t);
	append(&t, 1, NULL, 1, 1);
	append(&t, 2, &one, 0, 1);
	assert_int_equal(polled(&t), 0);
	append(&t, 3, NULL, 2, 1);
	append(&t, 4, &two, 0, 1);
	append(&t, 5, NULL, 3, 2);
	assert_true(fake_release(t.disk, TAG_LOG));
	assert_int_equal(polled(&t), 1);
	assert_false(fake_has(t.disk, TAG_LOG));
	assert_true(fake_release(t.disk, TAG_VOTE));
	assert_int_equal(polled(&t), 2); /* 3 and 5 are one write, and wait for 4 */
	assert_false(fake_has(t.disk, TAG_LOG));
	assert_true(fake_release(t.disk, TAG_VOTE));
	assert_int_equal(polled(&t), 2);
	assert_true(fake_release(t.disk, TAG_LOG));
	assert_int_equal(polled(&t), 5);
	fake_hold(t.disk, false);
	test_log_close(&t);
	assert_int_equal(test_log_open(&t), 0);
	assert_int_equal(t.found.hard_state.term, 2);
	assert_int_equal(t.found.hard_state.vote, 7);
	assert_int_equal(t.found.last_index, 3);
	test_log_free(&t);
}

/* Entries that arrive while a write is in flight are one write, however many they are. */
static void group_commit(void **state)
{
	struct wal_stats stats;
	struct test_log t;

	(void)state;
	opened(&t);
	append(&t, 1, NULL, 1, 1);
	assert_int_equal(polled(&t), 0);
	for (uint64_t i = 2; i <= 9; i++) {
		append(&t, i, NULL, i, 1);
		assert_int_equal(polled(&t), 0);
	}
	assert_true(fake_release(t.disk, TAG_LOG));
	assert_int_equal(polled(&t), 1);
	assert_true(fake_release(t.disk, TAG_LOG));
	assert_int_equal(polled(&t), 9);
	wal_get_stats(t.wal, &stats);
	assert_int_equal(stats.writes, 2);
	assert_int_equal(stats.entries, 9);
	assert_int_equal(stats.segments, 2);
	fake_hold(t.disk, false);
	test_log_free(&t);
}

/* A disk that hangs: nothing is acknowledged, nothing blocks, the room ends; then it goes on. */
static void W14_a_disk_that_hangs(void **state)
{
	struct test_log t;
	uint64_t seq = 0;
	raft_index last = 0;
	size_t room;

	(void)state;
	opened(&t);
	room = wal_room(t.wal);
	while (wal_room(t.wal) >= RAFT_ENTRY_DATA_MAX + 64) {
		append(&t, ++seq, NULL, ++last, 1);
		assert_int_equal(polled(&t), 0);
		assert_true(wal_room(t.wal) < room);
	}
	for (int i = 0; i < 1000; i++)
		assert_int_equal(polled(&t), 0);
	assert_true(wal_busy(t.wal));
	/* The promised room was there: the ring of four holds nearly that. */
	assert_true(last > 60);
	fake_hold(t.disk, false);
	assert_int_equal(test_persist(t.wal, seq), 0);
	assert_int_equal(wal_room(t.wal), room);
	test_expect(t.wal, 1, last, 1);
	test_log_free(&t);
}

static void no_room_is_all_or_nothing(void **state)
{
	static uint8_t data[RAFT_ENTRY_DATA_MAX];
	static struct raft_entry entries[100];
	struct test_log t;
	size_t room;

	(void)state;
	opened(&t);
	room = wal_room(t.wal);
	for (uint32_t i = 0; i < 100; i++)
		entries[i] = (struct raft_entry){i + 1, 1, data, RAFT_ENTRY_DATA_MAX, 1, 3};
	assert_true(room < 100 * (RAFT_ENTRY_DATA_MAX + 64));
	assert_int_equal(wal_append(t.wal, 1, NULL, entries, 100), -ENOBUFS);
	assert_int_equal(wal_room(t.wal), room);
	assert_false(wal_busy(t.wal));
	/* As many as the room is for do fit. */
	assert_int_equal(
		wal_append(t.wal, 1, NULL, entries, (uint32_t)(room / (RAFT_ENTRY_DATA_MAX + 64))),
		0);
	fake_hold(t.disk, false);
	assert_int_equal(test_persist(t.wal, 1), 0);
	test_log_free(&t);
}

/* Whatever their size: the ends of the buffers are wasted, and the room has counted them. */
static void the_room_is_there_for_entries_of_any_size(void **state)
{
	static uint8_t data[RAFT_ENTRY_DATA_MAX];
	struct test_log t;
	uint64_t seq = 0;

	(void)state;
	opened(&t);
	for (uint16_t size = 0; size <= RAFT_ENTRY_DATA_MAX; size = (uint16_t)(size + 48)) {
		fake_hold(t.disk, true);
		seq++;
		while (wal_room(t.wal) >= size + 64u) {
			struct raft_entry entry = {t.wal->last_index + 1, 1, data, size,
						   RAFT_ENTRY_COMMAND,    3};

			assert_int_equal(wal_append(t.wal, seq, NULL, &entry, 1), 0);
		}
		fake_hold(t.disk, false);
		assert_int_equal(test_persist(t.wal, seq), 0);
		/* And all of it in one call. */
		fake_hold(t.disk, true);
		seq++;
		for (size_t room = wal_room(t.wal); room >= size + 64u; room -= size + 64u) {
			struct raft_entry entry = {t.wal->last_index + 1, 1, data, size,
						   RAFT_ENTRY_COMMAND,    3};

			assert_int_equal(wal_append(t.wal, seq, NULL, &entry, 1), 0);
		}
		fake_hold(t.disk, false);
		assert_int_equal(test_persist(t.wal, seq), 0);
	}
	test_log_free(&t);
}

/* The next segment is not ready: the log waits for it, without blocking anything. */
static void W18_the_roll_waits_for_the_next_segment(void **state)
{
	struct test_log t;
	raft_index last = 0;
	uint64_t seq = 0;

	(void)state;
	test_log_init(&t);
	assert_int_equal(test_log_open(&t), 0);
	fake_hold(t.disk, true); /* before the second segment was begun */
	while (wal_room(t.wal) >= RAFT_ENTRY_DATA_MAX + 64) {
		append(&t, ++seq, NULL, ++last, 1);
		(void)polled(&t);
		if (fake_release(t.disk, TAG_LOG))
			(void)polled(&t);
	}
	assert_false(fake_has(t.disk, TAG_LOG));
	assert_true(fake_has(t.disk, TAG_PREPARE));
	for (int i = 0; i < 100; i++)
		assert_true(polled(&t) < seq);
	assert_true(wal_busy(t.wal));
	assert_int_equal(t.wal->tail, 0);
	fake_hold(t.disk, false);
	assert_int_equal(test_persist(t.wal, seq), 0);
	assert_true(t.wal->tail > 0);
	test_expect(t.wal, 1, last, 1);
	test_log_close(&t);
	assert_int_equal(test_log_open(&t), 0);
	test_expect(t.wal, 1, last, 1);
	test_log_free(&t);
}

static void what_is_not_on_disk_cannot_be_read(void **state)
{
	const struct raft_entry *entries;
	struct test_log t;

	(void)state;
	opened(&t);
	assert_int_equal(wal_read(t.wal, 0, 0, 1), -ENOENT);
	assert_int_equal(wal_read(t.wal, 0, 1, 1), -ENOENT);
	append(&t, 1, NULL, 1, 1);
	append(&t, 1, NULL, 2, 1);
	assert_int_equal(wal_read(t.wal, 0, 1, 1), -ENOENT); /* forming */
	(void)polled(&t);
	assert_int_equal(wal_read(t.wal, 0, 1, 1), -ENOENT); /* in flight */
	fake_hold(t.disk, false);
	assert_int_equal(test_persist(t.wal, 1), 0);
	assert_int_equal(wal_read_now(t.wal, 0, 1, 9, &entries), 2);
	fake_hold(t.disk, true);
	append(&t, 2, NULL, 3, 1);
	append(&t, 3, NULL, 2, 2);
	/*
	 * An entry about to be superseded is no longer there, wherever in the buffer that is said,
	 * and those below it are.
	 */
	assert_int_equal(wal_read(t.wal, 1, 2, 1), -ENOENT);
	fake_hold(t.disk, false);
	assert_int_equal(wal_read_now(t.wal, 1, 1, 9, &entries), 1);
	assert_int_equal(test_persist(t.wal, 3), 0);
	assert_int_equal(wal_read_now(t.wal, 1, 1, 9, &entries), 2);
	assert_int_equal(entries[1].term, 2);
	test_log_free(&t);
}

/* A read that was under way when its entries were superseded does not bring them back. */
static void a_read_overtaken_by_a_new_leader(void **state)
{
	struct wal_read_result result;
	struct test_log t;
	uint64_t seq;

	(void)state;
	opened(&t);
	fake_hold(t.disk, false);
	assert_int_equal(test_persist(t.wal, test_append(t.wal, 1, 20, 1)), 0);
	fake_hold(t.disk, true);
	assert_int_equal(wal_read(t.wal, 5, 3, 10), 0);
	assert_int_equal(wal_read(t.wal, 5, 3, 10), -EBUSY);
	assert_int_equal(wal_read(t.wal, 6, 8, 10), 0);
	assert_false(wal_read_poll(t.wal, &result));
	append(&t, 2, NULL, 6, 2);
	fake_hold(t.disk, false);
	while (t.wal->reads[5].state == READ_IN_FLIGHT || t.wal->reads[6].state == READ_IN_FLIGHT)
		assert_int_equal(wal_poll(t.wal, 0, &seq), 0);
	assert_true(wal_read_poll(t.wal, &result));
	assert_int_equal(result.slot, 5);
	assert_int_equal(result.error, 0);
	assert_true(result.count >= 3);
	for (uint32_t i = 0; i < result.count; i++) {
		assert_int_equal(result.entries[i].index, 3 + i);
		assert_int_equal(result.entries[i].term, 3 + i < 6 ? 1 : 2);
	}
	assert_true(wal_read_poll(t.wal, &result));
	assert_int_equal(result.slot, 6);
	assert_int_equal(result.error, -ENOENT);
	assert_int_equal(result.count, 0);
	assert_false(wal_read_poll(t.wal, &result));
	test_log_free(&t);
}

/* A disk that takes no more: that read is refused, and the next one finds the buffer empty. */
static void W13_a_read_that_is_refused_leaves_nothing_behind(void **state)
{
	static uint8_t buffer[4096] __attribute__((aligned(4096)));
	struct disk_completion done;
	struct test_log t;
	uint32_t busy = 0;
	struct disk *d;

	(void)state;
	opened(&t);
	d = fake_disk_of(t.disk);
	fake_hold(t.disk, false);
	append(&t, 1, NULL, 1, 1);
	assert_int_equal(test_persist(t.wal, 1), 0);
	fake_hold(t.disk, true);
	while (d->ops->read(d, t.wal->segments[0].file, 0, buffer, sizeof(buffer), 0) == 0)
		busy++;
	assert_true(busy > 0);
	assert_int_equal(wal_read(t.wal, 0, 1, 1), -EAGAIN);
	assert_int_equal(wal_read(t.wal, 0, 1, 1), -EAGAIN);
	fake_hold(t.disk, false);
	while (busy > 0)
		busy -= d->ops->poll(d, &done, 1, true);
	test_expect(t.wal, 1, 1, 1);
	test_log_free(&t);
}

/* Slots read at once, in any order, across segments and superseded stretches. */
static void many_reads_at_once(void **state)
{
	raft_term terms[201];
	struct test_log t;
	uint64_t seq;

	(void)state;
	opened(&t);
	fake_hold(t.disk, false);
	for (raft_term term = 1; term <= 30; term++) {
		raft_index first = term == 1 ? 1 : term * 5 - 7;
		raft_index last = term == 30 ? 200 : first + term * 7 % 40;

		if (term > 1 && first > t.wal->last_index + 1)
			first = t.wal->last_index + 1;
		assert_int_equal(test_persist(t.wal, test_append(t.wal, first, last, term)), 0);
		for (raft_index i = first; i <= last; i++)
			terms[i] = term;
	}
	assert_true(t.wal->tail > 1);
	for (uint32_t round = 0; round < 50; round++) {
		struct wal_read_result result;
		uint32_t answers = 0;

		for (uint32_t slot = 0; slot < WAL_READS_MAX; slot++)
			assert_int_equal(wal_read(t.wal, slot, 1 + (slot * 37 + round * 11) % 200,
						  1 + slot * 5),
					 0);
		while (answers < WAL_READS_MAX) {
			assert_int_equal(wal_poll(t.wal, 0, &seq), 0);
			while (wal_read_poll(t.wal, &result)) {
				raft_index first = 1 + (result.slot * 37 + round * 11) % 200;

				assert_int_equal(result.error, 0);
				assert_true(result.count > 0);
				assert_true(result.count <= 1 + result.slot * 5);
				for (uint32_t i = 0; i < result.count; i++) {
					assert_int_equal(result.entries[i].index, first + i);
					assert_int_equal(result.entries[i].term, terms[first + i]);
					assert_null(test_entry_check(&result.entries[i]));
				}
				answers++;
			}
		}
	}
	test_log_free(&t);
}

/* The power fails while a start reads what a killed process left, or writes upon it. */
static void start_cut(void *arg, struct fake_disk *disk)
{
	for (int draw = 0; draw < 3 * FAKE_STYLES; draw++) {
		struct test_log t = *(const struct test_log *)arg;

		t.disk = fake_clone(disk, (uint64_t)draw);
		t.wal = NULL;
		fake_power_cut(t.disk, (enum fake_style)(draw % FAKE_STYLES));
		if (test_log_open(&t) != 0)
			fail_msg("draw %d: %s", draw, t.error);
		assert_false(t.found.lost);
		test_log_free(&t);
	}
}

/*
 * A killed process's write in flight may be seen by the next one, and still be in a cache only.
 * Once it was seen it must not go away again: the next start syncs what it trusts, before it writes
 * beside it.
 */
static void W24_what_a_killed_process_left_behind_stays(void **state)
{
	const struct raft_hard_state hard_state = {1, 7};
	struct test_log t;

	(void)state;
	for (int cut = 0; cut < FAKE_STYLES; cut++) {
		opened(&t);
		append(&t, 1, NULL, 1, 1);
		assert_int_equal(polled(&t), 0);
		append(&t, 2, &hard_state, 0, 1);
		assert_int_equal(polled(&t), 0);
		assert_true(fake_has(t.disk, TAG_LOG));
		assert_true(fake_has(t.disk, TAG_VOTE));
		fake_kill(t.disk, FAKE_ALL);
		fake_hold(t.disk, false);
		/* The process is gone; its memory is not the disk's. */
		t.wal->in_flight = false;
		t.wal->vote.in_flight = false;
		t.wal->segment_count = 0;
		t.wal->vote.file = -1;
		t.wal->marker.in_flight = false;
		t.wal->marker.file = -1;
		t.wal->mover.file = -1;
		assert_int_equal(wal_close(t.wal), 0);
		fake_set_hook(t.disk, start_cut, &t);
		assert_int_equal(test_log_open(&t), 0);
		fake_set_hook(t.disk, NULL, NULL);
		assert_int_equal(t.found.last_index, 1);
		assert_int_equal(t.found.hard_state.vote, 7);
		test_log_close(&t);
		fake_power_cut(t.disk, (enum fake_style)cut);
		if (test_log_open(&t) != 0)
			fail_msg("%s", t.error);
		assert_int_equal(t.found.last_index, 1);
		assert_int_equal(t.found.hard_state.term, 1);
		assert_int_equal(t.found.hard_state.vote, 7);
		test_expect(t.wal, 1, 1, 1);
		test_log_free(&t);
	}
}

/*
 * A leader may overwrite with entries of an older term than its own: were the cut there first, the
 * log would look as if it had lost what was acknowledged in the term that its owner is still in.
 */
static void W12_a_cut_is_not_durable_before_its_term(void **state)
{
	const struct raft_hard_state three = {3, 2};
	const struct raft_hard_state four = {4, 0};
	struct test_log copy;
	struct test_log t;

	(void)state;
	opened(&t);
	fake_hold(t.disk, false);
	append(&t, 1, &three, 1, 2);
	append(&t, 2, NULL, 2, 2);
	append(&t, 3, NULL, 3, 3);
	append(&t, 4, NULL, 4, 3);
	while (polled(&t) != 4)
		;
	fake_hold(t.disk, true);
	append(&t, 5, &four, 3, 2);
	assert_int_equal(polled(&t), 4);
	(void)fake_release(t.disk, TAG_LOG);
	(void)polled(&t);
	copy = t;
	copy.disk = fake_clone(t.disk, 1);
	copy.wal = NULL;
	fake_power_cut(copy.disk, FAKE_NONE);
	assert_int_equal(test_log_open(&copy), 0);
	assert_int_equal(copy.found.hard_state.term, 3);
	assert_int_equal(copy.found.last_index, 4);
	test_log_free(&copy);
	fake_hold(t.disk, false);
	test_log_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(W12_a_cut_is_not_durable_before_its_term),
		cmocka_unit_test(W12_a_token_waits_for_both_writes),
		cmocka_unit_test(W12_only_the_contiguous_prefix_is_acknowledged),
		cmocka_unit_test(group_commit),
		cmocka_unit_test(W14_a_disk_that_hangs),
		cmocka_unit_test(no_room_is_all_or_nothing),
		cmocka_unit_test(the_room_is_there_for_entries_of_any_size),
		cmocka_unit_test(W18_the_roll_waits_for_the_next_segment),
		cmocka_unit_test(what_is_not_on_disk_cannot_be_read),
		cmocka_unit_test(a_read_overtaken_by_a_new_leader),
		cmocka_unit_test(W13_a_read_that_is_refused_leaves_nothing_behind),
		cmocka_unit_test(many_reads_at_once),
		cmocka_unit_test(W24_what_a_killed_process_left_behind_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
