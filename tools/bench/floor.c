#include "tools/bench/floor.h"

#include "base/clock.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

enum {
	FILE_SIZE = 8 * 1024 * 1024, /* 2048 writes, then around again */
	ZERO_SIZE = 1024 * 1024,
};

struct writer {
	struct floor *floor;
	pthread_t thread;
	int fd;
	uint8_t *block; /* FLOOR_WRITE_SIZE */
	uint64_t offset;
	uint64_t count;
	int err;
	struct histogram *histogram; /* of the slice that runs */
};

/* Under lock: slice, running, stop, deadline_ns. */
struct floor {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	uint32_t slice;
	uint32_t running; /* writers still in the slice */
	bool stop;
	uint64_t deadline_ns;

	uint64_t busy_ns;
	uint64_t begun_ns;
	uint32_t writer_count; /* whose threads run */
	struct writer writer[FLOOR_WRITERS_MAX];
};

static void write_slice(struct writer *w, uint64_t deadline_ns)
{
	uint64_t now = clock_now();

	while (now < deadline_ns && !w->err) {
		uint64_t begun = now;
		ssize_t written = pwrite(w->fd, w->block, FLOOR_WRITE_SIZE, (off_t)w->offset);

		now = clock_now();
		if (written != FLOOR_WRITE_SIZE) {
			w->err = written < 0 ? -errno : -EIO;
			return;
		}
		histogram_record(w->histogram, now - begun);
		w->count++;
		w->offset = (w->offset + FLOOR_WRITE_SIZE) % FILE_SIZE;
	}
}

static void *writer_main(void *argument)
{
	struct writer *w = argument;
	struct floor *f = w->floor;
	uint32_t seen = 0;
	uint64_t deadline;

	for (;;) {
		pthread_mutex_lock(&f->lock);
		while (f->slice == seen && !f->stop)
			pthread_cond_wait(&f->wake, &f->lock);
		seen = f->slice;
		deadline = f->deadline_ns;
		if (f->stop) {
			pthread_mutex_unlock(&f->lock);
			return NULL;
		}
		pthread_mutex_unlock(&f->lock);
		write_slice(w, deadline);
		pthread_mutex_lock(&f->lock);
		f->running--;
		pthread_mutex_unlock(&f->lock);
	}
}

/* Written once with zeros, so that no write of the measurement allocates or converts an extent. */
static int fill(int fd)
{
	uint8_t *zeros = aligned_alloc(4096, ZERO_SIZE);
	int err = zeros ? 0 : -ENOMEM;

	if (zeros)
		memset(zeros, 0, ZERO_SIZE);
	for (off_t at = 0; !err && at < FILE_SIZE; at += ZERO_SIZE) {
		if (pwrite(fd, zeros, ZERO_SIZE, at) != ZERO_SIZE)
			err = errno ? -errno : -EIO;
	}
	free(zeros);
	return err;
}

/* A file system in memory takes such writes too, and keeps none of them: no floor of a disk. */
static bool in_memory(const char *directory)
{
	struct statfs fs;

	return statfs(directory, &fs) == 0 &&
	       (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
}

static int open_file(const char *directory, char error[FLOOR_ERROR_MAX])
{
	char path[512];
	int fd, err;

	if ((size_t)snprintf(path, sizeof(path), "%s/quoin-floor-XXXXXX", directory) >=
	    sizeof(path)) {
		snprintf(error, FLOOR_ERROR_MAX, "%s: the path is too long", directory);
		return -ENAMETOOLONG;
	}
	fd = mkostemp(path, O_DIRECT | O_DSYNC | O_CLOEXEC);
	if (fd < 0) {
		err = -errno;
		snprintf(error, FLOOR_ERROR_MAX, "%s: %s%s", directory, strerror(-err),
			 err == -EINVAL ? " (the file system has no O_DIRECT: use another --dir)"
					: "");
		return err;
	}
	unlink(path);
	err = fill(fd);
	if (err) {
		snprintf(error, FLOOR_ERROR_MAX, "%s: cannot be filled with zeros: %s", directory,
			 strerror(-err));
		close(fd);
		return err;
	}
	return fd;
}

static void writer_release(struct writer *w)
{
	if (w->fd >= 0)
		close(w->fd);
	free(w->block);
	free(w->histogram);
}

static int writer_start(struct floor *f, const char *directory, char error[FLOOR_ERROR_MAX])
{
	struct writer *w = &f->writer[f->writer_count];
	int err = -ENOMEM;

	snprintf(error, FLOOR_ERROR_MAX, "out of memory");
	w->floor = f;
	w->fd = -1;
	w->block = aligned_alloc(4096, FLOOR_WRITE_SIZE);
	w->histogram = histogram_create();
	if (!w->block || !w->histogram)
		goto err_release;
	memset(w->block, 0x51, FLOOR_WRITE_SIZE);
	err = w->fd = open_file(directory, error);
	if (err < 0)
		goto err_release;
	err = -pthread_create(&w->thread, NULL, writer_main, w);
	if (err) {
		snprintf(error, FLOOR_ERROR_MAX, "a writer's thread: %s", strerror(-err));
		goto err_release;
	}
	f->writer_count++;
	return 0;

err_release:
	writer_release(w);
	return err;
}

int floor_create(struct floor **out, const char *directory, uint32_t writers,
		 char error[FLOOR_ERROR_MAX])
{
	struct floor *f = calloc(1, sizeof(*f));
	int err = 0;

	assert(writers >= 1);
	assert(writers <= FLOOR_WRITERS_MAX);
	if (!f) {
		snprintf(error, FLOOR_ERROR_MAX, "out of memory");
		return -ENOMEM;
	}
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->wake, NULL);
	if (in_memory(directory)) {
		snprintf(error, FLOOR_ERROR_MAX,
			 "%s is a file system in memory, where nothing is durable: another --dir",
			 directory);
		err = -EINVAL;
	}
	while (!err && f->writer_count < writers)
		err = writer_start(f, directory, error);
	if (err) {
		floor_destroy(f);
		return err;
	}
	*out = f;
	return 0;
}

void floor_destroy(struct floor *f)
{
	pthread_mutex_lock(&f->lock);
	f->stop = true;
	pthread_cond_broadcast(&f->wake);
	pthread_mutex_unlock(&f->lock);
	for (uint32_t i = 0; i < f->writer_count; i++) {
		pthread_join(f->writer[i].thread, NULL);
		writer_release(&f->writer[i]);
	}
	pthread_cond_destroy(&f->wake);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

void floor_begin(struct floor *f, uint64_t duration_ns)
{
	pthread_mutex_lock(&f->lock);
	assert(f->running == 0);
	f->begun_ns = clock_now();
	f->deadline_ns = f->begun_ns + duration_ns;
	f->running = f->writer_count;
	f->slice++;
	pthread_cond_broadcast(&f->wake);
	pthread_mutex_unlock(&f->lock);
}

int floor_running(struct floor *f)
{
	uint32_t running;

	pthread_mutex_lock(&f->lock);
	running = f->running;
	pthread_mutex_unlock(&f->lock);
	return running > 0;
}

int floor_finish(struct floor *f, struct histogram *out)
{
	int err = 0;

	while (floor_running(f))
		clock_sleep(CLOCK_MS);
	f->busy_ns += clock_now() - f->begun_ns;
	for (uint32_t i = 0; i < f->writer_count; i++) {
		struct writer *w = &f->writer[i];

		if (w->err)
			err = w->err;
		histogram_add(out, w->histogram);
		histogram_reset(w->histogram);
	}
	return err;
}

double floor_rate(const struct floor *f)
{
	uint64_t count = 0;

	for (uint32_t i = 0; i < f->writer_count; i++)
		count += f->writer[i].count;
	return f->busy_ns ? (double)count * 1e9 / (double)f->busy_ns : 0;
}
