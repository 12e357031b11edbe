/*
 * Whether the state here is the one that the majority has (R51): diverged.c.
 */
#ifndef NODE_DIVERGED_H
#define NODE_DIVERGED_H

#include "kv/sm.h"
#include "raft/types.h"

struct node;

/* A snapshot that a member wrote itself; index 0: none. */
struct node_wrote {
	raft_index index;
	uint64_t hash;
};

struct node_diverged {
	raft_index index;      /* of the snapshot that showed that it is not; 0: none did */
	uint64_t ours, theirs; /* hashes, as the marker has them; 0: at an earlier start */
	raft_index marker;     /* that said so */
	bool acted;            /* the log has the sign, and all that serves was told */
	uint64_t next_ns;      /* a leader hands over at this time at the earliest */
	uint64_t split_ns;     /* when it is looked for a split next */
	uint64_t undecided_ns; /* since when there was one, if only for who has yet to tell; 0 */
	raft_index split;      /* an index of which a majority has no one hash, as last told */
	raft_index pulled;     /* the newest snapshot that was pulled in this life; 0: none was */
};

/* The newest snapshot that a majority of the voters wrote, all the same. Index 0: none is known. */
void node_agreed(const struct node *n, struct sm_mark *mark);
/* A marker was applied that says what the majority wrote. */
void node_agreed_judge(struct node *n, raft_index marker, const struct sm_mark *mark);

/*
 * A majority has snapshots of this index, and no majority the same, whatever those say who are
 * heard and have yet to tell: who is wrong is not known. They are waited for, so long: one that is
 * heard may write none. 0: there is none.
 */
#define NODE_SPLIT_PATIENCE_NS UINT64_C(300000000000)
raft_index node_agreed_split(const struct node *n);
/* What follows from it, once it was found. */
void node_diverged_drive(struct node *n);
/* A start: as the log has it. */
void node_diverged_begin(struct node *n);
enum { NODE_DIVERGED_TEXT_MAX = 512 };
void node_diverged_text(const struct node *n, char *out, size_t size);

#endif
