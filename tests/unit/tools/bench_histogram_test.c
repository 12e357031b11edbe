/*
 * The histogram against exact figures, and its file against the format that HdrHistogram's readers
 * know.
 */
#include "tests/unit/test.h"
#include "tools/bench/histogram.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { VALUES = 20000 };

static uint64_t next(uint64_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return *random;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Values over nine orders of magnitude, each percentile within a thousandth of the exact one. */
static void percentiles_are_those_of_the_sorted_values(void **state)
{
	static const double asked[] = {0, 1, 10, 50, 90, 99, 99.9, 99.99, 100};
	static uint64_t value[VALUES];
	struct histogram *h = histogram_create();
	uint64_t random = 88172645463325252ull;

	(void)state;
	assert_non_null(h);
	for (int i = 0; i < VALUES; i++) {
		value[i] = next(&random) >> (27 + next(&random) % 35);
		histogram_record(h, value[i]);
	}
	qsort(value, VALUES, sizeof(*value), by_value);
	assert_int_equal(h->count, VALUES);
	assert_int_equal(h->max, value[VALUES - 1]);
	for (size_t i = 0; i < sizeof(asked) / sizeof(*asked); i++) {
		uint64_t rank = (uint64_t)ceil(asked[i] / 100 * VALUES - 1e-6);
		uint64_t exact = value[rank ? rank - 1 : 0], got = histogram_at(h, asked[i]);

		assert_true(got >= exact);
		assert_true(got - exact <= exact / 1000);
	}
	free(h);
}

/* No value is counted in a bucket that ends below it, at any edge of the layout. */
static void every_edge_is_in_its_own_bucket(void **state)
{
	struct histogram *h = histogram_create();

	(void)state;
	assert_non_null(h);
	for (int bit = 0; bit < HISTOGRAM_VALUE_BITS; bit++) {
		for (int off = 0; off <= 2; off++) {
			uint64_t value = ((uint64_t)1 << bit) + 1 - (uint64_t)off;

			if (value >> HISTOGRAM_VALUE_BITS)
				continue;
			histogram_reset(h);
			histogram_record(h, value);
			histogram_record(h, UINT64_MAX >> 1);
			assert_true(histogram_at(h, 50) >= value);
			assert_true(histogram_at(h, 50) - value <= value / 1000);
		}
	}
	free(h);
}

static void a_value_beyond_the_last_bucket_is_counted(void **state)
{
	struct histogram *h = histogram_create();

	(void)state;
	assert_non_null(h);
	histogram_record(h, UINT64_MAX);
	assert_int_equal(h->count, 1);
	assert_true(histogram_at(h, 50) == UINT64_MAX);
	free(h);
}

static void adding_is_recording_both(void **state)
{
	struct histogram *a = histogram_create(), *b = histogram_create();

	(void)state;
	assert_non_null(a);
	assert_non_null(b);
	histogram_record(a, 1000);
	histogram_record(b, 9000);
	histogram_record(b, 3000);
	histogram_add(a, b);
	assert_int_equal(a->count, 3);
	assert_int_equal(a->max, 9000);
	assert_int_equal(a->min, 1000);
	assert_true(histogram_at(a, 50) >= 3000);
	assert_true(histogram_at(a, 50) < 3010);
	assert_true(fabs(histogram_mean(a) - 13000.0 / 3) < 1e-6);
	free(a);
	free(b);
}

/* One stall of a second among ten thousand answers of 100 us: 1 % of the time, one value. */
static void F26_what_a_closed_loop_left_out_is_added(void **state)
{
	struct histogram *h = histogram_create(), *corrected = histogram_create();

	(void)state;
	assert_non_null(h);
	assert_non_null(corrected);
	for (int i = 0; i < 10000; i++)
		histogram_record(h, 100000);
	histogram_record(h, 1000000000);
	assert_true(histogram_at(h, 99) < 101000);
	histogram_correct(corrected, h, 100000);
	/* 10,000 more: an interval less each time, down to one interval. */
	assert_int_equal(corrected->count, 20000);
	assert_int_equal(corrected->max, 1000000000);
	assert_int_equal(corrected->min, 100000);
	assert_true(histogram_at(corrected, 75) > 490000000);
	assert_true(histogram_at(corrected, 75) < 510000000);
	assert_true(histogram_at(corrected, 99) > 970000000);
	/* Nothing is added to what is no longer than two intervals, and by no interval. */
	histogram_reset(corrected);
	histogram_correct(corrected, h, 600000000);
	assert_int_equal(corrected->count, 10001);
	histogram_reset(corrected);
	histogram_correct(corrected, h, 0);
	assert_int_equal(corrected->count, 10001);
	free(h);
	free(corrected);
}

static void an_empty_one_has_no_steps(void **state)
{
	struct histogram *h = histogram_create();
	struct histogram_step step = {.fraction = -1};

	(void)state;
	assert_non_null(h);
	assert_int_equal(histogram_at(h, 50), 0);
	assert_int_equal(histogram_step_next(h, &step), 0);
	free(h);
}

static void the_file_is_in_the_known_format(void **state)
{
	static const char expected[] = "       Value     Percentile TotalCount 1/(1-Percentile)\n"
				       "\n"
				       "       1.000 0.000000000000          1           1.00\n"
				       "       1.000 0.100000000000          1           1.11\n"
				       "       1.000 0.200000000000          1           1.25\n"
				       "       2.000 0.300000000000          2           1.43\n"
				       "       2.000 0.400000000000          2           1.67\n"
				       "       2.000 0.500000000000          2           2.00\n"
				       "       3.001 0.550000000000          3           2.22\n"
				       "       3.001 0.600000000000          3           2.50\n"
				       "       3.001 0.650000000000          3           2.86\n"
				       "       3.001 0.700000000000          3           3.33\n"
				       "       3.001 0.750000000000          3           4.00\n"
				       "       4.000 0.775000000000          4           4.44\n"
				       "       4.000 1.000000000000          4\n"
				       "#[Mean    =        2.500, StdDeviation   =        1.118]\n"
				       "#[Max     =        4.000, Total count    =            4]\n"
				       "#[Buckets =           28, SubBuckets     =         2048]\n";
	struct histogram *h = histogram_create();
	char text[4096] = "";
	FILE *out = fmemopen(text, sizeof(text), "w");

	(void)state;
	assert_non_null(h);
	assert_non_null(out);
	for (uint64_t us = 1; us <= 4; us++)
		histogram_record(h, us * 1000);
	assert_int_equal(histogram_print(h, out), 0);
	fclose(out);
	assert_string_equal(text, expected);
	free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(percentiles_are_those_of_the_sorted_values),
		cmocka_unit_test(every_edge_is_in_its_own_bucket),
		cmocka_unit_test(a_value_beyond_the_last_bucket_is_counted),
		cmocka_unit_test(adding_is_recording_both),
		cmocka_unit_test(F26_what_a_closed_loop_left_out_is_added),
		cmocka_unit_test(an_empty_one_has_no_steps),
		cmocka_unit_test(the_file_is_in_the_known_format),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
