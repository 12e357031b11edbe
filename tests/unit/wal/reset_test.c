/*
 * The log is begun behind a snapshot that came from a peer (S10): all of it goes, durably, and a
 * crash leaves the old log or the new one.
 */
#include "tests/unit/wal/lost.h"

#include "wal/snapshot.h"

#include <string.h>

#define SECOND UINT64_C(1000000000)
enum { LAST = 240 };

static void polls(struct test_log *t, int count)
{
	uint64_t seq;

	for (int i = 0; i < count; i++)
		assert_int_equal(wal_poll(t->wal, t->wal->now_ns, &seq), 0);
}

static void filled(struct test_log *t)
{
	const struct raft_hard_state hard_state = {3, 7};

	test_log_init(t);
	assert_int_equal(test_log_open(t), 0);
	assert_int_equal(wal_append(t->wal, 1, &hard_state, NULL, 0), 0);
	for (raft_index i = 1; i <= LAST; i += 12)
		assert_int_equal(test_persist(t->wal, test_append(t->wal, i, i + 11, 1)), 0);
	polls(t, 300);
	assert_true(t->wal->tail > 1);
}

/* It begins behind `index`, and takes what follows. */
static void begins(struct test_log *t, raft_index index, raft_term term)
{
	const struct raft_entry *entries;

	assert_int_equal(wal_first(t->wal), index + 1);
	for (raft_index i = index > 3 ? index - 3 : 1; i < index + 4; i++)
		assert_int_equal(wal_read_now(t->wal, 0, i, 1, &entries), -ENOENT);
	assert_int_equal(
		test_persist(t->wal, test_append(t->wal, index + 1, index + 100, term + 1)), 0);
	test_expect(t->wal, index + 1, index + 100, term + 1);
}

static void S10_a_log_begins_behind_a_snapshot(void **state)
{
	static const raft_index indexes[] = {1, 100, LAST, LAST + 1, 100000};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(indexes) / sizeof(indexes[0]); i++) {
		raft_index index = indexes[i / 2];
		struct test_log t;
		uint64_t number;

		filled(&t);
		assert_int_equal(wal_reset(t.wal, index, 2), -ENOENT);
		test_snapshot(&t, index, 2);
		number = t.wal->number;
		assert_int_equal(wal_reset(t.wal, index, 2), 0);
		if (i % 2 == 0)
			begins(&t, index, 2);
		test_log_close(&t);
		fake_power_cut(t.disk, FAKE_NONE);
		if (test_log_open(&t) != 0)
			fail_msg("%s", t.error);
		assert_false(t.found.lost);
		assert_false(t.found.installs);
		assert_int_equal(t.found.first_index, index + 1);
		assert_int_equal(t.found.before_term, 2);
		assert_int_equal(t.found.hard_state.term, 3);
		assert_int_equal(t.found.hard_state.vote, 7);
		/* Numbers go on. */
		assert_true(t.wal->number >= number);
		if (i % 2 == 0) {
			assert_int_equal(t.found.last_index, index + 100);
			test_expect(t.wal, index + 1, index + 100, 3);
		} else {
			assert_int_equal(t.found.last_index, index);
			assert_int_equal(t.found.last_term, 2);
			begins(&t, index, 2);
		}
		/* What was is used again, or gone. */
		polls(&t, 300);
		assert_true(t.wal->mover.state == MOVE_IDLE);
		assert_true(t.wal->base.segment > 1);
		test_log_free(&t);
	}
}

/* What is on its way goes with the rest; its tokens are said, and a vote is kept. */
static void S10_what_was_on_its_way_is_gone(void **state)
{
	const struct raft_hard_state hard_state = {9, 4};
	struct test_log t;
	uint64_t seq;

	(void)state;
	filled(&t);
	fake_hold(t.disk, true);
	(void)test_append(t.wal, LAST + 1, LAST + 3, 1);
	polls(&t, 3);
	assert_true(t.wal->in_flight);
	seq = test_append(t.wal, LAST + 4, LAST + 9, 1);
	assert_int_equal(wal_append(t.wal, ++seq, &hard_state, NULL, 0), 0);
	test_snapshot(&t, 1000, 8);
	assert_int_equal(wal_reset(t.wal, 1000, 8), 0);
	fake_hold(t.disk, false);
	assert_int_equal(test_persist(t.wal, seq), 0);
	begins(&t, 1000, 8);
	test_log_close(&t);
	assert_int_equal(test_log_open(&t), 0);
	assert_int_equal(t.found.hard_state.term, 9);
	assert_int_equal(t.found.hard_state.vote, 4);
	assert_int_equal(t.found.last_index, 1100);
	test_expect(t.wal, 1001, 1100, 9);
	test_log_free(&t);
}

struct cut {
	struct test_log *t;
	uint32_t old, new;
	uint64_t random;
	bool done;
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
				fail_msg("style %d, kill %d: %s", style, kill, t.error);
			if (t.found.lost)
				fail_msg("lost: %s", t.found.lost_why);
			if (t.found.installs) {
				/* The old one, and what is begun is finished. */
				assert_false(c->done);
				assert_int_equal(t.found.first_index, 1);
				assert_int_equal(t.found.last_index, LAST);
				test_expect(t.wal, 1, LAST, 1);
				assert_int_equal(wal_reset(t.wal, 120, 2), 0);
				c->old++;
			} else {
				assert_int_equal(t.found.first_index, 121);
				assert_int_equal(t.found.last_index, 120);
				c->new ++;
			}
			begins(&t, 120, 2);
			test_log_close(&t);
			fake_power_cut(t.disk, FAKE_NONE);
			assert_int_equal(test_log_open(&t), 0);
			assert_int_equal(t.found.last_index, 220);
			test_expect(t.wal, 121, 220, 3);
			test_log_free(&t);
		}
	}
}

static void W17_a_crash_at_every_step_of_a_reset(void **state)
{
	struct test_log t;
	struct cut c = {.t = &t};

	(void)state;
	filled(&t);
	test_snapshot(&t, 120, 2);
	fake_set_hook(t.disk, cut_here, &c);
	assert_int_equal(wal_reset(t.wal, 120, 2), 0);
	c.done = true;
	cut_here(&c, t.disk);
	/* And while what was goes. */
	for (int i = 0; t.wal->mover.state != MOVE_IDLE; i++) {
		assert_true(i < 1000);
		polls(&t, 1);
	}
	fake_set_hook(t.disk, NULL, NULL);
	print_message("%u times the old log, %u times the new one\n", c.old, c.new);
	assert_true(c.old > FAKE_STYLES);
	assert_true(c.new > 4 * FAKE_STYLES);
	test_log_free(&t);
}

/* The disk is full, and no segment is ready: what was there is used for what comes. */
static void D8_a_full_log_is_reset(void **state)
{
	struct test_log t, after;
	uint64_t seq = 0;

	(void)state;
	filled(&t);
	fake_space(t.disk, true, 0);
	for (uint64_t asked = 0; seq == asked;) {
		asked = test_append(t.wal, t.wal->last_index + 1, t.wal->last_index + 1, 1);
		for (int i = 0; i < 300 && seq < asked; i++)
			assert_int_equal(wal_poll(t.wal, SECOND, &seq), 0);
	}
	assert_true(wal_segment_wanted(t.wal));
	fake_space(t.disk, false, 0); /* of the snapshot alone */
	test_snapshot(&t, 5000, 2);
	fake_space(t.disk, true, 0);
	assert_int_equal(wal_reset(t.wal, 5000, 2), 0);
	/* A crash before there is a segment that it begins in. */
	after = t;
	after.disk = fake_clone(t.disk, 1);
	fake_power_cut(after.disk, FAKE_NONE);
	assert_int_equal(test_log_open(&after), 0);
	assert_false(after.found.lost);
	assert_int_equal(after.found.last_index, 5000);
	begins(&after, 5000, 2);
	assert_true(after.wal->stats.reused > 0);
	test_log_free(&after);
	begins(&t, 5000, 2);
	assert_true(t.wal->stats.reused > 0);
	test_log_free(&t);
}

/* It comes back as it was before: the sign of loss goes by wal_whole alone (D9c). */
static void D9c_a_lost_log_that_is_reset_stays_lost(void **state)
{
	struct test_log t;

	(void)state;
	(void)lost_fill(&t);
	lost_zero(&t, WRITES - 3);
	test_log_lost(&t, "segment-");
	test_snapshot(&t, 1000, 2);
	assert_int_equal(wal_reset(t.wal, 1000, 2), 0);
	begins(&t, 1000, 2);
	test_log_close(&t);
	fake_power_cut(t.disk, FAKE_NONE);
	test_log_lost(&t, "mark");
	assert_int_equal(t.found.last_index, 1100);
	wal_whole(t.wal);
	test_mark(t.wal, 0, NULL, 0);
	test_log_close(&t);
	assert_int_equal(test_log_open(&t), 0);
	assert_false(t.found.lost);
	test_log_free(&t);
}

static void V18_a_reset_waits_so_long_and_no_longer(void **state)
{
	struct test_log t;

	(void)state;
	test_log_init(&t);
	t.options.wait_ns = SECOND;
	assert_int_equal(test_log_open(&t), 0);
	test_snapshot(&t, 1000, 2);
	fake_hang(t.disk, true);
	assert_int_equal(wal_reset(t.wal, 1000, 2), -ETIMEDOUT);
	assert_non_null(strstr(wal_error(t.wal), "base"));
	fake_hang(t.disk, false);
	test_log_free(&t);
}

static void D17_a_volatile_log_is_reset(void **state)
{
	struct test_log t;

	(void)state;
	test_log_init(&t);
	t.options.durability = WAL_VOLATILE;
	assert_int_equal(test_log_open(&t), 0);
	(void)test_append(t.wal, 1, 5000, 1);
	for (raft_index index = 100; index < 20000; index += 9000) {
		test_snapshot(&t, index, 2);
		assert_int_equal(wal_reset(t.wal, index, 2), 0);
		begins(&t, index, 2);
	}
	test_log_free(&t);
}

/* --- what is damaged when it is started again --------------------------------------------- */

enum { BEHIND = 1000, MORE = 100 };

/* Of a log that begins behind a snapshot: with nothing in it, or with something. */
static void begun(struct test_log *t, bool more)
{
	filled(t);
	test_snapshot(t, BEHIND, 2);
	assert_int_equal(wal_reset(t->wal, BEHIND, 2), 0);
	if (more)
		begins(t, BEHIND, 2);
	polls(t, 300);
	if (wal_mark_due(t->wal, SECOND))
		test_mark(t->wal, SECOND, NULL, 0);
	test_log_close(t);
}

static const char *snapshot_name(void)
{
	static char name[DISK_NAME_MAX];

	wal_block_name(name, BEHIND, 2);
	return name;
}

static const char *first_segment(const struct test_log *t)
{
	static char name[DISK_NAME_MAX];

	wal_meta_segment_name(name, test_base_get(t->disk).segment);
	assert_true(fake_exists(t->disk, name));
	return name;
}

static void first_block(struct test_log *t)
{
	fake_flip(t->disk, snapshot_name(), 40, 1);
}

static void unreadable(struct test_log *t)
{
	fake_bad(t->disk, snapshot_name(), 0, 4096, -EIO);
}

static void shorter(struct test_log *t)
{
	fake_truncate(t->disk, snapshot_name(), BLOCK_SIZE);
}

static void missing(struct test_log *t)
{
	fake_remove(t->disk, snapshot_name());
}

static void older_alone(struct test_log *t)
{
	fake_remove(t->disk, snapshot_name());
	test_snapshot_put(t->disk, BEHIND - 1, 2);
}

static void base_gone(struct test_log *t)
{
	fake_remove(t->disk, "base");
}

static void both_slots(struct test_log *t)
{
	fake_flip(t->disk, "base", 40, 1);
	fake_flip(t->disk, "base", 4096 + 40, 1);
}

static void segment_header(struct test_log *t)
{
	fake_flip(t->disk, first_segment(t), 20, 1);
}

static void segment_write(struct test_log *t)
{
	fake_flip(t->disk, first_segment(t), 4096 + 60, 1);
}

static void segment_gone(struct test_log *t)
{
	fake_remove(t->disk, first_segment(t));
}

static void segments_gone(struct test_log *t)
{
	uint64_t first = test_base_get(t->disk).segment;
	char name[DISK_NAME_MAX];

	for (uint64_t i = first; wal_meta_segment_name(name, i), fake_exists(t->disk, name); i++)
		fake_remove(t->disk, name);
}

/* Refused with that line and nothing changed; or, without an error, a loss that is told. */
static const struct {
	void (*damage)(struct test_log *t);
	bool more;
	int err;
	const char *says;
} damages[] = {
	{first_block, false, -EBADMSG, "no snapshot is whole"},
	{first_block, true, -EBADMSG, "no snapshot is whole"},
	{unreadable, true, -EBADMSG, "no snapshot is whole"},
	{shorter, true, -EBADMSG, "no snapshot is whole"},
	{missing, false, -EBADMSG, "no snapshot is whole"},
	{missing, true, -EBADMSG, "no snapshot is whole"},
	{older_alone, true, -EBADMSG, "the newest snapshot that is whole is of entry 999"},
	{base_gone, true, -EBADMSG, "base"},
	{both_slots, true, -EBADMSG, "base"},
	{segment_header, false, -EBADMSG, "segment-"},
	{segment_header, true, -EBADMSG, "segment-"},
	{segment_write, true, -EBADMSG, "segment-"},
	{segment_gone, true, -EBADMSG, "segment-"},
	{segment_gone, false, -EBADMSG, "segment-"},
	{segments_gone, true, 0, "no segment"},
	{segments_gone, false, 0, "no segment"},
};

static void W21_damage_behind_a_reset_is_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		struct test_log t;

		begun(&t, damages[i].more);
		damages[i].damage(&t);
		if (damages[i].err != 0)
			test_log_refused(&t, damages[i].err, damages[i].says);
		else
			test_log_lost(&t, damages[i].says);
		test_log_free(&t);
	}
}

/*
 * Its first block says who the members were, so whoever opens it may go on without a state. It is
 * none all the same: it counts for nothing, and it is not let go of.
 */
static void W21_one_that_has_no_end_is_no_state(void **state)
{
	(void)state;
	for (int more = 0; more < 2; more++) {
		struct raft_snapshot list[WAL_SNAPSHOTS_MAX];
		struct test_log t;

		begun(&t, more);
		fake_flip(t.disk, snapshot_name(), BLOCK_SIZE + 40, 1);
		/* What the log does not reach down to is no state either. */
		test_snapshot_put(t.disk, BEHIND - 1, 1);
		assert_int_equal(test_log_open(&t), 0);
		assert_false(t.found.lost || t.found.installs);
		assert_int_equal(t.found.first_index, BEHIND + 1);
		assert_int_equal(t.found.snapshots_damaged_count, 1);
		assert_string_equal(t.found.snapshots_damaged[0].name, snapshot_name());
		assert_int_equal(wal_snapshots(t.wal, list), 1);
		assert_int_equal(list[0].index, BEHIND - 1);
		assert_int_equal(wal_snapshots_useless(t.wal, 0, list), 1);
		assert_int_equal(list[0].index, BEHIND);
		assert_int_equal(wal_snapshot_remove(t.wal, BEHIND, 2), -EBUSY);
		assert_int_equal(wal_base_move(t.wal, BEHIND + 2, 2), -ENOENT);
		test_log_free(&t);
	}
}

/* One slot of the base is enough; and a second snapshot that reaches so far. */
static void W21_what_is_there_twice_is_made_up_for(void **state)
{
	for (int slot = 0; slot < 4; slot++) {
		struct test_log t;

		(void)state;
		begun(&t, slot % 2);
		if (slot < 2)
			fake_flip(t.disk, "base", (uint64_t)slot * 4096 + 40, 1);
		else
			missing(&t);
		if (slot >= 2)
			test_snapshot_put(t.disk, BEHIND + 1, 2);
		assert_int_equal(test_log_open(&t), 0);
		assert_false(t.found.lost);
		assert_int_equal(t.found.base_damaged, slot < 2);
		assert_int_equal(t.found.first_index, BEHIND + 1);
		assert_int_equal(t.found.last_index, slot % 2 ? BEHIND + MORE : BEHIND);
		test_log_free(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(S10_a_log_begins_behind_a_snapshot),
		cmocka_unit_test(S10_what_was_on_its_way_is_gone),
		cmocka_unit_test(W17_a_crash_at_every_step_of_a_reset),
		cmocka_unit_test(D8_a_full_log_is_reset),
		cmocka_unit_test(D9c_a_lost_log_that_is_reset_stays_lost),
		cmocka_unit_test(V18_a_reset_waits_so_long_and_no_longer),
		cmocka_unit_test(D17_a_volatile_log_is_reset),
		cmocka_unit_test(W21_damage_behind_a_reset_is_named),
		cmocka_unit_test(W21_one_that_has_no_end_is_no_state),
		cmocka_unit_test(W21_what_is_there_twice_is_made_up_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
