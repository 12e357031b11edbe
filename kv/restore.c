/* A state made of the bytes of a snapshot (kv/snapshot.h), which anybody may have damaged. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "kv/backup.h"
#include "kv/internal.h"
#include "kv/snapshot.h"

#define TOMBSTONE (UINT32_C(1) << 31)

enum part { PART_HEAD, PART_NAMES, PART_SESSIONS, PART_VERSIONS, PART_END };

struct kv_restore {
	struct kv_parts parts;
	enum part part;
	int err; /* it goes on no more */
	uint32_t names_size;
	uint64_t sessions_left, applied;
	struct kv_session_loader sessions;
	struct kv_revision last; /* of the versions so far */
	uint64_t count;
	uint32_t size;     /* of what is gathered of a part that is not whole yet */
	uint8_t *gathered; /* KV_SNAPSHOT_RECORD_MAX */
};

static_assert((int)KV_SNAPSHOT_NAMES_MAX <= (int)KV_SNAPSHOT_RECORD_MAX, "one place for both");

int kv_restore_look(const uint8_t *data, size_t size)
{
	struct kv_backup_head head;

	return size < KV_BACKUP_HEAD_SIZE ? -EBADMSG : kv_backup_head(data, &head);
}

struct kv_restore *kv_restore_begin(const struct kv_parts *parts)
{
	struct kv_restore *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->parts = *parts;
	r->gathered = malloc(KV_SNAPSHOT_RECORD_MAX);
	if (!r->gathered) {
		free(r);
		return NULL;
	}
	return r;
}

void kv_restore_end(struct kv_restore *r)
{
	free(r->gathered);
	free(r);
}

uint64_t kv_restore_applied(const struct kv_restore *r)
{
	return r->part == PART_END && !r->err ? r->applied : 0;
}

bool kv_restore_begun(const struct kv_restore *r)
{
	return r->part != PART_HEAD || r->size > 0 || r->err;
}

static int head_load(struct kv_restore *r, const uint8_t *in)
{
	struct kv_store *store = r->parts.store;
	struct kv_backup_head head;
	int err = kv_backup_head(in, &head);

	if (err)
		return err;
	r->names_size = bytes_get32(in + 12);
	r->sessions_left = bytes_get64(in + 16);
	r->applied = head.applied;
	store->revision = head.revision;
	store->compacted = head.compacted >= 0;
	store->compact_revision = store->compacted ? (uint64_t)head.compacted : 0;
	if (r->names_size < 8 || r->names_size > KV_SNAPSHOT_NAMES_MAX || r->applied == 0 ||
	    r->sessions_left < KV_SESSION_CLASSES * KV_SESSION_IMAGE_HEAD_SIZE)
		return -EBADMSG;
	kv_session_load_begin(&r->sessions, r->parts.sessions, r->applied);
	return 0;
}

static int named_load(struct kv_names *n, const uint8_t *in, uint32_t left, uint32_t *taken)
{
	struct kv_named *named = &n->named[n->named_count];
	uint32_t size;

	if (left < 10)
		return -EBADMSG;
	named->id = bytes_get64(in);
	size = bytes_get16(in + 8);
	if (size > left - 10 ||
	    (n->named_count > 0 && n->named[n->named_count - 1].id >= named->id) ||
	    kv_publication_decode(&named->attributes, (struct kv_bytes){in, 8},
				  (struct kv_bytes){in + 10, size}))
		return -EBADMSG;
	n->named_count++;
	*taken = 10 + size;
	return 0;
}

static int names_load(struct kv_restore *r, const uint8_t *in)
{
	struct kv_names *n = r->parts.names;
	uint64_t ids[SM_MEMBERS_MAX];
	const uint32_t members = in[1], named = in[2];
	uint32_t at = 8 + 8 * members;

	if (in[0] > 1 || members > SM_MEMBERS_MAX || named > SM_MEMBERS_MAX ||
	    (!in[0] && members > 0) || !bytes_zero(in + 3, 5) || at > r->names_size)
		return -EBADMSG;
	for (uint32_t i = 0; i < members; i++)
		ids[i] = bytes_get64(in + 8 + 8 * i);
	for (uint32_t i = 0; i < named; i++) {
		uint32_t taken;

		if (named_load(n, in + at, r->names_size - at, &taken))
			return -EBADMSG;
		at += taken;
	}
	if (at != r->names_size)
		return -EBADMSG;
	if (in[0])
		kv_names_members(n, ids, members);
	else
		kv_names_digest(n);
	return n->named_count == named ? 0 : -EBADMSG;
}

static bool record_good(const struct kv_restore *r, const struct kv_version *v, uint32_t key_size,
			const uint8_t *in)
{
	const struct kv_store *store = r->parts.store;

	if (kv_revision_compare(r->last, kv_version_revision(v)) >= 0 || v->main < 2 ||
	    v->main > store->revision || key_size == 0 || !bytes_zero(in + 42, 6))
		return false;
	if (v->tombstone)
		return v->main > store->compact_revision && v->value_size == 0 && v->number == 0 &&
		       v->create_revision == 0 && v->lease == 0;
	return v->value_size <= KV_VALUE_SIZE_MAX && v->create_revision >= 2 &&
	       v->create_revision <= v->main && v->number >= 1 &&
	       (v->number > 1 || v->create_revision == v->main);
}

/* What the key had before says what this version may be (KS2, KS3, KS7). */
static bool follows(const struct kv_store *store, const struct kv_version *v,
		    const struct kv_version *before)
{
	if (!before)
		return !v->tombstone && (v->main <= store->compact_revision || v->number == 1);
	if (v->main <= store->compact_revision)
		return false;
	if (before->tombstone)
		return !v->tombstone && v->number == 1;
	return v->tombstone ||
	       (v->number == before->number + 1 && v->create_revision == before->create_revision);
}

static int version_load(struct kv_restore *r, const uint8_t *in)
{
	const uint32_t value_size = bytes_get32(in + 36);
	const struct kv_version like = {
		.main = bytes_get64(in),
		.create_revision = bytes_get64(in + 8),
		.number = bytes_get64(in + 16),
		.lease = bytes_get64(in + 24),
		.sub = bytes_get32(in + 32),
		.tombstone = (value_size & TOMBSTONE) != 0,
		.value_size = value_size & INT32_MAX,
	};
	const struct kv_bytes key = {in + KV_SNAPSHOT_RECORD_SIZE, bytes_get16(in + 40)};
	const struct kv_bytes value = {key.data + key.size, like.value_size};
	struct kv_key *there;

	if (!record_good(r, &like, key.size, in))
		return -EBADMSG;
	there = kv_tree_find(&r->parts.store->keys, key);
	if (!follows(r->parts.store, &like, there ? kv_history_newest(&there->history) : NULL))
		return -EBADMSG;
	kv_store_load(r->parts.store, there, key, &like, value);
	r->last = kv_version_revision(&like);
	r->count++;
	return 0;
}

static bool is_end(const uint8_t *in)
{
	return bytes_zero(in, 16) && bytes_zero(in + 24, KV_SNAPSHOT_RECORD_SIZE - 24);
}

/* How many bytes the part that begins at `in` has, as far as its first `size` say; 0: too many. */
static uint32_t wanted(const struct kv_restore *r, const uint8_t *in, uint32_t size)
{
	uint32_t value_size;

	if (r->part == PART_HEAD)
		return KV_SNAPSHOT_HEAD_SIZE;
	if (r->part == PART_NAMES)
		return r->names_size;
	assert(r->part == PART_VERSIONS);
	if (size < KV_SNAPSHOT_RECORD_SIZE)
		return KV_SNAPSHOT_RECORD_SIZE;
	value_size = bytes_get32(in + 36) & INT32_MAX;
	if (value_size > KV_VALUE_SIZE_MAX)
		return 0;
	return KV_SNAPSHOT_RECORD_SIZE + bytes_get16(in + 40) + value_size;
}

/* A part that is whole. */
static int load(struct kv_restore *r, const uint8_t *in)
{
	int err;

	if (r->part == PART_VERSIONS && is_end(in)) {
		r->part = PART_END;
		return bytes_get64(in + 16) == r->count ? 0 : -EBADMSG;
	}
	if (r->part == PART_VERSIONS)
		return version_load(r, in);
	err = r->part == PART_HEAD ? head_load(r, in) : names_load(r, in);
	r->part++;
	return err;
}

/* Some of `size` bytes, at least one: *taken. */
static int step(struct kv_restore *r, const uint8_t *data, uint32_t size, uint32_t *taken)
{
	uint32_t whole, more;
	int err;

	/* In place, where all of it is here. */
	if (r->size == 0) {
		whole = wanted(r, data, size);
		if (whole == 0)
			return -EBADMSG;
		if (whole <= size &&
		    (r->part != PART_VERSIONS || size >= KV_SNAPSHOT_RECORD_SIZE)) {
			*taken = whole;
			return load(r, data);
		}
	}
	whole = wanted(r, r->gathered, r->size);
	if (whole == 0)
		return -EBADMSG;
	more = whole - r->size < size ? whole - r->size : size;
	memcpy(r->gathered + r->size, data, more);
	r->size += more;
	*taken = more;
	whole = wanted(r, r->gathered, r->size);
	if (whole == 0)
		return -EBADMSG;
	if (r->size < whole)
		return 0;
	r->size = 0;
	err = load(r, r->gathered);
	return err;
}

static int sessions_step(struct kv_restore *r, const uint8_t *data, uint32_t size, uint32_t *taken)
{
	uint32_t most = r->sessions_left < size ? (uint32_t)r->sessions_left : size;
	int used = kv_session_load(&r->sessions, data, most);

	if (used < 0)
		return -EBADMSG;
	*taken = (uint32_t)used;
	r->sessions_left -= *taken;
	if (kv_session_loaded(&r->sessions) != (r->sessions_left == 0))
		return -EBADMSG;
	if (r->sessions_left == 0)
		r->part = PART_VERSIONS;
	return 0;
}

int kv_restore_add(struct kv_restore *r, const uint8_t *data, uint32_t size)
{
	while (size > 0 && !r->err) {
		uint32_t taken = 0;

		if (r->part == PART_END)
			r->err = -EBADMSG; /* there is something behind it */
		else if (r->part == PART_SESSIONS)
			r->err = sessions_step(r, data, size, &taken);
		else
			r->err = step(r, data, size, &taken);
		data += taken;
		size -= taken;
	}
	return r->err;
}
