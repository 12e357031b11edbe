/*
 * See kv/render.h.
 *
 * A transaction is gone through once more, by the branches that the verdict has: what was there
 * before an operation is what its own transaction had written up to then, (main, sub). How much
 * that was is counted on the way: a put has written one version, a deletion as many as it found
 * keys.
 */
#include "kv/render.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kv/codec.h"
#include "kv/range.h"
#include "kv/txn_walk.h"

enum {
/* A step renders so many operations, each of about 1 us, or one step of a range. */
#ifdef KV_TEST_TXN_STEP
	STEP_OPERATIONS = KV_TEST_TXN_STEP,
#else
	STEP_OPERATIONS = 128,
#endif
};

struct rendering {
	struct kv_cursors *cursors;
	struct kv_outcome outcome;
	struct kv_request request; /* its bytes are the caller's, or `own` */
	uint8_t *own;
	struct kv_txn_walk walk;
	uint32_t subs; /* versions that were written before the operation at hand */
	bool headed;   /* the answer's header was given */
	bool over;

	/* The operation at hand. */
	bool at_hand, counted, part_headed;
	const struct kv_version *before; /* of a put with prev-kv: it stays, for it is pinned */
	bool ranging;
	struct kv_range range;
	struct kv_answer part;
};

/* Room for one step's bytes: a first thing may be as large as the buffer. */
struct piece {
	uint8_t *out;
	uint32_t used, size, size_max;
};

static uint32_t room(const struct piece *p)
{
	if (p->used == 0)
		return p->size_max;
	return p->used < p->size ? p->size - p->used : 0;
}

/* What the verdict alone tells. */
static struct kv_answer answer_of(const struct kv_outcome *outcome)
{
	return (struct kv_answer){
		.status = outcome->status,
		.operation = outcome->operation,
		.revision = outcome->revision,
		.count = outcome->deleted,
		.applied_index = outcome->applied_index,
	};
}

/* The revision before the command. */
static uint64_t base_of(const struct rendering *r)
{
	return r->outcome.wrote ? r->outcome.revision - 1 : r->outcome.revision;
}

/* What the operation at hand has found. */
static struct kv_revision before(const struct rendering *r)
{
	if (r->subs == 0)
		return kv_revision_of(base_of(r));
	return (struct kv_revision){.main = r->outcome.revision, .sub = r->subs - 1};
}

/* As etcd's: that of the transaction as soon as it has written. */
static uint64_t revision_after(const struct rendering *r, uint64_t written)
{
	return base_of(r) + (r->subs + written > 0);
}

static void operation_begin(struct rendering *r, const struct kv_request *op)
{
	const struct kv_range_options options = kv_range_options_of(op, before(r));

	r->at_hand = true;
	r->counted = r->part_headed = r->ranging = false;
	r->before = NULL;
	r->part = (struct kv_answer){.operation = op->operation, .revision = revision_after(r, 0)};
	if (op->operation == KV_PUT) {
		if (op->flags & KV_PREV_KV)
			r->before = kv_store_find(r->cursors->store, op->key, before(r));
		r->part.revision = revision_after(r, 1);
		r->part.item_count = r->before ? 1 : 0;
		r->subs++;
		return;
	}
	/* What wrote nothing has deleted nothing. */
	r->ranging = op->operation == KV_RANGE || r->outcome.wrote;
	if (r->ranging)
		kv_range_init(&r->range, r->cursors, &options);
}

static void txn_begin(struct rendering *r)
{
	bool held = kv_outcome_branch(&r->outcome, r->walk.txns);

	kv_txn_enter(&r->walk, r->request.txn, held);
	r->at_hand = true;
	r->part_headed = r->ranging = false;
	r->before = NULL;
	r->part = (struct kv_answer){
		.operation = KV_TXN,
		.succeeded = held,
		.item_count = r->walk.level[r->walk.depth - 1].left,
	};
}

/* False: there is no operation any more. */
static bool next(struct rendering *r)
{
	struct kv_request operation;

	if (r->request.operation == KV_DELETE) {
		if (r->headed)
			return false;
		operation_begin(r, &r->request);
		return true;
	}
	switch (kv_txn_next(&r->walk, r->request.txn, &operation)) {
	case KV_TXN_END:
		return false;
	case KV_TXN_OPERATION:
		operation_begin(r, &operation);
		return true;
	case KV_TXN_BEGIN:
		txn_begin(r);
		return true;
	}
	return false;
}

/* The first is the answer's own. False: it does not fit. */
static bool head(struct rendering *r, struct piece *p)
{
	struct kv_answer answer = answer_of(&r->outcome);
	const struct kv_item item = r->before ? kv_version_item(r->before) : (struct kv_item){0};
	size_t size = r->headed ? KV_RESPONSE_HEADER_SIZE : KV_ANSWER_HEADER_SIZE;

	if (size + (r->before ? kv_item_size(&item) : 0) > room(p))
		return false;
	if (r->headed) {
		kv_response_encode_header(&r->part, p->out + p->used);
	} else {
		answer.succeeded = r->part.succeeded;
		answer.item_count = r->part.item_count;
		kv_answer_encode_header(&answer, p->out + p->used);
	}
	p->used += (uint32_t)size;
	if (r->before) {
		kv_item_encode(&item, p->out + p->used);
		p->used += (uint32_t)kv_item_size(&item);
	}
	r->headed = r->part_headed = true;
	return true;
}

/* How many keys, and items, there are. 0, or as kv_range_prepare. */
static int count(struct rendering *r)
{
	int err = kv_range_prepare(&r->range, &r->part);

	if (err)
		return err;
	r->counted = true;
	if (r->part.operation == KV_DELETE) {
		r->part.revision = revision_after(r, r->part.count);
		r->subs += (uint32_t)r->part.count;
	}
	return 0;
}

/* The operation at hand, as far as this step goes. 0: it is done; -EAGAIN: this step is; -EBUSY. */
static int part_step(struct rendering *r, struct piece *p)
{
	if (r->ranging && !r->counted) {
		int err = count(r);

		if (err)
			return err;
	}
	if (!r->part_headed && !head(r, p))
		return -EAGAIN;
	if (r->ranging && r->range.left > 0) {
		uint32_t left = room(p);

		p->used += kv_range_items(&r->range, p->out + p->used,
					  left < p->size ? left : p->size, left);
		if (r->range.left > 0)
			return -EAGAIN;
	}
	if (r->ranging)
		kv_range_destroy(&r->range);
	r->at_hand = r->ranging = false;
	return 0;
}

/* A bounded step: its bytes, or -EBUSY. */
static int step(struct rendering *r, uint8_t *out, uint32_t size_max)
{
	struct piece p = {
		.out = out,
		.size = size_max < KV_PIECE_SIZE ? size_max : KV_PIECE_SIZE,
		.size_max = size_max,
	};

	for (uint32_t i = 0; i < STEP_OPERATIONS; i++) {
		if (!r->at_hand && !next(r)) {
			r->over = true;
			break;
		}
		int err = part_step(r, &p);

		if (err == -EBUSY)
			return err;
		if (err)
			break;
	}
	return (int)p.used;
}

/* What the range at hand points to may go after this step. */
static int settle(struct rendering *r)
{
	if (!r->ranging || r->range.own)
		return 0;
	return kv_range_keep(&r->range) ? -EBUSY : 0;
}

static int rendering_read(struct kv_cursor *cursor, uint8_t *out, uint32_t out_size_max, bool *more)
{
	struct rendering *r = cursor->reader;
	int size;

	assert(out_size_max >= KV_ANSWER_SIZE_MAX);
	size = step(r, out, out_size_max);
	*more = !r->over;
	return settle(r) ? -EBUSY : size;
}

static void rendering_close(void *reader)
{
	struct rendering *r = reader;

	if (r->ranging)
		kv_range_destroy(&r->range);
	free(r->own);
	free(r);
}

static const struct kv_cursor_ops rendering_ops = {rendering_read, rendering_close};

/* The lowest revision that is looked at; that of the store: none is. */
static uint64_t lowest(struct rendering *r)
{
	struct kv_request op;
	enum kv_txn_event event;
	uint64_t revision = r->cursors->store->revision, base = base_of(r);

	if (r->request.operation == KV_DELETE)
		return r->outcome.wrote ? base : revision;
	while ((event = kv_txn_next(&r->walk, r->request.txn, &op)) != KV_TXN_END) {
		uint64_t at = base;

		if (event == KV_TXN_BEGIN) {
			kv_txn_enter(&r->walk, r->request.txn,
				     kv_outcome_branch(&r->outcome, r->walk.txns));
			continue;
		}
		if (op.operation == KV_PUT && !(op.flags & KV_PREV_KV))
			continue;
		if (op.operation == KV_RANGE && (int64_t)op.revision > 0)
			at = op.revision;
		revision = at < revision ? at : revision;
	}
	kv_txn_walk_begin(&r->walk);
	return revision;
}

/* A place for what the first step left; it has bytes of its own. */
static int hold(struct rendering *r, struct kv_bytes command, uint64_t revision,
		struct kv_cursor **rest)
{
	r->own = malloc(command.size);
	if (!r->own || settle(r))
		return -EBUSY;
	memcpy(r->own, command.data, command.size);
	kv_request_decode(&r->request, r->own, command.size);
	*rest = kv_cursor_open(r->cursors, revision, &rendering_ops, r);
	return *rest ? 0 : -EBUSY;
}

static int header(struct kv_answer *answer, enum kv_status status, uint8_t *out)
{
	answer->status = status;
	kv_answer_encode_header(answer, out);
	return KV_ANSWER_HEADER_SIZE;
}

/* What was there before it. */
static int put_render(const struct rendering *r, struct kv_answer *answer, uint8_t *out)
{
	const struct kv_version *version;
	struct kv_item item;

	if (base_of(r) < r->cursors->store->compact_revision)
		return header(answer, KV_ANSWER_GONE, out);
	version = kv_store_find(r->cursors->store, r->request.key, before(r));
	answer->item_count = version ? 1 : 0;
	kv_answer_encode_header(answer, out);
	if (!version)
		return KV_ANSWER_HEADER_SIZE;
	item = kv_version_item(version);
	kv_item_encode(&item, out + KV_ANSWER_HEADER_SIZE);
	return (int)(KV_ANSWER_HEADER_SIZE + kv_item_size(&item));
}

static int pieces_render(const struct rendering *begun, struct kv_bytes command,
			 struct kv_answer *answer, uint8_t *out, uint32_t out_size_max,
			 struct kv_cursor **rest)
{
	struct rendering *r = malloc(sizeof(*r));
	uint64_t revision;
	int size;

	if (!r)
		return -EBUSY;
	*r = *begun;
	kv_txn_walk_begin(&r->walk);
	revision = lowest(r);
	if (revision < r->cursors->store->compact_revision)
		size = header(answer, KV_ANSWER_GONE, out);
	else
		size = step(r, out, out_size_max);
	if (size >= 0 && !r->over && answer->status == KV_OK && hold(r, command, revision, rest))
		size = -EBUSY;
	if (!*rest)
		rendering_close(r);
	return size;
}

/* As far as readers let it. */
static bool is_freed(const struct kv_cursors *cursors)
{
	return kv_store_scrubbed(cursors->store) >= kv_pins_reach(cursors->pins, cursors->store);
}

static int freed_read(struct kv_cursor *cursor, uint8_t *out, uint32_t out_size_max, bool *more)
{
	struct rendering *r = cursor->reader;
	struct kv_answer answer = answer_of(&r->outcome);

	(void)out_size_max;
	*more = !is_freed(r->cursors);
	return *more ? 0 : header(&answer, KV_OK, out);
}

static const struct kv_cursor_ops freed_ops = {freed_read, rendering_close};

/* The word waits until memory was given back; what is compacted meanwhile is not waited for. */
static int freed_render(const struct rendering *begun, struct kv_answer *answer, uint8_t *out,
			struct kv_cursor **rest)
{
	struct rendering *r;

	if (is_freed(begun->cursors))
		return header(answer, KV_OK, out);
	r = malloc(sizeof(*r));
	if (!r)
		return -EBUSY;
	*r = *begun;
	*rest = kv_cursor_open(r->cursors, r->cursors->store->compact_revision, &freed_ops, r);
	if (*rest)
		return 0;
	rendering_close(r);
	return -EBUSY;
}

int kv_render(struct kv_cursors *cursors, struct kv_bytes command, const uint8_t *bytes,
	      uint8_t *out, uint32_t out_size_max, struct kv_cursor **rest)
{
	struct rendering r = {.cursors = cursors};
	struct kv_answer answer;

	assert(out_size_max >= KV_ANSWER_SIZE_MAX);
	*rest = NULL;
	kv_outcome_decode(&r.outcome, bytes);
	answer = answer_of(&r.outcome);
	if (r.outcome.status != KV_OK || r.outcome.operation == KV_PUBLISH ||
	    r.outcome.operation == KV_MARK)
		return header(&answer, r.outcome.status, out);
	if (kv_request_decode(&r.request, command.data, command.size) < 0 ||
	    r.outcome.digest != kv_outcome_digest(command.data, command.size))
		return header(&answer, KV_STALE_SEQUENCE, out);
	if (r.request.operation == KV_PUT && r.request.flags & KV_PREV_KV)
		return put_render(&r, &answer, out);
	if (r.request.operation == KV_TXN ||
	    (r.request.operation == KV_DELETE && r.request.flags & KV_PREV_KV))
		return pieces_render(&r, command, &answer, out, out_size_max, rest);
	if (r.request.operation == KV_COMPACT && r.request.flags & KV_PHYSICAL)
		return freed_render(&r, &answer, out, rest);
	return header(&answer, KV_OK, out);
}
