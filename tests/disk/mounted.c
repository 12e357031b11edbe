#include "tests/disk/mounted.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct test_disk d;
static struct io_uring ring;
uint8_t *data;
uint8_t *seen;

void mount_again(void)
{
	char mount[64], beneath[80];

	(void)snprintf(mount, sizeof(mount), "%.40s.d", program_invocation_short_name);
	(void)snprintf(beneath, sizeof(beneath), "%s.beneath", mount);
	disk_mount(&d, mount, beneath);
}

int set_up(void **state)
{
	struct iovec region;

	(void)state;
	mount_again();
	data = aligned_alloc(BLOCK, SIZE);
	seen = aligned_alloc(BLOCK, SIZE);
	assert_non_null(data);
	assert_non_null(seen);
	for (size_t i = 0; i < SIZE; i++)
		data[i] = (uint8_t)(1 + i / SECTOR);
	assert_int_equal(io_uring_queue_init(8, &ring, 0), 0);
	region = (struct iovec){data, SIZE};
	assert_int_equal(io_uring_register_buffers(&ring, &region, 1), 0);
	return 0;
}

static void directory_empty(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	assert_non_null(dir);
	while ((entry = readdir(dir)))
		(void)unlinkat(dirfd(dir), entry->d_name, 0);
	(void)closedir(dir);
	assert_int_equal(rmdir(path), 0);
}

int tear_down(void **state)
{
	char graves[300];

	(void)state;
	io_uring_queue_exit(&ring);
	disk_unmount(&d);
	free(data);
	free(seen);
	directory_empty(d.beneath);
	(void)snprintf(graves, sizeof(graves), "%s.graves", d.beneath);
	directory_empty(graves);
	assert_int_equal(rmdir(d.mount), 0);
	return 0;
}

const char *path(const char *name)
{
	static char out[4][300];
	static unsigned int n;

	n = (n + 1) % 4;
	(void)snprintf(out[n], sizeof(out[n]), "%s/%s", d.mount, name);
	return out[n];
}

int open_file(const char *name, int flags)
{
	int fd = open(path(name), O_RDWR | O_CLOEXEC | flags, 0600);

	if (fd < 0)
		fail_msg("%s: %s", name, strerror(errno));
	return fd;
}

int direct(const char *name)
{
	return open_file(name, O_CREAT | O_DIRECT | O_DSYNC);
}

static struct io_uring_sqe *entry(void)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

	assert_non_null(sqe);
	if (!sqe)
		abort();
	return sqe;
}

void queue_write(int fd, size_t size, uint64_t offset)
{
	io_uring_prep_write_fixed(entry(), fd, data, (unsigned int)size, offset, 0);
	assert_int_equal(io_uring_submit(&ring), 1);
}

int completion(void)
{
	struct io_uring_cqe *cqe;
	int result;

	assert_int_equal(io_uring_wait_cqe(&ring, &cqe), 0);
	result = cqe->res;
	io_uring_cqe_seen(&ring, cqe);
	return result;
}

/* Through io_uring, as the log writes. */
int uring_write(int fd, size_t size, uint64_t offset)
{
	queue_write(fd, size, offset);
	return completion();
}

int uring_read(int fd, size_t size, uint64_t offset)
{
	io_uring_prep_read(entry(), fd, seen, (unsigned int)size, offset);
	assert_int_equal(io_uring_submit(&ring), 1);
	return completion();
}

int uring_sync(int fd)
{
	io_uring_prep_fsync(entry(), fd, IORING_FSYNC_DATASYNC);
	assert_int_equal(io_uring_submit(&ring), 1);
	return completion();
}

void sync_names(void)
{
	int fd = open(d.mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(fsync(fd), 0);
	(void)close(fd);
}

bool is_there(const char *name)
{
	return access(path(name), F_OK) == 0;
}

off_t size_of(const char *name)
{
	struct stat st;

	assert_int_equal(stat(path(name), &st), 0);
	return st.st_size;
}
