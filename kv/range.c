/* See kv/range.h. */
#include "kv/range.h"

#include <errno.h>
#include <stdlib.h>

#include "kv/codec.h"

/* What a range has still to say. */
struct reader {
	struct kv_store_range range; /* what is left of it; the bytes are in `bytes` */
	uint64_t revision;
	uint64_t left; /* items that are owed */
	bool keys_only;
	uint8_t bytes[]; /* next key: KV_KEY_SIZE_MAX; end */
};

/* One piece while it is made. */
struct piece {
	const struct kv_store *store;
	const struct kv_key *key; /* the next to look at */
	struct kv_store_range range;
	uint64_t left;
	bool keys_only;
	uint8_t *out;
	uint32_t used, size_max, item_size_max;
};

/* An item that is larger than a piece should be is a piece of its own. */
static uint32_t room(const struct piece *p)
{
	if (p->used == 0)
		return p->item_size_max;
	return p->used < p->size_max ? p->size_max - p->used : 0;
}

/* False: it does not fit. */
static bool put_item(struct piece *p, const struct kv_version *version)
{
	const struct kv_item item = {
		.create_revision = version->create_revision,
		.mod_revision = version->main,
		.version = version->number,
		.lease = version->lease,
		.key = kv_key_bytes(version->key),
		.value = {version->value, p->keys_only ? 0 : version->value_size},
	};
	size_t size = kv_item_size(&item);

	if (size > room(p))
		return false;
	kv_item_encode(&item, p->out + p->used);
	p->used += (uint32_t)size;
	p->left--;
	return true;
}

/* The first piece, of now: it looks at nothing that it does not give, and its room bounds it. */
static void fill_live(struct piece *p)
{
	const struct kv_version *version;

	p->key = kv_store_first_live(p->store, &p->range);
	while (p->left > 0) {
		assert(p->key); /* as many are there as were counted */
		version = kv_key_newest(p->key);
		assert(version);
		if (!put_item(p, version))
			return;
		p->key = kv_store_next_live(&p->range, p->key);
	}
}

static void fill_at(struct piece *p, uint64_t revision)
{
	const struct kv_version *version;

	p->key = kv_store_first(p->store, &p->range);
	for (int i = 0; p->left > 0 && i < KV_RANGE_STEP_MAX; i++) {
		assert(p->key); /* what is owed is there: its revision is pinned */
		version = kv_key_find(p->key, kv_revision_of(revision));
		if (version && !put_item(p, version))
			return;
		p->key = kv_store_next(&p->range, p->key);
	}
}

/* Where it goes on. */
static void reader_move(struct reader *r, const struct kv_key *next)
{
	memcpy(r->bytes, next->bytes, next->size);
	r->range.first = (struct kv_bytes){r->bytes, next->size};
}

static int reader_read(struct kv_cursor *cursor, uint8_t *out, uint32_t out_size_max, bool *more)
{
	struct reader *r = cursor->reader;
	struct piece p = {
		.store = cursor->store,
		.range = r->range,
		.keys_only = r->keys_only,
		.left = r->left,
		.out = out,
		.size_max = KV_PIECE_SIZE,
		.item_size_max = out_size_max,
	};

	assert(out_size_max >= KV_ANSWER_SIZE_MAX);
	fill_at(&p, r->revision);
	r->left = p.left;
	*more = p.left > 0;
	if (*more)
		reader_move(r, p.key);
	return (int)p.used;
}

static const struct kv_cursor_ops reader_ops = {.read = reader_read, .close = free};

/* A reader of what the first piece left. */
static int hold(struct kv_cursors *cursors, const struct piece *p, struct kv_cursor **rest)
{
	struct kv_bytes end = p->range.end;
	struct reader *r;

	if (!rest)
		return -EMSGSIZE;
	r = malloc(sizeof(*r) + KV_KEY_SIZE_MAX + end.size);
	if (!r)
		return -EBUSY;
	*r = (struct reader){
		.revision = p->store->revision,
		.left = p->left,
		.keys_only = p->keys_only,
	};
	memcpy(r->bytes + KV_KEY_SIZE_MAX, end.data, end.size);
	r->range.end = (struct kv_bytes){r->bytes + KV_KEY_SIZE_MAX, end.size};
	reader_move(r, p->key);
	*rest = kv_cursor_open(cursors, r->revision, &reader_ops, r);
	if (*rest)
		return 0;
	free(r);
	return -EBUSY;
}

int kv_range_query(struct kv_cursors *cursors, const struct kv_request *request, uint8_t *out,
		   uint32_t out_size_max, struct kv_cursor **rest)
{
	const struct kv_store *store = cursors->store;
	struct kv_answer answer = {.operation = KV_RANGE, .revision = store->revision};
	struct piece p = {
		.store = store,
		.range = {.first = request->key, .end = request->range_end},
		.keys_only = request->flags & KV_KEYS_ONLY,
		.out = out + KV_ANSWER_HEADER_SIZE,
		.item_size_max = out_size_max - KV_ANSWER_HEADER_SIZE,
	};
	int err;

	if (rest)
		*rest = NULL;
	p.size_max = rest && p.item_size_max > KV_PIECE_SIZE ? KV_PIECE_SIZE : p.item_size_max;
	if (request->key.size == 0) {
		answer.status = KV_KEY_EMPTY;
	} else {
		answer.count = kv_store_count(store, &p.range);
		if (!(request->flags & KV_COUNT_ONLY)) {
			p.left = request->limit && request->limit < answer.count ? request->limit
										 : answer.count;
			answer.more = p.left < answer.count;
		}
	}
	assert(p.left <= UINT32_MAX);
	answer.item_count = (uint32_t)p.left;
	kv_answer_encode_header(&answer, out);
	fill_live(&p);
	err = p.left ? hold(cursors, &p, rest) : 0;
	return err ? err : (int)(KV_ANSWER_HEADER_SIZE + p.used);
}
