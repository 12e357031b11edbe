/*
 * A device's queue that has grown long: what members sent stands behind what clients did, and is
 * heard before the queue is full, for then the device drops whatever comes (N14).
 */
#include "tests/sim/world.h"

#include "node/internal.h"
#include "tests/unit/test.h"

#include <string.h>

#define SECOND 1000000000ull

enum {
	CLIENT_FRAMES = 4000, /* as many as a large queue holds */
	TURNS = 12,
};

static struct sim_world w;

static void flood(uint32_t to)
{
	struct dp *dp = w.client[0].dp;
	struct dp_address address;
	uint32_t size_max;

	while (!dp_resolve(dp, 0, 0xc6120000u + 1 + to, WIRE_PORT_CLIENT, w.now_ns, &address))
		sim_world_run(&w, SECOND / 1000);
	sim_net_set_faults(w.net, &(struct sim_net_faults){0});
	for (uint32_t i = 0; i < CLIENT_FRAMES; i++) {
		uint8_t *body = dp_begin_client(dp, &address, &size_max);

		assert_non_null(body);
		memset(body, 0, 64);
		dp_end(dp, WIRE_HELLO, 64);
		dp_flush(dp);
	}
}

static void N14_V37_a_long_queue_is_drained_for_members(void **state)
{
	const struct dp_counters *heard;
	uint64_t before, delivered;
	struct node *leader;
	uint32_t to;

	(void)state;
	sim_world_create(&w, 14, 3, 1);
	while (sim_leader(&w) < 0 || !sim_all_formed(&w))
		sim_world_run(&w, SECOND / 1000);
	sim_world_run(&w, SECOND);
	w.resting = true;
	to = (uint32_t)(sim_leader(&w) + 1) % 3;
	flood(to);
	leader = w.node[sim_leader(&w)].node;
	heard = dp_get_counters(w.node[to].node->dp);
	before = heard->rx_peer;
	delivered = sim_net_delivered(w.net);
	w.now_ns += leader->options.heartbeat_us * 1000;
	sim_net_time(w.net, w.now_ns);
	assert_int_equal(node_poll(leader, w.now_ns), 0);
	for (uint32_t i = 0; i < TURNS && heard->rx_peer == before; i++)
		assert_int_equal(node_poll(w.node[to].node, w.now_ns), 0);
	assert_true(heard->rx_peer > before);
	assert_true(sim_net_delivered(w.net) - delivered > CLIENT_FRAMES);
	sim_world_destroy(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(N14_V37_a_long_queue_is_drained_for_members),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
