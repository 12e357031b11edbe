/* The one clock of the measurements. */
#ifndef TOOLS_BENCH_CLOCK_H
#define TOOLS_BENCH_CLOCK_H

#include <stdint.h>
#include <time.h>

#define CLOCK_US 1000ull
#define CLOCK_MS 1000000ull
#define CLOCK_S 1000000000ull

static inline uint64_t clock_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * CLOCK_S + (uint64_t)now.tv_nsec;
}

static inline void clock_sleep(uint64_t ns)
{
	struct timespec time = {(time_t)(ns / CLOCK_S), (long)(ns % CLOCK_S)};

	clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL);
}

#endif
