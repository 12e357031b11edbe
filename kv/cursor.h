/*
 * What is behind sm.h's cursors: the places for readers that are under way, whatever they read. A
 * reader holds a pin, and memory of its own.
 */
#ifndef KV_CURSOR_H
#define KV_CURSOR_H

#include "kv/pins.h"

struct kv_cursor;

struct kv_cursor_ops {
	/* As sm_ops.cursor_read. Not asked once the pin is lost. */
	int (*read)(struct kv_cursor *cursor, uint8_t *out, uint32_t out_size_max, bool *more);
	/* Frees `reader`. */
	void (*close)(void *reader);
};

struct kv_cursor {
	const struct kv_cursor_ops *ops; /* NULL: the place is free */
	const struct kv_store *store;
	struct kv_pin pin;
	void *reader;
};

struct kv_cursors {
	struct kv_pins *pins;
	const struct kv_store *store;
	uint64_t sort_size; /* bytes that readers sort in; at most as pins hold back */
	struct kv_cursor place[SM_CURSORS_MAX];
};

void kv_cursors_init(struct kv_cursors *cursors, struct kv_pins *pins,
		     const struct kv_store *store);
void kv_cursors_destroy(struct kv_cursors *cursors);

/* Pinned at a revision. NULL: every place is taken. */
struct kv_cursor *kv_cursor_open(struct kv_cursors *cursors, uint64_t revision,
				 const struct kv_cursor_ops *ops, void *reader);
/* -ESTALE: its pin was lost. */
int kv_cursor_read(struct kv_cursor *cursor, uint8_t *out, uint32_t out_size_max, bool *more);
void kv_cursor_close(struct kv_cursor *cursor);

#endif
