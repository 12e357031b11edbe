/*
 * Entries and messages, each once: a world names them by number, and compares numbers.
 */
#ifndef TESTS_SCOPE_POOL_H
#define TESTS_SCOPE_POOL_H

#include "raft/types.h"

#include <stddef.h>

__extension__ typedef unsigned __int128 pool_wide;

/* Of two numbers, of which one is not chosen by anybody. */
static inline uint64_t pool_fold(uint64_t a, uint64_t b)
{
	pool_wide product =
		(pool_wide)(a ^ UINT64_C(0xa0761d6478bd642f)) * (b ^ UINT64_C(0xe7037ed1a0b428db));

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t pool_hash(const void *data, size_t size, uint64_t seed);

uint64_t pool_entry_hash(const struct raft_entry *e);
uint16_t pool_entry_add(const struct raft_entry *e);
const struct raft_entry *pool_entry(uint16_t id);

uint32_t pool_message_add(const struct raft_message *m);
const struct raft_message *pool_message(uint32_t id);
uint64_t pool_message_hash(uint32_t id);
/* Whoever sent it to whom. */
uint64_t pool_message_body(uint32_t id);
uint32_t pool_message_count(void);

#endif
