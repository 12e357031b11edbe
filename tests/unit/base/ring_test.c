/*
 * The ring: full, empty, around its end, around the end of its counters, and between two threads.
 */
#include "base/ring.h"

#include "tests/unit/test.h"

#include <pthread.h>
#include <sched.h>

enum { ITEMS = 200000 };

static uint32_t item[ITEMS];

static void as_many_as_it_holds_in_order(void **state)
{
	static struct ring ring;

	(void)state;
	assert_null(ring_take(&ring));
	for (uint32_t round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < RING_SIZE; i++)
			assert_true(ring_put(&ring, &item[i]));
		assert_false(ring_put(&ring, &item[RING_SIZE]));
		for (uint32_t i = 0; i < RING_SIZE; i++)
			assert_ptr_equal(ring_take(&ring), &item[i]);
		assert_null(ring_take(&ring));
		/* The next round begins elsewhere in the slots. */
		assert_true(ring_put(&ring, &item[0]));
		assert_ptr_equal(ring_take(&ring), &item[0]);
	}
}

/* The counters run over after 2^32 items, which an appliance reaches. */
static void counters_run_over(void **state)
{
	static struct ring ring;

	(void)state;
	atomic_store(&ring.head, UINT32_MAX - 2);
	atomic_store(&ring.tail, UINT32_MAX - 2);
	for (uint32_t i = 0; i < RING_SIZE; i++)
		assert_true(ring_put(&ring, &item[i]));
	assert_false(ring_put(&ring, &item[RING_SIZE]));
	for (uint32_t i = 0; i < RING_SIZE; i++)
		assert_ptr_equal(ring_take(&ring), &item[i]);
	assert_null(ring_take(&ring));
}

static void *produce(void *argument)
{
	struct ring *ring = argument;

	for (uint32_t i = 0; i < ITEMS; i++) {
		item[i] = i + 1;
		while (!ring_put(ring, &item[i]))
			sched_yield();
	}
	return NULL;
}

/*
 * All that was written to an item before it was put is there when it is taken: under
 * ThreadSanitizer this shows a barrier that is missing, elsewhere an item that is lost or comes
 * twice.
 */
static void between_two_threads(void **state)
{
	static struct ring ring;
	pthread_t producer;

	(void)state;
	assert_int_equal(pthread_create(&producer, NULL, produce, &ring), 0);
	for (uint32_t i = 0; i < ITEMS; i++) {
		const uint32_t *taken;

		while (!(taken = ring_take(&ring)))
			sched_yield();
		if (taken != &item[i] || *taken != i + 1)
			fail_msg("item %u: %u was taken", i, *taken - 1);
	}
	assert_null(ring_take(&ring));
	assert_int_equal(pthread_join(producer, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_many_as_it_holds_in_order),
		cmocka_unit_test(counters_run_over),
		cmocka_unit_test(between_two_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
