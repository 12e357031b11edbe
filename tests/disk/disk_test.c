/*
 * The disk that fails: each injection does what it says, and nothing else goes wrong.
 */
#include "tests/disk/mounted.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

static void passes_through(void **state)
{
	char name[300];
	struct stat st;
	int fd;

	(void)state;
	fd = direct("a");
	assert_int_equal(uring_write(fd, SIZE, 0), SIZE);
	assert_int_equal(uring_write(fd, BLOCK, SIZE), BLOCK);
	assert_int_equal(uring_read(fd, SIZE, 0), SIZE);
	assert_memory_equal(seen, data, SIZE);
	assert_int_equal(uring_read(fd, SIZE, SIZE), BLOCK);
	assert_int_equal(uring_sync(fd), 0);
	(void)close(fd);
	assert_int_equal(rename(path("a"), path("b")), 0);
	assert_false(is_there("a"));
	assert_int_equal(size_of("b"), SIZE + BLOCK);
	sync_names();
	(void)snprintf(name, sizeof(name), "%s/b", d.beneath);
	assert_int_equal(stat(name, &st), 0);
	assert_int_equal(mkdir(path("sub"), 0700), 0);
	fd = direct("sub/c");
	assert_int_equal(uring_write(fd, BLOCK, 0), BLOCK);
	(void)close(fd);
	assert_int_equal(unlink(path("sub/c")), 0);
	assert_int_equal(rmdir(path("sub")), 0);
	assert_int_equal(unlink(path("b")), 0);
	assert_int_not_equal(stat(name, &st), 0);
	fd = open_file("c", O_CREAT);
	assert_int_equal(posix_fallocate(fd, 0, SIZE), 0);
	assert_int_equal(size_of("c"), SIZE);
	assert_int_equal(ftruncate(fd, BLOCK), 0);
	assert_int_equal(size_of("c"), BLOCK);
	(void)close(fd);
}

/* Each in its turn, and with its name, reaches the completion of a direct write. */
static void errors_reach_the_completion(void **state)
{
	uint32_t rule;
	int fd;

	(void)state;
	fd = direct("a");
	rule = disk_rule(&d, "on write a skip 1 times 2 fail EIO");
	(void)disk_rule(&d, "on write b fail ENOSPC");
	assert_int_equal(uring_write(fd, BLOCK, 0), BLOCK);
	assert_int_equal(uring_write(fd, BLOCK, 0), -EIO);
	assert_int_equal(uring_write(fd, BLOCK, BLOCK), -EIO);
	assert_int_equal(uring_write(fd, BLOCK, 0), BLOCK);
	assert_int_equal(size_of("a"), BLOCK);
	assert_int_equal(disk_hits(&d, rule), 2);
	disk_tell(&d, "drop all");
	(void)disk_rule(&d, "on read a fail EIO");
	(void)disk_rule(&d, "on fsync a times 1 fail EIO");
	assert_int_equal(uring_read(fd, BLOCK, 0), -EIO);
	assert_int_equal(uring_sync(fd), -EIO);
	assert_int_equal(uring_sync(fd), 0);
	(void)close(fd);
	disk_tell(&d, "drop all");
	(void)disk_rule(&d, "on open a fail EROFS");
	assert_int_equal(open(path("a"), O_RDWR | O_CLOEXEC), -1);
	assert_int_equal(errno, EROFS);
	(void)disk_rule(&d, "on create,rename,remove,fsyncdir * fail EIO");
	assert_int_equal(open(path("new"), O_RDWR | O_CREAT | O_CLOEXEC, 0600), -1);
	assert_int_equal(errno, EIO);
	assert_int_equal(rename(path("a"), path("b")), -1);
	assert_int_equal(unlink(path("a")), -1);
	fd = open(d.mount, O_RDONLY | O_CLOEXEC);
	assert_int_equal(fsync(fd), -1);
	assert_int_equal(errno, EIO);
	(void)close(fd);
	assert_true(is_there("a"));
}

static void short_transfers_reach_the_completion(void **state)
{
	int fd;

	(void)state;
	fd = open_file("a", O_CREAT | O_DIRECT);
	assert_int_equal(uring_write(fd, SIZE, 0), SIZE);
	(void)disk_rule(&d, "on read,write * short 8192");
	assert_int_equal(uring_read(fd, SIZE, 0), 8192);
	/* Not as a short one: see disk.h. */
	memset(data, 0x77, SIZE);
	assert_int_equal(uring_write(fd, SIZE, 0), -EIO);
	(void)close(fd);
	fd = open_file("b", O_CREAT);
	assert_int_equal(pwrite(fd, data, SIZE, 0), 8192);
	assert_int_equal(size_of("b"), 8192);
	(void)close(fd);
	disk_tell(&d, "drop all");
	fd = open_file("a", O_DIRECT);
	assert_int_equal(uring_read(fd, SIZE, 0), SIZE);
	assert_int_equal(seen[8191], 0x77);
	assert_int_not_equal(seen[8192], 0x77);
	(void)close(fd);
}

static void a_stall_ends_or_never_does(void **state)
{
	uint64_t begin = clock_now();
	uint32_t rule;
	int fd;

	(void)state;
	fd = direct("a");
	rule = disk_rule(&d, "on write a times 1 stall 100ms");
	assert_int_equal(uring_write(fd, BLOCK, 0), BLOCK);
	assert_true(clock_now() - begin >= 100 * CLOCK_MS);
	disk_tell(&d, "drop %u", rule);
	rule = disk_rule(&d, "on write a times 1 stall forever");
	queue_write(fd, BLOCK, 0);
	disk_wait_waiting(&d, 1);
	/* Others get on. */
	assert_int_equal(uring_write(fd, BLOCK, BLOCK), BLOCK);
	assert_true(is_there("a"));
	disk_tell(&d, "drop %u", rule);
	assert_int_equal(completion(), BLOCK);
	/* One that waits for good does not keep the disk from ending. */
	(void)disk_rule(&d, "on write,look a stall forever");
	queue_write(fd, BLOCK, 0);
	disk_wait_waiting(&d, 1);
	disk_unmount(&d);
	assert_true(completion() < 0);
	(void)close(fd);
	mount_again();
}

/* Does it in a process of its own, and exits with its errno. */
static pid_t in_child(int (*what)(void))
{
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0)
		_exit(what() == 0 ? 0 : errno);
	return child;
}

static int status_of(pid_t child)
{
	int status;

	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int make_new(void)
{
	return open(path("new"), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600) >= 0 ? 0 : -1;
}

static int rename_a(void)
{
	return rename(path("new"), path("b"));
}

static int sync_directory(void)
{
	return fsync(open(d.mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static void metadata_is_slow(void **state)
{
	static int (*const what[])(void) = {make_new, rename_a, sync_directory};
	int fd;

	(void)state;
	fd = direct("a");
	for (size_t i = 0; i < sizeof(what) / sizeof(what[0]); i++) {
		uint32_t rule = disk_rule(&d, "on meta * stall forever");
		pid_t child = in_child(what[i]);

		disk_wait_waiting(&d, 1);
		/* What is open already is written meanwhile (the kernel locks what it renames). */
		assert_int_equal(uring_write(fd, BLOCK, 0), BLOCK);
		disk_tell(&d, "drop %u", rule);
		assert_int_equal(status_of(child), 0);
	}
	assert_false(is_there("new"));
	assert_true(is_there("b"));
	(void)close(fd);
}

static void space_is_counted(void **state)
{
	struct statvfs st;
	int fd;

	(void)state;
	fd = direct("a");
	disk_tell(&d, "space %d", 3 * BLOCK);
	assert_int_equal(uring_write(fd, 2 * BLOCK, 0), 2 * BLOCK);
	assert_int_equal(statvfs(d.mount, &st), 0);
	assert_int_equal(st.f_bavail * st.f_frsize, BLOCK);
	assert_int_equal(uring_write(fd, 2 * BLOCK, 2 * BLOCK), -ENOSPC);
	/* The kernel takes its part back, for the file did not grow. */
	assert_int_equal(size_of("a"), 2 * BLOCK);
	assert_int_equal(uring_write(fd, BLOCK, 2 * BLOCK), BLOCK);
	assert_int_equal(uring_write(fd, BLOCK, 3 * BLOCK), -ENOSPC);
	/* What is there may be written over; a name more has no room. */
	assert_int_equal(uring_write(fd, 3 * BLOCK, 0), 3 * BLOCK);
	assert_int_equal(status_of(in_child(make_new)), ENOSPC);
	disk_tell(&d, "space +%d", BLOCK);
	assert_int_equal(uring_write(fd, BLOCK, 3 * BLOCK), BLOCK);
	assert_int_equal(posix_fallocate(fd, 0, SIZE), ENOSPC);
	(void)close(fd);
	assert_int_equal(unlink(path("a")), 0);
	assert_int_equal(disk_ask(&d, "space"), 4 * BLOCK);
	assert_int_equal(status_of(in_child(make_new)), 0);
	disk_tell(&d, "space unlimited");
}

static void conditions_tell_how_it_was_opened(void **state)
{
	uint32_t rule[4];
	int fd;

	(void)state;
	rule[0] = disk_rule(&d, "on write * direct watch");
	rule[1] = disk_rule(&d, "on write * buffered watch");
	rule[2] = disk_rule(&d, "on write * dsync watch");
	rule[3] = disk_rule(&d, "on write * nodsync watch");
	fd = direct("a");
	assert_int_equal(uring_write(fd, BLOCK, 0), BLOCK);
	(void)close(fd);
	fd = open_file("a", O_DIRECT);
	assert_int_equal(uring_write(fd, BLOCK, 0), BLOCK);
	(void)close(fd);
	fd = open_file("a", 0);
	assert_int_equal(uring_write(fd, BLOCK, 0), BLOCK);
	(void)close(fd);
	assert_int_equal(disk_hits(&d, rule[0]), 2);
	assert_int_equal(disk_hits(&d, rule[1]), 1);
	assert_int_equal(disk_hits(&d, rule[2]), 1);
	assert_int_equal(disk_hits(&d, rule[3]), 2);
}

static void larger_blocks_are_insisted_on(void **state)
{
	int fd;

	(void)state;
	disk_tell(&d, "unit 16384");
	fd = direct("a");
	assert_int_equal(uring_write(fd, BLOCK, 0), -EINVAL);
	assert_int_equal(uring_write(fd, 4 * BLOCK, BLOCK), -EINVAL);
	assert_int_equal(uring_write(fd, 4 * BLOCK, 0), 4 * BLOCK);
	assert_int_equal(uring_read(fd, BLOCK, 0), -EINVAL);
	(void)close(fd);
}

/* Whoever dies takes the disk with it: `held` is open in its program alone then. */
static void a_test_that_dies_leaves_nothing(void **state)
{
	char byte;
	int ends[2];
	pid_t child;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct test_disk other;

		(void)close(ends[0]);
		disk_mount(&other, "disk-test.other", "disk-test.other-beneath");
		(void)disk_rule(&other, "on all * stall forever");
		(void)kill(getpid(), SIGKILL);
	}
	(void)close(ends[1]);
	assert_int_equal(status_of(child), -1);
	assert_int_equal(read(ends[0], &byte, 1), 0);
	(void)close(ends[0]);
	(void)unlink("disk-test.other.control");
	/* What is mounted there, in this namespace, has nobody behind it. */
	assert_int_equal(access("disk-test.other/x", F_OK), -1);
	assert_true(errno == ENOTCONN || errno == ECONNABORTED);
	assert_int_equal(umount2("disk-test.other", MNT_DETACH), 0);
	assert_int_equal(rmdir("disk-test.other"), 0);
	assert_int_equal(rmdir("disk-test.other-beneath"), 0);
	assert_int_equal(rmdir("disk-test.other-beneath.graves"), 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		ON_DISK(passes_through),
		ON_DISK(errors_reach_the_completion),
		ON_DISK(short_transfers_reach_the_completion),
		ON_DISK(a_stall_ends_or_never_does),
		ON_DISK(metadata_is_slow),
		ON_DISK(space_is_counted),
		ON_DISK(conditions_tell_how_it_was_opened),
		ON_DISK(larger_blocks_are_insisted_on),
		ON_DISK(a_test_that_dies_leaves_nothing),
	};

	if (!disk_begin(argc, argv))
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
