/*
 * The table of fields (dataplane/wire_fields.h): it covers every byte, and what it says is what the
 * decoders do. Each field of a good body of every message is walked over its bounds.
 */
#include "base/bytes.h"
#include "dataplane/wire_fields.h"
#include "tests/unit/dataplane/wire_bodies.h"
#include "tests/unit/test.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void the_rows_cover_every_byte(void **state)
{
	size_t at = 0;
	int form = -1;

	(void)state;
	for (size_t i = 0; i < wire_field_count; i++) {
		const struct wire_field *f = &wire_fields[i];

		if (f->form != form) {
			assert_int_equal(f->form, form + 1);
			assert_true(form < 0 || at == wire_form_size((enum wire_form)form));
			form = f->form;
			at = 0;
		}
		if (f->offset != at || f->min > f->max ||
		    (f->size < 8 && f->max >> (8 * f->size) != 0))
			fail_msg("%s %s", wire_form_name(f->form), f->name);
		/* What has no integer's size is reserved. */
		assert_true(f->size == 1 || f->size == 2 || f->size == 4 || f->size == 8 ||
			    f->max == 0);
		at += f->size;
	}
	assert_int_equal(form, WIRE_FORM_COUNT - 1);
	assert_int_equal(at, wire_form_size(WIRE_FORM_COUNT - 1));
	for (size_t i = 1; i < wire_relation_count; i++)
		assert_true(wire_relations[i].form >= wire_relations[i - 1].form);
}

/* --- the walk ---------------------------------------------------------------------------- */

/* As the table's comment says it, written down a second time. */
static bool holds(const struct wire_relation *r, const uint8_t *data)
{
	uint64_t a = wire_field_get(data + r->field_offset, r->field_size);
	uint64_t b = wire_field_get(data + r->other_offset, r->other_size);

	switch ((enum wire_relation_kind)r->kind) {
	case WIRE_RELATION_BELOW:
		return a < b;
	case WIRE_RELATION_AT_MOST:
		return !(a > b);
	case WIRE_RELATION_ZERO_WITH:
		return (!a && !b) || (a && b);
	case WIRE_RELATION_ONLY_WITH:
		return b == r->value || !a;
	case WIRE_RELATION_JUST_WITH:
		return b == r->value ? a > 0 : !a;
	case WIRE_RELATION_PART_OF:
		return a == 0 || a * WIRE_PART_SIZE < b;
	}
	return false;
}

static bool expected(enum wire_form form, const uint8_t *data)
{
	for (size_t i = 0; i < wire_field_count; i++) {
		const struct wire_field *f = &wire_fields[i];
		uint64_t value = 0;

		if (f->form != form)
			continue;
		for (int k = f->size - 1; k >= 0; k--) {
			if (f->size <= 8)
				value = value << 8 | data[f->offset + k];
			else
				value |= data[f->offset + k];
		}
		if (value < f->min || value > f->max)
			return false;
	}
	for (size_t i = 0; i < wire_relation_count; i++) {
		if (wire_relations[i].form == form && !holds(&wire_relations[i], data))
			return false;
	}
	return true;
}

/* Sizes, counts and types steer how the rest is read: they may be in range and yet not agree. */
static bool steers(const struct wire_field *f)
{
	static const char *const names[] = {"ENTRY_COUNT", "COUNT",  "SIZE", "TOTAL_SIZE",
					    "PART",        "WANTED", "TYPE", "BODY_SIZE",
					    "KIND",        "FLAGS"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(f->name, names[i]) == 0)
			return true;
	}
	return false;
}

static void put(uint8_t *at, uint32_t size, uint64_t value)
{
	for (uint32_t i = 0; i < size; i++)
		at[i] = (uint8_t)(i < 8 ? value >> (8 * i) : (value == UINT64_MAX ? 0xff : 0));
}

struct walk {
	enum wire_form form;
	size_t at; /* of the form in the body */
	uint8_t type;
	uint8_t *body;
	size_t size;
	uint32_t tried, refused;
};

/* Terms of entries and places of members stand in an order that no row tells. */
static bool ordered(const struct wire_field *f)
{
	return (f->form == WIRE_FORM_ENTRY && strcmp(f->name, "TERM") == 0) ||
	       (f->form == WIRE_FORM_FORMATION_MEMBER && f->offset < 6) ||
	       (f->form == WIRE_FORM_APPEND && f->offset < 24);
}

static void walk_value(struct walk *w, const struct wire_field *f, uint64_t value)
{
	uint8_t *at = w->body + w->at + f->offset;
	uint8_t saved[64];
	bool good;

	assert_true(f->size <= sizeof(saved));
	memcpy(saved, at, f->size);
	put(at, f->size, value);
	good = expected(w->form, w->body + w->at);
	w->tried++;
	if (bodies_decode(w->type, w->body, w->size) == 0) {
		if (!good)
			fail_msg("%s %s: %llx is out of range, and was accepted",
				 wire_form_name(w->form), f->name, (unsigned long long)value);
	} else {
		w->refused++;
		if (good && !steers(f) && !ordered(f))
			fail_msg("%s %s: %llx is in range, and was refused",
				 wire_form_name(w->form), f->name, (unsigned long long)value);
	}
	memcpy(at, saved, f->size);
}

static void walk(struct walk *w)
{
	for (size_t i = 0; i < wire_field_count; i++) {
		const struct wire_field *f = &wire_fields[i];
		uint64_t ones = f->size >= 8 ? UINT64_MAX : (UINT64_C(1) << (8 * f->size)) - 1;

		if (f->form != w->form)
			continue;
		if (f->min > 0)
			walk_value(w, f, f->min - 1);
		walk_value(w, f, f->min);
		walk_value(w, f, f->max);
		if (f->max < ones)
			walk_value(w, f, f->max + 1);
		walk_value(w, f, ones);
		walk_value(w, f, f->max / 2);
	}
	assert_int_equal(bodies_decode(w->type, w->body, w->size), 0);
}

static void V28_each_field_is_refused_out_of_its_range_and_taken_in_it(void **state)
{
	bool walked[WIRE_FORM_COUNT] = {false};
	uint8_t type;
	size_t size;

	(void)state;
	for (int i = 0; (size = bodies_good(i, &type, bodies_buffer)) > 0; i++) {
		struct walk w = {.type = type, .body = bodies_buffer, .size = size};

		assert_int_equal(bodies_decode(type, bodies_buffer, size), 0);
		for (int form = 0; form < WIRE_FORM_COUNT; form++) {
			w.form = (enum wire_form)form;
			if (!bodies_form_at(w.form, type, size, &w.at))
				continue;
			walk(&w);
			assert_true(w.refused > 0);
			assert_true(w.tried > w.refused);
			walked[form] = true;
		}
	}
	for (int form = 0; form < WIRE_FORM_COUNT; form++) {
		if (!walked[form])
			fail_msg("no body of %s was tried", wire_form_name((enum wire_form)form));
	}
}

/* V29, V30: each was a single frame that ended something for good. */
static void V29_V30_the_frames_of_the_review_are_refused(void **state)
{
	static const struct {
		uint8_t type;
		size_t at;
		uint64_t value;
	} row[] = {
		{WIRE_VOTE, 0, UINT64_MAX / 4 + 1},  {WIRE_APPEND, 32, UINT64_MAX / 2},
		{WIRE_APPEND, 24, UINT64_MAX - 1},   {WIRE_APPEND_REPLY, 8, UINT64_MAX},
		{WIRE_APPEND_REPLY, 32, UINT64_MAX}, {WIRE_READ_REPLY, 16, UINT64_MAX},
		{WIRE_START_REPLY, 16, UINT64_MAX},  {WIRE_PROPOSE_REPLY, 24, UINT64_MAX},
		{WIRE_SETTINGS, 0, UINT64_MAX},
	};
	uint8_t type;
	size_t size;

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		int k = 0;

		while ((size = bodies_good(k, &type, bodies_buffer)) > 0 && type != row[i].type)
			k++;
		assert_true(size > 0);
		bytes_put64(bodies_buffer + row[i].at, row[i].value);
		if (bodies_decode(type, bodies_buffer, size) == 0)
			fail_msg("row %zu was accepted", i);
	}
}

static void encode_read(void)
{
	struct raft_message m = {.type = RAFT_MESSAGE_READ, .term = RAFT_TERM_MAX + 1};
	uint8_t out[64], type;

	wire_raft_encode(&m, out, sizeof(out), &type);
}

static void encode_request(void)
{
	struct wire_part part = {.kind = WIRE_COMMAND, .timeout_us = WIRE_WAIT_US_MAX + 1};
	uint8_t out[64];

	wire_part_encode(&part, WIRE_REQUEST, out);
}

static void assert_aborts(void (*encode)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		close(STDERR_FILENO);
		signal(SIGABRT, SIG_DFL);
		encode();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void nothing_of_ours_is_sent_out_of_range(void **state)
{
	(void)state;
	assert_aborts(encode_read);
	assert_aborts(encode_request);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rows_cover_every_byte),
		cmocka_unit_test(V28_each_field_is_refused_out_of_its_range_and_taken_in_it),
		cmocka_unit_test(V29_V30_the_frames_of_the_review_are_refused),
		cmocka_unit_test(nothing_of_ours_is_sent_out_of_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
