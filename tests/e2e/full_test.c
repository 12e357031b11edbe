/*
 * Real nodes whose disk, quota or limit has no space left (D8): an alarm and no end. New commands
 * are refused at once, reads and elections go on, and all the rest does when there is space again.
 */
#include "tests/e2e/load.h"
#include "tests/e2e/process.h"
#include "tests/soak/disks.h"
#include "tests/unit/test.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum {
	PUT_MS = 5000,
	AT_ONCE_MS = 1000,
	PUT_SIZE = 1000000,
	PUTS = 10, /* more than is left in two segments of 4 MiB */
	SEGMENT = 4 * 1024 * 1024,
	QUOTA = 17 * 1024 * 1024,
};

static const char *const NO_SPACE = "etcdserver: mvcc: database space exceeded";

static struct cluster c;
static struct disks disks;

static void refused(struct cluster *cluster, const char *endpoint)
{
	uint64_t at = clock_ms();
	static struct run out;

	run(&out, "quoinctl", "--endpoints=%s put key value", endpoint);
	require(cluster, out.status == 1 && strstr(out.text, NO_SPACE), "put at %s: %d, %s",
		endpoint, out.status, out.text);
	require(cluster, clock_ms() - at < AT_ONCE_MS, "put at %s was refused after %" PRIu64 " ms",
		endpoint, clock_ms() - at);
}

static void goes_on(struct cluster *cluster, const char *endpoint)
{
	static struct run out;

	run(&out, "quoinctl", "--endpoints=%s put key value", endpoint);
	require(cluster, out.status == 0, "put at %s: %d, %s", endpoint, out.status, out.text);
}

static void reads(struct cluster *cluster, const char *endpoint)
{
	static struct run out;

	run(&out, "quoinctl", "--endpoints=%s get key", endpoint);
	require(cluster, out.status == 0 && strstr(out.text, "value"), "get at %s: %d, %s",
		endpoint, out.status, out.text);
}

static void each_path(void (*call)(struct cluster *cluster, const char *endpoint))
{
	char text[128];

	for (uint32_t node = 1; node <= c.nodes; node++) {
		call(&c, cluster_admin(&c, node, text));
		call(&c, cluster_endpoint(&c, node, text));
	}
}

/* Each node's disk has so much more; full: says it. */
static void space(uint32_t node, const char *bytes, bool full)
{
	disk_tell(&disks.disk[node - 1], "space %s", bytes);
	cluster_wait_value(&c, node, "disk_full", full ? "1" : "0");
	require(&c, cluster_says(&c, node, "no more puts are taken while that is so") == full,
		"n%u: its status does not fit", node);
	if (full)
		cluster_wait_log(&c, node, "disk_full");
}

struct known {
	uint32_t by, node;
	bool full;
};

static bool is_known(void *context)
{
	const struct known *k = context;
	char text[128];

	snprintf(text, sizeof(text), "warning member n%u cannot make the next segment of its log",
		 k->node);
	return cluster_says(&c, k->by, text) == k->full;
}

static void wait_known(uint32_t by, uint32_t node, bool full)
{
	struct known k = {by, node, full};

	require(&c, wait_until(is_known, &k, CLUSTER_WAIT_MS), "n%u: wrong of n%u", by, node);
}

static void one_is_full(uint32_t leader)
{
	uint32_t full = leader % 3 + 1;
	char text[128];
	struct one o;

	space(full, "0", true);
	wait_known(leader, full, true);
	one_open(&o, cluster_admin(&c, leader, text));
	for (uint32_t i = 0; i < PUTS; i++)
		require(&c, one_put_large(&o, "large", PUT_SIZE, PUT_MS) == 0,
			"the others do not go on without n%u", full);
	one_close(&o);
	space(full, "unlimited", false);
	cluster_wait_equal(&c);
}

/* The leader has space and its followers have none: nothing would commit. */
static void followers_are_full(uint32_t leader)
{
	uint32_t first = leader % 3 + 1, second = first % 3 + 1;

	space(first, "0", true);
	space(second, "0", true);
	wait_known(leader, first, true);
	wait_known(leader, second, true);
	require(&c,
		cluster_says(&c, leader, "error only 1 of 3 members can make the next segments"),
		"n%u does not say why it refuses", leader);
	each_path(refused);
	each_path(reads);
	space(first, "unlimited", false);
	wait_known(leader, first, false);
	each_path(goes_on);
	space(second, "unlimited", false);
}

/* D8: the others could keep what it has to refuse. Returns who leads now. */
static uint32_t leader_is_full(uint32_t leader)
{
	uint32_t next;

	space(leader, "0", true);
	next = cluster_wait_leader(&c, leader);
	each_path(goes_on);
	space(leader, "unlimited", false);
	return next;
}

static void V17_full_disks_end_nobody(void **state)
{
	uint32_t leader;
	uint64_t term;
	pid_t pid[3];

	(void)state;
	cluster_up(&c, 3, "packet", "--segment-size 4MiB");
	disks_mount(&disks, &c);
	leader = cluster_wait_leader(&c, 0);
	cluster_wait_equal(&c);
	cluster_enter(&c);
	each_path(goes_on);
	term = cluster_number(&c, leader, "raft_term");
	for (uint32_t node = 1; node <= 3; node++)
		pid[node - 1] = cluster_pid(&c, node);
	one_is_full(leader);
	followers_are_full(leader);
	leader = leader_is_full(leader);
	term++;
	for (uint32_t i = 1; i <= 3; i++)
		space((leader + i - 1) % 3 + 1, "0", true); /* its own at last */
	for (int i = 0; i < 2; i++) {
		each_path(refused);
		each_path(reads);
	}
	for (uint32_t node = 1; node <= 3; node++)
		space(node, "unlimited", false);
	each_path(goes_on);
	cluster_wait_equal(&c);
	require(&c, cluster_number(&c, leader, "raft_term") == term, "terms climbed");
	for (uint32_t node = 1; node <= 3; node++)
		require(&c,
			kill(pid[node - 1], 0) == 0 && cluster_number(&c, node, "disk_fulls") > 0,
			"n%u is another process", node);
	for (uint32_t node = 1; node <= 3; node++)
		cluster_lab(&c, "kill %u", node);
	disks_unmount(&disks);
	cluster_down(&c);
}

/* --- limits other than the file system's --------------------------------------------------- */

static struct process p;
static struct test_disk d;

static void limit_files(const char *nothing)
{
	const struct rlimit limit = {SEGMENT - 1, RLIM_INFINITY};

	(void)nothing;
	assert_int_equal(prlimit(p.pid, RLIMIT_FSIZE, &limit, NULL), 0);
}

static void unlimit_files(void)
{
	const struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};

	assert_int_equal(prlimit(p.pid, RLIMIT_FSIZE, &limit, NULL), 0);
}

static void limit_quota(const char *rule)
{
	disk_tell(&d, "on %s", rule);
}

static void unlimit_quota(void)
{
	disk_tell(&d, "drop all");
}

struct limit {
	const char *rule, *says;
	void (*begin)(const char *rule);
	void (*end)(void);
};

static const struct limit limits[] = {
	{"", "may not grow to the 4194304 bytes of a segment (ulimit -f)", limit_files,
	 unlimit_files},
	{"resize segment-* fail EDQUOT", "the quota of ", limit_quota, unlimit_quota},
	{"write segment-*.tmp fail EDQUOT", "the quota of ", limit_quota, unlimit_quota},
	{"create * fail EACCES", "Permission denied (look at the owner and mode", limit_quota,
	 unlimit_quota},
	{"create * fail ENOSPC", "no inode for another file (df -i)", limit_quota, unlimit_quota},
};

static void meets(const struct limit *limit)
{
	char admin[128];
	struct one o;
	int err = 0;

	cluster_admin(&p.c, 1, admin);
	one_open(&o, admin);
	limit->begin(limit->rule);
	/* It shows when the next segment is made: the one that is ready is in use then. */
	for (uint32_t i = 0; i < PUTS && err == 0; i++)
		err = one_put_large(&o, "large", PUT_SIZE, PUT_MS);
	if (err != WIRE_NO_SPACE)
		fail_msg("%s%s: a put is answered by %d", limit->rule, limit->says, err);
	if (!cluster_says(&p.c, 1, limit->says))
		fail_msg("%s: its status does not say \"%s\"", limit->rule, limit->says);
	refused(&p.c, admin);
	reads(&p.c, admin);
	limit->end();
	cluster_wait_value(&p.c, 1, "disk_full", "0");
	goes_on(&p.c, admin);
	one_close(&o);
}

static void one_node_begin(void)
{
	char place[128], beneath[128];

	process_prepare(&p, "");
	snprintf(place, sizeof(place), "%s/n1", p.dir);
	snprintf(beneath, sizeof(beneath), "%s/n1.beneath", p.dir);
	disk_mount(&d, place, beneath);
	process_start(&p, NULL, NULL, NULL);
	process_wait_leading(&p);
}

static void one_node_end(void)
{
	assert_int_equal(kill(p.pid, SIGTERM), 0);
	process_must_exit(&p, 0);
	disk_unmount(&d);
	process_remove(&p);
}

/* The same command under the same session and sequence, as a client that was refused tries it. */
static int put_same(struct one *o, uint64_t value)
{
	o->sequence--;
	return one_put(o, "key", value, PUT_MS);
}

static void V16_what_was_refused_for_space_is_accepted_once_when_there_is_room(void **state)
{
	uint64_t value, version;
	char admin[128];
	struct one o;

	(void)state;
	one_node_begin();
	one_open(&o, cluster_admin(&p.c, 1, admin));
	assert_int_equal(one_put(&o, "key", 1, PUT_MS), 0);
	disk_tell(&d, "space 0");
	cluster_wait_value(&p.c, 1, "disk_full", "1");
	assert_int_equal(one_put(&o, "key", 2, PUT_MS), WIRE_NO_SPACE);
	assert_int_equal(put_same(&o, 2), WIRE_NO_SPACE);
	assert_int_equal(one_get(&o, "key", &value, &version, PUT_MS), 0);
	assert_int_equal(value, 1);
	disk_tell(&d, "space unlimited");
	cluster_wait_value(&p.c, 1, "disk_full", "0");
	for (int tries = 0; tries < 3; tries++) {
		assert_int_equal(put_same(&o, 2), 0);
		assert_int_equal(one_get(&o, "key", &value, &version, PUT_MS), 0);
		assert_int_equal(value, 2);
		assert_int_equal(version, 2); /* puts that were applied to it */
		if (tries > 0)
			continue;
		assert_int_equal(kill(p.pid, SIGKILL), 0);
		assert_true(process_wait(&p, CLUSTER_WAIT_MS));
		process_start(&p, NULL, NULL, NULL);
		process_wait_leading(&p);
		/* The session is the same one's, over another connection. */
		endpoint_close(o.endpoint);
		assert_int_equal(endpoint_open(&o.endpoint, admin, (char[ADDRESS_ERROR_MAX]){0}),
				 0);
	}
	one_close(&o);
	one_node_end();
}

static void V17_a_quota_and_a_limit_on_files_are_no_end(void **state)
{
	char admin[128];

	(void)state;
	one_node_begin();
	goes_on(&p.c, cluster_admin(&p.c, 1, admin));
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		meets(&limits[i]);
	one_node_end();
}

/* data-dir-quota is a full disk: refused at it, and raised by a restart. */
static void D8_a_quota_of_the_data_directory(void **state)
{
	char admin[128];
	struct one o;
	int err = 0;

	(void)state;
	process_prepare(&p, "data-dir-quota: 17MiB\n");
	process_start(&p, NULL, NULL, NULL);
	process_wait_leading(&p);
	cluster_admin(&p.c, 1, admin);
	one_open(&o, admin);
	assert_int_equal(one_put(&o, "key", 1, PUT_MS), 0);
	assert_int_equal(cluster_number(&p.c, 1, "disk_quota_bytes"), QUOTA);
	for (uint32_t i = 0; i < 2 * PUTS && err == 0; i++)
		err = one_put_large(&o, "large", PUT_SIZE, PUT_MS);
	assert_int_equal(err, WIRE_NO_SPACE);
	cluster_wait_value(&p.c, 1, "disk_low", "1");
	cluster_wait_value(&p.c, 1, "disk_full", "1");
	if (!cluster_says(&p.c, 1, "bytes of the 17825792 of data-dir-quota, and the log wants"))
		fail_msg("its status does not say which limit it is");
	refused(&p.c, admin);
	one_close(&o);
	assert_int_equal(kill(p.pid, SIGTERM), 0);
	process_must_exit(&p, 0);
	process_configure(&p, "data-dir-quota: 64MiB\n");
	process_start(&p, NULL, NULL, NULL);
	process_wait_leading(&p);
	cluster_wait_value(&p.c, 1, "disk_full", "0");
	cluster_wait_value(&p.c, 1, "disk_low", "0");
	goes_on(&p.c, admin);
	assert_int_equal(kill(p.pid, SIGTERM), 0);
	process_must_exit(&p, 0);
	process_remove(&p);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			V16_what_was_refused_for_space_is_accepted_once_when_there_is_room),
		cmocka_unit_test(D8_a_quota_of_the_data_directory),
		cmocka_unit_test(V17_a_quota_and_a_limit_on_files_are_no_end),
		cmocka_unit_test(V17_full_disks_end_nobody),
	};

	if (!disk_begin(argc, argv))
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
