#include "tests/model/model.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct model_block {
	struct model_block *next;
	uint8_t data[];
};

void *model_alloc(struct model_arena *arena, size_t size)
{
	struct model_block *block = calloc(1, sizeof(*block) + size + 1);

	assert(block != NULL);
	block->next = arena->blocks;
	arena->blocks = block;
	return block->data;
}

void model_arena_free(struct model_arena *arena)
{
	while (arena->blocks != NULL) {
		struct model_block *next = arena->blocks->next;

		free(arena->blocks);
		arena->blocks = next;
	}
}

const char *model_error_text(enum model_error error)
{
	switch (error) {
	case MODEL_OK:
		return "";
	case MODEL_KEY_EMPTY:
		return "etcdserver: key is not provided";
	case MODEL_KEY_NOT_FOUND:
		return "etcdserver: key not found";
	case MODEL_VALUE_PROVIDED:
		return "etcdserver: value is provided";
	case MODEL_LEASE_PROVIDED:
		return "etcdserver: lease is provided";
	case MODEL_LEASE_NOT_FOUND:
		return "etcdserver: requested lease not found";
	case MODEL_DUPLICATE_KEY:
		return "etcdserver: duplicate key given in txn request";
	case MODEL_TOO_MANY_OPS:
		return "etcdserver: too many operations in txn request";
	case MODEL_COMPACTED:
		return "etcdserver: mvcc: required revision has been compacted";
	case MODEL_FUTURE_REVISION:
		return "etcdserver: mvcc: required revision is a future revision";
	case MODEL_PANIC:
		return "(panic)";
	}
	return "?";
}

int model_bytes_order(struct model_bytes a, struct model_bytes b)
{
	for (uint32_t i = 0; i < a.size && i < b.size; i++) {
		if (a.data[i] != b.data[i])
			return a.data[i] < b.data[i] ? -1 : 1;
	}
	return a.size == b.size ? 0 : (a.size < b.size ? -1 : 1);
}

bool model_in_range(struct model_bytes key, struct model_bytes first, struct model_bytes end)
{
	if (end.size == 0)
		return model_bytes_order(key, first) == 0;
	if (model_bytes_order(key, first) < 0)
		return false;
	return (end.size == 1 && end.data[0] == 0) || model_bytes_order(key, end) < 0;
}

void model_init(struct model *m, const int64_t *leases, uint32_t lease_count)
{
	*m = (struct model){.revision = 1,
			    .compact_revision = -1,
			    .leases = leases,
			    .lease_count = lease_count};
}

void model_destroy(struct model *m)
{
	free(m->versions);
	model_arena_free(&m->arena);
}

static bool not_after(struct model_revision a, struct model_revision b)
{
	return a.main < b.main || (a.main == b.main && a.sub <= b.sub);
}

struct model_revision model_end_of(int64_t main)
{
	return (struct model_revision){main, INT64_MAX};
}

struct model_revision model_newest(void)
{
	return model_end_of(INT64_MAX);
}

bool model_lives(const struct model_version *v, struct model_revision at)
{
	bool died = v->died.main != 0 && not_after(v->died, at);

	return !v->tombstone && not_after(v->born, at) && !died;
}

static int by_key(const void *a, const void *b)
{
	const struct model_kv *one = a, *other = b;

	return model_bytes_order(one->key, other->key);
}

struct model_kv *model_state(const struct model *m, struct model_bytes first,
			     struct model_bytes end, struct model_revision at,
			     struct model_arena *arena, uint32_t *count)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < m->version_count; i++) {
		const struct model_version *v = &m->versions[i];

		n += model_lives(v, at) && model_in_range(v->kv.key, first, end);
	}
	struct model_kv *kvs = model_alloc(arena, n * sizeof(*kvs));
	*count = 0;
	for (uint32_t i = 0; i < m->version_count; i++) {
		const struct model_version *v = &m->versions[i];

		if (model_lives(v, at) && model_in_range(v->kv.key, first, end))
			kvs[(*count)++] = v->kv;
	}
	qsort(kvs, n, sizeof(*kvs), by_key);
	return kvs;
}

bool model_lease_known(const struct model *m, int64_t lease)
{
	for (uint32_t i = 0; i < m->lease_count; i++) {
		if (m->leases[i] == lease)
			return true;
	}
	return false;
}

void model_begin(struct model *m)
{
	m->write_sub = 0;
}

void model_end(struct model *m)
{
	m->revision += m->write_sub > 0;
	m->write_sub = 0;
}

void model_abort(struct model *m)
{
	m->version_count -= (uint32_t)m->write_sub;
	m->write_sub = 0;
	for (uint32_t i = 0; i < m->version_count; i++) {
		if (m->versions[i].died.main == m->revision + 1)
			m->versions[i].died.main = 0;
	}
}

/* What a reader within the open write sees as the newest revision. */
static int64_t revision_seen(const struct model *m)
{
	return m->revision + (m->write_sub > 0);
}

static struct model_bytes copy(struct model *m, struct model_bytes bytes)
{
	uint8_t *data = model_alloc(&m->arena, bytes.size);

	if (bytes.size > 0)
		memcpy(data, bytes.data, bytes.size);
	return (struct model_bytes){data, bytes.size};
}

/* The next version of a key; what lived there dies. */
static struct model_version *write_version(struct model *m, struct model_bytes key)
{
	struct model_revision now = {m->revision + 1, m->write_sub++};

	for (uint32_t i = 0; i < m->version_count; i++) {
		struct model_version *v = &m->versions[i];

		if (v->died.main == 0 && model_bytes_order(v->kv.key, key) == 0)
			v->died = now;
	}
	if (m->version_count == m->version_max) {
		m->version_max = 2 * m->version_max + 1000;
		m->versions = realloc(m->versions, m->version_max * sizeof(*m->versions));
		assert(m->versions != NULL);
	}
	struct model_version *v = &m->versions[m->version_count++];
	*v = (struct model_version){.born = now};
	v->kv.key = copy(m, key);
	return v;
}

static int64_t number_of(const struct model_kv *kv, enum model_target target)
{
	switch (target) {
	case MODEL_VERSION:
		return kv->number;
	case MODEL_CREATE:
		return kv->create;
	case MODEL_MOD:
		return kv->mod;
	case MODEL_KEY:
	case MODEL_VALUE:
	case MODEL_LEASE:
		break;
	}
	assert(false); /* a sort by it is not by a number */
	return 0;
}

int model_kv_order(const struct model_kv *a, const struct model_kv *b, enum model_target target)
{
	if (target == MODEL_KEY)
		return model_bytes_order(a->key, b->key);
	if (target == MODEL_VALUE)
		return model_bytes_order(a->value, b->value);
	int64_t one = number_of(a, target), other = number_of(b, target);
	return one == other ? 0 : (one < other ? -1 : 1);
}

/* Keys whose targets are equal keep their order. */
static void sort(struct model_kv *kvs, uint32_t count, enum model_order order,
		 enum model_target target)
{
	int sign = order == MODEL_DESCEND ? -1 : 1;

	for (uint32_t i = 1; i < count; i++) {
		struct model_kv kv = kvs[i];
		uint32_t at = i;

		while (at > 0 && sign * model_kv_order(&kvs[at - 1], &kv, target) > 0) {
			kvs[at] = kvs[at - 1];
			at--;
		}
		kvs[at] = kv;
	}
}

static bool filtered_out(const struct model_request *r, const struct model_kv *kv)
{
	return (r->mod_min != 0 && kv->mod < r->mod_min) ||
	       (r->mod_max != 0 && kv->mod > r->mod_max) ||
	       (r->create_min != 0 && kv->create < r->create_min) ||
	       (r->create_max != 0 && kv->create > r->create_max);
}

struct model_answer model_range(const struct model *m, const struct model_request *r,
				struct model_arena *arena)
{
	struct model_answer answer = {.kind = MODEL_RANGE, .revision = revision_seen(m)};
	bool filters =
		r->mod_min != 0 || r->mod_max != 0 || r->create_min != 0 || r->create_max != 0;
	uint32_t count, kept = 0;

	if (r->revision > answer.revision)
		answer.error = MODEL_FUTURE_REVISION;
	else if (r->revision > 0 && r->revision < m->compact_revision)
		answer.error = MODEL_COMPACTED;
	if (answer.error != MODEL_OK)
		return answer;
	struct model_revision at = r->revision > 0 ? model_end_of(r->revision) : model_newest();
	struct model_kv *kvs = model_state(m, r->key, r->range_end, at, arena, &count);
	answer.count = count;
	if (r->count_only)
		return answer;
	if (r->order == MODEL_NONE && !filters && r->limit > 0 && r->limit < count)
		count = (uint32_t)r->limit + 1; /* MF2 */
	for (uint32_t i = 0; i < count; i++) {
		if (!filtered_out(r, &kvs[i]))
			kvs[kept++] = kvs[i];
	}
	if (r->order != MODEL_NONE || r->target != MODEL_KEY)
		sort(kvs, kept, r->order, r->target);
	for (uint32_t i = 0; r->keys_only && i < kept; i++)
		kvs[i].value.size = 0;
	answer.more = r->limit > 0 && r->limit < kept;
	answer.sorted = answer.kvs = kvs;
	answer.sorted_count = kept;
	answer.kv_count = answer.more ? (uint32_t)r->limit : kept;
	return answer;
}

struct model_answer model_put(struct model *m, const struct model_request *r,
			      struct model_arena *arena)
{
	const struct model_bytes one = {0};
	struct model_answer answer = {.kind = MODEL_PUT};
	uint32_t count;
	struct model_kv *before = model_state(m, r->key, one, model_newest(), arena, &count);

	if ((r->ignore_value || r->ignore_lease) && count == 0) {
		answer.error = MODEL_KEY_NOT_FOUND;
		return answer;
	}
	struct model_version *v = write_version(m, r->key);
	v->kv.mod = v->born.main;
	v->kv.create = count > 0 ? before->create : v->kv.mod;
	v->kv.number = count > 0 ? before->number + 1 : 1;
	v->kv.value = copy(m, r->ignore_value ? before->value : r->value);
	v->kv.lease = r->ignore_lease ? before->lease : r->lease;
	answer.revision = revision_seen(m);
	answer.kvs = before;
	answer.kv_count = r->prev_kv ? count : 0;
	return answer;
}

struct model_answer model_delete(struct model *m, const struct model_request *r,
				 struct model_arena *arena)
{
	struct model_answer answer = {.kind = MODEL_DELETE};
	uint32_t count;

	answer.kvs = model_state(m, r->key, r->range_end, model_newest(), arena, &count);
	for (uint32_t i = 0; i < count; i++)
		write_version(m, answer.kvs[i].key)->tombstone = true;
	answer.count = count;
	answer.kv_count = r->prev_kv ? count : 0;
	answer.revision = revision_seen(m);
	return answer;
}

static struct model_answer compact(struct model *m, int64_t revision)
{
	struct model_answer answer = {.kind = MODEL_COMPACT, .revision = m->revision};

	if (revision <= m->compact_revision)
		answer.error = MODEL_COMPACTED;
	else if (revision > m->revision)
		answer.error = MODEL_FUTURE_REVISION;
	else
		m->compact_revision = revision;
	return answer;
}

struct model_answer model_do(struct model *m, const struct model_request *r,
			     struct model_arena *arena)
{
	struct model_answer answer = {.kind = r->kind};

	if (r->kind == MODEL_COMPACT)
		return compact(m, r->revision);
	if (r->kind == MODEL_HASH)
		return model_hash(m, r);
	answer.error = model_check(r, MODEL_TXN_OPS_MAX);
	if (r->kind == MODEL_PUT && answer.error == MODEL_OK && r->lease != 0 &&
	    !model_lease_known(m, r->lease))
		answer.error = MODEL_LEASE_NOT_FOUND;
	if (answer.error != MODEL_OK)
		return answer;
	if (r->kind == MODEL_RANGE)
		return model_range(m, r, arena);
	model_begin(m);
	if (r->kind == MODEL_PUT)
		answer = model_put(m, r, arena);
	else if (r->kind == MODEL_DELETE)
		answer = model_delete(m, r, arena);
	else
		answer = model_txn(m, r, arena);
	if (answer.error != MODEL_OK)
		model_abort(m);
	model_end(m);
	return answer;
}
