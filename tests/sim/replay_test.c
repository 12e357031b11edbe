/*
 * All nodes of a big log are started again at once (F24): applying takes time, most of it at
 * the one that leads, and heartbeats leave all the same.
 */
#include "tests/sim/world.h"

#include "kv/command.h"
#include "node/internal.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define MS UINT64_C(1000000)
#define US UINT64_C(1000)

enum { ENTRIES = 6000 };

static struct sim_world w;
static struct sm_ops costly; /* kv's own, and each call of apply keeps the node for a while */
static const struct sm_ops *kv;
static uint64_t cost_ns;
static int steps; /* of each command, before it is done */

static uint32_t place_of(const struct sm *sm)
{
	uint32_t i = 0;

	while (i < SIM_NODES_MAX - 1 && !(w.node[i].node && w.node[i].node->sm == sm))
		i++;
	return i;
}

static int apply(struct sm *sm, const struct sm_entry *entry, struct sm_result *result)
{
	static uint64_t index[SIM_NODES_MAX];
	static int left[SIM_NODES_MAX];
	uint32_t i = place_of(sm);
	struct sim_node *n = &w.node[i];

	if (n->paused_until_ns < w.now_ns)
		n->paused_until_ns = w.now_ns;
	/* One host is busy with other things as well: the others have applied long before it. */
	n->paused_until_ns += (int)i == sim_leader(&w) ? cost_ns : cost_ns / 20;
	if (index[i] != entry->index) {
		index[i] = entry->index;
		left[i] = steps;
	}
	if (left[i] > 0) {
		left[i]--;
		return -EAGAIN;
	}
	return kv->apply(sm, entry, result);
}

static void fill(uint32_t leader)
{
	uint8_t bytes[128];
	struct kv_request request = {.operation = KV_PUT,
				     .session = 9,
				     .key = {.data = (const uint8_t *)"k", .size = 1},
				     .value = {.data = (const uint8_t *)"v", .size = 1}};
	raft_index index;
	raft_term term;

	for (uint32_t i = 0; i < ENTRIES; i++) {
		request.sequence = i + 1;
		kv_request_encode(&request, bytes);
		while (raft_propose(w.node[leader].node->raft, bytes, kv_request_size(&request),
				    &index, &term))
			sim_world_run(&w, MS);
	}
	for (uint32_t i = 0; i < w.node_count; i++) {
		while (w.node[i].node->applied < ENTRIES)
			sim_world_run(&w, MS);
	}
}

static void start_all(void)
{
	for (uint32_t i = 0; i < w.node_count; i++) {
		struct sm *sm;

		sim_node_start(&w, i);
		sm = w.node[i].node->sm;
		if (kv == NULL) {
			kv = sm->ops;
			costly = *kv;
			costly.apply = apply;
		}
		sm->ops = &costly;
	}
}

static bool all_applied(void)
{
	for (uint32_t i = 0; i < w.node_count; i++) {
		if (w.node[i].node->applied < ENTRIES)
			return false;
	}
	return true;
}

/* Election timeouts are 150 to 300 ms: whoever is elected first leads until all is applied. */
static void F24_who_replays_is_heard(const char *what, uint64_t cost, int steps_each)
{
	uint64_t began_ns;
	raft_term term;
	int leader;

	sim_world_create(&w, 24, 3, 0);
	while (sim_leader(&w) < 0 || !sim_all_formed(&w))
		sim_world_run(&w, MS);
	fill((uint32_t)sim_leader(&w));
	for (uint32_t i = 0; i < 3; i++)
		sim_node_crash(&w, i);
	cost_ns = cost;
	steps = steps_each;
	start_all();
	began_ns = w.now_ns;
	while (sim_leader(&w) < 0)
		sim_world_run(&w, MS);
	leader = sim_leader(&w);
	term = raft_get_term(w.node[leader].node->raft);
	while (!all_applied() && w.now_ns - began_ns < 20000 * MS) {
		sim_world_run(&w, MS);
		if (sim_leader(&w) != leader)
			printf("%s: after %" PRIu64 " ms another leader\n", what,
			       (w.now_ns - began_ns) / MS);
		assert(sim_leader(&w) == leader);
		for (uint32_t i = 0; i < 3; i++)
			assert(raft_get_term(w.node[i].node->raft) <= term);
	}
	printf("%s: %" PRIu64 " of %u entries %" PRIu64 " ms after the start, no other term\n",
	       what, w.node[leader].node->applied, ENTRIES, (w.now_ns - began_ns) / MS);
	sim_world_destroy(&w);
}

int main(void)
{
	F24_who_replays_is_heard("300 us for an entry", 300 * US, 0);
	F24_who_replays_is_heard("60 steps of 100 us for an entry", 100 * US, 60);
	F24_who_replays_is_heard("1000 steps of 100 us for an entry", 100 * US, 1000);
	return 0;
}
