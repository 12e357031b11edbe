/*
 * Changes of members in whole clusters, case by case: what is appended and not committed, restarts,
 * and voters that know nothing of what they decide (D16). The checkers of cluster.h run.
 */
#include "tests/unit/raft/cluster.h"

#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MS = 1000, ELECTION_US_MAX = 300 * MS, BOUND_US = 8 * ELECTION_US_MAX };

static struct cluster *begin(bool no_pre_vote)
{
	const struct cluster_options o = {
		.nodes = 3,
		.seed = 7,
		.delay_us_min = 50,
		.delay_us_max = 200,
		.disk_us_min = 50,
		.disk_us_max = 200,
		.append_size_max = 9000,
		.heartbeat_us = 20 * MS,
		.election_us_min = 150 * MS,
		.election_us_max = ELECTION_US_MAX,
		.promise_us = 150 * MS,
		.no_pre_vote = no_pre_vote,
	};
	struct cluster *c = malloc(sizeof(*c));

	assert_non_null(c);
	cluster_init(c, &o);
	for (uint32_t i = 0; i < 3; i++)
		cluster_start(c, &c->node[i]);
	return c;
}

static void end(struct cluster *c)
{
	cluster_fini(c);
	free(c);
}

/* A leader that has committed all that it has; it is there within the bound. */
static struct cluster_node *led(struct cluster *c)
{
	for (uint64_t until = c->now_us + BOUND_US; c->now_us < until;) {
		struct cluster_node *n = cluster_leader(c);

		if (n && n->core->term_start > 0 && n->core->commit == n->core->window.last)
			return n;
		cluster_run(c, c->now_us + 5 * MS);
	}
	fail_msg("nobody leads");
	abort(); /* for a compiler that does not know that it is over */
}

static const struct raft_member *member(const struct raft *r, raft_id id)
{
	const struct raft_member *m = raft_members_find(&r->members, id);

	assert(m);
	return m;
}

static int change(struct cluster *c, struct cluster_node *n, struct raft_change what)
{
	struct raft_refusal refusal;
	raft_index index;

	return cluster_change(c, n, &what, 1, &index, &refusal);
}

/* Asked for by who leads, and committed, to the end of the joint form. */
static void changed(struct cluster *c, struct raft_change what)
{
	assert_int_equal(change(c, led(c), what), 0);
	for (int i = 0; i < 400 && raft_members_joint(&led(c)->core->members); i++)
		cluster_run(c, c->now_us + 5 * MS);
	assert_false(raft_members_joint(&led(c)->core->members));
}

static struct cluster_node *joined(struct cluster *c, enum raft_change_kind kind)
{
	struct cluster_node *n = cluster_slot(c);

	changed(c, (struct raft_change){.kind = kind, .id = n->id, .place = 100 + n->id});
	changed(c, (struct raft_change){
			   .kind = RAFT_CHANGE_BIND, .id = n->id, .identity = n->identity});
	assert_true(cluster_join(c, n, led(c)));
	for (int i = 0; i < 400 && raft_votes(n->core) != (kind == RAFT_CHANGE_ADD); i++)
		cluster_run(c, c->now_us + 5 * MS);
	led(c);
	cluster_run(c, c->now_us + 100 * MS);
	return n;
}

static void cut(struct cluster *c, const struct cluster_node *n, bool down)
{
	for (uint32_t i = 0; i < c->options.nodes; i++)
		c->cut[i][n->id - 1] = c->cut[n->id - 1][i] = down && i != n->id - 1;
}

/* The leader, and 4, a learner, are alone with the table that makes 4 a voter. */
static struct cluster_node *joint_begin(struct cluster *c, struct cluster_node **learner)
{
	struct cluster_node *n;

	*learner = joined(c, RAFT_CHANGE_ADD_LEARNER);
	n = led(c);
	cut(c, n, true);
	c->cut[n->id - 1][3] = c->cut[3][n->id - 1] = false;
	assert_int_equal(change(c, n, (struct raft_change){.kind = RAFT_CHANGE_PROMOTE, .id = 4}),
			 0);
	cluster_run(c, c->now_us + 10 * MS);
	assert_true(raft_members_joint(&n->core->members));
	assert_true(raft_members_joint(&(*learner)->core->members));
	return n;
}

static void R35_a_table_that_is_not_committed_is_taken_back(void **state)
{
	struct cluster *c = begin(false);
	struct cluster_node *learner, *old = joint_begin(c, &learner);
	raft_index joint = old->core->members_index;

	(void)state;
	cut(c, learner, true);
	cluster_run(c, c->now_us + BOUND_US);
	assert_int_not_equal(led(c)->id, old->id);
	memset(c->cut, 0, sizeof(c->cut));
	cluster_run(c, c->now_us + BOUND_US);
	for (uint32_t i = 0; i < 4; i++) {
		const struct raft *r = c->node[i].core;

		assert_true(r->members_index < joint);
		assert_false(raft_members_joint(&r->members));
		assert_false(member(r, 4)->voter);
	}
	changed(c, (struct raft_change){.kind = RAFT_CHANGE_PROMOTE, .id = 4});
	assert_true(raft_votes(learner->core));
	end(c);
}

static void R33_a_restart_has_the_newest_table_of_its_log(void **state)
{
	struct cluster *c = begin(false);
	struct cluster_node *learner, *old = joint_begin(c, &learner);
	raft_index joint = old->core->members_index;

	(void)state;
	assert_true(c->members_index < joint);
	cluster_crash(c, learner, 0);
	cluster_start(c, learner);
	assert_int_equal(learner->core->members_index, joint);
	assert_true(raft_votes(learner->core));
	assert_int_equal(learner->core->quorum_before, 2);
	/* And the one before it, to which it falls back. */
	assert_int_equal(learner->core->members_before_index, c->members_index);
	memset(c->cut, 0, sizeof(c->cut));
	cluster_run(c, c->now_us + BOUND_US);
	assert_false(raft_members_joint(&led(c)->core->members));
	end(c);
}

/* The longest log is with 4 and the old leader, the highest term with one that was cut off. */
static void R26_longest_log_and_highest_term_elsewhere_elect(void **state)
{
	struct cluster *c = begin(true);
	struct cluster_node *learner, *old = joint_begin(c, &learner);
	struct cluster_node *lonely = cluster_node(c, old->id == 3 ? 2 : 3);

	(void)state;
	for (int i = 0; i < 5; i++)
		cluster_propose(c, old, "more", 4);
	cut(c, lonely, true);
	cluster_run(c, c->now_us + BOUND_US); /* and stands again and again */
	assert_true(raft_get_term(lonely->core) > raft_get_term(old->core));
	assert_true(old->core->window.last > lonely->core->window.last);
	cluster_crash(c, old, 0);
	memset(c->cut, 0, sizeof(c->cut));
	/* Of the set before two are left, of the set to come three: 4 alone has it all. */
	assert_true(led(c)->core->window.last >= learner->core->members_index);
	cluster_start(c, old);
	cluster_run(c, c->now_us + BOUND_US);
	assert_false(raft_members_joint(&led(c)->core->members));
	assert_true(member(led(c)->core, 4)->voter);
	end(c);
}

/* 3 was away while all others were replaced: it is told by those that need its vote. */
static void R32_who_knows_none_of_the_candidates_votes(void **state)
{
	struct cluster *c = begin(false);
	struct cluster_node *last;

	(void)state;
	led(c);
	cluster_run(c, c->now_us + 100 * MS);
	cluster_crash(c, &c->node[2], 0);
	joined(c, RAFT_CHANGE_ADD);
	joined(c, RAFT_CHANGE_ADD);
	for (raft_id id = 1; id <= 2; id++)
		changed(c, (struct raft_change){.kind = RAFT_CHANGE_REMOVE, .id = id});
	last = led(c);
	assert_true(last->id > 3);
	cluster_run(c, c->now_us + 100 * MS); /* the other one hears what is committed */
	for (uint32_t i = 0; i < 2; i++)
		cluster_crash(c, &c->node[i], 0);
	cluster_crash(c, last, 0);
	cluster_start(c, &c->node[2]);
	assert_null(raft_members_find(raft_get_members(c->node[2].core), 4));
	assert_int_equal(led(c)->id, 9 - last->id);
	assert_non_null(raft_members_find(raft_get_members(c->node[2].core), 4));
	end(c);
}

static void R38_a_learner_that_is_updated_stays_one(void **state)
{
	struct cluster *c = begin(false);
	struct cluster_node *learner = joined(c, RAFT_CHANGE_ADD_LEARNER);
	const struct raft_member *m;

	(void)state;
	changed(c, (struct raft_change){.kind = RAFT_CHANGE_UPDATE, .id = 4, .place = 999});
	cluster_run(c, c->now_us + BOUND_US);
	m = member(learner->core, 4);
	assert_int_equal(m->place, 999);
	assert_false(m->voter || m->joins);
	assert_int_equal(led(c)->core->quorum, 2);
	end(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(R35_a_table_that_is_not_committed_is_taken_back),
		cmocka_unit_test(R33_a_restart_has_the_newest_table_of_its_log),
		cmocka_unit_test(R26_longest_log_and_highest_term_elsewhere_elect),
		cmocka_unit_test(R32_who_knows_none_of_the_candidates_votes),
		cmocka_unit_test(R38_a_learner_that_is_updated_stays_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
