/*
 * Ranges: the values of a range of keys at one revision, as etcd has them, in pieces that are one
 * answer when joined.
 *
 * A range is answered in phases, all of them in bounded steps whatever its size and history is. The
 * header has how many items follow, so first what is not known of that is counted; what is not in
 * order of keys is gathered and sorted; then the items are written. Of the newest revision in order
 * of keys nothing has to be counted or gathered.
 */
#ifndef KV_RANGE_H
#define KV_RANGE_H

#include "kv/cursor.h"
#include "kv/sort.h"

enum {
/* A step looks at so many keys: 0.2 us to 1 us each, as memory is near or far. */
#ifdef KV_TEST_RANGE_STEP
	KV_RANGE_STEP_MAX = KV_TEST_RANGE_STEP,
#else
	KV_RANGE_STEP_MAX = 512,
#endif
	/* To put one of millions in its order costs as much as to look at so many keys. */
	KV_RANGE_SORT_COST = 4,
};

struct kv_range_options {
	struct kv_store_range range;
	struct kv_revision at; /* not before the compact revision */
	uint64_t limit;        /* of items; 0: none */
	/* Of each item; 0: any; below 0: above all there are, or below. */
	int64_t min_mod_revision, max_mod_revision;
	int64_t min_create_revision, max_create_revision;
	enum kv_order order;
	enum kv_target target; /* of the order */
	bool keys_only, count_only;
};

enum kv_range_phase { KV_RANGE_COUNT, KV_RANGE_GATHER, KV_RANGE_SORT, KV_RANGE_ITEMS };

struct kv_range {
	const struct kv_store *store;
	struct kv_range_options options; /* its bytes are the caller's, or in `own` */
	enum kv_range_phase phase;
	bool counted;         /* `count` was known at once */
	bool begun;           /* the walk of this phase: it goes on at `next` */
	bool full;            /* the next item did not fit */
	struct kv_bytes next; /* in `own` */
	uint64_t count;       /* keys in the range */
	uint64_t matches;     /* of these, what the options let through, as far as it matters */
	uint64_t gathered;    /* of these, for sorting */
	uint64_t left;        /* items that are still to be written */
	uint64_t sorted;      /* of `sort`, written */
	struct kv_sort sort;
	uint64_t *sort_size; /* of all ranges' sorts, in bytes */
	uint64_t sort_size_max;
	uint8_t *own;
};

/*
 * Of a range, or of a deletion as if it were one. etcd's numbers are signed: a revision below 0 is
 * the newest, too, which is `newest` here; a limit below 0 is none.
 */
struct kv_range_options kv_range_options_of(const struct kv_request *request,
					    struct kv_revision newest);
/* Nothing is copied: good for the calls up to the first one after which the options are gone. */
void kv_range_init(struct kv_range *r, struct kv_cursors *cursors,
		   const struct kv_range_options *options);
/* Takes copies of what the options point to. 0 or -ENOMEM. */
int kv_range_keep(struct kv_range *r);
void kv_range_destroy(struct kv_range *r);

/*
 * A bounded step up to the items. 0: count, item_count and more of *answer are set, and the items
 * may follow; -EAGAIN: call again; -EBUSY: there is no room to sort in.
 */
int kv_range_prepare(struct kv_range *r, struct kv_answer *answer);

/*
 * A bounded step of items: their bytes. At most piece_size, but a first one may be as large as
 * size_max. All are written when `left` is 0.
 */
uint32_t kv_range_items(struct kv_range *r, uint8_t *out, uint32_t piece_size, uint32_t size_max);

/*
 * A query's answer, or its first piece: its bytes. With a `rest` that is not NULL a piece is at
 * most KV_PIECE_SIZE or one item, and *rest holds what follows; NULL: nothing does. 0 bytes and a
 * rest: a bounded step was done. -EBUSY: every place is taken, or there is no room to sort in.
 * Without one, -EMSGSIZE if not all of it fits.
 */
int kv_range_query(struct kv_cursors *cursors, const struct kv_request *request, uint8_t *out,
		   uint32_t out_size_max, struct kv_cursor **rest);

#endif
