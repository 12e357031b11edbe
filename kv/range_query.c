/* A range as a query of its own: see kv/range.h. */
#include <errno.h>
#include <stdlib.h>

#include "kv/codec.h"
#include "kv/range.h"

struct reader {
	struct kv_range range;
	struct kv_answer answer;
	bool headed; /* the header was given */
};

/* A bounded step: its bytes, -EAGAIN with none, or -EBUSY. */
static int step(struct reader *r, uint8_t *out, uint32_t piece_size, uint32_t size_max)
{
	uint32_t used = 0;
	int err;

	if (!r->headed) {
		err = kv_range_prepare(&r->range, &r->answer);
		if (err)
			return err;
		kv_answer_encode_header(&r->answer, out);
		r->headed = true;
		used = KV_ANSWER_HEADER_SIZE;
	}
	size_max -= used;
	if (piece_size > size_max)
		piece_size = size_max;
	return (int)(used + kv_range_items(&r->range, out + used, piece_size, size_max));
}

static int reader_read(struct kv_cursor *cursor, uint8_t *out, uint32_t out_size_max, bool *more)
{
	struct reader *r = cursor->reader;
	int size;

	assert(out_size_max >= KV_ANSWER_SIZE_MAX);
	size = step(r, out, KV_PIECE_SIZE, out_size_max);
	*more = !r->headed || r->range.left > 0;
	return size == -EAGAIN ? 0 : size;
}

static void reader_close(void *reader)
{
	kv_range_destroy(&((struct reader *)reader)->range);
	free(reader);
}

static const struct kv_cursor_ops reader_ops = {.read = reader_read, .close = reader_close};

/* A place for what the first step left. */
static int hold(struct kv_cursors *cursors, const struct reader *begun, struct kv_cursor **rest)
{
	struct reader *r = malloc(sizeof(*r));

	if (!r)
		return -EBUSY;
	*r = *begun;
	if (!kv_range_keep(&r->range))
		*rest = kv_cursor_open(cursors, r->range.options.at.main, &reader_ops, r);
	if (*rest)
		return 0;
	reader_close(r);
	return -EBUSY;
}

static int first_piece(struct kv_cursors *cursors, struct reader *r, uint8_t *out,
		       uint32_t out_size_max, struct kv_cursor **rest)
{
	int size = step(r, out, KV_PIECE_SIZE, out_size_max), err;

	*rest = NULL;
	if (size >= 0 && r->range.left == 0) {
		kv_range_destroy(&r->range);
		return size;
	}
	if (size < 0 && size != -EAGAIN) {
		kv_range_destroy(&r->range);
		return size;
	}
	err = hold(cursors, r, rest);
	if (err)
		return err;
	return size == -EAGAIN ? 0 : size;
}

/* In one go, however long it takes: for who has no use for a cursor. */
static int all_pieces(struct reader *r, uint8_t *out, uint32_t out_size_max)
{
	uint32_t used = 0;
	int size;

	if (kv_range_keep(&r->range))
		return -EBUSY;
	do {
		uint32_t room = out_size_max - used;

		size = step(r, out + used, room, room);
		if (size > 0)
			used += (uint32_t)size;
		if (size == 0 && r->range.full)
			size = -EMSGSIZE;
	} while (size == -EAGAIN || (size >= 0 && r->range.left > 0));
	kv_range_destroy(&r->range);
	return size < 0 ? size : (int)used;
}

static enum kv_status status_of(const struct kv_store *store, const struct kv_request *request)
{
	const int64_t revision = (int64_t)request->revision;

	if (request->key.size == 0)
		return KV_KEY_EMPTY;
	if (revision > (int64_t)store->revision)
		return KV_FUTURE_REVISION;
	return revision > 0 && revision < kv_store_compacted(store) ? KV_COMPACTED : KV_OK;
}

int kv_range_query(struct kv_cursors *cursors, const struct kv_request *request, uint8_t *out,
		   uint32_t out_size_max, struct kv_cursor **rest)
{
	const struct kv_store *store = cursors->store;
	const struct kv_range_options options =
		kv_range_options_of(request, kv_revision_of(store->revision));
	struct reader r = {
		.answer =
			{
				.status = status_of(store, request),
				.operation = KV_RANGE,
				.revision = store->revision,
			},
	};

	if (r.answer.status) {
		if (rest)
			*rest = NULL;
		kv_answer_encode_header(&r.answer, out);
		return KV_ANSWER_HEADER_SIZE;
	}
	kv_range_init(&r.range, cursors, &options);
	return rest ? first_piece(cursors, &r, out, out_size_max, rest)
		    : all_pieces(&r, out, out_size_max);
}
