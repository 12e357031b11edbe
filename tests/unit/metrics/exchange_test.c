/*
 * The exchange: what a reader gets is whole, is newer than its question, and costs the loop nothing
 * that nobody asked for.
 */
#include "metrics/exchange.h"

#include "tests/unit/test.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

static struct metrics_exchange *create(uint64_t first)
{
	static struct metrics m;
	struct metrics_exchange *x;

	m.commit = first;
	assert_int_equal(metrics_exchange_create(&x, &m), 0);
	return x;
}

static void MX3_before_the_loop(void **state)
{
	struct metrics_exchange *x = create(7);
	struct metrics *m = malloc(sizeof(*m));

	(void)state;
	assert_int_equal(metrics_exchange_read(x, UINT32_MAX, m), -EAGAIN);
	assert_int_equal(m->commit, 7);
	assert_int_equal(metrics_exchange_confirm(x, UINT32_MAX), -EAGAIN);
	metrics_exchange_attach(x);
	assert_int_equal(metrics_exchange_read(x, 1000, m), -ETIMEDOUT);
	assert_int_equal(m->commit, 7);
	assert_int_equal(metrics_exchange_confirm(x, 1000), -ETIMEDOUT);
	free(m);
	metrics_exchange_destroy(x);
}

static void MX1_MX2_only_what_was_asked_for(void **state)
{
	struct metrics_exchange *x = create(1);
	struct metrics *m = malloc(sizeof(*m));
	uint64_t now = 1000000000;

	(void)state;
	metrics_exchange_attach(x);
	assert_false(metrics_exchange_wanted(x, now));
	assert_int_equal(metrics_exchange_ticket(x), 0);
	metrics_exchange_read(x, 0, m);
	assert_true(metrics_exchange_wanted(x, now));
	metrics_exchange_begin(x)->commit = 2;
	metrics_exchange_publish(x, now);
	assert_false(metrics_exchange_wanted(x, now));
	metrics_exchange_read(x, 0, m);
	assert_int_equal(m->commit, 2);
	assert_false(metrics_exchange_wanted(x, now + METRICS_PUBLISH_NS - 1));
	assert_true(metrics_exchange_wanted(x, now + METRICS_PUBLISH_NS));
	free(m);
	metrics_exchange_destroy(x);
}

/* However often the loop publishes: what a reader holds is not what the loop writes into. */
static void what_is_held_does_not_change(void **state)
{
	struct metrics_exchange *x = create(1);

	(void)state;
	for (uint64_t turn = 2; turn < 12; turn++) {
		const struct metrics *held;

		metrics_exchange_begin(x)->commit = turn;
		metrics_exchange_publish(x, turn);
		held = metrics_exchange_hold(x);
		for (uint64_t later = 1; later < 5; later++) {
			assert_int_equal(held->commit, turn);
			metrics_exchange_begin(x)->commit = 100 * turn + later;
			assert_int_equal(held->commit, turn);
			metrics_exchange_publish(x, turn);
		}
		metrics_exchange_release(x);
		assert_int_equal(metrics_exchange_hold(x)->commit, 100 * turn + 4);
		metrics_exchange_release(x);
	}
	metrics_exchange_destroy(x);
}

struct loop {
	struct metrics_exchange *exchange;
	pthread_t thread;
	_Atomic bool stop;
	_Atomic uint64_t turns;
};

/*
 * Every value of a snapshot is the turn's number: two that differ are of two snapshots. It
 * publishes far more often than a node does, so that a copy would be overtaken.
 */
static void *loop_main(void *argument)
{
	struct loop *l = argument;

	for (uint64_t turn = 1; !atomic_load(&l->stop); turn++) {
		uint32_t ticket = metrics_exchange_ticket(l->exchange);
		struct metrics *m = metrics_exchange_begin(l->exchange);

		atomic_store(&l->turns, turn);
		for (size_t i = 0; i < metrics_values.count; i++)
			*(uint64_t *)((uint8_t *)m + metrics_values.row[i].offset) = turn;
		metrics_exchange_publish(l->exchange, turn);
		if (ticket)
			metrics_exchange_confirmed(l->exchange, ticket);
	}
	return NULL;
}

enum { READERS = 3, READS = 1000, HURRIED_READS = 50 };

static bool whole(const struct metrics *m)
{
	for (size_t i = 0; i < metrics_values.count; i++) {
		if (metrics_value(m, &metrics_values.row[i]) != m->commit)
			return false;
	}
	return true;
}

static void *reader_main(void *argument)
{
	struct loop *l = argument;
	struct metrics *m = malloc(sizeof(*m));

	for (int k = 0; k < READS; k++) {
		uint64_t before = atomic_load(&l->turns);

		if (metrics_exchange_read(l->exchange, 10000000000u, m))
			return (void *)1;
		/* Of the turn that was under way when it asked, at the oldest. */
		if (m->commit < before)
			return (void *)3;
		if (metrics_exchange_confirm(l->exchange, 10000000000u))
			return (void *)4;
		for (int i = 0; i < HURRIED_READS; i++) {
			if (!whole(m))
				return (void *)2;
			metrics_exchange_read(l->exchange, 0, m);
		}
	}
	free(m);
	return NULL;
}

static void whole_and_newer_than_the_question(void **state)
{
	struct loop l = {.exchange = create(0)};
	pthread_t reader[READERS];

	(void)state;
	metrics_exchange_attach(l.exchange);
	assert_int_equal(pthread_create(&l.thread, NULL, loop_main, &l), 0);
	for (int i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&reader[i], NULL, reader_main, &l), 0);
	for (int i = 0; i < READERS; i++) {
		void *result;

		pthread_join(reader[i], &result);
		if (result)
			fail_msg("a reader ended with %ju: 1 no snapshot, 2 torn, 3 too old, "
				 "4 not confirmed",
				 (uintmax_t)(uintptr_t)result);
	}
	atomic_store(&l.stop, true);
	pthread_join(l.thread, NULL);
	metrics_exchange_destroy(l.exchange);
}

static void *waiting_main(void *argument)
{
	return (void *)(intptr_t)metrics_exchange_confirm(argument, 60000000000u);
}

/* A loop that ends lets go of those that wait for it. */
static void detach_wakes(void **state)
{
	struct metrics_exchange *x = create(0);
	pthread_t thread;
	void *result;

	(void)state;
	metrics_exchange_attach(x);
	assert_int_equal(pthread_create(&thread, NULL, waiting_main, x), 0);
	while (!metrics_exchange_ticket(x))
		sched_yield();
	metrics_exchange_detach(x);
	pthread_join(thread, &result);
	assert_int_equal((intptr_t)result, -ETIMEDOUT);
	metrics_exchange_destroy(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(MX3_before_the_loop),
		cmocka_unit_test(MX1_MX2_only_what_was_asked_for),
		cmocka_unit_test(what_is_held_does_not_change),
		cmocka_unit_test(whole_and_newer_than_the_question),
		cmocka_unit_test(detach_wakes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
