/*
 * Majorities (quorum.c): what the voters of a table have reached, and how much of it counts.
 */
#ifndef RAFT_QUORUM_H
#define RAFT_QUORUM_H

#include "raft/types.h"

struct raft;
struct raft_peer;

/* What each voter of a set has reached, the highest first. */
struct raft_rank {
	uint64_t value[RAFT_VOTERS_MAX];
	uint32_t count;
};

/* Of both sets: the one to come, or the only one; and the one before it while they are joint. */
struct raft_tally {
	struct raft_rank voters, before;
};

void raft_tally_add(struct raft_tally *t, bool voter, bool voter_before, uint64_t value);
void raft_tally_self(struct raft_tally *t, const struct raft *r, uint64_t value);
void raft_tally_peer(struct raft_tally *t, const struct raft_peer *p, uint64_t value);
/* What a majority of each set has reached; all of both. */
uint64_t raft_tally_majority(const struct raft_tally *t, const struct raft *r);
uint64_t raft_tally_all(const struct raft_tally *t, const struct raft *r);

#endif
