/*
 * The hash of the history up to a revision, as etcd's HashKV computes it: the same history has the
 * same hash in both.
 *
 * CRC32C over the bytes "key" and then, of each version in order of revisions, what etcd's backend
 * has of it: its key, which is main (8 bytes, big-endian), '_', sub (8), and 't' of a tombstone;
 * and its value, which is an mvccpb.KeyValue in the encoding of protocol buffers, a field that is
 * zero left out, and of a tombstone the key alone.
 *
 * Of the versions up to the compact revision those count that the revision asked for shows: what is
 * alive at both. Where no key at all is alive at the revision asked for, etcd leaves that out, and
 * whatever the compaction has left counts.
 */
#ifndef KV_HASHKV_H
#define KV_HASHKV_H

#include "kv/cursor.h"

enum {
/* A step: so many versions, or so many bytes. */
#ifdef KV_TEST_HASHKV_STEP
	KV_HASHKV_STEP_MAX = KV_TEST_HASHKV_STEP,
#else
	KV_HASHKV_STEP_MAX = 512,
#endif
	KV_HASHKV_STEP_SIZE = 1024 * 1024,
};

/* As kv_range_query; the answer is one piece of KV_ANSWER_HEADER_SIZE + KV_HASH_SIZE bytes. */
int kv_hashkv_query(struct kv_cursors *cursors, const struct kv_request *request, uint8_t *out,
		    uint32_t out_size_max, struct kv_cursor **rest);

#endif
