/*
 * A bounded single-producer single-consumer ring of pointers, without locks.
 */
#ifndef BASE_RING_H
#define BASE_RING_H

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RING_SIZE = 128 };

static_assert((RING_SIZE & (RING_SIZE - 1)) == 0, "indexes wrap by a mask");

struct ring {
	_Alignas(64) _Atomic uint32_t head; /* next to take; written by the consumer */
	_Alignas(64) _Atomic uint32_t tail; /* next to put; written by the producer */
	_Alignas(64) void *slot[RING_SIZE];
};

/* False: full. */
static inline bool ring_put(struct ring *r, void *item)
{
	uint32_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);

	if (tail - atomic_load_explicit(&r->head, memory_order_acquire) == RING_SIZE)
		return false;
	r->slot[tail & (RING_SIZE - 1)] = item;
	atomic_store_explicit(&r->tail, tail + 1, memory_order_release);
	return true;
}

/* NULL: empty. */
static inline void *ring_take(struct ring *r)
{
	uint32_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
	void *item;

	if (head == atomic_load_explicit(&r->tail, memory_order_acquire))
		return NULL;
	item = r->slot[head & (RING_SIZE - 1)];
	atomic_store_explicit(&r->head, head + 1, memory_order_release);
	return item;
}

#endif
