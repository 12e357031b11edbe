/* What passes on the way to a peer: found, kept apart from loss and absence, found again. */
#include "dataplane/path.h"
#include "tests/unit/test.h"

#include "base/mix.h"

#define ROUND ((uint64_t)PATH_ROUND_NS)

/* A way that loses what is above `hole`, and of the rest so many of a million. */
struct way {
	struct path p;
	uint64_t now, random;
	uint64_t large; /* what left on it, beside probes */
	uint32_t hole, loss_ppm;
	uint32_t probes;
};

static bool lost(struct way *w)
{
	return mix_next(&w->random) % 1000000 < w->loss_ppm;
}

static void probes_leave(struct way *w)
{
	for (uint32_t i = 0; i < w->p.probe_count; i++) {
		assert_in_range(w->p.probe[i], PATH_SIZE_MIN, w->p.size_max);
		w->probes++;
		if (w->p.probe[i] <= w->hole && !lost(w) && !lost(w))
			path_answer(&w->p, w->p.round, w->p.probe[i]);
	}
}

/* Of a way that carries large packets. */
static void rounds(struct way *w, uint32_t count)
{
	while (count-- > 0) {
		assert_true(path_turn(&w->p, w->now, ++w->large));
		assert_false(path_turn(&w->p, w->now + ROUND - 1, w->large));
		probes_leave(w);
		w->now += ROUND;
	}
}

/* As the loop does it: in steps of a millisecond, each with a large packet or none of them. */
static void runs(struct way *w, uint32_t ms, bool large)
{
	for (uint32_t i = 0; i < ms; i++, w->now += ROUND / 100) {
		w->large += large;
		if (path_turn(&w->p, w->now, w->large))
			probes_leave(w);
	}
}

static struct way begin(uint32_t mtu)
{
	struct way w = {.hole = mtu, .random = 1};

	path_init(&w.p, mtu);
	return w;
}

static void V27_each_hole_is_found_within_two_seconds(void **state)
{
	static const uint32_t mtus[] = {1500, 9000};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		for (uint32_t hole = PATH_SIZE_MIN; hole < mtus[i]; hole += 7) {
			struct way w = begin(mtus[i]);

			rounds(&w, 3);
			assert_false(path_narrow(&w.p));
			w.hole = hole;
			rounds(&w, 12);
			assert_true(path_narrow(&w.p));
			/* To the byte: it is what a person is told to set (F6). */
			assert_int_equal(w.p.size, hole);
			w.hole = mtus[i]; /* gone */
			rounds(&w, 2);
			assert_false(path_narrow(&w.p));
			assert_int_equal(w.p.size, mtus[i]);
		}
	}
}

static void V27_a_hole_that_moves_is_followed(void **state)
{
	struct way w = begin(1500);

	(void)state;
	w.hole = 1200;
	rounds(&w, 12);
	assert_int_equal(w.p.size, 1200);
	w.hole = 700; /* smaller */
	rounds(&w, 12);
	assert_int_equal(w.p.size, 700);
	w.hole = 1400; /* larger, not whole: tried now and then */
	rounds(&w, PATH_AGAIN_ROUNDS + 6);
	assert_int_equal(w.p.size, 1400);
}

static void a_peer_that_is_away_is_no_hole(void **state)
{
	struct way w = begin(1500);

	(void)state;
	rounds(&w, 3);
	w.hole = 0;
	rounds(&w, 1000);
	assert_false(path_narrow(&w.p));
	assert_int_equal(w.p.size, 1500);
	/* Nor does one that is away change what was found. */
	w.hole = 1000;
	rounds(&w, 12);
	uint32_t size = w.p.size;
	assert_int_equal(size, 1000);
	w.hole = 0;
	rounds(&w, 1000);
	assert_int_equal(w.p.size, size);
}

/* Even where a quarter is lost each way a day's rounds end whole, nearly all of them. */
static void a_lossy_way_is_no_hole(void **state)
{
	struct way w = begin(1500);
	uint32_t narrow = 0;

	(void)state;
	w.loss_ppm = 100000;
	for (uint32_t i = 0; i < 100000; i++) {
		rounds(&w, 1);
		narrow += path_narrow(&w.p);
	}
	assert_int_equal(narrow, 0);
	w.loss_ppm = 250000;
	for (uint32_t i = 0; i < 100000; i++) {
		rounds(&w, 1);
		narrow += path_narrow(&w.p);
	}
	assert_in_range(narrow, 0, 1000);
}

static void an_answer_of_another_round_says_nothing(void **state)
{
	struct way w = begin(1500);

	(void)state;
	w.hole = 1000;
	for (uint32_t i = 0; i < 20; i++) {
		assert_true(path_turn(&w.p, w.now, ++w.large));
		path_answer(&w.p, w.p.round, PATH_SIZE_MIN);
		path_answer(&w.p, w.p.round - 1, 1500);
		path_answer(&w.p, w.p.round + 1, 1500);
		path_answer(&w.p, w.p.round, 1499); /* nor one of a size that was not tried */
		w.now += ROUND;
	}
	assert_true(path_narrow(&w.p) || w.p.searching);
}

/* Each probe and each answer wakes a node that sleeps: a cluster at rest is left alone. */
static void a_way_at_rest_is_asked_seldom(void **state)
{
	struct way w = begin(1500);

	(void)state;
	rounds(&w, 100);
	assert_int_equal(w.probes, 200);
	w.probes = 0;
	runs(&w, 60000, false);
	assert_in_range(w.probes, 20, 26);
	w.hole = 0; /* nor is one whose peer is away */
	w.probes = 0;
	runs(&w, 60000, false);
	assert_in_range(w.probes, 20, 26);
	/* A narrow one is: what waits for it to be whole again should not wait. */
	w.hole = 1300;
	rounds(&w, 20);
	w.probes = 0;
	runs(&w, 5000, false);
	assert_in_range(w.probes, 147, 153);
	w.hole = 1500;
	runs(&w, 200, false);
	assert_false(path_narrow(&w.p));
}

/* The first large packet ends the rest, and so does the first round that says that it is lost. */
static void V27_a_doubt_ends_the_rest_at_once(void **state)
{
	struct way w = begin(9000);

	(void)state;
	for (uint32_t ms = 0; ms < 6000; ms += 730) {
		w.hole = 9000;
		runs(&w, 20000 + ms, false);
		assert_false(path_narrow(&w.p));
		w.hole = 1500;
		runs(&w, 1200, true);
		assert_true(path_narrow(&w.p));
		assert_int_equal(w.p.size, 1500);
		w.hole = 9000;
		runs(&w, 20000 + ms, false);
		assert_false(path_narrow(&w.p));
		w.hole = 1500;
		runs(&w, PATH_ROUNDS_REST * 100 + 1200, false);
		assert_true(path_narrow(&w.p));
		assert_int_equal(w.p.size, 1500);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(V27_each_hole_is_found_within_two_seconds),
		cmocka_unit_test(V27_a_hole_that_moves_is_followed),
		cmocka_unit_test(a_peer_that_is_away_is_no_hole),
		cmocka_unit_test(a_lossy_way_is_no_hole),
		cmocka_unit_test(an_answer_of_another_round_says_nothing),
		cmocka_unit_test(a_way_at_rest_is_asked_seldom),
		cmocka_unit_test(V27_a_doubt_ends_the_rest_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
