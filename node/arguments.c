#include "node/arguments.h"

#include "base/exits.h"
#include "node/journal.h"

#include <argp.h>
#include <string.h>

/* Of initial-cluster-token, and what stands between that and an id. */
#define NAME_BYTES "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-:"

const char *argp_program_version = "quoind " QUOIN_VERSION;

static int parse_option(int key, char *value, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case 'c':
		if (!*value)
			argp_error(state, "--config: there is no file's name behind it");
		arguments->config = value;
		return 0;
	case 'k':
		arguments->check = true;
		return 0;
	case 'l':
		arguments->format = strcmp(value, "json") == 0 ? JOURNAL_JSON : JOURNAL_TEXT;
		if (arguments->format == JOURNAL_TEXT && strcmp(value, "text") != 0)
			argp_error(state, "--log-format=%s: should be text or json", value);
		return 0;
	case 'f':
		if (!*value || value[strspn(value, NAME_BYTES)])
			argp_error(state, "--force-new-cluster: should be the cluster's name, of "
					  "letters, digits, '.', '_', '-' and a ':'; any other "
					  "word, such as ask, has it told");
		arguments->force = value;
		return 0;
	case ARGP_KEY_END:
		if (!arguments->config)
			argp_error(state, "--config FILE is required");
		if (arguments->check && arguments->force)
			argp_error(state, "--check changes nothing, and --force-new-cluster does");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option option_table[] = {
	{"config", 'c', "FILE", 0, "The configuration file (quoin.yaml(5))", 0},
	{"check", 'k', NULL, 0,
	 "Look at the configuration and at this host, explain both, start nothing", 0},
	{"log-format", 'l', "FORMAT", 0,
	 "How lines of the log read: text or json; over log-format of the configuration", 0},
	{"force-new-cluster", 'f', "NAME", 0,
	 "The other members are lost for good: this one's directory becomes a cluster of its own, "
	 "with what that may lose told, and that is all. NAME is the cluster's; any other word has "
	 "it told",
	 0},
	{0},
};

static const struct argp argp = {
	.options = option_table,
	.parser = parse_option,
	.doc = "Run a node of a quoin cluster.\v"
	       "Exit codes: 0 stopped by SIGTERM, SIGINT or SIGXCPU, --check found nothing "
	       "wrong, or --force-new-cluster was done; 2 usage, or that name is another one; 3 "
	       "the configuration is wrong; 4 it could not start, or --check says that it would "
	       "not; 5 the disk failed; 6 its network port is deaf for good; 7 it was removed "
	       "from its cluster.",
};

void arguments_parse(struct arguments *out, int argc, char **argv)
{
	*out = (struct arguments){.format = -1};
	argp_err_exit_status = EXITS_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, out);
}
