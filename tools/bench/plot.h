/*
 * Plots by gnuplot, which is run with a script on its standard input. The file's suffix says which
 * format: .svg or .png.
 */
#ifndef TOOLS_BENCH_PLOT_H
#define TOOLS_BENCH_PLOT_H

#include "tools/bench/result.h"

/* 0, or -EINVAL for another suffix: to be asked before anything is measured. */
int plot_check(const char *file);

/* Latency by percentile, with the floor as a line. 0 or -errno with a line on stderr. */
int plot_latency(const char *file, const struct result *r, const struct histogram *latency);

/*
 * Bars for each round: the given results (detection, election, first commit), stacked as they
 * follow each other.
 */
int plot_rounds(const char *file, const struct result *results, uint32_t count);

#endif
