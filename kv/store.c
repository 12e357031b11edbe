/* See kv/store.h. The tree is libbsd's red-black tree, with KS2 kept as its augmentation. */
#include <stdint.h>

struct kv_key;
static void key_count_update(struct kv_key *key);
#define RB_AUGMENT(key) key_count_update(key)

#include "kv/store.h"

#include <stdlib.h>
#include <string.h>

#include "kv/hash.h"
#include "kv/pins.h"

static uint32_t subtree_count(const struct kv_key *key)
{
	return key ? key->subtree_count : 0;
}

static void key_count_update(struct kv_key *key)
{
	key->subtree_count =
		1 + subtree_count(RB_LEFT(key, node)) + subtree_count(RB_RIGHT(key, node));
}

static int key_compare(const struct kv_key *a, const struct kv_key *b)
{
	return kv_bytes_compare(a->bytes, a->size, b->bytes, b->size);
}

/* RB_GENERATE_STATIC needs BSD's __unused, which this libbsd leaves undefined. */
RB_GENERATE_INTERNAL(kv_tree, kv_key, node, key_compare, static __attribute__((unused)))

/*
 * The tree's macros update the keys they rotate and some of those above. A key that is not above
 * the place of the change is right throughout (a rotated key is computed from its new children),
 * so that one walk from that place to the root makes all of them right.
 */
static void counts_update(struct kv_key *key)
{
	for (; key; key = RB_PARENT(key, node))
		key_count_update(key);
}

static void tree_insert(struct kv_store *store, struct kv_key *key)
{
	key->subtree_count = 1;
	const struct kv_key *same = RB_INSERT(kv_tree, &store->keys, key);
	assert(!same);
	counts_update(key);
}

static void tree_remove(struct kv_store *store, struct kv_key *key)
{
	/* Where a key leaves its place: its own, or that of the successor which takes its place. */
	struct kv_key *above = RB_PARENT(key, node);

	if (RB_LEFT(key, node) && RB_RIGHT(key, node)) {
		struct kv_key *successor = RB_NEXT(kv_tree, &store->keys, key);

		above = RB_PARENT(successor, node);
		if (above == key)
			above = successor;
	}
	RB_REMOVE(kv_tree, &store->keys, key);
	counts_update(above);
}

/* The first key >= bytes; *rank (may be NULL) is the number of keys before it. */
static struct kv_key *lower_bound(const struct kv_store *store, struct kv_bytes bytes,
				  uint64_t *rank)
{
	struct kv_key *key = RB_ROOT(&store->keys);
	struct kv_key *found = NULL;
	uint64_t before = 0;

	while (key) {
		if (kv_bytes_compare(key->bytes, key->size, bytes.data, bytes.size) >= 0) {
			found = key;
			key = RB_LEFT(key, node);
		} else {
			before += 1 + subtree_count(RB_LEFT(key, node));
			key = RB_RIGHT(key, node);
		}
	}
	if (rank)
		*rank = before;
	return found;
}

static struct kv_key *key_find(const struct kv_store *store, struct kv_bytes bytes)
{
	struct kv_key *key = RB_ROOT(&store->keys);

	while (key) {
		int order = kv_bytes_compare(bytes.data, bytes.size, key->bytes, key->size);

		if (order == 0)
			break;
		key = order < 0 ? RB_LEFT(key, node) : RB_RIGHT(key, node);
	}
	return key;
}

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

static struct kv_key *range_first(const struct kv_store *store, const struct kv_store_range *range)
{
	struct kv_key *key = lower_bound(store, range->first, NULL);

	return key && range_holds(range, key) ? key : NULL;
}

void kv_store_init(struct kv_store *store, struct kv_pins *pins)
{
	*store = (struct kv_store){.revision = 1, .pins = pins};
	RB_INIT(&store->keys);
}

static void key_destroy(struct kv_key *key)
{
	free(key->newest);
	free(key);
}

/* Leaf by leaf, without balancing what is about to go. */
void kv_store_destroy(struct kv_store *store)
{
	struct kv_key *key = RB_ROOT(&store->keys);

	while (key) {
		struct kv_key *parent = RB_PARENT(key, node);

		if (RB_LEFT(key, node)) {
			key = RB_LEFT(key, node);
			continue;
		}
		if (RB_RIGHT(key, node)) {
			key = RB_RIGHT(key, node);
			continue;
		}
		if (parent && RB_LEFT(parent, node) == key)
			RB_LEFT(parent, node) = NULL;
		else if (parent)
			RB_RIGHT(parent, node) = NULL;
		key_destroy(key);
		key = parent;
	}
	RB_INIT(&store->keys);
}

void kv_store_begin(struct kv_store *store)
{
	assert(!store->writing);
	store->writing = true;
	store->write = (struct kv_store_revision){.main = store->revision + 1};
}

void kv_store_end(struct kv_store *store)
{
	assert(store->writing);
	assert(store->write.main > store->revision); /* KS6 */
	store->writing = false;
	if (store->write.sub > 0)
		store->revision = store->write.main;
}

static struct kv_store_revision revision_take(struct kv_store *store)
{
	assert(store->writing);
	assert(store->write.sub < UINT32_MAX);
	struct kv_store_revision revision = store->write;
	store->write.sub++;
	return revision;
}

static uint64_t key_charge(uint32_t key_size, uint32_t value_size)
{
	return (uint64_t)key_size + value_size + KV_KEY_OVERHEAD;
}

uint64_t kv_store_size_after(const struct kv_store *store, struct kv_bytes key,
			     struct kv_bytes value)
{
	const struct kv_key *old = key_find(store, key);
	uint64_t without = store->size;

	if (old)
		without -= key_charge(old->size, old->newest->value_size);
	return without + key_charge(key.size, value.size);
}

static uint64_t version_digest(const struct kv_key *key, const struct kv_version *version)
{
	uint64_t digest = kv_hash_bytes(0, key->bytes, key->size);

	digest = kv_hash_mix(digest, key->size);
	digest = kv_hash_mix(digest, kv_hash_bytes(0, version->value, version->value_size));
	digest = kv_hash_mix(digest, version->value_size);
	digest = kv_hash_mix(digest, version->mod_main);
	digest = kv_hash_mix(digest, version->mod_sub);
	digest = kv_hash_mix(digest, version->create_revision);
	digest = kv_hash_mix(digest, version->number);
	return kv_hash_mix(digest, version->lease);
}

/* The key's version goes, or is kept for who reads an older revision. */
static void version_release(struct kv_store *store, struct kv_key *key)
{
	if (!kv_pins_keep(store->pins, key, key->newest))
		free(key->newest);
	key->newest = NULL;
}

static struct kv_key *key_create(struct kv_bytes bytes)
{
	struct kv_key *key = malloc(sizeof(*key) + bytes.size);

	assert(key); /* see Memory in kv/store.h */
	memset(key, 0, sizeof(*key));
	key->size = bytes.size;
	memcpy(key->bytes, bytes.data, bytes.size);
	return key;
}

static struct kv_version *version_create(struct kv_bytes value)
{
	struct kv_version *version = malloc(sizeof(*version) + value.size);

	assert(version); /* see Memory in kv/store.h */
	memset(version, 0, sizeof(*version));
	version->value_size = value.size;
	if (value.size > 0)
		memcpy(version->value, value.data, value.size);
	return version;
}

void kv_store_put(struct kv_store *store, struct kv_bytes key_bytes, struct kv_bytes value,
		  uint64_t lease)
{
	assert(key_bytes.size > 0);

	struct kv_store_revision revision = revision_take(store);
	struct kv_key *key = key_find(store, key_bytes);
	struct kv_version *version = version_create(value);

	version->mod_main = revision.main;
	version->mod_sub = revision.sub;
	version->lease = lease;
	if (!key) {
		key = key_create(key_bytes);
		tree_insert(store, key);
		version->create_revision = revision.main;
		version->number = 1;
	} else {
		version->create_revision = key->newest->create_revision;
		version->number = key->newest->number + 1;
		store->size -= key_charge(key->size, key->newest->value_size);
		store->digest -= key->newest->digest;
		version_release(store, key);
	}
	key->newest = version;
	version->digest = version_digest(key, version);
	store->digest += version->digest;
	store->size += key_charge(key->size, version->value_size);
}

uint32_t kv_store_delete(struct kv_store *store, const struct kv_store_range *range,
			 uint32_t count_max, uint64_t size_max, bool *done)
{
	struct kv_key *key = range_first(store, range);
	uint64_t size = 0;
	uint32_t count = 0;

	while (key && count < count_max && size < size_max) {
		struct kv_key *next = RB_NEXT(kv_tree, &store->keys, key);
		uint64_t charge = key_charge(key->size, key->newest->value_size);

		revision_take(store);
		store->size -= charge;
		store->digest -= key->newest->digest;
		tree_remove(store, key);
		version_release(store, key);
		key_destroy(key);
		size += charge;
		count++;
		key = next && range_holds(range, next) ? next : NULL;
	}
	*done = !key;
	return count;
}

const struct kv_key *kv_store_first(const struct kv_store *store,
				    const struct kv_store_range *range)
{
	return range_first(store, range);
}

/* The tree's walk takes keys that may be changed, and changes none. */
const struct kv_key *kv_store_next(const struct kv_store_range *range, const struct kv_key *key)
{
	const struct kv_key *next = RB_RIGHT(key, node);

	if (next) {
		while (RB_LEFT(next, node))
			next = RB_LEFT(next, node);
	} else {
		next = RB_PARENT(key, node);
		while (next && key == RB_RIGHT(next, node)) {
			key = next;
			next = RB_PARENT(next, node);
		}
	}
	return next && range_holds(range, next) ? next : NULL;
}

uint64_t kv_store_count(const struct kv_store *store, const struct kv_store_range *range)
{
	uint64_t first;
	uint64_t end = subtree_count(RB_ROOT(&store->keys));

	if (range->end.size == 0)
		return key_find(store, range->first) ? 1 : 0;
	lower_bound(store, range->first, &first);
	if (!range_is_open(range))
		lower_bound(store, range->end, &end);
	return end > first ? end - first : 0;
}

uint64_t kv_store_hash(const struct kv_store *store)
{
	uint64_t hash = kv_hash_mix(store->digest, store->revision);

	return kv_hash_mix(hash, subtree_count(RB_ROOT(&store->keys)));
}

void kv_store_verify(const struct kv_store *store)
{
	static const uint8_t zero[1];
	const struct kv_store_range all = {.first = {.data = zero, .size = 1},
					   .end = {.data = zero, .size = 1}};
	uint64_t last_revision = store->writing ? store->write.main : store->revision;
	const struct kv_key *before = NULL;
	uint64_t size = 0;
	uint64_t digest = 0;
	uint32_t count = 0;

	for (const struct kv_key *key = kv_store_first(store, &all); key;
	     key = kv_store_next(&all, key)) {
		const struct kv_version *version = key->newest;

		assert(key->size > 0);
		assert(!before || key_compare(before, key) < 0); /* KS1 */
		assert(key->subtree_count == 1 + subtree_count(RB_LEFT(key, node)) +
						     subtree_count(RB_RIGHT(key, node))); /* KS2 */
		assert(version->create_revision >= 2); /* KS3, and 1 is the empty store */
		assert(version->create_revision <= version->mod_main);
		assert(version->mod_main <= last_revision);
		assert(version->number >= 1);
		assert((version->number == 1) == (version->create_revision == version->mod_main));
		assert(version->digest == version_digest(key, version));
		size += key_charge(key->size, version->value_size);
		digest += version->digest;
		count++;
		before = key;
	}
	assert(count == subtree_count(RB_ROOT(&store->keys)));
	assert(size == store->size);     /* KS4 */
	assert(digest == store->digest); /* KS5 */
}
