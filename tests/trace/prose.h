/*
 * What happens in a cluster, as a trace tells it.
 */
#ifndef TESTS_TRACE_PROSE_H
#define TESTS_TRACE_PROSE_H

#include "tests/unit/raft/cluster.h"

#include <stdio.h>

/* It is written there from now on. */
void prose_to(FILE *file);

/* Tells what the cluster does, and what it changed. */
extern const struct cluster_observer prose_observer;

/* It is about to be started; it is down. */
void prose_start(const struct cluster_node *n);
void prose_crashed(const struct cluster_node *n);

/* What each one thinks. */
void prose_status(struct cluster *c);

#endif
