/*
 * The UDP door, with a client's end over a lossy switch: 50 MB of one revision while every key is
 * overwritten, deleted and put anew, read by one who stops for a while.
 */
#include "tests/unit/doors/rig.h"

#include "dataplane/client.h"
#include "doors/udp.h"
#include "kv/store.h"
#include "serve/request.h"
#include "tests/sim/net.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MS 1000000ull
#define S 1000000000ull

#define SERVER 0xc6120001u /* 198.18.0.1 */
#define CLIENT 0xc6120002u

enum { TURN_NS = 5000, PATIENCE = 20000000 };

static struct rig rig;
static struct sim_net *net;
static struct udp_door *door;
static struct dp *server_dp, *client_dp;
static struct client *client;
static uint8_t *got;
static size_t got_size;

static void crowd_gone(struct door *d, struct request *q)
{
	(void)d;
	(void)q;
}

static const struct door_ops crowd_ops = {.gone = crowd_gone};
static struct door crowd = {.ops = &crowd_ops};

static struct dp *dp_on(uint32_t port, uint32_t address, uint16_t udp, uint64_t member)
{
	const struct dp_options options = {
		.link = {sim_net_link(net, port)},
		.link_count = 1,
		.address = address,
		.prefix = 24,
		.udp_client = udp,
		.self = {.cluster_id = member ? 7 : 0, .member_id = member},
		.seed = address,
	};
	struct dp *dp;

	assert_int_equal(dp_create(&dp, &options), 0);
	return dp;
}

static int setup(void **state)
{
	struct udp_door_options options = {.key = "0123456789abcdef"};
	const struct door_welcome welcome = {.cluster_id = 7, .member_id = 9, .base = 1};

	(void)state;
	rig_open(&rig);
	net = sim_net_create(3);
	sim_net_time(net, rig.now_ns);
	server_dp = dp_on(0, SERVER, WIRE_PORT_CLIENT, 9);
	client_dp = dp_on(1, CLIENT, 40000, 0);
	options.serve = rig.serve;
	options.dp = server_dp;
	assert_int_equal(udp_door_create(&door, &options), 0);
	udp_door_set_welcome(door, &welcome);
	assert_int_equal(client_create(&client, 5), 0);
	got = malloc(RIG_ANSWER);
	assert_non_null(got);
	got_size = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_close(&rig);
	udp_door_destroy(door);
	dp_destroy(server_dp);
	dp_destroy(client_dp);
	sim_net_destroy(net);
	client_destroy(client);
	free(got);
	return 0;
}

static void client_turn(void)
{
	struct dp_datagram datagram[DP_RECEIVE_MAX];
	uint32_t count = dp_receive(client_dp, rig.now_ns, datagram), size_max;
	uint8_t payload[WIRE_PAYLOAD_1500], *body;
	struct dp_address to;
	size_t size;

	for (uint32_t i = 0; i < count; i++)
		client_receive(client, rig.now_ns, datagram[i].body - WIRE_ENVELOPE_SIZE,
			       WIRE_ENVELOPE_SIZE + datagram[i].envelope.body_size);
	dp_release(client_dp);
	if (dp_resolve(client_dp, 0, SERVER, WIRE_PORT_CLIENT, rig.now_ns, &to)) {
		while ((size = client_send(client, rig.now_ns, payload))) {
			body = dp_begin_client(client_dp, &to, &size_max);
			assert_non_null(body);
			memcpy(body, payload + WIRE_ENVELOPE_SIZE, size - WIRE_ENVELOPE_SIZE);
			dp_end(client_dp, payload[6], size - WIRE_ENVELOPE_SIZE);
		}
	}
	dp_flush(client_dp);
}

/*
 * The network delivers it twice (V39), and between the two others of its host take all places that
 * one source may have.
 */
static bool twice;

static void hear_again(const struct dp_datagram *d)
{
	const uint64_t source = UINT64_C(1) << 32 | CLIENT;
	struct request *q[REQUESTS_MAX];
	enum serve_status why;
	uint64_t refused;
	uint32_t n = 0;

	while ((q[n] = serve_open(rig.serve, &crowd, 0, n, 0, source, 0, &why)))
		n++;
	refused = serve_get_counters(rig.serve)->refused;
	udp_door_receive(door, d);
	assert_int_equal(serve_get_counters(rig.serve)->refused, refused);
	while (n-- > 0)
		serve_cancel(rig.serve, q[n]);
	twice = false;
}

/* Who sent the newest. */
static struct dp_address newest;

static void turn(uint64_t ns)
{
	struct dp_datagram datagram[DP_RECEIVE_MAX];
	uint32_t count;

	rig_turn_begin(&rig, ns);
	sim_net_time(net, rig.now_ns);
	count = dp_receive(server_dp, rig.now_ns, datagram);
	for (uint32_t i = 0; i < count; i++) {
		newest = datagram[i].from;
		udp_door_receive(door, &datagram[i]);
		if (twice && datagram[i].envelope.type == WIRE_REQUEST)
			hear_again(&datagram[i]);
	}
	dp_release(server_dp);
	rig_turn_end(&rig);
	dp_flush(server_dp);
	client_turn();
}

/* Until the client has a piece, or the end. */
static enum client_state run(uint32_t writes)
{
	for (uint32_t i = 0; client_get_state(client) == CLIENT_WAITING; i++) {
		assert_true(i < PATIENCE);
		turn(TURN_NS);
		rig_write(&rig, i % 4 == 0 ? writes : 0);
	}
	return client_get_state(client);
}

static void ask(uint64_t timeout_ns)
{
	static uint8_t query[RIG_QUERY_MAX];

	client_request(client, WIRE_QUERY, query, rig_query(query), rig.now_ns, timeout_ns);
}

static void take(void)
{
	uint32_t size;
	const uint8_t *data = client_answer(client, &size);

	assert_true(got_size + size <= RIG_ANSWER);
	memcpy(got + got_size, data, size);
	got_size += size;
}

static void fifty_megabytes_of_one_revision(void **state)
{
	const struct sim_net_faults faults = {
		.loss_ppm = 2000,
		.duplicate_ppm = 2000,
		.delay_ns_min = 2000,
		.delay_ns_max = 40000,
	};
	uint32_t pieces = 1;

	(void)state;
	sim_net_set_faults(net, &faults);
	ask(60 * S);
	/* Nothing is written before it has begun: the test knows what it must give. */
	for (; run(got_size > 0) == CLIENT_PIECE; pieces++) {
		take();
		/* Others write all the while: every key three times over. */
		if (pieces == 30) {
			for (int i = 0; i < 1000; i++) {
				turn(MS);
				rig_write(&rig, 3 * RIG_KEYS / 1000 + 1);
			}
		}
		client_next(client);
	}
	assert_int_equal(client_get_state(client), CLIENT_DONE);
	assert_int_equal(client_status(client), WIRE_OK);
	take();
	rig_check(got, got_size);
	assert_true(pieces > RIG_ANSWER / (256 * 1024));
	/* No more than was before the reader when it stopped. */
	assert_in_range(rig.pinned_max, RIG_ANSWER / 2, RIG_PIN_BUDGET);
	rig_check_clean(&rig);
}

static void expect_timeout(uint64_t pause_ns)
{
	ask(200 * S);
	assert_int_equal(run(0), CLIENT_PIECE);
	for (uint64_t ns = 0; ns < pause_ns; ns += MS)
		turn(MS);
	rig_write(&rig, 3 * RIG_KEYS);
	rig_check_clean(&rig); /* the reader is not waited for */
	client_next(client);
	assert_int_equal(run(0), CLIENT_DONE);
	assert_int_equal(client_status(client), WIRE_TIMEOUT);
}

static void who_stops_for_too_long_is_told(void **state)
{
	(void)state;
	/* While the last word is kept, and when nobody knows of the request any more. */
	expect_timeout(60 * S + 500 * MS);
	expect_timeout(70 * S);
	/* And is served again. */
	ask(60 * S);
	assert_int_equal(run(0), CLIENT_PIECE);
}

/* A node that forgot all of it, as after a restart. */
static void a_cookie_that_is_refused_ends_the_answer(void **state)
{
	struct udp_door_options options = {
		.serve = rig.serve, .dp = server_dp, .key = "another key!!!!!"};
	struct udp_door *other, *first = door;

	(void)state;
	ask(60 * S);
	assert_int_equal(run(0), CLIENT_PIECE);
	assert_int_equal(udp_door_create(&other, &options), 0);
	door = other;
	client_next(client);
	assert_int_equal(run(0), CLIENT_DONE);
	assert_int_equal(client_status(client), WIRE_TIMEOUT);
	assert_true(udp_door_get_counters(other)->refused_cookie > 0);
	door = first;
	udp_door_destroy(other);
}

/* Small, and so large that it comes in parts: nothing of it is kept. */
static void what_is_the_local_sockets_alone_is_refused(void **state)
{
	static const uint8_t data[5 * 1200];
	static const enum wire_request kinds[] = {WIRE_FAULT, WIRE_RESET};

	(void)state;
	for (int i = 0; i < 4; i++) {
		client_request(client, kinds[i / 2], data, i % 2 ? sizeof(data) : 1, rig.now_ns, S);
		assert_int_equal(run(0), CLIENT_DONE);
		assert_int_equal(client_status(client), WIRE_REFUSED);
		assert_int_equal(serve_open_count(rig.serve), 0);
	}
	ask(60 * S);
	assert_int_equal(run(0), CLIENT_PIECE);
}

static void a_budget_that_is_spent_ends_the_answer(void **state)
{
	(void)state;
	ask(60 * S);
	assert_int_equal(run(0), CLIENT_PIECE);
	/* Another reader, of a later revision, and room for one: it is the older one that goes. */
	rig_write(&rig, 3 * RIG_KEYS);
	struct client *first = client;
	assert_int_equal(client_create(&client, 6), 0);
	ask(60 * S);
	assert_int_equal(run(0), CLIENT_PIECE);
	rig_write(&rig, 2 * RIG_KEYS);
	for (uint32_t i = 0; i < 6 * RIG_KEYS / KV_SCRUB_STEP_MAX; i++)
		turn(MS);
	client_next(first);
	struct client *second = client;
	client = first;
	assert_int_equal(run(0), CLIENT_DONE);
	assert_int_equal(client_status(client), WIRE_COMPACTED);
	client_destroy(client);
	client = second;
	take();
	client_next(client);
	while (run(0) == CLIENT_PIECE) {
		take();
		client_next(client);
	}
	assert_int_equal(client_status(client), WIRE_OK);
	take();
	assert_int_equal(got_size, RIG_ANSWER);
	assert_in_range(rig.pinned_max, 1, RIG_PIN_BUDGET);
	rig_check_clean(&rig);
}

/* --- a flood ----------------------------------------------------------------------------- */

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

	if (!dp_resolve(f->dp, 0, SERVER, WIRE_PORT_CLIENT, rig.now_ns, &to))
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
	uint32_t count = dp_receive(f->dp, rig.now_ns, datagram);
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
	uint64_t before = serve_get_counters(rig.serve)->answers;

	for (uint32_t i = 0; i < count; i++)
		flood_send(f, WIRE_REQUEST, WIRE_STATUS);
	dp_flush(f->dp);
	turn(TURN_NS);
	flood_receive(f);
	rig.now_ns += (serve_get_counters(rig.serve)->answers - before) * STATUS_NS;
}

/* Until its address is proven. */
static void prove(struct flood *f)
{
	while (!f->cookie) {
		flood_send(f, WIRE_HELLO, 0);
		dp_flush(f->dp);
		turn(TURN_NS);
		flood_receive(f);
	}
}

static uint64_t question(struct flood *f, uint32_t count)
{
	static uint8_t query[RIG_QUERY_MAX];
	struct kv_request r = {.operation = KV_RANGE, .key = {(const uint8_t *)"none", 4}};
	uint64_t begun_ns = rig.now_ns;

	kv_request_encode(&r, query);
	client_request(client, WIRE_QUERY, query, (uint32_t)kv_request_size(&r), rig.now_ns, S);
	while (client_get_state(client) == CLIENT_WAITING)
		flood_turn(f, count);
	assert_int_equal(client_status(client), WIRE_OK);
	return rig.now_ns - begun_ns;
}

/*
 * Well-formed, from a proven address, and each of them costs a thousand times what it takes to send
 * it: others wait for a share of it in each turn, and for no more.
 */
static void V37_N13_a_flood_at_the_door_leaves_others_their_turns(void **state)
{
	struct flood f = {.dp = dp_on(2, CLIENT + 1, 40001, 0)};
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
	assert_true(serve_get_counters(rig.serve)->over > 0);
	dp_destroy(f.dp);
}

/* In one turn; how many of them were too much for their source. */
static uint64_t hear(const struct flood *f, const struct wire_part *of, bool copies, uint32_t count)
{
	static const uint8_t data[WIRE_PART_SIZE];
	static uint64_t id = 1u << 20;
	uint64_t over = serve_get_counters(rig.serve)->over;
	uint8_t body[DP_BODY_SIZE_MAX], type = of->wanted ? WIRE_PULL : WIRE_REQUEST;
	struct wire_part part = *of;
	struct dp_datagram d = {.from = newest, .envelope.type = type, .body = body};

	part.cookie = f->cookie;
	part.data = type == WIRE_PULL ? NULL : data;
	part.size = type == WIRE_PULL ? 0 : parts_size(part.total_size, part.part);
	part.request_id = ++id;
	for (uint32_t i = 0; i < count; i++) {
		d.envelope.body_size = (uint16_t)wire_part_encode(&part, type, body);
		udp_door_receive(door, &d);
		if (!copies)
			part.request_id = ++id;
	}
	return serve_get_counters(rig.serve)->over - over;
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
	struct flood f = {.dp = dp_on(2, CLIENT + 1, 40001, 0)};

	(void)state;
	prove(&f);
	for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t over = hear(&f, &rows[i].part, rows[i].copies, COUNT);

		if (rows[i].free ? over > 0 : over < COUNT - SHARE_AHEAD - 1)
			fail_msg("row %u: %llu of %u were over", i, (unsigned long long)over,
				 COUNT);
		for (int k = 0; k < TURNS; k++)
			turn(TURN_NS); /* all is forgiven */
	}
	dp_destroy(f.dp);
}

/* Ids are a client's own: another one of its host, by another port, has the same. */
static void V37_clients_of_one_host_may_choose_the_same_id(void **state)
{
	struct flood f[2] = {{.dp = dp_on(2, CLIENT + 1, 40001, 0)},
			     {.dp = dp_on(3, CLIENT + 1, 40002, 0)}};

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
			turn(TURN_NS);
			for (int i = 0; i < 2; i++)
				flood_receive(&f[i]);
		}
		for (int i = 0; i < 2; i++)
			assert_int_equal(f[i].answers, 1);
	}
	dp_destroy(f[0].dp);
	dp_destroy(f[1].dp);
}

/* "Nothing was done" would be false: the first one was taken. */
static void V10_V39_a_copy_of_what_was_taken_is_not_refused(void **state)
{
	(void)state;
	ask(5 * S);
	twice = true;
	while (client_get_state(client) == CLIENT_WAITING)
		turn(TURN_NS);
	assert_false(twice);
	assert_int_equal(client_get_state(client), CLIENT_PIECE);
}

/* BUSY would say that nothing was done. */
static void SV1_without_a_buffer_for_its_answer_a_command_was_applied(void **state)
{
	static uint8_t command[RIG_QUERY_MAX];
	struct request *q[BUFFERS_LARGE_COUNT];
	uint32_t size = rig_deletion(command);
	enum serve_status why;
	struct kv_answer answer;

	(void)state;
	rig_apply(&rig, command, size);
	rig.compacted = rig.sm->ops->revision(rig.sm); /* nothing of it is */
	for (uint32_t i = 0; i < BUFFERS_LARGE_COUNT; i++) {
		q[i] = serve_open(rig.serve, &crowd, 0, i, PARTS_MESSAGE_SIZE_MAX, 0, 0, &why);
		assert_non_null(q[i]);
	}
	client_request(client, WIRE_COMMAND, command, size, rig.now_ns, 5 * S);
	assert_int_equal(run(0), CLIENT_DONE);
	assert_int_equal(client_status(client), WIRE_UNANSWERED);
	assert_int_equal(udp_door_get_counters(door)->refused_buffer, 1);

	/* Asked again when there is room, it is told. */
	for (uint32_t i = 0; i < BUFFERS_LARGE_COUNT; i++)
		serve_cancel(rig.serve, q[i]);
	client_request(client, WIRE_COMMAND, command, size, rig.now_ns, 5 * S);
	assert_int_equal(run(0), CLIENT_DONE);
	assert_int_equal(client_status(client), WIRE_OK);
	take();
	assert_int_equal(kv_answer_decode(&answer, got, got_size), 0);
	assert_int_equal(answer.item_count, 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(V10_V39_a_copy_of_what_was_taken_is_not_refused,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			SV1_without_a_buffer_for_its_answer_a_command_was_applied, setup, teardown),
		cmocka_unit_test_setup_teardown(V37_what_begins_nothing_is_charged_by_the_packet,
						setup, teardown),
		cmocka_unit_test_setup_teardown(V37_clients_of_one_host_may_choose_the_same_id,
						setup, teardown),
		cmocka_unit_test_setup_teardown(fifty_megabytes_of_one_revision, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_the_local_sockets_alone_is_refused, setup,
						teardown),
		cmocka_unit_test_setup_teardown(who_stops_for_too_long_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(a_cookie_that_is_refused_ends_the_answer, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_budget_that_is_spent_ends_the_answer, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			V37_N13_a_flood_at_the_door_leaves_others_their_turns, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
