#include "tests/model/store.h"

#include <string.h>

bool store_narrow(struct model_request *r)
{
	r->lease = 0;
	r->prev_kv = r->ignore_value = r->ignore_lease = false;
	r->revision = 0;
	r->order = MODEL_NONE;
	r->target = MODEL_KEY;
	r->mod_min = r->mod_max = r->create_min = r->create_max = 0;
	r->limit = r->limit < 0 ? 0 : r->limit;
	return r->kind == MODEL_RANGE || r->kind == MODEL_PUT || r->kind == MODEL_DELETE;
}

static struct kv_bytes bytes(struct model_bytes b)
{
	return (struct kv_bytes){b.data, b.size};
}

static struct model_bytes bytes_of(struct kv_bytes b)
{
	return (struct model_bytes){b.data, b.size};
}

static struct kv_request request_of(const struct model_request *r)
{
	static const enum kv_operation operations[] = {
		[MODEL_RANGE] = KV_RANGE, [MODEL_PUT] = KV_PUT, [MODEL_DELETE] = KV_DELETE};

	return (struct kv_request){
		.operation = operations[r->kind],
		.flags = (r->keys_only ? KV_KEYS_ONLY : 0u) | (r->count_only ? KV_COUNT_ONLY : 0u),
		.limit = (uint64_t)r->limit,
		.key = bytes(r->key),
		.range_end = bytes(r->range_end),
		.value = bytes(r->value),
	};
}

uint8_t *store_encode(const struct model_request *r, uint64_t session, uint64_t sequence,
		      size_t *size, struct model_arena *arena)
{
	struct kv_request request = request_of(r);

	request.session = session;
	request.sequence = sequence;
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

bool store_decode(const struct model_request *r, const uint8_t *data, size_t size,
		  struct model_answer *out, struct model_arena *arena)
{
	struct kv_answer answer;
	struct kv_item item;
	uint32_t at = 0;

	*out = (struct model_answer){.kind = r->kind};
	if (kv_answer_decode(&answer, data, size) != 0 || !error_of(answer.status, &out->error))
		return false;
	out->revision = (int64_t)answer.revision;
	out->more = answer.more;
	out->count = (int64_t)answer.count;
	out->kvs = model_alloc(arena, answer.item_count * sizeof(*out->kvs));
	while (kv_item_next(&answer, &at, &item)) {
		out->kvs[out->kv_count++] = (struct model_kv){
			.key = bytes_of(item.key),
			.value = bytes_of(item.value),
			.create = (int64_t)item.create_revision,
			.mod = (int64_t)item.mod_revision,
			.number = (int64_t)item.version,
			.lease = (int64_t)item.lease,
		};
	}
	return true;
}
