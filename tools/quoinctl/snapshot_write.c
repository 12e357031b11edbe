/*
 * Writing a snapshot's file: blocks as the log has them, under another name until all is there.
 */
#include "tools/quoinctl/snapshot_file.h"

#include "wal/block.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	BUFFER_BLOCKS = 64,    /* 256 KiB: a piece of the state */
	BEHIND_SIZE = 8 << 20, /* that may be on its way to the disk */
	/* Of the last entry of its state the term says nothing: there is no log that it fits. */
	BACKUP_TERM = 1,
};

struct snapshot_writer {
	char path[SNAPSHOT_PATH_MAX], part[SNAPSHOT_PATH_MAX + 8];
	int fd;
	uint8_t *buffer;  /* BUFFER_BLOCKS blocks, of which `blocks` are whole, ... */
	uint32_t blocks;  /* ... */
	uint32_t filled;  /* ... and of the next one so many bytes of its payload */
	uint64_t size;    /* of the file */
	uint64_t payload; /* of the state so far */
	uint64_t hash;
	struct block_place place; /* of the next block; index 0: not known yet */
	uint8_t head[KV_BACKUP_HEAD_SIZE];
	uint8_t end[KV_BACKUP_END_SIZE]; /* of what came so far, the last bytes */
};

/* What a signal takes away. */
static const char *volatile unfinished;

static void interrupted(int number)
{
	const char *part = unfinished;

	if (part)
		unlink(part);
	signal(number, SIG_DFL);
	raise(number);
}

static void signals_take(void)
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
	const struct sigaction action = {.sa_handler = interrupted, .sa_flags = SA_NODEFER};
	struct sigaction was;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		/* What nohup, or a shell's background, has it ignore stays so. */
		if (sigaction(numbers[i], NULL, &was) == 0 && was.sa_handler != SIG_IGN)
			(void)sigaction(numbers[i], &action, NULL);
	}
}

static int failed(char error[ERROR_SIZE], const char *path, int err)
{
	snprintf(error, ERROR_SIZE, "%.300s: %s: nothing was saved", path, strerror(err));
	return EXIT_FAILED;
}

static int exists(char error[ERROR_SIZE], const char *path)
{
	snprintf(error, ERROR_SIZE,
		 "%.300s is there, and no snapshot is written over: name another file, or remove "
		 "that "
		 "one; nothing was saved",
		 path);
	return EXIT_FAILED;
}

/* What stands where it is written until it is whole. */
static int in_the_way(char error[ERROR_SIZE], const char *part, int err)
{
	if (err == EWOULDBLOCK)
		snprintf(error, ERROR_SIZE, "%.300s: another save writes it: nothing was saved",
			 part);
	else if (err == EISDIR || err == ELOOP || err == ENXIO || err == EINVAL)
		snprintf(error, ERROR_SIZE,
			 "%.300s is in the way, and no file: remove it, or name another file; "
			 "nothing was saved",
			 part);
	else
		return failed(error, part, err);
	return EXIT_FAILED;
}

int snapshot_create(struct snapshot_writer **out, const char *path, char error[ERROR_SIZE])
{
	struct snapshot_writer *w;
	struct stat there;

	if (!*path || strlen(path) >= SNAPSHOT_PATH_MAX)
		return failed(error, *path ? "that path" : "\"\"", *path ? ENAMETOOLONG : ENOENT);
	if (lstat(path, &there) == 0)
		return exists(error, path);
	w = calloc(1, sizeof(*w));
	if (w)
		w->buffer = malloc((size_t)BUFFER_BLOCKS * BLOCK_SIZE);
	if (!w || !w->buffer) {
		free(w);
		return failed(error, path, ENOMEM);
	}
	snprintf(w->path, sizeof(w->path), "%s", path);
	snprintf(w->part, sizeof(w->part), "%s.part", path);
	/* What an earlier attempt left that was killed is nobody's; what is locked is another's. */
	w->fd = open(w->part, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (w->fd < 0 || flock(w->fd, LOCK_EX | LOCK_NB) || ftruncate(w->fd, 0)) {
		int err = errno;

		if (w->fd >= 0)
			close(w->fd);
		free(w->buffer);
		in_the_way(error, w->part, err);
		free(w);
		return EXIT_FAILED;
	}
	unfinished = w->part;
	signals_take();
	*out = w;
	return 0;
}

/*
 * As it comes: all of it at the end would hold up a log on the same disk. An error that the wait
 * meets is told here and not again by the sync at the end.
 */
static int write_back(const struct snapshot_writer *w, size_t size)
{
	if (sync_file_range(w->fd, (off_t)w->size, (off_t)size, SYNC_FILE_RANGE_WRITE) != 0)
		return errno == ENOSYS ? 0 : -1;
	if (w->size < BEHIND_SIZE)
		return 0;
	return sync_file_range(w->fd, (off_t)(w->size - BEHIND_SIZE), (off_t)size,
			       SYNC_FILE_RANGE_WAIT_BEFORE);
}

static int flush(struct snapshot_writer *w, char error[ERROR_SIZE])
{
	size_t size = (size_t)w->blocks * BLOCK_SIZE, at = 0;

	while (at < size) {
		ssize_t n = write(w->fd, w->buffer + at, size - at);

		if (n < 0 && errno != EINTR)
			return failed(error, w->part, errno);
		at += n > 0 ? (size_t)n : 0;
	}
	if (write_back(w, size) != 0)
		return failed(error, w->part, errno);
	w->size += size;
	w->blocks = 0;
	return 0;
}

static uint8_t *block(struct snapshot_writer *w)
{
	return w->buffer + (size_t)w->blocks * BLOCK_SIZE;
}

/* The block's payload is whole, and `hashed` unless it is the last. */
static int block_end(struct snapshot_writer *w, bool hashed, char error[ERROR_SIZE])
{
	if (hashed)
		w->hash = wal_block_hash(w->hash, block(w));
	wal_block_seal(block(w), &w->place);
	w->place.number++;
	w->filled = 0;
	return ++w->blocks == BUFFER_BLOCKS ? flush(w, error) : 0;
}

static int payload_add(struct snapshot_writer *w, const uint8_t *data, uint32_t size,
		       char error[ERROR_SIZE])
{
	int status = 0;

	while (size > 0 && !status) {
		uint32_t room = BLOCK_PAYLOAD - w->filled, n = size < room ? size : room;

		memcpy(block(w) + w->filled, data, n);
		w->filled += n;
		data += n;
		size -= n;
		if (w->filled == BLOCK_PAYLOAD)
			status = block_end(w, true, error);
	}
	return status;
}

static int unreadable(char error[ERROR_SIZE])
{
	snprintf(error, ERROR_SIZE,
		 "what came is no state that can be read: is the member of another release? "
		 "Nothing was saved");
	return EXIT_FAILED;
}

/* The first bytes say what the first block has to. */
static int head_take(struct snapshot_writer *w, char error[ERROR_SIZE])
{
	struct kv_backup_head head;
	int status;

	if (kv_backup_head(w->head, &head))
		return unreadable(error);
	w->place = (struct block_place){head.applied ? head.applied : 1, BACKUP_TERM, 0};
	wal_block_header_encode(block(w), w->place.index, w->place.term, NULL, 0);
	status = block_end(w, true, error);
	return status ? status : payload_add(w, w->head, sizeof(w->head), error);
}

static void end_note(struct snapshot_writer *w, const uint8_t *data, uint32_t size)
{
	const uint32_t max = sizeof(w->end);

	if (size >= max) {
		memcpy(w->end, data + (size - max), max);
		return;
	}
	memmove(w->end, w->end + size, max - size);
	memcpy(w->end + (max - size), data, size);
}

int snapshot_add(struct snapshot_writer *w, const uint8_t *data, uint32_t size,
		 char error[ERROR_SIZE])
{
	int status = 0;

	if (size)
		end_note(w, data, size);
	if (size > 0 && w->payload < sizeof(w->head)) {
		uint32_t left = (uint32_t)(sizeof(w->head) - w->payload);
		uint32_t n = size < left ? size : left;

		memcpy(w->head + w->payload, data, n);
		w->payload += n;
		data += n;
		size -= n;
		if (w->payload == sizeof(w->head))
			status = head_take(w, error);
	}
	w->payload += size;
	return status || size == 0 ? status : payload_add(w, data, size, error);
}

/* The trailer, and zeros up to the file's size. */
static int trailer_add(struct snapshot_writer *w, char error[ERROR_SIZE])
{
	const uint64_t size = wal_block_file_size(w->payload);
	int status = 0;

	if (w->filled > 0) {
		memset(block(w) + w->filled, 0, BLOCK_PAYLOAD - w->filled);
		status = block_end(w, true, error);
	}
	if (status)
		return status;
	wal_block_trailer_encode(block(w), w->payload, w->hash);
	status = block_end(w, false, error);
	while (!status && w->size + (uint64_t)w->blocks * BLOCK_SIZE < size) {
		memset(block(w), 0, BLOCK_SIZE);
		status = ++w->blocks == BUFFER_BLOCKS ? flush(w, error) : 0;
	}
	return status ? status : flush(w, error);
}

static int directory_sync(const char *path)
{
	char copy[SNAPSHOT_PATH_MAX];
	int fd, err = 0;

	snprintf(copy, sizeof(copy), "%s", path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd))
		err = errno;
	if (fd >= 0)
		close(fd);
	return err;
}

/* Not over another one that came meanwhile; a file system may not know how, and links do. */
static int rename_new(const char *from, const char *to)
{
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return errno;
	if (link(from, to) == 0)
		return unlink(from) == 0 ? 0 : errno;
	return errno;
}

int snapshot_finish(struct snapshot_writer *w, uint64_t *size, char error[ERROR_SIZE])
{
	uint64_t versions;
	int status, err;

	if (w->payload < sizeof(w->head) + sizeof(w->end) || kv_backup_end(w->end, &versions))
		return unreadable(error);
	status = trailer_add(w, error);
	if (status)
		return status;
	if (fsync(w->fd))
		return failed(error, w->part, errno);
	err = rename_new(w->part, w->path);
	if (err == EEXIST)
		return exists(error, w->path);
	if (err)
		return failed(error, w->path, err);
	unfinished = NULL;
	err = directory_sync(w->path);
	if (err) {
		snprintf(error, ERROR_SIZE,
			 "%.300s: %s: it is there, and may be gone after a power cut", w->path,
			 strerror(err));
		return EXIT_FAILED;
	}
	*size = w->size;
	return 0;
}

void snapshot_drop(struct snapshot_writer *w)
{
	if (unfinished)
		unlink(unfinished);
	unfinished = NULL;
	close(w->fd);
	free(w->buffer);
	free(w);
}
