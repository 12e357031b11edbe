/*
 * What etcd's key-value API answers: too slow and too simple to be wrong. Written from etcd 3.4's
 * semantics, and shares nothing with kv/. etcd_differential.c compares it with a real etcd.
 *
 * All versions ever written stand in one array, in the order of their revisions. Each knows when it
 * was written and when the next version of its key was, so the state at any revision is those that
 * live then: every read looks at every version.
 *
 * Facts that one would not guess, of etcd 3.4.23; etcd_differential is red without any of them:
 *  MF1. A range's count is that of all keys in the range: limit and min/max revisions do not count.
 *  MF2. Another sort target than the key, with no order, ascends. But only limit + 1 keys in the
 *       order of keys were read for it, unless there is a min/max revision: these are not the first
 *       by the target.
 *  MF3. A range's negative revision is the newest one; in a transaction it is compared with what is
 *       compacted, which is -1 in the beginning. Future is told before compacted.
 *  MF4. Compaction at 0 succeeds once. At a negative revision it is compacted.
 *  MF5. A put of an unknown lease that ignores the value of no key: alone the lease is missing, in
 *       a transaction the key is.
 *  MF6. Only the operations that will run are checked against the state, puts before ranges.
 *  MF7. A deletion of a range up to "\0" overlaps no put in the check for duplicates. So both run,
 *       in order, and a put that ignores the value of what was deleted before it makes etcd panic.
 *  MF8. A deletion in a nested transaction overlaps the puts of the level above and of the nested
 *       transactions after it, not those of the ones before it.
 *  MF9. A nested transaction's header is empty: its revision is 0.
 *  MF10. HashKV leaves out what is compacted and overwritten at the hash's own revision, unless
 *       nothing lives at it: then all that compaction left is in it. At the compacted revision
 *       itself it is refused, and a negative one hashes nothing.
 *  MF11. A compaction takes a tombstone at its own revision with it.
 *  MF12. A comparison without its value compares with 0 or nothing.
 */
#ifndef TESTS_MODEL_MODEL_H
#define TESTS_MODEL_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	MODEL_TXN_OPS_MAX = 128, /* of comparisons, or of operations, as --max-txn-ops is */
};

enum model_error {
	MODEL_OK,
	MODEL_KEY_EMPTY,
	MODEL_KEY_NOT_FOUND,
	MODEL_VALUE_PROVIDED,
	MODEL_LEASE_PROVIDED,
	MODEL_LEASE_NOT_FOUND,
	MODEL_DUPLICATE_KEY,
	MODEL_TOO_MANY_OPS,
	MODEL_COMPACTED,
	MODEL_FUTURE_REVISION,
	MODEL_PANIC, /* etcd dies of it (MF7); nothing was changed */
};

/* What etcd says to clients. */
const char *model_error_text(enum model_error error);

/* Never freed one by one. */
struct model_arena {
	struct model_block *blocks;
};

/* Zeroed. */
void *model_alloc(struct model_arena *arena, size_t size);
void model_arena_free(struct model_arena *arena);

struct model_bytes {
	const uint8_t *data;
	uint32_t size;
};

enum model_order { MODEL_NONE, MODEL_ASCEND, MODEL_DESCEND };

/* Of a sort and of a comparison. */
enum model_target {
	MODEL_KEY, /* sorts only */
	MODEL_VERSION,
	MODEL_CREATE,
	MODEL_MOD,
	MODEL_VALUE,
	MODEL_LEASE, /* comparisons only */
};

enum model_result { MODEL_EQUAL, MODEL_GREATER, MODEL_LESS, MODEL_NOT_EQUAL };

enum model_kind {
	MODEL_EMPTY, /* in a transaction: an operation that says nothing */
	MODEL_RANGE,
	MODEL_PUT,
	MODEL_DELETE,
	MODEL_TXN,
	MODEL_COMPACT, /* this and what follows: not in a transaction */
	MODEL_HASH,
};

struct model_compare {
	enum model_result result;
	enum model_target target;
	struct model_bytes key, range_end;
	int64_t number;
	struct model_bytes value;
};

struct model_request;

struct model_ops {
	struct model_request *op;
	uint32_t count;
};

/* Fields that its kind does not have are zero. */
struct model_request {
	enum model_kind kind;
	struct model_bytes key, range_end, value;
	int64_t revision; /* of a range, a compaction, a hash */
	int64_t limit;
	enum model_order order;
	enum model_target target;
	bool keys_only, count_only;
	int64_t mod_min, mod_max, create_min, create_max;
	bool prev_kv, ignore_value, ignore_lease;
	int64_t lease;
	struct model_compare *compares;
	uint32_t compare_count;
	struct model_ops branches[2]; /* if the comparisons fail, if they succeed */
};

struct model_kv {
	struct model_bytes key, value;
	int64_t create, mod, number, lease;
};

struct model_answer {
	enum model_kind kind;
	enum model_error error; /* then nothing else is said */
	int64_t revision;       /* of the header */
	struct model_kv *kvs;   /* of a range; what was there before a put or a deletion */
	uint32_t kv_count;
	/* Of a range, what was sorted: kvs without the limit. */
	struct model_kv *sorted;
	uint32_t sorted_count;
	bool more;
	int64_t count; /* in the range, or deleted */
	bool succeeded;
	struct model_answer *responses;
	uint32_t response_count;
	uint32_t hash;
	int64_t compact_revision;
};

struct model_revision {
	int64_t main, sub;
};

struct model_version {
	struct model_kv kv;
	struct model_revision born;
	struct model_revision died; /* when the key's next version was born; main 0: it lives */
	bool tombstone;
};

struct model {
	struct model_version *versions;
	uint32_t version_count, version_max;
	int64_t revision;
	int64_t compact_revision;
	int64_t write_sub;     /* how many versions the open write has written */
	const int64_t *leases; /* that exist; the caller's */
	uint32_t lease_count;
	struct model_arena arena; /* what was written */
};

void model_init(struct model *m, const int64_t *leases, uint32_t lease_count);
void model_destroy(struct model *m);

/* Any request, from outside. What the answer points to is in the arena or in the model. */
struct model_answer model_do(struct model *m, const struct model_request *request,
			     struct model_arena *arena);

int model_bytes_order(struct model_bytes a, struct model_bytes b);
bool model_in_range(struct model_bytes key, struct model_bytes first, struct model_bytes end);
/* By a sort's target. */
int model_kv_order(const struct model_kv *a, const struct model_kv *b, enum model_target target);

/*
 * What is below is for the model's own files.
 */

/* With all that its transaction wrote. */
struct model_revision model_end_of(int64_t main);
/* With what an open write has written so far. */
struct model_revision model_newest(void);
bool model_lives(const struct model_version *v, struct model_revision at);
/* What lives in a range at a revision, by key. */
struct model_kv *model_state(const struct model *m, struct model_bytes first,
			     struct model_bytes end, struct model_revision at,
			     struct model_arena *arena, uint32_t *count);

void model_begin(struct model *m);
void model_end(struct model *m);
void model_abort(struct model *m);
bool model_lease_known(const struct model *m, int64_t lease);

struct model_answer model_range(const struct model *m, const struct model_request *r,
				struct model_arena *arena);
/* Within a write. */
struct model_answer model_put(struct model *m, const struct model_request *r,
			      struct model_arena *arena);
struct model_answer model_delete(struct model *m, const struct model_request *r,
				 struct model_arena *arena);

/* What can be told from a request alone, of which an operation may have ops_max operations. */
enum model_error model_check(const struct model_request *r, uint32_t ops_max);
struct model_answer model_txn(struct model *m, const struct model_request *r,
			      struct model_arena *arena);
struct model_answer model_hash(const struct model *m, const struct model_request *r);

#endif
