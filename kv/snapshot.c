/* See kv/snapshot.h. */
#include "kv/snapshot.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "kv/codec.h"

enum {
	STEP_VERSIONS_MAX = 1024,       /* looked at, at some 100 ns each */
	STEP_SESSIONS_SIZE = 64 * 1024, /* copied */
};

#define TOMBSTONE (UINT32_C(1) << 31)

struct sm_snapshot {
	const struct kv_store *store;
	struct kv_pin pin;
	uint64_t revision, compact_revision;
	uint8_t *tables; /* the head, names and sessions */
	uint64_t tables_size, copied, taken;
	struct kv_session_saver sessions;
	const struct kv_version *next; /* not written whole yet; NULL: there is none, or no more */
	uint64_t count;                /* that were */
	uint32_t offset;               /* bytes of the record that is next that were written */
	bool ended;
};

/* Of n, or NULL: nothing is known. */
static uint32_t names_save(const struct kv_names *n, uint8_t *out)
{
	uint32_t at = 8;

	memset(out, 0, at);
	if (!n)
		return at;
	out[0] = n->known;
	out[1] = (uint8_t)n->member_count;
	out[2] = (uint8_t)n->named_count;
	for (uint32_t i = 0; i < n->member_count; i++, at += 8)
		bytes_put64(out + at, n->member[i]);
	for (uint32_t i = 0; i < n->named_count; i++) {
		size_t size = kv_publication_value(&n->named[i].attributes, out + at + 10);

		assert(size > 0);
		assert(size <= UINT16_MAX);
		bytes_put64(out + at, n->named[i].id);
		bytes_put16(out + at + 8, (uint16_t)size);
		at += 10 + (uint32_t)size;
	}
	return at;
}

uint32_t kv_snapshot_marker(const struct sm_mark *mark, uint8_t out[SM_MARKER_SIZE_MAX])
{
	const struct kv_request request = {
		.operation = KV_MARK,
		.mark_format = KV_SNAPSHOT_VERSION,
		.mark = *mark,
	};

	static_assert((int)KV_REQUEST_HEADER_SIZE + (int)KV_MARK_SIZE <= (int)SM_MARKER_SIZE_MAX,
		      "it fits");
	kv_request_encode(&request, out);
	return (uint32_t)kv_request_size(&request);
}

/* The head and the names; the pin is taken. */
static struct sm_snapshot *begin(const struct kv_parts *parts, const struct kv_names *names,
				 uint64_t applied, uint64_t sessions_size)
{
	const struct kv_store *store = parts->store;
	struct sm_snapshot *s = calloc(1, sizeof(*s));
	uint32_t names_size;

	if (!s)
		return NULL;
	s->tables = calloc(1, KV_SNAPSHOT_HEAD_SIZE + KV_SNAPSHOT_NAMES_MAX + sessions_size);
	if (!s->tables) {
		free(s);
		return NULL;
	}
	assert(!store->writing);
	s->store = store;
	s->revision = store->revision;
	s->compact_revision = store->compact_revision;
	s->next = TAILQ_FIRST(&store->versions);
	/* With that nothing goes: neither what it shows nor where it is in the list. */
	kv_pin_take(parts->pins, &s->pin, kv_store_scrubbed(store));
	names_size = names_save(names, s->tables + KV_SNAPSHOT_HEAD_SIZE);
	memcpy(s->tables, "QUOINSTA", 8);
	bytes_put32(s->tables + 8, KV_SNAPSHOT_VERSION);
	bytes_put32(s->tables + 12, names_size);
	bytes_put64(s->tables + 16, sessions_size);
	bytes_put64(s->tables + 24, applied);
	bytes_put64(s->tables + 32, s->revision);
	bytes_put64(s->tables + 40, s->compact_revision);
	s->tables[48] = kv_store_compacted(store) == 0;
	s->copied = KV_SNAPSHOT_HEAD_SIZE + names_size;
	s->tables_size = s->copied + sessions_size;
	return s;
}

uint64_t kv_snapshot_size(struct kv_parts parts)
{
	return KV_SNAPSHOT_HEAD_SIZE + KV_SNAPSHOT_NAMES_MAX +
	       kv_session_image_size(parts.sessions) +
	       (parts.store->count + 1) * KV_SNAPSHOT_RECORD_SIZE + parts.store->bytes;
}

struct sm_snapshot *kv_snapshot_begin(const struct kv_parts *parts, uint64_t applied)
{
	struct sm_snapshot *s =
		begin(parts, parts->names, applied, kv_session_image_size(parts->sessions));

	if (s)
		kv_session_save_begin(&s->sessions, parts->sessions);
	return s;
}

struct sm_snapshot *kv_snapshot_begin_bare(const struct kv_parts *parts, uint64_t applied)
{
	/* Of each class a head, all zero: none were remembered, and none forgotten. */
	struct sm_snapshot *s =
		begin(parts, NULL, applied, KV_SESSION_CLASSES * KV_SESSION_IMAGE_HEAD_SIZE);

	if (s)
		s->copied = s->tables_size;
	return s;
}

bool kv_snapshot_copy(struct sm_snapshot *s)
{
	uint64_t left = s->tables_size - s->copied;
	uint32_t room = left < STEP_SESSIONS_SIZE ? (uint32_t)left : STEP_SESSIONS_SIZE;
	uint8_t step[STEP_SESSIONS_SIZE];
	uint32_t size;

	if (left == 0)
		return false;
	size = kv_session_save(&s->sessions, step, STEP_SESSIONS_SIZE);
	assert(size > 0);
	assert(size <= room);
	memcpy(s->tables + s->copied, step, size);
	s->copied += size;
	return s->copied < s->tables_size;
}

/* A revision that may be asked for shows it: it is after the compact one, or shown by that. */
static bool is_shown(const struct sm_snapshot *s, const struct kv_version *v)
{
	return v->main > s->compact_revision ||
	       kv_key_find(v->key, kv_revision_of(s->compact_revision)) == v;
}

static void record_encode(const struct kv_version *v, uint8_t out[KV_SNAPSHOT_RECORD_SIZE])
{
	memset(out, 0, KV_SNAPSHOT_RECORD_SIZE);
	bytes_put64(out, v->main);
	bytes_put64(out + 8, v->create_revision);
	bytes_put64(out + 16, v->number);
	bytes_put64(out + 24, v->lease);
	bytes_put32(out + 32, v->sub);
	bytes_put32(out + 36, v->value_size | (v->tombstone ? TOMBSTONE : 0));
	bytes_put16(out + 40, v->key->size);
}

/* Of a record of several parts what is from s->offset on, as far as there is room. */
static uint32_t part_write(struct sm_snapshot *s, uint32_t *before, const uint8_t *part,
			   uint32_t part_size, uint8_t *out, uint32_t room)
{
	uint32_t size = 0;

	if (s->offset < *before + part_size && room > 0) {
		size = *before + part_size - s->offset;
		if (size > room)
			size = room;
		memcpy(out, part + (s->offset - *before), size);
		s->offset += size;
	}
	*before += part_size;
	return size;
}

/* True: the record is written whole. */
static bool version_write(struct sm_snapshot *s, uint8_t *out, uint32_t room, uint32_t *written)
{
	const struct kv_version *v = s->next;
	uint8_t record[KV_SNAPSHOT_RECORD_SIZE];
	uint32_t before = 0, size;

	record_encode(v, record);
	size = part_write(s, &before, record, sizeof(record), out, room);
	size += part_write(s, &before, v->key->bytes, v->key->size, out + size, room - size);
	size += part_write(s, &before, v->value, v->value_size, out + size, room - size);
	*written += size;
	if (s->offset < before)
		return false;
	s->offset = 0;
	return true;
}

static bool end_write(struct sm_snapshot *s, uint8_t *out, uint32_t room, uint32_t *written)
{
	uint8_t record[KV_SNAPSHOT_RECORD_SIZE] = {0};
	uint32_t before = 0;

	bytes_put64(record + 16, s->count);
	*written += part_write(s, &before, record, sizeof(record), out, room);
	return s->offset == before;
}

static uint32_t versions_write(struct sm_snapshot *s, uint8_t *out, uint32_t room)
{
	uint32_t written = 0;

	for (int i = 0; i < STEP_VERSIONS_MAX && written < room; i++) {
		const struct kv_version *v = s->next;

		if (!v || v->main > s->revision) {
			s->ended = end_write(s, out + written, room - written, &written);
			return written;
		}
		if (is_shown(s, v)) {
			if (!version_write(s, out + written, room - written, &written))
				return written;
			s->count++;
		}
		s->next = TAILQ_NEXT(v, order);
	}
	return written;
}

int kv_snapshot_read(struct sm_snapshot *s, uint8_t *out, uint32_t out_size_max, bool *more)
{
	uint64_t left = s->tables_size - s->taken;
	uint32_t size = left < out_size_max ? (uint32_t)left : out_size_max;

	assert(s->copied == s->tables_size);
	*more = false;
	if (s->pin.lost)
		return -ESTALE;
	if (size > 0)
		memcpy(out, s->tables + s->taken, size);
	s->taken += size;
	if (s->taken == s->tables_size && size < out_size_max && !s->ended)
		size += versions_write(s, out + size, out_size_max - size);
	*more = !s->ended;
	return (int)size;
}

void kv_snapshot_close(struct sm_snapshot *s)
{
	kv_pin_give(&s->pin);
	free(s->tables);
	free(s);
}
