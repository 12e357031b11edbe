/*
 * The half of the codec that only the state machine needs: writing items, whose command it is when
 * the command itself cannot be read, and what a publication says.
 */
#ifndef KV_CODEC_H
#define KV_CODEC_H

#include "kv/command.h"

/* The bytes an item takes; kv_item_encode writes exactly those. */
size_t kv_item_size(const struct kv_item *item);
void kv_item_encode(const struct kv_item *item, uint8_t *out);

/* Session and sequence of a request that may be malformed; both 0 if its header is unreadable. */
void kv_request_identity(const uint8_t *data, size_t size, uint64_t *session, uint64_t *sequence);

/* The value of a publication. Its size; 0: there is text that none may hold. */
size_t kv_publication_value(const struct sm_attributes *attributes,
			    uint8_t out[KV_PUBLICATION_SIZE_MAX]);

#endif
