/*
 * Identities: who is bound when, and what becomes of a wiped directory (R7, R8, D9b).
 */
#include "tests/unit/raft/hand.h"

static const struct raft_member *member(const struct hand *h, raft_id id)
{
	return raft_members_find(&h->r->members, id);
}

static void a_new_leader_binds_itself_and_who_voted_for_it(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .unbound = true});
	hand_elect(&h);
	assert_int_equal(h.r->members_index, 1);
	assert_int_equal(h.r->window.last, 1); /* it serves as the no-op, too */
	assert_int_equal(member(&h, 1)->identity, 0xa1);
	assert_int_equal(member(&h, 2)->identity, 0xa2);
	assert_int_equal(member(&h, 3)->identity, 0);
	/* 3's acknowledgement does not count before it is bound; and one table at a time. */
	assert_int_equal(hand_ack(&h, 3, 1), 0);
	assert_int_equal(h.r->commit, 0);
	assert_int_equal(h.r->window.last, 1);
	assert_int_equal(hand_ack(&h, 2, 1), 0);
	assert_int_equal(h.r->commit, 1);
	assert_int_equal(h.r->members_index, 2);
	assert_int_equal(member(&h, 3)->identity, 0xa3);
	hand_fini(&h);
}

static void an_inherited_uncommitted_table_comes_first(void **state)
{
	struct hand h;
	struct raft_members table = {.count = 3};
	uint8_t data[RAFT_MEMBERS_SIZE_MAX];

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .unbound = true, .term = 1});
	for (uint32_t i = 0; i < 3; i++)
		table.member[i] = (struct raft_member){
			.id = i + 1, .identity = i == 1 ? 0 : 0xa1 + i, .voter = true};
	struct raft_entry e = {.index = 1,
			       .term = 1,
			       .data = data,
			       .size = (uint16_t)raft_members_encode(&table, data),
			       .type = RAFT_ENTRY_MEMBERS,
			       .flags = 3};
	struct raft_message m = hand_message(&h, RAFT_MESSAGE_APPEND, 3, 1);
	m.append = (struct raft_append){.entries = &e, .entry_count = 1};
	assert_int_equal(hand_recv(&h, &m), 0);
	hand_persist(&h);
	assert_int_equal(h.r->members_index, 1); /* in force as soon as appended */
	hand_elect(&h);
	assert_int_equal(h.r->members_index, 1);
	assert_int_equal(h.r->window.entry[raft_window_slot(2)].type, RAFT_ENTRY_NOOP);
	hand_fini(&h);
}

static void a_truncation_falls_back_to_the_table_before(void **state)
{
	struct hand h;
	struct raft_members table = {.count = 3};
	uint8_t data[RAFT_MEMBERS_SIZE_MAX];

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .unbound = true, .term = 1});
	for (uint32_t i = 0; i < 3; i++) /* it binds our id to somebody else */
		table.member[i] = (struct raft_member){
			.id = i + 1, .identity = i == 0 ? 0xbad : 0xa1 + i, .voter = true};
	struct raft_entry e = {.index = 1,
			       .term = 1,
			       .data = data,
			       .size = (uint16_t)raft_members_encode(&table, data),
			       .type = RAFT_ENTRY_MEMBERS,
			       .flags = 3};
	struct raft_message m = hand_message(&h, RAFT_MESSAGE_APPEND, 2, 1);
	m.append = (struct raft_append){.entries = &e, .entry_count = 1};
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_true(h.r->self_replaced);
	hand_persist(&h);
	assert_int_equal(h.sent_count, 0); /* no acknowledgement */
	assert_int_equal(hand_append(&h, 3, 2, 0, 0, "2", 0), 0);
	assert_false(h.r->self_replaced);
	assert_int_equal(h.r->members_index, 0);
	hand_persist(&h);
	assert_non_null(hand_sent(&h, RAFT_MESSAGE_APPEND_REPLY, 3));
	hand_fini(&h);
}

static void R7_another_identity_is_refused_before_its_term_is_looked_at(void **state)
{
	static const enum raft_message_type type[] = {
		RAFT_MESSAGE_VOTE,         RAFT_MESSAGE_VOTE_REPLY, RAFT_MESSAGE_APPEND,
		RAFT_MESSAGE_APPEND_REPLY, RAFT_MESSAGE_READ,       RAFT_MESSAGE_READ_REPLY,
	};
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3});
	hand_elect(&h);
	for (size_t i = 0; i < sizeof(type) / sizeof(type[0]); i++) {
		struct raft_message m = hand_message(&h, type[i], 3, 99);
		m.identity = 0xbad;
		assert_int_equal(hand_recv(&h, &m), -EKEYREJECTED);
		m.from = 9;
		assert_int_equal(hand_recv(&h, &m), -ENOENT);
		m.from = 3;
		m.identity = 0;
		assert_int_equal(hand_recv(&h, &m), -EINVAL);
	}
	assert_int_equal(raft_get_role(h.r), RAFT_LEADER);
	assert_int_equal(raft_get_term(h.r), 1);
	struct raft_message m = hand_message(&h, RAFT_MESSAGE_APPEND_REPLY, 3, 1);
	m.identity = 0xbad;
	m.append_reply.accepted = true;
	m.append_reply.match = 1;
	assert_int_equal(hand_recv(&h, &m), -EKEYREJECTED);
	assert_int_equal(h.r->commit, 0); /* its acknowledgement does not count */
	hand_fini(&h);
}

static void R7_a_vote_of_a_wiped_member_does_not_count(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3});
	hand_campaign(&h);
	hand_persist(&h);
	struct raft_message m = hand_message(&h, RAFT_MESSAGE_VOTE_REPLY, 2, 1);
	m.vote_reply.granted = true;
	m.identity = 0xbad;
	assert_int_equal(hand_recv(&h, &m), -EKEYREJECTED);
	assert_int_equal(raft_get_role(h.r), RAFT_CANDIDATE);
	hand_fini(&h);
}

static void R7_a_replaced_member_neither_votes_nor_campaigns_nor_acknowledges(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .identity = 0xbad});
	struct raft_status status;
	raft_get_status(h.r, &status);
	assert_true(status.self_replaced);
	for (int i = 0; i < 5; i++)
		hand_tick(&h, 2 * HAND_ELECTION_US);
	assert_int_equal(raft_get_role(h.r), RAFT_FOLLOWER);
	assert_int_equal(raft_get_term(h.r), 0);
	struct raft_message m = hand_message(&h, RAFT_MESSAGE_VOTE, 2, 1);
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(hand_append(&h, 3, 1, 0, 0, "1", 1), 0);
	hand_persist(&h);
	assert_int_equal(h.hard.vote, 0);
	assert_int_equal(h.sent_count, 0);
	hand_fini(&h);
}

/*
 * What joins an existing cluster (its options name it no voter) may be a directory that was wiped
 * before it was bound: its vote could elect a log without what its old self acknowledged.
 */
static void R7_a_member_that_joins_does_not_vote_before_it_has_a_log(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .unbound = true});
	h.r->members.member[0].voter = false;
	struct raft_message m = hand_message(&h, RAFT_MESSAGE_VOTE, 2, 1);
	assert_int_equal(hand_recv(&h, &m), 0);
	hand_persist(&h);
	assert_int_equal(h.hard.vote, 0);
	assert_null(hand_sent(&h, RAFT_MESSAGE_VOTE_REPLY, 2));
	/* With a log it votes, whether it knows that it may or not (R32). */
	assert_int_equal(hand_append(&h, 3, 1, 0, 0, "1", 1), 0);
	m = hand_message(&h, RAFT_MESSAGE_VOTE, 2, 2);
	m.vote.last_index = 1;
	m.vote.last_term = 1;
	assert_int_equal(hand_recv(&h, &m), 0);
	hand_persist(&h);
	assert_int_equal(h.hard.vote, 2);
	hand_fini(&h);
}

/* Before it is bound, a member may be wiped and come back: what its old self said is void. */
static void R8_progress_of_an_unbound_member_dies_with_its_identity(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 5, .unbound = true});
	hand_elect(&h); /* 1, 2 and 3 are bound */
	assert_int_equal(member(&h, 4)->identity, 0);
	assert_int_equal(hand_ack(&h, 4, 1), 0);
	assert_int_equal(hand_peer(&h, 4)->match, 1);
	struct raft_message m = hand_message(&h, RAFT_MESSAGE_APPEND_REPLY, 4, 1);
	m.identity = 0xbad;
	m.append_reply.accepted = true;
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(hand_peer(&h, 4)->match, 0);
	assert_int_equal(hand_ack(&h, 2, 1), 0);
	assert_int_equal(h.r->commit, 0);
	assert_int_equal(hand_ack(&h, 3, 1), 0);
	assert_int_equal(h.r->commit, 1);
	assert_int_equal(member(&h, 4)->identity, 0xbad);
	assert_int_equal(hand_ack(&h, 4, 1), -EKEYREJECTED); /* the old self is the stranger now */
	hand_fini(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_leader_binds_itself_and_who_voted_for_it),
		cmocka_unit_test(an_inherited_uncommitted_table_comes_first),
		cmocka_unit_test(a_truncation_falls_back_to_the_table_before),
		cmocka_unit_test(R7_another_identity_is_refused_before_its_term_is_looked_at),
		cmocka_unit_test(R7_a_vote_of_a_wiped_member_does_not_count),
		cmocka_unit_test(R7_a_replaced_member_neither_votes_nor_campaigns_nor_acknowledges),
		cmocka_unit_test(R7_a_member_that_joins_does_not_vote_before_it_has_a_log),
		cmocka_unit_test(R8_progress_of_an_unbound_member_dies_with_its_identity),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
