/*
 * The UDP door: 50 MB of one revision while every key is overwritten, deleted and put anew, read by
 * one who stops for a while; and what it says of requests that come more than once.
 */
#include "tests/unit/doors/udp_rig.h"

#include "kv/store.h"
#include "serve/request.h"

#include <stdlib.h>
#include <string.h>

enum { PATIENCE = 20000000 };

static uint8_t *got;
static size_t got_size;

static void crowd_gone(struct door *d, struct request *q)
{
	(void)d;
	(void)q;
}

static const struct door_ops crowd_ops = {.gone = crowd_gone};
static struct door crowd = {.ops = &crowd_ops};

static int setup(void **state)
{
	got = malloc(RIG_ANSWER);
	assert_non_null(got);
	got_size = 0;
	return udp_rig_setup(state);
}

static int teardown(void **state)
{
	free(got);
	return udp_rig_teardown(state);
}

/* Until the client has a piece, or the end. */
static enum client_state run(uint32_t writes)
{
	for (uint32_t i = 0; client_get_state(udp.client) == CLIENT_WAITING; i++) {
		assert_true(i < PATIENCE);
		udp_rig_turn(TURN_NS);
		rig_write(&udp.rig, i % 4 == 0 ? writes : 0);
	}
	return client_get_state(udp.client);
}

static void ask(uint64_t timeout_ns)
{
	static uint8_t query[RIG_QUERY_MAX];

	client_request(udp.client, WIRE_QUERY, query, rig_query(query), udp.rig.now_ns, timeout_ns);
}

static void take(void)
{
	uint32_t size;
	const uint8_t *data = client_answer(udp.client, &size);

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
	sim_net_set_faults(udp.net, &faults);
	ask(60 * S);
	/* Nothing is written before it has begun: the test knows what it must give. */
	for (; run(got_size > 0) == CLIENT_PIECE; pieces++) {
		take();
		/* Others write all the while: every key three times over. */
		if (pieces == 30) {
			for (int i = 0; i < 1000; i++) {
				udp_rig_turn(MS);
				rig_write(&udp.rig, 3 * RIG_KEYS / 1000 + 1);
			}
		}
		client_next(udp.client);
	}
	assert_int_equal(client_get_state(udp.client), CLIENT_DONE);
	assert_int_equal(client_status(udp.client), WIRE_OK);
	take();
	rig_check(got, got_size);
	assert_true(pieces > RIG_ANSWER / (256 * 1024));
	/* No more than was before the reader when it stopped. */
	assert_in_range(udp.rig.pinned_max, RIG_ANSWER / 2, RIG_PIN_BUDGET);
	rig_check_clean(&udp.rig);
}

static void expect_timeout(uint64_t pause_ns)
{
	ask(200 * S);
	assert_int_equal(run(0), CLIENT_PIECE);
	for (uint64_t ns = 0; ns < pause_ns; ns += MS)
		udp_rig_turn(MS);
	rig_write(&udp.rig, 3 * RIG_KEYS);
	rig_check_clean(&udp.rig); /* the reader is not waited for */
	client_next(udp.client);
	assert_int_equal(run(0), CLIENT_DONE);
	assert_int_equal(client_status(udp.client), WIRE_TIMEOUT);
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
	(void)state;
	ask(60 * S);
	assert_int_equal(run(0), CLIENT_PIECE);
	udp_rig_door_anew();
	client_next(udp.client);
	assert_int_equal(run(0), CLIENT_DONE);
	assert_int_equal(client_status(udp.client), WIRE_TIMEOUT);
	assert_true(udp_door_get_counters(udp.door)->refused_cookie > 0);
}

/* Small, and so large that it comes in parts: nothing of it is kept. */
static void what_is_the_local_sockets_alone_is_refused(void **state)
{
	static const uint8_t data[5 * 1200];
	static const enum wire_request kinds[] = {WIRE_FAULT, WIRE_RESET};

	(void)state;
	for (int i = 0; i < 4; i++) {
		client_request(udp.client, kinds[i / 2], data, i % 2 ? sizeof(data) : 1,
			       udp.rig.now_ns, S);
		assert_int_equal(run(0), CLIENT_DONE);
		assert_int_equal(client_status(udp.client), WIRE_REFUSED);
		assert_int_equal(serve_open_count(udp.rig.serve), 0);
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
	rig_write(&udp.rig, 3 * RIG_KEYS);
	struct client *first = udp.client;
	assert_int_equal(client_create(&udp.client, 6), 0);
	ask(60 * S);
	assert_int_equal(run(0), CLIENT_PIECE);
	rig_write(&udp.rig, 2 * RIG_KEYS);
	for (uint32_t i = 0; i < 6 * RIG_KEYS / KV_SCRUB_STEP_MAX; i++)
		udp_rig_turn(MS);
	client_next(first);
	struct client *second = udp.client;
	udp.client = first;
	assert_int_equal(run(0), CLIENT_DONE);
	assert_int_equal(client_status(udp.client), WIRE_COMPACTED);
	client_destroy(udp.client);
	udp.client = second;
	take();
	client_next(udp.client);
	while (run(0) == CLIENT_PIECE) {
		take();
		client_next(udp.client);
	}
	assert_int_equal(client_status(udp.client), WIRE_OK);
	take();
	assert_int_equal(got_size, RIG_ANSWER);
	assert_in_range(udp.rig.pinned_max, 1, RIG_PIN_BUDGET);
	rig_check_clean(&udp.rig);
}

/*
 * "Nothing was done" would be false: the first one was taken. The network delivers it twice (V39),
 * and between the two others of its host take all places that one source may have.
 */
static void hear_again(const struct dp_datagram *d)
{
	const uint64_t source = UINT64_C(1) << 32 | CLIENT;
	struct request *q[REQUESTS_MAX];
	enum serve_status why;
	uint64_t refused;
	uint32_t n = 0;

	if (d->envelope.type != WIRE_REQUEST)
		return;
	udp.heard = NULL;
	while ((q[n] = serve_open(udp.rig.serve, &crowd, 0, n, 0, source, 0, &why)))
		n++;
	refused = serve_get_counters(udp.rig.serve)->refused;
	udp_door_receive(udp.door, d);
	assert_int_equal(serve_get_counters(udp.rig.serve)->refused, refused);
	while (n-- > 0)
		serve_cancel(udp.rig.serve, q[n]);
}

static void V10_V39_a_copy_of_what_was_taken_is_not_refused(void **state)
{
	(void)state;
	ask(5 * S);
	udp.heard = hear_again;
	while (client_get_state(udp.client) == CLIENT_WAITING)
		udp_rig_turn(TURN_NS);
	assert_null(udp.heard);
	assert_int_equal(client_get_state(udp.client), CLIENT_PIECE);
}

/*
 * Nor is it said of what may have been taken before by who knows nothing of it: its client says
 * that it may. A learner refuses what comes for the first time.
 */
static void V10_what_may_have_been_taken_before_is_not_refused(void **state)
{
	static uint8_t command[RIG_QUERY_MAX];
	uint32_t size = rig_deletion(command);

	(void)state;
	client_request(udp.client, WIRE_COMMAND, command, size, udp.rig.now_ns, S);
	for (int i = 0; i < 100; i++)
		udp_rig_turn(MS);
	assert_int_equal(serve_open_count(udp.rig.serve), 1);
	udp_rig_door_anew();
	serve_set_learner(udp.rig.serve, true);
	assert_int_equal(run(0), CLIENT_DONE);
	assert_int_equal(client_status(udp.client), WIRE_TIMEOUT);
	client_request(udp.client, WIRE_COMMAND, command, size, udp.rig.now_ns, S);
	assert_int_equal(run(0), CLIENT_DONE);
	assert_int_equal(client_status(udp.client), WIRE_LEARNER);
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
	rig_apply(&udp.rig, command, size);
	udp.rig.compacted = udp.rig.sm->ops->revision(udp.rig.sm); /* nothing of it is */
	for (uint32_t i = 0; i < BUFFERS_LARGE_COUNT; i++) {
		q[i] = serve_open(udp.rig.serve, &crowd, 0, i, PARTS_MESSAGE_SIZE_MAX, 0, 0, &why);
		assert_non_null(q[i]);
	}
	client_request(udp.client, WIRE_COMMAND, command, size, udp.rig.now_ns, 5 * S);
	assert_int_equal(run(0), CLIENT_DONE);
	assert_int_equal(client_status(udp.client), WIRE_UNANSWERED);
	assert_int_equal(udp_door_get_counters(udp.door)->refused_buffer, 1);

	/* Asked again when there is room, it is told. */
	for (uint32_t i = 0; i < BUFFERS_LARGE_COUNT; i++)
		serve_cancel(udp.rig.serve, q[i]);
	client_request(udp.client, WIRE_COMMAND, command, size, udp.rig.now_ns, 5 * S);
	assert_int_equal(run(0), CLIENT_DONE);
	assert_int_equal(client_status(udp.client), WIRE_OK);
	take();
	assert_int_equal(kv_answer_decode(&answer, got, got_size), 0);
	assert_int_equal(answer.item_count, 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(V10_V39_a_copy_of_what_was_taken_is_not_refused,
						setup, teardown),
		cmocka_unit_test_setup_teardown(V10_what_may_have_been_taken_before_is_not_refused,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			SV1_without_a_buffer_for_its_answer_a_command_was_applied, setup, teardown),
		cmocka_unit_test_setup_teardown(fifty_megabytes_of_one_revision, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_the_local_sockets_alone_is_refused, setup,
						teardown),
		cmocka_unit_test_setup_teardown(who_stops_for_too_long_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(a_cookie_that_is_refused_ends_the_answer, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_budget_that_is_spent_ends_the_answer, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
