/* Requests of a source that has had its share of the turn: they wait, and nobody else does. */
#include "tests/unit/serve/hand.h"

#include <string.h>

enum { SHARE = SHARE_TURN / SHARE_REQUEST, GREEDY = 66, MODEST = 77 };

static struct hand h;
static uint64_t next_id;

static int setup(void **state)
{
	(void)state;
	hand_open(&h);
	h.leader.id = SELF;
	next_id = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	hand_close(&h);
	return 0;
}

static struct request *ask(uint64_t source, enum request_kind kind)
{
	enum serve_status why;
	struct request *q = serve_open(h.serve, &h.door, 0, ++next_id, 16, source, 0, &why);

	assert_non_null(q);
	memset(q->data, 0, 16);
	memcpy(q->data, &next_id, 8);
	q->size = kind == REQUEST_COMMAND ? 16 : 1;
	serve_begin(h.serve, q, kind);
	return q;
}

/* Somebody else has begun something in the turn before. */
static void all_are_about(void)
{
	shares_begin(&h.serve->requests.shares, MODEST, SHARE_REQUEST);
	hand_turn(&h, 10);
}

static uint32_t waiting(void)
{
	return h.serve->requests.in_state[REQUEST_WAITING];
}

static void V37_N13_who_is_over_its_share_waits_and_nobody_else_does(void **state)
{
	(void)state;
	ask(MODEST, REQUEST_COMMAND);
	for (int i = 0; i < 5 * SHARE; i++)
		ask(GREEDY, REQUEST_COMMAND);
	assert_int_equal(waiting(), 4 * SHARE);
	assert_int_equal(ask(MODEST, REQUEST_COMMAND)->state, REQUEST_PROPOSING);
	/* The local socket has no share of its own. */
	for (int i = 0; i < 2 * SHARE; i++)
		assert_int_equal(ask(0, REQUEST_COMMAND)->state, REQUEST_PROPOSING);
	serve_drive(h.serve);
	assert_int_equal(h.proposals, 3 * SHARE + 2);
	for (uint32_t left = 4; left-- > 0;) {
		assert_true(serve_active(h.serve)); /* the loop does not sleep on them */
		hand_turn(&h, 10);
		assert_int_equal(waiting(), left * SHARE);
	}
	assert_int_equal(h.proposals, 7 * SHARE + 2);
	hand_turn(&h, 10);
	assert_false(serve_active(h.serve));
	/* Nobody was refused. */
	assert_int_equal(serve_get_counters(h.serve)->refused, 0);
	assert_int_equal(serve_get_counters(h.serve)->over, 0);
}

/* Those that came first begin first. */
static void V37_they_wait_in_their_order(void **state)
{
	(void)state;
	h.keeps = true;
	for (int i = 0; i < 8; i++)
		ask(GREEDY, REQUEST_STATUS);
	for (int i = 0; i < 3; i++)
		ask(GREEDY, REQUEST_QUERY_LOCAL);
	assert_true(waiting() > 3);
	while (waiting())
		hand_turn(&h, 10);
	assert_int_equal(h.words, 11);
	for (uint32_t i = 0; i < 11; i++)
		assert_int_equal(h.word[i].id, i + 1);
}

/* However many sources there are, one turn has an end. */
static void V37_all_that_begins_in_a_turn_is_bounded(void **state)
{
	const uint32_t all = SHARE_TURN_ALL / SHARE_REQUEST, sources = 2 * all / SHARE;
	uint32_t left = 2 * sources * SHARE;

	(void)state;
	all_are_about();
	for (uint32_t i = 1; i <= sources; i++) {
		for (int k = 0; k < 2 * SHARE; k++)
			ask(i << 20, REQUEST_COMMAND);
	}
	while (left > 0) {
		left -= all;
		assert_int_equal(waiting(), left);
		hand_turn(&h, 10);
	}
	/* What costs more counts for more. */
	for (uint32_t i = 1; i <= sources; i++)
		ask(i << 20, REQUEST_STATUS);
	assert_in_range(sources - waiting(), 1, SHARE_TURN_ALL / SHARE_STATUS + 1);
}

/* Of what waits nothing was done. */
static void V37_what_waits_ends_like_all_others(void **state)
{
	struct request *q;

	(void)state;
	all_are_about();
	for (int i = 0; i < SHARE; i++)
		ask(GREEDY, REQUEST_COMMAND);
	h.leader.id = 0;
	q = ask(GREEDY, REQUEST_COMMAND);
	q->deadline_ns = h.now_ns;
	serve_cancel(h.serve, ask(GREEDY, REQUEST_QUERY));
	assert_int_equal(waiting(), 1);
	h.serve->next_expiry_ns = 0;
	serve_expire(h.serve);
	assert_int_equal(hand_heard(&h, 1)->status, SERVE_NO_LEADER);
	assert_int_equal(waiting(), 0);
	/* A copy of it may be elsewhere. */
	q = ask(GREEDY, REQUEST_COMMAND);
	q->deadline_ns = h.now_ns;
	q->strayed = true;
	h.serve->next_expiry_ns = 0;
	serve_expire(h.serve);
	assert_int_equal(hand_heard(&h, 2)->status, SERVE_TIMEOUT);
	/* The node stops. */
	ask(GREEDY, REQUEST_QUERY);
	serve_stop(h.serve);
	h.now_ns += SERVE_STOP_NS;
	serve_turn(h.serve, h.now_ns);
	serve_expire(h.serve);
	assert_int_equal(serve_open_count(h.serve), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			V37_N13_who_is_over_its_share_waits_and_nobody_else_does, setup, teardown),
		cmocka_unit_test_setup_teardown(V37_they_wait_in_their_order, setup, teardown),
		cmocka_unit_test_setup_teardown(V37_all_that_begins_in_a_turn_is_bounded, setup,
						teardown),
		cmocka_unit_test_setup_teardown(V37_what_waits_ends_like_all_others, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
