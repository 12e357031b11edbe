/*
 * Changes of members for randomised clusters: they are drawn, asked of whoever takes itself for the
 * leader, and remembered; at the end the committed table must be what those make that were done.
 */
#ifndef TESTS_UNIT_RAFT_DRAWN_H
#define TESTS_UNIT_RAFT_DRAWN_H

#include "tests/unit/raft/cluster.h"
#include "tests/unit/raft/wanted.h"

enum { DRAWN_MAX = 4096 };

struct drawn {
	struct wanted_change change[DRAWN_MAX];
	uint32_t count;
	uint64_t places; /* none is used twice, but by who replaces */
};

struct drawn_totals {
	uint64_t done, refused, rolled_back; /* changes */
	uint64_t of_leaders, leaders_removed;
	uint64_t replaced, finished_by_others; /* replacements; by another leader than began them */
	uint64_t joined, ended, tables, joints;
};

/* True: no member's disk is in doubt or may become so soon by a change that is under way. */
bool drawn_settled(const struct cluster *c);
void drawn_change(struct cluster *c, struct drawn *d, struct drawn_totals *t);
/* Who was added is bound to its directory, and comes in; who was removed may end. */
void drawn_join(struct cluster *c, struct drawn_totals *t);
void drawn_end(struct cluster *c, struct drawn_totals *t);
/* What is asked for when the faults are over: true: nothing, or it is done. */
bool drawn_heal(struct cluster *c, struct drawn *d, struct drawn_totals *t);
/* The table that is committed is what the changes that were done make. */
void drawn_check(struct cluster *c, const struct drawn *d, struct drawn_totals *t);

/* What became of snapshots, so that a run in which nothing did is seen. */
struct drawn_snapshots {
	uint64_t taken, bases, installed, replaced, crashed, finished, damaged, in_vain;
};

/* A member takes one, or its base moves. */
void drawn_snapshot(struct cluster *c);
void drawn_snapshots_add(struct drawn_snapshots *t, const struct cluster *c);
bool drawn_snapshots_all(const struct drawn_snapshots *t);
void drawn_snapshots_print(const struct drawn_snapshots *t);

#endif
