/*
 * What a transaction is, in bytes (the rest of kv/command.h): 8 bytes, then comparisons, then the
 * operations that run if all of them hold, then those that run if not.
 *
 *	     0    2 comparisons
 *	     2    2 operations if they hold
 *	     4    2 operations if not
 *	     6    2 zero
 *
 * A comparison, 24 bytes and then key, range_end, value:
 *
 *	     0    1 result (enum kv_result)
 *	     1    1 target (enum kv_compared)
 *	     2    2 key size
 *	     4    2 range_end size
 *	     6    2 zero
 *	     8    4 value size: 0 unless the target is the value
 *	    12    4 zero
 *	    16    8 number: 0 if the target is the value
 *
 * An operation, 4 bytes and then its body, as that of a request (put, delete, range or txn):
 *
 *	     0    1 operation; 0: none, as a RequestOp of etcd's that says nothing: without a body
 *	     1    1 zero
 *	     2    2 flags
 *
 * Nothing says how long an operation is but the operation: so there are no two words on it.
 */
#ifndef KV_TXN_CODEC_H
#define KV_TXN_CODEC_H

#include "kv/command.h"

enum {
	KV_TXN_SIZE = 8,
	KV_COMPARE_SIZE = 24,
	KV_TXN_OPERATION_SIZE = 4, /* beside the body */
	KV_NOTHING = 0,            /* in place of an operation: kv/judge.c refuses it */
};

enum kv_result { KV_EQUAL, KV_GREATER, KV_LESS, KV_NOT_EQUAL };

enum kv_compared {
	KV_COMPARED_VERSION,
	KV_COMPARED_CREATE,
	KV_COMPARED_MOD,
	KV_COMPARED_VALUE,
	KV_COMPARED_LEASE,
};

struct kv_compare {
	enum kv_result result;
	enum kv_compared compared;
	struct kv_bytes key;
	struct kv_bytes
		range_end; /* size 0: the one key; else all that are there must compare so */
	struct kv_bytes value;
	uint64_t number; /* etcd's int64 */
};

/* What the bytes of a transaction begin with. */
struct kv_txn_counts {
	uint16_t compares, then, otherwise;
};

/*
 * Building: the counts, the comparisons and the operations one after the other into `out`, in this
 * order; each returns the bytes that it took, or would take (out NULL). An operation is a request
 * of which only what is the operation's own counts; a transaction within is whole.
 */
size_t kv_txn_encode(const struct kv_txn_counts *counts, uint8_t *out);
size_t kv_txn_encode_compare(const struct kv_compare *compare, uint8_t *out);
size_t kv_txn_encode_operation(const struct kv_request *operation, uint8_t *out);

/*
 * The same, read: the bytes that were taken, or 0 if they are not whole and well-formed. Of an
 * operation that is a transaction they end where it begins.
 */
size_t kv_txn_decode(struct kv_txn_counts *out, const uint8_t *data, size_t size);
size_t kv_txn_decode_compare(struct kv_compare *out, const uint8_t *data, size_t size);
size_t kv_txn_decode_operation(struct kv_request *out, const uint8_t *data, size_t size);

/* The bytes of a transaction, whatever follows it; 0 if they are not whole and well-formed. */
size_t kv_txn_size(const uint8_t *data, size_t size);
/* The same of `count` operations, not 0; *txns grows by the transactions in them. */
size_t kv_txn_skip(const uint8_t *data, size_t size, uint64_t count, uint32_t *txns);
/*
 * A whole transaction of single keys that only reads: it needs no entry of the log, as with etcd,
 * and its comparisons are as many as a step makes. One that has others within goes through the log.
 */
bool kv_txn_is_query(struct kv_bytes txn);
/* The next put of a whole transaction, whatever it is within: where it ends; 0: there is none. */
size_t kv_txn_next_put(struct kv_bytes txn, size_t at, struct kv_request *put);

#endif
