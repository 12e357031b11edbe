/*
 * Ranges: one revision in order of keys, in pieces that are one answer when joined. What the first
 * piece leaves is read on at its revision by a cursor.
 */
#ifndef KV_RANGE_H
#define KV_RANGE_H

#include "kv/cursor.h"

enum {
	/* A step of a walk looks at so many keys: about 0.5 us each. */
	KV_RANGE_STEP_MAX = 1024,
};

/*
 * The answer, or its first piece: its bytes. With a `rest` that is not NULL a piece is at most
 * KV_PIECE_SIZE or one item, and *rest holds what follows; NULL: nothing does. -EBUSY: every place
 * is taken. Without one, -EMSGSIZE if not all of it fits.
 */
int kv_range_query(struct kv_cursors *cursors, const struct kv_request *request, uint8_t *out,
		   uint32_t out_size_max, struct kv_cursor **rest);

#endif
