/* The ends that time and the node's stop bring, and what each says. */
#include "tests/unit/serve/hand.h"

static struct hand h;

static int setup(void **state)
{
	(void)state;
	hand_open(&h);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	hand_close(&h);
	return 0;
}

static void expect_end(enum serve_status want)
{
	uint32_t words = h.words;

	hand_turn(&h, REQUEST_TIMEOUT_NS_DEFAULT - 1);
	hand_heard(&h, words);
	hand_turn(&h, SERVE_EXPIRY_SCAN_NS);
	assert_int_equal(hand_heard(&h, words + 1)->status, want);
	assert_int_equal(serve_open_count(h.serve), 0);
}

/* "No leader" says that nothing was done: only of what was shown to nobody. */
static void a_deadline_says_what_is_known(void **state)
{
	(void)state;
	h.leader.id = 0;
	hand_command(&h, 1, 5, 1, 100);
	expect_end(SERVE_NO_LEADER);
	hand_query(&h, 2, 1);
	expect_end(SERVE_NO_LEADER);
	/* Forwarded, and then the leader was lost. */
	h.leader.id = PEER;
	hand_command(&h, 3, 6, 1, 100);
	hand_turn(&h, 0);
	h.leader.id = 0;
	expect_end(SERVE_TIMEOUT);
	/* Proposed here, and put back by a term without a leader. */
	h.leader.id = SELF;
	hand_command(&h, 4, 7, 1, 100);
	hand_turn(&h, 0);
	h.leader.id = 0;
	h.leader.term++;
	expect_end(SERVE_TIMEOUT);
	/* There is a leader: it is slow. */
	h.leader.id = PEER;
	hand_query(&h, 5, 1);
	expect_end(SERVE_TIMEOUT);
	assert_int_equal(serve_get_counters(h.serve)->timeouts, 5);
	/* Its outcome, when it comes, finds nobody. */
	hand_apply(&h, 7, 1);
	hand_heard(&h, 5);
}

/* All of it that waits for a leader: the words are those of a deadline, and none has come. */
static void D19_where_there_is_no_leader_nobody_waits(void **state)
{
	static const struct {
		raft_id leader; /* as it came */
		bool query;
		enum serve_status want;
	} rows[] = {
		{0, false, SERVE_NO_LEADER},   {0, true, SERVE_NO_LEADER},
		{PEER, true, SERVE_NO_LEADER}, {PEER, false, SERVE_TIMEOUT}, /* forwarded */
		{SELF, false, SERVE_TIMEOUT},                                /* proposed */
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		h.leader = (struct serve_leader){.id = rows[i].leader, .term = 7};
		if (rows[i].query)
			hand_query(&h, i, 1);
		else
			hand_command(&h, i, 5, i + 1, 100);
		hand_turn(&h, 0);
		/* An election is waited for. */
		h.leader.id = 0;
		hand_turn(&h, S);
		hand_heard(&h, i);
		h.leader.lost = true;
		hand_turn(&h, 1);
		assert_int_equal(hand_heard(&h, i + 1)->status, rows[i].want);
		assert_int_equal(serve_open_count(h.serve), 0);
	}
	/* Nor does who comes now; what needs no leader is answered as ever. */
	hand_command(&h, 50, 5, 50, 100);
	hand_turn(&h, 1);
	assert_int_equal(hand_heard(&h, 6)->status, SERVE_NO_LEADER);
	h.settled_session = 6;
	hand_command(&h, 51, 6, 1, 100);
	assert_int_equal(hand_heard(&h, 7)->status, SERVE_OK);
	assert_int_equal(serve_get_counters(h.serve)->timeouts, 0);
	assert_int_equal(serve_get_counters(h.serve)->commands_failed, 4);
	assert_int_equal(serve_get_counters(h.serve)->reads_failed, 2);
}

/* It was confirmed, and what it is to show is not applied; or is. */
static void D19_a_read_that_is_confirmed_waits_no_longer_either(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		h.leader = (struct serve_leader){.id = PEER, .term = 7};
		hand_query(&h, i + 1, 1);
		hand_turn(&h, 0);
		serve_confirmed(h.serve, h.context, 20 + i);
		hand_heard(&h, i);
		if (i == 1)
			serve_progress(h.serve, 21, false);
		h.leader = (struct serve_leader){.term = 7, .lost = true};
		hand_turn(&h, 1);
		assert_int_equal(hand_heard(&h, i + 1)->status, i ? SERVE_OK : SERVE_NO_LEADER);
	}
}

static void a_client_waits_as_long_as_it_says_and_a_minute_at_most(void **state)
{
	static const struct {
		uint64_t timeout_us, want_ns;
	} rows[] = {
		{0, REQUEST_TIMEOUT_NS_DEFAULT},
		{1000, 1 * MS},
		{60 * 1000 * 1000, 60 * S},
		{UINT64_MAX, 60 * S},
	};
	enum serve_status why;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct request *q =
			serve_open(h.serve, &h.door, 0, i, 1, 0, rows[i].timeout_us, &why);

		assert_int_equal(q->deadline_ns - h.now_ns, rows[i].want_ns);
	}
}

static void what_is_never_whole_goes_without_a_word(void **state)
{
	enum serve_status why;

	(void)state;
	serve_open(h.serve, &h.door, 0, 9, 5000, 0, 0, &why);
	hand_turn(&h, REQUEST_TIMEOUT_NS_DEFAULT);
	hand_heard(&h, 0);
	assert_int_equal(h.gones, 1);
	assert_int_equal(h.gone[0], 9);
}

/* A minute was asked for; what counts is that something new comes. */
static void V31_what_is_gathered_and_silent_is_not_waited_for(void **state)
{
	enum serve_status why;
	struct request *q = serve_open(h.serve, &h.door, 0, 9, 5000, 1, 60 * 1000 * 1000, &why);

	(void)state;
	for (int i = 0; i < 10; i++) {
		hand_turn(&h, REQUEST_SILENT_NS / 2);
		serve_gathered(h.serve, q);
	}
	assert_int_equal(h.gones, 0);
	hand_turn(&h, REQUEST_SILENT_NS - 1);
	assert_int_equal(h.gones, 0);
	hand_turn(&h, SERVE_EXPIRY_SCAN_NS);
	assert_int_equal(h.gones, 1);
	hand_heard(&h, 0);
}

static void an_answer_is_kept_for_its_door(void **state)
{
	(void)state;
	h.keeps = true;
	hand_command(&h, 9, 0, 0, 1);
	hand_heard(&h, 1);
	assert_int_equal(serve_open_count(h.serve), 0);
	assert_non_null(serve_find(h.serve, &h.door, 0, 9));
	hand_turn(&h, REQUEST_KEEP_NS - 1);
	assert_non_null(serve_find(h.serve, &h.door, 0, 9));
	hand_turn(&h, SERVE_EXPIRY_SCAN_NS);
	assert_null(serve_find(h.serve, &h.door, 0, 9));
}

static void a_full_table_refuses(void **state)
{
	enum serve_status why = SERVE_OK;

	(void)state;
	for (uint64_t i = 0; i < REQUESTS_MAX; i++)
		assert_non_null(serve_open(h.serve, &h.door, 0, i, 1, 0, 0, &why));
	assert_null(serve_open(h.serve, &h.door, 0, 1, 1, 0, 0, &why));
	assert_int_equal(why, SERVE_BUSY);
	assert_int_equal(serve_get_counters(h.serve)->refused, 1);
	for (uint64_t i = 0; i < REQUESTS_MAX; i++)
		serve_cancel(h.serve, serve_find(h.serve, &h.door, 0, i));
	assert_int_equal(h.gones, REQUESTS_MAX);
	assert_non_null(serve_open(h.serve, &h.door, 0, 1, 1, 0, 0, &why));
}

static void a_stop_refuses_what_is_new_and_gives_the_rest_a_moment(void **state)
{
	enum serve_status why = SERVE_OK;

	(void)state;
	hand_command(&h, 1, 5, 1, 100);
	hand_command(&h, 2, 6, 1, 100);
	hand_turn(&h, 0);
	serve_stop(h.serve);
	assert_null(serve_open(h.serve, &h.door, 0, 3, 1, 0, 0, &why));
	assert_int_equal(why, SERVE_STOPPING);
	assert_false(serve_stopped(h.serve));
	hand_apply(&h, 5, 1);
	assert_int_equal(hand_heard(&h, 1)->status, SERVE_OK);
	hand_turn(&h, SERVE_STOP_NS - 1);
	assert_false(serve_stopped(h.serve));
	hand_turn(&h, SERVE_EXPIRY_SCAN_NS);
	assert_int_equal(hand_heard(&h, 2)->status, SERVE_STOPPING);
	assert_true(serve_stopped(h.serve));
}

/* Who has an answer asks for more at once, and would wait for one that is gone by then. */
static void R45_whoever_was_just_answered_hears_of_the_stop(void **state)
{
	enum serve_status why = SERVE_OK;

	(void)state;
	hand_command(&h, 1, 5, 1, 100);
	hand_turn(&h, 0);
	serve_stop(h.serve);
	hand_turn(&h, MS);
	hand_apply(&h, 5, 1);
	hand_heard(&h, 1);
	assert_int_equal(serve_open_count(h.serve), 0);
	assert_false(serve_stopped(h.serve));
	assert_int_equal(serve_deadline(h.serve), h.now_ns + SERVE_LINGER_NS);
	hand_turn(&h, SERVE_LINGER_NS - 1);
	assert_null(serve_open(h.serve, &h.door, 0, 2, 1, 0, 0, &why));
	assert_int_equal(why, SERVE_STOPPING);
	hand_turn(&h, SERVE_LINGER_NS - 1);
	assert_false(serve_stopped(h.serve));
	hand_turn(&h, 1);
	assert_true(serve_stopped(h.serve));
}

/* Nobody holds it up by asking again and again; and where nobody asked, nothing is waited for. */
static void R45_a_stop_ends_whoever_asks(void **state)
{
	enum serve_status why = SERVE_OK;
	uint64_t began;

	(void)state;
	began = h.now_ns;
	serve_stop(h.serve);
	while (h.now_ns < began + SERVE_STOP_NS) {
		assert_null(serve_open(h.serve, &h.door, 0, 1, 1, 0, 0, &why));
		assert_false(serve_stopped(h.serve));
		hand_turn(&h, 2 * MS);
	}
	assert_true(serve_stopped(h.serve));
	hand_close(&h);
	hand_open(&h);
	serve_stop(h.serve);
	assert_true(serve_stopped(h.serve));
}

static void the_end_takes_every_request_from_its_door(void **state)
{
	enum serve_status why;

	hand_command(&h, 1, 5, 1, 100);
	hand_query(&h, 2, 1);
	hand_turn(&h, 0);
	serve_open(h.serve, &h.door, 0, 3, 1, 0, 0, &why);
	hand_close(&h);
	assert_int_equal(h.gones, 3);
	hand_heard(&h, 0);
	setup(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(D19_where_there_is_no_leader_nobody_waits, setup,
						teardown),
		cmocka_unit_test_setup_teardown(D19_a_read_that_is_confirmed_waits_no_longer_either,
						setup, teardown),
		cmocka_unit_test_setup_teardown(a_deadline_says_what_is_known, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_client_waits_as_long_as_it_says_and_a_minute_at_most, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_never_whole_goes_without_a_word, setup,
						teardown),
		cmocka_unit_test_setup_teardown(V31_what_is_gathered_and_silent_is_not_waited_for,
						setup, teardown),
		cmocka_unit_test_setup_teardown(an_answer_is_kept_for_its_door, setup, teardown),
		cmocka_unit_test_setup_teardown(a_full_table_refuses, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_stop_refuses_what_is_new_and_gives_the_rest_a_moment, setup, teardown),
		cmocka_unit_test_setup_teardown(R45_whoever_was_just_answered_hears_of_the_stop,
						setup, teardown),
		cmocka_unit_test_setup_teardown(R45_a_stop_ends_whoever_asks, setup, teardown),
		cmocka_unit_test_setup_teardown(the_end_takes_every_request_from_its_door, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
