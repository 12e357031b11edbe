/*
 * The UDP door under a flood: what one source asks for costs others their turn and no more.
 */
#include "tests/unit/doors/udp_rig.h"

#include "kv/command.h"
#include "serve/request.h"

#include <string.h>

enum {
	FLOOD = 24,     /* in each turn */
	UNIT_NS = 1000, /* as serve/share.h has it */
	STATUS_NS = 50000,
	QUESTIONS = 50,
	QUERY_TURNS = 16, /* there in five at most, confirmed, and back in five; and a few */
};

struct flood {
	struct dp *dp;
	uint64_t cookie, id, answers;
};

static void flood_send(struct flood *f, uint8_t type, uint8_t kind)
{
	const struct wire_hello hello = {.nonce = 1};
	const struct wire_part part = {.cookie = f->cookie,
				       .request_id = ++f->id,
				       .kind = kind,
				       .data = (const uint8_t *)""};
	struct dp_address to;
	uint32_t size_max;
	uint8_t *body;

	if (!dp_resolve(f->dp, 0, SERVER, WIRE_PORT_CLIENT, udp.rig.now_ns, &to))
		return;
	body = dp_begin_client(f->dp, &to, &size_max);
	assert_non_null(body);
	dp_end(f->dp, type,
	       type == WIRE_HELLO ? wire_hello_encode(&hello, type, body)
				  : wire_part_encode(&part, type, body));
}

static void flood_receive(struct flood *f)
{
	struct dp_datagram datagram[DP_RECEIVE_MAX];
	uint32_t count = dp_receive(f->dp, udp.rig.now_ns, datagram);
	struct wire_hello hello;

	for (uint32_t i = 0; i < count; i++) {
		const struct dp_datagram *d = &datagram[i];

		f->answers += d->envelope.type == WIRE_ANSWER;
		if (d->envelope.type == WIRE_WELCOME) {
			assert_int_equal(wire_hello_decode(&hello, WIRE_WELCOME, d->body,
							   d->envelope.body_size),
					 0);
			f->cookie = hello.cookie;
		}
	}
	dp_release(f->dp);
	dp_flush(f->dp);
}

/* One turn of the flood, whose work takes the node its time. */
static void flood_turn(struct flood *f, uint32_t count)
{
	uint64_t before = serve_get_counters(udp.rig.serve)->answers;

	for (uint32_t i = 0; i < count; i++)
		flood_send(f, WIRE_REQUEST, WIRE_STATUS);
	dp_flush(f->dp);
	udp_rig_turn(TURN_NS);
	flood_receive(f);
	udp.rig.now_ns += (serve_get_counters(udp.rig.serve)->answers - before) * STATUS_NS;
}

/* Until its address is proven. */
static void prove(struct flood *f)
{
	while (!f->cookie) {
		flood_send(f, WIRE_HELLO, 0);
		dp_flush(f->dp);
		udp_rig_turn(TURN_NS);
		flood_receive(f);
	}
}

static uint64_t question(struct flood *f, uint32_t count)
{
	static uint8_t query[RIG_QUERY_MAX];
	struct kv_request r = {.operation = KV_RANGE, .key = {(const uint8_t *)"none", 4}};
	uint64_t begun_ns = udp.rig.now_ns;

	kv_request_encode(&r, query);
	client_request(udp.client, WIRE_QUERY, query, (uint32_t)kv_request_size(&r), udp.rig.now_ns,
		       S);
	while (client_get_state(udp.client) == CLIENT_WAITING)
		flood_turn(f, count);
	assert_int_equal(client_status(udp.client), WIRE_OK);
	return udp.rig.now_ns - begun_ns;
}

/*
 * Well-formed, from a proven address, and each of them costs a thousand times what it takes to send
 * it: others wait for a share of it in each turn, and for no more.
 */
static void V37_N13_a_flood_at_the_door_leaves_others_their_turns(void **state)
{
	struct flood f = {.dp = udp_rig_dp(2, CLIENT + 1, 40001, 0)};
	uint64_t ns = 0;

	(void)state;
	prove(&f);
	ns = question(&f, 0);
	assert_in_range(ns, TURN_NS, QUERY_TURNS * TURN_NS + STATUS_NS);
	for (int i = 0; i < 8; i++)
		(void)question(&f, FLOOD); /* it is ahead at first */
	ns = 0;
	f.answers = 0;
	for (int i = 0; i < QUESTIONS; i++)
		ns += question(&f, FLOOD);
	assert_in_range(ns / QUESTIONS, TURN_NS,
			QUERY_TURNS * (TURN_NS + 2 * SHARE_TURN * UNIT_NS) + STATUS_NS);
	assert_true(f.answers > 0);
	assert_true(serve_get_counters(udp.rig.serve)->over > 0);
	dp_destroy(f.dp);
}

/* In one turn; how many of them were too much for their source. */
static uint64_t hear(const struct flood *f, const struct wire_part *of, bool copies, uint32_t count)
{
	static const uint8_t data[WIRE_PART_SIZE];
	static uint64_t id = 1u << 20;
	uint64_t over = serve_get_counters(udp.rig.serve)->over;
	uint8_t body[DP_BODY_SIZE_MAX], type = of->wanted ? WIRE_PULL : WIRE_REQUEST;
	struct wire_part part = *of;
	struct dp_datagram d = {.from = udp.newest, .envelope.type = type, .body = body};

	part.cookie = f->cookie;
	part.data = type == WIRE_PULL ? NULL : data;
	part.size = type == WIRE_PULL ? 0 : parts_size(part.total_size, part.part);
	part.request_id = ++id;
	for (uint32_t i = 0; i < count; i++) {
		d.envelope.body_size = (uint16_t)wire_part_encode(&part, type, body);
		udp_door_receive(udp.door, &d);
		if (!copies)
			part.request_id = ++id;
	}
	return serve_get_counters(udp.rig.serve)->over - over;
}

/*
 * Whatever has no request to wait in has its share of a turn: parts, of one request or each of
 * another, copies of what is here, pulls, and what no door takes. What is here whole with its first
 * packet is charged as a request, and not for the packet besides.
 */
static void V37_what_begins_nothing_is_charged_by_the_packet(void **state)
{
	enum { COUNT = 2 * SHARE_AHEAD, LARGE = 5 * WIRE_PART_SIZE, TURNS = 64 };
	static const struct {
		struct wire_part part;
		bool copies, free;
	} rows[] = {
		{.part = {.kind = WIRE_QUERY, .total_size = LARGE}, .copies = false},
		{.part = {.kind = WIRE_QUERY, .total_size = LARGE}, .copies = true},
		{.part = {.kind = WIRE_QUERY, .total_size = LARGE, .part = 3}, .copies = false},
		{.part = {.kind = WIRE_STATUS}, .copies = true},
		{.part = {.kind = WIRE_QUERY, .total_size = 9}, .copies = true},
		{.part = {.kind = WIRE_FAULT, .total_size = 9}, .copies = false},
		{.part = {.kind = WIRE_FAULT, .total_size = LARGE}, .copies = false},
		{.part = {.kind = WIRE_STATUS, .wanted = 1}, .copies = false},
		{.part = {.kind = WIRE_STATUS}, .copies = false, .free = true},
	};
	struct flood f = {.dp = udp_rig_dp(2, CLIENT + 1, 40001, 0)};

	(void)state;
	prove(&f);
	for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t over = hear(&f, &rows[i].part, rows[i].copies, COUNT);

		if (rows[i].free ? over > 0 : over < COUNT - SHARE_AHEAD - 1)
			fail_msg("row %u: %llu of %u were over", i, (unsigned long long)over,
				 COUNT);
		for (int k = 0; k < TURNS; k++)
			udp_rig_turn(TURN_NS); /* all is forgiven */
	}
	dp_destroy(f.dp);
}

/* Ids are a client's own: another one of its host, by another port, has the same. */
static void V37_clients_of_one_host_may_choose_the_same_id(void **state)
{
	struct flood f[2] = {{.dp = udp_rig_dp(2, CLIENT + 1, 40001, 0)},
			     {.dp = udp_rig_dp(3, CLIENT + 1, 40002, 0)}};

	(void)state;
	for (int i = 0; i < 2; i++)
		prove(&f[i]);
	assert_int_not_equal(f[0].cookie, f[1].cookie);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 2; i++) {
			f[i].id = 5;
			f[i].answers = 0;
			flood_send(&f[i], WIRE_REQUEST, WIRE_STATUS);
			dp_flush(f[i].dp);
		}
		for (int k = 0; k < QUERY_TURNS; k++) {
			udp_rig_turn(TURN_NS);
			for (int i = 0; i < 2; i++)
				flood_receive(&f[i]);
		}
		for (int i = 0; i < 2; i++)
			assert_int_equal(f[i].answers, 1);
	}
	dp_destroy(f[0].dp);
	dp_destroy(f[1].dp);
}
int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(V37_what_begins_nothing_is_charged_by_the_packet,
						udp_rig_setup, udp_rig_teardown),
		cmocka_unit_test_setup_teardown(V37_clients_of_one_host_may_choose_the_same_id,
						udp_rig_setup, udp_rig_teardown),
		cmocka_unit_test_setup_teardown(
			V37_N13_a_flood_at_the_door_leaves_others_their_turns, udp_rig_setup,
			udp_rig_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
