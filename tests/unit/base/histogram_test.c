/*
 * Histograms: each duration in the bucket that its bounds say, at both sides of every bound.
 */
#include "base/histogram.h"

#include "tests/unit/test.h"

/* Counting up from the lowest bound, as the definition says it and without any trick. */
static uint32_t bucket_of(const struct histogram *h, uint64_t ns)
{
	uint32_t i = 0;

	while (i < h->count && ns > histogram_bound(h, i))
		i++;
	return i;
}

static void HG1_both_sides_of_each_bound(void **state)
{
	(void)state;
	for (uint32_t i = 0; i <= 21; i++) {
		for (int64_t side = -1; side <= 1; side++) {
			struct histogram h;
			uint64_t ns;

			histogram_create(&h, 3125, 21);
			ns = histogram_bound(&h, i < 21 ? i : 20) + (uint64_t)side;
			if (i == 21)
				ns *= 1000;
			histogram_observe(&h, ns);
			if (h.bucket[bucket_of(&h, ns)] != 1)
				fail_msg("%llu ns is not in bucket %u", (unsigned long long)ns,
					 bucket_of(&h, ns));
			assert_true(histogram_observed(&h) == 1);
			assert_true(h.sum_ns == ns);
		}
	}
}

static void extremes(void **state)
{
	struct histogram h;

	(void)state;
	histogram_create(&h, 15625, 20);
	histogram_observe(&h, 0);
	assert_true(h.bucket[0] == 1);
	histogram_observe(&h, UINT64_MAX);
	assert_true(h.bucket[20] == 1);
	assert_true(histogram_observed(&h) == 2);
}

static void quantiles(void **state)
{
	struct histogram h;

	(void)state;
	histogram_create(&h, 1000, 10);
	assert_true(histogram_quantile(&h, 500) == 0);
	for (int i = 0; i < 990; i++)
		histogram_observe(&h, 900);
	for (int i = 0; i < 9; i++)
		histogram_observe(&h, 3000);
	histogram_observe(&h, 10000000);
	assert_true(histogram_quantile(&h, 500) == 1000);
	assert_true(histogram_quantile(&h, 990) == 1000);
	assert_true(histogram_quantile(&h, 991) == 4000);
	assert_true(histogram_quantile(&h, 1000) == UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(HG1_both_sides_of_each_bound),
		cmocka_unit_test(extremes),
		cmocka_unit_test(quantiles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
