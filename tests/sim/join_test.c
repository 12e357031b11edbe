/*
 * Whole nodes that join a cluster, replace a member of it, and leave it (D16).
 */
#include "tests/sim/members.h"

#include "node/internal.h"
#include "raft/internal.h"

#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)

static struct sim_world w;

static const struct raft_member *member(raft_id id)
{
	return raft_members_find(raft_get_members(members_leader(&w)->raft), id);
}

static void expect_caught_up(uint32_t i)
{
	uint64_t until_ns = w.now_ns + 20 * SECOND;
	raft_index last = raft_commit(members_leader(&w)->raft);

	while (w.node[i].node->applied < last) {
		if (w.now_ns > until_ns)
			fail_msg("node %u: applied %llu of %llu", i,
				 (unsigned long long)w.node[i].node->applied,
				 (unsigned long long)last);
		sim_world_run(&w, MS);
	}
}

/* Node 3 says so, before it is of any cluster. */
static bool told(const char *words)
{
	char text[NODE_FORMATION_TEXT_MAX];

	node_formation_text(w.node[3].node, text, sizeof(text));
	return strstr(text, words) != NULL;
}

static void expect_told(const char *words)
{
	if (!told(words))
		fail_msg("not told: \"%s\"", words);
}

/* It is started before or after it is added; restarted while it catches up; it votes in the end. */
static void a_member_joins(void **state)
{
	(void)state;
	for (int first = 0; first < 2; first++) {
		members_world_begin(&w, 71 + (uint64_t)first, 1, 2);
		if (first)
			sim_node_start(&w, 3);
		sim_world_run(&w, 2900 * MS);
		if (first)
			expect_told("and asks whether it may");
		sim_world_run(&w, 200 * MS);
		if (first)
			expect_told("nobody lets it in: quoinctl member add, or member replace, "
				    "with the address 198.18.0.4:2380, at a member that is up");
		raft_id id = members_change(&w, (struct raft_change){.kind = RAFT_CHANGE_ADD,
								     .place = sim_host_place(3)});
		sim_world_run(&w, SECOND);
		assert_true(first || !member(id)->voter);
		if (!first)
			sim_node_start(&w, 3);
		members_expect_voter(&w, id, 4);
		assert_int_equal(w.node[3].node->id, id);
		expect_caught_up(3);
		sim_node_crash(&w, 3);
		sim_world_run(&w, SECOND);
		sim_node_start(&w, 3);
		expect_caught_up(3);
		assert_true(node_hash(w.node[3].node) != 0);
		sim_world_destroy(&w);
	}
}

/* It is configured to ask one that follows, or that may lead soon, and nobody else. */
static void F1_a_member_joins_by_one_that_follows(void **state)
{
	(void)state;
	for (uint32_t k = 0; k < 2; k++) {
		members_world_begin(&w, 75 + k, 1, 2);
		uint32_t leads = (uint32_t)sim_leader(&w);
		w.joiners_know = 1u << (leads + 1) % 3;
		raft_id id = members_change(&w, (struct raft_change){.kind = RAFT_CHANGE_ADD,
								     .place = sim_host_place(3)});
		sim_world_run(&w, SECOND);
		if (k > 0)
			sim_node_crash(&w, leads);
		sim_node_start(&w, 3);
		if (k > 0)
			sim_world_run(&w, 5 * MS);
		if (k > 0)
			sim_node_start(&w, leads);
		members_expect_voter(&w, id, 4);
		assert_int_equal(w.node[3].node->id, id);
		expect_caught_up(3);
		sim_node_crash(&w, 3);
		sim_world_run(&w, SECOND);
		sim_node_start(&w, 3);
		expect_caught_up(3);
		sim_world_destroy(&w);
	}
}

/* Twice in a row: one is gone for good, a new one takes its place. */
static void a_dead_member_is_replaced(void **state)
{
	(void)state;
	members_world_begin(&w, 73, 2, 2);
	for (uint32_t k = 0; k < 2; k++) {
		uint32_t dead = ((uint32_t)sim_leader(&w) + 1) % 3;

		while (!w.node[dead].node || (int)dead == sim_leader(&w))
			dead = (dead + 1) % 3;
		raft_id old = w.node[dead].node->id;
		sim_node_crash(&w, dead);
		sim_node_start(&w, 3 + k);
		sim_world_run(&w, SECOND);
		raft_id id =
			members_change(&w, (struct raft_change){.kind = RAFT_CHANGE_REPLACE,
								.replaced = old,
								.place = sim_host_place(3 + k)});
		members_expect_voter(&w, id, 3);
		assert_null(member(old));
		expect_caught_up(3 + k);
	}
	sim_world_destroy(&w);
}

/* A member that was announced is started as one that forms a cluster. Then as one that joins. */
static void F1_who_was_added_and_is_not_to_form_is_told_on_both_sides(void **state)
{
	uint32_t follows;
	raft_id id;

	(void)state;
	members_world_begin(&w, 101, 1, 0);
	w.node[3].joiner = false;
	id = members_change(
		&w, (struct raft_change){.kind = RAFT_CHANGE_ADD, .place = sim_host_place(3)});
	sim_node_start(&w, 3);
	sim_world_run(&w, 2900 * MS);
	follows = ((uint32_t)sim_leader(&w) + 1) % 3;
	assert_false(sim_node_says(&w, follows, "forms a cluster"));
	sim_world_run(&w, 300 * MS);
	expect_told("was added to cluster ");
	expect_told("initial-cluster-state: existing");
	assert_false(sim_node_says(&w, 3, "restore the old directory"));
	assert_false(sim_node_says(&w, 3, "member replace"));
	for (uint32_t k = 0; k < 3; k++) {
		assert_true(sim_node_says(&w, k, "set initial-cluster-state: existing there"));
		assert_false(sim_node_says(&w, k, "has not been heard"));
	}
	/* As it was told; a start that changes nothing says the same. */
	for (int k = 0; k < 2; k++) {
		sim_node_crash(&w, 3);
		w.node[3].joiner = k > 0;
		sim_node_start(&w, 3);
		if (k == 0)
			sim_world_run(&w, 3200 * MS);
		if (k == 0)
			expect_told("was added to cluster ");
	}
	members_expect_voter(&w, id, 4);
	expect_caught_up(3);
	sim_world_run(&w, 4 * SECOND);
	for (uint32_t k = 0; k < 3; k++)
		assert_false(sim_node_says(&w, k, "forms a cluster"));
	sim_world_destroy(&w);
}

static void F1_who_joined_and_lost_its_directory_is_told_the_way_back(void **state)
{
	raft_id id, again;

	(void)state;
	members_world_begin(&w, 79, 1, 0);
	id = members_change(
		&w, (struct raft_change){.kind = RAFT_CHANGE_ADD, .place = sim_host_place(3)});
	sim_node_start(&w, 3);
	members_expect_voter(&w, id, 4);
	sim_node_crash(&w, 3);
	sim_node_wipe(&w, 3);
	const uint64_t until_ns = w.now_ns + 4 * SECOND;
	sim_node_start(&w, 3);
	/* And nothing else before. */
	while (!told("belongs to a cluster")) {
		assert_false(told("member add"));
		assert_false(told("agreed"));
		assert_true(w.now_ns < until_ns);
		sim_world_run(&w, MS);
	}
	sim_world_run(&w, 15 * SECOND);
	expect_told("belongs to a cluster that this directory is not of: if this member was of it, "
		    "and its directory is lost, it comes back as another one: quoinctl member "
		    "replace there");
	again = members_change(&w, (struct raft_change){.kind = RAFT_CHANGE_REPLACE,
							.replaced = id,
							.place = sim_host_place(3)});
	/* While it cannot catch up, others go on to send to the directory that it replaces. */
	while (!w.node[3].node->raft)
		sim_world_run(&w, MS);
	for (uint32_t k = 0; k < 3; k++)
		sim_net_cut(w.net, 3, k, true);
	sim_world_run(&w, 8 * SECOND);
	assert_false(
		sim_node_says(&w, 3, "another directory")); /* honest packets are not doubted */
	sim_net_heal(w.net);
	members_expect_voter(&w, again, 4);
	assert_null(member(id));
	expect_caught_up(3);
	/* Nor are those that tell the other one that it is out. */
	for (int i = 0; i < 250; i++) {
		sim_world_run(&w, 20 * MS);
		assert_false(sim_node_says(&w, 3, "another directory"));
	}
	sim_world_destroy(&w);
}

/* It was bound, and heard nothing of that before all left whom it asks: it is told what helps. */
static void D16_who_waits_for_those_who_left_is_told_of_those_who_came(void **state)
{
	static const char came[] = "arrive from where none of initial-cluster is";

	(void)state;
	members_world_begin(&w, 181, 4, 0);
	sim_node_start(&w, 3);
	sim_world_run(&w, SECOND); /* it knows their MAC addresses */
	for (uint32_t k = 0; k < 7; k++)
		sim_net_cut(w.net, k, 3, true);
	members_change(&w, (struct raft_change){.kind = RAFT_CHANGE_ADD_LEARNER,
						.place = sim_host_place(3)});
	sim_world_run(&w, 4 * SECOND);
	expect_told("at a member that is up; if that was done, none of initial-cluster is heard: "
		    "if they left, start it again with the members of today in it");
	for (uint32_t k = 0; k < 3; k++) {
		const raft_id old = w.node[k].node->id;

		sim_node_start(&w, 4 + k);
		raft_id id =
			members_change(&w, (struct raft_change){.kind = RAFT_CHANGE_REPLACE,
								.replaced = old,
								.place = sim_host_place(4 + k)});
		members_expect_voter(&w, id, 3);
		members_expect_out(&w, old);
		if (w.node[k].node)
			sim_node_crash(&w, k);
	}
	assert_false(sim_node_says(&w, 3, came));
	sim_net_heal(w.net);
	sim_world_run(&w, 4 * SECOND);
	assert_true(sim_node_says(&w, 3, came));
	assert_true(sim_node_says(&w, 3, "start it again with the members of today in initial"));
	sim_node_crash(&w, 3);
	sim_node_start(&w, 3);
	expect_caught_up(3);
	assert_false(sim_node_says(&w, 3, "arrive"));
	sim_world_destroy(&w);
}

/* It is to ask the leader alone, and others send to it. When it has come in it knows them. */
static void D16_who_has_come_in_tells_of_no_strangers(void **state)
{
	uint32_t leads;

	(void)state;
	members_world_begin(&w, 183, 1, 0);
	leads = (uint32_t)sim_leader(&w);
	w.joiners_know = 1u << leads;
	sim_node_start(&w, 3);
	sim_world_run(&w, SECOND);
	for (uint32_t k = 0; k < 3; k++)
		sim_net_cut(w.net, k, 3, true);
	members_change(&w,
		       (struct raft_change){.kind = RAFT_CHANGE_ADD, .place = sim_host_place(3)});
	sim_world_run(&w, 2 * SECOND);
	for (uint32_t k = 0; k < 3; k++)
		sim_net_cut(w.net, k, 3, k == leads);
	sim_world_run(&w, 5 * SECOND);
	assert_true(sim_node_says(&w, 3, "arrive from where none of initial-cluster is"));
	sim_net_heal(w.net);
	for (uint32_t ms = 0; w.node[3].node->id == 0; ms++) {
		assert_true(ms < 5000);
		sim_world_run(&w, MS);
	}
	assert_false(sim_node_says(&w, 3, "arrive"));
	sim_world_destroy(&w);
}

/* Nobody else has learned of it: it is started where the table has it, as it is told. */
static void D16_who_moved_before_it_was_told_goes_back(void **state)
{
	(void)state;
	members_world_begin(&w, 157, 0, 0);
	uint32_t i = ((uint32_t)sim_leader(&w) + 1) % 3, was = w.node[i].address;

	sim_node_crash(&w, i);
	w.node[i].address = (uint32_t)(sim_host_place(9) >> 16);
	w.node[i].moved = true;
	sim_node_start(&w, i);
	sim_world_run(&w, 2 * SECOND);
	assert_true(sim_node_says(
		&w, i, "start it with network.address, and itself in initial-cluster, at "));
	sim_node_crash(&w, i);
	w.node[i].address = was;
	w.node[i].moved = false;
	sim_node_start(&w, i);
	expect_caught_up(i);
	assert_true(raft_leader(w.node[i].node->raft) != 0);
	assert_false(sim_node_says(&w, i, "error the member table has"));
	sim_world_destroy(&w);
}

/*
 * R32: one was away while another was replaced by a member that leads now. It does not know that
 * one, whose appends are a stranger's to it; those whom it knows tell it who the members are, when
 * it asks for their votes. And it helps to elect the one that it did not know.
 */
static void R32_who_was_away_is_told_who_came(void **state)
{
	uint64_t until_ns;

	(void)state;
	members_world_begin(&w, 79, 1, 2);
	while (sim_leader(&w) != 0) {
		(void)raft_transfer(members_leader(&w)->raft, w.node[0].node->id);
		sim_world_run(&w, 10 * MS);
	}
	sim_node_crash(&w, 2);
	sim_node_start(&w, 3);
	sim_world_run(&w, SECOND);
	raft_id id = members_change(&w, (struct raft_change){.kind = RAFT_CHANGE_REPLACE,
							     .replaced = w.node[1].node->id,
							     .place = sim_host_place(3)});
	members_expect_voter(&w, id, 3);
	sim_node_crash(&w, 1);
	while (sim_leader(&w) != 3) {
		(void)raft_transfer(members_leader(&w)->raft, id);
		sim_world_run(&w, 10 * MS);
	}
	sim_node_start(&w, 2);
	const struct node *away = w.node[2].node;
	while (!away->raft || away->raft->told_index == 0)
		sim_world_run(&w, MS);
	assert_true(away->now_ns < away->who_first_ns); /* it asked nobody */
	expect_caught_up(2);
	sim_node_crash(&w, 0);
	/* Both clients may ask the two that are down, a second each, several times. */
	until_ns = w.now_ns + 20 * SECOND;
	sim_world_run(&w, SECOND);
	raft_index last = raft_commit(members_leader(&w)->raft);
	while (raft_commit(members_leader(&w)->raft) <= last) {
		assert_true(w.now_ns < until_ns);
		sim_world_run(&w, 10 * MS);
	}
	sim_world_destroy(&w);
}

/*
 * One was away while two of five were removed. Started again it asks what is known of its start,
 * and of those that it knows one is up: with that one it is a majority of the three that are left.
 */
static void D16_who_starts_again_is_told_who_left(void **state)
{
	uint64_t until_ns;

	(void)state;
	members_world_begin(&w, 89, 2, 0);
	for (uint32_t i = 3; i < 5; i++) {
		raft_id id = members_change(&w, (struct raft_change){.kind = RAFT_CHANGE_ADD,
								     .place = sim_host_place(i)});
		sim_node_start(&w, i);
		members_expect_voter(&w, id, i + 1);
	}
	while (sim_leader(&w) != 0) {
		(void)raft_transfer(members_leader(&w)->raft, w.node[0].node->id);
		sim_world_run(&w, 10 * MS);
	}
	expect_caught_up(2);
	sim_node_crash(&w, 2);
	for (uint32_t i = 3; i < 5; i++) {
		(void)members_change(&w, (struct raft_change){.kind = RAFT_CHANGE_REMOVE,
							      .id = w.node[i].node->id});
		sim_world_run(&w, SECOND);
		if (w.node[i].node)
			sim_node_crash(&w, i);
	}
	assert_int_equal(raft_members_voters(raft_get_members(members_leader(&w)->raft)), 3);
	sim_node_crash(&w, 1);
	while (sim_leader(&w) >= 0)
		sim_world_run(&w, MS);
	sim_node_start(&w, 2);
	until_ns = w.now_ns + 10 * SECOND;
	while (sim_leader(&w) < 0) {
		assert_true(w.now_ns < until_ns);
		sim_world_run(&w, MS);
	}
	expect_caught_up(2);
	sim_world_destroy(&w);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_member_joins),
		cmocka_unit_test(F1_a_member_joins_by_one_that_follows),
		cmocka_unit_test(a_dead_member_is_replaced),
		cmocka_unit_test(F1_who_was_added_and_is_not_to_form_is_told_on_both_sides),
		cmocka_unit_test(F1_who_joined_and_lost_its_directory_is_told_the_way_back),
		cmocka_unit_test(D16_who_waits_for_those_who_left_is_told_of_those_who_came),
		cmocka_unit_test(D16_who_has_come_in_tells_of_no_strangers),
		cmocka_unit_test(D16_who_moved_before_it_was_told_goes_back),
		cmocka_unit_test(R32_who_was_away_is_told_who_came),
		cmocka_unit_test(D16_who_starts_again_is_told_who_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
