/*
 * Metrics in which each value is another number, so that a text which holds all of them holds each.
 */
#ifndef TESTS_UNIT_METRICS_FILLED_H
#define TESTS_UNIT_METRICS_FILLED_H

#include "metrics/metrics.h"

enum { FILLED_PEERS = 2, FILLED_PORTS = 3, FILLED_DROPS = 2, FILLED_FIRST = 100001 };

/*
 * Numbers from FILLED_FIRST on, one for each value; returns how many there are. Observations are
 * such that they are none of these.
 */
uint32_t filled_create(struct metrics *m, struct metrics_process *process);

#endif
