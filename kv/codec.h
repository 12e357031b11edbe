/*
 * The half of the codec that only the state machine needs: writing items, and whose command it is
 * when the command itself cannot be read.
 */
#ifndef KV_CODEC_H
#define KV_CODEC_H

#include "kv/command.h"

/* The bytes an item takes; kv_item_encode writes exactly those. */
size_t kv_item_size(const struct kv_item *item);
void kv_item_encode(const struct kv_item *item, uint8_t *out);

/* Session and sequence of a request that may be malformed; both 0 if its header is unreadable. */
void kv_request_identity(const uint8_t *data, size_t size, uint64_t *session, uint64_t *sequence);

#endif
