/*
 * quoin-bench election: rounds of losing the leader, under a load that goes on.
 */
#include "base/clock.h"
#include "tools/bench/cluster.h"
#include "tools/bench/command.h"
#include "tools/bench/floor.h"
#include "tools/bench/plot.h"
#include "tools/bench/result.h"
#include "tools/bench/round.h"
#include "tools/bench/stop.h"
#include "tools/bench/writers.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS_MAX = 1000 };

#define CAUGHT_UP_NS (60 * CLOCK_S)
/* Before the control of a round. */
#define REST_NS (100 * CLOCK_MS)
#define WINDOW_NS (300 * CLOCK_MS)
#define FLOOR_NS (300 * CLOCK_MS)

struct election {
	struct common common;
	uint32_t rounds;

	struct cluster cluster;
	struct round_options round;
	char durability[16], link[32];
	struct histogram *quorum, *single;
	struct writers *writers;
	struct writers_counters puts; /* of all rounds */
	uint64_t errors;

	uint32_t done;      /* rounds */
	uint32_t elections; /* that nobody meant */
	double round_us[PHASES][ROUNDS_MAX];
};

/* A bar of the plot shows what one adds to the one before. */
static const struct {
	const char *key, *name;
	bool stacked;
} phases[PHASES] = {
	[PHASE_DETECTION] = {"detection", "detection", true},
	[PHASE_ELECTION] = {"election", "new leader", true},
	[PHASE_COMMIT] = {"first_commit", "first commit", true},
	[PHASE_GAP] = {"gap", "longest gap between commits", false},
	[PHASE_CONTROL] = {"gap_control", "the same, leader left alone", false},
};

enum { KEY_HOW = 256 };

static const struct argp_option option_table[] = {
	{"dir", 'd', "DIR", 0, "The lab's directory (" LAB_DIR_DEFAULT ")", 0},
	{"rounds", 'r', "N", 0, "How often the leader is lost (10)", 0},
	{"how", KEY_HOW, "WHAT", 0,
	 "kill (SIGKILL, default), stop (SIGTERM), pause (SIGSTOP), partition (cut off from the "
	 "others), mute (they do not hear it), deaf (it does not hear them), hang (its disk does "
	 "not answer) or transfer (it is "
	 "told "
	 "to hand over)",
	 0},
	JSON_OPTION,
	{"plot", KEY_PLOT, "FILE", 0, "Bars for each round, .svg or .png, by gnuplot", 0},
	{0},
};

static int parse_option(int key, char *value, struct argp_state *state)
{
	struct election *e = state->input;
	char names[HURT_NAMES_MAX];

	switch (key) {
	case 'r':
		e->rounds = option_number(state, "--rounds", value, 1, ROUNDS_MAX);
		return 0;
	case KEY_HOW:
		e->round.manner = hurt_find(value);
		if (!e->round.manner)
			argp_error(state, "--how %s: should be %s", value, hurt_names(names));
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

/* All answer, one leads, and all have applied what it had committed when it was asked before. */
static bool caught_up(struct cluster *c, uint64_t *term, uint64_t *commit)
{
	uint64_t term_before = *term, commit_before = *commit;
	uint32_t answered = cluster_refresh(c);
	int leader = cluster_leader(c);

	*term = *commit = 0;
	if (answered != c->count || leader < 0)
		return false;
	*term = c->node[leader].status.term;
	*commit = c->node[leader].status.commit;
	for (uint32_t i = 0; i < c->count; i++) {
		const struct status *s = &c->node[i].status;

		if (s->leader != c->node[leader].status.member_id || s->term != *term ||
		    s->applied < commit_before)
			return false;
	}
	return *term == term_before;
}

/* The leader's index, or -1 with a line on stderr. */
static int wait_caught_up(struct election *e)
{
	uint64_t deadline = clock_now() + CAUGHT_UP_NS, term = 0, commit = 0;

	while (!caught_up(&e->cluster, &term, &commit)) {
		if (stop_requested())
			return -1;
		if (clock_now() >= deadline) {
			fprintf(stderr,
				"quoin-bench: %s: not all nodes have caught up in %u s: quoin-lab "
				"status --dir %s tells more\n",
				e->round.directory, (unsigned int)(CAUGHT_UP_NS / CLOCK_S),
				e->round.directory);
			return -1;
		}
		clock_sleep(10 * CLOCK_MS);
	}
	return cluster_leader(&e->cluster);
}

/* 0; -EAGAIN: in its control somebody was elected; else -errno. */
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
	err = round_run(&e->round, e->writers, number + 1, (uint32_t)leader, us, &e->errors);
	if (err)
		return err;
	for (int i = 0; i < PHASES; i++)
		e->round_us[i][number] = us[i];
	e->done++;
	printf("round %2u  %s of %-4s %-8s %-6s  detection %8.1f ms  new leader %8.1f ms  "
	       "first commit %8.1f ms  gap %8.1f ms  control %6.1f ms\n",
	       number + 1, hurt_name(e->round.manner), e->cluster.node[leader].name, e->durability,
	       e->link, us[PHASE_DETECTION] / 1000, us[PHASE_ELECTION] / 1000,
	       us[PHASE_COMMIT] / 1000, us[PHASE_GAP] / 1000, us[PHASE_CONTROL] / 1000);
	return 0;
}

/* One whose control was disturbed is counted, and made anew. */
static int run_rounds(struct election *e)
{
	int err = 0;

	while (!err && e->done < e->rounds && !stop_requested()) {
		err = run_round(e, e->done);
		if (err == -EAGAIN) {
			e->elections++;
			err = e->elections <= e->rounds ? 0 : err;
		}
	}
	if (err == -EAGAIN)
		fprintf(stderr,
			"quoin-bench: %u elections that nobody meant: the host is too busy "
			"for the election timeout\n",
			e->elections);
	return stop_requested() ? EXIT_STOPPED : err ? EXIT_CLUSTER : 0;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void add_phase(struct election *e, int phase, struct result *r)
{
	struct result_row *row = &r->row[r->row_count++];
	double sorted[ROUNDS_MAX];
	uint32_t n = e->done;

	memcpy(sorted, e->round_us[phase], n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), by_value);
	*row = (struct result_row){
		.key = phases[phase].key,
		.count = n,
		.min_us = sorted[0],
		.p50_us = n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2,
		/* The smallest that as many do not exceed: of a hundred, all but one. */
		.p90_us = sorted[(90 * n + 99) / 100 - 1],
		.p99_us = sorted[(99 * n + 99) / 100 - 1],
		.max_us = sorted[n - 1],
		.round_us = e->round_us[phase],
		.round_count = n,
		.stacked = phases[phase].stacked,
	};
	snprintf(row->name, sizeof(row->name), "%s", phases[phase].name);
}

/* An election waits for a timer, not for the disk: the floor stands there without a ratio. */
static void fill_result(struct election *e, struct result *r)
{
	memset(r, 0, sizeof(*r));
	snprintf(r->name, sizeof(r->name), "election by %s", hurt_name(e->round.manner));
	snprintf(r->durability, sizeof(r->durability), "%s", e->durability);
	snprintf(r->client_path, sizeof(r->client_path), "unix");
	snprintf(r->link, sizeof(r->link), "%s", e->link);
	snprintf(r->idle, sizeof(r->idle), "%s", e->cluster.idle);
	r->nodes = e->cluster.count;
	r->clients = e->cluster.count;
	r->inflight = 1;
	r->partial = e->done < e->rounds;
	for (int i = 0; i < PHASES; i++)
		add_phase(e, i, r);
	result_add(r, "floor", e->quorum, "floor: %u of %u durable writes",
		   e->cluster.count / 2 + 1, e->cluster.count);
	result_add(r, "floor_one_writer", e->single, "floor: one durable write");
	r->errors = e->errors;
	r->refused = e->puts.refused;
	r->unknown = e->puts.unknown;
	r->terms = e->elections;
	r->timeout_min_us = (double)e->cluster.election_us_min;
	r->timeout_max_us = (double)e->cluster.election_us_max;
}

static int report(struct election *e)
{
	struct result r;
	int err = 0;

	fill_result(e, &r);
	printf("%-34s %10s %10s %10s %10s %10s   (%s, link %s, %u nodes, %u%s%u rounds)\n",
	       "milliseconds", "min", "p50", "p90", "p99", "max", e->durability, e->link,
	       e->cluster.count, e->done, r.partial ? ", PARTIAL, of " : " of ", e->rounds);
	for (uint32_t i = 0; i < r.row_count; i++)
		printf("%-34s %10.3f %10.3f %10.3f %10.3f %10.3f\n", r.row[i].name,
		       r.row[i].min_us / 1000, r.row[i].p50_us / 1000, r.row[i].p90_us / 1000,
		       r.row[i].p99_us / 1000, r.row[i].max_us / 1000);
	printf("election timeout %.1f to %.1f ms, heartbeat %.1f ms\n",
	       (double)e->cluster.election_us_min / 1000, (double)e->cluster.election_us_max / 1000,
	       (double)e->cluster.heartbeat_us / 1000);
	printf("puts: %" PRIu64 " acknowledged, %" PRIu64 " refused, %" PRIu64
	       " without a verdict; elections that nobody meant: %u\n",
	       e->puts.acknowledged, e->puts.refused, e->puts.unknown, e->elections);
	if (e->errors)
		printf("%" PRIu64 " questions failed on the way\n", e->errors);
	printf("one key stays: quoinctl del " WRITERS_KEY "\n");
	if (e->common.json)
		err |= result_write_json(e->common.json, &r, 1, e->common.line, e->round.directory);
	if (e->common.plot)
		err |= plot_rounds(e->common.plot, &r);
	return err ? EXIT_HOST : e->errors ? EXIT_FAILED_REQUESTS : EXIT_GOOD;
}

/* A slice of the floor, before the rounds and after them. 0 or an exit code. */
static int floor_slice(struct election *e)
{
	char error[FLOOR_ERROR_MAX];
	struct floor *floor;
	int err = floor_create(&floor, e->round.directory, NULL, e->cluster.count, error);

	if (!err) {
		err = floor_run(floor, FLOOR_NS, e->quorum, e->single, NULL, NULL);
		if (err)
			snprintf(error, sizeof(error), "the floor's writes: %s", strerror(-err));
		floor_destroy(floor);
	}
	if (err)
		fprintf(stderr, "quoin-bench: %s\n", error);
	return err ? EXIT_HOST : 0;
}

static int try_files(const struct election *e)
{
	int err = e->common.json ? result_try_file(e->common.json) : 0;

	if (!err && e->common.plot)
		err = result_try_file(e->common.plot) || plot_try();
	return err ? EXIT_HOST : 0;
}

static int prepare(struct election *e)
{
	char error[CLUSTER_ERROR_MAX];

	e->quorum = histogram_create();
	e->single = histogram_create();
	if (!e->quorum || !e->single || try_files(e))
		return EXIT_HOST;
	if (cluster_from_lab(&e->cluster, e->round.directory, error)) {
		fprintf(stderr, "quoin-bench: %s\n", error);
		return EXIT_CLUSTER;
	}
	if (e->cluster.count < 3) {
		fprintf(stderr,
			"quoin-bench: %s: %u nodes, and without the leader they are no majority: "
			"it takes 3 or more\n",
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

static int writers_begin(struct election *e)
{
	struct address admin[CLUSTER_NODES_MAX];

	for (uint32_t i = 0; i < e->cluster.count; i++)
		admin[i] = e->cluster.node[i].admin;
	return writers_start(&e->writers, admin, e->cluster.count) ? EXIT_CLUSTER : 0;
}

/* The rounds, and what the writers saw meanwhile. 0 or an exit code. */
static int measure(struct election *e)
{
	int code;

	printf("election by %s: %u rounds, durability %s, link %s, %u nodes, a writer at each; "
	       "counted from %s\n",
	       hurt_name(e->round.manner), e->rounds, e->durability, e->link, e->cluster.count,
	       hurt_begin_text(e->round.manner));
	result_print_host(e->round.directory, stdout);
	code = writers_begin(e);
	if (code)
		return code;
	code = run_rounds(e);
	e->puts = writers_count(e->writers);
	writers_stop(e->writers);
	if (!code && wait_caught_up(e) < 0)
		code = EXIT_CLUSTER;
	return code ? code : floor_slice(e);
}

int command_election(int argc, char **argv, const char *line)
{
	struct election *e = calloc(1, sizeof(*e));
	int code;

	if (!e)
		return EXIT_HOST;
	e->common = (struct common){.directory = LAB_DIR_DEFAULT, .line = line};
	e->round = (struct round_options){
		.cluster = &e->cluster, .manner = hurt_find("kill"), .window_ns = WINDOW_NS};
	e->rounds = 10;
	argp_parse(&argp, argc, argv, 0, NULL, e);
	e->round.directory = e->common.directory;
	code = prepare(e);
	if (!code)
		code = measure(e);
	/* What was measured is shown, however it ended. */
	if (e->done) {
		int reported = report(e);

		code = code ? code : reported;
	}
	if (stop_requested())
		fprintf(stderr, "quoin-bench: stopped by a signal\n");
	free(e->quorum);
	free(e->single);
	free(e);
	return code;
}
