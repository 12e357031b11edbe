#include "tests/e2e/etcdctl.h"

#include "tests/model/etcd.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <inttypes.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ARGUMENTS_MAX = 24, SAID_MAX = 16384 };

/* One of the two programs, and whom it asks. */
struct side {
	const char *path, *endpoint;
};

struct said {
	int status;
	char out[SAID_MAX], err[SAID_MAX];
};

/* A step: the words, separated by single blanks, and what is on standard input. */
struct step {
	const char *words, *input;
	bool refused; /* by both, each with an exit status of its own */
};

#define FORMS(words, input)                                      \
	{words, input, false}, {words " -w json", input, false}, \
	{                                                        \
		words " -w fields", input, false                 \
	}

static const struct step steps[] = {
	{"put k1 one", NULL, false},
	{"put k1 two --prev-kv", NULL, false},
	{"put k1 --prev-kv -w json", "three\n", false},
	{"put k1 four --prev-kv -w fields", NULL, false},
	{"put k2 -w json", "\x01\xff\n\"", false},
	{"put k3 c -w fields", NULL, false},
	{"put k1 --ignore-value", NULL, false},
	{"put k1 five --ignore-lease", NULL, false},
	{"put k9 --ignore-value", NULL, true},
	{"put k9 x --ignore-lease", NULL, true},
	{"put k1 x --ignore-value", NULL, true},
	FORMS("get k1", NULL),
	{"get k2 -w json", NULL, false},
	{"get k2 -w fields", NULL, false},
	FORMS("get k9", NULL),
	FORMS("get k --prefix --limit=2", NULL),
	{"get k1 k3 -w json", NULL, false},
	{"get k3 k1 -w fields", NULL, false},
	{"get k2 --from-key --limit 1", NULL, false},
	{"get k --prefix --keys-only", NULL, false},
	{"get k --prefix --keys-only -w json", NULL, false},
	{"get k --prefix --hex", NULL, false},
	{"get k --prefix --print-value-only", NULL, false},
	{"get k1 --consistency=s", NULL, false},
	{"get k --prefix --order=DESCEND", NULL, false},
	{"get k --prefix --order=ascend --sort-by=key", NULL, false},
	{"get k --prefix --sort-by=MODIFY", NULL, false},
	{"get k --prefix --sort-by=CREATE --order=DESCEND", NULL, false},
	{"get k --prefix --sort-by=VERSION", NULL, false},
	{"get k --prefix --sort-by=VALUE --limit=2 -w json", NULL, false},
	{"get k --prefix --rev=-1", NULL, false},
	{"get k --prefix --limit=-1", NULL, false},
	{"txn", "\nget k1 --rev=-1\n\n\n", false},
	{"get k1 --order=up", NULL, true},
	{"get k1 --sort-by=MOD", NULL, true},
	{"get k1 --rev=1000000", NULL, true},
	{"get k1 --prefix --from-key", NULL, true},
	{"get k1 k2 --prefix", NULL, true},
	{"get k1 -w table", NULL, true},
	{"get k1 -w json --print-value-only", NULL, true},
	FORMS("txn", "ver(\"k1\") > \"0\"\nval(\"k3\") = \"c\"\n\nput k4 \"a b\"\nget k4\n"
		     "del k2 --prev-kv\nget k --prefix --order DESCEND --limit 2\n\n"
		     "get k1\n\n"),
	FORMS("txn", "create(\"k9\") != \"0\"\n\nput k9 x\n\nput k1 six --prev-kv\n"
		     "get k1 --keys-only\ndel k9\n\n"),
	{"txn", "mod(\"k1\") < \"1\"\n\nput k9 x\n\n\n", false},
	{"txn -i", "c(\"k1\") > \"0\"\n\nget k1\n\n\n", false},
	{"txn", "\nput k1 a\nput k1 b\n\n\n", true},
	{"txn", "\nput k1 a\n", true},
	{"txn", "foo(\"k1\") = \"0\"\n\n\n\n", true},
	{"txn -w table", "\n\n\n", true},
	FORMS("del k9 --prev-kv", NULL),
	{"put k2 2", NULL, false},
	{"del k2 k4 --prev-kv", NULL, false},
	{"put k2 2", NULL, false},
	{"del k2 --prev-kv -w json", NULL, false},
	{"put k2 2", NULL, false},
	{"del k2 --prev-kv -w fields", NULL, false},
	{"compaction 1000000", NULL, true},
	{"compaction -- -1", NULL, true},
	{"compaction 1", NULL, true},
	{"compaction x", NULL, true},
};

/* Of a store that was never compacted; then both have what follows in common. */
static const struct step first_steps[] = {
	{"compaction -- -1", NULL, true},
	{"txn", "\nget k1 --rev=-1\n\n\n", false},
	{"compaction 0", NULL, false},
	{"compaction 0", NULL, true},
	{"txn", "\nget k1 --rev=-1\n\n\n", false},
};

static void collect(int fd, char out[SAID_MAX])
{
	ssize_t size = pread(fd, out, SAID_MAX - 1, 0);

	assert_true(size >= 0 && size < SAID_MAX - 1);
	out[size] = '\0';
	close(fd);
}

static int scratch(const char *text)
{
	FILE *file = tmpfile();
	int fd;

	assert_non_null(file);
	fputs(text, file);
	fflush(file);
	fd = dup(fileno(file));
	fclose(file);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static void ask(const struct side *side, const char *words, const char *input, struct said *said)
{
	char *copy = strdup(words), *rest = copy, endpoints[160];
	char *argv[ARGUMENTS_MAX + 1] = {strdup(side->path), endpoints};
	int in = scratch(input ? input : ""), out = scratch(""), err = scratch(""), waited;
	pid_t pid;

	snprintf(endpoints, sizeof(endpoints), "--endpoints=%s", side->endpoint);
	for (int count = 2; rest; count++) {
		assert_true(count < ARGUMENTS_MAX);
		argv[count] = strsep(&rest, " ");
	}
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		setenv("ETCDCTL_API", "3", 1);
		dup2(in, 0);
		dup2(out, 1);
		dup2(err, 2);
		execv(side->path, argv);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &waited, 0), pid);
	said->status = WIFEXITED(waited) ? WEXITSTATUS(waited) : -1;
	close(in);
	collect(out, said->out);
	collect(err, said->err);
	free(argv[0]);
	free(copy);
}

/* Ids, terms and addresses are each cluster's own. */
static void mask(char *text)
{
	static const char pattern[] = "(\"(cluster_id|member_id|raft_term)\":|"
				      "\"(ClusterID|MemberID|RaftTerm)\" : |"
				      "\"Endpoint\"( : |:)\")([^\",}\n]+)";
	enum { VALUE = 5 };
	regmatch_t match[VALUE + 1];
	regex_t regex;

	assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED), 0);
	while (regexec(&regex, text, VALUE + 1, match, 0) == 0) {
		char *at = text + match[VALUE].rm_so;
		size_t size = (size_t)(match[VALUE].rm_eo - match[VALUE].rm_so);

		/* Of a response within a transaction they are 0, and stay so. */
		if (size > 1 || *at != '0')
			*at = '#';
		memmove(at + 1, at + size, strlen(at + size) + 1);
		text = at;
	}
	regfree(&regex);
}

/* etcdctl's last line, "Error: ...", without what quoinctl says behind it of what was done. */
static const char *error_of(char *text)
{
	char *error = strstr(text, "Error: etcdserver: "), *end;

	if (!error)
		return "";
	end = error + strcspn(error, "(\n");
	while (end[-1] == ' ')
		end--;
	*end = '\0';
	return error;
}

static void compare_step(struct cluster *c, const struct side *etcd, const struct side *quoin,
			 const struct step *step)
{
	static struct said theirs, ours;

	ask(etcd, step->words, step->input, &theirs);
	ask(quoin, step->words, step->input, &ours);
	mask(theirs.out);
	mask(ours.out);
	require(c,
		(theirs.status != 0) == step->refused && (ours.status != 0) == step->refused &&
			strcmp(theirs.out, ours.out) == 0 &&
			strcmp(error_of(theirs.err), error_of(ours.err)) == 0,
		"%s\n%s--- etcdctl: exit %d\n%s%s\n--- quoinctl: exit %d\n%s%s\n", step->words,
		step->input ? step->input : "", theirs.status, theirs.out, theirs.err, ours.status,
		ours.out, ours.err);
}

static uint64_t revision_of(const struct side *side)
{
	static struct said said;
	const char *at;

	ask(side, "get nothing -w json", NULL, &said);
	at = strstr(said.out, "\"revision\":");
	if (!at)
		fail_msg("%s: exit %d\n%s%s", side->path, said.status, said.out, said.err);
	return strtoull(at + strlen("\"revision\":"), NULL, 10);
}

static void must(const struct side *side, const char *words)
{
	static struct said said;

	ask(side, words, NULL, &said);
	if (said.status)
		fail_msg("%s %s: exit %d\n%s%s", side->path, words, said.status, said.out,
			 said.err);
}

/* The same revision, and nothing there: from then on both have one history. */
static uint64_t align(const struct side *etcd, const struct side *quoin)
{
	uint64_t theirs, ours;
	char words[64];

	must(quoin, "del --from-key a");
	for (;;) {
		theirs = revision_of(etcd);
		ours = revision_of(quoin);
		if (theirs == ours)
			break;
		must(theirs < ours ? etcd : quoin, "put filler x");
	}
	for (int i = 0; i < 2; i++) {
		must(i ? etcd : quoin, "put filler x");
		must(i ? etcd : quoin, "del filler");
		snprintf(words, sizeof(words), "compaction --physical %" PRIu64, ours + 2);
		must(i ? etcd : quoin, words);
	}
	return ours + 2;
}

/* The last word of "ENDPOINT, HASH". */
static uint32_t hash_of(const struct side *side)
{
	static struct said said;
	const char *comma;

	ask(side, "endpoint hashkv", NULL, &said);
	comma = strstr(said.out, ", ");
	if (!comma)
		fail_msg("%s: exit %d\n%s%s", side->path, said.status, said.out, said.err);
	return (uint32_t)strtoul(comma + 2, NULL, 10);
}

struct both {
	const struct side *etcd, *quoin;
};

static bool hashes_are_equal(void *context)
{
	const struct both *both = context;

	return hash_of(both->etcd) == hash_of(both->quoin);
}

/* One member's own hash: it may have the last commands still to do. */
static void compare_hashes(struct cluster *c, const struct side *etcd, const struct side *quoin)
{
	struct both both = {etcd, quoin};

	require(c, wait_until(hashes_are_equal, &both, CLUSTER_WAIT_MS),
		"they have one history, and hash to %u and %u", hash_of(etcd), hash_of(quoin));
	compare_step(c, etcd, quoin, &(struct step){"endpoint hashkv -w json", NULL, false});
	compare_step(c, etcd, quoin, &(struct step){"endpoint hashkv -w fields", NULL, false});
}

void etcdctl_compare(struct cluster *c, uint32_t node)
{
	const char *missing = etcd_missing();
	char ours[128], theirs[64], words[128];
	struct side quoin = {program("quoinctl"), cluster_admin(c, node, ours)};
	struct side other = {"/usr/bin/etcdctl", theirs};
	uint64_t begin, end;
	struct etcd etcd;

	if (missing) {
		print_message("there is no %s: Debian has it in etcd-server and etcd-client\n",
			      missing);
		skip();
	}
	etcd_start(&etcd);
	snprintf(theirs, sizeof(theirs), "127.0.0.1:%u", etcd.port);
	for (size_t i = 0; i < sizeof(first_steps) / sizeof(first_steps[0]); i++)
		compare_step(c, &other, &quoin, &first_steps[i]);
	begin = align(&other, &quoin);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		compare_step(c, &other, &quoin, &steps[i]);
	compare_hashes(c, &other, &quoin);
	/* What both were at each revision, and what is left of that once it was compacted. */
	end = revision_of(&quoin);
	for (uint64_t revision = begin; revision <= end; revision += 5) {
		snprintf(words, sizeof(words), "get k --prefix --rev=%" PRIu64 " -w json",
			 revision);
		compare_step(c, &other, &quoin, &(struct step){words, NULL, false});
	}
	snprintf(words, sizeof(words), "compaction %" PRIu64, end - 3);
	compare_step(c, &other, &quoin, &(struct step){words, NULL, false});
	compare_step(c, &other, &quoin, &(struct step){words, NULL, true});
	snprintf(words, sizeof(words), "get k1 --rev=%" PRIu64, end - 4);
	compare_step(c, &other, &quoin, &(struct step){words, NULL, true});
	snprintf(words, sizeof(words), "get k --prefix --rev=%" PRIu64 " -w json", end - 3);
	compare_step(c, &other, &quoin, &(struct step){words, NULL, false});
	compare_hashes(c, &other, &quoin);
	etcd_stop(&etcd);
}

static void must_be_equal(struct cluster *c, const char *endpoint, const char *words)
{
	static struct run out;

	run(&out, "quoinctl", "--endpoints %s %s", endpoint, words);
	require(c, out.status == 0, "%s: exit %d: %s", words, out.status, out.text);
	for (uint32_t node = 1; node <= c->nodes; node++) {
		char name[16];

		snprintf(name, sizeof(name), strchr(words, '-') ? "/n%u/" : "n%u, ", node);
		require(c, strstr(out.text, name), "no %s in:\n%s", name, out.text);
	}
}

void etcdctl_has_no_check(struct cluster *c)
{
	static struct run out;
	char text[128];

	for (uint32_t node = 1; node <= c->nodes; node++) {
		cluster_admin(c, node, text);
		run(&out, "quoinctl", "--endpoints %s put equal %u", text, node);
		require(c, out.status == 0, "exit %d: %s", out.status, out.text);
		must_be_equal(c, text, "check equality");
		must_be_equal(c, text, "endpoint hashkv --cluster");
	}
}
