/* Compaction, and the checker of what it leaves: see kv/store.h. */
#include <malloc.h>
#include <stdlib.h>

#include "kv/internal.h"

void kv_store_compact(struct kv_store *store, uint64_t revision)
{
	assert((int64_t)revision > kv_store_compacted(store)); /* KS6 */
	assert(revision <= store->revision);
	store->compact_revision = revision;
	store->compacted = true;
}

enum kv_status kv_store_compact_try(struct kv_store *store, int64_t revision)
{
	if (revision <= kv_store_compacted(store))
		return KV_COMPACTED;
	if (revision > (int64_t)store->revision)
		return KV_FUTURE_REVISION;
	kv_store_compact(store, (uint64_t)revision);
	return KV_OK;
}

static uint64_t size_of(const void *allocated)
{
	return malloc_usable_size((void *)(uintptr_t)allocated);
}

/* The version before this one in its key's history. */
static const struct kv_version *older(const struct kv_version *version)
{
	struct kv_revision at = kv_version_revision(version);

	at = at.sub ? (struct kv_revision){at.main, at.sub - 1} : kv_revision_of(at.main - 1);
	return kv_history_find(&version->key->history, at);
}

/* What the scrub frees of versions when it comes to this one. */
static uint64_t freed_at(const struct kv_version *version)
{
	const struct kv_version *before = older(version);
	uint64_t size = version->tombstone ? size_of(version) : 0;

	/* A tombstone goes at its own turn. */
	return before && !before->tombstone ? size + size_of(before) : size;
}

static void oldest_free(struct kv_store *store, struct kv_key *key)
{
	struct kv_version *version = kv_history_oldest(&key->history);

	store->size += (uint64_t)kv_history_drop_oldest(&key->history);
	store->size -= size_of(version);
	store->count--;
	store->bytes -= kv_version_bytes(version);
	TAILQ_REMOVE(&store->versions, version, order);
	free(version);
}

static void key_free(struct kv_store *store, struct kv_key *key)
{
	kv_tree_remove(&store->keys, key);
	store->size -= size_of(key);
	free(key);
}

static void version_scrub(struct kv_store *store, struct kv_version *version)
{
	struct kv_key *key = version->key;

	if (store->unmeasured == version)
		store->unmeasured = TAILQ_NEXT(version, order);
	else
		store->held -= freed_at(version);
	store->unscrubbed = TAILQ_NEXT(version, order);
	if (kv_history_oldest(&key->history) != version)
		oldest_free(store, key);
	assert(kv_history_oldest(&key->history) == version); /* KS7 */
	if (!version->tombstone)
		return;
	oldest_free(store, key);
	if (!kv_history_newest(&key->history))
		key_free(store, key);
}

static bool is_within(const struct kv_version *version, uint64_t target)
{
	return version && version->main <= target;
}

bool kv_store_scrub(struct kv_store *store, uint64_t target)
{
	uint64_t size = store->size;

	assert(target <= store->compact_revision);
	for (int i = 0; is_within(store->unscrubbed, target); i++) {
		if (i == KV_SCRUB_STEP_MAX || size - store->size >= KV_SCRUB_STEP_SIZE)
			return true;
		version_scrub(store, store->unscrubbed);
	}
	return false;
}

bool kv_store_measure(struct kv_store *store)
{
	for (int i = 0; is_within(store->unmeasured, store->compact_revision); i++) {
		if (i == KV_SCRUB_STEP_MAX)
			return true;
		store->held += freed_at(store->unmeasured);
		store->unmeasured = TAILQ_NEXT(store->unmeasured, order);
	}
	return false;
}

uint64_t kv_store_scrubbed(const struct kv_store *store)
{
	return store->unscrubbed ? store->unscrubbed->main - 1 : store->revision;
}

/* Before `unscrubbed`; and before `unmeasured`. */
struct place {
	bool scrubbed, measured;
};

static void version_verify(const struct kv_store *store, const struct kv_version *version,
			   struct place place)
{
	const struct kv_version *before = older(version);
	uint64_t last = store->writing ? store->write.main : store->revision;

	assert(kv_history_find(&version->key->history, kv_version_revision(version)) == version);
	assert(version->main >= 2); /* KS3, and 1 is the empty store */
	assert(version->main <= last);
	if (place.scrubbed) { /* KS7 */
		assert(!before);
		assert(version->main <= store->compact_revision);
	}
	if (version->tombstone) { /* KS2 */
		assert(before);
		assert(!before->tombstone);
		assert(version->value_size == 0 && version->number == 0);
		assert(version->create_revision == 0 && version->lease == 0);
		return;
	}
	assert(version->create_revision >= 2); /* KS3 */
	assert(version->create_revision <= version->main);
	assert(version->number >= 1);
	if (version->number == 1)
		assert(version->create_revision == version->main);
	if (before && before->tombstone)
		assert(version->number == 1);
	if (before && !before->tombstone) {
		assert(version->number == before->number + 1);
		assert(version->create_revision == before->create_revision);
	}
	if (!before && !place.scrubbed)
		assert(version->number == 1 || store->compact_revision > 0);
}

/* The list's versions: how many. */
static uint64_t list_verify(const struct kv_store *store, uint64_t *size)
{
	struct place place = {.scrubbed = true, .measured = true};
	const struct kv_version *version;
	struct kv_revision at = {0};
	uint64_t count = 0, bytes = 0, held = 0;

	TAILQ_FOREACH(version, &store->versions, order)
	{
		assert(kv_revision_compare(at, kv_version_revision(version)) < 0); /* KS1 */
		at = kv_version_revision(version);
		place.scrubbed &= version != store->unscrubbed;
		place.measured &= version != store->unmeasured;
		assert(place.measured || !place.scrubbed);
		version_verify(store, version, place);
		if (place.measured && !place.scrubbed)
			held += freed_at(version);
		*size += size_of(version);
		bytes += kv_version_bytes(version);
		count++;
	}
	assert(place.scrubbed == !store->unscrubbed);
	assert(place.measured == !store->unmeasured);
	assert(held == store->held);                            /* KS8 */
	assert(count == store->count && bytes == store->bytes); /* KS9 */
	return count;
}

static uint64_t versions_of(const struct kv_key *key)
{
	const struct kv_version *version = kv_history_newest(&key->history);
	uint64_t count = 0;

	for (; version; version = older(version)) {
		assert(version->key == key);
		count++;
	}
	return count;
}

void kv_store_verify(const struct kv_store *store)
{
	static const uint8_t zero;
	const struct kv_store_range all = {.first = {&zero, 0}, .end = {&zero, 1}};
	uint64_t size = 0, digest = 0, versions = 0;
	const struct kv_key *key;

	kv_tree_verify(&store->keys);
	for (key = kv_store_first(store, &all); key; key = kv_store_next(&all, key)) {
		size += size_of(key) + kv_history_verify(&key->history);
		assert(!kv_history_oldest(&key->history)->tombstone); /* KS2 */
		assert(key->live == !kv_history_newest(&key->history)->tombstone);
		if (key->live)
			digest += kv_version_digest(kv_key_newest(key));
		versions += versions_of(key);
	}
	assert(versions == list_verify(store, &size)); /* KS1 */
	assert(store->compact_revision <= store->revision);
	assert(store->compacted || store->compact_revision == 0);
	assert(size == store->size);     /* KS4 */
	assert(digest == store->digest); /* KS5 */
}
