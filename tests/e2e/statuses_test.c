/*
 * How requests end on a running cluster, by each way to it: over UDP and by the local socket, at
 * the leader and at a follower. What cannot be provoked here is tried in
 * tests/unit/tools/quoinctl_statuses_test.c.
 */
#include "base/status.h"
#include "kv/command.h"
#include "tests/e2e/cluster.h"
#include "tests/unit/test.h"
#include "tools/client/endpoint.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	VALUE_SIZE = 1 << 20,
	QUOTA_MIB = 16, /* the least that there may be */
	AT_ONCE_MS = 2000,
};

#define CALL_NS 5000000000u

static struct cluster c;
static struct run out;

struct path {
	bool local, leader;
};

static const struct path paths[] = {{false, true}, {false, false}, {true, true}, {true, false}};

static const char *endpoint_of(const struct path *p, uint32_t leader, char text[128])
{
	uint32_t node = p->leader ? leader : leader % c.nodes + 1;

	return p->local ? cluster_admin(&c, node, text) : cluster_endpoint(&c, node, text);
}

/* A put that is no command-line's, as large as may be. */
static enum wire_status put(const char *endpoint, const char *key, const uint8_t *value,
			    uint32_t size, uint64_t sequence)
{
	struct kv_request request = {
		.operation = KV_PUT,
		.session = 77,
		.sequence = sequence,
		.key = {(const uint8_t *)key, (uint32_t)strlen(key)},
		.value = {value, size},
	};
	uint8_t *bytes = malloc(kv_request_size(&request));
	char error[ADDRESS_ERROR_MAX];
	struct endpoint_answer answer;
	struct endpoint *e;
	int err;

	assert_non_null(bytes);
	assert_int_equal(endpoint_open(&e, endpoint, error), 0);
	kv_request_encode(&request, bytes);
	err = endpoint_call(e, WIRE_COMMAND, bytes, (uint32_t)kv_request_size(&request), CALL_NS,
			    &answer);
	require(&c, !err, "%s: %s", endpoint, endpoint_error_text(err));
	endpoint_close(e);
	free(bytes);
	return answer.status;
}

/* All nodes anew, with as little room as may be. */
static void restart_with_a_small_quota(void)
{
	char path[256];

	for (uint32_t node = 1; node <= c.nodes; node++) {
		FILE *file;

		cluster_lab(&c, "kill %u", node);
		snprintf(path, sizeof(path), "%s/n%u.yaml", c.dir, node);
		file = fopen(path, "ae");
		assert_non_null(file);
		fprintf(file, "\nquota-backend-bytes: %dMiB\n", QUOTA_MIB);
		fclose(file);
	}
	for (uint32_t node = 1; node <= c.nodes; node++)
		cluster_lab(&c, "restart %u", node);
}

static void expect_on(const struct path *p, uint32_t leader, int status, const char *says,
		      const char *words)
{
	uint64_t begin = clock_ms();
	char text[128];

	run(&out, "quoinctl", "--endpoints %s %s", endpoint_of(p, leader, text), words);
	require(&c, out.status == status && strstr(out.text, says), "%s of %s: exit %d: %s", words,
		text, out.status, out.text);
	require(&c, clock_ms() - begin < AT_ONCE_MS, "it took %" PRIu64 " ms", clock_ms() - begin);
}

static void F5_a_full_store_is_told_at_once_on_each_path(void **state)
{
	static uint8_t value[VALUE_SIZE];
	uint32_t leader;
	char text[128], key[16];

	(void)state;
	cluster_up(&c, 3, "packet", "");
	cluster_enter(&c);
	restart_with_a_small_quota();
	leader = cluster_wait_leader(&c, 0);
	for (int i = 0;; i++) {
		enum wire_status status;

		snprintf(key, sizeof(key), "fill/%02d", i);
		status = put(endpoint_of(&paths[i % 4], leader, text), key, value, VALUE_SIZE,
			     (uint64_t)i + 1);
		require(&c, i <= QUOTA_MIB, "there is no end to it");
		if (status == WIRE_NO_SPACE)
			break;
		require(&c, status == WIRE_OK, "%s", status_row(status)->words);
	}
	for (int i = 0; i < 4; i++) {
		expect_on(&paths[i], leader, 0, "OK", "put small x");
		/* Large ones in parts, and one that is small enough for one part. */
		require(&c,
			put(endpoint_of(&paths[i], leader, text), "large", value, VALUE_SIZE,
			    100 + (uint64_t)i) == WIRE_NO_SPACE,
			"%s takes it", text);
	}
	for (uint32_t size = VALUE_SIZE / 2, i = 0; size > 256; size /= 2, i++) {
		snprintf(key, sizeof(key), "rest/%02u", i);
		put(endpoint_of(&paths[0], leader, text), key, value, size, 300 + i);
	}
	for (int i = 0; i < 4; i++) {
		char line[900] = "put one-part ";

		memset(line + strlen(line), 'v', 800);
		expect_on(&paths[i], leader, 1,
			  "Error: etcdserver: mvcc: database space exceeded (nothing was done)\n",
			  line);
	}
	/* Reads and deletes go on; what a delete frees may be used: the advice of quoinctl(1). */
	for (int i = 0; i < 4; i++) {
		expect_on(&paths[i], leader, 0, "small", "get small");
		snprintf(key, sizeof(key), "del fill/%02d", i);
		expect_on(&paths[i], leader, 0, "1", key);
		expect_on(&paths[i], leader, 0, "OK", "put room again");
	}
}

static void F5_what_is_wrong_with_a_request_is_told_on_each_path(void **state)
{
	uint32_t leader = cluster_wait_leader(&c, 0);

	(void)state;
	for (int i = 0; i < 4; i++) {
		char text[128], error[ADDRESS_ERROR_MAX];
		struct endpoint_answer answer;
		struct endpoint *e;

		endpoint_of(&paths[i], leader, text);
		/* Not this door, or not this member. */
		expect_on(&paths[i], leader, 1,
			  paths[i].local ? "refused" : "unix:", "formation reset");
		assert_int_equal(endpoint_open(&e, text, error), 0);
		for (int kind = WIRE_COMMAND; kind <= WIRE_QUERY_LOCAL; kind++) {
			if (kind == WIRE_STATUS || kind == WIRE_FAULT)
				continue;
			assert_int_equal(endpoint_call(e, (enum wire_request)kind,
						       (const uint8_t *)"?", 1, CALL_NS, &answer),
					 0);
			require(&c, answer.status == WIRE_INVALID, "%s: kind %d: %s", text, kind,
				status_row(answer.status)->words);
		}
		endpoint_close(e);
	}
}

/* A put at each way to a node, running. */
static pid_t put_begins(const char *endpoint, const char *file)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid)
		return pid;
	if (!freopen(file, "w", stderr))
		_exit(126);
	execl(program("quoinctl"), "quoinctl", "--command-timeout=8s", "--endpoints", endpoint,
	      "put", "pending", "x", (char *)NULL);
	_exit(127);
}

static void put_ends(pid_t pid, const char *file, int status, const char *says)
{
	char text[256] = "";
	FILE *from;
	int how;

	assert_int_equal(waitpid(pid, &how, 0), pid);
	from = fopen(file, "re");
	assert_non_null(from);
	if (!fgets(text, sizeof(text), from))
		text[0] = '\0';
	fclose(from);
	unlink(file);
	require(&c, WIFEXITED(how) && WEXITSTATUS(how) == status && strstr(text, says),
		"status %x: %s", (unsigned)how, text);
}

static bool two_are_pending(void *context)
{
	static struct node_status status;
	char value[16];

	return cluster_status(&c, *(uint32_t *)context, &status) &&
	       strcmp(node_value(&status, "proposals_pending", value, sizeof(value)), "2") == 0;
}

static bool knows_no_leader(void *context)
{
	static struct node_status status;

	return cluster_status(&c, *(uint32_t *)context, &status) &&
	       strtoull(status.leader, NULL, 16) == 0;
}

static void F5_without_a_majority_it_is_said_what_is_known(void **state)
{
	static const struct path udp = {false, true}, local = {true, true};
	uint32_t leader = cluster_wait_leader(&c, 0), other = leader % 3 + 1;
	char text[2][128], file[2][256];
	pid_t pid[2];

	(void)state;
	cluster_lab(&c, "partition %u|%u,%u", leader, other, other % 3 + 1);
	for (int i = 0; i < 2; i++) {
		snprintf(file[i], sizeof(file[i]), "%s/put-%d", c.dir, i);
		endpoint_of(i ? &local : &udp, leader, text[i]);
		pid[i] = put_begins(text[i], file[i]);
	}
	require(&c, wait_until(two_are_pending, &leader, CLUSTER_WAIT_MS), "nothing is pending");
	/* In the log of one who ends: it may come to be, or not. */
	assert_int_equal(kill(cluster_pid(&c, leader), SIGTERM), 0);
	put_ends(pid[1], file[1], 3, "(it may have been done)");
	put_ends(pid[0], file[0], 3, "(it may have been done)");
	/* One alone of three, unless it led before, knows no leader, and has done nothing. */
	other = cluster_wait_leader(&c, leader);
	cluster_lab(&c, "kill %u", other);
	leader = 6 - leader - other;
	require(&c, wait_until(knows_no_leader, &leader, CLUSTER_WAIT_MS), "it knows a leader");
	for (int i = 0; i < 2; i++) {
		expect_on(i ? &local : &udp, leader, 1, "etcdserver: no leader (nothing was done)",
			  "--command-timeout=1s put a b");
		expect_on(i ? &local : &udp, leader, 1, "Error: etcdserver: no leader\n",
			  "--command-timeout=1s get a");
	}
	cluster_down(&c);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(F5_a_full_store_is_told_at_once_on_each_path),
		cmocka_unit_test(F5_what_is_wrong_with_a_request_is_told_on_each_path),
		cmocka_unit_test(F5_without_a_majority_it_is_said_what_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
