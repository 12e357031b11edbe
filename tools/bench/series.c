#include "tools/bench/series.h"

#include "base/clock.h"
#include "tools/bench/histogram.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct series {
	FILE *out;
	struct histogram *latency;
	uint64_t failed;
	uint64_t until_ns; /* the end of this second; 0: there was nothing yet */
	int error;
};

int series_create(struct series **out, const char *file)
{
	struct series *s = calloc(1, sizeof(*s));
	int err = -ENOMEM;

	if (!s)
		return err;
	s->latency = histogram_create();
	if (!s->latency)
		goto err_free;
	s->out = fopen(file, "we");
	if (!s->out) {
		err = -errno;
		goto err_free;
	}
	*out = s;
	return 0;

err_free:
	free(s->latency);
	free(s);
	return err;
}

/* The host's time of a moment of this process. */
static double host_time(uint64_t at_ns)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9 -
	       ((double)clock_now() - (double)at_ns) / 1e9;
}

static void write_second(struct series *s)
{
	uint64_t value, count;
	uint32_t bucket = 0;

	fprintf(s->out,
		"{\"at\": %.3f, \"answered\": %" PRIu64 ", \"failed\": %" PRIu64 ", \"us\": [",
		host_time(s->until_ns), s->latency->count, s->failed);
	for (const char *comma = ""; histogram_next(s->latency, &bucket, &value, &count);
	     comma = ", ")
		fprintf(s->out, "%s[%.1f, %" PRIu64 "]", comma, (double)value / 1000, count);
	fprintf(s->out, "]}\n");
	if (!s->error && (ferror(s->out) || fflush(s->out)))
		s->error = -EIO;
	histogram_reset(s->latency);
	s->failed = 0;
}

/* A second without anything has no line. */
static void roll(struct series *s, uint64_t now)
{
	if (now < s->until_ns)
		return;
	if (s->latency->count || s->failed)
		write_second(s);
	s->until_ns = now - now % CLOCK_S + CLOCK_S;
}

void series_answered(struct series *s, uint64_t now, uint64_t latency_ns)
{
	roll(s, now);
	histogram_record(s->latency, latency_ns);
}

void series_failed(struct series *s, uint64_t now)
{
	roll(s, now);
	s->failed++;
}

int series_close(struct series *s)
{
	int err;

	roll(s, s->until_ns);
	err = fclose(s->out) && !s->error ? -EIO : s->error;
	free(s->latency);
	free(s);
	return err;
}
