/* See kv/store.h. */
#include "kv/store.h"

#include <malloc.h>
#include <stdlib.h>

#include "kv/hash.h"
#include "kv/internal.h"

static bool range_is_open(const struct kv_store_range *range)
{
	return range->end.size == 1 && range->end.data[0] == 0;
}

/* For a key that is not before the range's first. */
static bool range_holds(const struct kv_store_range *range, const struct kv_key *key)
{
	if (range->end.size == 0)
		return kv_bytes_compare(key->bytes, key->size, range->first.data,
					range->first.size) == 0;
	return range_is_open(range) ||
	       kv_bytes_compare(key->bytes, key->size, range->end.data, range->end.size) < 0;
}

static struct kv_key *range_key(const struct kv_store_range *range, struct kv_key *key)
{
	return key && range_holds(range, key) ? key : NULL;
}

/* A walk changes nothing; the tree's own is over keys that may be changed. */
static struct kv_key *writable(const struct kv_key *key)
{
	return (struct kv_key *)(uintptr_t)key;
}

const struct kv_key *kv_store_first(const struct kv_store *store,
				    const struct kv_store_range *range)
{
	return range_key(range, kv_tree_from(&store->keys, range->first));
}

const struct kv_key *kv_store_next(const struct kv_store_range *range, const struct kv_key *key)
{
	return range_key(range, kv_tree_next(writable(key)));
}

const struct kv_key *kv_store_first_live(const struct kv_store *store,
					 const struct kv_store_range *range)
{
	return range_key(range, kv_tree_live_from(kv_tree_from(&store->keys, range->first)));
}

const struct kv_key *kv_store_next_live(const struct kv_store_range *range,
					const struct kv_key *key)
{
	return range_key(range, kv_tree_live_from(kv_tree_next(writable(key))));
}

/* Before the range's end. */
static struct kv_key *range_last(const struct kv_store *store, const struct kv_store_range *range)
{
	if (range->end.size == 0)
		return kv_tree_find(&store->keys, range->first);
	return range_is_open(range) ? kv_tree_last(&store->keys)
				    : kv_tree_before(&store->keys, range->end);
}

/* For a key that is before the range's end. */
static struct kv_key *range_key_down(const struct kv_store_range *range, struct kv_key *key)
{
	return key && kv_bytes_compare(key->bytes, key->size, range->first.data,
				       range->first.size) >= 0
		       ? key
		       : NULL;
}

const struct kv_key *kv_store_last(const struct kv_store *store, const struct kv_store_range *range)
{
	return range_key_down(range, range_last(store, range));
}

const struct kv_key *kv_store_prev(const struct kv_store_range *range, const struct kv_key *key)
{
	return range_key_down(range, kv_tree_prev(writable(key)));
}

const struct kv_key *kv_store_last_live(const struct kv_store *store,
					const struct kv_store_range *range)
{
	return range_key_down(range, kv_tree_live_to(range_last(store, range)));
}

const struct kv_key *kv_store_prev_live(const struct kv_store_range *range,
					const struct kv_key *key)
{
	return range_key_down(range, kv_tree_live_to(kv_tree_prev(writable(key))));
}

uint64_t kv_store_count(const struct kv_store *store, const struct kv_store_range *range)
{
	const struct kv_key *key;
	uint64_t first, end;

	if (range->end.size == 0) {
		key = kv_tree_find(&store->keys, range->first);
		return key && key->live;
	}
	first = kv_tree_live_before(&store->keys, range->first);
	end = range_is_open(range) ? kv_tree_live_count(&store->keys)
				   : kv_tree_live_before(&store->keys, range->end);
	return end > first ? end - first : 0;
}

const struct kv_version *kv_store_find(const struct kv_store *store, struct kv_bytes bytes,
				       struct kv_revision at)
{
	const struct kv_key *key = kv_tree_find(&store->keys, bytes);

	return key ? kv_key_find(key, at) : NULL;
}

void kv_store_init(struct kv_store *store)
{
	*store = (struct kv_store){.revision = 1};
	kv_tree_init(&store->keys);
	TAILQ_INIT(&store->versions);
}

void kv_store_destroy(struct kv_store *store)
{
	struct kv_version *version;
	struct kv_key *key;

	while ((key = kv_tree_take(&store->keys))) {
		kv_history_destroy(&key->history);
		free(key);
	}
	while ((version = TAILQ_FIRST(&store->versions))) {
		TAILQ_REMOVE(&store->versions, version, order);
		free(version);
	}
}

void kv_store_begin(struct kv_store *store)
{
	assert(!store->writing);
	store->writing = true;
	store->write = (struct kv_revision){.main = store->revision + 1};
}

void kv_store_end(struct kv_store *store)
{
	assert(store->writing);
	assert(store->write.main > store->revision); /* KS6 */
	store->writing = false;
	if (store->write.sub > 0)
		store->revision = store->write.main;
}

static struct kv_revision revision_take(struct kv_store *store)
{
	assert(store->writing);
	assert(store->write.sub < UINT32_MAX);
	struct kv_revision revision = store->write;
	store->write.sub++;
	return revision;
}

uint64_t kv_store_size_after(const struct kv_store *store, struct kv_bytes key,
			     struct kv_bytes value)
{
	uint64_t size = store->size + sizeof(struct kv_version) + value.size;

	if (!kv_tree_find(&store->keys, key))
		size += sizeof(struct kv_key) + key.size;
	return size;
}

uint64_t kv_version_digest(const struct kv_version *version)
{
	const struct kv_key *key = version->key;
	uint64_t digest = kv_hash_bytes(0, key->bytes, key->size);

	digest = kv_hash_mix(digest, key->size);
	digest = kv_hash_mix(digest, kv_hash_bytes(0, version->value, version->value_size));
	digest = kv_hash_mix(digest, version->value_size);
	digest = kv_hash_mix(digest, version->main);
	digest = kv_hash_mix(digest, version->sub);
	digest = kv_hash_mix(digest, version->create_revision);
	digest = kv_hash_mix(digest, version->number);
	return kv_hash_mix(digest, version->lease);
}

static struct kv_key *key_create(struct kv_store *store, struct kv_bytes bytes)
{
	/* Never less than the struct, whose end is padding. */
	struct kv_key *key = malloc(sizeof(*key) + bytes.size);

	assert(key); /* see Memory in kv/store.h */
	memset(key, 0, sizeof(*key));
	key->size = (uint16_t)bytes.size;
	key->live = true;
	memcpy(key->bytes, bytes.data, bytes.size);
	store->size += malloc_usable_size(key);
	return key;
}

/* The newest of its key, and of all. */
static void version_put(struct kv_store *store, struct kv_version *version)
{
	TAILQ_INSERT_TAIL(&store->versions, version, order);
	store->size += malloc_usable_size(version);
	store->size += (uint64_t)kv_history_append(&version->key->history, version);
	store->count++;
	store->bytes += kv_version_bytes(version);
}

static struct kv_version *version_add(struct kv_store *store, struct kv_key *key,
				      struct kv_bytes value)
{
	struct kv_version *version = malloc(sizeof(*version) + value.size);
	struct kv_revision revision = revision_take(store);

	assert(version); /* see Memory in kv/store.h */
	memset(version, 0, sizeof(*version));
	version->key = key;
	version->main = revision.main;
	version->sub = revision.sub;
	version->value_size = value.size & INT32_MAX;
	if (value.size > 0)
		memcpy(version->value, value.data, value.size);
	if (!store->unscrubbed)
		store->unscrubbed = version;
	if (!store->unmeasured)
		store->unmeasured = version;
	version_put(store, version);
	return version;
}

void kv_store_put(struct kv_store *store, struct kv_bytes key_bytes, struct kv_bytes value,
		  uint64_t lease)
{
	struct kv_key *key = kv_tree_find(&store->keys, key_bytes);
	const struct kv_version *old = NULL;
	struct kv_version *version;

	assert(key_bytes.size > 0);
	assert(key_bytes.size <= KV_KEY_SIZE_MAX);
	assert(value.size <= KV_VALUE_SIZE_MAX);
	if (!key) {
		key = key_create(store, key_bytes);
		kv_tree_insert(&store->keys, key);
	} else if (key->live) {
		old = kv_key_newest(key);
		store->digest -= kv_version_digest(old);
	} else {
		kv_tree_live_set(key, true);
	}
	version = version_add(store, key, value);
	version->lease = lease;
	version->create_revision = old ? old->create_revision : version->main;
	version->number = old ? old->number + 1 : 1;
	store->digest += kv_version_digest(version);
}

void kv_store_load(struct kv_store *store, struct kv_key *key, struct kv_bytes key_bytes,
		   const struct kv_version *like, struct kv_bytes value)
{
	struct kv_version *version = malloc(sizeof(*version) + value.size);

	assert(version); /* see Memory in kv/store.h */
	if (!key) {
		key = key_create(store, key_bytes);
		kv_tree_insert(&store->keys, key);
	} else if (key->live) {
		store->digest -= kv_version_digest(kv_key_newest(key));
	}
	if (key->live == like->tombstone)
		kv_tree_live_set(key, !like->tombstone);
	*version = *like;
	version->key = key;
	if (value.size > 0)
		memcpy(version->value, value.data, value.size);
	if (!store->unscrubbed && version->main > store->compact_revision)
		store->unscrubbed = store->unmeasured = version;
	version_put(store, version);
	if (!version->tombstone)
		store->digest += kv_version_digest(version);
}

bool kv_store_clear(struct kv_store *store)
{
	uint64_t size = 0;

	for (int i = 0; i < KV_SCRUB_STEP_MAX && size < KV_SCRUB_STEP_SIZE; i++) {
		struct kv_version *version = TAILQ_FIRST(&store->versions);
		struct kv_key *key = version ? NULL : kv_tree_take(&store->keys);

		if (version) {
			size += version->value_size;
			TAILQ_REMOVE(&store->versions, version, order);
			free(version);
		} else if (key) {
			kv_history_destroy(&key->history);
			free(key);
		} else {
			kv_store_init(store);
			return false;
		}
	}
	return true;
}

uint32_t kv_store_delete(struct kv_store *store, const struct kv_store_range *range,
			 uint32_t count_max, uint64_t size_max, bool *done)
{
	struct kv_key *key = writable(kv_store_first_live(store, range));
	uint64_t size = 0;
	uint32_t count = 0;

	while (key && count < count_max && size < size_max) {
		const struct kv_version *old = kv_key_newest(key);

		assert(old); /* it is live */
		size += old->value_size;
		store->digest -= kv_version_digest(old);
		kv_tree_live_set(key, false);
		version_add(store, key, (struct kv_bytes){0})->tombstone = true;
		count++;
		key = writable(kv_store_next_live(range, key));
	}
	*done = !key;
	return count;
}

int64_t kv_store_compacted(const struct kv_store *store)
{
	return store->compacted ? (int64_t)store->compact_revision : -1;
}

uint64_t kv_store_hash(const struct kv_store *store)
{
	uint64_t hash = kv_hash_mix(store->digest, store->revision);

	hash = kv_hash_mix(hash, (uint64_t)kv_store_compacted(store));
	return kv_hash_mix(hash, kv_tree_live_count(&store->keys));
}

bool kv_store_damage(struct kv_store *store, uint8_t bits)
{
	struct kv_version *version;

	TAILQ_FOREACH(version, &store->versions, order)
	{
		if (version->value_size == 0)
			continue;
		version->value[0] ^= bits;
		return true;
	}
	return false;
}
