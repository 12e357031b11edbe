/*
 * Each status of the catalogue as quoinctl says it, by each way to a node: in etcd's words, at once
 * if coming back is no use, and of a command whether it may have been done. The first argument is
 * the program.
 */
#include "base/clock.h"
#include "base/status.h"
#include "tests/unit/test.h"
#include "tests/unit/tools/ctl.h"

#include <stdio.h>
#include <string.h>

enum { AT_ONCE_MS = 1500, MANY = 1000000 };

static void refuse(int status_number, int times)
{
	for (int i = 0; i < CTL_NODES; i++) {
		atomic_store(&node[i].faults.refusal, status_number);
		atomic_store(&node[i].faults.refusing, times);
	}
}

static void expect_refusal(unsigned int number, const char *endpoint, const char *line,
			   bool command)
{
	const struct status_row *row = status_row(number);
	bool uncertain = command && row->done != STATUS_NOTHING;
	uint64_t begin = clock_now();
	char want[256];

	set_endpoints(endpoint);
	run(line);
	snprintf(want, sizeof(want), "Error: %s%s\n", row->words,
		 !command    ? ""
		 : uncertain ? " (it may have been done)"
			     : " (nothing was done)");
	if (status != (uncertain ? 3 : 1) || output[0] || strcmp(errors, want) != 0)
		fail_msg("%s of %s: status %d\n%s%s", line, endpoint, status, output, errors);
	if (row->done == STATUS_NOTHING && !row->again)
		assert_true(clock_now() - begin < AT_ONCE_MS * CLOCK_MS);
}

static void F5_each_status_has_its_words_on_each_path(void **state)
{
	/* A member says neither of these of a request that it has read. */
	static const char *const not_said[] = {"etcdserver: the client's address is not proven",
					       "etcdserver: not leader"};

	(void)state;
	for (unsigned int i = 1; i < STATUS_COUNT; i++) {
		const struct status_row *row = status_row(i);
		const char *wait = row->again || row->done != STATUS_NOTHING
					   ? "--command-timeout=500ms"
					   : "--command-timeout=5s";
		char line[64];

		if (strcmp(row->words, not_said[0]) == 0 || strcmp(row->words, not_said[1]) == 0)
			continue;
		for (int path = 0; path < 2; path++) {
			const char *endpoint = path ? node[0].local : node[0].udp;

			refuse((int)i, MANY);
			snprintf(line, sizeof(line), "put a b %s", wait);
			expect_refusal(i, endpoint, line, true);
			snprintf(line, sizeof(line), "del a %s", wait);
			expect_refusal(i, endpoint, line, true);
			snprintf(line, sizeof(line), "get a %s", wait);
			expect_refusal(i, endpoint, line, false);
			refuse(0, 0);
		}
	}
}

/* What says nothing of the request itself is asked of the next endpoint. */
static void F5_the_next_endpoint_may_know_better(void **state)
{
	static const struct {
		const char *words;
		bool next;
	} rows[] = {
		{"etcdserver: server stopped", true},
		{"etcdserver: request timed out", true},
		{"etcdserver: mvcc: database space exceeded", false},
		{"etcdserver: malformed request", false},
		{"etcdserver: rpc not supported for learner", true},
	};
	char list[256];

	(void)state;
	snprintf(list, sizeof(list), "%s,%s", node[0].local, node[1].udp);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int number = 0;

		while (strcmp(status_row((unsigned int)number)->words, rows[i].words) != 0)
			number++;
		atomic_store(&node[0].faults.refusal, number);
		atomic_store(&node[0].faults.refusing, MANY);
		set_endpoints(list);
		run("put a b");
		atomic_store(&node[0].faults.refusing, 0);
		if (status != !rows[i].next)
			fail_msg("%s: status %d\n%s", rows[i].words, status, errors);
	}
}

/* Whoever else is named is asked; nobody is asked twice, for none of them will vote by that. */
static void where_all_are_learners_it_is_told_at_once(void **state)
{
	char list[256];
	uint64_t begin = clock_now();

	(void)state;
	snprintf(list, sizeof(list), "%s,%s", node[0].local, node[1].udp);
	set_endpoints(list);
	refuse(WIRE_LEARNER, MANY);
	expect("put a b", 1, "",
	       "Error: etcdserver: rpc not supported for learner (nothing was done)\n");
	assert_true(clock_now() - begin < AT_ONCE_MS * CLOCK_MS);
	refuse(0, 0);
	/* One of the two may have taken it before. */
	atomic_store(&node[0].faults.swallow, 1);
	atomic_store(&node[1].faults.refusal, WIRE_LEARNER);
	atomic_store(&node[1].faults.refusing, MANY);
	snprintf(list, sizeof(list), "%s,%s", node[0].udp, node[1].udp);
	set_endpoints(list);
	run("put a b --command-timeout=1s");
	atomic_store(&node[0].faults.silent, false);
	refuse(0, 0);
	if (status == 1)
		fail_msg("it was done: %s", errors);
}

/* That a learner refuses says nothing of why no voter answers, whoever is asked first. */
static void a_learner_does_not_hide_why_no_voter_answers(void **state)
{
	static const char gone[] = "unix:/nowhere/at/all";
	char list[256];

	(void)state;
	refuse(WIRE_LEARNER, MANY);
	for (int first = 0; first < 2; first++) {
		snprintf(list, sizeof(list), "%s,%s", first ? gone : node[0].local,
			 first ? node[0].local : gone);
		set_endpoints(list);
		run("put a b --command-timeout=300ms");
		assert_int_equal(status, 1);
		assert_non_null(strstr(errors, gone));
		assert_null(strstr(errors, "learner"));
	}
	refuse(0, 0);
}

/* V10: the first endpoint may have taken it: a refusal of the second does not undo that. */
static void V10_a_refusal_after_silence_is_no_refusal(void **state)
{
	char list[256];

	(void)state;
	snprintf(list, sizeof(list), "%s,%s", node[1].udp, node[0].udp);
	atomic_store(&node[1].faults.swallow, 1);
	refuse(0, 0);
	atomic_store(&node[0].faults.refusal, 9);
	atomic_store(&node[0].faults.refusing, MANY);
	assert_string_equal(status_row(9)->words, "etcdserver: mvcc: database space exceeded");
	set_endpoints(list);
	expect("put once 1 --command-timeout=2s", 3, "",
	       "Error: etcdserver: mvcc: database space exceeded (it may have been done)\n");
	atomic_store(&node[1].faults.silent, false);
	/* Nobody was there: nothing was asked of it. */
	snprintf(list, sizeof(list), "unix:/nowhere/at/all,%s", node[0].udp);
	set_endpoints(list);
	expect("put once 1 --command-timeout=2s", 1, "",
	       "Error: etcdserver: mvcc: database space exceeded (nothing was done)\n");
	atomic_store(&node[0].faults.refusing, 0);
}

/* The node took it, whatever it says of that. */
static void V10_an_answer_that_cannot_be_read_denies_nothing(void **state)
{
	char want[256];

	(void)state;
	set_endpoints(node[0].local);
	snprintf(want, sizeof(want),
		 "Error: %s: an answer that cannot be read: is it another release?", node[0].local);
	refuse(WIRE_OK, MANY);
	run("put a b");
	assert_int_equal(status, 3);
	assert_memory_equal(errors, want, strlen(want));
	assert_string_equal(errors + strlen(want), " (it may have been done)\n");
	run("get a");
	assert_int_equal(status, 1);
	assert_string_equal(errors + strlen(want), "\n");
	refuse(0, 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		CTL_TEST(F5_each_status_has_its_words_on_each_path),
		CTL_TEST(F5_the_next_endpoint_may_know_better),
		CTL_TEST(where_all_are_learners_it_is_told_at_once),
		CTL_TEST(a_learner_does_not_hide_why_no_voter_answers),
		CTL_TEST(V10_a_refusal_after_silence_is_no_refusal),
		CTL_TEST(V10_an_answer_that_cannot_be_read_denies_nothing),
	};

	if (!ctl_program(argc, argv))
		return 2;
	return cmocka_run_group_tests(tests, ctl_setup, ctl_teardown);
}
