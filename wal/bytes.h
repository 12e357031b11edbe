/* What base/ has for the log's bytes, and the mixing of numbers. */
#ifndef WAL_BYTES_H
#define WAL_BYTES_H

#include "base/bytes.h"
#include "base/crc.h"

/* splitmix64 (Steele, Lea, Flood 2014): every input bit reaches every output bit. */
static inline uint64_t bytes_mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

#endif
