/*
 * A lease is as good as what the others promised, and those are started again: as whole nodes, in
 * the simulated world, with other settings than before (R43; raft/lease.c).
 */
#include "tests/sim/world.h"

#include "node/internal.h"
#include "raft/internal.h"
#include "tests/unit/test.h"

#define MS 1000000ull
#define SECOND (1000 * MS)

enum { NODES = 3, SEEDS = 16 };

static struct sim_world w;

static bool leads(uint32_t i)
{
	return raft_get_role(w.node[i].node->raft) == RAFT_LEADER;
}

/* Cut off, it leads by its lease alone. */
static uint32_t world_begin(uint64_t seed)
{
	sim_world_prepare(&w, seed, NODES);
	w.lease_reads = true;
	w.resting = true;
	sim_world_begin(&w, 0);
	while (sim_leader(&w) < 0 || !sim_all_formed(&w))
		sim_world_run(&w, MS);
	sim_world_run(&w, SECOND);
	uint32_t leader = (uint32_t)sim_leader(&w);
	sim_net_cut_off(w.net, leader, NODES);
	return leader;
}

static void R43_no_lease_outlives_the_start_of_those_who_promised(void **state)
{
	uint64_t held_ns = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		uint32_t leader = world_begin(seed), next = leader;
		const struct raft *r = w.node[leader].node->raft;
		const uint64_t end_ns = w.now_ns + SECOND;

		for (uint32_t i = 0; i < NODES; i++) {
			if (i == leader)
				continue;
			sim_node_crash(&w, i);
			w.node[i].hasty = seed & 1 ? 8 : 1;
			w.node[i].no_check_quorum = seed & 2;
			sim_node_start(&w, i);
		}
		while (next == leader) {
			assert_true(w.now_ns < end_ns);
			held_ns += leads(leader) && raft_lease_held(r) ? MS / 4 : 0;
			sim_world_run(&w, MS / 4);
			for (uint32_t i = 0; i < NODES; i++)
				next = i != leader && leads(i) ? i : next;
		}
		assert_false(leads(leader) && raft_lease_held(r));
		sim_world_destroy(&w);
	}
	assert_true(held_ns > SEEDS * 50 * MS);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(R43_no_lease_outlives_the_start_of_those_who_promised),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
