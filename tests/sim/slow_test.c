/*
 * Elections of whole nodes whose disks are slow, or hang (V5).
 */
#include "tests/sim/world.h"

#include "kv/command.h"
#include "node/internal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MS UINT64_C(1000000)

static struct sim_world w;

static raft_term term_of(uint32_t i)
{
	return raft_get_term(w.node[i].node->raft);
}

/* Returns the leader; all are of the cluster. */
static uint32_t world_begin(uint64_t seed, uint32_t nodes)
{
	sim_world_create(&w, seed, nodes, 0);
	while (sim_leader(&w) < 0 || !sim_all_formed(&w))
		sim_world_run(&w, MS);
	sim_world_run(&w, 100 * MS);
	return (uint32_t)sim_leader(&w);
}

/*
 * All disks take so long for every write; timeouts are 150 to 300 ms. The leader is gone: within
 * five seconds there is one that stays.
 */
static void V5_slow_disks_elect_a_leader(uint64_t write_ms, uint32_t nodes)
{
	uint32_t old = world_begin(write_ms, nodes);
	raft_term before = term_of(old);
	uint64_t began_ns = w.now_ns;

	for (uint32_t i = 0; i < nodes; i++)
		w.node[i].disk_ns = write_ms * MS;
	sim_node_crash(&w, old);
	/* Who began to stand before it heard of the first one may be one term ahead, once. */
	int leader = -1;
	raft_term term = 0;
	uint64_t since_ns = w.now_ns;
	while (leader < 0 || w.now_ns - since_ns < 5000 * MS) {
		assert(w.now_ns - began_ns < 10000 * MS);
		sim_world_run(&w, MS);
		if (sim_leader(&w) != leader ||
		    (leader >= 0 && term_of((uint32_t)leader) != term)) {
			leader = sim_leader(&w);
			term = leader >= 0 ? term_of((uint32_t)leader) : 0;
			since_ns = w.now_ns;
		}
	}
	printf("writes of %" PRIu64 " ms, %u nodes: a leader that stays after %" PRIu64
	       " ms, %" PRIu64 " terms\n",
	       write_ms, nodes, (since_ns - began_ns) / MS, term - before);
	assert(term - before <= 4);
	sim_world_destroy(&w);
}

/* Cut off, with a disk that hangs: it comes back one term ahead at most. */
static void V5_a_hanging_disk_climbs_no_terms(void)
{
	uint32_t leader = world_begin(7, 3), other = (leader + 1) % 3;
	raft_term term = term_of(leader);

	w.node[other].disk_hangs = true;
	sim_net_cut_off(w.net, other, 3);
	sim_world_run(&w, 5000 * MS);
	assert(term_of(other) <= term + 1);
	sim_net_heal(w.net);
	sim_world_run(&w, 12000 * MS);
	/* Nothing that it says of terms is durable: it is silent, also when it is asked (10 s). */
	assert(sim_leader(&w) == (int)leader);
	assert(term_of(leader) == term);
	sim_world_destroy(&w);
}

/* A follower was descheduled: its leader's heartbeats wait behind a queue of strangers' frames. */
static void V8_who_slept_reads_its_mail_first(void)
{
	uint32_t leader = world_begin(3, 3), slept = (leader + 1) % 3;
	raft_term term = term_of(leader);
	struct link *stranger = sim_net_link(w.net, SIM_PORTS_MAX - 1);
	struct link_frame frame;

	for (int i = 0; i < 960; i++) {
		bool ok = stranger->ops->alloc(stranger, &frame);

		assert(ok);
		frame.size = 60;
		memset(frame.data, 0xee, 60);
		memset(frame.data, 0, 6);
		frame.data[5] = (uint8_t)slept;
		stranger->ops->tx(stranger, &frame, 1);
	}
	w.node[slept].paused_until_ns = w.now_ns + 400 * MS;
	sim_world_run(&w, 1000 * MS);
	assert(term_of(slept) == term);
	assert(sim_leader(&w) == (int)leader);
	stranger->ops->destroy(stranger);
	sim_world_destroy(&w);
}

/* Proposes puts of a full entry each. */
static void fill(uint32_t leader, uint32_t count)
{
	uint8_t value[1000] = {1}, bytes[1200];
	struct kv_request request = {.operation = KV_PUT,
				     .session = 9,
				     .key = {.data = (const uint8_t *)"k", .size = 1},
				     .value = {.data = value, .size = sizeof(value)}};
	raft_index index;
	raft_term term;

	for (uint32_t i = 0; i < count; i++) {
		request.sequence = i + 1;
		kv_request_encode(&request, bytes);
		while (raft_propose(w.node[leader].node->raft, bytes, kv_request_size(&request),
				    &index, &term))
			sim_world_run(&w, MS);
	}
}

/* One write of each disk after another, as long as that takes. */
static void write_each(uint32_t leader, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		raft_index last = raft_last(w.node[leader].node->raft) + 1;

		fill(leader, 1);
		for (uint32_t k = 0; k < 3; k++) {
			while (w.node[k].node->applied < last || wal_busy(w.node[k].node->wal))
				sim_world_run(&w, MS);
		}
	}
}

/*
 * Timeouts are 150 to 300 ms: a member whose writes take 100 ms says so, with both numbers and what
 * to set; one stall or a few are nothing, and when its disk is quick again it says nothing more.
 */
static void V5_a_disk_too_slow_for_the_timeouts_is_told(void)
{
	uint32_t leader = world_begin(5, 3), slow = (leader + 1) % 3;

	for (uint32_t i = 0; i < 3; i++)
		w.node[i].disk_ns = MS;
	write_each(leader, 70);
	w.node[slow].disk_ns = 70 * MS;
	write_each(leader, 10);
	assert(!sim_node_says(&w, slow, "too slow"));
	w.node[slow].disk_ns = 100 * MS;
	write_each(leader, 2);
	assert(!sim_node_says(&w, slow, "too slow"));
	write_each(leader, 6);
	assert(sim_node_says(
		&w, slow, "warning the disk is too slow for election-timeout, which is 150 ms: "));
	assert(sim_node_says(
		&w, slow, " of its last 64 writes took longer than half of that, the slowest 10"));
	assert(sim_node_says(&w, slow, "set election-timeout to 20"));
	assert(sim_node_says(&w, slow, "disk_slow 1"));
	assert(!sim_node_says(&w, leader, "too slow"));
	assert(sim_node_says(&w, leader, "disk_slow 0"));
	w.node[slow].disk_ns = MS;
	write_each(leader, 80);
	assert(!sim_node_says(&w, slow, "too slow"));
	assert(sim_node_says(&w, slow, "disk_slow 0"));
	assert(w.node[slow].node->counters.disk_slow_writes >= 6);
	assert(w.node[leader].node->counters.disk_slow_writes == 0);
	sim_world_destroy(&w);
}

/* One follower was just started and has its log to replay, the other has applied all. */
static void V6_who_has_applied_leads(uint64_t seed)
{
	uint32_t leader = world_begin(seed, 3), started = (leader + 1) % 3;
	uint32_t other = (leader + 2) % 3;

	fill(leader, 1500);
	while (w.node[other].node->applied < 1500)
		sim_world_run(&w, MS);
	sim_world_run(&w, 100 * MS);
	sim_node_crash(&w, started);
	sim_node_crash(&w, leader);
	sim_node_start(&w, started);
	while (sim_leader(&w) < 0)
		sim_world_run(&w, MS);
	assert(sim_leader(&w) == (int)other);
	sim_world_destroy(&w);
}

/* Everybody has its log to replay: each leaves the first word to the others, and not for long. */
static void V6_somebody_leads_all_the_same(void)
{
	uint32_t leader = world_begin(1, 3);
	uint64_t began_ns;

	fill(leader, 1500);
	sim_world_run(&w, 1000 * MS);
	for (uint32_t i = 0; i < 3; i++)
		sim_node_crash(&w, i);
	for (uint32_t i = 0; i < 3; i++)
		sim_node_start(&w, i);
	began_ns = w.now_ns;
	while (sim_leader(&w) < 0) {
		assert(w.now_ns - began_ns < 2000 * MS);
		sim_world_run(&w, MS);
	}
	printf("all started again: a leader after %" PRIu64 " ms\n", (w.now_ns - began_ns) / MS);
	sim_world_destroy(&w);
}

int main(void)
{
	static const uint32_t nodes[] = {3, 5};

	for (size_t i = 0; i < 2; i++) {
		V5_slow_disks_elect_a_leader(149, nodes[i]);
		V5_slow_disks_elect_a_leader(320, nodes[i]);
	}
	for (uint64_t seed = 1; seed <= 3; seed++)
		V6_who_has_applied_leads(seed);
	V5_a_disk_too_slow_for_the_timeouts_is_told();
	V8_who_slept_reads_its_mail_first();
	V6_somebody_leads_all_the_same();
	V5_a_hanging_disk_climbs_no_terms();
	return 0;
}
