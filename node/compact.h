/* Automatic compaction of a node, once it has a core; node/compactor.h has the rule. */
#ifndef NODE_COMPACT_H
#define NODE_COMPACT_H

struct node;

/* 0 or -ENOMEM. */
int node_compact_begin(struct node *n);
void node_compact_drive(struct node *n);

#endif
