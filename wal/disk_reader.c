/*
 * Reads complete when they are submitted. Files are opened with O_DIRECT where that works: what a
 * node writes past the page cache is not to be held up by pages of ours.
 */
#include "wal/disk_reader.h"

#include "raft/types.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { UNIT = 4096 };

struct reader {
	struct disk disk;
	int directory;
	bool pending;
	struct disk_completion done;
};

static struct reader *self(struct disk *d)
{
	return (struct reader *)d;
}

static int32_t file_open(struct reader *r, const struct disk_call *call, uint64_t *file)
{
	const int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW;
	int fd = openat(r->directory, call->name, flags | O_DIRECT);

	if (fd < 0 && errno == EINVAL)
		fd = openat(r->directory, call->name, flags);
	*file = (uint64_t)fd;
	return fd < 0 ? -errno : 0;
}

static int reader_call(struct disk *d, const struct disk_call *call, uint64_t tag)
{
	struct reader *r = self(d);

	assert(!r->pending);
	r->pending = true;
	r->done = (struct disk_completion){.tag = tag, .result = -EROFS};
	if (call->kind == DISK_OPEN)
		r->done.result = file_open(r, call, &r->done.value);
	else if (call->kind == DISK_CLOSE)
		r->done.result = close(call->file) == 0 ? 0 : -errno;
	return 0;
}

static int reader_size(struct disk *d, int file, uint64_t *size)
{
	struct stat st;

	(void)d;
	if (fstat(file, &st) != 0)
		return -errno;
	*size = (uint64_t)st.st_size;
	return 0;
}

static int reader_read(struct disk *d, int file, uint64_t offset, void *data, size_t size,
		       uint64_t tag)
{
	struct reader *r = self(d);
	uint8_t *out = data;

	assert(!r->pending);
	r->pending = true;
	r->done = (struct disk_completion){.tag = tag};
	while (size > 0) {
		ssize_t got = pread(file, out, size, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			r->done.result = got < 0 ? -errno : -ENODATA;
			break;
		}
		out += got;
		offset += (uint64_t)got;
		size -= (size_t)got;
	}
	return 0;
}

static int reader_write(struct disk *d, int file, uint64_t offset, const void *data, size_t size,
			uint64_t tag)
{
	(void)d;
	(void)file;
	(void)offset;
	(void)data;
	(void)size;
	(void)tag;
	return -EROFS;
}

static int reader_sync(struct disk *d, int file, uint64_t tag)
{
	(void)d;
	(void)file;
	(void)tag;
	return -EROFS;
}

static int reader_submit(struct disk *d)
{
	(void)d;
	return 0;
}

static uint32_t reader_poll(struct disk *d, struct disk_completion *out, uint32_t max, bool wait)
{
	struct reader *r = self(d);

	assert(r->pending || !wait);
	if (!r->pending || max == 0)
		return 0;
	r->pending = false;
	*out = r->done;
	return 1;
}

static int reader_list(struct disk *d, uint32_t i, char name[DISK_NAME_MAX])
{
	int fd = openat(self(d)->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *entry;
	DIR *dir;

	if (fd < 0)
		return -errno;
	dir = fdopendir(fd);
	if (!dir) {
		(void)close(fd);
		return -ENOMEM;
	}
	while ((entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    strlen(entry->d_name) >= DISK_NAME_MAX)
			continue;
		if (i-- == 0) {
			(void)memcpy(name, entry->d_name, strlen(entry->d_name) + 1);
			break;
		}
	}
	(void)closedir(dir);
	return entry ? 0 : -ENOENT;
}

static int reader_lock(struct disk *d)
{
	(void)d;
	return -EROFS;
}

static void reader_destroy(struct disk *d)
{
	(void)close(self(d)->directory);
	free(d);
}

static const struct disk_ops reader_ops = {
	.call = reader_call,
	.size = reader_size,
	.write = reader_write,
	.read = reader_read,
	.sync = reader_sync,
	.submit = reader_submit,
	.poll = reader_poll,
	.list = reader_list,
	.lock = reader_lock,
	.destroy = reader_destroy,
};

/*
 * Asks by trying, and lets go at once: a node that starts in these microseconds is told that the
 * directory is in use, and its supervisor starts it again.
 */
bool disk_reader_locked(struct disk *d)
{
	int fd = openat(self(d)->directory, "lock", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	bool locked;

	if (fd < 0)
		return false;
	locked = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
	(void)close(fd);
	return locked;
}

int disk_reader_create(struct disk **out, const char *path)
{
	struct reader *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return -ENOMEM;
	r->disk.ops = &reader_ops;
	r->disk.unit = UNIT;
	r->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->directory < 0) {
		err = -errno;
		free(r);
		return err;
	}
	*out = &r->disk;
	return 0;
}
