/*
 * Readers of one revision while writes go on. A pin is a reader's place: a revision, the range that
 * is still before it, and how far it has come. What a write takes away and a pin still has to read
 * is kept for it; what is there already and newer than its revision it passes over.
 *
 * Bounded: pins are few, and what is kept for all of them has a budget. A version that does not fit
 * in it is not kept, and the pins that still had to read it have lost (kv_pin_lost): their readers
 * are told that their revision is gone, never given a hole.
 *
 * None of this is state: neither hash nor quota nor any verdict of apply depends on it (KV1).
 *
 * Invariants:
 *	PN1. `pins` of a kept version holds exactly the live pins whose revision saw it last and
 *	     whose range has its key before them.
 *	PN2. A key and a pin have at most one kept version together, and then the store's own
 *	     version of that key is newer than the pin, or there is none.
 *	PN3. `size` is what the kept versions cost, and never above the budget.
 *	PN4. `kept` of a pin is how many versions have its bit; without any, one that is over is
 *	     clean.
 */
#ifndef KV_PINS_H
#define KV_PINS_H

#include "kv/sm.h"
#include "kv/store.h"

enum {
	KV_PINS_MAX = SM_CURSORS_MAX, /* a bit for each in kv_kept.pins */
	/* One step of a walk: so many keys are looked at, and so many bytes given back. */
	KV_PINS_STEP_MAX = 1024,
	KV_PINS_STEP_SIZE = 1024 * 1024,
};

struct kv_kept {
	RB_ENTRY(kv_kept) node;
	struct kv_version *version;
	uint32_t pins; /* a bit for each */
	uint32_t size;
	uint8_t bytes[]; /* of the key */
};

RB_HEAD(kv_kept_tree, kv_kept);

struct kv_pin {
	bool held;  /* a reader has it */
	bool over;  /* closed, or lost: nothing more is kept for it, what was is given back ... */
	bool clean; /* ... and all of it was */
	uint32_t bit;
	uint64_t kept; /* versions, for it */
	uint64_t revision;
	uint8_t *next; /* the next key to look at; KV_KEY_SIZE_MAX + 1 bytes */
	uint32_t next_size;
	uint8_t *end; /* of the range, as in a request; KV_KEY_SIZE_MAX bytes */
	uint32_t end_size;
	bool keys_only;
	uint64_t left; /* items that are still owed */
};

struct kv_pins {
	struct kv_kept_tree kept;
	uint64_t size, size_max;
	uint32_t live; /* pins that something is kept for: mostly none, and a write costs nothing */
	uint32_t dirty; /* pins that are over, and of which not all was given back */
	struct kv_pin pin[KV_PINS_MAX];
};

/* 0 or -ENOMEM. */
int kv_pins_init(struct kv_pins *pins, uint64_t size_max);
void kv_pins_destroy(struct kv_pins *pins);

/* A free pin, or NULL; kv_pin_begin takes it. */
struct kv_pin *kv_pins_free(struct kv_pins *pins);
void kv_pin_begin(struct kv_pins *pins, struct kv_pin *pin, uint64_t revision,
		  const struct kv_store_range *range, bool keys_only, uint64_t left);
/* Where it goes on. */
void kv_pin_move(struct kv_pin *pin, struct kv_bytes next);
void kv_pin_close(struct kv_pins *pins, struct kv_pin *pin);
bool kv_pin_lost(const struct kv_pin *pin);

/*
 * The store is about to let a version go, or to put another in its place. True: a pin needs it, and
 * it is the pins' from here on.
 */
bool kv_pins_keep(struct kv_pins *pins, const struct kv_key *key, struct kv_version *version);

/* The first kept key at or after `from`, and the next one; NULL: none. */
struct kv_kept *kv_pins_seek(struct kv_pins *pins, struct kv_bytes from);
struct kv_kept *kv_pins_next(struct kv_kept *kept);
/* The pin has passed it. */
void kv_pins_pass(struct kv_pins *pins, struct kv_kept *kept, struct kv_pin *pin);

/* A bounded step of giving back what no pin needs any more. True: there is more. */
bool kv_pins_sweep(struct kv_pins *pins);

/* Recomputes what the invariants state; asserts. */
void kv_pins_verify(struct kv_pins *pins, uint64_t store_revision);

#endif
