/*
 * The membership room's record, and the reset that makes a directory a new one: kept whole, found
 * again, and old or new after a crash at any step.
 */
#include "tests/unit/wal/helpers.h"

#include <errno.h>
#include <string.h>

static void record_fill(uint8_t *record, uint32_t size, uint8_t with)
{
	for (uint32_t i = 0; i < size; i++)
		record[i] = (uint8_t)(with + i % 7);
}

static void opened(struct test_log *t)
{
	int err = test_log_open(t);

	if (err != 0)
		fail_msg("%d: %s", err, t->error);
}

static void a_record_is_kept_and_replaced(void **state)
{
	static const uint32_t sizes[] = {1, 16, WAL_RECORD_SIZE_MAX, 40};
	uint8_t record[WAL_RECORD_SIZE_MAX];
	struct test_log t;

	(void)state;
	test_log_init(&t);
	opened(&t);
	assert_int_equal(t.found.record_size, 0);
	for (uint32_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		record_fill(record, sizes[i], (uint8_t)i);
		/* In the middle of writing: what is in flight is waited for. */
		(void)test_append(t.wal, t.wal->last_index + 1, t.wal->last_index + 3, 1);
		assert_int_equal(wal_record_write(t.wal, record, sizes[i]), 0);
		assert_int_equal(test_persist(t.wal, t.wal->seq), 0);
		test_log_close(&t);
		fake_power_cut(t.disk, FAKE_NONE);
		opened(&t);
		assert_int_equal(t.found.record_size, sizes[i]);
		assert_memory_equal(t.found.record, record, sizes[i]);
		assert_int_equal(t.found.last_index, 3 * (i + 1));
	}
	test_log_free(&t);
}

static void W3_a_damaged_record_is_refused(void **state)
{
	uint8_t record[100];
	struct test_log t;
	struct test_log other;

	(void)state;
	test_log_init(&t);
	opened(&t);
	record_fill(record, sizeof(record), 1);
	assert_int_equal(wal_record_write(t.wal, record, sizeof(record)), 0);
	test_log_close(&t);
	for (uint64_t at = 0; at < FORMAT_UNIT_MIN; at += at < 140 ? 1 : 97) {
		fake_flip(t.disk, "cluster", at, at % 8);
		test_log_refused(&t, -EBADMSG, "cluster");
		fake_flip(t.disk, "cluster", at, at % 8);
	}
	/* That of another directory, whole. */
	test_log_init(&other);
	other.options.identity_seed++;
	opened(&other);
	assert_int_equal(wal_record_write(other.wal, record, sizeof(record)), 0);
	test_log_close(&other);
	for (uint64_t at = 0; at < FORMAT_UNIT_MIN; at += 512) {
		uint8_t sector[512];

		fake_get(other.disk, "cluster", at, sector, sizeof(sector));
		fake_put(t.disk, "cluster", at, sector, sizeof(sector));
	}
	test_log_refused(&t, -EBADMSG, "another directory");
	test_log_free(&other);
	test_log_free(&t);
}

static void a_reset_equals_a_wipe(void **state)
{
	uint8_t record[16] = {1};
	struct raft_entry entry = {.index = 1, .term = 1, .type = RAFT_ENTRY_NOOP};
	raft_identity identity;
	struct test_log t;
	uint64_t seq;

	(void)state;
	test_log_init(&t);
	opened(&t);
	identity = t.found.identity;
	assert_int_equal(wal_record_write(t.wal, record, sizeof(record)), 0);
	test_log_close(&t);
	opened(&t);
	assert_int_equal(wal_record_write(t.wal, NULL, 0), 0);
	/* The log is over. */
	assert_int_equal(wal_append(t.wal, 1, NULL, &entry, 1), -ESTALE);
	assert_int_equal(wal_poll(t.wal, 0, &seq), -ESTALE);
	assert_int_equal(wal_record_write(t.wal, record, sizeof(record)), -ESTALE);
	assert_non_null(strstr(wal_error(t.wal), "open it again"));
	test_log_close(&t);
	fake_power_cut(t.disk, FAKE_NONE);
	opened(&t);
	assert_true(t.found.created);
	assert_true(t.found.identity != identity);
	assert_int_equal(raft_start_count(t.found.start), 1);
	assert_int_equal(t.found.record_size, 0);
	assert_false(fake_exists(t.disk, "cluster"));
	assert_int_equal(test_persist(t.wal, test_append(t.wal, 1, 20, 1)), 0);
	test_log_close(&t);
	opened(&t);
	assert_false(t.found.created);
	test_expect(t.wal, 1, 20, 1);
	test_log_free(&t);
}

/* An entry or a term is what others may rest on. */
static void a_reset_is_refused_where_there_is_a_log(void **state)
{
	(void)state;
	for (int what = 0; what < 4; what++) {
		const struct raft_hard_state hard_state = {1, 7};
		uint8_t record[16] = {1};
		struct test_log t;

		test_log_init(&t);
		opened(&t);
		assert_int_equal(wal_record_write(t.wal, record, sizeof(record)), 0);
		if (what % 2 == 0)
			(void)test_append(t.wal, 1, 1, 1);
		else
			assert_int_equal(wal_append(t.wal, 1, &hard_state, NULL, 0), 0);
		/* Before it is durable, and after. */
		if (what >= 2)
			assert_int_equal(test_persist(t.wal, 1), 0);
		assert_int_equal(wal_record_write(t.wal, NULL, 0), -EBUSY);
		assert_int_equal(test_persist(t.wal, 1), 0);
		assert_int_equal(wal_record_write(t.wal, NULL, 0), -EBUSY);
		test_log_close(&t);
		opened(&t);
		assert_false(t.found.created);
		assert_int_equal(t.found.record_size, sizeof(record));
		assert_int_equal(t.found.hard_state.term, 1);
		test_log_free(&t);
	}
}

static void volatile_touches_nothing(void **state)
{
	uint8_t record[16] = {1};
	struct test_log t;
	uint64_t before;

	(void)state;
	test_log_init(&t);
	t.options.durability = WAL_VOLATILE;
	opened(&t);
	before = fake_hash(t.disk);
	assert_int_equal(wal_record_write(t.wal, record, sizeof(record)), 0);
	assert_true(fake_hash(t.disk) == before);
	test_log_close(&t);
	opened(&t);
	assert_int_equal(t.found.record_size, 0);
	assert_int_equal(wal_record_write(t.wal, NULL, 0), 0);
	assert_true(fake_hash(t.disk) == before);
	test_log_close(&t);
	t.options.identity_seed++;
	opened(&t);
	test_log_free(&t);
}

/* The membership room calls it from the loop, whatever is under way. */
static void a_record_waits_for_what_is_in_flight(void **state)
{
	uint8_t record[16] = {1};
	struct test_log t;
	uint64_t seq;

	(void)state;
	test_log_init(&t);
	opened(&t);
	fake_hold(t.disk, true);
	(void)test_append(t.wal, 1, 3, 1);
	assert_int_equal(wal_poll(t.wal, 0, &seq), 0);
	assert_true(fake_has(t.disk, TAG_LOG));
	assert_int_equal(wal_record_write(t.wal, record, sizeof(record)), 0);
	assert_false(fake_has(t.disk, TAG_LOG));
	assert_int_equal(wal_poll(t.wal, 0, &seq), 0);
	assert_int_equal(seq, 1);
	fake_hold(t.disk, false);
	test_log_free(&t);
}

/* --- crashes ----------------------------------------------------------------------------- */

enum step { STEP_FIRST_RECORD, STEP_SECOND_RECORD, STEP_RESET, STEP_OPEN };

struct trial {
	const struct test_log *log;
	enum step step;
	raft_identity before;
	uint32_t crashes;
	uint32_t seen_old;
	uint32_t seen_new;
};

/* The power fails here: the directory is the old one whole, or the new one whole. */
static void crash_here(void *arg, struct fake_disk *disk)
{
	struct trial *trial = arg;

	for (int style = 0; style < 2 * FAKE_STYLES; style++) {
		struct test_log t = *trial->log;
		bool fresh;

		t.disk = fake_clone(disk, (uint64_t)style);
		t.wal = NULL;
		if (style < FAKE_STYLES)
			fake_power_cut(t.disk, (enum fake_style)style);
		else
			fake_kill(t.disk, (enum fake_style)(style - FAKE_STYLES));
		if (test_log_open(&t) != 0)
			fail_msg("step %d, crash %u, style %d: %s", trial->step, trial->crashes,
				 style, t.error);
		fresh = t.found.identity != trial->before;
		if (trial->step < STEP_RESET) {
			uint32_t expected = trial->step == STEP_FIRST_RECORD ? 0 : 16;

			assert_false(fresh);
			if (t.found.record_size != expected)
				assert_int_equal(t.found.record_size, 16 * (trial->step + 1));
			fresh = t.found.record_size != expected;
			for (uint32_t i = 0; i < t.found.record_size; i++)
				assert_int_equal(t.found.record[i],
						 fresh ? trial->step + 1 : trial->step);
		} else {
			/* Once begun it is not taken back. */
			assert_true(fresh || trial->step == STEP_RESET);
			assert_int_equal(t.found.record_size, fresh ? 0 : 32);
		}
		trial->seen_old += !fresh;
		trial->seen_new += fresh;
		test_log_free(&t);
	}
	trial->crashes++;
}

static void W17_a_crash_at_each_step_of_record_and_reset(void **state)
{
	uint8_t record[32];
	struct test_log t;
	struct trial trial = {.log = &t};

	(void)state;
	test_log_init(&t);
	opened(&t);
	trial.before = t.found.identity;
	fake_set_hook(t.disk, crash_here, &trial);
	for (trial.step = STEP_FIRST_RECORD; trial.step <= STEP_SECOND_RECORD; trial.step++) {
		memset(record, (int)trial.step + 1, sizeof(record));
		assert_int_equal(wal_record_write(t.wal, record, 16 * (trial.step + 1)), 0);
	}
	assert_int_equal(wal_record_write(t.wal, NULL, 0), 0);
	assert_true(trial.seen_old > 0);
	assert_true(trial.seen_new > 0);
	assert_true(trial.crashes >= 12);
	trial.step = STEP_OPEN;
	trial.seen_old = 0;
	fake_set_hook(t.disk, NULL, NULL);
	test_log_close(&t);
	fake_set_hook(t.disk, crash_here, &trial);
	opened(&t);
	fake_set_hook(t.disk, NULL, NULL);
	assert_int_equal(trial.seen_old, 0);
	assert_true(t.found.identity != trial.before);
	print_message("%u places, %u crashes after the change\n", trial.crashes, trial.seen_new);
	test_log_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_is_kept_and_replaced),
		cmocka_unit_test(W3_a_damaged_record_is_refused),
		cmocka_unit_test(a_record_waits_for_what_is_in_flight),
		cmocka_unit_test(a_reset_equals_a_wipe),
		cmocka_unit_test(a_reset_is_refused_where_there_is_a_log),
		cmocka_unit_test(volatile_touches_nothing),
		cmocka_unit_test(W17_a_crash_at_each_step_of_record_and_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
