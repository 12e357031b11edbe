/*
 * A sender of datagrams that nobody asked for, to a node's client port: noise, greetings, and
 * greetings that were changed. It sends from the lab's namespace at a bounded rate.
 */
#ifndef TESTS_SOAK_FLOOD_H
#define TESTS_SOAK_FLOOD_H

#include "tests/e2e/cluster.h"

struct flood;

struct flood *flood_start(const struct cluster *c, uint32_t node, uint64_t seed);
/* How many it sent. */
uint64_t flood_stop(struct flood *flood);

#endif
