/* The one generator of a simulation: everything random in it follows from its seed. */
#ifndef TESTS_SIM_RANDOM_H
#define TESTS_SIM_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct sim_random {
	uint64_t state;
};

/* splitmix64 (Steele, Lea, Flood, 2014). */
static inline uint64_t sim_random_next(struct sim_random *r)
{
	uint64_t z = r->state += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
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
