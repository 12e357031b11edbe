/* See kv/outcome.h. */
#include "kv/outcome.h"

#include <string.h>

#include "base/bytes.h"
#include "base/crc.h"

enum { FLAG_WROTE = 1 };

void kv_outcome_encode(const struct kv_outcome *v, uint8_t out[KV_VERDICT_SIZE])
{
	memset(out, 0, KV_VERDICT_SIZE);
	out[0] = (uint8_t)v->status;
	out[1] = (uint8_t)v->operation;
	out[2] = v->wrote ? FLAG_WROTE : 0;
	bytes_put32(out + 4, v->digest);
	bytes_put64(out + 8, v->revision);
	bytes_put64(out + 16, v->applied_index);
	bytes_put64(out + 24, v->deleted);
	memcpy(out + 32, v->branches, sizeof(v->branches));
}

void kv_outcome_decode(struct kv_outcome *out, const uint8_t data[KV_VERDICT_SIZE])
{
	*out = (struct kv_outcome){
		.status = (enum kv_status)data[0],
		.operation = (enum kv_operation)data[1],
		.wrote = data[2] & FLAG_WROTE,
		.digest = bytes_get32(data + 4),
		.revision = bytes_get64(data + 8),
		.applied_index = bytes_get64(data + 16),
		.deleted = bytes_get64(data + 24),
	};
	memcpy(out->branches, data + 32, sizeof(out->branches));
}

bool kv_outcome_branch(const struct kv_outcome *v, uint32_t txn)
{
	return v->branches[txn / 8] >> txn % 8 & 1;
}

void kv_outcome_take(struct kv_outcome *v, uint32_t txn)
{
	v->branches[txn / 8] = (uint8_t)(v->branches[txn / 8] | 1u << txn % 8);
}

uint32_t kv_outcome_digest(const uint8_t *command, size_t size)
{
	uint32_t crc = bytes_crc(0, command, size < 4 ? size : 4);

	if (size <= KV_REQUEST_HEADER_SIZE)
		return crc;
	return bytes_crc(crc, command + KV_REQUEST_HEADER_SIZE, size - KV_REQUEST_HEADER_SIZE);
}
