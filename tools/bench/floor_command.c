/*
 * quoin-bench floor: what this host's disk and client path take by themselves.
 */
#include "base/clock.h"
#include "tools/bench/command.h"
#include "tools/bench/floor.h"
#include "tools/bench/load.h"
#include "tools/bench/result.h"
#include "tools/bench/stop.h"
#include "tools/bench/target.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { GREETINGS = 1000 };

struct floor_arguments {
	struct common common;
	const char *directory;
	uint32_t writers; /* 0: as many as the lab has nodes, or 3 */
	uint64_t duration_ns;
};

static const struct argp_option option_table[] = {
	{"dir", 'd', "DIR", 0,
	 "Where to write: a lab's directory (" LAB_DIR_DEFAULT " if it is there), or any other", 0},
	{"writers", 'w', "N", 0, "Concurrent writers (as many as the lab has nodes, or 3)", 0},
	{"duration", 't', "S", 0, "Seconds of writing (5)", 0},
	JSON_OPTION,
	{0},
};

static int parse_option(int key, char *value, struct argp_state *state)
{
	struct floor_arguments *a = state->input;

	switch (key) {
	case 'w':
		a->writers = option_number(state, "--writers", value, 1, FLOOR_WRITERS_MAX);
		return 0;
	case 't':
		a->duration_ns = parse_seconds(state, "--duration", value, 0.1, 600);
		return 0;
	default:
		return common_option(key, value, state, &a->common);
	}
}

static const struct argp argp = {
	.options = option_table,
	.parser = parse_option,
	.doc = "Measure this host's floor: durable 4 KiB writes, and the round trip of a lab's "
	       "client path.",
};

static bool is_lab(const char *directory)
{
	char file[PATH_MAX];

	snprintf(file, sizeof(file), "%s/lab.json", directory);
	return access(file, R_OK) == 0;
}

/* 0 or an exit code. */
static int measure_disk(const struct floor_arguments *a, struct result *r)
{
	struct histogram *quorum = histogram_create(), *single = histogram_create();
	char error[FLOOR_ERROR_MAX] = "out of memory";
	struct floor *floor = NULL;
	int err = -ENOMEM;

	if (quorum && single)
		err = floor_create(&floor, a->directory, NULL, a->writers, error);
	if (!err) {
		err = floor_run(floor, a->duration_ns, quorum, single, NULL, NULL);
		snprintf(error, sizeof(error), "%s: a write failed: %s", a->directory,
			 strerror(-err));
		r->value_size = floor_write_size(floor);
		result_add(r, "floor", quorum, "%u of %u durable writes", floor_quorum(floor),
			   a->writers);
		result_add(r, "floor_one_writer", single, "one durable write, %u bytes",
			   r->value_size);
		floor_destroy(floor);
	}
	if (err)
		fprintf(stderr, "quoin-bench: %s\n", error);
	free(quorum);
	free(single);
	return err ? EXIT_HOST : 0;
}

/* The path's line: HELLO to WELCOME, one at a time. */
static int measure_path(struct target *t, struct result *r)
{
	const struct load_options options = {.keys = 1, .inflight = 1, .seed = clock_now()};
	struct histogram *h = histogram_create();
	struct load *load = NULL;
	int err = h ? load_create(&load, t->path, &options) : -ENOMEM;

	if (!err)
		err = load_greet(load, GREETINGS, h);
	if (err && err != -EINTR)
		fprintf(stderr, "quoin-bench: HELLO over %s was not answered\n", t->client_path);
	snprintf(r->client_path, sizeof(r->client_path), "%s", t->client_path);
	snprintf(r->link, sizeof(r->link), "%s", t->link);
	snprintf(r->idle, sizeof(r->idle), "%s", t->idle);
	r->nodes = t->nodes;
	r->clients = 1;
	r->inflight = 1;
	if (h)
		result_add(r, "path", h, "round trip of %s (HELLO)", t->client_path);
	if (load)
		load_destroy(load);
	free(h);
	return err && err != -EINTR ? EXIT_CLUSTER : 0;
}

static int run(struct floor_arguments *a, struct target *t, bool lab)
{
	struct result r = {.name = "floor",
			   .durability = "durable",
			   .duration_s = (double)a->duration_ns / 1e9};
	int code = measure_disk(a, &r);

	if (!code && lab)
		code = measure_path(t, &r);
	r.partial = stop_requested();
	if (r.row_count == 0)
		return code;
	result_print_host(a->directory, stdout);
	result_print_header(stdout);
	result_print(&r, stdout);
	if (a->common.json &&
	    result_write_json(a->common.json, &r, 1, a->common.line, a->directory))
		return EXIT_HOST;
	if (!code && r.partial) {
		fprintf(stderr, "quoin-bench: stopped by a signal\n");
		return EXIT_STOPPED;
	}
	return code;
}

int command_floor(int argc, char **argv, const char *line)
{
	struct floor_arguments a = {.common.line = line, .duration_ns = 5 * CLOCK_S};
	struct target_options options = {.clients = 1};
	struct target target;
	char error[TARGET_ERROR_MAX];
	bool lab;
	int code;

	argp_parse(&argp, argc, argv, 0, NULL, &a);
	a.directory = a.common.directory ? a.common.directory : LAB_DIR_DEFAULT;
	lab = is_lab(a.directory);
	if (!lab && !a.common.directory)
		a.directory = "/var/tmp";
	options.directory = a.directory;
	if (a.common.json && result_try_file(a.common.json))
		return EXIT_HOST;
	if (lab && target_open(&target, &options, error)) {
		fprintf(stderr, "quoin-bench: %s\n", error);
		target_close(&target);
		return EXIT_CLUSTER;
	}
	if (!a.writers)
		a.writers = lab ? target.nodes : 3;
	code = run(&a, &target, lab);
	if (lab)
		target_close(&target);
	return code;
}
