/*
 * The codec of kv/command.h.
 *
 * Invariants:
 *  KC1. Decoding reads nothing beyond `size`, and every byte of it is accounted for: a request or
 *       answer that is too short, too long, or has a bit set where this version knows none is
 *       refused. So a field that a later version gives a meaning is never silently ignored.
 *  KC2. Whether bytes are a valid request depends on the bytes alone: all members agree.
 */
#include "kv/codec.h"

#include "base/bytes.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

enum {
	VERSION = 1,
	ANSWER_MORE = 1,
};

static_assert(KV_ANSWER_SIZE_MAX <= INT32_MAX, "an answer's size is returned as an int");

/* memcpy must not be given NULL, which is what an empty key, range_end or value may hold. */
static uint8_t *put_bytes(uint8_t *at, struct kv_bytes bytes)
{
	if (bytes.size > 0)
		memcpy(at, bytes.data, bytes.size);
	return at + bytes.size;
}

const char *kv_status_text(enum kv_status status)
{
	switch (status) {
	case KV_OK:
		return "";
	case KV_SESSION_EXPIRED:
		return "quoin: session expired: an earlier attempt may have been applied";
	case KV_STALE_SEQUENCE:
		return "quoin: stale sequence: its session has given it up";
	case KV_KEY_EMPTY:
		return "etcdserver: key is not provided";
	case KV_MALFORMED:
		return "quoin: malformed request";
	case KV_ANSWER_GONE:
		return "quoin: applied, and its answer is no longer to be had";
	case KV_BEYOND_WINDOW:
		return "quoin: more commands of one session than its window holds";
	}
	return "quoin: unknown status";
}

static bool is_query(uint32_t operation)
{
	return operation == KV_RANGE;
}

size_t kv_request_size(const struct kv_request *request)
{
	return (size_t)KV_REQUEST_HEADER_SIZE + request->key.size + request->range_end.size +
	       request->value.size;
}

void kv_request_encode(const struct kv_request *request, uint8_t *out)
{
	assert(request->key.size <= KV_KEY_SIZE_MAX);
	assert(request->range_end.size <= KV_KEY_SIZE_MAX);
	assert(request->flags <= UINT8_MAX);

	memset(out, 0, KV_REQUEST_HEADER_SIZE);
	out[0] = VERSION;
	out[1] = (uint8_t)request->operation;
	out[2] = (uint8_t)request->flags;
	bytes_put64(out + 8, request->session);
	bytes_put64(out + 16, request->session_base);
	bytes_put64(out + 24, request->sequence);
	bytes_put64(out + 32, is_query(request->operation) ? request->limit : request->floor);
	bytes_put16(out + 48, (uint16_t)request->key.size);
	bytes_put16(out + 50, (uint16_t)request->range_end.size);
	bytes_put32(out + 52, request->value.size);

	uint8_t *at = put_bytes(out + KV_REQUEST_HEADER_SIZE, request->key);
	at = put_bytes(at, request->range_end);
	at = put_bytes(at, request->value);
	assert(at == out + kv_request_size(request));
}

/* The fields that an operation may carry; any other that is set is a later version's, or noise. */
static bool fields_fit_operation(const struct kv_request *request)
{
	switch (request->operation) {
	case KV_PUT:
		return (request->flags & ~(uint32_t)KV_ONE_SHOT) == 0 &&
		       request->range_end.size == 0;
	case KV_DELETE:
		return (request->flags & ~(uint32_t)KV_ONE_SHOT) == 0 && request->value.size == 0;
	case KV_RANGE:
		return (request->flags & ~(uint32_t)(KV_ONE_SHOT | KV_KEYS_ONLY | KV_COUNT_ONLY)) ==
			       0 &&
		       request->value.size == 0;
	case KV_PUBLISH:
		return request->flags == 0 && request->session == 0 && request->session_base == 0 &&
		       request->sequence == 0 && request->floor == 0 &&
		       request->range_end.size == 0;
	}
	return false;
}

int kv_request_decode(struct kv_request *out, const uint8_t *data, size_t size)
{
	struct sm_attributes attributes;

	if (size < KV_REQUEST_HEADER_SIZE || data[0] != VERSION || !bytes_zero(data + 3, 5))
		return -EINVAL;
	/* There are no leases yet: to apply a put without its lease would be a lie. */
	if (bytes_get64(data + 40) != 0)
		return -EINVAL;

	*out = (struct kv_request){
		.operation = (enum kv_operation)data[1],
		.flags = data[2],
		.session = bytes_get64(data + 8),
		.session_base = bytes_get64(data + 16),
		.sequence = bytes_get64(data + 24),
		.floor = is_query(data[1]) ? 0 : bytes_get64(data + 32),
		.limit = is_query(data[1]) ? bytes_get64(data + 32) : 0,
		.key.size = bytes_get16(data + 48),
		.range_end.size = bytes_get16(data + 50),
		.value.size = bytes_get32(data + 52),
	};
	uint64_t body = (uint64_t)out->key.size + out->range_end.size + out->value.size;

	if (body > KV_VALUE_SIZE_MAX || body != size - KV_REQUEST_HEADER_SIZE)
		return -EINVAL;
	if (!fields_fit_operation(out))
		return -EINVAL;
	out->key.data = data + KV_REQUEST_HEADER_SIZE;
	out->range_end.data = out->key.data + out->key.size;
	out->value.data = out->range_end.data + out->range_end.size;
	if (out->operation == KV_PUBLISH)
		return kv_publication_decode(&attributes, out->key, out->value);
	return 0;
}

size_t kv_publication_encode(uint64_t member, const struct sm_attributes *attributes,
			     uint8_t out[KV_PUBLICATION_SIZE_MAX])
{
	uint8_t key[8], value[KV_PUBLICATION_SIZE_MAX];
	size_t size = kv_publication_value(attributes, value);
	const struct kv_request request = {.operation = KV_PUBLISH,
					   .key = {key, sizeof(key)},
					   .value = {value, (uint32_t)size}};

	if (size == 0)
		return 0;
	bytes_put64(key, member);
	kv_request_encode(&request, out);
	return kv_request_size(&request);
}

void kv_request_identity(const uint8_t *data, size_t size, uint64_t *session, uint64_t *sequence)
{
	bool readable = size >= KV_REQUEST_HEADER_SIZE && data[0] == VERSION;

	*session = readable ? bytes_get64(data + 8) : 0;
	*sequence = readable ? bytes_get64(data + 24) : 0;
}

void kv_answer_encode_header(const struct kv_answer *answer, uint8_t out[KV_ANSWER_HEADER_SIZE])
{
	memset(out, 0, KV_ANSWER_HEADER_SIZE);
	out[0] = VERSION;
	out[1] = (uint8_t)answer->status;
	out[2] = answer->more ? ANSWER_MORE : 0;
	bytes_put64(out + 8, answer->revision);
	bytes_put64(out + 16, answer->count);
	bytes_put32(out + 24, answer->item_count);
	bytes_put64(out + 32, answer->applied_index);
}

size_t kv_item_size(const struct kv_item *item)
{
	return (size_t)KV_ITEM_HEADER_SIZE + item->key.size + item->value.size;
}

void kv_item_encode(const struct kv_item *item, uint8_t *out)
{
	assert(item->key.size <= KV_KEY_SIZE_MAX);

	memset(out, 0, KV_ITEM_HEADER_SIZE);
	bytes_put64(out, item->create_revision);
	bytes_put64(out + 8, item->mod_revision);
	bytes_put64(out + 16, item->version);
	bytes_put64(out + 24, item->lease);
	bytes_put16(out + 32, (uint16_t)item->key.size);
	bytes_put32(out + 36, item->value.size);
	put_bytes(put_bytes(out + KV_ITEM_HEADER_SIZE, item->key), item->value);
}

/* The item at the start of data. The bytes it takes, or 0 if it is not whole and well-formed. */
static uint32_t item_decode(struct kv_item *out, const uint8_t *data, uint32_t size)
{
	if (size < KV_ITEM_HEADER_SIZE || !bytes_zero(data + 34, 2))
		return 0;

	*out = (struct kv_item){
		.create_revision = bytes_get64(data),
		.mod_revision = bytes_get64(data + 8),
		.version = bytes_get64(data + 16),
		.lease = bytes_get64(data + 24),
		.key.size = bytes_get16(data + 32),
		.value.size = bytes_get32(data + 36),
	};
	size_t taken = kv_item_size(out);

	if (taken > size)
		return 0;
	out->key.data = data + KV_ITEM_HEADER_SIZE;
	out->value.data = out->key.data + out->key.size;
	return (uint32_t)taken;
}

int kv_answer_decode(struct kv_answer *out, const uint8_t *data, size_t size)
{
	if (size < KV_ANSWER_HEADER_SIZE || size > UINT32_MAX || data[0] != VERSION)
		return -EINVAL;
	if (data[1] > KV_BEYOND_WINDOW || data[2] > ANSWER_MORE)
		return -EINVAL;
	if (!bytes_zero(data + 3, 5) || !bytes_zero(data + 28, 4))
		return -EINVAL;

	*out = (struct kv_answer){
		.status = (enum kv_status)data[1],
		.more = data[2] == ANSWER_MORE,
		.revision = bytes_get64(data + 8),
		.count = bytes_get64(data + 16),
		.applied_index = bytes_get64(data + 32),
		.item_count = bytes_get32(data + 24),
		.items.data = data + KV_ANSWER_HEADER_SIZE,
		.items.size = (uint32_t)(size - KV_ANSWER_HEADER_SIZE),
	};

	uint32_t at = 0;
	for (uint32_t i = 0; i < out->item_count; i++) {
		struct kv_item item;
		uint32_t taken = item_decode(&item, out->items.data + at, out->items.size - at);

		if (taken == 0)
			return -EINVAL;
		at += taken;
	}
	return at == out->items.size ? 0 : -EINVAL;
}

bool kv_item_next(const struct kv_answer *answer, uint32_t *at, struct kv_item *out)
{
	assert(*at <= answer->items.size);
	if (*at == answer->items.size)
		return false;

	uint32_t taken = item_decode(out, answer->items.data + *at, answer->items.size - *at);
	assert(taken > 0); /* kv_answer_decode walked the same bytes */
	*at += taken;
	return true;
}

/* As etcd's clients do: the last byte that can be raised is; none can: every key >= prefix. */
size_t kv_prefix_end(const uint8_t *prefix, size_t size, uint8_t *out)
{
	if (size == 0)
		return 0;
	for (size_t keep = size; keep > 0; keep--) {
		if (prefix[keep - 1] == 0xff)
			continue;
		memmove(out, prefix, keep);
		out[keep - 1]++;
		return keep;
	}
	out[0] = 0;
	return 1;
}
