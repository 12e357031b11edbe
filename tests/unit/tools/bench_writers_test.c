/*
 * Writers at nodes that have forgotten sessions (kv/session.h): what they begin with is what a node
 * showed, and they go on when they are forgotten themselves. And how their puts are counted.
 */
#include "base/clock.h"
#include "kv/command.h"
#include "kv/kv.h"
#include "tests/unit/test.h"
#include "tests/unit/tools/fake_node.h"
#include "tools/bench/writers.h"
#include "tools/client/endpoint.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

enum { ENOUGH = 20 };

static struct fake_store store;
static struct fake_node node;

/* So many sessions have put something since that all that was known before is forgotten. */
static void forget(void)
{
	static uint64_t session = 1000;

	pthread_mutex_lock(&store.lock);
	for (uint32_t i = 0; i <= KV_SESSIONS_MAX; i++) {
		uint8_t data[256];
		struct sm_result result;
		const struct kv_request request = {.operation = KV_PUT,
						   .session = ++session,
						   .session_base = store.index,
						   .sequence = 1,
						   .key = {(const uint8_t *)"k", 1}};
		struct sm_entry entry = {.index = ++store.index,
					 .data = data,
					 .size = (uint32_t)kv_request_size(&request),
					 .first = true,
					 .last = true};

		kv_request_encode(&request, data);
		while (store.sm->ops->apply(store.sm, &entry, &result) == -EAGAIN)
			;
	}
	pthread_mutex_unlock(&store.lock);
}

static struct writers *writers_at_node(void)
{
	char error[ADDRESS_ERROR_MAX];
	struct address admin;
	struct writers *w;

	assert_int_equal(address_parse(&admin, node.local, error), 0);
	assert_int_equal(writers_start(&w, &admin, 1), 0);
	return w;
}

enum end { ACKNOWLEDGED, REFUSED, UNKNOWN };

static uint64_t count_of(struct writers *w, enum end end)
{
	struct writers_counters c = writers_count(w);

	return end == ACKNOWLEDGED ? c.acknowledged : end == REFUSED ? c.refused : c.unknown;
}

/* Until so many more end so. False: that is not to be. */
static bool end_so(struct writers *w, enum end end, uint64_t more)
{
	const uint64_t until = clock_now() + 10 * CLOCK_S;
	const uint64_t enough = count_of(w, end) + more;

	while (count_of(w, end) < enough && clock_now() < until)
		clock_sleep(CLOCK_MS);
	return count_of(w, end) >= enough;
}

static bool goes_on(struct writers *w)
{
	return end_so(w, ACKNOWLEDGED, ENOUGH);
}

/* What it shows to newcomers is made anew with each answer. */
static void node_is(bool unled)
{
	char error[ADDRESS_ERROR_MAX];
	struct endpoint_answer answer;
	struct endpoint *e;

	atomic_store(&node.faults.unled, unled);
	assert_int_equal(endpoint_open(&e, node.local, error), 0);
	assert_int_equal(endpoint_call(e, WIRE_STATUS, NULL, 0, 20 * CLOCK_S, &answer), 0);
	endpoint_close(e);
}

static void *led_after_a_while(void *nothing)
{
	clock_sleep(50 * CLOCK_MS);
	node_is(false);
	return nothing;
}

/* Without a leader a node shows nothing: a session that began with that might be an old one. */
static void R48_writers_begin_with_what_a_node_shows(void **state)
{
	struct writers *w;
	pthread_t thread;

	(void)state;
	forget();
	node_is(true);
	assert_int_equal(pthread_create(&thread, NULL, led_after_a_while, NULL), 0);
	w = writers_at_node();
	assert_true(goes_on(w));
	assert_int_equal(writers_count(w).unknown, 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	writers_stop(w);
}

static void R48_a_writer_that_is_forgotten_begins_anew(void **state)
{
	struct writers *w = writers_at_node();

	(void)state;
	assert_true(goes_on(w));
	forget();
	assert_true(goes_on(w));
	assert_in_range(writers_count(w).unknown, 0, 1); /* the one by which it learned that */
	writers_stop(w);
}

static void what_cannot_be_read_acknowledges_nothing(void **state)
{
	struct writers *w;

	(void)state;
	atomic_store(&node.faults.unreadable, INT_MAX);
	w = writers_at_node();
	assert_true(end_so(w, UNKNOWN, ENOUGH));
	assert_int_equal(writers_count(w).acknowledged, 0);
	assert_int_equal(writers_count(w).refused, 0);
	atomic_store(&node.faults.unreadable, 0);
	assert_true(goes_on(w));
	writers_stop(w);
}

/* Its socket is gone with it: but for what was open then, nothing is asked. */
static void what_no_node_was_asked_is_refused(void **state)
{
	struct writers *w = writers_at_node();

	(void)state;
	assert_true(goes_on(w));
	fake_node_stop(&node);
	assert_true(end_so(w, REFUSED, ENOUGH));
	assert_in_range(writers_count(w).unknown, 0, 1);
	writers_stop(w);
	fake_node_start(&node, &store, 5);
}

/* Or it would not end, and each question leaves open whether it was done. */
static void R45_a_node_that_stops_is_left_alone(void **state)
{
	const uint64_t begun = clock_now();
	struct writers *w;

	(void)state;
	atomic_store(&node.faults.refusal, WIRE_STOPPING);
	atomic_store(&node.faults.refusing, INT_MAX);
	w = writers_at_node();
	assert_true(end_so(w, UNKNOWN, 3));
	assert_true(clock_now() - begun >= 2 * WRITERS_STOPPING_NS);
	atomic_store(&node.faults.refusing, 0);
	assert_true(goes_on(w));
	writers_stop(w);
}

static int setup(void **state)
{
	(void)state;
	fake_store_create(&store);
	fake_node_start(&node, &store, 5);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_node_stop(&node);
	fake_store_destroy(&store);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(R48_writers_begin_with_what_a_node_shows, setup,
						teardown),
		cmocka_unit_test_setup_teardown(R48_a_writer_that_is_forgotten_begins_anew, setup,
						teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_read_acknowledges_nothing, setup,
						teardown),
		cmocka_unit_test_setup_teardown(what_no_node_was_asked_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(R45_a_node_that_stops_is_left_alone, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
