/*
 * A planned stop in the simulated world: a leader hands over before it ends, its clients' requests
 * go on to whoever leads then, and nobody waits for an election timeout.
 */
#include "tests/sim/client.h"
#include "tests/sim/world.h"

#include "kv/command.h"
#include "node/internal.h"
#include "serve/internal.h"
#include "tests/unit/test.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MS 1000000ull
#define SECOND (1000 * MS)

/* As the world's nodes are configured. */
#define ELECTION_NS_MIN (150 * MS)
#define ELECTION_NS_MAX (300 * MS)
/* Two writes of the slowest disk, and a few packets; far below any timeout. */
#define HAND_OVER_NS (20 * MS)

/* In which a hand-over is looked at, and what it may cost, on average. */
#define HAND_OVER_WINDOW_NS (100 * MS)
#define HAND_OVER_COST_NS (3 * MS)

enum { CLIENTS = 4, HAND_OVERS = 5 };

static struct sim_world w;

static uint32_t world_begin(uint64_t seed, uint32_t nodes)
{
	sim_world_create(&w, seed, nodes, CLIENTS);
	while (sim_leader(&w) < 0 || !sim_all_formed(&w))
		sim_world_run(&w, MS);
	sim_world_run(&w, 500 * MS);
	return (uint32_t)sim_leader(&w);
}

/* Clients ask every node but this one. */
static void clients_leave(uint32_t node)
{
	for (uint32_t i = 1; i < CLIENTS; i++) {
		struct sim_client *c = &w.client[i];

		while (c->open)
			sim_world_run(&w, 10000);
		c->target = (node + 1 + i % (w.node_count - 1)) % w.node_count;
		client_destroy(c->client);
		assert_int_equal(client_create(&c->client, mix(i)), 0);
		client_hello(c->client, w.now_ns, SECOND);
	}
	sim_world_run(&w, 20 * MS);
}

static uint64_t timeouts(void)
{
	uint64_t sum = 0;

	for (uint32_t i = 1; i < CLIENTS; i++)
		sum += w.client[i].timeouts;
	return sum;
}

/* A put by hand through the first client, whose own are over. */
static void put(uint32_t target, uint64_t sequence)
{
	static uint8_t bytes[256];
	struct kv_request request = {
		.operation = KV_PUT,
		.session = 77,
		.sequence = sequence,
		.key = {.data = (const uint8_t *)"by hand", .size = 7},
	};
	struct sim_client *c = &w.client[0];

	kv_request_encode(&request, bytes);
	if (sequence == 1) {
		client_destroy(c->client);
		assert_int_equal(client_create(&c->client, 77), 0);
	}
	c->target = target;
	client_request(c->client, WIRE_COMMAND, bytes, (uint32_t)kv_request_size(&request),
		       w.now_ns, 3 * SECOND);
}

static void put_wait(void)
{
	while (client_get_state(w.client[0].client) == CLIENT_WAITING)
		sim_world_run(&w, 1000);
	assert_int_equal(client_get_state(w.client[0].client), CLIENT_DONE);
	assert_int_equal(client_status(w.client[0].client), WIRE_OK);
}

/* How long it took until the node had stopped; what happens in `ns` at most. */
static uint64_t stop(uint32_t i, uint64_t ns)
{
	uint64_t began = w.now_ns;

	node_stop(w.node[i].node);
	while (!node_stopped(w.node[i].node)) {
		assert_true(w.now_ns - began < ns);
		sim_world_run(&w, 10000);
	}
	return w.now_ns - began;
}

static void R45_a_stop_of_the_leader_hands_over(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 4; seed++) {
		const uint32_t old = world_begin(seed, 3);
		const raft_term term = raft_get_term(w.node[old].node->raft);
		uint64_t failed;
		int leader;

		clients_leave(old);
		failed = timeouts();
		/* One client may have asked it to the last, and is told of the stop for a while. */
		stop(old, HAND_OVER_NS + SERVE_LINGER_NS);
		leader = sim_leader(&w);
		assert_true(leader >= 0);
		assert_int_not_equal(leader, old);
		assert_int_equal(raft_get_term(w.node[leader].node->raft), term + 1);
		assert_int_equal(node_end(w.node[old].node), 0);
		sim_node_crash(&w, old);
		sim_world_run(&w, 2 * SECOND);
		/* Nobody else's request failed, and nobody stood a second time. */
		assert_int_equal(timeouts(), failed);
		assert_int_equal(sim_leader(&w), leader);
		assert_int_equal(raft_get_term(w.node[leader].node->raft), term + 1);
		sim_world_destroy(&w);
	}
}

/* It came while the leader took no commands any more: the next leader takes it. */
static void R45_what_a_stopped_leader_holds_goes_on(void **state)
{
	const uint32_t old = world_begin(5, 3);
	struct serve *serve = w.node[old].node->serve;

	(void)state;
	w.resting = true;
	sim_world_run(&w, SECOND);
	for (uint32_t i = 0; i < 3; i++)
		w.node[i].disk_ns = 5 * MS;
	put(old, 1);
	put_wait();
	assert_int_equal(raft_transfer(w.node[old].node->raft, 0), 0);
	put(old, 2);
	while (serve_pending_count(serve) == 0)
		sim_world_run(&w, 1000);
	assert_int_equal(raft_get_role(w.node[old].node->raft), RAFT_LEADER);
	assert_true(raft_get_transfer(w.node[old].node->raft));
	stop(old, ELECTION_NS_MIN);
	assert_int_not_equal(sim_leader(&w), old);
	put_wait();
	sim_world_destroy(&w);
}

/* The others are gone, and nobody knows yet. */
static void R45_a_stop_waits_no_longer_than_an_election(void **state)
{
	const uint32_t old = world_begin(6, 3);
	uint64_t took;

	(void)state;
	w.resting = true;
	sim_world_run(&w, SECOND);
	sim_node_crash(&w, (old + 1) % 3);
	sim_node_crash(&w, (old + 2) % 3);
	took = stop(old, 2 * ELECTION_NS_MAX);
	assert_true(took <= ELECTION_NS_MAX + MS);
	sim_world_destroy(&w);
}

/* The one that was to lead is cut off, and nobody knows yet: then the other one. */
static void R45_a_stop_hands_over_to_one_that_answers(void **state)
{
	const uint32_t old = world_begin(9, 3), cut = (old + 1) % 3;
	struct raft *raft = w.node[old].node->raft;

	(void)state;
	w.resting = true;
	sim_world_run(&w, SECOND);
	sim_net_cut_off(w.net, cut, 3);
	assert_int_equal(raft_transfer(raft, w.node[cut].node->id), 0);
	stop(old, ELECTION_NS_MIN + HAND_OVER_NS);
	assert_int_equal(sim_leader(&w), 3 - old - cut);
	sim_world_destroy(&w);
}

static void R45_who_has_nobody_to_hand_over_to_stops_at_once(void **state)
{
	(void)state;
	/* A follower, and a leader that knows that nobody is left; and one that is alone. */
	const uint32_t old = world_begin(7, 3);
	w.resting = true;
	sim_world_run(&w, SECOND);
	assert_true(stop((old + 1) % 3, HAND_OVER_NS) <= MS);
	sim_world_destroy(&w);
	world_begin(8, 1);
	w.resting = true;
	sim_world_run(&w, SECOND);
	assert_true(stop(0, HAND_OVER_NS) <= MS);
	sim_world_destroy(&w);
}

static uint64_t puts_answered(void)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < CLIENTS; i++)
		sum += w.client[i].puts;
	return sum;
}

/* In which no put of any client was answered, the longest of so much time. */
static uint64_t gap_in(uint64_t ns)
{
	const uint64_t end = w.now_ns + ns;
	uint64_t last_ns = w.now_ns, gap = 0, answered = puts_answered();

	while (w.now_ns < end) {
		sim_world_run(&w, 10000);
		if (w.now_ns - last_ns > gap)
			gap = w.now_ns - last_ns;
		if (puts_answered() == answered)
			continue;
		answered = puts_answered();
		last_ns = w.now_ns;
	}
	return gap;
}

/* D19: what clients see of a hand-over, beside what they see of nothing. */
static void R45_a_hand_over_costs_milliseconds(void **state)
{
	uint64_t cost_ns = 0;

	(void)state;
	for (uint64_t seed = 11; seed < 11 + HAND_OVERS; seed++) {
		const uint32_t old = world_begin(seed, 3);
		const uint64_t control = gap_in(HAND_OVER_WINDOW_NS);
		uint64_t gap;

		assert_int_equal(raft_transfer(w.node[old].node->raft, 0), 0);
		gap = gap_in(HAND_OVER_WINDOW_NS);
		assert_int_not_equal(sim_leader(&w), old);
		printf("seed %u: %u us, and %u us without a hand-over\n", (unsigned)seed,
		       (unsigned)(gap / 1000), (unsigned)(control / 1000));
		cost_ns += gap > control ? gap - control : 0;
		sim_world_destroy(&w);
	}
	assert_true(cost_ns / HAND_OVERS <= HAND_OVER_COST_NS);
}

/* Who leads next: by an order, by priority, because this one stops, or is to vote no more. */
static void why_a_leader_hands_over_is_told(void **state)
{
	static const char *const why[] = {"an order (move-leader)", "election-priority",
					  "this member is told to stop",
					  "this member is to vote no more"};
	char log[8192], order[64], words[128];
	static char out[16384];

	(void)state;
	for (int i = 0; i < 4; i++) {
		uint32_t old = world_begin(61 + (uint64_t)i, 3), to = (old + 1) % 3;
		struct node *n = w.node[old].node;
		raft_id id = w.node[i == 3 ? old : to].node->id;
		size_t size;

		w.resting = true;
		if (i == 1) {
			sim_node_crash(&w, to);
			w.node[to].priority = 9;
			sim_node_start(&w, to);
		} else if (i == 2) {
			node_stop(n);
		} else {
			snprintf(order, sizeof(order),
				 i ? "remove %016" PRIx64 : "move-leader %016" PRIx64, id);
			assert_int_equal(node_order(n, (const uint8_t *)order,
						    (uint32_t)strlen(order), out, sizeof(out),
						    &size),
					 SERVE_OK);
		}
		sim_node_log(&w, old, 2 * SECOND, log, sizeof(log));
		snprintf(words, sizeof(words), "why=\"%s\"", why[i]);
		if (!strstr(log, " transfer_started ") || !strstr(log, words))
			fail_msg("not %s: %s", words, log);
		snprintf(words, sizeof(words), "why=\"it handed over: %s\"", why[i]);
		if (!strstr(log, words))
			fail_msg("not %s: %s", words, log);
		sim_world_destroy(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(R45_a_stop_of_the_leader_hands_over),
		cmocka_unit_test(R45_what_a_stopped_leader_holds_goes_on),
		cmocka_unit_test(R45_a_stop_waits_no_longer_than_an_election),
		cmocka_unit_test(R45_a_stop_hands_over_to_one_that_answers),
		cmocka_unit_test(R45_a_hand_over_costs_milliseconds),
		cmocka_unit_test(R45_who_has_nobody_to_hand_over_to_stops_at_once),
		cmocka_unit_test(why_a_leader_hands_over_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
