/*
 * Metrics and health of three nodes over HTTP: before, while and after the leader is killed, and
 * without a majority: metrics_test LINK.
 */
#include "tests/e2e/cluster.h"
#include "tests/e2e/http.h"
#include "tests/unit/test.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PORT_FIRST = 2381, PROMTOOL_MISSING = 127 };

static const char *link_name;
static char page[HTTP_PAGE_SIZE];

static uint16_t port_of(uint32_t node)
{
	return (uint16_t)(PORT_FIRST + node - 1);
}

static void require_page(struct cluster *c, uint32_t node, const char *path, int status,
			 const char *says)
{
	int got = http_get(port_of(node), path, page);

	require(c, got == status && strstr(page, says), "n%u %s: %d, without \"%s\": %s", node,
		path, got, says, page);
}

static double sample(struct cluster *c, uint32_t node, const char *name)
{
	double value;

	require_page(c, node, "/metrics", 200, "# HELP");
	value = http_sample(page, name);
	require(c, value >= 0, "n%u has no %s", node, name);
	return value;
}

struct wanted {
	uint32_t node;
	const char *path;
	int status;
	uint32_t tries;
};

static bool answers(void *context)
{
	struct wanted *w = context;

	w->tries++;
	return http_get(port_of(w->node), w->path, page) == w->status;
}

/* Returns how often it answered something else before. */
static uint32_t wait_page(struct cluster *c, uint32_t node, const char *path, int status)
{
	struct wanted w = {node, path, status, 0};

	require(c, wait_until(answers, &w, CLUSTER_WAIT_MS), "n%u %s does not come to %d: %s", node,
		path, status, page);
	return w.tries - 1;
}

/* One node's pages when all is well. Returns whether it leads. */
static bool healthy(struct cluster *c, uint32_t node)
{
	require_page(c, node, "/health", 200, "{\"health\":\"true\",\"reason\":\"\"}");
	require_page(c, node, "/livez?verbose", 200, "[+]serializable_read ok\nok\n");
	require_page(c, node, "/readyz?verbose", 200,
		     "[+]serializable_read ok\n[+]linearizable_read ok\n[+]non_learner ok\nok\n");
	require(c, sample(c, node, "etcd_server_has_leader") == 1, "n%u has no leader", node);
	return sample(c, node, "etcd_server_is_leader") == 1;
}

/* Prometheus' own judgement of the page that a real node serves. */
static void check_page(struct cluster *c, uint32_t node)
{
	char path[] = "/tmp/quoin-metrics-XXXXXX";
	int fd = mkstemp(path), status;
	pid_t pid;

	assert_true(fd >= 0);
	require_page(c, node, "/metrics", 200, "# HELP");
	assert_int_equal(write(fd, page, strlen(page)), strlen(page));
	lseek(fd, 0, SEEK_SET);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		dup2(fd, 0);
		execlp("promtool", "promtool", "check", "metrics", (char *)NULL);
		_exit(PROMTOOL_MISSING);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(fd);
	unlink(path);
	if (WIFEXITED(status) && WEXITSTATUS(status) == PROMTOOL_MISSING)
		printf("not checked by promtool, which is not there: install prometheus\n");
	else
		require(c, WIFEXITED(status) && WEXITSTATUS(status) == 0, "promtool: %x",
			(unsigned)status);
}

static void what_is_counted(struct cluster *c, uint32_t leader)
{
	static struct run out;
	char admin[128], name[128];

	for (int i = 0; i < 20; i++) {
		run(&out, "quoinctl", "--endpoints %s put key value",
		    cluster_admin(c, leader % 3 + 1, admin));
		require(c, out.status == 0, "%s", out.text);
	}
	require(c, sample(c, leader, "etcd_disk_wal_fsync_duration_seconds_count") >= 20, "%s",
		page);
	require(c, http_sample(page, "etcd_disk_wal_fsync_duration_seconds_sum") > 0, "%s", page);
	require(c, http_sample(page, "etcd_server_proposals_committed_total") >= 20, "%s", page);
	require(c, http_sample(page, "etcd_mvcc_db_total_size_in_bytes") > 0, "%s", page);
	require(c, http_sample(page, "process_open_fds") > 3, "%s", page);
	require(c, http_sample(page, "process_resident_memory_bytes") > 1e6, "%s", page);
	snprintf(name, sizeof(name), "quoin_port_free_buffers{port=\"%s\"}",
		 strcmp(link_name, "memif") == 0 ? "memif0" : "port0");
	require(c, http_sample(page, name) > 100, "no %s", name);
	require(c, sample(c, leader % 3 + 1, "quoin_requests_forwarded_total") >= 20, "%s", page);
}

/* Both that are left, from the kill until they are healthy: metrics and life never miss. */
static void while_there_is_no_leader(struct cluster *c, uint32_t killed)
{
	uint32_t unhealthy = 0;

	for (uint32_t node = 1; node <= 3; node++) {
		int status = 0;

		for (uint64_t end = clock_ms() + CLUSTER_WAIT_MS;
		     node != killed && status != 200;) {
			require(c, clock_ms() < end, "n%u stays unhealthy: %s", node, page);
			require_page(c, node, "/livez", 200, "ok\n");
			require_page(c, node, "/metrics", 200, "etcd_server_has_leader ");
			status = http_get(port_of(node), "/health", page);
			require(c, status == 200 || status == 503, "%d: %s", status, page);
			if (status == 200)
				continue;
			unhealthy++;
			require(c, strstr(page, "RAFT NO LEADER") || strstr(page, "RANGE ERROR:"),
				"%s", page);
		}
	}
	printf("n%u was killed: %u times unhealthy before a successor led\n", killed, unhealthy);
	require(c, http_get(port_of(killed), "/health", page) == 0, "a dead node answers");
}

static void without_a_majority(struct cluster *c, uint32_t left)
{
	wait_page(c, left, "/health", 503);
	require(c, strstr(page, "\"health\":\"false\""), "%s", page);
	require_page(c, left, "/readyz", 503, "[-]linearizable_read failed: etcdserver: ");
	require_page(c, left, "/readyz", 503, "[+]serializable_read ok\n");
	require_page(c, left, "/livez", 200, "ok\n");
	require_page(c, left, "/health?serializable=true", 200, "true");
	require_page(c, left, "/metrics", 200, "etcd_server_has_leader ");
}

static void before_while_and_after(void **state)
{
	static struct cluster c;
	uint32_t leaders = 0, first, second;
	double changes[4];

	(void)state;
	cluster_up(&c, 3, link_name, "");
	cluster_enter(&c);
	for (uint32_t node = 1; node <= 3; node++) {
		wait_page(&c, node, "/health", 200);
		leaders += healthy(&c, node);
		changes[node] = sample(&c, node, "etcd_server_leader_changes_seen_total");
	}
	require(&c, leaders == 1, "%u nodes lead", leaders);
	first = cluster_wait_leader(&c, 0);
	what_is_counted(&c, first);
	check_page(&c, first);

	cluster_lab(&c, "kill %u", first);
	while_there_is_no_leader(&c, first);
	second = cluster_wait_leader(&c, first);
	for (uint32_t node = 1; node <= 3; node++) {
		if (node == first)
			continue;
		require(&c, healthy(&c, node) == (node == second), "n%u", node);
		require(&c,
			sample(&c, node, "etcd_server_leader_changes_seen_total") > changes[node],
			"n%u has not seen it", node);
	}

	cluster_lab(&c, "kill %u", second);
	without_a_majority(&c, 6 - first - second);

	cluster_lab(&c, "restart %u", first);
	cluster_lab(&c, "restart %u", second);
	leaders = 0;
	for (uint32_t node = 1; node <= 3; node++) {
		wait_page(&c, node, "/health", 200);
		leaders += healthy(&c, node);
	}
	require(&c, leaders == 1, "%u nodes lead", leaders);
	cluster_down(&c);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(before_while_and_after),
	};

	if (argc != 2)
		return 2;
	link_name = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
