/*
 * Members that get no time, clocks that are wrong, and disks that hang: what the leader does, and
 * what becomes of the cluster meanwhile (R46, R47).
 */
#include "tests/unit/raft/check.h"
#include "tests/unit/raft/scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { SEEDS = 20, MS = 1000 };

static const uint32_t sizes[] = {3, 5, 7};

/* ---- R47: a leader that was paused ---- */

static void R47_a_leader_that_slept_for_a_moment_reads_its_mail_and_leads_on(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct cluster_node *leader;
		struct scene *s = scene_working(sizes[seed % 3], seed, &leader);

		for (uint32_t i = 0; i < 20; i++) {
			cluster_pause(leader);
			/* So that no follower was silent for its timeout, whenever it began. */
			scene_run(s, s->c.options.election_us_min - 2 * s->c.options.heartbeat_us);
			cluster_resume(&s->c, leader);
			assert_int_equal(raft_get_role(leader->core), RAFT_LEADER);
			scene_run(s, s->c.options.heartbeat_us * 2);
		}
		assert_int_equal(s->l.changes, 0);
		scene_settle(s);
		scene_free(s);
	}
}

/*
 * Who is preferred gets no time now and then, and between has just enough to be taken for steady:
 * each of the others hands over to it ever more seldom, at the most every 64 times as long. Where
 * it is well again it leads, and goes on doing so.
 */
static void D19_who_is_preferred_and_comes_and_goes_seldom_leads(void **state)
{
	enum { TIMES = 200, SELDOM = 2 * (7 + 7) };

	(void)state;
	for (uint64_t seed = 1; seed <= 2; seed++) {
		struct cluster_node *leader;
		struct scene *s = scene_working(3, seed, &leader);
		struct cluster_node *preferred = &s->c.node[seed % 3];
		const uint64_t longest_us = s->c.options.election_us_max;
		uint32_t led = 0;

		preferred->core->priority = 10;
		for (uint32_t i = 0; i < TIMES; i++) {
			scene_run(s, 7 * longest_us);
			led += raft_get_role(preferred->core) == RAFT_LEADER;
			cluster_pause(preferred);
			scene_run(s, 3 * longest_us);
			cluster_resume(&s->c, preferred);
		}
		assert_in_range(led, 2, SELDOM);
		scene_run(s, 300 * longest_us);
		assert_int_equal(raft_get_role(preferred->core), RAFT_LEADER);
		s->l.changes = 0;
		scene_run(s, 300 * longest_us);
		assert_int_equal(s->l.changes, 0);
		scene_settle(s);
		scene_free(s);
	}
}

/* Its mail tells who leads by now, before anything that it could do about it. */
static void R47_a_leader_that_slept_through_an_election_knows_it_at_once(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct cluster_node *old;
		struct scene *s = scene_working(sizes[seed % 3], seed, &old);

		cluster_pause(old);
		assert_non_null(scene_leader(s, scene_timeouts(s, 3)));
		scene_run(s, cluster_random(&s->c, scene_timeouts(s, 20)));
		cluster_resume(&s->c, old);
		assert_int_not_equal(raft_get_role(old->core), RAFT_LEADER);
		assert_int_equal(cluster_propose(&s->c, old, "x", 1), -EREMOTE);
		(void)cluster_read(&s->c, old); /* at most the other one is asked, and RC7 looks */
		assert_int_equal(s->l.changes, 1);
		scene_settle(s);
		scene_free(s);
	}
}

/*
 * Its mail is lost: it may still take itself for the leader. What it is asked then is answered by
 * nobody, and it knows within a round. (RC7 sees a read that is answered too early.)
 */
static void R47_a_leader_that_slept_and_lost_its_mail_answers_nothing(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct cluster_node *old;
		struct scene *s = scene_working(sizes[seed % 3], seed, &old);

		cluster_pause(old);
		assert_non_null(scene_leader(s, scene_timeouts(s, 3)));
		scene_run(s, cluster_random(&s->c, scene_timeouts(s, 20)));
		uint64_t confirmed = old->reads_confirmed;
		cluster_mail_forget(old);
		cluster_resume(&s->c, old);
		bool led = raft_get_role(old->core) == RAFT_LEADER;
		raft_index commit = raft_commit(old->core);
		if (led)
			assert_int_equal(cluster_read(&s->c, old), 0);
		if (led)
			cluster_propose(&s->c, old, "x", 1);
		while (raft_get_role(old->core) == RAFT_LEADER) {
			assert_int_equal(raft_commit(old->core), commit);
			assert_int_equal(old->reads_confirmed, confirmed);
			assert_true(cluster_step(&s->c, UINT64_MAX - 1));
		}
		if (led)
			assert_true(s->c.now_us < UINT64_MAX);
		s->l.changes = 0;
		scene_run(s, scene_timeouts(s, 5));
		assert_int_equal(s->l.changes, 0);
		scene_settle(s);
		scene_free(s);
	}
}

/* A whole host sleeps: all of them, and each finds the others' last words. */
static void R47_all_of_them_sleep_and_go_on(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct cluster_node *leader;
		struct scene *s = scene_working(sizes[seed % 3], seed, &leader);

		for (uint32_t i = 0; i < s->c.options.nodes; i++)
			cluster_pause(&s->c.node[i]);
		scene_run(s, cluster_random(&s->c, scene_timeouts(s, 40)));
		for (uint32_t i = 0; i < s->c.options.nodes; i++)
			cluster_resume(&s->c, &s->c.node[i]);
		assert_non_null(scene_leader(s, scene_timeouts(s, 3)));
		scene_run(s, scene_timeouts(s, 10));
		assert_true(s->l.changes <= 1);
		scene_settle(s);
		scene_free(s);
	}
}

/* ---- clocks ---- */

/* 1 % is more than any clock is off; and twice or half as fast costs nobody the lead either. */
static void D19_clocks_that_go_at_other_rates_cost_no_leader(void **state)
{
	static const int32_t ppm[] = {10000, -10000, 300000, -300000, 1000000, -500000};

	(void)state;
	for (uint32_t fast = 0; fast < 6; fast++) {
		for (uint32_t who = 0; who < 4; who++) {
			struct cluster_node *leader;
			struct scene *s = scene_working(3, fast + 1, &leader);

			/* One, the leader, all but it, all. */
			for (uint32_t i = 0; i < 3; i++) {
				struct cluster_node *n = &s->c.node[i];
				bool one = n == &s->c.node[(leader - s->c.node + 1) % 3];
				bool is[] = {one, n == leader, n != leader, true};
				if (is[who])
					cluster_clock_rate(&s->c, n, ppm[fast]);
			}
			scene_run(s, scene_timeouts(s, 50));
			assert_ptr_equal(leaderless_leader(&s->c), leader);
			assert_int_equal(s->l.changes, 0);
			scene_settle(s);
			scene_free(s);
		}
	}
}

static void D19_a_follower_whose_clock_leaps_deposes_nobody(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct cluster_node *leader;
		struct scene *s = scene_working(sizes[seed % 3], seed, &leader);
		raft_term term = raft_get_term(leader->core);

		for (uint32_t i = 0; i < 10; i++) {
			cluster_clock_jump(&s->c, scene_other(s, leader), 3600000 * (uint64_t)MS);
			scene_run(s, cluster_random(&s->c, scene_timeouts(s, 1)));
		}
		scene_settle(s);
		assert_ptr_equal(leaderless_leader(&s->c), leader);
		assert_int_equal(raft_get_term(leader->core), term);
		scene_free(s);
	}
}

/* It may take its round for lost: then there is one election, and no more. */
static void D19_a_leader_whose_clock_leaps_costs_one_election(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct cluster_node *leader;
		struct scene *s = scene_working(sizes[seed % 3], seed, &leader);

		s->l.length_max = 3000;
		cluster_clock_jump(&s->c, leader, 3600000 * (uint64_t)MS);
		scene_run(s, scene_timeouts(s, 10));
		assert_true(s->l.changes <= 1);
		scene_settle(s);
		scene_free(s);
	}
}

/* ---- R43: reads under a lease ---- */

static jmp_buf stale;

static void on_failed(struct cluster *c)
{
	(void)c;
	longjmp(stale, 1);
}

/* A leader is cut off, and asked all the time until it steps down; others are elected meanwhile. */
static void leased(struct scene *s, int32_t leader_ppm, int32_t follower_ppm)
{
	for (uint32_t turn = 0; turn < 20; turn++) {
		struct cluster_node *old = scene_settle(s);

		s->client_us = s->c.now_us;
		for (uint32_t i = 0; i < s->c.options.nodes; i++) {
			struct cluster_node *n = &s->c.node[i];
			cluster_clock_rate(&s->c, n, n == old ? leader_ppm : follower_ppm);
		}
		scene_run(s, scene_timeouts(s, 1) + cluster_random(&s->c, scene_timeouts(s, 1)));
		scene_cut(s, old, true, true);
		for (uint32_t ms = 0; ms < 400; ms++) {
			scene_run(s, MS);
			cluster_read(&s->c, old);
		}
		scene_cut(s, old, false, false);
	}
}

/* Within what raft/lease.c allows nothing stale is read; beyond it, something is (RC7). */
static void R43_a_lease_bears_clocks_that_are_off_as_far_as_it_allows(void **state)
{
	volatile bool found = false;

	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct cluster_options o = scene_options(sizes[seed % 3], seed);
		o.lease_reads = true;
		struct scene *s = scene_new(&o);

		leased(s, -100000, 100000);
		scene_free(s);
	}
	for (uint64_t seed = 1; seed <= SEEDS && !found; seed++) {
		struct cluster_options o = scene_options(3, seed);
		o.lease_reads = true;
		struct scene *s = scene_new(&o);

		s->c.failed = on_failed;
		if (setjmp(stale) == 0)
			leased(s, -800000, 1000000);
		else
			found = true;
		scene_free(s);
	}
	assert_true(found);
}

/* ---- R46: the leader's disk hangs while its network goes on ---- */

static const uint32_t hang_ms[] = {100, 1000, 10000, 60000};

static void R46_a_leader_whose_disk_hangs_steps_down_at_once(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 2 * SEEDS; seed++) {
		struct cluster_node *old;
		struct scene *s = scene_working(sizes[seed % 3], seed, &old);
		uint64_t hang_us = hang_ms[seed / 3 % 4] * (uint64_t)MS;
		uint64_t told_us = s->c.options.disk_stall_us + 4 * s->c.options.heartbeat_us;
		bool told = hang_us > told_us;

		s->l.length_max = 3000;
		old->disk_held = true;
		scene_run(s, told ? told_us : hang_us);
		assert_int_equal(old->stalled, told);
		if (told) {
			assert_int_not_equal(raft_get_role(old->core), RAFT_LEADER);
			struct cluster_node *leader = scene_leader(s, scene_timeouts(s, 1));
			assert_non_null(leader);
			raft_term term = raft_get_term(leader->core);
			scene_run(s, hang_us - told_us);
			assert_ptr_equal(leaderless_leader(&s->c), leader);
			assert_int_equal(raft_get_term(leader->core), term);
		}
		assert_int_equal(s->l.changes, told);
		old->disk_held = false;
		scene_run(s, scene_timeouts(s, 5));
		assert_false(old->stalled);
		assert_int_equal(s->l.changes, told);
		scene_settle(s); /* it has caught up, without a restart */
		scene_free(s);
	}
}

/* It reaches one of two, so nothing is committed without its disk; but those hear each other. */
static void R46_so_does_one_without_whose_disk_nothing_is_committed(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct cluster_node *old;
		struct scene *s = scene_working(3, seed, &old);
		struct cluster_node *far = scene_other(s, old);

		s->l.length_max = 3000;
		scene_cut(s, far, true, true);
		for (uint32_t i = 0; i < 3; i++) {
			if (&s->c.node[i] != old)
				s->c.cut[i][far - s->c.node] = s->c.cut[far - s->c.node][i] = false;
		}
		scene_run(s, scene_timeouts(s, 2));
		assert_ptr_equal(leaderless_leader(&s->c), old);
		old->disk_held = true;
		scene_run(s, scene_timeouts(s, 12));
		assert_non_null(leaderless_leader(&s->c));
		assert_ptr_not_equal(leaderless_leader(&s->c), old);
		topology_heal(&s->t, &s->c);
		scene_settle(s);
		scene_free(s);
	}
}

/*
 * Of five the leader hears two, and the disk of one of these hangs: it commits nothing. The other
 * three hear each other, and the leader.
 */
static void R46_a_follower_whose_disk_hangs_keeps_no_leader_in_office(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct cluster_node *old;
		struct scene *s = scene_working(5, seed, &old);
		const uint32_t from = (uint32_t)(old - s->c.node);

		s->l.length_max = 3000;
		s->c.cut[(from + 1) % 5][from] = true;
		s->c.cut[(from + 2) % 5][from] = true;
		scene_run(s, scene_timeouts(s, 2));
		assert_ptr_equal(leaderless_leader(&s->c), old);
		s->c.node[(from + 3) % 5].disk_held = true;
		scene_run(s, scene_timeouts(s, 12));
		assert_non_null(leaderless_leader(&s->c));
		assert_ptr_not_equal(leaderless_leader(&s->c), old);
		topology_heal(&s->t, &s->c);
		scene_settle(s);
		scene_free(s);
	}
}

/* Of three one is down and the other's disk hangs: nobody leads until it goes on, and then one. */
static void R46_one_whose_disk_hangs_neither_votes_nor_campaigns(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct cluster_node *old;
		struct scene *s = scene_working(3, seed, &old);
		struct cluster_node *down = scene_other(s, old);

		old->disk_held = true;
		scene_run(s, s->c.options.disk_stall_us + 4 * s->c.options.heartbeat_us);
		assert_true(old->stalled);
		cluster_crash(&s->c, down, 0);
		scene_run(s, scene_timeouts(s, 2));
		struct raft_hard_state vote = old->core->hard;
		for (uint32_t i = 0; i < 20; i++) {
			scene_run(s, scene_timeouts(s, 1));
			assert_null(leaderless_leader(&s->c));
			assert_int_equal(raft_get_role(old->core), RAFT_FOLLOWER);
			assert_int_equal(old->core->hard.term, vote.term);
			assert_int_equal(old->core->hard.vote, vote.vote);
		}
		old->disk_held = false;
		assert_non_null(scene_leader(s, scene_timeouts(s, 3)));
		cluster_start(&s->c, down);
		scene_settle(s);
		scene_free(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(R47_a_leader_that_slept_for_a_moment_reads_its_mail_and_leads_on),
		cmocka_unit_test(D19_who_is_preferred_and_comes_and_goes_seldom_leads),
		cmocka_unit_test(R47_a_leader_that_slept_through_an_election_knows_it_at_once),
		cmocka_unit_test(R47_a_leader_that_slept_and_lost_its_mail_answers_nothing),
		cmocka_unit_test(R47_all_of_them_sleep_and_go_on),
		cmocka_unit_test(D19_clocks_that_go_at_other_rates_cost_no_leader),
		cmocka_unit_test(D19_a_follower_whose_clock_leaps_deposes_nobody),
		cmocka_unit_test(D19_a_leader_whose_clock_leaps_costs_one_election),
		cmocka_unit_test(R43_a_lease_bears_clocks_that_are_off_as_far_as_it_allows),
		cmocka_unit_test(R46_a_leader_whose_disk_hangs_steps_down_at_once),
		cmocka_unit_test(R46_so_does_one_without_whose_disk_nothing_is_committed),
		cmocka_unit_test(R46_a_follower_whose_disk_hangs_keeps_no_leader_in_office),
		cmocka_unit_test(R46_one_whose_disk_hangs_neither_votes_nor_campaigns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
