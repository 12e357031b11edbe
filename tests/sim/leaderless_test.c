/*
 * A member without a leader, in the simulated world: what comes waits while the others elect one,
 * and no longer; who led and lost its majority keeps nobody waiting.
 */
#include "tests/sim/world.h"

#include "kv/command.h"
#include "node/internal.h"
#include "serve/serve.h"
#include "tests/unit/test.h"

#include <string.h>

#define MS 1000000ull
#define SECOND (1000 * MS)

/* As the world's nodes are configured; and some packets and turns. */
#define ELECTION_NS_MIN (150 * MS)
#define ELECTION_NS_MAX (300 * MS)
#define AT_ONCE_NS (5 * MS)

static struct sim_world w;
static struct client *client;
static uint64_t sequence;

static uint32_t world_begin(uint64_t seed)
{
	sim_world_create(&w, seed, 3, 1);
	client = w.client[0].client;
	w.resting = true;
	sequence = 0;
	while (sim_leader(&w) < 0 || !sim_all_formed(&w))
		sim_world_run(&w, MS);
	sim_world_run(&w, SECOND);
	return (uint32_t)sim_leader(&w);
}

/* A put or a get; it is given up by its client after so long. */
static void ask(uint32_t target, bool put, uint64_t timeout_ns)
{
	static uint8_t bytes[256];
	struct kv_request request = {
		.operation = put ? KV_PUT : KV_RANGE,
		.session = 77,
		.sequence = ++sequence,
		.key = {.data = (const uint8_t *)"by hand", .size = 7},
	};

	if (!put)
		request.session = request.sequence = 0;
	w.client[0].target = target;
	kv_request_encode(&request, bytes);
	client_request(client, put ? WIRE_COMMAND : WIRE_QUERY, bytes,
		       (uint32_t)kv_request_size(&request), w.now_ns, timeout_ns);
}

/* The status that its client has in the end, within ns. */
static enum wire_status heard(uint64_t ns)
{
	uint64_t end_ns = w.now_ns + ns;

	while (client_get_state(client) == CLIENT_WAITING) {
		assert_true(w.now_ns < end_ns);
		sim_world_run(&w, 10000);
	}
	assert_int_equal(client_get_state(client), CLIENT_DONE);
	return client_status(client);
}

static const struct serve_counters *counters(uint32_t i)
{
	return serve_get_counters(w.node[i].node->serve);
}

/* It refuses this request, at once: its client, who comes again, has not heard the last of it. */
static void refused_at_once(uint32_t target, bool put)
{
	const uint64_t answers = counters(target)->answers, began = w.now_ns;

	ask(target, put, 3 * SECOND);
	while (counters(target)->answers == answers) {
		assert_true(w.now_ns - began < AT_ONCE_NS);
		sim_world_run(&w, 10000);
	}
	assert_int_equal(serve_open_count(w.node[target].node->serve), 0);
	/* It comes again, and again, but not for ever. */
	assert_int_equal(heard(3 * SECOND + 100 * MS), WIRE_NO_LEADER);
	assert_true(counters(target)->answers > answers + 2);
}

static void D19_a_leader_that_lost_its_majority_keeps_nobody_waiting(void **state)
{
	const uint32_t old = world_begin(11);

	(void)state;
	ask(old, true, SECOND);
	assert_int_equal(heard(SECOND), WIRE_OK);
	sim_net_cut_off(w.net, old, 3);
	/* It is in the log of one who does not know yet: it may come to be. */
	ask(old, true, 10 * SECOND);
	while (serve_pending_count(w.node[old].node->serve) == 0)
		sim_world_run(&w, 10000);
	assert_int_equal(raft_get_role(w.node[old].node->raft), RAFT_LEADER);
	assert_int_equal(heard(ELECTION_NS_MIN + 100 * MS), WIRE_TIMEOUT);
	assert_int_not_equal(raft_get_role(w.node[old].node->raft), RAFT_LEADER);
	refused_at_once(old, true);
	refused_at_once(old, false);
	/* Whoever asks a moment too early gets it done. */
	ask(old, true, 3 * SECOND);
	sim_world_run(&w, 100 * MS);
	sim_net_heal(w.net);
	assert_int_equal(heard(2 * SECOND), WIRE_OK);
	sim_world_destroy(&w);
}

static void D19_a_follower_that_is_cut_off_waits_for_two_elections(void **state)
{
	const uint32_t old = world_begin(12), cut = (old + 1) % 3;
	uint64_t began;

	(void)state;
	ask(cut, true, SECOND);
	assert_int_equal(heard(SECOND), WIRE_OK);
	sim_net_cut_off(w.net, cut, 3);
	while (raft_leader(w.node[cut].node->raft))
		sim_world_run(&w, MS);
	began = w.now_ns;
	const uint64_t answers = counters(cut)->answers;

	ask(cut, true, 3 * SECOND);
	while (counters(cut)->answers == answers)
		sim_world_run(&w, 100000);
	assert_true(w.now_ns - began >= 2 * ELECTION_NS_MAX - AT_ONCE_NS);
	assert_true(w.now_ns - began <= 2 * ELECTION_NS_MAX + AT_ONCE_NS);
	sim_net_heal(w.net);
	assert_int_equal(heard(3 * SECOND), WIRE_OK);
	sim_net_cut_off(w.net, cut, 3);
	sim_world_run(&w, 4 * ELECTION_NS_MAX);
	refused_at_once(cut, true);
	refused_at_once(cut, false);
	sim_world_destroy(&w);
}

/* The leader is gone: who is left takes what comes, and keeps it until one of them leads. */
static void D19_an_election_is_waited_for(void **state)
{
	(void)state;
	for (uint64_t seed = 13; seed < 17; seed++) {
		const uint32_t old = world_begin(seed), left = (old + 1) % 3;

		ask(left, true, SECOND);
		assert_int_equal(heard(SECOND), WIRE_OK);
		sim_node_crash(&w, old);
		while (raft_leader(w.node[left].node->raft))
			sim_world_run(&w, MS / 10);
		ask(left, true, 3 * SECOND);
		assert_int_equal(heard(2 * ELECTION_NS_MAX), WIRE_OK);
		assert_int_equal(counters(left)->commands_failed, 0);
		sim_world_destroy(&w);
	}
}

/* A start reads its log before it turns, and some of it in its first turn. */
static void D19_a_long_start_is_no_time_without_a_leader(void **state)
{
	(void)state;
	world_begin(17);
	for (uint32_t i = 0; i < 3; i++)
		sim_node_crash(&w, i);
	sim_node_start(&w, 0);
	sim_node_start(&w, 1);
	w.now_ns += 10 * SECOND;
	while (!w.node[0].node->raft)
		sim_world_run(&w, 1000);
	assert_int_equal(w.node[0].node->counters.turns, 1);
	w.now_ns += 10 * SECOND;
	ask(0, true, 3 * SECOND);
	assert_int_equal(heard(3 * SECOND), WIRE_OK);
	assert_int_equal(counters(0)->commands_failed, 0);
	sim_world_destroy(&w);
}

/* Nor is it one that the members took to agree on a cluster. */
static void D19_a_cluster_that_was_formed_late_has_time_to_elect(void **state)
{
	(void)state;
	sim_world_create(&w, 18, 3, 1);
	client = w.client[0].client;
	w.resting = true;
	sequence = 0;
	sim_node_crash(&w, 2);
	sim_world_run(&w, 10 * SECOND);
	sim_node_start(&w, 2);
	while (!w.node[0].node->raft)
		sim_world_run(&w, MS / 10);
	assert_int_equal(raft_leader(w.node[0].node->raft), 0);
	ask(0, true, 3 * SECOND);
	assert_int_equal(heard(3 * SECOND), WIRE_OK);
	assert_int_equal(counters(0)->commands_failed, 0);
	sim_world_destroy(&w);
}

/* R46: another leads, and this member, which cannot say a word, is sent nothing of that. */
static void R46_a_member_that_hangs_in_an_old_term_keeps_nobody_waiting(void **state)
{
	const uint32_t old = world_begin(19);
	const uint64_t stall_ns = w.node[old].node->disk_stall_ns;

	(void)state;
	ask(old, true, SECOND);
	assert_int_equal(heard(SECOND), WIRE_OK);
	w.node[old].disk_hangs = true;
	/* The others go on without its disk, and it leads until that takes too long. */
	ask(old, true, 3 * SECOND);
	assert_int_equal(heard(AT_ONCE_NS), WIRE_OK);
	sim_world_run(&w, stall_ns + 50 * MS);
	assert_int_not_equal(sim_leader(&w), old);
	assert_int_not_equal(raft_leader(w.node[old].node->raft), 0);
	refused_at_once(old, true);
	refused_at_once(old, false);
	w.node[old].disk_hangs = false;
	sim_world_run(&w, 100 * MS);
	ask(old, true, SECOND);
	assert_int_equal(heard(SECOND), WIRE_OK);
	sim_world_destroy(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(D19_a_leader_that_lost_its_majority_keeps_nobody_waiting),
		cmocka_unit_test(D19_a_follower_that_is_cut_off_waits_for_two_elections),
		cmocka_unit_test(D19_an_election_is_waited_for),
		cmocka_unit_test(R46_a_member_that_hangs_in_an_old_term_keeps_nobody_waiting),
		cmocka_unit_test(D19_a_long_start_is_no_time_without_a_leader),
		cmocka_unit_test(D19_a_cluster_that_was_formed_late_has_time_to_elect),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
