#include "wal/disk_thread.h"

#include "raft/types.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

enum { LOCK_WAIT_MS = 30 * 1000 };

/*
 * What is left of a file that has no name any more goes in steps, each of them told to the device
 * before the next, and the device is left alone for longer than that took: freed at once, a
 * gigabyte lets the log's own writes wait for most of a second, those of other nodes too.
 */
enum {
	LEAVING_MAX = 64,
	LEAVING_STEP = 16 * 1024 * 1024,
	LEAVING_PAUSE_MIN_NS = 20 * 1000 * 1000,
	LEAVING_PAUSE_TIMES = 4, /* as long as the step took */
	NS_PER_S = 1000 * 1000 * 1000
};

struct work {
	struct disk_call call;
	int fd;
	uint64_t tag;
	int32_t result;
	uint64_t value, all;
};

struct leaving {
	int fd;
	uint64_t size;
};

struct disk_thread {
	int directory;
	int durable_refused;
	pthread_t thread;
	pthread_mutex_t lock; /* of `asked` and the two below, for the thread's sleep */
	pthread_cond_t wake;
	bool stop, forsaken;
	struct work ring[DISK_IN_FLIGHT_MAX];
	uint32_t asked; /* counts; the owner's, read by the thread under the lock */
	_Atomic uint32_t done;
	uint32_t taken; /* the owner's */
	uint32_t heard; /* likewise: how many of the calls' events were read off */
	int event;
	struct leaving leaving[LEAVING_MAX]; /* the thread's, as what follows */
	uint32_t leaving_count;
	uint64_t leave_ns; /* when the next step is */
};

/* --- on the thread ----------------------------------------------------------------------- */

/* Waits for a dead process's last write; a living one's lock does not go away. */
static int file_lock(int fd, int operation)
{
	const struct timespec pause = {.tv_nsec = 1000 * 1000};

	for (int i = 0; i < LOCK_WAIT_MS; i++) {
		if (flock(fd, operation | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		(void)nanosleep(&pause, NULL);
	}
	return -EWOULDBLOCK;
}

static int file_open(struct disk_thread *t, struct work *w)
{
	const bool reads = w->call.mode == DISK_READ;
	int flags = (reads ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOFOLLOW;
	int fd;
	int err;

	if (w->call.mode != DISK_CACHED && t->durable_refused != 0)
		return t->durable_refused;
	if (w->call.mode == DISK_DURABLE)
		flags |= O_DIRECT | O_DSYNC;
	if (w->call.mode == DISK_DIRECT || reads)
		flags |= O_DIRECT;
	if (w->call.kind == DISK_CREATE)
		flags |= O_CREAT | O_EXCL;
	fd = openat(t->directory, w->call.name, flags, 0600);
	if (fd < 0)
		return -errno;
	err = file_lock(fd, reads ? LOCK_SH : LOCK_EX);
	if (err != 0)
		(void)close(fd);
	w->value = (uint64_t)fd;
	return err;
}

/* What leaves is free. */
static int space(struct disk_thread *t, struct work *w)
{
	enum { BLOCK = 512 };
	struct statvfs fs;
	struct stat st;

	/* FUSE without it says the second. */
	if (fstatvfs(t->directory, &fs) != 0)
		return errno == ENOSYS ? -EOPNOTSUPP : -errno;
	/* A file system that has no blocks does not count them. */
	if (fs.f_blocks == 0)
		return -EOPNOTSUPP;
	w->value = (uint64_t)fs.f_bavail * fs.f_frsize;
	for (uint32_t i = 0; i < t->leaving_count; i++)
		if (fstat(t->leaving[i].fd, &st) == 0)
			w->value += (uint64_t)st.st_blocks * BLOCK;
	w->all = (uint64_t)(fs.f_blocks - fs.f_bfree + fs.f_bavail) * fs.f_frsize;
	return 0;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* From the end, of the one that was removed last. */
static void leaving_step(struct disk_thread *t)
{
	struct leaving *l = &t->leaving[t->leaving_count - 1];
	uint64_t begun = now_ns(), pause;

	l->size -= l->size < LEAVING_STEP ? l->size : LEAVING_STEP;
	if (ftruncate(l->fd, (off_t)l->size) != 0 || fsync(l->fd) != 0 || l->size == 0) {
		(void)close(l->fd);
		t->leaving_count--;
	}
	t->leave_ns = now_ns();
	pause = (t->leave_ns - begun) * LEAVING_PAUSE_TIMES;
	t->leave_ns += pause > LEAVING_PAUSE_MIN_NS ? pause : LEAVING_PAUSE_MIN_NS;
}

/* A name at once; all of the file that no other name has, and nobody reads, in a while. */
static int name_remove(struct disk_thread *t, const char *name)
{
	int fd = openat(t->directory, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;

	if (unlinkat(t->directory, name, 0) != 0) {
		int err = -errno;

		if (fd >= 0)
			(void)close(fd);
		return err;
	}
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 0 &&
	    st.st_size > LEAVING_STEP && flock(fd, LOCK_EX | LOCK_NB) == 0) {
		while (t->leaving_count == LEAVING_MAX)
			leaving_step(t);
		t->leaving[t->leaving_count++] = (struct leaving){fd, (uint64_t)st.st_size};
	} else if (fd >= 0) {
		(void)close(fd);
	}
	return 0;
}

static int allocate(struct disk_thread *t, const struct work *w)
{
	while (fallocate(w->fd, 0, 0, (off_t)w->call.size) != 0) {
		if (errno != ENOSPC || t->leaving_count == 0)
			/* FUSE without it says the second. */
			return errno == ENOSYS ? -EOPNOTSUPP : -errno;
		leaving_step(t);
	}
	return 0;
}

static int32_t work_do(struct disk_thread *t, struct work *w)
{
	switch (w->call.kind) {
	case DISK_OPEN:
	case DISK_CREATE:
		return file_open(t, w);
	case DISK_CLOSE:
		/* Nothing is lost if it fails: what had to be durable was synced. */
		(void)close(w->fd);
		return 0;
	case DISK_RENAME:
		return renameat(t->directory, w->call.name, t->directory, w->call.to) == 0 ? 0
											   : -errno;
	case DISK_REMOVE:
		return name_remove(t, w->call.name);
	case DISK_SYNC_NAMES:
		return fsync(t->directory) == 0 ? 0 : -errno;
	case DISK_ALLOCATE:
		return allocate(t, w);
	case DISK_SPACE:
		return space(t, w);
	}
	assert(false);
	return -EINVAL;
}

/* False: the next step is due. */
static bool wait_for_work(struct disk_thread *t)
{
	struct timespec until = {
		.tv_sec = (time_t)(t->leave_ns / NS_PER_S),
		.tv_nsec = (long)(t->leave_ns % NS_PER_S),
	};

	if (t->leaving_count == 0)
		return pthread_cond_wait(&t->wake, &t->lock) == 0;
	return pthread_cond_timedwait(&t->wake, &t->lock, &until) != ETIMEDOUT;
}

static void release(struct disk_thread *t)
{
	while (t->leaving_count > 0)
		(void)close(t->leaving[--t->leaving_count].fd);
	(void)pthread_mutex_destroy(&t->lock);
	(void)pthread_cond_destroy(&t->wake);
	(void)close(t->event);
	free(t);
}

static void *thread_main(void *argument)
{
	struct disk_thread *t = argument;
	const uint64_t one = 1;

	for (;;) {
		uint32_t at = atomic_load_explicit(&t->done, memory_order_relaxed);
		struct work *w = &t->ring[at % DISK_IN_FLIGHT_MAX];
		bool stop, forsaken, paused = false;

		(void)pthread_mutex_lock(&t->lock);
		while (t->asked == at && !t->stop && !paused)
			paused = !wait_for_work(t);
		forsaken = t->forsaken;
		stop = forsaken || (t->asked == at && t->stop);
		paused = t->asked == at && !stop;
		(void)pthread_mutex_unlock(&t->lock);
		if (forsaken)
			release(t);
		if (stop)
			return NULL;
		if (paused) {
			leaving_step(t);
			continue;
		}
		w->result = work_do(t, w);
		atomic_store_explicit(&t->done, at + 1, memory_order_release);
		/* It can only fail if nobody has looked for 2^64 times. */
		if (write(t->event, &one, sizeof(one)) < 0)
			continue;
	}
}

/* --- the owner's side -------------------------------------------------------------------- */

int disk_thread_create(struct disk_thread **out, int directory, int durable_refused)
{
	struct disk_thread *t = calloc(1, sizeof(*t));
	pthread_condattr_t monotonic;
	int err;

	if (!t)
		return -ENOMEM;
	t->directory = directory;
	t->durable_refused = durable_refused;
	t->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (t->event < 0) {
		err = -errno;
		free(t);
		return err;
	}
	(void)pthread_mutex_init(&t->lock, NULL);
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&t->wake, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
	err = -pthread_create(&t->thread, NULL, thread_main, t);
	if (err != 0) {
		(void)close(t->event);
		free(t);
		return err;
	}
	*out = t;
	return 0;
}

void disk_thread_destroy(struct disk_thread *t, bool hung)
{
	const pthread_t thread = t->thread;

	(void)pthread_mutex_lock(&t->lock);
	t->stop = true;
	t->forsaken = hung;
	(void)pthread_cond_signal(&t->wake);
	(void)pthread_mutex_unlock(&t->lock);
	if (hung) {
		(void)pthread_detach(thread);
		return;
	}
	(void)pthread_join(thread, NULL);
	release(t);
}

int disk_thread_call(struct disk_thread *t, const struct disk_call *call, int fd, uint64_t tag)
{
	if (t->asked - t->taken == DISK_IN_FLIGHT_MAX)
		return -EAGAIN;
	t->ring[t->asked % DISK_IN_FLIGHT_MAX] = (struct work){.call = *call, .fd = fd, .tag = tag};
	(void)pthread_mutex_lock(&t->lock);
	t->asked++;
	(void)pthread_cond_signal(&t->wake);
	(void)pthread_mutex_unlock(&t->lock);
	return 0;
}

/* The one that is taken next. */
static bool is_done(const struct disk_thread *t)
{
	return t->taken != atomic_load_explicit(&t->done, memory_order_acquire);
}

bool disk_thread_poll(struct disk_thread *t, struct disk_call *call, struct disk_completion *out)
{
	const struct work *w = &t->ring[t->taken % DISK_IN_FLIGHT_MAX];
	uint64_t events;

	/* The event of a call may come after that was taken: then this is what there is to read. */
	if (!is_done(t) && t->heard == t->taken)
		return false;
	/* Read off before the next look, so that none is missed; there may be none to read. */
	if (read(t->event, &events, sizeof(events)) == (ssize_t)sizeof(events))
		t->heard += (uint32_t)events;
	else
		assert(errno == EAGAIN || errno == EINTR);
	if (!is_done(t))
		return false;
	*call = w->call;
	*out = (struct disk_completion){w->tag, w->result, w->value, w->all};
	t->taken++;
	return true;
}

bool disk_thread_busy(const struct disk_thread *t)
{
	return t->asked != t->taken;
}

int disk_thread_event(const struct disk_thread *t)
{
	return t->event;
}
