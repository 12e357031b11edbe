/*
 * The versions of all keys: etcd's model of revisions.
 *
 * A write transaction has one main revision, the store's plus one; the operations in it take sub
 * revisions 0, 1, 2 ... in order. It becomes the store's revision when the transaction ends, and
 * only if something was written: so deleting nothing leaves the revision alone.
 *
 * Every put, and every delete of a key (a tombstone), is one version (kv/version.h), and stays
 * until a compaction. Three structures hold them: the tree of keys (kv/tree.h), each key's history
 * (kv/history.h), and the list of all in order of their revisions.
 *
 * A compaction is a number: from then on nothing before that revision may be asked for. What no
 * later revision shows goes afterwards, in bounded steps (the scrub): along the list, at a version
 * in reach, what is older of its key goes; a tombstone goes too, and with it a key that has nothing
 * newer. That is one version at most, for the one before it was the reach of an earlier step: so a
 * compaction costs as many steps as there were versions since the last. How far the scrub has come
 * is this member's own affair: no hash, answer or snapshot depends on it.
 *
 * Memory: the quota bounds it. Running out of memory within the quota cannot be told to the other
 * members, who go on, so it ends the process (an assertion): the log still has the command.
 *
 * Invariants:
 *  KS1. The list holds exactly the versions of the keys' histories, ascending by (main, sub).
 *  KS2. A key has a version, and its oldest is no tombstone. A tombstone follows no tombstone.
 *  KS3. 2 <= create_revision <= main <= the store's (the open transaction's) revision; number >= 1,
 *       1 exactly if this version created the key, and otherwise one more than the version before,
 *       where that was not scrubbed, with its create_revision.
 *  KS4. `size` is what the allocator gave for keys, versions and histories.
 *  KS5. `digest` is the sum of the digests of the keys' newest versions, without tombstones.
 *  KS6. Neither revision nor compact_revision ever decreases; compact_revision <= revision.
 *  KS7. What is before `unscrubbed` is the oldest version of its key, no tombstone, and not above
 *       the compact revision. So of every key there is what any revision from there on shows.
 *  KS8. `held` is what the scrub would free from `unscrubbed` to `unmeasured`.
 *  KS9. `count` versions are in the list, and `bytes` are in them: a key in each that it has.
 */
#ifndef KV_STORE_H
#define KV_STORE_H

#include "kv/command.h"
#include "kv/kv.h"
#include "kv/tree.h"

enum {
	/*
	 * A step of the scrub: so many versions at about 1 us each, or so many bytes given back.
	 */
	KV_SCRUB_STEP_MAX = 256,
	KV_SCRUB_STEP_SIZE = 1024 * 1024,
};

struct kv_store {
	struct kv_tree keys;
	struct kv_versions versions;
	uint64_t revision;
	uint64_t compact_revision; /* 0: nothing was given up */
	bool compacted;            /* ever, be it at 0, where nothing is */
	uint64_t size;
	uint64_t count, bytes;
	uint64_t digest;
	struct kv_version *unscrubbed, *unmeasured; /* NULL: all were, up to the newest */
	uint64_t held;
	bool writing;             /* a transaction is open ... */
	struct kv_revision write; /* ... and this is its next operation's revision */
};

/* One key (end empty), every key >= first (end is one zero byte), or those in [first, end). */
struct kv_store_range {
	struct kv_bytes first;
	struct kv_bytes end;
};

void kv_store_init(struct kv_store *store);
void kv_store_destroy(struct kv_store *store);

void kv_store_begin(struct kv_store *store);
void kv_store_end(struct kv_store *store);

/* The size that a put would lead to, but for what the allocator rounds up to. */
uint64_t kv_store_size_after(const struct kv_store *store, struct kv_bytes key,
			     struct kv_bytes value);

/* Within a transaction. Copies both. */
void kv_store_put(struct kv_store *store, struct kv_bytes key, struct kv_bytes value,
		  uint64_t lease);

/*
 * Within a transaction: deletes from the start of the range until count_max keys are gone, or
 * values of size_max or more bytes. The number deleted; *done when the range is empty.
 */
uint32_t kv_store_delete(struct kv_store *store, const struct kv_store_range *range,
			 uint32_t count_max, uint64_t size_max, bool *done);

/*
 * A version of a snapshot, in their order; the store's revisions are the snapshot's already. What
 * it may be, whoever loads it has checked. `key` is that of these bytes, NULL: there is none yet.
 */
void kv_store_load(struct kv_store *store, struct kv_key *key, struct kv_bytes key_bytes,
		   const struct kv_version *like, struct kv_bytes value);
/*
 * A bounded step of giving up all that there is; nothing may be asked of it before this was false.
 * True: there is more.
 */
bool kv_store_clear(struct kv_store *store);

/*
 * The key's value as it was after the operation `at`, or (kv_revision_of) after a whole
 * transaction; NULL: it had none. Right for what is not before the compact revision.
 */
const struct kv_version *kv_store_find(const struct kv_store *store, struct kv_bytes key,
				       struct kv_revision at);

/*
 * The first key of the range and the one after; NULL at its end. Any write and any scrub ends a
 * walk; it may go on with the first key of what is left of the range.
 */
const struct kv_key *kv_store_first(const struct kv_store *store,
				    const struct kv_store_range *range);
const struct kv_key *kv_store_next(const struct kv_store_range *range, const struct kv_key *key);

/* The same walk over keys that have a value now, of an open transaction too. */
const struct kv_key *kv_store_first_live(const struct kv_store *store,
					 const struct kv_store_range *range);
const struct kv_key *kv_store_next_live(const struct kv_store_range *range,
					const struct kv_key *key);

/*
 * The same two walks from the end of the range to its start. A walk goes on with the last key of a
 * range that ends behind the one where it stopped.
 */
const struct kv_key *kv_store_last(const struct kv_store *store,
				   const struct kv_store_range *range);
const struct kv_key *kv_store_prev(const struct kv_store_range *range, const struct kv_key *key);
const struct kv_key *kv_store_last_live(const struct kv_store *store,
					const struct kv_store_range *range);
const struct kv_key *kv_store_prev_live(const struct kv_store_range *range,
					const struct kv_key *key);

/* How many keys in the range have a value now: O(log keys), by KT2. */
uint64_t kv_store_count(const struct kv_store *store, const struct kv_store_range *range);

/* What is before `revision` may not be asked for any more: above the last, at most the store's. */
void kv_store_compact(struct kv_store *store, uint64_t revision);
/* Or why not; in etcd's order: what is compacted is told before what is in the future. */
enum kv_status kv_store_compact_try(struct kv_store *store, int64_t revision);
/* The last one's revision; -1: there was none. */
int64_t kv_store_compacted(const struct kv_store *store);

/*
 * A bounded step of freeing what no revision from `target` on shows, which is not above the compact
 * revision. True: there is more.
 */
bool kv_store_scrub(struct kv_store *store, uint64_t target);

/* A bounded step of adding up in `held` what the scrub could free. True: there is more. */
bool kv_store_measure(struct kv_store *store);

/* With this as its target the scrub frees nothing more. */
uint64_t kv_store_scrubbed(const struct kv_store *store);

uint64_t kv_store_hash(const struct kv_store *store);
/* As sm_ops.damage. */
bool kv_store_damage(struct kv_store *store, uint8_t bits);

/* Recomputes what the invariants state; asserts. For tests: it walks the whole store. */
void kv_store_verify(const struct kv_store *store);

#endif
