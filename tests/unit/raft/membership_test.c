/*
 * The member table in force: what the cluster was formed with, and whose directory may speak (R7,
 * D9b).
 */
#include "tests/unit/raft/hand.h"

static void the_first_leader_writes_the_table_that_the_cluster_was_formed_with(void **state)
{
	struct hand h;
	struct raft_members table;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3});
	hand_elect(&h);
	assert_int_equal(h.r->members_index, 1);
	assert_int_equal(h.r->window.last, 1); /* it serves as the no-op, too */
	const struct raft_entry *e = &h.r->window.entry[raft_window_slot(1)];
	assert_int_equal(e->type, RAFT_ENTRY_MEMBERS);
	assert_int_equal(raft_members_decode(&table, e->data, e->size), 0);
	assert_memory_equal(&table, &h.r->members, sizeof(table));
	assert_int_equal(hand_ack(&h, 2, 1), 0);
	assert_int_equal(h.r->commit, 1);
	assert_int_equal(h.r->window.last, 1); /* nothing follows it */
	hand_fini(&h);
}

/* As another leader would have to append it. */
static int append_table_as(struct hand *h, enum raft_entry_type type, raft_index index,
			   raft_id from, raft_term term, raft_identity ours)
{
	struct raft_members table = h->r->members;
	uint8_t data[RAFT_MEMBERS_SIZE_MAX];

	table.member[0].identity = ours;
	struct raft_entry e = {.index = index,
			       .term = term,
			       .data = data,
			       .size = (uint16_t)raft_members_encode(&table, data),
			       .type = (uint8_t)type,
			       .flags = RAFT_ENTRY_FIRST | RAFT_ENTRY_LAST};
	struct raft_message m = hand_message(h, RAFT_MESSAGE_APPEND, from, term);
	m.append = (struct raft_append){.prev_index = index - 1,
					.prev_term = index > 1 ? term : 0,
					.entries = &e,
					.entry_count = 1};
	return hand_recv(h, &m);
}

static int append_table_at(struct hand *h, raft_index index, raft_id from, raft_term term,
			   raft_identity ours)
{
	return append_table_as(h, RAFT_ENTRY_MEMBERS, index, from, term, ours);
}

static int append_table(struct hand *h, raft_id from, raft_term term, raft_identity ours)
{
	return append_table_at(h, 1, from, term, ours);
}

static void R62_an_inherited_table_is_in_force_and_not_written_again(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .term = 1});
	assert_int_equal(append_table(&h, 3, 1, 0xa1), 0);
	hand_persist(&h);
	assert_int_equal(h.r->members_index, 1); /* in force as soon as appended */
	hand_elect(&h);
	assert_int_equal(h.r->members_index, 1);
	assert_int_equal(h.r->window.entry[raft_window_slot(2)].type, RAFT_ENTRY_NOOP);
	hand_fini(&h);
}

static void R35_R62_a_truncation_falls_back_to_the_table_before(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .term = 1});
	assert_int_equal(append_table(&h, 2, 1, 0xbad), 0); /* our place is another directory's */
	assert_false(h.r->voter);
	hand_persist(&h);
	assert_int_equal(hand_append(&h, 3, 2, 0, 0, "2", 0), 0);
	assert_true(h.r->voter);
	assert_int_equal(h.r->members_index, 0);
	hand_persist(&h);
	assert_non_null(hand_sent(&h, RAFT_MESSAGE_APPEND_REPLY, 3));
	hand_fini(&h);
}

/* One change is open at a time (thesis 4.1): who takes two back is wrong, or lies. It is told. */
static void V28_V36_two_changes_are_not_taken_back(void **state)
{
	struct raft_status status;
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .term = 1});
	for (raft_index i = 1; i <= 2; i++)
		assert_int_equal(append_table_at(&h, i, 2, 1, 0xa1), 0);
	assert_int_equal(hand_append(&h, 3, 2, 0, 0, "2", 0), -EPROTO);
	assert_int_equal(h.r->window.last, 2);
	raft_get_status(h.r, &status);
	assert_int_equal(status.contradiction.count, 1);
	assert_false(status.contradiction.committed);
	assert_int_equal(status.contradiction.index, 1);
	assert_int_equal(status.contradiction.from, 3);
	hand_fini(&h);
}

/* In force at once; and whoever it lets go is no peer any more. */
static void table_put(struct hand *h, const struct raft_members *table)
{
	raft_members_put(h->r, table);
	h->r->gone_over = true;
	raft_places_sync(h->r);
}

/* A place is of a member; the reads that it asked for before it left are still answered. */
static void V28_a_member_that_returns_owes_the_reads_that_it_asked_for(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3});
	hand_elect(&h);
	assert_int_equal(hand_ack(&h, 2, 1), 0);
	struct raft_message m = hand_message(&h, RAFT_MESSAGE_READ, 3, 1);
	for (m.read.context = 1; m.read.context <= 2; m.read.context++)
		assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(hand_peer(&h, 3)->reads, 2);
	const struct raft_members with = h.r->members;
	struct raft_members without = with;
	without.count = 2;
	table_put(&h, &without);
	assert_null(hand_peer(&h, 3));
	table_put(&h, &with);
	assert_int_equal(hand_peer(&h, 3)->reads, 2);
	/* Both are confirmed: none is open, and there is room for all again. */
	assert_int_equal(hand_echo(&h, 2, 1, h.r->reads.seq), 0);
	assert_int_equal(h.r->reads.wait_count, 0);
	assert_int_equal(hand_peer(&h, 3)->reads, 0);
	hand_fini(&h);
}

/* A client's bytes are its own, also if they read like a table; and no leader makes one of them. */
static void a_command_that_looks_like_a_table_is_none(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .term = 1});
	assert_int_equal(append_table_as(&h, RAFT_ENTRY_COMMAND, 1, 3, 1, 0xbb), 0);
	assert_int_equal(h.r->window.last, 1);
	assert_int_equal(h.r->members_index, 0);
	assert_int_equal(h.r->members.member[0].identity, 0xa1);
	assert_int_equal(append_table(&h, 3, 1, 0xbb), -EPROTO);
	hand_fini(&h);
}

/* Its reads, one refused and one confirmed, are answered to nobody. */
static void who_is_no_member_any_more_is_told_nothing(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3});
	hand_elect(&h);
	struct raft_message m = hand_message(&h, RAFT_MESSAGE_READ, 3, 1);
	h.quiet = true;
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(h.r->reads.refused_count, 1);
	assert_int_equal(hand_ack(&h, 2, 1), 0);
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(h.r->reads.wait_count, 1);
	struct raft_members without = h.r->members;
	without.count = 2;
	table_put(&h, &without);
	assert_int_equal(hand_echo(&h, 2, 1, h.r->reads.seq), 0);
	h.quiet = false;
	hand_take(&h);
	assert_int_equal(h.r->reads.refused_count, 0);
	assert_int_equal(h.r->reads.wait_count, 0);
	assert_int_equal(hand_sent_count(&h, RAFT_MESSAGE_READ_REPLY, 3), 0);
	hand_fini(&h);
}

/* A leader that no longer votes is no part of a majority: of commits, of reads. */
static void a_leader_that_does_not_vote_counts_for_nothing(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3});
	hand_elect(&h);
	for (raft_id id = 2; id <= 3; id++)
		assert_int_equal(hand_ack(&h, id, 1), 0);
	struct raft_members table = h.r->members;
	table.member[0].voter = false;
	table_put(&h, &table);
	assert_int_equal(hand_propose(&h), 0);
	hand_persist(&h);
	assert_int_equal(raft_read_index(h.r, 9), 0);
	hand_take(&h);
	assert_int_equal(hand_echo(&h, 2, h.r->window.last, h.r->reads.seq), 0);
	assert_int_equal(h.r->commit, 1);
	assert_int_equal(h.read_count, 0);
	assert_int_equal(hand_echo(&h, 3, h.r->window.last, h.r->reads.seq), 0);
	assert_int_equal(h.r->commit, 3);
	assert_int_equal(h.read_count, 1);
	hand_fini(&h);
}

/*
 * D16: one is met whom no table has. It leads, this member votes for it, and it counts nowhere: a
 * candidate asks it for nothing, and a leader knows nobody whom its table has not (RI11).
 */
static void V28_who_is_met_may_lead_and_counts_for_nothing(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "1", .term = 1});
	assert_int_equal(hand_append(&h, 9, 2, 1, 1, "", 0), -ENOENT);
	raft_meet(h.r, 9, 0xa0 + 9);
	assert_int_equal(h.r->peer_count, 3);
	assert_int_equal(h.r->members.count, 3);
	assert_int_equal(h.r->voters, 3);
	assert_int_equal(hand_append(&h, 9, 2, 1, 1, "2", 0), 0);
	assert_int_equal(raft_leader(h.r), 9);
	hand_persist(&h);
	assert_non_null(hand_sent(&h, RAFT_MESSAGE_APPEND_REPLY, 9));
	assert_int_equal(hand_vote_ask(&h, 9, 3), 0);
	hand_persist(&h);
	assert_true(hand_voted(&h, 9));

	/* In place of whoever was met before; and with nobody else's directory. */
	raft_meet(h.r, 8, 0xa0 + 8);
	assert_null(hand_peer(&h, 9));
	assert_non_null(hand_peer(&h, 8));
	raft_meet(h.r, 2, 0xbad);
	assert_null(hand_peer(&h, 8));
	assert_int_equal(hand_peer(&h, 2)->identity, 0xa2);
	raft_meet(h.r, 9, 0xa0 + 9);

	hand_forget(&h);
	hand_campaign(&h);
	hand_persist(&h);
	assert_int_equal(hand_sent_count(&h, RAFT_MESSAGE_VOTE, 9), 0);
	struct raft_message m = hand_message(&h, RAFT_MESSAGE_VOTE_REPLY, 9, raft_get_term(h.r));
	m.vote_reply.granted = true;
	assert_int_equal(hand_recv(&h, &m), -ERANGE);
	assert_int_equal(raft_get_role(h.r), RAFT_CANDIDATE);
	m = hand_message(&h, RAFT_MESSAGE_VOTE_REPLY, 3, raft_get_term(h.r));
	m.vote_reply.granted = true;
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(raft_get_role(h.r), RAFT_LEADER);
	assert_null(hand_peer(&h, 9));
	raft_meet(h.r, 9, 0xa0 + 9);
	assert_null(hand_peer(&h, 9));
	hand_fini(&h);
}

/* Whom a table has by now is a member like others; and one that waited has its directory. */
static void D16_a_table_knows_who_was_met(void **state)
{
	struct raft_members table, peers;
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .term = 1});
	table = h.r->members;
	table.member[2].identity = 0;
	table.member[2].voter = false;
	raft_members_told(h.r, &table, 5);
	assert_int_equal(hand_append(&h, 3, 1, 0, 0, "", 0), -ENOENT);
	raft_meet(h.r, 3, 0xa3);
	assert_int_equal(hand_append(&h, 3, 1, 0, 0, "", 0), 0);
	assert_int_equal(raft_leader(h.r), 3);
	raft_get_peers(h.r, &peers);
	assert_memory_equal(&peers, &table, sizeof(table)); /* not as it was met */
	table.member[2].identity = 0xa3;
	raft_members_told(h.r, &table, 6);
	assert_int_equal(h.r->told_index, 6);
	raft_meet(h.r, 0, 0);
	assert_int_equal(hand_peer(&h, 3)->identity, 0xa3);
	assert_false(hand_peer(&h, 3)->gone);
	hand_fini(&h);
}

static void R7_another_identity_is_refused_before_its_term_is_looked_at(void **state)
{
	static const enum raft_message_type type[] = {
		RAFT_MESSAGE_VOTE,         RAFT_MESSAGE_VOTE_REPLY,  RAFT_MESSAGE_APPEND,
		RAFT_MESSAGE_APPEND_REPLY, RAFT_MESSAGE_READ,        RAFT_MESSAGE_READ_REPLY,
		RAFT_MESSAGE_START,        RAFT_MESSAGE_START_REPLY,
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

static void R7_one_that_the_table_does_not_name_does_not_campaign(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .identity = 0xbad});
	for (int i = 0; i < 5; i++)
		hand_tick(&h, 2 * HAND_ELECTION_US);
	assert_int_equal(raft_get_role(h.r), RAFT_FOLLOWER);
	assert_int_equal(raft_get_term(h.r), 0);
	hand_fini(&h);
}

static void a_core_without_all_identities_is_not_made(void **state)
{
	struct raft *r;
	struct raft_options o = {
		.id = 1,
		.identity = 0xa1,
		.start = hand_start(1, 1),
		.members = {.count = 2,
			    .member = {{.id = 1, .identity = 0xa1, .voter = true},
				       {.id = 2, .identity = 0xa2, .voter = true}}},
		.election_timeout_us_min = 2,
		.election_timeout_us_max = 2,
		.heartbeat_us = 1,
		.append_size_max = 1400,
	};

	(void)state;
	assert_int_equal(raft_create(&r, &o), 0);
	raft_destroy(r);
	o.members.member[1].identity = 0;
	assert_int_equal(raft_create(&r, &o), -EINVAL);
	o.members.member[1].identity = 0xa2;
	o.start = 0;
	assert_int_equal(raft_create(&r, &o), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			the_first_leader_writes_the_table_that_the_cluster_was_formed_with),
		cmocka_unit_test(R62_an_inherited_table_is_in_force_and_not_written_again),
		cmocka_unit_test(R35_R62_a_truncation_falls_back_to_the_table_before),
		cmocka_unit_test(V28_V36_two_changes_are_not_taken_back),
		cmocka_unit_test(V28_a_member_that_returns_owes_the_reads_that_it_asked_for),
		cmocka_unit_test(a_command_that_looks_like_a_table_is_none),
		cmocka_unit_test(who_is_no_member_any_more_is_told_nothing),
		cmocka_unit_test(a_leader_that_does_not_vote_counts_for_nothing),
		cmocka_unit_test(V28_who_is_met_may_lead_and_counts_for_nothing),
		cmocka_unit_test(D16_a_table_knows_who_was_met),
		cmocka_unit_test(R7_another_identity_is_refused_before_its_term_is_looked_at),
		cmocka_unit_test(R7_a_vote_of_a_wiped_member_does_not_count),
		cmocka_unit_test(R7_one_that_the_table_does_not_name_does_not_campaign),
		cmocka_unit_test(a_core_without_all_identities_is_not_made),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
