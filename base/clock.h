/*
 * The monotonic clock, in nanoseconds, and its units. For those around the loop: what is inside is
 * told the time (node_poll).
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define CLOCK_US UINT64_C(1000)
#define CLOCK_MS UINT64_C(1000000)
#define CLOCK_S UINT64_C(1000000000)

static inline uint64_t clock_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * CLOCK_S + (uint64_t)now.tv_nsec;
}

/* A signal ends it early. */
static inline void clock_sleep(uint64_t ns)
{
	struct timespec time = {(time_t)(ns / CLOCK_S), (long)(ns % CLOCK_S)};

	clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL);
}

#endif
