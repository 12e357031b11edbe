/*
 * Ranges: the newest revision in order of keys, in pieces that are one answer when joined. What the
 * first piece leaves is read on at its revision through a pin (kv/pins.h).
 */
#ifndef KV_RANGE_H
#define KV_RANGE_H

#include "kv/pins.h"

/*
 * The answer, or its first piece: its bytes. With a `rest` that is not NULL a piece is at most
 * KV_PIECE_SIZE or one item, and *rest holds what follows; NULL: nothing does. -EBUSY: every pin is
 * taken. Without one, -EMSGSIZE if not all of it fits.
 */
int kv_range_query(struct kv_store *store, const struct kv_request *request, uint8_t *out,
		   uint32_t out_size_max, struct kv_pin **rest);

/*
 * The next piece: its bytes, 0 if a bounded step found nothing to say yet. -ESTALE: the pin was
 * lost. It is closed by the caller, after the last piece too.
 */
int kv_range_read(struct kv_store *store, struct kv_pin *pin, uint8_t *out, uint32_t out_size_max,
		  bool *more);

#endif
