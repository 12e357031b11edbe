/*
 * A histogram of durations whose buckets double: a bucket is found by one division and one count of
 * zeros, so an observation costs the same wherever it falls, and nothing is allocated.
 *
 *	HG1. bucket[i] counts what took at most first_ns << i and more than the one before;
 *	    bucket[count], what took longer than all of them.
 *	HG2. The observations are the sum of the buckets: no second number could differ from it.
 *
 * One thread writes. Whoever reads on another thread reads a copy that the writer made.
 */
#ifndef BASE_HISTOGRAM_H
#define BASE_HISTOGRAM_H

#include <assert.h>
#include <stdint.h>

enum {
	/* From 3.125 us to 3.28 s, the widest that is in use, is 21 buckets. */
	HISTOGRAM_BUCKETS_MAX = 24,
};

struct histogram {
	uint64_t first_ns; /* the bound of bucket 0 */
	uint32_t count;
	uint64_t bucket[HISTOGRAM_BUCKETS_MAX + 1];
	uint64_t sum_ns;
};

static inline void histogram_create(struct histogram *h, uint64_t first_ns, uint32_t count)
{
	assert(first_ns > 0 && count > 0 && count <= HISTOGRAM_BUCKETS_MAX);
	*h = (struct histogram){.first_ns = first_ns, .count = count};
}

static inline uint64_t histogram_bound(const struct histogram *h, uint32_t i)
{
	return h->first_ns << i;
}

static inline void histogram_observe(struct histogram *h, uint64_t ns)
{
	uint64_t times = ns ? (ns - 1) / h->first_ns : 0;
	uint32_t i = times ? 64 - (uint32_t)__builtin_clzll(times) : 0;

	h->bucket[i < h->count ? i : h->count]++;
	h->sum_ns += ns;
}

static inline uint64_t histogram_observed(const struct histogram *h)
{
	uint64_t observed = 0;

	for (uint32_t i = 0; i <= h->count; i++)
		observed += h->bucket[i];
	return observed;
}

/*
 * The bound of the bucket that holds the given thousandth of all, 0 without any; UINT64_MAX: beyond
 * the last bound.
 */
static inline uint64_t histogram_quantile(const struct histogram *h, uint32_t thousandths)
{
	uint64_t observed = histogram_observed(h), below = 0;

	if (!observed)
		return 0;
	for (uint32_t i = 0; i < h->count; i++) {
		below += h->bucket[i];
		if (below * 1000 >= observed * thousandths)
			return histogram_bound(h, i);
	}
	return UINT64_MAX;
}

#endif
