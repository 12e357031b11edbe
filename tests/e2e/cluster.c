/*
 * The lab driven from a test. A failure is said with all that the cluster has to say about it.
 */
#include "tests/e2e/cluster.h"

#include "base/clock.h"
#include "tests/unit/test.h"
#include "tools/client/status.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <jansson.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORDS_MAX = 32, POLL_MS = 5, STATUS_MS = 1000 };

uint64_t clock_ms(void)
{
	return clock_now() / CLOCK_MS;
}

bool wait_until(bool (*condition)(void *context), void *context, uint32_t timeout_ms)
{
	uint64_t end = clock_ms() + timeout_ms;

	while (!condition(context)) {
		if (clock_ms() >= end)
			return false;
		clock_sleep(POLL_MS * CLOCK_MS);
	}
	return true;
}

const char *program(const char *name)
{
	static const struct {
		const char *name, *path;
	} places[] = {
		{"quoind", "node/quoind"},
		{"quoin-lab", "tools/lab/quoin-lab"},
		{"quoinctl", "tools/quoinctl"},
		{"quoin-wal", "tools/quoin-wal"},
		{"quoin-bench", "tools/bench/quoin-bench"},
	};
	static char path[sizeof(places) / sizeof(places[0])][512];

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (strcmp(name, places[i].name) == 0) {
			snprintf(path[i], sizeof(path[i]), "%s/%s", getenv("QUOIN_BUILD"),
				 places[i].path);
			return path[i];
		}
	}
	return name;
}

static void run_argv(struct run *out, char **argv)
{
	const char *path = program(argv[0]);
	int pipes[2], status;
	size_t used = 0;
	ssize_t size;
	pid_t pid;

	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		dup2(pipes[1], 1);
		dup2(pipes[1], 2);
		execvp(path, argv);
		dprintf(2, "%s: %s\n", path, strerror(errno));
		_exit(127);
	}
	close(pipes[1]);
	while (used < sizeof(out->text) - 1 &&
	       (size = read(pipes[0], out->text + used, sizeof(out->text) - 1 - used)) > 0)
		used += (size_t)size;
	out->text[used] = '\0';
	close(pipes[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	out->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void run_words(struct run *out, const char *name, char *words)
{
	char *argv[WORDS_MAX + 2] = {strdup(name)};
	size_t count = 1;
	char *word;

	while ((word = strsep(&words, " ")) && count <= WORDS_MAX) {
		if (*word)
			argv[count++] = word;
	}
	run_argv(out, argv);
	free(argv[0]);
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *where)
{
	(void)st;
	(void)kind;
	(void)where;
	return remove(path);
}

void directory_make(char *out, size_t size)
{
	assert_true(snprintf(out, size, "%s.own.XXXXXX", getenv("E2E_DIR")) < (int)size);
	assert_non_null(mkdtemp(out));
}

void directory_remove(const char *path)
{
	assert_int_equal(nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}

void run(struct run *out, const char *name, const char *format, ...)
{
	char words[1024];
	va_list args;

	va_start(args, format);
	assert_true(vsnprintf(words, sizeof(words), format, args) < (int)sizeof(words));
	va_end(args);
	run_words(out, name, words);
}

void cluster_fail(struct cluster *c, const char *file, int line, const char *truth,
		  const char *format, ...)
{
	static struct run out;
	va_list args;

	printf("%s:%d: not so: %s\n", file, line, truth);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	run(&out, "quoin-lab", "--dir %s status", c->dir);
	printf("\n%s", out.text);
	for (uint32_t node = 1; node <= c->nodes; node++) {
		run(&out, "quoin-lab", "--dir %s logs %u --lines 12", c->dir, node);
		printf("-- log of n%u, its last lines\n%s", node, out.text);
	}
	fflush(stdout);
	/* Not fail(): a test that follows would meet this one's lab and threads. */
	_exit(1);
}

int cluster_lab_try(struct cluster *c, struct run *out, const char *format, ...)
{
	char words[1024];
	va_list args;
	int at = snprintf(words, sizeof(words), "--dir %s ", c->dir);

	va_start(args, format);
	assert_true(vsnprintf(words + at, sizeof(words) - (size_t)at, format, args) < 512);
	va_end(args);
	run_words(out, "quoin-lab", words);
	return out->status;
}

void cluster_lab(struct cluster *c, const char *format, ...)
{
	static struct run out;
	char words[512];
	va_list args;

	va_start(args, format);
	assert_true(vsnprintf(words, sizeof(words), format, args) < (int)sizeof(words));
	va_end(args);
	require(c, cluster_lab_try(c, &out, "%s", words) == 0, "quoin-lab %s: %s", words, out.text);
}

void cluster_partition(struct cluster *c, const char *rule, const char *more)
{
	char *argv[] = {"quoin-lab",
			"--dir",
			(char *)(uintptr_t)c->dir,
			"partition",
			(char *)(uintptr_t)rule,
			(char *)(uintptr_t)more,
			NULL};
	static struct run out;

	run_argv(&out, argv);
	require(c, out.status == 0, "quoin-lab partition %s: %s", rule, out.text);
}

static json_t *lab_json(const struct cluster *c)
{
	char path[512];
	json_t *json;

	snprintf(path, sizeof(path), "%s/lab.json", c->dir);
	json = json_load_file(path, 0, NULL);
	assert_non_null(json);
	return json;
}

/* All of them, and with one leader: quoin-lab up returns when a majority has. */
static bool all_follow(void *context)
{
	struct cluster *c = context;
	static struct node_status status;
	char leader[24] = "";

	for (uint32_t node = 1; node <= c->nodes; node++) {
		if (!cluster_status(c, node, &status) || strtoull(status.leader, NULL, 16) == 0)
			return false;
		if (node > 1 && strcmp(status.leader, leader) != 0)
			return false;
		snprintf(leader, sizeof(leader), "%s", status.leader);
	}
	return true;
}

void cluster_up(struct cluster *c, uint32_t nodes, const char *link, const char *options)
{
	json_t *json;

	*c = (struct cluster){.dir = getenv("E2E_DIR"), .link = link, .nodes = nodes};
	assert_non_null(c->dir);
	cluster_lab(c, "up --nodes %u --link %s %s", nodes, link, options);
	json = lab_json(c);
	snprintf(c->netns, sizeof(c->netns), "%s",
		 json_string_value(json_object_get(json, "namespace")));
	json_decref(json);
	require(c, wait_until(all_follow, c, CLUSTER_WAIT_MS), "not all nodes follow one leader");
}

void cluster_down(struct cluster *c)
{
	char path[128];

	cluster_lab(c, "down");
	assert_int_not_equal(access(c->dir, F_OK), 0);
	snprintf(path, sizeof(path), "/run/netns/%s", c->netns);
	assert_int_not_equal(access(path, F_OK), 0);
}

void cluster_enter(const struct cluster *c)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/run/netns/%s", c->netns);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(setns(fd, CLONE_NEWNET), 0);
	close(fd);
}

int raw_open(struct cluster *c, const char *interface)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));

	at.sll_ifindex = (int)if_nametoindex(interface);
	require(c, fd >= 0 && at.sll_ifindex > 0, "%s: %s", interface, strerror(errno));
	require(c, bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0, "%s", strerror(errno));
	return fd;
}

const char *cluster_admin(const struct cluster *c, uint32_t node, char out[128])
{
	snprintf(out, 128, "unix:%s/n%u/admin.sock", c->dir, node);
	return out;
}

const char *cluster_endpoint(const struct cluster *c, uint32_t node, char out[128])
{
	if (strcmp(c->link, "memif") == 0)
		return cluster_admin(c, node, out);
	snprintf(out, 128, "198.18.0.%u:2379", node);
	return out;
}

const char *node_value(const struct node_status *s, const char *key, char *out, size_t size)
{
	return status_value(s->text, strlen(s->text), key, out, size);
}

static uint64_t status_number(const struct node_status *s, const char *key)
{
	char text[32];

	return strtoull(node_value(s, key, text, sizeof(text)), NULL, 10);
}

bool cluster_status(const struct cluster *c, uint32_t node, struct node_status *out)
{
	char text[128], error[ADDRESS_ERROR_MAX];
	struct endpoint_answer answer;
	struct endpoint *e;
	uint32_t size;

	*out = (struct node_status){0};
	assert_int_equal(endpoint_open(&e, cluster_admin(c, node, text), error), 0);
	if (endpoint_call(e, WIRE_STATUS, NULL, 0, STATUS_MS * 1000000ull, &answer) == 0 &&
	    answer.status == WIRE_OK) {
		size = answer.size < sizeof(out->text) - 1 ? answer.size : sizeof(out->text) - 1;
		memcpy(out->text, answer.data, size);
		out->answered = true;
		node_value(out, "role", out->role, sizeof(out->role));
		node_value(out, "leader", out->leader, sizeof(out->leader));
		node_value(out, "member_id", out->member, sizeof(out->member));
		node_value(out, "hash", out->hash, sizeof(out->hash));
		out->term = status_number(out, "raft_term");
		out->applied = status_number(out, "raft_applied_index");
		out->commit = status_number(out, "commit_index");
	}
	endpoint_close(e);
	return out->answered;
}

uint64_t cluster_number(struct cluster *c, uint32_t node, const char *key)
{
	static struct node_status status;

	require(c, cluster_status(c, node, &status), "n%u does not answer", node);
	return status_number(&status, key);
}

bool cluster_says(const struct cluster *c, uint32_t node, const char *words)
{
	static struct node_status status;

	return cluster_status(c, node, &status) && strstr(status.text, words);
}

struct words_wait {
	const struct cluster *cluster;
	uint32_t node;
	const char *key, *value;
};

static bool has_value(void *context)
{
	const struct words_wait *w = context;
	static struct node_status status;
	char text[64];

	return cluster_status(w->cluster, w->node, &status) &&
	       strcmp(node_value(&status, w->key, text, sizeof(text)), w->value) == 0;
}

void cluster_wait_value(struct cluster *c, uint32_t node, const char *key, const char *value)
{
	struct words_wait w = {c, node, key, value};

	require(c, wait_until(has_value, &w, CLUSTER_WAIT_MS), "n%u: %s is not %s", node, key,
		value);
}

uint32_t cluster_leader(const struct cluster *c)
{
	struct node_status status;
	uint64_t term = 0;
	uint32_t leader = 0;

	for (uint32_t node = 1; node <= c->nodes; node++) {
		if (cluster_status(c, node, &status) && strcmp(status.role, "leader") == 0 &&
		    status.term > term) {
			term = status.term;
			leader = node;
		}
	}
	return leader;
}

struct leader_wait {
	struct cluster *cluster;
	uint32_t not, leader;
};

static bool has_leader(void *context)
{
	struct leader_wait *w = context;

	w->leader = cluster_leader(w->cluster);
	return w->leader && w->leader != w->not ;
}

uint32_t cluster_wait_leader(struct cluster *c, uint32_t not )
{
	struct leader_wait w = {c, not, 0};

	require(c, wait_until(has_leader, &w, CLUSTER_WAIT_MS), "no leader other than n%u", not );
	return w.leader;
}

/* Equal index, equal content; a difference at an equal index is never waited out. */
static bool all_equal(void *context)
{
	struct cluster *c = context;
	struct node_status first = {0}, status;
	bool equal = true, any = false;

	for (uint32_t node = 1; node <= c->nodes; node++) {
		if (!cluster_status(c, node, &status))
			continue;
		if (!any)
			first = status;
		any = true;
		equal = equal && status.applied == first.applied && status.applied == status.commit;
		if (status.applied == first.applied)
			require(c, strcmp(status.hash, first.hash) == 0,
				"n%u holds %s, another %s, both at %" PRIu64, node, status.hash,
				first.hash, status.applied);
	}
	return any && equal;
}

void cluster_wait_equal(struct cluster *c)
{
	require(c, wait_until(all_equal, c, CLUSTER_WAIT_MS), "the nodes do not come to one index");
}

pid_t cluster_pid(struct cluster *c, uint32_t node)
{
	json_t *json = lab_json(c);
	json_t *entry = json_array_get(json_object_get(json, "nodes"), node - 1);
	pid_t pid = (pid_t)json_integer_value(json_object_get(entry, "pid"));

	json_decref(json);
	require(c, pid > 1, "n%u has no pid", node);
	return pid;
}

/* `without`: in a line that has not these, unless NULL. */
static bool logged(const struct cluster *c, uint32_t node, const char *words, const char *without)
{
	char path[512], *line = NULL;
	bool found = false;
	size_t size = 0;
	FILE *log;

	snprintf(path, sizeof(path), "%s/n%u.log", c->dir, node);
	log = fopen(path, "re");
	assert_non_null(log);
	while (!found && getline(&line, &size, log) > 0)
		found = strstr(line, words) && !(without && strstr(line, without));
	free(line);
	fclose(log);
	return found;
}

bool cluster_log_has(const struct cluster *c, uint32_t node, const char *words)
{
	return logged(c, node, words, NULL);
}

bool cluster_log_errs(const struct cluster *c, uint32_t node)
{
	return logged(c, node, " error ", " disk_stalled ");
}

static bool has_logged(void *context)
{
	const struct words_wait *w = context;

	return cluster_log_has(w->cluster, w->node, w->value);
}

void cluster_wait_log(struct cluster *c, uint32_t node, const char *words)
{
	struct words_wait w = {c, node, "", words};

	require(c, wait_until(has_logged, &w, CLUSTER_WAIT_MS), "n%u did not log \"%s\"", node,
		words);
}

void cluster_configure(struct cluster *c, uint32_t node, const char *lines)
{
	char path[512], text[8192];
	size_t size;
	FILE *f;

	snprintf(path, sizeof(path), "%s/n%u.yaml", c->dir, node);
	f = fopen(path, "r+e");
	require(c, f != NULL, "%s", path);
	size = fread(text, 1, sizeof(text) - 1, f);
	text[size] = '\0';
	require(c, feof(f), "%s is larger than %zu bytes", path, size);
	if (!strstr(text, lines))
		fputs(lines, f);
	require(c, fclose(f) == 0, "%s", path);
}

void cluster_wipe(struct cluster *c, uint32_t node)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/n%u", c->dir, node);
	directory_remove(path);
}

void cluster_wipe_to_join(struct cluster *c, uint32_t node)
{
	cluster_wipe(c, node);
	cluster_configure(c, node, "initial-cluster-state: existing\n");
}

static bool has_installed(void *context)
{
	const struct words_wait *w = context;
	struct node_status s;
	char text[32];

	return cluster_status(w->cluster, w->node, &s) &&
	       strtoull(node_value(&s, "installs", text, sizeof(text)), NULL, 10) > 0 &&
	       strcmp(node_value(&s, "install_index", text, sizeof(text)), "0") == 0;
}

void cluster_wait_installed(struct cluster *c, uint32_t node)
{
	struct words_wait w = {c, node, "", ""};

	require(c, wait_until(has_installed, &w, CLUSTER_WAIT_MS), "n%u installs nothing", node);
}
