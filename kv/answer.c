/*
 * Answers, of the codec of kv/command.h. KC1 (kv/request.c) holds of them as well.
 */
#include "kv/codec.h"

#include "base/bytes.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

enum {
	FLAG_MORE = 1,
	FLAG_SUCCEEDED = 2,
};

static_assert(KV_ANSWER_SIZE_MAX <= INT32_MAX, "a piece's size is returned as an int");

#define KV_STATUS_ROW(name, number, text, done) [number] = {text, STATUS_##done},
static const struct {
	const char *text;
	enum status_done done;
} statuses[] = {KV_STATUSES(KV_STATUS_ROW)};
#undef KV_STATUS_ROW

static bool status_known(uint8_t status)
{
	return status < sizeof(statuses) / sizeof(statuses[0]) && statuses[status].text;
}

const char *kv_status_text(enum kv_status status)
{
	assert(status_known((uint8_t)status));
	return statuses[status].text;
}

enum status_done kv_status_done(enum kv_status status)
{
	assert(status_known((uint8_t)status));
	return statuses[status].done;
}

static uint8_t flags_of(const struct kv_answer *answer)
{
	return (uint8_t)((answer->more ? FLAG_MORE : 0) | (answer->succeeded ? FLAG_SUCCEEDED : 0));
}

/* False: a flag that its operation does not have, or an operation that there is not. */
static bool flags_set(struct kv_answer *out, uint8_t operation, uint8_t flags)
{
	uint8_t may = operation == KV_RANGE ? FLAG_MORE : operation == KV_TXN ? FLAG_SUCCEEDED : 0;

	out->operation = (enum kv_operation)operation;
	out->more = flags & FLAG_MORE;
	out->succeeded = flags & FLAG_SUCCEEDED;
	return operation <= KV_MARK && (flags & ~may) == 0;
}

void kv_answer_encode_header(const struct kv_answer *answer, uint8_t out[KV_ANSWER_HEADER_SIZE])
{
	memset(out, 0, KV_ANSWER_HEADER_SIZE);
	out[0] = KV_CODEC_VERSION;
	out[1] = (uint8_t)answer->status;
	out[2] = flags_of(answer);
	out[3] = (uint8_t)answer->operation;
	bytes_put64(out + 8, answer->revision);
	bytes_put64(out + 16, answer->count);
	bytes_put32(out + 24, answer->item_count);
	bytes_put64(out + 32, answer->applied_index);
}

void kv_response_encode_header(const struct kv_answer *response,
			       uint8_t out[KV_RESPONSE_HEADER_SIZE])
{
	memset(out, 0, KV_RESPONSE_HEADER_SIZE);
	out[0] = (uint8_t)response->operation;
	out[1] = flags_of(response);
	bytes_put32(out + 4, response->item_count);
	bytes_put64(out + 8, response->revision);
	bytes_put64(out + 16, response->count);
}

void kv_hash_encode(uint32_t hash, int64_t compact_revision, uint8_t out[KV_HASH_SIZE])
{
	bytes_put32(out, hash);
	bytes_put32(out + 4, 0);
	bytes_put64(out + 8, (uint64_t)compact_revision);
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
	kv_bytes_put(kv_bytes_put(out + KV_ITEM_HEADER_SIZE, item->key), item->value);
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

/* `count` items, from *at on, which moves behind them. */
static bool items_skip(const uint8_t *data, uint32_t size, uint32_t count, uint32_t *at)
{
	for (uint32_t i = 0; i < count; i++) {
		struct kv_item item;
		uint32_t taken = item_decode(&item, data + *at, size - *at);

		if (taken == 0)
			return false;
		*at += taken;
	}
	return true;
}

/* The header of the response at the start of data, if it is one. */
static bool response_decode(struct kv_answer *out, const uint8_t *data, uint32_t size)
{
	*out = (struct kv_answer){0};
	if (size < KV_RESPONSE_HEADER_SIZE || !bytes_zero(data + 2, 2) ||
	    !flags_set(out, data[0], data[1]))
		return false;
	out->item_count = bytes_get32(data + 4);
	out->revision = bytes_get64(data + 8);
	out->count = bytes_get64(data + 16);
	return out->operation == KV_PUT || out->operation == KV_DELETE ||
	       out->operation == KV_RANGE || out->operation == KV_TXN;
}

/*
 * `count` responses, and what is in them, from *at on. They follow one another, whichever
 * transaction they are of: to count them is enough.
 */
static bool responses_skip(const uint8_t *data, uint32_t size, uint64_t count, uint32_t *at)
{
	for (uint64_t left = count; left > 0; left--) {
		struct kv_answer response;

		if (!response_decode(&response, data + *at, size - *at))
			return false;
		*at += KV_RESPONSE_HEADER_SIZE;
		if (response.operation == KV_TXN)
			left += response.item_count;
		else if (!items_skip(data, size, response.item_count, at))
			return false;
	}
	return true;
}

/* What follows the header. */
static bool body_decode(struct kv_answer *out)
{
	const uint8_t *data = out->items.data;
	uint32_t size = out->items.size, at = 0;

	switch (out->operation) {
	case KV_PUT:
	case KV_DELETE:
	case KV_RANGE:
		return items_skip(data, size, out->item_count, &at) && at == size;
	case KV_TXN:
		return responses_skip(data, size, out->item_count, &at) && at == size;
	case KV_HASHKV:
		if (out->status != KV_OK)
			break;
		if (size != KV_HASH_SIZE || out->item_count || !bytes_zero(data + 4, 4))
			return false;
		out->hash = bytes_get32(data);
		out->compact_revision = (int64_t)bytes_get64(data + 8);
		return true;
	case KV_PUBLISH:
	case KV_COMPACT:
	case KV_MARK:
		break;
	}
	return out->item_count == 0 && size == 0;
}

int kv_answer_decode(struct kv_answer *out, const uint8_t *data, size_t size)
{
	*out = (struct kv_answer){0};
	if (size < KV_ANSWER_HEADER_SIZE || size > UINT32_MAX || data[0] != KV_CODEC_VERSION)
		return -EINVAL;
	if (!status_known(data[1]) || !flags_set(out, data[3], data[2]))
		return -EINVAL;
	if (!bytes_zero(data + 4, 4) || !bytes_zero(data + 28, 4))
		return -EINVAL;

	out->status = (enum kv_status)data[1];
	out->revision = bytes_get64(data + 8);
	out->count = bytes_get64(data + 16);
	out->applied_index = bytes_get64(data + 32);
	out->item_count = bytes_get32(data + 24);
	out->items.data = data + KV_ANSWER_HEADER_SIZE;
	out->items.size = (uint32_t)(size - KV_ANSWER_HEADER_SIZE);
	return body_decode(out) ? 0 : -EINVAL;
}

bool kv_item_next(const struct kv_answer *answer, uint32_t *at, struct kv_item *out)
{
	assert(answer->operation != KV_TXN);
	assert(*at <= answer->items.size);
	if (*at == answer->items.size)
		return false;

	uint32_t taken = item_decode(out, answer->items.data + *at, answer->items.size - *at);
	assert(taken > 0); /* kv_answer_decode walked the same bytes */
	*at += taken;
	return true;
}

bool kv_response_next(const struct kv_answer *answer, uint32_t *at, struct kv_answer *out)
{
	const uint8_t *data = answer->items.data;
	uint32_t size = answer->items.size, end = *at;

	assert(answer->operation == KV_TXN);
	assert(*at <= size);
	if (*at == size)
		return false;

	bool whole =
		response_decode(out, data + *at, size - *at) && responses_skip(data, size, 1, &end);
	assert(whole); /* kv_answer_decode walked the same bytes */
	out->items.data = data + *at + KV_RESPONSE_HEADER_SIZE;
	out->items.size = end - *at - KV_RESPONSE_HEADER_SIZE;
	*at = end;
	return true;
}
