/*
 * The clock: its units, that it never goes back, and that a sleep is no shorter than asked.
 */
#include "base/clock.h"

#include "tests/unit/test.h"

#include <assert.h>

static_assert(CLOCK_MS == 1000 * CLOCK_US && CLOCK_S == 1000 * CLOCK_MS, "nanoseconds");

/* Whole seconds and the rest must be joined right, also where the second changes. */
static void never_back(void **state)
{
	uint64_t begun = clock_now(), last = begun;

	(void)state;
	while (last - begun < 1100 * CLOCK_MS) {
		uint64_t now = clock_now();
		assert_true(now >= last);
		assert_true(now - begun < 60 * CLOCK_S); /* a machine stalls, it does not jump */
		last = now;
	}
}

static void counts_in_nanoseconds(void **state)
{
	struct timespec before, after;

	(void)state;
	clock_gettime(CLOCK_MONOTONIC, &before);
	uint64_t now = clock_now();
	clock_gettime(CLOCK_MONOTONIC, &after);
	assert_true(now / CLOCK_S >= (uint64_t)before.tv_sec);
	assert_true(now / CLOCK_S <= (uint64_t)after.tv_sec);
	if (before.tv_sec == after.tv_sec)
		assert_in_range(now % CLOCK_S, (uint64_t)before.tv_nsec, (uint64_t)after.tv_nsec);
}

static void sleeps_at_least_so_long(void **state)
{
	uint64_t begun = clock_now();

	(void)state;
	clock_sleep(3 * CLOCK_MS);
	assert_true(clock_now() - begun >= 3 * CLOCK_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(never_back),
		cmocka_unit_test(counts_in_nanoseconds),
		cmocka_unit_test(sleeps_at_least_so_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
