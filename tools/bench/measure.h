/*
 * One run of a commit benchmark: the load in slices that take turns with slices of the floor, so
 * that a figure and its floor come from the same minutes.
 */
#ifndef TOOLS_BENCH_MEASURE_H
#define TOOLS_BENCH_MEASURE_H

#include "tools/bench/commit_options.h"
#include "tools/bench/cost.h"
#include "tools/bench/floor.h"
#include "tools/bench/load.h"
#include "tools/bench/result.h"

enum measure_series {
	MEASURE_PUT,
	MEASURE_GET,
	MEASURE_ALL,       /* both, if there are both */
	MEASURE_CORRECTED, /* all of a closed loop, with what it left out */
	MEASURE_QUORUM,
	MEASURE_SINGLE,
	MEASURE_PATH,
	MEASURE_SERIES,
};

struct measure {
	const struct commit_options *options;
	struct target *target;
	struct floor *floor;
	struct load *load;
	struct cost cost;
	struct histogram *series[MEASURE_SERIES];
	uint64_t term; /* when the first slice began */
};

/* By its word in the JSON. */
enum measure_series measure_series_of(const char *key);

/* 0 or -ENOMEM; measure_free in either case. */
int measure_create(struct measure *m);
void measure_free(struct measure *m);

/* A run: 0, or an exit code after its reason was said. `out` has what was measured either way. */
int measure_run(struct measure *m, struct result *out);

#endif
