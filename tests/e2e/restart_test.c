/*
 * F24: all members with a large log are killed at once and started at once. They elect one leader,
 * and not one after the other while they recover; they say how far they are. The log has
 * QUOIN_LOG_MIB of values, or MIB.
 */
#include "tests/e2e/load.h"
#include "tests/unit/test.h"

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	NODES = 3,
	WRITERS = 4,
	MIB = 64,
	LONG_MIB = 512, /* that takes some seconds to read */
	VALUE_SIZE = 256 * 1024,
	KEYS = 64, /* 16 MiB of store */
	PUT_MS = 20000,
	/* The election after the kill, and another if two stood at once: 14 were seen. */
	TERMS_MAX = 3,
	RECOVERY_MS = 60000,
};

static struct cluster c;
static char endpoint[128];
static uint32_t puts_each;

static uint32_t log_mib(void)
{
	const char *mib = getenv("QUOIN_LOG_MIB");

	return mib ? (uint32_t)strtoul(mib, NULL, 10) : MIB;
}

static void *write_much(void *argument)
{
	uint32_t number = *(uint32_t *)argument;
	struct one o;

	one_open(&o, endpoint);
	for (uint32_t i = 0; i < puts_each; i++) {
		char key[32];
		int err;

		snprintf(key, sizeof(key), "w%u/%u", number, i % (KEYS / WRITERS));
		err = one_put_large(&o, key, VALUE_SIZE, PUT_MS);
		require(&c, err == 0, "put %u of %u: %d", i, puts_each, err);
	}
	one_close(&o);
	return NULL;
}

static void fill(void)
{
	pthread_t thread[WRITERS];
	uint32_t number[WRITERS];

	puts_each = log_mib() * 4 / WRITERS;
	cluster_admin(&c, cluster_wait_leader(&c, 0), endpoint);
	for (uint32_t i = 0; i < WRITERS; i++) {
		number[i] = i;
		assert_int_equal(pthread_create(&thread[i], NULL, write_much, &number[i]), 0);
	}
	for (uint32_t i = 0; i < WRITERS; i++)
		pthread_join(thread[i], NULL);
	cluster_wait_equal(&c);
}

static struct node_status before, now[NODES];

/* All that was held is held again, and somebody leads. */
static bool all_are_back(void *context)
{
	uint32_t leaders = 0;

	(void)context;
	for (uint32_t i = 0; i < NODES; i++) {
		if (!cluster_status(&c, i + 1, &now[i]) || now[i].applied <= before.applied ||
		    strcmp(now[i].hash, now[0].hash) != 0)
			return false;
		leaders += strcmp(now[i].role, "leader") == 0;
	}
	return leaders == 1;
}

/* Beside the lab, whose commands start one after the other. It ends all in its namespace. */
static pid_t start(uint32_t node)
{
	char config[256], log[256];
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid)
		return pid;
	snprintf(config, sizeof(config), "%s/n%u.yaml", c.dir, node);
	snprintf(log, sizeof(log), "%s/n%u.log", c.dir, node);
	if (dup2(open(log, O_WRONLY | O_APPEND), 2) < 0)
		_exit(126);
	execl(program("quoind"), "quoind", "--config", config, (char *)NULL);
	_exit(127);
}

static void F24_all_killed_at_once(void **state)
{
	struct pollfd gone[NODES];
	pid_t pid[NODES];
	uint64_t began;

	(void)state;
	cluster_up(&c, NODES, "memif", "");
	cluster_enter(&c);
	fill();
	require(&c, cluster_status(&c, 1, &before), "n1 does not answer");
	for (uint32_t i = 0; i < NODES; i++) {
		pid[i] = cluster_pid(&c, i + 1);
		gone[i] = (struct pollfd){(int)syscall(SYS_pidfd_open, pid[i], 0), POLLIN, 0};
	}
	for (uint32_t i = 0; i < NODES; i++)
		assert_int_equal(kill(pid[i], SIGKILL), 0);
	/* Sockets, ports and locks are free when all threads of a process have ended. */
	for (uint32_t i = 0; i < NODES; i++) {
		assert_int_equal(poll(&gone[i], 1, CLUSTER_WAIT_MS), 1);
		close(gone[i].fd);
	}
	began = clock_ms();
	for (uint32_t i = 0; i < NODES; i++)
		pid[i] = start(i + 1);
	require(&c, wait_until(all_are_back, NULL, RECOVERY_MS), "applied %" PRIu64 " of %" PRIu64,
		now[0].applied, before.applied);
	printf("%" PRIu64 " entries in %" PRIu64 " ms, terms %" PRIu64 " to %" PRIu64 "\n",
	       before.applied, clock_ms() - began, before.term, now[0].term);
	for (uint32_t i = 0; i < NODES; i++) {
		/* What takes long says so, once a second. */
		require(&c,
			log_mib() < LONG_MIB || cluster_log_has(&c, i + 1, " replaying applied="),
			"n%u says nothing of its recovery", i + 1);
		require(&c, cluster_log_has(&c, i + 1, " recovered last_index="), "n%u", i + 1);
	}
	require(&c, now[0].term > before.term && now[0].term <= before.term + TERMS_MAX,
		"terms %" PRIu64 " to %" PRIu64, before.term, now[0].term);
	for (uint32_t i = 0; i < NODES; i++) {
		assert_int_equal(kill(pid[i], SIGTERM), 0);
		assert_int_equal(waitpid(pid[i], NULL, 0), pid[i]);
	}
	cluster_down(&c);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {cmocka_unit_test(F24_all_killed_at_once)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
