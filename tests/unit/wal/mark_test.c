/*
 * Marks: when one is due, what it says, that it holds nothing up, and that it says nothing that is
 * not on stable storage.
 */
#include "tests/unit/wal/helpers.h"

#include <errno.h>
#include <string.h>

enum { MS = 1000 * 1000 };

static const struct log_id id = {3};

/* --- the slots --------------------------------------------------------------------------- */

static struct mark mark_of(uint64_t generation)
{
	struct mark mark = {.generation = generation,
			    .number = generation + 10,
			    .segment = generation + 20,
			    .vote_generation = generation + 30,
			    .start = generation << 32 | 5,
			    .lost = generation % 3 == 0,
			    .witness_count = (uint32_t)generation % (RAFT_MEMBERS_MAX + 1)};

	for (uint32_t i = 0; i < mark.witness_count; i++)
		mark.witness[i] =
			(struct raft_witness){i + 1, generation * i, i + 3, i * 1000, i + 2};
	return mark;
}

static void put(uint8_t *file, uint64_t generation)
{
	struct mark mark = mark_of(generation);

	wal_mark_encode(file + wal_mark_offset(generation, FORMAT_UNIT_MIN), FORMAT_UNIT_MIN, &id,
			&mark);
}

static void a_mark_is_read_back(void **state)
{
	static uint8_t file[2 * FORMAT_UNIT_MIN];
	uint32_t damaged;

	(void)state;
	put(file, 1);
	for (uint64_t g = 2; g < 40; g++) {
		struct mark expected = mark_of(g);
		struct mark found;

		put(file, g);
		assert_int_equal(wal_mark_decode(&found, &damaged, file, FORMAT_UNIT_MIN, &id), 0);
		assert_int_equal(damaged, 0);
		assert_memory_equal(&found, &expected, sizeof(found));
	}
}

static void W22_a_torn_mark_falls_back(void **state)
{
	static uint8_t file[2 * FORMAT_UNIT_MIN];
	static uint8_t next[2 * FORMAT_UNIT_MIN];
	struct mark found;
	uint32_t damaged;

	(void)state;
	for (uint32_t mask = 1; mask < 0x7f; mask++) {
		put(file, 5);
		put(file, 6);
		put(next, 7);
		/* The sectors that hold something, in every combination. */
		for (uint32_t s = 0; s < 8; s++)
			if ((mask >> s & 1) != 0)
				memcpy(file + FORMAT_UNIT_MIN + (size_t)s * FORMAT_SECTOR,
				       next + FORMAT_UNIT_MIN + (size_t)s * FORMAT_SECTOR,
				       FORMAT_SECTOR);
		assert_int_equal(wal_mark_decode(&found, &damaged, file, FORMAT_UNIT_MIN, &id), 0);
		assert_true(found.generation == 6 ||
			    (found.generation == 7 && (mask & 1) != 0 && damaged == 0));
	}
	/* In the other's place, and of another directory. */
	put(file, 6);
	memcpy(file + FORMAT_UNIT_MIN, file, FORMAT_UNIT_MIN);
	assert_int_equal(wal_mark_decode(&found, &damaged, file, FORMAT_UNIT_MIN, &id), 0);
	assert_int_equal(damaged, 1);
	file[100] ^= 1;
	assert_int_equal(wal_mark_decode(&found, &damaged, file, FORMAT_UNIT_MIN, &id), -EBADMSG);
	assert_int_equal(damaged, 2);
	put(file, 7);
	assert_int_equal(
		wal_mark_decode(&found, &damaged, file, FORMAT_UNIT_MIN, &(struct log_id){4}),
		-EBADMSG);
}

/* What a start heals it tells, of the vote as of the mark, and the next one finds it whole. */
static void V16_a_slot_that_is_healed_is_told(void **state)
{
	const uint8_t junk[FORMAT_SECTOR] = {1};
	uint8_t next[FORMAT_UNIT_MIN];
	struct meta_vote vote;
	struct test_log t;

	(void)state;
	for (uint64_t slot = 0; slot < 2; slot++) {
		test_log_init(&t);
		test_log_fill(&t, 4, 4);
		assert_int_equal(test_log_open(&t), 0);
		assert_false(t.found.vote_torn);
		assert_int_equal(t.found.mark_damaged, 0);
		vote = t.wal->vote.durable;
		vote.generation++;
		wal_meta_vote_encode(next, FORMAT_UNIT_MIN, &t.wal->id, &vote);
		test_log_close(&t);
		fake_put(t.disk, META_VOTE, wal_meta_vote_offset(vote.generation, FORMAT_UNIT_MIN),
			 next, FORMAT_SECTOR);
		fake_put(t.disk, META_MARK, slot * FORMAT_UNIT_MIN, junk, sizeof(junk));
		assert_int_equal(test_log_open(&t), 0);
		assert_true(t.found.vote_torn);
		assert_int_equal(t.found.mark_damaged, 1);
		assert_false(t.found.lost);
		test_log_close(&t);
		assert_int_equal(test_log_open(&t), 0);
		assert_false(t.found.vote_torn);
		assert_int_equal(t.found.mark_damaged, 0);
		test_log_free(&t);
	}
}

/* --- when -------------------------------------------------------------------------------- */

static void opened(struct test_log *t)
{
	uint64_t seq;

	test_log_init(t);
	assert_int_equal(test_log_open(t), 0);
	while (wal_segment_wanted(t->wal) || t->wal->prepare.state != PREPARE_IDLE ||
	       t->wal->marker.step != MARK_IDLE)
		assert_int_equal(wal_poll(t->wal, 0, &seq), 0);
}

static void write_one(struct test_log *t)
{
	raft_index next = t->wal->last_index + 1;

	assert_int_equal(test_persist(t->wal, test_append(t->wal, next, next, 1)), 0);
}

static void a_mark_is_due_100_ms_after_the_last(void **state)
{
	struct test_log t;

	(void)state;
	opened(&t);
	/* Naming the second segment was one, and its time was 0. */
	write_one(&t);
	assert_false(wal_mark_due(t.wal, 100 * MS - 1));
	assert_true(wal_deadline(t.wal) == 100 * MS);
	assert_true(wal_mark_due(t.wal, 100 * MS));
	test_mark(t.wal, 100 * MS, NULL, 0);
	assert_int_equal(t.wal->marker.durable.number, 1);
	/* Nothing new: none, ever, and nobody is woken for one: but once a second for space. */
	assert_false(wal_mark_due(t.wal, UINT64_MAX));
	assert_true(wal_deadline(t.wal) == wal_prepare_deadline(t.wal));
	/* Within 100 ms of a write that comes late: at once. */
	write_one(&t);
	assert_true(wal_mark_due(t.wal, 5000ul * MS));
	test_mark(t.wal, 5000ul * MS, NULL, 0);
	write_one(&t);
	assert_false(wal_mark_due(t.wal, 5000ul * MS));
	assert_true(wal_deadline(t.wal) == 5100ul * MS);
	/* Asked too early it does nothing. */
	wal_mark(t.wal, 5000ul * MS, NULL, 0);
	assert_false(t.wal->marker.asked);
	test_log_free(&t);
}

static void the_witnesses_are_marked(void **state)
{
	struct raft_witness witness[2] = {{7, 1ul << 32 | 9, 4, 100, 3},
					  {8, 2ul << 32 | 1, 4, 90, 4}};
	struct test_log t;

	(void)state;
	opened(&t);
	write_one(&t);
	test_mark(t.wal, 1000 * MS, NULL, 0);
	wal_witness_changed(t.wal);
	assert_false(wal_mark_due(t.wal, 1100ul * MS - 1));
	assert_true(wal_mark_due(t.wal, 1100ul * MS));
	test_mark(t.wal, 1100ul * MS, witness, 2);
	assert_false(wal_mark_due(t.wal, UINT64_MAX));
	test_log_close(&t);
	fake_power_cut(t.disk, FAKE_NONE);
	assert_int_equal(test_log_open(&t), 0);
	assert_int_equal(t.found.witness_count, 2);
	assert_memory_equal(t.found.witness, witness, sizeof(witness));
	/* A mark that the log makes for itself keeps them. */
	while (t.wal->tail == 0)
		write_one(&t);
	test_log_close(&t);
	assert_int_equal(test_log_open(&t), 0);
	assert_int_equal(t.found.witness_count, 2);
	assert_memory_equal(t.found.witness, witness, sizeof(witness));
	test_log_free(&t);
}

/* A planned restart forgets nothing of the last 100 ms. */
static void W24_the_last_mark_is_of_the_stop(void **state)
{
	struct raft_witness witness[1] = {{7, 1ul << 32 | 9, 4, 100, 3}};
	struct test_log t;

	(void)state;
	opened(&t);
	write_one(&t);
	test_mark(t.wal, 1000 * MS, NULL, 0);
	write_one(&t);
	wal_witness_changed(t.wal);
	wal_mark_last(t.wal, witness, 1);
	test_log_close(&t);
	fake_power_cut(t.disk, FAKE_NONE);
	assert_int_equal(test_log_open(&t), 0);
	assert_int_equal(t.found.witness_count, 1);
	assert_memory_equal(t.found.witness, witness, sizeof(witness));
	assert_int_equal(t.wal->marker.durable.number, t.wal->number);
	test_log_free(&t);
}

/* In written, what it says is synced first: the sign of loss may go with it. */
static void W24_the_last_mark_of_written_is_of_what_was_synced(void **state)
{
	struct test_log t;
	raft_index next;

	(void)state;
	test_log_init(&t);
	t.options.durability = WAL_WRITTEN;
	assert_int_equal(test_log_open(&t), 0);
	assert_int_equal(test_persist(t.wal, test_append(t.wal, 1, 10, 1)), 0);
	test_mark(t.wal, 1000 * MS, NULL, 0);
	assert_int_equal(wal_lost(t.wal, wal_start(t.wal)), 0);
	next = t.wal->last_index + 1;
	assert_int_equal(test_persist(t.wal, test_append(t.wal, next, next + 9, 2)), 0);
	wal_whole(t.wal);
	wal_mark_last(t.wal, NULL, 0);
	test_log_close(&t);
	fake_power_cut(t.disk, FAKE_NONE);
	assert_int_equal(test_log_open(&t), 0);
	assert_false(t.found.lost);
	assert_int_equal(t.found.last_index, next + 9);
	test_log_free(&t);
}

/* Either is enough: something became durable, or the witnesses changed. */
static void W24_the_last_mark_is_made_for_either(void **state)
{
	struct raft_witness witness[1] = {{7, 1ul << 32 | 9, 4, 100, 3}};
	struct test_log t;
	uint64_t generation;

	(void)state;
	for (int changed = 0; changed < 2; changed++) {
		opened(&t);
		write_one(&t);
		wal_witness_changed(t.wal);
		test_mark(t.wal, 1000 * MS, NULL, 0);
		generation = t.wal->marker.durable.generation;
		wal_mark_last(t.wal, NULL, 0);
		assert_int_equal(t.wal->marker.durable.generation, generation);
		if (changed)
			wal_witness_changed(t.wal);
		else
			write_one(&t);
		wal_mark_last(t.wal, witness, 1);
		assert_int_equal(t.wal->marker.durable.generation, generation + 1);
		test_log_free(&t);
	}
}

/* --- beside the log ---------------------------------------------------------------------- */

static void a_mark_that_hangs_holds_up_no_write(void **state)
{
	struct test_log t;
	uint64_t seq = 0;

	(void)state;
	opened(&t);
	write_one(&t);
	fake_hold(t.disk, true);
	wal_mark(t.wal, 1000 * MS, NULL, 0);
	/* The log's write is before it in the queue, and is done while it is still under way. */
	(void)test_append(t.wal, 2, 2, 1);
	assert_int_equal(wal_poll(t.wal, 1000 * MS, &seq), 0);
	assert_true(fake_has(t.disk, TAG_MARK));
	for (raft_index i = 3; i < 20; i++) {
		assert_true(fake_has(t.disk, TAG_LOG));
		assert_true(fake_release(t.disk, TAG_LOG));
		assert_int_equal(wal_poll(t.wal, 1000 * MS, &seq), 0);
		assert_true(seq == t.wal->seq);
		assert_false(wal_busy(t.wal));
		(void)test_append(t.wal, i, i, 1);
		assert_int_equal(wal_poll(t.wal, 1000 * MS, &seq), 0);
	}
	/* One in flight, and the loop need not wait for it. */
	assert_false(wal_mark_due(t.wal, 5000ul * MS));
	assert_true(wal_deadline(t.wal) >= 1100ul * MS);
	assert_int_equal(t.wal->marker.durable.number, 0);
	assert_true(fake_release(t.disk, TAG_MARK));
	assert_int_equal(wal_poll(t.wal, 1000 * MS, &seq), 0);
	/* It says what was durable when it was begun. */
	assert_int_equal(t.wal->marker.durable.number, 1);
	fake_hold(t.disk, false);
	test_log_free(&t);
}

/* WAL_WRITTEN: what is marked was synced before, through every segment that was written to. */
static void W24_a_mark_of_written_is_of_what_was_synced(void **state)
{
	struct test_log t;
	uint64_t seq;
	uint64_t marked;

	(void)state;
	test_log_init(&t);
	t.options.durability = WAL_WRITTEN;
	assert_int_equal(test_log_open(&t), 0);
	for (uint64_t round = 1; round < 6; round++) {
		while (t.wal->tail < 2 * round)
			write_one(&t);
		/*
		 * Held: the first of its steps is the sync of a segment, and nothing is said yet.
		 */
		fake_hold(t.disk, true);
		marked = t.wal->number;
		wal_mark(t.wal, round * 1000 * MS, NULL, 0);
		do {
			(void)fake_release(t.disk, TAG_MARK);
			assert_int_equal(wal_poll(t.wal, round * 1000 * MS, &seq), 0);
		} while (t.wal->marker.step == MARK_SYNC);
		assert_true(t.wal->marker.durable.number < marked);
		fake_hold(t.disk, false);
		while (t.wal->marker.step != MARK_IDLE)
			assert_int_equal(wal_poll(t.wal, round * 1000 * MS, &seq), 0);
		assert_int_equal(t.wal->marker.durable.number, marked);
		/* All of it is there, whatever was only in the cache. */
		test_log_close(&t);
		fake_power_cut(t.disk, FAKE_NONE);
		assert_int_equal(test_log_open(&t), 0);
		assert_false(t.found.lost);
		assert_int_equal(t.wal->number, marked);
		test_expect(t.wal, 1, t.found.last_index, 1);
	}
	test_log_free(&t);
}

/* A write that a killed process had not synced is marked only once it is synced. */
static void W24_a_killed_process_of_written_is_synced_on(void **state)
{
	struct test_log t;
	uint64_t number;
	uint64_t seq;

	(void)state;
	test_log_init(&t);
	t.options.durability = WAL_WRITTEN;
	assert_int_equal(test_log_open(&t), 0);
	while (t.wal->tail < 3)
		write_one(&t);
	number = t.wal->number;
	test_log_close(&t); /* as if killed: it stays in the cache */
	assert_int_equal(test_log_open(&t), 0);
	assert_int_equal(t.wal->number, number);
	while (t.wal->marker.step != MARK_IDLE || wal_segment_wanted(t.wal))
		assert_int_equal(wal_poll(t.wal, 0, &seq), 0);
	test_mark(t.wal, 1000 * MS, NULL, 0);
	assert_int_equal(t.wal->marker.durable.number, number);
	test_log_close(&t);
	fake_power_cut(t.disk, FAKE_NONE);
	assert_int_equal(test_log_open(&t), 0);
	assert_false(t.found.lost);
	assert_int_equal(t.wal->number, number);
	test_log_free(&t);
}

/*
 * A sync failed, and the pages stay, clean: the next sync says 0 of them. So a start takes for
 * written what it has read from the disk, and nothing that a cache still shows (W9).
 */
static void W9_what_a_failed_sync_left_counts_at_no_start(void **state)
{
	struct test_log t;
	raft_index synced;
	uint64_t seq;
	int err = 0;

	(void)state;
	test_log_init(&t);
	t.options.durability = WAL_WRITTEN;
	assert_int_equal(test_log_open(&t), 0);
	assert_int_equal(test_persist(t.wal, test_append(t.wal, 1, 10, 1)), 0);
	test_mark(t.wal, 1000 * MS, NULL, 0);
	synced = t.wal->last_index;
	assert_int_equal(test_persist(t.wal, test_append(t.wal, synced + 1, synced + 10, 1)), 0);
	while (wal_segment_wanted(t.wal) || t.wal->marker.step != MARK_IDLE)
		assert_int_equal(wal_poll(t.wal, 2000 * MS, &seq), 0);
	wal_mark(t.wal, 3000ul * MS, NULL, 0);
	fake_fail(t.disk, 0, -EIO);
	for (int i = 0; err == 0 && i < 100; i++)
		err = wal_poll(t.wal, 3000ul * MS, &seq);
	assert_int_equal(err, -EIO);
	assert_non_null(strstr(wal_error(t.wal), "sync"));
	test_log_close(&t);
	assert_int_equal(test_log_open(&t), 0);
	assert_int_equal(t.found.last_index, synced);
	/* It goes on in the same place, and what is marked then is there. */
	write_one(&t);
	test_mark(t.wal, 4000ul * MS, NULL, 0);
	assert_int_equal(t.wal->marker.durable.number, t.wal->number);
	test_log_close(&t);
	fake_power_cut(t.disk, FAKE_NONE);
	assert_int_equal(test_log_open(&t), 0);
	if (t.found.lost)
		fail_msg("%s", t.found.lost_why);
	assert_int_equal(t.found.last_index, synced + 1);
	test_expect(t.wal, 1, synced + 1, 1);
	test_log_free(&t);
}

/*
 * The number of a lost write that was marked is given again, to one that is only in the cache: a
 * mark must not take it for the one that was synced.
 */
static void W24_a_number_that_is_given_again_is_synced_again(void **state)
{
	static const uint8_t zeros[FORMAT_UNIT_MIN];
	struct test_place place;
	struct test_log t;

	(void)state;
	test_log_init(&t);
	t.options.durability = WAL_WRITTEN;
	assert_int_equal(test_log_open(&t), 0);
	for (int i = 0; i < 10; i++)
		write_one(&t);
	wal_witness_changed(t.wal);
	test_mark(t.wal, 1000 * MS, NULL, 0);
	assert_int_equal(t.wal->marker.durable.number, 10);
	test_log_close(&t);
	for (uint32_t n = 9; n >= 5; n--) {
		assert_true(test_log_write(&t, n, &place));
		fake_put(t.disk, place.file, place.offset, zeros, sizeof(zeros));
	}
	test_log_lost(&t, "the log ends with write 5");
	write_one(&t);
	write_one(&t);
	test_log_close(&t); /* as if killed */
	test_log_lost(&t, "the log ends with write 7");
	wal_whole(t.wal);
	test_mark(t.wal, 1000 * MS, NULL, 0);
	test_log_close(&t);
	fake_power_cut(t.disk, FAKE_NONE);
	assert_int_equal(test_log_open(&t), 0);
	if (t.found.lost)
		fail_msg("%s", t.found.lost_why);
	assert_int_equal(t.wal->number, 7);
	test_log_free(&t);
}

/*
 * The mark that a killed process had under way may be seen and be in a cache only, when the next
 * one is written over the one before it: then a power cut could take both.
 */
static void W24_a_mark_that_was_seen_stays(void **state)
{
	/* So many that a slot takes two sectors, and can be torn. */
	struct raft_witness witness[RAFT_MEMBERS_MAX] = {{1, 2, 3, 4, 3}};
	struct test_log t;
	uint64_t seq;

	(void)state;
	opened(&t);
	write_one(&t);
	fake_hold(t.disk, true);
	witness[15].index = 1;
	wal_mark(t.wal, 1000 * MS, witness, 16);
	assert_int_equal(wal_poll(t.wal, 1000 * MS, &seq), 0);
	assert_true(fake_has(t.disk, TAG_MARK));
	t.wal->marker.in_flight = false; /* its completion is the disk's alone now */
	t.wal->prepare.in_flight = false;
	fake_kill(t.disk, FAKE_ALL);
	fake_hold(t.disk, false);
	t.wal->marker.file = t.wal->vote.file = t.wal->mover.file = -1;
	t.wal->segment_count = 0;
	assert_int_equal(wal_close(t.wal), 0);
	assert_int_equal(test_log_open(&t), 0);
	assert_int_equal(t.wal->marker.durable.number, 1);
	fake_hold(t.disk, true);
	witness[15].index = 2;
	wal_mark(t.wal, 1000 * MS, witness, 16);
	assert_int_equal(wal_poll(t.wal, 1000 * MS, &seq), 0);
	assert_true(fake_has(t.disk, TAG_MARK));
	for (uint64_t seed = 0; seed < 40 * FAKE_STYLES; seed++) {
		struct test_log copy = t;

		copy.disk = fake_clone(t.disk, seed);
		copy.wal = NULL;
		fake_power_cut(copy.disk, (enum fake_style)(seed % FAKE_STYLES));
		assert_int_equal(test_log_open(&copy), 0);
		if (copy.found.lost)
			fail_msg("seed %lu: %s", seed, copy.found.lost_why);
		test_log_free(&copy);
	}
	fake_hold(t.disk, false);
	test_log_free(&t);
}

static void W9_a_failed_mark_is_final(void **state)
{
	struct test_log t;
	uint64_t seq;
	int err = 0;

	(void)state;
	opened(&t);
	write_one(&t);
	fake_fail(t.disk, 0, -EIO);
	wal_mark(t.wal, 1000 * MS, NULL, 0);
	for (int i = 0; err == 0 && i < 100; i++)
		err = wal_poll(t.wal, 1000 * MS, &seq);
	assert_int_equal(err, -EIO);
	assert_non_null(strstr(wal_error(t.wal), "mark at offset"));
	assert_false(wal_mark_due(t.wal, 9000ul * MS));
	assert_true(wal_deadline(t.wal) == UINT64_MAX);
	test_log_free(&t);
}

static void volatile_marks_nothing(void **state)
{
	struct test_log t;
	uint64_t start;

	(void)state;
	test_log_init(&t);
	t.options.durability = WAL_VOLATILE;
	assert_int_equal(test_log_open(&t), 0);
	write_one(&t);
	assert_false(wal_mark_due(t.wal, UINT64_MAX));
	assert_true(wal_deadline(t.wal) == UINT64_MAX);
	assert_false(fake_exists(t.disk, "mark"));
	start = wal_start(t.wal);
	assert_int_equal(wal_lost(t.wal, start + (9ul << 32)), 0);
	assert_true(wal_start(t.wal) > start + (9ul << 32));
	wal_whole(t.wal);
	assert_false(wal_mark_due(t.wal, UINT64_MAX));
	test_log_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mark_is_read_back),
		cmocka_unit_test(W22_a_torn_mark_falls_back),
		cmocka_unit_test(V16_a_slot_that_is_healed_is_told),
		cmocka_unit_test(a_mark_is_due_100_ms_after_the_last),
		cmocka_unit_test(the_witnesses_are_marked),
		cmocka_unit_test(W24_the_last_mark_is_of_the_stop),
		cmocka_unit_test(W24_the_last_mark_of_written_is_of_what_was_synced),
		cmocka_unit_test(W24_the_last_mark_is_made_for_either),
		cmocka_unit_test(a_mark_that_hangs_holds_up_no_write),
		cmocka_unit_test(W24_a_mark_of_written_is_of_what_was_synced),
		cmocka_unit_test(W24_a_killed_process_of_written_is_synced_on),
		cmocka_unit_test(W9_what_a_failed_sync_left_counts_at_no_start),
		cmocka_unit_test(W24_a_number_that_is_given_again_is_synced_again),
		cmocka_unit_test(W24_a_mark_that_was_seen_stays),
		cmocka_unit_test(W9_a_failed_mark_is_final),
		cmocka_unit_test(volatile_marks_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
