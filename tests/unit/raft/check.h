/*
 * The checkers of a simulated cluster; cluster.h numbers what they hold.
 */
#ifndef TESTS_UNIT_RAFT_CHECK_H
#define TESTS_UNIT_RAFT_CHECK_H

#include "tests/unit/raft/cluster.h"

void check_fail(struct cluster *c, const char *file, int line, const char *what);

#define check(c, condition, what)                                \
	do {                                                     \
		if (!(condition))                                \
			check_fail(c, __FILE__, __LINE__, what); \
	} while (0)

void check_init(struct cluster *c);
void check_fini(struct cluster *c);
void check_started(struct cluster *c, struct cluster_node *n);
void check_entry(struct cluster *c, const struct cluster_node *n, raft_index index);
void check_message(struct cluster *c, const struct cluster_node *n, const struct raft_message *m);
void check_apply(struct cluster *c, struct cluster_node *n, const struct raft_entry *e);
void check_read(struct cluster *c, struct cluster_node *n, const struct raft_read *read);
void check_state(struct cluster *c, struct cluster_node *n);

#endif
