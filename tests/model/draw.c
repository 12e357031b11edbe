#include "tests/model/draw.h"

#include <assert.h>

#include "base/mix.h"

enum { DEPTH_MAX = 3, KEY_SIZE_MAX = 8 };

uint32_t model_draw_below(struct model_draw *d, uint32_t bound)
{
	return (uint32_t)((mix_next(&d->seed) >> 33) % bound);
}

static bool one_in(struct model_draw *d, uint32_t odds)
{
	return model_draw_below(d, odds) == 0;
}

void model_draw_keys(struct model_draw *d)
{
	/* 12 keys, which sort as they are to; 62; 340. */
	static const uint32_t spaces[][2] = {{3, 2}, {2, 5}, {4, 4}};
	uint32_t i = model_draw_below(d, 3);

	d->letters = spaces[i][0];
	d->key_size_max = spaces[i][1];
}

static struct model_bytes draw_key(struct model_draw *d, struct model_arena *arena)
{
	static const uint8_t letters[] = {'b', 0x00, 0xff, 'a'};
	uint32_t size = 1 + model_draw_below(d, d->key_size_max);
	uint8_t *data = model_alloc(arena, size);

	assert(d->letters <= sizeof(letters));
	for (uint32_t i = 0; i < size; i++)
		data[i] = letters[model_draw_below(d, d->letters)];
	if (one_in(d, 200))
		size = 0;
	return (struct model_bytes){data, size};
}

/* None, everything from the key on, another key before or after it, or its prefix. */
static struct model_bytes draw_end(struct model_draw *d, struct model_bytes key,
				   struct model_arena *arena)
{
	static const uint8_t zero[1];
	uint32_t kind = model_draw_below(d, 10);

	if (kind < 3)
		return (struct model_bytes){0};
	if (kind < 5)
		return (struct model_bytes){zero, 1};
	if (kind < 8 || key.size == 0 || key.data[key.size - 1] == 0xff)
		return draw_key(d, arena);
	uint8_t *data = model_alloc(arena, key.size);
	for (uint32_t i = 0; i < key.size; i++)
		data[i] = key.data[i];
	data[key.size - 1]++;
	return (struct model_bytes){data, key.size};
}

static struct model_bytes draw_value(struct model_draw *d, struct model_arena *arena)
{
	uint32_t size = one_in(d, 20) ? model_draw_below(d, 300) : model_draw_below(d, 3);
	uint8_t *data = model_alloc(arena, size);

	for (uint32_t i = 0; i < size; i++)
		data[i] = (uint8_t)(0x7f + model_draw_below(d, 2));
	return (struct model_bytes){data, size};
}

static int64_t draw_revision(struct model_draw *d, const struct model *m)
{
	uint32_t held = (uint32_t)(m->revision - m->compact_revision);

	switch (model_draw_below(d, 12)) {
	case 0:
		return one_in(d, 3) ? INT64_MIN : -(int64_t)model_draw_below(d, 5);
	case 1:
		return one_in(d, 3) ? INT64_MAX : m->revision + model_draw_below(d, 3);
	case 2:
		return m->compact_revision - 1 + model_draw_below(d, 3);
	case 3:
		return model_draw_below(d, 5);
	case 4:
	case 5:
		return m->revision - model_draw_below(d, 5);
	default:
		return m->compact_revision + model_draw_below(d, held + 1);
	}
}

static int64_t draw_limit(struct model_draw *d)
{
	switch (model_draw_below(d, 10)) {
	case 0:
		return -(int64_t)model_draw_below(d, 4);
	case 1:
		return one_in(d, 2) ? INT64_MAX : 10 + model_draw_below(d, 50);
	case 2:
	case 3:
	case 4:
	case 5:
		return 1 + model_draw_below(d, 5);
	default:
		return 0;
	}
}

static int64_t draw_lease(struct model_draw *d, const struct model *m)
{
	if (!d->with_leases || !one_in(d, 4))
		return 0;
	if (one_in(d, 8))
		return 12345; /* there is none */
	return m->lease_count == 0 ? 0 : m->leases[model_draw_below(d, m->lease_count)];
}

static struct model_request draw_range(struct model_draw *d, const struct model *m,
				       struct model_arena *arena)
{
	struct model_request r = {.kind = MODEL_RANGE, .key = draw_key(d, arena)};

	r.range_end = draw_end(d, r.key, arena);
	r.revision = one_in(d, 2) ? draw_revision(d, m) : 0;
	r.limit = draw_limit(d);
	if (one_in(d, 2)) {
		r.order = (enum model_order)model_draw_below(d, 3);
		r.target = (enum model_target)model_draw_below(d, MODEL_VALUE + 1);
	}
	r.keys_only = one_in(d, 8);
	r.count_only = one_in(d, 8);
	if (one_in(d, 4)) {
		r.mod_min = one_in(d, 3) ? draw_revision(d, m) : 0;
		r.mod_max = one_in(d, 3) ? draw_revision(d, m) : 0;
		r.create_min = one_in(d, 3) ? draw_revision(d, m) : 0;
		r.create_max = one_in(d, 3) ? draw_revision(d, m) : 0;
	}
	return r;
}

static struct model_request draw_put(struct model_draw *d, const struct model *m,
				     struct model_arena *arena)
{
	struct model_request r = {.kind = MODEL_PUT, .key = draw_key(d, arena)};

	r.prev_kv = one_in(d, 3);
	r.ignore_value = one_in(d, 8);
	r.ignore_lease = d->with_leases && one_in(d, 8);
	if (!r.ignore_value || one_in(d, 20))
		r.value = draw_value(d, arena);
	if (!r.ignore_lease || one_in(d, 20))
		r.lease = draw_lease(d, m);
	return r;
}

static struct model_request draw_delete(struct model_draw *d, struct model_arena *arena)
{
	struct model_request r = {.kind = MODEL_DELETE, .key = draw_key(d, arena)};

	r.prev_kv = one_in(d, 3);
	if (one_in(d, 4))
		r.range_end = draw_end(d, r.key, arena);
	if (one_in(d, 40)) {
		static const uint8_t zero[1];

		r.key = r.range_end = (struct model_bytes){zero, 1};
	}
	return r;
}

static struct model_compare draw_compare(struct model_draw *d, const struct model *m,
					 struct model_arena *arena)
{
	struct model_compare c = {
		.result = (enum model_result)model_draw_below(d, MODEL_NOT_EQUAL + 1),
		.target = (enum model_target)(MODEL_VERSION + model_draw_below(d, MODEL_LEASE)),
		.key = draw_key(d, arena),
	};

	if (one_in(d, 4))
		c.range_end = draw_end(d, c.key, arena);
	if (c.target == MODEL_VALUE)
		c.value = draw_value(d, arena);
	else if (c.target == MODEL_LEASE)
		c.number = draw_lease(d, m);
	else if (c.target == MODEL_VERSION || one_in(d, 3))
		c.number = model_draw_below(d, 4);
	else if (m->version_count > 0 && one_in(d, 2))
		c.number = m->versions[model_draw_below(d, m->version_count)].kv.mod;
	else
		c.number = draw_revision(d, m);
	return c;
}

static struct model_request draw_txn(struct model_draw *d, const struct model *m, uint32_t depth,
				     struct model_arena *arena);

static struct model_request draw_op(struct model_draw *d, const struct model *m, uint32_t depth,
				    struct model_arena *arena)
{
	uint32_t kind = model_draw_below(d, 100);

	if (kind < 1 && one_in(d, 4))
		return (struct model_request){.kind = MODEL_EMPTY};
	if (kind < 20 && depth < DEPTH_MAX)
		return draw_txn(d, m, depth + 1, arena);
	if (kind < 40)
		return draw_delete(d, arena);
	if (kind < 65) {
		struct model_request r = draw_range(d, m, arena);

		if (!one_in(d, 4))
			r.revision = 0; /* most see what was done before them */
		return r;
	}
	return draw_put(d, m, arena);
}

/* As many as there may be, or so. */
static uint32_t draw_many(struct model_draw *d)
{
	return MODEL_TXN_OPS_MAX - 2 + model_draw_below(d, 4);
}

static struct model_ops draw_ops(struct model_draw *d, const struct model *m, uint32_t depth,
				 struct model_arena *arena)
{
	bool many = one_in(d, 150);
	struct model_ops ops = {.count = many ? draw_many(d) : model_draw_below(d, 5)};

	ops.op = model_alloc(arena, ops.count * sizeof(*ops.op));
	for (uint32_t i = 0; i < ops.count; i++) {
		if (many && !one_in(d, 50)) {
			ops.op[i] = draw_delete(d, arena);
			ops.op[i].range_end = (struct model_bytes){0};
		} else {
			ops.op[i] = draw_op(d, m, depth, arena);
		}
	}
	return ops;
}

static struct model_request draw_txn(struct model_draw *d, const struct model *m, uint32_t depth,
				     struct model_arena *arena)
{
	struct model_request r = {.kind = MODEL_TXN};

	r.compare_count = one_in(d, 200) ? draw_many(d) : model_draw_below(d, 3);
	r.compares = model_alloc(arena, r.compare_count * sizeof(*r.compares));
	for (uint32_t i = 0; i < r.compare_count; i++)
		r.compares[i] = draw_compare(d, m, arena);
	r.branches[1] = draw_ops(d, m, depth, arena);
	r.branches[0] = draw_ops(d, m, depth, arena);
	return r;
}

/* So that it may be asked, and needs no log. */
static void only_read(struct model_request *r, struct model_draw *d, const struct model *m,
		      struct model_arena *arena)
{
	for (uint32_t i = 0; i < r->compare_count; i++)
		r->compares[i].range_end = (struct model_bytes){0};
	for (int branch = 0; branch < 2; branch++) {
		for (uint32_t i = 0; i < r->branches[branch].count; i++)
			r->branches[branch].op[i] = draw_range(d, m, arena);
	}
}

static bool is_empty(const struct model *m)
{
	for (uint32_t i = 0; i < m->version_count; i++) {
		if (model_lives(&m->versions[i], model_newest()))
			return false;
	}
	return true;
}

/* Of nothing that lives, what compaction left is in a hash (MF10). */
static struct model_request draw_of_nothing(struct model_draw *d, const struct model *m)
{
	struct model_request r = {.kind = MODEL_HASH};

	if (one_in(d, 2)) {
		r.kind = MODEL_COMPACT;
		r.revision = m->revision - model_draw_below(d, 3);
	}
	return r;
}

struct model_request model_draw_request(struct model_draw *d, const struct model *m,
					struct model_arena *arena)
{
	uint32_t kind = model_draw_below(d, 100);
	struct model_request r = {.kind = MODEL_COMPACT};

	if (is_empty(m) && one_in(d, 3))
		return draw_of_nothing(d, m);
	if (kind < 30)
		return draw_put(d, m, arena);
	if (kind < 42)
		return draw_delete(d, arena);
	if (kind < 68 || (kind == 97 && !one_in(d, 3)))
		return draw_range(d, m, arena);
	if (kind < 97) {
		r = draw_txn(d, m, 1, arena);
		if (one_in(d, 6))
			only_read(&r, d, m, arena);
		return r;
	}
	r.revision = draw_revision(d, m);
	if (kind == 98 && one_in(d, 2))
		r.kind = MODEL_HASH;
	if (kind == 99) {
		r.kind = MODEL_HASH;
		r.revision = one_in(d, 2) ? 0 : r.revision;
	}
	return r;
}
