/*
 * What an idle cluster does (D11), in virtual time and so to the turn: heartbeats and their
 * answers, and hardly anything else. Each turn that did something wakes a node that sleeps, and one
 * that was work keeps it awake.
 */
#include "tests/sim/world.h"

#include "node/internal.h"
#include "tests/unit/test.h"

#include <stdio.h>

#define SECOND 1000000000ull

enum {
	SECONDS = 20,
	WORK_MAX = 2, /* a second: a look at the disk's space, a mark now and then */
	/*
	 * Beside heartbeats, a second and member: settings with question and answer, and a round of
	 * probes in five seconds.
	 */
	OTHER_MAX = 5,
};

static struct sim_world w;

struct seen {
	uint64_t active, work, packets;
};

static struct seen seen_of(uint32_t i)
{
	const struct sim_node *n = &w.node[i];

	return (struct seen){n->active_turns, n->busy_turns, dp_get_counters(n->node->dp)->tx_peer};
}

static void at_rest(uint32_t nodes)
{
	struct seen before[SIM_NODES_MAX];
	uint64_t beats;

	sim_world_create(&w, 33, nodes, 1);
	w.resting = true;
	while (sim_leader(&w) < 0 || !sim_all_formed(&w))
		sim_world_run(&w, SECOND / 1000);
	sim_world_run(&w, 10 * SECOND);
	beats = SECOND / (w.node[0].node->options.heartbeat_us * 1000);
	for (uint32_t i = 0; i < nodes; i++)
		before[i] = seen_of(i);
	sim_world_run(&w, SECONDS * SECOND);
	for (uint32_t i = 0; i < nodes; i++) {
		/* A heartbeat leaves and its answers come, or one comes and an answer leaves. */
		uint64_t peers = (int)i == sim_leader(&w) ? nodes - 1 : 1;
		struct seen now = seen_of(i);

		printf("%u nodes, n%u: a second %.1f turns that did something, %.1f of work, "
		       "%.1f packets\n",
		       nodes, i + 1, (double)(now.active - before[i].active) / SECONDS,
		       (double)(now.work - before[i].work) / SECONDS,
		       (double)(now.packets - before[i].packets) / SECONDS);
		assert_in_range(now.work - before[i].work, 0, WORK_MAX * SECONDS);
		assert_in_range(now.active - before[i].active, beats * SECONDS / 2,
				(2 * beats * peers + OTHER_MAX * nodes) * SECONDS);
		assert_in_range(now.packets - before[i].packets, beats * SECONDS / 2,
				(beats * peers + OTHER_MAX * nodes) * SECONDS);
	}
	sim_world_destroy(&w);
}

static void D11_an_idle_cluster_beats_and_hardly_more(void **state)
{
	(void)state;
	at_rest(3);
	at_rest(5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(D11_an_idle_cluster_beats_and_hardly_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
