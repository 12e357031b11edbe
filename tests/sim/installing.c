#include "tests/sim/installing.h"

#include <assert.h>

enum { LOG_BYTES = 32 * 1024 };

struct sim_world w;

const struct node *node_of(uint32_t i)
{
	return w.node[i].node;
}

void begin(uint64_t seed, uint32_t nodes, enum wal_durability durability)
{
	sim_world_prepare(&w, seed, nodes);
	w.snapshot_log_bytes = LOG_BYTES;
	w.durability = durability;
	sim_world_begin(&w, 4);
	while (sim_leader(&w) < 0 || !sim_all_formed(&w))
		sim_world_run(&w, MS);
}

void end(void)
{
	assert(sim_world_verify(&w));
	sim_world_destroy(&w);
}

uint32_t follower(void)
{
	return (uint32_t)(sim_leader(&w) + 1) % w.node_count;
}

/* Each of the others that are up has cut off what comes after this index. */
static bool all_cut(uint32_t but, raft_index index)
{
	for (uint32_t i = 0; i < w.node_count; i++) {
		if (i != but && node_of(i) && wal_first(node_of(i)->wal) <= index + 1)
			return false;
	}
	return true;
}

void wait_leader(void)
{
	uint64_t until_ns = w.now_ns + WAIT_MS * MS;

	while (sim_leader(&w) < 0) {
		assert(w.now_ns < until_ns);
		sim_world_run(&w, MS);
	}
}

void wait_cut(uint32_t but, raft_index index)
{
	uint64_t until_ns = w.now_ns + WAIT_MS * MS;

	while (!all_cut(but, index + RAFT_TEST_WINDOW)) {
		assert(w.now_ns < until_ns);
		sim_world_run(&w, MS);
	}
}

void wait_installed(uint32_t i, uint64_t count)
{
	uint64_t until_ns = w.now_ns + WAIT_MS * MS;

	while (node_of(i)->install.installed < count) {
		assert(w.now_ns < until_ns);
		sim_world_run(&w, MS);
	}
}

void cut_off(uint32_t i, bool cut)
{
	for (uint32_t k = 0; k < w.node_count; k++) {
		if (k == i)
			continue;
		sim_net_cut(w.net, i, k, cut);
		sim_net_cut(w.net, k, i, cut);
	}
}

raft_index away(uint32_t i)
{
	raft_index last = raft_last(node_of(i)->raft);

	sim_node_crash(&w, i);
	wait_cut(i, last + 100);
	return last;
}

bool has_installed(uint32_t i, raft_index last)
{
	const struct node *n = node_of(i);

	return n && n->raft && wal_first(n->wal) > last + 1 && n->applied > last &&
	       !n->install.held;
}
