#include "tools/quoinctl/go_text.h"

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wctype.h>

enum { RUNE_MAX = 0x10ffff };

static bool is_surrogate(uint32_t rune)
{
	return rune >= 0xd800 && rune <= 0xdfff;
}

/* `count` digits of a base at *text: false unless they are all there. */
static bool number(const char **text, const char *end, unsigned int count, unsigned int base,
		   uint32_t *out)
{
	static const char digits[] = "0123456789abcdef";

	*out = 0;
	for (unsigned int i = 0; i < count; i++, (*text)++) {
		char c = 0;

		if (*text < end)
			c = **text >= 'A' && **text <= 'F' ? (char)(**text + 'a' - 'A') : **text;
		const char *digit = c ? memchr(digits, c, base) : NULL;
		if (!digit)
			return false;
		*out = *out * base + (uint32_t)(digit - digits);
	}
	return true;
}

static uint8_t *rune_encode(uint32_t rune, uint8_t *out)
{
	if (rune < 0x80) {
		*out++ = (uint8_t)rune;
		return out;
	}
	if (rune < 0x800) {
		*out++ = (uint8_t)(0xc0 | rune >> 6);
	} else {
		if (rune < 0x10000) {
			*out++ = (uint8_t)(0xe0 | rune >> 12);
		} else {
			*out++ = (uint8_t)(0xf0 | rune >> 18);
			*out++ = (uint8_t)(0x80 | (rune >> 12 & 0x3f));
		}
		*out++ = (uint8_t)(0x80 | (rune >> 6 & 0x3f));
	}
	*out++ = (uint8_t)(0x80 | (rune & 0x3f));
	return out;
}

/* What follows a backslash at *text. NULL, or why not. */
static const char *escape(const char **text, const char *end, uint8_t **out)
{
	static const char named[] = "abfnrtv\\\"", bytes[] = "\a\b\f\n\r\t\v\\\"";
	const char *known = memchr(named, **text, sizeof(named) - 1);
	uint32_t rune;
	char kind = **text;

	if (known) {
		*(*out)++ = (uint8_t)bytes[known - named];
		(*text)++;
		return NULL;
	}
	if (kind >= '0' && kind <= '7') {
		if (!number(text, end, 3, 8, &rune) || rune > 255)
			return "a backslash and a digit are \\000 to \\377, three octal digits";
		*(*out)++ = (uint8_t)rune;
		return NULL;
	}
	(*text)++;
	switch (kind) {
	case 'x':
		if (!number(text, end, 2, 16, &rune))
			return "\\x is followed by two hexadecimal digits";
		*(*out)++ = (uint8_t)rune;
		return NULL;
	case 'u':
		if (!number(text, end, 4, 16, &rune) || is_surrogate(rune))
			return "\\u is followed by four hexadecimal digits of a character";
		break;
	case 'U':
		if (!number(text, end, 8, 16, &rune) || is_surrogate(rune) || rune > RUNE_MAX)
			return "\\U is followed by eight hexadecimal digits of a character";
		break;
	default:
		return "after a backslash comes one of a b f n r t v \\ \" x u U or an octal "
		       "digit: a backslash itself is \\\\";
	}
	*out = rune_encode(rune, *out);
	return NULL;
}

static size_t unquote_raw(const char *text, size_t size, uint8_t *out, size_t *out_size,
			  const char **error)
{
	const char *end = memchr(text + 1, '`', size - 1);

	*out_size = 0;
	if (!end) {
		*error = "a string that begins with ` ends with `";
		return 0;
	}
	/* Go leaves carriage returns out. */
	for (const char *at = text + 1; at < end; at++) {
		if (*at != '\r')
			out[(*out_size)++] = (uint8_t)*at;
	}
	return (size_t)(end - text) + 1;
}

size_t go_unquote(const char *text, size_t size, uint8_t *out, size_t *out_size, const char **error)
{
	const char *at = text + 1, *end = text + size;
	uint8_t *to = out;

	if (size && *text == '`')
		return unquote_raw(text, size, out, out_size, error);
	if (!size || *text != '"') {
		*error = "a string stands between \" and \"";
		return 0;
	}
	while (at < end && *at != '"' && *at != '\n') {
		if (*at != '\\') {
			*to++ = (uint8_t)*at++;
			continue;
		}
		if (++at == end)
			break;
		*error = escape(&at, end, &to);
		if (*error)
			return 0;
	}
	if (at == end || *at != '"') {
		*error = "a string that begins with \" ends with \" in the same line";
		return 0;
	}
	*out_size = (size_t)(to - out);
	return (size_t)(at - text) + 1;
}

bool go_number(const char *text, uint64_t *out)
{
	const char *digits = text + (*text == '-' || *text == '+');
	char *end;

	errno = 0;
	*out = (uint64_t)strtoll(text, &end, 10);
	return *digits >= '0' && *digits <= '9' && !errno && !*end;
}

/* A character of UTF-8 in its shortest form: its bytes; 0: there is none. */
static size_t rune_decode(const uint8_t *data, size_t size, uint32_t *rune)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t count = *data < 0x80 ? 1 : *data >= 0xf0 ? 4 : *data >= 0xe0 ? 3 : 2;

	*rune = *data;
	if (count == 1)
		return 1;
	if (*data < 0xc0 || *data >= 0xf8 || count > size)
		return 0;
	*rune = *data & (0x7fu >> count);
	for (size_t i = 1; i < count; i++) {
		if ((data[i] & 0xc0) != 0x80)
			return 0;
		*rune = *rune << 6 | (data[i] & 0x3f);
	}
	return *rune < least[count] || is_surrogate(*rune) || *rune > RUNE_MAX ? 0 : count;
}

/* Go's strconv.IsPrint: a sign that is seen, or the one blank that is not written otherwise. */
static bool is_print(uint32_t rune)
{
	/* Blanks, marks of format, and what is for private use: the C library prints them. */
	static const uint32_t unseen[][2] = {
		{0xa0, 0xa0},       {0xad, 0xad},       {0x600, 0x605},     {0x61c, 0x61c},
		{0x6dd, 0x6dd},     {0x70f, 0x70f},     {0x890, 0x891},     {0x8e2, 0x8e2},
		{0x1680, 0x1680},   {0x180e, 0x180e},   {0x2000, 0x200f},   {0x2028, 0x202f},
		{0x205f, 0x206f},   {0x3000, 0x3000},   {0xe000, 0xf8ff},   {0xfeff, 0xfeff},
		{0xfff9, 0xfffb},   {0x110bd, 0x110bd}, {0x110cd, 0x110cd}, {0x13430, 0x13455},
		{0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0001, 0xe007f}, {0xf0000, RUNE_MAX},
	};
	static locale_t unicode;

	if (rune < 0x7f)
		return rune >= ' ';
	for (size_t i = 0; i < sizeof(unseen) / sizeof(unseen[0]); i++) {
		if (rune >= unseen[i][0] && rune <= unseen[i][1])
			return false;
	}
	if (!unicode)
		unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", NULL);
	return unicode && iswprint_l(rune, unicode);
}

static void rune_quote(uint32_t rune)
{
	static const char named[] = "\a\b\f\n\r\t\v\\\"", letters[] = "abfnrtv\\\"";
	const char *known = rune && rune < 0x80 ? strchr(named, (int)rune) : NULL;

	if (known)
		printf("\\%c", letters[known - named]);
	else if (rune < ' ' || rune == 0x7f)
		printf("\\x%02x", rune);
	else
		printf(rune < 0x10000 ? "\\u%04x" : "\\U%08x", rune);
}

void go_quote(const uint8_t *data, size_t size)
{
	uint32_t rune;

	putchar('"');
	for (size_t count; size; data += count, size -= count) {
		count = rune_decode(data, size, &rune);
		if (!count) {
			printf("\\x%02x", *data);
			count = 1;
		} else if (rune != '"' && rune != '\\' && is_print(rune)) {
			fwrite(data, 1, count, stdout);
		} else {
			rune_quote(rune);
		}
	}
	putchar('"');
}
