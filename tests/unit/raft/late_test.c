/*
 * What arrives late, twice or in another order than it was said: each of the core's guards against
 * that, by what goes wrong without it.
 */
#include "tests/unit/raft/hand.h"

/* --- the leader ------------------------------------------------------------------------------ */

/* Made before the follower acknowledged that; it does not stop the stream. */
static void V3_a_late_refusal_is_no_step_back(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "1111", .term = 1});
	hand_elect(&h);
	hand_stream(&h, 2);
	assert_int_equal(hand_propose(&h), 0);
	assert_int_equal(hand_ack(&h, 2, 6), 0);
	assert_int_equal(hand_propose(&h), 0);
	hand_forget(&h);
	assert_int_equal(hand_refuse(&h, 2, 5, 2, 1), 0);
	assert_null(hand_sent(&h, RAFT_MESSAGE_APPEND, 2)); /* nothing is sent again */
	assert_false(hand_peer(&h, 2)->probing);
	assert_int_equal(hand_propose(&h), 0);
	assert_int_equal(hand_sent(&h, RAFT_MESSAGE_APPEND, 2)->append.prev_index, 7);
	hand_fini(&h);
}

/* It stepped back below the window, and goes on from there: one refusal is one step. */
static void V3_the_same_refusal_twice_is_one_step_back(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .long_log = 200, .term = 1});
	hand_elect(&h);
	struct raft_peer *p = hand_peer(&h, 2);
	assert_int_equal(p->probe_prev, 200);
	assert_int_equal(hand_refuse(&h, 2, 200, 3, 1), 0);
	assert_int_equal(p->next, 4);
	assert_int_equal(hand_ack(&h, 2, 10), 0); /* what an earlier leader sent has come */
	assert_false(p->probing);
	assert_int_equal(p->next, 11);
	assert_int_equal(hand_refuse(&h, 2, 200, 20, 1), 0);
	assert_false(p->probing);
	assert_int_equal(p->next, 11);
	hand_fini(&h);
}

/* What was seen to agree goes on agreeing: after a silence it resumes from there. */
static void R13_a_late_answer_takes_no_agreement_back(void **state)
{
	struct raft_message m;
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "1111", .term = 1});
	hand_elect(&h);
	hand_stream(&h, 2);
	for (int i = 0; i < 3; i++)
		assert_int_equal(hand_propose(&h), 0);
	m = hand_answer(&h, 2, true, 7, 1); /* its disk lags */
	assert_int_equal(hand_recv(&h, &m), 0);
	m = hand_answer(&h, 2, true, 5, 1);
	assert_int_equal(hand_recv(&h, &m), 0);
	hand_tick(&h, HAND_HEARTBEAT_US);
	assert_int_equal(hand_peer(&h, 2)->probe_prev, 7);
	hand_fini(&h);
}

/* The answer to the hello, which proves nothing, is none to the probe behind it. */
static void V3_an_answer_to_another_message_ends_no_probe(void **state)
{
	struct raft_message m;
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "1111", .term = 1});
	hand_elect(&h);
	m = hand_answer(&h, 2, true, 0, 0);
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_true(hand_peer(&h, 2)->probing);
	m = hand_answer(&h, 2, true, 4, 0);
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_false(hand_peer(&h, 2)->probing);
	hand_fini(&h);
}

static void R41_an_older_echo_takes_no_newer_one_back(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 5});
	hand_elect(&h);
	assert_int_equal(hand_ack(&h, 2, 1), 0);
	assert_int_equal(hand_ack(&h, 3, 1), 0);
	for (uint64_t context = 1; context <= 2; context++) {
		assert_int_equal(raft_read_index(h.r, context), 0);
		hand_take(&h);
	}
	assert_int_equal(hand_echo(&h, 2, 1, 2), 0);
	assert_int_equal(hand_echo(&h, 2, 1, 1), 0);
	assert_int_equal(hand_echo(&h, 3, 1, 2), 0);
	assert_int_equal(h.read_count, 2);
	hand_fini(&h);
}

/* Streaming, and it lost what it had not made durable: it says so, and is asked at once. */
static void R13_a_refusal_of_what_was_streamed_is_a_step_back(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "1111", .term = 1});
	hand_elect(&h);
	hand_stream(&h, 2);
	for (int i = 0; i < 3; i++)
		assert_int_equal(hand_propose(&h), 0);
	assert_int_equal(hand_peer(&h, 2)->next, 9);
	assert_int_equal(hand_refuse(&h, 2, 6, 4, 1), 0);
	assert_true(hand_peer(&h, 2)->probing);
	assert_int_equal(hand_sent(&h, RAFT_MESSAGE_APPEND, 2)->append.prev_index, 4);
	hand_fini(&h);
}

/* What a peer acknowledges of an older message times no newer one. */
static void an_older_acknowledgement_is_no_sample(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "1111", .term = 1});
	hand_elect(&h);
	hand_stream(&h, 2);
	raft_index timed = hand_peer(&h, 2)->sample_index;
	assert_true(timed > 3);
	assert_int_equal(hand_ack(&h, 2, 3), 0);
	assert_false(hand_peer(&h, 2)->sample_acked);
	assert_int_equal(hand_ack(&h, 2, timed), 0);
	assert_true(hand_peer(&h, 2)->sample_acked);
	hand_fini(&h);
}

/* Sent twice, because a step back covered a part of it: it cannot be timed (Karn). */
static void what_was_sent_twice_is_not_timed(void **state)
{
	static uint8_t data[RAFT_ENTRY_DATA_MAX];
	raft_index index;
	raft_term term;
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3});
	hand_elect(&h);
	assert_int_equal(hand_ack(&h, 2, 1), 0);
	hand_tick(&h, 100);
	for (int i = 0; i < 3; i++)
		assert_int_equal(raft_propose(h.r, data, sizeof(data), &index, &term), 0);
	hand_take(&h);
	hand_tick(&h, HAND_HEARTBEAT_US); /* the first of them again, alone */
	assert_true(hand_peer(&h, 2)->probing);
	assert_int_equal(hand_ack(&h, 2, 2), 0);
	assert_int_equal(hand_peer(&h, 2)->sample_index, 0);
	hand_fini(&h);
}

/* --- from one term to the next --------------------------------------------------------------- */

/* Deposed by member 2 in the next term, and elected again in the one after. */
static void lead_again(struct hand *h)
{
	raft_term term = raft_get_term(h->r) + 1;

	assert_int_equal(hand_append(h, 2, term, 0, 0, "", 0), 0);
	assert_int_equal(raft_get_role(h->r), RAFT_FOLLOWER);
	h->quiet = false;
	hand_take(h);
	hand_persist(h);
	hand_elect(h);
	assert_int_equal(hand_ack(h, 3, h->r->window.last), 0); /* the term has its commit */
}

/* A read of the new term waits for a majority of the new term, whatever waited in the old one. */
static void R41_reads_of_a_former_term_confirm_none_of_this(void **state)
{
	struct hand h;

	(void)state;
	for (int confirmed = 0; confirmed < 2; confirmed++) {
		hand_init(&h, (struct hand_options){.nodes = 3});
		hand_elect(&h);
		assert_int_equal(hand_ack(&h, 2, 1), 0);
		assert_int_equal(raft_read_index(h.r, 1), 0);
		if (confirmed)
			hand_take(&h);
		/* Deposed before anything is handed out. */
		h.quiet = true;
		if (confirmed)
			assert_int_equal(hand_echo(&h, 2, 1, 1), 0);
		lead_again(&h);
		h.read_count = 0;
		assert_int_equal(raft_read_index(h.r, 2), 0);
		hand_take(&h);
		assert_int_equal(h.read_count, 0);
		assert_true(hand_sent(&h, RAFT_MESSAGE_APPEND, 2)->append.read_seq > 0);
		hand_fini(&h);
	}
}

/*
 * Two of five acknowledged what its own disk did not have yet. Deposed, it holds other entries in
 * their places: what was acknowledged to it in its term commits none of them.
 */
static void R10_what_a_deposed_leader_was_told_commits_nothing(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 5, .terms = "1", .term = 1});
	hand_elect(&h);
	for (raft_id id = 2; id <= 3; id++)
		hand_stream(&h, id);
	for (int i = 0; i < 3; i++)
		assert_int_equal(hand_propose(&h), 0);
	for (raft_id id = 2; id <= 3; id++)
		assert_int_equal(hand_ack(&h, id, 5), 0);
	assert_int_equal(h.r->commit, 2); /* so far its own disk came */
	assert_int_equal(hand_append(&h, 4, 3, 2, 2, "333", 2), 0);
	hand_persist(&h);
	assert_int_equal(h.r->durable, 5);
	assert_int_equal(h.r->commit, 2);
	hand_fini(&h);
}

static void V28_what_was_sent_in_a_former_term_is_acknowledged_in_none(void **state)
{
	struct raft_message m;
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3});
	hand_elect(&h);
	hand_stream(&h, 3);
	for (int i = 0; i < 5; i++)
		assert_int_equal(hand_propose(&h), 0);
	hand_persist(&h);
	m = hand_message(&h, RAFT_MESSAGE_READ, 3, 1);
	assert_int_equal(hand_ack(&h, 2, 1), 0);
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(hand_peer(&h, 3)->reads, 1);
	/* Another leader takes what is not committed away; then it leads again. */
	assert_int_equal(hand_append(&h, 2, 2, 1, 1, "2", 2), 0);
	hand_persist(&h);
	hand_elect(&h);
	assert_int_equal(h.r->window.last, 3);
	assert_int_equal(hand_peer(&h, 3)->reads, 0);
	assert_int_equal(hand_ack(&h, 3, 5), -ERANGE);
	hand_fini(&h);
}

/* R54: every answer and question goes through the same door. */
static void R54_a_read_of_an_older_term_is_of_nobody(void **state)
{
	struct raft_message m;
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .term = 4});
	hand_elect(&h);
	assert_int_equal(hand_ack(&h, 2, 1), 0);
	m = hand_message(&h, RAFT_MESSAGE_READ, 2, 4);
	assert_int_equal(hand_recv(&h, &m), -ESTALE);
	assert_int_equal(h.r->reads.wait_count, 0);
	assert_int_equal(hand_append(&h, 2, 6, 0, 0, "", 0), 0);
	m = hand_message(&h, RAFT_MESSAGE_READ_REPLY, 2, 5);
	m.read_reply.index = 1;
	assert_int_equal(hand_recv(&h, &m), -ESTALE);
	assert_int_equal(h.read_count, 0);
	hand_fini(&h);
}

/* The set of those who were asked, and of those who answered, belongs to the term. */
static void R22_a_new_candidacy_knows_nothing_of_the_last_one(void **state)
{
	struct raft_message m;
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .term = 1});
	hand_campaign(&h);
	hand_persist(&h);
	m = hand_message(&h, RAFT_MESSAGE_VOTE_REPLY, 2, 2);
	assert_int_equal(hand_recv(&h, &m), 0);
	hand_campaign(&h);
	/* Its vote is not durable: nobody was asked, and who answers all the same lies. */
	m = hand_message(&h, RAFT_MESSAGE_VOTE_REPLY, 3, 3);
	m.vote_reply.granted = true;
	assert_int_equal(hand_recv(&h, &m), -ERANGE);
	hand_persist(&h);
	hand_forget(&h);
	hand_tick(&h, HAND_HEARTBEAT_US); /* the request was lost */
	assert_non_null(hand_sent(&h, RAFT_MESSAGE_VOTE, 2));
	hand_fini(&h);
}

/* It found a leader before its requests could leave: they leave no more. */
static void R22_who_follows_asks_for_no_votes(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .term = 1});
	hand_campaign(&h);
	assert_int_equal(hand_append(&h, 2, 2, 0, 0, "", 0), 0);
	hand_persist(&h);
	assert_null(hand_sent(&h, RAFT_MESSAGE_VOTE, 3));
	hand_fini(&h);
}

/* --- the follower ---------------------------------------------------------------------------- */

/* In one turn, a heartbeat and entries: the leader hears from it before the disk is done. */
static void R2_entries_hold_no_heartbeats_answer_up(void **state)
{
	struct hand h;

	(void)state;
	for (int first = 0; first < 2; first++) {
		hand_init(&h, (struct hand_options){.nodes = 3, .term = 1});
		assert_int_equal(hand_append(&h, 2, 1, 0, 0, "", 0), 0);
		hand_persist(&h);
		hand_forget(&h);
		h.quiet = true;
		assert_int_equal(hand_append(&h, 2, 1, 0, 0, first ? "11" : "", 0), 0);
		assert_int_equal(hand_append(&h, 2, 1, 0, 0, first ? "" : "11", 0), 0);
		h.quiet = false;
		hand_take(&h);
		assert_non_null(hand_sent(&h, RAFT_MESSAGE_APPEND_REPLY, 2));
		hand_fini(&h);
	}
}

/* Two in the wrong order: the gap is closed before the refusal leaves. */
static void V3_a_refusal_that_was_overtaken_does_not_leave(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .term = 1});
	h.quiet = true;
	assert_int_equal(hand_append(&h, 2, 1, 2, 1, "1", 0), 0);
	assert_int_equal(hand_append(&h, 2, 1, 0, 0, "11", 0), 0);
	h.quiet = false;
	hand_take(&h);
	hand_persist(&h);
	for (uint32_t i = 0; i < h.sent_count; i++)
		assert_true(h.sent[i].type != RAFT_MESSAGE_APPEND_REPLY ||
			    h.sent[i].append_reply.accepted);
	assert_non_null(hand_sent(&h, RAFT_MESSAGE_APPEND_REPLY, 2));
	hand_fini(&h);
}

/* The gap is behind what was accepted: the leader is to know both. */
static void V3_a_refusal_that_was_not_overtaken_leaves(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .term = 1});
	h.quiet = true;
	assert_int_equal(hand_append(&h, 2, 1, 5, 1, "1", 0), 0);
	assert_int_equal(hand_append(&h, 2, 1, 0, 0, "11", 0), 0);
	h.quiet = false;
	hand_take(&h);
	hand_persist(&h);
	uint32_t refusals = 0;
	for (uint32_t i = 0; i < h.sent_count; i++)
		refusals += h.sent[i].type == RAFT_MESSAGE_APPEND_REPLY &&
			    !h.sent[i].append_reply.accepted &&
			    h.sent[i].append_reply.prev_index == 5;
	assert_int_equal(refusals, 1);
	hand_fini(&h);
}

/* What it acknowledged in a former term is kept beside all that it does in this one. */
static void V15_a_term_takes_one_place_of_what_was_acknowledged(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .term = 1});
	assert_int_equal(hand_append(&h, 2, 1, 0, 0, "1", 0), 0);
	hand_persist(&h);
	assert_int_equal(hand_append(&h, 2, 2, 1, 1, "2", 0), 0);
	hand_persist(&h);
	assert_int_equal(hand_append(&h, 2, 2, 2, 2, "2", 0), 0);
	hand_persist(&h);
	assert_int_equal(hand_peer(&h, 2)->acknowledged[0].term, 2);
	assert_int_equal(hand_peer(&h, 2)->acknowledged[0].index, 3);
	assert_int_equal(hand_peer(&h, 2)->acknowledged[1].term, 1);
	assert_int_equal(hand_peer(&h, 2)->acknowledged[1].index, 1);
	hand_fini(&h);
}

/* A term before it that nobody can have there: what is committed is no question. */
static void V28_a_hint_is_never_below_what_is_committed(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .long_log = 200, .term = 1});
	assert_int_equal(hand_append(&h, 2, 5, 200, 1, "5", 201), 0);
	for (raft_index i = 201; i < 300; i++) {
		assert_int_equal(hand_append(&h, 2, 5, i, 5, "5", i + 1), 0);
		hand_persist(&h);
	}
	assert_true(h.r->window.first > 201);
	assert_int_equal(hand_append(&h, 2, 5, 400, 1, "5", 0), 0);
	const struct raft_message *m = hand_sent(&h, RAFT_MESSAGE_APPEND_REPLY, 2);
	assert_false(m->append_reply.accepted);
	assert_int_equal(m->append_reply.match, h.r->commit);
	hand_fini(&h);
}

/* Its leader is gone when the disk has what it sent: there is nobody to tell. */
static void V20_who_knows_no_leader_answers_nobody(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .term = 1});
	assert_int_equal(hand_append(&h, 2, 1, 0, 0, "", 0), 0);
	hand_persist(&h);
	assert_int_equal(hand_append(&h, 2, 1, 0, 0, "11", 0), 0);
	raft_disk_stalled(h.r, true);
	hand_tick(&h, 0);
	hand_tick(&h, 3 * HAND_ELECTION_US);
	assert_int_equal(raft_leader(h.r), 0);
	hand_forget(&h);
	hand_persist(&h);
	assert_null(hand_sent(&h, RAFT_MESSAGE_APPEND_REPLY, 2));
	hand_fini(&h);
}

/* Its own callers' contexts are theirs to choose. */
static void R42_a_read_may_have_any_context(void **state)
{
	struct raft_message m;
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .term = 1});
	assert_int_equal(hand_append(&h, 2, 1, 0, 0, "", 0), 0);
	assert_int_equal(raft_read_index(h.r, 0), 0);
	m = hand_message(&h, RAFT_MESSAGE_READ_REPLY, 2, 1);
	m.read_reply.index = 7;
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(h.read_count, 1);
	hand_fini(&h);
}

static void R5_an_older_token_takes_nothing_back(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .term = 1});
	assert_int_equal(hand_append(&h, 2, 1, 0, 0, "1", 0), 0);
	hand_persist(&h);
	uint64_t persisted = h.r->persisted;
	raft_persisted(h.r, persisted - 1);
	assert_int_equal(h.r->persisted, persisted);
	assert_true(raft_hard_durable(h.r));
	hand_fini(&h);
}

/* --- one that lost something ----------------------------------------------------------------- */

static void ask_and_answer(struct hand *h, raft_index index)
{
	struct raft_message m = hand_message(h, RAFT_MESSAGE_READ_REPLY, 2, raft_get_term(h->r));

	m.read_reply.context = h->r->lost.context;
	m.read_reply.index = index;
	assert_true(m.read_reply.context != 0);
	assert_int_equal(hand_recv(h, &m), 0);
}

/* It holds as many entries as were committed, and not the same: they are not proved yet. */
static void W24_what_is_not_proved_makes_nobody_whole(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "1111", .term = 1, .lost = true});
	assert_int_equal(hand_append(&h, 2, 2, 2, 1, "", 2), 0);
	hand_persist(&h);
	hand_tick(&h, HAND_HEARTBEAT_US);
	ask_and_answer(&h, 4);
	assert_int_equal(h.whole, 0);
	assert_int_equal(hand_append(&h, 2, 2, 2, 1, "22", 4), 0);
	hand_persist(&h);
	assert_int_equal(h.whole, 1);
	hand_fini(&h);
}

/* Found out once more after it asked: that answer was to a question of before, and is void. */
static void V15_an_answer_of_before_it_was_found_out_makes_nobody_whole(void **state)
{
	struct raft_message m;
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "1", .term = 1, .lost = true});
	assert_int_equal(hand_append(&h, 2, 2, 1, 1, "2", 1), 0);
	hand_persist(&h);
	hand_tick(&h, HAND_HEARTBEAT_US);
	ask_and_answer(&h, 2);
	assert_int_equal(h.r->lost.target, 2);
	m = hand_told(&h, 3, hand_start(1, 5), 2, 9);
	m.term = 2;
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_true(h.lost > 0);
	raft_restarted(h.r, hand_start(1, 6));
	hand_take(&h);
	assert_int_equal(hand_append(&h, 2, 2, 2, 2, "", 2), 0);
	hand_persist(&h);
	assert_int_equal(h.whole, 0);
	hand_tick(&h, HAND_HEARTBEAT_US);
	ask_and_answer(&h, 2);
	assert_int_equal(h.whole, 1);
	hand_fini(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(V3_a_late_refusal_is_no_step_back),
		cmocka_unit_test(V3_the_same_refusal_twice_is_one_step_back),
		cmocka_unit_test(R13_a_late_answer_takes_no_agreement_back),
		cmocka_unit_test(V3_an_answer_to_another_message_ends_no_probe),
		cmocka_unit_test(R41_an_older_echo_takes_no_newer_one_back),
		cmocka_unit_test(R13_a_refusal_of_what_was_streamed_is_a_step_back),
		cmocka_unit_test(an_older_acknowledgement_is_no_sample),
		cmocka_unit_test(what_was_sent_twice_is_not_timed),
		cmocka_unit_test(R41_reads_of_a_former_term_confirm_none_of_this),
		cmocka_unit_test(R10_what_a_deposed_leader_was_told_commits_nothing),
		cmocka_unit_test(V28_what_was_sent_in_a_former_term_is_acknowledged_in_none),
		cmocka_unit_test(R54_a_read_of_an_older_term_is_of_nobody),
		cmocka_unit_test(R22_a_new_candidacy_knows_nothing_of_the_last_one),
		cmocka_unit_test(R22_who_follows_asks_for_no_votes),
		cmocka_unit_test(R2_entries_hold_no_heartbeats_answer_up),
		cmocka_unit_test(V3_a_refusal_that_was_overtaken_does_not_leave),
		cmocka_unit_test(V3_a_refusal_that_was_not_overtaken_leaves),
		cmocka_unit_test(V15_a_term_takes_one_place_of_what_was_acknowledged),
		cmocka_unit_test(V28_a_hint_is_never_below_what_is_committed),
		cmocka_unit_test(V20_who_knows_no_leader_answers_nobody),
		cmocka_unit_test(R42_a_read_may_have_any_context),
		cmocka_unit_test(R5_an_older_token_takes_nothing_back),
		cmocka_unit_test(W24_what_is_not_proved_makes_nobody_whole),
		cmocka_unit_test(V15_an_answer_of_before_it_was_found_out_makes_nobody_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
