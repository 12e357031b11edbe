/*
 * docs/wire.md has the tables that dataplane/wire_fields.h makes, word for word, and no other table
 * of fields. With --print it prints them, to be put there.
 *
 *	wire_document_test docs/wire.md | --print
 */
#include "dataplane/wire_fields.h"
#include "tests/unit/test.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DOCUMENT_MAX = 128 * 1024, TABLE_MAX = 8192 };

static const char head[] = "| offset | size | field | range | |\n|---|---|---|---|---|\n";

static char *document;

struct text {
	char *at;
	size_t size;
};

__attribute__((format(printf, 2, 3))) static void line(struct text *t, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(t->at + t->size, TABLE_MAX - t->size, format, args);
	va_end(args);
	assert_true(n >= 0 && (size_t)n < TABLE_MAX - t->size);
	t->size += (size_t)n;
}

/* "LAST_INDEX" is "last index". */
static const char *words(const char *name, char out[64])
{
	size_t i;

	for (i = 0; name[i] && i < 63; i++)
		out[i] = name[i] == '_' ? ' ' : (char)tolower((unsigned char)name[i]);
	out[i] = '\0';
	return out;
}

/* Large ones by their power of two, if they are one, or one less. */
static const char *number(uint64_t value, char out[64])
{
	for (int bit = 20; bit < 64; bit++) {
		if (value == UINT64_C(1) << bit) {
			snprintf(out, 64, "2^%d", bit);
			return out;
		}
		if (value == (UINT64_C(1) << bit) - 1) {
			snprintf(out, 64, "2^%d - 1", bit);
			return out;
		}
	}
	snprintf(out, 64, "%" PRIu64, value);
	return out;
}

static void row(struct text *t, const struct wire_field *f)
{
	uint64_t ones = f->size >= 8 ? UINT64_MAX : (UINT64_C(1) << (8 * f->size)) - 1;
	char name[64], min[64], max[64], range[160];

	if (f->max == 0)
		snprintf(range, sizeof(range), "0");
	else if (f->min == f->max)
		snprintf(range, sizeof(range), "%s", number(f->min, min));
	else if (f->min == 0 && f->max == ones)
		snprintf(range, sizeof(range), "any");
	else if (f->max == ones)
		snprintf(range, sizeof(range), "from %s", number(f->min, min));
	else
		snprintf(range, sizeof(range), "%s to %s", number(f->min, min),
			 number(f->max, max));
	line(t, "| %u | %u | %s | %s | %s%s|\n", f->offset, f->size, words(f->name, name), range,
	     f->text, f->text[0] ? " " : "");
}

static void relation(struct text *t, const struct wire_relation *r)
{
	char field[64], other[64];

	words(r->field, field);
	words(r->other, other);
	switch ((enum wire_relation_kind)r->kind) {
	case WIRE_RELATION_BELOW:
		line(t, "- *%s* is below *%s*.\n", field, other);
		break;
	case WIRE_RELATION_AT_MOST:
		line(t, "- *%s* is not above *%s*.\n", field, other);
		break;
	case WIRE_RELATION_ZERO_WITH:
		line(t, "- *%s* and *%s* are both 0, or neither is.\n", field, other);
		break;
	case WIRE_RELATION_ONLY_WITH:
		line(t, "- *%s* is 0 unless *%s* is %" PRIu64 ".\n", field, other, r->value);
		break;
	case WIRE_RELATION_JUST_WITH:
		line(t, "- *%s* is 0 unless *%s* is %" PRIu64 ", and not 0 then.\n", field, other,
		     r->value);
		break;
	case WIRE_RELATION_PART_OF:
		line(t, "- *%s* is one of the parts that *%s* bytes have.\n", field, other);
		break;
	}
}

static void table(struct text *t, enum wire_form form)
{
	bool first = true;

	line(t, "%s", head);
	for (size_t i = 0; i < wire_field_count; i++) {
		if (wire_fields[i].form == form)
			row(t, &wire_fields[i]);
	}
	for (size_t i = 0; i < wire_relation_count; i++) {
		if (wire_relations[i].form != form)
			continue;
		line(t, "%s", first ? "\n" : "");
		first = false;
		relation(t, &wire_relations[i]);
	}
}

static void V28_the_document_has_the_tables_of_the_decoder(void **state)
{
	static char made[TABLE_MAX];
	size_t tables = 0;

	(void)state;
	for (int form = 0; form < WIRE_FORM_COUNT; form++) {
		struct text t = {.at = made};
		char heading[80];
		char *section, *end, *at;

		snprintf(heading, sizeof(heading), "\n#### %s\n",
			 wire_form_name((enum wire_form)form));
		section = strstr(document, heading);
		if (!section) {
			fail_msg("no heading \"#### %s\"", wire_form_name((enum wire_form)form));
			return; /* never: the sanitizers' compiler does not know */
		}
		table(&t, (enum wire_form)form);
		end = strstr(section + 1, "\n#");
		at = strstr(section, made);
		if (!at || (end && at > end))
			fail_msg("its table is not under \"#### %s\"; this one should be:\n%s",
				 wire_form_name((enum wire_form)form), made);
	}
	for (char *at = document; (at = strstr(at, head)); at++)
		tables++;
	assert_int_equal(tables, WIRE_FORM_COUNT);
}

static int print(void)
{
	static char made[TABLE_MAX];

	for (int form = 0; form < WIRE_FORM_COUNT; form++) {
		struct text t = {.at = made};

		table(&t, (enum wire_form)form);
		printf("#### %s\n\n%s\n", wire_form_name((enum wire_form)form), made);
	}
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(V28_the_document_has_the_tables_of_the_decoder),
	};
	FILE *file;

	if (argc == 2 && strcmp(argv[1], "--print") == 0)
		return print();
	file = argc == 2 ? fopen(argv[1], "r") : NULL;
	document = calloc(1, DOCUMENT_MAX);
	if (!file || !document || fread(document, 1, DOCUMENT_MAX - 1, file) == 0) {
		fprintf(stderr, "usage: %s docs/wire.md | --print\n", argv[0]);
		return 2;
	}
	fclose(file);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
