/*
 * Shares of what a node can do, in turns of virtual time: one source sends a thousand in each,
 * and nobody else notices (N13, V37).
 */
#include "serve/share.h"
#include "tests/unit/test.h"

#include <string.h>

#define MS 1000000ull
#define GREEDY 0x1c6120042ull
#define OTHER 0x1c6120043ull

enum { FLOOD = 1000, TURNS = 200 };

static struct shares s;

static int setup(void **state)
{
	(void)state;
	memset(&s, 0, sizeof(s));
	s.salt = 7;
	shares_turn(&s, 1000 * MS);
	return 0;
}

static void turn(void)
{
	shares_turn(&s, s.now_ns + MS / 100);
}

/* How many of so many are taken; who is told something is so once in a turn. */
static uint32_t send(uint64_t source, bool proven, uint32_t count)
{
	uint32_t taken = 0, told = 0;

	for (uint32_t i = 0; i < count; i++) {
		enum share_verdict verdict = shares_hear(&s, source, proven);

		taken += verdict == SHARE_OK;
		told += verdict == SHARE_TELL;
	}
	assert_in_range(told, 0, taken < count);
	return taken;
}

static void V37_N13_a_flood_has_its_share_of_each_turn_and_others_lose_nothing(void **state)
{
	(void)state;
	assert_int_equal(send(OTHER, true, 1), 1);
	assert_in_range(send(GREEDY, true, FLOOD), 1, SHARE_BURST);
	for (int i = 0; i < TURNS; i++) {
		turn();
		assert_in_range(send(GREEDY, true, FLOOD), 1, SHARE_TURN);
		assert_int_equal(send(OTHER, true, 2), 2);
		assert_int_equal(send(GREEDY, true, FLOOD), 0);
	}
}

/* What costs more than itself is paid for: by turns in which nothing is taken. */
static void V37_who_asks_for_much_has_less_often(void **state)
{
	uint32_t taken = 0;

	(void)state;
	send(OTHER, true, 1);
	send(GREEDY, true, FLOOD);
	for (int i = 0; i < TURNS; i++) {
		turn();
		if (send(GREEDY, true, FLOOD) > 0) {
			shares_charge(&s, GREEDY, 10 * SHARE_TURN);
			taken++;
		}
	}
	assert_in_range(taken, TURNS / 11, TURNS / 10 + 1);
}

/* Alone a source has what one burst of the port brings, and again when the others are gone. */
static void V37_who_is_alone_has_all(void **state)
{
	(void)state;
	for (int i = 0; i < TURNS; i++) {
		assert_int_equal(send(GREEDY, true, SHARE_TURN_ALONE), SHARE_TURN_ALONE);
		turn();
	}
	send(OTHER, true, 1);
	send(GREEDY, true, FLOOD);
	turn();
	assert_int_equal(send(GREEDY, true, FLOOD), SHARE_TURN);
	shares_turn(&s, s.now_ns + SHARE_ABOUT_NS);
	assert_in_range(send(GREEDY, true, FLOOD), SHARE_TURN + 1, SHARE_TURN_ALONE);
}

/* Clients that all begin at once, and a window of a large request, are no flood. */
static void V37_a_burst_is_no_flood(void **state)
{
	(void)state;
	send(OTHER, true, 1);
	assert_int_equal(send(GREEDY, true, SHARE_BURST), SHARE_BURST);
	for (uint32_t i = 0; i < SHARE_BURST / SHARE_TURN; i++)
		turn();
	assert_int_equal(send(GREEDY, true, SHARE_BURST), SHARE_BURST);
}

/* Frames that somebody made up in another's name cost him nothing of what he sends himself. */
static void V37_SH2_what_is_not_proven_is_charged_to_nobody(void **state)
{
	(void)state;
	send(GREEDY, true, 1);
	for (int i = 0; i < TURNS; i++) {
		turn();
		assert_in_range(send(OTHER, false, FLOOD), 1, SHARE_BURST);
		assert_int_equal(send(OTHER, true, SHARE_TURN), SHARE_TURN);
	}
	/* And they make nobody "about". */
	setup(NULL);
	send(OTHER, false, FLOOD);
	send(GREEDY, true, FLOOD);
	turn();
	assert_int_equal(send(GREEDY, true, FLOOD), SHARE_TURN_ALONE);
}

static uint32_t open_all(uint64_t source)
{
	uint32_t n = 0;

	for (; shares_may_open(&s, source); n++)
		shares_open(&s, source);
	return n;
}

static void V37_N13_open_requests_are_shared(void **state)
{
	(void)state;
	shares_note(&s, GREEDY);
	assert_int_equal(open_all(GREEDY), SHARE_OPEN_ALONE);
	shares_note(&s, OTHER);
	assert_int_equal(open_all(OTHER), SHARE_OPEN);
	for (uint32_t i = SHARE_OPEN; i <= SHARE_OPEN_ALONE; i++) {
		assert_false(shares_may_open(&s, GREEDY));
		shares_close(&s, GREEDY);
	}
	assert_true(shares_may_open(&s, GREEDY));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(
			V37_N13_a_flood_has_its_share_of_each_turn_and_others_lose_nothing, setup),
		cmocka_unit_test_setup(V37_who_asks_for_much_has_less_often, setup),
		cmocka_unit_test_setup(V37_who_is_alone_has_all, setup),
		cmocka_unit_test_setup(V37_a_burst_is_no_flood, setup),
		cmocka_unit_test_setup(V37_SH2_what_is_not_proven_is_charged_to_nobody, setup),
		cmocka_unit_test_setup(V37_N13_open_requests_are_shared, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
