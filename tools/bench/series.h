/*
 * What each second of a load took, as a line of JSON: to be laid beside what else happened then.
 *
 *	{"at": 1767225600, "answered": 5012, "failed": 0, "us": [[181.2, 3], [181.4, 9], ...]}
 *
 * "at" is the end of the second by the host's clock, "us" the latencies of what was answered OK in
 * it, as a histogram has them: how many are in the bucket that ends there.
 */
#ifndef TOOLS_BENCH_SERIES_H
#define TOOLS_BENCH_SERIES_H

#include <stdbool.h>
#include <stdint.h>

struct series;

/* 0 or -errno. */
int series_create(struct series **out, const char *file);
/* The second that is not over is written too. 0, or -errno of the first line that was not. */
int series_close(struct series *s);

/* `now`: of base/clock.h. */
void series_answered(struct series *s, uint64_t now, uint64_t latency_ns);
void series_failed(struct series *s, uint64_t now);

#endif
