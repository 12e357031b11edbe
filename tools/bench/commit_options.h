/*
 * The command line of quoin-bench commit.
 */
#ifndef TOOLS_BENCH_COMMIT_OPTIONS_H
#define TOOLS_BENCH_COMMIT_OPTIONS_H

#include "tools/bench/command.h"
#include "tools/bench/target.h"

struct commit_options {
	struct common common;
	struct target_options target;
	uint32_t value_size;
	uint64_t duration_ns, warmup_ns;
	const char *percentiles; /* NULL: none */
};

/* Exits where it is wrong, and after --help. */
void commit_options_parse(struct commit_options *out, int argc, char **argv);

#endif
