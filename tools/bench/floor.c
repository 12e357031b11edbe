#include "tools/bench/floor.h"

#include "base/clock.h"
#include "tools/bench/stop.h"
#include "wal/io.h"

#include <assert.h>
#include <errno.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

enum {
	FILE_SIZE = 8 * 1024 * 1024, /* 2048 writes of 4 KiB, then around again */
	ZERO_SIZE = 1024 * 1024,
};

struct floor {
	struct disk *disk;
	bool disk_owned;
	uint8_t *buffer; /* ZERO_SIZE: zeros to fill with, then what is written */
	uint32_t write_size;
	uint64_t offset;
	uint32_t writers; /* whose files are open */
	int file[FLOOR_WRITERS_MAX];
};

/* All begin at once; *majority_ns: when enough of them were done. */
static int write_round(struct floor *f, uint32_t writers, uint64_t *majority_ns)
{
	const struct disk_ops *ops = f->disk->ops;
	uint32_t done = 0, majority = writers / 2 + 1;
	uint64_t begun = clock_now();
	int err = 0;

	for (uint32_t i = 0; !err && i < writers; i++)
		err = ops->write(f->disk, f->file[i], f->offset, f->buffer, f->write_size, i);
	if (!err)
		err = ops->submit(f->disk);
	while (!err && done < writers) {
		struct disk_completion completion[FLOOR_WRITERS_MAX];
		uint32_t count = ops->poll(f->disk, completion, FLOOR_WRITERS_MAX, done < writers);

		for (uint32_t i = 0; i < count; i++) {
			if (completion[i].result)
				err = completion[i].result;
			if (++done == majority)
				*majority_ns = clock_now() - begun;
		}
	}
	f->offset = (f->offset + f->write_size) % FILE_SIZE;
	return err;
}

/* Written once with zeros, so that no write of the measurement allocates or converts an extent. */
static int fill(struct floor *f, int file)
{
	const struct disk_ops *ops = f->disk->ops;
	struct disk_completion completion;
	int err = 0;

	for (uint64_t at = 0; !err && at < FILE_SIZE; at += ZERO_SIZE) {
		err = ops->write(f->disk, file, at, f->buffer, ZERO_SIZE, 0);
		if (!err)
			err = ops->submit(f->disk);
		while (!err && ops->poll(f->disk, &completion, 1, true) == 0)
			;
		if (!err)
			err = completion.result;
	}
	return err;
}

/* A file system in memory takes such writes too, and keeps none of them: no floor of a disk. */
static bool in_memory(const char *directory)
{
	struct statfs fs;

	return statfs(directory, &fs) == 0 &&
	       (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
}

static int add_writer(struct floor *f, const char *directory, char error[FLOOR_ERROR_MAX])
{
	char name[DISK_NAME_MAX];
	int file, err;

	snprintf(name, sizeof(name), "quoin-floor-%d-%u", getpid(), f->writers);
	err = wal_io_open(f->disk, name, true, DISK_DURABLE, &file);
	if (err) {
		snprintf(error, FLOOR_ERROR_MAX, "%.200s: %s: %s%s", directory, name,
			 strerror(-err),
			 err == -EINVAL ? " (the file system has no O_DIRECT: use another --dir)"
					: "");
		return err;
	}
	f->file[f->writers++] = file;
	err = wal_io_remove(f->disk, name);
	if (!err)
		err = fill(f, file);
	if (err)
		snprintf(error, FLOOR_ERROR_MAX, "%.200s: %s cannot be filled with zeros: %s",
			 directory, name, strerror(-err));
	return err;
}

static int open_disk(struct floor *f, const char *directory, char error[FLOOR_ERROR_MAX])
{
	int err;

	if (in_memory(directory)) {
		snprintf(error, FLOOR_ERROR_MAX,
			 "%.200s is a file system in memory, where nothing is durable: another "
			 "--dir",
			 directory);
		return -EINVAL;
	}
	err = disk_uring_create(&f->disk, directory, false, f->buffer, ZERO_SIZE);
	f->disk_owned = !err;
	if (err)
		snprintf(error, FLOOR_ERROR_MAX, "%.200s: %s", directory, strerror(-err));
	return err;
}

int floor_create(struct floor **out, const char *directory, struct disk *disk, uint32_t writers,
		 char error[FLOOR_ERROR_MAX])
{
	struct floor *f = calloc(1, sizeof(*f));
	int err = -ENOMEM;

	assert(writers >= 1);
	assert(writers <= FLOOR_WRITERS_MAX);
	static_assert((int)FLOOR_WRITERS_MAX <= (int)DISK_IN_FLIGHT_MAX, "a round is in flight");
	snprintf(error, FLOOR_ERROR_MAX, "out of memory");
	if (!f)
		return err;
	f->buffer = aligned_alloc(ZERO_SIZE, ZERO_SIZE);
	if (f->buffer) {
		memset(f->buffer, 0, ZERO_SIZE);
		f->disk = disk;
		err = disk ? 0 : open_disk(f, directory, error);
	}
	while (!err && f->writers < writers)
		err = add_writer(f, directory, error);
	if (err) {
		floor_destroy(f);
		return err;
	}
	f->write_size = f->disk->unit;
	memset(f->buffer, 0x51, f->write_size);
	*out = f;
	return 0;
}

void floor_destroy(struct floor *f)
{
	for (uint32_t i = 0; i < f->writers; i++)
		wal_io_close(f->disk, f->file[i]);
	if (f->disk_owned)
		f->disk->ops->destroy(f->disk);
	free(f->buffer);
	free(f);
}

int floor_run(struct floor *f, uint64_t duration_ns, struct histogram *quorum,
	      struct histogram *single, floor_between *between, void *context)
{
	uint64_t begun = clock_now(), took_ns = 0;
	int err;

	do {
		err = write_round(f, 1, &took_ns);
		if (!err) {
			histogram_record(single, took_ns);
			err = write_round(f, f->writers, &took_ns);
		}
		if (!err)
			histogram_record(quorum, took_ns);
		if (between)
			between(context);
	} while (!err && !stop_requested() && clock_now() - begun < duration_ns);
	return err;
}

uint32_t floor_write_size(const struct floor *f)
{
	return f->write_size;
}

uint32_t floor_quorum(const struct floor *f)
{
	return f->writers / 2 + 1;
}
