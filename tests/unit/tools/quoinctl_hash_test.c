/*
 * quoinctl endpoint hashkv and check equality, run as a user runs them. The first argument is the
 * program.
 */
#include "tests/unit/test.h"
#include "tests/unit/tools/ctl.h"

#include "base/clock.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

static uint64_t revision(void)
{
	uint64_t revision;

	pthread_mutex_lock(&store.lock);
	revision = store.sm->ops->revision(store.sm);
	pthread_mutex_unlock(&store.lock);
	return revision;
}

/* The first so many nodes are named; the first one's table has two of them, newer than others'. */
static void name_nodes(uint32_t count)
{
	char list[256] = "";

	for (uint32_t i = 0; i < count; i++)
		snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s", i ? "," : "",
			 node[i].udp);
	set_endpoints(list);
	atomic_store(&node[0].faults.newer, true);
}

static int no_faults(void **state)
{
	for (int i = 0; i < CTL_NODES; i++) {
		atomic_store(&node[i].faults.differs, false);
		atomic_store(&node[i].faults.compacts, 0);
		atomic_store(&node[i].faults.silent, false);
		atomic_store(&node[i].faults.newer, false);
		atomic_store(&node[i].faults.forced, false);
	}
	return ctl_each(state);
}

static uint32_t hash_of(const char *line)
{
	const char *comma;

	run(line);
	comma = strstr(output, ", ");
	if (status || !comma)
		fail_msg("quoinctl %s: exit %d\n%s%s", line, status, output, errors);
	return (uint32_t)strtoul(comma + 2, NULL, 10);
}

static void hashes_in_each_form(void **state)
{
	char expected[1024], line[128];
	uint64_t before = revision();
	uint32_t old, hash;

	(void)state;
	old = hash_of("endpoint hashkv");
	expect("put k v", 0, "OK\n", "");
	hash = hash_of("endpoint hashkv");
	assert_int_not_equal(old, hash);
	/* What it was does not change with what is written later. */
	snprintf(line, sizeof(line), "endpoint hashkv --rev=%" PRIu64, before);
	assert_int_equal(hash_of(line), old);
	snprintf(expected, sizeof(expected), "%s, %" PRIu32 "\n%s, %" PRIu32 "\n", node[0].udp,
		 hash, node[1].udp, hash);
	name_nodes(2);
	expect("endpoint hashkv", 0, expected, "");
	expect("endpoint hashkv --cluster", 0, expected, "");
	run("endpoint hashkv -w table");
	assert_non_null(strstr(output, "|    ENDPOINT     |    HASH    |\n"));
	set_endpoints(node[2].udp);
	run("endpoint hashkv -w json");
	snprintf(expected, sizeof(expected),
		 "[{\"Endpoint\":\"%s\",\"HashKV\":{\"header\":{\"cluster_id\":4369,"
		 "\"member_id\":3,\"revision\":%" PRIu64 ",\"raft_term\":7},\"hash\":%" PRIu32
		 ",\"compact_revision\":",
		 node[2].udp, before + 1, hash);
	if (strncmp(output, expected, strlen(expected)) != 0)
		fail_msg("%s--- and not\n%s", output, expected);
	snprintf(expected, sizeof(expected),
		 "\"ClusterID\" : 4369\n\"MemberID\" : 3\n\"Revision\" : %" PRIu64
		 "\n\"RaftTerm\" : 7\n\"Endpoint\" : \"%s\"\n\"Hash\" : %" PRIu32 "\n\n",
		 before + 1, node[2].udp, hash);
	expect("endpoint hashkv -w fields", 0, expected, "");
}

static void hashes_that_are_not_to_be_had(void **state)
{
	char err[256];

	(void)state;
	snprintf(err, sizeof(err),
		 "Failed to get the hash of endpoint %s (etcdserver: mvcc: required revision is a "
		 "future revision)\n",
		 node[0].udp);
	expect("endpoint hashkv --rev=1000000", 1, "", err);
	name_nodes(2);
	atomic_store(&node[1].faults.silent, true);
	run("endpoint hashkv --command-timeout=200ms");
	assert_int_equal(status, 1);
	snprintf(err, sizeof(err),
		 "Failed to get the hash of endpoint %s (context deadline exceeded)\n",
		 node[1].udp);
	assert_string_equal(errors, err);
	assert_memory_equal(output, node[0].udp, strlen(node[0].udp));
}

static void R51_hashes_that_should_be_equal(void **state)
{
	char err[256];

	(void)state;
	name_nodes(3);
	atomic_store(&node[1].faults.differs, true);
	run("endpoint hashkv");
	assert_int_equal(status, 1);
	snprintf(err, sizeof(err),
		 "Error: %s and %s are of one cluster and differ at revision %" PRIu64 "\n",
		 node[0].udp, node[1].udp, revision());
	assert_string_equal(errors, err);
	/* Of a store that was compacted since, the hash is another one. */
	atomic_store(&node[1].faults.compacts, 1);
	run("endpoint hashkv");
	assert_int_equal(status, 0);
}

/* Name, id, revision, that of the compaction, hash, and the state. */
static void expect_line(const char *name, const char *state)
{
	char begin[64], *at;

	snprintf(begin, sizeof(begin), "%s, ", name);
	at = strncmp(output, begin, strlen(begin)) == 0 ? output : strstr(output, begin);
	if (!at || strncmp(at + strcspn(at, "\n") - strlen(state), state, strlen(state)) != 0)
		fail_msg("%s %s, and not\n%s%s", name, state, output, errors);
}

static void all_are_equal(void **state)
{
	char expected[512];
	uint32_t hash = hash_of("endpoint hashkv");
	json_t *json;

	(void)state;
	name_nodes(3);
	run("check equality");
	assert_string_equal(errors, "");
	assert_int_equal(status, 0);
	snprintf(expected, sizeof(expected), "n1, 0000000000000001, %" PRIu64 ", ", revision());
	assert_memory_equal(output, expected, strlen(expected));
	snprintf(expected, sizeof(expected), ", %" PRIu32 ", equal\n", hash);
	assert_non_null(strstr(output, expected));
	expect_line("n2", ", equal");
	expect_line("n3", ", equal");
	run("check equality -w table");
	assert_int_equal(status, 0);
	assert_non_null(
		strstr(output, "| NAME |        ID        | REVISION | COMPACT REVISION |"));
	run("check equality -w fields");
	assert_int_equal(status, 0);
	snprintf(expected, sizeof(expected),
		 "\"Name\" : \"n1\"\n\"ID\" : \"0000000000000001\"\n\"Revision\" : %" PRIu64
		 "\n\"CompactRevision\" : ",
		 revision());
	assert_memory_equal(output, expected, strlen(expected));
	assert_non_null(strstr(output, "\"State\" : \"equal\"\n\n\"Name\" : \"n2\"\n"));
	run("check equality -w json");
	assert_int_equal(status, 0);
	json = json_loads(output, 0, NULL);
	assert_true(json_is_true(json_object_get(json, "equal")));
	assert_int_equal(json_integer_value(json_object_get(json, "revision")), revision());
	assert_int_equal(json_array_size(json_object_get(json, "members")), 3);
	json_decref(json);
	/* Below 0 it is the newest, too: etcd hashes nothing there. */
	run("check equality --rev=-1");
	assert_int_equal(status, 0);
	snprintf(expected, sizeof(expected), ", %" PRIu32 ", equal\n", hash);
	assert_non_null(strstr(output, expected));
}

static void R51_who_differs_from_most_is_named(void **state)
{
	char err[256];
	json_t *json;

	(void)state;
	name_nodes(3);
	atomic_store(&node[1].faults.differs, true);
	run("check equality");
	assert_int_equal(status, 1);
	snprintf(err, sizeof(err),
		 "Error: at revision %" PRIu64 ": n2 differs from most members: what it answers "
		 "cannot be relied on\n",
		 revision());
	assert_string_equal(errors, err);
	expect_line("n1", ", equal");
	expect_line("n2", ", differs");
	expect_line("n3", ", equal");
	run("check equality -w json");
	assert_int_equal(status, 1);
	json = json_loads(output, 0, NULL);
	assert_true(json_is_false(json_object_get(json, "equal")));
	json_decref(json);
	/* Three hashes of three: who is right nobody knows. Nor of two. */
	atomic_store(&node[2].faults.differs, true);
	run("check equality");
	assert_int_equal(status, 1);
	assert_non_null(strstr(errors, ": n1 and others differ, and none of the hashes is that of "
				       "most members\n"));
	expect_line("n1", ", not alike");
	expect_line("n3", ", not alike");
	name_nodes(2);
	run("check equality");
	assert_int_equal(status, 1);
	expect_line("n1", ", not alike");
	expect_line("n2", ", not alike");
}

static void who_is_silent_is_not_called_equal(void **state)
{
	(void)state;
	name_nodes(3);
	atomic_store(&node[2].faults.silent, true);
	run("check equality --command-timeout=400ms");
	assert_int_equal(status, 1);
	expect_line("n1", ", equal");
	expect_line("n2", ", equal");
	assert_non_null(strstr(errors, "has no hash to compare, so whether it is equal is not "
				       "known\n"));
	/* Two of three are most. */
	atomic_store(&node[1].faults.differs, true);
	run("check equality --command-timeout=400ms");
	assert_int_equal(status, 1);
	expect_line("n1", ", not alike");
}

/* A moment after a compaction not all have done it. */
static void who_is_compacted_elsewhere_is_asked_again(void **state)
{
	uint64_t begin;

	(void)state;
	name_nodes(3);
	atomic_store(&node[1].faults.compacts, 2);
	atomic_store(&node[1].faults.differs, false);
	run("check equality");
	if (status)
		fail_msg("exit %d\n%s%s", status, output, errors);
	assert_int_equal(atomic_load(&node[1].faults.compacts), 0);
	/* And for as long as the command may take. */
	atomic_store(&node[1].faults.compacts, 1000000);
	begin = clock_now();
	run("check equality --command-timeout=300ms");
	assert_true(clock_now() - begin > 200 * CLOCK_MS);
	assert_int_equal(status, 1);
	expect_line("n2", ", equal");
	assert_non_null(strstr(output, "n1, 0000000000000001, , , , it is compacted at revision "));
	assert_non_null(strstr(errors, ": n1 has no hash to compare"));
}

/* As auto-compaction leaves it where nobody writes: at its newest revision nothing is hashed. */
static void all_that_there_is_was_compacted(void **state)
{
	char line[64], expected[64];

	(void)state;
	expect("put k v", 0, "OK\n", "");
	snprintf(line, sizeof(line), "compaction %" PRIu64, revision());
	run(line);
	assert_int_equal(status, 0);
	name_nodes(3);
	run("check equality");
	if (status)
		fail_msg("exit %d\n%s%s", status, output, errors);
	snprintf(expected, sizeof(expected), "n1, 0000000000000001, %" PRIu64 ", %" PRIu64 ", ",
		 revision(), revision());
	assert_memory_equal(output, expected, strlen(expected));
	expect_line("n3", ", equal");
	atomic_store(&node[1].faults.differs, true);
	run("check equality");
	assert_int_equal(status, 1);
	expect_line("n2", ", differs");
	/* Who named a revision is told of that one. */
	snprintf(line, sizeof(line), "check equality --rev=%" PRIu64 " --command-timeout=200ms",
		 revision());
	run(line);
	assert_int_equal(status, 1);
	expect_line("n1", ", etcdserver: mvcc: required revision has been compacted");
	expect("put k v", 0, "OK\n", "");
}

static void at_a_revision_that_was_named(void **state)
{
	char line[64], expected[64];
	uint64_t before = revision();

	(void)state;
	expect("put k v", 0, "OK\n", "");
	name_nodes(3);
	snprintf(line, sizeof(line), "check equality --rev=%" PRIu64, before);
	run(line);
	assert_int_equal(status, 0);
	snprintf(expected, sizeof(expected), "n1, 0000000000000001, %" PRIu64 ", ", before);
	assert_memory_equal(output, expected, strlen(expected));
	run("check equality --rev=1000000 --command-timeout=200ms");
	assert_int_equal(status, 1);
	expect_line("n1", ", etcdserver: mvcc: required revision is a future revision");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(hashes_in_each_form, no_faults),
		cmocka_unit_test_setup(hashes_that_are_not_to_be_had, no_faults),
		cmocka_unit_test_setup(R51_hashes_that_should_be_equal, no_faults),
		cmocka_unit_test_setup(all_are_equal, no_faults),
		cmocka_unit_test_setup(R51_who_differs_from_most_is_named, no_faults),
		cmocka_unit_test_setup(who_is_silent_is_not_called_equal, no_faults),
		cmocka_unit_test_setup(who_is_compacted_elsewhere_is_asked_again, no_faults),
		cmocka_unit_test_setup(all_that_there_is_was_compacted, no_faults),
		cmocka_unit_test_setup(at_a_revision_that_was_named, no_faults),
	};

	if (!ctl_program(argc, argv))
		return 2;
	return cmocka_run_group_tests(tests, ctl_setup, ctl_teardown);
}
