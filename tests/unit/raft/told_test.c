/*
 * A table that another member told (D16): in force while the log ends before it, and a word only.
 */
#include "tests/unit/raft/hand.h"

static const struct hand_options three = {.nodes = 3, .terms = "11", .term = 1};

/* R37: who stands, and is told that it was removed, asks nobody any more. */
static void R37_who_is_told_of_its_removal_stands_no_more(void **state)
{
	struct raft_members table;
	struct hand h;

	(void)state;
	hand_init(&h, three);
	hand_campaign(&h);
	hand_persist(&h);
	assert_int_equal(raft_get_role(h.r), RAFT_CANDIDATE);
	table = (struct raft_members){.count = 2,
				      .member = {h.r->members.member[1], h.r->members.member[2]}};
	raft_members_told(h.r, &table, 9);
	assert_int_equal(raft_get_role(h.r), RAFT_FOLLOWER);
	hand_take(&h);
	hand_forget(&h);
	for (int i = 0; i < 5; i++)
		hand_tick(&h, 2 * HAND_ELECTION_US);
	assert_int_equal(hand_sent_count(&h, RAFT_MESSAGE_VOTE, 2), 0);
	assert_int_equal(raft_get_term(h.r), 2);
	hand_fini(&h);
}

static raft_index in_force(const struct hand *h)
{
	struct raft_status s;

	raft_get_status(h->r, &s);
	return s.members_index;
}

/* D16: who lags is told a committed table, is in it at once, and does not fall back. */
static void a_table_that_is_told_is_in_force(void **state)
{
	struct raft_members table;
	struct hand h;

	(void)state;
	hand_init(&h, three);
	table = h.r->members;
	table.member[2] = (struct raft_member){.id = 4, .identity = 0xa4, .voter = true};
	raft_members_told(h.r, &table, 9);
	assert_int_equal(in_force(&h), 9);
	assert_null(hand_peer(&h, 3));
	/* R32: it votes for one that its log has not heard of. */
	struct raft_message m = hand_message(&h, RAFT_MESSAGE_VOTE, 4, 5);
	m.vote.last_index = 9;
	m.vote.last_term = 4;
	assert_int_equal(hand_recv(&h, &m), 0);
	hand_persist(&h);
	assert_true(hand_voted(&h, 4));
	/* Conflicting entries go, and the table stays. */
	assert_int_equal(hand_append(&h, 4, 6, 0, 0, "6", 0), 0);
	assert_int_equal(in_force(&h), 9);
	raft_members_told(h.r, &table, 8);
	assert_int_equal(in_force(&h), 9);
	hand_fini(&h);
}

/* V28, ADR 14: by a table that its own log has not nobody stands. */
static void V28_nobody_stands_alone_by_a_table_that_was_told(void **state)
{
	struct raft_members table;
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "1111111111", .term = 1});
	table = (struct raft_members){.count = 1, .member = {h.r->members.member[0]}};
	raft_members_told(h.r, &table, 5); /* its log has a command there */
	for (int i = 0; i < 5; i++) {
		hand_tick(&h, 2 * HAND_ELECTION_US);
		hand_persist(&h);
	}
	assert_int_not_equal(raft_get_role(h.r), RAFT_LEADER);
	assert_int_equal(h.r->commit, 0);
	hand_fini(&h);
}

/* V28: nor does one that stands already win by it. */
static void V28_who_stands_is_not_elected_by_a_table_that_was_told(void **state)
{
	struct raft_members table;
	struct hand h;

	(void)state;
	hand_init(&h, three);
	hand_campaign(&h);
	assert_int_equal(raft_get_role(h.r), RAFT_CANDIDATE);
	table = (struct raft_members){.count = 1, .member = {h.r->members.member[0]}};
	raft_members_told(h.r, &table, 1000);
	hand_persist(&h);
	assert_int_not_equal(raft_get_role(h.r), RAFT_LEADER);
	hand_fini(&h);
}

/* The table of member 1 alone, as one that lies would have it, right behind the log. */
static void tell_alone(struct hand *h, raft_index index)
{
	const struct raft_members table = {.count = 1, .member = {h->r->members.member[0]}};

	raft_members_told(h->r, &table, index);
	assert_memory_equal(raft_get_members(h->r), &table, sizeof(table));
}

static void stand(struct hand *h)
{
	for (int i = 0; i < 5; i++) {
		hand_tick(h, 2 * HAND_ELECTION_US);
		hand_persist(h);
	}
}

/* V28: what was told of an index is nothing, as soon as the log has another thing there. */
static void V28_a_told_table_that_the_log_passed_is_over(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, three);
	const struct raft_members table = h.r->members;
	tell_alone(&h, 3);
	raft_meet(h.r, 3, 0xa3);
	assert_int_equal(hand_append(&h, 3, 2, 2, 1, "22", 0), 0);
	hand_persist(&h);
	assert_memory_equal(raft_get_members(h.r), &table, sizeof(table));
	raft_meet(h.r, 0, 0);
	stand(&h);
	assert_int_equal(raft_get_role(h.r), RAFT_CANDIDATE);
	assert_int_equal(h.r->commit, 0);
	assert_int_equal(h.r->voters, 3);
	hand_fini(&h);
}

/* ... also if that is taken back, and the log ends before it again. */
static void V28_a_told_table_does_not_come_back(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, three);
	tell_alone(&h, 3);
	raft_meet(h.r, 3, 0xa3);
	assert_int_equal(hand_append(&h, 3, 2, 2, 1, "2", 0), 0);
	assert_int_equal(h.r->told_index, 0);
	assert_int_equal(hand_append(&h, 2, 3, 1, 1, "3", 0), 0);
	assert_int_equal(h.r->window.last, 2);
	assert_int_equal(h.r->told_index, 0);
	assert_int_equal(h.r->voters, 3);
	hand_fini(&h);
}

/* From 3, in term 2. */
static void append_members(struct hand *h, raft_index index, raft_term prev_term,
			   const struct raft_members *members)
{
	uint8_t data[RAFT_MEMBERS_SIZE_MAX];
	const struct raft_entry e = {.index = index,
				     .term = 2,
				     .data = data,
				     .size = (uint16_t)raft_members_encode(members, data),
				     .type = RAFT_ENTRY_MEMBERS,
				     .flags = RAFT_ENTRY_FIRST | RAFT_ENTRY_LAST};
	struct raft_message m = hand_message(h, RAFT_MESSAGE_APPEND, 3, 2);

	m.append = (struct raft_append){
		.prev_index = index - 1, .prev_term = prev_term, .entries = &e, .entry_count = 1};
	assert_int_equal(hand_recv(h, &m), 0);
	hand_persist(h);
}

/* What it has not come to, and says itself, is what its own log has all the time (R62). */
static void R62_the_logs_own_tables_are_kept_beside_one_that_was_told(void **state)
{
	struct raft_members with, told;
	struct hand h;

	(void)state;
	hand_init(&h, three);
	with = told = h.r->members;
	with.member[with.count++] = (struct raft_member){.id = 4, .identity = 0xa4};
	told.member[told.count++] = (struct raft_member){.id = 5, .identity = 0xa5};
	raft_members_told(h.r, &told, 9);
	append_members(&h, 3, 1, &with);
	assert_int_equal(h.r->told_index, 9);
	assert_memory_equal(raft_get_members(h.r), &told, sizeof(told));
	assert_memory_equal(raft_get_log_members(h.r), &with, sizeof(with));
	assert_non_null(hand_peer(&h, 5));
	assert_null(hand_peer(&h, 4));
	/* Over by what the leader committed: the log's is in force. */
	assert_int_equal(hand_append(&h, 3, 2, 3, 2, "", 3), 0);
	assert_memory_equal(raft_get_members(h.r), &with, sizeof(with));
	assert_null(hand_peer(&h, 5));
	assert_non_null(hand_peer(&h, 4));
	hand_fini(&h);
}

/* V28: however far ahead it is said to be. */
static void V28_a_table_told_far_ahead_wedges_nobody(void **state)
{
	struct raft_members table;
	struct hand h;

	(void)state;
	hand_init(&h, three);
	table = h.r->members;
	raft_members_told(h.r, &table, RAFT_INDEX_MAX);
	/* What was committed before its term says nothing: more may have been. */
	assert_int_equal(hand_append(&h, 2, 2, 2, 1, "2", 2), 0);
	hand_persist(&h);
	assert_int_equal(h.r->told_index, RAFT_INDEX_MAX);
	/* Nor what this member does not have yet. */
	assert_int_equal(hand_append(&h, 2, 2, 3, 2, "", 4), 0);
	assert_int_equal(h.r->told_index, RAFT_INDEX_MAX);
	assert_int_equal(hand_append(&h, 2, 2, 3, 2, "2", 4), 0);
	hand_persist(&h);
	assert_int_equal(h.r->told_index, 0);
	stand(&h);
	assert_int_equal(raft_get_role(h.r), RAFT_CANDIDATE);
	hand_fini(&h);
}

static void timeouts(struct hand *h, uint32_t count)
{
	hand_tick(h, 0); /* from which the first one is counted */
	for (uint32_t i = 0; i < count; i++)
		hand_tick(h, 2 * HAND_ELECTION_US);
}

/* V28: nor is it for ever where nobody leads, whoever is in it. */
static void V28_a_told_table_is_over_when_nobody_leads(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, three);
	const struct raft_members table = h.r->members;
	tell_alone(&h, RAFT_INDEX_MAX);
	timeouts(&h, 9);
	assert_int_equal(h.r->told_index, RAFT_INDEX_MAX);
	assert_int_equal(raft_get_role(h.r), RAFT_FOLLOWER);
	timeouts(&h, 1);
	assert_int_equal(h.r->told_index, 0);
	assert_memory_equal(raft_get_members(h.r), &table, sizeof(table));
	stand(&h);
	assert_int_equal(raft_get_role(h.r), RAFT_CANDIDATE);
	/* Told anew it is in force as long as the first time. */
	tell_alone(&h, 9);
	timeouts(&h, 9);
	assert_int_equal(h.r->told_index, 9);
	hand_fini(&h);
}

/* It heard of 2's third start, and acknowledges what 3 has in term 2. */
static void acknowledge(struct hand *h)
{
	struct raft_message m = hand_message(h, RAFT_MESSAGE_START, 2, 1);

	m.start = hand_start(2, 3);
	assert_int_equal(hand_recv(h, &m), 0);
	assert_int_equal(hand_append(h, 3, 2, 2, 1, "22", 0), 0);
	hand_persist(h);
}

static struct raft_witness witness(const struct hand *h, raft_id id)
{
	struct raft_witness of[RAFT_MEMBERS_MAX];
	struct raft_witness found = {0};

	for (uint32_t i = raft_witnesses(h->r, of); i-- > 0;) {
		if (of[i].id != id)
			continue;
		assert_int_equal(found.id, 0);
		found = of[i];
	}
	return found;
}

/*
 * V28, D9c: what is known of those whom it lacks is known when it is over, and in the mark
 * meanwhile: of 2 that was rolled back, and of what 3 was told, be another one there under its id,
 * be it met, or told of again.
 */
static void V28_D9c_a_told_table_has_nobody_forgotten(void **state)
{
	(void)state;
	for (int way = 0; way < 4; way++) {
		struct raft_members strangers = {.count = RAFT_MEMBERS_MAX};
		struct hand h;

		hand_init(&h, three);
		acknowledge(&h);
		const struct raft_members table = h.r->members;
		for (uint32_t i = 1; i < RAFT_MEMBERS_MAX; i++)
			strangers.member[i] = (struct raft_member){
				.id = 100 + i, .identity = 200 + i, .voter = i == 1};
		strangers.member[0] = table.member[0];
		if (way == 1) {
			strangers.member[1] = table.member[1];
			strangers.member[1].identity = 0xbad;
			strangers.member[2] = table.member[2];
			strangers.member[2].identity = 0xbad2;
		}
		raft_members_told(h.r, &strangers, 9);
		if (way == 1) {
			struct raft_message bad = hand_message(&h, RAFT_MESSAGE_START, 2, 1);

			bad.identity = 0xbad;
			bad.start = hand_start(2, 50);
			assert_int_equal(hand_recv(&h, &bad), 0);
		}
		if (way == 2) {
			raft_meet(h.r, 2, 0xa2);
			assert_true(hand_peer(&h, 2)->witness.start == hand_start(2, 3));
		}
		if (way == 3)
			raft_members_told(h.r, &table, 10);
		assert_true(witness(&h, 2).start == hand_start(2, 3));
		timeouts(&h, 10);
		assert_int_equal(h.r->told_index, 0);
		assert_memory_equal(raft_get_members(h.r), &table, sizeof(table));
		assert_true(hand_peer(&h, 2)->witness.start == hand_start(2, 3));
		assert_true(witness(&h, 2).start == hand_start(2, 3));
		struct raft_message m = hand_message(&h, RAFT_MESSAGE_VOTE, 2, 9);
		assert_int_equal(hand_recv(&h, &m), -ESTALE); /* of its first start */
		m = hand_told(&h, 3, h.r->start, 2, 4);
		assert_int_equal(hand_recv(&h, &m), 0);
		assert_int_equal(h.lost, 0);
		hand_fini(&h);
	}
}

static bool knows(struct hand *h, raft_id id)
{
	const struct raft_peer *p = hand_peer(h, id);

	return p && p->witness.start == hand_start(2, 3);
}

/*
 * V28, D9c: nor has one that says that 2 has no directory yet, and lacks it then, be it told so as
 * often as a member that lies may like.
 */
static void V28_D9c_who_is_told_to_be_unbound_is_not_forgotten(void **state)
{
	struct raft_members unbound;
	struct hand h;

	(void)state;
	hand_init(&h, three);
	acknowledge(&h);
	unbound = h.r->members;
	unbound.member[1].voter = false;
	unbound.member[1].identity = 0;
	for (raft_index index = 9; index < 9 + 4 * RAFT_MEMBERS_MAX; index += 2) {
		raft_members_told(h.r, &unbound, index);
		assert_true(witness(&h, 2).start == hand_start(2, 3));
		tell_alone(&h, index + 1);
		assert_true(witness(&h, 2).start == hand_start(2, 3));
	}
	timeouts(&h, 10);
	assert_true(knows(&h, 2));
	hand_fini(&h);
}

/* V28, D9c: nor who was met meanwhile, if his place is taken by those of whom more is told. */
static void V28_D9c_who_was_met_is_not_forgotten(void **state)
{
	struct raft_members full = {.count = RAFT_MEMBERS_MAX};
	struct hand h;

	(void)state;
	hand_init(&h, three);
	acknowledge(&h);
	tell_alone(&h, 9);
	raft_meet(h.r, 2, 0xa2);
	assert_true(knows(&h, 2));
	for (uint32_t i = 0; i < RAFT_MEMBERS_MAX; i++)
		full.member[i] =
			(struct raft_member){.id = 100 + i, .identity = 200 + i, .voter = i == 1};
	raft_members_told(h.r, &full, 10);
	assert_false(knows(&h, 2));
	assert_true(witness(&h, 2).start == hand_start(2, 3));
	raft_meet(h.r, 0, 0);
	timeouts(&h, 10);
	assert_true(knows(&h, 2));
	hand_fini(&h);
}

/*
 * V28, D9c: nor who was removed by an entry that is taken back. Who is removed for good by the log
 * itself, while one is in force, is: of him nothing is left when it is over (RI12).
 */
static void V28_D9c_who_comes_back_with_the_log_is_not_forgotten(void **state)
{
	(void)state;
	for (int back = 0; back < 2; back++) {
		struct raft_members without = {.count = 2};
		struct hand h;

		hand_init(&h, three);
		acknowledge(&h);
		without.member[0] = h.r->members.member[0];
		without.member[1] = h.r->members.member[2];
		append_members(&h, 5, 2, &without);
		raft_members_told(h.r, &without, 20);
		assert_null(hand_peer(&h, 2));
		assert_true(witness(&h, 2).start == hand_start(2, 3));
		if (back) {
			assert_int_equal(hand_append(&h, 3, 3, 4, 2, "3", 0), 0);
		} else {
			without.member[1].voter = false;
			append_members(&h, 6, 2, &without);
		}
		hand_persist(&h);
		assert_int_equal(h.r->told_index, 20);
		timeouts(&h, 10);
		assert_int_equal(h.r->told_index, 0);
		assert_true(knows(&h, 2) == back);
		hand_fini(&h);
	}
}

/* R59, V28: who is met counts nowhere, also if he was a voter of a table that was told. */
static void V28_who_is_met_has_no_vote_of_a_told_table_that_is_over(void **state)
{
	struct raft_members with;
	struct hand h;

	(void)state;
	hand_init(&h, three);
	with = h.r->members;
	with.member[with.count++] = (struct raft_member){.id = 4, .identity = 0xa4, .voter = true};
	raft_meet(h.r, 4, 0xa4);
	raft_members_told(h.r, &with, 9);
	assert_true(hand_peer(&h, 4)->voter);
	timeouts(&h, 10);
	assert_int_equal(h.r->told_index, 0);
	assert_non_null(hand_peer(&h, 4));
	assert_false(raft_peer_votes(hand_peer(&h, 4)));
	stand(&h);
	assert_int_equal(raft_get_role(h.r), RAFT_CANDIDATE);
	struct raft_message m = hand_message(&h, RAFT_MESSAGE_VOTE_REPLY, 4, raft_get_term(h.r));
	m.vote_reply.granted = true;
	(void)hand_recv(&h, &m);
	hand_persist(&h);
	assert_int_equal(raft_get_role(h.r), RAFT_CANDIDATE);
	hand_fini(&h);
}

/* R7: of whom was met nothing is known of another directory that a table, or he, has then. */
static void R7_who_is_met_is_not_another_one(void **state)
{
	struct raft_members with;
	struct hand h;

	(void)state;
	hand_init(&h, three);
	raft_meet(h.r, 4, 0xbad);
	struct raft_message m = hand_message(&h, RAFT_MESSAGE_START, 4, 1);
	m.identity = 0xbad;
	m.start = hand_start(4, 50);
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_true(witness(&h, 4).start == hand_start(4, 50));
	with = h.r->members;
	with.member[with.count++] = (struct raft_member){.id = 4, .identity = 0xa4};
	raft_members_told(h.r, &with, 9);
	assert_true(hand_peer(&h, 4)->identity == 0xa4);
	assert_true(witness(&h, 4).start == 0);
	timeouts(&h, 10);
	assert_true(hand_peer(&h, 4)->identity == 0xbad);
	raft_meet(h.r, 4, 0xa4);
	assert_true(hand_peer(&h, 4)->identity == 0xa4);
	hand_fini(&h);
}

/* V28, D9c: who was aside without a directory is in the mark as soon as he has one. */
static void V28_D9c_who_is_bound_while_a_table_is_told_is_marked(void **state)
{
	struct raft_members with;
	struct hand h;

	(void)state;
	hand_init(&h, three);
	with = h.r->members;
	with.member[with.count++] = (struct raft_member){.id = 4};
	append_members(&h, 3, 1, &with);
	const struct raft_members without = {.count = 2,
					     .member = {with.member[0], with.member[2]}};
	raft_members_told(h.r, &without, 9);
	with.member[3].identity = 0xa4;
	append_members(&h, 4, 2, &with);
	raft_meet(h.r, 4, 0xa4);
	struct raft_message m = hand_message(&h, RAFT_MESSAGE_START, 4, 2);
	m.start = hand_start(4, 3);
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(h.r->told_index, 9);
	assert_true(witness(&h, 4).start == hand_start(4, 3));
	hand_fini(&h);
}

/* It is counted from the last word of a leader. */
static void D16_who_hears_a_leader_keeps_what_it_was_told(void **state)
{
	struct raft_members table;
	struct hand h;

	(void)state;
	hand_init(&h, three);
	table = h.r->members;
	table.member[0].voter = table.member[2].voter = false;
	raft_members_told(h.r, &table, 9);
	for (int i = 0; i < 3; i++) {
		timeouts(&h, 9);
		assert_int_equal(hand_append(&h, 2, 2, 2, 1, "", 0), 0);
		assert_int_equal(h.r->told_index, 9);
	}
	hand_fini(&h);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(R37_who_is_told_of_its_removal_stands_no_more),
		cmocka_unit_test(a_table_that_is_told_is_in_force),
		cmocka_unit_test(V28_nobody_stands_alone_by_a_table_that_was_told),
		cmocka_unit_test(V28_who_stands_is_not_elected_by_a_table_that_was_told),
		cmocka_unit_test(V28_a_told_table_that_the_log_passed_is_over),
		cmocka_unit_test(V28_a_told_table_does_not_come_back),
		cmocka_unit_test(R62_the_logs_own_tables_are_kept_beside_one_that_was_told),
		cmocka_unit_test(V28_a_table_told_far_ahead_wedges_nobody),
		cmocka_unit_test(V28_a_told_table_is_over_when_nobody_leads),
		cmocka_unit_test(V28_D9c_a_told_table_has_nobody_forgotten),
		cmocka_unit_test(V28_D9c_who_is_told_to_be_unbound_is_not_forgotten),
		cmocka_unit_test(V28_D9c_who_was_met_is_not_forgotten),
		cmocka_unit_test(V28_D9c_who_comes_back_with_the_log_is_not_forgotten),
		cmocka_unit_test(V28_who_is_met_has_no_vote_of_a_told_table_that_is_over),
		cmocka_unit_test(R7_who_is_met_is_not_another_one),
		cmocka_unit_test(V28_D9c_who_is_bound_while_a_table_is_told_is_marked),
		cmocka_unit_test(D16_who_hears_a_leader_keeps_what_it_was_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
