/*
 * A log that begins later than at its first entry (D18). Nothing makes one yet but this test, which
 * takes leading segments away and writes the base that a compaction would write before.
 */
#include "tests/unit/wal/helpers.h"

#include "base/bytes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { WRITES = 30, ENTRIES = 12, LAST = WRITES * ENTRIES, MS = 1000 * 1000 };

/* The header of the first write of a segment. */
static struct log_base base_at(const struct test_log *t, uint64_t sequence)
{
	uint8_t header[FORMAT_WRITE_HEADER];
	char name[DISK_NAME_MAX];

	wal_meta_segment_name(name, sequence);
	fake_get(t->disk, name, FORMAT_UNIT_MIN, header, sizeof(header));
	return (struct log_base){.segment = sequence,
				 .index = bytes_get64(header + 48),
				 .term = 1,
				 .number = bytes_get64(header + 24) - 1};
}

static void base_put(struct test_log *t, const struct log_base *base, bool remove)
{
	test_base_put(t->disk, base);
	for (uint64_t s = 1; remove && s < base->segment; s++) {
		char name[DISK_NAME_MAX];

		wal_meta_segment_name(name, s);
		fake_remove(t->disk, name);
	}
}

static void filled(struct test_log *t)
{
	test_log_init(t);
	test_log_fill(t, WRITES, ENTRIES);
}

/* All that works on a log that begins at 1. */
static void used(struct test_log *t, const struct log_base *base)
{
	const struct raft_entry *entries;
	raft_index first = base->index;

	if (test_log_open(t) != 0)
		fail_msg("base %lu, index %lu: %s", base->segment, first, t->error);
	assert_false(t->found.lost);
	assert_int_equal(t->found.first_index, first);
	assert_int_equal(t->found.before_term, base->term);
	assert_int_equal(t->found.last_index, LAST);
	assert_true(t->wal->segments[0].sequence == base->segment);
	test_expect(t->wal, first, LAST, 1);
	assert_int_equal(wal_read_now(t->wal, 0, first - 1, 1, &entries), -ENOENT);
	assert_int_equal(wal_read_now(t->wal, 0, 1, 1, &entries), -ENOENT);
	/* On, over a roll, and from the base on anew. */
	assert_int_equal(test_persist(t->wal, test_append(t->wal, LAST + 1, 2 * LAST, 1)), 0);
	test_expect(t->wal, first, 2 * LAST, 1);
	wal_witness_changed(t->wal);
	test_mark(t->wal, 1000 * MS, NULL, 0);
	test_log_close(t);
	fake_power_cut(t->disk, FAKE_NONE);
	assert_int_equal(test_log_open(t), 0);
	assert_false(t->found.lost);
	assert_int_equal(t->found.last_index, 2 * LAST);
	test_expect(t->wal, first, 2 * LAST, 1);
	assert_int_equal(test_persist(t->wal, test_append(t->wal, first, first + 5, 2)), 0);
	test_expect(t->wal, first, first + 5, 2);
	test_log_close(t);
	assert_int_equal(test_log_open(t), 0);
	assert_int_equal(t->found.last_index, first + 5);
	assert_int_equal(t->found.last_term, 2);
	test_expect(t->wal, first, first + 5, 2);
	test_log_close(t);
	/* A member's table is an entry like another. */
	for (raft_index i = first; i <= first + 5; i++)
		if (i % 97 == 1)
			assert_int_equal(t->found.members_index, i);
}

static void a_log_with_a_base_is_a_log(void **state)
{
	struct test_log t;
	uint32_t bases = 0;

	(void)state;
	filled(&t);
	for (uint64_t segment = 2; segment < 6; segment++) {
		for (raft_index passed = 0; passed < 20; passed += 7) {
			for (int remove = 0; remove < 2; remove++) {
				struct log_base base = base_at(&t, segment);
				struct test_log copy = t;

				/* Entries may lie below it, and the segments before be there. */
				base.index += passed;
				if (base.index > LAST)
					continue;
				copy.disk = fake_clone(t.disk, segment);
				base_put(&copy, &base, remove != 0);
				used(&copy, &base);
				test_log_free(&copy);
				bases++;
			}
		}
	}
	assert_true(bases >= 12);
	test_log_free(&t);
}

/* The first segment holds what superseded entries below the base: none of that counts. */
static void entries_below_the_base_are_passed_over(void **state)
{
	struct log_base base = {.segment = 2, .index = 40, .term = 3};
	const struct raft_entry *entries;
	struct test_log t;

	(void)state;
	test_log_init(&t);
	assert_int_equal(test_log_open(&t), 0);
	assert_int_equal(test_persist(t.wal, test_append(t.wal, 1, 30, 1)), 0);
	while (t.wal->tail == 0)
		assert_int_equal(test_persist(t.wal, test_append(t.wal, 30, 30, 1)), 0);
	base.number = t.wal->number - 1;
	assert_int_equal(test_persist(t.wal, test_append(t.wal, 31, 60, 2)), 0);
	/* A new leader writes 35 and all after it anew. */
	assert_int_equal(test_persist(t.wal, test_append(t.wal, 35, 50, 3)), 0);
	assert_int_equal(test_persist(t.wal, test_append(t.wal, 51, 70, 4)), 0);
	test_log_close(&t);
	base_put(&t, &base, true);
	if (test_log_open(&t) != 0)
		fail_msg("%s", t.error);
	assert_int_equal(t.found.last_index, 70);
	test_expect(t.wal, 40, 50, 3);
	test_expect(t.wal, 51, 70, 4);
	assert_int_equal(wal_read_now(t.wal, 0, 39, 1, &entries), -ENOENT);
	test_log_free(&t);
}

/* The log ends just before the base: what was above it had been superseded from below. */
static void what_was_superseded_from_below_the_base_is_gone(void **state)
{
	struct log_base base = {.segment = 2, .index = 90, .term = 3};
	const struct raft_entry *entries;
	struct test_log t;

	(void)state;
	test_log_init(&t);
	assert_int_equal(test_log_open(&t), 0);
	assert_int_equal(test_persist(t.wal, test_append(t.wal, 1, 80, 1)), 0);
	while (t.wal->tail == 0)
		assert_int_equal(test_persist(t.wal, test_append(t.wal, 80, 80, 1)), 0);
	base.segment = t.wal->segments[t.wal->tail].sequence;
	base.number = t.wal->number - 1;
	/* A table of members among them: 98. */
	assert_int_equal(test_persist(t.wal, test_append(t.wal, 81, 110, 2)), 0);
	assert_int_equal(test_persist(t.wal, test_append(t.wal, 85, 89, 3)), 0);
	test_log_close(&t);
	base_put(&t, &base, true);
	/* Twice: as it was found, and with more behind it. */
	for (int round = 0; round < 2; round++) {
		if (test_log_open(&t) != 0)
			fail_msg("%s", t.error);
		assert_int_equal(t.found.last_index, round == 0 ? 89 : 91);
		assert_int_equal(t.found.last_term, round == 0 ? 3 : 4);
		assert_int_equal(t.found.members_index, 0);
		if (round == 0)
			assert_int_equal(wal_read_now(t.wal, 0, 90, 1, &entries), -ENOENT);
		else
			test_expect(t.wal, 90, 91, 4);
		if (round == 0)
			assert_int_equal(test_persist(t.wal, test_append(t.wal, 90, 91, 4)), 0);
		test_log_close(&t);
	}
	test_log_free(&t);
}

/* Nothing behind the base yet: the log ends before its first entry. */
static void an_empty_log_with_a_base(void **state)
{
	struct log_base base = {.segment = 1, .index = 500, .term = 7, .number = 0};
	struct test_log t;

	(void)state;
	test_log_init(&t);
	test_log_fill(&t, 0, 0);
	base_put(&t, &base, false);
	assert_int_equal(test_log_open(&t), 0);
	assert_int_equal(t.found.last_index, 499);
	assert_int_equal(t.found.last_term, 7);
	assert_int_equal(t.found.hard_state.term, 7);
	assert_int_equal(wal_record_write(t.wal, NULL, 0), -EBUSY);
	assert_int_equal(test_persist(t.wal, test_append(t.wal, 500, 520, 8)), 0);
	test_log_close(&t);
	assert_int_equal(test_log_open(&t), 0);
	test_expect(t.wal, 500, 520, 8);
	test_log_free(&t);
}

static void V14_a_log_with_a_base_ends_where_it_is_marked(void **state)
{
	char name[DISK_NAME_MAX];
	struct test_log t;
	struct log_base base;
	uint64_t newest;

	(void)state;
	filled(&t);
	assert_int_equal(test_log_open(&t), 0);
	wal_witness_changed(t.wal);
	test_mark(t.wal, 1000 * MS, NULL, 0);
	newest = t.wal->segment_count;
	test_log_close(&t);
	base = base_at(&t, 3);
	base_put(&t, &base, true);
	/* All that follows the base is gone; then it begins again there. */
	for (uint64_t s = newest; s >= base.segment; s--) {
		wal_meta_segment_name(name, s);
		fake_remove(t.disk, name);
	}
	test_log_lost(&t, "no segment");
	assert_int_equal(t.found.last_index, base.index - 1);
	assert_true(t.wal->segments[0].sequence == base.segment);
	assert_int_equal(test_persist(t.wal, test_append(t.wal, base.index, base.index + 9, 2)), 0);
	test_log_close(&t);
	test_log_lost(&t, "segment-");
	test_expect(t.wal, base.index, base.index + 9, 2);
	test_log_free(&t);
}

static void W20_what_does_not_follow_the_base_is_damage(void **state)
{
	char name[DISK_NAME_MAX];
	struct test_log t;
	struct log_base base;

	(void)state;
	filled(&t);
	base = base_at(&t, 3);
	base_put(&t, &base, true);
	for (int what = 0; what < 6; what++) {
		struct test_log copy = t;
		struct log_base wrong = base;

		copy.disk = fake_clone(t.disk, 1);
		wal_meta_segment_name(name, 3);
		if (what == 0) {
			fake_remove(copy.disk, name); /* the first, beside later ones */
		} else if (what == 1) {
			wrong.number++; /* the first write is another one */
		} else if (what == 2) {
			wrong.index -= 1; /* a gap */
		} else if (what == 3) {
			fake_remove(copy.disk, "base");
			(void)snprintf(name, sizeof(name), "base");
		} else if (what == 4) {
			fake_flip(copy.disk, "base", 30, 1);
			fake_flip(copy.disk, "base", FORMAT_UNIT_MIN + 30, 1);
			(void)snprintf(name, sizeof(name), "base");
		} else {
			fake_truncate(copy.disk, "base", 512);
			(void)snprintf(name, sizeof(name), "base");
		}
		if (what == 1 || what == 2)
			base_put(&copy, &wrong, false);
		print_message("%d\n", what);
		test_log_refused(&copy, -EBADMSG, name);
		test_log_free(&copy);
	}
	test_log_free(&t);
}

static void the_index_after_a_base(void **state)
{
	struct log_index x;

	(void)state;
	wal_index_init(&x, 4096, 99);
	for (raft_index i = 100; i < 200; i++) {
		struct index_point point = {i, 1, i, 5, (uint32_t)(i * 4096), 0};

		assert_int_equal(wal_index_add(&x, &point), 0);
	}
	assert_int_equal(wal_index_find(&x, 150)->first, 150);
	wal_index_cut(&x, 99);
	assert_int_equal(x.last, 99);
	assert_int_equal(x.count, 0);
	assert_int_equal(wal_index_add(&x, &(struct index_point){100, 2, 900, 6, 0, 0}), 0);
	assert_int_equal(wal_index_find(&x, 100)->number, 900);
	wal_index_free(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_log_with_a_base_is_a_log),
		cmocka_unit_test(entries_below_the_base_are_passed_over),
		cmocka_unit_test(what_was_superseded_from_below_the_base_is_gone),
		cmocka_unit_test(an_empty_log_with_a_base),
		cmocka_unit_test(V14_a_log_with_a_base_ends_where_it_is_marked),
		cmocka_unit_test(W20_what_does_not_follow_the_base_is_damage),
		cmocka_unit_test(the_index_after_a_base),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
