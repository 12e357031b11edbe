/*
 * Starts, their witnesses, and a member that lost what it had acknowledged (D9c, W24, V15).
 */
#include "tests/unit/raft/hand.h"

static void V15_no_vote_before_all_have_told_what_they_know(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h,
		  (struct hand_options){.nodes = 3, .terms = "1", .term = 1, .unconfirmed = true});
	assert_non_null(hand_sent(&h, RAFT_MESSAGE_START, 2));
	assert_non_null(hand_sent(&h, RAFT_MESSAGE_START, 3));
	assert_int_equal(hand_vote_ask(&h, 2, 2), 0);
	assert_false(hand_voted(&h, 2));
	assert_int_equal(hand_told_well(&h, 2), 0);
	assert_int_equal(hand_vote_ask(&h, 2, 2), 0);
	assert_false(hand_voted(&h, 2)); /* 3 may know more */
	assert_int_equal(hand_told_well(&h, 3), 0);
	assert_int_equal(hand_vote_ask(&h, 2, 2), 0);
	assert_true(hand_voted(&h, 2));
	hand_fini(&h);
}

static void V15_a_majority_is_enough_after_a_while(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h,
		  (struct hand_options){.nodes = 3, .terms = "1", .term = 1, .unconfirmed = true});
	hand_tick(&h, 10 * HAND_ELECTION_US); /* alone it never is */
	assert_int_equal(raft_get_role(h.r), RAFT_FOLLOWER);
	assert_false(h.r->start_confirmed);
	assert_int_equal(hand_told_well(&h, 2), 0);
	assert_true(h.r->start_confirmed);
	hand_tick(&h, 2 * HAND_ELECTION_US);
	hand_tick(&h, 2 * HAND_ELECTION_US);
	assert_int_equal(raft_get_role(h.r), RAFT_CANDIDATE);
	hand_fini(&h);
}

static void a_member_alone_asks_nobody(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 1, .unconfirmed = true});
	assert_true(h.r->start_confirmed);
	hand_fini(&h);
}

/* Who is silent is asked again, also when a majority has answered. */
static void V15_a_silent_witness_is_asked_until_it_answers(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h,
		  (struct hand_options){.nodes = 3, .terms = "1", .term = 1, .unconfirmed = true});
	assert_int_equal(hand_told_well(&h, 2), 0);
	hand_tick(&h, HAND_ELECTION_US);
	assert_true(h.r->start_confirmed);
	hand_forget(&h);
	hand_tick(&h, 1000000);
	assert_non_null(hand_sent(&h, RAFT_MESSAGE_START, 3));
	assert_null(hand_sent(&h, RAFT_MESSAGE_START, 2));
	assert_int_equal(hand_told_well(&h, 3), 0);
	hand_forget(&h);
	hand_tick(&h, 2000000);
	assert_null(hand_sent(&h, RAFT_MESSAGE_START, 3));
	hand_fini(&h);
}

static void check_found_out(struct hand_options o, raft_start known, raft_term term,
			    raft_index index, bool lost)
{
	struct hand h;

	o.nodes = 3;
	o.unconfirmed = true;
	hand_init(&h, o);
	struct raft_message m = hand_told(&h, 2, known ? known : h.r->start, term, index);
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(h.lost, lost);
	assert_int_equal(h.r->lost.is, lost);
	if (lost)
		assert_int_equal(h.lost_known, known ? known : h.r->start);
	hand_fini(&h);
}

static void V15_a_witness_finds_a_directory_that_was_rolled_back(void **state)
{
	const struct hand_options at = {.terms = "112", .term = 2};

	(void)state;
	/* Its own start, and no position or one that it holds. */
	check_found_out(at, 0, 0, 0, false);
	check_found_out(at, 0, 2, 3, false);
	check_found_out(at, 0, 1, 9, false); /* cut by a leader since */
	/* A newer start; by exactly one start, which has the same count (V15). */
	check_found_out(at, hand_start(1, 2), 0, 0, true);
	check_found_out(at, hand_start(1, 1) + 1, 0, 0, true);
	/* A position beyond the log in its own term, or in a term that it has forgotten. */
	check_found_out(at, 0, 2, 4, true);
	check_found_out(at, 0, 3, 1, true);
}

static void an_answer_to_another_start_says_nothing(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h,
		  (struct hand_options){.nodes = 3, .terms = "1", .term = 1, .unconfirmed = true});
	struct raft_message m = hand_told(&h, 2, hand_start(1, 7), 0, 0);
	m.start_reply.asked = hand_start(1, 6);
	assert_int_equal(hand_recv(&h, &m), -ESTALE);
	assert_int_equal(h.lost, 0);
	assert_false(hand_peer(&h, 2)->start_answered);
	hand_fini(&h);
}

/* It holds all that it acknowledged since its start: that a witness knows of it proves nothing. */
static void what_this_start_acknowledged_is_not_taken_for_lost(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h,
		  (struct hand_options){.nodes = 3, .terms = "1", .term = 1, .unconfirmed = true});
	assert_int_equal(hand_append(&h, 2, 1, 1, 1, "111", 0), 0);
	hand_persist(&h);
	assert_int_equal(hand_sent(&h, RAFT_MESSAGE_APPEND_REPLY, 2)->append_reply.match, 4);
	struct raft_message m = hand_told(&h, 2, h.r->start, 1, 4);
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(h.lost, 0);
	m = hand_told(&h, 3, h.r->start, 1, 5);
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(h.lost, 1);
	hand_fini(&h);
}

/* N10: and what it says otherwise is not believed. */
static void N10_a_message_of_an_older_start_is_dropped(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3});
	hand_elect(&h);
	struct raft_message m = hand_message(&h, RAFT_MESSAGE_START, 2, 0);
	m.start = hand_start(2, 5);
	assert_int_equal(hand_recv(&h, &m), 0);
	m = hand_message(&h, RAFT_MESSAGE_APPEND_REPLY, 2, 1);
	m.append_reply.accepted = true;
	m.append_reply.match = 1;
	m.start = hand_start(2, 4);
	assert_int_equal(hand_recv(&h, &m), -ESTALE);
	assert_int_equal(h.r->commit, 0);
	m.start = hand_start(2, 5);
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(h.r->commit, 1);
	m.start = hand_start(2, 5) + 1;
	assert_int_equal(hand_recv(&h, &m), -ESTALE);
	hand_fini(&h);
}

/* The newest entry here is of term 1; what the witness saw there was of term 2. */
static void V15_an_entry_that_was_overwritten_and_is_back_is_a_loss(void **state)
{
	const raft_term there[] = {2, 1, 0};

	(void)state;
	for (size_t i = 0; i < sizeof(there) / sizeof(there[0]); i++) {
		struct hand h;

		hand_init(&h, (struct hand_options){
				      .nodes = 3, .terms = "1111", .term = 2, .unconfirmed = true});
		struct raft_message m = hand_told(&h, 2, h.r->start, 2, 4);
		m.start_reply.known.entry_term = there[i];
		assert_int_equal(hand_recv(&h, &m), 0);
		assert_int_equal(h.lost, there[i] == 2);
		hand_fini(&h);
	}
}

/* A leader of a later term has put another one there since: that is no loss. */
static void an_entry_of_a_later_term_is_not_taken_for_an_old_one(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){
			      .nodes = 3, .terms = "112", .term = 2, .unconfirmed = true});
	assert_int_equal(hand_append(&h, 3, 3, 2, 1, "3", 0), 0);
	hand_persist(&h);
	struct raft_message m = hand_told(&h, 2, h.r->start, 2, 3);
	m.start_reply.known.entry_term = 2;
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(h.lost, 0);
	hand_fini(&h);
}

/* To have acknowledged 1 in term 3 does not mean to hold what was acknowledged in term 2. */
static void V15_a_later_acknowledgement_hides_no_loss(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h,
		  (struct hand_options){.nodes = 5, .terms = "1", .term = 1, .unconfirmed = true});
	assert_int_equal(hand_append(&h, 3, 3, 1, 1, "", 0), 0);
	hand_persist(&h);
	assert_int_equal(hand_sent(&h, RAFT_MESSAGE_APPEND_REPLY, 3)->append_reply.match, 1);
	struct raft_message m = hand_told(&h, 2, h.r->start, 2, 9);
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(h.lost, 1);
	hand_fini(&h);
}

/* An acknowledgement says that nothing was promised in a later term: that is not known yet. */
static void V15_nothing_counts_before_the_others_have_told(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h,
		  (struct hand_options){.nodes = 3, .terms = "1", .term = 1, .unconfirmed = true});
	assert_int_equal(hand_append(&h, 2, 1, 1, 1, "1", 0), 0);
	hand_persist(&h);
	assert_true(hand_sent(&h, RAFT_MESSAGE_APPEND_REPLY, 2)->append_reply.unconfirmed);
	assert_int_equal(hand_told_well(&h, 2), 0);
	assert_int_equal(hand_told_well(&h, 3), 0);
	assert_int_equal(hand_append(&h, 2, 1, 2, 1, "1", 0), 0);
	hand_persist(&h);
	assert_false(hand_sent(&h, RAFT_MESSAGE_APPEND_REPLY, 2)->append_reply.unconfirmed);
	hand_fini(&h);
}

/* Told of a term, it is in it, and gives no vote there: it may have, and forgotten. */
static void V15_a_term_that_is_told_is_taken_and_not_voted_in(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h,
		  (struct hand_options){.nodes = 3, .terms = "1", .term = 1, .unconfirmed = true});
	struct raft_message m = hand_told(&h, 2, h.r->start, 0, 0);
	m.term = 7;
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(hand_told_well(&h, 3), 0);
	assert_int_equal(raft_get_term(h.r), 7);
	assert_int_equal(hand_append(&h, 3, 6, 1, 1, "6", 0), -ESTALE);
	assert_int_equal(hand_vote_ask(&h, 3, 7), 0);
	assert_false(hand_voted(&h, 3));
	assert_int_equal(hand_vote_ask(&h, 3, 8), 0);
	assert_true(hand_voted(&h, 3));
	hand_fini(&h);
}

/* One that its disk still holds is given again, as often as it is asked for. */
static void a_vote_that_is_held_is_given_again(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "1", .term = 1});
	assert_int_equal(hand_vote_ask(&h, 2, 2), 0);
	assert_true(hand_voted(&h, 2));
	h.r->place[1].start_answered = false;
	struct raft_message m = hand_told(&h, 3, h.r->start, 0, 0);
	m.term = 2;
	assert_int_equal(hand_recv(&h, &m), 0);
	hand_forget(&h);
	assert_int_equal(hand_vote_ask(&h, 2, 2), 0);
	assert_true(hand_voted(&h, 2));
	hand_fini(&h);
}

/* Starts that no member can have had: kept by nobody, believed by nobody. */
static void V15_a_start_that_cannot_be_is_refused(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h,
		  (struct hand_options){.nodes = 3, .terms = "1", .term = 1, .unconfirmed = true});
	struct raft_message m = hand_message(&h, RAFT_MESSAGE_START, 2, 0);
	m.start = UINT64_MAX;
	assert_int_equal(hand_recv(&h, &m), -EINVAL);
	assert_int_not_equal(hand_peer(&h, 2)->witness.start, UINT64_MAX);
	m = hand_told(&h, 2, hand_start(1, 0x7fffffff), 0, 0);
	assert_int_equal(hand_recv(&h, &m), -EINVAL);
	assert_int_equal(h.lost, 0);
	hand_fini(&h);
}

/* A copy of the directory ran elsewhere: those who know of it are asked, and tell. */
static void V15_a_start_that_was_superseded_is_told(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "1", .term = 1});
	hand_forget(&h);
	hand_tick(&h, 10000000);
	assert_non_null(hand_sent(&h, RAFT_MESSAGE_START, 2));
	assert_non_null(hand_sent(&h, RAFT_MESSAGE_START, 3));
	struct raft_message m = hand_told(&h, 2, hand_start(1, 9), 0, 0);
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(h.lost, 1);
	hand_fini(&h);
}

/* Leaders that got nothing acknowledged take no place of one that did. */
static void terms_without_progress_hide_no_acknowledgement(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .unconfirmed = true});
	assert_int_equal(hand_append(&h, 2, 1, 0, 0, "1", 0), 0);
	hand_persist(&h);
	for (raft_term term = 2; term < 9; term++) {
		assert_int_equal(hand_append(&h, 2, term, 0, 0, "", 0), 0);
		hand_persist(&h);
	}
	struct raft_message m = hand_told(&h, 2, h.r->start, 1, 1);
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(h.lost, 0);
	hand_fini(&h);
}

/* Told late by a leader that got nothing acknowledged: of nothing, nothing is lost. */
static void a_position_of_nothing_is_not_lost(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h,
		  (struct hand_options){.nodes = 3, .terms = "1", .term = 1, .unconfirmed = true});
	struct raft_message m = hand_told(&h, 2, h.r->start, 2, 0);
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(h.lost, 0);
	hand_fini(&h);
}

/* One that does not believe this start knows an older one: that proves nothing. */
static void V15_a_witness_that_knows_an_older_start_proves_nothing(void **state)
{
	struct hand h;
	struct raft_message m;

	(void)state;
	hand_init(&h,
		  (struct hand_options){.nodes = 3, .terms = "1", .term = 1, .unconfirmed = true});
	m = hand_told(&h, 2, h.r->start - (1ul << 32), 0, 0);
	assert_int_equal(hand_recv(&h, &m), -EINVAL);
	assert_int_equal(h.lost, 0);
	assert_false(hand_peer(&h, 2)->start_answered);
	hand_fini(&h);
}

/* Asked again and again, a member that follows nobody keeps its vote for who asks for it. */
static void a_term_that_is_told_again_spends_no_vote(void **state)
{
	struct hand h;
	struct raft_message m;

	(void)state;
	hand_init(&h,
		  (struct hand_options){.nodes = 3, .terms = "1", .term = 1, .unconfirmed = true});
	assert_int_equal(hand_told_well(&h, 2), 0);
	assert_int_equal(hand_told_well(&h, 3), 0);
	m = hand_message(&h, RAFT_MESSAGE_READ_REPLY, 2, 2);
	(void)hand_recv(&h, &m);
	assert_int_equal(raft_get_term(h.r), 2);
	m = hand_told(&h, 2, h.r->start, 0, 0);
	m.term = 2;
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(hand_vote_ask(&h, 3, 2), 0);
	assert_true(hand_voted(&h, 3));
	hand_fini(&h);
}

/* Below the window nothing is known of an entry's term; it is committed. */
static void a_position_below_the_window_is_held(void **state)
{
	struct hand h;
	struct raft_message m;

	(void)state;
	hand_init(&h, (struct hand_options){
			      .nodes = 3, .term = 1, .long_log = 200, .unconfirmed = true});
	m = hand_told(&h, 2, h.r->start, 1, 50);
	m.start_reply.known.entry_term = 7;
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(h.lost, 0);
	hand_fini(&h);
}

/* The vote in a term that was told is spent on the disk: the next start may be told less. */
static void V15_a_vote_that_may_be_forgotten_is_spent_over_restarts(void **state)
{
	struct raft_hard_state disk;
	struct raft_message m;
	struct hand h;

	(void)state;
	/* Told a later term than its own, or its own, in which it holds no vote. */
	for (raft_term told = 4; told <= 5; told++) {
		hand_init(&h, (struct hand_options){
				      .nodes = 3, .terms = "1", .term = 4, .unconfirmed = true});
		m = hand_told(&h, 2, h.r->start, 0, 0);
		m.term = told;
		assert_int_equal(hand_recv(&h, &m), 0);
		hand_persist(&h);
		disk = h.hard;
		assert_int_equal(disk.term, told);
		hand_fini(&h);

		hand_init(&h, (struct hand_options){.nodes = 3,
						    .terms = "1",
						    .term = disk.term,
						    .vote = disk.vote,
						    .unconfirmed = true});
		m = hand_told(&h, 3, h.r->start, 0, 0);
		m.term = 3;
		assert_int_equal(hand_recv(&h, &m), 0);
		hand_tick(&h, HAND_ELECTION_US);
		assert_true(h.r->start_confirmed);
		assert_int_equal(hand_vote_ask(&h, 3, told), 0);
		assert_false(hand_voted(&h, 3));
		hand_fini(&h);
	}
}

/* It may have elected the leader that it follows, and have forgotten: no other of that term. */
static void V15_who_follows_a_leader_votes_for_no_other(void **state)
{
	struct raft_message m;
	struct hand h;

	(void)state;
	hand_init(&h,
		  (struct hand_options){.nodes = 3, .terms = "1", .term = 4, .unconfirmed = true});
	/* The term comes before the append. */
	m = hand_message(&h, RAFT_MESSAGE_READ_REPLY, 2, 5);
	(void)hand_recv(&h, &m);
	hand_persist(&h);
	assert_int_equal(h.hard.term, 5);
	assert_int_equal(h.hard.vote, 0);
	assert_int_equal(hand_append(&h, 2, 5, 1, 1, "", 0), 0);
	hand_persist(&h);
	assert_int_equal(h.hard.vote, 2);
	m = hand_told(&h, 3, h.r->start, 0, 0);
	m.term = 4;
	assert_int_equal(hand_recv(&h, &m), 0);
	hand_tick(&h, HAND_ELECTION_US);
	assert_true(h.r->start_confirmed);
	assert_int_equal(hand_vote_ask(&h, 3, 5), 0);
	assert_false(hand_voted(&h, 3));
	hand_fini(&h);
}

/* The term on the disk may be one that was heard of since: the log says how far it was. */
static void V15_a_term_that_was_heard_of_hides_no_loss(void **state)
{
	static const struct {
		const char *terms;
		raft_term known_term;
		raft_index known_index;
		raft_term entry_term;
		bool lost;
	} row[] = {
		{"1", 1, 9, 1, true},    /* shorter than what it acknowledged in its last term */
		{"1", 2, 9, 2, true},    /* ... and in a later one than any entry */
		{"11", 2, 2, 2, true},   /* another entry there, and none of a later term */
		{"112", 1, 9, 1, false}, /* a later leader took it away */
		{"112", 2, 3, 2, false}, {"112", 2, 4, 2, true},
		{"1", 4, 1, 1, true}, /* a term that its disk never had */
		{"1", 3, 1, 1, false},
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct hand h;
		struct raft_message m;

		hand_init(&h, (struct hand_options){.nodes = 3,
						    .terms = row[i].terms,
						    .term = 3,
						    .unconfirmed = true});
		m = hand_told(&h, 2, h.r->start, row[i].known_term, row[i].known_index);
		m.start_reply.known.entry_term = row[i].entry_term;
		assert_int_equal(hand_recv(&h, &m), 0);
		if (h.lost != row[i].lost)
			fail_msg("row %u: lost %u, and not %u", i, h.lost, row[i].lost);
		hand_fini(&h);
	}
}

/* Told late, of an entry whose place a later leader has rightly given to an older one. */
static void a_late_answer_is_of_the_log_as_it_was(void **state)
{
	struct raft_message m;
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){
			      .nodes = 5, .terms = "223", .term = 3, .unconfirmed = true});
	hand_told_well(&h, 3);
	hand_told_well(&h, 4);
	hand_tick(&h, HAND_ELECTION_US);
	assert_true(h.r->start_confirmed);
	assert_int_equal(hand_append(&h, 5, 5, 2, 2, "25", 0), 0);
	hand_persist(&h);
	m = hand_told(&h, 2, h.r->start, 3, 3);
	m.start_reply.known.entry_term = 3;
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(h.lost, 0);
	hand_fini(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(V15_a_start_that_was_superseded_is_told),
		cmocka_unit_test(terms_without_progress_hide_no_acknowledgement),
		cmocka_unit_test(a_position_of_nothing_is_not_lost),
		cmocka_unit_test(V15_a_witness_that_knows_an_older_start_proves_nothing),
		cmocka_unit_test(a_term_that_is_told_again_spends_no_vote),
		cmocka_unit_test(a_position_below_the_window_is_held),
		cmocka_unit_test(V15_a_vote_that_may_be_forgotten_is_spent_over_restarts),
		cmocka_unit_test(V15_who_follows_a_leader_votes_for_no_other),
		cmocka_unit_test(V15_a_term_that_was_heard_of_hides_no_loss),
		cmocka_unit_test(a_late_answer_is_of_the_log_as_it_was),
		cmocka_unit_test(V15_an_entry_that_was_overwritten_and_is_back_is_a_loss),
		cmocka_unit_test(an_entry_of_a_later_term_is_not_taken_for_an_old_one),
		cmocka_unit_test(V15_a_later_acknowledgement_hides_no_loss),
		cmocka_unit_test(V15_nothing_counts_before_the_others_have_told),
		cmocka_unit_test(V15_a_term_that_is_told_is_taken_and_not_voted_in),
		cmocka_unit_test(a_vote_that_is_held_is_given_again),
		cmocka_unit_test(V15_a_start_that_cannot_be_is_refused),
		cmocka_unit_test(V15_no_vote_before_all_have_told_what_they_know),
		cmocka_unit_test(V15_a_majority_is_enough_after_a_while),
		cmocka_unit_test(a_member_alone_asks_nobody),
		cmocka_unit_test(V15_a_silent_witness_is_asked_until_it_answers),
		cmocka_unit_test(V15_a_witness_finds_a_directory_that_was_rolled_back),
		cmocka_unit_test(an_answer_to_another_start_says_nothing),
		cmocka_unit_test(what_this_start_acknowledged_is_not_taken_for_lost),
		cmocka_unit_test(N10_a_message_of_an_older_start_is_dropped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
