/*
 * quoinctl snapshot restore, run as a user runs it. The first argument is the program.
 */
#include "raft/formation.h"
#include "tests/unit/test.h"
#include "tests/unit/tools/ctl.h"
#include "tools/shared/tree.h"
#include "wal/inspect.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEYS = 5 };

#define CLUSTER "n1=10.0.0.1:2380,n2=10.0.0.2:2380,n3=10.0.0.3:2380"

static char directory[64], saved[96], data[96];

static int prepare(void **state)
{
	char line[160];

	/* On a disk: what is durable takes no other. */
	snprintf(directory, sizeof(directory), "/var/tmp/quoin-restore.XXXXXX");
	if (ctl_setup(state) || !mkdtemp(directory))
		return -1;
	snprintf(saved, sizeof(saved), "%s/saved", directory);
	snprintf(data, sizeof(data), "%s/data", directory);
	for (int i = 0; i < KEYS; i++) {
		snprintf(line, sizeof(line), "--endpoints=%s put key%d value", node[0].udp, i);
		run(line);
	}
	snprintf(line, sizeof(line), "--endpoints=%s snapshot save %s", node[0].udp, saved);
	run(line);
	return status;
}

static int end(void **state)
{
	assert_int_equal(tree_remove(directory), 0);
	return ctl_teardown(state);
}

static int each(void **state)
{
	(void)state;
	set_endpoints(""); /* no node is asked */
	(void)tree_remove(data);
	return 0;
}

static void restore(const char *file, const char *name, const char *cluster, const char *to,
		    const char *more)
{
	char line[512];

	snprintf(line, sizeof(line),
		 "snapshot restore %s --name=%s --initial-cluster=%s --data-dir=%s%s", file, name,
		 cluster, to, more);
	run(line);
}

static void must_fail(int code, const char *why)
{
	if (status != code || output[0] || !strstr(errors, why))
		fail_msg("exit %d instead of %d with \"%s\"\n%s%s", status, code, why, output,
			 errors);
}

static void must_restore(const char *name, const char *to, const char *more)
{
	restore(saved, name, CLUSTER, to, more);
	if (status)
		fail_msg("snapshot restore: exit %d\n%s%s", status, output, errors);
}

static struct formation_table table_of(const char *path, struct wal_inspect_result *r)
{
	struct formation_table table;
	char error[WAL_ERROR_MAX];

	assert_int_equal(wal_inspect(path, NULL, NULL, r, error), 0);
	assert_int_equal(r->verdict, WAL_GOOD);
	assert_int_equal(formation_record_check(r->record, r->record_size, r->hard_state.term,
						r->last_index),
			 0);
	formation_places(r->record, r->record_size, &table);
	return table;
}

/* D9b: the same state for all of them, and each its own directory. */
static void each_member_is_made_of_the_same_file(void **state)
{
	struct formation_table table[2];
	struct wal_inspect_result r[2];
	char to[128];

	(void)state;
	for (int i = 0; i < 2; i++) {
		snprintf(to, sizeof(to), "%s%d", data, i);
		must_restore(i ? "n2" : "n1", to, " --bump-revision=100 --mark-compacted");
		assert_non_null(strstr(output, i ? "for member n2 of 3, at revision 106"
						 : "for member n1 of 3, at revision 106"));
		table[i] = table_of(to, &r[i]);
		assert_int_equal(r[i].first_index, FORMATION_ORIGIN_INDEX + 1);
		assert_int_equal(r[i].before_term, FORMATION_ORIGIN_TERM);
		assert_int_equal(r[i].last_index, FORMATION_ORIGIN_INDEX);
		assert_int_equal(r[i].entries, 0);
		assert_int_equal(r[i].snapshot_count, 1);
		assert_int_equal(table[i].count, 3);
		assert_int_equal(table[i].origin, formation_origin(r[i].snapshots[0].hash));
		assert_int_equal(table[i].member[i].identity, r[i].identity);
		assert_int_equal(table[i].member[2].identity, 0);
		assert_int_equal(tree_remove(to), 0);
	}
	assert_int_equal(table[0].origin, table[1].origin);
	assert_int_not_equal(r[0].identity, r[1].identity);
	/* Of another revision it is another origin. */
	must_restore("n3", data, "");
	assert_int_not_equal(table_of(data, &r[0]).origin, table[0].origin);
}

/* What is in a directory of a member is a snapshot too. */
static void a_file_of_a_data_directory_will_do(void **state)
{
	char file[200], to[128];
	struct wal_inspect_result r[2];

	(void)state;
	must_restore("n1", data, "");
	snprintf(file, sizeof(file), "%s/snapshot-0000000000000001-0000000000000001", data);
	snprintf(to, sizeof(to), "%s2", data);
	restore(file, "n1", CLUSTER, to, "");
	assert_int_equal(status, 0);
	assert_int_equal(table_of(data, &r[0]).origin, table_of(to, &r[1]).origin);
	assert_int_equal(tree_remove(to), 0);
}

static void nothing_is_restored_over(void **state)
{
	struct wal_inspect_result before, after;

	(void)state;
	must_restore("n1", data, "");
	(void)table_of(data, &before);
	restore(saved, "n1", CLUSTER, data, "");
	must_fail(1, "the directory is not empty");
	(void)table_of(data, &after);
	assert_int_equal(before.identity, after.identity);
	restore(saved, "n1", CLUSTER, "/no/such/place", "");
	must_fail(1, "nothing was restored");
}

/* As one that was killed left it: a start refuses it, and it is restored again. */
static void what_was_cut_short_is_begun_again(void **state)
{
	char path[128], error[WAL_ERROR_MAX];
	struct wal_recovered recovered;
	struct wal_inspect_result r;
	struct wal *wal;
	int fd;

	(void)state;
	assert_int_equal(mkdir(data, 0700), 0);
	snprintf(path, sizeof(path), "%s/restoring", data);
	must_restore("n1", path, "");
	snprintf(path, sizeof(path), "%s/cluster", data);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	close(fd);
	const struct wal_options options = {.directory = data,
					    .durability = WAL_DURABLE,
					    .segment_size = WAL_SEGMENT_SIZE_MIN,
					    .identity_seed = 1,
					    .create = true};
	assert_int_equal(wal_open(&wal, &options, &recovered, error), -EBADMSG);
	assert_non_null(strstr(error, "restore"));
	must_restore("n1", data, "");
	(void)table_of(data, &r);
	snprintf(path, sizeof(path), "%s/restoring", data);
	assert_int_equal(access(path, F_OK), -1);
}

static void an_empty_directory_stays_whose_it_is(void **state)
{
	struct stat there;
	char path[128];

	(void)state;
	if (geteuid() != 0)
		return;
	assert_int_equal(mkdir(data, 0750), 0);
	assert_int_equal(chown(data, 4321, 4322), 0);
	must_restore("n1", data, "");
	snprintf(path, sizeof(path), "%s/identity", data);
	assert_int_equal(stat(path, &there), 0);
	assert_int_equal(there.st_uid, 4321);
	assert_int_equal(there.st_gid, 4322);
	assert_int_equal(stat(data, &there), 0);
	assert_int_equal(there.st_mode & 0777, 0750);
}

/* A state of 6 MB, of which no file may have more than 4 MiB and a bit here. */
static void no_room_is_said(void **state)
{
	static char value[1500000], large[120], line[200];
	const struct rlimit little = {(4 << 20) + (64 << 10), RLIM_INFINITY};
	struct rlimit before;

	(void)state;
	memset(value, 'v', sizeof(value));
	for (int i = 0; i < 4; i++) {
		snprintf(line, sizeof(line), "--endpoints=%s put large%d", node[0].udp, i);
		run_with(value, sizeof(value), line);
		assert_int_equal(status, 0);
	}
	snprintf(large, sizeof(large), "%s/large", directory);
	snprintf(line, sizeof(line), "--endpoints=%s snapshot save %s", node[0].udp, large);
	run(line);
	assert_int_equal(status, 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	assert_ptr_not_equal(signal(SIGXFSZ, SIG_IGN), SIG_ERR);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
	restore(large, "n1", CLUSTER, data, "");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	must_fail(1, "File too large: nothing was restored");
	assert_int_equal(access(data, F_OK), -1);
	restore(large, "n1", CLUSTER, data, "");
	assert_int_equal(status, 0);
}

static void what_is_wrong_is_said(void **state)
{
	char line[256];

	(void)state;
	run("snapshot restore x --name=n1");
	must_fail(2, "needs --name, --initial-cluster and --data-dir");
	run("snapshot restore");
	must_fail(2, "expects one argument");
	restore(saved, "n9", CLUSTER, data, "");
	must_fail(2, "n9 is not in initial-cluster: one of n1, n2, n3");
	restore(saved, "n1", "n1=http://10.0.0.1:2380", data, "");
	must_fail(2, "n1=http://10.0.0.1:2380 is a URL: n1=10.0.0.1:2380");
	restore(saved, "n1", "n1", data, "");
	must_fail(2, "--initial-cluster: n1 is no member");
	restore(saved, "n1", "n1=10.0.0.1,n1=10.0.0.2", data, "");
	must_fail(2, "n1 is given twice");
	restore(saved, "n1", CLUSTER, data, " --bump-revision=5");
	must_fail(2, "--bump-revision goes with --mark-compacted");
	restore(saved, "n1", CLUSTER, data, " --mark-compacted");
	must_fail(2, "--mark-compacted goes with --bump-revision");
	restore(saved, "n1", CLUSTER, data,
		" --bump-revision=9223372036854775807 --mark-compacted");
	must_fail(2, "no revision is raised that high");
	restore(saved, "n1", CLUSTER, data, " --bump-revision=-5 --mark-compacted");
	must_fail(2, "--bump-revision=-5: it is how much to add to a revision");
	restore(saved, "n1", CLUSTER, data, " --skip-hash-check");
	must_fail(2, "is checked by it");
	snprintf(line, sizeof(line), "put a b --data-dir=%s", data);
	run(line);
	must_fail(2, "unknown flag: --data-dir");
	restore("/etc/passwd", "n1", CLUSTER, data, "");
	must_fail(1, "this is no snapshot of quoin");
	assert_int_equal(access(data, F_OK), -1);
}

#define TEST(name) cmocka_unit_test_setup(name, each)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(each_member_is_made_of_the_same_file),
		TEST(a_file_of_a_data_directory_will_do),
		TEST(nothing_is_restored_over),
		TEST(what_was_cut_short_is_begun_again),
		TEST(an_empty_directory_stays_whose_it_is),
		TEST(no_room_is_said),
		TEST(what_is_wrong_is_said),
	};

	if (!ctl_program(argc, argv))
		return 2;
	return cmocka_run_group_tests(tests, prepare, end);
}
