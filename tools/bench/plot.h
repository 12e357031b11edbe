/*
 * Plots by gnuplot, which is run with a script on its standard input. The file's suffix says which
 * format: .svg or .png.
 */
#ifndef TOOLS_BENCH_PLOT_H
#define TOOLS_BENCH_PLOT_H

#include "tools/bench/measure.h"

/* 0, or -EINVAL for another suffix: to be asked before anything is measured. */
int plot_check(const char *file);

/* Whether gnuplot is there. 0 or -errno with a line on stderr. */
int plot_try(void);

/* Latency by percentile, of the load and of its floors. 0 or -errno with a line on stderr. */
int plot_latency(const char *file, const struct result *r,
		 struct histogram *const series[MEASURE_SERIES]);

/*
 * Bars for each round: the given results (detection, election, first commit), stacked as they
 * follow each other.
 */
int plot_rounds(const char *file, const struct result *result);

#endif
