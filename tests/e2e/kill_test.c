/*
 * kill -9 under load: kill_test LINK. What was acknowledged is there, reads never go back, and the
 * two left answer soon. A leader that is told to end hands over first: what a client sees of that
 * is a fraction of what an election costs it.
 */
#include "tests/e2e/load.h"
#include "tests/unit/test.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

enum {
	ROUNDS = 10, /* on each of two links: twenty */
	STOPS = 3,   /* in as many of them */
	ROUNDS_ALL = 3,
	WRITERS = 4,
	READERS = 2,
	PUTS_BETWEEN = 50,
	ELECTION_MS_MAX = 300, /* the lab's default: 150 to 300 ms */
	ELECTIONS_MAX = 4,
	/* A hand-over, half a second for what is open, and as much as a host may stand still. */
	STOP_MS_MAX = 3000,
};

static const char *link_name;

/* When each of the nodes left has answered what `quoinctl endpoint health` asks: a put. */
static uint64_t answered_ms(struct cluster *c, uint32_t killed, uint64_t begin)
{
	char text[128];

	for (uint32_t node = 1; node <= c->nodes; node++) {
		struct one o;
		int err = -1;

		if (node == killed)
			continue;
		one_open(&o, cluster_admin(c, node, text));
		while ((err = one_put(&o, "health", node, 100)) != 0)
			require(c, clock_ms() < begin + CLUSTER_WAIT_MS,
				"n%u does not answer after n%u was killed: %d", node, killed, err);
		one_close(&o);
	}
	return clock_ms() - begin;
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* The orphans of the lab are this test's children: it sees how they end. */
static void adopt(void)
{
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
}

static bool has_ended(void *context)
{
	siginfo_t info = {0};

	return waitid(P_PID, *(const id_t *)context, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       info.si_pid != 0;
}

/* It was told to end, and does so soon, as it should. */
static void ends_well(struct cluster *c, uint32_t node, pid_t pid)
{
	id_t id = (id_t)pid;
	int status = -1;

	require(c, wait_until(has_ended, &id, STOP_MS_MAX), "n%u does not end", node);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	require(c, WIFEXITED(status) && WEXITSTATUS(status) == 0, "n%u ended with %x", node,
		(unsigned)status);
}

static void stop(struct cluster *c, uint32_t node, uint32_t times)
{
	pid_t pid = cluster_pid(c, node);

	for (uint32_t i = 0; i < times; i++)
		assert_int_equal(kill(pid, SIGTERM), 0);
	ends_well(c, node, pid);
}

/* R45: the longest time in which a client had nothing acknowledged. */
static uint64_t stopped_ms(struct cluster *c, struct load *load)
{
	uint32_t leader;
	uint64_t gap_ms;

	load_wait_progress(load, PUTS_BETWEEN);
	leader = cluster_wait_leader(c, 0);
	load_gap_begin(load);
	stop(c, leader, 1);
	load_wait_progress(load, PUTS_BETWEEN);
	gap_ms = load_gap_ms(load);
	cluster_lab(c, "restart %u", leader);
	printf("n%u ended: no put of a client for %" PRIu64 " ms\n", leader, gap_ms);
	return gap_ms;
}

static void the_leader_under_load(void **state)
{
	static struct cluster c;
	static struct load load;
	uint64_t took[ROUNDS], killed[ROUNDS], stopped[STOPS];

	(void)state;
	cluster_up(&c, 3, link_name, "");
	load_start(&load, &c, WRITERS, READERS);
	for (uint32_t round = 0; round < ROUNDS; round++) {
		uint32_t leader;
		uint64_t begin;

		load_wait_progress(&load, PUTS_BETWEEN);
		leader = cluster_wait_leader(&c, 0);
		begin = clock_ms();
		load_gap_begin(&load);
		cluster_lab(&c, "kill %u", leader);
		took[round] = answered_ms(&c, leader, begin);
		load_wait_progress(&load, PUTS_BETWEEN);
		killed[round] = load_gap_ms(&load);
		cluster_lab(&c, "restart %u", leader);
		printf("round %u: n%u killed; both left answer after %" PRIu64 " ms; %" PRIu64
		       " puts acknowledged\n",
		       round + 1, leader, took[round], load_acknowledged(&load));
		fflush(stdout);
		if (round < STOPS)
			stopped[round] = stopped_ms(&c, &load);
	}
	load_wait_progress(&load, PUTS_BETWEEN);
	load_stop(&load);
	load_verify(&load);
	cluster_wait_equal(&c);
	qsort(took, ROUNDS, sizeof(took[0]), compare);
	qsort(killed, ROUNDS, sizeof(killed[0]), compare);
	qsort(stopped, STOPS, sizeof(stopped[0]), compare);
	printf("%s: median %" PRIu64 " ms, %.1f of the maximum election timeout of %d ms\n",
	       link_name, took[ROUNDS / 2], (double)took[ROUNDS / 2] / ELECTION_MS_MAX,
	       (int)ELECTION_MS_MAX);
	require(&c, took[ROUNDS / 2] <= ELECTIONS_MAX * ELECTION_MS_MAX, "slower than %d",
		(int)ELECTIONS_MAX);
	printf("%s: a client's longest gap: median %" PRIu64 " ms of a kill, %" PRIu64
	       " ms of a stop\n",
	       link_name, killed[ROUNDS / 2], stopped[STOPS / 2]);
	require(&c, 2 * stopped[STOPS / 2] <= killed[ROUNDS / 2], "a stop costs an election");
	cluster_down(&c);
}

/* R45: told twice; with nobody who could lead; with nobody who answers, as far as it knows. */
static void stops_at_bad_moments(struct cluster *c)
{
	uint32_t leader = cluster_wait_leader(c, 0);
	uint32_t a, b;

	stop(c, leader, 2);
	cluster_lab(c, "restart %u", leader);
	leader = cluster_wait_leader(c, 0);
	a = leader % 3 + 1;
	b = a % 3 + 1;
	cluster_lab(c, "pause %u", a);
	cluster_lab(c, "pause %u", b);
	stop(c, leader, 1);
	cluster_lab(c, "resume %u", a);
	cluster_lab(c, "resume %u", b);
	cluster_lab(c, "restart %u", leader);
	leader = cluster_wait_leader(c, 0);
	a = leader % 3 + 1;
	b = a % 3 + 1;
	cluster_lab(c, "kill %u", a);
	cluster_lab(c, "kill %u", b);
	stop(c, leader, 1);
	cluster_lab(c, "restart %u --until answers", a);
	cluster_lab(c, "restart %u", b);
	cluster_lab(c, "restart %u", leader);
}

static void all_three_at_once(void **state)
{
	static struct cluster c;
	static struct load load;

	(void)state;
	cluster_up(&c, 3, link_name, "");
	load_start(&load, &c, WRITERS, READERS);
	for (uint32_t round = 0; round < ROUNDS_ALL; round++) {
		pid_t pid[3];

		load_wait_progress(&load, PUTS_BETWEEN);
		for (uint32_t node = 1; node <= 3; node++)
			pid[node - 1] = cluster_pid(&c, node);
		for (uint32_t node = 1; node <= 3; node++)
			assert_int_equal(kill(pid[node - 1], SIGKILL), 0);
		for (uint32_t node = 1; node <= 3; node++)
			cluster_lab(&c, "restart %u", node);
	}
	if (strcmp(link_name, "memif") == 0)
		stops_at_bad_moments(&c);
	load_wait_progress(&load, PUTS_BETWEEN);
	load_stop(&load);
	load_verify(&load);
	cluster_wait_equal(&c);
	cluster_down(&c);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_leader_under_load),
		cmocka_unit_test(all_three_at_once),
	};

	if (argc != 2)
		return 2;
	adopt();
	link_name = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
