/*
 * The life of an open log: its options, its buffers, its disk, and their end.
 */
#include "wal/io.h"
#include "wal/state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One look at the disk by whoever must stand still for it. */
enum { WAIT_NS = 100 * 1000 * 1000 };

const char *wal_durability_name(enum wal_durability durability)
{
	switch (durability) {
	case WAL_DURABLE:
		return "durable";
	case WAL_WRITTEN:
		return "written";
	case WAL_VOLATILE:
		return "volatile";
	}
	assert(false);
	return "";
}

static void *region_take(struct wal *w, size_t *used, size_t size)
{
	uint8_t *out = w->region + *used;

	*used += (size + FORMAT_UNIT_MAX - 1) / FORMAT_UNIT_MAX * FORMAT_UNIT_MAX;
	assert(*used <= w->region_size);
	return out;
}

/* In RAM a buffer becomes a part of the snapshot that fills it. */
static int snapshot_buffers_make(struct wal *w, size_t *used)
{
	struct snapshot_writer *s = &w->writer;

	if (w->durability == WAL_VOLATILE) {
		s->buffers[0].data = aligned_alloc(FORMAT_UNIT_MAX, w->limits.snapshot_size);
		return s->buffers[0].data ? 0 : -ENOMEM;
	}
	for (uint32_t i = 0; i < STATE_SNAPSHOT_BUFFERS; i++)
		s->buffers[i].data = region_take(w, used, w->limits.snapshot_size);
	return 0;
}

/* One region, so that one registration with the kernel covers all that is written from. */
static int buffers_make(struct wal *w)
{
	const struct wal_limits *l = &w->limits;
	size_t rounded = l->write_size_max + FORMAT_UNIT_MAX;
	size_t used = 0;

	w->region_size = l->buffers * rounded + l->zero_size + 7 * (size_t)FORMAT_UNIT_MAX +
			 (w->durability == WAL_VOLATILE ? 0 : STATE_SNAPSHOT_BUFFERS) *
				 (size_t)l->snapshot_size;
	w->region_size = w->region_size / FORMAT_UNIT_MAX * FORMAT_UNIT_MAX;
	w->region = aligned_alloc(FORMAT_UNIT_MAX, w->region_size);
	if (!w->region)
		return -ENOMEM;
	memset(w->region, 0, w->region_size);
	for (uint32_t i = 0; i < l->buffers; i++)
		w->ring[i].data = region_take(w, &used, l->write_size_max);
	w->zeros = region_take(w, &used, l->zero_size);
	w->block = region_take(w, &used, 2 * (size_t)FORMAT_UNIT_MAX);
	w->header = region_take(w, &used, FORMAT_UNIT_MAX);
	w->marker.block = region_take(w, &used, FORMAT_UNIT_MAX);
	w->mover.block = region_take(w, &used, FORMAT_UNIT_MAX);
	if (snapshot_buffers_make(w, &used) != 0)
		return -ENOMEM;
	w->region_size = used;
	for (uint32_t i = 0; i < WAL_READS_MAX; i++) {
		size_t size = l->point_spacing + l->write_size_max;

		/* WAL_VOLATILE copies entries into it. */
		if (size < WAL_READ_ENTRIES_MAX * RAFT_ENTRY_DATA_MAX)
			size = WAL_READ_ENTRIES_MAX * RAFT_ENTRY_DATA_MAX;
		size = (size + FORMAT_UNIT_MAX - 1) / FORMAT_UNIT_MAX * FORMAT_UNIT_MAX;
		w->reads[i].buffer = aligned_alloc(FORMAT_UNIT_MAX, size);
		if (!w->reads[i].buffer)
			return -ENOMEM;
	}
	return 0;
}

static void release(struct wal *w)
{
	for (size_t i = 0; i < w->segment_count; i++)
		if (w->segments[i].file >= 0)
			wal_io_close(w->disk, w->segments[i].file);
	if (w->prepare.state != PREPARE_IDLE && w->prepare.file >= 0)
		wal_io_close(w->disk, w->prepare.file);
	if (w->vote.file >= 0)
		wal_io_close(w->disk, w->vote.file);
	if (w->marker.file >= 0)
		wal_io_close(w->disk, w->marker.file);
	if (w->mover.file >= 0)
		wal_io_close(w->disk, w->mover.file);
	if (w->writer.file >= 0)
		wal_io_close(w->disk, w->writer.file);
	wal_snapshot_reader_free(w);
	wal_ranges_free(w);
	free(w->puller.there);
	if (w->locked)
		w->disk->ops->unlock(w->disk);
	if (w->disk_owned && w->disk)
		w->disk->ops->destroy(w->disk);
	for (uint32_t i = 0; i < WAL_READS_MAX; i++)
		free(w->reads[i].buffer);
	if (w->durability == WAL_VOLATILE)
		free(w->writer.buffers[0].data);
	wal_snapshots_free(w);
	wal_memory_destroy(w->memory);
	wal_index_free(&w->index);
	free(w->segments);
	free(w->region);
	free(w);
}

int wal_close(struct wal *w)
{
	if (!w)
		return 0;
	if (w->disk)
		wal_settle(w);
	if (wal_in_flight(w))
		return -ETIMEDOUT;
	release(w);
	return 0;
}

static int disk_make(struct wal *w, const struct wal_options *options)
{
	const char *hint = "";
	int err;

	if (options->disk) {
		w->disk = options->disk;
		w->disk->wait_ns = WAIT_NS;
		w->disk->waits_max = 0;
		return 0;
	}
	err = disk_uring_create(&w->disk, options->directory, options->create, w->region,
				w->region_size);
	if (err == 0) {
		w->disk_owned = true;
		w->disk->wait_ns = WAIT_NS;
		return 0;
	}
	if (err == -ENOENT)
		hint = options->create
			       ? ": the directory that it should be made in is not there"
			       : ": there is no such directory, and it was not to be created";
	else if (err == -ENOMEM)
		hint = ": the limit of locked memory is too low for the log's buffers: raise it to "
		       "16 MiB (ulimit -l, or LimitMEMLOCK= in the unit)";
	else if (err == -EIO)
		hint = ": it could not be opened, or the directory that it is in not be synced: "
		       "look at the disk";
	else if (err == -EPERM || err == -ENOSYS)
		hint = ": the kernel refuses io_uring: see sysctl kernel.io_uring_disabled, and "
		       "the container's seccomp profile";
	(void)snprintf(w->error, sizeof(w->error), "%s: %s%s", options->directory, strerror(-err),
		       hint);
	return err;
}

static int options_check(struct wal *w, const struct wal_options *options,
			 const struct wal_limits *limits)
{
	if (options->durability != WAL_VOLATILE &&
	    (options->segment_size < limits->segment_size_min ||
	     options->segment_size > STATE_SEGMENT_SIZE_MAX ||
	     options->segment_size % limits->segment_size_step != 0)) {
		(void)snprintf(w->error, sizeof(w->error),
			       "a segment of %" PRIu32 " bytes: it must be a multiple of %" PRIu32
			       ", at least %" PRIu32 " and at most %d",
			       options->segment_size, limits->segment_size_step,
			       limits->segment_size_min, STATE_SEGMENT_SIZE_MAX);
		return -EINVAL;
	}
	return 0;
}

int wal_open_limited(struct wal **out, const struct wal_options *options,
		     const struct wal_limits *limits, struct wal_recovered *recovered,
		     char error[WAL_ERROR_MAX])
{
	struct wal *w = calloc(1, sizeof(*w));
	int err;

	*out = NULL;
	error[0] = '\0';
	*recovered = (struct wal_recovered){0};
	if (!w) {
		(void)snprintf(error, WAL_ERROR_MAX, "no memory for the log");
		return -ENOMEM;
	}
	assert(limits->buffers > 1);
	assert(limits->buffers <= STATE_BUFFERS_MAX);
	assert(options->files_max <= WAL_FILES_MAX);
	w->vote.file = -1;
	w->prepare.file = -1;
	w->marker.file = -1;
	w->mover.file = -1;
	w->writer.file = -1;
	w->reader.fd = -1;
	for (uint32_t i = 0; i < WAL_RANGES_MAX; i++)
		w->ranges[i].fd = -1;
	w->limits = *limits;
	w->seed = options->identity_seed;
	w->durability = options->durability;
	w->quota = options->quota;
	w->mode = options->durability == WAL_DURABLE ? DISK_DURABLE : DISK_CACHED;
	w->segment_size = options->segment_size;
	w->files_max = options->files_max ? options->files_max : WAL_FILES_MAX;
	(void)snprintf(w->directory, sizeof(w->directory), "%s",
		       options->directory ? options->directory : "log");
	w->base = wal_base_initial();
	wal_index_init(&w->index, limits->point_spacing, 0);
	histogram_create(&w->stats.write_time, WAL_WRITE_TIME_NS_MIN, WAL_WRITE_TIME_BUCKETS);
	err = options_check(w, options, limits);
	if (err == 0) {
		err = buffers_make(w);
		if (err != 0)
			(void)snprintf(w->error, sizeof(w->error), "no memory for the log");
	}
	if (err == 0)
		err = disk_make(w, options);
	if (err == 0)
		err = wal_recover(w, options, recovered);
	if (err == 0) /* the loop's waits; until now there was none */
		w->disk->waits_max = (uint32_t)((options->wait_ns + WAIT_NS - 1) / WAIT_NS);
	if (err != 0) {
		(void)snprintf(error, WAL_ERROR_MAX, "%s", w->error);
		(void)wal_close(w);
		return err;
	}
	*out = w;
	return 0;
}

int wal_open(struct wal **out, const struct wal_options *options, struct wal_recovered *recovered,
	     char error[WAL_ERROR_MAX])
{
	static const struct wal_limits limits = {
		.write_size_max = STATE_WRITE_SIZE_MAX,
		.buffers = STATE_BUFFERS,
		.zero_size = STATE_ZERO_SIZE,
		.zero_rate = STATE_ZERO_RATE,
		.snapshot_size = STATE_SNAPSHOT_SIZE,
		.snapshot_read = STATE_SNAPSHOT_READ,
		.point_spacing = STATE_POINT_SPACING,
		.segment_size_min = WAL_SEGMENT_SIZE_MIN,
		.segment_size_step = STATE_SEGMENT_SIZE_STEP,
	};

	return wal_open_limited(out, options, &limits, recovered, error);
}
