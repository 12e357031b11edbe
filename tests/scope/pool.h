/*
 * Entries and messages, each once: a world names them by number, and compares numbers.
 */
#ifndef TESTS_SCOPE_POOL_H
#define TESTS_SCOPE_POOL_H

#include "raft/types.h"

#include <stddef.h>

uint64_t pool_hash(const void *data, size_t size, uint64_t seed);

uint16_t pool_entry_add(const struct raft_entry *e);
const struct raft_entry *pool_entry(uint16_t id);

uint32_t pool_message_add(const struct raft_message *m);
const struct raft_message *pool_message(uint32_t id);
uint64_t pool_message_hash(uint32_t id);
uint32_t pool_message_count(void);

#endif
