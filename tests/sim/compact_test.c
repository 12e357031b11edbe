/*
 * Old versions that the nodes compact by themselves (N7): no sooner than is configured, in time,
 * the same on all of them, whoever leads.
 */
#include "tests/sim/world.h"

#include "node/internal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)

enum { SECONDS_MAX = 128, PERIOD_S = 2 };

static struct sim_world w;
/* What there was when so many seconds had passed. */
static uint64_t revision_at[SECONDS_MAX];
static uint32_t seconds;

static void begin(uint64_t seed, enum compactor_mode mode, uint64_t retention)
{
	sim_world_prepare(&w, seed, 3);
	w.compaction = (struct compactor_options){mode, retention};
	sim_world_begin(&w, 2);
	while (sim_leader(&w) < 0 || !sim_all_formed(&w))
		sim_world_run(&w, MS);
	seconds = 0;
}

static uint64_t revision_of(uint32_t i)
{
	return w.node[i].node->sm->ops->revision(w.node[i].node->sm);
}

static uint64_t compacted_of(uint32_t i)
{
	return w.node[i].node->sm->ops->compact_revision(w.node[i].node->sm);
}

/* The newest that anybody has. */
static uint64_t newest(uint64_t (*of)(uint32_t i))
{
	uint64_t most = 0;

	for (uint32_t i = 0; i < w.node_count; i++) {
		if (w.node[i].node && of(i) > most)
			most = of(i);
	}
	return most;
}

static uint64_t asked(void)
{
	uint64_t count = 0;

	for (uint32_t i = 0; i < w.node_count; i++)
		count += w.node[i].node ? w.node[i].node->compactor.count : 0;
	return count;
}

static void second(void)
{
	assert(seconds < SECONDS_MAX);
	revision_at[seconds++] = newest(revision_of);
	sim_world_run(&w, SECOND);
}

static uint64_t ago(uint32_t s)
{
	return s < seconds ? revision_at[seconds - s - 1] : 0;
}

/* A read of a revision that is no older than that is answered; and what is older goes in time. */
static void a_period_passes(uint32_t s, uint32_t behind_max)
{
	for (; s > 0; s--) {
		second();
		assert(newest(compacted_of) <= ago(PERIOD_S - 1));
		assert(newest(compacted_of) >= ago(behind_max));
	}
}

static void agreed(void)
{
	w.resting = true;
	assert(sim_world_settle(&w, 20 * SECOND));
	for (uint32_t i = 1; i < 3; i++)
		assert(compacted_of(i) == compacted_of(0));
	w.resting = false;
}

static void N7_periodic_whoever_leads(void)
{
	begin(21, COMPACTOR_PERIODIC, PERIOD_S * SECOND);
	a_period_passes(PERIOD_S - 1, UINT32_MAX);
	assert(newest(compacted_of) == 0);
	/* A look before the tenth, the period after it, and what it takes to apply it. */
	a_period_passes(2 * PERIOD_S, 2 * PERIOD_S + 2);
	a_period_passes(2 * PERIOD_S, 2 * PERIOD_S + 2);
	assert(newest(compacted_of) > 1 && asked() >= 4);
	for (int round = 0; round < 2; round++) {
		uint32_t leader = (uint32_t)sim_leader(&w);

		sim_node_crash(&w, leader);
		a_period_passes(PERIOD_S + 3, 2 * PERIOD_S + 4);
		sim_node_start(&w, leader);
		a_period_passes(2, 2 * PERIOD_S + 4);
	}
	agreed();
	assert(sim_world_verify(&w));
	printf("# periodic: revision %" PRIu64 ", compacted %" PRIu64 "\n", revision_of(0),
	       compacted_of(0));
	sim_world_destroy(&w);
}

/* Each five minutes, all but the newest. */
static void N7_by_revision(void)
{
	uint64_t revision, before;

	begin(22, COMPACTOR_REVISION, 50);
	while (newest(revision_of) < 500)
		sim_world_run(&w, MS);
	w.resting = true;
	assert(sim_world_settle(&w, 20 * SECOND));
	w.resting = true;
	revision = revision_of(0);
	sim_world_run(&w, 200 * SECOND);
	assert(newest(compacted_of) == 0);
	sim_world_run(&w, 110 * SECOND);
	for (uint32_t i = 0; i < 3; i++)
		assert(revision_of(i) == revision && compacted_of(i) == revision - 50);
	assert(asked() == 1);
	before = raft_last(w.node[0].node->raft);
	sim_world_run(&w, 310 * SECOND);
	assert(asked() == 1 && raft_last(w.node[0].node->raft) == before);
	w.resting = false;
	sim_world_run(&w, SECOND);
	assert(sim_world_verify(&w));
	sim_world_destroy(&w);
}

/* Nobody asked for it. */
static void N7_not_by_default(void)
{
	begin(23, COMPACTOR_PERIODIC, 0);
	sim_world_run(&w, 4 * SECOND);
	assert(newest(compacted_of) == 0 && newest(revision_of) > 100 && asked() == 0);
	sim_world_destroy(&w);
}

int main(void)
{
	N7_periodic_whoever_leads();
	N7_by_revision();
	N7_not_by_default();
	return 0;
}
