/*
 * The whole log on a disk that loses power: what was acknowledged is there afterwards. kill -9
 * shows recovery alone, for the page cache survives it; here what was not synced is lost or torn.
 */
#include "tests/unit/wal/on_disk.h"

#include <string.h>

enum {
	/* With entries of 600 bytes on the average: past a segment of 4 MiB. */
	ENTRIES_ROLL = 8000,
	ENTRIES = 200,
	MARK_NS = 1000 * 1000 * 1000,
};

/* Entries first .. last in writes of some, each acknowledged; terms and votes in between. */
static void write_some(struct on_disk *s, raft_index first, raft_index last, raft_term term)
{
	for (raft_index i = first; i <= last; i += 50) {
		struct raft_hard_state hard_state = {.term = term, .vote = i};
		raft_index to = i + 49 < last ? i + 49 : last;

		assert_int_equal(wal_append(s->wal, s->wal->seq + 1, &hard_state, NULL, 0), 0);
		assert_int_equal(test_persist(s->wal, test_append(s->wal, i, to, term)), 0);
	}
}

static void acknowledged(struct on_disk *s, raft_index last, raft_term term, uint64_t vote)
{
	assert_false(s->found.created);
	if (s->found.lost)
		fail_msg("lost: %s", s->found.lost_why);
	if (s->found.last_index < last)
		fail_msg("acknowledged to %lu, and the log ends at %lu", last, s->found.last_index);
	test_expect(s->wal, 1, last, term);
	assert_int_equal(s->found.hard_state.term, term);
	assert_int_equal(s->found.hard_state.vote, vote);
}

/* While it stands still, and with a write of the log, of the vote and of a mark under way. */
static void V24_what_was_acknowledged_survives_a_power_cut(void **state)
{
	static struct on_disk s;
	raft_index last = 0;
	raft_term term = 1;

	(void)state;
	on_disk_begin(&s, WAL_DURABLE);
	for (uint64_t seed = 0; seed < 12; seed++) {
		struct raft_hard_state hard_state = {.term = term, .vote = 99};
		uint64_t seq = 0;
		uint64_t token = 0;

		on_disk_open(&s);
		if (seed > 0)
			acknowledged(&s, last, term, last - 49);
		/* What may have been written beyond is ours again. */
		test_expect(s.wal, 1, last, term);
		write_some(&s, last + 1, last + ENTRIES, term);
		last += ENTRIES;
		if (seed % 3 > 0) {
			on_disk_settle(&s);
			(void)disk_rule(&s.disk, "on write * stall forever");
			token = test_append(s.wal, last + 1, last + 100, term);
			if (seed % 3 == 2)
				(void)wal_append(s.wal, s.wal->seq + 1, &hard_state, NULL, 0);
			for (int i = 0; i < 3; i++)
				assert_int_equal(wal_poll(s.wal, MARK_NS * (seed + 1), &seq), 0);
			disk_wait_waiting(&s.disk, 1);
			/* Were it told as durable by now, it would have to be there. */
			if (seq >= token)
				last += 100;
		}
		on_disk_cut(&s, seed % 2 ? "tear" : "lose", seed);
	}
	on_disk_open(&s);
	acknowledged(&s, last, term, last - 49);
	on_disk_end(&s);
}

/* Of all that an open does, and of the way into the next segment, the names are durable. */
static void V24_names_survive_a_power_cut(void **state)
{
	static struct on_disk s;
	raft_index last = 0;

	(void)state;
	on_disk_begin(&s, WAL_DURABLE);
	on_disk_open(&s);
	on_disk_cut(&s, "lose", 1);
	on_disk_open(&s);
	assert_false(s.found.created);
	for (uint32_t round = 0; round < 2; round++) {
		assert_int_equal(
			test_persist(s.wal, test_append(s.wal, last + 1, last + ENTRIES_ROLL, 1)),
			0);
		last += ENTRIES_ROLL;
		assert_true(s.wal->tail > round);
		if (round > 0)
			on_disk_settle(&s);
		on_disk_cut(&s, "lose", 1);
		on_disk_open(&s);
		assert_false(s.found.created);
		if (s.found.lost)
			fail_msg("lost: %s", s.found.lost_why);
		assert_true(s.found.last_index >= last);
		test_expect(s.wal, 1, last, 1);
	}
	on_disk_end(&s);
}

/* A cluster's record, and a reset, which replaces everything. */
static void V24_the_record_and_a_reset_survive_a_power_cut(void **state)
{
	static struct on_disk s;
	const uint8_t record[8] = {1};
	raft_identity identity;

	(void)state;
	on_disk_begin(&s, WAL_DURABLE);
	on_disk_open(&s);
	identity = s.found.identity;
	assert_int_equal(wal_record_write(s.wal, record, sizeof(record)), 0);
	on_disk_cut(&s, "lose", 1);
	on_disk_open(&s);
	assert_int_equal(s.found.identity, identity);
	assert_int_equal(s.found.record_size, sizeof(record));
	assert_int_equal(wal_record_write(s.wal, NULL, 0), 0);
	on_disk_cut(&s, "lose", 1);
	on_disk_open(&s);
	assert_true(s.found.identity != identity);
	assert_int_equal(s.found.record_size, 0);
	on_disk_cut(&s, "lose", 1);
	on_disk_open(&s);
	assert_false(s.found.created);
	on_disk_end(&s);
}

/* Creation is begun again wherever the power went, or goes on. */
static void W17_a_power_cut_at_each_step_of_creation(void **state)
{
	static struct on_disk s;
	uint64_t steps = 0;

	(void)state;
	for (uint64_t step = 0;; step++) {
		uint32_t rule;
		int err;

		on_disk_begin(&s, WAL_DURABLE);
		rule = disk_rule(&s.disk, "on meta,write * skip %lu fail EIO", step);
		err = wal_open(&s.wal, &s.options, &s.found, s.error);
		steps += disk_hits(&s.disk, rule) > 0;
		on_disk_cut(&s, step % 2 ? "tear" : "lose", step);
		on_disk_open(&s);
		test_append(s.wal, 1, 10, 1);
		assert_int_equal(test_persist(s.wal, s.wal->seq), 0);
		on_disk_end(&s);
		if (err == 0)
			break;
	}
	assert_true(steps > 20);
}

/* In `written` a mark says what a sync has covered: that survives, and more is not promised. */
static void V24_what_a_mark_covers_survives_a_power_cut_in_written(void **state)
{
	static struct on_disk s;
	raft_index last = 0;

	(void)state;
	on_disk_begin(&s, WAL_WRITTEN);
	for (uint64_t round = 1; round <= 3; round++) {
		uint32_t more = round == 2 ? ENTRIES_ROLL : ENTRIES;
		uint64_t seq;

		on_disk_open(&s);
		if (s.found.lost)
			fail_msg("round %lu: lost: %s", round, s.found.lost_why);
		if (s.found.last_index < last)
			fail_msg("round %lu: %lu instead of %lu", round, s.found.last_index, last);
		last = s.found.last_index;
		assert_int_equal(test_persist(s.wal, test_append(s.wal, last + 1, last + more, 1)),
				 0);
		last += more;
		on_disk_settle(&s);
		wal_witness_changed(s.wal);
		test_mark(s.wal, MARK_NS * round, NULL, 0);
		/* Acknowledged, and by no mark. */
		assert_int_equal(test_persist(s.wal, test_append(s.wal, last + 1, last + 10, 1)),
				 0);
		assert_int_equal(wal_poll(s.wal, MARK_NS * round + 1, &seq), 0);
		on_disk_cut(&s, "lose", round);
	}
	on_disk_open(&s);
	assert_false(s.found.lost);
	assert_true(s.found.last_index >= last);
	test_expect(s.wal, 1, last, 1);
	on_disk_end(&s);
}

/* Writes that the disk said were durable, and were not: the mark tells, whose writes were. */
static void W24_a_disk_that_lies_is_found_out(void **state)
{
	static struct on_disk s;

	(void)state;
	on_disk_begin(&s, WAL_DURABLE);
	on_disk_open(&s);
	write_some(&s, 1, ENTRIES, 1);
	on_disk_settle(&s);
	(void)disk_rule(&s.disk, "on write,fsync segment-* lie");
	write_some(&s, ENTRIES + 1, 2 * ENTRIES, 1);
	wal_witness_changed(s.wal);
	test_mark(s.wal, MARK_NS, NULL, 0);
	on_disk_cut(&s, "lose", 1);
	on_disk_open(&s);
	assert_true(s.found.lost);
	assert_non_null(strstr(s.found.lost_why, "segment-"));
	assert_true(s.found.last_index >= ENTRIES);
	assert_true(s.found.last_index < 2 * ENTRIES);
	test_expect(s.wal, 1, s.found.last_index, 1);
	on_disk_end(&s);
}

/* Names told as durable that were not: whole segments are gone, and that is told (V25). */
static void V25_W24_names_that_a_disk_lied_about_are_found_out(void **state)
{
	static struct on_disk s;
	int told = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 2; seed++) {
		int err;

		on_disk_begin(&s, WAL_DURABLE);
		on_disk_open(&s);
		write_some(&s, 1, ENTRIES, 1);
		on_disk_settle(&s);
		(void)disk_rule(&s.disk, "on fsyncdir * lie");
		write_some(&s, ENTRIES + 1, 3 * ENTRIES_ROLL, 1);
		assert_true(s.wal->tail >= 2);
		on_disk_cut(&s, seed == 1 ? "lose" : "tear", seed);
		err = wal_open(&s.wal, &s.options, &s.found, s.error);
		/* By chance all names are there. */
		if (err == 0 && !s.found.lost && s.found.last_index == 3 * ENTRIES_ROLL) {
			on_disk_end(&s);
			continue;
		}
		told++;
		if (err == 0)
			assert_true(s.found.lost);
		else
			assert_non_null(strstr(s.error, "segment-"));
		on_disk_end(&s);
	}
	assert_true(told > 0);
}

/* A write that never reached the disk: at the end the mark shows it, in the middle later writes. */
static void W5_a_lost_write_is_found_out(void **state)
{
	static struct on_disk s;

	(void)state;
	on_disk_begin(&s, WAL_DURABLE);
	on_disk_open(&s);
	write_some(&s, 1, ENTRIES, 1);
	on_disk_settle(&s);
	(void)disk_rule(&s.disk, "on write segment-* times 1 forget");
	write_some(&s, ENTRIES + 1, ENTRIES + 50, 1);
	wal_witness_changed(s.wal);
	test_mark(s.wal, MARK_NS, NULL, 0);
	on_disk_close(&s);
	on_disk_open(&s);
	assert_true(s.found.lost);
	assert_int_equal(s.found.last_index, ENTRIES);
	on_disk_close(&s);
	disk_tell(&s.disk, "drop all");

	on_disk_open(&s);
	(void)disk_rule(&s.disk, "on write segment-* times 1 forget");
	write_some(&s, ENTRIES + 1, ENTRIES + 100, 1);
	on_disk_close(&s);
	assert_int_equal(wal_open(&s.wal, &s.options, &s.found, s.error), -EBADMSG);
	assert_non_null(strstr(s.error, "segment-"));
	on_disk_end(&s);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(V24_what_was_acknowledged_survives_a_power_cut),
		cmocka_unit_test(V24_names_survive_a_power_cut),
		cmocka_unit_test(V24_the_record_and_a_reset_survive_a_power_cut),
		cmocka_unit_test(W17_a_power_cut_at_each_step_of_creation),
		cmocka_unit_test(V24_what_a_mark_covers_survives_a_power_cut_in_written),
		cmocka_unit_test(W24_a_disk_that_lies_is_found_out),
		cmocka_unit_test(V25_W24_names_that_a_disk_lied_about_are_found_out),
		cmocka_unit_test(W5_a_lost_write_is_found_out),
	};

	if (!disk_begin(argc, argv))
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
