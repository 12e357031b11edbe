/*
 * Requests, of the codec of kv/command.h.
 *
 * Invariants:
 *  KC1. Decoding reads nothing beyond `size`, and every byte of it is accounted for: a request or
 *       answer that is too short, too long, or has a bit set where this version knows none is
 *       refused. So a field that a later version gives a meaning is never silently ignored.
 *  KC2. Whether bytes are a valid request depends on the bytes alone: all members agree.
 */
#include "kv/codec.h"
#include "kv/txn_codec.h"

#include "base/bytes.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

size_t kv_request_size(const struct kv_request *request)
{
	return KV_REQUEST_HEADER_SIZE + kv_body_size(request);
}

void kv_request_encode(const struct kv_request *request, uint8_t *out)
{
	assert(request->flags <= UINT16_MAX);

	memset(out, 0, KV_REQUEST_HEADER_SIZE);
	out[0] = KV_CODEC_VERSION;
	out[1] = (uint8_t)request->operation;
	bytes_put16(out + 2, (uint16_t)request->flags);
	bytes_put64(out + 8, request->session);
	bytes_put64(out + 16, request->session_base);
	bytes_put64(out + 24, request->sequence);
	bytes_put64(out + 32, request->floor);

	const uint8_t *end = kv_body_encode(request, out + KV_REQUEST_HEADER_SIZE);
	assert(end == out + kv_request_size(request));
}

static size_t body_decode(struct kv_request *out, const uint8_t *data, size_t size)
{
	if (out->operation != KV_TXN)
		return kv_body_decode(out, data, size);
	out->txn.data = data;
	out->txn.size = (uint32_t)kv_txn_size(data, size);
	return out->txn.size <= KV_VALUE_SIZE_MAX ? out->txn.size : 0;
}

bool kv_request_is_members(const struct kv_request *r)
{
	return r->operation == KV_PUBLISH || r->operation == KV_MARK ||
	       (r->operation == KV_COMPACT && r->session == 0);
}

static bool header_fits(const struct kv_request *r)
{
	if (kv_request_is_members(r))
		return r->flags == 0 && r->session == 0 && r->session_base == 0 &&
		       r->sequence == 0 && r->floor == 0;
	return (r->flags & ~(KV_ONE_SHOT | kv_flags_of(r->operation))) == 0 &&
	       r->floor <= r->sequence;
}

int kv_request_decode(struct kv_request *out, const uint8_t *data, size_t size)
{
	if (size < KV_REQUEST_HEADER_SIZE || size > KV_REQUEST_SIZE_MAX ||
	    data[0] != KV_CODEC_VERSION || !bytes_zero(data + 4, 4))
		return -EINVAL;
	*out = (struct kv_request){
		.operation = (enum kv_operation)data[1],
		.flags = bytes_get16(data + 2),
		.session = bytes_get64(data + 8),
		.session_base = bytes_get64(data + 16),
		.sequence = bytes_get64(data + 24),
		.floor = bytes_get64(data + 32),
	};
	size -= KV_REQUEST_HEADER_SIZE;
	if (!header_fits(out) || size == 0 ||
	    body_decode(out, data + KV_REQUEST_HEADER_SIZE, size) != size)
		return -EINVAL;
	return 0;
}

void kv_request_identity(const uint8_t *data, size_t size, uint64_t *session, uint64_t *sequence)
{
	bool readable = size >= KV_REQUEST_HEADER_SIZE && data[0] == KV_CODEC_VERSION;

	*session = readable ? bytes_get64(data + 8) : 0;
	*sequence = readable ? bytes_get64(data + 24) : 0;
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

uint32_t kv_compaction_encode(uint64_t revision, uint8_t out[SM_COMPACTION_SIZE_MAX])
{
	const struct kv_request request = {.operation = KV_COMPACT, .revision = revision};

	static_assert((int)KV_REQUEST_HEADER_SIZE + (int)KV_REVISION_SIZE <=
			      (int)SM_COMPACTION_SIZE_MAX,
		      "it fits");
	kv_request_encode(&request, out);
	return (uint32_t)kv_request_size(&request);
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
