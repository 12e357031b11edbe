/*
 * kill -9 under load: kill_test LINK. What was acknowledged is there, reads never go back, and the
 * two left answer soon.
 */
#include "tests/e2e/load.h"
#include "tests/unit/test.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	ROUNDS = 10, /* on each of two links: twenty */
	ROUNDS_ALL = 3,
	WRITERS = 4,
	READERS = 2,
	PUTS_BETWEEN = 50,
	ELECTION_MS_MAX = 300, /* the lab's default: 150 to 300 ms */
	ELECTIONS_MAX = 4,
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

static void the_leader_under_load(void **state)
{
	static struct cluster c;
	static struct load load;
	uint64_t took[ROUNDS];

	(void)state;
	cluster_up(&c, 3, link_name, "");
	load_start(&load, &c, WRITERS, READERS);
	for (uint32_t round = 0; round < ROUNDS; round++) {
		uint32_t leader;
		uint64_t begin;

		load_wait_progress(&load, PUTS_BETWEEN);
		leader = cluster_wait_leader(&c, 0);
		begin = clock_ms();
		cluster_lab(&c, "kill %u", leader);
		took[round] = answered_ms(&c, leader, begin);
		load_wait_progress(&load, PUTS_BETWEEN);
		cluster_lab(&c, "restart %u", leader);
		printf("round %u: n%u killed; both left answer after %" PRIu64 " ms; %" PRIu64
		       " puts acknowledged\n",
		       round + 1, leader, took[round], load_acknowledged(&load));
		fflush(stdout);
	}
	load_wait_progress(&load, PUTS_BETWEEN);
	load_stop(&load);
	load_verify(&load);
	cluster_wait_equal(&c);
	qsort(took, ROUNDS, sizeof(took[0]), compare);
	printf("%s: median %" PRIu64 " ms, %.1f of the maximum election timeout of %d ms\n",
	       link_name, took[ROUNDS / 2], (double)took[ROUNDS / 2] / ELECTION_MS_MAX,
	       (int)ELECTION_MS_MAX);
	require(&c, took[ROUNDS / 2] <= ELECTIONS_MAX * ELECTION_MS_MAX, "slower than %d",
		(int)ELECTIONS_MAX);
	cluster_down(&c);
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
	link_name = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
