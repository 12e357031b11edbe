/*
 * Next hops in virtual time: when they are asked for, what is believed of the answers (N6), and
 * where frames go meanwhile.
 */
#include "dataplane/arp.h"
#include "dataplane/net.h"
#include "tests/unit/dataplane/dp_world.h"
#include "tests/unit/test.h"

#include <string.h>

static bool is_request_for(const struct frame *f, uint32_t address)
{
	return frame_get16(f->data + AT_TYPE) == 0x0806 &&
	       frame_get16(f->data + AT_ARP_OPERATION) == 1 &&
	       frame_get32(f->data + AT_ARP_TARGET) == address;
}

/* The MAC address that a packet to the peer goes to. */
static void goes_to(struct world *w, uint32_t peer, const struct link_mac *mac)
{
	struct frame f;
	assert_true(world_send_peer(w, peer));
	dp_flush(w->dp);
	while (world_take(w, &f))
		if (frame_get16(f.data + AT_TYPE) == 0x0800)
			break;
	assert_memory_equal(f.data, mac->byte, 6);
}

/* A packet of peer 0, from this MAC address. */
static void hear(struct world *w, const struct link_mac *mac)
{
	struct peer_packet p = world_peer_packet();
	memcpy(p.udp.source_mac, mac->byte, 6);
	assert_int_equal(world_offer(w, &p), 1);
}

static void a_peer_is_asked_for_with_back_off(void **state)
{
	struct world *w = *state;
	struct frame f;
	uint64_t start = w->now;
	uint64_t last = 0;
	uint64_t gap = 0;
	uint32_t asked = 0;

	assert_false(world_send_peer(w, 0));
	assert_int_equal(world_drops(w, DP_DROP_TX_UNRESOLVED), 1);
	for (int i = 0; i < 14000; i++) {
		world_turn(w, MS / 2);
		while (world_take(w, &f)) {
			assert_true(is_request_for(&f, PEER));
			assert_memory_equal(f.data, "\xff\xff\xff\xff\xff\xff", 6);
			assert_true(last == 0 || w->now - last >= gap); /* never more often */
			gap = w->now - last;
			last = w->now;
			asked++;
			if (asked == 1)
				gap = 0;
		}
		if (gap > SECOND)
			gap = SECOND;
	}
	/* 1, 2, 4 ... 512 ms, then each second: about 10 and 6 of them in 7 s. */
	assert_in_range(asked, 13, 17);
	assert_int_equal(dp_get_counters(w->dp)->arp_requests, asked);
	assert_true(dp_deadline(w->dp) > w->now);
	assert_true(dp_deadline(w->dp) <= w->now + SECOND + SECOND / 8);
	assert_true(w->now - start < 11 * SECOND);
}

static void the_first_question_goes_out_at_once(void **state)
{
	struct world *w = *state;
	struct frame f;
	assert_false(world_send_peer(w, 0));
	dp_flush(w->dp);
	assert_true(world_take(w, &f));
	assert_true(is_request_for(&f, PEER));
}

static void an_answer_is_learned_and_used(void **state)
{
	struct world *w = *state;
	struct dp_peer_state s;
	world_resolve(w);
	dp_get_peer(w->dp, 0, &s);
	assert_true(s.resolved);
	dp_get_peer(w->dp, 1, &s);
	assert_false(s.resolved);
	goes_to(w, 0, &peer_mac);
}

static void N6_an_answer_that_was_not_asked_for_is_not_learned(void **state)
{
	struct world *w = *state;
	world_answer(w, PEER, &other_mac);
	assert_int_equal(world_drops(w, DP_DROP_ARP_UNASKED), 1);
	assert_false(world_send_peer(w, 0));
	world_turn(w, 0);
	world_resolve(w);
	world_answer(w, PEER, &other_mac);
	assert_int_equal(world_drops(w, DP_DROP_ARP_MOVED), 1);
	goes_to(w, 0, &peer_mac);
}

/* A question is open again: the peer was silent for a second. */
static void be_silent(struct world *w)
{
	assert_true(world_send_peer(w, 0));
	world_turn(w, 2 * SECOND);
	(void)world_take_all(w);
}

static void N6_an_answer_does_not_move_a_live_peer(void **state)
{
	struct world *w = *state;
	world_resolve(w);
	hear(w, &peer_mac);
	be_silent(w);
	world_answer(w, PEER, &other_mac);
	assert_int_equal(world_drops(w, DP_DROP_ARP_MOVED), 1);
	goes_to(w, 0, &peer_mac);
	world_answer(w, PEER, &peer_mac); /* the right one still counts */
	assert_int_equal(world_drops(w, DP_DROP_ARP_MOVED), 1);
}

/* Whom a question goes to; a frame of 0 bytes: there was none. */
static struct frame question(struct world *w)
{
	struct frame f;

	while (world_take(w, &f))
		if (is_request_for(&f, PEER))
			return f;
	return (struct frame){.size = 0};
}

/* Where the next packet goes to. */
static bool goes_elsewhere(struct world *w)
{
	struct frame f;

	(void)world_take_all(w);
	assert_true(world_send_peer(w, 0));
	dp_flush(w->dp);
	assert_true(world_take(w, &f));
	return memcmp(f.data, other_mac.byte, 6) == 0;
}

/* It speaks from elsewhere, and whoever is there answers all the time: when that is believed. */
static uint64_t moved_after(struct world *w)
{
	uint64_t began = w->now;

	hear(w, &other_mac);
	while (!goes_elsewhere(w)) {
		assert_true(w->now - began < SECOND);
		world_turn(w, MS);
		world_answer(w, PEER, &other_mac);
	}
	return w->now - began;
}

static void N6_a_peer_that_speaks_from_a_new_address_is_asked_and_moved(void **state)
{
	struct world *w = *state;

	world_resolve(w);
	hear(w, &peer_mac);
	world_turn(w, ARP_DOUBT_NS); /* it has just answered */
	hear(w, &peer_mac);
	assert_in_range(moved_after(w), 150 * MS, 165 * MS);
}

/* It was down, and asked for because it was silent: what waits for that is not waited for. */
static void V33_a_peer_that_is_back_from_elsewhere_is_found_in_two_heartbeats(void **state)
{
	(void)state;
	for (uint64_t down = 200 * MS; down < 5 * SECOND; down += 300 * MS) {
		void *fresh;

		assert_int_equal(world_setup(&fresh), 0);
		struct world *w = fresh;

		world_resolve(w);
		hear(w, &peer_mac);
		for (uint64_t at = 0; at < down; at += 10 * MS) {
			assert_true(world_send_peer(w, 0));
			world_turn(w, 10 * MS);
		}
		assert_in_range(moved_after(w), 0, 35 * MS);
		assert_int_equal(world_teardown(&fresh), 0);
	}
}

/*
 * A forged packet of a live peer opens no window: the answer of whoever forged it comes at once,
 * and again and again.
 */
static void V33_a_forged_packet_does_not_move_a_live_peer(void **state)
{
	struct world *w = *state;
	struct frame f;

	world_resolve(w);
	for (int i = 0; i < 500; i++) {
		if (i % 10 == 0)
			hear(w, &peer_mac); /* it lives: each 100 ms */
		hear(w, &other_mac);
		assert_true(world_send_peer(w, 0));
		world_turn(w, 5 * MS);
		f = question(w);
		if (f.size > 0) /* to it alone */
			assert_memory_equal(f.data, peer_mac.byte, 6);
		world_answer(w, PEER, &other_mac);
		goes_to(w, 0, &peer_mac);
		world_turn(w, 5 * MS);
	}
	assert_true(world_drops(w, DP_DROP_ARP_MOVED) > 100);
	assert_int_equal(world_drops(w, DP_DROP_ARP_CONFLICT), 0); /* nobody has ours */
	/* And one that answers is not moved though nothing else is heard of it. */
	for (int i = 0; i < 500; i++) {
		hear(w, &other_mac);
		world_turn(w, 5 * MS);
		f = question(w);
		if (f.size > 0) {
			assert_memory_equal(f.data, peer_mac.byte, 6);
			world_answer(w, PEER, &other_mac);
			world_answer(w, PEER, &peer_mac);
		}
		goes_to(w, 0, &peer_mac);
		world_turn(w, 5 * MS);
	}
}

/*
 * A router that forwards from another MAC address than it answers with (a pair with a virtual one),
 * or whoever forges frames: each answer ends a doubt and the next frame begins one. That is no
 * reason to ask as fast as it answers.
 */
static void V33_a_doubt_that_does_not_end_is_asked_about_ten_times_a_second(void **state)
{
	struct world *w = *state;
	uint32_t asked = 0;
	struct frame f;

	world_resolve(w);
	for (int i = 0; i < 1000; i++) {
		hear(w, &other_mac);
		assert_true(world_send_peer(w, 0));
		world_turn(w, MS);
		f = question(w);
		if (f.size > 0) {
			world_answer(w, PEER, &peer_mac);
			asked++;
		}
	}
	assert_in_range(asked, 8, 11);
	goes_to(w, 0, &peer_mac);
}

/* The gateway says nothing of itself but answers: nobody else does for it while it does. */
static void V33_nobody_answers_for_a_gateway_that_does(void **state)
{
	struct world *w = *state;

	assert_false(world_send_peer(w, 2));
	world_turn(w, 0);
	world_answer(w, GATEWAY, &gateway_mac);
	for (int i = 0; i < 100; i++) {
		assert_true(world_send_peer(w, 2));
		world_turn(w, SECOND);
		world_answer(w, GATEWAY, &other_mac);
		world_answer(w, GATEWAY, &gateway_mac);
		goes_to(w, 2, &gateway_mac);
	}
	/* It is replaced: silent for four questions. */
	for (int i = 0; i < 5; i++) {
		assert_true(world_send_peer(w, 2));
		world_turn(w, SECOND);
		(void)world_take_all(w);
	}
	world_answer(w, GATEWAY, &other_mac);
	goes_to(w, 2, &other_mac);
}

/* What others announce is theirs to say and ours to ask for. */
static void N6_what_others_announce_is_not_learned(void **state)
{
	struct world *w = *state;
	struct frame f;

	world_resolve(w);
	for (uint16_t operation = 1; operation <= 2; operation++) {
		frame_arp(&f, other_mac.byte, (const uint8_t *)"\xff\xff\xff\xff\xff\xff",
			  operation, PEER, PEER);
		world_send(w, &f);
		world_turn(w, MS);
		goes_to(w, 0, &peer_mac);
	}
}

/* Who is no peer any more is asked for no more, and leaves its place to the next. */
static void N6_a_peer_that_is_let_go_leaves_nothing(void **state)
{
	struct world *w = *state;

	world_resolve(w);
	for (uint32_t i = 0; i < 500; i++) {
		struct dp_peer p = {.member_id = 99,
				    .identity = 1,
				    .address = 0xc6120010 + i % 200,
				    .udp_port = 2380};

		assert_int_equal(dp_peer_set(w->dp, 5, &p), 0);
		assert_false(world_send_peer(w, 5));
		dp_peer_unset(w->dp, 5);
		(void)world_take_all(w);
	}
	uint64_t before = dp_get_counters(w->dp)->arp_requests;
	world_turn(w, 10 * SECOND);
	assert_in_range(dp_get_counters(w->dp)->arp_requests, before, before + 1); /* peer 0 */
	goes_to(w, 0, &peer_mac);
}

static void N6_a_peer_that_was_silent_for_long_may_have_moved(void **state)
{
	struct world *w = *state;
	world_resolve(w);
	hear(w, &peer_mac);
	for (int i = 0; i < 6; i++)
		be_silent(w);
	goes_to(w, 0, &peer_mac); /* still in use while it is asked for */
	world_answer(w, PEER, &other_mac);
	goes_to(w, 0, &other_mac);
}

static void a_peer_that_is_heard_is_left_alone(void **state)
{
	struct world *w = *state;
	world_resolve(w);
	uint64_t before = dp_get_counters(w->dp)->arp_requests;
	for (int i = 0; i < 290; i++) {
		hear(w, &peer_mac);
		assert_true(world_send_peer(w, 0));
		world_turn(w, 100 * MS);
	}
	assert_int_equal(dp_get_counters(w->dp)->arp_requests, before);
	for (int i = 0; i < 20; i++) { /* 30 s have passed: refreshed once */
		hear(w, &peer_mac);
		assert_true(world_send_peer(w, 0));
		world_turn(w, 100 * MS);
		(void)world_take_all(w);
	}
	assert_in_range(dp_get_counters(w->dp)->arp_requests, before + 1, before + 2);
}

static void a_peer_beyond_the_subnet_is_reached_by_the_gateway(void **state)
{
	struct world *w = *state;
	struct frame f;
	assert_false(world_send_peer(w, 2));
	dp_flush(w->dp);
	assert_true(world_take(w, &f));
	assert_true(is_request_for(&f, GATEWAY));
	world_answer(w, GATEWAY, &gateway_mac);
	assert_true(world_send_peer(w, 2));
	dp_flush(w->dp);
	assert_true(world_take(w, &f));
	assert_memory_equal(f.data, gateway_mac.byte, 6);
	assert_int_equal(frame_get32(f.data + AT_IP_DESTINATION), FAR);
}

static void questions_for_us_are_answered_and_others_not(void **state)
{
	struct world *w = *state;
	struct frame f;
	struct frame answer;
	frame_arp(&f, peer_mac.byte, (const uint8_t *)"\xff\xff\xff\xff\xff\xff", 1, PEER, OURS);
	world_send(w, &f);
	world_turn(w, 0);
	assert_true(world_take(w, &answer));
	assert_int_equal(answer.size, 60);
	frame_arp(&f, our_mac.byte, peer_mac.byte, 2, OURS, PEER);
	assert_memory_equal(answer.data, f.data, 60);
	frame_arp(&f, peer_mac.byte, (const uint8_t *)"\xff\xff\xff\xff\xff\xff", 1, PEER, PEER_2);
	world_send(w, &f);
	world_turn(w, 0);
	assert_false(world_take(w, &answer));
	assert_int_equal(world_drops(w, DP_DROP_IP_OTHER), 1);
	/* Somebody else has our address: said, not answered. */
	frame_arp(&f, peer_mac.byte, our_mac.byte, 1, OURS, OURS);
	world_send(w, &f);
	world_turn(w, 0);
	assert_false(world_take(w, &answer));
	assert_int_equal(world_drops(w, DP_DROP_ARP_CONFLICT), 1);
	assert_int_equal(world_drops(w, DP_DROP_ARP_MOVED), 0); /* that is a neighbour's */
}

static void N6_answers_are_rate_limited(void **state)
{
	struct world *w = *state;
	struct frame f;
	uint32_t answered = 0;
	frame_arp(&f, peer_mac.byte, our_mac.byte, 1, PEER, OURS);
	for (int i = 0; i < 1000; i++) {
		world_send(w, &f);
		world_turn(w, MS / 10);
		answered += world_take_all(w);
	}
	/* 64 at once and 200 a second, for a tenth of one. */
	assert_in_range(answered, 64, 64 + 21);
	assert_int_equal(world_drops(w, DP_DROP_RATE_LIMIT), 1000 - answered);
	world_turn(w, SECOND);
	world_send(w, &f);
	world_turn(w, 0);
	assert_int_equal(world_take_all(w), 1);
}

/*
 * A question that found no buffer was not asked: it is owed, and whoever never was asked has not
 * failed to answer, so that nobody moves him.
 */
static void N6_a_question_without_a_buffer_was_not_asked(void **state)
{
	struct world *w = *state;
	struct frame f;

	world_resolve(w);
	world_turn(w, ARP_DOUBT_NS); /* it has just answered */
	hear(w, &peer_mac);
	fake_link_budget_set(w->link, 0);
	for (int i = 0; i < 50; i++) {
		hear(w, &other_mac); /* a doubt */
		assert_false(world_send_peer(w, 0));
		world_answer(w, PEER, &other_mac);
		world_turn(w, 10 * MS);
		assert_true(dp_deadline(w->dp) > w->now); /* nobody turns as fast as he can */
		assert_true(i == 0 || dp_deadline(w->dp) <= w->now + MS);
	}
	assert_false(world_take(w, &f));
	assert_int_equal(dp_get_counters(w->dp)->arp_requests, 1); /* the first, in its time */
	fake_link_budget_set(w->link, UINT32_MAX);
	goes_to(w, 0, &peer_mac);
	world_turn(w, MS);
	f = question(w);
	assert_true(f.size > 0);
	assert_memory_equal(f.data, peer_mac.byte, 6); /* it alone */
	/* Nor does who is not known wait longer for it. */
	fake_link_budget_set(w->link, 0);
	assert_false(world_send_peer(w, 1));
	for (int i = 0; i < 20; i++)
		world_turn(w, 10 * MS);
	fake_link_budget_set(w->link, UINT32_MAX);
	world_turn(w, MS);
	do
		assert_true(world_take(w, &f));
	while (!is_request_for(&f, PEER_2));
}

/* Nobody is woken for a question that cannot be asked: a node that sleeps would not (D11). */
static void N18_a_question_waits_while_its_link_is_down(void **state)
{
	struct world *w = *state;
	world_resolve(w);
	assert_true(world_send_peer(w, 0));
	assert_false(world_send_peer(w, 1));
	fake_link_up_set(w->link, false);
	world_turn(w, 2 * SECOND);
	assert_true(dp_deadline(w->dp) > w->now);
	assert_true(dp_deadline(w->dp) <= w->now + 5 * MS);
	(void)world_take_all(w);
	fake_link_up_set(w->link, true);
	world_turn(w, 5 * MS);
	assert_int_equal(world_take_all(w), 4); /* and our address is announced, and asked for */
}

static void a_client_resolves_a_server(void **state)
{
	struct world *w = *state;
	struct dp_address to;
	uint32_t size_max;
	struct frame f;
	assert_false(dp_resolve(w->dp, 0, 0xc6120064, 2379, w->now, &to));
	dp_flush(w->dp);
	assert_true(world_take(w, &f));
	assert_true(is_request_for(&f, 0xc6120064));
	world_answer(w, 0xc6120064, &other_mac);
	assert_true(dp_resolve(w->dp, 0, 0xc6120064, 2379, w->now, &to));
	assert_memory_equal(to.mac.byte, other_mac.byte, 6);
	uint8_t *body = dp_begin_client(w->dp, &to, &size_max);
	assert_non_null(body);
	memset(body, 0, 64);
	dp_end(w->dp, WIRE_HELLO, 64);
	dp_flush(w->dp);
	assert_true(world_take(w, &f));
	assert_int_equal(frame_get16(f.data + AT_UDP_DESTINATION), 2379);
	/* The table is bounded: strangers do not push peers out. */
	for (uint32_t i = 0; i < 200; i++)
		(void)dp_resolve(w->dp, 0, 0xc6120000 + i, 2379, w->now, &to);
	dp_flush(w->dp);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_peer_is_asked_for_with_back_off),
		TEST(the_first_question_goes_out_at_once),
		TEST(an_answer_is_learned_and_used),
		TEST(N6_an_answer_that_was_not_asked_for_is_not_learned),
		TEST(N6_an_answer_does_not_move_a_live_peer),
		TEST(N6_a_peer_that_speaks_from_a_new_address_is_asked_and_moved),
		cmocka_unit_test(V33_a_peer_that_is_back_from_elsewhere_is_found_in_two_heartbeats),
		TEST(N6_a_peer_that_was_silent_for_long_may_have_moved),
		TEST(V33_a_forged_packet_does_not_move_a_live_peer),
		TEST(V33_a_doubt_that_does_not_end_is_asked_about_ten_times_a_second),
		TEST(V33_nobody_answers_for_a_gateway_that_does),
		TEST(N6_what_others_announce_is_not_learned),
		TEST(N6_a_peer_that_is_let_go_leaves_nothing),
		TEST(a_peer_that_is_heard_is_left_alone),
		TEST(a_peer_beyond_the_subnet_is_reached_by_the_gateway),
		TEST(questions_for_us_are_answered_and_others_not),
		TEST(N6_answers_are_rate_limited),
		TEST(N6_a_question_without_a_buffer_was_not_asked),
		TEST(N18_a_question_waits_while_its_link_is_down),
		TEST(a_client_resolves_a_server),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
