/*
 * What a member shows a client that comes: a session begins with it, and it is older than sessions
 * that were forgotten if it is not of the newest that is committed (kv/session.h, ADR 1).
 */
#include "tests/sim/world.h"

#include "kv/command.h"
#include "node/internal.h"

#include "tests/unit/test.h"

#include <inttypes.h>
#include <stdio.h>

#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)

enum { NODES = 3, PUTS = 300 };

static struct sim_world w;

static void world_begin(uint64_t seed)
{
	sim_world_create(&w, seed, NODES, 1);
	w.resting = true;
	while (sim_leader(&w) < 0 || !sim_all_formed(&w))
		sim_world_run(&w, MS);
}

static struct client *client_new(uint32_t target)
{
	struct sim_client *c = &w.client[0];

	client_destroy(c->client);
	assert_int_equal(client_create(&c->client, 1 + w.now_ns), 0);
	c->target = target;
	return c->client;
}

static void wait_for(struct client *c)
{
	while (client_get_state(c) == CLIENT_WAITING)
		sim_world_run(&w, MS / 10);
	assert_int_equal(client_get_state(c), CLIENT_DONE);
}

/* Commands, of one session each. */
static void puts_through(uint32_t target)
{
	struct client *c = client_new(target);
	uint8_t data[128];

	for (uint64_t i = 0; i < PUTS; i++) {
		const struct kv_request request = {
			.operation = KV_PUT,
			.flags = KV_ONE_SHOT,
			.session = w.now_ns,
			.session_base = raft_commit(w.node[target].node->raft),
			.sequence = 1,
			.key = {(const uint8_t *)"k", 1},
			.value = {(const uint8_t *)"v", 1},
		};

		kv_request_encode(&request, data);
		client_request(c, WIRE_COMMAND, data, (uint32_t)kv_request_size(&request), w.now_ns,
			       3 * SECOND);
		wait_for(c);
		assert_int_equal(client_status(c), WIRE_OK);
	}
}

static raft_index shown(uint32_t i)
{
	struct client *c = client_new(i);

	client_hello(c, w.now_ns, 20 * MS);
	while (client_get_state(c) == CLIENT_WAITING)
		sim_world_run(&w, MS / 10);
	return client_get_state(c) == CLIENT_DONE ? client_welcome(c)->commit_index : 0;
}

/* Asked again and again, until it shows something. */
static void shows_nothing_older_than(uint32_t i, raft_index committed)
{
	uint64_t until_ns = w.now_ns + 10 * SECOND;
	raft_index index;

	while ((index = shown(i)) == 0)
		assert_true(w.now_ns < until_ns);
	printf("shown %" PRIu64 " of %" PRIu64 ", committed here %" PRIu64 "\n", index, committed,
	       raft_commit(w.node[i].node->raft));
	assert_true(index >= committed);
}

static void V10_a_member_that_replays_shows_what_its_leader_told(void **state)
{
	uint32_t leader, i;

	(void)state;
	world_begin(7);
	leader = (uint32_t)sim_leader(&w);
	i = (leader + 1) % NODES;
	puts_through(leader);
	sim_node_crash(&w, i);
	puts_through(leader);
	sim_node_start(&w, i);
	shows_nothing_older_than(i, raft_commit(w.node[leader].node->raft));
	sim_world_destroy(&w);
}

/* Also not the one that led, and has not heard of it yet. */
static void V10_a_member_that_was_cut_off_shows_nothing_old(void **state)
{
	(void)state;
	for (uint32_t who = 0; who < 2; who++) {
		uint32_t leader, i;

		world_begin(8 + who);
		leader = (uint32_t)sim_leader(&w);
		i = (leader + who) % NODES;
		sim_net_cut_off(w.net, i, NODES);
		sim_world_run(&w, 2 * SECOND);
		leader = (uint32_t)sim_leader(&w);
		assert_int_not_equal(leader, i);
		puts_through(leader);
		assert_int_equal(shown(i), 0);
		sim_net_heal(w.net);
		shows_nothing_older_than(i, raft_commit(w.node[leader].node->raft));
		sim_world_destroy(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(V10_a_member_that_replays_shows_what_its_leader_told),
		cmocka_unit_test(V10_a_member_that_was_cut_off_shows_nothing_old),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
