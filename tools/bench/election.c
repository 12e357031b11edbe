/*
 * quoin-bench election: rounds of losing the leader.
 */
#include "base/clock.h"
#include "tools/bench/cluster.h"
#include "tools/bench/command.h"
#include "tools/bench/floor.h"
#include "tools/bench/plot.h"
#include "tools/bench/result.h"
#include "tools/bench/round.h"
#include "tools/bench/stop.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS_MAX = 1000 };

#define CAUGHT_UP_NS (60 * CLOCK_S)
/* Between rounds: a few heartbeats. */
#define REST_NS (300 * CLOCK_MS)
#define FLOOR_NS (300 * CLOCK_MS)

static const struct manner manners[] = {
	{"kill", "kill", "restart", false},
	{"pause", "pause", "resume", false},
	{"partition", "partition", "heal", true},
};

struct election {
	struct common common;
	uint32_t rounds;

	struct cluster cluster;
	struct round_options round;
	char durability[16], link[32];
	struct histogram *floor;
	uint64_t errors;

	double round_us[PHASES][ROUNDS_MAX];
};

static const char *const phase_names[PHASES] = {
	[PHASE_DETECTION] = "detection",
	[PHASE_ELECTION] = "election",
	[PHASE_COMMIT] = "first commit",
};

enum { KEY_HOW = 256 };

static const struct argp_option option_table[] = {
	{"dir", 'd', "DIR", 0, "The lab's directory (" LAB_DIR_DEFAULT ")", 0},
	{"rounds", 'r', "N", 0, "How often the leader is lost (10)", 0},
	{"how", KEY_HOW, "WHAT", 0,
	 "kill (SIGKILL, default), pause (SIGSTOP) or partition (cut off from the others)", 0},
	JSON_OPTION,
	{"plot", KEY_PLOT, "FILE", 0, "Bars for each round, .svg or .png, by gnuplot", 0},
	{0},
};

static int parse_option(int key, char *value, struct argp_state *state)
{
	struct election *e = state->input;

	switch (key) {
	case 'r':
		e->rounds = option_number(state, "--rounds", value, 1, ROUNDS_MAX);
		return 0;
	case KEY_HOW:
		for (size_t i = 0; i < sizeof(manners) / sizeof(*manners); i++) {
			if (!strcmp(value, manners[i].name)) {
				e->round.manner = &manners[i];
				return 0;
			}
		}
		argp_error(state, "--how %s: should be kill, pause or partition", value);
		return 0;
	default:
		return common_option(key, value, state, &e->common);
	}
}

static const struct argp argp = {
	.options = option_table,
	.parser = parse_option,
	.doc = "Measure elections: lose the leader of a lab, again and again.",
};

/* All answer, one leads, and all have applied what it has committed. */
static bool caught_up(struct cluster *c)
{
	int leader;

	if (cluster_refresh(c) != c->count)
		return false;
	leader = cluster_leader(c);
	for (uint32_t i = 0; leader >= 0 && i < c->count; i++) {
		const struct status *s = &c->node[i].status;

		if (s->leader != c->node[leader].status.member_id ||
		    s->term != c->node[leader].status.term ||
		    s->applied < c->node[leader].status.commit)
			return false;
	}
	return leader >= 0;
}

/* The leader's index, or -1 with a line on stderr. */
static int wait_caught_up(struct election *e)
{
	uint64_t deadline = clock_now() + CAUGHT_UP_NS;

	while (!caught_up(&e->cluster)) {
		if (stop_requested())
			return -1;
		if (clock_now() >= deadline) {
			fprintf(stderr,
				"quoin-bench: %s: not all nodes have caught up in %u s: quoin-lab "
				"status tells more\n",
				e->round.directory, (unsigned int)(CAUGHT_UP_NS / CLOCK_S));
			return -1;
		}
		clock_sleep(10 * CLOCK_MS);
	}
	return cluster_leader(&e->cluster);
}

static int run_round(struct election *e, uint32_t number)
{
	int leader = wait_caught_up(e), err;
	double us[PHASES];

	if (leader < 0)
		return -EHOSTUNREACH;
	clock_sleep(REST_NS);
	/* An election in between would be blamed on this round. */
	leader = wait_caught_up(e);
	if (leader < 0)
		return -EHOSTUNREACH;
	err = round_run(&e->round, number + 1, leader, us, &e->errors);
	if (err)
		return err;
	for (int i = 0; i < PHASES; i++)
		e->round_us[i][number] = us[i];
	printf("round %2u  %s of %-4s %-8s %-6s  detection %8.1f ms  election %8.1f ms  "
	       "first commit %8.1f ms\n",
	       number + 1, e->round.manner->name, e->cluster.node[leader].name, e->durability,
	       e->link, us[PHASE_DETECTION] / 1000, us[PHASE_ELECTION] / 1000,
	       us[PHASE_COMMIT] / 1000);
	return 0;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void summarize(struct election *e, int phase, struct result *r)
{
	double sorted[ROUNDS_MAX];
	uint32_t n = e->rounds;

	memset(r, 0, sizeof(*r));
	memcpy(sorted, e->round_us[phase], n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), by_value);
	snprintf(r->name, sizeof(r->name), "%s: %s", e->round.manner->name, phase_names[phase]);
	snprintf(r->durability, sizeof(r->durability), "%s", e->durability);
	snprintf(r->client_path, sizeof(r->client_path), "unix");
	snprintf(r->link, sizeof(r->link), "%s", e->link);
	r->nodes = e->cluster.count;
	r->clients = e->cluster.count - 1;
	r->count = n;
	r->min_us = sorted[0];
	r->p50_us = n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
	r->max_us = sorted[n - 1];
	result_set_floor(r, e->floor, e->cluster.count);
	/* An election waits for a timer, not for the disk: their ratio says nothing. */
	r->ratio = 0;
	r->errors = e->errors;
	r->round_us = e->round_us[phase];
	r->round_count = n;
	r->timeout_min_us = (double)e->cluster.election_us_min;
	r->timeout_max_us = (double)e->cluster.election_us_max;
}

static int report(struct election *e)
{
	struct result results[PHASES];
	int err = 0;

	printf("%-24s %10s %10s %10s   (%s, link %s, %u nodes, %u rounds)\n", "milliseconds",
	       "median", "min", "max", e->durability, e->link, e->cluster.count, e->rounds);
	for (int i = 0; i < PHASES; i++) {
		summarize(e, i, &results[i]);
		printf("%-24s %10.1f %10.1f %10.1f\n", results[i].name, results[i].p50_us / 1000,
		       results[i].min_us / 1000, results[i].max_us / 1000);
	}
	printf("floor (%s): election timeout %.1f to %.1f ms, heartbeat %.1f ms; one durable 4 KiB "
	       "write, %u writers at once, p50 %.1f us\n",
	       e->durability, (double)e->cluster.election_us_min / 1000,
	       (double)e->cluster.election_us_max / 1000, (double)e->cluster.heartbeat_us / 1000,
	       e->cluster.count, results[0].floor_p50_us);
	if (e->errors)
		printf("%" PRIu64 " questions or puts failed on the way\n", e->errors);
	if (e->common.json)
		err |= result_write_json(e->common.json, results, PHASES, e->common.line,
					 e->round.directory);
	if (e->common.plot)
		err |= plot_rounds(e->common.plot, results, PHASES);
	return err ? EXIT_HOST : e->errors ? EXIT_FAILED_REQUESTS : EXIT_GOOD;
}

/* A slice of the floor, before the rounds and after them. 0 or an exit code. */
static int floor_slice(struct election *e)
{
	char error[FLOOR_ERROR_MAX];
	struct floor *floor;
	int err = floor_create(&floor, e->round.directory, e->cluster.count, error);

	if (!err) {
		floor_begin(floor, FLOOR_NS);
		err = floor_finish(floor, e->floor);
		if (err)
			snprintf(error, sizeof(error), "the floor's writes: %s", strerror(-err));
		floor_destroy(floor);
	}
	if (err)
		fprintf(stderr, "quoin-bench: %s\n", error);
	return err ? EXIT_HOST : 0;
}

static int prepare(struct election *e)
{
	char error[CLUSTER_ERROR_MAX];

	e->floor = histogram_create();
	if (!e->floor)
		return EXIT_HOST;
	if (cluster_from_lab(&e->cluster, e->round.directory, error)) {
		fprintf(stderr, "quoin-bench: %s\n", error);
		return EXIT_CLUSTER;
	}
	if (e->cluster.count < 3) {
		fprintf(stderr,
			"quoin-bench: %s: %u nodes: without its leader nothing could be elected "
			"(3 or more)\n",
			e->round.directory, e->cluster.count);
		return EXIT_CLUSTER;
	}
	if (wait_caught_up(e) < 0)
		return EXIT_CLUSTER;
	if (cluster_agree(&e->cluster, e->durability, e->link, error)) {
		fprintf(stderr, "quoin-bench: %s\n", error);
		return EXIT_CLUSTER;
	}
	return floor_slice(e);
}

int command_election(int argc, char **argv, const char *line)
{
	struct election *e = calloc(1, sizeof(*e));
	int code;

	if (!e)
		return EXIT_HOST;
	e->common = (struct common){.directory = LAB_DIR_DEFAULT, .line = line};
	e->round = (struct round_options){.cluster = &e->cluster, .manner = &manners[0]};
	e->rounds = 10;
	argp_parse(&argp, argc, argv, 0, NULL, e);
	e->round.directory = e->common.directory;
	code = prepare(e);
	if (!code) {
		printf("election by %s: %u rounds, durability %s, link %s, %u nodes; counted from "
		       "the start of quoin-lab %s\n",
		       e->round.manner->name, e->rounds, e->durability, e->link, e->cluster.count,
		       e->round.manner->command);
		result_print_host(e->round.directory, stdout);
	}
	for (uint32_t i = 0; !code && i < e->rounds; i++) {
		if (run_round(e, i))
			code = EXIT_CLUSTER;
		if (stop_requested())
			code = EXIT_STOPPED;
	}
	if (!code && wait_caught_up(e) < 0)
		code = EXIT_CLUSTER;
	if (!code)
		code = floor_slice(e);
	if (!code)
		code = report(e);
	free(e->floor);
	free(e);
	return code;
}
