/*
 * Latencies counted in buckets whose width grows with the value, so that each is kept to three
 * significant digits (the idea is Gil Tene's HdrHistogram). Values are nanoseconds.
 *
 * Below 2^11 ns each value has a bucket of its own; above it each power of two has 2^10 buckets, so
 * a bucket is never wider than a thousandth of its value. Recording allocates nothing.
 */
#ifndef TOOLS_BENCH_HISTOGRAM_H
#define TOOLS_BENCH_HISTOGRAM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum {
	HISTOGRAM_SUB_BITS = 10,
	HISTOGRAM_VALUE_BITS = 38, /* 274 s: longer than any request may take */
	HISTOGRAM_BUCKETS = (HISTOGRAM_VALUE_BITS - HISTOGRAM_SUB_BITS + 1) << HISTOGRAM_SUB_BITS,
};

struct histogram {
	uint64_t bucket[HISTOGRAM_BUCKETS];
	uint64_t count;
	uint64_t min, max; /* exact; 0 if nothing was recorded */
	double sum, sum_squares;
};

/* Zeroed, or NULL. Freed with free(). */
struct histogram *histogram_create(void);
void histogram_reset(struct histogram *h);
/* A value beyond the last bucket is counted in it; max stays exact. */
void histogram_record(struct histogram *h, uint64_t value_ns);
void histogram_add(struct histogram *to, const struct histogram *from);
/*
 * Adds what a closed loop left out, HdrHistogram's way: whoever is to ask every interval_ns and
 * waits for longer would have asked again meanwhile, and waited an interval less each time. To each
 * value of `from` come those that are smaller by one interval, two, ..., down to one interval.
 */
void histogram_correct(struct histogram *to, const struct histogram *from, uint64_t interval_ns);

/*
 * The smallest recorded value (to a bucket's width, never above the true maximum) that at least
 * `percentile` per cent of all values do not exceed. 0 if nothing was recorded.
 */
uint64_t histogram_at(const struct histogram *h, double percentile);
double histogram_mean(const struct histogram *h);

/*
 * Walks the buckets that hold something: *bucket starts at 0, and is the next one afterwards. The
 * largest value of one, and how many are in it. False at the end.
 */
bool histogram_next(const struct histogram *h, uint32_t *bucket, uint64_t *value_ns,
		    uint64_t *count);

/* The text format of HdrHistogram's percentile files, in microseconds; 0 or -EIO. */
int histogram_print(const struct histogram *h, FILE *out);

/* Walks the percentiles of that file: five steps for each halving of what is left. */
struct histogram_step {
	uint64_t value_ns;
	double fraction; /* 0 .. 1 */
	uint64_t count;  /* values not above value_ns */
	uint32_t index;  /* of the step: starts at 0 */
};
/* *fraction starts below 0. False past the last step, which has fraction 1. */
int histogram_step_next(const struct histogram *h, struct histogram_step *step);

#endif
