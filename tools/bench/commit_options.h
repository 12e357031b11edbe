/*
 * The command line of quoin-bench commit.
 */
#ifndef TOOLS_BENCH_COMMIT_OPTIONS_H
#define TOOLS_BENCH_COMMIT_OPTIONS_H

#include "tools/bench/command.h"
#include "tools/bench/load.h"
#include "tools/bench/target.h"

enum { COMMIT_RUNS_MAX = 100 };

struct commit_options {
	struct common common;
	struct target_options target;
	struct load_options load;
	const char *op; /* put, get or mixed */
	uint32_t clients;
	uint32_t runs;
	uint64_t duration_ns, warmup_ns;
	bool keep_keys;
	uint64_t requests; /* of a run; 0: as long as duration_ns */
	bool fill;
	const char *percentiles;  /* NULL: none */
	const char *series;       /* the same */
	const char *acknowledged; /* the same */
};

/* Exits where it is wrong, and after --help. */
void commit_options_parse(struct commit_options *out, int argc, char **argv);

#endif
