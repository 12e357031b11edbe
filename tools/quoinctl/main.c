/*
 * quoinctl: the command line.
 */
#include "tools/quoinctl/quoinctl.h"

#include <argp.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

const char *argp_program_version = "quoinctl " QUOIN_VERSION;

/* Options without a short form; those of single commands are bits in struct command. */
enum {
	KEY_PREFIX = 0x100,
	KEY_FROM_KEY,
	KEY_LIMIT,
	KEY_KEYS_ONLY,
	KEY_COUNT_ONLY,
	KEY_PRINT_VALUE_ONLY,
	KEY_ENDPOINTS,
	KEY_TIMEOUT,
};

#define BIT(key) (1u << ((key)-KEY_PREFIX))
#define BITS_RANGE (BIT(KEY_PREFIX) | BIT(KEY_FROM_KEY))
#define BITS_GET                                                                  \
	(BITS_RANGE | BIT(KEY_LIMIT) | BIT(KEY_KEYS_ONLY) | BIT(KEY_COUNT_ONLY) | \
	 BIT(KEY_PRINT_VALUE_ONLY))

struct command {
	const char *name; /* one word, or two */
	unsigned int flags;
	bool endpoints; /* asks each of them: has a form as table and as fields */
	int (*run)(const struct options *options); /* an exit status */
	struct admin admin;                        /* instead of run */
};

static const struct command commands[] = {
	{.name = "put", .run = command_put},
	{.name = "get", .flags = BITS_GET, .run = command_get},
	{.name = "del", .flags = BITS_RANGE, .run = command_delete},
	{.name = "endpoint health", .endpoints = true, .run = command_health},
	{.name = "endpoint status", .endpoints = true, .run = command_status},
	{.name = "formation reset",
	 .admin = {WIRE_RESET, "its directory is fresh",
		   "it has a term or an entry, so others may rest on what it holds"}},
};

enum { COMMAND_COUNT = sizeof(commands) / sizeof(commands[0]) };

static const struct argp_option argp_options[] = {
	{"endpoints", KEY_ENDPOINTS, "LIST", 0,
	 "HOST:PORT (UDP, a literal IPv4 address) or unix:PATH (a node's admin socket), comma "
	 "separated; default $QUOIN_ENDPOINTS, else 127.0.0.1:2379",
	 0},
	{"write-out", 'w', "FORMAT", 0, "simple, table, json or fields; default simple", 0},
	{"command-timeout", KEY_TIMEOUT, "TIME", 0,
	 "how long a command may take, like 5s or 500ms; default 5s", 0},
	{NULL, 0, NULL, 0, "Options of get and del:", 1},
	{"prefix", KEY_PREFIX, NULL, 0, "all keys that start with KEY", 1},
	{"from-key", KEY_FROM_KEY, NULL, 0, "all keys from KEY on, by bytes", 1},
	{NULL, 0, NULL, 0, "Options of get:", 2},
	{"limit", KEY_LIMIT, "N", 0, "at most N keys; 0: all", 2},
	{"keys-only", KEY_KEYS_ONLY, NULL, 0, "keys without values", 2},
	{"count-only", KEY_COUNT_ONLY, NULL, 0, "only how many there are", 2},
	{"print-value-only", KEY_PRINT_VALUE_ONLY, NULL, 0, "values without keys", 2},
	{NULL, 0, NULL, 0, "Others:", -1},
	{NULL, 0, NULL, 0, NULL, 0},
};

static const char argp_text[] =
	"Asks a quoin cluster. A word that begins with a dash and is not an option\n"
	"goes after \"--\".\n"
	"\v"
	"Commands:\n"
	"  put KEY [VALUE]        sets KEY; without VALUE, to what standard input holds\n"
	"  get KEY [RANGE_END]    prints KEY and its value; with RANGE_END,\n"
	"                         all from KEY up to it, without it\n"
	"  del KEY [RANGE_END]    removes KEY or the range; prints how many there were\n"
	"  endpoint health        whether each endpoint can commit\n"
	"  endpoint status        what each endpoint says of itself\n"
	"  formation reset        makes the directory of a member of no cluster fresh;\n"
	"                         through its unix: endpoint\n"
	"\n"
	"Exit status: 0 done, 1 failed or result unknown, 2 wrong usage.";

struct parsed {
	struct options options;
	const char *endpoints;
	unsigned int flags;
	uint32_t word_count; /* with those of the command's name */
	const char *word[WORDS_MAX];
};

int complain(int status, const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "Error: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return status;
}

static void parse_format(struct options *o, const char *text, struct argp_state *state)
{
	if (strcmp(text, "simple") == 0)
		o->format = FORMAT_SIMPLE;
	else if (strcmp(text, "table") == 0)
		o->format = FORMAT_TABLE;
	else if (strcmp(text, "json") == 0)
		o->format = FORMAT_JSON;
	else if (strcmp(text, "fields") == 0)
		o->format = FORMAT_FIELDS;
	else
		argp_error(state, "--write-out=%s: it is simple, table, json or fields", text);
}

static void parse_limit(struct options *o, const char *text, struct argp_state *state)
{
	char *end;

	errno = 0;
	o->limit = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno)
		argp_error(state, "--limit=%s: it is a number of keys, like 100", text);
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
	struct parsed *p = state->input;
	struct options *o = &p->options;

	if (key >= KEY_PREFIX && key <= KEY_PRINT_VALUE_ONLY)
		p->flags |= BIT(key);
	switch (key) {
	case KEY_ENDPOINTS:
		p->endpoints = value;
		return 0;
	case KEY_TIMEOUT:
		if (!duration_parse(value, &o->timeout_ns))
			argp_error(state, "--command-timeout=%s: it is a time, like 5s or 500ms",
				   value);
		return 0;
	case 'w':
		parse_format(o, value, state);
		return 0;
	case KEY_PREFIX:
		o->prefix = true;
		return 0;
	case KEY_FROM_KEY:
		o->from_key = true;
		return 0;
	case KEY_LIMIT:
		parse_limit(o, value, state);
		return 0;
	case KEY_KEYS_ONLY:
		o->keys_only = true;
		return 0;
	case KEY_COUNT_ONLY:
		o->count_only = true;
		return 0;
	case KEY_PRINT_VALUE_ONLY:
		o->print_value_only = true;
		return 0;
	case ARGP_KEY_ARG:
		if (p->word_count == WORDS_MAX)
			argp_error(state, "too many arguments");
		else
			p->word[p->word_count++] = value;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which command?");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* The command that the first words name; the rest are its own. */
static const struct command *find_command(struct parsed *p)
{
	for (int i = 0; i < COMMAND_COUNT; i++) {
		const char *name = commands[i].name, *space = strchr(name, ' ');
		size_t first = space ? (size_t)(space - name) : strlen(name);
		uint32_t taken = space ? 2 : 1;

		if (p->word_count < taken || strlen(p->word[0]) != first ||
		    memcmp(p->word[0], name, first) != 0 ||
		    (space && strcmp(p->word[1], space + 1) != 0))
			continue;
		p->options.word_count = p->word_count - taken;
		memcpy(p->options.word, p->word + taken,
		       p->options.word_count * sizeof(p->word[0]));
		return &commands[i];
	}
	return NULL;
}

/* A flag that the command does not know is an error, not a wish that goes unheard. */
static int check_flags(const struct parsed *p, const struct command *command)
{
	for (const struct argp_option *o = argp_options; o->name || o->doc; o++) {
		if (o->key >= KEY_PREFIX && o->key <= KEY_PRINT_VALUE_ONLY &&
		    (p->flags & BIT(o->key)) && !(command->flags & BIT(o->key)))
			return complain(EXIT_MISUSED, "unknown flag: --%s (%s does not take it)",
					o->name, command->name);
	}
	if (p->options.format == FORMAT_TABLE && !command->endpoints)
		return complain(EXIT_MISUSED, "table is not supported as output format");
	if (p->options.format == FORMAT_FIELDS && !command->endpoints)
		return complain(EXIT_MISUSED, "fields is not supported as output format");
	return 0;
}

static int open_endpoints(struct options *o, const char *list)
{
	struct address address[ENDPOINTS_MAX];
	char error[ADDRESS_ERROR_MAX];
	int count = address_list_parse(address, ENDPOINTS_MAX, list, error);

	if (count < 0)
		return complain(EXIT_MISUSED, "%s", error);
	for (; o->endpoint_count < (uint32_t)count; o->endpoint_count++) {
		if (endpoint_create(&o->endpoint[o->endpoint_count], &address[o->endpoint_count]))
			return complain(EXIT_FAILED, "out of memory");
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		argp_options, parse_option, "COMMAND [ARGUMENT...]", argp_text, NULL, NULL, NULL};
	struct parsed p = {
		.options.timeout_ns = 5000000000u,
		.endpoints = getenv("QUOIN_ENDPOINTS"),
	};
	const struct command *command;
	int status;

	argp_err_exit_status = EXIT_MISUSED;
	if (!p.endpoints || !*p.endpoints)
		p.endpoints = "127.0.0.1:2379";
	argp_parse(&argp, argc, argv, 0, NULL, &p);
	command = find_command(&p);
	if (!command)
		return complain(EXIT_MISUSED, "unknown command \"%s\" for \"quoinctl\"; see --help",
				p.word[0]);
	status = check_flags(&p, command);
	if (!status)
		status = open_endpoints(&p.options, p.endpoints);
	if (!status)
		status = command->run ? command->run(&p.options)
				      : command_admin(&p.options, command->name, &command->admin);
	for (uint32_t i = 0; i < p.options.endpoint_count; i++)
		endpoint_close(p.options.endpoint[i]);
	/* Output that could not be shown is not a success. */
	if ((fflush(stdout) || ferror(stdout)) && status == EXIT_ANSWERED)
		status = complain(EXIT_FAILED, "standard output: %s", strerror(errno));
	return status;
}
