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

struct result {
	char name[64];
	char durability[16];
	char client_path[16];
	char link[32];
	uint32_t nodes, clients, value_size;
	double duration_s;
	double rate_per_s;
	double min_us, p50_us, p90_us, p99_us, p999_us, max_us;
	uint64_t count;
	double floor_p50_us, floor_p99_us; /* 0: not measured */
	uint32_t floor_writers;
	double ratio;       /* p50_us / floor_p50_us, 0 if either is missing */
	double path_p50_us; /* HELLO to WELCOME on the same path, 0: not measured */
	uint64_t errors;    /* requests not answered OK */
	uint64_t unknown;   /* of those, without any answer */
	uint64_t refused;   /* refused with a hint, then taken */
	uint64_t terms;     /* elections during the run */
	/* Election: each round's figure, owned by whoever set it, and the configured timeout. */
	const double *round_us;
	uint32_t round_count;
	double timeout_min_us, timeout_max_us;
};

/* Fills the latency fields from a histogram, and the ratio from the floor's. */
void result_set_latency(struct result *r, const struct histogram *latency);
void result_set_floor(struct result *r, const struct histogram *floor, uint32_t writers);

void result_print_header(FILE *out);
void result_print(const struct result *r, FILE *out);

/*
 * {"results": [...], "host": {...}}; an existing file is replaced. `directory`: where the logs are.
 * 0 or -errno with a line on stderr.
 */
int result_write_json(const char *file, const struct result *results, uint32_t count,
		      const char *command, const char *directory);

/* One line about the host, as in the JSON. */
void result_print_host(const char *directory, FILE *out);

#endif
