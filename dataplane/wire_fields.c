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

#define RELATION(form_, field_, kind_, other_, value_)                                           \
	.form = WIRE_FORM_##form_, .kind = WIRE_RELATION_##kind_,                                \
	.field_offset = WIRE_AT_##form_##_##field_, .field_size = WIRE_BYTES_##form_##_##field_, \
	.other_offset = WIRE_AT_##form_##_##other_, .other_size = WIRE_BYTES_##form_##_##other_, \
	.field = #field_, .other = #other_, .value = (value_)
#define RELATION_ROW(...) {RELATION(__VA_ARGS__)},

const struct wire_relation wire_relations[] = {WIRE_RELATIONS(RELATION_ROW)};

enum { RELATION_COUNT = sizeof(wire_relations) / sizeof(wire_relations[0]) };

const size_t wire_relation_count = RELATION_COUNT;

struct form {
	const char *name;
	uint16_t size;
};

#define FORM(form) {#form, WIRE_FORM_SIZE_##form},
static const struct form forms[WIRE_FORM_COUNT] = {WIRE_FORMS(FORM)};

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

/*
 * The check is made of the table as code, a function for each form: what is constant in a row is so
 * where it is compared, because every message and each of its entries passes here.
 */
#define ALWAYS __attribute__((always_inline)) static inline

/* Of a size that is constant and small: a load or two. The bound is for the compiler alone. */
ALWAYS bool zeros(const uint8_t *at, size_t size)
{
	uint64_t value = 0;

	if (size > sizeof(value))
		return bytes_zero(at, size);
	memcpy(&value, at, size < sizeof(value) ? size : sizeof(value));
	return value == 0;
}

ALWAYS bool field_holds(const uint8_t *at, size_t size, uint64_t min, uint64_t max)
{
	uint64_t value;

	if (max == 0)
		return zeros(at, size);
	value = wire_field_get(at, size);
	return value >= min && value <= max;
}

ALWAYS bool relation_holds(const uint8_t *data, struct wire_relation r)
{
	uint64_t field = wire_field_get(data + r.field_offset, r.field_size);
	uint64_t other = wire_field_get(data + r.other_offset, r.other_size);

	switch ((enum wire_relation_kind)r.kind) {
	case WIRE_RELATION_BELOW:
		return field < other;
	case WIRE_RELATION_AT_MOST:
		return field <= other;
	case WIRE_RELATION_ZERO_WITH:
		return (field == 0) == (other == 0);
	case WIRE_RELATION_ONLY_WITH:
		return field == 0 || other == r.value;
	case WIRE_RELATION_JUST_WITH:
		return (field != 0) == (other == r.value);
	case WIRE_RELATION_PART_OF:
		return field < parts_count((uint32_t)other);
	}
	return false;
}

#define FIELD_HOLDS(form_, field_, offset_, size_, min_, max_, text_) \
	&&field_holds(data + (offset_), size_, (uint64_t)(min_), (uint64_t)(max_))
#define RELATION_HOLDS(form_, ...)      \
	&&(form != WIRE_FORM_##form_ || \
	   relation_holds(data, (struct wire_relation){RELATION(form_, __VA_ARGS__)}))

/* `form` is a constant at each call: its own of the relations are left. */
ALWAYS bool relations_hold(enum wire_form form, const uint8_t *data)
{
	return true WIRE_RELATIONS(RELATION_HOLDS);
}

#define FORM_HOLDS(form)                                       \
	static bool form_holds_##form(const uint8_t *data)     \
	{                                                      \
		return true WIRE_FIELDS_##form(FIELD_HOLDS) && \
		       relations_hold(WIRE_FORM_##form, data); \
	}
WIRE_FORMS(FORM_HOLDS)

#define FORM_CASE(form)        \
	case WIRE_FORM_##form: \
		return form_holds_##form(data);

bool wire_form_valid(enum wire_form form, const uint8_t *data)
{
	switch (form) {
		WIRE_FORMS(FORM_CASE)
	case WIRE_FORM_COUNT:
		break;
	}
	assert(false);
	return false;
}
