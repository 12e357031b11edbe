/* See kv/txn.h. The order of checks is that of etcd's Txn (server/etcdserver/apply.go). */
#include "kv/txn.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* What a step may still do. */
struct budget {
	uint32_t keys;
	uint64_t size;
};

static void spend(struct budget *budget, uint32_t keys, uint64_t size)
{
	budget->keys -= keys < budget->keys ? keys : budget->keys;
	budget->size -= size < budget->size ? size : budget->size;
}

static bool is_spent(const struct budget *budget)
{
	return budget->keys == 0 || budget->size == 0;
}

static const struct kv_version *find(const struct kv_store *store, struct kv_bytes key)
{
	return kv_store_find(store, key, kv_revision_of(store->revision + store->writing));
}

/* etcd's numbers have a sign. */
static int number_order(uint64_t a, uint64_t b)
{
	return ((int64_t)a > (int64_t)b) - ((int64_t)a < (int64_t)b);
}

/* A key that is not there is all zeros. */
static bool holds(const struct kv_compare *c, const struct kv_version *version)
{
	static const struct kv_version none;
	const struct kv_version *v = version ? version : &none;
	int order = 0;

	switch (c->compared) {
	case KV_COMPARED_VERSION:
		order = number_order(v->number, c->number);
		break;
	case KV_COMPARED_CREATE:
		order = number_order(v->create_revision, c->number);
		break;
	case KV_COMPARED_MOD:
		order = number_order(v->main, c->number);
		break;
	case KV_COMPARED_LEASE:
		order = number_order(v->lease, c->number);
		break;
	case KV_COMPARED_VALUE:
		if (!version)
			return false;
		order = kv_bytes_compare(v->value, v->value_size, c->value.data, c->value.size);
		break;
	}
	switch (c->result) {
	case KV_EQUAL:
		return order == 0;
	case KV_GREATER:
		return order > 0;
	case KV_LESS:
		return order < 0;
	case KV_NOT_EQUAL:
		return order != 0;
	}
	return false;
}

enum held { NO, YES, NOT_YET };

/* Every key of the range, from where an earlier step ended. */
static enum held range_holds(struct kv_txn *t, const struct kv_store *store,
			     const struct kv_compare *c, struct budget *budget)
{
	struct kv_store_range range = {.first = c->key, .end = c->range_end};
	const struct kv_key *key;

	if (t->any)
		range.first = (struct kv_bytes){t->key, t->key_size};
	key = kv_store_first_live(store, &range);
	for (; key; key = kv_store_next_live(&range, key)) {
		if (is_spent(budget)) {
			memcpy(t->key, key->bytes, key->size);
			t->key_size = key->size;
			t->any = true;
			return NOT_YET;
		}
		if (!holds(c, kv_key_newest(key)))
			return NO;
		t->any = true;
		spend(budget, 1, 0);
		memcpy(t->key, key->bytes, key->size);
		t->key_size = key->size;
	}
	return t->any || holds(c, NULL) ? YES : NO;
}

/* The comparisons of the transaction that has begun, as far as this step goes. */
static enum held compares_hold(struct kv_txn *t, const struct kv_store *store, struct kv_bytes txn,
			       struct budget *budget)
{
	const uint8_t *begin = txn.data + t->walk.at;
	struct kv_txn_counts counts;
	struct kv_compare compare;
	size_t size = kv_txn_decode(&counts, begin, txn.size - t->walk.at);
	enum held held = YES;

	if (!t->comparing) {
		t->comparing = true;
		t->compared = 0;
		t->compare_at = t->walk.at + size;
		t->any = false;
	}
	for (; held == YES && t->compared < counts.compares; t->compared++) {
		size = kv_txn_decode_compare(&compare, txn.data + t->compare_at,
					     txn.size - t->compare_at);
		if (is_spent(budget))
			return NOT_YET;
		if (compare.range_end.size == 0) {
			held = holds(&compare, find(store, compare.key)) ? YES : NO;
			spend(budget, 1, compare.value.size);
		} else {
			held = range_holds(t, store, &compare, budget);
		}
		if (held == NOT_YET)
			return NOT_YET;
		t->any = false;
		t->compare_at += size;
	}
	t->comparing = false;
	return held;
}

/* True: all branches are known. */
static bool compare_step(struct kv_txn *t, const struct kv_store *store, struct kv_bytes txn,
			 struct kv_outcome *outcome, struct budget *budget)
{
	struct kv_request operation;
	enum held held;

	for (;;) {
		enum kv_txn_event event =
			t->comparing ? KV_TXN_BEGIN : kv_txn_next(&t->walk, txn, &operation);

		if (event == KV_TXN_END)
			return true;
		if (event == KV_TXN_OPERATION) {
			spend(budget, 1, 0);
			continue;
		}
		held = compares_hold(t, store, txn, budget);
		if (held == NOT_YET)
			return false;
		if (held == YES)
			kv_outcome_take(outcome, t->walk.txns);
		kv_txn_enter(&t->walk, txn, held == YES);
	}
}

/* The next operation that runs, of those whose branches are known. False: there is none. */
static bool next(struct kv_txn_walk *walk, struct kv_bytes txn, const struct kv_outcome *outcome,
		 struct kv_request *operation)
{
	enum kv_txn_event event;

	while ((event = kv_txn_next(walk, txn, operation)) == KV_TXN_BEGIN)
		kv_txn_enter(walk, txn, kv_outcome_branch(outcome, walk->txns));
	return event == KV_TXN_OPERATION;
}

static bool keeps_some(const struct kv_request *put)
{
	return put->flags & (KV_IGNORE_VALUE | KV_IGNORE_LEASE);
}

/* There are no leases: none is found. */
static enum kv_status put_check(const struct kv_store *store, const struct kv_request *put)
{
	if (keeps_some(put) && !find(store, put->key))
		return KV_KEY_NOT_FOUND;
	return put->lease ? KV_LEASE_NOT_FOUND : KV_OK;
}

/* One below 0 is the newest if it runs; but here it is compared, as by etcd. */
static enum kv_status range_check(const struct kv_store *store, const struct kv_request *range)
{
	const int64_t revision = (int64_t)range->revision;

	if (revision > (int64_t)store->revision)
		return KV_FUTURE_REVISION;
	return revision != 0 && revision < kv_store_compacted(store) ? KV_COMPACTED : KV_OK;
}

/*
 * A deletion of every key from one on overlaps no put by its bytes (kv/judge.c). One that would
 * have a put find nothing to keep is refused as if there were nothing: etcd dies of it.
 */
static void order_check(struct kv_txn *t, struct kv_bytes txn, const struct kv_request *op)
{
	struct kv_request lowest;

	if (t->deletes_from)
		kv_txn_decode_operation(&lowest, txn.data + t->deletes_from,
					txn.size - t->deletes_from);
	if (op->operation == KV_PUT) {
		t->gone |= keeps_some(op) && t->deletes_from &&
			   kv_bytes_compare(op->key.data, op->key.size, lowest.key.data,
					    lowest.key.size) >= 0;
		return;
	}
	if (op->range_end.size != 1 || op->range_end.data[0] != 0)
		return;
	if (!t->deletes_from ||
	    kv_bytes_compare(op->key.data, op->key.size, lowest.key.data, lowest.key.size) < 0)
		t->deletes_from = t->walk.operation_at;
}

static enum kv_status operation_check(struct kv_txn *t, const struct kv_store *store,
				      struct kv_bytes txn, const struct kv_request *operation)
{
	if (t->phase == KV_TXN_CHECK_PUTS)
		return operation->operation == KV_PUT ? put_check(store, operation) : KV_OK;
	if (operation->operation == KV_RANGE)
		return range_check(store, operation);
	order_check(t, txn, operation);
	return KV_OK;
}

/* True: all were checked, or one is refused. */
static bool check_step(struct kv_txn *t, const struct kv_store *store, struct kv_bytes txn,
		       struct kv_outcome *outcome, struct budget *budget)
{
	struct kv_request operation;

	while (!is_spent(budget)) {
		if (!next(&t->walk, txn, outcome, &operation)) {
			if (t->gone)
				outcome->status = KV_KEY_NOT_FOUND;
			return true;
		}
		outcome->status = operation_check(t, store, txn, &operation);
		if (outcome->status != KV_OK)
			return true;
		spend(budget, 1, 0);
	}
	return false;
}

/* What is to be kept is there: it was checked. */
static void put_run(struct kv_store *store, const struct kv_request *put, struct budget *budget)
{
	struct kv_bytes value = put->value;
	uint64_t lease = put->lease;

	if (keeps_some(put)) {
		const struct kv_version *old = find(store, put->key);

		assert(old);
		if (put->flags & KV_IGNORE_VALUE)
			value = kv_version_value(old);
		if (put->flags & KV_IGNORE_LEASE)
			lease = old->lease;
	}
	kv_store_put(store, put->key, value, lease);
	spend(budget, 1, value.size);
}

/* True: it is done. Of a deletion the keys that this step deleted are added to *deleted. */
static bool operation_run(struct kv_store *store, const struct kv_request *operation,
			  struct budget *budget, uint64_t *deleted)
{
	const struct kv_store_range range = {.first = operation->key, .end = operation->range_end};
	bool done = true;

	if (is_spent(budget))
		return false;
	if (operation->operation == KV_PUT) {
		put_run(store, operation, budget);
	} else if (operation->operation == KV_DELETE) {
		uint32_t count = kv_store_delete(store, &range, budget->keys, budget->size, &done);

		*deleted += count;
		spend(budget, count + 1, 0);
		if (!done)
			budget->keys = 0;
	}
	return done;
}

static bool run_step(struct kv_txn *t, struct kv_store *store, struct kv_bytes txn,
		     struct kv_outcome *outcome, struct budget *budget)
{
	struct kv_request operation;
	uint64_t deleted = 0;

	for (;;) {
		if (t->within)
			kv_txn_decode_operation(&operation, txn.data + t->walk.operation_at,
						txn.size - t->walk.operation_at);
		else if (!next(&t->walk, txn, outcome, &operation))
			return true;
		t->within = !operation_run(store, &operation, budget, &deleted);
		if (t->within)
			return false;
	}
}

static bool phase_step(struct kv_txn *t, struct kv_store *store, const struct kv_request *request,
		       struct kv_outcome *outcome, struct budget *budget)
{
	switch (t->phase) {
	case KV_TXN_COMPARE:
		return compare_step(t, store, request->txn, outcome, budget);
	case KV_TXN_CHECK_PUTS:
	case KV_TXN_CHECK_RANGES:
		return check_step(t, store, request->txn, outcome, budget);
	case KV_TXN_RUN:
		if (request->operation == KV_TXN)
			return run_step(t, store, request->txn, outcome, budget);
		return operation_run(store, request, budget, &outcome->deleted);
	case KV_TXN_IDLE:
		break;
	}
	assert(false);
	return true;
}

static void begin(struct kv_txn *t, struct kv_store *store, const struct kv_request *request,
		  struct kv_outcome *outcome)
{
	*outcome = (struct kv_outcome){.operation = request->operation};
	t->phase = request->operation == KV_TXN ? KV_TXN_COMPARE : KV_TXN_RUN;
	t->within = t->comparing = t->gone = false;
	t->deletes_from = 0;
	kv_txn_walk_begin(&t->walk);
	/* Of a put by itself etcd asks for the lease first, of one in a transaction last. */
	if (request->operation == KV_PUT)
		outcome->status = request->lease ? KV_LEASE_NOT_FOUND : put_check(store, request);
	if (t->phase == KV_TXN_RUN && outcome->status == KV_OK)
		kv_store_begin(store);
}

int kv_txn_step(struct kv_txn *t, struct kv_store *store, const struct kv_request *request,
		struct kv_outcome *outcome)
{
	struct budget budget = {KV_TXN_STEP_KEYS, KV_TXN_STEP_SIZE};

	if (t->phase == KV_TXN_IDLE)
		begin(t, store, request, outcome);
	while (outcome->status == KV_OK) {
		if (!phase_step(t, store, request, outcome, &budget))
			return -EAGAIN;
		if (t->phase == KV_TXN_RUN) {
			outcome->wrote = store->write.sub > 0;
			kv_store_end(store);
			break;
		}
		t->phase++;
		kv_txn_walk_begin(&t->walk);
		if (t->phase == KV_TXN_RUN && outcome->status == KV_OK)
			kv_store_begin(store);
	}
	t->phase = KV_TXN_IDLE;
	outcome->revision = store->revision;
	return 0;
}

void kv_txn_read(struct kv_txn *t, struct kv_store *store, const struct kv_request *request,
		 struct kv_outcome *outcome)
{
	struct budget budget = {UINT32_MAX, UINT64_MAX};
	bool whole = true;

	assert(t->phase == KV_TXN_IDLE);
	begin(t, store, request, outcome);
	for (; t->phase < KV_TXN_RUN && outcome->status == KV_OK; t->phase++) {
		kv_txn_walk_begin(&t->walk);
		whole &= phase_step(t, store, request, outcome, &budget);
	}
	assert(whole);
	t->phase = KV_TXN_IDLE;
	outcome->revision = store->revision;
}

uint64_t kv_txn_growth(const struct kv_store *store, const struct kv_request *request)
{
	struct kv_bytes txn = request->txn;
	struct kv_request op;
	uint64_t size = 0;
	size_t at = 0;

	if (request->operation == KV_PUT)
		return kv_store_size_after(store, request->key, request->value) - store->size;
	if (request->operation != KV_TXN)
		return 0;
	while ((at = kv_txn_next_put(txn, at, &op)))
		size += kv_store_size_after(store, op.key, op.value) - store->size;
	return size;
}
