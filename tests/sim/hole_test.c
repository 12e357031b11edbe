/*
 * MTU holes in the simulated world (V27, N17): large frames vanish, small ones pass, to one
 * follower, to all, from one, from the leader. Nobody stands for election, writes go on, and each
 * member that has such a way names it with the size that passes.
 */
#include "tests/sim/world.h"

#include "kv/command.h"
#include "node/internal.h"

#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS 1000000ull
#define SECOND (1000 * MS)

/* An entry with the largest data: what no hole below it lets pass. */
enum { HOLE = 1400, HOLE_BELOW_AN_ENTRY = 900, ENTRY_DATA = 1000, PUTS = 40 };

static struct sim_world w;
static uint64_t sequence;

static uint32_t world_begin(uint32_t nodes)
{
	sim_world_create(&w, 21, nodes, 1);
	w.resting = true;
	sequence = 0;
	while (sim_leader(&w) < 0 || !sim_all_formed(&w))
		sim_world_run(&w, MS);
	sim_world_run(&w, 500 * MS);
	return (uint32_t)sim_leader(&w);
}

static void propose(uint32_t leader, uint32_t value_size)
{
	static uint8_t value[64 * 1024], bytes[64 * 1024 + 256];
	struct kv_request request = {
		.operation = KV_PUT,
		.session = 77,
		.sequence = ++sequence,
		.key = {.data = (const uint8_t *)"k", .size = 1},
		.value = {.data = value, .size = value_size},
	};
	raft_index index;
	raft_term term;

	kv_request_encode(&request, bytes);
	assert_int_equal(raft_propose(w.node[leader].node->raft, bytes, kv_request_size(&request),
				      &index, &term),
			 0);
}

static bool all_have(raft_index index)
{
	for (uint32_t i = 0; i < w.node_count; i++)
		if (w.node[i].node->applied < index)
			return false;
	return true;
}

/* Writes that fill frames, for two seconds; then all have all of them. */
static void writes_go_on(uint32_t leader, uint32_t value_size)
{
	struct raft *r = w.node[leader].node->raft;

	for (uint32_t i = 0; i < PUTS; i++) {
		for (uint32_t k = 0; k < 8; k++)
			propose(leader, value_size);
		sim_world_run(&w, 50 * MS);
	}
	sim_world_run(&w, 3 * SECOND);
	assert_int_equal(raft_commit(r), raft_last(r));
	assert_true(all_have(raft_last(r)));
}

static void require_named(uint32_t at, uint32_t peer, uint32_t hole)
{
	struct node *n = w.node[at].node;
	int found = node_peer_find(n, w.node[peer].node->id);
	const struct path *p = &n->peer[found].path;
	char expected[64];

	assert_true(path_narrow(p));
	assert_int_equal(p->size, hole);
	snprintf(expected, sizeof(expected), "packets above %u bytes", p->size);
	assert_non_null(strstr(sim_node_status(&w, at), expected));
	snprintf(expected, sizeof(expected), " path_mtu=%u ", p->size);
	assert_non_null(strstr(sim_node_status(&w, at), expected));
}

enum who { ONE_FOLLOWER, ALL_WAYS, THE_LEADERS_WAY_OUT, TO_THE_LEADER };

static void dig(enum who who, uint32_t leader, uint32_t size)
{
	for (uint32_t from = 0; from < w.node_count; from++)
		for (uint32_t to = 0; to < w.node_count; to++)
			if (from != to &&
			    (who == ALL_WAYS || (who == THE_LEADERS_WAY_OUT && from == leader) ||
			     (who == TO_THE_LEADER && to == leader) ||
			     (who == ONE_FOLLOWER && to == (leader + 1) % w.node_count)))
				sim_net_hole(w.net, from, to, size);
}

static void a_hole(enum who who, uint32_t nodes)
{
	uint32_t leader = world_begin(nodes);
	uint64_t elections = w.elections;

	dig(who, leader, HOLE);
	writes_go_on(leader, 100);
	assert_int_equal(w.elections, elections);
	assert_int_equal(sim_leader(&w), (int)leader);
	if (who != TO_THE_LEADER)
		require_named(leader, (leader + 1) % nodes, HOLE);
	/* Filled in again: whole within two rounds. */
	dig(who, leader, 0);
	sim_world_run(&w, SECOND);
	assert_null(strstr(sim_node_status(&w, leader), "packets above"));
	writes_go_on(leader, 1100);
	assert_int_equal(w.elections, elections);
	sim_world_destroy(&w);
}

static void V27_N17_one_follower_behind_a_hole(void **state)
{
	(void)state;
	a_hole(ONE_FOLLOWER, 3);
	a_hole(ONE_FOLLOWER, 5);
}

static void V27_N17_all_behind_a_hole(void **state)
{
	(void)state;
	a_hole(ALL_WAYS, 3);
	a_hole(ALL_WAYS, 5);
}

static void V27_N17_the_leaders_own_way_is_a_hole(void **state)
{
	(void)state;
	a_hole(THE_LEADERS_WAY_OUT, 3);
	a_hole(TO_THE_LEADER, 3);
}

/*
 * Below one entry nothing helps but to say so: small entries pass, the large one waits, and nobody
 * is elected for it; with the hole filled in it commits.
 */
static void V27_N17_a_hole_below_one_entry_is_named_as_such(void **state)
{
	uint32_t leader = world_begin(3);
	struct raft *r = w.node[leader].node->raft;
	uint64_t elections = w.elections;

	(void)state;
	dig(ALL_WAYS, leader, HOLE_BELOW_AN_ENTRY);
	writes_go_on(leader, 100);
	require_named(leader, (leader + 1) % 3, HOLE_BELOW_AN_ENTRY);
	assert_non_null(strstr(sim_node_status(&w, leader), "log entries above"));
	propose(leader, ENTRY_DATA);
	raft_index index = raft_last(r);
	sim_world_run(&w, 10 * SECOND);
	assert_int_equal(w.elections, elections);
	assert_true(raft_commit(r) < index);
	dig(ALL_WAYS, leader, 0);
	sim_world_run(&w, SECOND);
	assert_true(raft_commit(r) >= index);
	assert_true(all_have(index));
	assert_int_equal(w.elections, elections);
	sim_world_destroy(&w);
}

/* Whoever is elected behind a hole catches up, and brings others up. */
static void V27_N17_a_former_leader_behind_its_hole_catches_up(void **state)
{
	uint32_t leader = world_begin(3), next;

	(void)state;
	dig(THE_LEADERS_WAY_OUT, leader, HOLE);
	dig(TO_THE_LEADER, leader, HOLE);
	sim_node_crash(&w, leader);
	sim_net_drop_port(w.net, leader);
	while (sim_leader(&w) < 0 || sim_leader(&w) == (int)leader)
		sim_world_run(&w, MS);
	next = (uint32_t)sim_leader(&w);
	sim_world_run(&w, 500 * MS);
	for (uint32_t i = 0; i < 200; i++)
		propose(next, 100);
	sim_world_run(&w, SECOND);
	sim_node_start(&w, leader);
	uint64_t elections = w.elections;
	sim_world_run(&w, 4 * SECOND);
	assert_int_equal(w.elections, elections);
	assert_true(all_have(raft_last(w.node[next].node->raft)));
	sim_world_destroy(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(V27_N17_one_follower_behind_a_hole),
		cmocka_unit_test(V27_N17_all_behind_a_hole),
		cmocka_unit_test(V27_N17_the_leaders_own_way_is_a_hole),
		cmocka_unit_test(V27_N17_a_hole_below_one_entry_is_named_as_such),
		cmocka_unit_test(V27_N17_a_former_leader_behind_its_hole_catches_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
