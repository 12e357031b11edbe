/*
 * Leadership transfer while commands go on (R45), and where something comes in between: it is done
 * or given up within an election timeout, and commands are taken again.
 */
#include "tests/unit/raft/check.h"
#include "tests/unit/raft/scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum {
	SEEDS = 20,
	ROUND_TRIP_US = 1000, /* and the disks */
	PAUSE_US = 4000,      /* of the clients */
	PAUSE_SHORT_US = 400, /* ... so that a read overtakes most messages */
};

static const uint32_t sizes[] = {3, 5, 7};

static struct raft_message late; /* the newest TIMEOUT_NOW */

static void on_sent(struct cluster *c, const struct raft_message *m)
{
	(void)c;
	if (m->type == RAFT_MESSAGE_TIMEOUT_NOW)
		late = *m;
}

static const struct cluster_observer observer = {.sent = on_sent};

static struct scene *busy(uint32_t nodes, uint64_t seed, struct cluster_node **leader)
{
	struct scene *s = scene_working(nodes, seed, leader);

	s->pause_us = PAUSE_US;
	s->c.observer = &observer;
	memset(&late, 0, sizeof(late));
	scene_run(s, scene_timeouts(s, 1));
	return s;
}

static void begin(struct scene *s, struct cluster_node *leader, const struct cluster_node *to)
{
	assert_int_equal(cluster_transfer(&s->c, leader, to->id), 0);
}

/* Done or given up by now, and commands are taken. Returns how long none was. */
static uint64_t ended(struct scene *s, uint64_t us)
{
	const uint64_t before_us = s->accepted_us;

	while (s->accepted_us == before_us && us > 0) {
		uint64_t step_us = us < 200 ? us : 200;

		scene_run(s, step_us);
		us -= step_us;
	}
	assert_true(s->accepted_us > before_us);
	return s->accepted_us - before_us;
}

static void finished(struct scene *s)
{
	memset(s->c.cut, 0, sizeof(s->c.cut));
	scene_settle(s);
	scene_free(s);
}

static void R45_a_transfer_costs_a_round_trip(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct cluster_node *leader;
		struct scene *s = busy(sizes[seed % 3], seed, &leader);
		struct cluster_node *to = scene_other(s, leader);

		s->pause_us = PAUSE_SHORT_US;
		scene_run(s, s->c.options.heartbeat_us);
		begin(s, leader, to);
		/*
		 * What it lacks, TIMEOUT_NOW, two writes of a vote one after the other. Where a
		 * read overtook it, TIMEOUT_NOW looked late, and came again.
		 */
		ended(s, s->c.options.heartbeat_us + ROUND_TRIP_US);
		assert_ptr_equal(leaderless_leader(&s->c), to);
		s->pause_us = PAUSE_US;
		scene_run(s, scene_timeouts(s, 5));
		assert_int_equal(s->l.changes, 1);
		finished(s);
	}
}

/* More than the window: what it lacks is read back from the log (RAFT_TEST_WINDOW is 64). */
static void R45_to_one_that_lags_it_ends_within_an_election_timeout(void **state)
{
	uint32_t done = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct cluster_node *leader;
		struct scene *s = busy(sizes[seed % 3], seed, &leader);
		struct cluster_node *to = scene_other(s, leader);

		scene_cut(s, to, true, true);
		scene_run(s, cluster_random(&s->c, scene_timeouts(s, 4)));
		scene_cut(s, to, false, false);
		scene_run(s, s->c.options.heartbeat_us + cluster_random(&s->c, 2000));
		int err = cluster_transfer(&s->c, leader, to->id);
		assert_true(err == 0 || err == -EHOSTUNREACH);
		ended(s, s->c.options.election_us_min + 2 * ROUND_TRIP_US + PAUSE_US);
		scene_run(s, s->c.options.election_us_min);
		struct cluster_node *now = leaderless_leader(&s->c);
		assert_true(now == leader || now == to);
		done += now == to;
		finished(s);
	}
	assert_true(done > 0);
}

enum hurt { CUT, DEAF, MUTE, DISK, CRASH, PAUSE, HURTS };

static void hurt(struct scene *s, struct cluster_node *n, enum hurt how)
{
	if (how == CUT || how == DEAF || how == MUTE)
		scene_cut(s, n, how != DEAF, how != MUTE);
	else if (how == DISK)
		n->disk_held = true;
	else if (how == CRASH)
		cluster_crash(&s->c, n, 0);
	else
		cluster_pause(n);
}

static void heal(struct scene *s, struct cluster_node *n)
{
	scene_cut(s, n, false, false);
	n->disk_held = false;
	if (!n->core)
		cluster_start(&s->c, n);
	if (n->paused)
		cluster_resume(&s->c, n);
}

/* As it begins, or a moment later. */
static void R45_to_one_that_is_hurt_it_is_given_up(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 2 * SEEDS; seed++) {
		struct cluster_node *leader;
		struct scene *s = busy(sizes[seed % 3], seed, &leader);
		struct cluster_node *to = scene_other(s, leader);
		const uint64_t bound_us = s->c.options.election_us_min + scene_timeouts(s, 3);

		begin(s, leader, to);
		scene_run(s, seed & 1 ? 0 : cluster_random(&s->c, ROUND_TRIP_US));
		/* Before it stood for election, the leader goes on; after it, the others elect. */
		bool stood = raft_get_role(to->core) > RAFT_PRECANDIDATE;
		hurt(s, to, (enum hurt)(seed % HURTS));
		ended(s, stood ? bound_us
			       : s->c.options.election_us_min + 2 * ROUND_TRIP_US + PAUSE_US);
		scene_run(s, scene_timeouts(s, 3));
		heal(s, to);
		scene_run(s, scene_timeouts(s, 3));
		assert_true(s->l.changes <= 2);
		finished(s);
	}
}

static void R45_a_leader_that_is_hurt_meanwhile_is_followed_by_another(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 2 * SEEDS; seed++) {
		struct cluster_node *leader;
		struct scene *s = busy(sizes[seed % 3], seed, &leader);

		s->l.length_max = 3000;
		begin(s, leader, scene_other(s, leader));
		scene_run(s, seed & 1 ? 0 : cluster_random(&s->c, ROUND_TRIP_US));
		hurt(s, leader, (enum hurt)(seed % HURTS));
		scene_run(s, scene_timeouts(s, 4));
		assert_non_null(leaderless_leader(&s->c));
		heal(s, leader);
		scene_run(s, scene_timeouts(s, 3));
		assert_true(s->l.changes <= 2);
		finished(s);
	}
}

static void R45_where_frames_are_lost_it_ends_all_the_same(void **state)
{
	uint32_t done = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 2 * SEEDS; seed++) {
		struct cluster_node *leader;
		struct scene *s = busy(sizes[seed % 3], seed, &leader);
		struct cluster_node *to = scene_other(s, leader);

		s->c.options.loss_permille = 200;
		s->c.options.duplicate_permille = 200;
		begin(s, leader, to);
		scene_run(s, s->c.options.election_us_min + s->c.options.heartbeat_us);
		assert_int_equal(raft_get_transfer(leader->core), 0);
		assert_non_null(scene_leader(s, scene_timeouts(s, 3)));
		done += leaderless_leader(&s->c) == to;
		s->c.options.loss_permille = 0;
		finished(s);
	}
	assert_true(done > SEEDS);
}

/* Given up, and then it comes; or another leads by now. */
static void R44_a_transfer_that_comes_late_is_refused(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct cluster_node *leader;
		struct scene *s = busy(sizes[seed % 3], seed, &leader);
		struct cluster_node *to = scene_other(s, leader);
		const uint32_t from = (uint32_t)(leader - s->c.node);

		/* It answers, and so it is brought up to date; it does not hear what then comes. */
		begin(s, leader, to);
		while (late.to == 0)
			assert_true(cluster_step(&s->c, s->c.now_us + ROUND_TRIP_US));
		s->c.cut[from][to - s->c.node] = true;
		scene_run(s, s->c.options.election_us_min);
		assert_int_equal(raft_get_transfer(leader->core), 0);
		s->c.cut[from][to - s->c.node] = false;
		scene_run(s, seed & 1 ? 2 * s->c.options.heartbeat_us : scene_timeouts(s, 2));
		assert_ptr_equal(leaderless_leader(&s->c), leader);
		assert_int_not_equal(raft_recv(to->core, &late), 0);
		assert_int_not_equal(raft_get_role(to->core), RAFT_CANDIDATE);
		scene_run(s, scene_timeouts(s, 2));
		assert_int_equal(s->l.changes, 0);

		begin(s, leader, to);
		scene_run(s, scene_timeouts(s, 1));
		assert_ptr_equal(leaderless_leader(&s->c), to);
		struct cluster_node *third = scene_other(s, to);
		late.to = third->id;
		assert_int_not_equal(raft_recv(third->core, &late), 0);
		finished(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(R45_a_transfer_costs_a_round_trip),
		cmocka_unit_test(R45_to_one_that_lags_it_ends_within_an_election_timeout),
		cmocka_unit_test(R45_to_one_that_is_hurt_it_is_given_up),
		cmocka_unit_test(R45_a_leader_that_is_hurt_meanwhile_is_followed_by_another),
		cmocka_unit_test(R45_where_frames_are_lost_it_ends_all_the_same),
		cmocka_unit_test(R44_a_transfer_that_comes_late_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
