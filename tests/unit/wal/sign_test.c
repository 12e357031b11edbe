/*
 * The sign of loss: where it is missing, damaged, proved by a witness, and at every crash (V15,
 * W24).
 */
#include "tests/unit/wal/lost.h"

#include <errno.h>

/* --- the mark's own file ----------------------------------------------------------------- */

static void W24_a_missing_mark_is_a_loss(void **state)
{
	struct test_log t;

	(void)state;
	(void)lost_fill(&t);
	fake_remove(t.disk, "mark");
	lost_until_whole(&t, "mark: missing");
	(void)lost_fill(&t);
	fake_truncate(t.disk, "mark", 4096);
	lost_until_whole(&t, "mark: 4096 bytes instead of 8192");
}

static void W24_a_mark_with_one_bad_slot_is_a_lower_bound(void **state)
{
	(void)state;
	for (uint64_t slot = 0; slot < 2; slot++) {
		for (uint64_t at = 0; at < FORMAT_UNIT_MIN; at += 61) {
			struct test_log copy;
			static struct test_log t;

			if (slot == 0 && at == 0)
				(void)lost_fill(&t);
			copy = t;
			copy.disk = fake_clone(t.disk, at);
			fake_flip(copy.disk, "mark", slot * FORMAT_UNIT_MIN + at, at % 8);
			assert_int_equal(test_log_open(&copy), 0);
			assert_false(copy.found.lost);
			/* Two marks later both slots are good again, whichever was bad. */
			for (uint64_t i = 1; i < 3; i++) {
				raft_index next = copy.wal->last_index + 1;

				assert_int_equal(test_persist(copy.wal,
							      test_append(copy.wal, next, next, 1)),
						 0);
				wal_witness_changed(copy.wal);
				test_mark(copy.wal, i * 1000 * MS, NULL, 0);
			}
			test_log_close(&copy);
			lost_zero(&copy, WRITES + 2);
			test_log_lost(&copy, "segment-");
			test_log_free(&copy);
			if (slot == 1 && at + 61 >= FORMAT_UNIT_MIN)
				test_log_free(&t);
		}
	}
}

static void W24_a_mark_with_two_bad_slots_is_a_loss(void **state)
{
	struct test_log t;

	(void)state;
	(void)lost_fill(&t);
	fake_flip(t.disk, "mark", 80, 3);
	fake_flip(t.disk, "mark", FORMAT_UNIT_MIN + 4000, 3);
	lost_until_whole(&t, "mark: both slots are damaged");
}

/* Another directory's, as it was: not this one's. */
static void W6_the_mark_of_another_directory_is_none(void **state)
{
	struct test_log t;
	struct test_log other;
	uint8_t data[2 * FORMAT_UNIT_MIN];

	(void)state;
	(void)lost_fill(&t);
	test_log_init(&other);
	other.options.identity_seed++;
	test_log_fill(&other, 40, 1);
	fake_get(other.disk, "mark", 0, data, sizeof(data));
	fake_put(t.disk, "mark", 0, data, sizeof(data));
	test_log_free(&other);
	lost_until_whole(&t, "mark: both slots are damaged");
}

/* The sign stands in both slots, so that one that decays does not take it away. */
static void W24_the_sign_of_loss_survives_either_slot(void **state)
{
	struct test_log t;

	(void)state;
	(void)lost_fill(&t);
	lost_zero(&t, WRITES);
	test_log_lost(&t, "segment-");
	/* Now nothing but the sign tells. */
	for (raft_index i = 1; i < 4; i++)
		assert_int_equal(test_persist(t.wal, test_append(t.wal, t.wal->last_index + 1,
								 t.wal->last_index + 1, 2)),
				 0);
	test_log_close(&t);
	for (uint64_t slot = 0; slot < 2; slot++) {
		struct test_log copy = t;

		copy.disk = fake_clone(t.disk, slot);
		fake_flip(copy.disk, "mark", slot * FORMAT_UNIT_MIN + 50, 1);
		test_log_lost(&copy, "mark");
		test_log_free(&copy);
	}
	test_log_free(&t);
}

/* The mark knows of a vote that the vote file does not: never taken back, so refused. */
static void W24_a_vote_that_was_marked_is_missed(void **state)
{
	const struct raft_hard_state hard_state = {9, 2};
	struct test_log t;

	(void)state;
	(void)lost_fill(&t);
	fake_copy(t.disk, "vote", "kept");
	assert_int_equal(test_log_open(&t), 0);
	assert_int_equal(wal_append(t.wal, 1, &hard_state, NULL, 0), 0);
	assert_int_equal(test_persist(t.wal, 1), 0);
	test_mark(t.wal, 1000 * MS, NULL, 0);
	test_log_close(&t);
	fake_copy(t.disk, "kept", "vote");
	test_log_refused(&t, -EBADMSG, "vote: its newest record is of generation");
	test_log_free(&t);
}

/* All but the vote file is as it was at an earlier start: each agrees with the other. */
static void V15_the_log_and_the_mark_rolled_back_together(void **state)
{
	struct fake_disk *before;
	struct test_log t;
	uint8_t vote[2 * FORMAT_UNIT_MIN];

	(void)state;
	(void)lost_fill(&t);
	before = fake_clone(t.disk, 1);
	assert_int_equal(test_log_open(&t), 0);
	assert_int_equal(test_persist(t.wal, test_append(t.wal, t.wal->last_index + 1,
							 t.wal->last_index + 9, 1)),
			 0);
	test_mark(t.wal, 1000 * MS, NULL, 0);
	test_log_close(&t);
	fake_get(t.disk, "vote", 0, vote, sizeof(vote));
	fake_destroy(t.disk);
	t.disk = before;
	fake_put(t.disk, "vote", 0, vote, sizeof(vote));
	lost_until_whole(&t, "mark: of start 2");
}

/* The other slot may be of an earlier start: with one that decays, that is no roll-back. */
static void V15_an_earlier_start_in_the_other_slot_is_no_loss(void **state)
{
	struct test_log t;
	uint64_t newest;

	(void)state;
	(void)lost_fill(&t);
	assert_int_equal(test_log_open(&t), 0);
	newest = t.wal->marker.durable.generation;
	test_log_close(&t);
	fake_flip(t.disk, "mark", newest % 2 * FORMAT_UNIT_MIN + 50, 1);
	assert_int_equal(test_log_open(&t), 0);
	assert_false(t.found.lost);
	test_log_free(&t);
}

/* --- a witness --------------------------------------------------------------------------- */

struct trial {
	struct test_log *log;
	uint64_t before;
	uint64_t known;
	uint32_t crashes;
	uint32_t lost;
};

/* The power fails within wal_lost: the start is the old one counted on, or the sign is there. */
static void crash_here(void *arg, struct fake_disk *disk)
{
	struct trial *trial = arg;

	for (int style = 0; style < FAKE_STYLES; style++) {
		struct test_log t = *trial->log;

		t.disk = fake_clone(disk, (uint64_t)style);
		t.wal = NULL;
		fake_power_cut(t.disk, (enum fake_style)style);
		if (test_log_open(&t) != 0)
			fail_msg("style %d: %s", style, t.error);
		assert_true(t.found.start > trial->before);
		/* A start that is newer than the witness's may not come without the sign. */
		if (raft_start_count(t.found.start) > raft_start_count(trial->known))
			assert_true(t.found.lost);
		trial->lost += t.found.lost;
		test_log_free(&t);
	}
	trial->crashes++;
}

static void V15_a_witness_proves_that_the_directory_was_rolled_back(void **state)
{
	struct test_log t;
	struct trial trial = {.log = &t};
	uint64_t start;

	(void)state;
	(void)lost_fill(&t);
	assert_int_equal(test_log_open(&t), 0);
	trial.before = t.found.start;
	trial.known = ((uint64_t)raft_start_count(t.found.start) + 7) << 32 | 12345;
	/* With a write, a mark and a vote under way. */
	(void)test_append(t.wal, t.wal->last_index + 1, t.wal->last_index + 1, 2);
	if (wal_mark_due(t.wal, 2000ul * MS))
		wal_mark(t.wal, 2000ul * MS, NULL, 0);
	fake_set_hook(t.disk, crash_here, &trial);
	assert_int_equal(wal_lost(t.wal, trial.known), 0);
	fake_set_hook(t.disk, NULL, NULL);
	assert_true(trial.crashes >= 3);
	assert_true(trial.lost > 0);
	start = wal_start(t.wal);
	assert_true(raft_start_count(start) > raft_start_count(trial.known));
	assert_int_not_equal((uint32_t)start, 0);
	assert_int_equal(test_persist(t.wal, t.wal->seq), 0);
	test_log_close(&t);
	fake_power_cut(t.disk, FAKE_NONE);
	test_log_lost(&t, "mark");
	assert_true(t.found.start > start);
	/* The same count with another nonce is as good a proof. */
	start = t.found.start ^ 1;
	assert_int_equal(wal_lost(t.wal, start), 0);
	assert_true(wal_start(t.wal) > start);
	/* A number that no start can have is not believed. */
	assert_int_equal(wal_lost(t.wal, UINT64_MAX), -ERANGE);
	wal_whole(t.wal);
	test_mark(t.wal, 3000ul * MS, NULL, 0);
	test_log_close(&t);
	assert_int_equal(test_log_open(&t), 0);
	assert_false(t.found.lost);
	test_log_free(&t);
}

/* Over any number of starts, marks and losses, with either slot. */
static void R51_the_sign_of_another_state_stays(void **state)
{
	struct test_log t;

	(void)state;
	test_log_init(&t);
	assert_int_equal(test_log_open(&t), 0);
	assert_int_equal(t.found.diverged, 0);
	assert_int_equal(test_persist(t.wal, test_append(t.wal, 1, 10, 1)), 0);
	assert_int_equal(wal_diverged(t.wal, 7), 0);
	test_log_close(&t);
	fake_power_cut(t.disk, FAKE_NONE);
	for (uint64_t slot = 0; slot < 3; slot++) {
		if (slot < 2)
			fake_flip(t.disk, "mark", slot * FORMAT_UNIT_MIN + 50, 1);
		assert_int_equal(test_log_open(&t), 0);
		assert_int_equal(t.found.diverged, 7);
		assert_int_equal(test_persist(t.wal, test_append(t.wal, 2 + slot, 10, 1)), 0);
		test_mark(t.wal, 1000ul * MS, NULL, 0);
		test_log_close(&t);
	}
	assert_int_equal(test_log_open(&t), 0);
	assert_int_equal(wal_lost(t.wal, wal_start(t.wal)), 0);
	test_log_close(&t);
	test_log_lost(&t, "mark");
	assert_int_equal(t.found.diverged, 7);
	test_log_free(&t);
}

/* In written: the segments are synced for a mark, and then a witness tells. */
static void V15_a_mark_that_is_under_way_says_it_too(void **state)
{
	struct test_log t;
	uint64_t generation, seq;

	(void)state;
	test_log_init(&t);
	t.options.durability = WAL_WRITTEN;
	assert_int_equal(test_log_open(&t), 0);
	assert_int_equal(test_persist(t.wal, test_append(t.wal, 1, 10, 1)), 0);
	wal_mark(t.wal, 1000ul * MS, NULL, 0);
	assert_int_equal(wal_poll(t.wal, 1000ul * MS, &seq), 0);
	assert_int_equal(t.wal->marker.step, MARK_SYNC);
	assert_int_equal(wal_lost(t.wal, wal_start(t.wal)), 0);
	generation = t.wal->marker.durable.generation;
	while (t.wal->marker.step != MARK_IDLE)
		assert_int_equal(wal_poll(t.wal, 1000ul * MS, &seq), 0);
	assert_int_equal(t.wal->marker.durable.generation, generation + 1);
	assert_int_equal(t.wal->marker.durable.number, t.wal->number);
	test_log_close(&t);
	test_log_lost(&t, "mark");
	test_log_free(&t);
}

/* --- crashes ----------------------------------------------------------------------------- */

struct lost_trial {
	const struct test_log *log;
	bool must; /* it is not whole yet */
	uint32_t crashes;
	uint32_t whole;
};

static void lost_crash_here(void *arg, struct fake_disk *disk)
{
	struct lost_trial *trial = arg;

	for (int style = 0; style < 2 * FAKE_STYLES; style++) {
		struct test_log t = *trial->log;

		t.disk = fake_clone(disk, (uint64_t)style + trial->crashes);
		t.wal = NULL;
		if (style < FAKE_STYLES)
			fake_power_cut(t.disk, (enum fake_style)style);
		else
			fake_kill(t.disk, (enum fake_style)(style - FAKE_STYLES));
		if (test_log_open(&t) != 0)
			fail_msg("crash %u, style %d: %s", trial->crashes, style, t.error);
		if (trial->must && !t.found.lost)
			fail_msg("crash %u, style %d: the loss is forgotten (write %lu)",
				 trial->crashes, style, t.wal->number);
		trial->whole += !t.found.lost;
		test_log_free(&t);
	}
	trial->crashes++;
}

/* From the first opening on, over every write up to past what was marked, and through wal_whole. */
static void W17_W24_a_crash_at_each_step_of_a_lost_log(void **state)
{
	(void)state;
	for (int what = 0; what < 3; what++) {
		struct test_log t;
		struct lost_trial trial = {.log = &t, .must = true};
		uint64_t marked;

		(void)lost_fill(&t);
		if (what == 0)
			lost_zero(&t, WRITES - 2);
		else if (what == 1)
			fake_remove(t.disk, "mark");
		else
			for (uint64_t s = 1;; s++) {
				char name[DISK_NAME_MAX];

				wal_meta_segment_name(name, s);
				if (!fake_exists(t.disk, name))
					break;
				fake_remove(t.disk, name);
			}
		fake_set_hook(t.disk, lost_crash_here, &trial);
		test_log_lost(&t, "");
		marked = t.wal->marker.durable.number;
		for (int i = 0; t.wal->number <= marked && i < 2 * WRITES; i++)
			assert_int_equal(
				test_persist(t.wal, test_append(t.wal, t.wal->last_index + 1,
								t.wal->last_index + 1, 2)),
				0);
		assert_true(t.wal->number > marked);
		assert_int_equal(trial.whole, 0);
		trial.must = false;
		wal_whole(t.wal);
		test_mark(t.wal, 9000ul * MS, NULL, 0);
		lost_crash_here(&trial, t.disk);
		assert_true(trial.whole >= 2 * FAKE_STYLES);
		fake_set_hook(t.disk, NULL, NULL);
		print_message("%u places\n", trial.crashes);
		test_log_free(&t);
	}
}

static void W24_a_reset_does_not_hide_a_loss(void **state)
{
	struct test_log t;

	(void)state;
	test_log_init(&t);
	test_log_fill(&t, 0, 0);
	fake_remove(t.disk, "mark");
	test_log_lost(&t, "mark");
	assert_int_equal(t.found.last_index, 0);
	assert_int_equal(wal_record_write(t.wal, NULL, 0), -EBUSY);
	test_log_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(W24_a_missing_mark_is_a_loss),
		cmocka_unit_test(W24_a_mark_with_one_bad_slot_is_a_lower_bound),
		cmocka_unit_test(W24_a_mark_with_two_bad_slots_is_a_loss),
		cmocka_unit_test(W6_the_mark_of_another_directory_is_none),
		cmocka_unit_test(W24_the_sign_of_loss_survives_either_slot),
		cmocka_unit_test(W24_a_vote_that_was_marked_is_missed),
		cmocka_unit_test(V15_the_log_and_the_mark_rolled_back_together),
		cmocka_unit_test(V15_an_earlier_start_in_the_other_slot_is_no_loss),
		cmocka_unit_test(V15_a_witness_proves_that_the_directory_was_rolled_back),
		cmocka_unit_test(R51_the_sign_of_another_state_stays),
		cmocka_unit_test(V15_a_mark_that_is_under_way_says_it_too),
		cmocka_unit_test(W17_W24_a_crash_at_each_step_of_a_lost_log),
		cmocka_unit_test(W24_a_reset_does_not_hide_a_loss),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
