/*
 * quoin-bench on a cluster of processes: what it says while something goes wrong, and what it
 * leaves behind.
 */
#include "base/clock.h"
#include "tests/e2e/cluster.h"
#include "tests/unit/test.h"
#include "tools/shared/child.h"

#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STALL_MS = 1270, RUNS_MS = 60 * 1000 };

static struct cluster c;
static char json_path[256];

/* quoin-bench with more words, which goes on while the test does something else. */
static pid_t bench_start(const char *command, const char *const *more)
{
	const char *argv[32] = {
		program("quoin-bench"), command, "--dir", c.dir, "--json", json_path};
	size_t count = 6;
	int nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);
	pid_t pid;

	while (*more && count < 31)
		argv[count++] = *more++;
	pid = child_start(argv, -1, nothing, -1);
	close(nothing);
	require(&c, pid > 0, "%d", pid);
	return pid;
}

/* The first result of what it wrote. */
static json_t *result(json_t **root)
{
	json_error_t error;

	*root = json_load_file(json_path, 0, &error);
	require(&c, *root, "%s: %s", json_path, error.text);
	return json_array_get(json_object_get(*root, "results"), 0);
}

static double number(const json_t *result, const char *row, const char *figure)
{
	const json_t *o = row ? json_object_get(result, row) : result;

	return json_number_value(json_object_get(o, figure));
}

struct growth {
	uint32_t node;
	uint64_t from;
};

/* More entries than an election makes: the load goes on. */
static bool grows(void *context)
{
	const struct growth *g = context;
	struct node_status status;

	return cluster_status(&c, g->node, &status) && status.applied > g->from + 50;
}

static void wait_for_load(uint32_t node)
{
	struct growth g = {.node = node};
	struct node_status status;

	require(&c, cluster_status(&c, node, &status), "n%u does not answer", node);
	g.from = status.applied;
	require(&c, wait_until(grows, &g, RUNS_MS), "n%u: no load", node);
}

static uint64_t keys_left(void)
{
	static struct run out;

	run(&out, "quoin-lab", "--dir %s exec -- %s get --prefix quoin-bench --count-only", c.dir,
	    program("quoinctl"));
	require(&c, out.status == 0, "%s", out.text);
	return strtoull(out.text, NULL, 10);
}

/* Puts that were applied, as the versions of all keys tell it: they were not deleted between. */
static uint64_t versions(void)
{
	static struct run out;
	json_error_t error;
	json_t *root, *kv;
	uint64_t sum = 0;
	size_t i;

	run(&out, "quoin-lab", "--dir %s exec -- %s get --prefix quoin-bench --keys-only -w json",
	    c.dir, program("quoinctl"));
	require(&c, out.status == 0, "%s", out.text);
	/* Ids of members are drawn, and half of them are above what an integer of jansson holds. */
	root = json_loads(out.text, JSON_DECODE_INT_AS_REAL, &error);
	require(&c, root, "%s", error.text);
	json_array_foreach(json_object_get(root, "kvs"), i, kv) sum +=
		(uint64_t)json_number_value(json_object_get(kv, "version"));
	json_decref(root);
	return sum;
}

/* R48: two sessions, through a leader that falls and one that follows it. */
static void applied_once(const json_t *r)
{
	double acknowledged = number(r, "put", "count") - number(r, "loop", "unsent");
	double unknown = number(r, NULL, "errors_unknown");
	uint64_t applied = versions();

	printf("%.0f puts acknowledged, %.0f unknown; %" PRIu64 " applied\n", acknowledged, unknown,
	       applied);
	require(&c, (double)applied >= acknowledged, "%.0f lost", acknowledged - (double)applied);
	require(&c, (double)applied <= acknowledged + unknown, "%.0f too many",
		(double)applied - acknowledged - unknown);
}

static void R48_F26_a_stalled_leader_shows_in_p99_and_applies_nothing_twice(void **state)
{
	static const char *const words[] = {
		"--rate", "500", "--warmup",   "0", "--clients",   "2", "--inflight", "32",
		"--keys", "50",  "--duration", "3", "--keep-keys", NULL};
	static struct run out;
	uint32_t leader;
	json_t *root, *r;
	pid_t pid;
	int status;

	(void)state;
	cluster_up(&c, 3, "memif", "--idle yield");
	leader = cluster_wait_leader(&c, 0);
	pid = bench_start("commit", words);
	wait_for_load(leader);
	cluster_lab(&c, "pause %u", leader);
	clock_sleep(STALL_MS * CLOCK_MS);
	cluster_lab(&c, "resume %u", leader);
	/* 1: what was asked of a leader that is none any more may have failed. */
	status = child_wait(pid);
	require(&c, status == 0 || status == 1, "exit %d", status);
	r = result(&root);
	printf("p50 %.0f us, p99 %.0f us\n", number(r, "put", "p50_us"),
	       number(r, "put", "p99_us"));
	require(&c, number(r, "put", "p99_us") > 1e6, "%f", number(r, "put", "p99_us"));
	require(&c, number(r, "loop", "behind_max") > 0, "not behind");
	applied_once(r);
	json_decref(root);
	run(&out, "quoin-lab", "--dir %s exec -- %s del --prefix quoin-bench", c.dir,
	    program("quoinctl"));
	require(&c, out.status == 0, "%s", out.text);
}

static void F26_an_interrupt_shows_what_was_measured(void **state)
{
	static const char *const words[] = {"--duration", "600", "--warmup", "0",
					    "--clients",  "4",   NULL};
	uint32_t leader = cluster_wait_leader(&c, 0);
	pid_t pid = bench_start("commit", words);
	json_t *root, *r;
	int status;

	(void)state;
	wait_for_load(leader);
	kill(pid, SIGINT);
	status = child_wait(pid);
	require(&c, status == 5, "exit %d", status);
	r = result(&root);
	require(&c, json_is_true(json_object_get(r, "partial")), "not partial");
	require(&c, number(r, "put", "count") > 0, "nothing");
	json_decref(root);
	require(&c, keys_left() == 0, "keys are left");
}

static void F26_reads_floors_and_costs_are_there(void **state)
{
	static struct run out;
	json_t *root, *r;

	(void)state;
	run(&out, "quoin-bench",
	    "commit --dir %s --op mixed --gets 50 --duration 1 --runs 2 --warmup 0.1 --keep-keys "
	    "--json %s",
	    c.dir, json_path);
	require(&c, out.status == 0, "exit %d: %s", out.status, out.text);
	require(&c, strstr(out.text, "the keys stay: quoinctl del --prefix quoin-bench/"), "%s",
		out.text);
	require(&c, strstr(out.text, "median (lowest .. highest) of 2 runs"), "%s", out.text);
	require(&c, keys_left() == 1000, "%" PRIu64 " keys are left", keys_left());
	r = result(&root);
	/* A put waits for the disk, and cannot be faster than it is. */
	require(&c, number(r, "put", "min_us") >= number(r, "floor", "min_us"), "%f, floor %f",
		number(r, "put", "min_us"), number(r, "floor", "min_us"));
	require(&c, number(r, "put", "ratio_to_floor") > 0, "no ratio");
	require(&c, number(r, "get", "count") > 0, "no gets");
	require(&c, number(r, "floor", "max_us") >= number(r, "floor", "p99_us"), "no tail");
	require(&c, number(r, "floor_one_writer", "p50_us") > 0, "no floor of one writer");
	require(&c, number(r, "corrected", "count") >= number(r, "all", "count"), "not corrected");
	require(&c, number(r, NULL, "node_cpu_us_per_request") > 0, "no CPU");
	/* A unit of 4,096 bytes on each of three nodes, unless a write held several. */
	require(&c, number(r, NULL, "log_bytes_per_put") > 256 * 3, "%f",
		number(r, NULL, "log_bytes_per_put"));
	json_decref(root);
}

/* Of a list the floor is that of all members, and the logs of those left out are not known. */
static void F26_a_list_of_some_has_the_floor_of_all(void **state)
{
	char admin[128];
	static struct run out;
	json_t *root, *r;

	(void)state;
	cluster_admin(&c, cluster_wait_leader(&c, 0), admin);
	run(&out, "quoin-bench", "commit -e %s --duration 0.1 --warmup 0 --json %s", admin,
	    json_path);
	require(&c, out.status == 0, "exit %d: %s", out.status, out.text);
	require(&c, strstr(out.text, "link memif, 3 nodes, 1 client,"), "%s", out.text);
	require(&c, strstr(out.text, "floor: 2 of 3 durable writes"), "%s", out.text);
	r = result(&root);
	require(&c, number(r, NULL, "nodes") == 3, "%f nodes", number(r, NULL, "nodes"));
	require(&c, json_is_null(json_object_get(r, "log_bytes_per_put")), "bytes of one log");
	json_decref(root);
	run(&out, "quoin-bench", "commit -e %s --target follower", admin);
	require(&c, out.status == 3, "exit %d: %s", out.status, out.text);
	require(&c, strstr(out.text, "none of the nodes that were asked, 1, is a follower"), "%s",
		out.text);
}

/* The status is asked for meanwhile: that takes a place too, and no election is made up. */
static void F26_a_full_socket_fails_no_request(void **state)
{
	static struct run out;

	(void)state;
	run(&out, "quoin-bench",
	    "commit --dir %s --client-path unix --clients 63 --duration 1 --warmup 0.1", c.dir);
	require(&c, out.status == 0, "exit %d: %s", out.status, out.text);
	require(&c, !strstr(out.text, "failed") && !strstr(out.text, "election"), "%s", out.text);
	run(&out, "quoin-bench", "commit --dir %s --client-path unix --clients 64", c.dir);
	require(&c, out.status == 3, "exit %d: %s", out.status, out.text);
	require(&c, strstr(out.text, " is 64: "), "%s", out.text);
}

static void election(struct run *out, const char *how)
{
	run(out, "quoin-bench", "election --dir %s --rounds 1 --how %s --json %s", c.dir, how,
	    json_path);
	require(&c, out->status == 0, "%s: exit %d: %s", how, out->status, out->text);
}

/* What a hand-over costs who writes, beside what nothing costs; and that nobody is sent away. */
static void D19_a_hand_over_is_measured_by_its_gap(void **state)
{
	static struct run out;
	uint32_t leader = cluster_wait_leader(&c, 0);
	json_t *root, *r;

	(void)state;
	election(&out, "transfer");
	require(&c, cluster_wait_leader(&c, 0) != leader, "n%u leads on", leader);
	r = result(&root);
	require(&c, number(r, "gap", "count") == 1, "no gap: %s", out.text);
	require(&c, number(r, "gap_control", "p50_us") > 0, "no control: %s", out.text);
	require(&c, number(r, "first_commit", "p50_us") >= number(r, "election", "p50_us"),
		"a commit without a leader: %s", out.text);
	require(&c, number(r, NULL, "refused") == 0 && number(r, NULL, "errors_unknown") == 0,
		"puts failed: %s", out.text);
	json_decref(root);
}

static bool two_elections_later(void *context)
{
	const uint64_t *term = context;
	struct node_status status;

	return cluster_status(&c, 1, &status) && status.term > *term + 1;
}

static void F26_an_interrupt_shows_the_rounds_that_were(void **state)
{
	static const char *const words[] = {"--rounds", "1000", "--how", "transfer", NULL};
	struct node_status status;
	json_t *root, *r;
	pid_t pid;
	int code;

	(void)state;
	require(&c, cluster_status(&c, 1, &status), "n1 does not answer");
	pid = bench_start("election", words);
	/* The first round is over when the second one has its leader. */
	require(&c, wait_until(two_elections_later, &status.term, RUNS_MS), "no two rounds");
	kill(pid, SIGINT);
	code = child_wait(pid);
	require(&c, code == 5, "exit %d", code);
	r = result(&root);
	require(&c, json_is_true(json_object_get(r, "partial")), "not partial");
	require(&c, number(r, "gap", "count") >= 1, "nothing");
	json_decref(root);
}

/* A leader that nobody hears: nothing is committed before somebody's timer is over. */
static void D19_a_cut_of_one_way_is_measured(void **state)
{
	static struct run out;
	json_t *root, *r;
	double timeout;

	(void)state;
	election(&out, "mute");
	r = result(&root);
	/* Its last heartbeat may have been one interval before the cut. */
	timeout = number(r, NULL, "election_timeout_min_us") * 4 / 5;
	require(&c, number(r, "gap", "p50_us") > timeout, "%s", out.text);
	require(&c, number(r, "detection", "p50_us") > timeout, "%s", out.text);
	json_decref(root);
	/* Nothing stays cut. */
	run(&out, "quoin-lab", "status --dir %s", c.dir);
	require(&c, out.status == 0 && !strstr(out.text, "partition "), "%s", out.text);
}

/* The others commit without the leader's disk, until it counts as hung and another one leads. */
static void R46_a_leader_whose_disk_hangs_is_measured(void **state)
{
	static struct run out;
	json_t *root, *r;

	(void)state;
	election(&out, "hang");
	r = result(&root);
	require(&c, number(r, "gap", "p50_us") < number(r, "detection", "p50_us"), "%s", out.text);
	json_decref(root);
}

static void F26_a_path_is_tried_before_the_run(void **state)
{
	static const char *const options[] = {"--json", "--percentiles", "--plot"};
	static struct run out;

	(void)state;
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		uint64_t begun = clock_ms();

		run(&out, "quoin-bench", "commit --dir %s --duration 600 %s %s/no/such/file.svg",
		    c.dir, options[i], c.dir);
		require(&c, out.status == 4, "%s: exit %d", options[i], out.status);
		require(&c, strstr(out.text, "/no/such/file.svg: cannot be written"), "%s",
			out.text);
		require(&c, clock_ms() - begun < RUNS_MS, "%s: after the run", options[i]);
	}
	cluster_down(&c);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(R48_F26_a_stalled_leader_shows_in_p99_and_applies_nothing_twice),
		cmocka_unit_test(F26_an_interrupt_shows_what_was_measured),
		cmocka_unit_test(F26_reads_floors_and_costs_are_there),
		cmocka_unit_test(F26_a_list_of_some_has_the_floor_of_all),
		cmocka_unit_test(F26_a_full_socket_fails_no_request),
		cmocka_unit_test(D19_a_hand_over_is_measured_by_its_gap),
		cmocka_unit_test(F26_an_interrupt_shows_the_rounds_that_were),
		cmocka_unit_test(D19_a_cut_of_one_way_is_measured),
		cmocka_unit_test(R46_a_leader_whose_disk_hangs_is_measured),
		cmocka_unit_test(F26_a_path_is_tried_before_the_run),
	};

	snprintf(json_path, sizeof(json_path), "%s.json", getenv("E2E_DIR"));
	unlink(json_path);
	if (cmocka_run_group_tests(tests, NULL, NULL) != 0)
		return 1;
	unlink(json_path);
	return 0;
}
