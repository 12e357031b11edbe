#include "tests/model/text.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/model/draw.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void set_bytes(json_t *object, const char *name, struct model_bytes bytes)
{
	if (bytes.size == 0)
		return;
	char *out = malloc((bytes.size + 2) / 3 * 4 + 1), *at = out;
	assert(out != NULL);
	for (uint32_t i = 0; i < bytes.size; i += 3) {
		uint32_t left = bytes.size - i;
		uint32_t word = (uint32_t)bytes.data[i] << 16;

		word |= left > 1 ? (uint32_t)bytes.data[i + 1] << 8 : 0;
		word |= left > 2 ? (uint32_t)bytes.data[i + 2] : 0;
		*at++ = digits[word >> 18];
		*at++ = digits[word >> 12 & 63];
		*at++ = left > 1 ? digits[word >> 6 & 63] : '=';
		*at++ = left > 2 ? digits[word & 63] : '=';
	}
	*at = '\0';
	json_object_set_new(object, name, json_string(out));
	free(out);
}

static struct model_bytes get_bytes(json_t *object, const char *name, struct model_arena *arena)
{
	const char *text = json_string_value(json_object_get(object, name));
	struct model_bytes bytes = {0};
	uint32_t word = 0, bits = 0;

	if (text == NULL)
		return bytes;
	uint8_t *data = model_alloc(arena, strlen(text));
	for (; *text != '\0' && *text != '='; text++) {
		const char *digit = strchr(digits, *text);

		assert(digit != NULL);
		word = word << 6 | (uint32_t)(digit - digits);
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			data[bytes.size++] = (uint8_t)(word >> bits);
		}
	}
	bytes.data = data;
	return bytes;
}

/* As a string: a double does not hold them all. */
static void set_number(json_t *object, const char *name, int64_t number)
{
	char text[32];

	if (number == 0)
		return;
	snprintf(text, sizeof(text), "%ld", number);
	json_object_set_new(object, name, json_string(text));
}

static int64_t get_number(json_t *object, const char *name)
{
	json_t *value = json_object_get(object, name);

	if (json_is_real(value))
		return (int64_t)json_real_value(value);
	return json_is_string(value) ? strtoll(json_string_value(value), NULL, 10) : 0;
}

static void set_true(json_t *object, const char *name, bool set)
{
	if (set)
		json_object_set_new(object, name, json_true());
}

static void set_name(json_t *object, const char *name, const char *const *names, unsigned number)
{
	if (number != 0)
		json_object_set_new(object, name, json_string(names[number]));
}

static const char *const order_names[] = {"NONE", "ASCEND", "DESCEND"};
static const char *const sort_names[] = {"KEY", "VERSION", "CREATE", "MOD", "VALUE"};
static const char *const target_names[] = {"", "VERSION", "CREATE", "MOD", "VALUE", "LEASE"};
static const char *const number_names[] = {"", "version", "create_revision", "mod_revision",
					   "", "lease"};
static const char *const result_names[] = {"EQUAL", "GREATER", "LESS", "NOT_EQUAL"};

static json_t *compare_json(const struct model_compare *c)
{
	json_t *json = json_object();

	set_name(json, "result", result_names, c->result);
	set_name(json, "target", target_names, c->target);
	set_bytes(json, "key", c->key);
	set_bytes(json, "range_end", c->range_end);
	if (c->target == MODEL_VALUE)
		set_bytes(json, "value", c->value);
	else
		set_number(json, number_names[c->target], c->number);
	return json;
}

static json_t *ops_json(const struct model_ops *ops)
{
	static const char *const names[] = {"", "request_range", "request_put",
					    "request_delete_range", "request_txn"};
	json_t *json = json_array();

	for (uint32_t i = 0; i < ops->count; i++) {
		json_t *op = json_object();

		if (ops->op[i].kind != MODEL_EMPTY)
			json_object_set_new(op, names[ops->op[i].kind],
					    model_request_json(&ops->op[i]));
		json_array_append_new(json, op);
	}
	return json;
}

json_t *model_request_json(const struct model_request *r)
{
	json_t *json = json_object();

	set_bytes(json, "key", r->key);
	set_bytes(json, "range_end", r->range_end);
	set_bytes(json, "value", r->value);
	set_number(json, "revision", r->revision);
	set_number(json, "limit", r->limit);
	set_name(json, "sort_order", order_names, r->order);
	set_name(json, "sort_target", sort_names, r->target);
	set_true(json, "keys_only", r->keys_only);
	set_true(json, "count_only", r->count_only);
	set_number(json, "min_mod_revision", r->mod_min);
	set_number(json, "max_mod_revision", r->mod_max);
	set_number(json, "min_create_revision", r->create_min);
	set_number(json, "max_create_revision", r->create_max);
	set_true(json, "prev_kv", r->prev_kv);
	set_true(json, "ignore_value", r->ignore_value);
	set_true(json, "ignore_lease", r->ignore_lease);
	set_number(json, "lease", r->lease);
	/* Answered when the versions are gone: a hash that follows is then the same each time. */
	set_true(json, "physical", r->kind == MODEL_COMPACT);
	if (r->kind == MODEL_TXN) {
		json_t *compares = json_array();

		for (uint32_t i = 0; i < r->compare_count; i++)
			json_array_append_new(compares, compare_json(&r->compares[i]));
		json_object_set_new(json, "compare", compares);
		json_object_set_new(json, "success", ops_json(&r->branches[1]));
		json_object_set_new(json, "failure", ops_json(&r->branches[0]));
	}
	return json;
}

const char *model_request_path(const struct model_request *r)
{
	static const char *const paths[] = {
		"",           "/v3/kv/range",      "/v3/kv/put", "/v3/kv/deleterange",
		"/v3/kv/txn", "/v3/kv/compaction", "(hashkv)"};

	return paths[r->kind];
}

static struct model_kv kv_from_json(json_t *json, struct model_arena *arena)
{
	return (struct model_kv){
		.key = get_bytes(json, "key", arena),
		.value = get_bytes(json, "value", arena),
		.create = get_number(json, "create_revision"),
		.mod = get_number(json, "mod_revision"),
		.number = get_number(json, "version"),
		.lease = get_number(json, "lease"),
	};
}

static void kvs_from_json(json_t *array, struct model_answer *answer, struct model_arena *arena)
{
	answer->kv_count = (uint32_t)json_array_size(array);
	answer->kvs = model_alloc(arena, answer->kv_count * sizeof(*answer->kvs));
	for (uint32_t i = 0; i < answer->kv_count; i++)
		answer->kvs[i] = kv_from_json(json_array_get(array, i), arena);
}

static bool error_from_json(json_t *json, struct model_answer *answer)
{
	const char *text = json_string_value(json_object_get(json, "error"));

	for (int e = MODEL_OK + 1; e < MODEL_PANIC; e++) {
		if (text != NULL && strcmp(text, model_error_text((enum model_error)e)) == 0)
			answer->error = (enum model_error)e;
	}
	return text == NULL || answer->error != MODEL_OK;
}

/* The branch that was taken has the operations that are answered. */
static bool responses_from_json(const struct model_request *r, json_t *json,
				struct model_answer *answer, struct model_arena *arena)
{
	static const char *const names[] = {"", "response_range", "response_put",
					    "response_delete_range", "response_txn"};
	json_t *array = json_object_get(json, "responses");
	const struct model_ops *ops = &r->branches[answer->succeeded];

	answer->response_count = (uint32_t)json_array_size(array);
	answer->responses = model_alloc(arena, ops->count * sizeof(*answer->responses));
	if (answer->response_count != ops->count)
		return false;
	for (uint32_t i = 0; i < ops->count; i++) {
		const struct model_request *op = &ops->op[i];
		json_t *response = json_object_get(json_array_get(array, i), names[op->kind]);

		if (!json_is_object(response) ||
		    !model_answer_from_json(op, response, &answer->responses[i], arena))
			return false;
	}
	return true;
}

bool model_answer_from_json(const struct model_request *r, json_t *json,
			    struct model_answer *answer, struct model_arena *arena)
{
	*answer = (struct model_answer){.kind = r->kind};
	if (!error_from_json(json, answer) || !json_is_object(json))
		return false;
	answer->revision = get_number(json_object_get(json, "header"), "revision");
	answer->more = json_is_true(json_object_get(json, "more"));
	answer->succeeded = json_is_true(json_object_get(json, "succeeded"));
	answer->hash = (uint32_t)get_number(json, "hash");
	answer->compact_revision = get_number(json, "compact_revision");
	if (r->kind == MODEL_RANGE) {
		answer->count = get_number(json, "count");
		kvs_from_json(json_object_get(json, "kvs"), answer, arena);
	}
	if (r->kind == MODEL_DELETE) {
		answer->count = get_number(json, "deleted");
		kvs_from_json(json_object_get(json, "prev_kvs"), answer, arena);
	}
	json_t *before = json_object_get(json, "prev_kv");
	if (before != NULL) {
		answer->kv_count = 1;
		answer->kvs = model_alloc(arena, sizeof(*answer->kvs));
		*answer->kvs = kv_from_json(before, arena);
	}
	if (r->kind == MODEL_TXN && answer->error == MODEL_OK)
		return responses_from_json(r, json, answer, arena);
	return true;
}

static void print_bytes(struct model_bytes bytes)
{
	printf(" \"");
	for (uint32_t i = 0; i < bytes.size && i < 20; i++)
		printf(bytes.data[i] > ' ' && bytes.data[i] < 0x7f ? "%c" : "\\x%02x",
		       bytes.data[i]);
	printf(bytes.size > 20 ? "...\"(%u)" : "\"", bytes.size);
}

void model_answer_print(const struct model_answer *answer, int depth)
{
	static const char *const names[] = {"empty", "range",   "put", "delete",
					    "txn",   "compact", "hash"};

	printf("%*s%s: %s revision %ld count %ld%s%s hash %08x compacted %ld\n", 2 * depth, "",
	       names[answer->kind], model_error_text(answer->error), answer->revision,
	       answer->count, answer->more ? " more" : "", answer->succeeded ? " succeeded" : "",
	       answer->hash, answer->compact_revision);
	for (uint32_t i = 0; i < answer->kv_count; i++) {
		const struct model_kv *kv = &answer->kvs[i];

		printf("%*s", 2 * depth + 1, "");
		print_bytes(kv->key);
		print_bytes(kv->value);
		printf(" create %ld mod %ld version %ld lease %ld\n", kv->create, kv->mod,
		       kv->number, kv->lease);
	}
	for (uint32_t i = 0; i < answer->response_count; i++)
		model_answer_print(&answer->responses[i], depth + 1);
}

static bool kv_same(const struct model_kv *a, const struct model_kv *b)
{
	return model_bytes_order(a->key, b->key) == 0 &&
	       model_bytes_order(a->value, b->value) == 0 && a->create == b->create &&
	       a->mod == b->mod && a->number == b->number && a->lease == b->lease;
}

/* Each is one of those that were sorted, once, and the targets are those that were wanted. */
static bool kvs_like(const struct model_request *r, const struct model_answer *want,
		     const struct model_answer *got)
{
	for (uint32_t i = 0; i < got->kv_count; i++) {
		uint32_t found = 0;

		for (uint32_t j = 0; j < want->sorted_count; j++)
			found += kv_same(&want->sorted[j], &got->kvs[i]);
		for (uint32_t j = 0; j < i; j++)
			found += model_bytes_order(got->kvs[j].key, got->kvs[i].key) == 0;
		if (found != 1 || model_kv_order(&want->kvs[i], &got->kvs[i], r->target) != 0)
			return false;
	}
	return true;
}

static bool kvs_same(const struct model_request *r, const struct model_answer *want,
		     const struct model_answer *got, bool exact)
{
	if (want->kv_count != got->kv_count)
		return false;
	if (!exact && want->sorted_count > MODEL_SORT_STABLE_MAX && r->target != MODEL_KEY)
		return kvs_like(r, want, got);
	for (uint32_t i = 0; i < want->kv_count; i++) {
		if (!kv_same(&want->kvs[i], &got->kvs[i]))
			return false;
	}
	return true;
}

const char *model_answer_difference(const struct model_request *r, const struct model_answer *want,
				    const struct model_answer *got, bool exact)
{
	if (want->error != got->error)
		return "error";
	if (want->error != MODEL_OK)
		return NULL;
	if (want->revision != got->revision)
		return "revision";
	if (want->count != got->count)
		return "count";
	if (want->more != got->more)
		return "more";
	if (!kvs_same(r, want, got, exact))
		return "kvs";
	if (want->hash != got->hash)
		return "hash";
	if (want->compact_revision != got->compact_revision)
		return "compact_revision";
	if (want->succeeded != got->succeeded || want->response_count != got->response_count)
		return "succeeded";
	for (uint32_t i = 0; i < want->response_count; i++) {
		const char *difference =
			model_answer_difference(&r->branches[want->succeeded].op[i],
						&want->responses[i], &got->responses[i], exact);

		if (difference != NULL)
			return difference;
	}
	return NULL;
}
