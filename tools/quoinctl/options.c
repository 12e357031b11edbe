#include "tools/quoinctl/options.h"

#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */

#define WHY_TLS "there is no TLS yet"
#define WHY_AUTH "there is no authentication yet"
#define WHY_LITERAL "endpoints are literal addresses, and none is looked up"
#define WHY_HASH "a file of a data directory has its hash too, and is checked by it"
#define WHY_TIME "there is no connection to keep: --command-timeout bounds the whole command"

/* X(id, name, argument, flags, why): etcdctl's for the commands that are here. */
#define OPTIONS_ABSENT(X) \
	X(CACERT, "cacert", "FILE", 0, WHY_TLS) \
	X(CERT, "cert", "FILE", 0, WHY_TLS) \
	X(KEY, "key", "FILE", 0, WHY_TLS) \
	X(INSECURE_TRANSPORT, "insecure-transport", "BOOL", OPTION_ARG_OPTIONAL, WHY_TLS) \
	X(INSECURE_SKIP, "insecure-skip-tls-verify", "BOOL", OPTION_ARG_OPTIONAL, WHY_TLS) \
	X(USER, "user", "NAME", 0, WHY_AUTH) \
	X(PASSWORD, "password", "TEXT", 0, WHY_AUTH) \
	X(DISCOVERY, "discovery-srv", "NAME", 0, WHY_LITERAL) \
	X(DISCOVERY_NAME, "discovery-srv-name", "NAME", 0, WHY_LITERAL) \
	X(INSECURE_DISCOVERY, "insecure-discovery", "BOOL", OPTION_ARG_OPTIONAL, WHY_LITERAL) \
	X(DIAL_TIMEOUT, "dial-timeout", "TIME", 0, WHY_TIME) \
	X(KEEPALIVE_TIME, "keepalive-time", "TIME", 0, WHY_TIME) \
	X(KEEPALIVE_TIMEOUT, "keepalive-timeout", "TIME", 0, WHY_TIME) \
	X(DEBUG, "debug", "BOOL", OPTION_ARG_OPTIONAL, "all that there is to say is said") \
	X(LEASE, "lease", "ID", 0, WHY_LEASE) \
	X(PEER_URLS, "peer-urls", "URLS", 0, "the address is an argument, like 10.0.0.4:2380") \
	X(ADVERTISE, "initial-advertise-peer-urls", "URLS", 0, "it is what --initial-cluster gives --name") \
	X(WAL_DIR, "wal-dir", "DIR", 0, "the log is in --data-dir") \
	X(SKIP_HASH, "skip-hash-check", "BOOL", OPTION_ARG_OPTIONAL, WHY_HASH) \
	X(MEMORY_MAP, "initial-memory-map-size", "SIZE", 0, "nothing is mapped")

#define ABSENT_KEY(id, name, argument, flags, why) KEY_ABSENT_##id,
#define ABSENT_WHY(id, name, argument, flags, why) {name, why},
#define ABSENT_OPTION(id, name, argument, flags, why) \
	{name, KEY_ABSENT_##id, argument, OPTION_HIDDEN | (flags), NULL, 6},
#define VALUE_OPTION(id, name, kind, field, group, does) \
	{name, KEY_VALUES + VALUE_##id, ARGUMENT_##kind, does, group},

enum {
	KEY_VALUES = 0x100, /* those of VALUES begin here, in their order */
	KEY_VALUES_END = KEY_VALUES + VALUE_COUNT,
	KEY_ENDPOINTS,
	KEY_TIMEOUT,
	KEY_ABSENT_BEFORE,
	OPTIONS_ABSENT(ABSENT_KEY)
	KEY_ABSENT_END,
};

/* clang-format on */

static const struct {
	const char *name, *why;
} absent[] = {OPTIONS_ABSENT(ABSENT_WHY)};

/* What the help calls a value, by its kind. */
#define ARGUMENT_SWITCH "BOOL", OPTION_ARG_OPTIONAL
#define ARGUMENT_COUNT "N", 0
#define ARGUMENT_REVISION "REVISION", 0
#define ARGUMENT_BUMP "REVISION", 0
#define ARGUMENT_ORDER "ORDER", 0
#define ARGUMENT_TARGET "FIELD", 0
#define ARGUMENT_CONSISTENCY "l|s", 0
#define ARGUMENT_NAME "NAME", 0
#define ARGUMENT_LIST "LIST", 0
#define ARGUMENT_DIRECTORY "DIR", 0

/* clang-format off */
static const struct argp_option argp_options[] = {
	{"endpoints", KEY_ENDPOINTS, "LIST", 0,
	 "HOST:PORT (UDP, a literal IPv4 address) or unix:PATH (a node's admin socket), comma "
	 "separated; default $QUOIN_ENDPOINTS, else the node that runs on this host",
	 0},
	{"write-out", 'w', "FORMAT", 0, "simple, table, json or fields; default simple", 0},
	{"command-timeout", KEY_TIMEOUT, "TIME", 0,
	 "how long a command may take, like 5s or 500ms; default 5s", 0},
	{NULL, 0, NULL, 0, "Options of get and del:", 1},
	{NULL, 0, NULL, 0, "Options of get (of member list the first, of endpoint hashkv --rev):", 2},
	{NULL, 0, NULL, 0, "Options of put and del:", 3},
	{NULL, 0, NULL, 0, "Options of others:", 4},
	{NULL, 0, NULL, 0, "Options of snapshot restore:", 5},
	VALUES(VALUE_OPTION)
	OPTIONS_ABSENT(ABSENT_OPTION)
	{NULL, 'd', "NAME", OPTION_HIDDEN, NULL, 6},
	{NULL, 'h', NULL, OPTION_HIDDEN, NULL, 6},
	{NULL, 'i', "BOOL", OPTION_HIDDEN | OPTION_ARG_OPTIONAL, NULL, 6},
	{NULL, 0, NULL, 0, "Others:", -1},
	{NULL, 0, NULL, 0, NULL, 0},
};
/* clang-format on */

static const char argp_text[] =
	"Asks a quoin cluster. A word that begins with a dash and is not an option\n"
	"goes after \"--\".\n"
	"\v"
	"Commands:\n"
	"  put KEY [VALUE]        sets KEY; without VALUE, to what standard input holds\n"
	"  get KEY [RANGE_END]    prints KEY and its value; with RANGE_END,\n"
	"                         all from KEY up to it, without it\n"
	"  del KEY [RANGE_END]    removes KEY or the range; prints how many there were\n"
	"  txn                    reads a transaction, in etcdctl's language, and does it\n"
	"  compaction REVISION    forgets what is older\n"
	"  endpoint health        whether each endpoint answers linearizable reads\n"
	"  endpoint status        what each endpoint says of itself\n"
	"  endpoint hashkv        what the store of each endpoint hashes to\n"
	"  check equality         whether all members hold the same\n"
	"  status                 all members in one table, and what is wrong\n"
	"  member list            who is of the cluster, and what each is there\n"
	"  member add ADDRESS     a new member there, that votes when it has caught up\n"
	"  member promote|demote|remove MEMBER\n"
	"                         has it vote, not vote, be no member any more\n"
	"  member update MEMBER ADDRESS\n"
	"                         its peer address is another one\n"
	"  member replace MEMBER ADDRESS\n"
	"                         a new one there takes its place when it has caught up\n"
	"  move-leader MEMBER     has this one lead, by its name or id\n"
	"  snapshot save FILE     the whole store of one member, into a new file\n"
	"  snapshot status FILE   what such a file holds, when all of it was checked\n"
	"  snapshot restore FILE  makes of it the directory of a member of a new cluster\n"
	"  formation reset        makes the directory of a member of no cluster fresh;\n"
	"                         through its unix: endpoint\n"
	"\n"
	"Exit status: 0 done, 1 failed, 2 wrong usage, 3 a put, del, txn, compaction,\n"
	"change of members or move-leader that may have been done.";

static void parse_format(struct options *o, const char *text, struct argp_state *state)
{
	/* "-w=json", as pflag takes it. */
	if (*text == '=')
		text++;
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

static void parse_value(struct parsed *p, enum value_id id, const char *text,
			struct argp_state *state)
{
	char error[ERROR_SIZE];

	if (!value_take(id, text, &p->options, &p->set, error))
		argp_error(state, "%s", error);
}

static void parse_word(struct parsed *p, char *value, struct argp_state *state)
{
	if (p->word_count == WORDS_MAX)
		argp_error(state, "too many arguments");
	else
		p->word[p->word_count++] = value;
}

static void parse_absent(int key, struct argp_state *state)
{
	int i = key == 'd' ? KEY_ABSENT_DISCOVERY : key;

	i -= KEY_ABSENT_BEFORE + 1;
	argp_error(state, "--%s: %s", absent[i].name, absent[i].why);
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
	struct parsed *p = state->input;
	struct options *o = &p->options;

	if (key >= KEY_VALUES && key < KEY_VALUES_END) {
		parse_value(p, (enum value_id)(key - KEY_VALUES), value, state);
		return 0;
	}
	if (key == 'd' || (key > KEY_ABSENT_BEFORE && key < KEY_ABSENT_END)) {
		parse_absent(key, state);
		return 0;
	}
	switch (key) {
	case KEY_ENDPOINTS:
		if (p->list_count == ENDPOINTS_MAX)
			argp_error(state, "more than %d endpoints", ENDPOINTS_MAX);
		p->list[p->list_count++] = value;
		return 0;
	case KEY_TIMEOUT:
		o->timeout_given = true;
		if (!duration_parse(value, &o->timeout_ns))
			argp_error(state,
				   "--command-timeout=%s: it is a time, like 5s or 500ms, of at "
				   "most 100h",
				   value);
		return 0;
	case 'i':
		parse_value(p, VALUE_INTERACTIVE, value && *value == '=' ? value + 1 : value,
			    state);
		return 0;
	case 'w':
		parse_format(o, value, state);
		return 0;
	case 'h':
		argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
		return 0;
	case ARGP_KEY_ARG:
		parse_word(p, value, state);
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which command?");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

void options_parse(struct parsed *p, int argc, char **argv)
{
	static const struct argp argp = {
		argp_options, parse_option, "COMMAND [ARGUMENT...]", argp_text, NULL, NULL, NULL};

	argp_err_exit_status = EXIT_MISUSED;
	argp_parse(&argp, argc, argv, 0, NULL, p);
}
