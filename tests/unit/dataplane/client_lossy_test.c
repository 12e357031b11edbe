/*
 * The client against a node as docs/wire.md describes it, over a network that loses, repeats and
 * reorders, in virtual time. Every request ends by its deadline with an answer that the node made
 * whole, or says truly that there is none.
 *
 * Usage: client_lossy_test [SEED]: without one, a fixed row of seeds.
 */
#include "base/mix.h"
#include "dataplane/client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define US 1000ull
#define MS 1000000ull

enum { FLIGHT_MAX = 4096, SLOTS = 4, SEEDS = 400 };

struct options {
	uint32_t loss_ppm, repeat_ppm;
	uint32_t busy_ppm, no_leader_ppm, stopping_ppm;
	/* an answer is let go; a whole node is restarted ten times less often */
	uint32_t forget_ppm;
	uint32_t foreign_ppm; /* somebody else's packets */
	uint64_t delay_ns_min, delay_ns_max, work_ns_max;
};

struct flight {
	uint64_t at_ns, order;
	bool to_node;
	size_t size;
	uint8_t bytes[WIRE_PAYLOAD_1500];
};

enum slot_state { SLOT_FREE, SLOT_RECEIVING, SLOT_WORKING, SLOT_ANSWERED };

struct slot {
	enum slot_state state;
	uint64_t id, done_ns;
	uint8_t kind, status;
	struct parts parts;
	uint8_t *request, *answer;
	uint32_t answer_size;
	uint64_t answer_id;
};

static struct world {
	struct options options;
	uint64_t random, now_ns;
	struct flight flight[FLIGHT_MAX];
	uint32_t flight_count;
	struct slot slot[SLOTS];
	uint64_t cookie;
	uint64_t answers; /* made so far: also the id of the newest */
	uint64_t packets, departures;

	/* The request that is open. */
	struct client *client;
	uint8_t *request;
	uint32_t request_size;
	uint64_t executed; /* how often the node did it */
} w;

static uint64_t random_next(void)
{
	return mix_next(&w.random);
}

static bool chance(uint32_t ppm)
{
	return random_next() % 1000000 < ppm;
}

static uint64_t between(uint64_t low, uint64_t high)
{
	return low + random_next() % (high - low + 1);
}

static uint32_t some_size(void)
{
	switch (random_next() % 8) {
	case 0:
		return 0;
	case 1:
		return WIRE_PART_SIZE;
	case 2:
		return WIRE_PART_SIZE + 1;
	case 3:
		return (uint32_t)between(0, 200000);
	case 4:
		return chance(50000) ? WIRE_MESSAGE_SIZE_MAX : 20000;
	default:
		return (uint32_t)between(8, 3000);
	}
}

/* Answer n is these bytes: so a whole one can be told from a mixture. */
static void answer_fill(uint8_t *out, uint32_t size, uint64_t n)
{
	for (uint32_t i = 0; i < size; i++)
		out[i] = (uint8_t)(n * 131 + i * 7 + i / 1200 * 13);
	if (size >= 8)
		memcpy(out, &n, 8);
}

static void fly_once(bool to_node, const uint8_t *bytes, size_t size)
{
	struct flight *f = &w.flight[w.flight_count++];

	assert_true(w.flight_count < FLIGHT_MAX);
	f->at_ns = w.now_ns + between(w.options.delay_ns_min, w.options.delay_ns_max);
	f->order = ++w.departures;
	f->to_node = to_node;
	f->size = size;
	memcpy(f->bytes, bytes, size);
}

static void fly(bool to_node, const uint8_t *bytes, size_t size)
{
	assert_true(size <= WIRE_PAYLOAD_1500);
	w.packets++;
	if (!chance(w.options.loss_ppm))
		fly_once(to_node, bytes, size);
	if (chance(w.options.repeat_ppm))
		fly_once(to_node, bytes, size);
	if (!to_node && chance(w.options.foreign_ppm)) {
		/* Like ours, but for the nonce or the cookie, which nobody else can know. */
		uint8_t other[WIRE_PAYLOAD_1500];

		memcpy(other, bytes, size);
		other[WIRE_ENVELOPE_SIZE + random_next() % 8] ^= (uint8_t)between(1, 255);
		for (size_t i = WIRE_ENVELOPE_SIZE + 8; i < size; i++) {
			if (chance(100000))
				other[i] = (uint8_t)random_next();
		}
		fly_once(false, other, size);
	}
}

static void node_send(uint8_t type, uint8_t *packet, size_t body_size)
{
	const struct wire_envelope envelope = {
		.type = type, .body_size = (uint16_t)body_size, .cluster_id = 7, .source_id = 8};

	wire_envelope_encode(&envelope, packet);
	fly(false, packet, WIRE_ENVELOPE_SIZE + body_size);
}

static void node_reply(const struct wire_part *part, uint32_t next, enum wire_status status)
{
	const struct wire_part_reply reply = {
		.cookie = part->cookie,
		.request_id = part->request_id,
		.next_part = (uint16_t)next,
		.status = (uint8_t)status,
		.retry_after_us = status == WIRE_BUSY ? between(0, 5000) : 0,
	};
	uint8_t packet[WIRE_PAYLOAD_1500];

	node_send(WIRE_REQUEST_REPLY, packet,
		  wire_part_reply_encode(&reply, WIRE_REQUEST_REPLY, packet + WIRE_ENVELOPE_SIZE));
}

static void node_answer(const struct slot *s, uint32_t i)
{
	const struct wire_part part = {
		.cookie = w.cookie,
		.request_id = s->id,
		.total_size = s->answer_size,
		.part = (uint16_t)i,
		.kind = s->kind,
		.status = s->status,
		.answer_id = s->answer_id,
		.data = s->answer + (size_t)i * WIRE_PART_SIZE,
		.size = parts_size(s->answer_size, i),
	};
	uint8_t packet[WIRE_PAYLOAD_1500];

	node_send(WIRE_ANSWER, packet,
		  wire_part_encode(&part, WIRE_ANSWER, packet + WIRE_ENVELOPE_SIZE));
}

/* The work of one slot is done. */
static void node_work(struct slot *s)
{
	assert_int_equal(s->parts.total_size, w.request_size);
	assert_memory_equal(s->request, w.request, w.request_size);
	s->state = SLOT_ANSWERED;
	s->status = WIRE_OK;
	s->answer_id = ++w.answers;
	if (chance(w.options.no_leader_ppm)) {
		s->status = WIRE_NO_LEADER;
		s->answer_size = 0;
	} else {
		w.executed++;
		s->answer_size = some_size();
		answer_fill(s->answer, s->answer_size, w.answers);
	}
	node_answer(s, 0);
}

static void node_request(const struct wire_part *part)
{
	struct slot *s = NULL, *spare = NULL;

	for (int i = 0; i < SLOTS; i++) {
		if (w.slot[i].state != SLOT_FREE && w.slot[i].id == part->request_id)
			s = &w.slot[i];
		else if (w.slot[i].state == SLOT_FREE ||
			 (!spare && w.slot[i].state == SLOT_ANSWERED))
			spare = &w.slot[i];
	}
	if (!s) {
		s = spare;
		if (!s || chance(w.options.busy_ppm) || chance(w.options.stopping_ppm)) {
			bool stop = chance(w.options.stopping_ppm);

			node_reply(part, 0, stop ? WIRE_STOPPING : WIRE_BUSY);
			return;
		}
		s->state = SLOT_RECEIVING;
		s->id = part->request_id;
		s->kind = part->kind;
		parts_begin(&s->parts, s->request, part->total_size);
	}
	if (s->state == SLOT_ANSWERED) {
		node_answer(s, 0);
		return;
	}
	if (s->state == SLOT_WORKING) {
		node_reply(part, s->parts.part_count, WIRE_OK);
		return;
	}
	wire_part_add(&s->parts, part);
	if (s->parts.part_count > 1)
		node_reply(part, s->parts.next, WIRE_OK);
	if (parts_complete(&s->parts)) {
		s->state = SLOT_WORKING;
		s->done_ns = w.now_ns + between(0, w.options.work_ns_max);
	}
}

static void node_pull(const struct wire_part *part)
{
	for (int i = 0; i < SLOTS; i++) {
		const struct slot *s = &w.slot[i];

		if (s->state != SLOT_ANSWERED || s->id != part->request_id ||
		    s->answer_id != part->answer_id)
			continue;
		for (uint32_t j = 0; j < part->wanted; j++)
			node_answer(s, part->part + j);
	}
}

static void node_receive(const uint8_t *packet, size_t size)
{
	const uint8_t *body = packet + WIRE_ENVELOPE_SIZE;
	struct wire_envelope envelope;
	struct wire_hello hello;
	struct wire_part part;
	uint8_t out[WIRE_PAYLOAD_1500];

	assert_int_equal(wire_envelope_decode(&envelope, packet, size), WIRE_VERDICT_GOOD);
	assert_true(envelope.cluster_id == 0 || envelope.cluster_id == 7);
	if (envelope.type == WIRE_HELLO) {
		assert_int_equal(wire_hello_decode(&hello, WIRE_HELLO, body, envelope.body_size),
				 0);
		hello.cookie = w.cookie;
		hello.cluster_id = 7;
		hello.member_id = 8;
		node_send(WIRE_WELCOME, out,
			  wire_hello_encode(&hello, WIRE_WELCOME, out + WIRE_ENVELOPE_SIZE));
		return;
	}
	assert_int_equal(wire_part_decode(&part, envelope.type, body, envelope.body_size), 0);
	if (part.cookie != w.cookie)
		node_reply(&part, 0, WIRE_BAD_COOKIE);
	else if (envelope.type == WIRE_REQUEST)
		node_request(&part);
	else
		node_pull(&part);
}

static void node_mishaps(void)
{
	if (!chance(w.options.forget_ppm))
		return;
	for (int i = 0; i < SLOTS; i++) {
		if (w.slot[i].state == SLOT_ANSWERED)
			w.slot[i].state = SLOT_FREE;
	}
	if (!chance(100000))
		return;
	for (int i = 0; i < SLOTS; i++)
		w.slot[i].state = SLOT_FREE;
	w.cookie = random_next();
}

/* In the order of arrival; of two at one time, in the order of departure. */
static struct flight *first_flight(void)
{
	struct flight *first = NULL;

	for (uint32_t i = 0; i < w.flight_count; i++) {
		struct flight *f = &w.flight[i];

		if (!first || f->at_ns < first->at_ns ||
		    (f->at_ns == first->at_ns && f->order < first->order))
			first = f;
	}
	return first;
}

/* Everything that is due now. The time of what is due next. */
static uint64_t world_turn(void)
{
	uint64_t next = UINT64_MAX;

	for (struct flight *f = first_flight(); f; f = first_flight()) {
		struct flight due;

		if (f->at_ns > w.now_ns) {
			next = f->at_ns;
			break;
		}
		due = *f;
		*f = w.flight[--w.flight_count];
		if (due.to_node) {
			node_receive(due.bytes, due.size);
			node_mishaps();
		} else {
			client_receive(w.client, w.now_ns, due.bytes, due.size);
		}
	}
	for (int i = 0; i < SLOTS; i++) {
		struct slot *s = &w.slot[i];

		if (s->state != SLOT_WORKING)
			continue;
		if (s->done_ns <= w.now_ns)
			node_work(s);
		else
			next = s->done_ns < next ? s->done_ns : next;
	}
	return next;
}

/* One request to its end; its time. */
static uint64_t run_request(enum wire_request kind, uint32_t size, uint64_t timeout_ns)
{
	uint64_t begin_ns = w.now_ns;
	uint8_t packet[WIRE_PAYLOAD_1500];

	w.request_size = size;
	w.executed = 0;
	for (uint32_t i = 0; i < size; i++)
		w.request[i] = (uint8_t)(random_next() >> 13);
	client_request(w.client, kind, w.request, size, w.now_ns, timeout_ns);
	for (;;) {
		uint64_t next, client_next;
		size_t sent;
		int burst = 0;

		world_turn();
		while ((sent = client_send(w.client, w.now_ns, packet)) > 0) {
			assert_true(++burst <= 64); /* a window or two, then it waits */
			fly(true, packet, sent);
		}
		if (client_get_state(w.client) != CLIENT_WAITING)
			break;
		next = world_turn();
		client_next = client_deadline(w.client);
		assert_true(client_next > w.now_ns);
		next = next < client_next ? next : client_next;
		w.now_ns = next;
		assert_true(w.now_ns - begin_ns <= timeout_ns);
	}
	return w.now_ns - begin_ns;
}

static void check_outcome(enum wire_request kind)
{
	enum wire_status status = client_status(w.client);
	const uint8_t *answer;
	uint8_t *expected;
	uint64_t n;
	uint32_t size;

	if (client_get_state(w.client) == CLIENT_FAILED)
		return;
	assert_int_equal(client_get_state(w.client), CLIENT_DONE);
	if (status != WIRE_OK) {
		/* A refusal is true: nothing was done. The network may repeat, so not then. */
		if (kind == WIRE_COMMAND && w.options.repeat_ppm == 0)
			assert_int_equal(w.executed, 0);
		return;
	}
	assert_true(w.executed > 0);
	answer = client_answer(w.client, &size);
	if (size < 8)
		return;
	memcpy(&n, answer, 8);
	assert_in_range(n, 1, w.answers);
	expected = malloc(size);
	assert_non_null(expected);
	answer_fill(expected, size, n);
	assert_memory_equal(answer, expected, size);
	free(expected);
}

static void world_begin(uint64_t seed, const struct options *options)
{
	w.options = *options;
	w.random = seed;
	w.now_ns = 1000 * MS;
	w.flight_count = 0;
	w.cookie = random_next();
	w.answers = 0;
	w.packets = 0;
	for (int i = 0; i < SLOTS; i++)
		w.slot[i].state = SLOT_FREE;
	client_destroy(w.client);
	assert_int_equal(client_create(&w.client, seed), 0);
}

static int setup(void **state)
{
	(void)state;
	w.request = malloc(WIRE_MESSAGE_SIZE_MAX);
	assert_non_null(w.request);
	for (int i = 0; i < SLOTS; i++) {
		w.slot[i].request = malloc(WIRE_MESSAGE_SIZE_MAX);
		w.slot[i].answer = malloc(WIRE_MESSAGE_SIZE_MAX);
		assert_non_null(w.slot[i].request);
		assert_non_null(w.slot[i].answer);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	client_destroy(w.client);
	free(w.request);
	for (int i = 0; i < SLOTS; i++) {
		free(w.slot[i].request);
		free(w.slot[i].answer);
	}
	return 0;
}

static const struct options calm = {
	.delay_ns_min = 50 * US, .delay_ns_max = 50 * US, .work_ns_max = 200 * US};

static void a_calm_network_costs_one_packet_each_way(void **state)
{
	(void)state;
	world_begin(1, &calm);
	run_request(WIRE_QUERY, 100, 1000 * MS);
	for (int i = 0; i < 100; i++) {
		uint64_t packets = w.packets;
		uint32_t size;

		run_request(WIRE_COMMAND, 100, 1000 * MS);
		check_outcome(WIRE_COMMAND);
		assert_int_equal(client_status(w.client), WIRE_OK);
		client_answer(w.client, &size);
		if (parts_count(size) == 1)
			assert_int_equal(w.packets - packets, 2);
	}
}

static void the_largest_request_streams(void **state)
{
	struct options lossy = calm;
	uint64_t took;

	(void)state;
	world_begin(1, &calm);
	took = run_request(WIRE_COMMAND, WIRE_MESSAGE_SIZE_MAX, 10000 * MS);
	check_outcome(WIRE_COMMAND);
	assert_int_equal(client_status(w.client), WIRE_OK);
	/* 1420 parts, 32 in each round trip of 100 us: 4.5 ms, and as much for an answer. */
	assert_true(took < 12 * MS);
	for (uint64_t seed = 1; seed <= 10; seed++) {
		lossy.loss_ppm = 50000;
		lossy.delay_ns_max = 60 * US;
		world_begin(seed, &lossy);
		took = run_request(WIRE_COMMAND, WIRE_MESSAGE_SIZE_MAX, 10000 * MS);
		assert_int_equal(client_status(w.client), WIRE_OK);
		check_outcome(WIRE_COMMAND);
		assert_true(took < 200 * MS);
	}
}

static void a_tenth_lost_delays_and_does_not_fail(void **state)
{
	struct options lossy = calm;
	uint64_t slow = 0;
	uint32_t size;

	(void)state;
	lossy.loss_ppm = 100000;
	lossy.delay_ns_max = 500 * US;
	world_begin(7, &lossy);
	for (int i = 0; i < 1000; i++) {
		uint64_t took = run_request(WIRE_COMMAND, 200, 1000 * MS);

		check_outcome(WIRE_COMMAND);
		assert_int_equal(client_status(w.client), WIRE_OK);
		client_answer(w.client, &size);
		slow += took > 50 * MS && size <= WIRE_PART_SIZE;
	}
	/* Five in a thousand lose three packets of their two round trips in a row. */
	assert_true(slow <= 5);
}

static void run_seed(uint64_t seed)
{
	struct options o;

	w.random = seed;
	o = (struct options){
		.loss_ppm = (uint32_t)between(0, 3) * 100000,
		.repeat_ppm = chance(500000) ? (uint32_t)between(0, 300000) : 0,
		.busy_ppm = chance(500000) ? (uint32_t)between(0, 500000) : 0,
		.no_leader_ppm = chance(500000) ? (uint32_t)between(0, 500000) : 0,
		.stopping_ppm = chance(250000) ? (uint32_t)between(0, 100000) : 0,
		.forget_ppm = chance(500000) ? (uint32_t)between(0, 20000) : 0,
		.foreign_ppm = chance(500000) ? (uint32_t)between(0, 500000) : 0,
		.delay_ns_min = between(1, 100) * US,
		.work_ns_max = between(1, 20000) * US,
	};
	o.delay_ns_max = o.delay_ns_min + between(0, 2000) * US;
	world_begin(seed, &o);
	for (int i = 0; i < 10; i++) {
		enum wire_request kind = chance(500000) ? WIRE_COMMAND : WIRE_QUERY;

		run_request(kind, some_size(), between(1, 2000) * MS);
		check_outcome(kind);
		/* Packets still in flight or at work belong to a request that is over. */
		w.flight_count = 0;
		for (int j = 0; j < SLOTS; j++)
			w.slot[j].state = SLOT_FREE;
	}
}

static uint64_t seed_given, seed_running;

static int seed_report(void **state)
{
	(void)state;
	if (seed_running)
		printf("replay: client_lossy_test %llu\n", (unsigned long long)seed_running);
	return 0;
}

static void every_request_ends_truly_by_its_deadline(void **state)
{
	uint64_t first = seed_given ? seed_given : 1;
	uint64_t last = seed_given ? seed_given : SEEDS;

	(void)state;
	printf("SEED=%llu to %llu\n", (unsigned long long)first, (unsigned long long)last);
	for (uint64_t seed = first; seed <= last; seed++) {
		seed_running = seed;
		run_seed(seed);
	}
	seed_running = 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_calm_network_costs_one_packet_each_way),
		cmocka_unit_test(the_largest_request_streams),
		cmocka_unit_test(a_tenth_lost_delays_and_does_not_fail),
		cmocka_unit_test_teardown(every_request_ends_truly_by_its_deadline, seed_report),
	};

	if (argc > 1)
		seed_given = strtoull(argv[1], NULL, 10);
	return cmocka_run_group_tests(tests, setup, teardown);
}
