/*
 * What a put, a deletion or a transaction does to the store, in bounded steps.
 *
 * Of a transaction first all comparisons are made, those of transactions within, too, against the
 * state before it; that is which branches are taken. Then what those would do is checked against
 * the same state. Then it is done, and cannot fail.
 *
 * Invariants:
 *	TX1. Nothing of a refused transaction is ever in the store.
 *	TX2. What a transaction writes takes no part in which of its branches is taken.
 */
#ifndef KV_TXN_H
#define KV_TXN_H

#include "kv/store.h"
#include "kv/txn_walk.h"

enum {
/*
 * One step: keys that are looked at or deleted, each about 1 us; or values of 1 MiB that are
 * copied, or whose digests go from the sum: hundreds of microseconds at most, below one bare-metal
 * heartbeat.
 */
#ifdef KV_TEST_TXN_STEP
	KV_TXN_STEP_KEYS = KV_TEST_TXN_STEP,
#else
	KV_TXN_STEP_KEYS = 256,
#endif
	KV_TXN_STEP_SIZE = 1024 * 1024,
};

enum kv_txn_phase {
	KV_TXN_IDLE,
	KV_TXN_COMPARE,
	KV_TXN_CHECK_PUTS,
	KV_TXN_CHECK_RANGES,
	KV_TXN_RUN,
};

struct kv_txn {
	enum kv_txn_phase phase;
	struct kv_txn_walk walk;
	bool within; /* RUN: the operation that the walk came to is not finished */

	/* COMPARE: within a transaction's comparisons, so many were made, and the next is there. */
	bool comparing;
	uint32_t compared;
	size_t compare_at;
	/* Within one of a range: whether keys were there, and after which it goes on. */
	bool any;
	uint32_t key_size;
	uint8_t key[KV_KEY_SIZE_MAX];

	/* CHECK_RANGES: the deletion of every key from the lowest on; 0: none was come by. */
	size_t deletes_from;
	bool gone; /* a put that ignores the value of what is deleted before it */
};

/*
 * A step of a command that kv_judge found good. 0: it is done, and what is not of the command's
 * place in the log is set; -EAGAIN: call again, with the same bytes, which may have moved.
 */
int kv_txn_step(struct kv_txn *txn, struct kv_store *store, const struct kv_request *request,
		struct kv_outcome *outcome);

/* One that is a query (kv_txn_is_query), and that kv_judge found good: its verdict, at once. */
void kv_txn_read(struct kv_txn *txn, struct kv_store *store, const struct kv_request *request,
		 struct kv_outcome *outcome);

/*
 * What a command adds to the store at most: of a transaction all puts in it, whichever branch they
 * are in. 0: it puts nothing.
 */
uint64_t kv_txn_growth(const struct kv_store *store, const struct kv_request *request);

#endif
