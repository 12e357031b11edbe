/* See kv/hash.h. The CRC is ISA-L's: values are up to 1.5 MiB and are digested in the loop. */
#include "kv/hash.h"

#include "base/mix.h"

#include <isa-l/crc64.h>

uint64_t kv_hash_bytes(uint64_t hash, const uint8_t *data, size_t size)
{
	return size == 0 ? hash : crc64_ecma_refl(hash, data, size);
}

uint64_t kv_hash_mix(uint64_t hash, uint64_t number)
{
	return mix((hash ^ (hash >> 32)) * MIX_STEP + number);
}
