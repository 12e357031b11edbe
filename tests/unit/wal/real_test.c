/*
 * The whole log on real files: io_uring, direct I/O, the page cache, locks.
 */
#include "tests/unit/wal/helpers.h"

#include <stdio.h>
#include <stdlib.h>

static struct wal_options options_for(const char *path, enum wal_durability durability)
{
	return (struct wal_options){.directory = path,
				    .cluster_id = TEST_CLUSTER,
				    .member_id = TEST_MEMBER,
				    .durability = durability,
				    .segment_size = WAL_SEGMENT_SIZE_MIN,
				    .identity_seed = 7,
				    .create = true};
}

static void round_trip(enum wal_durability durability)
{
	char *path = test_directory_make();
	struct wal_options options = options_for(path, durability);
	struct raft_hard_state hard_state = {.term = 3, .vote = 0x22};
	struct wal_recovered found;
	char error[WAL_ERROR_MAX];
	raft_identity identity;
	struct wal *w;

	if (wal_open(&w, &options, &found, error) != 0)
		fail_msg("%s", error);
	assert_true(found.created);
	assert_int_equal(found.incarnation, 1);
	assert_int_equal(found.last_index, 0);
	identity = found.identity;
	assert_int_not_equal(identity, 0);
	assert_int_equal(test_persist(w, test_append(w, 1, 3000, 3)), 0);
	assert_int_equal(wal_append(w, w->seq + 1, &hard_state, NULL, 0), 0);
	assert_int_equal(test_persist(w, w->seq), 0);
	/* Past a segment of 4 MiB: 6000 entries of 600 bytes on the average roll it. */
	assert_int_equal(test_persist(w, test_append(w, 3001, 9000, 3)), 0);
	test_expect(w, 1, 9000, 3);
	assert_int_equal(test_persist(w, test_append(w, 8500, 8600, 4)), 0);
	test_expect(w, 1, 8499, 3);
	test_expect(w, 8500, 8600, 4);
	assert_false(wal_busy(w));
	wal_close(w);

	options.create = false;
	if (wal_open(&w, &options, &found, error) != 0)
		fail_msg("%s", error);
	assert_false(found.created);
	assert_int_equal(found.identity, identity);
	assert_int_equal(found.incarnation, 2);
	assert_int_equal(found.last_index, 8600);
	assert_int_equal(found.last_term, 4);
	assert_int_equal(found.hard_state.term, 4);
	assert_int_equal(found.hard_state.vote, 0);
	assert_int_equal(found.torn_bytes, 0);
	assert_int_equal(found.members_index, 8537);
	assert_int_equal(found.members_before_index, 8440);
	test_expect(w, 1, 8499, 3);
	test_expect(w, 8500, 8600, 4);
	wal_close(w);
	test_directory_remove(path);
}

static void a_durable_log_comes_back(void **state)
{
	(void)state;
	round_trip(WAL_DURABLE);
}

static void a_written_log_comes_back(void **state)
{
	(void)state;
	round_trip(WAL_WRITTEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_durable_log_comes_back),
		cmocka_unit_test(a_written_log_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
