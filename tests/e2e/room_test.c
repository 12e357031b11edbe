/*
 * How much disk a member takes (docs/deploy.md, "How much disk"), and what it does where there is
 * less (D8, D18): real nodes that are written to until their logs were cut again and again.
 */
#include "tests/e2e/load.h"
#include "tests/e2e/process.h"
#include "tests/soak/disks.h"
#include "tests/unit/test.h"

#include <dirent.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum {
	PUT_MS = 5000,
	KEYS = 10,
	PUT_SIZE = 100000,
	COMPACT_EVERY = 20,
	MIB = 1024 * 1024,
	SEGMENT = 4 * MIB,
	QUOTA = 64 * MIB,
	/* What the directory holds beside the log and snapshots. */
	BESIDE = MIB,
	LOG_SIZE = 8 * MIB, /* snapshot-log-size, or less of a smaller disk */
	STATE_MAX = 6 * MIB,
	SMALL_PUTS = 1200, /* each takes a block of 4 KiB */
};

static struct process p;
static char admin[128];

/* Bytes of the disk, as du says it. */
static uint64_t directory_size(const char *directory)
{
	DIR *d = opendir(directory);
	struct dirent *entry;
	uint64_t sum = 0;

	assert_non_null(d);
	while ((entry = readdir(d))) {
		char path[512];
		struct stat s;

		snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
		if (stat(path, &s) == 0 && S_ISREG(s.st_mode))
			sum += (uint64_t)s.st_blocks * 512;
	}
	closedir(d);
	return sum;
}

static void compact(void)
{
	static struct run out;

	run(&out, "quoinctl", "--endpoints=%s compaction %" PRIu64, admin,
	    cluster_number(&p.c, 1, "revision"));
	require(&p.c, out.status == 0, "compaction: %s", out.text);
}

static void node_begin(struct one *o, const char *more)
{
	process_prepare(&p, more);
	process_start(&p, NULL, NULL, NULL);
	process_wait_leading(&p);
	one_open(o, cluster_admin(&p.c, 1, admin));
}

static void node_end(struct one *o)
{
	one_close(o);
	assert_int_equal(kill(p.pid, SIGTERM), 0);
	process_must_exit(&p, 0);
	process_remove(&p);
}

/* All of them are taken. The most that the directory had meanwhile. */
static uint64_t put_all(struct one *o, uint32_t puts)
{
	char directory[128], key[16];
	uint64_t most = 0;

	snprintf(directory, sizeof(directory), "%s/n1", p.dir);
	for (uint32_t i = 0; i < puts; i++) {
		uint64_t size = directory_size(directory);

		most = size > most ? size : most;
		snprintf(key, sizeof(key), "key%u", i % KEYS);
		require(&p.c, one_put_large(o, key, PUT_SIZE, PUT_MS) == 0,
			"put %u, the directory having %" PRIu64 " bytes", i, size);
		if (i % COMPACT_EVERY == 0)
			compact();
	}
	require(&p.c, cluster_number(&p.c, 1, "db_size") <= STATE_MAX, "the state is large");
	require(&p.c, cluster_number(&p.c, 1, "snapshots") >= 4, "the log was not cut often");
	return most;
}

/*
 * snapshot-log-size is larger than all that there is, and segments that the log left are kept: all
 * of the files are within the quota, and nothing is ever refused.
 */
static void D8_D18_a_quota_smaller_than_the_log_between_snapshots(void **state)
{
	struct one o;
	uint64_t most;

	(void)state;
	node_begin(&o, "data-dir-quota: 64MiB\n");
	most = put_all(&o, 800);
	printf("# %" PRIu64 " bytes at most of a quota of %d\n", most, QUOTA);
	require(&p.c, most <= QUOTA + BESIDE, "%" PRIu64 " bytes in the directory", most);
	assert_int_equal(cluster_number(&p.c, 1, "disk_fulls"), 0);
	node_end(&o);
}

/* Held here by what deploy.md says: four times the log, three snapshots, six segments. */
static void D18_how_much_disk_a_member_takes(void **state)
{
	const uint64_t says =
		4 * (uint64_t)LOG_SIZE + 3 * (uint64_t)STATE_MAX + 6 * SEGMENT + BESIDE;
	struct one o;
	uint64_t most;

	(void)state;
	node_begin(&o, "snapshot-log-size: 8MiB\nlog-keep: 8MiB\n");
	most = put_all(&o, 500);
	printf("# %" PRIu64 " bytes at most, of %" PRIu64 "\n", most, says);
	require(&p.c, most <= says, "%" PRIu64 " bytes in the directory", most);
	node_end(&o);
}

/* What is small takes whole blocks of the log: it is those that count. */
static void D18_small_writes_end_the_log_too(void **state)
{
	struct one o;

	(void)state;
	node_begin(&o, "snapshot-log-size: 1MiB\n");
	for (uint32_t i = 0; i < SMALL_PUTS; i++)
		require(&p.c, one_put(&o, "key", i + 1, PUT_MS) == 0, "put %u", i);
	require(&p.c, cluster_number(&p.c, 1, "snapshots") >= 3, "the log was not cut");
	node_end(&o);
}

static bool takes_puts(void *context)
{
	return one_put_large(context, "key0", PUT_SIZE, PUT_MS) == 0;
}

/*
 * D8: the state does not fit three times, and nothing but a smaller one makes room. What makes it
 * smaller is taken, as by etcd, and the rest follows by itself.
 */
static void D8_a_state_that_is_too_large_for_its_disk_is_made_smaller(void **state)
{
	static struct run out;
	uint32_t puts = 0;
	struct one o;
	char key[16];
	int err = 0;

	(void)state;
	node_begin(&o, "data-dir-quota: 48MiB\n");
	while (err == 0 && puts < 1000) {
		snprintf(key, sizeof(key), "key%u", puts++);
		err = one_put_large(&o, key, PUT_SIZE, PUT_MS);
	}
	assert_int_equal(err, WIRE_NO_SPACE);
	run(&out, "quoinctl", "--endpoints=%s del key --prefix", admin);
	require(&p.c, out.status == 0, "del: %s", out.text);
	compact();
	require(&p.c, wait_until(takes_puts, &o, CLUSTER_WAIT_MS), "no room after %u puts", puts);
	require(&p.c, cluster_number(&p.c, 1, "db_size") < MIB, "the state is large");
	node_end(&o);
}

/* --- a snapshot of another member ---------------------------------------------------------- */

enum { LARGE = 1000000, LARGES = 24 };

static struct cluster c;
static struct disks disks;

struct seen {
	uint32_t node;
	uint64_t index;
};

static bool has_cut(void *context)
{
	const struct seen *s = context;

	return cluster_number(&c, s->node, "log_first_index") > s->index + 1;
}

static bool pulls(void *context)
{
	const struct seen *s = context;

	return cluster_number(&c, s->node, "pulled_bytes") > MIB;
}

/*
 * It stands still until the others have cut what it lacks, and have it in no window either: a fifth
 * of their log, so that the newest snapshot, which is twice the one that the log begins behind, has
 * two fifths of all.
 */
static void away(uint32_t node, pid_t pid)
{
	struct seen cut;
	char text[128];
	struct one o;

	assert_int_equal(kill(pid, SIGSTOP), 0);
	one_open(&o, cluster_admin(&c, node % 3 + 1, text));
	for (uint32_t i = 0; i < LARGES; i++)
		require(&c, one_put_large(&o, "large", LARGE, PUT_MS) == 0, "put %u", i);
	one_close(&o);
	for (uint32_t i = 1; i < 3; i++) {
		cut.node = (node + i - 1) % 3 + 1;
		cut.index = cluster_number(&c, cut.node, "raft_index") / 5;
		require(&c, wait_until(has_cut, &cut, CLUSTER_WAIT_MS), "n%u does not cut",
			cut.node);
	}
}

/*
 * Before it there is no room, and then there is none in the middle of it: its disk is full, it says
 * so, the others go on; when there is room it goes on by itself. Then the others cannot read what
 * they have of it at first (W21): that ends nobody, and costs nobody else anything.
 */
static void D8_S10_no_room_for_a_snapshot_of_another_member(void **state)
{
	struct seen seen;
	char text[128];
	uint32_t node, told = 0;
	pid_t pid;

	(void)state;
	cluster_up(&c, 3, "memif", "--segment-size 4MiB");
	for (uint32_t i = 1; i <= 3; i++)
		cluster_configure(&c, i, "snapshot-log-size: 1MiB\nlog-keep: 1MiB\n");
	disks_mount(&disks, &c);
	node = cluster_wait_leader(&c, 0) % 3 + 1;
	seen.node = node;
	cluster_wait_equal(&c);
	pid = cluster_pid(&c, node);
	disk_tell(&disks.disk[node - 1], "space 7000000");
	cluster_wait_value(&c, node, "disk_low", "1");
	away(node, pid);
	assert_int_equal(kill(pid, SIGCONT), 0);
	cluster_wait_log(&c, node, "install_waits");
	cluster_wait_value(&c, node, "disk_full", "1");
	assert_int_equal(cluster_number(&c, node, "pulled_bytes"), 0);
	assert_int_equal(one_put_at(cluster_admin(&c, node % 3 + 1, text), "key", 1, PUT_MS), 0);
	disk_tell(&disks.disk[node - 1], "on write *.part stall 100ms");
	disk_tell(&disks.disk[node - 1], "space unlimited");
	require(&c, wait_until(pulls, &seen, CLUSTER_WAIT_MS), "n%u pulls nothing", node);
	disk_tell(&disks.disk[node - 1], "space 0");
	cluster_wait_log(&c, node, "install_failed");
	cluster_wait_value(&c, node, "disk_full", "1");
	assert_int_equal(cluster_number(&c, node, "installs"), 0);
	for (uint32_t i = 1; i <= 3; i++)
		disk_tell(&disks.disk[i - 1],
			  i == node ? "drop all" : "on read snapshot-* times 1 fail EIO");
	disk_tell(&disks.disk[node - 1], "space unlimited");
	cluster_wait_installed(&c, node);
	cluster_wait_value(&c, node, "disk_full", "0");
	cluster_wait_equal(&c);
	require(&c, cluster_pid(&c, node) == pid, "n%u is another process", node);
	for (uint32_t i = 1; i <= 3; i++)
		told += cluster_log_has(&c, i, "snapshot_damaged");
	require(&c, told > 0, "what could not be read is not told");
	for (uint32_t i = 1; i <= 3; i++)
		cluster_lab(&c, "kill %u", i);
	disks_unmount(&disks);
	cluster_down(&c);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(D8_D18_a_quota_smaller_than_the_log_between_snapshots),
		cmocka_unit_test(D8_a_state_that_is_too_large_for_its_disk_is_made_smaller),
		cmocka_unit_test(D18_how_much_disk_a_member_takes),
		cmocka_unit_test(D18_small_writes_end_the_log_too),
		cmocka_unit_test(D8_S10_no_room_for_a_snapshot_of_another_member),
	};

	if (!disk_begin(argc, argv))
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
