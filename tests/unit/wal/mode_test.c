/*
 * The three modes of durability: what each one promises, and changing between them.
 */
#include "tests/unit/wal/helpers.h"

#include <errno.h>
#include <string.h>

static void written_survives_the_process(void **state)
{
	const struct raft_hard_state hard_state = {4, 9};
	struct test_log t;

	(void)state;
	test_log_init(&t);
	t.options.durability = WAL_WRITTEN;
	assert_int_equal(test_log_open(&t), 0);
	assert_int_equal(test_persist(t.wal, test_append(t.wal, 1, 50, 1)), 0);
	assert_int_equal(wal_append(t.wal, t.wal->seq + 1, &hard_state, NULL, 0), 0);
	assert_int_equal(test_persist(t.wal, t.wal->seq), 0);
	test_log_close(&t);
	assert_int_equal(test_log_open(&t), 0);
	assert_int_equal(t.found.last_index, 50);
	test_expect(t.wal, 1, 50, 1);
	test_log_close(&t);
	/* Of a power cut only term and vote are sure to be left: that is the mode. */
	fake_power_cut(t.disk, FAKE_NONE);
	assert_int_equal(test_log_open(&t), 0);
	assert_int_equal(t.found.last_index, 0);
	assert_int_equal(t.found.hard_state.term, 4);
	assert_int_equal(t.found.hard_state.vote, 9);
	test_log_free(&t);
}

static void written_becomes_durable(void **state)
{
	struct test_log t;

	(void)state;
	test_log_init(&t);
	t.options.durability = WAL_WRITTEN;
	assert_int_equal(test_log_open(&t), 0);
	assert_int_equal(test_persist(t.wal, test_append(t.wal, 1, 200, 1)), 0);
	assert_true(t.wal->tail > 0);
	test_log_close(&t);
	/* Opened as durable, everything that was only written is synced first. */
	t.options.durability = WAL_DURABLE;
	assert_int_equal(test_log_open(&t), 0);
	assert_int_equal(t.found.last_index, 200);
	test_log_close(&t);
	fake_power_cut(t.disk, FAKE_NONE);
	assert_int_equal(test_log_open(&t), 0);
	assert_int_equal(t.found.last_index, 200);
	test_expect(t.wal, 1, 200, 1);
	test_log_free(&t);
}

static void durable_becomes_written_and_keeps_what_it_had(void **state)
{
	struct test_log t;

	(void)state;
	test_log_init(&t);
	test_log_fill(&t, 4, 4);
	t.options.durability = WAL_WRITTEN;
	assert_int_equal(test_log_open(&t), 0);
	assert_int_equal(test_persist(t.wal, test_append(t.wal, 17, 30, 2)), 0);
	test_log_close(&t);
	fake_power_cut(t.disk, FAKE_NONE);
	assert_int_equal(test_log_open(&t), 0);
	assert_int_equal(t.found.last_index, 16);
	test_expect(t.wal, 1, 16, 1);
	test_log_free(&t);
}

struct cuts {
	const struct test_log *log;
	uint32_t states;
};

/* Nothing was appended, so whatever is there is a log that holds nothing. */
static void cut_here(void *arg, struct fake_disk *disk)
{
	struct cuts *c = arg;

	for (int style = 0; style < FAKE_STYLES; style++) {
		struct test_log t = *c->log;

		t.disk = fake_clone(disk, ++c->states);
		fake_power_cut(t.disk, (enum fake_style)style);
		if (test_log_open(&t) != 0)
			fail_msg("style %d: %s", style, t.error);
		assert_int_equal(t.found.last_index, 0);
		test_log_free(&t);
	}
}

/* What is made ahead is whole under its name, also where the log's own writes wait for no sync. */
static void W18_a_segment_is_whole_when_it_has_its_name(void **state)
{
	static const enum wal_durability modes[] = {WAL_DURABLE, WAL_WRITTEN};

	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		struct test_log t;
		struct cuts c = {.log = &t};
		uint64_t seq;

		test_log_init(&t);
		t.options.durability = modes[i];
		assert_int_equal(test_log_open(&t), 0);
		fake_set_hook(t.disk, cut_here, &c);
		while (t.wal->segment_count < 2)
			assert_int_equal(wal_poll(t.wal, 0, &seq), 0);
		fake_set_hook(t.disk, NULL, NULL);
		assert_true(c.states > 50);
		test_log_free(&t);
	}
}

static void volatile_keeps_nothing(void **state)
{
	const struct raft_hard_state hard_state = {4, 9};
	const struct raft_entry *entries;
	struct test_log t;
	raft_identity identity;
	uint64_t seq;

	(void)state;
	test_log_init(&t);
	t.options.durability = WAL_VOLATILE;
	assert_int_equal(test_log_open(&t), 0);
	identity = t.found.identity;
	assert_int_not_equal(identity, 0);
	assert_int_equal(wal_read(t.wal, 0, 1, 1), -ENOENT);
	seq = test_append(t.wal, 1, 10000, 1);
	assert_int_equal(wal_append(t.wal, seq, &hard_state, NULL, 0), 0);
	assert_int_equal(test_persist(t.wal, seq), 0);
	assert_false(wal_busy(t.wal));
	test_expect(t.wal, 1, 10000, 1);
	assert_int_equal(test_persist(t.wal, test_append(t.wal, 9000, 9001, 2)), 0);
	test_expect(t.wal, 1, 8999, 1);
	test_expect(t.wal, 9000, 9001, 2);
	assert_int_equal(wal_read_now(t.wal, 0, 9002, 1, &entries), -ENOENT);
	assert_false(fake_exists(t.disk, "segment-0000000000000001"));
	assert_false(fake_exists(t.disk, "vote"));
	test_log_close(&t);

	t.options.durability = WAL_DURABLE;
	test_log_refused(&t, -EXDEV, "volatile");
	t.options.durability = WAL_VOLATILE;
	t.options.identity_seed++;
	assert_int_equal(test_log_open(&t), 0);
	assert_true(t.found.created);
	assert_int_not_equal(t.found.identity, identity);
	assert_int_equal(t.found.last_index, 0);
	assert_int_equal(t.found.hard_state.term, 0);
	test_log_free(&t);
}

static void V15_the_start_counts_and_draws_a_nonce(void **state)
{
	uint64_t before = 0;
	struct test_log t;

	(void)state;
	test_log_init(&t);
	for (uint64_t i = 1; i < 10; i++) {
		assert_int_equal(test_log_open(&t), 0);
		assert_int_equal(raft_start_count(t.found.start), i);
		assert_int_not_equal((uint32_t)t.found.start, 0);
		assert_int_not_equal((uint32_t)t.found.start, (uint32_t)before);
		assert_true(wal_start(t.wal) == t.found.start);
		assert_int_equal(t.found.created, i == 1);
		before = t.found.start;
		test_log_close(&t);
		fake_power_cut(t.disk, FAKE_NONE);
	}
	test_log_free(&t);
}

static void options_out_of_bounds(void **state)
{
	static const uint32_t sizes[] = {0, 1024 * 1024, WAL_SEGMENT_SIZE_MIN + 1,
					 WAL_SEGMENT_SIZE_MIN + 4096, 0x80000000u};
	struct test_log t;

	(void)state;
	test_log_init(&t);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		t.options.segment_size = sizes[i];
		assert_int_equal(wal_open(&t.wal, &t.options, &t.found, t.error), -EINVAL);
		assert_non_null(strstr(t.error, "segment"));
	}
	assert_string_equal(wal_durability_name(WAL_DURABLE), "durable");
	assert_string_equal(wal_durability_name(WAL_WRITTEN), "written");
	assert_string_equal(wal_durability_name(WAL_VOLATILE), "volatile");
	test_log_free(&t);
}

/* An old copy of the directory makes a start of the same count, and yet another one. */
static void V15_a_copy_that_is_opened_later_starts_otherwise(void **state)
{
	struct test_log t;
	struct test_log copy;

	(void)state;
	test_log_init(&t);
	test_log_fill(&t, 3, 1);
	copy = t;
	copy.disk = fake_clone(t.disk, 1);
	copy.options.identity_seed++;
	assert_int_equal(test_log_open(&t), 0);
	assert_int_equal(test_log_open(&copy), 0);
	assert_true(t.found.identity == copy.found.identity);
	assert_int_equal(raft_start_count(t.found.start), raft_start_count(copy.found.start));
	assert_true(t.found.start != copy.found.start);
	test_log_free(&copy);
	test_log_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(written_survives_the_process),
		cmocka_unit_test(written_becomes_durable),
		cmocka_unit_test(durable_becomes_written_and_keeps_what_it_had),
		cmocka_unit_test(W18_a_segment_is_whole_when_it_has_its_name),
		cmocka_unit_test(volatile_keeps_nothing),
		cmocka_unit_test(V15_the_start_counts_and_draws_a_nonce),
		cmocka_unit_test(V15_a_copy_that_is_opened_later_starts_otherwise),
		cmocka_unit_test(options_out_of_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
