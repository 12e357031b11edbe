/*
 * The judge against every order there is, on histories small enough to try them all; and one
 * history for each of its other rules.
 */
#include "tests/sim/random.h"
#include "tests/soak/history.h"
#include "tests/unit/test.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { SMALL_MAX = 6, TIMES = 8, SMALL_HISTORIES = 300000 };

/* Whether some order of the operations that are not in `done` goes on from `value`. */
static bool orders(const struct history *h, uint32_t done, uint64_t value)
{
	bool needed = false;

	for (size_t i = 0; i < h->count; i++)
		needed |= !(done >> i & 1) && h->operation[i].outcome == HISTORY_DONE;
	if (!needed)
		return true;
	for (size_t i = 0; i < h->count; i++) {
		const struct history_operation *o = &h->operation[i];
		bool first = !(done >> i & 1);

		for (size_t k = 0; k < h->count; k++)
			first = first && ((done >> k & 1) || h->operation[k].end_ns >= o->begin_ns);
		if (!first || (o->kind == HISTORY_GET && o->value != value))
			continue;
		if (orders(h, done | 1u << i, o->kind == HISTORY_PUT ? o->value : value))
			return true;
	}
	return false;
}

static void draw_history(struct sim_random *r, struct history *h)
{
	size_t count = 1 + sim_random_below(r, SMALL_MAX);
	size_t puts = sim_random_below(r, count + 1);

	h->count = 0;
	for (size_t i = 0; i < count; i++) {
		struct history_operation o = {
			.kind = i < puts ? HISTORY_PUT : HISTORY_GET,
			.client = (uint32_t)i,
			.begin_ns = 1 + sim_random_below(r, TIMES),
			.value = i < puts ? i + 1 : sim_random_below(r, puts + 1),
		};

		o.end_ns = o.begin_ns + sim_random_below(r, TIMES);
		if (i < puts && sim_random_below(r, 4) == 0) {
			o.outcome = HISTORY_UNKNOWN;
			o.end_ns = HISTORY_NEVER;
		}
		assert_int_equal(history_add(h, &o), 0);
	}
}

static void agrees_with_every_order(void **state)
{
	struct sim_random r = {20261129};
	struct history h = {0};
	char words[HISTORY_WORDS_MAX];
	uint32_t right = 0;

	(void)state;
	for (uint32_t i = 0; i < SMALL_HISTORIES; i++) {
		bool expected;
		int judged;

		draw_history(&r, &h);
		expected = orders(&h, 0, 0);
		judged = history_judge(&h, words);
		right += expected;
		if (judged == (expected ? 0 : 1))
			continue;
		history_write(&h, stdout);
		fail_msg("history %" PRIu32 " has %s order, and was judged %d: %s", i,
			 expected ? "an" : "no", judged, judged ? words : "");
	}
	/* Both kinds were met, often. */
	assert_in_range(right, SMALL_HISTORIES / 10, SMALL_HISTORIES * 9 / 10);
	history_destroy(&h);
}

struct row {
	const char *rule; /* NULL: it is right */
	const char *lines;
};

/* kind outcome client key begin end value mod_revision revision; 0: a put; outcome 2: not done */
static const struct row rows[] = {
	{NULL, "0 0 1 1 10 20 7 2 2\n1 0 2 1 30 40 7 2 2\n"},
	{"HI2: nobody put it", "1 0 2 1 30 40 7 2 2\n"},
	{"HI2: it was not done", "0 2 1 1 10 20 7 0 0\n1 0 2 1 30 40 7 2 2\n"},
	{"HI1: it was seen before", "0 0 1 1 10 20 7 2 2\n1 0 2 1 5 9 7 2 2\n"},
	{"HI1: no order", "0 0 1 1 10 20 7 2 2\n1 0 2 1 30 40 0 0 2\n"},
	{"HI3: one put has two", "0 0 1 1 10 20 7 2 2\n1 0 2 1 30 40 7 3 3\n"},
	{"HI3: two puts have one", "0 0 1 1 10 20 7 2 2\n0 0 1 2 10 20 8 2 2\n"},
	{"HI4: ", "0 0 1 1 10 20 7 3 3\n0 0 1 2 30 40 8 2 2\n"},
	{"HI4: ", "0 0 1 1 10 20 7 3 3\n1 0 1 2 30 40 0 0 2\n"},
	{"HI4: ", "1 0 1 2 10 20 0 0 3\n0 0 1 1 30 40 7 3 3\n"},
	{"HI5: newer than", "0 0 1 1 10 20 7 3 3\n1 0 2 1 10 20 7 3 2\n"},
	{"HI5: a newer put", "0 0 1 1 10 20 7 2 2\n0 0 1 1 30 60 8 3 3\n1 0 2 1 30 60 7 2 4\n"},
	/* An unknown put that was seen has a revision from who saw it. */
	{"HI5: a newer put",
	 "0 1 1 1 10 18446744073709551615 7 0 0\n0 0 1 1 10 90 8 5 5\n1 0 2 1 20 30 7 4 4\n"
	 "1 0 2 1 20 90 0 0 6\n"},
	{NULL, "0 1 1 1 10 18446744073709551615 7 0 0\n1 0 2 1 20 30 0 0 1\n"},
};

static void each_rule(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		FILE *file = fmemopen((void *)(uintptr_t)rows[i].lines, strlen(rows[i].lines), "r");
		char words[HISTORY_WORDS_MAX] = "";
		struct history h = {0};
		int judged;

		assert_non_null(file);
		assert_int_equal(history_read(&h, file), 0);
		fclose(file);
		judged = history_judge(&h, words);
		if (judged != (rows[i].rule ? 1 : 0) ||
		    (rows[i].rule && strncmp(words, rows[i].rule, strlen(rows[i].rule)) != 0))
			fail_msg("row %zu: expected %s, judged %d: %s", i,
				 rows[i].rule ? rows[i].rule : "right", judged, words);
		history_destroy(&h);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_every_order),
		cmocka_unit_test(each_rule),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
