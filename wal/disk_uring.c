/*
 * The disk seam over io_uring and a directory of a real file system: the only file that knows
 * liburing.
 *
 * Invariants:
 *  1. An operation that is queued completes exactly once, whole or with an error: what the kernel
 *     transferred short, or put off (EINTR, EAGAIN), is handed to it again from here (W11, W13).
 *     What it put off goes to a worker of its own, which can wait, and so often and no more (V21).
 *  2. Every file carries an flock (disk_thread.c). A killed process's last write holds its file
 *     open until it reaches the disk, and so the lock: who opens the file next waits for it, and
 *     cannot be overwritten by it later. Who only reads shares it with others who do.
 *
 * The ring is set up without SINGLE_ISSUER and DEFER_TASKRUN: the log may be opened by one thread
 * and driven by another, and a completion must be seen without a system call.
 */
#include "raft/types.h"
#include "wal/device.h"
#include "wal/disk.h"
#include "wal/disk_thread.h"
#include "wal/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum kind { KIND_READ, KIND_WRITE, KIND_SYNC };

/* An operation in flight, or one that waits in `again` to be handed to the kernel once more. */
struct op {
	bool used;
	bool again;
	enum kind kind;
	int fd;
	uint64_t tag;
	uint64_t offset;
	uint8_t *data;
	size_t size;      /* left to do */
	uint32_t put_off; /* how often in a row the kernel did */
};

/*
 * A worker of the kernel waits where a submission may not, so one more try should do. Each takes
 * some ten microseconds at least.
 */
enum { PUT_OFF_MAX = 100 };

/*
 * Submissions that take nothing, for want of the kernel's memory or behind its completions: so many
 * in a row are a tenth of a second at least, a system call each, and a minute for who sleeps.
 */
enum { REFUSED_MAX = 100000 };

struct uring_disk {
	struct disk disk;
	int broken;       /* the ring refused for good: -errno */
	uint32_t refused; /* submissions in a row that took nothing */
	struct io_uring ring;
	struct disk_thread *thread; /* for names and space */
	int directory;
	int lock;
	bool volatile_fs; /* nothing on it is durable */
	int *files;       /* descriptors by number; -1: free */
	int file_count;
	uint8_t *buffers; /* registered */
	size_t buffers_size;
	struct op ops[DISK_IN_FLIGHT_MAX];
	uint32_t again_count;
	char (*names)[DISK_NAME_MAX];
	uint32_t name_count;
};

static struct uring_disk *self(struct disk *d)
{
	return (struct uring_disk *)d;
}

/* --- files ------------------------------------------------------------------------------- */

static int file_number(struct uring_disk *u, int fd, int *file)
{
	int *grown;

	for (int i = 0; i < u->file_count; i++) {
		if (u->files[i] < 0) {
			u->files[i] = fd;
			*file = i;
			return 0;
		}
	}
	grown = realloc(u->files, (size_t)(u->file_count + 1) * sizeof(int));
	if (!grown)
		return -ENOMEM;
	u->files = grown;
	u->files[u->file_count] = fd;
	*file = u->file_count++;
	return 0;
}

static int file_of(const struct uring_disk *u, int file)
{
	assert(file >= 0);
	assert(file < u->file_count);
	assert(u->files[file] >= 0);
	return u->files[file];
}

static int uring_call(struct disk *d, const struct disk_call *call, uint64_t tag)
{
	struct uring_disk *u = self(d);
	bool of_file = call->kind == DISK_CLOSE || call->kind == DISK_ALLOCATE;
	int err = disk_thread_call(u->thread, call, of_file ? file_of(u, call->file) : -1, tag);

	if (err == 0 && call->kind == DISK_CLOSE)
		u->files[call->file] = -1;
	return err;
}

/* What the thread has done; a descriptor becomes a file. */
static bool call_done(struct uring_disk *u, struct disk_completion *out)
{
	struct disk_call call;
	int file;

	if (!disk_thread_poll(u->thread, &call, out))
		return false;
	if (out->result != 0 || (call.kind != DISK_OPEN && call.kind != DISK_CREATE))
		return true;
	out->result = file_number(u, (int)out->value, &file);
	if (out->result == 0)
		out->value = (uint64_t)file;
	else
		(void)close((int)out->value);
	return true;
}

static int uring_size(struct disk *d, int file, uint64_t *size)
{
	struct stat st;

	if (fstat(file_of(self(d), file), &st) != 0)
		return -errno;
	*size = (uint64_t)st.st_size;
	return 0;
}

/* --- transfers --------------------------------------------------------------------------- */

static bool registered(const struct uring_disk *u, const struct op *op)
{
	return u->buffers && op->data >= u->buffers &&
	       op->data + op->size <= u->buffers + u->buffers_size;
}

static void prepare(struct uring_disk *u, struct op *op, struct io_uring_sqe *sqe)
{
	unsigned int size = (unsigned int)op->size;

	switch (op->kind) {
	case KIND_READ:
		if (registered(u, op))
			io_uring_prep_read_fixed(sqe, op->fd, op->data, size, op->offset, 0);
		else
			io_uring_prep_read(sqe, op->fd, op->data, size, op->offset);
		break;
	case KIND_WRITE:
		if (registered(u, op))
			io_uring_prep_write_fixed(sqe, op->fd, op->data, size, op->offset, 0);
		else
			io_uring_prep_write(sqe, op->fd, op->data, size, op->offset);
		break;
	case KIND_SYNC:
		io_uring_prep_fsync(sqe, op->fd, IORING_FSYNC_DATASYNC);
		break;
	}
	if (op->put_off > 0)
		io_uring_sqe_set_flags(sqe, IOSQE_ASYNC);
	io_uring_sqe_set_data(sqe, op);
}

/* Into the submission queue; if it is full, later. */
static void queue(struct uring_disk *u, struct op *op)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);

	if (!sqe) {
		if (!op->again)
			u->again_count++;
		op->again = true;
		return;
	}
	if (op->again)
		u->again_count--;
	op->again = false;
	prepare(u, op, sqe);
}

static int start(struct uring_disk *u, const struct op *what)
{
	for (uint32_t i = 0; i < DISK_IN_FLIGHT_MAX; i++) {
		struct op *op = &u->ops[i];

		if (op->used)
			continue;
		*op = *what;
		op->used = true;
		queue(u, op);
		return 0;
	}
	return -EAGAIN;
}

static int uring_write(struct disk *d, int file, uint64_t offset, const void *data, size_t size,
		       uint64_t tag)
{
	struct uring_disk *u = self(d);
	struct op op = {.kind = KIND_WRITE,
			.fd = u->files[file],
			.tag = tag,
			.offset = offset,
			/* The kernel only reads it. */
			.data = (uint8_t *)(uintptr_t)data,
			.size = size};

	assert(size > 0);
	return start(u, &op);
}

static int uring_read(struct disk *d, int file, uint64_t offset, void *data, size_t size,
		      uint64_t tag)
{
	struct uring_disk *u = self(d);
	struct op op = {.kind = KIND_READ,
			.fd = u->files[file],
			.tag = tag,
			.offset = offset,
			.data = data,
			.size = size};

	assert(size > 0);
	return start(u, &op);
}

static int uring_sync(struct disk *d, int file, uint64_t tag)
{
	struct uring_disk *u = self(d);
	struct op op = {.kind = KIND_SYNC, .fd = u->files[file], .tag = tag};

	return start(u, &op);
}

static void again_queue(struct uring_disk *u)
{
	for (uint32_t i = 0; u->again_count > 0 && i < DISK_IN_FLIGHT_MAX; i++)
		if (u->ops[i].used && u->ops[i].again)
			queue(u, &u->ops[i]);
}

/* What the kernel does not take now stays queued (W13), and is counted, and has an end (V21). */
static int submit(struct uring_disk *u)
{
	int done;

	if (u->broken != 0)
		return u->broken;
	again_queue(u);
	if (io_uring_sq_ready(&u->ring) == 0 || u->disk.held)
		return 0;
	do {
		done = io_uring_submit(&u->ring);
	} while (done == -EINTR);
	if (done > 0) {
		u->refused = 0;
	} else if (done < 0 && done != -EAGAIN && done != -EBUSY) {
		u->broken = done;
	} else {
		u->disk.put_off++;
		/* Not -EAGAIN, which says that the next try may do (wal_refused_now). */
		if (++u->refused == REFUSED_MAX)
			u->broken = -EBUSY;
	}
	return u->broken;
}

/* Until the kernel or the thread has something, or for wait_ns. */
static void wait_any(struct uring_disk *u)
{
	struct pollfd fds[] = {{.fd = u->ring.ring_fd, .events = POLLIN},
			       {.fd = disk_thread_event(u->thread), .events = POLLIN}};
	const struct timespec patience = {.tv_sec = (time_t)(u->disk.wait_ns / 1000000000),
					  .tv_nsec = (long)(u->disk.wait_ns % 1000000000)};

	(void)ppoll(fds, 2, u->disk.wait_ns > 0 ? &patience : NULL, NULL);
}

static int uring_submit(struct disk *d)
{
	(void)submit(self(d)); /* each operation is told by poll */
	return 0;
}

/* Takes what the kernel says of an operation. True: it is over, and *result says how. */
static bool advance(struct uring_disk *u, struct op *op, int32_t res, int32_t *result)
{
	const uint64_t end = op->kind == KIND_WRITE ? op->offset + op->size : 0;

	if ((res == -EINTR || res == -EAGAIN) && op->put_off < PUT_OFF_MAX) {
		op->put_off++;
		u->disk.put_off++;
		queue(u, op);
		return false;
	}
	op->put_off = 0;
	*result = res >= 0 ? 0 : wal_device_error(res, end);
	if (res < 0 || op->kind == KIND_SYNC)
		return true;
	assert((size_t)res <= op->size);
	if (res == 0) {
		/* The file ends here, or the device takes nothing more. */
		*result = op->kind == KIND_READ ? -ENODATA : -EIO;
		return true;
	}
	op->data += res;
	op->offset += (uint64_t)res;
	op->size -= (size_t)res;
	if (op->size == 0)
		return true;
	queue(u, op);
	return false;
}

static uint32_t take(struct uring_disk *u, struct disk_completion *out, uint32_t max)
{
	struct io_uring_cqe *cqes[DISK_IN_FLIGHT_MAX];
	uint32_t n = io_uring_peek_batch_cqe(&u->ring, cqes, max);
	uint32_t count = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct op *op = io_uring_cqe_get_data(cqes[i]);

		assert(op->used);
		if (!advance(u, op, cqes[i]->res, &out[count].result))
			continue;
		out[count++].tag = op->tag;
		op->used = false;
	}
	io_uring_cq_advance(&u->ring, n);
	while (count < max && call_done(u, &out[count]))
		count++;
	return count;
}

static void refuse(struct uring_disk *u, struct op *op, struct disk_completion *out)
{
	*out = (struct disk_completion){.tag = op->tag, .result = u->broken};
	u->again_count -= op->again;
	op->used = op->again = false;
}

/* The ring takes nothing more: what waits for it ends so. What the kernel has ends as it says. */
static uint32_t refuse_queued(struct uring_disk *u, struct disk_completion *out, uint32_t max)
{
	struct io_uring_sq *sq = &u->ring.sq;
	uint32_t count = 0;

	while (count < max && sq->sqe_tail != io_uring_smp_load_acquire(sq->khead)) {
		const struct io_uring_sqe *sqe = &sq->sqes[--sq->sqe_tail & sq->ring_mask];

		refuse(u, (struct op *)(uintptr_t)sqe->user_data, &out[count++]);
	}
	for (uint32_t i = 0; i < DISK_IN_FLIGHT_MAX && count < max; i++)
		if (u->ops[i].used && u->ops[i].again)
			refuse(u, &u->ops[i], &out[count++]);
	return count;
}

static uint32_t uring_poll(struct disk *d, struct disk_completion *out, uint32_t max, bool wait)
{
	struct uring_disk *u = self(d);
	bool waited = false;
	uint32_t count;

	if (max > DISK_IN_FLIGHT_MAX)
		max = DISK_IN_FLIGHT_MAX;
	for (;;) {
		count = take(u, out, max); /* then remainders, and what was not taken before */
		if (submit(u) != 0)
			count += refuse_queued(u, out + count, max - count);
		if (!wait || count > 0 || (waited && u->disk.wait_ns > 0))
			return count;
		wait_any(u);
		waited = true;
	}
}

/* --- names ------------------------------------------------------------------------------- */

static int names_read(struct uring_disk *u)
{
	struct dirent *entry;
	int fd = openat(u->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir;
	int err = 0;

	if (fd < 0)
		return -errno;
	dir = fdopendir(fd);
	if (!dir) {
		err = -errno;
		(void)close(fd);
		return err;
	}
	u->name_count = 0;
	while (err == 0 && (errno = 0, entry = readdir(dir))) {
		void *grown;

		/* A name too long to be the log's is none. */
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    strlen(entry->d_name) >= DISK_NAME_MAX)
			continue;
		grown = realloc(u->names, (u->name_count + 1) * sizeof(*u->names));
		if (!grown) {
			err = -ENOMEM;
			break;
		}
		u->names = grown;
		(void)memcpy(u->names[u->name_count++], entry->d_name, strlen(entry->d_name) + 1);
	}
	if (err == 0)
		err = -errno;
	(void)closedir(dir);
	return err;
}

static int uring_list(struct disk *d, uint32_t i, char name[DISK_NAME_MAX])
{
	struct uring_disk *u = self(d);

	if (i == 0) {
		int err = names_read(u);

		if (err != 0)
			return err;
	}
	if (i >= u->name_count)
		return -ENOENT;
	(void)memcpy(name, u->names[i], DISK_NAME_MAX);
	return 0;
}

static int uring_lock(struct disk *d)
{
	struct uring_disk *u = self(d);

	assert(u->lock < 0);
	u->lock = openat(u->directory, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (u->lock < 0)
		return -errno;
	if (flock(u->lock, LOCK_EX | LOCK_NB) == 0)
		return 0;
	return -errno;
}

static void uring_unlock(struct disk *d)
{
	struct uring_disk *u = self(d);

	(void)close(u->lock);
	u->lock = -1;
}

/* --- life -------------------------------------------------------------------------------- */

static void uring_destroy(struct disk *d)
{
	struct uring_disk *u = self(d);

	disk_thread_destroy(u->thread, d->hung);
	io_uring_queue_exit(&u->ring);
	for (int i = 0; i < u->file_count; i++)
		if (u->files[i] >= 0)
			(void)close(u->files[i]);
	if (u->lock >= 0)
		(void)close(u->lock);
	(void)close(u->directory);
	free(u->files);
	free(u->names);
	free(u);
}

static const struct disk_ops uring_ops = {
	.call = uring_call,
	.size = uring_size,
	.write = uring_write,
	.read = uring_read,
	.sync = uring_sync,
	.submit = uring_submit,
	.poll = uring_poll,
	.list = uring_list,
	.lock = uring_lock,
	.unlock = uring_unlock,
	.destroy = uring_destroy,
};

static int directory_open(struct uring_disk *u, const char *path, bool create)
{
	enum wal_store store;
	int err;

	if (create) {
		bool there = mkdir(path, 0700) != 0;

		if (there && errno != EEXIST)
			return -errno;
		/*
		 * Also if it is there: whoever made it may have been killed before this. If it lies
		 * where we may not read or nothing is ever synced, its maker answers for its name.
		 */
		err = wal_device_parent_sync(path);
		if (err != 0 && !(there && (err == -EACCES || err == -EINVAL || err == -EROFS)))
			return err;
	}
	u->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (u->directory < 0)
		return -errno;
	store = wal_store_of(u->directory);
	u->volatile_fs = store == WAL_STORE_MEMORY || store == WAL_STORE_UNSYNCED;
	return 0;
}

/*
 * The kernel's workers run where new threads of this process do by default, if it says so, and not
 * beside a loop that has its CPU to itself: else they begin where the submission came from. A
 * kernel before 5.14 does not know this, and they share.
 */
static void workers_move(struct io_uring *ring)
{
	pthread_attr_t attributes;
	cpu_set_t where;

	if (pthread_getattr_default_np(&attributes) != 0)
		return;
	/* All of them: nothing was said. */
	if (pthread_attr_getaffinity_np(&attributes, sizeof(where), &where) == 0 &&
	    CPU_COUNT(&where) < CPU_SETSIZE)
		(void)io_uring_register_iowq_aff(ring, sizeof(where), &where);
	(void)pthread_attr_destroy(&attributes);
}

int disk_uring_create(struct disk **out, const char *path, bool create, void *buffers,
		      size_t buffers_size)
{
	struct uring_disk *u = calloc(1, sizeof(*u));
	struct iovec region = {buffers, buffers_size};
	int err;

	if (!u)
		return -ENOMEM;
	u->disk.ops = &uring_ops;
	u->lock = -1;
	err = directory_open(u, path, create);
	if (err != 0)
		goto err_free;
	u->disk.unit = wal_device_unit(u->directory);
	err = disk_thread_create(&u->thread, u->directory, u->volatile_fs ? -EOPNOTSUPP : 0);
	if (err != 0)
		goto err_directory;
	err = io_uring_queue_init(DISK_IN_FLIGHT_MAX, &u->ring, 0);
	if (err != 0)
		goto err_thread;
	workers_move(&u->ring);
	if (buffers) {
		err = io_uring_register_buffers(&u->ring, &region, 1);
		if (err != 0)
			goto err_ring;
		u->buffers = buffers;
		u->buffers_size = buffers_size;
	}
	*out = &u->disk;
	return 0;

err_ring:
	io_uring_queue_exit(&u->ring);
err_thread:
	disk_thread_destroy(u->thread, false);
err_directory:
	(void)close(u->directory);
err_free:
	free(u);
	return err;
}
