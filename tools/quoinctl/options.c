#include "tools/quoinctl/options.h"

#include <argp.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */

#define WHY_TLS "there is no TLS yet"
#define WHY_AUTH "there is no authentication yet"
#define WHY_LITERAL "endpoints are literal addresses, and none is looked up"
#define WHY_TIME "there is no connection to keep: --command-timeout bounds the whole command"
#define WHY_LEASE "there are no leases yet"
#define WHY_HISTORY "only the newest revision can be read yet"
#define WHY_ORDER "keys come in ascending order"
#define WHY_PREVIOUS "the previous value is not told yet"

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
	X(IGNORE_LEASE, "ignore-lease", "BOOL", OPTION_ARG_OPTIONAL, WHY_LEASE) \
	X(IGNORE_VALUE, "ignore-value", "BOOL", OPTION_ARG_OPTIONAL, "a put sets the value") \
	X(PREV_KV, "prev-kv", "BOOL", OPTION_ARG_OPTIONAL, WHY_PREVIOUS) \
	X(REV, "rev", "N", 0, WHY_HISTORY) \
	X(MIN_MOD, "min-mod-revision", "N", 0, WHY_HISTORY) \
	X(MAX_MOD, "max-mod-revision", "N", 0, WHY_HISTORY) \
	X(MIN_CREATE, "min-create-revision", "N", 0, WHY_HISTORY) \
	X(MAX_CREATE, "max-create-revision", "N", 0, WHY_HISTORY) \
	X(SORT_BY, "sort-by", "FIELD", 0, WHY_ORDER) \
	X(ORDER, "order", "ORDER", 0, WHY_ORDER) \
	X(PEER_URLS, "peer-urls", "URLS", 0, "the address is an argument, like 10.0.0.4:2380")

#define ABSENT_KEY(id, name, argument, flags, why) KEY_ABSENT_##id,
#define ABSENT_WHY(id, name, argument, flags, why) {name, why},
#define ABSENT_OPTION(id, name, argument, flags, why) \
	{name, KEY_ABSENT_##id, argument, OPTION_HIDDEN | (flags), NULL, 3},

enum {
	KEY_PREFIX = 0x100,
	KEY_FROM_KEY,
	KEY_LIMIT,
	KEY_KEYS_ONLY,
	KEY_COUNT_ONLY,
	KEY_PRINT_VALUE_ONLY,
	KEY_HEX,
	KEY_CLUSTER,
	KEY_LEARNER,
	KEY_CONSISTENCY,
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

/* A switch: on by its name alone, or "=true"; off by "=false". */
#define SWITCH(name, key, doc, group)                              \
	{                                                          \
		name, key, "BOOL", OPTION_ARG_OPTIONAL, doc, group \
	}

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
	SWITCH("prefix", KEY_PREFIX, "all keys that start with KEY", 1),
	SWITCH("from-key", KEY_FROM_KEY, "all keys from KEY on, by bytes", 1),
	{NULL, 0, NULL, 0, "Options of get, and of member list the last:", 2},
	{"limit", KEY_LIMIT, "N", 0, "at most N keys; 0: all", 2},
	SWITCH("keys-only", KEY_KEYS_ONLY, "keys without values", 2),
	SWITCH("count-only", KEY_COUNT_ONLY, "only how many there are", 2),
	SWITCH("print-value-only", KEY_PRINT_VALUE_ONLY, "values without keys", 2),
	SWITCH("hex", KEY_HEX, "each byte as \\x and two digits", 2),
	{"consistency", KEY_CONSISTENCY, "l|s", 0,
	 "l: linearizable, the default; s: what the member that is asked has applied", 2},
	{NULL, 0, NULL, 0, "Options of endpoint health and endpoint status:", 4},
	SWITCH("cluster", KEY_CLUSTER, "of all members, found from the endpoints", 4),
	{NULL, 0, NULL, 0, "Option of member add:", 5},
	SWITCH("learner", KEY_LEARNER, "it is not to vote, also when it has caught up", 5),
	OPTIONS_ABSENT(ABSENT_OPTION)
	{NULL, 'd', "NAME", OPTION_HIDDEN, NULL, 3},
	{NULL, 'h', NULL, OPTION_HIDDEN, NULL, 3},
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
	"  endpoint health        whether each endpoint answers linearizable reads\n"
	"  endpoint status        what each endpoint says of itself\n"
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
	"  formation reset        makes the directory of a member of no cluster fresh;\n"
	"                         through its unix: endpoint\n"
	"\n"
	"Exit status: 0 done, 1 failed, 2 wrong usage, 3 a put, del, change of members\n"
	"or move-leader that may have been done.";

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

static void parse_limit(struct options *o, const char *text, struct argp_state *state)
{
	char *end;

	errno = 0;
	o->limit = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno)
		argp_error(state, "--limit=%s: it is a number of keys, like 100", text);
}

/* Go's words for the two. */
static bool parse_bool(const char *name, const char *text, struct argp_state *state)
{
	static const char *const words[2][6] = {{"false", "False", "FALSE", "f", "F", "0"},
						{"true", "True", "TRUE", "t", "T", "1"}};

	for (int i = 0; text && i < 12; i++) {
		if (strcmp(text, words[i / 6][i % 6]) == 0)
			return i / 6;
	}
	if (text)
		argp_error(state, "--%s=%s: it is true or false", name, text);
	return true;
}

static void parse_consistency(struct options *o, const char *text, struct argp_state *state)
{
	if (strcmp(text, "l") != 0 && strcmp(text, "s") != 0)
		argp_error(state,
			   "--consistency=%s: it is l (linearizable) or s (what the member that "
			   "is asked has applied)",
			   text);
	o->serializable = *text == 's';
}

static const struct option_switch {
	int key;
	unsigned int bit;
	const char *name;
	size_t offset;
} switches[] = {
	{KEY_PREFIX, OPTION_PREFIX, "prefix", offsetof(struct options, prefix)},
	{KEY_FROM_KEY, OPTION_FROM_KEY, "from-key", offsetof(struct options, from_key)},
	{KEY_KEYS_ONLY, OPTION_KEYS_ONLY, "keys-only", offsetof(struct options, keys_only)},
	{KEY_COUNT_ONLY, OPTION_COUNT_ONLY, "count-only", offsetof(struct options, count_only)},
	{KEY_PRINT_VALUE_ONLY, OPTION_PRINT_VALUE_ONLY, "print-value-only",
	 offsetof(struct options, print_value_only)},
	{KEY_HEX, OPTION_HEX, "hex", offsetof(struct options, hex)},
	{KEY_CLUSTER, OPTION_CLUSTER, "cluster", offsetof(struct options, cluster)},
	{KEY_LEARNER, OPTION_LEARNER, "learner", offsetof(struct options, learner)},
};

enum { SWITCH_COUNT = sizeof(switches) / sizeof(switches[0]) };

/* One that is off is not set: it stands in nobody's way. */
static bool parse_switch(struct parsed *p, int key, const char *text, struct argp_state *state)
{
	for (int i = 0; i < SWITCH_COUNT; i++) {
		const struct option_switch *s = &switches[i];
		bool on;

		if (s->key != key)
			continue;
		on = parse_bool(s->name, text, state);
		memcpy((char *)&p->options + s->offset, &on, sizeof(on));
		p->set = on ? p->set | s->bit : p->set & ~s->bit;
		return true;
	}
	return false;
}

const char *options_unknown(unsigned int set, unsigned int known)
{
	unsigned int unknown = set & ~known;

	for (int i = 0; i < SWITCH_COUNT; i++) {
		if (unknown & switches[i].bit)
			return switches[i].name;
	}
	if (unknown & OPTION_LIMIT)
		return "limit";
	return unknown ? "consistency" : NULL;
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

	if (parse_switch(p, key, value, state))
		return 0;
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
		if (!duration_parse(value, &o->timeout_ns))
			argp_error(state,
				   "--command-timeout=%s: it is a time, like 5s or 500ms, of at "
				   "most 100h",
				   value);
		return 0;
	case KEY_LIMIT:
		parse_limit(o, value, state);
		p->set |= OPTION_LIMIT;
		return 0;
	case KEY_CONSISTENCY:
		parse_consistency(o, value, state);
		p->set |= OPTION_CONSISTENCY;
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
