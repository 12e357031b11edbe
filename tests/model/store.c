#include "tests/model/store.h"

#include <assert.h>
#include <string.h>

#include "kv/judge.h"
#include "kv/txn_codec.h"

static void count_all(const struct model_request *r, uint32_t *txns, uint32_t *ops)
{
	*txns += r->kind == MODEL_TXN;
	for (int branch = 0; branch < 2; branch++) {
		*ops += r->branches[branch].count;
		for (uint32_t i = 0; i < r->branches[branch].count; i++)
			count_all(&r->branches[branch].op[i], txns, ops);
	}
}

bool store_takes(const struct model_request *r)
{
	uint32_t txns = 0, ops = 0;

	count_all(r, &txns, &ops);
	return txns <= KV_TXNS_MAX && ops <= KV_TXN_OPERATIONS_MAX;
}

bool store_is_query(const struct model_request *r)
{
	for (uint32_t i = 0; i < r->compare_count; i++) {
		if (r->compares[i].range_end.size > 0)
			return false;
	}
	for (int branch = 0; branch < 2; branch++) {
		for (uint32_t i = 0; i < r->branches[branch].count; i++) {
			if (r->branches[branch].op[i].kind != MODEL_RANGE)
				return false;
		}
	}
	return r->kind == MODEL_TXN || r->kind == MODEL_RANGE || r->kind == MODEL_HASH;
}

static struct kv_bytes bytes(struct model_bytes b)
{
	return (struct kv_bytes){b.data, b.size};
}

static struct model_bytes bytes_of(struct kv_bytes b)
{
	return (struct model_bytes){b.data, b.size};
}

static struct kv_bytes txn_encode(const struct model_request *r, struct model_arena *arena);

static uint32_t flag(bool set, enum kv_flag flag)
{
	return set ? flag : 0u;
}

static struct kv_request request_of(const struct model_request *r, struct model_arena *arena)
{
	static const enum kv_operation operations[] = {
		[MODEL_EMPTY] = (enum kv_operation)KV_NOTHING,
		[MODEL_RANGE] = KV_RANGE,
		[MODEL_PUT] = KV_PUT,
		[MODEL_DELETE] = KV_DELETE,
		[MODEL_TXN] = KV_TXN,
		[MODEL_COMPACT] = KV_COMPACT,
		[MODEL_HASH] = KV_HASHKV,
	};
	struct kv_request request = {
		.operation = operations[r->kind],
		.flags = flag(r->keys_only, KV_KEYS_ONLY) | flag(r->count_only, KV_COUNT_ONLY) |
			 flag(r->prev_kv, KV_PREV_KV) | flag(r->ignore_value, KV_IGNORE_VALUE) |
			 flag(r->ignore_lease, KV_IGNORE_LEASE),
		.key = bytes(r->key),
		.range_end = bytes(r->range_end),
		.value = bytes(r->value),
		.lease = (uint64_t)r->lease,
		.revision = (uint64_t)r->revision,
		.limit = (uint64_t)r->limit,
		.min_mod_revision = (uint64_t)r->mod_min,
		.max_mod_revision = (uint64_t)r->mod_max,
		.min_create_revision = (uint64_t)r->create_min,
		.max_create_revision = (uint64_t)r->create_max,
		.order = (enum kv_order)r->order,
		.target = (enum kv_target)r->target,
	};

	static_assert((int)KV_ORDER_DESCEND == MODEL_DESCEND, "orders are numbered alike");
	static_assert((int)KV_TARGET_VALUE == MODEL_VALUE, "targets are numbered alike");
	if (r->kind == MODEL_TXN)
		request.txn = txn_encode(r, arena);
	return request;
}

static struct kv_compare compare_of(const struct model_compare *c)
{
	static_assert((int)KV_NOT_EQUAL == MODEL_NOT_EQUAL, "results are numbered alike");
	static_assert((int)KV_COMPARED_LEASE == MODEL_LEASE - 1, "targets are, but for the key");
	return (struct kv_compare){
		.result = (enum kv_result)c->result,
		.compared = (enum kv_compared)(c->target - 1),
		.key = bytes(c->key),
		.range_end = bytes(c->range_end),
		.value = bytes(c->value),
		.number = (uint64_t)c->number,
	};
}

/* The bytes it takes; out NULL: would take. */
static size_t txn_write(const struct model_request *r, uint8_t *out, struct model_arena *arena)
{
	const struct kv_txn_counts counts = {
		.compares = (uint16_t)r->compare_count,
		.then = (uint16_t)r->branches[1].count,
		.otherwise = (uint16_t)r->branches[0].count,
	};
	size_t at = kv_txn_encode(&counts, out);

	for (uint32_t i = 0; i < r->compare_count; i++) {
		struct kv_compare compare = compare_of(&r->compares[i]);

		at += kv_txn_encode_compare(&compare, out != NULL ? out + at : NULL);
	}
	for (int branch = 1; branch >= 0; branch--) {
		for (uint32_t i = 0; i < r->branches[branch].count; i++) {
			struct kv_request op = request_of(&r->branches[branch].op[i], arena);

			at += kv_txn_encode_operation(&op, out != NULL ? out + at : NULL);
		}
	}
	return at;
}

static struct kv_bytes txn_encode(const struct model_request *r, struct model_arena *arena)
{
	size_t size = txn_write(r, NULL, arena);
	uint8_t *data = model_alloc(arena, size);

	txn_write(r, data, arena);
	return (struct kv_bytes){data, (uint32_t)size};
}

uint8_t *store_encode(const struct model_request *r, uint64_t session, uint64_t sequence,
		      size_t *size, struct model_arena *arena)
{
	struct kv_request request = request_of(r, arena);

	request.session = session;
	request.sequence = sequence;
	request.floor =
		sequence > STORE_OUTSTANDING ? sequence - STORE_OUTSTANDING + 1 : sequence > 0;
	*size = kv_request_size(&request);
	uint8_t *data = model_alloc(arena, *size);
	kv_request_encode(&request, data);
	return data;
}

static bool error_of(enum kv_status status, enum model_error *error)
{
	for (int e = MODEL_OK; e < MODEL_PANIC; e++) {
		*error = (enum model_error)e;
		if (strcmp(kv_status_text(status), model_error_text(*error)) == 0)
			return true;
	}
	return false;
}

static void items_of(const struct kv_answer *answer, struct model_answer *out,
		     struct model_arena *arena)
{
	struct kv_item item;
	uint32_t at = 0;

	out->kvs = model_alloc(arena, answer->item_count * sizeof(*out->kvs));
	while (kv_item_next(answer, &at, &item)) {
		out->kvs[out->kv_count++] = (struct model_kv){
			.key = bytes_of(item.key),
			.value = bytes_of(item.value),
			.create = (int64_t)item.create_revision,
			.mod = (int64_t)item.mod_revision,
			.number = (int64_t)item.version,
			.lease = (int64_t)item.lease,
		};
	}
}

static bool answer_of(const struct model_request *r, const struct kv_answer *answer,
		      struct model_answer *out, struct model_arena *arena)
{
	const struct model_ops *ops = &r->branches[answer->succeeded];
	struct kv_answer response;
	uint32_t at = 0;

	*out = (struct model_answer){
		.kind = r->kind,
		.revision = (int64_t)answer->revision,
		.more = answer->more,
		.count = (int64_t)answer->count,
		.succeeded = answer->succeeded,
		.hash = answer->hash,
	};
	if (r->kind == MODEL_HASH) {
		out->compact_revision = answer->compact_revision;
		return true;
	}
	if (r->kind != MODEL_TXN) {
		items_of(answer, out, arena);
		return true;
	}
	out->responses = model_alloc(arena, ops->count * sizeof(*out->responses));
	while (kv_response_next(answer, &at, &response)) {
		uint32_t i = out->response_count++;

		if (i >= ops->count ||
		    !answer_of(&ops->op[i], &response, &out->responses[i], arena))
			return false;
		if (ops->op[i].kind == MODEL_TXN)
			out->responses[i].revision = 0; /* MF9: the door's affair */
	}
	return true;
}

bool store_decode(const struct model_request *r, const uint8_t *data, size_t size,
		  struct model_answer *out, struct model_arena *arena)
{
	struct kv_answer answer;

	*out = (struct model_answer){.kind = r->kind};
	if (kv_answer_decode(&answer, data, size) != 0 || !error_of(answer.status, &out->error))
		return false;
	return out->error != MODEL_OK || answer_of(r, &answer, out, arena);
}

bool store_is_gone(const uint8_t *data, size_t size)
{
	struct kv_answer answer;

	return kv_answer_decode(&answer, data, size) == 0 && answer.status == KV_ANSWER_GONE;
}
