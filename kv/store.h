/*
 * The keys, in byte order, and what each one holds: etcd's model of revisions.
 *
 * A write transaction has one main revision, the store's plus one; the operations in it take sub
 * revisions 0, 1, 2 ... in order. It becomes the store's revision when the transaction ends, and
 * only if something was written: so deleting nothing leaves the revision alone.
 *
 * A key points to its newest version. A version is one allocation that is never changed after it
 * was written, and it knows its whole revision. One that is overwritten or deleted goes, unless a
 * reader of an older revision still needs it (kv/pins.h).
 *
 * Memory: the quota bounds it. Running out of memory within the quota cannot be told to the other
 * members, who go on, so it ends the process (an assertion): the log still has the command. Giving
 * memory back to the kernel in one go is what makes a step long: 19 ms after a delete of 300 values
 * of 1.5 MiB, 0.15 ms when the process has told glibc not to (M_TRIM_THRESHOLD, M_MMAP_THRESHOLD).
 *
 * Invariants:
 *  KS1. Keys are unique, not empty, in strictly ascending byte order.
 *  KS2. subtree_count of a key is the number of keys in the tree below and including it.
 *  KS3. 2 <= create_revision <= mod revision <= the store's (the open transaction's) revision;
 *       version >= 1, and it is 1 exactly if the newest version created the key.
 *  KS4. `size` is the sum of key size + value size + KV_KEY_OVERHEAD, and a put never takes it over
 *       the quota.
 *  KS5. `digest` is the sum of the digests of all newest versions.
 *  KS6. The revision never decreases.
 */
#ifndef KV_STORE_H
#define KV_STORE_H

#include <assert.h>
#include <bsd/sys/tree.h>
#include <string.h>

#include "kv/command.h"
#include "kv/kv.h"

struct kv_store_revision {
	uint64_t main;
	uint32_t sub;
};

struct kv_version {
	uint64_t mod_main; /* the revision that wrote it */
	uint32_t mod_sub;
	uint32_t value_size;
	uint64_t create_revision;
	uint64_t number; /* of this version: 1 is the put that created the key */
	uint64_t lease;
	uint64_t digest;
	uint8_t value[];
};

struct kv_key {
	RB_ENTRY(kv_key) node;
	struct kv_version *newest;
	uint32_t subtree_count;
	uint32_t size;
	uint8_t bytes[];
};

static_assert(sizeof(struct kv_version) + sizeof(struct kv_key) + 2 * 16 <= KV_KEY_OVERHEAD,
	      "a key is charged what it costs, with malloc's header and rounding for both parts");

RB_HEAD(kv_tree, kv_key);

struct kv_pins;

struct kv_store {
	struct kv_tree keys;
	struct kv_pins *pins; /* what readers of older revisions still need */
	uint64_t revision;
	uint64_t size;
	uint64_t digest;
	bool writing;                   /* a transaction is open ... */
	struct kv_store_revision write; /* ... and this is its next operation's revision */
};

/* One key (end empty), every key >= first (end is one zero byte), or those in [first, end). */
struct kv_store_range {
	struct kv_bytes first;
	struct kv_bytes end;
};

/* Byte order, the shorter one first. */
static inline int kv_bytes_compare(const uint8_t *a, uint32_t a_size, const uint8_t *b,
				   uint32_t b_size)
{
	uint32_t common = a_size < b_size ? a_size : b_size;
	int order = common == 0 ? 0 : memcmp(a, b, common);

	if (order != 0)
		return order;
	return (a_size > b_size) - (a_size < b_size);
}

void kv_store_init(struct kv_store *store, struct kv_pins *pins);
void kv_store_destroy(struct kv_store *store);

void kv_store_begin(struct kv_store *store);
void kv_store_end(struct kv_store *store);

/* The size that a put would lead to. */
uint64_t kv_store_size_after(const struct kv_store *store, struct kv_bytes key,
			     struct kv_bytes value);

/* Within a transaction. Copies both. */
void kv_store_put(struct kv_store *store, struct kv_bytes key, struct kv_bytes value,
		  uint64_t lease);

/*
 * Within a transaction: deletes from the start of the range until count_max keys are gone, or
 * size_max or more bytes. The number deleted; *done when the range is empty.
 */
uint32_t kv_store_delete(struct kv_store *store, const struct kv_store_range *range,
			 uint32_t count_max, uint64_t size_max, bool *done);

/*
 * The first key of the range and the one after; NULL at its end. Any write ends a walk; it may go
 * on with the first key of what is left of the range.
 */
const struct kv_key *kv_store_first(const struct kv_store *store,
				    const struct kv_store_range *range);
const struct kv_key *kv_store_next(const struct kv_store_range *range, const struct kv_key *key);

/* How many keys are in the range: O(log keys), by KS2. */
uint64_t kv_store_count(const struct kv_store *store, const struct kv_store_range *range);

uint64_t kv_store_hash(const struct kv_store *store);

/* Recomputes what the invariants state; asserts. For tests: it walks the whole store. */
void kv_store_verify(const struct kv_store *store);

#endif
