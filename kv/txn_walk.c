/* See kv/txn_walk.h. */
#include "kv/txn_walk.h"

#include <assert.h>

void kv_txn_walk_begin(struct kv_txn_walk *walk)
{
	walk->at = 0;
	walk->txns = 0;
	walk->depth = 0;
}

static void skip(struct kv_txn_walk *walk, struct kv_bytes txn, uint32_t count)
{
	size_t size;

	if (!count)
		return;
	size = kv_txn_skip(txn.data + walk->at, txn.size - walk->at, count, &walk->txns);
	assert(size > 0);
	walk->at += size;
}

enum kv_txn_event kv_txn_next(struct kv_txn_walk *walk, struct kv_bytes txn,
			      struct kv_request *operation)
{
	struct kv_txn_level *top;
	size_t size;

	if (walk->txns == 0)
		return KV_TXN_BEGIN;
	for (;;) {
		if (walk->depth == 0)
			return KV_TXN_END;
		top = &walk->level[walk->depth - 1];
		if (top->left > 0)
			break;
		skip(walk, txn, top->skip);
		walk->depth--;
	}
	top->left--;
	walk->operation_at = walk->at;
	size = kv_txn_decode_operation(operation, txn.data + walk->at, txn.size - walk->at);
	assert(size > 0);
	walk->at += size;
	return operation->operation == KV_TXN ? KV_TXN_BEGIN : KV_TXN_OPERATION;
}

void kv_txn_enter(struct kv_txn_walk *walk, struct kv_bytes txn, bool held)
{
	struct kv_txn_counts counts;
	struct kv_compare compare;
	size_t size = kv_txn_decode(&counts, txn.data + walk->at, txn.size - walk->at);

	for (uint32_t i = 0; i < counts.compares; i++) {
		walk->at += size;
		size = kv_txn_decode_compare(&compare, txn.data + walk->at, txn.size - walk->at);
	}
	assert(size > 0);
	walk->at += size;
	walk->txns++;
	if (!held)
		skip(walk, txn, counts.then);
	assert(walk->depth < KV_TXNS_MAX);
	walk->level[walk->depth++] = (struct kv_txn_level){
		.left = held ? counts.then : counts.otherwise,
		.skip = held ? counts.otherwise : 0,
	};
}
