/* What runs of a transaction, and why it may not. */
#include "tests/model/model.h"

/* Which branch each transaction takes, as the state before them all says. */
struct path {
	bool succeeded;
	struct path *ops; /* one for each operation of that branch */
};

/* Keys, or ranges of them. */
struct span {
	struct span *next;
	struct model_bytes first, end;
};

struct writes {
	struct span *puts, *deletes;
};

static enum model_error check_txn(const struct model_request *r, uint32_t ops_max)
{
	uint32_t most = r->compare_count;

	for (int branch = 0; branch < 2; branch++) {
		if (r->branches[branch].count > most)
			most = r->branches[branch].count;
	}
	if (most > ops_max)
		return MODEL_TOO_MANY_OPS;
	for (uint32_t i = 0; i < r->compare_count; i++) {
		if (r->compares[i].key.size == 0)
			return MODEL_KEY_EMPTY;
	}
	for (int branch = 1; branch >= 0; branch--) {
		for (uint32_t i = 0; i < r->branches[branch].count; i++) {
			enum model_error error =
				model_check(&r->branches[branch].op[i], ops_max - most);

			if (error != MODEL_OK)
				return error;
		}
	}
	return MODEL_OK;
}

enum model_error model_check(const struct model_request *r, uint32_t ops_max)
{
	if (r->kind == MODEL_TXN)
		return check_txn(r, ops_max);
	if (r->kind == MODEL_EMPTY)
		return MODEL_KEY_NOT_FOUND;
	if (r->key.size == 0)
		return MODEL_KEY_EMPTY;
	if (r->ignore_value && r->value.size != 0)
		return MODEL_VALUE_PROVIDED;
	if (r->ignore_lease && r->lease != 0)
		return MODEL_LEASE_PROVIDED;
	return MODEL_OK;
}

static void add(struct span **list, struct model_bytes first, struct model_bytes end,
		struct model_arena *arena)
{
	struct span *s = model_alloc(arena, sizeof(*s));

	*s = (struct span){.next = *list, .first = first, .end = end};
	*list = s;
}

static bool holds(const struct span *list, struct model_bytes key)
{
	for (; list != NULL; list = list->next) {
		if (list->end.size == 0 && model_bytes_order(key, list->first) == 0)
			return true;
		/* As it stands, not as a deletion takes it: "\0" ends before every key (MF7). */
		if (model_bytes_order(key, list->first) >= 0 &&
		    model_bytes_order(key, list->end) < 0)
			return true;
	}
	return false;
}

static bool collides(const struct writes *w, struct model_bytes put)
{
	return holds(w->puts, put) || holds(w->deletes, put);
}

static bool duplicates(const struct model_ops *ops, struct writes *w, struct model_arena *arena);

/* The nested transaction's own, and with what the level above has gathered so far (MF8). */
static bool nested_duplicates(const struct model_request *r, struct writes *w,
			      struct model_arena *arena)
{
	const struct model_bytes one = {0};
	struct writes then = {0}, otherwise = {0};

	if (duplicates(&r->branches[1], &then, arena) ||
	    duplicates(&r->branches[0], &otherwise, arena))
		return true;
	for (struct span *s = then.puts; s != NULL; s = s->next) {
		if (collides(w, s->first))
			return true;
	}
	for (struct span *s = otherwise.puts; s != NULL; s = s->next) {
		if (collides(w, s->first))
			return true;
	}
	for (struct span *s = then.puts; s != NULL; s = s->next)
		add(&w->puts, s->first, one, arena);
	for (struct span *s = otherwise.puts; s != NULL; s = s->next)
		add(&w->puts, s->first, one, arena);
	for (struct span *s = then.deletes; s != NULL; s = s->next)
		add(&w->deletes, s->first, s->end, arena);
	for (struct span *s = otherwise.deletes; s != NULL; s = s->next)
		add(&w->deletes, s->first, s->end, arena);
	return false;
}

static bool duplicates(const struct model_ops *ops, struct writes *w, struct model_arena *arena)
{
	const struct model_bytes one = {0};

	for (uint32_t i = 0; i < ops->count; i++) {
		if (ops->op[i].kind == MODEL_DELETE)
			add(&w->deletes, ops->op[i].key, ops->op[i].range_end, arena);
	}
	for (uint32_t i = 0; i < ops->count; i++) {
		if (ops->op[i].kind == MODEL_TXN && nested_duplicates(&ops->op[i], w, arena))
			return true;
	}
	for (uint32_t i = 0; i < ops->count; i++) {
		if (ops->op[i].kind != MODEL_PUT)
			continue;
		if (collides(w, ops->op[i].key))
			return true;
		add(&w->puts, ops->op[i].key, one, arena);
	}
	return false;
}

static int order_of(const struct model_compare *c, const struct model_kv *kv)
{
	int64_t number = 0;

	switch (c->target) {
	case MODEL_VERSION:
		number = kv->number;
		break;
	case MODEL_CREATE:
		number = kv->create;
		break;
	case MODEL_MOD:
		number = kv->mod;
		break;
	case MODEL_LEASE:
		number = kv->lease;
		break;
	case MODEL_KEY:
	case MODEL_VALUE:
		return model_bytes_order(kv->value, c->value);
	}
	return number == c->number ? 0 : (number < c->number ? -1 : 1);
}

static bool compare_kv(const struct model_compare *c, const struct model_kv *kv)
{
	int order = order_of(c, kv);

	switch (c->result) {
	case MODEL_EQUAL:
		return order == 0;
	case MODEL_GREATER:
		return order > 0;
	case MODEL_LESS:
		return order < 0;
	case MODEL_NOT_EQUAL:
		return order != 0;
	}
	return false;
}

/* True of every key there is; of none, true if it is of zeros, and of a value never. */
static bool compare(const struct model *m, const struct model_compare *c, struct model_arena *arena)
{
	const struct model_kv zeros = {0};
	uint32_t count;
	struct model_kv *kvs = model_state(m, c->key, c->range_end, model_newest(), arena, &count);

	if (count == 0)
		return c->target != MODEL_VALUE && compare_kv(c, &zeros);
	for (uint32_t i = 0; i < count; i++) {
		if (!compare_kv(c, &kvs[i]))
			return false;
	}
	return true;
}

static struct path path_of(const struct model *m, const struct model_request *r,
			   struct model_arena *arena)
{
	struct path path = {.succeeded = true};

	for (uint32_t i = 0; i < r->compare_count; i++)
		path.succeeded = path.succeeded && compare(m, &r->compares[i], arena);
	const struct model_ops *ops = &r->branches[path.succeeded];
	path.ops = model_alloc(arena, ops->count * sizeof(*path.ops));
	for (uint32_t i = 0; i < ops->count; i++) {
		if (ops->op[i].kind == MODEL_TXN)
			path.ops[i] = path_of(m, &ops->op[i], arena);
	}
	return path;
}

static enum model_error check_put(const struct model *m, const struct model_request *r,
				  struct model_arena *arena)
{
	const struct model_bytes one = {0};
	uint32_t count;

	if (r->kind != MODEL_PUT)
		return MODEL_OK;
	model_state(m, r->key, one, model_newest(), arena, &count);
	if ((r->ignore_value || r->ignore_lease) && count == 0)
		return MODEL_KEY_NOT_FOUND;
	if (r->lease != 0 && !model_lease_known(m, r->lease))
		return MODEL_LEASE_NOT_FOUND;
	return MODEL_OK;
}

static enum model_error check_range(const struct model *m, const struct model_request *r,
				    struct model_arena *arena)
{
	(void)arena;
	if (r->kind != MODEL_RANGE || r->revision == 0)
		return MODEL_OK;
	if (r->revision > m->revision)
		return MODEL_FUTURE_REVISION;
	return r->revision < m->compact_revision ? MODEL_COMPACTED : MODEL_OK; /* MF3 */
}

typedef enum model_error (*check_fn)(const struct model *m, const struct model_request *r,
				     struct model_arena *arena);

static enum model_error check_path(const struct model *m, const struct model_request *r,
				   const struct path *path, check_fn check,
				   struct model_arena *arena)
{
	const struct model_ops *ops = &r->branches[path->succeeded];

	for (uint32_t i = 0; i < ops->count; i++) {
		const struct model_request *op = &ops->op[i];
		enum model_error error = op->kind == MODEL_TXN
						 ? check_path(m, op, &path->ops[i], check, arena)
						 : check(m, op, arena);

		if (error != MODEL_OK)
			return error;
	}
	return MODEL_OK;
}

static struct model_answer run(struct model *m, const struct model_request *r,
			       const struct path *path, struct model_arena *arena)
{
	const struct model_ops *ops = &r->branches[path->succeeded];
	struct model_answer answer = {.kind = MODEL_TXN, .succeeded = path->succeeded};

	answer.response_count = ops->count;
	answer.responses = model_alloc(arena, ops->count * sizeof(*answer.responses));
	for (uint32_t i = 0; i < ops->count; i++) {
		const struct model_request *op = &ops->op[i];
		struct model_answer *response = &answer.responses[i];

		if (op->kind == MODEL_RANGE)
			*response = model_range(m, op, arena);
		else if (op->kind == MODEL_PUT)
			*response = model_put(m, op, arena);
		else if (op->kind == MODEL_DELETE)
			*response = model_delete(m, op, arena);
		else
			*response = run(m, op, &path->ops[i], arena);
		if (response->error != MODEL_OK) {
			answer.error = MODEL_PANIC;
			return answer;
		}
	}
	return answer;
}

struct model_answer model_txn(struct model *m, const struct model_request *r,
			      struct model_arena *arena)
{
	struct model_answer answer = {.kind = MODEL_TXN};
	struct writes then = {0}, otherwise = {0};

	if (duplicates(&r->branches[1], &then, arena) ||
	    duplicates(&r->branches[0], &otherwise, arena)) {
		answer.error = MODEL_DUPLICATE_KEY;
		return answer;
	}
	struct path path = path_of(m, r, arena);
	answer.error = check_path(m, r, &path, check_put, arena);
	if (answer.error == MODEL_OK)
		answer.error = check_path(m, r, &path, check_range, arena);
	if (answer.error != MODEL_OK)
		return answer;
	answer = run(m, r, &path, arena);
	answer.revision = m->revision + (m->write_sub > 0);
	return answer;
}
