/*
 * quoin-bench: latency and throughput of a cluster, with the host's floor beside every figure.
 */
#include "tools/bench/command.h"
#include "tools/bench/plot.h"
#include "tools/bench/stop.h"
#include "tools/shared/option.h"

#include "base/standard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *argp_program_version = "quoin-bench " QUOIN_VERSION;

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv, const char *line);
} commands[] = {
	{"commit", command_commit},
	{"election", command_election},
	{"floor", command_floor},
};

enum { COMMANDS = sizeof(commands) / sizeof(commands[0]), LINE_MAX_SIZE = 1024 };

static const struct argp argp = {
	.args_doc = "COMMAND [OPTION...]",
	.doc = "Measure a quoin cluster on this host.\n\n"
	       "  commit     latency and rate of puts and gets\n"
	       "             --dir --endpoints --in-process --nodes --client-path --target\n"
	       "             --op --gets --serializable --rate --clients --inflight --keys\n"
	       "             --keep-keys --value-size --duration --requests --fill --warmup "
	       "--runs\n"
	       "             --durability --json --percentiles --series --acknowledged --plot\n"
	       "  election   from the loss of the leader to the first commit after it\n"
	       "             --dir --rounds --how --json --plot\n"
	       "  floor      this host's durable write, and the clients' round trip\n"
	       "             --dir --writers --duration --json\n"
	       "\nquoin-bench COMMAND --help tells what they mean.\v"
	       "Exit codes: 0 done; 1 done, but requests failed; 2 usage; 3 the cluster is not "
	       "there or not as asked for; 4 files, memory or devices of this host; 5 "
	       "stopped by a signal; what was measured until then is shown.",
};

error_t common_option(int key, char *value, struct argp_state *state, struct common *c)
{
	switch (key) {
	case 'd':
		c->directory = option_text(state, "--dir", value);
		return 0;
	case KEY_JSON:
		c->json = option_text(state, "--json", value);
		return 0;
	case KEY_PLOT:
		c->plot = value;
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

uint64_t parse_seconds(struct argp_state *state, const char *option, const char *text, double min,
		       double max)
{
	char *end;
	double value = strtod(text, &end);

	if (strcmp(end, "s") == 0)
		end++;
	if (text[0] < '0' || text[0] > '9' || *end || !(value >= min && value <= max))
		argp_error(state, "%s %s: should be seconds, from %g to %g", option, text, min,
			   max);
	return (uint64_t)(value * 1e9);
}

/* The command line as it was typed, for the results. */
static void join(char line[LINE_MAX_SIZE], int argc, char **argv)
{
	size_t size = (size_t)snprintf(line, LINE_MAX_SIZE, "quoin-bench");

	for (int i = 1; i < argc && size < LINE_MAX_SIZE; i++)
		size += (size_t)snprintf(line + size, LINE_MAX_SIZE - size, " %s", argv[i]);
}

int main(int argc, char **argv)
{
	char line[LINE_MAX_SIZE], name[64];
	int first = 1;

	standard_open();
	argp_err_exit_status = EXIT_USAGE;
	setvbuf(stdout, NULL, _IOLBF, 0);
	join(line, argc, argv);
	stop_on_signals();
	for (int i = 0; argc > 1 && i < COMMANDS; i++) {
		if (strcmp(argv[1], commands[i].name) != 0)
			continue;
		snprintf(name, sizeof(name), "quoin-bench %s", commands[i].name);
		argv[1] = name;
		return commands[i].run(argc - 1, argv + 1, line);
	}
	/* Only --help, --version and --usage are left: argp serves them and exits. */
	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, &first, NULL);
	fprintf(stderr, "quoin-bench: %s%s: should be commit, election or floor\n",
		argc > 1 ? argv[1] : "no command", argc > 1 ? "" : " given");
	return EXIT_USAGE;
}
