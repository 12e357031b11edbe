/* Forwarding, the follower's end: parts, replies, and who may say what. */
#include "tests/unit/serve/hand.h"

#include <errno.h>

static struct hand h;

enum { LARGE = 50 * PARTS_PART_SIZE + 1, LARGE_PARTS = 51 };

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

/* The newest forward's, from the leader unless said otherwise. */
static void reply_from(raft_id from, enum serve_status status, uint32_t next_part)
{
	const struct forward_reply reply = {
		.id = h.part[h.parts - 1].id, .status = status, .next_part = next_part};

	serve_forward_reply(h.serve, from, &reply);
}

static void reply(enum serve_status status, uint32_t next_part)
{
	reply_from(PEER, status, next_part);
}

static void a_small_one_is_one_part_until_it_is_taken(void **state)
{
	struct request *q = hand_command(&h, 1, 5, 1, 100);

	(void)state;
	hand_turn(&h, 0);
	assert_int_equal(h.parts, 1);
	assert_int_equal(h.part_to, PEER);
	assert_int_equal(h.part[0].part.total_size, 100);
	assert_int_equal(h.part[0].part.size, 100);
	assert_ptr_equal(h.part[0].part.data, q->data);
	/* Silence: again, later each time, under the same id. */
	hand_turn(&h, SERVE_RESEND_NS_MIN - 1);
	assert_int_equal(h.parts, 1);
	hand_turn(&h, 1);
	assert_int_equal(h.parts, 2);
	hand_turn(&h, SERVE_RESEND_NS_MIN);
	assert_int_equal(h.parts, 2);
	hand_turn(&h, SERVE_RESEND_NS_MIN);
	assert_int_equal(h.parts, 3);
	assert_true(h.part[2].id == h.part[0].id);
	reply(SERVE_OK, 1);
	assert_int_equal(q->state, REQUEST_PROPOSED);
	for (int i = 0; i < 20; i++)
		hand_turn(&h, 100 * MS);
	assert_int_equal(h.parts, 3);
	hand_apply(&h, 5, 1);
	assert_int_equal(hand_heard(&h, 1)->status, SERVE_OK);
	assert_int_equal(h.proposals, 0);
	assert_int_equal(serve_get_counters(h.serve)->forwarded, 1);
}

static void a_large_one_keeps_a_window_in_flight(void **state)
{
	struct request *q = hand_command(&h, 1, 5, 1, LARGE);
	uint32_t parts;

	(void)state;
	hand_turn(&h, 0);
	assert_int_equal(h.parts, SERVE_FORWARD_PARTS);
	reply(SERVE_OK, 1);
	assert_int_equal(h.parts, SERVE_FORWARD_PARTS + 1);
	reply(SERVE_OK, 20);
	assert_int_equal(h.parts, LARGE_PARTS);
	for (uint32_t i = 0; i < LARGE_PARTS; i++) {
		assert_int_equal(h.part[i].part.number, i);
		assert_int_equal(h.part[i].part.size, i + 1 < LARGE_PARTS ? PARTS_PART_SIZE : 1);
	}
	/* An old answer says nothing; an impossible one neither. */
	reply(SERVE_OK, 19);
	reply(SERVE_OK, LARGE_PARTS + 1);
	assert_int_equal(q->parts_acked, 20);
	/* After a silence from the first that the leader lacks. */
	hand_turn(&h, SERVE_RESEND_NS_MIN);
	assert_int_equal(h.part[LARGE_PARTS].part.number, 20);
	assert_int_equal(h.parts, LARGE_PARTS + LARGE_PARTS - 20);
	/* It has let the parts go: it gets all of them again. */
	parts = h.parts;
	reply(SERVE_OK, 0);
	assert_int_equal(h.parts, parts + SERVE_FORWARD_PARTS);
	assert_int_equal(h.part[parts].part.number, 0);
	reply(SERVE_OK, 3);
	reply(SERVE_OK, 2);
	assert_int_equal(q->parts_acked, 3);
	reply(SERVE_OK, LARGE_PARTS);
	assert_int_equal(q->state, REQUEST_PROPOSED);
}

/* Nothing would ever put it back: its log may be gone with its term. */
static void R54_a_late_acceptance_of_an_older_term_does_not_count(void **state)
{
	struct request *q = hand_command(&h, 1, 5, 1, 100);

	(void)state;
	hand_turn(&h, 0);
	h.leader.term = 8;
	reply(SERVE_OK, 1);
	assert_int_equal(q->state, REQUEST_PROPOSING);
	/* The same leader in another term is asked anew, under another id. */
	hand_turn(&h, SERVE_RESEND_NS_MIN);
	assert_int_equal(h.parts, 2);
	assert_true(h.part[1].id != h.part[0].id);
	reply(SERVE_OK, 1);
	assert_int_equal(q->state, REQUEST_PROPOSED);
}

static void only_the_leaders_word_counts(void **state)
{
	struct request *q = hand_command(&h, 1, 5, 1, 100);

	(void)state;
	hand_turn(&h, 0);
	reply_from(OTHER, SERVE_OK, 1);
	reply_from(OTHER, SERVE_NO_SPACE, 0);
	assert_int_equal(q->state, REQUEST_PROPOSING);
	hand_heard(&h, 0);
}

static void a_refusal_is_final_or_asked_again(void **state)
{
	static const struct {
		enum serve_status said;
		bool final;
	} rows[] = {
		{SERVE_NO_SPACE, true},  {SERVE_INVALID, true},    {SERVE_NOT_LEADER, false},
		{SERVE_BUSY, false},     {SERVE_TIMEOUT, false},   {SERVE_REFUSED, false},
		{SERVE_STOPPING, false}, {SERVE_NO_LEADER, false}, {SERVE_COMPACTED, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t words = h.words;

		hand_command(&h, i, 5 + i, 1, 100);
		hand_turn(&h, 0);
		reply(rows[i].said, 0);
		if (h.words != words + rows[i].final)
			fail_msg("status %d: %u words", rows[i].said, h.words - words);
		if (rows[i].final)
			assert_int_equal(h.word[words].status, rows[i].said);
		hand_apply(&h, 5 + i, 1);
	}
}

/* The first leader may propose the copy that it was sent. */
static void V10_a_refusal_of_the_second_copy_is_not_final(void **state)
{
	(void)state;
	hand_command(&h, 1, 5, 1, 100);
	hand_turn(&h, 0);
	h.leader.id = OTHER;
	h.leader.term++;
	hand_turn(&h, SERVE_RESEND_NS_MIN);
	assert_int_equal(h.parts, 2);
	reply_from(OTHER, SERVE_NO_SPACE, 0);
	hand_heard(&h, 0);
	/* The same one in another term refuses what it is asked now, by its id, and no more. */
	hand_command(&h, 2, 6, 1, 100);
	hand_turn(&h, 0);
	h.leader.term++;
	hand_turn(&h, SERVE_RESEND_NS_MIN);
	reply_from(OTHER, SERVE_NO_SPACE, 0);
	hand_heard(&h, 0);
	/* Asked again in one term it is one copy under one id. */
	hand_command(&h, 3, 7, 1, 100);
	hand_turn(&h, 0);
	hand_turn(&h, SERVE_RESEND_NS_MIN);
	reply_from(OTHER, SERVE_NO_SPACE, 0);
	assert_int_equal(hand_heard(&h, 1)->status, SERVE_NO_SPACE);
}

static void a_peers_hint_puts_nothing_off_for_good(void **state)
{
	struct request *q = hand_command(&h, 1, 5, 1, 100);
	struct forward_reply busy = {.status = SERVE_BUSY, .retry_after_us = UINT64_MAX};

	(void)state;
	hand_turn(&h, 0);
	busy.id = h.part[0].id;
	serve_forward_reply(h.serve, PEER, &busy);
	assert_int_equal(q->resend_ns, h.now_ns + SERVE_RESEND_NS_MAX);
	busy.retry_after_us = 700;
	serve_forward_reply(h.serve, PEER, &busy);
	assert_int_equal(q->resend_ns, h.now_ns + 700 * US);
}

static void R42_ids_are_above_those_of_an_earlier_life(void **state)
{
	(void)state;
	hand_command(&h, 1, 5, 1, 100);
	hand_turn(&h, 0);
	assert_true(h.part[0].id / REQUESTS_MAX > FIRST_ID);
	/* And what is said of one that is over is said of nothing. */
	reply(SERVE_OK, 1);
	hand_apply(&h, 5, 1);
	reply(SERVE_NO_SPACE, 0);
	hand_heard(&h, 1);
}

/* However long the one before was silent: the next one is asked as soon as it is known. */
static void R45_a_new_leader_is_asked_at_once(void **state)
{
	uint32_t parts;

	(void)state;
	hand_command(&h, 1, 5, 1, 100);
	for (int i = 0; i < 200; i++)
		hand_turn(&h, MS);
	parts = h.parts;
	hand_turn(&h, 1);
	assert_int_equal(h.parts, parts);
	h.leader = (struct serve_leader){.id = OTHER, .term = 8};
	hand_turn(&h, 1);
	assert_int_equal(h.parts, parts + 1);
	assert_int_equal(h.part_to, OTHER);
	hand_turn(&h, 1);
	assert_int_equal(h.parts, parts + 1);
	/* If that is lost, soon again. */
	hand_turn(&h, SERVE_RESEND_NS_MIN);
	assert_int_equal(h.parts, parts + 2);
}

/* It has no request here: sent once, and whatever is answered is nobody's. */
static void D16_what_a_member_says_of_itself_is_sent_once(void **state)
{
	static const uint8_t word[40];
	struct request *q = hand_command(&h, 1, 5, 1, 100);

	(void)state;
	hand_turn(&h, 0);
	assert_int_equal(serve_offer(h.serve, word, sizeof(word)), 0);
	assert_int_equal(h.parts, 2);
	assert_int_equal(h.part_to, PEER);
	assert_int_equal(h.part[1].part.total_size, sizeof(word));
	assert_ptr_equal(h.part[1].part.data, word);
	assert_true(h.part[1].id > h.part[0].id);
	reply(SERVE_OK, 1);
	reply(SERVE_INVALID, 0);
	assert_int_equal(q->state, REQUEST_PROPOSING);
	assert_int_equal(h.words, 0);
	assert_int_equal(serve_get_counters(h.serve)->forwarded, 1);
	assert_int_equal(serve_offer(h.serve, word, sizeof(word)), 0);
	assert_true(h.part[2].id != h.part[1].id);

	h.leader = (struct serve_leader){.id = SELF, .self = true, .term = 8};
	assert_int_equal(serve_offer(h.serve, word, sizeof(word)), 0);
	assert_int_equal(h.proposals, 1);
	assert_ptr_equal(h.proposed_data, word);
	assert_int_equal(h.parts, 3);
	/* Not now: no room, no space, no leader. */
	h.propose_result = -EAGAIN;
	assert_int_equal(serve_offer(h.serve, word, sizeof(word)), -EAGAIN);
	h.propose_result = 0;
	h.leader.full = true;
	assert_int_equal(serve_offer(h.serve, word, sizeof(word)), -EAGAIN);
	h.leader = (struct serve_leader){.term = 8};
	assert_int_equal(serve_offer(h.serve, word, sizeof(word)), -EAGAIN);
	assert_int_equal(h.parts, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(D16_what_a_member_says_of_itself_is_sent_once,
						setup, teardown),
		cmocka_unit_test_setup_teardown(R45_a_new_leader_is_asked_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(a_small_one_is_one_part_until_it_is_taken, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_large_one_keeps_a_window_in_flight, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			R54_a_late_acceptance_of_an_older_term_does_not_count, setup, teardown),
		cmocka_unit_test_setup_teardown(only_the_leaders_word_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(a_refusal_is_final_or_asked_again, setup, teardown),
		cmocka_unit_test_setup_teardown(V10_a_refusal_of_the_second_copy_is_not_final,
						setup, teardown),
		cmocka_unit_test_setup_teardown(a_peers_hint_puts_nothing_off_for_good, setup,
						teardown),
		cmocka_unit_test_setup_teardown(R42_ids_are_above_those_of_an_earlier_life, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
