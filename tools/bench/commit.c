/*
 * quoin-bench commit: puts in a closed loop, in slices that take turns with slices of the floor, so
 * that a figure and its floor come from the same minutes.
 */
#include "base/clock.h"
#include "tools/bench/command.h"
#include "tools/bench/commit_options.h"
#include "tools/bench/floor.h"
#include "tools/bench/load.h"
#include "tools/bench/plot.h"
#include "tools/bench/result.h"
#include "tools/bench/stop.h"
#include "tools/bench/target.h"
#include "tools/client/draw.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	LOAD_SLICES = 5, /* floor, load, floor, ... load, floor */
	FLOOR_PART = 25, /* a floor slice lasts this part of the duration */
	GREETINGS = 50,  /* after each floor slice */
};

#define FLOOR_SLICE_NS_MIN (200 * CLOCK_MS)
#define SETTLE_NS (20 * CLOCK_MS)

struct commit {
	struct commit_options options;
	struct target target;
	struct floor *floor;
	struct load *load;
	struct histogram *latency, *floor_latency, *greeting;
	uint64_t term; /* when the first slice began */
};

/* Floor threads write; nodes in this process get a turn now and then, so that none campaigns. */
static int floor_slice(struct commit *c)
{
	uint64_t duration = c->options.duration_ns / FLOOR_PART;

	load_idle(c->load, SETTLE_NS);
	floor_begin(c->floor, duration > FLOOR_SLICE_NS_MIN ? duration : FLOOR_SLICE_NS_MIN);
	while (floor_running(c->floor))
		load_idle(c->load, CLOCK_MS);
	return floor_finish(c->floor, c->floor_latency);
}

/* 0 or an exit code. */
static int measure(struct commit *c)
{
	int err = load_open(c->load);

	if (!err && c->options.warmup_ns) {
		err = load_run(c->load, c->options.warmup_ns, c->latency);
		histogram_reset(c->latency);
		load_reset(c->load);
	}
	c->term = target_term(&c->target);
	for (int i = 0; !err && i <= LOAD_SLICES; i++) {
		int floor_err = floor_slice(c);

		if (floor_err) {
			fprintf(stderr, "quoin-bench: the floor's writes: %s\n",
				strerror(-floor_err));
			return EXIT_HOST;
		}
		err = load_greet(c->load, GREETINGS, c->greeting);
		if (!err && i < LOAD_SLICES)
			err = load_run(c->load, c->options.duration_ns / LOAD_SLICES, c->latency);
	}
	if (target_failed(&c->target)) {
		fprintf(stderr, "quoin-bench: %s\n", target_failed(&c->target));
		return EXIT_CLUSTER;
	}
	if (err == -EINTR) {
		fprintf(stderr, "quoin-bench: stopped by a signal\n");
		return EXIT_STOPPED;
	}
	if (err == -ECONNREFUSED) {
		fprintf(stderr, "quoin-bench: the node does not greet a client (%s)\n",
			load_get_counters(c->load)->last);
		return EXIT_CLUSTER;
	}
	if (err) {
		fprintf(stderr, "quoin-bench: nothing was answered in %u s (%s)\n",
			(unsigned int)(2 * LOAD_TIMEOUT_NS / CLOCK_S),
			load_get_counters(c->load)->last);
		return EXIT_CLUSTER;
	}
	return 0;
}

static void fill_result(struct commit *c, struct result *r)
{
	const struct load_counters *counters = load_get_counters(c->load);
	const struct target *t = &c->target;
	uint64_t term = target_term(&c->target);

	memset(r, 0, sizeof(*r));
	snprintf(r->name, sizeof(r->name), "commit c%u v%u", c->options.target.clients,
		 c->options.value_size);
	snprintf(r->durability, sizeof(r->durability), "%s", t->durability);
	snprintf(r->client_path, sizeof(r->client_path), "%s", t->client_path);
	snprintf(r->link, sizeof(r->link), "%s", t->link);
	r->nodes = t->nodes;
	r->clients = c->options.target.clients;
	r->value_size = c->options.value_size;
	r->duration_s = (double)load_busy_ns(c->load) / 1e9;
	r->rate_per_s = r->duration_s > 0 ? (double)counters->ok / r->duration_s : 0;
	result_set_latency(r, c->latency);
	result_set_floor(r, c->floor_latency, t->nodes);
	r->path_p50_us = (double)histogram_at(c->greeting, 50) / 1000;
	r->errors = counters->failed;
	r->unknown = counters->unknown;
	r->refused = counters->refused;
	r->terms = term > c->term ? term - c->term : 0;
}

static int write_percentiles(const char *file, const struct histogram *latency)
{
	FILE *out = fopen(file, "we");
	int err = out ? histogram_print(latency, out) : -errno;

	if (out && fclose(out))
		err = -EIO;
	if (err)
		fprintf(stderr, "quoin-bench: %s: cannot be written: %s\n", file, strerror(-err));
	return err;
}

static int report(struct commit *c)
{
	const struct load_counters *counters = load_get_counters(c->load);
	struct result r;
	int err = 0;

	fill_result(c, &r);
	result_print_header(stdout);
	result_print(&r, stdout);
	printf("floor of this %s run: one durable 4 KiB write, %u writers at once, p50 %.1f us, "
	       "p99 "
	       "%.1f us, %.0f writes/s; round trip of path %s (HELLO): p50 %.1f us\n",
	       r.durability, r.floor_writers, r.floor_p50_us, r.floor_p99_us, floor_rate(c->floor),
	       r.client_path, r.path_p50_us);
	if (r.refused || r.errors)
		printf("%" PRIu64 " puts failed (%" PRIu64
		       " without any answer; last: %s), %" PRIu64
		       " were refused with a hint to come again\n",
		       r.errors, r.unknown, r.errors ? counters->last : "none", r.refused);
	if (r.terms)
		printf("%" PRIu64 " elections during the run: its figures include them\n", r.terms);
	if (c->options.common.json)
		err |= result_write_json(c->options.common.json, &r, 1, c->options.common.line,
					 c->options.target.directory);
	if (c->options.percentiles)
		err |= write_percentiles(c->options.percentiles, c->latency);
	if (c->options.common.plot)
		err |= plot_latency(c->options.common.plot, &r, c->latency);
	if (err)
		return EXIT_HOST;
	return r.errors ? EXIT_FAILED_REQUESTS : EXIT_GOOD;
}

static int allocate(struct commit *c)
{
	c->latency = histogram_create();
	c->floor_latency = histogram_create();
	c->greeting = histogram_create();
	if (!c->latency || !c->floor_latency || !c->greeting)
		return -ENOMEM;
	return load_create(&c->load, c->target.path, c->options.value_size, draw());
}

static int open_floor(struct commit *c, uint32_t writers)
{
	char error[FLOOR_ERROR_MAX];

	if (floor_create(&c->floor, c->options.target.directory, writers, error) == 0)
		return 0;
	fprintf(stderr, "quoin-bench: %s\n", error);
	return EXIT_HOST;
}

static int prepare(struct commit *c)
{
	bool in_process = c->options.target.in_process;
	char error[TARGET_ERROR_MAX];
	int code = 0;

	/* Filling its files takes long enough for nodes of this thread to miss their leader. */
	if (in_process)
		code = open_floor(c, c->options.target.nodes);
	if (!code && target_open(&c->target, &c->options.target, error)) {
		code = stop_requested() ? EXIT_STOPPED : EXIT_CLUSTER;
		fprintf(stderr, "quoin-bench: %s\n",
			code == EXIT_STOPPED ? "stopped by a signal" : error);
	}
	if (!code && !in_process)
		code = open_floor(c, c->target.nodes);
	if (!code && allocate(c)) {
		fprintf(stderr, "quoin-bench: out of memory\n");
		code = EXIT_HOST;
	}
	return code;
}

int command_commit(int argc, char **argv, const char *line)
{
	struct commit c = {0};
	int code;

	commit_options_parse(&c.options, argc, argv);
	c.options.common.line = line;
	code = prepare(&c);
	if (!code) {
		printf("closed loop: a client sends its next put when the last one is answered, so "
		       "a stall also delays what would have come (no correction)\n");
		printf("durability %s, client path %s to %s (%s), link %s, %u nodes, %u clients, "
		       "values of %u bytes\n",
		       c.target.durability, c.target.client_path, c.target.spoken_to,
		       c.options.target.node == TARGET_LEADER     ? "the leader"
		       : c.options.target.node == TARGET_FOLLOWER ? "a follower"
								  : "any",
		       c.target.link, c.target.nodes, c.options.target.clients,
		       c.options.value_size);
		result_print_host(c.options.target.directory, stdout);
		code = measure(&c);
	}
	if (!code)
		code = report(&c);
	if (c.load)
		load_destroy(c.load);
	if (c.floor)
		floor_destroy(c.floor);
	target_close(&c.target);
	free(c.latency);
	free(c.floor_latency);
	free(c.greeting);
	return code;
}
