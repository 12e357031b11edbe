#include "tools/quoinctl/values.h"

#include "tools/quoinctl/go_text.h"

#include <stddef.h>
#include <string.h>

enum kind { SWITCH, COUNT, REVISION, BUMP, ORDER, TARGET, CONSISTENCY, NAME, LIST, DIRECTORY };

static const struct row {
	const char *name;
	enum kind kind;
	size_t offset;
} rows[VALUE_COUNT] = {
#define ROW(id, name, kind, field, group, does) \
	[VALUE_##id] = {name, kind, offsetof(struct options, field)},
	VALUES(ROW)
#undef ROW
};

enum value_id value_named(const char *name)
{
	for (int id = 0; id < VALUE_COUNT; id++) {
		if (strcmp(rows[id].name, name) == 0)
			return (enum value_id)id;
	}
	return VALUE_COUNT;
}

const char *value_name(enum value_id id)
{
	return rows[id].name;
}

bool value_is_switch(enum value_id id)
{
	return rows[id].kind == SWITCH;
}

const char *value_unknown(unsigned int set, unsigned int known)
{
	for (int id = 0; id < VALUE_COUNT; id++) {
		if (set & ~known & 1u << id)
			return rows[id].name;
	}
	return NULL;
}

/* Go's words for the two. */
static bool parse_switch(const char *text, void *out)
{
	static const char *const words[2][6] = {{"false", "False", "FALSE", "f", "F", "0"},
						{"true", "True", "TRUE", "t", "T", "1"}};

	for (int i = 0; i < 12; i++) {
		if (strcmp(text, words[i / 6][i % 6]) == 0) {
			*(bool *)out = i / 6;
			return true;
		}
	}
	return false;
}

static bool parse_number(const char *text, void *out)
{
	return go_number(text, out);
}

/* Of what is added: not below 0. */
static bool parse_bump(const char *text, void *out)
{
	return *text != '-' && go_number(text, out);
}

static bool parse_consistency(const char *text, void *out)
{
	*(bool *)out = strcmp(text, "s") == 0;
	return *(bool *)out || strcmp(text, "l") == 0;
}

/* Of a list that NULL ends: its place; or -1. */
static int find(const char *const *names, const char *text)
{
	for (int i = 0; names[i]; i++) {
		if (strcasecmp(names[i], text) == 0)
			return i;
	}
	return -1;
}

static bool parse_order(const char *text, void *out)
{
	static const char *const names[] = {"ASCEND", "DESCEND", NULL};
	static const enum kv_order orders[] = {KV_ORDER_ASCEND, KV_ORDER_DESCEND};
	int found = find(names, text);

	if (found >= 0)
		*(enum kv_order *)out = orders[found];
	return found >= 0;
}

static bool parse_target(const char *text, void *out)
{
	static const char *const names[] = {"CREATE", "KEY", "MODIFY", "VALUE", "VERSION", NULL};
	static const enum kv_target targets[] = {KV_TARGET_CREATE, KV_TARGET_KEY, KV_TARGET_MOD,
						 KV_TARGET_VALUE, KV_TARGET_VERSION};
	int found = find(names, text);

	if (found >= 0)
		*(enum kv_target *)out = targets[found];
	return found >= 0;
}

#define SAID "not to be empty: is a variable of the shell not set?"

/* Of the command line, so it stays where it is. */
static bool parse_text(const char *text, void *out)
{
	*(const char **)out = text;
	return *text != '\0';
}

bool value_take(enum value_id id, const char *text, struct options *o, unsigned int *set,
		char error[ERROR_SIZE])
{
	static const struct {
		bool (*parse)(const char *text, void *out);
		const char *right;
	} kinds[] = {
		[SWITCH] = {parse_switch, "true or false"},
		[COUNT] = {parse_number, "a number of keys, like 100"},
		[REVISION] = {parse_number, "a revision, like 100"},
		[BUMP] = {parse_bump, "how much to add to a revision, like 100"},
		[ORDER] = {parse_order, "ASCEND or DESCEND"},
		[TARGET] = {parse_target, "CREATE, KEY, MODIFY, VALUE or VERSION"},
		[CONSISTENCY] = {parse_consistency,
				 "l (linearizable) or s (what the member that is asked has "
				 "applied)"},
		[NAME] = {parse_text, SAID},
		[LIST] = {parse_text, SAID},
		[DIRECTORY] = {parse_text, SAID},
	};
	const struct row *row = &rows[id];
	void *field = (char *)o + row->offset;

	if (!kinds[row->kind].parse(text ? text : "true", field)) {
		snprintf(error, ERROR_SIZE, "--%s=%.200s: it is %s", row->name, text,
			 kinds[row->kind].right);
		return false;
	}
	if (row->kind == SWITCH && !*(bool *)field)
		*set &= ~(1u << id);
	else
		*set |= 1u << id;
	return true;
}
