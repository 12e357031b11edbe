/* See kv/range.h. */
#include "kv/range.h"

#include <errno.h>
#include <stdlib.h>

#include "kv/codec.h"

static bool has_filters(const struct kv_range_options *o)
{
	return o->min_mod_revision || o->max_mod_revision || o->min_create_revision ||
	       o->max_create_revision;
}

/* In the order of keys no sorting is needed, whichever way. */
static bool is_sorted(const struct kv_range_options *o)
{
	return !o->count_only && o->target != KV_TARGET_KEY;
}

static bool is_down(const struct kv_range_options *o)
{
	return o->target == KV_TARGET_KEY && o->order == KV_ORDER_DESCEND;
}

/*
 * etcd asks its index for one key more than the limit where no order was asked for, though a target
 * of one was, and sorts those: not the first of all, but the first ones in order.
 */
static bool is_cut_before_order(const struct kv_range_options *o)
{
	return is_sorted(o) && o->order == KV_ORDER_NONE && o->limit && !has_filters(o);
}

/* Nothing was written since: what is alive is what the revision shows. */
static bool is_now(const struct kv_range *r)
{
	return !r->store->writing && r->options.at.main >= r->store->revision &&
	       r->options.at.sub == UINT32_MAX;
}

struct kv_range_options kv_range_options_of(const struct kv_request *request,
					    struct kv_revision newest)
{
	const bool named = (int64_t)request->revision > 0, limited = (int64_t)request->limit > 0;

	return (struct kv_range_options){
		.range = {.first = request->key, .end = request->range_end},
		.at = named ? kv_revision_of(request->revision) : newest,
		.limit = limited ? request->limit : 0,
		.min_mod_revision = (int64_t)request->min_mod_revision,
		.max_mod_revision = (int64_t)request->max_mod_revision,
		.min_create_revision = (int64_t)request->min_create_revision,
		.max_create_revision = (int64_t)request->max_create_revision,
		.order = request->order,
		.target = request->target,
		.keys_only = request->flags & KV_KEYS_ONLY,
		.count_only = request->operation == KV_DELETE
				      ? !(request->flags & KV_PREV_KV)
				      : (request->flags & KV_COUNT_ONLY) != 0,
	};
}

void kv_range_init(struct kv_range *r, struct kv_cursors *cursors,
		   const struct kv_range_options *options)
{
	*r = (struct kv_range){
		.store = cursors->store,
		.options = *options,
		.sort_size = &cursors->sort_size,
		.sort_size_max = cursors->pins->size_max,
	};
	r->counted = is_now(r);
	if (r->counted)
		r->count = kv_store_count(r->store, &options->range);
}

int kv_range_keep(struct kv_range *r)
{
	struct kv_store_range *range = &r->options.range;
	size_t next_size = KV_KEY_SIZE_MAX + 1;
	uint8_t *at;

	assert(!r->own);
	/* Pages that no key reaches are never touched. */
	r->own = malloc(next_size + range->first.size + range->end.size);
	if (!r->own)
		return -ENOMEM;
	at = kv_bytes_put(r->own, r->next);
	*at = 0;
	r->next.data = r->own;
	at = kv_bytes_put(r->own + next_size, range->first);
	range->first.data = r->own + next_size;
	kv_bytes_put(at, range->end);
	range->end.data = at;
	return 0;
}

void kv_range_destroy(struct kv_range *r)
{
	if (r->sort.item)
		*r->sort_size -= r->sort.room * sizeof(r->sort.item[0]);
	kv_sort_destroy(&r->sort);
	free(r->own);
}

/* The first key of the walk, or the one at which it stopped. */
static const struct kv_key *walk_first(struct kv_range *r)
{
	struct kv_store_range left = r->options.range;
	bool now = is_now(r);

	assert(!r->begun || r->own);
	if (is_down(&r->options)) {
		if (r->begun && left.end.size > 0)
			left.end = (struct kv_bytes){r->next.data, r->next.size + 1};
		return now ? kv_store_last_live(r->store, &left) : kv_store_last(r->store, &left);
	}
	if (r->begun)
		left.first = r->next;
	return now ? kv_store_first_live(r->store, &left) : kv_store_first(r->store, &left);
}

static const struct kv_key *walk_next(const struct kv_range *r, const struct kv_key *key)
{
	const struct kv_store_range *range = &r->options.range;

	if (is_down(&r->options))
		return is_now(r) ? kv_store_prev_live(range, key) : kv_store_prev(range, key);
	return is_now(r) ? kv_store_next_live(range, key) : kv_store_next(range, key);
}

/* In `own`, or in the tree until kv_range_keep. */
static void walk_stop(struct kv_range *r, const struct kv_key *key)
{
	r->begun = true;
	r->next = kv_key_bytes(key);
	if (r->own) {
		*kv_bytes_put(r->own, r->next) = 0;
		r->next.data = r->own;
	}
}

static const struct kv_version *version_of(const struct kv_range *r, const struct kv_key *key)
{
	return is_now(r) ? kv_key_newest(key) : kv_key_find(key, r->options.at);
}

static bool is_within(uint64_t revision, int64_t min, int64_t max)
{
	return (int64_t)revision >= min && (max == 0 || (int64_t)revision <= max);
}

static bool matches(const struct kv_range_options *o, const struct kv_version *version)
{
	return is_within(version->main, o->min_mod_revision, o->max_mod_revision) &&
	       is_within(version->create_revision, o->min_create_revision, o->max_create_revision);
}

/* Without this no item's number is known, or the count is not. */
static bool needs_count(const struct kv_range *r)
{
	return !r->counted || (!r->options.count_only && has_filters(&r->options));
}

/* Enough is known for a limit that cuts what is in order of keys. */
static bool is_counted(const struct kv_range *r)
{
	return r->counted && !is_sorted(&r->options) && r->options.limit &&
	       r->matches > r->options.limit;
}

/* False: the step's work is done, and there is more. */
static bool count(struct kv_range *r, uint32_t *work)
{
	const struct kv_key *key;

	if (!needs_count(r)) {
		r->matches = r->count;
		return true;
	}
	for (key = walk_first(r); key && !is_counted(r); key = walk_next(r, key)) {
		const struct kv_version *version = version_of(r, key);

		if (!*work) {
			walk_stop(r, key);
			return false;
		}
		--*work;
		if (!version)
			continue;
		r->count += !r->counted;
		r->matches += matches(&r->options, version);
	}
	return true;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t item_count(const struct kv_range *r)
{
	const struct kv_range_options *o = &r->options;

	if (o->count_only)
		return 0;
	return o->limit ? least(o->limit, r->matches) : r->matches;
}

static int gather_begin(struct kv_range *r)
{
	const struct kv_range_options *o = &r->options;
	uint64_t room = item_count(r), size = room * sizeof(r->sort.item[0]);

	if (size > r->sort_size_max - *r->sort_size)
		return -EBUSY;
	if (kv_sort_init(&r->sort, room, o->target, o->order == KV_ORDER_DESCEND))
		return -EBUSY;
	if (r->sort.item)
		*r->sort_size += size;
	return 0;
}

static bool gather(struct kv_range *r, uint32_t *work)
{
	const struct kv_range_options *o = &r->options;
	uint64_t left = is_cut_before_order(o) ? o->limit + 1 : UINT64_MAX;
	const struct kv_key *key;

	left -= r->gathered;
	for (key = walk_first(r); key && left > 0; key = walk_next(r, key)) {
		const struct kv_version *version = version_of(r, key);

		if (!*work) {
			walk_stop(r, key);
			return false;
		}
		--*work;
		if (!version || !matches(o, version))
			continue;
		kv_sort_add(&r->sort, version);
		r->gathered++;
		left--;
	}
	return true;
}

static bool sort(struct kv_range *r, uint32_t *work)
{
	while (*work && kv_sort_step(&r->sort))
		*work -= *work < KV_RANGE_SORT_COST ? *work : KV_RANGE_SORT_COST;
	return *work;
}

static void phase_set(struct kv_range *r, enum kv_range_phase phase)
{
	r->phase = phase;
	r->begun = false;
}

int kv_range_prepare(struct kv_range *r, struct kv_answer *answer)
{
	uint32_t work = KV_RANGE_STEP_MAX;
	int err;

	if (r->phase == KV_RANGE_COUNT) {
		if (!count(r, &work))
			return -EAGAIN;
		phase_set(r, is_sorted(&r->options) ? KV_RANGE_GATHER : KV_RANGE_ITEMS);
		err = is_sorted(&r->options) ? gather_begin(r) : 0;
		if (err)
			return err;
	}
	if (r->phase == KV_RANGE_GATHER) {
		if (!gather(r, &work))
			return -EAGAIN;
		phase_set(r, KV_RANGE_SORT);
	}
	if (r->phase == KV_RANGE_SORT) {
		if (!sort(r, &work))
			return -EAGAIN;
		phase_set(r, KV_RANGE_ITEMS);
	}
	r->left = item_count(r);
	assert(r->left <= UINT32_MAX);
	answer->count = r->count;
	answer->item_count = (uint32_t)r->left;
	answer->more = !r->options.count_only && r->left < r->matches;
	return 0;
}

/* False: it does not fit. */
static bool put_item(struct kv_range *r, const struct kv_version *version, uint8_t *out,
		     uint32_t *used, uint32_t room)
{
	struct kv_item item = kv_version_item(version);
	size_t size;

	item.value.size = r->options.keys_only ? 0 : item.value.size;
	size = kv_item_size(&item);

	r->full = size > room;
	if (r->full)
		return false;
	kv_item_encode(&item, out + *used);
	*used += (uint32_t)size;
	r->left--;
	return true;
}

/* An item that is larger than a piece should be is a piece of its own. */
static uint32_t room_of(uint32_t used, uint32_t piece_size, uint32_t size_max)
{
	if (used == 0)
		return size_max;
	return used < piece_size ? piece_size - used : 0;
}

static uint32_t sorted_items(struct kv_range *r, uint8_t *out, uint32_t piece_size,
			     uint32_t size_max)
{
	uint32_t used = 0;

	for (int i = 0; r->left > 0 && i < KV_RANGE_STEP_MAX; i++) {
		if (!put_item(r, r->sort.item[r->sorted].version, out, &used,
			      room_of(used, piece_size, size_max)))
			break;
		r->sorted++;
	}
	return used;
}

uint32_t kv_range_items(struct kv_range *r, uint8_t *out, uint32_t piece_size, uint32_t size_max)
{
	const struct kv_version *version;
	const struct kv_key *key;
	uint32_t used = 0;

	assert(r->phase == KV_RANGE_ITEMS);
	if (is_sorted(&r->options))
		return sorted_items(r, out, piece_size, size_max);
	if (r->left == 0)
		return 0;
	key = walk_first(r);
	for (int i = 0; i < KV_RANGE_STEP_MAX; i++) {
		assert(key); /* what is owed is there: its revision is pinned */
		version = version_of(r, key);
		if (version && matches(&r->options, version) &&
		    !put_item(r, version, out, &used, room_of(used, piece_size, size_max)))
			break;
		if (r->left == 0)
			return used;
		key = walk_next(r, key);
	}
	assert(key);
	walk_stop(r, key);
	return used;
}
