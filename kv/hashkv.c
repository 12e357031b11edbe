/* See kv/hashkv.h. */
#include "kv/hashkv.h"

#include <errno.h>
#include <stdlib.h>

#include "base/crc.h"
#include "kv/codec.h"

enum {
	ANSWER_SIZE = KV_ANSWER_HEADER_SIZE + KV_HASH_SIZE,
	BACKEND_KEY_MAX = 8 + 1 + 8 + 1,
	/* Of an encoded number with its field's; five of these, and the two of bytes' sizes. */
	FIELD_MAX = 1 + 10,
	PREFIX_MAX = BACKEND_KEY_MAX + FIELD_MAX,
	MIDDLE_MAX = 4 * FIELD_MAX,
};

struct hash {
	const struct kv_store *store;
	const struct kv_version *next; /* pinned: nothing that is there goes */
	uint64_t revision;             /* as asked for */
	uint64_t now, compact_revision;
	int64_t compacted; /* as the answer says it */
	bool lives;        /* a key, at that revision */
	/* With what the compaction left that lives at that revision; all of it, if none does. */
	uint32_t living, left;
};

static uint8_t *put_big_endian(uint8_t *at, uint64_t number)
{
	for (int shift = 56; shift >= 0; shift -= 8)
		*at++ = (uint8_t)(number >> shift);
	return at;
}

static uint8_t *put_varint(uint8_t *at, uint64_t number)
{
	for (; number >= 0x80; number >>= 7)
		*at++ = (uint8_t)(number | 0x80);
	*at++ = (uint8_t)number;
	return at;
}

static uint8_t *put_number(uint8_t *at, uint8_t field, uint64_t number)
{
	if (number == 0)
		return at;
	*at++ = (uint8_t)(field << 3);
	return put_varint(at, number);
}

/* The bytes themselves follow. */
static uint8_t *put_size(uint8_t *at, uint8_t field, uint32_t size)
{
	if (size == 0)
		return at;
	*at++ = (uint8_t)(field << 3 | 2);
	return put_varint(at, size);
}

static uint32_t version_hash(uint32_t crc, const struct kv_version *v)
{
	uint8_t bytes[PREFIX_MAX + MIDDLE_MAX], *at = put_big_endian(bytes, v->main);

	*at++ = '_';
	at = put_big_endian(at, v->sub);
	if (v->tombstone)
		*at++ = 't';
	at = put_size(at, 1, v->key->size);
	crc = bytes_crc(crc, bytes, (size_t)(at - bytes));
	crc = bytes_crc(crc, v->key->bytes, v->key->size);
	if (v->tombstone)
		return crc;
	at = put_number(bytes, 2, v->create_revision);
	at = put_number(at, 3, v->main);
	at = put_number(at, 4, v->number);
	at = put_size(at, 5, v->value_size);
	crc = bytes_crc(crc, bytes, (size_t)(at - bytes));
	crc = bytes_crc(crc, v->value, v->value_size);
	at = put_number(bytes, 6, v->lease);
	return bytes_crc(crc, bytes, (size_t)(at - bytes));
}

static bool lives_at(const struct kv_version *v, uint64_t revision)
{
	return kv_key_find(v->key, kv_revision_of(revision)) == v;
}

static void add(struct hash *h, const struct kv_version *v)
{
	bool after = v->main > h->compact_revision, lives = lives_at(v, h->revision);

	h->lives |= lives;
	if (after || lives)
		h->living = version_hash(h->living, v);
	if (!h->lives && (after || lives_at(v, h->compact_revision)))
		h->left = version_hash(h->left, v);
}

/* A bounded step. True: all of it is in. */
static bool step(struct hash *h)
{
	uint32_t size = 0;

	for (int i = 0; h->next && h->next->main <= h->revision; i++) {
		if (i == KV_HASHKV_STEP_MAX || size >= KV_HASHKV_STEP_SIZE)
			return false;
		add(h, h->next);
		size += h->next->key->size + h->next->value_size;
		h->next = TAILQ_NEXT(h->next, order);
	}
	return true;
}

static int answer_encode(const struct hash *h, uint8_t *out)
{
	const struct kv_answer answer = {.operation = KV_HASHKV, .revision = h->now};

	kv_answer_encode_header(&answer, out);
	kv_hash_encode(h->lives ? h->living : h->left, h->compacted, out + KV_ANSWER_HEADER_SIZE);
	return ANSWER_SIZE;
}

static int reader_read(struct kv_cursor *cursor, uint8_t *out, uint32_t out_size_max, bool *more)
{
	struct hash *h = cursor->reader;

	(void)out_size_max;
	*more = !step(h);
	return *more ? 0 : answer_encode(h, out);
}

static const struct kv_cursor_ops reader_ops = {.read = reader_read, .close = free};

static int hold(struct kv_cursors *cursors, const struct hash *begun, struct kv_cursor **rest)
{
	struct hash *h = malloc(sizeof(*h));

	if (!h)
		return -EBUSY;
	*h = *begun;
	/* It reads along the list: what it stands at must not go, and nothing does from here on. */
	*rest = kv_cursor_open(cursors, kv_store_scrubbed(cursors->store), &reader_ops, h);
	if (*rest)
		return 0;
	free(h);
	return -EBUSY;
}

static enum kv_status status_of(const struct kv_store *store, int64_t revision)
{
	if (revision > (int64_t)store->revision)
		return KV_FUTURE_REVISION;
	return revision > 0 && revision <= kv_store_compacted(store) ? KV_COMPACTED : KV_OK;
}

int kv_hashkv_query(struct kv_cursors *cursors, const struct kv_request *request, uint8_t *out,
		    uint32_t out_size_max, struct kv_cursor **rest)
{
	const struct kv_store *store = cursors->store;
	const struct kv_answer refused = {
		.status = status_of(store, (int64_t)request->revision),
		.operation = KV_HASHKV,
		.revision = store->revision,
	};
	struct hash h = {
		.store = store,
		/* Below 0 there is none. */
		.next = (int64_t)request->revision < 0 ? NULL : TAILQ_FIRST(&store->versions),
		.revision = request->revision ? request->revision : store->revision,
		.now = store->revision,
		.compact_revision = store->compact_revision,
		.compacted = kv_store_compacted(store),
		.living = bytes_crc(0, "key", 3),
		.left = bytes_crc(0, "key", 3),
	};
	bool done;

	if (out_size_max < ANSWER_SIZE)
		return -EMSGSIZE;
	if (rest)
		*rest = NULL;
	if (refused.status) {
		kv_answer_encode_header(&refused, out);
		return KV_ANSWER_HEADER_SIZE;
	}
	do
		done = step(&h);
	while (!done && !rest);
	return done ? answer_encode(&h, out) : hold(cursors, &h, rest);
}
