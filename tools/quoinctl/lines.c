#include "tools/quoinctl/lines.h"

#include "metrics/metrics.h"
#include "tools/client/status.h"
#include "tools/quoinctl/quoinctl.h"

#include <string.h>

enum { VALUE_SIZE = 256, NAME_SIZE = 128 };

static bool is_word(const char *key)
{
	for (size_t i = 0; i < metrics_words.count; i++) {
		if (strcmp(metrics_words.row[i].key, key) == 0)
			return true;
	}
	/* The words in a member's or peer's line that look like numbers now and then. */
	return strcmp(key, "id") == 0 || strcmp(key, "replaces") == 0;
}

/* A number as it stands; what is not known is null; all else is a text. */
static void value_print(const char *key, const char *value)
{
	size_t digits = strspn(value, "0123456789");

	if (!is_word(key) && strcmp(value, "-1") == 0)
		printf("null");
	else if (!is_word(key) && digits && !value[digits] && (value[0] != '0' || digits == 1))
		printf("%s", value);
	else
		json_text(value);
}

/* The next of "NAME key=value key=value": its parts ended in place. False: there is none. */
static bool pair_next(char **rest, char **key, char **value)
{
	char *word = strsep(rest, " "), *equals = word ? strchr(word, '=') : NULL;

	if (!equals)
		return false;
	*equals = '\0';
	*key = word;
	*value = equals + 1;
	return true;
}

struct text_line {
	char key[NAME_SIZE], value[1024];
};

static bool next(const char **at, const char *end, struct text_line *out)
{
	struct status_line line;

	if (!status_line_next(at, end, &line))
		return false;
	snprintf(out->key, sizeof(out->key), "%.*s", (int)line.key_size, line.key);
	snprintf(out->value, sizeof(out->value), "%.*s", (int)line.value_size, line.value);
	return true;
}

static bool is_drop(const char *key)
{
	return strncmp(key, "drop_", 5) == 0;
}

/* Lines that stand for several: of their kind there may be many, or none. */
static bool is_listed(const char *key)
{
	return is_drop(key) || strcmp(key, "member") == 0 || strcmp(key, "peer") == 0 ||
	       strcmp(key, "port") == 0 || strcmp(key, "error") == 0 || strcmp(key, "warning") == 0;
}

/* The key=value pairs of a line; what stands before them, if anything, is its name. */
static void object_print(char *pairs)
{
	const char *comma = "";
	char *rest = pairs, *key, *value;

	putchar('{');
	if (strcspn(pairs, " ") < strcspn(pairs, "=")) {
		printf("\"name\":");
		json_text(strsep(&rest, " "));
		comma = ",";
	}
	while (pair_next(&rest, &key, &value)) {
		printf("%s\"%s\":", comma, key);
		value_print(key, value);
		comma = ",";
	}
	putchar('}');
}

static void list_json(const char *text, const char *end, const char *kind, const char *name)
{
	struct text_line line;
	const char *comma = "";

	printf(",\"%s\":[", name);
	while (next(&text, end, &line)) {
		if (strcmp(line.key, kind) != 0)
			continue;
		fputs(comma, stdout);
		object_print(line.value);
		comma = ",";
	}
	putchar(']');
}

static void drops_json(const char *text, const char *end)
{
	struct text_line line;
	const char *comma = "";

	printf(",\"drops\":{");
	while (next(&text, end, &line)) {
		if (!is_drop(line.key))
			continue;
		printf("%s\"%s\":", comma, line.key + 5);
		value_print(line.key, line.value);
		comma = ",";
	}
	putchar('}');
}

static bool has_pairs(const char *value)
{
	return value[strcspn(value, "= ")] == '=';
}

void lines_json(const char *text, size_t size)
{
	const char *at = text, *end = text + size, *comma = "";
	struct text_line line;

	putchar('{');
	while (next(&at, end, &line)) {
		if (is_listed(line.key))
			continue;
		printf("%s\"%s\":", comma, line.key);
		if (!is_word(line.key) && has_pairs(line.value))
			object_print(line.value);
		else
			value_print(line.key, line.value);
		comma = ",";
	}
	drops_json(text, end);
	list_json(text, end, "member", "members");
	list_json(text, end, "peer", "peers");
	list_json(text, end, "port", "ports");
	putchar('}');
}

/* "peer_n2_match" for each pair of a line, "wal_fsync_count" of one without a name. */
static void pairs_fields(const char *prefix, char *pairs)
{
	char *rest = pairs, *key, *value;
	const char *name = "";

	if (strcspn(pairs, " ") < strcspn(pairs, "="))
		name = strsep(&rest, " ");
	while (pair_next(&rest, &key, &value)) {
		printf("\"%s%s%s_%s\" : ", prefix, name[0] ? "_" : "", name, key);
		value_print(key, value);
		putchar('\n');
	}
}

void lines_fields(const char *text, size_t size)
{
	const char *end = text + size;
	struct text_line line;

	while (next(&text, end, &line)) {
		bool named = strcmp(line.key, "member") == 0 || strcmp(line.key, "peer") == 0 ||
			     strcmp(line.key, "port") == 0;

		if (strcmp(line.key, "error") == 0)
			continue;
		if (named || (!is_word(line.key) && has_pairs(line.value))) {
			pairs_fields(line.key, line.value);
			continue;
		}
		printf("\"%s\" : ", line.key);
		value_print(line.key, line.value);
		putchar('\n');
	}
}
