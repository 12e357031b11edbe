/* See kv/hash.h. The CRC is ISA-L's: values are up to 1.5 MiB and are digested in the loop. */
#include "kv/hash.h"

#include <isa-l/crc64.h>

uint64_t kv_hash_bytes(uint64_t hash, const uint8_t *data, size_t size)
{
	return size == 0 ? hash : crc64_ecma_refl(hash, data, size);
}

/* The finaliser of splitmix64 (Steele, Lea, Flood 2014), over the sum of its two inputs. */
uint64_t kv_hash_mix(uint64_t hash, uint64_t number)
{
	uint64_t x = (hash ^ (hash >> 32)) * 0x9e3779b97f4a7c15 + number;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
	return x ^ (x >> 31);
}
