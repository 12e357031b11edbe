/*
 * Values as etcdctl writes them.
 *
 * JSON is written by hand but for its strings: ids are unsigned 64-bit numbers, which jansson's
 * integers are not.
 */
#include "tools/quoinctl/quoinctl.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	double ns;
} units[] = {
	{"ns", 1}, {"us", 1e3}, {"µs", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9},
};

/* The unit that `text` starts with, and not a longer one; 0: none. */
static double unit_parse(const char **text)
{
	size_t size = 0;

	while (((*text)[size] < '0' || (*text)[size] > '9') && (*text)[size])
		size++;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strlen(units[i].name) == size && memcmp(units[i].name, *text, size) == 0) {
			*text += size;
			return units[i].ns;
		}
	}
	return 0;
}

bool duration_parse(const char *text, uint64_t *out_ns)
{
	double ns = 0;

	if (*text == '+')
		text++;
	do {
		char *end;
		double number, unit;

		/* No sign, no "inf", no hexadecimal: as Go has it, ".5s" and "1.5s" but not "." */
		if ((*text < '0' || *text > '9') &&
		    (*text != '.' || text[1] < '0' || text[1] > '9'))
			return false;
		if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
			return false;
		number = strtod(text, &end);
		text = end;
		unit = unit_parse(&text);
		if (unit == 0 || !isfinite(number))
			return false;
		ns += number * unit;
	} while (*text);
	/* A hundred hours: what nobody waits for, and no sum overflows. */
	if (ns < 1 || ns > 360000e9)
		return false;
	*out_ns = (uint64_t)ns;
	return true;
}

/* value / 10^digits with as many decimals as say something. */
static int decimal(char *out, size_t size, uint64_t value, unsigned int digits)
{
	uint64_t scale = 1;
	unsigned int shown = digits;
	uint64_t rest;

	for (unsigned int i = 0; i < digits; i++)
		scale *= 10;
	rest = value % scale;
	if (rest == 0)
		return snprintf(out, size, "%" PRIu64, value / scale);
	while (rest % 10 == 0) {
		rest /= 10;
		shown--;
	}
	return snprintf(out, size, "%" PRIu64 ".%0*" PRIu64, value / scale, (int)shown, rest);
}

void duration_text(uint64_t ns, char out[DURATION_SIZE])
{
	char number[DURATION_SIZE - 8];
	uint64_t minutes = ns / 60000000000u;

	if (ns < 1000) {
		snprintf(out, DURATION_SIZE, "%" PRIu64 "ns", ns);
	} else if (ns < 1000000) {
		decimal(number, sizeof(number), ns, 3);
		snprintf(out, DURATION_SIZE, "%sus", number);
	} else if (ns < 1000000000) {
		decimal(number, sizeof(number), ns, 6);
		snprintf(out, DURATION_SIZE, "%sms", number);
	} else if (minutes == 0) {
		decimal(number, sizeof(number), ns, 9);
		snprintf(out, DURATION_SIZE, "%ss", number);
	} else {
		snprintf(out, DURATION_SIZE, "%um%us", (unsigned int)minutes,
			 (unsigned int)(ns % 60000000000u / 1000000000u));
	}
}

void bytes_text(uint64_t size, char out[DURATION_SIZE])
{
	static const char *const names[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
	double value = (double)size;
	unsigned int i = 0;

	while (value >= 1000 && i < 6) {
		value /= 1000;
		i++;
	}
	value = floor(value * 10 + 0.5) / 10;
	snprintf(out, DURATION_SIZE, i > 0 && value < 10 ? "%.1f %s" : "%.0f %s", value, names[i]);
}

static void rule_print(const uint32_t *width, uint32_t columns)
{
	for (uint32_t c = 0; c < columns; c++) {
		putchar('+');
		for (uint32_t i = 0; i < width[c] + 2; i++)
			putchar('-');
	}
	puts("+");
}

void table_print(const char *const *cells, uint32_t rows, uint32_t columns)
{
	uint32_t width[16] = {0};

	assert(columns <= 16);
	for (uint32_t i = 0; i < rows * columns; i++) {
		uint32_t size = (uint32_t)strlen(cells[i]);

		if (size > width[i % columns])
			width[i % columns] = size;
	}
	rule_print(width, columns);
	for (uint32_t r = 0; r < rows; r++) {
		for (uint32_t c = 0; c < columns; c++) {
			const char *cell = cells[r * columns + c];
			uint32_t gap = width[c] - (uint32_t)strlen(cell);
			/* The header in the middle, values to the right. */
			uint32_t after = r == 0 ? gap - gap / 2 : 0;

			printf("| %*s%s%*s ", (int)(gap - after), "", cell, (int)after, "");
		}
		puts("|");
		if (r == 0)
			rule_print(width, columns);
	}
	if (rows > 1)
		rule_print(width, columns);
}

void json_text(const char *text)
{
	json_t *string = json_string(text);
	/* NULL for what is not UTF-8: a name may be; a key is base64. */
	char *quoted = string ? json_dumps(string, JSON_ENCODE_ANY) : NULL;

	fputs(quoted ? quoted : "\"?\"", stdout);
	free(quoted);
	json_decref(string);
}

void json_bytes(const uint8_t *data, size_t size)
{
	enum { STEP = 3 * 256 };
	char text[sodium_base64_ENCODED_LEN(STEP, sodium_base64_VARIANT_ORIGINAL)];

	putchar('"');
	for (size_t i = 0; i < size; i += STEP) {
		sodium_bin2base64(text, sizeof(text), data + i, size - i < STEP ? size - i : STEP,
				  sodium_base64_VARIANT_ORIGINAL);
		fputs(text, stdout);
	}
	putchar('"');
}

void json_header(const struct wire_hello *node, uint64_t revision, uint64_t term)
{
	printf("\"header\":{\"cluster_id\":%" PRIu64 ",\"member_id\":%" PRIu64, node->cluster_id,
	       node->member_id);
	/* Go leaves out what is zero: so do these shapes throughout. */
	if (revision)
		printf(",\"revision\":%" PRIu64, revision);
	if (term)
		printf(",\"raft_term\":%" PRIu64, term);
	putchar('}');
}

void header_fields(const struct wire_hello *node, uint64_t revision, uint64_t term)
{
	printf("\"ClusterID\" : %" PRIu64 "\n\"MemberID\" : %" PRIu64 "\n\"Revision\" : %" PRIu64
	       "\n\"RaftTerm\" : %" PRIu64 "\n",
	       node->cluster_id, node->member_id, revision, term);
}
