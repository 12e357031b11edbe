/*
 * The whole log on real files: io_uring, direct I/O, the page cache, locks.
 */
#include "tests/unit/wal/helpers.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct wal_options options_for(const char *path, enum wal_durability durability)
{
	return (struct wal_options){.directory = path,
				    .durability = durability,
				    .segment_size = WAL_SEGMENT_SIZE_MIN,
				    .identity_seed = 7,
				    .create = true};
}

static void round_trip(enum wal_durability durability)
{
	char *path = test_directory_make();
	struct wal_options options = options_for(path, durability);
	struct raft_hard_state hard_state = {.term = 3, .vote = 0x22};
	struct wal_recovered found;
	char error[WAL_ERROR_MAX];
	raft_identity identity;
	struct wal *w;

	if (wal_open(&w, &options, &found, error) != 0)
		fail_msg("%s", error);
	assert_true(found.created);
	assert_int_equal(raft_start_count(found.start), 1);
	assert_int_equal(found.last_index, 0);
	identity = found.identity;
	assert_int_not_equal(identity, 0);
	assert_int_equal(test_persist(w, test_append(w, 1, 3000, 3)), 0);
	assert_int_equal(wal_append(w, w->seq + 1, &hard_state, NULL, 0), 0);
	assert_int_equal(test_persist(w, w->seq), 0);
	/* Past a segment of 4 MiB: 6000 entries of 600 bytes on the average roll it. */
	assert_int_equal(test_persist(w, test_append(w, 3001, 9000, 3)), 0);
	test_expect(w, 1, 9000, 3);
	assert_int_equal(test_persist(w, test_append(w, 8500, 8600, 4)), 0);
	test_expect(w, 1, 8499, 3);
	test_expect(w, 8500, 8600, 4);
	assert_false(wal_busy(w));
	assert_int_equal(wal_close(w), 0);

	options.create = false;
	if (wal_open(&w, &options, &found, error) != 0)
		fail_msg("%s", error);
	assert_false(found.created);
	assert_int_equal(found.identity, identity);
	assert_int_equal(raft_start_count(found.start), 2);
	assert_int_equal(found.last_index, 8600);
	assert_int_equal(found.last_term, 4);
	assert_int_equal(found.hard_state.term, 4);
	assert_int_equal(found.hard_state.vote, 0);
	assert_int_equal(found.torn_bytes, 0);
	assert_int_equal(found.members_index, 8537);
	assert_int_equal(found.members_before_index, 8440);
	test_expect(w, 1, 8499, 3);
	test_expect(w, 8500, 8600, 4);
	assert_int_equal(wal_close(w), 0);
	test_directory_remove(path);
}

static void a_durable_log_comes_back(void **state)
{
	(void)state;
	round_trip(WAL_DURABLE);
}

static void a_written_log_comes_back(void **state)
{
	(void)state;
	round_trip(WAL_WRITTEN);
}

/* Appends for ever, and says in the pipe what was acknowledged; ends by being killed. */
static void write_until_killed(const struct wal_options *options, int out)
{
	struct wal_recovered found;
	char error[WAL_ERROR_MAX];
	uint64_t acked = 0;
	uint64_t seq = 0;
	struct wal *w;

	if (wal_open(&w, options, &found, error) != 0)
		_exit(1);
	for (raft_index last = found.last_index; true;) {
		struct raft_entry entry;
		uint8_t data[RAFT_ENTRY_DATA_MAX];
		uint64_t durable;

		test_entry(&entry, data, last + 1, 1);
		if (wal_room(w) > 65536 && wal_append(w, ++seq, NULL, &entry, 1) == 0)
			last++;
		if (wal_poll(w, 0, &durable) != 0)
			_exit(1);
		if (durable > acked) {
			raft_index index = found.last_index + durable;

			acked = durable;
			if (write(out, &index, sizeof(index)) != sizeof(index))
				_exit(1);
		}
	}
}

/* kill -9 proves recovery, not durability; the next start comes at once, without a pause. */
static void killed_processes_lose_nothing(void **state)
{
	char *path = test_directory_make();
	struct wal_options options = options_for(path, WAL_DURABLE);
	struct wal_recovered found;
	char error[WAL_ERROR_MAX];
	raft_index acked = 0;
	struct wal *w;

	(void)state;
	for (uint32_t round = 0; round < 10; round++) {
		raft_index index;
		int ends[2];
		int status;
		pid_t child;

		assert_int_equal(pipe(ends), 0);
		child = fork();
		assert_true(child >= 0);
		if (child == 0) {
			(void)close(ends[0]);
			write_until_killed(&options, ends[1]);
		}
		(void)close(ends[1]);
		for (uint32_t i = 0; i < 3 + 7 * round; i++) {
			assert_int_equal(read(ends[0], &index, sizeof(index)), sizeof(index));
			acked = index;
		}
		assert_int_equal(kill(child, SIGKILL), 0);
		while (read(ends[0], &index, sizeof(index)) == sizeof(index))
			acked = index;
		(void)close(ends[0]);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
		if (wal_open(&w, &options, &found, error) != 0)
			fail_msg("round %u: %s", round, error);
		assert_true(found.last_index >= acked);
		test_expect(w, 1, found.last_index, 1);
		assert_int_equal(wal_close(w), 0);
	}
	test_directory_remove(path);
}

/* Zeros `size` bytes of a file, or takes the file away (size 0). */
static void lose(const char *path, const char *name, off_t offset, size_t size)
{
	char file[256];
	char *zeros;
	int fd;

	(void)snprintf(file, sizeof(file), "%s/%s", path, name);
	if (size == 0) {
		assert_int_equal(unlink(file), 0);
		return;
	}
	zeros = calloc(1, size);
	assert_non_null(zeros);
	fd = open(file, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, zeros, size, offset), size);
	assert_int_equal(fsync(fd), 0);
	(void)close(fd);
	free(zeros);
}

/* Lost until it is whole, with everything as it is on a real disk. */
static void lost_until_whole(const struct wal_options *options, const char *file)
{
	struct wal_recovered found;
	char error[WAL_ERROR_MAX];
	struct wal *w;

	for (int start = 0; start < 3; start++) {
		if (wal_open(&w, options, &found, error) != 0)
			fail_msg("%s", error);
		if (!found.lost || !strstr(found.lost_why, start == 0 ? file : ""))
			fail_msg("start %d: lost %d: %s", start, found.lost, found.lost_why);
		test_expect(w, 1, found.last_index, 3);
		assert_int_equal(test_persist(w, test_append(w, found.last_index + 1,
							     found.last_index + 500, 3)),
				 0);
		if (start == 2) {
			wal_whole(w);
			test_mark(w, 0, NULL, 0);
		}
		assert_int_equal(wal_close(w), 0);
	}
	assert_int_equal(wal_open(&w, options, &found, error), 0);
	assert_false(found.lost);
	test_expect(w, 1, found.last_index, 3);
	assert_int_equal(wal_close(w), 0);
}

/* On a disk, in both modes: the end is zeroed, segments are gone, the mark is. */
static void V14_what_a_real_disk_lost_is_told(void **state)
{
	static const struct {
		const char *name;
		off_t offset;
		size_t size;
		const char *told;
	} cases[] = {
		{"segment-0000000000000002", 4096, WAL_SEGMENT_SIZE_MIN - 4096, "segment-"},
		{"segment-0000000000000003", 0, 0, "segment-0000000000000003"},
		{"mark", 0, 0, "mark: missing"},
		{"mark", 0, 8192, "mark: both slots"},
	};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		char *path = test_directory_make();
		struct wal_options options = options_for(path, i % 2 ? WAL_WRITTEN : WAL_DURABLE);
		struct wal_recovered found;
		char error[WAL_ERROR_MAX];
		struct wal *w;

		if (wal_open(&w, &options, &found, error) != 0)
			fail_msg("%s", error);
		/* Past a segment of 4 MiB. */
		assert_int_equal(test_persist(w, test_append(w, 1, 8000, 3)), 0);
		assert_int_equal(w->tail, 1);
		test_settle(w);
		wal_witness_changed(w);
		test_mark(w, 1000ul * 1000 * 1000, NULL, 0);
		assert_int_equal(wal_close(w), 0);
		lose(path, cases[i / 2].name, cases[i / 2].offset, cases[i / 2].size);
		lost_until_whole(&options, cases[i / 2].told);
		test_directory_remove(path);
	}
}

/* A reset on real files: another identity, and nothing of the former one. */
static void a_real_directory_is_reset(void **state)
{
	char *path = test_directory_make();
	struct wal_options options = options_for(path, WAL_DURABLE);
	struct wal_recovered found;
	const uint8_t record[8] = {1};
	char error[WAL_ERROR_MAX];
	raft_identity identity;
	struct wal *w;

	(void)state;
	assert_int_equal(wal_open(&w, &options, &found, error), 0);
	identity = found.identity;
	assert_int_equal(wal_record_write(w, record, sizeof(record)), 0);
	assert_int_equal(wal_close(w), 0);
	assert_int_equal(wal_open(&w, &options, &found, error), 0);
	assert_int_equal(found.record_size, sizeof(record));
	assert_memory_equal(found.record, record, sizeof(record));
	assert_int_equal(wal_record_write(w, NULL, 0), 0);
	assert_int_equal(wal_close(w), 0);
	options.create = false;
	if (wal_open(&w, &options, &found, error) != 0)
		fail_msg("%s", error);
	assert_true(found.created);
	assert_true(found.identity != identity);
	assert_int_equal(found.record_size, 0);
	assert_int_equal(wal_close(w), 0);
	test_directory_remove(path);
}

static void W26_a_directory_in_use(void **state)
{
	char *path = test_directory_make();
	struct wal_options options = options_for(path, WAL_DURABLE);
	struct wal_recovered found;
	char error[WAL_ERROR_MAX];
	struct wal *second;
	struct wal *w;

	(void)state;
	assert_int_equal(wal_open(&w, &options, &found, error), 0);
	assert_int_equal(wal_open(&second, &options, &found, error), -EWOULDBLOCK);
	assert_non_null(strstr(error, path));
	assert_int_equal(wal_close(w), 0);
	test_directory_remove(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_durable_log_comes_back),
		cmocka_unit_test(a_written_log_comes_back),
		cmocka_unit_test(killed_processes_lose_nothing),
		cmocka_unit_test(V14_what_a_real_disk_lost_is_told),
		cmocka_unit_test(a_real_directory_is_reset),
		cmocka_unit_test(W26_a_directory_in_use),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
