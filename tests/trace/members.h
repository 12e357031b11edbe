/*
 * Tables of members as prose, and the lines of a script that change them.
 */
#ifndef TESTS_TRACE_MEMBERS_H
#define TESTS_TRACE_MEMBERS_H

#include "tests/unit/raft/cluster.h"

/* What each one is, but for voters of a plain table: that is what a member is unless it is said. */
void trace_members_print(FILE *out, const struct raft_members *members);
bool trace_members_same(const struct raft_members *a, const struct raft_members *b);
/* "members nI ..." at n. False: not understood. */
bool trace_members_change(struct cluster *c, FILE *out, struct cluster_node *n, const char *line);

/* The first one, as the cluster was formed. */
void trace_formed_print(FILE *out, const struct raft_members *members);
/* Those in force, if they are others than before; what it begins with (none before) is no news. */
void trace_members_changed(FILE *out, const struct cluster_node *n,
			   const struct raft_members *members, raft_index index);
void trace_members_join(struct cluster *c, FILE *out, struct cluster_node *n,
			struct cluster_node *teller);
/* Commands until there is no room. */
void trace_fill(struct cluster *c, FILE *out, struct cluster_node *n);

#endif
