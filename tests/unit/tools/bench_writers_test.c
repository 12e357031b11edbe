/*
 * Writers at nodes that have forgotten sessions (kv/session.h): what they begin with is what a node
 * showed, and they go on when they are forgotten themselves.
 */
#include "base/clock.h"
#include "kv/command.h"
#include "kv/kv.h"
#include "tests/unit/test.h"
#include "tests/unit/tools/fake_node.h"
#include "tools/bench/writers.h"
#include "tools/client/endpoint.h"

#include <errno.h>
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

/* Until so many more are acknowledged. False: that is not to be. */
static bool goes_on(struct writers *w)
{
	const uint64_t until = clock_now() + 10 * CLOCK_S;
	const uint64_t had = writers_count(w).acknowledged;

	while (writers_count(w).acknowledged < had + ENOUGH && clock_now() < until)
		clock_sleep(CLOCK_MS);
	return writers_count(w).acknowledged >= had + ENOUGH;
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
