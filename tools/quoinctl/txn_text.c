#include "tools/quoinctl/txn_text.h"

#include "tools/quoinctl/go_text.h"
#include "tools/quoinctl/requests.h"
#include "tools/quoinctl/values.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const char blanks[] = " \t\v\f\r";

enum { LINE_WORDS_MAX = 32 };

static bool is_blank(char c)
{
	return c && strchr(blanks, c);
}

/* What is wrong with the line: where it is, and what would be right. */
__attribute__((format(printf, 3, 4))) static int
wrong(const struct txn_text *t, char error[ERROR_SIZE], const char *format, ...)
{
	va_list args;
	int used = snprintf(error, ERROR_SIZE, "line %u: ", t->line);

	va_start(args, format);
	vsnprintf(error + used, ERROR_SIZE - (size_t)used, format, args);
	va_end(args);
	return -EINVAL;
}

int txn_text_create(struct txn_text *out)
{
	*out = (struct txn_text){.size = KV_TXN_SIZE, .size_max = 4096};
	out->data = malloc(out->size_max);
	return out->data ? 0 : -ENOMEM;
}

void txn_text_destroy(struct txn_text *t)
{
	free(t->data);
	t->data = NULL;
}

/* Room for `size` bytes more. */
static int make_room(struct txn_text *t, size_t size)
{
	size_t size_max = t->size_max;
	uint8_t *data;

	if (t->size + size > KV_VALUE_SIZE_MAX)
		return -E2BIG;
	while (size_max < t->size + size)
		size_max *= 2;
	if (size_max == t->size_max)
		return 0;
	data = realloc(t->data, size_max);
	if (!data)
		return -ENOMEM;
	t->data = data;
	t->size_max = size_max;
	return 0;
}

/* The text that is left of a line. */
struct rest {
	const char *at, *end;
};

static void skip_blanks(struct rest *r)
{
	while (r->at < r->end && is_blank(*r->at))
		r->at++;
}

static bool take(struct rest *r, const char *text)
{
	const size_t size = strlen(text);

	if ((size_t)(r->end - r->at) < size || memcmp(r->at, text, size) != 0)
		return false;
	r->at += size;
	return true;
}

/* A string behind blanks, into *to, which moves behind it and the zero that ends it. */
static const char *take_string(struct rest *r, uint8_t **to, struct kv_bytes *out)
{
	const char *error = NULL;
	size_t size = 0, taken;

	skip_blanks(r);
	taken = go_unquote(r->at, (size_t)(r->end - r->at), *to, &size, &error);
	if (!taken)
		return error;
	*out = (struct kv_bytes){*to, (uint32_t)size};
	(*to)[size] = '\0';
	*to += size + 1;
	r->at += taken;
	return NULL;
}

static const struct target {
	const char *name;
	enum kv_compared compared;
} targets[] = {
	{"ver", KV_COMPARED_VERSION}, {"version", KV_COMPARED_VERSION},
	{"c", KV_COMPARED_CREATE},    {"create", KV_COMPARED_CREATE},
	{"m", KV_COMPARED_MOD},       {"mod", KV_COMPARED_MOD},
	{"val", KV_COMPARED_VALUE},   {"value", KV_COMPARED_VALUE},
	{"lease", KV_COMPARED_LEASE},
};

static bool take_target(struct rest *r, enum kv_compared *out)
{
	const char *open = memchr(r->at, '(', (size_t)(r->end - r->at));
	size_t size;

	for (const char *end = open; open && end > r->at && is_blank(end[-1]); end--)
		open = end - 1;
	size = open ? (size_t)(open - r->at) : 0;
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		if (strlen(targets[i].name) != size || memcmp(targets[i].name, r->at, size) != 0)
			continue;
		r->at = open;
		skip_blanks(r);
		r->at++;
		*out = targets[i].compared;
		return true;
	}
	return false;
}

static bool take_result(struct rest *r, enum kv_result *out)
{
	static const struct {
		const char *sign;
		enum kv_result result;
	} signs[] = {{"!=", KV_NOT_EQUAL}, {"=", KV_EQUAL}, {"<", KV_LESS}, {">", KV_GREATER}};

	skip_blanks(r);
	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
		if (take(r, signs[i].sign)) {
			*out = signs[i].result;
			return true;
		}
	}
	return false;
}

#define COMPARE_IS "a comparison is like mod(\"key\") > \"0\""

static int parse_compare(const struct txn_text *t, struct rest r, uint8_t *to,
			 struct kv_compare *out, char error[ERROR_SIZE])
{
	const char *why;

	*out = (struct kv_compare){0};
	if (!take_target(&r, &out->compared))
		return wrong(t, error,
			     COMPARE_IS ": it begins with ver, create, mod, val or lease, and (");
	why = take_string(&r, &to, &out->key);
	if (why)
		return wrong(t, error, COMPARE_IS ": of the key: %s", why);
	skip_blanks(&r);
	if (!take(&r, ")"))
		return wrong(t, error, COMPARE_IS ": after the key comes )");
	if (!take_result(&r, &out->result))
		return wrong(t, error, COMPARE_IS ": after ) comes one of = != < >");
	why = take_string(&r, &to, &out->value);
	if (why)
		return wrong(t, error, COMPARE_IS ": of what it is compared with: %s", why);
	skip_blanks(&r);
	if (r.at < r.end)
		return wrong(t, error, COMPARE_IS ": and nothing follows");
	if (out->key.size > KV_KEY_SIZE_MAX)
		return -E2BIG;
	if (out->compared == KV_COMPARED_VALUE)
		return 0;
	/* It ends with a zero, and has none. */
	if (strlen((const char *)out->value.data) != out->value.size ||
	    !go_number((const char *)out->value.data, &out->number))
		return wrong(t, error,
			     COMPARE_IS ": with a number between the quotes, as all but val have");
	out->value = (struct kv_bytes){0};
	return 0;
}

/* One word of a request. */
static const char *take_word(struct rest *r, uint8_t **to, struct kv_bytes *out)
{
	const char *begin = r->at, *why;

	if (*begin == '"') {
		why = take_string(r, to, out);
		if (why)
			return why;
	} else {
		const char quote = *begin == '\'' ? '\'' : '\0';

		begin += quote ? 1 : 0;
		for (r->at = begin;
		     r->at < r->end && (quote ? *r->at != quote : !is_blank(*r->at));)
			r->at++;
		if (quote && r->at == r->end)
			return "a word that begins with ' ends with ' in the same line";
		*out = (struct kv_bytes){*to, (uint32_t)(r->at - begin)};
		memcpy(*to, begin, out->size);
		(*to)[out->size] = '\0';
		*to += out->size + 1;
		r->at += quote ? 1 : 0;
	}
	return r->at < r->end && !is_blank(*r->at) ? "a quoted word ends with its quote: a blank "
						     "comes after it"
						   : NULL;
}

struct words {
	uint32_t count;
	struct kv_bytes word[LINE_WORDS_MAX];
};

static int parse_words(const struct txn_text *t, struct rest r, uint8_t *to, struct words *out,
		       char error[ERROR_SIZE])
{
	const char *why;

	for (skip_blanks(&r); r.at < r.end; skip_blanks(&r)) {
		if (out->count == LINE_WORDS_MAX)
			return wrong(t, error, "a request has not more than %d words",
				     LINE_WORDS_MAX);
		why = take_word(&r, &to, &out->word[out->count]);
		if (why)
			return wrong(t, error, "%s", why);
		out->count++;
	}
	return 0;
}

static const struct verb {
	const char *name;
	enum kv_operation operation;
	unsigned int options;
} verbs[] = {
	{"put", KV_PUT, OPTIONS_PUT},
	{"get", KV_RANGE, OPTIONS_GET},
	{"del", KV_DELETE, OPTIONS_DELETE},
};

/* The option that stands at *at, and its value. */
static int take_option(const struct txn_text *t, const struct verb *verb, const struct words *w,
		       uint32_t *at, struct options *o, char error[ERROR_SIZE])
{
	const struct kv_bytes word = w->word[*at];
	char name[32], why[ERROR_SIZE];
	const char *text = (const char *)word.data + 2, *equals = strchr(text, '=');
	enum value_id id = VALUE_COUNT;
	unsigned int set = 0;

	snprintf(name, sizeof(name), "%.*s", equals ? (int)(equals - text) : (int)sizeof(name),
		 text);
	if (word.size > 2 && word.data[1] == '-' && strlen((const char *)word.data) == word.size)
		id = value_named(name);
	if (verb->operation == KV_PUT && strcmp(name, "lease") == 0)
		return wrong(t, error, "--lease: " WHY_LEASE);
	if (id == VALUE_COUNT || !(1u << id & verb->options))
		return wrong(
			t, error,
			"\"%.40s\" is no option of %s here; a word that begins with a dash and "
			"is none goes after --",
			(const char *)word.data, verb->name);
	text = equals ? equals + 1 : NULL;
	if (!text && !value_is_switch(id)) {
		if (++*at == w->count)
			return wrong(t, error, "--%s is followed by its value", name);
		text = (const char *)w->word[*at].data;
		if (strlen(text) != w->word[*at].size)
			return wrong(t, error, "--%s has a value with a zero byte", name);
	}
	return value_take(id, text, o, &set, why) ? 0 : wrong(t, error, "%s", why);
}

/* Options may stand anywhere, until "--". The rest stays in *w. */
static int take_options(const struct txn_text *t, const struct verb *verb, struct words *w,
			struct options *o, char error[ERROR_SIZE])
{
	uint32_t kept = 0;
	bool all = false;

	for (uint32_t i = 1; i < w->count; i++) {
		const struct kv_bytes word = w->word[i];

		if (!all && word.size == 2 && memcmp(word.data, "--", 2) == 0) {
			all = true;
		} else if (!all && word.size > 1 && word.data[0] == '-') {
			int err = take_option(t, verb, w, &i, o, error);

			if (err)
				return err;
		} else {
			w->word[kept++] = word;
		}
	}
	w->count = kept;
	return 0;
}

static int parse_request(const struct txn_text *t, struct rest r, uint8_t *to,
			 struct kv_request *out, uint8_t end[KV_KEY_SIZE_MAX],
			 char error[ERROR_SIZE])
{
	struct words w = {0};
	struct options o = {0};
	const struct verb *verb = NULL;
	char why[ERROR_SIZE];
	int err = parse_words(t, r, to, &w, error);

	for (size_t i = 0; !err && i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (w.word[0].size == 3 && memcmp(w.word[0].data, verbs[i].name, 3) == 0)
			verb = &verbs[i];
	}
	if (!err && !verb)
		err = wrong(t, error, "\"%.40s\" is no request: it is put, get or del",
			    (const char *)w.word[0].data);
	if (!err)
		err = take_options(t, verb, &w, &o, error);
	if (err)
		return err;
	if (verb->operation == KV_PUT && w.count == 1 && !o.ignore_value)
		return wrong(t, error, "put needs a key and a value: nothing else is read for it");
	if (verb->operation == KV_PUT)
		err = request_put(out, &o, w.word, w.count, why);
	else if (verb->operation == KV_RANGE)
		err = request_get(out, &o, w.word, w.count, end, why);
	else
		err = request_delete(out, &o, w.word, w.count, end, why);
	return err == -EINVAL ? wrong(t, error, "%s", why) : err;
}

static int append_compare(struct txn_text *t, const struct kv_compare *compare)
{
	int err = make_room(t, kv_txn_encode_compare(compare, NULL));

	if (!err && t->counts.compares == UINT16_MAX)
		err = -E2BIG;
	if (!err) {
		t->size += kv_txn_encode_compare(compare, t->data + t->size);
		t->counts.compares++;
	}
	return err;
}

static int append_request(struct txn_text *t, const struct kv_request *request)
{
	uint16_t *count = t->part == TXN_SUCCESS ? &t->counts.then : &t->counts.otherwise;
	int err = make_room(t, kv_txn_encode_operation(request, NULL));

	if (!err && *count == UINT16_MAX)
		err = -E2BIG;
	if (!err) {
		t->size += kv_txn_encode_operation(request, t->data + t->size);
		++*count;
	}
	return err;
}

int txn_text_line(struct txn_text *t, const char *line, size_t size, char error[ERROR_SIZE])
{
	struct rest r = {line, line + size};
	struct kv_compare compare;
	struct kv_request request;
	uint8_t *scratch;
	int err;

	assert(t->part != TXN_WHOLE);
	t->line++;
	skip_blanks(&r);
	if (r.at == r.end) {
		if (++t->part == TXN_WHOLE)
			kv_txn_encode(&t->counts, t->data);
		return 0;
	}
	/* Words are not longer than they were, each with a zero in the place of a blank. */
	scratch = malloc(size + 1 + KV_KEY_SIZE_MAX);
	if (!scratch)
		return -ENOMEM;
	if (t->part == TXN_COMPARES) {
		err = parse_compare(t, r, scratch, &compare, error);
		if (!err)
			err = append_compare(t, &compare);
	} else {
		err = parse_request(t, r, scratch, &request, scratch + size + 1, error);
		if (!err)
			err = append_request(t, &request);
	}
	free(scratch);
	return err;
}

void txn_text_ended(const struct txn_text *t, char error[ERROR_SIZE])
{
	static const char *const parts[] = {"comparisons", "success requests", "failure requests"};

	snprintf(error, ERROR_SIZE,
		 "the input ends after line %u, in the %s: each of the three parts (comparisons, "
		 "success requests, failure requests) ends with a blank line",
		 t->line, parts[t->part]);
}
