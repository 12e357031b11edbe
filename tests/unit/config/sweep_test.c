/*
 * F17: each key with each kind of wrong value, made from the table of keys: one error, at the
 * value's line, under the key's name, that shows what was given; never a crash, never silence.
 */
#include "config/keys.h"

#include "tests/unit/config/files.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { TEXT_SIZE = 16384, LONG = 5000 };

/* What makes a configuration good, but for the key that is tried. */
static const struct {
	const char *key, *value;
} base[] = {
	{"name", "n1"},
	{"data-dir", "/d"},
	{"initial-cluster", "n1=198.18.0.1,n2=198.18.0.2"},
	{"auto-compaction-retention", "0"},
	{"network.link", "memif"},
	{"network.address", "198.18.0.1/24"},
};

static char text[TEXT_SIZE];
static size_t used;
static uint32_t lines, tried;

static void add(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void add(const char *format, ...)
{
	va_list args;
	size_t from = used;

	va_start(args, format);
	used += (size_t)vsnprintf(text + used, sizeof(text) - used, format, args);
	va_end(args);
	assert_true(used < sizeof(text));
	for (; from < used; from++)
		lines += text[from] == '\n';
}

static bool in_section(const char *key, const char *section)
{
	size_t size = strlen(section);

	return size ? strncmp(key, section, size) == 0 && key[size] == '.' : !strchr(key, '.');
}

/* All of a section, the key that is tried last and as often as it is said: its last line. */
static uint32_t section(const char *name, const char *key, const char *value, int times)
{
	const char *indent = name[0] ? "  " : "";
	bool here = in_section(key, name);
	uint32_t line = 0;

	if (name[0])
		add("%s:\n", name);
	for (size_t i = 0; i < sizeof(base) / sizeof(base[0]); i++) {
		if (in_section(base[i].key, name) && strcmp(base[i].key, key) != 0)
			add("%s%s: %s\n", indent, base[i].key + (name[0] ? strlen(name) + 1 : 0),
			    base[i].value);
	}
	for (int i = 0; here && i < times; i++) {
		line = lines + 1;
		add("%s%s: %s\n", indent, key + (name[0] ? strlen(name) + 1 : 0), value);
	}
	return line;
}

/* The line at which it is given for the last time. */
static uint32_t compose(const char *key, const char *value, int times)
{
	uint32_t line;

	used = 0;
	lines = 0;
	line = section("", key, value, times);
	if (in_section(key, "wal"))
		line = section("wal", key, value, times);
	line += section("network", key, value, times);
	assert_true(line > 0);
	return line;
}

static void must_be_refused(const struct config_key *key, const char *value, int times,
			    const char *under, const char *says)
{
	uint32_t line = compose(key->name, value, times);
	static struct config_errors errors;
	static struct config config;
	char begin[128];

	tried++;
	if (files_load(&config, text, used, &errors) != -EINVAL || errors.count != 1)
		fail_msg("%s: %.80s: %u errors: %s", key->name, value, errors.count,
			 errors.count ? errors.text[0] : "");
	snprintf(begin, sizeof(begin), "F:%u: %s: ", line, under);
	if (strncmp(errors.text[0], begin, strlen(begin)) != 0 || !strstr(errors.text[0], says))
		fail_msg("%s: %.80s: not \"%s\" and \"%s\": %s", key->name, value, begin, says,
			 errors.text[0]);
	/* More than its place: what is wrong, and after a colon what would be right. */
	if (!strchr(errors.text[0] + strlen(begin), ':'))
		fail_msg("%s: no advice: %s", key->name, errors.text[0]);
}

static void wrong(const struct config_key *key, const char *value, const char *says)
{
	must_be_refused(key, value, 1, key->name, says);
}

static void F17_no_single_value(void **state)
{
	static const char *const values[] = {"[a, b]", "[]", "[[a], {b: c}]"};

	(void)state;
	for (int i = 0; i < KEY_COUNT; i++) {
		for (size_t v = 0; v < sizeof(values) / sizeof(values[0]); v++)
			wrong(&config_keys[i], values[v], "is no single value");
		wrong(&config_keys[i], "{a: [b]}",
		      i == KEY_INITIAL_CLUSTER ? "is no pair of texts" : "is no single value");
	}
}

/* YAML's ways to say that there is nothing, and text that is empty. */
static void F17_nothing(void **state)
{
	static const char *const values[] = {"",     "~",  "null",        "Null",
					     "NULL", "''", "# a comment", "!!null null"};

	(void)state;
	for (int i = 0; i < KEY_COUNT; i++) {
		for (size_t v = 0; v < sizeof(values) / sizeof(values[0]); v++)
			wrong(&config_keys[i], values[v], "(empty)");
	}
}

static void F17_no_value_of_any_key(void **state)
{
	static const char *const values[] = {"-1",   "\"a b\"", "\"\\a\"",     "\"%s%n%d\"", "é",
					     "'x '", "\"'\"",   "'../../etc'", "<none>"};
	static char longest[LONG + 1];

	(void)state;
	memset(longest, '/', LONG);
	for (int i = 0; i < KEY_COUNT; i++) {
		enum config_key_type type = config_keys[i].type;

		for (size_t v = 0; v < sizeof(values) / sizeof(values[0]); v++) {
			/* An interface may have almost any name: a look tells if it is there. */
			if (type != KEY_TYPE_INTERFACE)
				wrong(&config_keys[i], values[v], " is ");
		}
		wrong(&config_keys[i], longest, "////... is ");
	}
}

static void F17_numbers(void **state)
{
	static const char *const units[] = {
		[KEY_TYPE_DURATION] = "us", [KEY_TYPE_SIZE] = "B", [KEY_TYPE_COUNT] = ""};
	static const char *const forms[] = {"+1",    "-1",  "1.5%s",    "1e3%s",  "0x10%s",
					    "1_0%s", "%s",  "1 %s",     "010x%s", "1%s ;",
					    "١%s",   ".%s", "- 1%s is", "1%s1%s"};
	char value[96], form[48];

	(void)state;
	for (int i = 0; i < KEY_COUNT; i++) {
		const struct config_key *key = &config_keys[i];
		const char *unit;

		if (key->type != KEY_TYPE_DURATION && key->type != KEY_TYPE_SIZE &&
		    key->type != KEY_TYPE_COUNT)
			continue;
		unit = units[key->type];
		snprintf(value, sizeof(value), "%" PRIu64 "%s", key->min - 1, unit);
		wrong(key, value, "is out of range");
		snprintf(value, sizeof(value), "%" PRIu64 "%s", key->max + 1, unit);
		wrong(key, value, "is out of range");
		snprintf(value, sizeof(value), "99999999999999999999999%s", unit);
		wrong(key, value, "is out of range");
		snprintf(value, sizeof(value), "18446744073709551615%s",
			 key->type == KEY_TYPE_SIZE    ? "GiB"
			 : key->type == KEY_TYPE_COUNT ? ""
						       : "s");
		wrong(key, value, "is out of range");
		if (unit[0]) {
			snprintf(value, sizeof(value), "%" PRIu64, key->max);
			wrong(key, value, "has no unit");
		}
		for (size_t f = 0; f < sizeof(forms) / sizeof(forms[0]); f++) {
			const char *at = forms[f];
			size_t n = 0;

			for (; *at; at++) {
				if (at[0] == '%' && at[1] == 's') {
					n += (size_t)snprintf(form + n, sizeof(form) - n, "%s",
							      unit);
					at++;
				} else {
					form[n++] = *at;
				}
			}
			form[n] = '\0';
			if (!unit[0] && (strcmp(forms[f], "1 %s") == 0 || !form[0] ||
					 strcmp(forms[f], "1%s1%s") == 0))
				continue; /* 1, nothing, 11 */
			snprintf(value, sizeof(value), "'%s'", form);
			wrong(key, value, " is ");
		}
	}
}

static void F17_choices(void **state)
{
	char value[64];

	(void)state;
	for (int i = 0; i < KEY_COUNT; i++) {
		const struct config_key *key = &config_keys[i];

		for (int v = 0; key->choices[v]; v++) {
			snprintf(value, sizeof(value), "%s", key->choices[v]);
			value[0] = (char)(value[0] - 'a' + 'A');
			wrong(key, value, key->choices[0]);
			snprintf(value, sizeof(value), "%sx", key->choices[v]);
			wrong(key, value, key->choices[v]);
			snprintf(value, sizeof(value), "%.*s", (int)strlen(key->choices[v]) - 1,
				 key->choices[v]);
			wrong(key, value, key->choices[v]);
		}
	}
}

/* The second one's line, and the first one's in the text, whatever the two say. */
static void F17_given_twice(void **state)
{
	(void)state;
	for (int i = 0; i < KEY_COUNT; i++) {
		char value[160];

		/* What is right for it here, as far as it goes. */
		snprintf(value, sizeof(value), "%s", config_keys[i].example);
		for (size_t b = 0; b < sizeof(base) / sizeof(base[0]); b++) {
			if (strcmp(base[b].key, config_keys[i].name) == 0)
				snprintf(value, sizeof(value), "%s", base[b].value);
		}
		if (i == KEY_NETWORK_INTERFACE || i == KEY_NETWORK_PCI)
			continue; /* memif takes neither: that is said beside it */
		if (value[0] == '@')
			snprintf(value, sizeof(value), "'@quoin'");
		must_be_refused(&config_keys[i], value, 2, config_keys[i].name,
				"is given twice: line ");
	}
}

/* The reader of bytes knows no key: it names the line. */
static void F17_no_utf8(void **state)
{
	static const char *const values[] = {
		"\xff", "a\xc3", "\xed\xa0\x80", "\xf8\x88\x80\x80\x80", "a\x01", "\xc0\x80"};

	(void)state;
	for (int i = 0; i < KEY_COUNT; i++) {
		for (size_t v = 0; v < sizeof(values) / sizeof(values[0]); v++)
			must_be_refused(&config_keys[i], values[v], 1, "YAML", "");
	}
}

/* What the table says is right is taken: an error can be of what it goes with alone. */
static void F17_what_is_right_is_taken(void **state)
{
	(void)state;
	for (int i = 0; i < KEY_COUNT; i++) {
		const struct config_key *key = &config_keys[i];

		for (int v = 0; v < 1 || key->choices[v]; v++) {
			static struct config_errors errors;
			static struct config config;
			const char *value = key->choices[0] ? key->choices[v] : key->example;
			char quoted[160];

			snprintf(quoted, sizeof(quoted), "'%s'", value);
			compose(key->name, quoted, 1);
			(void)files_load(&config, text, used, &errors);
			for (uint32_t e = 0; e < errors.count; e++) {
				if (strstr(errors.text[e], " is wrong: ") ||
				    strstr(errors.text[e], " out of range: "))
					fail_msg("%s: %s", key->name, errors.text[e]);
			}
		}
	}
}

static int enter(void **state)
{
	(void)state;
	files_enter();
	return 0;
}

static int leave(void **state)
{
	(void)state;
	files_leave();
	print_message("%u configurations\n", tried);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(F17_no_single_value),
		cmocka_unit_test(F17_nothing),
		cmocka_unit_test(F17_no_value_of_any_key),
		cmocka_unit_test(F17_numbers),
		cmocka_unit_test(F17_choices),
		cmocka_unit_test(F17_given_twice),
		cmocka_unit_test(F17_no_utf8),
		cmocka_unit_test(F17_what_is_right_is_taken),
	};

	return cmocka_run_group_tests(tests, enter, leave);
}
