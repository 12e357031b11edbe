/*
 * R51: a member whose state is not the majority's is told so by the next marker, whoever it is; and
 * no single member's word makes another one diverged.
 */
#include "tests/sim/world.h"

#include "node/internal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#define MS UINT64_C(1000000)

enum { LOG_BYTES = 32 * 1024 };

static struct sim_world w;

static struct node *of(uint32_t i)
{
	return w.node[i].node;
}

static void begin(uint64_t seed, enum wal_durability durability)
{
	sim_world_prepare(&w, seed, 3);
	w.snapshot_log_bytes = LOG_BYTES;
	w.durability = durability;
	sim_world_begin(&w, 4);
	while (sim_leader(&w) < 0 || !sim_all_formed(&w))
		sim_world_run(&w, MS);
}

static void run_until(bool (*is)(void))
{
	uint64_t until_ns = w.now_ns + 600000 * MS;

	while (!is()) {
		assert(w.now_ns < until_ns);
		sim_world_run(&w, MS);
	}
}

static uint64_t wanted_markers;

static bool marked(void)
{
	for (uint32_t i = 0; i < w.node_count; i++) {
		if (of(i) && of(i)->snapshot.markers < wanted_markers)
			return false;
	}
	return true;
}

/* Each that is up has applied so many more. */
static void wait_markers(uint64_t more)
{
	wanted_markers = 0;
	for (uint32_t i = 0; i < w.node_count; i++) {
		if (of(i) && of(i)->snapshot.markers > wanted_markers)
			wanted_markers = of(i)->snapshot.markers;
	}
	wanted_markers += more;
	run_until(marked);
}

static void damage(uint32_t i, uint8_t bits)
{
	while (of(i)->applying_count > 0)
		sim_world_run(&w, MS);
	assert(of(i)->sm->ops->damage(of(i)->sm, bits));
}

static uint32_t diverged(void)
{
	uint32_t found = 0;

	for (uint32_t i = 0; i < w.node_count; i++)
		found |= (uint32_t)(of(i) && of(i)->diverged.index != 0) << i;
	return found;
}

static uint32_t leader(void)
{
	while (sim_leader(&w) < 0)
		sim_world_run(&w, MS);
	return (uint32_t)sim_leader(&w);
}

static void end(void)
{
	assert(sim_world_verify(&w));
	sim_world_destroy(&w);
}

/* `which` from the leader on: 0 is that one. */
static void R51_one_is_told_and_the_others_go_on(uint32_t which, enum wal_durability durability)
{
	uint32_t victim;

	begin(510 + which, durability);
	wait_markers(4);
	assert(diverged() == 0);
	victim = (leader() + which) % 3;
	damage(victim, 1);
	wait_markers(3);
	assert(diverged() == 1u << victim);
	assert(of(victim)->diverged.ours != of(victim)->diverged.theirs);
	assert(of(victim)->diverged.index < of(victim)->diverged.marker);
	end();
}

/* All three have another state: which is right is not known, and nobody stops. */
static void R51_without_a_majority_nobody_is(void)
{
	begin(520, WAL_DURABLE);
	wait_markers(2);
	damage(0, 1);
	damage(1, 2);
	wait_markers(4);
	assert(diverged() == 0);
	end();
}

/* One that says whatever of its own changes nothing for the others. */
static void R51_one_that_lies_of_itself_makes_nobody_diverged(void)
{
	begin(530, WAL_DURABLE);
	for (int round = 0; round < 6; round++) {
		uint32_t liar = (leader() + 1) % 3;

		wait_markers(1);
		for (uint32_t i = 0; i < 3; i++) {
			int place = node_peer_find(of(i), of(liar)->id);

			if (place >= 0)
				of(i)->peer[place].settings.snapshot_hash ^= 1;
		}
	}
	wait_markers(1);
	assert(diverged() == 0);
	end();
}

static const struct raft_snapshot *newest(uint32_t i)
{
	return &of(i)->snapshot.newest;
}

static bool all_know(void)
{
	for (uint32_t i = 0; i < 3; i++) {
		if (newest(i)->index == 0 || newest(i)->index != newest(0)->index)
			return false;
		for (uint32_t k = 0; node_peer_next(of(i), &k); k++) {
			if (of(i)->peer[k].settings.snapshot_index != newest(0)->index)
				return false;
		}
	}
	return true;
}

/* A leader that says something else is not believed by those who know better. */
static void R51_a_leader_that_lies_makes_nobody_diverged(void)
{
	uint8_t marker[SM_MARKER_SIZE_MAX];
	struct sm_mark mark = {0};
	raft_index index;
	raft_term term;
	struct node *n;

	begin(540, WAL_DURABLE);
	wait_markers(1);
	run_until(all_know);
	n = of(leader());
	mark.index = newest(0)->index;
	mark.hash = newest(0)->hash ^ 1;
	assert(raft_propose(n->raft, marker, n->sm->ops->marker(&mark, marker), &index, &term) ==
	       0);
	wait_markers(1);
	assert(diverged() == 0);
	end();
}

int main(void)
{
	for (uint32_t which = 0; which < 3; which++)
		R51_one_is_told_and_the_others_go_on(which, WAL_DURABLE);
	R51_one_is_told_and_the_others_go_on(1, WAL_VOLATILE);
	R51_without_a_majority_nobody_is();
	R51_one_that_lies_of_itself_makes_nobody_diverged();
	R51_a_leader_that_lies_makes_nobody_diverged();
	return 0;
}
