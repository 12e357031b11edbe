/*
 * The disk's thread and its owner, each at its own pace: an event comes after what it tells of.
 */
#include "tests/unit/wal/helpers.h"

#include "wal/disk_thread.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { CALLS = 2000, WAIT_S = 20, HANG_S = 8, FREE = 1000 * 1000, NAME_SIZE = 64 };

static atomic_bool held; /* the thread's events */

/* The thread writes its events by it: in place of libc's, so that one comes when the test says. */
ssize_t write(int fd, const void *data, size_t size)
{
	while (atomic_load(&held))
		(void)sched_yield();
	return syscall(SYS_write, fd, data, size);
}

static atomic_bool hangs, syncs, waited_for;
static int leaving = -1; /* set while the thread is idle */

static bool over(const struct timespec *begun)
{
	struct timespec now;

	(void)sched_yield();
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec - begun->tv_sec > HANG_S;
}

/* Likewise: a device that does not answer, for as long as a test may take. */
int fsync(int fd)
{
	struct timespec begun;

	(void)clock_gettime(CLOCK_MONOTONIC, &begun);
	atomic_store(&syncs, true);
	while (atomic_load(&hangs) && !atomic_load(&waited_for))
		atomic_store(&waited_for, over(&begun));
	return (int)syscall(SYS_fsync, fd);
}

/* Likewise: nobody else takes of it, or gives. */
int fstatvfs(int fd, struct statvfs *fs)
{
	(void)fd;
	*fs = (struct statvfs){.f_frsize = 1, .f_blocks = FREE, .f_bfree = FREE, .f_bavail = FREE};
	return 0;
}

/* Room for what a removed file still has comes of it. */
int fallocate(int fd, int mode, off_t offset, off_t size)
{
	struct stat st;

	if (leaving < 0)
		return (int)syscall(SYS_fallocate, fd, mode, offset, size);
	if (fstat(leaving, &st) == 0 && st.st_size == 0)
		return 0;
	errno = ENOSPC;
	return -1;
}

static struct disk_thread *t;
static int directory;

static int begin(void **state)
{
	(void)state;
	directory = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(directory >= 0);
	return disk_thread_create(&t, directory, 0);
}

static int end(void **state)
{
	(void)state;
	disk_thread_destroy(t, false);
	return close(directory);
}

static bool readable(time_t seconds)
{
	struct pollfd p = {.fd = disk_thread_event(t), .events = POLLIN};
	const struct timespec time = {.tv_sec = seconds};

	return ppoll(&p, 1, &time, NULL) == 1;
}

static int ask(uint64_t tag)
{
	const struct disk_call call = {.kind = DISK_SPACE};

	return disk_thread_call(t, &call, -1, tag);
}

static struct disk_completion done; /* the last one */

static bool take(uint64_t tag)
{
	struct disk_call call;

	if (!disk_thread_poll(t, &call, &done))
		return false;
	assert_int_equal(done.tag, tag);
	return true;
}

/*
 * An owner that looks without a pause takes a call before its event is there. What comes afterwards
 * is no news: with it each wait would end at once, and 50 of them are a disk that hangs.
 */
static void V21_an_event_that_comes_late_is_read_off(void **state)
{
	(void)state;
	atomic_store(&held, true);
	assert_int_equal(ask(1), 0);
	while (!take(1))
		;
	atomic_store(&held, false);
	assert_true(readable(WAIT_S));
	assert_false(take(2));
	assert_false(readable(0));
	/* And if it comes together with the next one's, that is not missed. */
	atomic_store(&held, true);
	assert_int_equal(ask(2), 0);
	while (!take(2))
		;
	assert_int_equal(ask(3), 0);
	atomic_store(&held, false);
	while (!take(3))
		assert_true(readable(WAIT_S));
	assert_false(take(4));
	assert_false(disk_thread_busy(t));
}

/* An owner that sleeps until there is an event. */
static void no_call_is_missed(void **state)
{
	uint64_t asked = 0, taken = 0;

	(void)state;
	while (taken < CALLS) {
		while (asked < CALLS && ask(asked) == 0)
			asked++;
		assert_true(readable(WAIT_S));
		while (take(taken))
			taken++;
	}
}

static void remove_name(const char *name, uint64_t tag)
{
	struct disk_call call = {.kind = DISK_REMOVE};

	(void)snprintf(call.name, sizeof(call.name), "%s", name);
	assert_int_equal(disk_thread_call(t, &call, -1, tag), 0);
	while (!take(tag))
		assert_true(readable(WAIT_S));
}

static off_t size_of(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return st.st_size;
}

static void pause_ms(long ms)
{
	(void)nanosleep(&(struct timespec){.tv_nsec = ms * 1000 * 1000}, NULL);
}

/* Of so many bytes, none of them on the disk. */
static int file_make(char name[NAME_SIZE], const char *what, off_t size)
{
	int fd;

	(void)snprintf(name, NAME_SIZE, "quoin-%s-%d", what, getpid());
	fd = openat(directory, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	return fd;
}

/*
 * R21: a large file leaves in steps, and what is asked meanwhile does not wait for them. One that
 * has another name is left alone.
 */
static void R21_what_is_removed_goes_in_steps(void **state)
{
	enum { STEP = 16 * 1024 * 1024, SIZE = 60 * STEP, STEPS = 3, TRIES = 1000 };
	char name[NAME_SIZE], other[NAME_SIZE];
	int fd, steps = 0;
	off_t before;

	(void)state;
	(void)snprintf(other, sizeof(other), "quoin-stays-%d", getpid());
	fd = file_make(name, "leaves", SIZE);
	assert_int_equal(fallocate(fd, 0, 0, STEP), 0);
	assert_int_equal(linkat(directory, name, directory, other, 0), 0);
	remove_name(other, 1);
	assert_int_equal(faccessat(directory, other, F_OK, 0), -1);
	pause_ms(50);
	assert_int_equal(size_of(fd), SIZE);
	remove_name(name, 2);
	assert_int_equal(faccessat(directory, name, F_OK, 0), -1);
	before = size_of(fd);
	assert_true(before > 0);
	assert_int_equal(ask(3), 0);
	while (!take(3))
		assert_true(readable(WAIT_S));
	assert_true(size_of(fd) > 0);
	/* D8: what is on its way out is room, or each snapshot would make a small disk full. */
	assert_int_equal(done.result, 0);
	assert_true(done.value >= FREE + STEP);
	for (int i = 0; i < TRIES && steps < STEPS; i++) {
		off_t now = size_of(fd);

		steps += now < before;
		before = now;
		pause_ms(5);
	}
	assert_int_equal(steps, STEPS);
	(void)close(fd);
}

/* Of who reads it at that time (quoin-wal): a file that is cut short would be a damaged one. */
static void R21_what_somebody_reads_is_left_alone(void **state)
{
	enum { SIZE = 64 * 1024 * 1024 };
	char name[NAME_SIZE];
	int fd;

	(void)state;
	fd = file_make(name, "reads", SIZE);
	assert_int_equal(flock(fd, LOCK_SH), 0);
	remove_name(name, 1);
	pause_ms(50);
	assert_int_equal(size_of(fd), SIZE);
	(void)close(fd);
}

/* D8: and who needs it at once does not find the disk full. */
static void D8_no_room_while_a_removed_file_has_it(void **state)
{
	enum { SIZE = 160 * 1024 * 1024 };
	struct disk_call call = {.kind = DISK_ALLOCATE, .size = SIZE};
	char name[NAME_SIZE];
	int fd;

	(void)state;
	fd = file_make(name, "leaves", SIZE);
	leaving = fd;
	remove_name(name, 1);
	assert_int_equal(disk_thread_call(t, &call, fd, 2), 0);
	while (!take(2))
		assert_true(readable(WAIT_S));
	assert_int_equal(done.result, 0);
	/* None is left that it would come of. */
	assert_int_equal(ftruncate(fd, 1), 0);
	assert_int_equal(disk_thread_call(t, &call, fd, 3), 0);
	while (!take(3))
		assert_true(readable(WAIT_S));
	assert_int_equal(done.result, -ENOSPC);
	leaving = -1;
	(void)close(fd);
}

/* An end does not wait for a device that lets go of nothing. */
static void R21_an_end_while_a_step_hangs(void **state)
{
	enum { SIZE = 64 * 1024 * 1024 };
	struct timespec begun;
	char name[NAME_SIZE];
	int fd;

	(void)state;
	(void)clock_gettime(CLOCK_MONOTONIC, &begun);
	fd = file_make(name, "hangs", SIZE);
	atomic_store(&syncs, false);
	atomic_store(&hangs, true);
	remove_name(name, 1);
	while (!atomic_load(&syncs))
		assert_false(over(&begun));
	disk_thread_destroy(t, true);
	assert_false(atomic_load(&waited_for));
	atomic_store(&hangs, false);
	(void)close(fd);
	(void)close(directory);
	assert_int_equal(begin(state), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(V21_an_event_that_comes_late_is_read_off, begin,
						end),
		cmocka_unit_test_setup_teardown(no_call_is_missed, begin, end),
		cmocka_unit_test_setup_teardown(R21_what_is_removed_goes_in_steps, begin, end),
		cmocka_unit_test_setup_teardown(R21_what_somebody_reads_is_left_alone, begin, end),
		cmocka_unit_test_setup_teardown(D8_no_room_while_a_removed_file_has_it, begin, end),
		cmocka_unit_test_setup_teardown(R21_an_end_while_a_step_hangs, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
