/*
 * A leader whose log begins behind a base, and peers that need what lies there (raft/snapshot.c).
 */
#include "tests/unit/raft/hand.h"

enum { BASE = 100, BASE_TERM = 2 };

/* It leads term 4; its log begins behind 100, and its first entry is 104. */
static void lead(struct hand *h, uint32_t nodes, bool check_quorum)
{
	hand_init(h, (struct hand_options){.nodes = nodes,
					   .base = BASE,
					   .base_term = BASE_TERM,
					   .applied = 102,
					   .terms = "233",
					   .term = 3,
					   .check_quorum = check_quorum});
	hand_elect(h);
	assert_int_equal(h->r->window.last, 104);
}

/* Its log ends at 50. */
static void lags(struct hand *h, raft_id from)
{
	hand_stream(h, 3);
	assert_int_equal(hand_refuse(h, from, 103, 50, 1), 0);
}

static uint32_t offers(const struct hand *h, raft_id to)
{
	return hand_sent_count(h, RAFT_MESSAGE_SNAPSHOT, to);
}

static uint32_t entries_sent(const struct hand *h, raft_id to)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < h->sent_count; i++) {
		const struct raft_message *m = &h->sent[i];

		count += m->type == RAFT_MESSAGE_APPEND && m->to == to && m->append.entry_count > 0;
	}
	return count;
}

/* All that it is sent in so many intervals; it refuses each empty append, as it must. */
static void beats(struct hand *h, raft_id to, uint32_t count)
{
	hand_forget(h);
	for (uint32_t i = 0; i < count; i++) {
		hand_tick(h, HAND_HEARTBEAT_US);
		assert_int_equal(hand_refuse(h, to, BASE, 50, 1), 0);
		assert_int_equal(hand_echo(h, 3, raft_last(h->r), h->r->reads.seq), 0);
	}
}

static void R17_who_needs_what_is_below_the_base_is_offered_a_snapshot(void **state)
{
	struct hand h;

	(void)state;
	lead(&h, 3, false);
	hand_snapshot(&h, 102);
	lags(&h, 2);
	assert_int_equal(offers(&h, 2), 1); /* at once */
	const struct raft_message *m = hand_sent(&h, RAFT_MESSAGE_SNAPSHOT, 2);
	assert_int_equal(m->term, 4);
	assert_int_equal(m->snapshot.index, 102);
	assert_int_equal(m->snapshot.term, 3);
	assert_int_equal(m->snapshot.size, 4096);
	assert_int_equal(m->snapshot.hash, 102);
	beats(&h, 2, 10);
	assert_int_equal(offers(&h, 2), 10);
	assert_int_equal(hand_sent_count(&h, RAFT_MESSAGE_APPEND, 2), 10);
	assert_int_equal(entries_sent(&h, 2), 0);
	m = hand_sent(&h, RAFT_MESSAGE_APPEND, 2);
	assert_int_equal(m->append.prev_index, BASE);
	assert_int_equal(m->append.prev_term, BASE_TERM);
	assert_int_equal(h.fetch_count, 0);
	hand_fini(&h);
}

/* D9c: what it says counts for nothing, and it needs what it needs. */
static void D9c_who_lost_something_or_is_not_sure_is_offered_one(void **state)
{
	(void)state;
	for (int lost = 0; lost < 2; lost++) {
		struct hand h;

		lead(&h, 3, false);
		hand_snapshot(&h, 102);
		assert_int_equal(hand_ack(&h, 2, 103), 0);
		struct raft_message m = hand_answer(&h, 2, false, 103, 50);
		m.append_reply.lost = lost;
		m.append_reply.unconfirmed = !lost;
		assert_int_equal(hand_recv(&h, &m), 0);
		/* What was acknowledged stands, unless it says that it lost it. */
		assert_int_equal(hand_peer(&h, 2)->match, lost ? 0 : 103);
		assert_int_equal(offers(&h, 2), lost);
		hand_fini(&h);
	}
}

static void R21_it_costs_the_others_nothing(void **state)
{
	struct hand h;

	(void)state;
	lead(&h, 3, false);
	hand_snapshot(&h, 102);
	lags(&h, 2);
	for (uint32_t i = 0; i < 200; i++) {
		assert_int_equal(hand_propose(&h), 0);
		hand_persist(&h);
		assert_int_equal(hand_refuse(&h, 2, BASE, i % 50, 1), 0);
		assert_int_equal(hand_ack(&h, 3, raft_last(h.r)), 0);
		assert_int_equal(h.r->commit, raft_last(h.r));
	}
	assert_int_equal(entries_sent(&h, 2), 1); /* the first entry, before it was heard */
	assert_int_equal(offers(&h, 2), 1);       /* however often it says so (V28) */
	hand_fini(&h);
}

/* R19 too: an answer to a heartbeat is one, though it is a refusal. */
static void R55_who_installs_is_heard(void **state)
{
	struct hand h;

	(void)state;
	lead(&h, 3, true);
	hand_snapshot(&h, 102);
	lags(&h, 2);
	for (uint32_t i = 0; i < 3 * HAND_ELECTION_US / HAND_HEARTBEAT_US; i++) {
		hand_tick(&h, HAND_HEARTBEAT_US);
		struct raft_message m = hand_answer(&h, 2, false, BASE, 50);
		m.append_reply.read_seq = h.r->reads.seq;
		assert_int_equal(hand_recv(&h, &m), 0);
	}
	assert_int_equal(raft_get_role(h.r), RAFT_LEADER);
	/* It confirms reads, too. */
	assert_int_equal(hand_ack(&h, 3, raft_last(h.r)), 0);
	assert_int_equal(raft_read_index(h.r, 7), 0);
	hand_take(&h);
	assert_int_equal(h.read_count, 0);
	struct raft_message m = hand_answer(&h, 2, false, BASE, 50);
	m.append_reply.read_seq = h.r->reads.seq;
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(h.read_count, 1);
	hand_fini(&h);
}

/* >=, not ==: what it took may be the one that it was offered, or another. */
static void R55_replication_goes_on_from_any_match_at_the_base_or_above(void **state)
{
	static const raft_index match[] = {BASE, BASE + 1, 102};

	(void)state;
	for (size_t i = 0; i < sizeof(match) / sizeof(match[0]); i++) {
		struct hand h;

		lead(&h, 3, false);
		hand_snapshot(&h, 102);
		lags(&h, 2);
		hand_forget(&h);
		struct raft_message m = hand_answer(&h, 2, true, match[i], match[i]);
		assert_int_equal(hand_recv(&h, &m), 0);
		const struct raft_message *sent = hand_sent(&h, RAFT_MESSAGE_APPEND, 2);
		assert_non_null(sent);
		assert_int_equal(sent->append.prev_index, match[i]);
		assert_int_equal(sent->append.entry_count, 104 - match[i]);
		hand_forget(&h);
		hand_tick(&h, HAND_HEARTBEAT_US);
		assert_int_equal(offers(&h, 2), 0);
		hand_fini(&h);
	}
}

/* Its disk has not kept yet what it agrees to. */
static void R55_a_log_that_agrees_at_the_base_is_sent_entries(void **state)
{
	struct hand h;

	(void)state;
	lead(&h, 3, false);
	hand_snapshot(&h, 102);
	lags(&h, 2);
	hand_forget(&h);
	struct raft_message m = hand_answer(&h, 2, true, BASE, 40);
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(hand_sent(&h, RAFT_MESSAGE_APPEND, 2)->append.prev_index, BASE);
	assert_int_equal(entries_sent(&h, 2), 1);
	hand_fini(&h);
}

static void without_a_snapshot_it_only_hears_it(void **state)
{
	struct hand h;

	(void)state;
	lead(&h, 3, false);
	lags(&h, 2);
	beats(&h, 2, 3);
	assert_int_equal(offers(&h, 2), 0);
	assert_int_equal(hand_sent_count(&h, RAFT_MESSAGE_APPEND, 2), 3);
	hand_forget(&h);
	hand_snapshot(&h, BASE);
	assert_int_equal(offers(&h, 2), 1);
	hand_fini(&h);
}

static void R39_a_newer_snapshot_is_offered_at_once(void **state)
{
	struct hand h;

	(void)state;
	lead(&h, 3, false);
	hand_snapshot(&h, BASE);
	lags(&h, 2);
	hand_forget(&h);
	hand_snapshot(&h, BASE);
	assert_int_equal(offers(&h, 2), 0); /* it is the same */
	hand_snapshot(&h, 102);
	assert_int_equal(offers(&h, 2), 1);
	assert_int_equal(hand_sent(&h, RAFT_MESSAGE_SNAPSHOT, 2)->snapshot.index, 102);
	hand_fini(&h);
}

/* What it acknowledges by an offer was named by it (RX11). */
static void RX11_what_was_offered_was_named(void **state)
{
	struct hand h;

	(void)state;
	lead(&h, 3, false);
	lags(&h, 2);
	for (uint32_t i = 0; i < 10; i++)
		assert_int_equal(hand_propose(&h), 0);
	hand_persist(&h);
	assert_int_equal(hand_ack(&h, 3, 114), 0);
	assert_int_equal(hand_ack(&h, 2, 112), -ERANGE);
	hand_snapshot(&h, 112);
	raft_base_set(h.r, 110, 4);
	hand_take(&h);
	assert_int_equal(hand_ack(&h, 2, 113), -ERANGE);
	assert_int_equal(hand_ack(&h, 2, 112), 0);
	assert_int_equal(hand_peer(&h, 2)->match, 112);
	hand_fini(&h);
}

static void R45_nobody_hands_over_to_who_installs(void **state)
{
	struct hand h;

	(void)state;
	lead(&h, 3, false);
	hand_snapshot(&h, 102);
	lags(&h, 2);
	hand_tick(&h, 1);
	assert_int_equal(raft_transfer(h.r, 2), -ESTALE);
	assert_int_equal(raft_transfer(h.r, 0), 0); /* to the other one */
	assert_int_equal(raft_get_transfer(h.r), 3);
	hand_fini(&h);
}

static void R45_a_transfer_to_who_comes_to_install_is_given_up(void **state)
{
	struct hand h;

	(void)state;
	lead(&h, 3, false);
	hand_snapshot(&h, 102);
	assert_int_equal(hand_ack(&h, 3, raft_last(h.r)), 0);
	assert_int_equal(hand_echo(&h, 2, 0, 0), 0);
	hand_tick(&h, 1);
	assert_int_equal(raft_transfer(h.r, 2), 0);
	hand_take(&h);
	assert_int_equal(hand_refuse(&h, 2, 103, 50, 1), 0);
	hand_tick(&h, 1);
	assert_int_equal(raft_get_transfer(h.r), 0);
	hand_fini(&h);
}

/* A higher priority is no reason. */
static void F17_who_installs_is_not_preferred(void **state)
{
	struct hand h;

	(void)state;
	lead(&h, 3, false);
	hand_snapshot(&h, 102);
	assert_int_equal(hand_ack(&h, 3, raft_last(h.r)), 0);
	for (uint32_t i = 0; i < 400; i++) {
		hand_tick(&h, HAND_HEARTBEAT_US);
		struct raft_message m = hand_answer(&h, 2, false, 103, 50);
		m.append_reply.priority = 9;
		assert_int_equal(hand_recv(&h, &m), 0);
		assert_int_equal(hand_ack(&h, 3, raft_last(h.r)), 0);
		assert_int_equal(raft_get_transfer(h.r), 0);
	}
	hand_fini(&h);
}

/* Its new start is sent what follows what the one before acknowledged; it lacks nothing. */
static void R8_who_starts_again_with_the_base_is_not_offered_one(void **state)
{
	struct hand h;

	(void)state;
	lead(&h, 3, false);
	hand_snapshot(&h, 102);
	assert_int_equal(hand_ack(&h, 2, BASE), 0);
	hand_forget(&h);
	struct raft_message m = hand_message(&h, RAFT_MESSAGE_START, 2, 4);
	m.start = hand_start(2, 2);
	assert_int_equal(hand_recv(&h, &m), 0);
	hand_tick(&h, HAND_HEARTBEAT_US);
	assert_int_equal(offers(&h, 2), 0);
	assert_true(entries_sent(&h, 2) > 0);
	assert_int_equal(hand_peer(&h, 2)->probe_prev, BASE);
	hand_fini(&h);
}

/* There is no entry behind the base to ask it with. */
static void R8_who_starts_again_where_nothing_follows_is_asked(void **state)
{
	struct hand h;

	(void)state;
	lead(&h, 3, false);
	hand_commit(&h, 2, 3);
	hand_snapshot(&h, 104);
	raft_base_set(h.r, 104, 4);
	struct raft_message m = hand_message(&h, RAFT_MESSAGE_START, 2, 4);
	m.start = hand_start(2, 2);
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(hand_peer(&h, 2)->match, 0);
	hand_forget(&h);
	hand_tick(&h, HAND_HEARTBEAT_US);
	assert_int_equal(offers(&h, 2), 0);
	assert_int_equal(hand_sent(&h, RAFT_MESSAGE_APPEND, 2)->append.prev_index, 104);
	m = hand_answer(&h, 2, true, 104, 104);
	m.start = hand_start(2, 2);
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(hand_peer(&h, 2)->match, 104);
	hand_fini(&h);
}

/* --- the base moves ----------------------------------------------------------------------- */

/* 199 entries of term 1 and its own, in a window of 64; all are committed and applied. */
static void lead_long(struct hand *h)
{
	hand_init(h, (struct hand_options){.nodes = 3, .long_log = 199, .term = 1});
	while (h->r->apply_handed < h->r->commit) {
		struct raft_entry e[RAFT_FETCH_ENTRIES_MAX];
		const struct raft_fetch f = h->fetch[--h->fetch_count];

		for (uint32_t i = 0; i < f.count; i++)
			e[i] = (struct raft_entry){.index = f.first + i,
						   .term = 1,
						   .type = RAFT_ENTRY_NOOP,
						   .flags = 3};
		raft_fetched(h->r, f.slot, e, f.count);
		hand_take(h);
	}
	hand_elect(h);
	assert_int_equal(hand_ack(h, 3, 200), 0);
	assert_int_equal(h->applied, 200);
	assert_true(h->r->window.first > 120);
	h->fetch_count = 0;
	hand_snapshot(h, 200);
}

static void S9_nothing_at_or_below_the_base_is_fetched(void **state)
{
	struct hand h;

	(void)state;
	lead_long(&h);
	h.quiet = true;
	assert_int_equal(hand_refuse(&h, 2, 199, 50, 1), 0);
	h.quiet = false;
	struct raft_ready ready;
	assert_true(raft_ready(h.r, 0, &ready));
	raft_advance(h.r);
	assert_int_equal(ready.fetch_count, 1); /* while it may */
	raft_fetched(h.r, ready.fetches[0].slot, NULL, 0);
	raft_base_set(h.r, 100, 1);
	hand_forget(&h);
	for (uint32_t i = 0; i < 10; i++)
		hand_tick(&h, HAND_HEARTBEAT_US);
	assert_int_equal(h.fetch_count, 0);
	assert_int_equal(offers(&h, 2), 10);
	/* It took one; what lies between the base and the window is fetched as ever. */
	assert_int_equal(hand_ack(&h, 2, 110), 0);
	assert_int_equal(h.fetch_count, 1);
	assert_int_equal(h.fetch[0].first, 110);
	hand_fini(&h);
}

/* A question that was to be handed out goes with the base. */
static void S9_a_question_that_waits_is_taken_back(void **state)
{
	struct hand h;

	(void)state;
	lead_long(&h);
	h.r->slot[1].state = RAFT_SLOT_ASKED;
	h.r->slot[1].first = 100;
	h.r->slot[1].asked = 1;
	h.r->fetches_asked++;
	raft_base_set(h.r, 100, 1);
	hand_tick(&h, 1);
	assert_int_equal(h.fetch_count, 0);
	assert_int_equal(h.r->fetches_asked, 0);
	hand_fini(&h);
}

static void S9_what_the_window_still_has_is_sent(void **state)
{
	struct hand h;

	(void)state;
	lead_long(&h);
	raft_base_set(h.r, 190, 1);
	hand_forget(&h);
	assert_int_equal(hand_refuse(&h, 2, 199, 170, 1), 0);
	assert_int_equal(offers(&h, 2), 0);
	assert_int_equal(hand_sent(&h, RAFT_MESSAGE_APPEND, 2)->append.prev_index, 170);
	/* The first of it, and the term before it is nowhere any more. */
	hand_forget(&h);
	assert_int_equal(hand_refuse(&h, 2, 170, h.r->window.first - 1, 1), 0);
	assert_int_equal(offers(&h, 2), 1);
	hand_fini(&h);
}

static void R61_the_term_of_the_base_is_known(void **state)
{
	struct hand h;

	(void)state;
	lead_long(&h);
	raft_base_set(h.r, 110, 1);
	assert_int_equal(raft_window_term(&h.r->window, 110), 1);
	hand_forget(&h);
	assert_int_equal(hand_refuse(&h, 2, 199, 110, 1), 0);
	assert_int_equal(h.fetch_count, 1);
	assert_int_equal(h.fetch[0].first, 111); /* the one before it need not be read */
	hand_fini(&h);
}

/* --- changes of members ------------------------------------------------------------------- */

/* Its log would be near enough, by what it acknowledged; what follows that is not to be had. */
static void CH4_who_installs_has_not_caught_up(void **state)
{
	struct hand h;
	struct raft_refusal refusal;

	(void)state;
	lead(&h, 3, false);
	hand_commit(&h, 2, 3);
	hand_add_4(&h, RAFT_CHANGE_ADD_LEARNER, 0);
	struct raft_change promote = {.kind = RAFT_CHANGE_PROMOTE, .id = 4};
	struct raft_peer *p = hand_peer(&h, 4);
	assert_int_equal(hand_refuse(&h, 4, p->probe_prev, BASE - 2, 2), 0);
	assert_int_equal(hand_ack(&h, 4, BASE - 2), 0);
	assert_true(raft_peer_installs(h.r, p));
	assert_int_equal(hand_change(&h, promote, &refusal), -EPERM);
	assert_int_equal(refusal.reason, RAFT_REFUSED_BEHIND);
	assert_int_equal(hand_ack(&h, 4, BASE), 0);
	assert_int_equal(hand_change(&h, promote, &refusal), 0);
	hand_fini(&h);
}

static void stateless(struct hand *h, raft_id id, bool is)
{
	raft_index last = raft_last(h->r);
	struct raft_message m = hand_answer(h, id, true, last, last);

	m.append_reply.stateless = is;
	assert_int_equal(hand_recv(h, &m), 0);
}

/*
 * They have all of the log, and no state that the log would go on with: were they left alone, what
 * all had acknowledged would be nowhere.
 */
static void CH4_CH8_who_has_no_state_is_not_left_alone(void **state)
{
	struct raft_refusal refusal;
	struct raft_change leave;
	struct hand h;

	(void)state;
	lead(&h, 3, false);
	leave = (struct raft_change){.kind = RAFT_CHANGE_REMOVE, .id = h.r->id};
	hand_commit(&h, 2, 3);
	hand_add_4(&h, RAFT_CHANGE_ADD_LEARNER, 0);
	stateless(&h, 2, true);
	stateless(&h, 3, true);
	stateless(&h, 4, true);
	assert_int_equal(hand_change(&h, (struct raft_change){.kind = RAFT_CHANGE_PROMOTE, .id = 4},
				     &refusal),
			 -EPERM);
	assert_int_equal(refusal.reason, RAFT_REFUSED_BEHIND);
	assert_int_equal(hand_change(&h, leave, &refusal), -EPERM);
	assert_int_equal(refusal.reason, RAFT_REFUSED_NO_LEADER);
	stateless(&h, 3, false);
	hand_peer(&h, 3)->unfit = true;
	assert_int_equal(hand_change(&h, leave, &refusal), -EPERM);
	assert_int_equal(refusal.reason, RAFT_REFUSED_NO_LEADER);
	stateless(&h, 3, false);
	assert_int_equal(hand_change(&h, leave, NULL), 0);
	hand_fini(&h);
}

/* Who left is told so, and needs nothing else; while it may come back it does. */
static void R37_who_is_gone_is_offered_one_while_it_may_come_back(void **state)
{
	struct hand h;

	(void)state;
	hand_lead(&h);
	hand_add_4(&h, RAFT_CHANGE_ADD_LEARNER, 0);
	while (h.r->window.first < 8) {
		assert_int_equal(hand_propose(&h), 0);
		hand_commit(&h, 2, 3);
	}
	hand_snapshot(&h, raft_last(h.r));
	raft_base_set(h.r, raft_last(h.r), 2);
	hand_forget(&h);
	assert_int_equal(
		hand_change(&h, (struct raft_change){.kind = RAFT_CHANGE_REMOVE, .id = 4}, NULL),
		0);
	assert_int_equal(hand_refuse(&h, 4, hand_peer(&h, 4)->probe_prev, 0, 0), 0);
	hand_tick(&h, HAND_HEARTBEAT_US);
	assert_true(hand_peer(&h, 4)->gone);
	assert_true(raft_peer_installs(h.r, hand_peer(&h, 4)));
	assert_true(offers(&h, 4) > 0);
	hand_commit(&h, 2, 3);
	hand_forget(&h);
	hand_tick(&h, HAND_HEARTBEAT_US);
	assert_int_equal(offers(&h, 4), 0);
	assert_int_equal(hand_sent_count(&h, RAFT_MESSAGE_APPEND, 4), 1);
	hand_fini(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(R17_who_needs_what_is_below_the_base_is_offered_a_snapshot),
		cmocka_unit_test(D9c_who_lost_something_or_is_not_sure_is_offered_one),
		cmocka_unit_test(R21_it_costs_the_others_nothing),
		cmocka_unit_test(R55_who_installs_is_heard),
		cmocka_unit_test(R55_replication_goes_on_from_any_match_at_the_base_or_above),
		cmocka_unit_test(R55_a_log_that_agrees_at_the_base_is_sent_entries),
		cmocka_unit_test(without_a_snapshot_it_only_hears_it),
		cmocka_unit_test(R39_a_newer_snapshot_is_offered_at_once),
		cmocka_unit_test(RX11_what_was_offered_was_named),
		cmocka_unit_test(R45_nobody_hands_over_to_who_installs),
		cmocka_unit_test(R45_a_transfer_to_who_comes_to_install_is_given_up),
		cmocka_unit_test(F17_who_installs_is_not_preferred),
		cmocka_unit_test(R8_who_starts_again_with_the_base_is_not_offered_one),
		cmocka_unit_test(R8_who_starts_again_where_nothing_follows_is_asked),
		cmocka_unit_test(S9_nothing_at_or_below_the_base_is_fetched),
		cmocka_unit_test(S9_a_question_that_waits_is_taken_back),
		cmocka_unit_test(S9_what_the_window_still_has_is_sent),
		cmocka_unit_test(R61_the_term_of_the_base_is_known),
		cmocka_unit_test(CH4_who_installs_has_not_caught_up),
		cmocka_unit_test(CH4_CH8_who_has_no_state_is_not_left_alone),
		cmocka_unit_test(R37_who_is_gone_is_offered_one_while_it_may_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
