/*
 * Whether the state here is the one that the majority has (R51): diverged.c.
 */
#ifndef NODE_DIVERGED_H
#define NODE_DIVERGED_H

#include "kv/sm.h"
#include "raft/types.h"

struct node;

struct node_diverged {
	raft_index index;      /* of the snapshot that showed that it is not; 0: none did */
	uint64_t ours, theirs; /* hashes */
	raft_index marker;     /* that said so */
	raft_index pulled;     /* the newest snapshot that was pulled in this life; 0: none was */
};

/* The newest snapshot that a majority of the voters wrote, all the same. Index 0: none is known. */
void node_agreed(const struct node *n, struct sm_mark *mark);
/* A marker was applied that says what the majority wrote. */
void node_agreed_judge(struct node *n, raft_index marker, const struct sm_mark *mark);

#endif
