/*
 * The kernel's figures of this process. Read where they are asked for: system calls, off the loop.
 */
#ifndef METRICS_PROCESS_H
#define METRICS_PROCESS_H

#include "metrics/metrics.h"

/* Fills in what /proc tells; what it does not is METRICS_UNKNOWN. */
void metrics_process_read(struct metrics_process *out);

#endif
