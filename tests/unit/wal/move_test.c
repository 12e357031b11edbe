/*
 * The base moves (D18): it is durable before anything that it cuts off is used again or removed,
 * and a segment that is used again shows nothing of what it held.
 */
#include "tests/unit/wal/helpers.h"

#include "base/bytes.h"

#include <stdio.h>
#include <string.h>

#define SECOND UINT64_C(1000000000)
enum { ENTRIES = 12, LAST = 480, MS = 1000 * 1000, SPARE = 1024 * 1024 };

static void polls(struct test_log *t, int count)
{
	uint64_t seq;

	for (int i = 0; i < count; i++)
		assert_int_equal(wal_poll(t->wal, t->wal->now_ns, &seq), 0);
}

/* Entries 1 .. LAST over some segments, and open. */
static void filled(struct test_log *t)
{
	test_log_init(t);
	assert_int_equal(test_log_open(t), 0);
	for (raft_index i = 1; i <= LAST; i += ENTRIES)
		assert_int_equal(test_persist(t->wal, test_append(t->wal, i, i + ENTRIES - 1, 1)),
				 0);
	polls(t, 300);
	assert_true(t->wal->tail >= 4);
}

static void move(struct test_log *t, raft_index first)
{
	test_snapshot(t, first - 1, 1);
	assert_int_equal(wal_base_move(t->wal, first, 1), 0);
	for (int i = 0; t->wal->mover.state != MOVE_IDLE; i++) {
		assert_true(i < 1000);
		polls(t, 1);
	}
}

static void name_of(char name[DISK_NAME_MAX], uint64_t sequence)
{
	wal_meta_segment_name(name, sequence);
}

static bool there(const struct test_log *t, uint64_t sequence)
{
	char name[DISK_NAME_MAX];

	name_of(name, sequence);
	return fake_exists(t->disk, name);
}

/* Which segment holds this entry. */
static uint64_t segment_of(const struct test_log *t, raft_index index)
{
	return wal_index_find(&t->wal->index, index)->segment;
}

static void D18_a_log_begins_later(void **state)
{
	const struct raft_entry *entries;
	struct test_log t;
	uint64_t segment, newest;

	(void)state;
	filled(&t);
	assert_int_equal(wal_first(t.wal), 1);
	newest = t.wal->base.segment + t.wal->segment_count - 1;
	for (raft_index first = 2; first <= LAST + 1; first += 61) {
		segment = first <= LAST ? segment_of(&t, first) : 0;
		move(&t, first);
		assert_int_equal(wal_first(t.wal), first);
		if (segment > 0)
			assert_true(t.wal->base.segment == segment);
		if (first <= LAST)
			test_expect(t.wal, first, LAST, 1);
		assert_int_equal(wal_read_now(t.wal, 0, first - 1, 1, &entries), -ENOENT);
		/* Where it begins already, or later. */
		assert_int_equal(wal_base_move(t.wal, first, 1), 0);
		assert_int_equal(wal_base_move(t.wal, first - 1, 1), 0);
		assert_true(t.wal->mover.state == MOVE_IDLE);
		test_log_close(&t);
		fake_power_cut(t.disk, FAKE_NONE);
		assert_int_equal(test_log_open(&t), 0);
		assert_false(t.found.lost);
		assert_int_equal(t.found.first_index, first);
		assert_int_equal(t.found.before_term, 1);
		assert_int_equal(t.found.last_index, LAST);
		assert_int_equal(t.found.last_term, 1);
		assert_int_equal(t.found.base_damaged, 0);
		if (first <= LAST)
			test_expect(t.wal, first, LAST, 1);
	}
	/* Past its end nothing is cut off: those entries are not here. */
	assert_int_equal(wal_base_move(t.wal, LAST + 2, 1), -ENOENT);
	test_snapshot(&t, LAST + 1, 1);
	assert_int_equal(wal_base_move(t.wal, LAST + 2, 1), -EAGAIN);
	/* Numbers count on, and so do segments. */
	assert_true(t.wal->base.segment + t.wal->segment_count - 1 >= newest);
	assert_int_equal(test_persist(t.wal, test_append(t.wal, LAST + 1, 2 * LAST, 2)), 0);
	test_expect(t.wal, LAST + 1, 2 * LAST, 2);
	assert_true(t.wal->stats.reused > 0);
	test_log_free(&t);
}

/* Both slots say it before the first segment goes, and only what is whole below it goes. */
static void D18_the_base_is_durable_before_anything_goes(void **state)
{
	struct test_log t;
	uint64_t segment;

	(void)state;
	filled(&t);
	segment = segment_of(&t, LAST / 2);
	assert_true(segment > 2);
	test_snapshot(&t, LAST, 1);
	fake_hold(t.disk, true);
	assert_int_equal(wal_base_move(t.wal, LAST / 2, 1), 0);
	for (int slot = 0; slot < 2; slot++) {
		assert_int_equal(wal_base_move(t.wal, LAST / 2 + 1, 1), -EAGAIN);
		polls(&t, 20);
		assert_int_equal(wal_first(t.wal), 1);
		assert_true(t.wal->base.segment == 1);
		for (uint64_t s = 1; s <= segment; s++)
			assert_true(there(&t, s));
		assert_true(fake_release(t.disk, TAG_BASE));
		polls(&t, 1);
	}
	assert_int_equal(wal_first(t.wal), LAST / 2);
	fake_hold(t.disk, false);
	polls(&t, 300);
	assert_true(t.wal->base.segment == segment);
	assert_true(there(&t, segment));
	assert_true(t.wal->spares.count > 0);
	test_log_free(&t);
}

/* What waits to be written, or may be superseded, is not cut off. */
static void D18_what_is_not_durable_is_not_below(void **state)
{
	struct test_log t;
	uint64_t seq;

	(void)state;
	filled(&t);
	fake_hold(t.disk, true);
	seq = test_append(t.wal, LAST + 1, LAST + 1, 1);
	test_snapshot(&t, LAST + 1, 1);
	assert_int_equal(wal_base_move(t.wal, LAST + 2, 1), -EAGAIN);
	polls(&t, 1);
	assert_int_equal(wal_base_move(t.wal, LAST + 2, 1), -EAGAIN);
	fake_hold(t.disk, false);
	assert_int_equal(test_persist(t.wal, seq), 0);
	move(&t, LAST + 2);
	test_log_free(&t);
}

/* The segment in which the new first entry lies begins with later ones, which it superseded. */
static void W19_a_segment_that_begins_above_the_base_is_not_the_first(void **state)
{
	struct test_log t;
	uint64_t before;

	(void)state;
	test_log_init(&t);
	assert_int_equal(test_log_open(&t), 0);
	assert_int_equal(test_persist(t.wal, test_append(t.wal, 1, 90, 1)), 0);
	before = t.wal->tail;
	for (raft_index i = 91; t.wal->tail == before; i++)
		assert_int_equal(test_persist(t.wal, test_append(t.wal, i, i, 1)), 0);
	assert_int_equal(test_persist(t.wal, test_append(t.wal, 50, 60, 2)), 0);
	assert_true(segment_of(&t, 55) == t.wal->segments[t.wal->tail].sequence);
	move(&t, 55);
	assert_true(t.wal->base.segment < segment_of(&t, 55));
	test_expect(t.wal, 55, 60, 2);
	test_log_close(&t);
	fake_power_cut(t.disk, FAKE_NONE);
	if (test_log_open(&t) != 0)
		fail_msg("%s", t.error);
	assert_int_equal(t.found.last_index, 60);
	test_expect(t.wal, 55, 60, 2);
	test_log_free(&t);
}

static void D18_who_reads_from_a_segment_holds_it(void **state)
{
	struct wal_read_result result;
	struct test_log t;
	uint64_t seq;

	(void)state;
	filled(&t);
	fake_hold(t.disk, true);
	assert_int_equal(wal_read(t.wal, 3, 1, 10), 0);
	test_snapshot(&t, LAST, 1);
	assert_int_equal(wal_base_move(t.wal, LAST, 1), 0);
	for (int i = 0; i < 20; i++) {
		polls(&t, 1);
		(void)fake_release(t.disk, TAG_BASE);
	}
	assert_true(t.wal->mover.state == MOVE_DROP);
	assert_true(t.wal->base.segment == 1);
	assert_true(there(&t, 1));
	/* The loop looks again, and does not spin. */
	assert_true(wal_deadline(t.wal) > t.wal->now_ns);
	fake_hold(t.disk, false);
	while (!wal_read_poll(t.wal, &result))
		assert_int_equal(wal_poll(t.wal, 0, &seq), 0);
	polls(&t, 300);
	assert_true(t.wal->mover.state == MOVE_IDLE);
	assert_true(t.wal->base.segment > 1);
	test_log_free(&t);
}

/* A few are kept to be used again; the rest is removed, now or at the next start. */
static void D18_what_is_below_the_base_goes(void **state)
{
	struct test_log t;
	uint32_t left = 0;

	(void)state;
	filled(&t);
	while (t.wal->tail < 8)
		assert_int_equal(test_persist(t.wal, test_append(t.wal, t.wal->last_index + 1,
								 t.wal->last_index + ENTRIES, 1)),
				 0);
	move(&t, t.wal->last_index + 1);
	for (uint64_t s = 1; s < t.wal->base.segment; s++)
		left += there(&t, s);
	assert_int_equal(left, t.wal->spares.count);
	assert_true(left <= STATE_SPARES_MAX);
	assert_true(t.wal->base.segment > left + 1);
	test_log_close(&t);
	/* One that is no segment is not used; segments of another size neither. */
	for (uint64_t s = 1, n = 0; s < 20 && n < 1; s++) {
		char name[DISK_NAME_MAX];

		name_of(name, s);
		if (!fake_exists(t.disk, name))
			continue;
		fake_flip(t.disk, name, 26, 1);
		n++;
	}
	assert_int_equal(test_log_open(&t), 0);
	assert_int_equal(t.wal->spares.count, left - 1);
	test_log_close(&t);
	t.options.segment_size = 2 * TEST_SEGMENT_SIZE;
	assert_int_equal(test_log_open(&t), 0);
	assert_int_equal(t.wal->spares.count, 0);
	for (uint64_t s = 1; s < t.wal->base.segment; s++)
		assert_false(there(&t, s));
	test_log_free(&t);
}

/* A log that is full goes on once it is compacted, and no start is needed (D8). */
static void D8_a_full_log_that_is_compacted_goes_on(void **state)
{
	struct wal_space space;
	struct test_log t;
	raft_index next = LAST + 1;
	uint64_t seq = 0;

	(void)state;
	filled(&t);
	fake_space(t.disk, true, 0);
	for (uint64_t asked = 0; seq == asked; next++) {
		asked = test_append(t.wal, next, next, 1);
		for (int i = 0; i < 300 && seq < asked; i++)
			assert_int_equal(wal_poll(t.wal, SECOND, &seq), 0);
	}
	wal_get_space(t.wal, &space);
	assert_true(space.full);
	move(&t, LAST / 2);
	assert_int_equal(test_persist(t.wal, t.wal->seq), 0);
	assert_true(t.wal->stats.reused > 0);
	/* There is no room for more than what was freed: then it is full again. */
	assert_true(wal_deadline(t.wal) <= t.wal->now_ns + SECOND);
	test_expect(t.wal, LAST / 2, next - 1, 1);
	test_log_free(&t);
}

/* What is to be used again is space; and where too little is left beside it, it gives way. */
static void D8_what_is_used_again_needs_no_space(void **state)
{
	struct wal_space space;
	struct test_log t;
	uint32_t spares;
	uint64_t seq;

	(void)state;
	filled(&t);
	move(&t, LAST / 2);
	spares = t.wal->spares.count;
	assert_true(spares > 0);
	fake_space(t.disk, true, SPARE);
	for (int i = 0; i < 300; i++)
		assert_int_equal(wal_poll(t.wal, 10 * SECOND, &seq), 0);
	wal_get_space(t.wal, &space);
	assert_false(space.full);
	assert_true(space.there == SPARE + spares * (uint64_t)TEST_SEGMENT_SIZE);
	assert_int_equal(t.wal->spares.count, spares);
	fake_space(t.disk, true, SPARE - 1);
	for (int i = 0; i < 300; i++)
		assert_int_equal(wal_poll(t.wal, 11 * SECOND, &seq), 0);
	assert_int_equal(t.wal->spares.count, spares - 1);
	for (int i = 0; i < 300; i++)
		assert_int_equal(wal_poll(t.wal, 12 * SECOND, &seq), 0);
	/* What it gave is enough. */
	assert_int_equal(t.wal->spares.count, spares - 1);
	wal_get_space(t.wal, &space);
	assert_int_equal(space.full, spares == 1);
	test_log_free(&t);
}

/* --- crashes ----------------------------------------------------------------------------- */

struct cut {
	struct test_log *t;
	raft_index before, after; /* where the log begins */
	raft_index acked;
	uint32_t states;
	uint64_t random;
};

static void cut_here(void *arg, struct fake_disk *disk)
{
	struct cut *c = arg;

	for (int style = 0; style < FAKE_STYLES; style++) {
		for (int kill = 0; kill < 2; kill++) {
			struct test_log t = *c->t;

			t.disk = fake_clone(disk, ++c->random);
			if (kill)
				fake_kill(t.disk, (enum fake_style)style);
			else
				fake_power_cut(t.disk, (enum fake_style)style);
			if (test_log_open(&t) != 0)
				fail_msg("style %d, kill %d, state %u: %s", style, kill, c->states,
					 t.error);
			if (t.found.lost)
				fail_msg("lost: %s", t.found.lost_why);
			assert_true(t.found.first_index == c->before ||
				    t.found.first_index == c->after);
			assert_true(t.found.last_index >= c->acked);
			test_expect(t.wal, t.found.first_index, c->acked, 1);
			/* And on, into what is used again. */
			assert_int_equal(test_persist(t.wal, test_append(t.wal, c->acked + 1,
									 c->acked + 200, 1)),
					 0);
			test_expect(t.wal, t.found.first_index, c->acked + 200, 1);
			test_log_close(&t);
			assert_int_equal(test_log_open(&t), 0);
			test_expect(t.wal, c->after, c->acked + 200, 1);
			test_log_free(&t);
			c->states++;
		}
	}
}

/* Each step of a move, and each step of preparing and filling what it freed. */
static void W15_a_segment_that_is_used_again_at_every_step(void **state)
{
	struct test_log t;
	struct cut c = {.t = &t, .before = 1, .after = LAST - ENTRIES, .acked = LAST};
	uint64_t seq = 0;

	(void)state;
	filled(&t);
	test_snapshot(&t, c.after, 1);
	assert_int_equal(wal_base_move(t.wal, c.after, 1), 0);
	fake_set_hook(t.disk, cut_here, &c);
	while (t.wal->mover.state != MOVE_IDLE)
		polls(&t, 1);
	c.before = c.after;
	while (t.wal->stats.reused == 0) {
		uint64_t asked = test_append(t.wal, c.acked + 1, c.acked + ENTRIES, 1);

		while (seq < asked) {
			uint64_t token = 0;

			assert_int_equal(wal_poll(t.wal, 0, &token), 0);
			seq = token > seq ? token : seq;
		}
		c.acked += ENTRIES;
	}
	fake_set_hook(t.disk, NULL, NULL);
	print_message("%u crash states\n", c.states);
	assert_true(c.states > 200);
	test_log_free(&t);
}

/* --- damage ------------------------------------------------------------------------------ */

/* Either slot alone is enough, whatever happened to the other, and is told and written again. */
static void D18_one_slot_of_the_base_is_enough(void **state)
{
	struct test_log t;

	(void)state;
	filled(&t);
	move(&t, LAST / 2);
	test_log_close(&t);
	for (uint64_t at = 0; at < 2 * FORMAT_UNIT_MIN; at += 7) {
		if (at % FORMAT_UNIT_MIN >= 64 && at % 61 != 0)
			continue;
		fake_flip(t.disk, "base", at, (uint32_t)at % 8);
		assert_int_equal(test_log_open(&t), 0);
		assert_int_equal(t.found.base_damaged, 1);
		assert_int_equal(t.found.first_index, LAST / 2);
		test_log_close(&t);
		fake_power_cut(t.disk, FAKE_NONE);
		assert_int_equal(test_log_open(&t), 0);
		assert_int_equal(t.found.base_damaged, 0);
		assert_int_equal(t.found.first_index, LAST / 2);
		test_log_close(&t);
	}
	test_log_free(&t);
}

/* The newer slot says it and the older does not yet, as after a crash: nothing goes before both. */
static void D18_a_base_that_one_slot_says_is_said_by_both_before_anything_goes(void **state)
{
	uint8_t slot[FORMAT_UNIT_MIN];
	struct test_log t;

	(void)state;
	filled(&t);
	fake_get(t.disk, "base", FORMAT_UNIT_MIN, slot, sizeof(slot));
	move(&t, LAST / 2);
	test_log_close(&t);
	fake_put(t.disk, "base", FORMAT_UNIT_MIN, slot, sizeof(slot));
	assert_int_equal(test_log_open(&t), 0);
	assert_int_equal(t.found.first_index, LAST / 2);
	assert_int_equal(t.found.base_damaged, 0);
	test_log_close(&t);
	/* Now the other one decays. */
	fake_flip(t.disk, "base", 30, 1);
	assert_int_equal(test_log_open(&t), 0);
	assert_int_equal(t.found.first_index, LAST / 2);
	test_log_free(&t);
}

/* The disk lost a segment's new name, and gave its former one back: what it holds stays. */
static void V25_a_segment_under_its_former_name_is_kept(void **state)
{
	char former[DISK_NAME_MAX], now[DISK_NAME_MAX];
	struct test_log t;
	uint64_t s;

	(void)state;
	filled(&t);
	move(&t, LAST);
	s = t.wal->spares.sequence[t.wal->spares.count - 1];
	name_of(former, s);
	while (t.wal->stats.reused == 0 || wal_segment_wanted(t.wal) == false)
		assert_int_equal(test_persist(t.wal, test_append(t.wal, t.wal->last_index + 1,
								 t.wal->last_index + ENTRIES, 1)),
				 0);
	assert_false(fake_exists(t.disk, former));
	name_of(now, t.wal->segments[t.wal->tail].sequence);
	test_log_close(&t);
	fake_copy(t.disk, now, former);
	/* Under both names it is one file, and only the former goes. */
	assert_int_equal(test_log_open(&t), 0);
	test_log_close(&t);
	assert_false(fake_exists(t.disk, former));
	assert_true(fake_exists(t.disk, now));
	fake_copy(t.disk, now, former);
	fake_remove(t.disk, now);
	test_log_refused(&t, -EBADMSG, former);
	assert_non_null(strstr(t.error, now));
	fake_copy(t.disk, former, now);
	fake_remove(t.disk, former);
	assert_int_equal(test_log_open(&t), 0);
	assert_false(t.found.lost);
	test_log_free(&t);
}

/* --- pace and memory --------------------------------------------------------------------- */

/* While there is time zeros are written at a limited rate; half through the segment before, not. */
static void D3_zeros_are_written_at_a_limited_rate(void **state)
{
	struct wal_limits limits = test_limits;
	struct test_log t;
	uint32_t steps = 0;
	uint64_t seq;

	(void)state;
	limits.zero_rate = limits.zero_size; /* a step each second */
	test_log_init(&t);
	assert_int_equal(wal_open_limited(&t.wal, &t.options, &limits, &t.found, t.error), 0);
	for (uint64_t now = 0; wal_segment_wanted(t.wal); now += SECOND / 4) {
		uint32_t before = t.wal->prepare.offset;

		for (int i = 0; i < 100; i++)
			assert_int_equal(wal_poll(t.wal, now, &seq), 0);
		if (t.wal->prepare.state == PREPARE_ZERO) {
			assert_true(t.wal->prepare.offset - before <= limits.zero_size);
			assert_true(wal_deadline(t.wal) <= now + SECOND);
			steps++;
		}
		assert_true(now < 10 * SECOND);
	}
	assert_true(steps >= 3);
	/* Whoever needs the next one waits for no clock. */
	assert_int_equal(test_persist(t.wal, test_append(t.wal, 1, 400, 1)), 0);
	test_log_free(&t);
}

static void D17_a_volatile_log_is_trimmed(void **state)
{
	const struct raft_entry *entries;
	struct test_log t;
	uint64_t seq = 0;

	(void)state;
	test_log_init(&t);
	t.options.durability = WAL_VOLATILE;
	assert_int_equal(test_log_open(&t), 0);
	for (raft_index i = 1; i <= 20000; i += 1000) {
		test_append(t.wal, i, i + 999, 1);
		test_snapshot(&t, i + 499, 1);
		assert_int_equal(wal_base_move(t.wal, i + 500, 1), 0);
		assert_int_equal(wal_first(t.wal), i + 500);
		assert_int_equal(wal_poll(t.wal, 0, &seq), 0);
		assert_int_equal(wal_read_now(t.wal, 0, i + 499, 1, &entries), -ENOENT);
		test_expect(t.wal, i + 500, i + 999, 1);
	}
	test_snapshot(&t, 20001, 1);
	assert_int_equal(wal_base_move(t.wal, 20002, 1), -EAGAIN);
	test_append(t.wal, 19900, 19950, 2);
	test_expect(t.wal, 19900, 19950, 2);
	assert_int_equal(wal_base_move(t.wal, 19951, 2), 0);
	test_append(t.wal, 19951, 20100, 3);
	for (int i = 0; i < 100; i++)
		assert_int_equal(wal_poll(t.wal, 0, &seq), 0);
	test_expect(t.wal, 19951, 20100, 3);
	test_log_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(D18_a_log_begins_later),
		cmocka_unit_test(D18_the_base_is_durable_before_anything_goes),
		cmocka_unit_test(D18_what_is_not_durable_is_not_below),
		cmocka_unit_test(W19_a_segment_that_begins_above_the_base_is_not_the_first),
		cmocka_unit_test(D18_who_reads_from_a_segment_holds_it),
		cmocka_unit_test(D18_what_is_below_the_base_goes),
		cmocka_unit_test(D8_a_full_log_that_is_compacted_goes_on),
		cmocka_unit_test(D8_what_is_used_again_needs_no_space),
		cmocka_unit_test(W15_a_segment_that_is_used_again_at_every_step),
		cmocka_unit_test(D18_one_slot_of_the_base_is_enough),
		cmocka_unit_test(
			D18_a_base_that_one_slot_says_is_said_by_both_before_anything_goes),
		cmocka_unit_test(V25_a_segment_under_its_former_name_is_kept),
		cmocka_unit_test(D3_zeros_are_written_at_a_limited_rate),
		cmocka_unit_test(D17_a_volatile_log_is_trimmed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
