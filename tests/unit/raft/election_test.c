/*
 * Elections: who may vote for whom, when, and what it takes to lead.
 */
#include "tests/unit/raft/hand.h"

static int vote_ask(struct hand *h, raft_id from, raft_term term, raft_index last,
		    raft_term last_term)
{
	struct raft_message m = hand_message(h, RAFT_MESSAGE_VOTE, from, term);

	m.vote.last_index = last;
	m.vote.last_term = last_term;
	return hand_recv(h, &m);
}

static bool granted(const struct hand *h, raft_id to)
{
	const struct raft_message *m = hand_sent(h, RAFT_MESSAGE_VOTE_REPLY, to);

	assert_non_null(m);
	return m->vote_reply.granted;
}

/* Paper 5.4.1: the log of the voter is 1 1 2 2, i.e. last 4 of term 2. */
static void only_an_up_to_date_log_gets_the_vote(void **state)
{
	static const struct {
		raft_index last;
		raft_term last_term;
		bool granted;
	} row[] = {
		{4, 2, true},  {5, 2, true},  {1, 3, true},
		{3, 2, false}, {9, 1, false}, {0, 0, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct hand h;
		hand_init(&h, (struct hand_options){.nodes = 3, .terms = "1122", .term = 2});
		assert_int_equal(vote_ask(&h, 2, 9, row[i].last, row[i].last_term), 0);
		hand_persist(&h);
		assert_int_equal(granted(&h, 2), row[i].granted);
		hand_fini(&h);
	}
}

static void R22_one_vote_per_term_however_often_it_is_asked(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 5});
	assert_int_equal(vote_ask(&h, 2, 1, 0, 0), 0);
	assert_int_equal(vote_ask(&h, 3, 1, 0, 0), 0);
	hand_persist(&h);
	assert_true(granted(&h, 2));
	assert_false(granted(&h, 3));
	hand_forget(&h);
	assert_int_equal(vote_ask(&h, 2, 1, 0, 0), 0); /* a duplicate: the same answer */
	assert_true(granted(&h, 2));
	assert_int_equal(vote_ask(&h, 3, 2, 0, 0), 0); /* another term: another vote */
	hand_persist(&h);
	assert_true(granted(&h, 3));
	hand_fini(&h);
}

static void R22_a_restart_remembers_the_vote(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .term = 4, .vote = 2});
	assert_int_equal(vote_ask(&h, 3, 4, 9, 3), 0);
	assert_false(granted(&h, 3));
	assert_int_equal(vote_ask(&h, 2, 4, 9, 3), 0);
	assert_true(granted(&h, 2));
	hand_fini(&h);
}

static void R22_votes_of_an_older_term_do_not_count(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 5});
	hand_campaign(&h);
	hand_persist(&h);
	struct raft_message m = hand_message(&h, RAFT_MESSAGE_VOTE_REPLY, 2, 1);
	m.vote_reply.granted = true;
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(hand_recv(&h, &m), 0); /* a duplicate is not a second voter */
	assert_int_equal(raft_get_role(h.r), RAFT_CANDIDATE);
	hand_campaign(&h);
	hand_persist(&h);
	assert_int_equal(raft_get_term(h.r), 2);
	m.from = 3;
	m.identity++;
	assert_int_equal(hand_recv(&h, &m), -ESTALE);
	m.term = 2;
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(raft_get_role(h.r), RAFT_CANDIDATE); /* 2's vote was for term 1 */
	hand_fini(&h);
}

static void R23_candidates_and_leaders_do_not_vote_for_others_in_their_term(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3});
	hand_campaign(&h);
	hand_persist(&h);
	assert_int_equal(vote_ask(&h, 2, 1, 9, 0 + 0), -EINVAL); /* last index without a term */
	assert_int_equal(vote_ask(&h, 2, 1, 0, 0), 0);
	assert_false(granted(&h, 2));
	hand_fini(&h);
	hand_init(&h, (struct hand_options){.nodes = 3});
	hand_elect(&h);
	assert_int_equal(vote_ask(&h, 3, 1, 0, 0), 0);
	assert_false(granted(&h, 3));
	assert_int_equal(raft_get_role(h.r), RAFT_LEADER);
	hand_fini(&h);
}

static void R1_a_grant_leaves_when_it_is_durable(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3});
	assert_int_equal(vote_ask(&h, 2, 1, 0, 0), 0);
	assert_int_equal(h.hard.vote, 2);
	assert_int_equal(h.hard.term, 1);
	assert_int_equal(h.sent_count, 0);
	hand_persist(&h);
	assert_true(granted(&h, 2));
	hand_fini(&h);
}

static void R1_requests_leave_when_the_own_vote_is_durable(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3});
	hand_campaign(&h);
	assert_int_equal(h.sent_count, 0);
	/* A grant that could not have been asked for yet does not make a leader either. */
	struct raft_message m = hand_message(&h, RAFT_MESSAGE_VOTE_REPLY, 2, 1);
	m.vote_reply.granted = true;
	assert_int_equal(hand_recv(&h, &m), -ERANGE);
	hand_persist(&h);
	assert_int_equal(raft_get_role(h.r), RAFT_CANDIDATE);
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(raft_get_role(h.r), RAFT_LEADER);
	hand_fini(&h);
}

static void R1_a_term_change_forgets_what_was_owed(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3});
	assert_int_equal(vote_ask(&h, 2, 1, 0, 0), 0);
	uint64_t seq = h.seq;
	assert_int_equal(vote_ask(&h, 3, 5, 0, 0), 0);
	hand_persist_seq(&h, seq); /* the disk is done with term 1, the core is beyond it */
	assert_int_equal(h.sent_count, 0);
	hand_persist(&h);
	assert_null(hand_sent(&h, RAFT_MESSAGE_VOTE_REPLY, 2));
	assert_true(granted(&h, 3));
	hand_fini(&h);
}

static void only_a_granted_vote_restarts_the_timer(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "11", .term = 1});
	hand_tick(&h, 1000);
	uint64_t deadline = raft_deadline(h.r);
	assert_int_equal(vote_ask(&h, 2, 2, 1, 1), 0); /* a shorter log: refused */
	hand_tick(&h, 1000);
	assert_int_equal(raft_deadline(h.r), deadline);
	assert_int_equal(vote_ask(&h, 2, 3, 2, 1), 0);
	hand_tick(&h, 1000);
	assert_true(raft_deadline(h.r) >= h.now_us + HAND_ELECTION_US);
	hand_fini(&h);
}

/* A node that slept reads its mail, then ticks: the heartbeat counts from now, not from before. */
static void mail_read_late_restarts_the_timer_from_now(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3});
	assert_int_equal(hand_append(&h, 2, 1, 0, 0, "", 0), 0);
	hand_tick(&h, 10 * HAND_ELECTION_US);
	assert_int_equal(raft_get_role(h.r), RAFT_FOLLOWER);
	assert_true(raft_deadline(h.r) >= h.now_us + HAND_ELECTION_US);
	hand_fini(&h);
}

static void a_higher_term_unseats_a_leader(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3});
	hand_elect(&h);
	assert_int_equal(raft_leader(h.r), 1);
	struct raft_message m = hand_message(&h, RAFT_MESSAGE_APPEND_REPLY, 2, 7);
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(raft_get_role(h.r), RAFT_FOLLOWER);
	assert_int_equal(raft_get_term(h.r), 7);
	assert_int_equal(raft_leader(h.r), 0);
	assert_int_equal(hand_propose(&h), -EREMOTE);
	hand_fini(&h);
}

static void an_old_candidate_and_an_old_leader_are_told_the_term(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .term = 5});
	assert_int_equal(vote_ask(&h, 2, 4, 0, 0), -ESTALE);
	assert_false(granted(&h, 2));
	assert_int_equal(hand_append(&h, 3, 4, 0, 0, "4", 0), -ESTALE);
	const struct raft_message *m = hand_sent(&h, RAFT_MESSAGE_APPEND_REPLY, 3);
	assert_non_null(m);
	assert_int_equal(m->term, 5);
	assert_false(m->append_reply.accepted);
	assert_int_equal(h.r->window.last, 0);
	hand_fini(&h);
}

static void lost_requests_are_sent_again(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3});
	hand_campaign(&h);
	hand_persist(&h);
	struct raft_message m = hand_message(&h, RAFT_MESSAGE_VOTE_REPLY, 2, 1);
	assert_int_equal(hand_recv(&h, &m), 0); /* refused, but it answered */
	hand_forget(&h);
	assert_int_equal(raft_deadline(h.r), h.now_us + HAND_HEARTBEAT_US);
	hand_tick(&h, HAND_HEARTBEAT_US);
	assert_null(hand_sent(&h, RAFT_MESSAGE_VOTE, 2));
	assert_non_null(hand_sent(&h, RAFT_MESSAGE_VOTE, 3));
	hand_fini(&h);
}

/* D7: the largest term would leave no next one, here or after any restart. */
static void a_term_that_leaves_no_next_one_is_refused(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3});
	assert_int_equal(vote_ask(&h, 2, UINT64_MAX, 0, 0), -EINVAL);
	hand_campaign(&h);
	hand_persist(&h);
	assert_int_equal(h.hard.term, 1);
	hand_fini(&h);
	/* It is there all the same: nobody stands for election any more. */
	hand_init(&h, (struct hand_options){.nodes = 3, .term = RAFT_TERM_MAX});
	for (int i = 0; i < 5; i++)
		hand_tick(&h, 2 * HAND_ELECTION_US);
	assert_int_equal(raft_get_role(h.r), RAFT_FOLLOWER);
	assert_true(raft_get_term(h.r) == RAFT_TERM_MAX);
	hand_fini(&h);
}

/* D8: a member whose disk keeps nothing asks for no votes, in no term, however long that takes. */
static void V20_a_stalled_disk_does_not_campaign(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "11", .term = 1});
	raft_disk_stalled(h.r, true);
	for (int i = 0; i < 100; i++)
		hand_tick(&h, HAND_ELECTION_US);
	assert_int_equal(raft_get_role(h.r), RAFT_FOLLOWER);
	assert_int_equal(raft_get_term(h.r), 1);
	assert_null(hand_sent(&h, RAFT_MESSAGE_VOTE, 2));
	struct raft_status status;
	raft_get_status(h.r, &status);
	assert_true(status.disk_stalled);

	/* The disk goes on: the timer begins anew, and the leader may be heard before it ends. */
	hand_tick(&h, HAND_ELECTION_US - 1);
	raft_disk_stalled(h.r, false);
	hand_tick(&h, 0);
	assert_true(raft_deadline(h.r) >= h.now_us + HAND_ELECTION_US);
	hand_campaign(&h);
	assert_int_equal(raft_get_term(h.r), 2);
	raft_get_status(h.r, &status);
	assert_false(status.disk_stalled);
	hand_fini(&h);
}

static void timer_near_its_end(struct hand *h)
{
	hand_tick(h, 0);
	hand_tick(h, h->r->election_deadline_us - h->now_us - 1);
}

/* Whoever waited for the disk gives the others a whole timeout, a candidate that of a slow disk. */
static void V20_a_timer_begins_anew_when_the_disk_goes_on(void **state)
{
	struct hand h;

	(void)state;
	for (int candidate = 0; candidate < 2; candidate++) {
		hand_init(&h, (struct hand_options){.nodes = 3});
		if (candidate) {
			hand_campaign(&h);
			hand_tick(&h, 2 * HAND_ELECTION_US);
			hand_persist(&h);
		}
		uint64_t span_us = h.r->election_span_us;
		raft_disk_stalled(h.r, true);
		timer_near_its_end(&h);
		raft_disk_stalled(h.r, false);
		hand_tick(&h, 1);
		assert_int_equal(raft_get_role(h.r), candidate ? RAFT_CANDIDATE : RAFT_FOLLOWER);
		assert_int_equal(raft_get_term(h.r), candidate);
		assert_true(h.r->election_deadline_us >= h.now_us + HAND_ELECTION_US);
		if (candidate) /* its patience with it */
			assert_int_equal(h.r->election_deadline_us, h.now_us + span_us);
		/* Said again, as in each turn, it is no news. */
		timer_near_its_end(&h);
		raft_disk_stalled(h.r, false);
		hand_tick(&h, 1);
		assert_int_equal(raft_get_term(h.r), candidate + 1);
		hand_fini(&h);
	}
}

/* A disk that goes on makes no leader of one whose own vote is not on it. */
static void R1_a_single_voter_waits_for_its_vote(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 1});
	hand_campaign(&h);
	raft_disk_stalled(h.r, true);
	raft_disk_stalled(h.r, false);
	assert_int_equal(raft_get_role(h.r), RAFT_CANDIDATE);
	hand_persist(&h);
	assert_int_equal(raft_get_role(h.r), RAFT_LEADER);
	hand_fini(&h);
}

/* The timer waits for the vote, and for no other write. */
static void V5_only_the_write_of_the_vote_restarts_the_timer(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .term = 1, .vote = 2});
	assert_int_equal(hand_append(&h, 2, 1, 0, 0, "1", 0), 0);
	uint64_t entries = h.seq;
	timer_near_its_end(&h);
	hand_persist_seq(&h, entries); /* no vote was given */
	hand_tick(&h, 1);
	assert_int_equal(raft_get_role(h.r), RAFT_CANDIDATE);
	hand_fini(&h);

	hand_init(&h, (struct hand_options){.nodes = 3, .term = 1, .vote = 2});
	assert_int_equal(hand_append(&h, 2, 1, 0, 0, "1", 0), 0);
	entries = h.seq;
	assert_int_equal(vote_ask(&h, 3, 2, 1, 1), 0);
	assert_true(h.seq > entries);
	hand_persist_seq(&h, entries); /* one was given, and is not there yet */
	timer_near_its_end(&h);
	hand_persist(&h);
	hand_tick(&h, 1);
	assert_int_equal(raft_get_role(h.r), RAFT_FOLLOWER);
	assert_true(h.r->election_deadline_us >= h.now_us + HAND_ELECTION_US);
	hand_fini(&h);
}

/* Elected now, it would lead with a disk that keeps nothing; its term is not given up for that. */
static void V20_a_candidate_whose_disk_stalls_is_not_elected(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3});
	hand_campaign(&h);
	hand_persist(&h);
	raft_disk_stalled(h.r, true);
	struct raft_message m = hand_message(&h, RAFT_MESSAGE_VOTE_REPLY, 2, 1);
	m.vote_reply.granted = true;
	assert_int_equal(hand_recv(&h, &m), 0);
	for (int i = 0; i < 10; i++)
		hand_tick(&h, 2 * HAND_ELECTION_US);
	assert_int_equal(raft_get_role(h.r), RAFT_CANDIDATE);
	assert_int_equal(raft_get_term(h.r), 1);
	raft_disk_stalled(h.r, false);
	assert_int_equal(raft_get_role(h.r), RAFT_LEADER);
	hand_fini(&h);
}

/* A write that does not end: terms stand still, however long nobody is heard. */
static void V5_no_second_candidacy_before_the_first_is_durable(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3});
	hand_campaign(&h);
	for (int i = 0; i < 1000; i++)
		hand_tick(&h, HAND_ELECTION_US);
	assert_int_equal(raft_get_term(h.r), 1);
	assert_int_equal(h.hard.term, 1);
	hand_persist(&h);
	assert_non_null(hand_sent(&h, RAFT_MESSAGE_VOTE, 2));
	hand_fini(&h);
}

/* The same for one that voted for somebody else, or only heard of a term. */
static void V5_no_candidacy_before_a_vote_for_another_is_durable(void **state)
{
	struct hand h;

	(void)state;
	for (int shorter = 0; shorter < 2; shorter++) {
		hand_init(&h, (struct hand_options){.nodes = 3, .terms = "11", .term = 1});
		assert_int_equal(vote_ask(&h, 2, 2, shorter ? 1 : 2, 1), 0);
		for (int i = 0; i < 1000; i++)
			hand_tick(&h, HAND_ELECTION_US);
		assert_int_equal(raft_get_term(h.r), 2);
		assert_int_equal(raft_get_role(h.r), RAFT_FOLLOWER);
		hand_persist(&h);
		hand_campaign(&h);
		assert_int_equal(raft_get_term(h.r), 3);
		hand_fini(&h);
	}
}

/* Its voters' disks take as long as its own did: it waits for them, within a bound. */
static void V5_a_candidate_waits_for_the_voters_disks(void **state)
{
	static const uint64_t write_us[] = {149000, 320000, 100000000};
	struct hand h;

	(void)state;
	for (size_t i = 0; i < sizeof(write_us) / sizeof(write_us[0]); i++) {
		hand_init(&h, (struct hand_options){.nodes = 3});
		hand_campaign(&h);
		hand_tick(&h, write_us[i]);
		hand_persist(&h);
		hand_tick(&h, 0);
		uint64_t waits = h.r->election_deadline_us - h.now_us;
		uint64_t most = 2 * HAND_ELECTION_US * 8;
		uint64_t least = HAND_ELECTION_US + (write_us[i] < most ? write_us[i] : most);
		assert_true(waits >= least);
		assert_true(waits <= 2 * HAND_ELECTION_US + 3 * write_us[i]);
		assert_true(waits <= 2 * HAND_ELECTION_US + most);
		hand_fini(&h);
	}
}

/* Only who would stand reads all its mail first; a leader's heartbeats are not kept waiting. */
static void V8_an_election_is_due_for_who_does_not_lead(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3});
	assert_false(raft_election_due(h.r, h.now_us + 10 * HAND_ELECTION_US)); /* no tick yet */
	hand_tick(&h, 1);
	assert_false(raft_election_due(h.r, h.now_us + HAND_ELECTION_US - 1));
	assert_true(raft_election_due(h.r, h.now_us + 2 * HAND_ELECTION_US));
	hand_elect(&h);
	hand_tick(&h, 1);
	assert_true(raft_deadline(h.r) <= h.now_us + HAND_HEARTBEAT_US);
	assert_false(raft_election_due(h.r, h.now_us + 10 * HAND_ELECTION_US));
	hand_fini(&h);
}

/* One that was just started, with much to apply, leaves a timeout to others; no more. */
static void V6_who_has_much_to_replay_stands_last(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .long_log = 5000, .term = 1});
	for (uint64_t us = 0; raft_get_role(h.r) == RAFT_FOLLOWER; us += 1000) {
		assert_true(us <= 4 * HAND_ELECTION_US + 3000);
		hand_tick(&h, 1000);
	}
	assert_true(h.now_us >= 2 * HAND_ELECTION_US);
	assert_int_equal(raft_get_term(h.r), 2); /* it costs no terms */
	hand_fini(&h);
	/* A leader that is heard begins the count anew. */
	hand_init(&h, (struct hand_options){.nodes = 3, .long_log = 5000, .term = 1});
	hand_tick(&h, 2 * HAND_ELECTION_US);
	assert_int_equal(hand_append(&h, 2, 1, 5000, 1, "", 0), 0);
	hand_persist(&h);
	hand_tick(&h, 0);
	hand_tick(&h, 2 * HAND_ELECTION_US);
	assert_int_equal(raft_get_role(h.r), RAFT_FOLLOWER);
	hand_tick(&h, 2 * HAND_ELECTION_US);
	assert_int_equal(raft_get_role(h.r), RAFT_CANDIDATE);
	hand_fini(&h);
	/* With little to apply, or alone, it stands at once. */
	hand_init(&h, (struct hand_options){.nodes = 3, .long_log = 1000, .term = 1});
	hand_campaign(&h);
	hand_fini(&h);
	hand_init(&h, (struct hand_options){.nodes = 1, .long_log = 5000, .term = 1});
	hand_campaign(&h);
	hand_fini(&h);
}

/* Neither given nor refused: the candidate asks again, and the disk may go on meanwhile. */
static void V20_a_stalled_disk_gives_no_new_vote(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .term = 1});
	raft_disk_stalled(h.r, true);
	assert_int_equal(hand_vote_ask(&h, 2, 2), 0);
	assert_null(hand_sent(&h, RAFT_MESSAGE_VOTE_REPLY, 2));
	assert_int_equal(h.r->hard.vote, 0);
	raft_disk_stalled(h.r, false);
	assert_int_equal(hand_vote_ask(&h, 2, 2), 0);
	assert_true(hand_voted(&h, 2));
	/* Given before, it is told again: that needs no disk. */
	raft_disk_stalled(h.r, true);
	hand_forget(&h);
	assert_int_equal(hand_vote_ask(&h, 2, 2), 0);
	assert_true(hand_voted(&h, 2));
	hand_fini(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_an_up_to_date_log_gets_the_vote),
		cmocka_unit_test(R22_one_vote_per_term_however_often_it_is_asked),
		cmocka_unit_test(R22_a_restart_remembers_the_vote),
		cmocka_unit_test(R22_votes_of_an_older_term_do_not_count),
		cmocka_unit_test(R23_candidates_and_leaders_do_not_vote_for_others_in_their_term),
		cmocka_unit_test(R1_a_grant_leaves_when_it_is_durable),
		cmocka_unit_test(R1_requests_leave_when_the_own_vote_is_durable),
		cmocka_unit_test(R1_a_term_change_forgets_what_was_owed),
		cmocka_unit_test(only_a_granted_vote_restarts_the_timer),
		cmocka_unit_test(mail_read_late_restarts_the_timer_from_now),
		cmocka_unit_test(a_higher_term_unseats_a_leader),
		cmocka_unit_test(an_old_candidate_and_an_old_leader_are_told_the_term),
		cmocka_unit_test(lost_requests_are_sent_again),
		cmocka_unit_test(a_term_that_leaves_no_next_one_is_refused),
		cmocka_unit_test(V20_a_stalled_disk_does_not_campaign),
		cmocka_unit_test(V20_a_candidate_whose_disk_stalls_is_not_elected),
		cmocka_unit_test(V20_a_timer_begins_anew_when_the_disk_goes_on),
		cmocka_unit_test(R1_a_single_voter_waits_for_its_vote),
		cmocka_unit_test(V5_only_the_write_of_the_vote_restarts_the_timer),
		cmocka_unit_test(V20_a_stalled_disk_gives_no_new_vote),
		cmocka_unit_test(V8_an_election_is_due_for_who_does_not_lead),
		cmocka_unit_test(V6_who_has_much_to_replay_stands_last),
		cmocka_unit_test(V5_no_second_candidacy_before_the_first_is_durable),
		cmocka_unit_test(V5_no_candidacy_before_a_vote_for_another_is_durable),
		cmocka_unit_test(V5_a_candidate_waits_for_the_voters_disks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
