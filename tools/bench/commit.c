/*
 * quoin-bench commit: puts in a closed loop, in slices that take turns with slices of the floor, so
 * that a figure and its floor come from the same minutes.
 */
#include "base/clock.h"
#include "tools/bench/command.h"
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
	struct target_options target_options;
	uint32_t value_size;
	uint64_t duration_ns, warmup_ns;
	const char *percentiles;
	struct common common;

	struct target target;
	struct floor *floor;
	struct load *load;
	struct histogram *latency, *floor_latency, *greeting;
	uint64_t term; /* when the first slice began */
};

enum { KEY_IN_PROCESS = 256, KEY_NODES, KEY_PERCENTILES, KEY_WARMUP, KEY_NODE };

static const struct argp_option option_table[] = {
	{"dir", 'd', "DIR", 0,
	 "The lab's directory (" LAB_DIR_DEFAULT "); the floor is measured on its file system. "
	 "With --in-process or --endpoints: where to measure (/var/tmp)",
	 0},
	{"endpoints", 'e', "LIST", 0, "ADDRESS:PORT or unix:PATH, with commas", 0},
	{"in-process", KEY_IN_PROCESS, NULL, 0, "Nodes in this process, over ring, on one core", 0},
	{"nodes", KEY_NODES, "N", 0, "With --in-process: how many (3)", 0},
	{"client-path", 'p', "PATH", 0,
	 "udp (kernel), memif (DPDK) or unix (admin socket); default: memif if the lab's link is "
	 "memif, else udp",
	 0},
	{"target", KEY_NODE, "WHO", 0, "leader (default), follower or any", 0},
	{"clients", 'c', "N", 0, "Clients, each with one put outstanding (1)", 0},
	{"value-size", 'v', "BYTES", 0, "Of each value (256)", 0},
	{"duration", 't', "S", 0, "Seconds of load, in five slices (10)", 0},
	{"warmup", KEY_WARMUP, "S", 0, "Seconds of load before it (1)", 0},
	{"durability", 'D', "MODE", 0,
	 "durable, written or volatile: what the nodes must run; with --in-process it sets it", 0},
	JSON_OPTION,
	{"percentiles", KEY_PERCENTILES, "FILE", 0, "In HdrHistogram's text format", 0},
	{"plot", KEY_PLOT, "FILE", 0, "Latency by percentile, .svg or .png, by gnuplot", 0},
	{0},
};

/* The index of a word in a list that ends with NULL. */
static int parse_word(struct argp_state *state, const char *option, const char *text,
		      const char *const *words)
{
	for (int i = 0; words[i]; i++) {
		if (!strcmp(text, words[i]))
			return i;
	}
	argp_error(state, "%s %s: should be %s, %s or %s", option, text, words[0], words[1],
		   words[2]);
	return 0;
}

static int parse_target(int key, char *value, struct argp_state *state, struct target_options *o,
			struct common *common)
{
	static const char *const paths[] = {"udp", "memif", "unix", NULL};
	static const char *const nodes[] = {"leader", "follower", "any", NULL};
	static const char *const durabilities[] = {"durable", "written", "volatile", NULL};

	switch (key) {
	case 'e':
		o->endpoints = value;
		return 0;
	case KEY_IN_PROCESS:
		o->in_process = true;
		return 0;
	case KEY_NODES:
		/* Five nodes' links are all the ports that DPDK has. */
		o->nodes = option_number(state, "--nodes", value, 1, 5);
		return 0;
	case 'p':
		o->path = (enum target_path)(TARGET_PATH_UDP +
					     parse_word(state, "--client-path", value, paths));
		return 0;
	case KEY_NODE:
		o->node = (enum target_node)parse_word(state, "--target", value, nodes);
		return 0;
	case 'c':
		o->clients = option_number(state, "--clients", value, 1, PATH_CLIENTS_MAX);
		return 0;
	case 'D':
		o->durability =
			durabilities[parse_word(state, "--durability", value, durabilities)];
		return 0;
	default:
		return common_option(key, value, state, common);
	}
}

static void check_options(struct commit *c, struct argp_state *state)
{
	struct target_options *o = &c->target_options;

	if (o->in_process && (o->endpoints || o->path != TARGET_PATH_DEFAULT))
		argp_error(state, "--in-process has its own nodes and path: neither --endpoints "
				  "nor --client-path goes with it");
	if (!o->in_process && o->nodes)
		argp_error(state, "--nodes goes with --in-process");
	if (!o->nodes)
		o->nodes = 3;
	o->directory = c->common.directory;
	if (!o->directory)
		o->directory = o->in_process || o->endpoints ? "/var/tmp" : LAB_DIR_DEFAULT;
}

static int parse_option(int key, char *value, struct argp_state *state)
{
	struct commit *c = state->input;

	switch (key) {
	case 'v':
		c->value_size = option_number(state, "--value-size", value, 0, LOAD_VALUE_SIZE_MAX);
		return 0;
	case 't':
		c->duration_ns = parse_seconds(state, "--duration", value, 0.1, 3600);
		return 0;
	case KEY_WARMUP:
		c->warmup_ns = parse_seconds(state, "--warmup", value, 0, 600);
		return 0;
	case KEY_PERCENTILES:
		c->percentiles = value;
		return 0;
	case ARGP_KEY_END:
		check_options(c, state);
		return 0;
	default:
		return parse_target(key, value, state, &c->target_options, &c->common);
	}
}

static const struct argp argp = {
	.options = option_table,
	.parser = parse_option,
	.doc = "Measure puts: latency from the client's send to the answer that says committed.",
};

/* Floor threads write; nodes in this process get a turn now and then, so that none campaigns. */
static int floor_slice(struct commit *c)
{
	uint64_t duration = c->duration_ns / FLOOR_PART;

	load_idle(c->load, SETTLE_NS);
	floor_begin(c->floor, duration > FLOOR_SLICE_NS_MIN ? duration : FLOOR_SLICE_NS_MIN);
	while (floor_running(c->floor))
		load_idle(c->load, CLOCK_MS);
	return floor_finish(c->floor, c->floor_latency);
}

/* 0 or an exit code. */
static int measure(struct commit *c)
{
	int error = load_open(c->load);

	if (!error && c->warmup_ns) {
		error = load_run(c->load, c->warmup_ns, c->latency);
		histogram_reset(c->latency);
		load_reset(c->load);
	}
	c->term = target_term(&c->target);
	for (int i = 0; !error && i <= LOAD_SLICES; i++) {
		int floor_error = floor_slice(c);

		if (floor_error) {
			fprintf(stderr, "quoin-bench: the floor's writes: %s\n",
				strerror(-floor_error));
			return EXIT_HOST;
		}
		error = load_greet(c->load, GREETINGS, c->greeting);
		if (!error && i < LOAD_SLICES)
			error = load_run(c->load, c->duration_ns / LOAD_SLICES, c->latency);
	}
	if (target_failed(&c->target)) {
		fprintf(stderr, "quoin-bench: %s\n", target_failed(&c->target));
		return EXIT_CLUSTER;
	}
	if (error == -EINTR) {
		fprintf(stderr, "quoin-bench: stopped by a signal\n");
		return EXIT_STOPPED;
	}
	if (error) {
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
	snprintf(r->name, sizeof(r->name), "commit c%u v%u", c->target_options.clients,
		 c->value_size);
	snprintf(r->durability, sizeof(r->durability), "%s", t->durability);
	snprintf(r->client_path, sizeof(r->client_path), "%s", t->client_path);
	snprintf(r->link, sizeof(r->link), "%s", t->link);
	r->nodes = t->nodes;
	r->clients = c->target_options.clients;
	r->value_size = c->value_size;
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
	int error = out ? histogram_print(latency, out) : -errno;

	if (out && fclose(out))
		error = -EIO;
	if (error)
		fprintf(stderr, "quoin-bench: %s: cannot be written: %s\n", file, strerror(-error));
	return error;
}

static int report(struct commit *c)
{
	const struct load_counters *counters = load_get_counters(c->load);
	struct result r;
	int error = 0;

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
	if (c->common.json)
		error |= result_write_json(c->common.json, &r, 1, c->common.line,
					   c->target_options.directory);
	if (c->percentiles)
		error |= write_percentiles(c->percentiles, c->latency);
	if (c->common.plot)
		error |= plot_latency(c->common.plot, &r, c->latency);
	if (error)
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
	return load_create(&c->load, c->target.path, c->value_size, draw());
}

static int open_floor(struct commit *c, uint32_t writers)
{
	char error[FLOOR_ERROR_MAX];

	if (floor_create(&c->floor, c->target_options.directory, writers, error) == 0)
		return 0;
	fprintf(stderr, "quoin-bench: %s\n", error);
	return EXIT_HOST;
}

static int prepare(struct commit *c)
{
	bool in_process = c->target_options.in_process;
	char error[TARGET_ERROR_MAX];
	int code = 0;

	/* Filling its files takes long enough for nodes of this thread to miss their leader. */
	if (in_process)
		code = open_floor(c, c->target_options.nodes);
	if (!code && target_open(&c->target, &c->target_options, error)) {
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
	struct commit c = {
		.target_options = {.clients = 1},
		.value_size = 256,
		.duration_ns = 10 * CLOCK_S,
		.warmup_ns = CLOCK_S,
		.common.line = line,
	};
	int code;

	argp_parse(&argp, argc, argv, 0, NULL, &c);
	code = prepare(&c);
	if (!code) {
		printf("closed loop: a client sends its next put when the last one is answered, so "
		       "a stall also delays what would have come (no correction)\n");
		printf("durability %s, client path %s to %s (%s), link %s, %u nodes, %u clients, "
		       "values of %u bytes\n",
		       c.target.durability, c.target.client_path, c.target.spoken_to,
		       c.target_options.node == TARGET_LEADER     ? "the leader"
		       : c.target_options.node == TARGET_FOLLOWER ? "a follower"
								  : "any",
		       c.target.link, c.target.nodes, c.target_options.clients, c.value_size);
		result_print_host(c.target_options.directory, stdout);
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
