/*
 * A walk over the operations of a transaction in the order in which they run: down into those
 * within, past the branches that are not taken. A position is numbers alone, so that a walk may go
 * on over the same bytes elsewhere.
 */
#ifndef KV_TXN_WALK_H
#define KV_TXN_WALK_H

#include "kv/outcome.h"
#include "kv/txn_codec.h"

struct kv_txn_level {
	uint32_t left; /* operations of the branch that is taken */
	uint32_t skip; /* of the other one, which stands behind it */
};

struct kv_txn_walk {
	size_t at;
	size_t operation_at; /* of the operation that was given last */
	uint32_t txns;       /* transactions that were come by */
	uint32_t depth;
	struct kv_txn_level level[KV_TXNS_MAX];
};

enum kv_txn_event {
	KV_TXN_END,
	KV_TXN_OPERATION,
	KV_TXN_BEGIN, /* a transaction begins at `at`, and has the number `txns` */
};

/* All of these are given the same bytes: a transaction that kv_judge found good. */
void kv_txn_walk_begin(struct kv_txn_walk *walk);
/* After KV_TXN_BEGIN comes kv_txn_enter. */
enum kv_txn_event kv_txn_next(struct kv_txn_walk *walk, struct kv_bytes txn,
			      struct kv_request *operation);
void kv_txn_enter(struct kv_txn_walk *walk, struct kv_bytes txn, bool held);

#endif
