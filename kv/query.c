/* See kv/query.h. */
#include "kv/query.h"

#include <assert.h>
#include <errno.h>

#include "kv/hashkv.h"
#include "kv/range.h"
#include "kv/render.h"
#include "kv/txn_codec.h"

/* Rendered as a command's answer is, of a verdict that is in no log. */
static int txn_query(const struct kv_query_parts *p, const struct kv_request *request,
		     struct kv_bytes bytes, uint8_t *out, uint32_t out_size_max,
		     struct kv_cursor **rest)
{
	struct kv_outcome outcome = {.operation = KV_TXN, .revision = p->store->revision};
	uint8_t verdict[KV_VERDICT_SIZE];
	struct kv_cursor *cursor;
	int written;

	if (!kv_txn_is_query(request->txn))
		return -EINVAL;
	if (out_size_max < KV_ANSWER_SIZE_MAX)
		return -EMSGSIZE;
	outcome.status = kv_judge(p->judge, request);
	if (outcome.status == KV_OK)
		kv_txn_read(p->txn, p->store, request, &outcome);
	outcome.digest = kv_outcome_digest(bytes.data, bytes.size);
	kv_outcome_encode(&outcome, verdict);
	written = kv_render(p->cursors, bytes, verdict, out, out_size_max, &cursor);
	if (rest)
		*rest = cursor;
	if (rest || !cursor)
		return written;
	kv_cursor_close(cursor);
	return -EMSGSIZE;
}

int kv_query_answer(const struct kv_query_parts *p, struct kv_bytes bytes, uint8_t *out,
		    uint32_t out_size_max, struct kv_cursor **rest)
{
	struct kv_request request;

	assert(out_size_max >= KV_ANSWER_HEADER_SIZE);
	assert(out_size_max <= INT32_MAX);
	if (kv_request_decode(&request, bytes.data, bytes.size) < 0)
		return -EINVAL;
	if (request.operation == KV_HASHKV)
		return kv_hashkv_query(p->cursors, &request, out, out_size_max, rest);
	if (request.operation != KV_RANGE && request.operation != KV_TXN)
		return -EINVAL;
	p->counters->ranges++;
	if (request.operation == KV_TXN)
		return txn_query(p, &request, bytes, out, out_size_max, rest);
	return kv_range_query(p->cursors, &request, out, out_size_max, rest);
}
