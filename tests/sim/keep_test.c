/*
 * How much of the log stays for followers that were away (log-keep), under whole nodes.
 */
#include "tests/sim/world.h"

#include "node/internal.h"

#include <assert.h>
#include <stdio.h>

#define MS UINT64_C(1000000)

/* So much is kept that it reaches behind the older one of two snapshots. */
enum { LOG_BYTES = 16 * 1024, KEEP_BYTES = 3 << 20 };

static struct sim_world w;

static const struct node *node_of(uint32_t i)
{
	return w.node[i].node;
}

static void wait_leader(void)
{
	while (sim_leader(&w) < 0)
		sim_world_run(&w, MS);
}

/* Its window is what its log has behind the base. */
static void restart(uint32_t i)
{
	sim_node_crash(&w, i);
	sim_world_run(&w, MS);
	sim_node_start(&w, i);
	sim_world_run(&w, 500 * MS);
	wait_leader();
}

static void space_short(uint32_t i)
{
	fake_space_all(w.node[i].disk, UINT64_C(1) << 40);
	fake_space(w.node[i].disk, true, UINT64_C(1) << 34);
	while (!node_space_low(node_of(i)))
		sim_world_run(&w, MS);
}

/* The log is cut already; then one is away until the others have taken two more. */
static uint32_t away(bool low, raft_index *last)
{
	uint32_t i;

	sim_world_prepare(&w, 45, 3);
	w.snapshot_log_bytes = LOG_BYTES;
	w.log_keep_bytes = KEEP_BYTES;
	sim_world_begin(&w, 4);
	wait_leader();
	while (sim_leader(&w) < 0 || wal_first(node_of((uint32_t)sim_leader(&w))->wal) == 1)
		sim_world_run(&w, MS);
	for (uint32_t k = 0; low && k < 3; k++)
		space_short(k);
	i = (uint32_t)(sim_leader(&w) + 1) % 3;
	*last = raft_last(node_of(i)->raft);
	sim_node_crash(&w, i);
	while (node_of((i + 1) % 3)->snapshot.older.index < *last + 50 ||
	       node_of((i + 2) % 3)->snapshot.older.index < *last + 50)
		sim_world_run(&w, MS);
	sim_world_run(&w, 20 * MS); /* the base is written */
	return i;
}

/* log-keep: who was away for less is sent what it missed; where space is short a snapshot. */
static void D18_who_was_away_for_less_than_is_kept_is_sent_that(bool low)
{
	raft_index last;
	uint32_t i = away(low, &last);

	for (uint32_t k = (i + 1) % 3; k != i; k = (k + 1) % 3) {
		raft_index first = wal_first(node_of(k)->wal);

		assert(first > 1);
		assert(low == (first > last + 1));
		restart(k);
	}
	sim_node_start(&w, i);
	while (node_of(i)->applied < last + 50)
		sim_world_run(&w, MS);
	assert(node_of(i)->install.installed == low);
	assert(sim_world_verify(&w));
	sim_world_destroy(&w);
}

int main(void)
{
	D18_who_was_away_for_less_than_is_kept_is_sent_that(false);
	D18_who_was_away_for_less_than_is_kept_is_sent_that(true);
	return 0;
}
