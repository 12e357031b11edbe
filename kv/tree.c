/* See kv/tree.h. */
#include <stdint.h>

struct kv_key;
static void key_count_update(struct kv_key *key);
#define RB_AUGMENT(key) key_count_update(key)

#include "kv/tree.h"

static uint32_t live_count(const struct kv_key *key)
{
	return key ? key->live_count : 0;
}

static void key_count_update(struct kv_key *key)
{
	uint32_t count =
		key->live + live_count(RB_LEFT(key, node)) + live_count(RB_RIGHT(key, node));

	key->live_count = count & INT32_MAX;
}

static int key_compare(const struct kv_key *a, const struct kv_key *b)
{
	return kv_bytes_compare(a->bytes, a->size, b->bytes, b->size);
}

/* RB_GENERATE_STATIC needs BSD's __unused, which this libbsd leaves undefined. */
RB_GENERATE_INTERNAL(kv_tree, kv_key, node, key_compare, static __attribute__((unused)))

void kv_tree_init(struct kv_tree *tree)
{
	RB_INIT(tree);
}

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

void kv_tree_insert(struct kv_tree *tree, struct kv_key *key)
{
	key->live_count = key->live;
	const struct kv_key *same = RB_INSERT(kv_tree, tree, key);
	assert(!same);
	counts_update(key);
}

void kv_tree_remove(struct kv_tree *tree, struct kv_key *key)
{
	/* Where a key leaves its place: its own, or that of the successor which takes its place. */
	struct kv_key *above = RB_PARENT(key, node);

	if (RB_LEFT(key, node) && RB_RIGHT(key, node)) {
		struct kv_key *successor = RB_NEXT(kv_tree, tree, key);

		above = RB_PARENT(successor, node);
		if (above == key)
			above = successor;
	}
	RB_REMOVE(kv_tree, tree, key);
	counts_update(above);
}

void kv_tree_live_set(struct kv_key *key, bool live)
{
	key->live = live;
	counts_update(key);
}

struct kv_key *kv_tree_find(const struct kv_tree *tree, struct kv_bytes bytes)
{
	struct kv_key *key = RB_ROOT(tree);

	while (key) {
		int order = kv_bytes_compare(bytes.data, bytes.size, key->bytes, key->size);

		if (order == 0)
			break;
		key = order < 0 ? RB_LEFT(key, node) : RB_RIGHT(key, node);
	}
	return key;
}

struct kv_key *kv_tree_from(const struct kv_tree *tree, struct kv_bytes bytes)
{
	struct kv_key *key = RB_ROOT(tree), *found = NULL;

	while (key) {
		if (kv_bytes_compare(key->bytes, key->size, bytes.data, bytes.size) >= 0) {
			found = key;
			key = RB_LEFT(key, node);
		} else {
			key = RB_RIGHT(key, node);
		}
	}
	return found;
}

struct kv_key *kv_tree_next(struct kv_key *key)
{
	return kv_tree_RB_NEXT(key);
}

struct kv_key *kv_tree_before(const struct kv_tree *tree, struct kv_bytes bytes)
{
	struct kv_key *key = RB_ROOT(tree), *found = NULL;

	while (key) {
		if (kv_bytes_compare(key->bytes, key->size, bytes.data, bytes.size) < 0) {
			found = key;
			key = RB_RIGHT(key, node);
		} else {
			key = RB_LEFT(key, node);
		}
	}
	return found;
}

struct kv_key *kv_tree_last(const struct kv_tree *tree)
{
	struct kv_key *key = RB_ROOT(tree);

	while (key && RB_RIGHT(key, node))
		key = RB_RIGHT(key, node);
	return key;
}

struct kv_key *kv_tree_prev(struct kv_key *key)
{
	return kv_tree_RB_PREV(key);
}

/* Of a tree that has one. */
static struct kv_key *live_first(struct kv_key *key)
{
	while (true) {
		if (live_count(RB_LEFT(key, node)) > 0)
			key = RB_LEFT(key, node);
		else if (key->live)
			return key;
		else
			key = RB_RIGHT(key, node);
	}
}

struct kv_key *kv_tree_live_from(struct kv_key *key)
{
	struct kv_key *below;

	if (!key || key->live)
		return key;
	if (live_count(RB_RIGHT(key, node)) > 0)
		return live_first(RB_RIGHT(key, node));
	for (below = key; (key = RB_PARENT(below, node)); below = key) {
		if (below != RB_LEFT(key, node))
			continue;
		if (key->live)
			return key;
		if (live_count(RB_RIGHT(key, node)) > 0)
			return live_first(RB_RIGHT(key, node));
	}
	return NULL;
}

static struct kv_key *live_last(struct kv_key *key)
{
	while (true) {
		if (live_count(RB_RIGHT(key, node)) > 0)
			key = RB_RIGHT(key, node);
		else if (key->live)
			return key;
		else
			key = RB_LEFT(key, node);
	}
}

struct kv_key *kv_tree_live_to(struct kv_key *key)
{
	struct kv_key *below;

	if (!key || key->live)
		return key;
	if (live_count(RB_LEFT(key, node)) > 0)
		return live_last(RB_LEFT(key, node));
	for (below = key; (key = RB_PARENT(below, node)); below = key) {
		if (below != RB_RIGHT(key, node))
			continue;
		if (key->live)
			return key;
		if (live_count(RB_LEFT(key, node)) > 0)
			return live_last(RB_LEFT(key, node));
	}
	return NULL;
}

uint64_t kv_tree_live_before(const struct kv_tree *tree, struct kv_bytes bytes)
{
	const struct kv_key *key = RB_ROOT(tree);
	uint64_t before = 0;

	while (key) {
		if (kv_bytes_compare(key->bytes, key->size, bytes.data, bytes.size) >= 0) {
			key = RB_LEFT(key, node);
		} else {
			before += key->live + live_count(RB_LEFT(key, node));
			key = RB_RIGHT(key, node);
		}
	}
	return before;
}

uint64_t kv_tree_live_count(const struct kv_tree *tree)
{
	return live_count(RB_ROOT(tree));
}

/* Leaf by leaf, without balancing what is about to go. */
struct kv_key *kv_tree_take(struct kv_tree *tree)
{
	struct kv_key *key = RB_ROOT(tree), *parent;

	if (!key)
		return NULL;
	while (RB_LEFT(key, node) || RB_RIGHT(key, node))
		key = RB_LEFT(key, node) ? RB_LEFT(key, node) : RB_RIGHT(key, node);
	parent = RB_PARENT(key, node);
	if (!parent)
		RB_INIT(tree);
	else if (RB_LEFT(parent, node) == key)
		RB_LEFT(parent, node) = NULL;
	else
		RB_RIGHT(parent, node) = NULL;
	return key;
}

uint64_t kv_tree_verify(const struct kv_tree *tree)
{
	struct kv_key *before = NULL;
	uint64_t count = 0;

	for (struct kv_key *key = kv_tree_from(tree, (struct kv_bytes){0}); key;
	     key = kv_tree_next(key)) {
		assert(key->size > 0);
		assert(!before || key_compare(before, key) < 0); /* KT1 */
		assert(key->live_count == key->live + live_count(RB_LEFT(key, node)) +
						  live_count(RB_RIGHT(key, node))); /* KT2 */
		before = key;
		count++;
	}
	return count;
}
