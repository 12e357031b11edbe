/*
 * Versions in order of something else than their keys: a heap with the last one on top, so that of
 * many the first few are found in the memory of those few. Filled one by one, then sorted in place
 * in bounded steps.
 *
 * Invariants:
 *  KO1. item[0, heap) is a heap: none comes after the one above it. item[heap, count) is in order,
 *       and none of it comes before one of the heap.
 *  KO2. Full, it holds the first `room` of all that were added.
 */
#ifndef KV_SORT_H
#define KV_SORT_H

#include "kv/version.h"

struct kv_sort_item {
	uint64_t number; /* what it is sorted by; of a value the first bytes */
	const struct kv_version *version;
};

struct kv_sort {
	enum kv_target target;
	bool descend;
	uint64_t room, count, heap;
	struct kv_sort_item *item;
};

/* Room for as many; their pages are touched as they come. 0 or -ENOMEM. */
int kv_sort_init(struct kv_sort *sort, uint64_t room, enum kv_target target, bool descend);
void kv_sort_destroy(struct kv_sort *sort);

void kv_sort_add(struct kv_sort *sort, const struct kv_version *version);

/* Puts one more in its place. False: all are. After the last kv_sort_add. */
bool kv_sort_step(struct kv_sort *sort);

#endif
