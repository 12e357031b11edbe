/*
 * Looking at a log: wal_inspect, and quoin-wal (its path is the first argument) with its exit
 * statuses. Nothing is ever changed.
 */
#include "tests/unit/wal/helpers.h"

#include "raft/formation.h"
#include "wal/inspect.h"
#include "wal/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *program;

struct fixture {
	char *path;
	struct wal_options options;
};

/* Of a cluster of one member, formed. */
static uint32_t record_make(uint8_t record[FORMATION_RECORD_SIZE_MAX])
{
	const struct formation_options options = {.identity = 7,
						  .table = {.count = 1, .member = {{.place = 1}}}};
	struct formation f;
	uint32_t size = 0;

	assert_int_equal(formation_create(&f, &options), 0);
	formation_tick(&f, 1);
	while (formation_record(&f, record, &size))
		formation_recorded(&f);
	assert_int_equal(f.state, FORMATION_FORMED);
	return size;
}

/* A log of 200 entries, of which 20 were superseded. */
static void begin(struct fixture *f)
{
	struct wal_recovered found;
	char error[WAL_ERROR_MAX];
	const struct raft_hard_state hard_state = {2, 0x22};
	const struct raft_witness witness = {0x33, 4ul << 32 | 5, 2, 170, 2};
	uint8_t record[FORMATION_RECORD_SIZE_MAX];
	struct wal *w;

	f->path = test_directory_make();
	f->options = (struct wal_options){.directory = f->path,
					  .segment_size = WAL_SEGMENT_SIZE_MIN,
					  .identity_seed = 3,
					  .create = true};
	if (wal_open(&w, &f->options, &found, error) != 0)
		fail_msg("%s", error);
	assert_int_equal(test_persist(w, test_append(w, 1, 120, 1)), 0);
	assert_int_equal(wal_append(w, w->seq + 1, &hard_state, NULL, 0), 0);
	assert_int_equal(test_persist(w, test_append(w, 101, 180, 2)), 0);
	assert_int_equal(wal_record_write(w, record, record_make(record)), 0);
	test_settle(w);
	wal_witness_changed(w);
	test_mark(w, 1000ul * 1000 * 1000, &witness, 1);
	assert_int_equal(wal_close(w), 0);
}

static void put(const struct fixture *f, const char *name, off_t offset, const char *bytes,
		size_t size)
{
	char path[256];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", f->path, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, size, offset), size);
	assert_int_equal(fsync(fd), 0);
	(void)close(fd);
}

static void take_away(const struct fixture *f, const char *name)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", f->path, name);
	assert_int_equal(unlink(path), 0);
}

/* Both slots as if they had been written before the log's last write. */
static void unmark(const struct fixture *f, uint8_t mark[2 * 4096])
{
	struct wal_inspect_result r;
	char error[WAL_ERROR_MAX];

	assert_int_equal(wal_inspect(f->path, NULL, NULL, &r, error), 0);
	for (uint64_t g = 8; g < 10; g++) {
		const struct mark m = {
			.generation = g, .number = r.writes - 1, .segment = 1, .start = r.start};

		wal_mark_encode(mark + wal_mark_offset(g, 4096), 4096, &(struct log_id){r.identity},
				&m);
	}
}

/* The same, of which the last write was not acknowledged as far as anything knows. */
static void begin_unmarked(struct fixture *f)
{
	uint8_t mark[2 * 4096];

	begin(f);
	unmark(f, mark);
	put(f, "mark", 0, (const char *)mark, sizeof(mark));
}

static void end(struct fixture *f)
{
	test_directory_remove(f->path);
}

struct count {
	uint64_t segments;
	uint64_t writes;
	uint64_t entries;
	raft_index last;
};

static void count_segment(void *arg, const struct wal_inspect_segment *segment)
{
	struct count *c = arg;

	assert_int_equal(segment->sequence, ++c->segments);
	assert_int_equal(segment->size, WAL_SEGMENT_SIZE_MIN);
}

static void count_write(void *arg, const struct wal_inspect_write *write)
{
	struct count *c = arg;

	assert_int_equal(write->number, ++c->writes);
	assert_true(write->durable < write->number);
}

static void count_entry(void *arg, const struct raft_entry *entry)
{
	struct count *c = arg;

	c->entries++;
	c->last = entry->index;
	assert_null(test_entry_check(entry));
}

static const struct wal_inspect_ops counters = {count_segment, count_write, count_entry};

static void a_good_log(void **state)
{
	struct wal_inspect_result r;
	char error[WAL_ERROR_MAX];
	struct count c = {0};
	struct fixture f;

	(void)state;
	begin(&f);
	assert_int_equal(wal_inspect(f.path, &counters, &c, &r, error), 0);
	assert_int_equal(r.durability, WAL_DURABLE);
	assert_int_equal(r.hard_state.term, 2);
	assert_int_equal(r.hard_state.vote, 0x22);
	assert_int_equal(raft_start_count(r.start), 1);
	assert_false(r.live);
	assert_false(r.vote_torn);
	assert_int_equal(r.last_index, 180);
	assert_int_equal(r.last_term, 2);
	assert_int_equal(r.entries, 200);
	assert_int_equal(r.torn_bytes, 0);
	assert_int_equal(r.mark_number, r.writes);
	assert_int_equal(r.mark_damaged, 0);
	assert_false(r.mark_lost);
	assert_int_equal(r.witness_count, 1);
	assert_int_equal(r.witness[0].index, 170);
	assert_int_equal(r.record_size, 56);
	assert_int_equal(r.first_segment, 1);
	assert_int_equal(r.first_index, 1);
	assert_int_equal(c.entries, 200);
	assert_int_equal(c.last, 180);
	assert_int_equal(c.writes, r.writes);
	assert_int_equal(c.segments, r.segments);
	end(&f);
}

/* While the node runs, and writes: looking is safe, and never sees damage. */
static void a_log_in_use(void **state)
{
	struct wal_inspect_result r;
	struct wal_recovered found;
	char error[WAL_ERROR_MAX];
	struct fixture f;
	struct wal *w;

	(void)state;
	begin(&f);
	assert_int_equal(wal_open(&w, &f.options, &found, error), 0);
	for (raft_index i = 181; i < 400; i++) {
		uint64_t seq;

		(void)test_append(w, i, i, 2);
		if (wal_mark_due(w, i * 20ul * 1000 * 1000))
			wal_mark(w, i * 20ul * 1000 * 1000, NULL, 0);
		assert_int_equal(wal_poll(w, i * 20ul * 1000 * 1000, &seq), 0);
		if (i % 20 != 0)
			continue;
		if (wal_inspect(f.path, NULL, NULL, &r, error) != 0)
			fail_msg("%s", error);
		assert_true(r.live);
		assert_true(r.last_index >= 180);
		assert_int_equal(raft_start_count(r.start), 2);
	}
	assert_int_equal(test_persist(w, w->seq), 0);
	assert_int_equal(wal_inspect(f.path, NULL, NULL, &r, error), 0);
	assert_int_equal(r.last_index, 399);
	assert_int_equal(wal_close(w), 0);
	end(&f);
}

enum { ARGUMENTS_MAX = 6 };

/* Runs the program on words parted by spaces; all it prints is in `out`. The exit status. */
static int run(const char *arguments, char *out, size_t size)
{
	char *words = strdup(arguments);
	char *argv[ARGUMENTS_MAX + 2] = {strdup(program)};
	char *rest = words;
	size_t got = 0;
	ssize_t n;
	int ends[2];
	int status;
	pid_t child;

	assert_non_null(words);
	for (int i = 1; i <= ARGUMENTS_MAX && rest && *rest != '\0'; i++)
		argv[i] = strsep(&rest, " ");
	assert_int_equal(pipe(ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		(void)dup2(ends[1], STDOUT_FILENO);
		(void)dup2(ends[1], STDERR_FILENO);
		(void)close(ends[0]);
		(void)close(ends[1]);
		(void)execv(program, argv);
		_exit(127);
	}
	(void)close(ends[1]);
	while ((n = read(ends[0], out + got, size - 1 - got)) > 0)
		got += (size_t)n;
	out[got] = '\0';
	(void)close(ends[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	free(argv[0]);
	free(words);
	return WEXITSTATUS(status);
}

static int run_on(const struct fixture *f, const char *command, char *out, size_t size)
{
	char arguments[512];

	(void)snprintf(arguments, sizeof(arguments), "%s %s", command, f->path);
	return run(arguments, out, size);
}

/* Good, and told, with the numbers of the start that puts it in order; then nothing is left. */
static void V22_a_flipped_bit_past_the_end_is_told(void **state)
{
	static char out[4096];
	struct wal_inspect_result r;
	struct wal_recovered found;
	char error[WAL_ERROR_MAX];
	char says[128];
	struct fixture f;
	struct wal *w;

	(void)state;
	begin(&f);
	assert_int_equal(wal_inspect(f.path, NULL, NULL, &r, error), 0);
	assert_int_equal(r.decayed, 0);
	put(&f, "segment-0000000000000001", r.end_offset + 5000, "\x10", 1);
	put(&f, "segment-0000000000000002", 9000, "\x01", 1);
	(void)snprintf(says, sizeof(says),
		       "2 places past the log's end, the first at offset %u of segment 1",
		       (r.end_offset + 5000) / 4096 * 4096);
	assert_int_equal(run_on(&f, "verify", out, sizeof(out)), 0);
	if (!strstr(out, says) || !strstr(out, ": good: "))
		fail_msg("not \"%s\": %s", says, out);
	assert_int_equal(wal_open(&w, &f.options, &found, error), 0);
	assert_int_equal(found.decayed, 2);
	assert_int_equal(found.last_index, 180);
	assert_int_equal(wal_close(w), 0);
	assert_int_equal(run_on(&f, "verify", out, sizeof(out)), 0);
	assert_null(strstr(out, "places"));
	end(&f);
}

/* The line says what to do, and that is right. */
static void V25_a_segment_whose_new_name_was_lost(void **state)
{
	static char out[4096];
	char from[600], to[700];
	struct fixture f;

	(void)state;
	begin(&f);
	(void)snprintf(from, sizeof(from), "%s/segment-0000000000000001", f.path);
	(void)snprintf(to, sizeof(to), "%s.tmp", from);
	assert_int_equal(rename(from, to), 0);
	assert_int_equal(run_on(&f, "verify", out, sizeof(out)), 1);
	assert_non_null(
		strstr(out, "segment-0000000000000001.tmp at offset 4096: it holds writes"));
	assert_non_null(strstr(out, "rename it to segment-0000000000000001\n"));
	assert_int_equal(rename(to, from), 0);
	assert_int_equal(run_on(&f, "verify", out, sizeof(out)), 0);
	end(&f);
}

static void V14_a_log_that_ends_before_its_mark(void **state)
{
	static char out[256 * 1024];
	char zeros[512] = {0};
	struct wal_inspect_result r;
	char error[WAL_ERROR_MAX];
	struct fixture f;

	(void)state;
	/* The last write, a sector of it: not torn, for it had been marked. */
	begin(&f);
	assert_int_equal(wal_inspect(f.path, NULL, NULL, &r, error), 0);
	put(&f, "segment-0000000000000001", r.end_offset - 512, zeros, 512);
	assert_int_equal(run_on(&f, "verify", out, sizeof(out)), 4);
	assert_non_null(strstr(out, "the log ends with write"));
	assert_non_null(strstr(out, "had been acknowledged"));
	/* One thing about one place (F25): what is cut there is not called unacknowledged. */
	assert_null(strstr(out, "was not acknowledged"));
	assert_null(strstr(out, "torn"));
	assert_non_null(strstr(out, "are part of a write that had been acknowledged: the next "
				    "start of the node puts them into a file"));
	end(&f);
	begin(&f);
	take_away(&f, "segment-0000000000000002");
	assert_int_equal(run_on(&f, "verify", out, sizeof(out)), 4);
	assert_non_null(strstr(out, "segment-0000000000000002: missing"));
	take_away(&f, "segment-0000000000000001");
	assert_int_equal(run_on(&f, "verify", out, sizeof(out)), 4);
	assert_non_null(strstr(out, "no segment: the log ends with write 0"));
	end(&f);
	begin(&f);
	take_away(&f, "mark");
	assert_int_equal(run_on(&f, "verify", out, sizeof(out)), 4);
	assert_non_null(strstr(out, "mark: missing"));
	assert_int_equal(run_on(&f, "dump", out, sizeof(out)), 4);
	assert_non_null(strstr(out, "entry 180"));
	end(&f);
	/* One slot is enough. */
	begin(&f);
	put(&f, "mark", 40, "????????", 8);
	assert_int_equal(run_on(&f, "verify", out, sizeof(out)), 0);
	put(&f, "mark", 4096 + 40, "????????", 8);
	assert_int_equal(run_on(&f, "verify", out, sizeof(out)), 4);
	assert_non_null(strstr(out, "mark: both slots are damaged"));
	end(&f);
	begin(&f);
	put(&f, "cluster", 40, "?", 1);
	assert_int_equal(run_on(&f, "verify", out, sizeof(out)), 1);
	assert_non_null(strstr(out, "cluster at offset 0"));
	put(&f, "base", 40, "?", 1);
	put(&f, "base", 4096 + 40, "?", 1);
	assert_int_equal(run_on(&f, "verify", out, sizeof(out)), 1);
	assert_non_null(strstr(out, "base at offset 0"));
	end(&f);
}

static void snapshot_take(struct wal *w, raft_index index)
{
	static uint8_t data[3 * BLOCK_PAYLOAD];
	uint64_t seq;

	assert_int_equal(wal_snapshot_begin(w, index, 1, NULL, 0), 0);
	wal_snapshot_write(w, data, sizeof(data), 0);
	wal_snapshot_finish(w);
	while (wal_snapshot_result(w) == -EINPROGRESS)
		assert_int_equal(wal_poll(w, 0, &seq), 0);
	assert_int_equal(wal_snapshot_result(w), 0);
}

/* What the log ends with is not all that the directory has (deploy.md, "A lost majority"). */
static void S10_a_snapshot_that_reaches_further_than_the_log_is_told(void **state)
{
	static char out[4096];
	char error[WAL_ERROR_MAX];
	struct wal_recovered found;
	struct fixture f;
	struct wal *w;

	(void)state;
	begin(&f);
	for (raft_index beyond = 0; beyond < 2; beyond++) {
		assert_int_equal(wal_open(&w, &f.options, &found, error), 0);
		snapshot_take(w, found.last_index + beyond);
		assert_int_equal(wal_close(w), 0);
		assert_int_equal(run_on(&f, "verify", out, sizeof(out)), 0);
		if (!strstr(out, " reaches further than the log: ") != !beyond)
			fail_msg("%s", out);
	}
	end(&f);
}

/* They are listed, and with verify read whole: the block that is not right is named. */
static void W21_snapshots_are_listed_and_read(void **state)
{
	static char out[256 * 1024];
	const struct raft_snapshot offer = {200, 2, 2 * BLOCK_FILE_STEP, 0};
	struct wal_recovered found;
	char error[WAL_ERROR_MAX];
	struct fixture f;
	struct wal *w;
	uint64_t seq;

	(void)state;
	begin(&f);
	assert_int_equal(wal_open(&w, &f.options, &found, error), 0);
	snapshot_take(w, 100);
	/* What there is of one that is pulled is named, and nothing is wrong with it. */
	assert_int_equal(wal_pull_begin(w, &offer), 0);
	while (w->writer.step != SNAPSHOT_WRITE)
		assert_int_equal(wal_poll(w, 0, &seq), 0);
	assert_int_equal(wal_close(w), 0);
	assert_int_equal(run_on(&f, "verify", out, sizeof(out)), 0);
	assert_non_null(strstr(out, ", 1 snapshots, "));
	assert_int_equal(run_on(&f, "dump", out, sizeof(out)), 0);
	assert_non_null(strstr(out, "pulled in part: index 200 term 2 size 0\n"));
	assert_int_equal(run_on(&f, "dump --json", out, sizeof(out)), 0);
	assert_non_null(strstr(out, "\"part\":{\"index\":200,\"term\":2,\"size\":0}"));
	assert_int_equal(run_on(&f, "dump", out, sizeof(out)), 0);
	assert_non_null(strstr(out, "snapshot: index 100 term 1 size 65536 hash "));
	put(&f, "snapshot-0000000000000064-0000000000000001", 2 * BLOCK_SIZE + 7, "?", 1);
	assert_int_equal(run_on(&f, "verify", out, sizeof(out)), 1);
	assert_non_null(strstr(out, "good: "));
	assert_non_null(strstr(out, "snapshot-0000000000000064-0000000000000001 at offset 8192: "
				    "not the block that belongs there"));
	end(&f);
}

static void the_program(void **state)
{
	static char out[256 * 1024];
	struct fixture f;
	json_error_t error;
	json_t *json;

	(void)state;
	begin(&f);
	assert_int_equal(run_on(&f, "verify", out, sizeof(out)), 0);
	assert_non_null(strstr(out, "good: last index 180 term 2"));
	assert_non_null(strstr(out, "marked up to write"));
	assert_int_equal(run_on(&f, "dump", out, sizeof(out)), 0);
	assert_non_null(strstr(out, "durability durable unit 4096"));
	assert_non_null(strstr(out, "entry 180 term 2 command whole"));
	assert_non_null(strstr(out, "mark: write "));
	assert_non_null(strstr(out, "base: segment 1 index 1 after term 0 and write 0\n"));
	assert_non_null(strstr(out, "witness: member 0000000000000033 start 4.00000005 "
				    "acknowledged 170 in term 2\n"));
	assert_non_null(strstr(out, "cluster: 56 bytes\n"));
	assert_int_equal(run_on(&f, "dump --json", out, sizeof(out)), 0);
	json = json_loads(out, 0, &error);
	assert_non_null(json);
	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(json, "log"), "last_index")),
		180);
	assert_true(json_is_null(json_object_get(json, "error")));
	assert_true(json_is_false(json_object_get(json_object_get(json, "mark"), "lost")));
	assert_int_equal(json_array_size(json_object_get(json, "witnesses")), 1);
	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(json, "base"), "index")), 1);
	assert_int_equal(
		json_array_size(json_object_get(json, "writes")),
		json_integer_value(json_object_get(json_object_get(json, "log"), "writes")));
	json_decref(json);
	end(&f);
}

static void its_exit_statuses(void **state)
{
	static char out[256 * 1024];
	char zeros[512] = {0};
	struct wal_inspect_result r;
	char error[WAL_ERROR_MAX];
	struct fixture f;
	char *empty = test_directory_make();
	char arguments[256];
	json_t *json;

	(void)state;
	assert_int_equal(run("--help", out, sizeof(out)), 0);
	assert_non_null(strstr(out, "Exit status"));
	assert_int_equal(run("--version", out, sizeof(out)), 0);
	assert_non_null(strstr(out, QUOIN_VERSION));
	assert_int_equal(run("", out, sizeof(out)), 2);
	assert_int_equal(run("verify", out, sizeof(out)), 2);
	assert_int_equal(run("mend .", out, sizeof(out)), 2);
	assert_int_equal(run("verify --json .", out, sizeof(out)), 2);
	assert_int_equal(run("verify a b", out, sizeof(out)), 2);
	assert_int_equal(run("verify no-such-directory", out, sizeof(out)), 3);
	(void)snprintf(arguments, sizeof(arguments), "verify %s", empty);
	assert_int_equal(run(arguments, out, sizeof(out)), 5);
	assert_non_null(strstr(out, "new: "));
	assert_non_null(strstr(out, "there is no log here"));
	test_directory_remove(empty);

	/* A torn tail is not damage, and stays as it is; unless it had been marked. */
	begin_unmarked(&f);
	assert_int_equal(wal_inspect(f.path, NULL, NULL, &r, error), 0);
	put(&f, "segment-0000000000000001", r.end_offset - 512, zeros, 512);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(run_on(&f, "verify", out, sizeof(out)), 0);
		assert_non_null(strstr(out, ": torn: last index"));
		assert_non_null(strstr(out, "was not acknowledged"));
		assert_non_null(strstr(out, "last index 120"));
	}
	/* Damage is, and the place is named. */
	put(&f, "segment-0000000000000001", 4096 + 700, "?", 1);
	assert_int_equal(run_on(&f, "verify", out, sizeof(out)), 1);
	assert_non_null(strstr(out, "segment-0000000000000001 at offset"));
	assert_int_equal(run_on(&f, "dump --json", out, sizeof(out)), 1);
	*strstr(out, "\nquoin-wal:") = '\0';
	json = json_loads(out, 0, NULL);
	assert_non_null(json);
	assert_true(json_is_string(json_object_get(json, "error")));
	assert_string_equal(json_string_value(json_object_get(json, "verdict")), "damaged");
	json_decref(json);
	put(&f, "vote", 4096 + 100, "?", 1);
	assert_int_equal(run_on(&f, "verify", out, sizeof(out)), 1);
	assert_non_null(strstr(out, "vote at offset 4096"));
	put(&f, "identity", 20, "?", 1);
	assert_int_equal(run_on(&f, "verify", out, sizeof(out)), 1);
	assert_non_null(strstr(out, "identity at offset 0"));
	end(&f);
}

/* A log that a start refuses, for what lies beside it, is not "good" (F25, R56). */
static void F25_a_log_without_its_cluster(void **state)
{
	static char out[256 * 1024];
	const uint8_t other[24] = {1};
	struct wal_recovered found;
	char error[WAL_ERROR_MAX];
	struct fixture f;
	struct wal *w;

	(void)state;
	begin(&f);
	take_away(&f, "cluster");
	assert_int_equal(run_on(&f, "verify", out, sizeof(out)), 1);
	assert_non_null(strstr(out, "quoin-wal: damaged: "));
	assert_non_null(strstr(out, "/cluster: missing, or older than the log beside it\n"));
	assert_null(strstr(out, "good"));
	assert_int_equal(run_on(&f, "dump", out, sizeof(out)), 1);
	assert_non_null(strstr(out, "verdict: damaged\n"));
	assert_int_equal(wal_open(&w, &f.options, &found, error), 0);
	assert_int_equal(wal_record_write(w, other, sizeof(other)), 0);
	assert_int_equal(wal_close(w), 0);
	assert_int_equal(run_on(&f, "verify", out, sizeof(out)), 1);
	assert_non_null(strstr(out, "/cluster: what it says of the cluster cannot be read\n"));
	end(&f);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_log),
		cmocka_unit_test(a_log_in_use),
		cmocka_unit_test(V14_a_log_that_ends_before_its_mark),
		cmocka_unit_test(V22_a_flipped_bit_past_the_end_is_told),
		cmocka_unit_test(V25_a_segment_whose_new_name_was_lost),
		cmocka_unit_test(the_program),
		cmocka_unit_test(S10_a_snapshot_that_reaches_further_than_the_log_is_told),
		cmocka_unit_test(W21_snapshots_are_listed_and_read),
		cmocka_unit_test(its_exit_statuses),
		cmocka_unit_test(F25_a_log_without_its_cluster),
	};

	if (argc != 2)
		return 2;
	program = realpath(argv[1], NULL);
	if (!program)
		return 2;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
