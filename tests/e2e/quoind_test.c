/*
 * The program quoind by itself: what it says to a bad configuration, how it ends, what it costs
 * when there is nothing to do.
 */
#include "tests/e2e/load.h"
#include "tests/unit/test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_USAGE = 2, EXIT_CONFIG = 3, EXIT_START = 4, IDLE_MS = 4000 };
/*
 * Turns a second: 2,000 sleeps, two for each of the 100 answers that a leader of three gets, and
 * those of the few moments in which something keeps it awake (a look at the disk's space each
 * second; the test's own question), of which a turn takes half a microsecond.
 */
enum { IDLE_TURNS_MAX = 4000 };

static const char good[] = "name: n1\n"
			   "data-dir: /var/tmp/quoin-nowhere\n"
			   "initial-cluster: n1=198.18.0.1\n"
			   "network:\n"
			   "  link: memif\n"
			   "  address: 198.18.0.1/24\n";

/* The good one with a text replaced, in a file; what quoind says to it. */
static void try_config(struct run *out, const char *text, const char *by)
{
	char path[] = "/tmp/quoin-config-XXXXXX";
	const char *at = strstr(good, text);
	int fd = mkstemp(path);
	FILE *file = fdopen(fd, "w");

	assert_non_null(at);
	assert_non_null(file);
	fprintf(file, "%.*s%s%s", (int)(at - good), good, by, at + strlen(text));
	fclose(file);
	run(out, "quoind", "--config %s", path);
	unlink(path);
}

static void bad_configurations(void **state)
{
	static const struct {
		const char *text, *by, *says;
	} cases[] = {
		{"name: n1", "name: n9", ":1: "},
		{"198.18.0.1/24", "198.18.0.300/24", ":6: "},
		{"link: memif", "link: token-ring", "memif"},
		{"link: memif", "link: packet", "interface"},
		{"name: n1", "name: n1\nheartbeat-interval: 20", "heartbeat-interval"},
		{"name: n1", "name: n1\nheartbeat: 20ms", "heartbeat"},
		{"name: n1", "name: [n1", ":"},
	};
	static const char *const unread[] = {
		"--config /nonexistent/quoin.yaml",
		"--check --config /nonexistent/quoin.yaml",
		"--config /",
		"--check --config /",
	};
	static struct run out;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		try_config(&out, cases[i].text, cases[i].by);
		if (out.status != EXIT_CONFIG || !strstr(out.text, cases[i].says) ||
		    !strstr(out.text, "/tmp/quoin-config-"))
			fail_msg("\"%s\": exit %d, without \"%s\": %s", cases[i].by, out.status,
				 cases[i].says, out.text);
	}
	/* What cannot be read may be there later, as a mount that comes late (F23). */
	for (size_t i = 0; i < sizeof(unread) / sizeof(unread[0]); i++) {
		run(&out, "quoind", "%s", unread[i]);
		if (out.status != EXIT_START || !strstr(out.text, "cannot be read"))
			fail_msg("quoind %s: %d: %s", unread[i], out.status, out.text);
	}
	run(&out, "quoind", "--check");
	assert_int_not_equal(out.status, 0);
	assert_non_null(strstr(out.text, "--config"));
	/* A refused configuration has touched nothing. */
	assert_int_not_equal(access("/var/tmp/quoin-nowhere", F_OK), 0);
}

/* It says which, before it has touched anything. */
static void a_metrics_port_in_use(void **state)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char line[128], says[128];
	static struct run out;

	(void)state;
	assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	snprintf(says, sizeof(says),
		 "quoind: listen-metrics-urls: http://127.0.0.1:%u: Address already in use: "
		 "another port, or end who listens there (ss -ltnp)\n",
		 ntohs(address.sin_port));
	snprintf(line, sizeof(line), "name: n1\nlisten-metrics-urls: http://127.0.0.1:%u",
		 ntohs(address.sin_port));
	try_config(&out, "name: n1", line);
	close(fd);
	if (out.status != EXIT_START || strcmp(out.text, says) != 0)
		fail_msg("exit %d: %s", out.status, out.text);
	assert_int_not_equal(access("/var/tmp/quoin-nowhere", F_OK), 0);
}

/* A limit on the size of files: an error with its reason, and no death without a word. */
static void a_file_that_may_not_grow_is_told(void **state)
{
	char dir[80], line[128];
	struct rlimit limit, small;
	static struct run out;

	(void)state;
	directory_make(dir, sizeof(dir));
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	small = limit;
	small.rlim_cur = 1 << 20;
	snprintf(line, sizeof(line), "data-dir: %s\nhuge-pages: off", dir);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	try_config(&out, "data-dir: /var/tmp/quoin-nowhere", line);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	if (out.status != EXIT_START ||
	    !strstr(out.text, "this process may make files of 1 MiB, and needs "))
		fail_msg("exit %d: %s", out.status, out.text);
	directory_remove(dir);
}

static bool is_answering(void *context)
{
	static struct node_status status;

	return cluster_status(context, 1, &status) && strcmp(status.role, "leader") == 0;
}

/* A node as our own child, so that its exit status is ours to see. */
static pid_t start_child(struct cluster *c)
{
	char config[512], log[512];
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid)
		return pid;
	snprintf(config, sizeof(config), "%s/n1.yaml", c->dir);
	snprintf(log, sizeof(log), "%s/n1.log", c->dir);
	cluster_enter(c);
	dup2(open(log, O_WRONLY | O_APPEND | O_CLOEXEC), 2);
	execl(program("quoind"), "quoind", "--config", config, (char *)NULL);
	_exit(127);
}

static void ends_cleanly(int signal)
{
	static struct cluster c;
	struct one o;
	uint64_t value, version;
	char text[128];
	int status;
	pid_t pid;

	cluster_up(&c, 1, "memif", "");
	cluster_lab(&c, "kill 1");
	pid = start_child(&c);
	require(&c, wait_until(is_answering, &c, CLUSTER_WAIT_MS), "it does not lead");
	one_open(&o, cluster_admin(&c, 1, text));
	assert_int_equal(one_put(&o, "last", 7, 5000), 0);
	assert_int_equal(kill(pid, signal), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	one_close(&o);
	require(&c, WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x", (unsigned)status);
	require(&c, cluster_log_has(&c, 1, " stopped signal="), "it does not say so");
	/* Its socket is gone with it, and what it had acknowledged is not. */
	require(&c, access(cluster_admin(&c, 1, text) + strlen("unix:"), F_OK) != 0, "%s is left",
		text);
	cluster_lab(&c, "restart 1");
	cluster_wait_leader(&c, 0);
	one_open(&o, cluster_admin(&c, 1, text));
	assert_int_equal(one_get(&o, "last", &value, &version, 5000), 0);
	assert_int_equal(value, 7);
	one_close(&o);
	cluster_down(&c);
}

static void sigterm_ends_cleanly(void **state)
{
	(void)state;
	ends_cleanly(SIGTERM);
}

static void sigint_ends_cleanly(void **state)
{
	(void)state;
	ends_cleanly(SIGINT);
}

/* User and system time of a process, in clock ticks. */
static uint64_t ticks(struct cluster *c, uint32_t node)
{
	unsigned long user, system;
	char path[64], text[1024];
	const char *at;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", cluster_pid(c, node));
	file = fopen(path, "re");
	require(c, file, "n%u is gone", node);
	assert_non_null(fgets(text, sizeof(text), file));
	fclose(file);
	at = strrchr(text, ')');
	assert_non_null(at);
	assert_int_equal(sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
				&user, &system),
			 2);
	return user + system;
}

static uint64_t ticks_of_all(struct cluster *c)
{
	uint64_t sum = 0;

	for (uint32_t node = 1; node <= c->nodes; node++)
		sum += ticks(c, node);
	return sum;
}

/*
 * Three idle nodes that may sleep wake up for the bound of a sleep and for heartbeats. Turns say so
 * exactly, however busy the host is, and tests/sim/idle_test.c counts what they do. That they take
 * less than a fifth of one core, all together, depends on the host: it is twice what they take.
 */
static void D11_idle_nodes_sleep(void **state)
{
	static struct cluster c;
	struct timespec span = {.tv_sec = IDLE_MS / 1000};
	uint64_t before, begin, used_ms, took_ms, turns[CLUSTER_NODES_MAX + 1];

	(void)state;
	cluster_up(&c, 3, "memif", "--idle sleep");
	cluster_wait_equal(&c);
	for (uint32_t node = 1; node <= c.nodes; node++)
		turns[node] = cluster_number(&c, node, "turns");
	begin = clock_ms();
	before = ticks_of_all(&c);
	nanosleep(&span, NULL); /* the measurement itself */
	used_ms = (ticks_of_all(&c) - before) * 1000 / (uint64_t)sysconf(_SC_CLK_TCK);
	took_ms = clock_ms() - begin;
	printf("three idle nodes: %.1f %% of one core\n",
	       100.0 * (double)used_ms / (double)took_ms);
	for (uint32_t node = 1; node <= c.nodes; node++) {
		uint64_t now = cluster_number(&c, node, "turns");
		uint64_t rate = (now - turns[node]) * 1000 / (clock_ms() - begin);

		printf("n%u: %ju turns a second\n", node, (uintmax_t)rate);
		require(&c, rate < IDLE_TURNS_MAX, "n%u: %ju turns a second", node,
			(uintmax_t)rate);
	}
	require(&c, used_ms * 5 < took_ms, "%ju ms of CPU in %ju ms", (uintmax_t)used_ms,
		(uintmax_t)took_ms);
	cluster_down(&c);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_configurations),
		cmocka_unit_test(a_metrics_port_in_use),
		cmocka_unit_test(a_file_that_may_not_grow_is_told),
		cmocka_unit_test(sigterm_ends_cleanly),
		cmocka_unit_test(sigint_ends_cleanly),
		cmocka_unit_test(D11_idle_nodes_sleep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
