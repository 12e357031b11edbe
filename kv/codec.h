/*
 * The half of the codec that only the state machine needs: writing items, whose command it is when
 * the command itself cannot be read, and what a publication says; and what its files share.
 */
#ifndef KV_CODEC_H
#define KV_CODEC_H

#include "kv/command.h"

enum { KV_CODEC_VERSION = 2 };

/* The bytes an item takes; kv_item_encode writes exactly those. */
size_t kv_item_size(const struct kv_item *item);
void kv_item_encode(const struct kv_item *item, uint8_t *out);

/* Of a response its header, and of a hash what follows its answer's. */
void kv_response_encode_header(const struct kv_answer *response,
			       uint8_t out[KV_RESPONSE_HEADER_SIZE]);
void kv_hash_encode(uint32_t hash, int64_t compact_revision, uint8_t out[KV_HASH_SIZE]);

/* Session and sequence of a request that may be malformed; both 0 if its header is unreadable. */
void kv_request_identity(const uint8_t *data, size_t size, uint64_t *session, uint64_t *sequence);

/* The value of a publication. Its size; 0: there is text that none may hold. */
size_t kv_publication_value(const struct sm_attributes *attributes,
			    uint8_t out[KV_PUBLICATION_SIZE_MAX]);

/* memcpy must not be given NULL, which is what an empty key, range_end or value may hold. */
uint8_t *kv_bytes_put(uint8_t *at, struct kv_bytes bytes);

/*
 * The body of an operation; it and the flags are set. Decoding takes what it needs from the start
 * of data: the bytes taken, or 0 if they are not whole and well-formed, or a transaction's, which
 * kv/txn_codec.h reads.
 */
size_t kv_body_size(const struct kv_request *request);
uint8_t *kv_body_encode(const struct kv_request *request, uint8_t *out);
size_t kv_body_decode(struct kv_request *out, const uint8_t *data, size_t size);
/* The flags that an operation may carry. */
uint32_t kv_flags_of(enum kv_operation operation);

#endif
