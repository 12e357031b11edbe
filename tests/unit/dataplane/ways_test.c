/*
 * Ports made and closed by another thread (dataplane/ways.h): each question is answered once, in
 * the order in which things must be, and nothing is left when it ends.
 */
#include "dataplane/ways.h"

#include "base/clock.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { WAIT_SECONDS = 20, ADDRESS = 7 };

/* A port that is nothing but there. */
struct port {
	struct link link; /* first: the link is cast to it */
	uint32_t number, address;
};

static atomic_int there;              /* ports that are not closed */
static atomic_uint_least32_t at[256]; /* ... by address */
static atomic_bool refuse, elsewhere;
static pthread_t loop;

static void destroy(struct link *link)
{
	struct port *p = (struct port *)(void *)link;

	atomic_fetch_sub(&there, 1);
	atomic_fetch_sub(&at[p->address], 1);
	free(p);
}

static const struct link_ops port_ops = {.destroy = destroy};

static struct link *port_new(uint32_t number, uint32_t address)
{
	struct port *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	p->link.ops = &port_ops;
	p->number = number;
	p->address = address;
	atomic_fetch_add(&there, 1);
	atomic_fetch_add(&at[address], 1);
	return &p->link;
}

static int make(void *context, uint32_t number, uint32_t address, struct link **out,
		char why[WAYS_WHY_MAX])
{
	assert_ptr_equal(context, &there);
	atomic_store(&elsewhere, !pthread_equal(pthread_self(), loop));
	if (atomic_load(&refuse) || atomic_load(&at[address]) > 0) {
		snprintf(why, WAYS_WHY_MAX, "port %u is refused", number);
		return -EADDRINUSE;
	}
	*out = port_new(number, address);
	return 0;
}

static struct ways *begin(struct link *const *link, uint32_t count)
{
	const struct ways_options o = {make, &there, link, count};
	struct ways *w;

	loop = pthread_self();
	atomic_store(&refuse, false);
	assert_int_equal(ways_create(&w, &o), 0);
	return w;
}

static struct way answer(struct ways *w)
{
	struct way way;

	for (int i = 0; i < WAIT_SECONDS * 1000; i++) {
		if (w->ops->next(w, &way))
			return way;
		clock_sleep(CLOCK_MS);
	}
	fail_msg("no answer");
	return way;
}

static uint32_t number(const struct link *link)
{
	return ((const struct port *)(const void *)link)->number;
}

static void a_port_is_made_by_another_thread_and_closed(void **state)
{
	struct link *first = port_new(0, 1);
	struct ways *w = begin(&first, 1);
	struct way way;

	(void)state;
	assert_false(w->ops->next(w, &way));
	assert_true(w->ops->ask(w, ADDRESS));
	way = answer(w);
	assert_int_equal(way.address, ADDRESS);
	assert_non_null(way.link);
	assert_int_equal(number(way.link), 1); /* 0 is there */
	assert_true(atomic_load(&elsewhere));
	assert_false(w->ops->next(w, &way)); /* once */
	w->ops->close(w, way.link ? way.link : first);
	w->ops->close(w, first);
	for (int i = 0; i < WAIT_SECONDS * 1000 && atomic_load(&there) > 0; i++)
		clock_sleep(CLOCK_MS);
	assert_int_equal(atomic_load(&there), 0);
	w->ops->destroy(w);
}

static void what_fails_says_why_and_holds_no_place(void **state)
{
	struct ways *w = begin(NULL, 0);
	struct way way;

	(void)state;
	atomic_store(&refuse, true);
	for (int i = 0; i < 3 * DP_PORTS_MAX; i++) {
		assert_true(w->ops->ask(w, ADDRESS));
		way = answer(w);
		assert_null(way.link);
		assert_string_equal(way.why, "port 0 is refused");
	}
	w->ops->destroy(w);
	assert_int_equal(atomic_load(&there), 0);
}

/* Closed and asked for at one address, in one turn of the loop: make() refuses what is there. */
static void what_is_closed_first_is_closed_before_the_next_is_made(void **state)
{
	struct ways *w = begin(NULL, 0);
	struct way way;

	(void)state;
	assert_true(w->ops->ask(w, ADDRESS));
	way = answer(w);
	for (int i = 0; i < 50; i++) {
		assert_non_null(way.link);
		w->ops->close(w, way.link);
		assert_true(w->ops->ask(w, ADDRESS));
		way = answer(w);
	}
	assert_non_null(way.link);
	w->ops->close(w, way.link);
	w->ops->destroy(w);
	assert_int_equal(atomic_load(&there), 0);
}

static void there_are_as_many_as_the_dataplane_has_places_for(void **state)
{
	struct link *first = port_new(0, 1);
	struct ways *w = begin(&first, 1);
	struct link *link[DP_PORTS_MAX] = {first};
	uint32_t numbers = 1;

	(void)state;
	for (uint32_t i = 1; i < DP_PORTS_MAX; i++)
		assert_true(w->ops->ask(w, 100 + i));
	assert_false(w->ops->ask(w, 99));
	for (uint32_t i = 1; i < DP_PORTS_MAX; i++) {
		struct way way = answer(w);

		assert_non_null(way.link);
		link[i] = way.link;
		assert_int_equal(numbers & 1u << number(way.link), 0);
		numbers |= 1u << number(way.link);
	}
	assert_false(w->ops->ask(w, 99));
	for (uint32_t i = 0; i < DP_PORTS_MAX; i++)
		w->ops->close(w, link[i]);
	w->ops->destroy(w);
	assert_int_equal(atomic_load(&there), 0);
}

/* What was made, or is being made, and was not taken: it is closed, not lost. */
static void an_end_leaves_nothing(void **state)
{
	struct ways *w;

	(void)state;
	for (int i = 0; i < 20; i++) {
		w = begin(NULL, 0);
		assert_true(w->ops->ask(w, ADDRESS));
		if (i % 2)
			clock_sleep(30 * CLOCK_MS);
		w->ops->destroy(w);
		assert_int_equal(atomic_load(&there), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_port_is_made_by_another_thread_and_closed),
		cmocka_unit_test(what_fails_says_why_and_holds_no_place),
		cmocka_unit_test(what_is_closed_first_is_closed_before_the_next_is_made),
		cmocka_unit_test(there_are_as_many_as_the_dataplane_has_places_for),
		cmocka_unit_test(an_end_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
