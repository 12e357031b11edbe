/*
 * The log of a running node: nobody who reads it, or does not, holds the node up.
 */
#include "tests/e2e/process.h"
#include "tests/unit/test.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	MEASURE_S = 3,
	TRIES_MAX = 8,
	LINES_MAX = 6, /* a second: an event has one, and elections have three events */
};

static char text[1 << 20];

struct ends {
	int reader, writer;
};

/* In the child: the pipe as standard error, full to its last byte. */
static void full_pipe(void *context)
{
	struct ends *ends = context;

	dup2(ends->writer, STDERR_FILENO);
	fcntl(ends->writer, F_SETFL, O_NONBLOCK);
	while (write(ends->writer, "#", 1) == 1)
		continue;
	fcntl(ends->writer, F_SETFL, 0);
}

static void pipe_open(void *context)
{
	dup2(((struct ends *)context)->writer, STDERR_FILENO);
}

static struct ends ends_make(void)
{
	int fd[2];

	assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
	return (struct ends){fd[0], fd[1]};
}

static const char *take(int fd)
{
	size_t used = 0;
	ssize_t size;

	fcntl(fd, F_SETFL, O_NONBLOCK);
	while ((size = read(fd, text + used, sizeof(text) - 1 - used)) > 0)
		used += (size_t)size;
	text[used] = '\0';
	return text;
}

/* It starts, leads, answers and ends, and nobody takes a byte of its log. */
static void F8_nobody_reads(void **state)
{
	struct ends ends = ends_make();
	struct process p;
	uint64_t begun;

	(void)state;
	process_prepare(&p, "");
	process_start(&p, NULL, full_pipe, &ends);
	process_wait_leading(&p);
	begun = clock_ms();
	assert_int_equal(kill(p.pid, SIGTERM), 0);
	process_must_exit(&p, 0);
	assert_true(clock_ms() - begun < 10000);
	process_remove(&p);
	close(ends.reader);
	close(ends.writer);
}

static void closed(void *context)
{
	(void)context;
	for (int fd = 0; fd <= 2; fd++)
		close(fd);
}

static void is_null(pid_t pid, int fd)
{
	char path[64], to[64] = "";

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, fd);
	assert_true(readlink(path, to, sizeof(to) - 1) > 0);
	assert_string_equal(to, "/dev/null");
}

/* A line for the shell, with quoinctl and the node's socket before it. */
static void ctl(const struct process *p, const char *line, int status, const char *says)
{
	char path[128], admin[128];
	struct run r;
	FILE *script;

	snprintf(path, sizeof(path), "%s/script", p->dir);
	script = fopen(path, "we");
	assert_non_null(script);
	fprintf(script, "%s --endpoints %s %s\n", program("quoinctl"),
		cluster_admin(&p->c, 1, admin), line);
	assert_int_equal(fclose(script), 0);
	run(&r, "sh", "%s", path);
	if (r.status != status || !strstr(r.text, says))
		fail_msg("%s: %d: %s", line, r.status, r.text);
}

/* What is opened gets none of their numbers: nothing is printed into a socket or a file. */
static void F8_closed_descriptors_are_nobody_elses(void **state)
{
	struct process p;

	(void)state;
	process_prepare(&p, "");
	process_start(&p, NULL, closed, NULL);
	process_wait_leading(&p);
	for (int fd = 0; fd <= 2; fd++)
		is_null(p.pid, fd);
	ctl(&p, "put key value", 0, "OK");
	ctl(&p, "get key >&-", 1, "standard output: Bad file descriptor");
	ctl(&p, "get key <&- >&- 2>&-", 1, "");
	ctl(&p, "put key <&-", 1, "standard input: Bad file descriptor");
	ctl(&p, "put key < /", 1, "standard input: Is a directory");
	ctl(&p, "put key < /dev/null", 2, "put command needs 1 argument and input from stdin");
	ctl(&p, "get key", 0, "value");
	/* What was done and cannot be shown is not what was not done: 1 would have it put again. */
	ctl(&p, "put key other > /dev/full", 3, "No space left on device: it was done, and ");
	ctl(&p, "get key", 0, "other");
	ctl(&p, "get key > /dev/full", 1, "standard output: No space left on device");
	ctl(&p, "del key >&-", 3, "Bad file descriptor: it was done, and ");
	ctl(&p, "get key -w json", 0, "\"revision\":4,\"raft_term\":1}}"); /* nothing is there */
	ctl(&p, "put \"\" x > /dev/full", 1, "key is not provided");
	assert_int_equal(kill(p.pid, SIGTERM), 0);
	process_must_exit(&p, 0);
	process_remove(&p);
}

static void full_output(void *context)
{
	struct ends *ends = context;

	full_pipe(ends);
	dup2(ends->writer, STDOUT_FILENO);
}

/* A look, whose reader does not read, ends by a signal as any program does. */
static void F9_a_look_can_be_ended(void **state)
{
	static const char *const check[] = {"--check", NULL};
	struct ends ends = ends_make();
	struct process p;

	(void)state;
	process_prepare(&p, "");
	process_start(&p, check, full_output, &ends);
	clock_sleep(300 * CLOCK_MS); /* by then it writes, and waits; the end is the same before */
	assert_int_equal(kill(p.pid, SIGTERM), 0);
	assert_true(process_wait(&p, CLUSTER_WAIT_MS));
	assert_true(WIFSIGNALED(p.status));
	process_remove(&p);
	close(ends.reader);
	close(ends.writer);
}

/* So does one that is told a wrong configuration. */
static void F8_nobody_reads_why_it_does_not_start(void **state)
{
	struct ends ends = ends_make();
	struct process p;

	(void)state;
	process_prepare(&p, "nonsense: 1\n");
	process_start(&p, NULL, full_pipe, &ends);
	process_must_exit(&p, 3);
	process_remove(&p);
	close(ends.reader);
	close(ends.writer);
}

static void F8_the_reader_goes_away(void **state)
{
	struct ends ends = ends_make();
	static struct node_status status;
	char lost[32];
	struct process p;

	(void)state;
	process_prepare(&p, "");
	process_start(&p, NULL, pipe_open, &ends);
	close(ends.writer);
	close(ends.reader);
	process_wait_leading(&p);
	/* And it says so. */
	assert_true(cluster_status(&p.c, 1, &status));
	assert_true(strtoull(node_value(&status, "log_lost", lost, sizeof(lost)), NULL, 10) > 0);
	assert_int_equal(kill(p.pid, SIGTERM), 0);
	process_must_exit(&p, 0);
	process_remove(&p);
}

struct taking {
	int fd;
	const char *words;
	size_t used;
};

static bool is_there(void *context)
{
	struct taking *t = context;
	ssize_t size = read(t->fd, text + t->used, sizeof(text) - 1 - t->used);

	if (size > 0)
		t->used += (size_t)size;
	text[t->used] = '\0';
	return strstr(text, t->words) != NULL;
}

static void F8_the_reader_goes_on(void **state)
{
	struct ends ends = ends_make();
	struct taking t = {.fd = ends.reader, .words = " info n1 started "};
	struct process p;

	(void)state;
	process_prepare(&p, "");
	process_start(&p, NULL, full_pipe, &ends);
	close(ends.writer);
	process_wait_leading(&p);
	fcntl(ends.reader, F_SETFL, O_NONBLOCK);
	/* None was lost: they waited, and the node did not. */
	assert_true(wait_until(is_there, &t, CLUSTER_WAIT_MS));
	assert_null(strstr(text, "log_lost"));
	assert_int_equal(kill(p.pid, SIGTERM), 0);
	process_must_exit(&p, 0);
	assert_non_null(strstr(take(ends.reader), " info n1 stopped signal=15\n"));
	process_remove(&p);
	close(ends.reader);
}

/* Every line of a life, and of a start that fails, is an object with etcd's words. */
static uint32_t all_json(char *lines)
{
	uint32_t count = 0;

	for (char *save = NULL, *line = strtok_r(lines, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		json_error_t error;
		json_t *json = json_loads(line, JSON_REJECT_DUPLICATES, &error);

		if (!json || !json_string_value(json_object_get(json, "level")) ||
		    !json_string_value(json_object_get(json, "ts")) ||
		    !json_string_value(json_object_get(json, "msg")))
			fail_msg("%s: %s", json ? "" : error.text, line);
		json_decref(json);
		count++;
	}
	return count;
}

static void lines_are_json(void **state)
{
	static const char *const asked[] = {"--log-format", "json", NULL};
	static const char *const words[] = {"--log-format=text", NULL};
	struct ends ends = ends_make();
	struct process p;

	(void)state;
	process_prepare(&p, "log-format: json\nlog-level: debug\n");
	process_start(&p, NULL, pipe_open, &ends);
	process_wait_leading(&p);
	assert_int_equal(kill(p.pid, SIGTERM), 0);
	process_must_exit(&p, 0);
	take(ends.reader);
	/* log-level: debug says more: DPDK's words. */
	assert_non_null(strstr(text, "\"level\":\"debug\""));
	assert_non_null(strstr(text, "\"msg\":\"started\",\"version\":"));
	assert_true(all_json(text) > 4);
	/* The command line goes before the configuration. */
	process_start(&p, words, pipe_open, &ends);
	process_wait_leading(&p);
	assert_int_equal(kill(p.pid, SIGTERM), 0);
	process_must_exit(&p, 0);
	assert_non_null(strstr(take(ends.reader), " info n1 started version="));
	process_remove(&p);
	/* And counts from the first line on. */
	process_prepare(&p, "odd\x01: \"x\"\n");
	process_start(&p, asked, pipe_open, &ends);
	process_must_exit(&p, 3);
	take(ends.reader);
	assert_non_null(strstr(text, "{\"level\":\"error\""));
	assert_true(all_json(text) > 0);
	process_remove(&p);
	close(ends.reader);
	close(ends.writer);
}

static uint32_t lines_of(const struct cluster *c, uint32_t node)
{
	char path[256], *line = NULL;
	uint32_t count = 0;
	size_t size = 0;
	FILE *log;

	snprintf(path, sizeof(path), "%s/n%u.log", c->dir, node);
	log = fopen(path, "re");
	assert_non_null(log);
	while (getline(&line, &size, log) > 0)
		count++;
	free(line);
	fclose(log);
	return count;
}

struct survivor {
	struct cluster *c;
	uint32_t node;
	bool leads;
};

static bool has_lost_or_leads(void *context)
{
	struct survivor *s = context;
	static struct node_status status;

	s->leads = cluster_status(s->c, s->node, &status) && strcmp(status.role, "leader") == 0;
	return s->leads || cluster_log_has(s->c, s->node, " leader_lost ");
}

/* The leader and another: the third one is left. It may have been elected in between. */
static bool two_go_away(struct survivor *s)
{
	uint32_t leader = cluster_wait_leader(s->c, 0), other = leader % 3 + 1;

	s->node = 6 - leader - other;
	cluster_lab(s->c, "kill %u", other);
	cluster_lab(s->c, "kill %u", leader);
	require(s->c, wait_until(has_lost_or_leads, s, CLUSTER_WAIT_MS), "no leader is lost");
	if (s->leads) {
		cluster_lab(s->c, "restart %u", leader);
		cluster_lab(s->c, "restart %u", other);
	}
	return !s->leads;
}

/* F13: a hundred timeouts a second, as fast members have them whose peers are away. */
static void F13_peers_that_are_away(void **state)
{
	static struct cluster c;
	struct survivor s = {.c = &c};
	uint32_t before, tries = 0;

	(void)state;
	cluster_up(&c, 3, "memif", "--heartbeat 200us --election 2ms");
	while (!two_go_away(&s))
		require(&c, ++tries < TRIES_MAX, "n%u is a leader each time", s.node);
	before = lines_of(&c, s.node);
	clock_sleep(MEASURE_S * CLOCK_S); /* the measurement itself */
	require(&c, lines_of(&c, s.node) - before <= LINES_MAX * MEASURE_S, "%u lines in %u s",
		lines_of(&c, s.node) - before, MEASURE_S);
	cluster_down(&c);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(F8_nobody_reads),
		cmocka_unit_test(F8_closed_descriptors_are_nobody_elses),
		cmocka_unit_test(F8_nobody_reads_why_it_does_not_start),
		cmocka_unit_test(F9_a_look_can_be_ended),
		cmocka_unit_test(F8_the_reader_goes_away),
		cmocka_unit_test(F8_the_reader_goes_on),
		cmocka_unit_test(lines_are_json),
		cmocka_unit_test(F13_peers_that_are_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
