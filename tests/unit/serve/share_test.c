/*
 * Shares of what a node can do, in turns: one source sends a thousand in each, and nobody else
 * notices (N13, V37).
 */
#include "serve/share.h"
#include "tests/unit/test.h"

#include <string.h>

#define GREEDY 0x1c6120042ull
#define OTHER 0x1c6120043ull

enum { FLOOD = 1000, TURNS = 200, PLACES = 2048 };

static struct shares s;

static int setup(void **state)
{
	(void)state;
	memset(&s, 0, sizeof(s));
	s.salt = 7;
	shares_turn(&s);
	return 0;
}

/* How many of so many begin, each for so many units. */
static uint32_t begin(uint64_t source, uint32_t count, uint32_t units)
{
	uint32_t begun = 0;

	for (uint32_t i = 0; i < count && shares_may_begin(&s, source); i++, begun++)
		shares_begin(&s, source, units);
	return begun;
}

static uint32_t hear(uint64_t source, bool proven, uint32_t count)
{
	uint32_t heard = 0;

	for (uint32_t i = 0; i < count; i++)
		heard += shares_hear(&s, source, proven);
	return heard;
}

static void V37_N13_a_flood_has_its_share_of_each_turn_and_others_lose_nothing(void **state)
{
	(void)state;
	begin(OTHER, 1, SHARE_REQUEST);
	for (int i = 0; i < TURNS; i++) {
		assert_int_equal(begin(GREEDY, FLOOD, SHARE_REQUEST), SHARE_TURN / SHARE_REQUEST);
		assert_int_equal(begin(OTHER, 2, SHARE_REQUEST), 2);
		assert_int_equal(begin(GREEDY, FLOOD, SHARE_REQUEST), 0);
		shares_turn(&s);
	}
}

/* Alone a source has more of a turn, and again when the others have been still for a while. */
static void V37_who_is_alone_has_more(void **state)
{
	const uint32_t alone = SHARE_TURN_ALONE / SHARE_REQUEST;

	(void)state;
	for (int i = 0; i < TURNS; i++) {
		assert_int_equal(begin(GREEDY, FLOOD, SHARE_REQUEST), alone);
		shares_turn(&s);
	}
	begin(OTHER, 1, SHARE_REQUEST);
	for (int i = 0; i < SHARE_ABOUT; i++) {
		assert_in_range(begin(GREEDY, FLOOD, SHARE_REQUEST), 0, SHARE_TURN / SHARE_REQUEST);
		shares_turn(&s);
	}
	assert_int_equal(begin(GREEDY, FLOOD, SHARE_REQUEST), alone);
}

/* What costs more than a turn's share is paid for: by turns in which nothing begins. */
static void V37_who_asks_for_much_has_less_often(void **state)
{
	uint32_t begun = 0;

	(void)state;
	for (int i = 0; i < TURNS; i++) {
		begun += begin(GREEDY, 1, 10 * SHARE_TURN_ALONE);
		shares_turn(&s);
	}
	assert_in_range(begun, TURNS / 10, TURNS / 10 + 1);
}

/* Windows of parts that come at once are no flood; what goes on and on is. */
static void V37_a_burst_is_no_flood(void **state)
{
	(void)state;
	assert_int_equal(hear(GREEDY, true, SHARE_AHEAD), SHARE_AHEAD);
	assert_int_equal(hear(GREEDY, true, FLOOD), 0);
	assert_int_equal(hear(OTHER, true, FLOOD), SHARE_AHEAD);
	for (int i = 0; i < TURNS; i++) {
		shares_turn(&s);
		assert_int_equal(hear(GREEDY, true, FLOOD), SHARE_TURN);
	}
	/* What one of them asks for is charged too. */
	shares_turn(&s);
	assert_true(shares_hear(&s, GREEDY, true));
	shares_charge(&s, GREEDY, SHARE_TURN);
	shares_turn(&s);
	assert_int_equal(hear(GREEDY, true, FLOOD), SHARE_TURN - 1);
	/* Who reads much may begin all the same. */
	assert_int_equal(begin(GREEDY, FLOOD, SHARE_REQUEST), SHARE_TURN_ALONE / SHARE_REQUEST);
}

/* Frames that somebody made up in another's name cost him nothing of what he sends himself. */
static void V37_SH2_what_is_not_proven_is_charged_to_nobody(void **state)
{
	(void)state;
	for (int i = 0; i < TURNS; i++) {
		assert_in_range(hear(OTHER, false, FLOOD), SHARE_TURN, SHARE_AHEAD);
		assert_int_equal(hear(OTHER, true, SHARE_TURN), SHARE_TURN);
		shares_turn(&s);
	}
}

static void V37_SH4_places_are_shared(void **state)
{
	uint32_t places = PLACES;

	(void)state;
	for (; shares_may_open(&s, GREEDY, places); places--)
		shares_open(&s, GREEDY);
	assert_int_equal(places, PLACES / 2);
	for (; shares_may_open(&s, OTHER, places); places--)
		shares_open(&s, OTHER);
	assert_int_equal(places, PLACES / 4);
	/* Both have less while others are about, as theirs end. */
	assert_false(shares_may_open(&s, GREEDY, places));
	for (; !shares_may_open(&s, GREEDY, places); places++)
		shares_close(&s, GREEDY);
	assert_int_equal(places, PLACES * 3 / 8 + 1);
}

static void V37_it_is_told_once_in_a_turn(void **state)
{
	(void)state;
	for (int i = 0; i < TURNS; i++) {
		assert_true(shares_tell(&s, GREEDY));
		assert_false(shares_tell(&s, GREEDY));
		assert_true(shares_tell(&s, OTHER));
		shares_turn(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(
			V37_N13_a_flood_has_its_share_of_each_turn_and_others_lose_nothing, setup),
		cmocka_unit_test_setup(V37_who_is_alone_has_more, setup),
		cmocka_unit_test_setup(V37_who_asks_for_much_has_less_often, setup),
		cmocka_unit_test_setup(V37_a_burst_is_no_flood, setup),
		cmocka_unit_test_setup(V37_SH2_what_is_not_proven_is_charged_to_nobody, setup),
		cmocka_unit_test_setup(V37_SH4_places_are_shared, setup),
		cmocka_unit_test_setup(V37_it_is_told_once_in_a_turn, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
