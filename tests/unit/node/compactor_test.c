/*
 * When old versions are compacted (node/compactor.h): beside what etcd's own tests of its two
 * compactors expect (v3compactor/periodic_test.go, revision_test.go).
 */
#include "node/compactor.h"

#include "tests/unit/test.h"

#include <errno.h>

#define S 1000000000ull
#define MINUTE (60 * S)
#define HOUR (60 * MINUTE)

/* A store that has so many revisions more after each look, and what was compacted of it. */
static struct {
	struct compactor c;
	uint64_t now_ns, revision, compacted;
	uint64_t steps;   /* revisions between two looks */
	bool leads, deaf; /* deaf: nothing comes of what is asked for */
	uint32_t asked;
} w;

static void begin(enum compactor_mode mode, uint64_t retention, uint64_t steps)
{
	const struct compactor_options o = {mode, retention};

	compactor_end(&w.c);
	w.now_ns = 77 * S;
	w.revision = 1;
	w.compacted = 0;
	w.steps = steps;
	w.leads = true;
	w.deaf = false;
	w.asked = 0;
	assert_int_equal(compactor_begin(&w.c, &o, w.now_ns, w.revision), 0);
}

/* The store grows, time passes up to the next look, and what is asked for is done at once. */
static uint64_t look(void)
{
	uint64_t to;

	w.revision += w.steps;
	w.now_ns = w.c.next_ns;
	to = compactor_look(&w.c, w.now_ns, w.revision, w.compacted, w.leads);
	assert_int_equal(compactor_look(&w.c, w.now_ns, w.revision, w.compacted, w.leads), 0);
	if (!to)
		return 0;
	assert_true(to > w.compacted && to <= w.revision);
	w.asked++;
	compactor_asked(&w.c, w.now_ns, to);
	assert_int_equal(compactor_seen(&w.c, to - 1), 0);
	if (w.deaf)
		return to;
	w.compacted = to;
	assert_int_equal(compactor_seen(&w.c, w.compacted), to);
	assert_int_equal(compactor_seen(&w.c, w.compacted), 0);
	return to;
}

/* So many looks, of which none has anything compacted. */
static void quiet(uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(look(), 0);
}

/* What is so many revisions older than what there is now. */
static void compacts_behind(uint64_t count)
{
	uint64_t to = look();

	assert_int_equal(to, w.revision - count);
}

static void N7_without_a_retention_nothing_is_compacted(void **state)
{
	const struct compactor nothing = {0};
	struct compactor zeroed = {0};

	(void)state;
	for (int mode = COMPACTOR_PERIODIC; mode <= COMPACTOR_REVISION; mode++) {
		begin((enum compactor_mode)mode, 0, 1);
		assert_int_equal(w.c.next_ns, UINT64_MAX);
		assert_int_equal(compactor_look(&w.c, UINT64_MAX - 1, 1000, 0, true), 0);
	}
	assert_int_equal(compactor_seen(&zeroed, 5), 0);
	compactor_end(&zeroed);
	assert_memory_equal(&zeroed, &nothing, sizeof(zeroed));
}

/*
 * TestPeriodicMinutes: 5 minutes, ten looks in each. What was there at the beginning goes at the
 * tenth; then every ten looks what is eleven old.
 */
static void N7_periodic_of_less_than_an_hour(void **state)
{
	(void)state;
	begin(COMPACTOR_PERIODIC, 5 * MINUTE, 1);
	quiet(9);
	assert_int_equal(look(), 1);
	assert_int_equal(w.now_ns, 77 * S + 5 * MINUTE);
	for (uint64_t round = 2; round < 30; round++) {
		quiet(9);
		compacts_behind(11);
		assert_int_equal(w.now_ns, 77 * S + round * 5 * MINUTE);
	}
}

/* TestPeriodicHourly: 2 hours are noted each 6 minutes, and compacted each hour. */
static void N7_periodic_of_hours(void **state)
{
	(void)state;
	begin(COMPACTOR_PERIODIC, 2 * HOUR, 1);
	quiet(19);
	assert_int_equal(look(), 1);
	assert_int_equal(w.now_ns, 77 * S + 2 * HOUR);
	for (uint64_t hour = 3; hour < 30; hour++) {
		quiet(9);
		compacts_behind(21);
		assert_int_equal(w.now_ns, 77 * S + hour * HOUR);
	}
}

/* The longest: all of it is noted, and nothing younger goes. */
static void N7_periodic_of_a_year(void **state)
{
	(void)state;
	begin(COMPACTOR_PERIODIC, COMPACTOR_PERIOD_NS_MAX, 3);
	quiet(87839);
	assert_int_equal(look(), 1);
	for (int i = 0; i < 20; i++) {
		quiet(9);
		compacts_behind(3 * 87841);
	}
}

/*
 * TestPeriodicPause: who does not lead notes all the same. So who leads next compacts at its next
 * look what its predecessor would have, and no less is kept.
 */
static void N7_who_leads_next_has_what_it_needs(void **state)
{
	(void)state;
	begin(COMPACTOR_PERIODIC, HOUR, 1);
	w.leads = false;
	quiet(25);
	w.leads = true;
	compacts_behind(11);
	quiet(9);
	compacts_behind(11);
	/* The other one, which led meanwhile, has compacted more: that is as good as done. */
	w.leads = false;
	quiet(12);
	w.compacted = w.revision - 5;
	w.leads = true;
	quiet(1);
	quiet(9);
	compacts_behind(11);
	assert_int_equal(w.c.count, 3);
}

/* "failure? update revs, and retry after 1/10": each time what is old enough by then. */
static void N7_what_did_not_come_about_is_tried_at_the_next_look(void **state)
{
	(void)state;
	begin(COMPACTOR_PERIODIC, 10 * MINUTE, 1);
	quiet(9);
	w.deaf = true;
	assert_int_equal(look(), 1);
	assert_int_equal(look(), 1);
	assert_int_equal(look(), 2);
	assert_int_equal(look(), 3);
	w.deaf = false;
	assert_int_equal(look(), 4);
	assert_int_equal(w.c.count, 1);
	quiet(9);
	compacts_behind(11);
	/* It was not even asked for: the window was full. */
	quiet(9);
	w.now_ns = w.c.next_ns;
	assert_true(compactor_look(&w.c, w.now_ns, ++w.revision, w.compacted, true) > 0);
	assert_true(look() > 0);
	/* It leads no more, and nobody has seen it done: who leads does it. */
	quiet(9);
	w.deaf = true;
	assert_true(look() > 0);
	w.leads = false;
	quiet(1);
	assert_int_equal(compactor_seen(&w.c, w.revision), 0);
}

/* Where nothing is written nothing is asked for. */
static void N7_what_is_idle_gets_no_entries(void **state)
{
	(void)state;
	begin(COMPACTOR_PERIODIC, S, 0);
	quiet(9);
	assert_int_equal(look(), 1);
	quiet(100);
	begin(COMPACTOR_REVISION, 10, 0);
	w.revision = 11;
	assert_int_equal(look(), 1);
	quiet(100);
}

/* TestRevision: each five minutes, all but the newest ten. */
static void N7_by_revision(void **state)
{
	(void)state;
	begin(COMPACTOR_REVISION, 10, 0);
	w.revision = 10;
	quiet(3);
	assert_int_equal(w.now_ns, 77 * S + 15 * MINUTE);
	w.steps = 99;
	assert_int_equal(look(), 99);
	assert_int_equal(look(), 198);
	w.leads = false;
	quiet(2);
	w.leads = true;
	assert_int_equal(look(), 495);
	w.deaf = true;
	assert_int_equal(look(), 594);
	assert_int_equal(look(), 693);
	assert_int_equal(w.c.count, 3);
	/* More are kept than there ever were. */
	begin(COMPACTOR_REVISION, UINT64_MAX, 1000);
	quiet(5);
}

static int end(void **state)
{
	(void)state;
	compactor_end(&w.c);
	return 0;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(N7_without_a_retention_nothing_is_compacted),
		cmocka_unit_test(N7_periodic_of_less_than_an_hour),
		cmocka_unit_test(N7_periodic_of_hours),
		cmocka_unit_test(N7_periodic_of_a_year),
		cmocka_unit_test(N7_who_leads_next_has_what_it_needs),
		cmocka_unit_test(N7_what_did_not_come_about_is_tried_at_the_next_look),
		cmocka_unit_test(N7_what_is_idle_gets_no_entries),
		cmocka_unit_test(N7_by_revision),
	};

	return cmocka_run_group_tests(tests, NULL, end);
}
