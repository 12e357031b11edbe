/*
 * quoin-lab's command line: a command, its options and its arguments. One parser reads the options
 * of all commands; each command's table says which of them it has.
 */
#include "tools/lab/lab.h"
#include "tools/lab/state.h"
#include "tools/shared/option.h"

#include "base/clock.h"
#include "base/standard.h"

#include <argp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Of all values that a lab's options for the configuration can have. */
#define SETTING_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

/* Above it are the real-time signals, of which a node knows none. */
enum { SIGNAL_MAX = 31 };

const char *argp_program_version = "quoin-lab " QUOIN_VERSION;

enum option_key {
	OPTION_DIR = 'd',
	OPTION_NODES = 'n',
	OPTION_LINK = 'l',
	OPTION_SIGNAL = 's',
	OPTION_JSON = 'j',
	OPTION_SETTING = 256, /* and the enum lab_setting */
	OPTION_QUOIND = OPTION_SETTING + LAB_SETTINGS,
	OPTION_TIMEOUT,
	OPTION_LINES,
	OPTION_UNTIL,
	OPTION_LEARNER,
	OPTION_KILL,
};

/* clang-format off */
#define DIR_OPTION {"dir", OPTION_DIR, "DIR", 0, "The lab's directory (" LAB_DIR_DEFAULT ")", 1}
#define TIMEOUT_OPTION {"timeout", OPTION_TIMEOUT, "SECONDS", 0, "How long to wait (30)", 0}

static const struct argp_option dir_only[] = {DIR_OPTION, {0}};
static const struct argp_option up_options[] = {
	{"nodes", OPTION_NODES, "N", 0, "How many, 1 to 7 (3)", 0},
	{"link", OPTION_LINK, "LINK", 0, "network.link, of a socket or a kernel interface (memif)", 0},
	{"durability", OPTION_SETTING + LAB_DURABILITY, "MODE", 0, "durable, written or volatile (durable)", 0},
	{"idle", OPTION_SETTING + LAB_IDLE, "POLICY", 0, "spin, yield or sleep (sleep)", 0},
	{"heartbeat", OPTION_SETTING + LAB_HEARTBEAT, "TIME", 0, "heartbeat-interval (20ms)", 0},
	{"election", OPTION_SETTING + LAB_ELECTION, "TIME", 0, "election-timeout (150ms)", 0},
	{"segment-size", OPTION_SETTING + LAB_SEGMENT_SIZE, "SIZE", 0, "wal.segment-size (16MiB)", 0},
	{"snapshot-log-size", OPTION_SETTING + LAB_SNAPSHOT_LOG_SIZE, "SIZE", 0, "snapshot-log-size", 0},
	{"snapshot-rate", OPTION_SETTING + LAB_SNAPSHOT_RATE, "SIZE", 0, "snapshot-rate", 0},
	{"log-keep", OPTION_SETTING + LAB_LOG_KEEP, "SIZE", 0, "log-keep", 0},
	{"data-dir-quota", OPTION_SETTING + LAB_DATA_DIR_QUOTA, "SIZE", 0, "data-dir-quota", 0},
	{"quota-backend-bytes", OPTION_SETTING + LAB_QUOTA_BACKEND_BYTES, "SIZE", 0, "quota-backend-bytes", 0},
	{"auto-compaction-mode", OPTION_SETTING + LAB_COMPACTION_MODE, "MODE", 0, "periodic or revision", 0},
	{"auto-compaction-retention", OPTION_SETTING + LAB_COMPACTION_RETENTION, "KEPT", 0, "A time, or revisions", 0},
	{"quoind", OPTION_QUOIND, "PATH", 0, "The program (the one beside this)", 0},
	TIMEOUT_OPTION,
	DIR_OPTION,
	{0},
};
static const struct argp_option status_options[] = {
	{"json", OPTION_JSON, NULL, 0, "As JSON", 0}, DIR_OPTION, {0},
};
static const struct argp_option kill_options[] = {
	{"signal", OPTION_SIGNAL, "NAME", 0, "KILL, TERM, ... or a number, 1 to 31 (KILL)", 0},
	DIR_OPTION, {0},
};
static const struct argp_option restart_options[] = {
	{"until", OPTION_UNTIL, "WHAT", 0, "It answers, or is current: up to date (current)", 0},
	TIMEOUT_OPTION, DIR_OPTION, {0},
};
static const struct argp_option add_options[] = {
	{"learner", OPTION_LEARNER, NULL, 0, "One that does not vote", 0},
	TIMEOUT_OPTION, DIR_OPTION, {0},
};
static const struct argp_option remove_options[] = {TIMEOUT_OPTION, DIR_OPTION, {0}};
static const struct argp_option replace_options[] = {
	{"kill", OPTION_KILL, NULL, 0, "Kill it first, if it runs", 0},
	TIMEOUT_OPTION, DIR_OPTION, {0},
};
static const struct argp_option logs_options[] = {
	{"lines", OPTION_LINES, "N", 0, "The last N only", 0}, DIR_OPTION, {0},
};

struct command {
	const char *name;
	const char *arguments;
	const char *doc;
	const struct argp_option *options;
	int arguments_min, arguments_max;
	int (*run)(const struct lab_arguments *a);
};

static const struct command commands[] = {
	{"up", "", "Make a lab and start its nodes; returns when they have a leader.",
		up_options, 0, 0, lab_up},
	{"status", "", "What each node is doing. Exit status 0 if a majority agrees on a leader.",
		status_options, 0, 0, lab_status},
	{"kill", "N|leader", "End a node at once, or send it another signal; waits until it is gone if that ends a node.",
		kill_options, 1, 1, lab_kill},
	{"restart", "N|leader", "Start a node again, after ending it if it runs; returns when it is up to date."
		" With --durability volatile it kept nothing, and is replaced.",
		restart_options, 1, 1, lab_restart},
	{"add", "", "Start a node more, of the next number, as a new member; returns when it votes.",
		add_options, 0, 0, lab_add},
	{"remove", "N|leader", "Take a node out of the cluster, then end it and remove all that is its own.",
		remove_options, 1, 1, lab_remove},
	{"replace", "N|leader", "Start a dead node again, empty, as a new member in place of what it was;"
		" returns when it votes.", replace_options, 1, 1, lab_replace},
	{"pause", "N|leader", "Stop a node's process in its tracks (SIGSTOP).",
		dir_only, 1, 1, lab_pause},
	{"resume", "N", "Let a paused node go on.", dir_only, 1, 1, lab_resume},
	{"partition", "RULE...", "Drop frames between groups of nodes, '1|2,3' or 'leader|rest', or one way, '1>2,3'; or"
		" hurt them: 'loss 10 1|2', 'duplicate 5 1|2', 'reorder 5 1|2' (percent), 'delay 20 1>2'"
		" (ms), 'mtu 1280 1>2' (bytes); 'hang 1': its disk does not answer. Replaces the rules before.", dir_only, 1, LAB_PARTITIONS_MAX, lab_partition},
	{"heal", "", "Drop and hurt no more frames.", dir_only, 0, 0, lab_heal},
	{"exec", "-- COMMAND...", "Run a command inside, with QUOIN_ENDPOINTS set."
		" Exit status: the command's.", dir_only, 1, 1 << 20, lab_exec},
	{"logs", "N|leader", "What a node wrote.", logs_options, 1, 1, lab_logs},
	{"down", "", "End everything and remove all of it, also after a crash.",
		dir_only, 0, 0, lab_down},
};
/* clang-format on */

struct parse {
	struct lab_arguments a;
	const struct command *command;
};

int lab_fail(const char *format, ...)
{
	va_list args;

	fputs("quoin-lab: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return LAB_EXIT_FAILED;
}

uint64_t lab_clock_ms(void)
{
	return clock_now() / CLOCK_MS;
}

static int take_signal(struct argp_state *state, const char *text)
{
	const char *name = strncmp(text, "SIG", 3) == 0 ? text + 3 : text;

	for (int signal = 1; signal <= SIGNAL_MAX; signal++) {
		char number[4];

		snprintf(number, sizeof(number), "%d", signal);
		if (strcmp(name, sigabbrev_np(signal)) == 0 || strcmp(name, number) == 0)
			return signal;
	}
	argp_error(state,
		   "--signal %s: should be a name, such as KILL or TERM, or a number, 1 to %d",
		   text, SIGNAL_MAX);
	return 0;
}

/* A value for each node's configuration, where quoind judges it: one word, and not more lines. */
static const char *take_setting(struct argp_state *state, int key, const char *text)
{
	const struct argp_option *o = up_options;

	while (o->key != key)
		o++;
	if (!*text || text[strspn(text, SETTING_CHARACTERS)])
		argp_error(state, "--%s %s: should be as quoin.yaml(5) has it: %s", o->name, text,
			   o->doc);
	return text;
}

static error_t take_argument(struct parse *p, char *argument, struct argp_state *state)
{
	(void)argument;
	/* exec: the rest is the command's, options too. */
	if (!p->a.rest)
		p->a.rest = &state->argv[state->next - 1];
	if (p->command->run == lab_exec) {
		p->a.rest_count = state->argc - (state->next - 1);
		state->next = state->argc;
	} else {
		p->a.rest_count++;
	}
	return 0;
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
	struct parse *p = state->input;
	struct lab_arguments *a = &p->a;
	char links[LAB_LINKS_SIZE];

	if (key >= OPTION_SETTING && key < OPTION_SETTING + LAB_SETTINGS) {
		a->setting[key - OPTION_SETTING] = take_setting(state, key, value);
		return 0;
	}
	switch (key) {
	case OPTION_DIR:
		a->dir = option_text(state, "--dir", value);
		return 0;
	case OPTION_NODES:
		a->nodes = option_number(state, "--nodes", value, 1, LAB_VOTERS_MAX);
		return 0;
	case OPTION_LINK:
		if (!lab_link_parse(value, &a->link))
			argp_error(state, "--link %s: should be %s", value, lab_links_text(links));
		return 0;
	case OPTION_SIGNAL:
		a->signal = take_signal(state, value);
		return 0;
	case OPTION_JSON:
		a->json = true;
		return 0;
	case OPTION_LEARNER:
		a->learner = true;
		return 0;
	case OPTION_KILL:
		a->kill = true;
		return 0;
	case OPTION_QUOIND:
		a->quoind = option_text(state, "--quoind", value);
		return 0;
	case OPTION_TIMEOUT:
		a->timeout_s = option_number(state, "--timeout", value, 1, 3600);
		return 0;
	case OPTION_UNTIL:
		a->answers = strcmp(value, "answers") == 0;
		if (!a->answers && strcmp(value, "current") != 0)
			argp_error(state, "--until %s: should be answers or current", value);
		return 0;
	case OPTION_LINES:
		a->lines = option_number(state, "--lines", value, 1, UINT32_MAX);
		return 0;
	case ARGP_KEY_ARG:
		return take_argument(p, value, state);
	case ARGP_KEY_END:
		if (a->rest_count < p->command->arguments_min)
			argp_error(state, "%s: which?", p->command->arguments);
		if (a->rest_count > p->command->arguments_max)
			argp_error(state, "%s: too many arguments", a->rest[a->rest_count - 1]);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int run_command(const struct command *command, const char *dir, int argc, char **argv)
{
	struct argp argp = {
		.options = command->options,
		.parser = parse_option,
		.args_doc = command->arguments,
		.doc = command->doc,
	};
	struct parse p = {
		.a = {.dir = dir,
		      .link = LINK_MEMIF,
		      .setting[LAB_SEGMENT_SIZE] = "16MiB",
		      .nodes = 3,
		      .timeout_s = 30,
		      .signal = SIGKILL},
		.command = command,
	};
	char name[32];

	snprintf(name, sizeof(name), "quoin-lab %s", command->name);
	argv[0] = name;
	argp_parse(&argp, argc, argv, command->run == lab_exec ? ARGP_IN_ORDER : 0, NULL, &p);
	return command->run(&p.a);
}

struct top {
	const char *dir;
	int at; /* of the command in argv */
};

static error_t parse_top(int key, char *value, struct argp_state *state)
{
	struct top *top = state->input;

	switch (key) {
	case OPTION_DIR:
		top->dir = option_text(state, "--dir", value);
		return 0;
	case ARGP_KEY_ARG:
		top->at = state->next - 1;
		state->next = state->argc;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which COMMAND?");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static char *top_help(int key, const char *text, void *input)
{
	char *help = NULL;
	size_t size = 0;
	FILE *out;

	(void)input;
	if (key != ARGP_KEY_HELP_POST_DOC)
		return (char *)(uintptr_t)text;
	out = open_memstream(&help, &size);
	if (!out)
		return NULL;
	fprintf(out, "Commands (each has --help):\n");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		const struct command *c = &commands[i];

		fprintf(out, "  %s %s\n      %s\n", c->name, c->arguments, c->doc);
		for (const struct argp_option *o = c->options; o->name; o++) {
			char option[48];

			if (o->key == OPTION_DIR)
				continue;
			snprintf(option, sizeof(option), "--%s%s%s", o->name, o->arg ? "=" : "",
				 o->arg ? o->arg : "");
			fprintf(out, "        %-20s %s\n", option, o->doc);
		}
	}
	fprintf(out, "\nExit status: 0 done; 1 it failed, and said why; 2 wrong usage.");
	fclose(out);
	return help;
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = dir_only,
		.parser = parse_top,
		.args_doc = "COMMAND [OPTION...]",
		.doc = "A quoin cluster on virtual devices of this host, in a network namespace "
		       "with no way out.\v",
		.help_filter = top_help,
	};
	struct top top = {0};

	standard_open();
	argp_err_exit_status = LAB_EXIT_USAGE;
	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &top);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].name, argv[top.at]) == 0)
			return run_command(&commands[i], top.dir, argc - top.at, argv + top.at);
	}
	lab_fail("%s: no such command: quoin-lab --help lists them", argv[top.at]);
	return LAB_EXIT_USAGE;
}
