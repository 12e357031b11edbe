/*
 * Networks in which clusters have lost their leaders for hours, one by one: what partition_test.c
 * draws, by name and with exact bounds; and switching the protections on, member by member.
 */
#include "tests/unit/raft/check.h"
#include "tests/unit/raft/scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { SEEDS = 20 };

static const uint32_t sizes[] = {3, 5, 7};

/* One that can commit, within so many of the longest timeouts; and it stays. */
static struct cluster_node *new_leader(struct scene *s, uint64_t timeouts)
{
	struct cluster_node *leader = scene_leader(s, scene_timeouts(s, timeouts));

	assert_non_null(leader);
	raft_term term = raft_get_term(leader->core);
	scene_run(s, scene_timeouts(s, 10));
	assert_ptr_equal(leaderless_leader(&s->c), leader);
	assert_int_equal(raft_get_term(leader->core), term);
	return leader;
}

static void healed(struct scene *s)
{
	topology_heal(&s->t, &s->c);
	assert_non_null(scene_leader(s, scene_timeouts(s, 3)));
	scene_settle(s);
	scene_free(s);
}

static void R27_one_link_of_three_is_down_and_the_leader_stays(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct cluster_node *leader;
		struct scene *s = scene_working(3, seed, &leader);

		topology_draw(&s->t, &s->c, TOPOLOGY_PARTIAL, leader);
		scene_run(s, scene_timeouts(s, 20));
		assert_ptr_equal(leaderless_leader(&s->c), leader);
		assert_int_equal(s->l.changes, 0);
		healed(s);
	}
}

static void R28_five_in_a_chain_come_to_a_leader_that_stays(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct cluster_node *leader;
		struct scene *s = scene_working(5, seed, &leader);

		/* Entries that only its first member has would keep the others from leading. */
		scene_settle(s);
		topology_draw(&s->t, &s->c, TOPOLOGY_CHAIN, leader);
		new_leader(s, 3);
		assert_true(s->l.changes <= 1);
		healed(s);
	}
}

static void R29_links_that_carry_one_way_cost_no_leader(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		for (uint32_t i = 0; i < 3; i++) {
			struct cluster_node *leader;
			struct scene *s = scene_working(sizes[i], seed, &leader);

			topology_draw(&s->t, &s->c, TOPOLOGY_ONE_WAY, leader);
			scene_run(s, scene_timeouts(s, 20));
			assert_ptr_equal(leaderless_leader(&s->c), leader);
			assert_int_equal(s->l.changes, 0);
			healed(s);
		}
	}
}

static void R30_a_member_that_comes_and_goes_deposes_nobody(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct cluster_node *leader;
		struct scene *s = scene_working(sizes[seed % 3], seed, &leader);
		struct cluster_node *n = scene_other(s, leader);
		raft_term term = raft_get_term(leader->core);

		for (uint32_t i = 0; i < 40; i++) {
			uint64_t us = scene_timeouts(s, 8) >> cluster_random(&s->c, 7);
			uint64_t ways = 1 + cluster_random(&s->c, 3);

			scene_cut(s, n, ways & 1, ways & 2);
			scene_run(s, us);
			scene_cut(s, n, false, false);
			scene_run(s, cluster_random(&s->c, us));
		}
		scene_settle(s);
		assert_ptr_equal(leaderless_leader(&s->c), leader);
		assert_int_equal(raft_get_term(leader->core), term);
		assert_int_equal(raft_get_term(n->core), term);
		scene_free(s);
	}
}

static void R53_who_still_hears_the_old_leader_elects_another_soon(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct cluster_node *old;
		struct scene *s = scene_working(sizes[1 + seed % 2], seed, &old);

		topology_draw(&s->t, &s->c, TOPOLOGY_BRIDGE, old);
		scene_run(s, s->c.options.election_us_min + 2 * s->c.options.heartbeat_us);
		assert_int_not_equal(raft_get_role(old->core), RAFT_LEADER);
		assert_ptr_not_equal(new_leader(s, 3), old);
		assert_int_equal(s->l.changes, 1);
		healed(s);
	}
}

static void R64_a_leader_that_hears_nobody_steps_down(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct cluster_node *old;
		struct scene *s = scene_working(sizes[seed % 3], seed, &old);

		topology_draw(&s->t, &s->c, TOPOLOGY_DEAF, old);
		scene_run(s, s->c.options.election_us_min + 2 * s->c.options.heartbeat_us);
		assert_int_not_equal(raft_get_role(old->core), RAFT_LEADER);
		/* It asks for votes, and all hear it; nobody minds. */
		assert_ptr_not_equal(new_leader(s, 3), old);
		assert_int_equal(s->l.changes, 1);
		healed(s);
	}
}

/* CheckQuorum: whoever asks it learns at once that it leads no more, not when it gives up. */
static void R64_a_leader_without_a_majority_takes_no_command(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		struct cluster_node *old;
		struct scene *s = scene_working(sizes[i], 7, &old);

		scene_cut(s, old, true, true);
		scene_run(s, s->c.options.election_us_min + 2 * s->c.options.heartbeat_us);
		assert_int_equal(cluster_propose(&s->c, old, "x", 1), -EREMOTE);
		assert_int_equal(cluster_read(&s->c, old), -EREMOTE);
		healed(s);
	}
}

/* The members that have both, one of them, or neither, by two bits each. */
static void R25_mixed(uint32_t mix)
{
	const struct cluster_options o = scene_options(3, mix + 1);
	struct scene *s = scene_new(&o);

	for (uint32_t turn = 0; turn < 6; turn++) {
		struct cluster_node *n = &s->c.node[turn % 3];

		/* One after the other is started with it; then again, without. */
		cluster_crash(&s->c, n, 0);
		n->no_pre_vote = turn < 3 ? (mix >> 2 * (turn % 3) & 1) == 0 : (turn & 1) != 0;
		n->no_check_quorum = turn < 3 ? (mix >> 2 * (turn % 3) & 2) == 0 : (turn & 2) != 0;
		cluster_start(&s->c, n);
		s->client_us = s->c.now_us;
		struct cluster_node *leader = scene_leader(s, scene_timeouts(s, 8));
		assert_non_null(leader);
		cluster_crash(&s->c, leader, 0);
		assert_non_null(scene_leader(s, scene_timeouts(s, 8)));
		cluster_start(&s->c, leader);
		/* One that is away for long has the highest term, if it does not ask before. */
		scene_cut(s, leader, true, true);
		scene_run(s, scene_timeouts(s, 6));
		scene_cut(s, leader, false, false);
		assert_non_null(scene_leader(s, scene_timeouts(s, 8)));
		scene_settle(s);
	}
	scene_free(s);
}

static void R25_protections_are_switched_on_member_by_member(void **state)
{
	(void)state;
	for (uint32_t mix = 0; mix < 64; mix++)
		R25_mixed(mix);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(R27_one_link_of_three_is_down_and_the_leader_stays),
		cmocka_unit_test(R28_five_in_a_chain_come_to_a_leader_that_stays),
		cmocka_unit_test(R29_links_that_carry_one_way_cost_no_leader),
		cmocka_unit_test(R30_a_member_that_comes_and_goes_deposes_nobody),
		cmocka_unit_test(R53_who_still_hears_the_old_leader_elects_another_soon),
		cmocka_unit_test(R64_a_leader_that_hears_nobody_steps_down),
		cmocka_unit_test(R64_a_leader_without_a_majority_takes_no_command),
		cmocka_unit_test(R25_protections_are_switched_on_member_by_member),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
