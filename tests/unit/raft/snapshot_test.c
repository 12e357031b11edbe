/*
 * A member that has installed a snapshot (raft/snapshot.c).
 */
#include "tests/unit/raft/hand.h"

static const struct raft_append_reply *reply(const struct hand *h, raft_id to)
{
	const struct raft_message *m = hand_sent(h, RAFT_MESSAGE_APPEND_REPLY, to);

	assert_non_null(m);
	return &m->append_reply;
}

static void log_is(const struct hand *h, raft_index base, const char *terms)
{
	assert_int_equal(h->r->window.last, base + strlen(terms));
	for (uint32_t i = 0; terms[i]; i++)
		assert_int_equal(raft_window_term(&h->r->window, base + 1 + i), terms[i] - '0');
}

static struct raft_options options_of(raft_index base, raft_term term, raft_index applied,
				      raft_index last)
{
	struct raft_options o = {
		.id = 1,
		.identity = 0xa1,
		.start = hand_start(1, 1),
		.members = {.count = 1, .member = {{.id = 1, .identity = 0xa1, .voter = true}}},
		.members_index = 1,
		.hard_state = {.term = 3},
		.base_index = base,
		.base_term = term,
		.applied = applied,
		.last_index = last,
		.election_timeout_us_min = 150000,
		.election_timeout_us_max = 300000,
		.heartbeat_us = 20000,
		.append_size_max = 1400,
	};

	return o;
}

/* A follower of 2 in term 4, whose log is this; what it had to write is durable. */
static void follow(struct hand *h, const char *terms)
{
	hand_init(h, (struct hand_options){.nodes = 3, .terms = terms, .term = 4});
	raft_index last = strlen(terms);
	assert_int_equal(
		hand_append(h, 2, 4, last, last ? (raft_term)(terms[last - 1] - '0') : 0, "", 0),
		0);
	hand_persist(h);
	hand_forget(h);
}

static void a_snapshot_takes_the_place_of_the_log(void **state)
{
	struct hand h;

	(void)state;
	follow(&h, "1122");
	assert_int_equal(hand_offer(&h, 2, 4, 50, 3), 0);
	assert_int_equal(raft_snapshot_wanted(h.r, 50, 3), RAFT_SNAPSHOT_ALONE);
	hand_forget(&h);
	hand_install(&h, 50, 3);
	log_is(&h, 50, "");
	assert_int_equal(h.r->commit, 50);
	assert_int_equal(h.r->durable, 50);
	assert_int_equal(h.r->window.base, 50);
	assert_int_equal(raft_snapshot_wanted(h.r, 50, 3), RAFT_SNAPSHOT_USELESS);
	/* The leader, whose it was, hears of it at once; and sends what follows. */
	assert_true(reply(&h, 2)->accepted);
	assert_int_equal(reply(&h, 2)->match, 50);
	assert_int_equal(hand_append(&h, 2, 4, 50, 3, "34", 51), 0);
	hand_persist(&h);
	assert_int_equal(reply(&h, 2)->match, 52);
	assert_int_equal(h.applied, 51);
	hand_fini(&h);
}

/* One that did not offer it has named no such index, and would refuse the answer (RX11). */
static void R55_another_leader_finds_out_by_its_own_word(void **state)
{
	struct hand h;

	(void)state;
	follow(&h, "1122");
	assert_int_equal(hand_offer(&h, 2, 4, 50, 3), 0);
	assert_int_equal(hand_append(&h, 3, 5, 40, 3, "", 45), 0);
	hand_persist(&h);
	hand_forget(&h);
	hand_install(&h, 50, 3);
	assert_null(hand_sent(&h, RAFT_MESSAGE_APPEND_REPLY, 3));
	assert_int_equal(hand_append(&h, 3, 5, 40, 3, "", 45), 0);
	assert_true(reply(&h, 3)->accepted);
	assert_int_equal(reply(&h, 3)->match, 40);
	/* Or by its offer, of which nothing is left to do. */
	assert_int_equal(hand_offer(&h, 3, 5, 50, 3), 0);
	assert_int_equal(h.offers, 1);
	assert_int_equal(reply(&h, 3)->match, 50);
	hand_fini(&h);
}

/* An older one than is offered now is as good, if it is here (R39). */
static void R39_two_in_quick_succession(void **state)
{
	struct hand h;

	(void)state;
	follow(&h, "1122");
	assert_int_equal(hand_offer(&h, 2, 4, 50, 3), 0);
	assert_int_equal(hand_offer(&h, 2, 4, 70, 4), 0);
	hand_install(&h, 50, 3);
	assert_int_equal(reply(&h, 2)->match, 50);
	assert_int_equal(raft_snapshot_wanted(h.r, 70, 4), RAFT_SNAPSHOT_ALONE);
	assert_int_equal(hand_append(&h, 2, 4, 50, 3, "344", 50), 0);
	hand_install(&h, 70, 4);
	log_is(&h, 70, "");
	assert_int_equal(reply(&h, 2)->match, 70);
	assert_int_equal(h.applied, 70);
	hand_fini(&h);
}

/* R34: the conflicting tail goes, and the table in it; R35: the snapshot's is committed. */
static void R34_a_conflicting_tail_goes_with_its_table(void **state)
{
	struct hand h;
	struct raft_members members;

	(void)state;
	hand_lead(&h); /* three entries, all committed; then it is alone */
	raft_index last = raft_last(h.r);
	hand_add_4(&h, RAFT_CHANGE_ADD_LEARNER, 0);
	members = h.r->members_before;
	assert_int_equal(hand_propose(&h), 0);
	assert_int_equal(
		hand_change(&h, (struct raft_change){.kind = RAFT_CHANGE_PROMOTE, .id = 4}, NULL),
		-EPERM);
	struct raft_change remove = {.kind = RAFT_CHANGE_REMOVE, .id = 3};
	assert_int_equal(hand_change(&h, remove, NULL), 0);
	hand_persist(&h);
	assert_true(raft_members_joint(&h.r->members));
	assert_true(h.r->members_index > h.r->commit);
	raft_index index = raft_last(h.r) - 1; /* within the tail */
	assert_int_equal(hand_append(&h, 2, 5, index, 4, "", 0), 0);
	hand_persist(&h);
	assert_int_equal(hand_offer(&h, 2, 5, index, 4), 0);
	assert_int_equal(h.offers, 1);
	raft_snapshot_installed(h.r, index, 4, &members, last);
	h.applied = index;
	hand_take(&h);
	assert_int_equal(h.r->window.last, index);
	assert_int_equal(h.r->members_index, last);
	assert_false(raft_members_joint(&h.r->members));
	assert_int_equal(h.r->members_before_index, last);
	assert_int_equal(h.r->quorum_before, 0);
	hand_fini(&h);
}

/* R5: a token that was handed out for what is gone releases nothing that came in its place. */
static void R5_late_writes_of_a_log_that_is_gone(void **state)
{
	struct hand h;

	(void)state;
	follow(&h, "1122");
	assert_int_equal(hand_append(&h, 2, 4, 4, 2, "333", 4), 0);
	uint64_t late = h.seq;
	assert_true(late > h.r->persisted);
	assert_int_equal(hand_offer(&h, 2, 4, 50, 3), 0);
	hand_install(&h, 50, 3);
	assert_int_equal(hand_append(&h, 2, 4, 50, 3, "3", 50), 0);
	assert_true(h.seq > late);
	hand_forget(&h);
	hand_persist_seq(&h, late);
	assert_int_equal(h.r->durable, 50);
	assert_null(hand_sent(&h, RAFT_MESSAGE_APPEND_REPLY, 2));
	hand_persist(&h);
	assert_int_equal(h.r->durable, 51);
	assert_int_equal(reply(&h, 2)->match, 51);
	hand_fini(&h);
}

/* R18: of an older term than this member is in; and a vote in flight goes on. */
static void R18_neither_term_nor_vote_go_back(void **state)
{
	struct hand h;

	(void)state;
	follow(&h, "1122");
	assert_int_equal(hand_offer(&h, 2, 4, 50, 3), 0);
	struct raft_message m = hand_message(&h, RAFT_MESSAGE_VOTE, 3, 9);
	m.vote.last_index = 60;
	m.vote.last_term = 4;
	assert_int_equal(hand_recv(&h, &m), 0);
	hand_install(&h, 50, 3);
	assert_int_equal(raft_get_term(h.r), 9);
	assert_false(hand_voted(&h, 3));
	hand_persist(&h);
	assert_int_equal(h.hard.term, 9);
	assert_int_equal(h.hard.vote, 3);
	assert_true(hand_voted(&h, 3));
	hand_fini(&h);
}

/* It asked for votes with a log that is no more: it asks again, in another term. */
static void a_candidate_that_installs_stands_down(void **state)
{
	struct hand h;

	(void)state;
	follow(&h, "1122");
	assert_int_equal(hand_offer(&h, 2, 4, 50, 3), 0);
	hand_campaign(&h);
	hand_persist(&h);
	hand_install(&h, 50, 3);
	assert_int_equal(raft_get_role(h.r), RAFT_FOLLOWER);
	assert_int_equal(h.hard.vote, 1);
	struct raft_message m = hand_message(&h, RAFT_MESSAGE_VOTE_REPLY, 3, raft_get_term(h.r));
	m.vote_reply.granted = true;
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(raft_get_role(h.r), RAFT_FOLLOWER);
	hand_elect(&h);
	assert_int_equal(hand_sent(&h, RAFT_MESSAGE_VOTE, 2)->vote.last_index, 50);
	assert_int_equal(hand_sent(&h, RAFT_MESSAGE_VOTE, 2)->vote.last_term, 3);
	hand_fini(&h);
}

/* What a leader lacks nobody has committed. */
static void a_leader_wants_none(void **state)
{
	struct hand h;

	(void)state;
	hand_lead(&h);
	assert_int_equal(raft_snapshot_wanted(h.r, 50, 1), RAFT_SNAPSHOT_USELESS);
	hand_fini(&h);
}

/* D9c: it covers all that the leader knew to be committed when it was asked. */
static void D9c_who_lost_something_is_whole_by_a_snapshot(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "11", .term = 3, .lost = true});
	assert_int_equal(hand_append(&h, 2, 4, 45, 3, "", 48), 0);
	hand_persist(&h);
	hand_tick(&h, HAND_HEARTBEAT_US);
	struct raft_message m = hand_message(&h, RAFT_MESSAGE_READ_REPLY, 2, 4);
	m.read_reply.context = hand_sent(&h, RAFT_MESSAGE_READ, 2)->read.context;
	m.read_reply.index = 48;
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(hand_offer(&h, 2, 4, 47, 3), 0);
	hand_install(&h, 47, 3);
	assert_int_equal(h.whole, 0); /* not by what ends before that */
	assert_true(reply(&h, 2)->lost);
	assert_int_equal(hand_offer(&h, 2, 4, 60, 3), 0);
	hand_install(&h, 60, 3);
	assert_int_equal(h.whole, 1);
	assert_false(h.r->lost.is);
	hand_fini(&h);
}

/* The table with which it joined stays until a snapshot, or the log, comes to it (D16). */
static void D16_the_table_that_it_began_with(void **state)
{
	static const raft_index of[] = {3, 30};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct raft_options o = options_of(0, 0, 0, 0);
		struct raft_members older = o.members, newer = o.members;
		struct hand h = {0};

		o.members = (struct raft_members){
			.count = 3,
			.member = {{.id = 1, .identity = 0xa1, .joins = true},
				   {.id = 2, .identity = 0xa2, .voter = true},
				   {.id = 3, .identity = 0xa3, .voter = true}}};
		o.members_index = o.members_begun = 20;
		o.members_before = o.members;
		o.members_before_index = 20;
		newer = o.members;
		newer.member[0].joins = false;
		newer.member[0].voter = true;
		older.member[0].id = 2;
		older.member[0].identity = 0xa2;
		assert_int_equal(raft_create(&h.r, &o), 0);
		hand_take(&h);
		assert_int_equal(hand_offer(&h, 2, 3, of[i] + 5, 3), 0);
		raft_snapshot_installed(h.r, of[i] + 5, 3, i ? &newer : &older, of[i]);
		assert_int_equal(h.r->members_index, i ? 30 : 20);
		assert_int_equal(h.r->members.count, 3);
		assert_int_equal(h.r->voter, i == 1);
		hand_fini(&h);
	}
}

/* V28: a table that was told is in force while the log ends before it. */
static void D16_a_table_that_was_told_is_over_with_what_covers_it(void **state)
{
	static const raft_index of[] = {20, 40};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct hand h;

		follow(&h, "1122");
		struct raft_members told = h.r->members;
		told.member[2].voter = false;
		raft_members_told(h.r, &told, 30);
		assert_int_equal(raft_members_voters(raft_get_members(h.r)), 2);
		assert_int_equal(hand_offer(&h, 2, 4, of[i], 3), 0);
		hand_install(&h, of[i], 3);
		assert_int_equal(raft_members_voters(raft_get_members(h.r)), i ? 3 : 2);
		hand_fini(&h);
	}
}

/* S10: it is told to apply nothing while it is being restored, and the log goes on. */
static void a_state_machine_that_is_held_is_given_nothing(void **state)
{
	struct hand h;

	(void)state;
	follow(&h, "1122");
	assert_int_equal(hand_offer(&h, 2, 4, 50, 3), 0);
	raft_apply_hold(h.r, true);
	hand_install(&h, 50, 3);
	assert_int_equal(hand_append(&h, 2, 4, 50, 3, "34", 52), 0);
	hand_persist(&h);
	assert_int_equal(reply(&h, 2)->match, 52);
	assert_int_equal(h.applied, 50);
	raft_apply_hold(h.r, false);
	hand_take(&h);
	assert_int_equal(h.applied, 52);
	hand_fini(&h);
}

/* It could serve nothing: it asks nobody, is asked to lead in vain, and votes. */
static void a_state_machine_that_is_held_stands_for_nothing(void **state)
{
	struct hand h;

	(void)state;
	for (int held = 0; held < 2; held++) {
		follow(&h, "1122");
		assert_int_equal(hand_offer(&h, 2, 4, 50, 3), 0);
		raft_apply_hold(h.r, held);
		hand_install(&h, 50, 3);
		hand_persist(&h);
		hand_forget(&h);
		struct raft_message now = hand_message(&h, RAFT_MESSAGE_TIMEOUT_NOW, 2, 4);
		assert_int_equal(hand_recv(&h, &now), 0);
		hand_tick(&h, 10 * HAND_ELECTION_US);
		hand_persist(&h);
		assert_int_equal(raft_get_term(h.r) > 4, !held);
		assert_int_equal(hand_sent_count(&h, RAFT_MESSAGE_VOTE, 2) > 0, !held);
		if (held) {
			assert_int_equal(hand_vote_ask(&h, 3, 5), 0);
			assert_true(hand_voted(&h, 3));
			raft_apply_hold(h.r, false);
			for (int i = 0; i < 2; i++)
				hand_tick(&h, 10 * HAND_ELECTION_US);
			hand_persist(&h);
			assert_true(raft_get_term(h.r) > 5);
		}
		hand_fini(&h);
	}
}

/* Its own snapshots are damaged: one of another member is as good, and the log stays. */
static void a_state_machine_that_is_held_takes_one_beside_the_log(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h,
		  (struct hand_options){
			  .nodes = 3, .base = 40, .base_term = 2, .terms = "233344", .term = 4});
	assert_int_equal(raft_snapshot_wanted(h.r, 43, 3), RAFT_SNAPSHOT_USELESS);
	raft_apply_hold(h.r, true);
	assert_int_equal(raft_snapshot_wanted(h.r, 39, 2), RAFT_SNAPSHOT_USELESS);
	assert_int_equal(raft_snapshot_wanted(h.r, 40, 2), RAFT_SNAPSHOT_BESIDE);
	assert_int_equal(raft_snapshot_wanted(h.r, 43, 3), RAFT_SNAPSHOT_BESIDE);
	assert_int_equal(raft_snapshot_wanted(h.r, 43, 4), RAFT_SNAPSHOT_ALONE);
	assert_int_equal(raft_snapshot_wanted(h.r, 47, 4), RAFT_SNAPSHOT_ALONE);
	hand_install(&h, 43, 3);
	log_is(&h, 40, "233344");
	assert_int_equal(h.r->commit, 43);
	assert_int_equal(h.r->durable, 46);
	assert_int_equal(h.r->window.base, 40);
	raft_apply_hold(h.r, false);
	assert_int_equal(hand_append(&h, 2, 4, 46, 4, "", 46), 0);
	hand_persist(&h);
	assert_int_equal(h.applied, 46);
	hand_fini(&h);
}

/* What it can offer itself went with its log; and so did its base. */
static void what_it_offered_is_over(void **state)
{
	struct hand h;
	struct raft_status s;

	(void)state;
	follow(&h, "1122");
	assert_int_equal(hand_append(&h, 2, 4, 4, 2, "", 4), 0);
	hand_snapshot(&h, 3);
	raft_get_status(h.r, &s);
	assert_int_equal(s.snapshot.index, 3);
	assert_int_equal(hand_offer(&h, 2, 4, 50, 3), 0);
	hand_install(&h, 50, 3);
	raft_get_status(h.r, &s);
	assert_int_equal(s.snapshot.index, 0);
	assert_int_equal(s.offered.index, 0);
	hand_snapshot(&h, 50);
	raft_get_status(h.r, &s);
	assert_int_equal(s.snapshot.index, 50);
	assert_int_equal(s.snapshot.term, 3);
	hand_fini(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_snapshot_takes_the_place_of_the_log),
		cmocka_unit_test(R55_another_leader_finds_out_by_its_own_word),
		cmocka_unit_test(R39_two_in_quick_succession),
		cmocka_unit_test(R34_a_conflicting_tail_goes_with_its_table),
		cmocka_unit_test(R5_late_writes_of_a_log_that_is_gone),
		cmocka_unit_test(R18_neither_term_nor_vote_go_back),
		cmocka_unit_test(a_candidate_that_installs_stands_down),
		cmocka_unit_test(a_leader_wants_none),
		cmocka_unit_test(D9c_who_lost_something_is_whole_by_a_snapshot),
		cmocka_unit_test(D16_the_table_that_it_began_with),
		cmocka_unit_test(D16_a_table_that_was_told_is_over_with_what_covers_it),
		cmocka_unit_test(a_state_machine_that_is_held_stands_for_nothing),
		cmocka_unit_test(a_state_machine_that_is_held_is_given_nothing),
		cmocka_unit_test(a_state_machine_that_is_held_takes_one_beside_the_log),
		cmocka_unit_test(what_it_offered_is_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
