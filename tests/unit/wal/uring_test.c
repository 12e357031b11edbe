/*
 * The disk seam over io_uring, on real files: what the kernel does short, late or not at all never
 * shows above the seam.
 */
#include "tests/unit/wal/helpers.h"

#include "wal/io.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SIZE = 16 * 4096 };

struct setup {
	char *path;
	struct disk *disk;
	uint8_t *buffers; /* registered; twice SIZE */
};

static void begin(struct setup *s)
{
	s->path = test_directory_make();
	s->buffers = aligned_alloc(65536, 2 * SIZE);
	assert_non_null(s->buffers);
	for (size_t i = 0; i < 2 * SIZE; i++)
		s->buffers[i] = (uint8_t)(i * 7 + i / 509);
	assert_int_equal(disk_uring_create(&s->disk, s->path, false, s->buffers, 2 * SIZE), 0);
}

static void end(struct setup *s)
{
	s->disk->ops->destroy(s->disk);
	free(s->buffers);
	test_directory_remove(s->path);
}

static int one(struct disk *d, uint64_t tag)
{
	struct disk_completion done;

	assert_int_equal(d->ops->submit(d), 0);
	assert_int_equal(d->ops->poll(d, &done, 1, true), 1);
	assert_int_equal(done.tag, tag);
	return done.result;
}

static void transfers(enum disk_mode mode)
{
	uint8_t *plain = aligned_alloc(65536, SIZE);
	const struct disk_ops *ops;
	struct setup s;
	uint64_t size;
	int file;

	assert_non_null(plain);
	begin(&s);
	ops = s.disk->ops;
	assert_true(s.disk->unit >= 4096);
	assert_int_equal(wal_io_open(s.disk, "a", false, mode, &file), -ENOENT);
	assert_int_equal(wal_io_open(s.disk, "a", true, mode, &file), 0);
	/* From a registered buffer, and from another. */
	assert_int_equal(ops->write(s.disk, file, 0, s.buffers, SIZE, 5), 0);
	assert_int_equal(one(s.disk, 5), 0);
	memset(plain, 0x5a, SIZE);
	assert_int_equal(ops->write(s.disk, file, SIZE, plain, SIZE, 6), 0);
	assert_int_equal(one(s.disk, 6), 0);
	assert_int_equal(ops->sync(s.disk, file, 7), 0);
	assert_int_equal(one(s.disk, 7), 0);
	assert_int_equal(ops->size(s.disk, file, &size), 0);
	assert_int_equal(size, 2 * SIZE);
	assert_int_equal(ops->read(s.disk, file, 0, s.buffers + SIZE, SIZE, 8), 0);
	assert_int_equal(one(s.disk, 8), 0);
	assert_memory_equal(s.buffers, s.buffers + SIZE, SIZE);
	memset(plain, 0, SIZE);
	assert_int_equal(ops->read(s.disk, file, SIZE, plain, SIZE, 9), 0);
	assert_int_equal(one(s.disk, 9), 0);
	for (int i = 0; i < SIZE; i++)
		assert_int_equal(plain[i], 0x5a);
	/* Past the end there is nothing: an error, not a short read. */
	assert_int_equal(ops->read(s.disk, file, 2 * SIZE - 4096, plain, 8192, 10), 0);
	assert_int_equal(one(s.disk, 10), -ENODATA);
	wal_io_close(s.disk, file);
	assert_int_equal(wal_io_open(s.disk, "a", true, mode, &file), -EEXIST);
	end(&s);
	free(plain);
}

static void transfers_to_stable_storage(void **state)
{
	(void)state;
	transfers(DISK_DURABLE);
}

static void transfers_through_the_page_cache(void **state)
{
	(void)state;
	transfers(DISK_CACHED);
}

/* More than fit in flight: -EAGAIN, all of what was taken completes, and there is room again. */
static void W13_more_than_fits(void **state)
{
	struct disk_completion done[DISK_IN_FLIGHT_MAX];
	uint64_t seen = 0;
	struct setup s;
	int file;

	(void)state;
	begin(&s);
	assert_int_equal(wal_io_open(s.disk, "a", true, DISK_DURABLE, &file), 0);
	for (int round = 0; round < 3; round++) {
		uint32_t count = 0;

		for (uint64_t i = 0; i < DISK_IN_FLIGHT_MAX; i++)
			assert_int_equal(
				s.disk->ops->write(s.disk, file, i * 4096, s.buffers, 4096, i), 0);
		assert_int_equal(s.disk->ops->write(s.disk, file, 0, s.buffers, 4096, 99), -EAGAIN);
		assert_int_equal(s.disk->ops->submit(s.disk), 0);
		seen = 0;
		while (count < DISK_IN_FLIGHT_MAX) {
			uint32_t n = s.disk->ops->poll(s.disk, done, DISK_IN_FLIGHT_MAX, true);

			for (uint32_t i = 0; i < n; i++) {
				assert_int_equal(done[i].result, 0);
				assert_true((seen >> done[i].tag & 1) == 0);
				seen |= 1ul << done[i].tag;
			}
			count += n;
		}
		assert_true(seen == UINT64_MAX);
		assert_int_equal(s.disk->ops->poll(s.disk, done, 1, false), 0);
	}
	end(&s);
}

/*
 * The limit on a file's size makes the kernel write the first half and say so; the second half,
 * handed to it again, is refused. Above the seam it is one write, and it failed.
 */
/* As a lab has it: what is asked meanwhile is done when it goes on, and not before. */
static void R46_a_disk_that_is_held_does_nothing(void **state)
{
	struct disk_completion done;
	const struct disk_ops *ops;
	struct setup s;
	int file;

	(void)state;
	begin(&s);
	ops = s.disk->ops;
	assert_int_equal(wal_io_open(s.disk, "a", true, DISK_DURABLE, &file), 0);
	s.disk->held = true;
	s.disk->wait_ns = 1000000;
	assert_int_equal(ops->write(s.disk, file, 0, s.buffers, SIZE, 5), 0);
	assert_int_equal(ops->sync(s.disk, file, 6), 0);
	assert_int_equal(ops->submit(s.disk), 0);
	/* It waits for as long as it may. */
	assert_int_equal(ops->poll(s.disk, &done, 1, true), 0);
	s.disk->held = false;
	s.disk->wait_ns = 0;
	/* In any order. */
	for (int sum = 0; sum < 5 + 6; sum += (int)done.tag) {
		assert_int_equal(ops->poll(s.disk, &done, 1, true), 1);
		assert_int_equal(done.result, 0);
	}
	end(&s);
}

static void W11_a_short_write_is_continued(void **state)
{
	struct rlimit before;
	struct rlimit limit;
	struct setup s;
	uint64_t size;
	int file;

	(void)state;
	(void)signal(SIGXFSZ, SIG_IGN);
	begin(&s);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = SIZE / 2;
	assert_int_equal(wal_io_open(s.disk, "a", true, DISK_CACHED, &file), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(s.disk->ops->write(s.disk, file, 0, s.buffers, SIZE, 1), 0);
	assert_int_equal(one(s.disk, 1), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(s.disk->ops->size(s.disk, file, &size), 0);
	assert_int_equal(size, SIZE / 2);
	end(&s);
}

/* A limit is of bytes (LimitFSIZE), O_DIRECT takes blocks: it is no space, as any other (D8). */
static void D8_a_limit_within_a_block_is_no_space(void **state)
{
	static const enum disk_mode modes[] = {DISK_DIRECT, DISK_DURABLE};
	struct rlimit before, limit;
	struct setup s;
	int file;

	(void)state;
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	for (rlim_t i = 0; i < 2 * 4; i++) {
		begin(&s);
		limit.rlim_cur = SIZE / 2 + i / 2 * 1000;
		assert_int_equal(wal_io_open(s.disk, "a", true, modes[i % 2], &file), 0);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
		assert_int_equal(s.disk->ops->write(s.disk, file, 0, s.buffers, SIZE, 1), 0);
		assert_int_equal(one(s.disk, 1), -EFBIG);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
		end(&s);
	}
}

static void names(void **state)
{
	char name[DISK_NAME_MAX];
	struct setup s;
	uint32_t count = 0;
	int file;

	(void)state;
	begin(&s);
	assert_int_equal(s.disk->ops->list(s.disk, 0, name), -ENOENT);
	assert_int_equal(wal_io_open(s.disk, "b.tmp", true, DISK_CACHED, &file), 0);
	wal_io_close(s.disk, file);
	assert_int_equal(wal_io_rename(s.disk, "b.tmp", "b"), 0);
	assert_int_equal(wal_io_rename(s.disk, "b.tmp", "b"), -ENOENT);
	assert_int_equal(wal_io_open(s.disk, "c", true, DISK_CACHED, &file), 0);
	assert_int_equal(wal_io_sync_names(s.disk), 0);
	while (s.disk->ops->list(s.disk, count, name) == 0) {
		assert_true(strcmp(name, "b") == 0 || strcmp(name, "c") == 0);
		count++;
	}
	assert_int_equal(count, 2);
	assert_int_equal(wal_io_remove(s.disk, "b"), 0);
	assert_int_equal(wal_io_remove(s.disk, "b"), -ENOENT);
	end(&s);
}

static void W26_the_directory_is_locked(void **state)
{
	struct disk *second;
	struct setup s;

	(void)state;
	begin(&s);
	assert_int_equal(s.disk->ops->lock(s.disk), 0);
	assert_int_equal(disk_uring_create(&second, s.path, false, NULL, 0), 0);
	assert_int_equal(second->ops->lock(second), -EWOULDBLOCK);
	second->ops->destroy(second);
	end(&s);
}

/* A file's lock is what a killed process's last write holds on to. */
static void every_open_file_is_locked(void **state)
{
	char path[256];
	struct setup s;
	int file;
	int fd;

	(void)state;
	begin(&s);
	assert_int_equal(wal_io_open(s.disk, "a", true, DISK_DURABLE, &file), 0);
	(void)snprintf(path, sizeof(path), "%s/a", s.path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), -1);
	wal_io_close(s.disk, file);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	(void)close(fd);
	end(&s);
}

/* Two peers pull one snapshot: nothing waits for either, and who would write it is kept off. */
static void who_reads_shares_a_file(void **state)
{
	char path[256];
	struct setup s;
	int file, again, fd;

	(void)state;
	begin(&s);
	assert_int_equal(wal_io_open(s.disk, "a", true, DISK_DURABLE, &file), 0);
	assert_int_equal(s.disk->ops->write(s.disk, file, 0, s.buffers, SIZE, 5), 0);
	assert_int_equal(one(s.disk, 5), 0);
	wal_io_close(s.disk, file);
	assert_int_equal(wal_io_open(s.disk, "a", false, DISK_READ, &file), 0);
	assert_int_equal(wal_io_open(s.disk, "a", false, DISK_READ, &again), 0);
	for (int i = 0; i < 2; i++) {
		memset(s.buffers + SIZE, 0, SIZE);
		assert_int_equal(
			s.disk->ops->read(s.disk, i ? again : file, 0, s.buffers + SIZE, SIZE, 6),
			0);
		assert_int_equal(one(s.disk, 6), 0);
		assert_memory_equal(s.buffers, s.buffers + SIZE, SIZE);
	}
	(void)snprintf(path, sizeof(path), "%s/a", s.path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), -1);
	wal_io_close(s.disk, file);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), -1);
	wal_io_close(s.disk, again);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	(void)close(fd);
	end(&s);
}

/* The files that the log makes durable by fsync, seen on their way to the kernel. */
static ino_t synced[8];
static uint32_t synced_count;

int fsync(int fd)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && synced_count < 8)
		synced[synced_count++] = st.st_ino;
	return (int)syscall(SYS_fsync, fd);
}

/* A process may be killed between making the directory and syncing its name: the next one does. */
static void W17_the_name_of_a_directory_that_is_there_is_synced(void **state)
{
	struct disk *d;
	struct stat st;
	char path[256];
	char *parent;
	bool found = false;

	(void)state;
	parent = test_directory_make();
	(void)snprintf(path, sizeof(path), "%s/there", parent);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(stat(parent, &st), 0);
	synced_count = 0;
	assert_int_equal(disk_uring_create(&d, path, true, NULL, 0), 0);
	for (uint32_t i = 0; i < synced_count; i++)
		found |= synced[i] == st.st_ino;
	assert_true(found);
	d->ops->destroy(d);
	assert_int_equal(rmdir(path), 0);
	test_directory_remove(parent);
}

static void directories(void **state)
{
	struct disk *d;
	struct stat st;
	char path[256];
	char *parent;

	(void)state;
	parent = test_directory_make();
	(void)snprintf(path, sizeof(path), "%s/new", parent);
	assert_int_equal(disk_uring_create(&d, path, false, NULL, 0), -ENOENT);
	assert_int_equal(disk_uring_create(&d, path, true, NULL, 0), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	d->ops->destroy(d);
	assert_int_equal(disk_uring_create(&d, path, true, NULL, 0), 0);
	d->ops->destroy(d);
	assert_int_equal(rmdir(path), 0);
	(void)snprintf(path, sizeof(path), "%s/no/such", parent);
	assert_int_equal(disk_uring_create(&d, path, true, NULL, 0), -ENOENT);
	test_directory_remove(parent);
	assert_int_equal(disk_uring_create(&d, "/proc/version", false, NULL, 0), -ENOTDIR);
}

/* Memory is not stable storage, whatever it answers to O_DIRECT. */
static void durable_is_refused_in_memory(void **state)
{
	char path[] = "/dev/shm/wal-test-XXXXXX";
	struct wal_recovered found;
	char error[WAL_ERROR_MAX];
	struct wal_options options = {
		.directory = path, .segment_size = WAL_SEGMENT_SIZE_MIN, .create = true};
	struct wal *w;

	(void)state;
	if (access("/dev/shm", W_OK) != 0 || !mkdtemp(path))
		skip();
	assert_int_equal(wal_open(&w, &options, &found, error), -EOPNOTSUPP);
	assert_non_null(strstr(error, "volatile"));
	options.durability = WAL_VOLATILE;
	assert_int_equal(wal_open(&w, &options, &found, error), 0);
	assert_int_equal(wal_close(w), 0);
	test_directory_remove(strdup(path));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(transfers_to_stable_storage),
		cmocka_unit_test(transfers_through_the_page_cache),
		cmocka_unit_test(W13_more_than_fits),
		cmocka_unit_test(R46_a_disk_that_is_held_does_nothing),
		cmocka_unit_test(W11_a_short_write_is_continued),
		cmocka_unit_test(D8_a_limit_within_a_block_is_no_space),
		cmocka_unit_test(names),
		cmocka_unit_test(W26_the_directory_is_locked),
		cmocka_unit_test(every_open_file_is_locked),
		cmocka_unit_test(who_reads_shares_a_file),
		cmocka_unit_test(W17_the_name_of_a_directory_that_is_there_is_synced),
		cmocka_unit_test(directories),
		cmocka_unit_test(durable_is_refused_in_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
