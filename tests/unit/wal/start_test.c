/*
 * An opening that takes long: whoever asked for it is told where it is, and may give it up at any
 * step, as if the process had been killed then.
 */
#include "tests/unit/wal/helpers.h"

#include <string.h>

enum { WRITES = 60, ENTRIES = 4, STEPS_MAX = 1000 };

/* Gives up after so many calls; 0: never. */
struct asked {
	uint32_t calls, calls_max;
	struct wal_opening last;
	uint64_t segments_all;
};

static bool goes_on(void *context, const struct wal_opening *at)
{
	struct asked *a = context;

	assert_true(at->steps >= a->last.steps);
	assert_true(at->bytes >= a->last.bytes);
	assert_true(at->segments >= a->last.segments);
	assert_non_null(at->operation);
	assert_non_null(at->name);
	if (at->segments > 0)
		a->segments_all = at->segments_all;
	a->last = *at;
	return ++a->calls != a->calls_max;
}

static int open_asked(struct test_log *t, struct asked *a, uint32_t calls_max)
{
	int err;

	*a = (struct asked){.calls_max = calls_max};
	t->options.goes_on = goes_on;
	t->options.context = a;
	err = test_log_open(t);
	t->options.goes_on = NULL;
	return err;
}

static void F21_an_opening_says_how_far_it_is(void **state)
{
	struct test_log t;
	struct asked a;

	(void)state;
	test_log_init(&t);
	test_log_fill(&t, WRITES, ENTRIES);
	assert_int_equal(open_asked(&t, &a, 0), 0);
	assert_true(t.found.segments > 3);
	assert_int_equal(a.segments_all, t.found.segments);
	assert_int_equal(a.last.bytes, t.found.bytes);
	assert_true(a.last.steps > t.found.segments);
	/* Once it is open nobody is asked: what it waits for then is the loop's. */
	a.calls_max = a.calls + 1;
	test_expect(t.wal, 1, WRITES * ENTRIES, 1);
	assert_int_equal(a.calls + 1, a.calls_max);
	test_log_free(&t);
}

/* With what reached the disk at each step, and what did not. */
static uint32_t given_up_at_each_step(uint32_t writes, enum fake_style style)
{
	for (uint32_t k = 1; k < STEPS_MAX; k++) {
		struct test_log t;
		struct asked a;
		int err;

		test_log_init(&t);
		if (writes)
			test_log_fill(&t, writes, ENTRIES);
		err = open_asked(&t, &a, k);
		if (err == 0) {
			test_log_free(&t);
			return k;
		}
		assert_int_equal(err, -EINTR);
		assert_null(t.wal);
		fake_kill(t.disk, style);
		assert_int_equal(test_log_open(&t), 0);
		assert_false(t.found.lost);
		assert_int_equal(t.found.last_index, writes * ENTRIES);
		if (writes)
			test_expect(t.wal, 1, writes * ENTRIES, 1);
		test_log_free(&t);
	}
	return STEPS_MAX;
}

static void F21_an_opening_is_given_up_at_any_step(void **state)
{
	static const enum fake_style styles[] = {FAKE_NONE, FAKE_ALL, FAKE_RANDOM};

	(void)state;
	for (size_t i = 0; i < sizeof(styles) / sizeof(styles[0]); i++) {
		uint32_t steps = given_up_at_each_step(WRITES, styles[i]);

		assert_true(steps > 10);
		assert_true(steps < STEPS_MAX);
		steps = given_up_at_each_step(0, styles[i]);
		assert_true(steps > 10);
		assert_true(steps < STEPS_MAX);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(F21_an_opening_says_how_far_it_is),
		cmocka_unit_test(F21_an_opening_is_given_up_at_any_step),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
