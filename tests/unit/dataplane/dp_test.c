/*
 * The dataplane as the node sees it: what is handed up and what is refused and why, what is sent
 * and when not. Every test ends with each frame back in its pool (N7).
 */
#include "dataplane/dp.h"
#include "tests/unit/dataplane/dp_world.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <string.h>

static void a_good_packet_of_a_peer_is_handed_up(void **state)
{
	struct world *w = *state;
	struct peer_packet p = world_peer_packet();
	struct dp_peer_state s;
	assert_int_equal(world_offer(w, &p), 1);
	assert_true(w->datagram[0].from_peer);
	assert_int_equal(w->datagram[0].peer, 0);
	assert_int_equal(w->datagram[0].envelope.type, WIRE_READ);
	assert_int_equal(w->datagram[0].envelope.body_size, 16);
	dp_get_peer(w->dp, 0, &s);
	assert_int_equal(s.start, 0); /* that is for others to say */
	assert_true(w->datagram[0].other_start);
	assert_int_equal(s.heard_ns, w->now);
	assert_int_equal(s.rx_packets, 1);
	for (int i = 0; i < DP_SAID_COUNT; i++)
		assert_int_equal(s.said[i], HEARSAY_NOTHING);
	assert_int_equal(dp_get_counters(w->dp)->rx_peer, 1);
}

static void refused(struct world *w, const struct peer_packet *p, enum dp_drop cause)
{
	uint64_t before = world_drops(w, cause);
	assert_int_equal(world_offer(w, p), 0);
	if (world_drops(w, cause) != before + 1)
		fail_msg("not counted as %s", dp_drop_name(cause));
}

static void N9_N10_each_false_envelope_has_its_cause(void **state)
{
	struct world *w = *state;
	struct peer_packet p = world_peer_packet();
	p.envelope.cluster_id++;
	refused(w, &p, DP_DROP_CLUSTER);
	p = world_peer_packet();
	p.envelope.cluster_id = 0; /* a member knows its cluster */
	refused(w, &p, DP_DROP_CLUSTER);
	p = world_peer_packet();
	p.envelope.source_id = 99;
	refused(w, &p, DP_DROP_UNKNOWN_PEER);
	p.envelope.source_id = 0;
	refused(w, &p, DP_DROP_UNKNOWN_PEER);
	p.envelope.source_id = 1; /* ourselves: N11 */
	refused(w, &p, DP_DROP_UNKNOWN_PEER);
	p = world_peer_packet();
	p.udp.source = PEER_2;
	refused(w, &p, DP_DROP_PEER_ADDRESS);
	p = world_peer_packet();
	p.udp.source_port = 40000;
	refused(w, &p, DP_DROP_PEER_ADDRESS);
	p = world_peer_packet();
	p.envelope.source_identity = 0;
	refused(w, &p, DP_DROP_IDENTITY);
	p = world_peer_packet();
	p.envelope.type = WIRE_HELLO; /* a client's, on the peer port */
	p.envelope.body_size = 64;
	refused(w, &p, DP_DROP_CLASS);
	p = world_client_packet();
	p.envelope.type = WIRE_READ; /* a peer's, on the client port */
	p.envelope.body_size = 16;
	refused(w, &p, DP_DROP_CLASS);
	p = world_client_packet();
	p.envelope.cluster_id = CLUSTER + 1;
	refused(w, &p, DP_DROP_CLUSTER);
}

/* The payload is spoiled after the envelope was written. */
static void spoiled(struct world *w, size_t at, uint8_t value, size_t cut, enum dp_drop cause)
{
	struct peer_packet p = world_peer_packet();
	uint8_t payload[WIRE_ENVELOPE_SIZE + 16] = {0};
	uint64_t before = world_drops(w, cause);
	struct frame f;
	wire_envelope_encode(&p.envelope, payload);
	payload[at] = value;
	frame_udp(&f, &p.udp, payload, sizeof(payload) - cut);
	world_send(w, &f);
	world_turn(w, 0);
	assert_int_equal(w->count, 0);
	assert_int_equal(world_drops(w, cause), before + 1);
}

static void N10_unreadable_envelopes(void **state)
{
	struct world *w = *state;
	spoiled(w, 0, 'X', 0, DP_DROP_ENVELOPE);   /* magic */
	spoiled(w, 5, 9, 0, DP_DROP_VERSION);      /* readable from version 9 on */
	spoiled(w, 8, 17, 0, DP_DROP_ENVELOPE);    /* one byte more than there is */
	spoiled(w, 0, 'Q', 1, DP_DROP_ENVELOPE);   /* one byte less */
	spoiled(w, 0, 'Q', 17, DP_DROP_ENVELOPE);  /* not even an envelope */
	spoiled(w, 0, 'Q', 104, DP_DROP_ENVELOPE); /* an empty datagram */
}

static void N10_a_packet_of_an_older_start_is_refused(void **state)
{
	struct world *w = *state;
	struct peer_packet p = world_peer_packet();
	dp_peer_start_set(w->dp, 0, world_start(7));
	assert_int_equal(world_offer(w, &p), 1);
	assert_false(w->datagram[0].other_start);
	p.envelope.source_start = world_start(6);
	refused(w, &p, DP_DROP_START);
	p.envelope.source_start = world_start(7) + 1; /* V15: another one of the same count */
	refused(w, &p, DP_DROP_START);
	/* A later one shuts nobody out before who knows says that it is one (V35). */
	p.envelope.source_start = world_start(8);
	assert_int_equal(world_offer(w, &p), 1);
	assert_true(w->datagram[0].other_start);
	p.envelope.source_start = world_start(7);
	assert_int_equal(world_offer(w, &p), 1);
	dp_peer_start_set(w->dp, 0, world_start(8));
	p.envelope.source_start = world_start(7);
	refused(w, &p, DP_DROP_START);
	/* But whoever was rolled back must learn it. */
	p.envelope.type = WIRE_START;
	p.envelope.body_size = 8;
	assert_int_equal(world_offer(w, &p), 1);
	p.envelope.type = WIRE_READ;
	p.envelope.body_size = 16;
	refused(w, &p, DP_DROP_START);
	p.envelope.source_start = world_start(8);
	assert_int_equal(world_offer(w, &p), 1);
	/* Nobody starts so often unheard: one bad frame must not shut out all that are good. */
	p.envelope.source_start = world_start(9 + RAFT_STARTS_UNHEARD_MAX);
	refused(w, &p, DP_DROP_START);
	p.envelope.source_start = world_start(8);
	assert_int_equal(world_offer(w, &p), 1);
}

/* Known from the member's own marks when it was started. */
static void N10_a_start_that_was_known_before_counts(void **state)
{
	struct world *w = *state;
	struct peer_packet p = world_peer_packet();
	const struct dp_peer known = {2, PEER_IDENTITY, world_start(9), PEER, WIRE_PORT_PEER, 0};
	assert_int_equal(dp_peer_set(w->dp, 0, &known), 0);
	refused(w, &p, DP_DROP_START);
	p.envelope.source_start = world_start(9);
	assert_int_equal(world_offer(w, &p), 1);
}

static void D9b_a_member_speaks_from_its_own_directory(void **state)
{
	struct world *w = *state;
	struct peer_packet p = world_peer_packet();
	struct dp_peer peer = {2, 0x4444, 0, PEER, WIRE_PORT_PEER, 0};
	struct dp_peer_state s;
	assert_int_equal(dp_peer_set(w->dp, 0, &peer), 0);
	refused(w, &p, DP_DROP_IDENTITY);
	dp_get_peer(w->dp, 0, &s);
	assert_int_equal(s.heard_ns, 0);
	p.envelope.source_identity = 0x4444;
	assert_int_equal(world_offer(w, &p), 1);
	/* Set again as it is: its starts go on. */
	dp_peer_start_set(w->dp, 0, world_start(7));
	assert_int_equal(dp_peer_set(w->dp, 0, &peer), 0);
	p.envelope.source_start = world_start(6);
	refused(w, &p, DP_DROP_START);
	/* Another directory counts from one. */
	peer.identity = 0x5555;
	assert_int_equal(dp_peer_set(w->dp, 0, &peer), 0);
	p.envelope.source_identity = 0x5555;
	p.envelope.source_start = world_start(1);
	assert_int_equal(world_offer(w, &p), 1);
}

static void D9b_before_a_cluster_is_formed_a_peer_is_known_by_its_address(void **state)
{
	struct world *w = *state;
	struct peer_packet p = world_peer_packet();
	const struct dp_self nobody = {.identity = OUR_IDENTITY, .start = world_start(1)};
	const struct dp_peer unknown = {0, 0, 0, PEER, WIRE_PORT_PEER, 0};
	struct dp_peer_state s;
	dp_self_set(w->dp, &nobody);
	assert_int_equal(dp_peer_set(w->dp, 0, &unknown), 0);
	refused(w, &p, DP_DROP_UNKNOWN_PEER);
	p.envelope.type = WIRE_FORMATION;
	p.envelope.body_size = 40;
	assert_int_equal(world_offer(w, &p), 1);
	assert_int_equal(w->datagram[0].peer, 0);
	assert_int_equal(w->datagram[0].envelope.source_identity, PEER_IDENTITY);
	p.envelope.source_id = 0; /* as one sends it that is not formed either */
	p.envelope.cluster_id = 0;
	assert_int_equal(world_offer(w, &p), 1);
	p.envelope.source_identity = 0;
	refused(w, &p, DP_DROP_IDENTITY);
	p.envelope.source_identity = PEER_IDENTITY;
	p.udp.source_port = 40000;
	refused(w, &p, DP_DROP_PEER_ADDRESS);
	dp_get_peer(w->dp, 0, &s);
	assert_true(s.heard_ns > 0);
	/* Formed, and it comes with a new directory: handed up, and no sign of life of ours. */
	const struct dp_self formed = {CLUSTER, 1, OUR_IDENTITY, world_start(1)};
	const struct dp_peer known = {2, 0x7777, 0, PEER, WIRE_PORT_PEER, 0};
	dp_self_set(w->dp, &formed);
	assert_int_equal(dp_peer_set(w->dp, 0, &known), 0);
	p.udp.source_port = WIRE_PORT_PEER;
	assert_int_equal(world_offer(w, &p), 1);
	dp_get_peer(w->dp, 0, &s);
	assert_int_equal(s.heard_ns, 0);
}

static void a_peer_is_taken_on_and_let_go_while_running(void **state)
{
	struct world *w = *state;
	struct peer_packet p = world_peer_packet();
	struct dp_peer peer = {2, PEER_IDENTITY, 0, PEER, WIRE_PORT_PEER, 0};
	uint32_t size_max;
	assert_int_equal(world_offer(w, &p), 1);
	dp_peer_unset(w->dp, 0);
	refused(w, &p, DP_DROP_UNKNOWN_PEER);
	p.envelope.type = WIRE_FORMATION;
	p.envelope.body_size = 40;
	refused(w, &p, DP_DROP_PEER_ADDRESS);
	assert_null(dp_begin_peer(w->dp, 0, &size_max));
	p = world_peer_packet();
	assert_int_equal(dp_peer_set(w->dp, 0, &peer), 0);
	assert_int_equal(world_offer(w, &p), 1);
	peer.port = 9;
	assert_int_equal(dp_peer_set(w->dp, 0, &peer), -EINVAL);
	peer.port = 0;
	peer.member_id = 1; /* ourselves */
	assert_int_equal(dp_peer_set(w->dp, 0, &peer), -EINVAL);
}

static void D9b_a_packet_for_who_we_were_is_refused(void **state)
{
	struct world *w = *state;
	struct peer_packet p = world_peer_packet();
	p.envelope.destination_identity = OUR_IDENTITY + 1;
	refused(w, &p, DP_DROP_MISADDRESSED);
	p.envelope.destination_identity = 0; /* says nothing either way */
	assert_int_equal(world_offer(w, &p), 1);
	p.envelope.destination_identity = OUR_IDENTITY;
	assert_int_equal(world_offer(w, &p), 1);
}

static void a_client_is_answered_the_way_it_came(void **state)
{
	struct world *w = *state;
	struct peer_packet p = world_client_packet();
	struct frame f;
	uint32_t size_max;
	assert_int_equal(world_offer(w, &p), 1);
	assert_false(w->datagram[0].from_peer);
	struct dp_address from = w->datagram[0].from;
	assert_int_equal(from.address, p.udp.source);
	assert_int_equal(from.udp_port, 40000);
	uint8_t *body = dp_begin_client(w->dp, &from, &size_max);
	assert_non_null(body);
	memset(body, 0x5a, 64);
	dp_end(w->dp, WIRE_WELCOME, 64);
	dp_flush(w->dp);
	assert_true(world_take(w, &f));
	assert_memory_equal(f.data, other_mac.byte, 6);
	assert_int_equal(frame_get32(f.data + AT_IP_DESTINATION), p.udp.source);
	assert_int_equal(frame_get16(f.data + AT_UDP_DESTINATION), 40000);
	assert_int_equal(frame_get16(f.data + AT_UDP), WIRE_PORT_CLIENT);
	struct wire_envelope e;
	assert_int_equal(wire_envelope_decode(&e, f.data + AT_PAYLOAD, f.size - AT_PAYLOAD),
			 WIRE_VERDICT_GOOD);
	assert_int_equal(e.type, WIRE_WELCOME);
	assert_int_equal(e.cluster_id, CLUSTER);
	assert_int_equal(e.source_id, 1);
	assert_int_equal(f.data[AT_PAYLOAD + WIRE_ENVELOPE_SIZE], 0x5a);
}

static void a_packet_to_a_peer_names_both_ends(void **state)
{
	struct world *w = *state;
	struct wire_envelope e;
	struct frame f;
	world_resolve(w);
	assert_true(world_send_peer(w, 0));
	dp_flush(w->dp);
	assert_true(world_take(w, &f));
	assert_int_equal(wire_envelope_decode(&e, f.data + AT_PAYLOAD, f.size - AT_PAYLOAD),
			 WIRE_VERDICT_GOOD);
	assert_int_equal(e.source_identity, OUR_IDENTITY);
	assert_int_equal(e.source_start, world_start(5));
	assert_int_equal(e.destination_identity, PEER_IDENTITY);
	struct dp_peer_state s;
	dp_get_peer(w->dp, 0, &s);
	assert_int_equal(s.tx_packets, 2);
}

static void N12_an_echo_is_as_large_as_its_question(void **state)
{
	struct world *w = *state;
	struct peer_packet p = world_client_packet();
	struct frame f;
	struct frame answer;
	frame_echo(&f, &p.udp, 56);
	size_t size = f.size;
	f.size += 20; /* padding does not come back */
	world_send(w, &f);
	world_turn(w, 0);
	assert_int_equal(w->count, 0);
	assert_true(world_take(w, &answer));
	assert_int_equal(answer.size, size);
	assert_int_equal(answer.data[AT_ICMP], 0);
	assert_true(frame_ip_checksum_good(&answer));
	assert_memory_equal(answer.data, f.data + 6, 6);
	assert_memory_equal(answer.data + AT_ICMP + 4, f.data + AT_ICMP + 4, 60);
	frame_icmp_checksum(&f); /* of the question; the answer's differs by its type alone */
	struct frame expected = answer;
	frame_icmp_checksum(&expected);
	assert_memory_equal(answer.data, expected.data, answer.size);
	assert_int_equal(dp_get_counters(w->dp)->icmp_echo, 1);
}

/* No Ethernet device may send less. */
static void N12_a_small_echo_is_padded(void **state)
{
	static const uint8_t zeros[60];
	struct world *w = *state;
	struct peer_packet p = world_client_packet();
	struct frame f, answer;
	size_t size;

	frame_echo(&f, &p.udp, 8);
	size = f.size;
	assert_true(size < sizeof(zeros));
	memset(f.data + size, 0xee, sizeof(zeros) - size); /* may be somebody's secret */
	for (f.size = size; f.size <= sizeof(zeros); f.size += sizeof(zeros) - size) {
		world_send(w, &f);
		world_turn(w, 0);
		assert_true(world_take(w, &answer));
		assert_int_equal(answer.size, sizeof(zeros));
		assert_memory_equal(answer.data + size, zeros, sizeof(zeros) - size);
		assert_memory_equal(answer.data + AT_ICMP + 4, f.data + AT_ICMP + 4, 4 + 8);
	}
}

static void N6_echoes_are_rate_limited(void **state)
{
	struct world *w = *state;
	struct peer_packet p = world_client_packet();
	struct frame f;
	uint32_t answered = 0;
	frame_echo(&f, &p.udp, 8);
	for (int i = 0; i < 500; i++) {
		world_send(w, &f);
		world_turn(w, MS / 5);
		answered += world_take_all(w);
	}
	assert_in_range(answered, 32, 32 + 11);
	assert_int_equal(world_drops(w, DP_DROP_RATE_LIMIT), 500 - answered);
}

static void N14_answers_need_no_buffer(void **state)
{
	struct world *w = *state;
	struct peer_packet p = world_client_packet();
	struct frame f;
	fake_link_budget_set(w->link, 0);
	frame_echo(&f, &p.udp, 8);
	world_send(w, &f);
	world_turn(w, 0);
	assert_int_equal(world_take_all(w), 1);
}

static void an_empty_pool_is_counted(void **state)
{
	struct world *w = *state;
	world_resolve(w);
	fake_link_budget_set(w->link, 1);
	assert_true(world_send_peer(w, 0));
	assert_false(world_send_peer(w, 0));
	assert_int_equal(world_drops(w, DP_DROP_TX_POOL), 1);
	fake_link_budget_set(w->link, 1);
	assert_true(world_send_peer(w, 0));
}

static void a_packet_that_is_not_wanted_after_all_is_dropped(void **state)
{
	struct world *w = *state;
	uint32_t size_max;
	world_resolve(w);
	assert_non_null(dp_begin_peer(w->dp, 0, &size_max));
	dp_end(w->dp, WIRE_READ, 0);
	dp_flush(w->dp);
	assert_int_equal(world_take_all(w), 0);
	assert_int_equal(fake_net_taken(w->net), 0);
}

static void N17_no_packet_exceeds_the_mtu(void **state)
{
	struct world *w = *state;
	struct frame f;
	uint32_t size_max;
	world_resolve(w);
	uint8_t *body = dp_begin_peer(w->dp, 0, &size_max);
	assert_non_null(body);
	assert_int_equal(size_max, 1500 - 28 - WIRE_ENVELOPE_SIZE);
	memset(body, 1, size_max);
	dp_end(w->dp, WIRE_APPEND, size_max);
	dp_flush(w->dp);
	assert_true(world_take(w, &f));
	assert_int_equal(f.size, 1514);
	assert_true(frame_udp_checksum_good(&f));
}

static void N18_a_link_that_is_down_is_said_and_recovered_from(void **state)
{
	struct world *w = *state;
	struct link_counters c;
	const char *name;
	bool up;
	world_resolve(w);
	fake_link_up_set(w->link, false);
	world_turn(w, 0);
	assert_false(world_send_peer(w, 0));
	assert_int_equal(world_drops(w, DP_DROP_TX_UNRESOLVED), 2);
	assert_true(dp_deadline(w->dp) <= w->now + 5 * MS);
	dp_get_link(w->dp, 0, &up, &c, &name);
	assert_false(up);
	assert_int_equal(c.link_changes, 1);
	assert_string_equal(name, "fake");
	fake_link_up_set(w->link, true);
	assert_true(world_send_peer(w, 0));
}

static void frames_leave_when_flushed_or_when_a_burst_is_full(void **state)
{
	struct world *w = *state;
	world_resolve(w);
	for (int i = 0; i < LINK_BURST_MAX; i++) {
		assert_int_equal(world_take_all(w), 0);
		assert_true(world_send_peer(w, 0));
	}
	assert_int_equal(world_take_all(w), LINK_BURST_MAX);
	assert_true(world_send_peer(w, 0));
	assert_int_equal(world_take_all(w), 0);
	dp_flush(w->dp);
	assert_int_equal(world_take_all(w), 1);
}

static void a_flood_is_taken_in_bursts_and_released(void **state)
{
	struct world *w = *state;
	struct peer_packet p = world_client_packet();
	uint32_t sum = 0;
	for (int i = 0; i < 100; i++)
		world_send_packet(w, &p);
	for (int turn = 0; turn < 4; turn++) {
		world_turn(w, 1000);
		assert_true(w->count <= DP_RECEIVE_MAX);
		assert_int_equal(fake_net_taken(w->net), w->count); /* those before are back */
		sum += w->count;
	}
	assert_int_equal(sum, 100);
	dp_release(w->dp);
	assert_int_equal(fake_net_taken(w->net), 0);
}

static void bad_options_are_refused(void **state)
{
	struct world *w = *state;
	struct dp *dp;
	struct dp_options o = {.link = {w->hands},
			       .link_count = 1,
			       .address = OURS,
			       .prefix = 24,
			       .udp_client = 2379,
			       .udp_peer = 2380,
			       .self = {.member_id = 1},
			       .peer = {{2, PEER_IDENTITY, 0, PEER, 2380, 0}},
			       .peer_count = 1};
	struct dp_options bad = o;
	bad.link_count = 0;
	assert_int_equal(dp_create(&dp, &bad), -EINVAL);
	bad = o;
	bad.peer[0].address = FAR; /* beyond the subnet, and no gateway */
	assert_int_equal(dp_create(&dp, &bad), -EINVAL);
	bad = o;
	bad.peer[0].member_id = 1;
	assert_int_equal(dp_create(&dp, &bad), -EINVAL);
	bad = o;
	bad.peer[0].port = 1;
	assert_int_equal(dp_create(&dp, &bad), -EINVAL);
	bad = o;
	bad.udp_peer = 2379;
	assert_int_equal(dp_create(&dp, &bad), -EINVAL);
	bad = o;
	bad.prefix = 33;
	assert_int_equal(dp_create(&dp, &bad), -EINVAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_good_packet_of_a_peer_is_handed_up),
		TEST(N9_N10_each_false_envelope_has_its_cause),
		TEST(N10_unreadable_envelopes),
		TEST(N10_a_packet_of_an_older_start_is_refused),
		TEST(N10_a_start_that_was_known_before_counts),
		TEST(D9b_a_member_speaks_from_its_own_directory),
		TEST(D9b_before_a_cluster_is_formed_a_peer_is_known_by_its_address),
		TEST(a_peer_is_taken_on_and_let_go_while_running),
		TEST(D9b_a_packet_for_who_we_were_is_refused),
		TEST(a_client_is_answered_the_way_it_came),
		TEST(a_packet_to_a_peer_names_both_ends),
		TEST(N12_an_echo_is_as_large_as_its_question),
		TEST(N12_a_small_echo_is_padded),
		TEST(N6_echoes_are_rate_limited),
		TEST(N14_answers_need_no_buffer),
		TEST(an_empty_pool_is_counted),
		TEST(a_packet_that_is_not_wanted_after_all_is_dropped),
		TEST(N17_no_packet_exceeds_the_mtu),
		TEST(N18_a_link_that_is_down_is_said_and_recovered_from),
		TEST(frames_leave_when_flushed_or_when_a_burst_is_full),
		TEST(a_flood_is_taken_in_bursts_and_released),
		TEST(bad_options_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
