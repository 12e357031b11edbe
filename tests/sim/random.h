/* The one generator of a simulation: everything random in it follows from its seed. */
#ifndef TESTS_SIM_RANDOM_H
#define TESTS_SIM_RANDOM_H

#include "base/mix.h"

#include <stdbool.h>
#include <stdint.h>

struct sim_random {
	uint64_t state;
};

static inline uint64_t sim_random_next(struct sim_random *r)
{
	return mix_next(&r->state);
}

/* Uniform in [0, bound). */
static inline uint64_t sim_random_below(struct sim_random *r, uint64_t bound)
{
	return sim_random_next(r) % bound;
}

static inline bool sim_random_ppm(struct sim_random *r, uint32_t ppm)
{
	return sim_random_below(r, 1000000) < ppm;
}

#endif
