/*
 * Results: what was measured, as a table, as JSON and as host facts. Every figure carries its
 * durability mode, client path and link, and stands beside the floor measured in the same minutes.
 */
#ifndef TOOLS_BENCH_RESULT_H
#define TOOLS_BENCH_RESULT_H

#include "tools/bench/histogram.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

enum { RESULT_ROWS_MAX = 8 };

/* A line of the table, and an object of the JSON. */
struct result_row {
	const char *key; /* in the JSON: "put" */
	char name[48];   /* in the table */
	uint64_t count;
	double min_us, p50_us, p90_us, p99_us, p999_us, max_us;
	double rate_per_s; /* 0: not a rate */
	double ratio;      /* p50_us / that of the quorum floor; 0: none */
	/* Election: each round's figure, owned by whoever set it. */
	const double *round_us;
	uint32_t round_count;
	bool stacked; /* counted from the same moment as the row before, and not below it */
};

/* A figure that was not measured is 0, and shown as none. */
struct result {
	char name[64];
	char durability[16], client_path[16], link[32], idle[8];
	uint32_t nodes, clients, inflight, value_size, keys;
	double duration_s;
	bool partial; /* interrupted, or the cluster stopped answering */
	struct result_row row[RESULT_ROWS_MAX];
	uint32_t row_count;
	/* The loop. */
	double rate_asked_per_s; /* 0: a closed loop */
	double corrected_for_us; /* the interval between a client's requests that was expected */
	uint64_t behind_max, unsent;
	/* What it cost. */
	double node_cpu_us, client_cpu_us;     /* per request; in process both are in the first */
	double log_bytes, device_bytes;        /* per put: of all nodes' logs, and of the device */
	uint64_t errors;                       /* requests not answered OK */
	uint64_t unknown;                      /* of those, without any answer */
	uint64_t refused;                      /* refused with a hint, then taken */
	uint64_t terms;                        /* elections during the run */
	double timeout_min_us, timeout_max_us; /* election */
};

/* Adds a row of this distribution, unless it is empty. */
struct result_row *result_add(struct result *r, const char *key, const struct histogram *h,
			      const char *name, ...) __attribute__((format(printf, 4, 5)));
/* The ratio of one row's median to another's. */
void result_set_ratio(struct result *r, const char *key, const char *floor);

void result_print_header(FILE *out);
void result_print(const struct result *r, FILE *out);
/* Over several runs: the median of each figure, and its lowest and highest. */
void result_print_summary(const struct result *results, uint32_t count, FILE *out);

/*
 * {"results": [...], "host": {...}, ...}; an existing file is replaced. `directory`: where the logs
 * are. 0 or -errno with a line on stderr.
 */
int result_write_json(const char *file, const struct result *results, uint32_t count,
		      const char *command, const char *directory);

/* Before anything is measured: whether a file can be made there. 0, or said on stderr. */
int result_try_file(const char *file);

/* One line about the host, as in the JSON. */
void result_print_host(const char *directory, FILE *out);

#endif
