/*
 * The disk that fails: what a power cut and a disk that lies take away, and what they do not.
 */
#include "tests/disk/mounted.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Sectors of the file that hold what was written; the others must be zeros. */
static int kept(const char *name, size_t size)
{
	static const uint8_t zeros[SECTOR];
	int fd = open_file(name, O_RDONLY);
	int count = 0;

	memset(seen, 0, SIZE);
	assert_true(pread(fd, seen, size, 0) >= 0);
	(void)close(fd);
	for (size_t at = 0; at < size; at += SECTOR) {
		if (memcmp(seen + at, data + at, SECTOR) == 0)
			count++;
		else
			assert_memory_equal(seen + at, zeros, SECTOR);
	}
	return count;
}

static void a_cut_takes_contents_that_were_not_synced(void **state)
{
	static const struct {
		const char *name;
		int flags;
		bool sync;
		bool stays;
	} files[] = {
		{"dsync", O_DIRECT | O_DSYNC, false, true},
		{"direct", O_DIRECT, false, false},
		{"cached", 0, false, false},
		{"synced", 0, true, true},
		{"cached-dsync", O_DSYNC, false, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		int fd = open_file(files[i].name, O_CREAT | files[i].flags);

		assert_int_equal(pwrite(fd, data, SIZE, 0), SIZE);
		if (files[i].sync)
			assert_int_equal(fsync(fd), 0);
		(void)close(fd);
	}
	sync_names();
	disk_cut(&d, "lose", 1);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (size_of(files[i].name) != (files[i].stays ? SIZE : 0))
			fail_msg("%s has %ld bytes", files[i].name, size_of(files[i].name));
		if (files[i].stays)
			assert_int_equal(kept(files[i].name, SIZE), SIZE / SECTOR);
	}
}

/* Over contents that were durable: old sectors and new ones, and no third thing. */
static void a_cut_tears(void **state)
{
	uint64_t mixed = 0;
	uint64_t sizes = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 10; seed++) {
		int fd = direct("a");
		int count;

		memset(seen, 0, SIZE);
		assert_int_equal(pwrite(fd, seen, SIZE, 0), SIZE);
		(void)close(fd);
		fd = open_file("a", O_DIRECT);
		sync_names();
		assert_int_equal(uring_write(fd, BLOCK, 0), BLOCK);
		/* One that waits, under O_DSYNC or not, is torn too. */
		(void)disk_rule(&d, "on write a stall forever");
		queue_write(fd, SIZE, 0);
		disk_wait_waiting(&d, 1);
		disk_cut(&d, "tear", seed);
		assert_true(completion() < 0);
		(void)close(fd);
		count = kept("a", SIZE);
		mixed += count > 0 && count < SIZE / SECTOR;

		fd = open_file("b", O_CREAT | O_DIRECT);
		sync_names();
		assert_int_equal(uring_write(fd, SIZE, 0), SIZE);
		(void)close(fd);
		disk_cut(&d, "tear", seed);
		(void)kept("b", SIZE);
		sizes += size_of("b") > 0 && size_of("b") < SIZE;
		assert_int_equal(unlink(path("b")), 0);
	}
	assert_true(mixed > 5);
	assert_true(sizes > 2);
}

static void a_cut_takes_names(void **state)
{
	int fd;

	(void)state;
	(void)close(direct("old"));
	(void)close(direct("removed"));
	(void)close(direct("renamed.tmp"));
	sync_names();
	assert_int_equal(rename(path("renamed.tmp"), path("old")), 0);
	assert_int_equal(unlink(path("removed")), 0);
	assert_int_equal(mkdir(path("sub"), 0700), 0);
	(void)close(direct("sub/x"));
	/* Its own sync is not its directory's. */
	fd = direct("new");
	assert_int_equal(fsync(fd), 0);
	(void)close(fd);
	disk_cut(&d, "lose", 1);
	assert_true(is_there("old"));
	assert_true(is_there("renamed.tmp"));
	assert_true(is_there("removed"));
	assert_false(is_there("new"));
	assert_false(is_there("sub"));
	assert_int_equal(rename(path("renamed.tmp"), path("old")), 0);
	assert_int_equal(unlink(path("removed")), 0);
	(void)close(direct("new"));
	sync_names();
	disk_cut(&d, "lose", 1);
	assert_true(is_there("old"));
	assert_false(is_there("renamed.tmp"));
	assert_false(is_there("removed"));
	assert_true(is_there("new"));
	assert_int_equal(unlink(path("new")), 0);
	disk_cut(&d, "keep", 1);
	assert_false(is_there("new"));
}

/* A rename is there or not, whole; a change that rests on a lost one is lost. */
static void a_cut_tears_names(void **state)
{
	int outcomes[3] = {0};

	(void)state;
	for (uint64_t seed = 0; seed < 40; seed++) {
		(void)close(direct("x.tmp"));
		assert_int_equal(rename(path("x.tmp"), path("x")), 0);
		disk_cut(&d, "tear", seed);
		assert_false(is_there("x.tmp") && is_there("x"));
		outcomes[is_there("x") ? 2 : is_there("x.tmp")]++;
		(void)unlink(path("x"));
		(void)unlink(path("x.tmp"));
		sync_names();
	}
	for (size_t i = 0; i < 3; i++)
		assert_true(outcomes[i] > 0);
}

static void lies(void **state)
{
	uint32_t rule;
	int fd;

	(void)state;
	fd = direct("a");
	sync_names();
	memset(seen, 0, SIZE);
	assert_int_equal(pwrite(fd, seen, SIZE, 0), SIZE);
	rule = disk_rule(&d, "on write a times 1 forget");
	assert_int_equal(uring_write(fd, SIZE, 0), SIZE);
	assert_int_equal(kept("a", SIZE), 0);
	disk_tell(&d, "drop %u", rule);
	(void)disk_rule(&d, "on write,fsync,fsyncdir * lie");
	assert_int_equal(uring_write(fd, SIZE, 0), SIZE);
	assert_int_equal(uring_sync(fd), 0);
	(void)close(direct("b"));
	sync_names();
	(void)close(fd);
	assert_int_equal(kept("a", SIZE), SIZE / SECTOR);
	disk_cut(&d, "lose", 1);
	assert_int_equal(kept("a", SIZE), 0);
	assert_false(is_there("b"));
}

static void a_torn_write_fails(void **state)
{
	int count;
	int fd;

	(void)state;
	fd = direct("a");
	memset(seen, 0, SIZE);
	assert_int_equal(pwrite(fd, seen, SIZE, 0), SIZE);
	(void)disk_rule(&d, "on write a times 1 tear EIO");
	assert_int_equal(uring_write(fd, SIZE, 0), -EIO);
	(void)close(fd);
	count = kept("a", SIZE);
	assert_true(count > 0);
	assert_true(count < SIZE / SECTOR);
}

/* The pages of a failed fsync are gone, and the next one knows of none. */
static void a_failed_fsync_takes_the_pages(void **state)
{
	int fd;

	(void)state;
	fd = open_file("a", O_CREAT);
	sync_names();
	assert_int_equal(pwrite(fd, data, BLOCK, 0), BLOCK);
	assert_int_equal(fsync(fd), 0);
	assert_int_equal(pwrite(fd, data, BLOCK, BLOCK), BLOCK);
	(void)disk_rule(&d, "on fsync a times 1 gone EIO");
	assert_int_equal(fsync(fd), -1);
	assert_int_equal(errno, EIO);
	assert_int_equal(fsync(fd), 0);
	(void)close(fd);
	assert_int_equal(size_of("a"), BLOCK);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		ON_DISK(a_cut_takes_contents_that_were_not_synced),
		ON_DISK(a_cut_tears),
		ON_DISK(a_cut_takes_names),
		ON_DISK(a_cut_tears_names),
		ON_DISK(lies),
		ON_DISK(a_torn_write_fails),
		ON_DISK(a_failed_fsync_takes_the_pages),
	};

	if (!disk_begin(argc, argv))
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
