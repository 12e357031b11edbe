/*
 * The witness's side of starts: what it keeps of another member, and what it tells (raft/start.c,
 * D9c).
 */
#include "tests/unit/raft/hand.h"

#include <errno.h>

static void a_witness_tells_the_newest_start_and_the_furthest_position(void **state)
{
	struct hand h;
	const struct raft_message *told;
	struct raft_witness w[RAFT_MEMBERS_MAX];

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "1", .term = 1});
	hand_elect(&h);
	assert_int_equal(hand_ack(&h, 2, 2), 0);
	struct raft_message m = hand_message(&h, RAFT_MESSAGE_START, 2, 0);
	m.start = hand_start(2, 5);
	assert_int_equal(hand_recv(&h, &m), 0);
	told = hand_sent(&h, RAFT_MESSAGE_START_REPLY, 2);
	assert_non_null(told);
	assert_int_equal(told->start_reply.asked, hand_start(2, 5));
	assert_int_equal(told->start_reply.known.start, hand_start(2, 5));
	assert_int_equal(told->start_reply.known.term, 2);
	assert_int_equal(told->start_reply.known.index, 2);
	/* An older one: answered, with what is known. */
	m.start = hand_start(2, 4);
	assert_int_equal(hand_recv(&h, &m), 0);
	told = hand_sent(&h, RAFT_MESSAGE_START_REPLY, 2);
	assert_int_equal(told->start_reply.asked, m.start);
	assert_int_equal(told->start_reply.known.start, hand_start(2, 5));
	/* One that is heard of, and did not ask, is told at once too. */
	hand_forget(&h);
	raft_start_tell(h.r, 2, hand_start(2, 3));
	hand_take(&h);
	told = hand_sent(&h, RAFT_MESSAGE_START_REPLY, 2);
	assert_non_null(told);
	assert_int_equal(told->start_reply.asked, hand_start(2, 3));
	assert_int_equal(raft_witnesses(h.r, w), 1);
	assert_int_equal(w[0].id, 2);
	assert_int_equal(w[0].start, hand_start(2, 5));
	assert_int_equal(w[0].index, 2);
	hand_fini(&h);
}

/*
 * V5: a term in which this member stands, and that its disk does not have yet, is told to nobody:
 * for one whose disk hangs a leader would step down.
 */
static void V5_an_answer_tells_no_term_that_is_not_durable(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "1", .term = 1});
	hand_campaign(&h);
	assert_int_equal(raft_get_term(h.r), 2);
	struct raft_message m = hand_message(&h, RAFT_MESSAGE_START, 2, 0);
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(hand_sent(&h, RAFT_MESSAGE_START_REPLY, 2)->term, 1);
	hand_persist(&h);
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(hand_sent(&h, RAFT_MESSAGE_START_REPLY, 2)->term, 2);
	hand_fini(&h);
}

/*
 * The same count drawn anew is a directory that was rolled back, or is there twice: it is told so
 * at its next start too, which would otherwise be the newest, if it ends before it hears it.
 */
static void V15_two_starts_of_one_count_are_never_the_newest(void **state)
{
	struct hand h;
	const raft_start starts[] = {hand_start(2, 5), hand_start(2, 5) + 1, hand_start(2, 6)};

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "1", .term = 1});
	for (size_t i = 0; i < 3; i++) {
		struct raft_message m = hand_message(&h, RAFT_MESSAGE_START, 2, 0);
		const struct raft_message *told;

		m.start = starts[i];
		assert_int_equal(hand_recv(&h, &m), 0);
		told = hand_sent(&h, RAFT_MESSAGE_START_REPLY, 2);
		assert_int_equal(told->start_reply.known.start == m.start, i == 0);
		assert_true(raft_start_count(told->start_reply.known.start) >=
			    raft_start_count(m.start));
	}
	hand_fini(&h);
}

/* One that holds nothing of it yet is heard by a new leader: what it acknowledged before stands. */
static void nothing_acknowledged_is_not_a_position(void **state)
{
	struct hand h;
	struct raft_peer *p;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "1", .term = 1});
	hand_elect(&h);
	p = hand_peer(&h, 2);
	p->witness.term = 1;
	p->witness.index = 1;
	for (uint32_t i = 0; i < 2; i++) {
		struct raft_message m = hand_message(&h, RAFT_MESSAGE_APPEND_REPLY, 2, 2);
		m.append_reply.accepted = true;
		m.append_reply.unconfirmed = i == 0;
		assert_int_equal(hand_recv(&h, &m), 0);
	}
	assert_int_equal(p->witness.term, 1);
	assert_int_equal(p->witness.index, 1);
	hand_fini(&h);
}

/* An earlier start of it was lost; a copy from before that, started as often, tells nothing. */
static void V15_a_loss_ends_with_the_start_that_said_so(void **state)
{
	const struct raft_message *told;
	struct raft_message m;
	struct raft_peer *p;
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "1", .term = 1});
	hand_elect(&h);
	assert_int_equal(hand_ack(&h, 2, 2), 0);
	p = hand_peer(&h, 2);
	assert_int_equal(p->witness.index, 2);
	m = hand_message(&h, RAFT_MESSAGE_APPEND_REPLY, 2, 2);
	m.start = hand_start(2, 2);
	m.append_reply = (struct raft_append_reply){.lost = true, .prev_index = 1};
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_true(p->lost);
	assert_int_equal(p->match, 0);
	m.start = hand_start(2, 3);
	m.append_reply = (struct raft_append_reply){.unconfirmed = true, .prev_index = 1};
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_false(p->lost);
	m = hand_message(&h, RAFT_MESSAGE_START, 2, 2);
	m.start = hand_start(2, 3);
	hand_forget(&h);
	assert_int_equal(hand_recv(&h, &m), 0);
	told = hand_sent(&h, RAFT_MESSAGE_START_REPLY, 2);
	assert_non_null(told);
	assert_int_equal(told->start_reply.known.index, 2);
	hand_fini(&h);
}

/* It acknowledges less than before, of what this leader still holds: the first is not forgotten. */
static void V15_a_lower_position_of_a_later_term_hides_no_higher_one(void **state)
{
	struct raft_message m;
	struct raft_peer *p;
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "1", .term = 1});
	hand_elect(&h);
	hand_stream(&h, 2);
	for (int i = 0; i < 8; i++)
		assert_int_equal(hand_propose(&h), 0);
	hand_persist(&h);
	assert_int_equal(hand_ack(&h, 2, 10), 0);
	assert_int_equal(raft_commit(h.r), 10);
	p = hand_peer(&h, 2);
	assert_int_equal(p->witness.index, 10);
	/* Member 2 is rolled back, and confirmed by 3 alone; this one leads again. */
	assert_int_equal(hand_append(&h, 3, 3, 1, 1, "", 0), 0);
	hand_persist(&h);
	hand_elect(&h);
	m = hand_message(&h, RAFT_MESSAGE_APPEND_REPLY, 2, raft_get_term(h.r));
	m.start = hand_start(2, 2);
	m.append_reply = (struct raft_append_reply){.prev_index = 10, .match = 1, .match_term = 1};
	assert_int_equal(hand_recv(&h, &m), 0);
	m.append_reply = (struct raft_append_reply){.accepted = true, .prev_index = 1, .match = 3};
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(p->match, 3);
	assert_int_equal(p->witness.term, 2);
	assert_int_equal(p->witness.index, 10);
	/* It holds that, and one more. */
	m.append_reply.match = 11;
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(p->witness.term, raft_get_term(h.r));
	assert_int_equal(p->witness.index, 11);
	hand_fini(&h);
}

/* It says so for an election timeout and nothing else: within 12 steps it is the newest. */
static void RX2_a_member_that_is_further_ahead_is_met(void **state)
{
	static const uint32_t ahead[] = {RAFT_STARTS_UNHEARD_MAX + 10, 1u << 24,
					 RAFT_START_COUNT_MAX / 2};
	struct hand h;

	(void)state;
	for (size_t i = 0; i < sizeof(ahead) / sizeof(ahead[0]); i++) {
		uint32_t steps = 0;
		struct raft_message m;

		hand_init(&h, (struct hand_options){.nodes = 3, .terms = "1", .term = 1});
		m = hand_message(&h, RAFT_MESSAGE_READ_REPLY, 2, 1);
		m.start = hand_start(2, ahead[i]);
		while (hand_peer(&h, 2)->witness.start != m.start) {
			for (int k = 0; k < 100; k++) /* in a burst it is no insistence */
				(void)hand_recv(&h, &m);
			assert_true(++steps < 4 * 13);
			hand_tick(&h, HAND_ELECTION_US / 2);
		}
		assert_true(steps >= 2);
		hand_fini(&h);
	}
}

/* So many starts at once, and once in an election timeout; above half of the range, few. */
static void RX2_starts_are_believed_so_far_and_so_often(void **state)
{
	static const uint32_t base[] = {1, RAFT_START_COUNT_MAX / 2 + 10};
	struct raft_message m;
	struct hand h;

	(void)state;
	for (size_t i = 0; i < sizeof(base) / sizeof(base[0]); i++) {
		uint32_t most = i ? 16 : RAFT_STARTS_UNHEARD_MAX;

		hand_init(&h, (struct hand_options){.nodes = 3, .terms = "1", .term = 1});
		hand_peer(&h, 2)->witness.start = hand_start(2, base[i]);
		m = hand_message(&h, RAFT_MESSAGE_VOTE, 2, 1);
		hand_tick(&h, HAND_ELECTION_US);
		m.start = hand_start(2, base[i] + most + 1);
		assert_int_equal(hand_recv(&h, &m), -EDOM);
		m.start = hand_start(2, base[i] + most);
		assert_int_equal(hand_recv(&h, &m), 0);
		hand_tick(&h, HAND_ELECTION_US / 2);
		m.start = hand_start(2, base[i] + 2 * most);
		assert_int_equal(hand_recv(&h, &m), -EDOM);
		hand_tick(&h, HAND_ELECTION_US / 2);
		assert_int_equal(hand_recv(&h, &m), 0);
		hand_fini(&h);
	}
}

/* Beside the member itself nobody insists, however long. */
static void RX2_what_is_said_beside_the_live_one_is_not_met(void **state)
{
	struct hand h;
	struct raft_message far, live;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "1", .term = 1});
	live = far = hand_message(&h, RAFT_MESSAGE_READ_REPLY, 2, 1);
	live.start = hand_peer(&h, 2)->witness.start;
	far.start = hand_start(2, RAFT_STARTS_UNHEARD_MAX + 10);
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(hand_recv(&h, &far), -EDOM);
		(void)hand_recv(&h, &live);
		hand_tick(&h, HAND_ELECTION_US / 3);
	}
	assert_true(hand_peer(&h, 2)->witness.start == live.start);
	hand_fini(&h);
}

/* Nobody starts so often unheard: one bad frame must not shut a member out for ever. */
static void V15_a_start_far_above_the_known_one_is_not_believed(void **state)
{
	struct hand h;
	struct raft_message m;
	raft_start known;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "1", .term = 1});
	known = hand_peer(&h, 2)->witness.start;
	m = hand_message(&h, RAFT_MESSAGE_READ_REPLY, 2, 1);
	m.start = hand_start(2, raft_start_count(known) + RAFT_STARTS_UNHEARD_MAX + 1);
	assert_int_equal(hand_recv(&h, &m), -EDOM);
	assert_true(hand_peer(&h, 2)->witness.start == known);
	m.start = hand_start(2, raft_start_count(known) + RAFT_STARTS_UNHEARD_MAX);
	(void)hand_recv(&h, &m);
	assert_true(hand_peer(&h, 2)->witness.start == m.start);
	hand_fini(&h);
}

/* What an unconfirmed or lost start echoed does not count because another start is seen. */
static void V15_an_echo_of_a_start_that_did_not_count_never_does(void **state)
{
	struct raft_message m;
	struct raft_peer *p;
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "11", .term = 1});
	hand_elect(&h);
	assert_int_equal(hand_ack(&h, 3, 3), 0);
	assert_int_equal(raft_commit(h.r), 3);
	p = hand_peer(&h, 2);
	assert_int_equal(p->match, 0);
	assert_int_equal(raft_read_index(h.r, 77), 0);
	hand_take(&h);
	m = hand_message(&h, RAFT_MESSAGE_APPEND_REPLY, 2, 2);
	m.start = hand_start(2, 2);
	m.append_reply = (struct raft_append_reply){.unconfirmed = true,
						    .prev_index = 2,
						    .match = 1,
						    .match_term = 1,
						    .read_seq = h.r->reads.seq};
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(p->read_echo, h.r->reads.seq);
	assert_int_equal(h.read_count, 0);
	/* It is found to be lost, and shows its next start: only a question. */
	m = hand_message(&h, RAFT_MESSAGE_START, 2, 2);
	m.start = hand_start(2, 3);
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_true(p->unconfirmed);
	/* A later read, or any answer, makes the leader count. */
	assert_int_equal(raft_read_index(h.r, 78), 0);
	hand_take(&h);
	assert_int_equal(h.read_count, 0);
	hand_fini(&h);
}

/* Entries of older terms that are not committed: a later leader may rightly take them away. */
static void a_position_that_counts_for_nothing_is_not_kept(void **state)
{
	struct raft_peer *p;
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "1122", .term = 2});
	hand_elect(&h);
	assert_int_equal(h.r->term_start, 5);
	p = hand_peer(&h, 2);
	assert_int_equal(hand_ack(&h, 2, 4), 0);
	assert_int_equal(p->match, 4);
	assert_int_equal(p->witness.index, 0);
	assert_int_equal(hand_ack(&h, 2, 5), 0);
	assert_int_equal(p->witness.index, 5);
	hand_fini(&h);
}

/* What it acknowledged before is nothing that this leader holds: then the new position is kept. */
static void a_position_that_was_overwritten_is_replaced(void **state)
{
	struct raft_peer *p;
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "1111", .term = 2});
	hand_elect(&h);
	hand_stream(&h, 2);
	for (int i = 0; i < 8; i++)
		assert_int_equal(hand_propose(&h), 0);
	hand_persist(&h);
	p = hand_peer(&h, 2);
	p->witness = (struct raft_witness){
		.id = 2, .start = p->witness.start, .term = 2, .index = 9, .entry_term = 2};
	assert_int_equal(hand_ack(&h, 2, 6), 0);
	assert_int_equal(p->witness.term, 3);
	assert_int_equal(p->witness.index, 6);
	hand_fini(&h);
}

/* Below the window all is committed, and this leader holds it. */
static void a_position_below_the_window_is_not_replaced_by_a_lower_one(void **state)
{
	struct raft_peer *p;
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .term = 1, .long_log = 200});
	hand_elect(&h);
	p = hand_peer(&h, 2);
	p->witness = (struct raft_witness){
		.id = 2, .start = p->witness.start, .term = 1, .index = 100, .entry_term = 1};
	assert_true(h.r->window.first > 100);
	assert_int_equal(hand_ack(&h, 2, 50), 0);
	assert_int_equal(p->match, 50);
	assert_int_equal(p->witness.index, 100);
	hand_fini(&h);
}

/* It advances within a term, and no further while what it says does not count. */
static void D9c_a_position_is_what_was_acknowledged_and_counts(void **state)
{
	struct raft_message m;
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3});
	hand_elect(&h);
	const struct raft_witness *w = &hand_peer(&h, 2)->witness;
	for (raft_index i = 1; i <= 6; i++) {
		if (i > 1)
			assert_int_equal(hand_propose(&h), 0);
		m = hand_answer(&h, 2, true, i, i);
		m.append_reply.unconfirmed = i == 3;
		m.append_reply.lost = i == 5;
		assert_int_equal(hand_recv(&h, &m), 0);
		assert_int_equal(w->index, i == 3 || i == 5 ? i - 1 : i);
	}
	/* It lost that, and is whole with less: the rest is void. */
	m = hand_answer(&h, 2, false, 6, 3);
	m.append_reply.match_term = 1;
	m.append_reply.lost = true;
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(w->index, 6);
	m = hand_answer(&h, 2, true, 3, 3);
	m.append_reply.lost = true;
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(w->index, 6);
	assert_int_equal(hand_ack(&h, 2, 3), 0);
	assert_int_equal(w->index, 3);
	hand_fini(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_witness_tells_the_newest_start_and_the_furthest_position),
		cmocka_unit_test(D9c_a_position_is_what_was_acknowledged_and_counts),
		cmocka_unit_test(V5_an_answer_tells_no_term_that_is_not_durable),
		cmocka_unit_test(V15_two_starts_of_one_count_are_never_the_newest),
		cmocka_unit_test(nothing_acknowledged_is_not_a_position),
		cmocka_unit_test(RX2_a_member_that_is_further_ahead_is_met),
		cmocka_unit_test(RX2_starts_are_believed_so_far_and_so_often),
		cmocka_unit_test(RX2_what_is_said_beside_the_live_one_is_not_met),
		cmocka_unit_test(V15_a_start_far_above_the_known_one_is_not_believed),
		cmocka_unit_test(V15_an_echo_of_a_start_that_did_not_count_never_does),
		cmocka_unit_test(a_position_that_counts_for_nothing_is_not_kept),
		cmocka_unit_test(a_position_that_was_overwritten_is_replaced),
		cmocka_unit_test(a_position_below_the_window_is_not_replaced_by_a_lower_one),
		cmocka_unit_test(V15_a_loss_ends_with_the_start_that_said_so),
		cmocka_unit_test(V15_a_lower_position_of_a_later_term_hides_no_higher_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
