/*
 * Changes of members, as one core makes them and lives through them (D16).
 */
#include "tests/unit/raft/hand.h"

static const struct hand_options three = {.nodes = 3, .terms = "11", .term = 1};

static const struct raft_member *member(const struct hand *h, raft_id id)
{
	return raft_members_find(&h->r->members, id);
}

/* R31, and one at a time. */
static void R31_no_change_before_a_commit_in_the_term(void **state)
{
	const struct raft_change c = {
		.kind = RAFT_CHANGE_ADD_LEARNER, .id = 4, .place = HAND_PLACE_4};
	struct raft_refusal refusal;
	struct hand h;

	(void)state;
	hand_init(&h, three);
	assert_int_equal(hand_change(&h, c, &refusal), -EREMOTE);
	hand_elect(&h);
	assert_int_equal(hand_change(&h, c, &refusal), -EPERM);
	assert_int_equal(refusal.reason, RAFT_REFUSED_NOT_READY);
	for (raft_id id = 2; id <= 3; id++)
		assert_int_equal(hand_ack(&h, id, h.r->window.last), 0);
	assert_int_equal(hand_change(&h, c, &refusal), 0);
	assert_non_null(member(&h, 4));
	assert_int_equal(hand_change(&h, c, &refusal), -EPERM);
	assert_int_equal(refusal.reason, RAFT_REFUSED_BUSY);
	hand_fini(&h);
}

/* Who has no directory yet is sent nothing. */
static void nothing_is_sent_to_who_is_not_there_yet(void **state)
{
	struct hand h;

	(void)state;
	hand_lead(&h);
	hand_forget(&h);
	assert_int_equal(hand_change(&h,
				     (struct raft_change){.kind = RAFT_CHANGE_ADD,
							  .id = 4,
							  .place = HAND_PLACE_4},
				     NULL),
			 0);
	hand_commit(&h, 2, 3);
	hand_tick(&h, 10 * HAND_HEARTBEAT_US);
	for (uint32_t i = 0; i < h.sent_count; i++)
		assert_int_not_equal(h.sent[i].to, 4);
	assert_true(raft_deadline(h.r) > h.now_us); /* nor is anything due to it */
	hand_fini(&h);
}

/*
 * R66: the new one is sent the log, and counts nowhere; caught up, it becomes a voter by a joint
 * table, which needs a majority of each set; the joint form ends by itself.
 */
static void R58_R66_a_member_is_added(void **state)
{
	struct hand h;

	(void)state;
	hand_lead(&h);
	hand_add_4(&h, RAFT_CHANGE_ADD, 0);
	hand_tick(&h, HAND_HEARTBEAT_US);
	assert_non_null(hand_sent(&h, RAFT_MESSAGE_APPEND, 4));
	assert_int_equal(hand_propose(&h), 0);
	hand_persist(&h);
	raft_index committed = h.r->commit;
	assert_int_equal(hand_ack(&h, 4, h.r->window.last - 1), 0);
	assert_int_equal(hand_ack(&h, 4, h.r->window.last), 0);
	assert_int_equal(h.r->commit, committed); /* a learner's word */
	hand_tick(&h, 1);
	/* It has all: the table is joint, and 4 is in the set to come. */
	assert_true(raft_members_joint(&h.r->members));
	assert_int_equal(h.r->quorum_before, 2);
	assert_int_equal(h.r->quorum, 3);
	raft_index joint = h.r->members_index;
	hand_persist(&h);
	assert_int_equal(hand_ack(&h, 2, joint), 0); /* 2 of 3 before, 2 of 4 to come */
	hand_tick(&h, 1);
	assert_true(h.r->commit < joint);
	assert_int_equal(hand_ack(&h, 4, joint), 0);
	hand_tick(&h, 1);
	assert_true(h.r->commit >= joint);
	/* Left at once, and once. */
	assert_false(raft_members_joint(&h.r->members));
	assert_int_equal(h.r->members_index, joint + 1);
	assert_true(member(&h, 4)->voter);
	hand_commit(&h, 2, 4);
	hand_tick(&h, 1);
	assert_int_equal(h.r->members_index, joint + 1);
	assert_int_equal(h.r->commit, joint + 1);
	hand_fini(&h);
}

/* R17: heard for the first time, it has not said what it needs, and the log may lack that. */
static void R66_who_may_need_a_snapshot_has_not_caught_up(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){
			      .nodes = 3, .base = 5, .base_term = 1, .terms = "11", .term = 1});
	hand_elect(&h);
	for (raft_id id = 2; id <= 3; id++)
		assert_int_equal(hand_ack(&h, id, h.r->window.last), 0);
	hand_add_4(&h, RAFT_CHANGE_ADD, 0);
	assert_int_equal(hand_ack(&h, 4, 0), 0);
	hand_tick(&h, 1);
	assert_false(member(&h, 4)->voter);
	assert_int_equal(hand_ack(&h, 4, 5), 0);
	hand_tick(&h, 1);
	assert_true(member(&h, 4)->voter);
	hand_fini(&h);
}

/* R33: elected with a joint table of another leader, it leaves it when it is committed. */
static void R58_the_next_leader_leaves_the_joint_form(void **state)
{
	struct raft_members joint;
	struct hand h;
	uint8_t data[RAFT_MEMBERS_SIZE_MAX];

	(void)state;
	hand_init(&h, three);
	joint = h.r->members;
	for (uint32_t i = 0; i < 3; i++)
		joint.member[i].voter_before = true;
	joint.member[2].voter = false;
	joint.member[2].leaves = true;
	const struct raft_entry e = {.index = 3,
				     .term = 1,
				     .data = data,
				     .size = (uint16_t)raft_members_encode(&joint, data),
				     .type = RAFT_ENTRY_MEMBERS,
				     .flags = RAFT_ENTRY_FIRST | RAFT_ENTRY_LAST};
	struct raft_message m = hand_message(&h, RAFT_MESSAGE_APPEND, 3, 1);
	m.append = (struct raft_append){
		.prev_index = 2, .prev_term = 1, .entries = &e, .entry_count = 1};
	assert_int_equal(hand_recv(&h, &m), 0);
	hand_persist(&h);
	assert_int_equal(h.r->members_index, 3);
	hand_elect(&h);
	hand_persist(&h);
	assert_int_equal(h.r->window.last, 4);
	assert_int_equal(hand_ack(&h, 3, 4), 0); /* of the set to come only one has it */
	hand_tick(&h, 1);
	assert_int_equal(h.r->commit, 0);
	assert_int_equal(hand_ack(&h, 2, 4), 0);
	hand_tick(&h, 1);
	assert_int_equal(h.r->commit, 4);
	assert_int_equal(h.r->members_index, 5);
	assert_null(member(&h, 3));
	assert_int_equal(h.r->voters, 2);
	hand_fini(&h);
}

/* Replaced: with one joint change, and no moment with less redundancy. */
static void a_member_is_replaced(void **state)
{
	struct hand h;

	(void)state;
	hand_lead(&h);
	hand_add_4(&h, RAFT_CHANGE_REPLACE, 3);
	hand_tick(&h, HAND_HEARTBEAT_US);
	assert_int_equal(hand_ack(&h, 4, h.r->window.last), 0);
	hand_tick(&h, 1);
	assert_true(raft_members_joint(&h.r->members));
	assert_true(member(&h, 3)->leaves);
	assert_true(member(&h, 4)->voter);
	hand_persist(&h);
	assert_int_equal(hand_ack(&h, 4, h.r->window.last), 0);
	assert_true(h.r->commit < h.r->members_index); /* two of the set to come, one before */
	hand_commit(&h, 2, 4);
	assert_null(member(&h, 3));
	/* Gone, and told so for a while. */
	assert_true(hand_peer(&h, 3)->gone);
	hand_commit(&h, 2, 2);
	assert_int_equal(h.r->commit, h.r->members_index);
	hand_fini(&h);
}

/* R59: its vote and its acknowledgement are of nobody. R37: and in the end it is unknown. */
static void R59_who_is_gone_counts_nowhere(void **state)
{
	struct hand h;

	(void)state;
	hand_lead(&h);
	assert_int_equal(
		hand_change(&h, (struct raft_change){.kind = RAFT_CHANGE_REMOVE, .id = 3}, NULL),
		0);
	hand_commit(&h, 2, 3);
	assert_null(member(&h, 3));
	assert_int_equal(h.r->quorum, 2);
	hand_persist(&h);
	assert_int_equal(hand_ack(&h, 3, h.r->window.last), 0);
	assert_true(h.r->commit < h.r->window.last);
	assert_int_equal(hand_ack(&h, 2, h.r->window.last), 0);
	assert_int_equal(h.r->commit, h.r->window.last);
	hand_tick(&h, 1);
	hand_forget(&h);
	hand_tick(&h, HAND_HEARTBEAT_US);
	assert_true(hand_sent_count(&h, RAFT_MESSAGE_APPEND, 3) > 0);
	assert_int_equal(hand_sent(&h, RAFT_MESSAGE_APPEND, 3)->append.commit, h.r->commit);
	hand_tick(&h, 2 * HAND_ELECTION_US);
	assert_null(hand_peer(&h, 3));
	struct raft_message m = hand_message(&h, RAFT_MESSAGE_VOTE, 3, 99);
	assert_int_equal(hand_recv(&h, &m), -ENOENT);
	assert_int_equal(raft_get_term(h.r), 2);
	hand_fini(&h);
}

/* R37: it hands over, and if that comes to nothing ends the change itself, then steps down. */
static void R37_a_leader_that_is_removed_gives_way(void **state)
{
	struct hand h;

	(void)state;
	hand_lead(&h);
	assert_int_equal(
		hand_change(&h, (struct raft_change){.kind = RAFT_CHANGE_REMOVE, .id = 1}, NULL),
		0);
	raft_index joint = h.r->members_index;
	hand_forget(&h);
	hand_commit(&h, 2, 3);
	assert_true(h.r->commit >= joint);
	assert_int_equal(h.r->members_index, joint);
	assert_true(hand_sent_count(&h, RAFT_MESSAGE_TIMEOUT_NOW, 2) +
			    hand_sent_count(&h, RAFT_MESSAGE_TIMEOUT_NOW, 3) >
		    0);
	hand_tick(&h, HAND_ELECTION_US); /* nobody stands */
	hand_tick(&h, 1);
	assert_int_equal(h.r->members_index, joint + 1);
	assert_int_equal(raft_get_role(h.r), RAFT_LEADER);
	hand_persist(&h);
	assert_int_equal(hand_ack(&h, 2, joint + 1), 0);
	hand_tick(&h, 1);
	assert_int_equal(raft_get_role(h.r), RAFT_LEADER); /* one of two is no majority */
	assert_int_equal(hand_ack(&h, 3, joint + 1), 0);
	hand_tick(&h, 1);
	assert_int_equal(raft_get_role(h.r), RAFT_FOLLOWER);
	for (int i = 0; i < 5; i++)
		hand_tick(&h, 2 * HAND_ELECTION_US);
	assert_int_equal(raft_get_role(h.r), RAFT_FOLLOWER);
	hand_fini(&h);
}

static int vote(struct hand *h, raft_id from)
{
	struct raft_message m = hand_message(h, RAFT_MESSAGE_VOTE_REPLY, from, raft_get_term(h->r));

	m.vote_reply.granted = true;
	return hand_recv(h, &m);
}

/*
 * It may be the only one up that has the entry which removes it: then nobody who lacks that is
 * elected by it, and nothing would go on (thesis 4.2.2; found by tests/scope/).
 */
static void R59_a_removal_that_is_not_committed_needs_who_is_removed(void **state)
{
	struct hand h;

	(void)state;
	hand_lead(&h);
	assert_int_equal(
		hand_change(&h, (struct raft_change){.kind = RAFT_CHANGE_REMOVE, .id = 1}, NULL),
		0);
	raft_index removal = h.r->members_index + 1;
	hand_commit(&h, 2, 3);
	hand_tick(&h, HAND_ELECTION_US);
	hand_tick(&h, 1);
	hand_persist(&h);
	assert_int_equal(h.r->members_index, removal);
	assert_true(h.r->commit < removal);

	struct raft_message m = hand_message(&h, RAFT_MESSAGE_VOTE, 2, 9);
	m.vote.last_index = m.vote.last_term = 1; /* it lacks the entry */
	hand_recv(&h, &m);
	hand_persist(&h);
	assert_int_equal(raft_get_role(h.r), RAFT_FOLLOWER);
	assert_false(hand_voted(&h, 2));
	hand_campaign(&h);
	assert_int_equal(raft_get_role(h.r), RAFT_CANDIDATE);
	hand_persist(&h);
	vote(&h, 2);
	assert_int_equal(raft_get_role(h.r), RAFT_CANDIDATE); /* it is no voter for itself */
	vote(&h, 3);
	assert_int_equal(raft_get_role(h.r), RAFT_LEADER);
	hand_persist(&h);
	for (raft_id id = 2; id <= 3; id++)
		hand_ack(&h, id, h.r->window.last);
	assert_true(h.r->commit >= removal);
	hand_tick(&h, 1);
	for (int i = 0; i < 5; i++)
		hand_tick(&h, 2 * HAND_ELECTION_US);
	assert_int_equal(raft_get_role(h.r), RAFT_FOLLOWER);
	hand_fini(&h);
}

/* Member 3 leads, and appends a table, behind what is there, of term 1. */
static void table_append(struct hand *h, const struct raft_members *table, raft_index commit)
{
	static uint8_t data[RAFT_MEMBERS_SIZE_MAX];
	raft_index last = h->r->window.last;
	const struct raft_entry e = {.index = last + 1,
				     .term = 1,
				     .data = data,
				     .size = (uint16_t)raft_members_encode(table, data),
				     .type = RAFT_ENTRY_MEMBERS,
				     .flags = RAFT_ENTRY_FIRST | RAFT_ENTRY_LAST};
	struct raft_message m = hand_message(h, RAFT_MESSAGE_APPEND, 3, 1);

	m.append = (struct raft_append){.prev_index = last,
					.prev_term = 1,
					.entries = &e,
					.entry_count = 1,
					.commit = commit};
	assert_int_equal(hand_recv(h, &m), 0);
	hand_persist(h);
	assert_int_equal(h->r->members_index, last + 1);
}

/* This member is removed: by a joint table, and by the one after it. */
static void remove_1(struct hand *h, raft_index commit)
{
	struct raft_members table;

	hand_init(h, three);
	table = h->r->members;
	for (uint32_t i = 0; i < 3; i++)
		table.member[i].voter_before = true;
	table.member[0].voter = false;
	table.member[0].leaves = true;
	table_append(h, &table, 0);
	table = (struct raft_members){.count = 2, .member = {table.member[1], table.member[2]}};
	table.member[0].voter_before = table.member[1].voter_before = false;
	table_append(h, &table, commit);
	assert_false(raft_votes(h->r));
}

/* R59: who is removed by what is committed. */
static void R37_R59_who_is_removed_for_good_does_not_stand(void **state)
{
	struct hand h;

	(void)state;
	remove_1(&h, 4);
	assert_int_equal(h.r->commit, 4);
	for (int i = 0; i < 5; i++)
		hand_tick(&h, 2 * HAND_ELECTION_US);
	assert_int_equal(raft_get_role(h.r), RAFT_FOLLOWER);
	assert_int_equal(raft_get_term(h.r), 1);
	hand_fini(&h);
}

/* A learner of which its table knows no directory: by a table to come it is a member. */
static void R32_who_is_bound_elsewhere_is_a_stranger(void **state)
{
	struct raft_members table;
	struct hand h;

	(void)state;
	hand_init(&h, three);
	table = h.r->members;
	table.member[table.count++] = (struct raft_member){.id = 4, .place = HAND_PLACE_4};
	table_append(&h, &table, 0);
	struct raft_message m = hand_message(&h, RAFT_MESSAGE_VOTE, 4, 5);
	m.identity = HAND_IDENTITY_4;
	assert_int_equal(hand_recv(&h, &m), -ENOENT);
	assert_int_equal(raft_get_term(h.r), 1);
	hand_fini(&h);
}

/*
 * V28, D7: a table of fifteen that nobody knows, while two go: more than there are places. It is an
 * entry like others, and in force; who goes has no place then. An honest leader makes none such.
 */
static void V28_a_table_of_strangers_takes_the_places_of_those_who_go(void **state)
{
	struct raft_members table = {.count = RAFT_MEMBERS_MAX};
	struct hand h;
	uint8_t data[RAFT_MEMBERS_SIZE_MAX];

	(void)state;
	hand_init(&h, three);
	table.member[0] = h.r->members.member[0];
	for (uint32_t i = 1; i < RAFT_MEMBERS_MAX; i++)
		table.member[i] = (struct raft_member){.id = 100 + i, .identity = 200 + i};
	const struct raft_entry e = {.index = 3,
				     .term = 2,
				     .data = data,
				     .size = (uint16_t)raft_members_encode(&table, data),
				     .type = RAFT_ENTRY_MEMBERS,
				     .flags = RAFT_ENTRY_FIRST | RAFT_ENTRY_LAST};
	struct raft_message m = hand_message(&h, RAFT_MESSAGE_APPEND, 3, 2);
	m.append = (struct raft_append){
		.prev_index = 2, .prev_term = 1, .entries = &e, .entry_count = 1};
	assert_int_equal(hand_recv(&h, &m), 0);
	hand_persist(&h);
	assert_int_equal(h.r->members_index, 3);
	for (uint32_t i = 1; i < RAFT_MEMBERS_MAX; i++)
		assert_non_null(hand_peer(&h, 100 + i));
	hand_fini(&h);
}

/* And of sixteen with places of their own no two are replaced at once: eighteen would be known. */
static void no_table_is_made_for_which_there_are_no_places(void **state)
{
	struct raft_change c[2] = {
		{.kind = RAFT_CHANGE_REPLACE, .id = 201, .replaced = 4, .place = 1},
		{.kind = RAFT_CHANGE_REPLACE, .id = 202, .replaced = 5, .place = 2}};
	struct raft_members full;
	struct raft_refusal refusal;
	raft_index index;
	struct hand h;

	(void)state;
	hand_lead(&h);
	full = h.r->members;
	while (full.count < RAFT_MEMBERS_MAX) {
		full.member[full.count] = (struct raft_member){.id = full.count + 1,
							       .identity = 300 + full.count,
							       .place = 9000 + full.count};
		full.count++;
	}
	raft_members_put(h.r, &full);
	raft_changed(h.r);
	hand_take(&h);
	hand_commit(&h, 2, 3);
	assert_int_equal(h.r->commit, h.r->members_index);
	assert_int_equal(raft_members_change(h.r, c, 2, &index, &refusal), -EPERM);
	assert_int_equal(refusal.reason, RAFT_REFUSED_MEMBERS_MAX);
	hand_fini(&h);
}

/* A read that waits when all others are gone is its own majority's. */
static void a_read_is_confirmed_by_who_is_left(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 2, .terms = "11", .term = 1});
	hand_elect(&h);
	assert_int_equal(hand_ack(&h, 2, h.r->window.last), 0);
	hand_tick(&h, 1);
	assert_int_equal(
		hand_change(&h, (struct raft_change){.kind = RAFT_CHANGE_REMOVE, .id = 2}, NULL),
		0);
	hand_persist(&h);
	assert_int_equal(hand_ack(&h, 2, h.r->window.last), 0);
	assert_int_equal(raft_read_index(h.r, 9), 0);
	hand_tick(&h, 1); /* the joint form ends */
	assert_int_equal(h.r->voters, 1);
	assert_int_equal(h.read_count, 1);
	hand_fini(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(R31_no_change_before_a_commit_in_the_term),
		cmocka_unit_test(nothing_is_sent_to_who_is_not_there_yet),
		cmocka_unit_test(R58_R66_a_member_is_added),
		cmocka_unit_test(R66_who_may_need_a_snapshot_has_not_caught_up),
		cmocka_unit_test(R58_the_next_leader_leaves_the_joint_form),
		cmocka_unit_test(a_member_is_replaced),
		cmocka_unit_test(R59_who_is_gone_counts_nowhere),
		cmocka_unit_test(R37_a_leader_that_is_removed_gives_way),
		cmocka_unit_test(R59_a_removal_that_is_not_committed_needs_who_is_removed),
		cmocka_unit_test(R37_R59_who_is_removed_for_good_does_not_stand),
		cmocka_unit_test(R32_who_is_bound_elsewhere_is_a_stranger),
		cmocka_unit_test(V28_a_table_of_strangers_takes_the_places_of_those_who_go),
		cmocka_unit_test(no_table_is_made_for_which_there_are_no_places),
		cmocka_unit_test(a_read_is_confirmed_by_who_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
