/*
 * quoinctl: commands, and what becomes of them.
 */
#include "tools/client/local.h"
#include "tools/quoinctl/members.h"
#include "tools/quoinctl/options.h"

#include "base/standard.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

const char *argp_program_version = "quoinctl " QUOIN_VERSION;

struct command {
	const char *name;     /* one word, or two */
	unsigned int options; /* that it takes beside those of all */
	bool changes;         /* something in the cluster or of a member */
	bool fields;          /* has that form; and of a listing that as a table, and no argument */
	bool listing;
	bool table;                                /* has that form, and arguments */
	bool alone;                                /* asks no node */
	bool names;                                /* members or addresses: none of them is empty */
	int (*run)(const struct options *options); /* an exit status */
	struct admin admin;                        /* instead of run */
};

static const struct command commands[] = {
	{.name = "put",
	 .options = OPTIONS_PUT | OPTION_HEX,
	 .changes = true,
	 .fields = true,
	 .run = command_put},
	{.name = "get",
	 .options = OPTIONS_GET | OPTION_CONSISTENCY | OPTION_PRINT_VALUE_ONLY | OPTION_HEX,
	 .fields = true,
	 .run = command_get},
	{.name = "del",
	 .options = OPTIONS_DELETE | OPTION_HEX,
	 .changes = true,
	 .fields = true,
	 .run = command_delete},
	{.name = "txn",
	 .options = OPTION_INTERACTIVE | OPTION_HEX,
	 .changes = true,
	 .fields = true,
	 .run = command_txn},
	{.name = "compaction",
	 .options = OPTION_PHYSICAL,
	 .changes = true,
	 .fields = true,
	 .run = command_compaction},
	{.name = "endpoint health",
	 .options = OPTION_CLUSTER,
	 .listing = true,
	 .run = command_health},
	{.name = "endpoint status",
	 .options = OPTION_CLUSTER,
	 .listing = true,
	 .run = command_status},
	{.name = "endpoint hashkv",
	 .options = OPTION_CLUSTER | OPTION_REV,
	 .listing = true,
	 .run = command_hashkv},
	{.name = "check equality", .options = OPTION_REV, .listing = true, .run = command_check},
	{.name = "status", .listing = true, .run = command_overview},
	{.name = "member list",
	 .options = OPTION_CONSISTENCY,
	 .listing = true,
	 .run = command_member_list},
	{.name = "member add",
	 .options = OPTION_LEARNER,
	 .changes = true,
	 .names = true,
	 .run = command_member_add},
	{.name = "member promote", .changes = true, .names = true, .run = command_member_promote},
	{.name = "member demote", .changes = true, .names = true, .run = command_member_demote},
	{.name = "member remove", .changes = true, .names = true, .run = command_member_remove},
	{.name = "member update", .changes = true, .names = true, .run = command_member_update},
	{.name = "member replace", .changes = true, .names = true, .run = command_member_replace},
	{.name = "move-leader", .changes = true, .names = true, .run = command_move_leader},
	{.name = "snapshot save", .run = command_snapshot_save},
	{.name = "snapshot restore",
	 .options = OPTIONS_RESTORE,
	 .changes = true,
	 .alone = true,
	 .run = command_snapshot_restore},
	{.name = "snapshot status",
	 .fields = true,
	 .table = true,
	 .alone = true,
	 .run = command_snapshot_status},
	{.name = "formation reset",
	 .changes = true,
	 .admin = {WIRE_RESET, "its directory is fresh",
		   "it has a term or an entry, so others may rest on what it holds (one that was "
		   "restored has: empty it, and restore it again)"}},
};

enum { COMMAND_COUNT = sizeof(commands) / sizeof(commands[0]) };

/* C0, or the beginning of one of C1 in UTF-8. */
static bool is_control(const char *text)
{
	const unsigned char at = (unsigned char)text[0], next = (unsigned char)text[1];

	return (iscntrl(at) && at != '\n') || (at == 0xc2 && next >= 0x80 && next <= 0x9f);
}

/* What it says may be of a line that was read: a terminal is not to obey it. */
static void print_harmless(const char *text)
{
	for (; *text; text++) {
		if (is_control(text))
			fprintf(stderr, "\\x%02x", (unsigned char)*text);
		else
			fputc(*text, stderr);
	}
}

int complain(int status, const char *format, ...)
{
	char *text = NULL;
	va_list args;

	fflush(stdout);
	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	fputs("Error: ", stderr);
	print_harmless(text ? text : "out of memory");
	fputc('\n', stderr);
	free(text);
	return status;
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

/* No command; of one of two words the first may be right. */
static int complain_unknown(const struct parsed *p)
{
	char seconds[128] = "";

	for (int i = 0; i < COMMAND_COUNT; i++) {
		const char *name = commands[i].name, *space = strchr(name, ' ');

		if (space && strlen(p->word[0]) == (size_t)(space - name) &&
		    memcmp(p->word[0], name, (size_t)(space - name)) == 0)
			snprintf(seconds + strlen(seconds), sizeof(seconds) - strlen(seconds),
				 "%s%s", *seconds ? " or " : "", space + 1);
	}
	if (!*seconds)
		return complain(EXIT_MISUSED, "unknown command \"%s\" for \"quoinctl\"; see --help",
				p->word[0]);
	if (p->word_count == 1)
		return complain(EXIT_MISUSED, "\"%s\" is followed by %s; see --help", p->word[0],
				seconds);
	return complain(EXIT_MISUSED,
			"\"%s %s\" is no command: \"%s\" is followed by %s; see --help", p->word[0],
			p->word[1], p->word[0], seconds);
}

/* A flag that the command does not know is an error, not a wish that goes unheard. */
static int check_flags(const struct parsed *p, const struct command *command)
{
	const char *unknown = value_unknown(p->set, command->options);

	if (unknown)
		return complain(EXIT_MISUSED, "unknown flag: --%s (%s does not take it)", unknown,
				command->name);
	if (command->listing && p->options.word_count)
		return complain(EXIT_MISUSED, "%s takes no argument", command->name);
	for (uint32_t i = 0; command->names && i < p->options.word_count; i++) {
		if (!*p->options.word[i])
			return complain(EXIT_MISUSED, "an argument is empty: is a variable of the "
						      "shell not set?");
	}
	if (p->options.format == FORMAT_TABLE && !command->listing && !command->table)
		return complain(EXIT_MISUSED, "table is not supported as output format");
	if (p->options.format == FORMAT_FIELDS && !command->fields && !command->listing)
		return complain(EXIT_MISUSED, "fields is not supported as output format");
	return 0;
}

static int open_list(struct options *o, const char *list)
{
	struct address address[ENDPOINTS_MAX];
	char error[ADDRESS_ERROR_MAX];
	int count = address_list_parse(address, ENDPOINTS_MAX, list, error);

	if (count < 0)
		return complain(EXIT_MISUSED, "%s", error);
	if (o->endpoint_count + (uint32_t)count > ENDPOINTS_MAX)
		return complain(EXIT_MISUSED, "more than %d endpoints", ENDPOINTS_MAX);
	for (int i = 0; i < count; i++) {
		if (endpoint_create(&o->endpoint[o->endpoint_count], &address[i]))
			return complain(EXIT_FAILED, "out of memory");
		o->endpoint_count++;
	}
	return 0;
}

/* Nobody said where: the node that runs on this host, if it is one. */
static int open_local(struct options *o)
{
	static struct local_node node[LOCAL_NODES_MAX];
	uint32_t count = local_find(node, LOCAL_NODES_MAX);
	char names[4096] = "";

	for (uint32_t i = 0; i < count; i++) {
		size_t used = strlen(names);

		if (node[i].name[0])
			snprintf(names + used, sizeof(names) - used, "%s%s (%s)", i ? ", " : "",
				 node[i].address.text, node[i].name);
		else
			snprintf(names + used, sizeof(names) - used,
				 "%sone whose configuration cannot be read (process %d)",
				 i ? ", " : "", (int)node[i].pid);
	}
	if (count == 1 && node[0].address.text[0])
		return open_list(o, node[0].address.text);
	if (count == 0)
		return complain(EXIT_MISUSED,
				"no node is seen to run on this host: say where one is, by "
				"--endpoints=HOST:2379, --endpoints=unix:PATH or QUOIN_ENDPOINTS");
	return complain(EXIT_MISUSED,
			"%u node%s on this host: say which by --endpoints or QUOIN_ENDPOINTS: %s",
			count, count == 1 ? " runs" : "s run", names);
}

/* Each --endpoints adds to those before it; without any the environment's word counts. */
static int open_endpoints(struct parsed *p)
{
	const char *list = getenv("QUOIN_ENDPOINTS");
	int status = 0;

	if (!p->list_count)
		return list && *list ? open_list(&p->options, list) : open_local(&p->options);
	for (uint32_t i = 0; !status && i < p->list_count; i++)
		status = open_list(&p->options, p->list[i]);
	return status;
}

static int run(const struct command *command, const struct options *options)
{
	static struct members members;
	static struct options all;
	int status;

	if (!options->cluster)
		return command->run ? command->run(options)
				    : command_admin(options, command->name, &command->admin);
	if (members_ask(&members, options))
		return complain(EXIT_FAILED, "out of memory");
	all = *options;
	all.endpoint_count = 0;
	for (uint32_t i = 0; i < members.count; i++) {
		if (members.member[i].probe && member_counts(&members.member[i]))
			all.endpoint[all.endpoint_count++] = members.member[i].probe->endpoint;
	}
	status = command->run(&all);
	members_free(&members);
	return status;
}

/*
 * Output that could not be shown is not a success; nor was nothing done, if there was something to
 * do: whoever reads that would have it done again.
 */
static int shown(const struct command *command, int status)
{
	if ((fflush(stdout) == 0 && !ferror(stdout)) || status != EXIT_ANSWERED)
		return status;
	if (!command->changes)
		return complain(EXIT_FAILED, "standard output: %s", strerror(errno));
	return complain(EXIT_UNCERTAIN, "standard output: %s: it was done, and cannot be shown",
			strerror(errno));
}

int main(int argc, char **argv)
{
	static struct parsed p = {.options.timeout_ns = 5000000000u};
	const struct command *command;
	int status;

	standard_open();
	options_parse(&p, argc, argv);
	command = find_command(&p);
	if (!command)
		return complain_unknown(&p);
	status = check_flags(&p, command);
	if (!status && !command->alone)
		status = open_endpoints(&p);
	if (!status)
		status = run(command, &p.options);
	for (uint32_t i = 0; i < p.options.endpoint_count; i++)
		endpoint_close(p.options.endpoint[i]);
	return shown(command, status);
}
