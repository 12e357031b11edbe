/*
 * The table of wire_fields.h as data, and the check that is made of it.
 */
#include "dataplane/wire_fields.h"

#include "base/parts.h"

#define FIELD_ROW(form_, field_, offset_, size_, min_, max_, text_) \
	{.form = WIRE_FORM_##form_,                                 \
	 .offset = (offset_),                                       \
	 .size = (size_),                                           \
	 .name = #field_,                                           \
	 .text = (text_),                                           \
	 .min = (uint64_t)(min_),                                   \
	 .max = (uint64_t)(max_)},
#define FORM_ROWS(form) WIRE_FIELDS_##form(FIELD_ROW)

const struct wire_field wire_fields[] = {WIRE_FORMS(FORM_ROWS)};

enum { FIELD_COUNT = sizeof(wire_fields) / sizeof(wire_fields[0]) };

const size_t wire_field_count = FIELD_COUNT;

#define RELATION_ROW(form_, field_, kind_, other_, value_) \
	{.form = WIRE_FORM_##form_,                        \
	 .kind = WIRE_RELATION_##kind_,                    \
	 .field_offset = WIRE_AT_##form_##_##field_,       \
	 .field_size = WIRE_BYTES_##form_##_##field_,      \
	 .other_offset = WIRE_AT_##form_##_##other_,       \
	 .other_size = WIRE_BYTES_##form_##_##other_,      \
	 .field = #field_,                                 \
	 .other = #other_,                                 \
	 .value = (value_)},

const struct wire_relation wire_relations[] = {WIRE_RELATIONS(RELATION_ROW)};

enum { RELATION_COUNT = sizeof(wire_relations) / sizeof(wire_relations[0]) };

const size_t wire_relation_count = RELATION_COUNT;

/* Where each form's rows begin: they stand in the order of the forms. */
#define ROW_ONE(...) +1
#define FORM_ROW_COUNT(form) FORM_ROWS_##form = 0 WIRE_FIELDS_##form(ROW_ONE),
enum { WIRE_FORMS(FORM_ROW_COUNT) };

struct form {
	const char *name;
	uint16_t size;
	uint8_t rows;
};

#define FORM(form) {#form, WIRE_FORM_SIZE_##form, FORM_ROWS_##form},
static const struct form forms[WIRE_FORM_COUNT] = {WIRE_FORMS(FORM)};

#define FORM_RANGE(form) FIRST_##form, LAST_##form = FIRST_##form + FORM_ROWS_##form - 1,
enum { WIRE_FORMS(FORM_RANGE) FIRST_END };
static_assert((int)FIRST_END == (int)FIELD_COUNT,
	      "each form's rows follow those of the one before");

#define FORM_FIRST(form) FIRST_##form,
static const uint8_t first[WIRE_FORM_COUNT] = {WIRE_FORMS(FORM_FIRST)};
static_assert((int)FIRST_END <= UINT8_MAX, "rows are numbered in a byte");

const char *wire_form_name(enum wire_form form)
{
	assert(form < WIRE_FORM_COUNT);
	return forms[form].name;
}

size_t wire_form_size(enum wire_form form)
{
	assert(form < WIRE_FORM_COUNT);
	return forms[form].size;
}

static bool field_valid(const struct wire_field *f, const uint8_t *data)
{
	uint64_t value;

	if (f->max == 0)
		return bytes_zero(data + f->offset, f->size);
	value = wire_field_get(data + f->offset, f->size);
	return value >= f->min && value <= f->max;
}

static bool relation_holds(const struct wire_relation *r, const uint8_t *data)
{
	uint64_t field = wire_field_get(data + r->field_offset, r->field_size);
	uint64_t other = wire_field_get(data + r->other_offset, r->other_size);

	switch ((enum wire_relation_kind)r->kind) {
	case WIRE_RELATION_BELOW:
		return field < other;
	case WIRE_RELATION_AT_MOST:
		return field <= other;
	case WIRE_RELATION_ZERO_WITH:
		return (field == 0) == (other == 0);
	case WIRE_RELATION_ONLY_WITH:
		return field == 0 || other == r->value;
	case WIRE_RELATION_JUST_WITH:
		return (field != 0) == (other == r->value);
	case WIRE_RELATION_PART_OF:
		return field < parts_count((uint32_t)other);
	}
	return false;
}

bool wire_form_valid(enum wire_form form, const uint8_t *data)
{
	assert(form < WIRE_FORM_COUNT);
	for (uint32_t i = 0; i < forms[form].rows; i++) {
		if (!field_valid(&wire_fields[first[form] + i], data))
			return false;
	}
	for (size_t i = 0; i < RELATION_COUNT && wire_relations[i].form <= form; i++) {
		if (wire_relations[i].form == form && !relation_holds(&wire_relations[i], data))
			return false;
	}
	return true;
}
