/*
 * V10: what a client was told is so. Nothing was done of a put that ended as one of which nothing
 * was, whoever leads meanwhile, or takes himself for the leader, is full, or a learner, and however
 * often its packets were sent: its client goes on without it, and nobody may ever see it (SM13).
 */
#include "tests/sim/world.h"

#include "node/internal.h"
#include "raft/internal.h"
#include "tests/unit/test.h"

#include <inttypes.h>
#include <stdio.h>

#define MS UINT64_C(1000000)

enum { NODES = 4, CLIENTS = 6, STEPS = 150, SEED = 33, SEEDS = 4 };

static struct sim_world w;
static uint64_t denials[STATUS_COUNT];

static uint32_t below(uint32_t bound)
{
	return (uint32_t)sim_random_below(&w.random, bound);
}

static uint32_t anybody(void)
{
	int leader = sim_leader(&w);

	return leader < 0 || below(2) ? below(NODES) : (uint32_t)leader;
}

static void crash(uint32_t i)
{
	if (!w.node[i].node)
		return;
	sim_node_crash(&w, i);
	w.node[i].up_at_ns = w.now_ns + below(700) * MS;
}

static void start_all(bool now)
{
	for (uint32_t i = 0; i < NODES; i++) {
		if (!w.node[i].node && (now || w.node[i].up_at_ns <= w.now_ns))
			sim_node_start(&w, i);
	}
}

static void fill(uint32_t first, uint32_t count, bool full)
{
	for (uint32_t i = first; i < first + count; i++)
		fake_space(w.node[i].disk, full, 1024 * 1024);
}

/* A member that votes does so no more, or one that does not does again. */
static void turn(uint32_t i)
{
	int leader = sim_leader(&w);
	struct raft *raft = leader < 0 ? NULL : w.node[leader].node->raft;
	struct raft_refusal refusal;
	raft_index index;

	if (!raft || !w.node[i].node || !w.node[i].node->raft)
		return;
	struct raft_change c = {.kind = RAFT_CHANGE_DEMOTE, .id = w.node[i].node->id};
	const struct raft_member *m = raft_members_find(raft_get_members(raft), c.id);

	if (m && !m->voter)
		c.kind = RAFT_CHANGE_PROMOTE;
	(void)raft_members_change(raft, &c, 1, &index, &refusal);
}

static void network(bool well)
{
	const struct sim_net_faults faults = {
		.loss_ppm = well ? 0 : below(300000),
		.duplicate_ppm = well ? 0 : below(200000),
		.delay_ns_min = 2000,
		.delay_ns_max = well ? 20000 : 3 * MS,
	};

	sim_net_heal(w.net);
	sim_net_set_faults(w.net, &faults);
}

static void fault(void)
{
	uint32_t i = anybody();

	switch (below(9)) {
	case 0:
	case 1:
	case 2:
		crash(i);
		break;
	case 3:
		sim_net_cut_off(w.net, i, NODES); /* it leads on for a while, and knows no better */
		break;
	case 4:
		network(true);
		break;
	case 5:
		network(false);
		break;
	case 6:
		fill(i, 1, true);
		break;
	case 7:
		fill(0, NODES, below(2));
		break;
	default:
		turn(i);
		break;
	}
}

static void one(uint64_t seed)
{
	sim_world_create(&w, seed, NODES, CLIENTS);
	while (sim_leader(&w) < 0 || !sim_all_formed(&w))
		sim_world_run(&w, MS);
	for (int step = 0; step < STEPS; step++) {
		fault();
		sim_world_run(&w, below(200) * MS);
		start_all(false);
	}
	network(true);
	start_all(true);
	fill(0, NODES, false);
	sim_world_agree(&w);
	for (uint32_t i = 0; i < CLIENTS; i++) {
		for (uint32_t k = 0; k < STATUS_COUNT; k++)
			denials[k] += w.client[i].denials[k];
	}
	sim_world_destroy(&w);
}

static void V10_what_was_not_done_is_never_seen(void **state)
{
	(void)state;
	for (uint64_t seed = SEED; seed < SEED + SEEDS; seed++)
		one(seed);
	for (uint32_t k = 0; k < STATUS_COUNT; k++) {
		if (denials[k] > 0)
			printf("%" PRIu64 " puts: %s\n", denials[k], status_row(k)->words);
	}
	assert_true(denials[WIRE_NO_LEADER] > 0);
	assert_true(denials[WIRE_NO_SPACE] > 0);
	assert_true(denials[WIRE_LEARNER] > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(V10_what_was_not_done_is_never_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
