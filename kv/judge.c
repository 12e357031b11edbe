/*
 * See kv/judge.h. etcd's checkTxnRequest and checkIntervals (server/etcdserver/api/v3rpc/key.go),
 * in their order: first what each operation is, in the order of the bytes; then, of each branch,
 * whether a key is written twice.
 *
 * A key may be in both branches of one transaction. A deletion is against the puts of its own
 * branch and of those within, and of a transaction that stands behind the one it is in, but not
 * before. One up to the end of all keys ("\0") is against none: so both run, in their order.
 */
#include "kv/judge.h"

#include <assert.h>
#include <string.h>

#include "kv/tree.h"
#include "kv/txn_codec.h"

static enum kv_status operation_judge(const struct kv_request *r)
{
	if ((int)r->operation == KV_NOTHING)
		return KV_KEY_NOT_FOUND;
	if (r->operation > KV_RANGE)
		return KV_OK;
	if (r->key.size == 0)
		return KV_KEY_EMPTY;
	if ((r->flags & KV_IGNORE_VALUE) && r->value.size > 0)
		return KV_VALUE_PROVIDED;
	if ((r->flags & KV_IGNORE_LEASE) && r->lease != 0)
		return KV_LEASE_PROVIDED;
	return KV_OK;
}

/* Where a walk over all the bytes is. */
struct scan {
	size_t at;
	uint32_t txns, operations;
};

static size_t compares_judge(struct kv_bytes txn, size_t at, uint32_t count, enum kv_status *status)
{
	struct kv_compare compare;

	for (uint32_t i = 0; i < count; i++) {
		at += kv_txn_decode_compare(&compare, txn.data + at, txn.size - at);
		if (compare.key.size == 0 && *status == KV_OK)
			*status = KV_KEY_EMPTY;
	}
	return at;
}

/* A transaction, and those within: at most KV_TXN_LEVEL_MAX deep, as each has less room. */
static enum kv_status txn_judge(struct kv_bytes txn, struct scan *scan, uint32_t room)
{
	struct kv_request operation;
	struct kv_txn_counts counts;
	enum kv_status status = KV_OK;
	uint32_t most;

	scan->at += kv_txn_decode(&counts, txn.data + scan->at, txn.size - scan->at);
	most = counts.compares > counts.then ? counts.compares : counts.then;
	most = counts.otherwise > most ? counts.otherwise : most;
	scan->operations += (uint32_t)counts.then + counts.otherwise;
	if (most > room || ++scan->txns > KV_TXNS_MAX || scan->operations > KV_TXN_OPERATIONS_MAX)
		return KV_TOO_MANY_OPERATIONS;
	scan->at = compares_judge(txn, scan->at, counts.compares, &status);
	for (uint32_t i = 0; status == KV_OK && i < (uint32_t)counts.then + counts.otherwise; i++) {
		scan->at += kv_txn_decode_operation(&operation, txn.data + scan->at,
						    txn.size - scan->at);
		status = operation.operation == KV_TXN ? txn_judge(txn, scan, room - most)
						       : operation_judge(&operation);
	}
	return status;
}

static int order_of(struct kv_bytes a, struct kv_bytes b)
{
	return kv_bytes_compare(a.data, a.size, b.data, b.size);
}

/* Among puts [from, end), which ascend: where it is, or would be. */
static uint32_t put_find(const struct kv_judge *j, uint32_t from, uint32_t end, struct kv_bytes key)
{
	while (from < end) {
		uint32_t middle = from + (end - from) / 2;

		if (order_of(j->put[middle], key) < 0)
			from = middle + 1;
		else
			end = middle;
	}
	return from;
}

static bool is_put(const struct kv_judge *j, uint32_t from, uint32_t end, struct kv_bytes key)
{
	uint32_t at = put_find(j, from, end, key);

	return at < end && order_of(j->put[at], key) == 0;
}

static bool is_deleted(const struct kv_judge *j, uint32_t from, uint32_t end, struct kv_bytes key)
{
	for (uint32_t i = from; i < end; i++) {
		const struct kv_deletion *d = &j->deletion[i];
		int order = order_of(key, d->first);

		if (d->end.size == 0 ? order == 0 : order >= 0 && order_of(key, d->end) < 0)
			return true;
	}
	return false;
}

/* Into puts [from, *end), which ascend and have room behind them. */
static void put_insert(struct kv_judge *j, uint32_t from, uint32_t *end, struct kv_bytes key)
{
	uint32_t at = put_find(j, from, *end, key);

	if (at < *end && order_of(j->put[at], key) == 0)
		return;
	memmove(&j->put[at + 1], &j->put[at], (*end - at) * sizeof(key));
	j->put[at] = key;
	*end += 1;
}

/* The next operation at *at, whole: a transaction is `operation->txn`. */
static void operation_take(struct kv_bytes txn, size_t *at, struct kv_request *operation)
{
	*at += kv_txn_decode_operation(operation, txn.data + *at, txn.size - *at);
	if (operation->operation != KV_TXN)
		return;
	operation->txn = (struct kv_bytes){txn.data + *at, txn.size - (uint32_t)*at};
	operation->txn.size = (uint32_t)kv_txn_size(operation->txn.data, operation->txn.size);
	*at += operation->txn.size;
}

static bool branches_clash(struct kv_judge *j, struct kv_bytes txn, bool together);

/*
 * `count` operations from *at on, which moves behind them. True: they write a key twice. Their puts
 * and deletions are those behind what was there before.
 */
static bool branch_clashes(struct kv_judge *j, struct kv_bytes txn, size_t *at, uint32_t count)
{
	const uint32_t puts = j->put_count, deletions = j->deletion_count;
	const size_t begin = *at;
	struct kv_request op;

	for (uint32_t i = 0; i < count; i++) {
		operation_take(txn, at, &op);
		if (op.operation == KV_DELETE)
			j->deletion[j->deletion_count++] =
				(struct kv_deletion){op.key, op.range_end};
	}
	*at = begin;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t own = j->put_count, before = j->deletion_count, then;

		operation_take(txn, at, &op);
		if (op.operation != KV_TXN)
			continue;
		if (branches_clash(j, op.txn, true))
			return true;
		then = j->put_count;
		j->put_count = own;
		for (uint32_t k = own; k < then; k++) {
			if (is_put(j, puts, own, j->put[k]) ||
			    is_deleted(j, deletions, before, j->put[k]))
				return true;
		}
		for (uint32_t k = own; k < then; k++)
			put_insert(j, puts, &j->put_count, j->put[k]);
	}
	*at = begin;
	for (uint32_t i = 0; i < count; i++) {
		operation_take(txn, at, &op);
		if (op.operation != KV_PUT)
			continue;
		if (is_put(j, puts, j->put_count, op.key) ||
		    is_deleted(j, deletions, j->deletion_count, op.key))
			return true;
		put_insert(j, puts, &j->put_count, op.key);
	}
	return false;
}

/* `together`: what either branch writes is left behind; else each is by itself. */
static bool branches_clash(struct kv_judge *j, struct kv_bytes txn, bool together)
{
	const uint32_t puts = j->put_count, deletions = j->deletion_count;
	struct kv_txn_counts counts;
	enum kv_status status = KV_OK;
	size_t at = kv_txn_decode(&counts, txn.data, txn.size);

	at = compares_judge(txn, at, counts.compares, &status);
	if (branch_clashes(j, txn, &at, counts.then))
		return true;
	if (!together) {
		j->put_count = puts;
		j->deletion_count = deletions;
	}
	return branch_clashes(j, txn, &at, counts.otherwise);
}

enum kv_status kv_judge(struct kv_judge *j, const struct kv_request *request)
{
	struct scan scan = {0};
	enum kv_status status;

	if (request->operation != KV_TXN)
		return operation_judge(request);
	status = txn_judge(request->txn, &scan, KV_TXN_LEVEL_MAX);
	if (status != KV_OK)
		return status;
	j->put_count = j->deletion_count = 0;
	return branches_clash(j, request->txn, false) ? KV_DUPLICATE_KEY : KV_OK;
}
