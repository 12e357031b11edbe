/*
 * splitmix64 (Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", 2014): numbers
 * that look random and follow from a seed. Whoever sees one number of a generator can compute all
 * the others.
 */
#ifndef BASE_MIX_H
#define BASE_MIX_H

#include <stdint.h>

/* 2^64 divided by the golden ratio, and odd: its multiples are spread over all 64 bits. */
#define MIX_STEP UINT64_C(0x9e3779b97f4a7c15)

/* Every bit of `x` reaches every bit of the result, and no two have the same. */
static inline uint64_t mix(uint64_t x)
{
	x += MIX_STEP;
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

/*
 * The next number of a generator. Any state is a good seed; ones that are whole steps apart give
 * the same numbers, shifted.
 */
static inline uint64_t mix_next(uint64_t *state)
{
	uint64_t x = *state;

	*state += MIX_STEP;
	return mix(x);
}

#endif
