/*
 * What an operation is beside the header of a request: kv/command.h has the tables. KC1 and KC2
 * (kv/request.c) hold here.
 */
#include "kv/codec.h"

#include "base/bytes.h"

#include <assert.h>
#include <string.h>

uint8_t *kv_bytes_put(uint8_t *at, struct kv_bytes bytes)
{
	if (bytes.size > 0)
		memcpy(at, bytes.data, bytes.size);
	return at + bytes.size;
}

static size_t fixed_size(enum kv_operation operation)
{
	switch (operation) {
	case KV_PUT:
		return KV_PUT_SIZE;
	case KV_DELETE:
		return KV_DELETE_SIZE;
	case KV_RANGE:
		return KV_RANGE_SIZE;
	case KV_PUBLISH:
		return 0; /* its id is the key */
	case KV_TXN:
		return 0;
	case KV_COMPACT:
	case KV_HASHKV:
		return KV_REVISION_SIZE;
	case KV_MARK:
		return KV_MARK_SIZE;
	}
	return 0;
}

uint32_t kv_flags_of(enum kv_operation operation)
{
	switch (operation) {
	case KV_PUT:
		return KV_PREV_KV | KV_IGNORE_VALUE | KV_IGNORE_LEASE;
	case KV_DELETE:
		return KV_PREV_KV;
	case KV_RANGE:
		return KV_KEYS_ONLY | KV_COUNT_ONLY;
	case KV_COMPACT:
		return KV_PHYSICAL;
	case KV_PUBLISH:
	case KV_TXN:
	case KV_HASHKV:
	case KV_MARK:
		break;
	}
	return 0;
}

size_t kv_body_size(const struct kv_request *r)
{
	return fixed_size(r->operation) + r->key.size + r->range_end.size + r->value.size +
	       r->txn.size;
}

static void range_encode(const struct kv_request *r, uint8_t *out)
{
	bytes_put64(out, r->revision);
	bytes_put64(out + 8, r->limit);
	bytes_put64(out + 16, r->min_mod_revision);
	bytes_put64(out + 24, r->max_mod_revision);
	bytes_put64(out + 32, r->min_create_revision);
	bytes_put64(out + 40, r->max_create_revision);
	out[48] = (uint8_t)r->order;
	out[49] = (uint8_t)r->target;
	bytes_put16(out + 50, (uint16_t)r->key.size);
	bytes_put16(out + 52, (uint16_t)r->range_end.size);
}

uint8_t *kv_body_encode(const struct kv_request *r, uint8_t *out)
{
	size_t fixed = fixed_size(r->operation);

	assert(r->key.size <= KV_KEY_SIZE_MAX);
	assert(r->range_end.size <= KV_KEY_SIZE_MAX);
	memset(out, 0, fixed);
	switch (r->operation) {
	case KV_PUT:
		bytes_put64(out, r->lease);
		bytes_put16(out + 8, (uint16_t)r->key.size);
		bytes_put32(out + 12, r->value.size);
		break;
	case KV_DELETE:
		bytes_put16(out, (uint16_t)r->key.size);
		bytes_put16(out + 2, (uint16_t)r->range_end.size);
		break;
	case KV_RANGE:
		range_encode(r, out);
		break;
	case KV_COMPACT:
	case KV_HASHKV:
		bytes_put64(out, r->revision);
		break;
	case KV_MARK:
		bytes_put32(out, r->mark_format);
		bytes_put32(out + 4, r->mark.file_version);
		bytes_put64(out + 8, r->mark.index);
		bytes_put64(out + 16, r->mark.hash);
		break;
	case KV_PUBLISH:
	case KV_TXN:
		break;
	}
	out = kv_bytes_put(out + fixed, r->key);
	out = kv_bytes_put(out, r->range_end);
	out = kv_bytes_put(out, r->value);
	return kv_bytes_put(out, r->txn);
}

/* What is of any size: behind the fixed part, and no more than one may have. */
static size_t take(struct kv_request *r, const uint8_t *data, size_t size)
{
	size_t fixed = fixed_size(r->operation);
	uint64_t sized = (uint64_t)r->key.size + r->range_end.size + r->value.size;

	if (sized > KV_VALUE_SIZE_MAX || sized > size - fixed)
		return 0;
	r->key.data = data + fixed;
	r->range_end.data = r->key.data + r->key.size;
	r->value.data = r->range_end.data + r->range_end.size;
	return fixed + (size_t)sized;
}

static size_t put_decode(struct kv_request *r, const uint8_t *data, size_t size)
{
	r->lease = bytes_get64(data);
	r->key.size = bytes_get16(data + 8);
	r->value.size = bytes_get32(data + 12);
	return bytes_zero(data + 10, 2) ? take(r, data, size) : 0;
}

static size_t delete_decode(struct kv_request *r, const uint8_t *data, size_t size)
{
	r->key.size = bytes_get16(data);
	r->range_end.size = bytes_get16(data + 2);
	return bytes_zero(data + 4, 4) ? take(r, data, size) : 0;
}

static size_t range_decode(struct kv_request *r, const uint8_t *data, size_t size)
{
	r->revision = bytes_get64(data);
	r->limit = bytes_get64(data + 8);
	r->min_mod_revision = bytes_get64(data + 16);
	r->max_mod_revision = bytes_get64(data + 24);
	r->min_create_revision = bytes_get64(data + 32);
	r->max_create_revision = bytes_get64(data + 40);
	r->order = (enum kv_order)data[48];
	r->target = (enum kv_target)data[49];
	r->key.size = bytes_get16(data + 50);
	r->range_end.size = bytes_get16(data + 52);
	if (data[48] > KV_ORDER_DESCEND || data[49] > KV_TARGET_VALUE || !bytes_zero(data + 54, 2))
		return 0;
	return take(r, data, size);
}

/* All that is there. */
static size_t publication_decode(struct kv_request *r, const uint8_t *data, size_t size)
{
	struct sm_attributes attributes;

	if (size < KV_PUBLICATION_SIZE || size > KV_PUBLICATION_SIZE_MAX)
		return 0;
	r->key = (struct kv_bytes){data, KV_PUBLICATION_SIZE};
	r->value =
		(struct kv_bytes){data + KV_PUBLICATION_SIZE, (uint32_t)size - KV_PUBLICATION_SIZE};
	return kv_publication_decode(&attributes, r->key, r->value) ? 0 : size;
}

static size_t mark_decode(struct kv_request *r, const uint8_t *data)
{
	r->mark_format = bytes_get32(data);
	r->mark.file_version = bytes_get32(data + 4);
	r->mark.index = bytes_get64(data + 8);
	r->mark.hash = bytes_get64(data + 16);
	return KV_MARK_SIZE;
}

size_t kv_body_decode(struct kv_request *out, const uint8_t *data, size_t size)
{
	if (size < fixed_size(out->operation))
		return 0;
	switch (out->operation) {
	case KV_PUT:
		return put_decode(out, data, size);
	case KV_DELETE:
		return delete_decode(out, data, size);
	case KV_RANGE:
		return range_decode(out, data, size);
	case KV_PUBLISH:
		return publication_decode(out, data, size);
	case KV_TXN:
		return 0;
	case KV_COMPACT:
	case KV_HASHKV:
		out->revision = bytes_get64(data);
		return KV_REVISION_SIZE;
	case KV_MARK:
		return mark_decode(out, data);
	}
	return 0;
}
