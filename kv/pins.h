/*
 * Readers of one revision while writes go on. All that a reader needs is that the scrub stops at
 * its revision: a pin. Nothing is copied, and without a compaction a pin costs nothing.
 *
 * Bounded: what the scrub would free but for pins has a budget (KS8). When it is spent, the pins of
 * the lowest revision are lost: their readers are told that their revision is gone, never given a
 * hole. None of this is state: no hash, quota or verdict of apply depends on it (KV1).
 */
#ifndef KV_PINS_H
#define KV_PINS_H

#include "kv/store.h"

/* All zero: not held. */
struct kv_pin {
	LIST_ENTRY(kv_pin) entry; /* while it is held, and not lost */
	uint64_t revision;
	bool held, lost;
};

struct kv_pins {
	LIST_HEAD(, kv_pin) list;
	uint64_t size_max;
};

void kv_pins_init(struct kv_pins *pins, uint64_t size_max);

/* A revision that may be asked for, so that what it shows is all there. */
void kv_pin_take(struct kv_pins *pins, struct kv_pin *pin, uint64_t revision);
void kv_pin_give(struct kv_pin *pin);

/* All of them: what they show goes. */
void kv_pins_lose(struct kv_pins *pins);

/* How far the scrub may come now. */
uint64_t kv_pins_reach(const struct kv_pins *pins, const struct kv_store *store);

/*
 * A bounded step of freeing what neither the compact revision nor a pin shows. True: there is more.
 */
bool kv_pins_sweep(struct kv_pins *pins, struct kv_store *store);

void kv_pins_verify(const struct kv_pins *pins, const struct kv_store *store);

#endif
