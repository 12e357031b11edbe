/*
 * SIGINT, SIGTERM, SIGHUP and SIGPIPE end a measurement early and in order: directories are
 * removed, and a node that was taken from a lab is given back.
 */
#ifndef TOOLS_BENCH_STOP_H
#define TOOLS_BENCH_STOP_H

#include <stdbool.h>

void stop_on_signals(void);
bool stop_requested(void);

#endif
