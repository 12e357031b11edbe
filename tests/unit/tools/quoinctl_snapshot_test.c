/*
 * quoinctl snapshot save and snapshot status, run as a user runs them. The first argument is the
 * program.
 */
#include "tests/unit/test.h"
#include "tests/unit/tools/ctl.h"
#include "tools/quoinctl/snapshot_file.h"

#include "base/bytes.h"
#include "wal/block.h"

#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KEYS = 20, VALUE = 9000, FILE_MAX = 1 << 20 };

static const char *quoinctl;
static char directory[64], saved[96], part[104];
static uint8_t whole[FILE_MAX];
static size_t whole_size;

static size_t file_read(const char *path, uint8_t *out)
{
	FILE *file = fopen(path, "r");
	size_t size;

	assert_non_null(file);
	size = fread(out, 1, FILE_MAX, file);
	fclose(file);
	return size;
}

static void file_write(const char *path, const uint8_t *data, size_t size)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

static void fill(void)
{
	char line[VALUE + 100], value[VALUE + 1];

	memset(value, 'v', VALUE);
	value[VALUE] = '\0';
	for (int i = 0; i < KEYS; i++) {
		snprintf(line, sizeof(line), "put key%d %s%d", i, value, i);
		run(line);
		assert_int_equal(status, 0);
	}
}

static int prepare(void **state)
{
	snprintf(directory, sizeof(directory), "/tmp/quoin-snapshot.XXXXXX");
	if (ctl_setup(state) || !mkdtemp(directory))
		return -1;
	snprintf(saved, sizeof(saved), "%s/saved", directory);
	snprintf(part, sizeof(part), "%s.part", saved);
	set_endpoints(node[0].udp);
	fill();
	run("get a");
	return 0;
}

static int end(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "%s/other", directory);
	unlink(command);
	unlink(saved);
	assert_int_equal(rmdir(directory), 0); /* no .part was left */
	return ctl_teardown(state);
}

static int each(void **state)
{
	(void)state;
	unlink(saved);
	set_endpoints(node[0].udp);
	for (int i = 0; i < CTL_NODES; i++) {
		atomic_store(&node[i].faults.silent, false);
		atomic_store(&node[i].faults.silent_after, 0);
		atomic_store(&node[i].faults.cut_after, 0);
	}
	return 0;
}

static void save(const char *endpoint)
{
	char line[256];

	snprintf(line, sizeof(line), "--endpoints=%s snapshot save %s", endpoint, saved);
	run(line);
}

static void must_save(const char *endpoint)
{
	char want[160];

	save(endpoint);
	snprintf(want, sizeof(want), "Snapshot saved at %s\n", saved);
	if (status || strcmp(output, want) != 0)
		fail_msg("snapshot save: exit %d\n%s%s", status, output, errors);
	assert_int_equal(access(part, F_OK), -1);
}

static void must_fail(int code, const char *why)
{
	if (status != code || output[0] || !strstr(errors, why))
		fail_msg("exit %d instead of %d with \"%s\"\n%s%s", status, code, why, output,
			 errors);
}

static void told(const char *path)
{
	char line[160];

	snprintf(line, sizeof(line), "snapshot status %s", path);
	run(line);
}

/* The same bytes by either way, and by whichever member. */
static void one_member_gives_all_of_it(void **state)
{
	static uint8_t again[FILE_MAX];
	struct stat there;

	(void)state;
	must_save(node[0].udp);
	whole_size = file_read(saved, whole);
	assert_true(whole_size > KEYS * VALUE);
	assert_int_equal(stat(saved, &there), 0);
	assert_int_equal(there.st_mode & 0777, 0600);
	assert_non_null(strstr(errors, "fetched snapshot: "));
	for (int i = 0; i < 2; i++) {
		unlink(saved);
		must_save(i ? node[2].udp : node[1].local);
		assert_int_equal(file_read(saved, again), whole_size);
		assert_memory_equal(again, whole, whole_size);
	}
}

static void its_status_in_each_form(void **state)
{
	uint64_t revision, versions, hash, size;
	char line[200], want[400];
	json_t *json;

	(void)state;
	must_save(node[0].udp);
	snprintf(line, sizeof(line), "snapshot status %s -w json", saved);
	set_endpoints(""); /* no node is asked */
	run(line);
	assert_int_equal(status, 0);
	json = json_loads(output, 0, NULL);
	assert_non_null(json);
	hash = (uint64_t)strtoull(strstr(output, "\"hash\":") + 7, NULL, 10);
	revision = (uint64_t)json_integer_value(json_object_get(json, "revision"));
	versions = (uint64_t)json_integer_value(json_object_get(json, "totalKey"));
	size = (uint64_t)json_integer_value(json_object_get(json, "totalSize"));
	json_decref(json);
	assert_int_equal(revision, KEYS + 1);
	assert_int_equal(versions, KEYS);
	assert_int_equal(size, whole_size);
	assert_true(hash);
	snprintf(want, sizeof(want), "%" PRIx64 ", %" PRIu64 ", %" PRIu64 ", 197 kB\n", hash,
		 revision, versions);
	told(saved);
	assert_string_equal(output, want);
	snprintf(line, sizeof(line), "snapshot status %s -w fields", saved);
	snprintf(want, sizeof(want),
		 "\"Hash\" : %" PRIu64 "\n\"Revision\" : %" PRIu64 "\n\"Keys\" : %" PRIu64
		 "\n\"Size\" : %" PRIu64 "\n",
		 hash, revision, versions, size);
	expect(line, 0, want, "");
	snprintf(line, sizeof(line), "snapshot status %s -w table", saved);
	run(line);
	assert_int_equal(status, 0);
	assert_non_null(strstr(output, " HASH "));
	assert_non_null(strstr(output, "| TOTAL KEYS | TOTAL SIZE |"));
}

static void nothing_is_written_over(void **state)
{
	(void)state;
	file_write(saved, (const uint8_t *)"mine", 4);
	save(node[0].udp);
	must_fail(1, "no snapshot is written over");
	assert_int_equal(file_read(saved, whole), 4);
	assert_memory_equal(whole, "mine", 4);
}

/* What a save left that was killed stands in nobody's way. */
static void what_was_left_behind_goes(void **state)
{
	(void)state;
	file_write(part, (const uint8_t *)"half", 4);
	must_save(node[0].udp);
	told(saved);
	assert_int_equal(status, 0);
}

static void what_is_in_the_way_is_named(void **state)
{
	int fd;

	(void)state;
	assert_int_equal(mkdir(part, 0700), 0);
	save(node[0].udp);
	must_fail(1, ".part is in the way, and no file: remove it, or name another file");
	assert_int_equal(rmdir(part), 0);
	for (int reader = 0; reader < 2; reader++) {
		assert_int_equal(mkfifo(part, 0600), 0);
		fd = reader ? open(part, O_RDONLY | O_NONBLOCK | O_CLOEXEC) : -1;
		save(node[0].udp);
		must_fail(1, ".part is in the way, and no file: remove it, or name another file");
		assert_int_equal(unlink(part), 0);
		if (reader)
			close(fd);
	}
	fd = open(part, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	save(node[0].udp);
	must_fail(1, ".part: another save writes it: nothing was saved");
	assert_int_equal(access(part, F_OK), 0);
	close(fd);
}

/* Of what it says on the way none is shown then; that it is done is known by the file. */
static void a_pipe_that_ended_takes_no_whole_file(void **state)
{
	for (int all = 0; all < 2; all++) {
		int fds[2], waited;
		pid_t pid;

		each(state);
		assert_int_equal(pipe(fds), 0);
		close(fds[0]);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			signal(SIGPIPE, SIG_DFL);
			dup2(fds[1], STDOUT_FILENO);
			dup2(all ? fds[1] : open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
			execl(quoinctl, "quoinctl", "snapshot", "save", saved, (char *)NULL);
			_exit(127);
		}
		close(fds[1]);
		assert_int_equal(waitpid(pid, &waited, 0), pid);
		assert_true(WIFSIGNALED(waited) && WTERMSIG(waited) == SIGPIPE);
		assert_int_equal(access(part, F_OK), -1);
		assert_int_equal(access(saved, F_OK), all ? -1 : 0);
		told(saved);
		assert_int_equal(status, all);
	}
}

static void a_stream_that_breaks_leaves_no_file(void **state)
{
	char line[256];

	(void)state;
	for (int pieces = 1; pieces < 20; pieces += 12) {
		atomic_store(&node[1].faults.cut_after, pieces);
		save(node[1].udp);
		must_fail(1, "compactions would have held back too much");
		assert_int_equal(access(saved, F_OK), -1);
		assert_int_equal(access(part, F_OK), -1);
		atomic_store(&node[1].faults.silent_after, pieces);
		snprintf(line, sizeof(line),
			 "--endpoints=%s --command-timeout=100ms snapshot save %s", node[1].udp,
			 saved);
		run(line);
		must_fail(1, "context deadline exceeded: nothing was saved");
		assert_int_equal(access(saved, F_OK), -1);
		assert_int_equal(access(part, F_OK), -1);
		each(state);
	}
}

static void one_member_is_asked(void **state)
{
	char line[400];

	(void)state;
	snprintf(line, sizeof(line), "--endpoints=%s,%s snapshot save %s", node[0].udp, node[1].udp,
		 saved);
	run(line);
	must_fail(2, "snapshot must be requested to one selected node, not multiple");
	run("snapshot save");
	must_fail(2, "expects one argument");
	run("snapshot status");
	must_fail(2, "expects one argument");
	snprintf(line, sizeof(line), "snapshot save %s/no/such", directory);
	run(line);
	must_fail(1, "No such file or directory: nothing was saved");
	run("snapshot");
	must_fail(2, "\"snapshot\" is followed by ");
}

static void no_space_leaves_no_file(void **state)
{
	(void)state;
	/* A file of that name that cannot be written to. */
	run("snapshot save /dev/full.part/x");
	must_fail(1, "nothing was saved");
	if (symlink("/dev/full", part) == 0) {
		save(node[0].udp);
		must_fail(1, "nothing was saved"); /* and no link is followed */
		unlink(part);
	}
}

static void damaged(const char *path, uint8_t *data, size_t at, uint8_t bit)
{
	char why[64];

	struct snapshot_told none;
	char error[ERROR_SIZE] = "";

	data[at] ^= bit;
	file_write(path, data, whole_size);
	data[at] ^= bit;
	if (snapshot_read(path, NULL, NULL, &none, error) != EXIT_FAILED)
		fail_msg("damage at %zu is not seen: %s", at, error);
	snprintf(why, sizeof(why), "at offset %zu", at / BLOCK_SIZE * BLOCK_SIZE);
	/* Magic and version say more, and what is behind the end is told of as its end. */
	if (at >= 12 && at < whole_size - BLOCK_FILE_STEP && !strstr(error, why))
		fail_msg("damage at %zu: %s", at, error);
}

static void every_damage_shows(void **state)
{
	char other[96];
	uint64_t seed = 7;

	(void)state;
	must_save(node[0].udp);
	whole_size = file_read(saved, whole);
	snprintf(other, sizeof(other), "%s/other", directory);
	for (size_t at = 0; at < whole_size; at += BLOCK_SIZE * 2) {
		damaged(other, whole, at, 1);
		damaged(other, whole, at + 2 * BLOCK_SIZE - 1, 0x80);
	}
	for (int i = 0; i < 40; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		damaged(other, whole, (seed >> 33) % whole_size, (uint8_t)(1 << i % 8));
	}
}

/* A whole block of the same file in the place of another: each is good by itself. */
static void blocks_that_changed_places_show(void **state)
{
	uint8_t block[BLOCK_SIZE];
	char other[96];

	(void)state;
	snprintf(other, sizeof(other), "%s/other", directory);
	memcpy(block, whole + 2 * BLOCK_SIZE, BLOCK_SIZE);
	memcpy(whole + 2 * BLOCK_SIZE, whole + 3 * BLOCK_SIZE, BLOCK_SIZE);
	memcpy(whole + 3 * BLOCK_SIZE, block, BLOCK_SIZE);
	file_write(other, whole, whole_size);
	told(other);
	must_fail(1, "damaged at offset 8192");
}

static void what_is_no_snapshot_is_named(void **state)
{
	static uint8_t bolt[4096];
	char other[96];

	(void)state;
	must_save(node[0].udp);
	whole_size = file_read(saved, whole);
	snprintf(other, sizeof(other), "%s/other", directory);
	file_write(other, whole, 0);
	told(other);
	must_fail(1, "it is empty");
	file_write(other, (const uint8_t *)"hello, this is a text", 21);
	told(other);
	must_fail(1, "this is no snapshot of quoin");
	bytes_put32(bolt + 16, 0xed0cdaed);
	file_write(other, bolt, sizeof(bolt));
	told(other);
	must_fail(1, "this is a database of etcd");
	for (size_t cut = whole_size - 1; cut > 100; cut = cut / 3) {
		file_write(other, whole, cut);
		told(other);
		must_fail(1, "cut short");
		file_write(other, whole, cut / BLOCK_FILE_STEP * BLOCK_FILE_STEP + 100);
		told(other);
		must_fail(1, "cut short");
	}
	file_write(other, whole, BLOCK_FILE_STEP);
	told(other);
	must_fail(1, "its end is not there");
	told(directory);
	must_fail(1, "it is no file");
	/* Nobody writes into it. */
	assert_int_equal(unlink(other), 0);
	assert_int_equal(mkfifo(other, 0600), 0);
	told(other);
	must_fail(1, "it is no file");
	assert_int_equal(unlink(other), 0);
	told("/no/such/file");
	must_fail(1, "No such file or directory");
	/* Of another version, which is whole. */
	bytes_put32(whole + 8, 77);
	wal_block_seal(whole, &(struct block_place){.index = bytes_get64(whole + 16),
						    .term = bytes_get64(whole + 24)});
	file_write(other, whole, whole_size);
	told(other);
	must_fail(1, "of another version");
}

#define TEST(name) cmocka_unit_test_setup(name, each)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(one_member_gives_all_of_it),
		TEST(its_status_in_each_form),
		TEST(nothing_is_written_over),
		TEST(what_was_left_behind_goes),
		TEST(what_is_in_the_way_is_named),
		TEST(a_pipe_that_ended_takes_no_whole_file),
		TEST(a_stream_that_breaks_leaves_no_file),
		TEST(one_member_is_asked),
		TEST(no_space_leaves_no_file),
		TEST(every_damage_shows),
		TEST(blocks_that_changed_places_show),
		TEST(what_is_no_snapshot_is_named),
	};

	if (!ctl_program(argc, argv))
		return 2;
	quoinctl = argv[1];
	return cmocka_run_group_tests(tests, prepare, end);
}
