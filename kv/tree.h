/*
 * The keys, in byte order: libbsd's red-black tree, with the number of keys that have a value kept
 * in each key for the tree below it. So those are counted, and stepped to, in O(log keys), however
 * many deleted ones wait between them for a compaction.
 *
 * Invariants:
 *  KT1. Keys are unique, not empty, in strictly ascending byte order.
 *  KT2. live_count of a key is the number of live keys in the tree below and including it.
 */
#ifndef KV_TREE_H
#define KV_TREE_H

#include <string.h>

#include "kv/version.h"

RB_HEAD(kv_tree, kv_key);

/* Byte order, the shorter one first. */
static inline int kv_bytes_compare(const uint8_t *a, uint32_t a_size, const uint8_t *b,
				   uint32_t b_size)
{
	uint32_t common = a_size < b_size ? a_size : b_size;
	int order = common == 0 ? 0 : memcmp(a, b, common);

	if (order != 0)
		return order;
	return (a_size > b_size) - (a_size < b_size);
}

void kv_tree_init(struct kv_tree *tree);

/* `live` is set as it shall be. */
void kv_tree_insert(struct kv_tree *tree, struct kv_key *key);
void kv_tree_remove(struct kv_tree *tree, struct kv_key *key);
void kv_tree_live_set(struct kv_key *key, bool live);

struct kv_key *kv_tree_find(const struct kv_tree *tree, struct kv_bytes bytes);
/* The first key >= bytes, and the next one; NULL: none. */
struct kv_key *kv_tree_from(const struct kv_tree *tree, struct kv_bytes bytes);
struct kv_key *kv_tree_next(struct kv_key *key);
/* The last key < bytes, the last one at all, and the one before. */
struct kv_key *kv_tree_before(const struct kv_tree *tree, struct kv_bytes bytes);
struct kv_key *kv_tree_last(const struct kv_tree *tree);
struct kv_key *kv_tree_prev(struct kv_key *key);
/* The first live one of these: the key itself, or one after it; one before it. NULL stays so. */
struct kv_key *kv_tree_live_from(struct kv_key *key);
struct kv_key *kv_tree_live_to(struct kv_key *key);

/* How many live keys are before bytes; how many there are. */
uint64_t kv_tree_live_before(const struct kv_tree *tree, struct kv_bytes bytes);
uint64_t kv_tree_live_count(const struct kv_tree *tree);

/* Takes the keys out one by one, in no order; NULL: it is empty. */
struct kv_key *kv_tree_take(struct kv_tree *tree);

/* Recomputes what the invariants state; asserts. The number of keys. */
uint64_t kv_tree_verify(const struct kv_tree *tree);

#endif
