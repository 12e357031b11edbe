/*
 * quoin-bench commit: puts and gets, in a closed loop or at a rate.
 */
#include "base/clock.h"
#include "tools/bench/command.h"
#include "tools/bench/ledger.h"
#include "tools/bench/measure.h"
#include "tools/bench/plot.h"
#include "tools/bench/series.h"
#include "tools/bench/stop.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct commit {
	struct commit_options options;
	struct target target;
	struct measure measure;
	struct histogram *total[MEASURE_SERIES]; /* over all runs */
	struct result result[COMMIT_RUNS_MAX];
	struct ledger ledger;
	uint32_t runs; /* that have figures */
	uint64_t errors;
};

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

static int write_acknowledged(const struct commit *c)
{
	const char *file = c->options.acknowledged;
	int err = ledger_write(&c->ledger, load_prefix(c->measure.load), file);

	if (err)
		fprintf(stderr, "quoin-bench: %s: cannot be written: %s\n", file, strerror(-err));
	return err;
}

/* What stands beside the figures of a run, if anything is to be said. */
static void print_notes(const struct commit *c, const struct result *r)
{
	const char *last = load_get_counters(c->measure.load)->last;
	double reached = 0;

	for (uint32_t i = 0; i < r->row_count; i++)
		reached = r->row[i].rate_per_s > reached ? r->row[i].rate_per_s : reached;
	if (r->unsent || (r->rate_asked_per_s > 0 && reached < 0.95 * r->rate_asked_per_s))
		printf("not kept up: %.0f per second were asked for and %.0f reached; %" PRIu64
		       " at once were due with no client free, and %" PRIu64
		       " were never begun: they are in the figures with the time they had waited\n",
		       r->rate_asked_per_s, reached, r->behind_max, r->unsent);
	else if (r->rate_asked_per_s > 0)
		printf("kept up: %.0f per second were asked for; at most %" PRIu64
		       " at once were due with no client free\n",
		       r->rate_asked_per_s, r->behind_max);
	if (r->refused || r->errors)
		printf("%" PRIu64 " requests failed (%" PRIu64
		       " of them puts that may have been done; last: %s), %" PRIu64
		       " were refused with a hint to come again\n",
		       r->errors, r->unknown, r->errors ? last : "none", r->refused);
	if (r->terms)
		printf("%" PRIu64 " elections during the run: its figures include them\n",
		       r->terms);
}

static int write_files(struct commit *c)
{
	const struct commit_options *o = &c->options;
	int err = 0;

	if (o->common.json)
		err |= result_write_json(o->common.json, c->result, c->runs, o->common.line,
					 o->target.directory);
	if (o->acknowledged)
		err |= write_acknowledged(c);
	if (o->percentiles)
		err |= write_percentiles(o->percentiles, c->total[MEASURE_ALL]);
	if (o->common.plot)
		err |= plot_latency(o->common.plot, &c->result[0], c->total);
	return err;
}

/* 0 or an exit code. */
static int run_once(struct commit *c)
{
	struct result *r = &c->result[c->runs];
	int code = measure_run(&c->measure, r);

	if (r->row_count == 0)
		return code;
	c->runs++;
	c->errors += r->errors;
	for (int i = 0; i < MEASURE_SERIES; i++)
		histogram_add(c->total[i], c->measure.series[i]);
	result_print_header(stdout);
	result_print(r, stdout);
	print_notes(c, r);
	return code;
}

static void clean_up(struct commit *c)
{
	struct load *load = c->measure.load;

	if (c->options.keep_keys)
		printf("the keys stay: quoinctl del --prefix %s\n", load_prefix(load));
	else if (load_clean(load))
		fprintf(stderr,
			"quoin-bench: the keys stay, for they could not be deleted (%s): quoinctl "
			"del --prefix %s\n",
			load_get_counters(load)->last, load_prefix(load));
}

/* What was begun is reported, however it ended. An exit code. */
static int run_all(struct commit *c)
{
	int code = 0;

	for (uint32_t i = 0; !code && i < c->options.runs; i++) {
		if (c->options.runs > 1)
			printf("run %u of %u\n", i + 1, c->options.runs);
		code = run_once(c);
	}
	if (c->runs > 1)
		result_print_summary(c->result, c->runs, stdout);
	clean_up(c);
	if (c->runs == 0)
		fprintf(stderr, "quoin-bench: nothing was measured\n");
	else if (write_files(c))
		return EXIT_HOST;
	return code ? code : c->errors ? EXIT_FAILED_REQUESTS : EXIT_GOOD;
}

static int open_floor(struct commit *c, uint32_t writers)
{
	char error[FLOOR_ERROR_MAX];

	if (floor_create(&c->measure.floor, c->options.target.directory, NULL, writers, error) == 0)
		return 0;
	fprintf(stderr, "quoin-bench: %s\n", error);
	return EXIT_HOST;
}

static int allocate(struct commit *c)
{
	for (int i = 0; i < MEASURE_SERIES; i++) {
		c->total[i] = histogram_create();
		if (!c->total[i])
			return -ENOMEM;
	}
	if (measure_create(&c->measure))
		return -ENOMEM;
	if (c->options.acknowledged) {
		if (ledger_create(&c->ledger, c->options.load.keys))
			return -ENOMEM;
		c->options.load.ledger = &c->ledger;
	}
	if (c->options.series && series_create(&c->options.load.series, c->options.series))
		return -ENOMEM;
	return load_create(&c->measure.load, c->target.path, &c->options.load);
}

/* What would spoil the end is tried at the beginning. */
static int try_files(const struct commit_options *o)
{
	const char *files[] = {o->common.json, o->percentiles, o->common.plot, o->series,
			       o->acknowledged};
	int err = 0;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (files[i])
			err |= result_try_file(files[i]);
	}
	if (o->common.plot)
		err |= plot_try();
	return err ? EXIT_HOST : 0;
}

static int prepare(struct commit *c)
{
	bool in_process = c->options.target.in_process;
	char error[TARGET_ERROR_MAX];
	int code = try_files(&c->options);

	/* Filling its files takes long enough for nodes of this thread to miss their leader. */
	if (!code && in_process)
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

static void say_what(const struct commit *c)
{
	const struct commit_options *o = &c->options;

	if (o->load.rate > 0)
		printf("open loop: %.0f requests per second are due, whatever the answers do; each "
		       "counts from when it was due\n",
		       o->load.rate);
	else
		printf("closed loop: a client asks again when it is answered, so a stall hides "
		       "what "
		       "would have come; the row \"corrected\" adds that (HdrHistogram's way)\n");
	printf("%s: durability %s, client path %s to %s (%s), link %s, %u node%s, %u client%s, %u "
	       "in flight of each, %u keys, values of %u bytes\n",
	       o->op, c->target.durability, c->target.client_path, c->target.spoken_to,
	       o->target.node == TARGET_LEADER     ? "the leader"
	       : o->target.node == TARGET_FOLLOWER ? "a follower"
						   : "any",
	       c->target.link, c->target.nodes, c->target.nodes == 1 ? "" : "s", o->clients,
	       o->clients == 1 ? "" : "s", o->load.inflight, o->load.keys, o->load.value_size);
	result_print_host(o->target.directory, stdout);
}

int command_commit(int argc, char **argv, const char *line)
{
	struct commit *c = calloc(1, sizeof(*c));
	int code;

	if (!c)
		return EXIT_HOST;
	commit_options_parse(&c->options, argc, argv);
	c->options.common.line = line;
	c->measure.options = &c->options;
	c->measure.target = &c->target;
	code = prepare(c);
	if (!code) {
		say_what(c);
		code = run_all(c);
	}
	if (c->options.load.series && series_close(c->options.load.series)) {
		fprintf(stderr, "quoin-bench: %s: not all of it was written\n", c->options.series);
		code = code ? code : EXIT_HOST;
	}
	if (c->measure.load)
		load_destroy(c->measure.load);
	if (c->measure.floor)
		floor_destroy(c->measure.floor);
	target_close(&c->target);
	measure_free(&c->measure);
	ledger_destroy(&c->ledger);
	for (int i = 0; i < MEASURE_SERIES; i++)
		free(c->total[i]);
	free(c);
	return code;
}
