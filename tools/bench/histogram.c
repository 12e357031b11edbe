#include "tools/bench/histogram.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS_PER_HALVING = 5 };

struct histogram *histogram_create(void)
{
	return calloc(1, sizeof(struct histogram));
}

void histogram_reset(struct histogram *h)
{
	memset(h, 0, sizeof(*h));
}

static uint32_t bucket_of(uint64_t value)
{
	uint32_t exponent;

	if (value >> HISTOGRAM_VALUE_BITS)
		return HISTOGRAM_BUCKETS - 1;
	if (value >> (HISTOGRAM_SUB_BITS + 1) == 0)
		return (uint32_t)value;
	exponent = 63 - (uint32_t)__builtin_clzll(value) - HISTOGRAM_SUB_BITS;
	return (exponent << HISTOGRAM_SUB_BITS) + (uint32_t)(value >> exponent);
}

/* The largest value that is counted in this bucket. */
static uint64_t bucket_end(uint32_t bucket)
{
	uint32_t exponent = bucket >> HISTOGRAM_SUB_BITS;
	uint64_t sub = bucket & ((1u << HISTOGRAM_SUB_BITS) - 1);

	if (exponent < 2)
		return bucket;
	exponent--;
	sub += 1u << HISTOGRAM_SUB_BITS;
	return ((sub + 1) << exponent) - 1;
}

static void record(struct histogram *h, uint64_t value_ns, uint64_t times)
{
	if (h->count == 0 || value_ns < h->min)
		h->min = value_ns;
	if (value_ns > h->max)
		h->max = value_ns;
	h->bucket[bucket_of(value_ns)] += times;
	h->count += times;
	h->sum += (double)value_ns * (double)times;
	h->sum_squares += (double)value_ns * (double)value_ns * (double)times;
}

void histogram_record(struct histogram *h, uint64_t value_ns)
{
	record(h, value_ns, 1);
}

void histogram_add(struct histogram *to, const struct histogram *from)
{
	for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++)
		to->bucket[i] += from->bucket[i];
	if (from->count > 0 && (to->count == 0 || from->min < to->min))
		to->min = from->min;
	to->count += from->count;
	if (from->max > to->max)
		to->max = from->max;
	to->sum += from->sum;
	to->sum_squares += from->sum_squares;
}

void histogram_correct(struct histogram *to, const struct histogram *from, uint64_t interval_ns)
{
	histogram_add(to, from);
	for (uint32_t i = 0; interval_ns > 0 && i < HISTOGRAM_BUCKETS; i++) {
		uint64_t value = bucket_end(i) < from->max ? bucket_end(i) : from->max;

		for (; from->bucket[i] && value >= 2 * interval_ns; value -= interval_ns)
			record(to, value - interval_ns, from->bucket[i]);
	}
}

/* The value at or below which `rank` values lie, and how many really do. */
static uint64_t value_of_rank(const struct histogram *h, uint64_t rank, uint64_t *count)
{
	uint64_t end = 0;

	*count = 0;
	for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		if (!h->bucket[i])
			continue;
		*count += h->bucket[i];
		end = bucket_end(i);
		if (*count >= rank)
			break;
	}
	return end < h->max && *count < h->count ? end : h->max;
}

static uint64_t rank_of(const struct histogram *h, double fraction)
{
	/* A fraction such as 0.55 is a little more in binary: the next rank is not meant. */
	uint64_t rank = (uint64_t)ceil(fraction * (double)h->count - 1e-6);

	if (rank < 1)
		return 1;
	return rank < h->count ? rank : h->count;
}

uint64_t histogram_at(const struct histogram *h, double percentile)
{
	uint64_t count;

	return h->count ? value_of_rank(h, rank_of(h, percentile / 100), &count) : 0;
}

double histogram_mean(const struct histogram *h)
{
	return h->count ? h->sum / (double)h->count : 0;
}

bool histogram_next(const struct histogram *h, uint32_t *bucket, uint64_t *value_ns,
		    uint64_t *count)
{
	while (*bucket < HISTOGRAM_BUCKETS && !h->bucket[*bucket])
		(*bucket)++;
	if (*bucket == HISTOGRAM_BUCKETS)
		return false;
	*count = h->bucket[*bucket];
	*value_ns = bucket_end((*bucket)++);
	return true;
}

static double histogram_deviation(const struct histogram *h)
{
	double mean = histogram_mean(h);
	double variance = h->count ? h->sum_squares / (double)h->count - mean * mean : 0;

	return variance > 0 ? sqrt(variance) : 0;
}

int histogram_step_next(const struct histogram *h, struct histogram_step *step)
{
	if (h->count == 0 || step->fraction >= 1)
		return 0;
	if (step->fraction >= 0 && step->count >= h->count) {
		step->fraction = 1;
	} else {
		/* After n halvings 1 / 2^n is left, and half of that is walked in as many steps. */
		double left = exp2(-(double)(step->index / STEPS_PER_HALVING));
		double walked = (double)(step->index % STEPS_PER_HALVING) / STEPS_PER_HALVING;

		step->fraction = 1 - left * (1 - walked / 2);
		step->index++;
	}
	step->value_ns = value_of_rank(h, rank_of(h, step->fraction), &step->count);
	return 1;
}

int histogram_print(const struct histogram *h, FILE *out)
{
	struct histogram_step step = {.fraction = -1};

	fprintf(out, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount",
		"1/(1-Percentile)");
	while (histogram_step_next(h, &step)) {
		fprintf(out, "%12.3f %14.12f %10" PRIu64, (double)step.value_ns / 1000,
			step.fraction, step.count);
		if (step.fraction < 1)
			fprintf(out, " %14.2f\n", 1 / (1 - step.fraction));
		else
			fprintf(out, "\n");
	}
	fprintf(out, "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n", histogram_mean(h) / 1000,
		histogram_deviation(h) / 1000);
	fprintf(out, "#[Max     = %12.3f, Total count    = %12" PRIu64 "]\n", (double)h->max / 1000,
		h->count);
	fprintf(out, "#[Buckets = %12d, SubBuckets     = %12d]\n",
		HISTOGRAM_VALUE_BITS - HISTOGRAM_SUB_BITS, 1 << (HISTOGRAM_SUB_BITS + 1));
	return ferror(out) ? -EIO : 0;
}
