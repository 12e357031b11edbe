/*
 * What is asked of the state as it is: a range, a hash, or a transaction that only reads.
 */
#ifndef KV_QUERY_H
#define KV_QUERY_H

#include "kv/cursor.h"
#include "kv/judge.h"
#include "kv/txn.h"

/* Each its owner's; no command is under way. */
struct kv_query_parts {
	struct kv_cursors *cursors;
	struct kv_store *store;
	struct kv_judge *judge;
	struct kv_txn *txn;
	struct sm_counters *counters;
};

/* As sm_ops.query. */
int kv_query_answer(const struct kv_query_parts *parts, struct kv_bytes bytes, uint8_t *out,
		    uint32_t out_size_max, struct kv_cursor **rest);

#endif
