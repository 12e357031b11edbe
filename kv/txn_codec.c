/*
 * See kv/txn_codec.h. KC1 and KC2 (kv/request.c) hold here too; and whatever the bytes are, reading
 * them takes time in proportion to them, and neither memory nor stack.
 */
#include "kv/txn_codec.h"

#include "base/bytes.h"
#include "kv/codec.h"

#include <assert.h>
#include <string.h>

size_t kv_txn_encode(const struct kv_txn_counts *counts, uint8_t *out)
{
	if (out) {
		bytes_put16(out, counts->compares);
		bytes_put16(out + 2, counts->then);
		bytes_put16(out + 4, counts->otherwise);
		bytes_put16(out + 6, 0);
	}
	return KV_TXN_SIZE;
}

size_t kv_txn_encode_compare(const struct kv_compare *c, uint8_t *out)
{
	assert(c->key.size <= KV_KEY_SIZE_MAX);
	assert(c->range_end.size <= KV_KEY_SIZE_MAX);
	if (out) {
		memset(out, 0, KV_COMPARE_SIZE);
		out[0] = (uint8_t)c->result;
		out[1] = (uint8_t)c->compared;
		bytes_put16(out + 2, (uint16_t)c->key.size);
		bytes_put16(out + 4, (uint16_t)c->range_end.size);
		bytes_put32(out + 8, c->value.size);
		bytes_put64(out + 16, c->number);
		out = kv_bytes_put(out + KV_COMPARE_SIZE, c->key);
		out = kv_bytes_put(out, c->range_end);
		kv_bytes_put(out, c->value);
	}
	return (size_t)KV_COMPARE_SIZE + c->key.size + c->range_end.size + c->value.size;
}

size_t kv_txn_encode_operation(const struct kv_request *operation, uint8_t *out)
{
	if (out) {
		out[0] = (uint8_t)operation->operation;
		out[1] = 0;
		bytes_put16(out + 2, (uint16_t)operation->flags);
		kv_body_encode(operation, out + KV_TXN_OPERATION_SIZE);
	}
	return KV_TXN_OPERATION_SIZE + kv_body_size(operation);
}

size_t kv_txn_decode(struct kv_txn_counts *out, const uint8_t *data, size_t size)
{
	if (size < KV_TXN_SIZE || !bytes_zero(data + 6, 2))
		return 0;
	out->compares = bytes_get16(data);
	out->then = bytes_get16(data + 2);
	out->otherwise = bytes_get16(data + 4);
	return KV_TXN_SIZE;
}

size_t kv_txn_decode_compare(struct kv_compare *out, const uint8_t *data, size_t size)
{
	if (size < KV_COMPARE_SIZE || data[0] > KV_NOT_EQUAL || data[1] > KV_COMPARED_LEASE ||
	    !bytes_zero(data + 6, 2) || !bytes_zero(data + 12, 4))
		return 0;
	*out = (struct kv_compare){
		.result = (enum kv_result)data[0],
		.compared = (enum kv_compared)data[1],
		.key.size = bytes_get16(data + 2),
		.range_end.size = bytes_get16(data + 4),
		.value.size = bytes_get32(data + 8),
		.number = bytes_get64(data + 16),
	};
	uint64_t sized = (uint64_t)out->key.size + out->range_end.size + out->value.size;

	if (sized > size - KV_COMPARE_SIZE)
		return 0;
	if (out->compared == KV_COMPARED_VALUE ? out->number != 0 : out->value.size != 0)
		return 0;
	out->key.data = data + KV_COMPARE_SIZE;
	out->range_end.data = out->key.data + out->key.size;
	out->value.data = out->range_end.data + out->range_end.size;
	return KV_COMPARE_SIZE + (size_t)sized;
}

size_t kv_txn_decode_operation(struct kv_request *out, const uint8_t *data, size_t size)
{
	if (size < KV_TXN_OPERATION_SIZE || data[1] != 0)
		return 0;
	*out = (struct kv_request){
		.operation = (enum kv_operation)data[0],
		.flags = bytes_get16(data + 2),
	};
	if (data[0] != KV_NOTHING && out->operation != KV_PUT && out->operation != KV_DELETE &&
	    out->operation != KV_RANGE && out->operation != KV_TXN)
		return 0;
	if (out->flags & ~kv_flags_of(out->operation))
		return 0;
	if (data[0] == KV_NOTHING || out->operation == KV_TXN)
		return KV_TXN_OPERATION_SIZE;

	size_t body =
		kv_body_decode(out, data + KV_TXN_OPERATION_SIZE, size - KV_TXN_OPERATION_SIZE);
	return body ? KV_TXN_OPERATION_SIZE + body : 0;
}

/* Up to its first operation; *count of them follow. */
static size_t txn_begin(const uint8_t *data, size_t size, uint64_t *count)
{
	struct kv_txn_counts counts;
	struct kv_compare compare;
	size_t at = kv_txn_decode(&counts, data, size);

	if (!at)
		return 0;
	for (uint32_t i = 0; i < counts.compares; i++) {
		size_t taken = kv_txn_decode_compare(&compare, data + at, size - at);

		if (!taken)
			return 0;
		at += taken;
	}
	*count = (uint64_t)counts.then + counts.otherwise;
	return at;
}

/* Operations follow one another, whichever transaction they are of: to count them is enough. */
size_t kv_txn_skip(const uint8_t *data, size_t size, uint64_t count, uint32_t *txns)
{
	struct kv_request operation;
	size_t at = 0;

	for (uint64_t left = count, more; left > 0; left--, left += more) {
		size_t taken = kv_txn_decode_operation(&operation, data + at, size - at);

		if (!taken)
			return 0;
		at += taken;
		more = 0;
		if (operation.operation != KV_TXN)
			continue;
		taken = txn_begin(data + at, size - at, &more);
		if (!taken)
			return 0;
		at += taken;
		*txns += 1;
	}
	return at;
}

size_t kv_txn_size(const uint8_t *data, size_t size)
{
	uint64_t count;
	uint32_t txns = 0;
	size_t begin = txn_begin(data, size, &count), rest;

	if (!begin || count == 0)
		return begin;
	rest = kv_txn_skip(data + begin, size - begin, count, &txns);
	return rest ? begin + rest : 0;
}

bool kv_txn_is_query(struct kv_bytes txn)
{
	struct kv_txn_counts counts = {0};
	struct kv_compare compare;
	struct kv_request operation;
	size_t at = kv_txn_decode(&counts, txn.data, txn.size);

	for (uint32_t i = 0; i < counts.compares; i++) {
		at += kv_txn_decode_compare(&compare, txn.data + at, txn.size - at);
		if (compare.range_end.size > 0)
			return false;
	}
	for (uint32_t i = 0; i < (uint32_t)counts.then + counts.otherwise; i++) {
		at += kv_txn_decode_operation(&operation, txn.data + at, txn.size - at);
		if (operation.operation != KV_RANGE)
			return false;
	}
	return true;
}

size_t kv_txn_next_put(struct kv_bytes txn, size_t at, struct kv_request *put)
{
	uint64_t count;

	if (at == 0)
		at = txn_begin(txn.data, txn.size, &count);
	while (at < txn.size) {
		at += kv_txn_decode_operation(put, txn.data + at, txn.size - at);
		if (put->operation == KV_PUT)
			return at;
		if (put->operation == KV_TXN)
			at += txn_begin(txn.data + at, txn.size - at, &count);
	}
	return 0;
}
