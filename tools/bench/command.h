/*
 * The subcommands, and what their command lines share.
 */
#ifndef TOOLS_BENCH_COMMAND_H
#define TOOLS_BENCH_COMMAND_H

#include "base/exits.h"
#include "tools/lab/lab.h"
#include "tools/shared/option.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	EXIT_GOOD = EXITS_DONE,
	EXIT_FAILED_REQUESTS = EXITS_FAILED, /* measured, but some requests failed */
	EXIT_USAGE = EXITS_USAGE,
	EXIT_CLUSTER = 3, /* the cluster is not there, or not as asked for */
	EXIT_HOST = 4,    /* files, memory, devices of this host */
	EXIT_STOPPED = 5, /* by SIGINT or SIGTERM */
};

/* Options that more than one of them takes. */
struct common {
	const char *directory; /* --dir; NULL: not given */
	const char *json;      /* --json; NULL: not given */
	const char *plot;      /* --plot; NULL: not given */
	const char *line;      /* the command line as it was typed */
};

enum { KEY_JSON = 1024, KEY_PLOT };
#define JSON_OPTION                                                                     \
	{                                                                               \
		"json", KEY_JSON, "FILE", 0, "Results; an existing file is replaced", 0 \
	}

/* The last resort of a command's own parser. */
error_t common_option(int key, char *value, struct argp_state *state, struct common *c);

int command_commit(int argc, char **argv, const char *line);
int command_election(int argc, char **argv, const char *line);
int command_floor(int argc, char **argv, const char *line);

/* Seconds with a fraction, as nanoseconds; out of bounds or none: argp_error, which exits. */
uint64_t parse_seconds(struct argp_state *state, const char *option, const char *text, double min,
		       double max);

#endif
