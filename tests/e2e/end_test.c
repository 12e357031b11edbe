/*
 * How a node ends: by each signal that a service meets, and at any moment of its life.
 */
#include "tests/e2e/load.h"
#include "tests/e2e/process.h"
#include "tests/unit/test.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	TIMES = 60,
	LIVES = 8, /* on each link */
	START_US_MAX =
		700000, /* a start takes 150 to 400 ms on a host that has little else to do */
};

static unsigned seed;

static uint32_t below(uint32_t limit)
{
	seed = seed * 1103515245u + 12345u;
	return (uint32_t)(((uint64_t)(seed >> 8) * limit) >> 24);
}

/* In the child: its log goes to a file. */
static void says_to_file(void *context)
{
	const struct process *p = context;
	char path[96];

	snprintf(path, sizeof(path), "%s/n1.log", p->dir);
	dup2(open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600), STDERR_FILENO);
}

/* From its first moment, before it is quoind, a signal waits until quoind lets it in itself. */
static void start_deaf(struct process *p)
{
	sigset_t all, before;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	process_start(p, NULL, says_to_file, p);
	sigprocmask(SIG_SETMASK, &before, NULL);
}

/* Of a node that has just ended, with all that it said. */
static void require_end(struct process *p, const char *when)
{
	if (!process_wait(p, CLUSTER_WAIT_MS) || !WIFEXITED(p->status) ||
	    WEXITSTATUS(p->status) != 0) {
		char line[512];
		FILE *log;

		snprintf(line, sizeof(line), "%s/n1.log", p->dir);
		log = fopen(line, "re");
		while (log && fgets(line, sizeof(line), log))
			printf("%s", line);
		fail_msg("SEED=%s: %s: %s %x", getenv("SEED"), when,
			 p->pid ? "it goes on" : "it ended with", (unsigned)p->status);
	}
}

/* From the first instruction on, to a little after it leads; the same directory all the time. */
static void F2_sigterm_at_any_moment(void **state)
{
	struct process p;
	uint32_t slow = 0;

	(void)state;
	process_prepare(&p, "");
	for (uint32_t i = 0; i < TIMES; i++) {
		uint32_t us = below(START_US_MAX);
		uint64_t begun;
		char when[64];

		snprintf(when, sizeof(when), "SIG%s after %u us", i % 8 ? "TERM" : "INT", us);
		start_deaf(&p);
		clock_sleep(us * CLOCK_US); /* the moment: any is right */
		begun = clock_ms();
		assert_int_equal(kill(p.pid, i % 8 ? SIGTERM : SIGINT), 0);
		/* Some are asked twice. */
		if (i % 4 == 1)
			(void)kill(p.pid, SIGTERM);
		require_end(&p, when);
		slow += clock_ms() - begun > 2000;
	}
	/* Orderly, and soon: a start that goes on to its end takes no seconds. */
	assert_true(slow < TIMES / 4);
	/* Nothing of it is in the way of the next start. */
	start_deaf(&p);
	process_wait_leading(&p);
	assert_int_equal(kill(p.pid, SIGTERM), 0);
	require_end(&p, "the last one");
	process_remove(&p);
}

static void put_one(struct process *p, const char *key, uint64_t value)
{
	char text[128];

	assert_int_equal(one_put_at(cluster_admin(&p->c, 1, text), key, value, 20000), 0);
}

/* F9: those that mean nothing to it do nothing. */
static void F9_signals_that_do_nothing(void **state)
{
	static const int ignored[] = {SIGHUP,  SIGUSR1,   SIGUSR2,  SIGPIPE, SIGXFSZ,  SIGALRM,
				      SIGPROF, SIGVTALRM, SIGWINCH, SIGPOLL, SIGTTOU,  SIGTTIN,
				      SIGPWR,  SIGCHLD,   SIGURG,   SIGCONT, SIGSTKFLT};
	struct process p;

	(void)state;
	process_prepare(&p, "");
	start_deaf(&p);
	process_wait_leading(&p);
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++) {
		for (int round = 0; round < 20; round++)
			assert_int_equal(kill(p.pid, ignored[i]), 0);
		put_one(&p, "k", i);
		if (process_wait(&p, 0))
			fail_msg("signal %d: %x", ignored[i], (unsigned)p.status);
	}
	assert_int_equal(kill(p.pid, SIGTERM), 0);
	require_end(&p, "TERM");
	process_remove(&p);
}

/* F9: XCPU asks for the end; QUIT ends it at once, as for a debugger. */
static void F9_signals_that_end_it(void **state)
{
	struct process p;

	(void)state;
	process_prepare(&p, "");
	start_deaf(&p);
	process_wait_leading(&p);
	assert_int_equal(kill(p.pid, SIGXCPU), 0);
	require_end(&p, "XCPU");
	start_deaf(&p);
	process_wait_leading(&p);
	assert_int_equal(kill(p.pid, SIGQUIT), 0);
	assert_true(process_wait(&p, CLUSTER_WAIT_MS));
	assert_true(WIFSIGNALED(p.status));
	assert_int_equal(WTERMSIG(p.status), SIGQUIT);
	process_remove(&p);
}

static bool is_stopped(void *context)
{
	struct process *p = context;
	int status;

	return waitpid(p->pid, &status, WUNTRACED | WNOHANG) == p->pid && WIFSTOPPED(status);
}

/* F9: stopped and let go on: it goes on. */
static void F9_stopped_and_let_go_on(void **state)
{
	struct process p;

	(void)state;
	process_prepare(&p, "");
	start_deaf(&p);
	process_wait_leading(&p);
	assert_int_equal(kill(p.pid, SIGSTOP), 0);
	assert_true(wait_until(is_stopped, &p, CLUSTER_WAIT_MS));
	clock_sleep(400 * CLOCK_MS); /* longer than an election timeout: what is tried */
	assert_int_equal(kill(p.pid, SIGCONT), 0);
	put_one(&p, "after", 1);
	assert_int_equal(kill(p.pid, SIGTERM), 0);
	require_end(&p, "TERM");
	process_remove(&p);
}

/* A node of a lab, in its namespace, as our own child: its exit status is ours to see. */
static void child_of_lab(struct process *p, const struct cluster *c, uint32_t node)
{
	char config[256], log[256];

	*p = (struct process){.c = *c};
	snprintf(p->dir, sizeof(p->dir), "%s", c->dir);
	p->pid = fork();
	assert_true(p->pid >= 0);
	if (p->pid)
		return;
	snprintf(config, sizeof(config), "%s/n%u.yaml", c->dir, node);
	snprintf(log, sizeof(log), "%s/n%u.log", c->dir, node);
	cluster_enter(c);
	dup2(open(log, O_WRONLY | O_APPEND | O_CLOEXEC), STDERR_FILENO);
	execl(program("quoind"), "quoind", "--config", config, (char *)NULL);
	_exit(127);
}

struct follows {
	struct process *p;
	uint32_t node;
};

static bool has_joined(void *context)
{
	struct follows *f = context;
	static struct node_status status;

	return process_wait(f->p, 0) || (cluster_status(&f->p->c, f->node, &status) &&
					 strtoull(status.leader, NULL, 16) != 0);
}

/* F2: with live peers that connect and send, at moments about the one at which it joins them. */
static void ends_among_live_peers(const char *link)
{
	static struct cluster c;
	char text[128];
	struct one o;

	cluster_up(&c, 3, link, "");
	cluster_lab(&c, "kill 3");
	one_open(&o, cluster_admin(&c, 1, text));
	for (uint32_t i = 0; i < LIVES; i++) {
		struct process p;
		struct follows f = {&p, 3};
		uint64_t until;

		child_of_lab(&p, &c, 3);
		require(&c, wait_until(has_joined, &f, CLUSTER_WAIT_MS), "it does not join");
		until = clock_ms() + below(200);
		do
			assert_int_equal(one_put(&o, "k", i, 20000), 0);
		while (clock_ms() < until);
		require(&c, p.pid != 0, "it ended by itself: %x", (unsigned)p.status);
		assert_int_equal(kill(p.pid, SIGTERM), 0);
		require(&c, process_wait(&p, CLUSTER_WAIT_MS) && p.status == 0,
			"SEED=%s: life %u ended with %x", getenv("SEED"), i, (unsigned)p.status);
	}
	one_close(&o);
	cluster_down(&c);
}

static void F2_among_live_peers_memif(void **state)
{
	(void)state;
	ends_among_live_peers("memif");
}

static void F2_among_live_peers_packet(void **state)
{
	(void)state;
	ends_among_live_peers("packet");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(F2_sigterm_at_any_moment),
		cmocka_unit_test(F2_among_live_peers_memif),
		cmocka_unit_test(F2_among_live_peers_packet),
		cmocka_unit_test(F9_signals_that_do_nothing),
		cmocka_unit_test(F9_signals_that_end_it),
		cmocka_unit_test(F9_stopped_and_let_go_on),
	};

	if (!getenv("SEED")) {
		char text[16];

		snprintf(text, sizeof(text), "%u", (unsigned)time(NULL));
		setenv("SEED", text, 1);
	}
	seed = (unsigned)strtoul(getenv("SEED"), NULL, 10);
	printf("SEED=%u\n", seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
