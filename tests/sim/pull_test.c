/*
 * V28, S10: who is asked for a snapshot and sends its first byte again and again, and no other,
 * gives way to another one, as who is silent does.
 */
#include "tests/sim/world.h"

#include "node/internal.h"
#include "wal/block.h"

#include <assert.h>

#define MS UINT64_C(1000000)

enum { LOG_BYTES = 32 * 1024, WAIT_MS = 10000 };

static struct sim_world w;

static struct node *of(uint32_t i)
{
	return w.node[i].node;
}

/* It is down, its log does not begin with the first entry, and no snapshot there is whole. */
static void bereave(uint32_t i)
{
	struct raft_snapshot list[WAL_SNAPSHOTS_MAX];
	char file[DISK_NAME_MAX];
	uint32_t count;

	while (wal_first(of(i)->wal) == 1)
		sim_world_run(&w, MS);
	count = wal_snapshots(of(i)->wal, list);
	sim_node_crash(&w, i);
	for (uint32_t k = 0; k < count; k++) {
		wal_block_name(file, list[k].index, list[k].term);
		fake_flip(w.node[i].disk, file, list[k].size / 2, 3);
	}
}

static void send_first_byte(uint32_t i, raft_id from)
{
	const struct raft_snapshot *at = &of(i)->install.at;
	const struct wire_snapshot_range first = {
		.index = at->index, .term = at->term, .hash = at->hash, .length = 1};
	uint8_t body[64];
	struct dp_datagram d = {.body = body, .peer = (uint32_t)node_peer_find(of(i), from)};

	d.envelope.body_size =
		(uint16_t)wire_snapshot_chunk_encode(&first, (const uint8_t *)"Q", body);
	node_pull_receive(of(i), &d);
}

int main(void)
{
	raft_id from;
	uint32_t i;

	sim_world_prepare(&w, 75, 3);
	w.snapshot_log_bytes = LOG_BYTES;
	sim_world_begin(&w, 4);
	while (sim_leader(&w) < 0 || !sim_all_formed(&w))
		sim_world_run(&w, MS);
	i = (uint32_t)(sim_leader(&w) + 1) % 3;
	bereave(i);
	sim_node_start(&w, i);
	while (of(i)->install.step != NODE_INSTALL_PULL)
		sim_world_run(&w, MS / 100);
	from = of(i)->install.pull.from;
	for (uint32_t k = 0; k < 3; k++) {
		if (of(k)->id == from)
			sim_net_cut(w.net, k, i, true);
	}
	for (uint32_t ms = 0; of(i)->install.pull.turn == 0; ms++) {
		assert(ms < WAIT_MS);
		send_first_byte(i, from);
		sim_world_run(&w, MS);
	}
	sim_net_heal(w.net);
	assert(sim_world_settle(&w, 20000 * MS));
	assert(of(i)->install.installed > 0);
	assert(sim_world_verify(&w));
	sim_world_destroy(&w);
	return 0;
}
