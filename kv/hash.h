/*
 * The hash that members compare: over what was applied, not over addresses or the layout in memory.
 *
 * Records (a key's revision, a session) are digested one by one and the digests are added up modulo
 * 2^64, so that the sum is kept as records come and go and reading it costs nothing, however large
 * the store is. It finds replicas that disagree; it is not a defence against somebody who forges.
 */
#ifndef KV_HASH_H
#define KV_HASH_H

#include <stddef.h>
#include <stdint.h>

/* CRC-64 (ECMA-182, reflected), continued from `hash`. */
uint64_t kv_hash_bytes(uint64_t hash, const uint8_t *data, size_t size);

/* Folds one number in; every bit of both reaches every bit of the result. */
uint64_t kv_hash_mix(uint64_t hash, uint64_t number);

#endif
