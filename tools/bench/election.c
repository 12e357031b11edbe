/*
 * quoin-bench election: rounds of losing the leader. From the moment at which quoin-lab is told to
 * do it:
 *
 *	detection     a survivor is a candidate, or in a higher term
 *	election      a survivor says that it leads
 *	first commit  a put through a survivor is acknowledged
 *
 * Survivors are asked over their admin sockets, one after another, with a short sleep between; the
 * puts are made when the loss has been detected, one through each survivor, so that the old leader
 * cannot be the one that committed them.
 */
#include "base/clock.h"
#include "tools/bench/cluster.h"
#include "tools/bench/command.h"
#include "tools/bench/floor.h"
#include "tools/bench/plot.h"
#include "tools/bench/put.h"
#include "tools/bench/result.h"
#include "tools/bench/stop.h"
#include "tools/bench/tool.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROUNDS_MAX = 1000, PHASES = 3 };

#define ASK_NS (200 * CLOCK_US)
#define ASK_TIMEOUT_NS (200 * CLOCK_MS)
#define ROUND_NS (30 * CLOCK_S)
#define CAUGHT_UP_NS (60 * CLOCK_S)
#define REST_NS (300 * CLOCK_MS) /* between rounds: a few heartbeats */
#define FLOOR_NS (300 * CLOCK_MS)

struct manner {
	const char *name;
	const char *command; /* of quoin-lab */
	const char *undo;
};

static const struct manner manners[] = {
	{"kill", "kill", "restart"},
	{"pause", "pause", "resume"},
	{"partition", "partition", "heal"},
};

struct survivor {
	const struct cluster_node *node;
	int fd; /* for status; -1: broken */
};

struct election {
	const char *directory;
	const struct manner *manner;
	uint32_t rounds;
	const char *json, *plot;
	const char *line;

	struct cluster cluster;
	char durability[16], link[32];
	struct histogram *floor;

	uint64_t old_term;
	uint64_t begun_ns;
	struct survivor survivor[CLUSTER_NODES_MAX];
	uint32_t survivor_count;
	struct put *put; /* of this round */
	uint64_t at_ns[PHASES];
	uint64_t errors;

	double round_us[PHASES][ROUNDS_MAX];
};

static const char *const phase_names[PHASES] = {"detection", "election", "first commit"};

enum { KEY_ROUNDS = 256, KEY_HOW, KEY_JSON, KEY_PLOT };

static const struct argp_option option_table[] = {
	{"dir", 'd', "DIR", 0, "The lab's directory (" DEFAULT_DIRECTORY ")", 0},
	{"rounds", 'r', "N", 0, "How often the leader is lost (10)", 0},
	{"how", KEY_HOW, "WHAT", 0,
	 "kill (SIGKILL, default), pause (SIGSTOP) or partition (cut off from the others)", 0},
	{"json", KEY_JSON, "FILE", 0, "Results; an existing file is replaced", 0},
	{"plot", KEY_PLOT, "FILE", 0, "Bars for each round, .svg or .png, by gnuplot", 0},
	{0},
};

static int parse_option(int key, char *value, struct argp_state *state)
{
	struct election *e = state->input;

	switch (key) {
	case 'd':
		e->directory = value;
		return 0;
	case 'r':
		e->rounds = parse_count(state, "--rounds", value, 1, ROUNDS_MAX);
		return 0;
	case KEY_HOW:
		for (size_t i = 0; i < sizeof(manners) / sizeof(*manners); i++) {
			if (!strcmp(value, manners[i].name)) {
				e->manner = &manners[i];
				return 0;
			}
		}
		argp_error(state, "--how %s: should be kill, pause or partition", value);
		return 0;
	case KEY_JSON:
		e->json = value;
		return 0;
	case KEY_PLOT:
		e->plot = value;
		if (plot_check(value))
			argp_error(state, "--plot %s: should end in .svg or .png", value);
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "%s: not an option", value);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
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
				e->directory, (unsigned int)(CAUGHT_UP_NS / CLOCK_S));
			return -1;
		}
		clock_sleep(10 * CLOCK_MS);
	}
	return cluster_leader(&e->cluster);
}

static void survivors_close(struct election *e)
{
	for (uint32_t i = 0; i < e->survivor_count; i++) {
		if (e->survivor[i].fd >= 0)
			close(e->survivor[i].fd);
	}
	e->survivor_count = 0;
	if (e->put)
		put_destroy(e->put);
	e->put = NULL;
}

static int survivors_open(struct election *e, int leader)
{
	struct endpoint endpoints[CLUSTER_NODES_MAX];
	struct wire_hello welcome;

	for (int i = 0; i < (int)e->cluster.count; i++) {
		struct survivor *s = &e->survivor[e->survivor_count];

		if (i == leader)
			continue;
		s->node = &e->cluster.node[i];
		s->fd = endpoint_connect(&s->node->admin, &welcome, ASK_TIMEOUT_NS);
		if (s->fd < 0) {
			fprintf(stderr, "quoin-bench: %s: %s\n", s->node->admin.text,
				strerror(-s->fd));
			return -EHOSTUNREACH;
		}
		endpoints[e->survivor_count++] = s->node->admin;
	}
	return put_create(&e->put, endpoints, e->survivor_count);
}

static void reached(struct election *e, int phase, uint64_t now)
{
	if (!e->at_ns[phase])
		e->at_ns[phase] = now;
}

static void ask(struct election *e, struct survivor *s)
{
	char text[ENDPOINT_STATUS_MAX];
	enum wire_status answer;
	struct status status;
	int size;

	if (s->fd < 0)
		return;
	size = endpoint_call(s->fd, WIRE_STATUS, NULL, 0, ASK_TIMEOUT_NS, &answer, (uint8_t *)text,
			     sizeof(text) - 1);
	if (size < 0 || answer != WIRE_OK) {
		e->errors++;
		close(s->fd);
		s->fd = -1;
		return;
	}
	text[size] = '\0';
	status_parse(&status, text);
	if (status.term > e->old_term || !strcmp(status.role, "candidate"))
		reached(e, 0, clock_now());
	if (status.term > e->old_term && !strcmp(status.role, "leader"))
		reached(e, 1, clock_now());
}

/* Until the first commit. 0, -ETIMEDOUT, or -EINTR: a signal asked to stop. */
static int watch(struct election *e)
{
	bool putting = false;

	while (!e->at_ns[2]) {
		uint64_t now;

		for (uint32_t i = 0; i < e->survivor_count && !e->at_ns[1]; i++)
			ask(e, &e->survivor[i]);
		now = clock_now();
		if (e->at_ns[0] && !putting) {
			put_begin(e->put, now);
			putting = true;
		}
		if (putting && put_poll(e->put, ASK_NS)) {
			/* Between two questions a whole election may have passed. */
			now = clock_now();
			reached(e, 1, now);
			reached(e, 2, now);
		}
		if (!putting)
			clock_sleep(ASK_NS);
		if (now - e->begun_ns > ROUND_NS)
			return -ETIMEDOUT;
		if (stop_requested())
			return -EINTR;
	}
	return 0;
}

/* The number of a node: the lab's names are n1, n2, ... */
static const char *number_of(const struct election *e, int node)
{
	const char *name = e->cluster.node[node].name;

	return name + (name[0] == 'n');
}

/* "1|2,3": the leader on one side, all others on the other. */
static void argument_for(const struct election *e, int leader, char *out, size_t size_max)
{
	const char *separator = "|";
	size_t size;

	size = (size_t)snprintf(out, size_max, "%s", number_of(e, leader));
	if (strcmp(e->manner->name, "partition") != 0)
		return;
	for (int i = 0; i < (int)e->cluster.count && size < size_max; i++) {
		if (i == leader)
			continue;
		size += (size_t)snprintf(out + size, size_max - size, "%s%s", separator,
					 number_of(e, i));
		separator = ",";
	}
}

static int undo(struct election *e, const char *node)
{
	bool partition = !strcmp(e->manner->name, "partition");

	return tool_lab(e->manner->undo, partition ? NULL : node, e->directory);
}

static int lose_leader(struct election *e, int leader, uint32_t round)
{
	char argument[256];
	int result, command_error;
	pid_t pid;

	argument_for(e, leader, argument, sizeof(argument));
	e->old_term = e->cluster.node[leader].status.term;
	memset(e->at_ns, 0, sizeof(e->at_ns));
	e->begun_ns = clock_now();
	pid = tool_lab_begin(e->manner->command, argument, e->directory);
	if (pid < 0)
		return pid;
	result = watch(e);
	command_error = tool_lab_end(pid, e->manner->command);
	if (!result)
		result = command_error;
	if (result == -ETIMEDOUT)
		fprintf(stderr, "quoin-bench: round %u: no commit in %u s after %s of %s\n",
			round + 1, (unsigned int)(ROUND_NS / CLOCK_S), e->manner->name,
			e->cluster.node[leader].name);
	for (int i = 0; !result && i < PHASES; i++)
		e->round_us[i][round] = (double)(e->at_ns[i] - e->begun_ns) / 1000;
	command_error = undo(e, number_of(e, leader));
	return result ? result : command_error;
}

static int run_round(struct election *e, uint32_t round)
{
	int leader = wait_caught_up(e), result;

	if (leader < 0)
		return -EHOSTUNREACH;
	clock_sleep(REST_NS);
	/* An election in between would be blamed on this round. */
	leader = wait_caught_up(e);
	if (leader < 0)
		return -EHOSTUNREACH;
	result = survivors_open(e, leader);
	if (!result)
		result = lose_leader(e, leader, round);
	if (e->put)
		e->errors += put_errors(e->put);
	survivors_close(e);
	if (!result)
		printf("round %2u  %s of %-4s %-8s %-6s  detection %8.1f ms  election %8.1f ms  "
		       "first commit %8.1f ms\n",
		       round + 1, e->manner->name, e->cluster.node[leader].name, e->durability,
		       e->link, e->round_us[0][round] / 1000, e->round_us[1][round] / 1000,
		       e->round_us[2][round] / 1000);
	return result;
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
	snprintf(r->name, sizeof(r->name), "%s: %s", e->manner->name, phase_names[phase]);
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
	int error = 0;

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
	if (e->json)
		error |= result_write_json(e->json, results, PHASES, e->line, e->directory);
	if (e->plot)
		error |= plot_rounds(e->plot, results, PHASES);
	return error ? EXIT_HOST : e->errors ? EXIT_FAILED_REQUESTS : EXIT_GOOD;
}

/* A slice of the floor, before the rounds and after them. 0 or an exit code. */
static int floor_slice(struct election *e)
{
	char error[FLOOR_ERROR_MAX];
	struct floor *floor;
	int result = floor_create(&floor, e->directory, e->cluster.count, error);

	if (!result) {
		floor_begin(floor, FLOOR_NS);
		result = floor_finish(floor, e->floor);
		if (result)
			snprintf(error, sizeof(error), "the floor's writes: %s", strerror(-result));
		floor_destroy(floor);
	}
	if (result)
		fprintf(stderr, "quoin-bench: %s\n", error);
	return result ? EXIT_HOST : 0;
}

static int prepare(struct election *e)
{
	char error[CLUSTER_ERROR_MAX];

	e->floor = histogram_create();
	if (!e->floor)
		return EXIT_HOST;
	if (cluster_from_lab(&e->cluster, e->directory, error)) {
		fprintf(stderr, "quoin-bench: %s\n", error);
		return EXIT_CLUSTER;
	}
	if (e->cluster.count < 3) {
		fprintf(stderr,
			"quoin-bench: %s: %u nodes: without its leader nothing could be elected "
			"(3 or more)\n",
			e->directory, e->cluster.count);
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
	e->directory = DEFAULT_DIRECTORY;
	e->manner = &manners[0];
	e->rounds = 10;
	e->line = line;
	argp_parse(&argp, argc, argv, 0, NULL, e);
	code = prepare(e);
	if (!code) {
		printf("election by %s: %u rounds, durability %s, link %s, %u nodes; counted from "
		       "the start of quoin-lab %s\n",
		       e->manner->name, e->rounds, e->durability, e->link, e->cluster.count,
		       e->manner->command);
		result_print_host(e->directory, stdout);
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
