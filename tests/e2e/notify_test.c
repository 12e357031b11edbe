/*
 * A service manager's side of a node: a socket that hears what it says.
 */
#include "tests/e2e/process.h"
#include "tests/unit/test.h"

#include "base/clock.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	WATCHDOG_MS = 400,
	UNIT_MS = 30 * 1000, /* WatchdogSec of the unit */
};

struct manager {
	int fd;
	char name[96]; /* as NOTIFY_SOCKET says it */
	char text[256];
	uint32_t watchdog_ms; /* 0: WATCHDOG_MS */
};

/* Abstract, as systemd's is in a container, or a path. */
static void manager_open(struct manager *m, const struct process *p, bool abstract)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};

	snprintf(m->name, sizeof(m->name), "%s%s/notify", abstract ? "@" : "", p->dir);
	memcpy(at.sun_path, m->name, strlen(m->name));
	if (abstract)
		at.sun_path[0] = '\0';
	m->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(
		bind(m->fd, (struct sockaddr *)&at,
		     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(m->name))),
		0);
}

/* The next word; false: none came. */
static bool hear(struct manager *m, uint32_t timeout_ms)
{
	struct pollfd ready = {.fd = m->fd, .events = POLLIN};
	ssize_t size;

	if (poll(&ready, 1, (int)timeout_ms) <= 0)
		return false;
	size = recv(m->fd, m->text, sizeof(m->text) - 1, 0);
	assert_true(size > 0);
	m->text[size] = '\0';
	return true;
}

static void hear_until(struct manager *m, const char *words)
{
	uint64_t until = clock_ms() + CLUSTER_WAIT_MS;

	do {
		if (clock_ms() >= until || !hear(m, CLUSTER_WAIT_MS))
			fail_msg("no %s; the last was %s", words, m->text);
	} while (strncmp(m->text, words, strlen(words)) != 0);
}

static void environment(void *context)
{
	const struct manager *m = context;
	char us[32], pid[32];

	setenv("NOTIFY_SOCKET", m->name, 1);
	snprintf(us, sizeof(us), "%u", (m->watchdog_ms ? m->watchdog_ms : WATCHDOG_MS) * 1000);
	setenv("WATCHDOG_USEC", us, 1);
	snprintf(pid, sizeof(pid), "%d", getpid());
	setenv("WATCHDOG_PID", pid, 1);
}

static void a_life(bool abstract)
{
	struct manager m = {0};
	struct process p;
	uint64_t begun;

	process_prepare(&p, "");
	p.own_namespace = false;
	manager_open(&m, &p, abstract);
	process_start(&p, NULL, environment, &m);
	assert_true(hear(&m, CLUSTER_WAIT_MS));
	assert_string_equal(m.text, "READY=1\nWATCHDOG_USEC=5400000");
	hear_until(&m, "STATUS=leads in term ");
	assert_non_null(strstr(m.text, ": it is the only member"));
	/* Signs of life come at twice the rate that is asked for, and from the loop. */
	hear_until(&m, "WATCHDOG=1");
	begun = clock_ms();
	for (int i = 0; i < 8; i++)
		hear_until(&m, "WATCHDOG=1");
	assert_true(clock_ms() - begun >= 6 * WATCHDOG_MS / 2);
	/* None of a loop that stands still. */
	assert_int_equal(kill(p.pid, SIGSTOP), 0);
	while (hear(&m, 2 * WATCHDOG_MS))
		assert_true(clock_ms() - begun < CLUSTER_WAIT_MS);
	assert_int_equal(kill(p.pid, SIGCONT), 0);
	hear_until(&m, "WATCHDOG=1");
	assert_int_equal(kill(p.pid, SIGTERM), 0);
	hear_until(&m, "STOPPING=1\nEXTEND_TIMEOUT_USEC=20300000");
	process_must_exit(&p, 0);
	close(m.fd);
	process_remove(&p);
}

static void a_life_is_told(void **state)
{
	(void)state;
	a_life(false);
}

static void a_life_is_told_in_a_container(void **state)
{
	(void)state;
	a_life(true);
}

/* Its queue is full, and it takes nothing: the node lives and ends as ever. */
static void a_manager_that_does_not_listen(void **state)
{
	struct manager m = {0};
	struct process p;

	(void)state;
	process_prepare(&p, "");
	p.own_namespace = false;
	manager_open(&m, &p, false);
	process_start(&p, NULL, environment, &m);
	process_wait_leading(&p);
	clock_sleep(20 * WATCHDOG_MS / 2 * CLOCK_MS); /* more than such a queue holds (10) */
	process_wait_leading(&p);
	assert_int_equal(kill(p.pid, SIGTERM), 0);
	process_must_exit(&p, 0);
	close(m.fd);
	process_remove(&p);
}

/* The first start of a cluster waits for all: it is ready, and says for whom it waits. */
static void a_node_that_waits_is_ready(void **state)
{
	struct manager m = {0};
	struct process p;

	(void)state;
	process_prepare(&p, "");
	p.own_namespace = false;
	process_member_add(&p, "n2=198.18.0.2");
	manager_open(&m, &p, false);
	process_start(&p, NULL, environment, &m);
	assert_true(hear(&m, CLUSTER_WAIT_MS));
	assert_memory_equal(m.text, "READY=1\n", strlen("READY=1\n"));
	hear_until(&m, "STATUS=");
	assert_non_null(strstr(m.text, "n2"));
	assert_int_equal(kill(p.pid, SIGTERM), 0);
	process_must_exit(&p, 0);
	close(m.fd);
	process_remove(&p);
}

/*
 * V18: the manager gives a node as long as that waits for its disk, in a turn and at its end: twice
 * disk-stall-timeout, 5 s at least. With the unit's 30 s nothing is to be said of up to 15. A
 * hand-over takes 300 ms at most, by the default election-timeout.
 */
static void V18_a_patient_node_is_given_time(void **state)
{
	static const struct {
		const char *key, *ready, *stopping;
	} tries[] = {
		{"", "READY=1", "STOPPING=1\nEXTEND_TIMEOUT_USEC=20300000"},
		{"disk-stall-timeout: 7s\n", "READY=1", "STOPPING=1\nEXTEND_TIMEOUT_USEC=29300000"},
		{"disk-stall-timeout: 100s\n", "READY=1\nWATCHDOG_USEC=230000000",
		 "STOPPING=1\nEXTEND_TIMEOUT_USEC=215300000"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		struct manager m = {.watchdog_ms = UNIT_MS};
		struct process p;
		FILE *file;

		process_prepare(&p, "");
		p.own_namespace = false;
		file = fopen(p.config, "ae");
		assert_non_null(file);
		fputs(tries[i].key, file);
		assert_int_equal(fclose(file), 0);
		manager_open(&m, &p, false);
		process_start(&p, NULL, environment, &m);
		assert_true(hear(&m, CLUSTER_WAIT_MS));
		assert_string_equal(m.text, tries[i].ready);
		assert_int_equal(kill(p.pid, SIGTERM), 0);
		hear_until(&m, "STOPPING=1");
		assert_string_equal(m.text, tries[i].stopping);
		process_must_exit(&p, 0);
		close(m.fd);
		process_remove(&p);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_life_is_told),
		cmocka_unit_test(a_life_is_told_in_a_container),
		cmocka_unit_test(a_manager_that_does_not_listen),
		cmocka_unit_test(a_node_that_waits_is_ready),
		cmocka_unit_test(V18_a_patient_node_is_given_time),
	};

	/* Abstract names are of a network namespace: this test and its nodes share one. */
	if (unshare(CLONE_NEWNET))
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
