/*
 * A device's queue that has grown long: what members sent stands behind what clients did, and is
 * heard before the queue is full, for then the device drops whatever comes (N14). Whoever would
 * stand for election reads its mail first, and that is bounded (V8). Then a member that asks all
 * the time what members ask seldom (N9).
 */
#include "tests/sim/hands.h"

#include "dataplane/link.h"
#include "node/internal.h"
#include "raft/internal.h"
#include "tests/unit/dataplane/frames.h"
#include "tests/unit/test.h"

#include <string.h>

#define SECOND 1000000000ull

enum {
	CLIENT_FRAMES = 4000,            /* as many as a large queue holds */
	MAIL_MAX = 128 * LINK_BURST_MAX, /* of one port, read in one turn before an election */
	TURNS = 12,
	QUESTIONS_PER_MS = 20,
	/* In a second: 4,000, and what is heard at once; and what an idle member sends anyhow. */
	ANSWERS_MAX = 4000 + 512 + 200,
};

static struct sim_world w;

static void flood(uint32_t to, uint32_t frames)
{
	struct dp *dp = w.client[0].dp;
	struct dp_address address;
	uint32_t size_max;

	while (!dp_resolve(dp, 0, 0xc6120000u + 1 + to, WIRE_PORT_CLIENT, w.now_ns, &address))
		sim_world_run(&w, SECOND / 1000);
	sim_net_set_faults(w.net, &(struct sim_net_faults){0});
	for (uint32_t i = 0; i < frames; i++) {
		uint8_t *body = dp_begin_client(dp, &address, &size_max);

		assert_non_null(body);
		memset(body, 0, 64);
		dp_end(dp, WIRE_HELLO, 64);
		dp_flush(dp);
	}
}

/* Three that are formed and lead: a follower. */
static uint32_t begin(void)
{
	sim_world_create(&w, 14, 3, 1);
	while (sim_leader(&w) < 0 || !sim_all_formed(&w))
		sim_world_run(&w, SECOND / 1000);
	sim_world_run(&w, SECOND);
	w.resting = true;
	return (uint32_t)(sim_leader(&w) + 1) % 3;
}

static void N14_V37_a_long_queue_is_drained_for_members(void **state)
{
	const struct dp_counters *heard;
	uint64_t before, delivered;
	struct node *leader;
	uint32_t to;

	(void)state;
	to = begin();
	flood(to, CLIENT_FRAMES);
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

static void crash_others(uint32_t but)
{
	sim_node_crash(&w, (but + 1) % 3);
	sim_node_crash(&w, (but + 2) % 3);
}

/* A turn of this node, when its election is due. */
static void turn_when_due(uint32_t i)
{
	struct node *n = w.node[i].node;

	assert_true(n->raft->election_deadline_us * 1000 >= w.now_ns);
	w.now_ns = n->raft->election_deadline_us * 1000;
	sim_net_time(w.net, w.now_ns);
	assert_int_equal(node_poll(n, w.now_ns), 0);
}

/* More waits than is read in a turn: the election begins in the turn in which it is due. */
static void V8_a_flood_puts_an_election_off_by_so_many_frames(void **state)
{
	uint64_t delivered;
	struct node *n;
	raft_term term;
	uint32_t to;

	(void)state;
	to = begin();
	n = w.node[to].node;
	flood(to, MAIL_MAX + CLIENT_FRAMES);
	crash_others(to);
	term = raft_get_term(n->raft);
	delivered = sim_net_delivered(w.net);
	turn_when_due(to);
	assert_int_equal(sim_net_delivered(w.net) - delivered, MAIL_MAX);
	assert_int_equal(raft_get_role(n->raft), RAFT_PRECANDIDATE);
	assert_int_equal(raft_get_term(n->raft), term);
	sim_world_destroy(&w);
}

/*
 * Who slept finds what a leader said that is gone since. It waits for that one once more, from when
 * it woke, and no longer than any follower waits.
 */
static void V8_a_sleepers_old_mail_puts_an_election_off_by_one_timeout(void **state)
{
	uint64_t delivered;
	struct node *n;
	raft_term term;
	uint32_t to;

	(void)state;
	to = begin();
	n = w.node[to].node;
	term = raft_get_term(n->raft);
	flood(to, CLIENT_FRAMES);
	w.node[to].paused_until_ns = w.now_ns + SECOND;
	sim_world_run(&w, SECOND - 1);
	assert_int_equal(raft_get_term(n->raft), term);
	crash_others(to);
	w.now_ns += SECOND;
	sim_net_time(w.net, w.now_ns);
	assert_true(raft_election_due(n->raft, w.now_ns / 1000));
	delivered = sim_net_delivered(w.net);
	assert_int_equal(node_poll(n, w.now_ns), 0);
	assert_true(sim_net_delivered(w.net) - delivered > CLIENT_FRAMES);
	assert_int_equal(raft_get_role(n->raft), RAFT_FOLLOWER);
	assert_in_range(n->raft->election_deadline_us - w.now_ns / 1000, n->options.election_us_min,
			n->options.election_us_max);
	turn_when_due(to);
	assert_int_equal(raft_get_role(n->raft), RAFT_PRECANDIDATE);
	assert_int_equal(raft_get_term(n->raft), term);
	sim_world_destroy(&w);
}

static struct dp_counters counted(uint32_t i)
{
	return *dp_get_counters(w.node[i].node->dp);
}

/* A good one, and each is another one: none is told from what it asks for the first time. */
static size_t question(uint8_t type, uint64_t number, uint8_t *body)
{
	struct raft_message m = {.type = RAFT_MESSAGE_START, .term = 1};
	struct wire_settings settings = w.node[0].node->settings;
	uint8_t same;

	switch (type) {
	case WIRE_VOTE: /* of a term that is over: it is told so */
		m.type = RAFT_MESSAGE_VOTE;
		return wire_raft_encode(&m, body, FRAME_MAX, &same);
	case WIRE_START:
		return wire_raft_encode(&m, body, FRAME_MAX, &same);
	case WIRE_SETTINGS:
		settings.question = number;
		return wire_settings_encode(&settings, body);
	case WIRE_PATH:
		return wire_path_encode(&(struct wire_path){number, PATH_SIZE_MIN}, WIRE_PATH,
					body);
	default:
		return wire_formation_encode(
			&(struct formation_message){.say = FORMATION_SAY_HELLO}, body);
	}
}

static void ask(uint32_t from, uint32_t to, uint8_t type, uint64_t number)
{
	uint8_t payload[FRAME_MAX];
	size_t size = question(type, number, payload + WIRE_ENVELOPE_SIZE);
	const struct wire_envelope e = hands_envelope(from, to, type, size);

	wire_envelope_encode(&e, payload);
	hands_offer(from, to, WIRE_PORT_PEER, payload, WIRE_ENVELOPE_SIZE + size);
}

static uint64_t over(uint32_t i)
{
	return w.node[i].node->counters.over_seldom;
}

/* For a second; how many packets left the one that is asked. */
static uint64_t asked(uint32_t from, uint32_t to, uint8_t type)
{
	struct dp_counters before = counted(to), after;
	uint64_t over_before = over(to), number = 0;

	for (int ms = 0; ms < 1000; ms++) {
		for (int i = 0; i < QUESTIONS_PER_MS; i++)
			ask(from, to, type, ++number);
		sim_world_run(&w, SECOND / 1000);
	}
	after = counted(to);
	if (after.rx_peer - before.rx_peer < number ||
	    over(to) - over_before < number - ANSWERS_MAX)
		fail_msg("type %u: %llu of %llu came, and %llu were too many", type,
			 (unsigned long long)(after.rx_peer - before.rx_peer),
			 (unsigned long long)number, (unsigned long long)(over(to) - over_before));
	return after.tx_peer - before.tx_peer;
}

static void N9_V28_who_asks_all_the_time_is_not_heard(void **state)
{
	static const uint8_t types[] = {WIRE_VOTE, WIRE_START, WIRE_SETTINGS, WIRE_PATH,
					WIRE_FORMATION};
	uint32_t leader, member;
	uint64_t answers;

	(void)state;
	sim_world_create(&w, 15, 3, 1);
	while (sim_leader(&w) < 0 || !sim_all_formed(&w))
		sim_world_run(&w, SECOND / 1000);
	sim_world_run(&w, 3 * SECOND);
	w.resting = true;
	leader = (uint32_t)sim_leader(&w);
	member = (leader + 1) % 3;
	hands_open(&w);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(over(i), 0);
	for (size_t i = 0; i < sizeof(types); i++) {
		answers = asked(member, leader, types[i]);
		if (answers > ANSWERS_MAX)
			fail_msg("type %u: %llu answers", types[i], (unsigned long long)answers);
		assert_int_equal(sim_leader(&w), (int)leader);
	}
	hands_close();
	sim_world_destroy(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(N9_V28_who_asks_all_the_time_is_not_heard),
		cmocka_unit_test(N14_V37_a_long_queue_is_drained_for_members),
		cmocka_unit_test(V8_a_flood_puts_an_election_off_by_so_many_frames),
		cmocka_unit_test(V8_a_sleepers_old_mail_puts_an_election_off_by_one_timeout),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
