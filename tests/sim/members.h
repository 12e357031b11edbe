/*
 * The members of a simulated cluster as their operator changes them, by whoever leads. What is
 * waited for comes within a bound of virtual time, or the test fails.
 */
#ifndef TESTS_SIM_MEMBERS_H
#define TESTS_SIM_MEMBERS_H

#include "tests/sim/world.h"

#include "raft/raft.h"

/* Three that formed a cluster, and as many as may join it, not started. */
void members_world_begin(struct sim_world *w, uint64_t seed, uint32_t joiners, uint32_t clients);
/* Who leads, now or in a while. */
struct node *members_leader(struct sim_world *w);
/* The leader takes it, now or in a while. The id of the member that it is about. */
raft_id members_change(struct sim_world *w, struct raft_change c);
/* This one votes, as one of so many voters, and the change is over; in a while. */
void members_expect_voter(struct sim_world *w, raft_id id, uint32_t voters);
/* This one is in no table any more, not even as one that goes; a while later it was told so. */
void members_expect_out(struct sim_world *w, raft_id id);

/* Who leads, and in which term: the same a while later, if nobody disturbed them. */
struct members_calm {
	raft_term term;
	raft_id leader;
};

struct members_calm members_calm_begin(struct sim_world *w);
void members_expect_calm(struct sim_world *w, const struct members_calm *calm);

#endif
