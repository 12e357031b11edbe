/*
 * A directory that waits to join a cluster: how often it asks, and how soon it is let in (D16).
 */
#include "tests/sim/members.h"

#include "node/internal.h"

#include "tests/unit/test.h"

#include <string.h>

#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)

static struct sim_world w;

static void hear(uint32_t i, const struct wire_members *m, uint32_t from)
{
	static uint8_t body[WIRE_MEMBERS_SIZE_MAX];
	struct node *n = w.node[i].node;
	struct dp_datagram d = {.from_peer = true, .body = body};

	d.envelope.body_size = (uint16_t)wire_members_encode(m, body);
	for (uint32_t k = 0; k < DP_PEERS_MAX; k++) {
		if (n->peer[k].at.address == (uint32_t)(sim_host_place(from) >> 16))
			d.peer = k;
	}
	d.envelope.source_identity = n->peer[d.peer].at.identity;
	node_join_receive(n, &d);
}

static uint64_t asked(uint32_t i)
{
	return dp_get_counters(w.node[i].node->dp)->tx_peer;
}

/* Until it is of the cluster. */
static uint64_t joined_ms(uint32_t i)
{
	const uint64_t began_ns = w.now_ns;

	while (w.node[i].node->id == 0) {
		assert_true(w.now_ns < began_ns + 5 * SECOND);
		sim_world_run(&w, MS);
	}
	return (w.now_ns - began_ns) / MS;
}

/* The others have to answer, and it may wait for days. */
static void F1_who_waits_to_join_asks_seldom_and_is_let_in_soon(void **state)
{
	(void)state;
	for (int waits = 0; waits < 2; waits++) {
		members_world_begin(&w, 301 + (uint64_t)waits, 1, 0);
		if (waits) {
			sim_node_start(&w, 3);
			sim_world_run(&w, 2 * SECOND);
			const uint64_t before = asked(3);
			sim_world_run(&w, 60 * SECOND);
			assert_in_range(asked(3) - before, 3 * 55, 3 * 61);
		}
		members_change(&w, (struct raft_change){.kind = RAFT_CHANGE_ADD,
							.place = sim_host_place(3)});
		if (!waits)
			sim_node_start(&w, 3);
		assert_in_range(joined_ms(3), 0, waits ? 1025 : 25);
		sim_world_destroy(&w);
	}
}

/* A wire that passes one way alone: those who hear it say so, and not that it was not heard. */
static void F21_who_does_not_hear_that_it_is_let_in_is_told_of(void **state)
{
	static const char says[] =
		"at 198.18.0.4:2380 waits to join, is heard, and does not hear that it is let in";

	(void)state;
	members_world_begin(&w, 307, 1, 0);
	sim_node_start(&w, 3);
	sim_world_run(&w, SECOND); /* it knows their MAC addresses */
	for (uint32_t k = 0; k < 3; k++)
		sim_net_cut(w.net, k, 3, true);
	members_change(&w,
		       (struct raft_change){.kind = RAFT_CHANGE_ADD, .place = sim_host_place(3)});
	sim_world_run(&w, 2 * SECOND);
	for (uint32_t k = 0; k < 3; k++)
		assert_false(sim_node_says(&w, k, says));
	sim_world_run(&w, 5 * SECOND);
	for (uint32_t k = 0; k < 3; k++) {
		assert_true(sim_node_says(&w, k, says));
		assert_false(sim_node_says(&w, k, "has not been heard"));
	}
	sim_net_heal(w.net);
	joined_ms(3);
	sim_world_run(&w, 4 * SECOND);
	for (uint32_t k = 0; k < 3; k++)
		assert_false(sim_node_says(&w, k, says));
	sim_world_destroy(&w);
}

/* V35: whatever comes, and however often, it asks no more often than at first. */
static void V35_who_waits_to_join_is_not_driven_to_ask(void **state)
{
	struct wire_members m = {.joined = {.cluster_id = 77, .id = 5}};
	uint64_t before;

	(void)state;
	members_world_begin(&w, 305, 1, 0);
	sim_node_start(&w, 3);
	sim_world_run(&w, 10 * SECOND);
	m.to = w.node[3].node->recovered.identity;
	m.joined.members = (struct raft_members){
		.count = 2,
		.member = {{.id = 5, .place = sim_host_place(3)},
			   {.id = 6, .identity = 1, .voter = true, .place = sim_host_place(5)}}};
	before = asked(3);
	for (uint32_t ms = 0; ms < 1000; ms++) {
		m.joined.index++;
		hear(3, &m, 0);
		sim_world_run(&w, MS);
	}
	/* Three that it is configured to ask, and one that it was told of. */
	assert_in_range(asked(3) - before, 3 * 95, 3 * 101 + 11);
	sim_world_destroy(&w);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(F1_who_waits_to_join_asks_seldom_and_is_let_in_soon),
		cmocka_unit_test(F21_who_does_not_hear_that_it_is_let_in_is_told_of),
		cmocka_unit_test(V35_who_waits_to_join_is_not_driven_to_ask),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
