/*
 * How a line of the log reads: as text, or as an object of JSON. Whatever a value holds, a line is
 * one line, and JSON is JSON: names of files and words of other programs may have any bytes.
 */
#include "node/journal_internal.h"

#include <assert.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { NUMBER_DIGITS_MAX = 15 }; /* what a double holds exactly; ids of 16 digits are words */

static const char *const level_name[] = {
	[JOURNAL_ERROR] = "error",
	[JOURNAL_WARN] = "warn",
	[JOURNAL_INFO] = "info",
	[JOURNAL_DEBUG] = "debug",
};

struct out {
	char *at;
	size_t size;
};

struct field {
	const char *key, *value;
	size_t key_size, value_size;
	bool quoted;
};

static void put(struct out *o, const char *text, size_t size)
{
	/* JOURNAL_LINE_SIZE has room for the longest line of the worst bytes. */
	assert(o->size + size < JOURNAL_LINE_SIZE);
	memcpy(o->at + o->size, text, size);
	o->size += size;
}

__attribute__((format(printf, 2, 3))) static void print(struct out *o, const char *format, ...)
{
	char text[128];
	va_list args;
	int size;

	va_start(args, format);
	size = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	assert(size >= 0);
	put(o, text, (size_t)size < sizeof(text) ? (size_t)size : sizeof(text) - 1);
}

static size_t key_size(const char *text)
{
	size_t size = 0;

	while (islower((unsigned char)text[size]) || isdigit((unsigned char)text[size]) ||
	       text[size] == '_')
		size++;
	return size > 0 && text[size] == '=' ? size : 0;
}

/* A value ends where the next key begins: what it holds, quotes among it, does not end it. */
static size_t value_size(const char *text)
{
	size_t size = 0;

	while (text[size] != '\0' && !(text[size] == ' ' && key_size(text + size + 1) > 0 &&
				       (text[0] != '"' || (size > 1 && text[size - 1] == '"'))))
		size++;
	return size;
}

static bool next_field(const char **at, struct field *f)
{
	const char *text = *at + strspn(*at, " ");

	if (*text == '\0')
		return false;
	f->key = text;
	f->key_size = key_size(text);
	if (f->key_size == 0) {
		f->key = "text";
		f->key_size = 4;
	} else {
		text += f->key_size + 1;
	}
	f->value = text;
	f->value_size = value_size(text);
	*at = text + f->value_size;
	while (f->value_size > 0 && f->value[f->value_size - 1] == ' ')
		f->value_size--;
	f->quoted = f->value[0] == '"';
	if (f->quoted) {
		f->value++;
		f->value_size--;
		/* A body that was too long has lost its end. */
		if (f->value_size > 0 && f->value[f->value_size - 1] == '"')
			f->value_size--;
	}
	return true;
}

/* The bytes of the character at `text`, 0: it is none of UTF-8 (RFC 3629). */
static size_t utf8_size(const unsigned char *text, size_t size)
{
	size_t more = text[0] < 0x80 ? 0 : text[0] < 0xe0 ? 1 : text[0] < 0xf0 ? 2 : 3;
	uint32_t code = more == 0 ? text[0] : text[0] & (0x3fu >> more);
	static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};

	if ((more > 0 && text[0] < 0xc2) || text[0] > 0xf4 || more >= size)
		return 0;
	for (size_t i = 1; i <= more; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (text[i] & 0x3f);
	}
	if (code < least[more] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return 0;
	return more + 1;
}

/* Between double quotes, in both formats; they differ in how an odd byte is written. */
static void put_quoted(struct out *o, const char *text, size_t size, enum journal_format format)
{
	const unsigned char *bytes = (const unsigned char *)text;

	print(o, "\"");
	for (size_t i = 0, step; i < size; i += step) {
		step = utf8_size(bytes + i, size - i);
		if (step == 0 || bytes[i] < 0x20 || bytes[i] == 0x7f) {
			if (bytes[i] == '\n')
				print(o, "\\n");
			else if (format == JOURNAL_TEXT)
				print(o, "\\x%02x", bytes[i]);
			else
				print(o, "\\u%04x", step == 0 ? 0xfffdu : bytes[i]);
			step = 1;
			continue;
		}
		if (bytes[i] == '"' || bytes[i] == '\\')
			print(o, "\\");
		put(o, text + i, step);
	}
	print(o, "\"");
}

static bool is_plain(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c <= 0x20 || c >= 0x7f || c == '"' || c == '\\')
			return false;
	}
	return size > 0;
}

static bool is_number(const struct field *f)
{
	size_t sign = f->value_size > 0 && f->value[0] == '-';
	size_t digits = f->value_size - sign;

	for (size_t i = sign; i < f->value_size; i++) {
		if (!isdigit((unsigned char)f->value[i]))
			return false;
	}
	return !f->quoted && digits > 0 && digits <= NUMBER_DIGITS_MAX &&
	       (f->value[sign] != '0' || digits == 1);
}

static void put_field(struct out *o, const struct field *f, enum journal_format format)
{
	if (format == JOURNAL_TEXT) {
		print(o, " %.*s=", (int)f->key_size, f->key);
		if (!f->quoted && is_plain(f->value, f->value_size))
			put(o, f->value, f->value_size);
		else
			put_quoted(o, f->value, f->value_size, format);
		return;
	}
	print(o, ",\"%.*s\":", (int)f->key_size, f->key);
	if (is_number(f))
		put(o, f->value, f->value_size);
	else
		put_quoted(o, f->value, f->value_size, format);
}

static void put_head(struct out *o, const struct journal_line *line, const char *name,
		     enum journal_format format)
{
	size_t body_size = strlen(line->body);
	char time[32];
	struct tm utc;

	gmtime_r(&line->time.tv_sec, &utc);
	strftime(time, sizeof(time), "%Y-%m-%dT%H:%M:%S", &utc);
	if (format == JOURNAL_TEXT) {
		print(o, "%s.%06ldZ %s %s %s", time, line->time.tv_nsec / 1000,
		      level_name[line->level], name, line->event ? line->event : "");
		return;
	}
	print(o, "{\"level\":\"%s\",\"ts\":\"%s.%06ldZ\",\"member\":", level_name[line->level],
	      time, line->time.tv_nsec / 1000);
	put_quoted(o, name, strlen(name), format);
	print(o, ",\"msg\":");
	if (line->event)
		put_quoted(o, line->event, strlen(line->event), format);
	else
		put_quoted(o, line->body, body_size, format);
}

/* For a person at a terminal: its words as they are, but for what would make it another line. */
static void put_sentence(struct out *o, const char *text)
{
	print(o, "quoind: ");
	for (; *text != '\0'; text++) {
		if (iscntrl((unsigned char)*text) && *text != '\t')
			print(o, "\\x%02x", (unsigned char)*text);
		else
			put(o, text, 1);
	}
}

size_t journal_line_text(const struct journal_line *line, const char *name,
			 enum journal_format format, char out[JOURNAL_LINE_SIZE])
{
	struct out o = {.at = out};
	const char *at = line->body;
	struct field field;

	if (!line->event && format == JOURNAL_TEXT) {
		put_sentence(&o, line->body);
	} else {
		put_head(&o, line, name, format);
		while (line->event && next_field(&at, &field))
			put_field(&o, &field, format);
		if (line->left_out && format == JOURNAL_TEXT)
			print(&o, " left_out=%ju", (uintmax_t)line->left_out);
		else if (line->left_out)
			print(&o, ",\"left_out\":%ju", (uintmax_t)line->left_out);
		if (format == JOURNAL_JSON)
			print(&o, "}");
	}
	put(&o, "\n", 1);
	return o.size;
}
