/*
 * Opening, closing and driving the log. state.h says how the parts fit.
 */
#include "wal/state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

const char *wal_error(const struct wal *w)
{
	return w->error;
}

static bool in_flight(const struct wal *w)
{
	if (w->in_flight || w->vote.in_flight || w->prepare.in_flight)
		return true;
	for (uint32_t i = 0; i < WAL_READS_MAX; i++)
		if (w->reads[i].state == READ_IN_FLIGHT)
			return true;
	return false;
}

bool wal_busy(const struct wal *w)
{
	if (w->ring_count > 0 || w->vote.in_flight || w->vote.changed)
		return true;
	for (uint32_t i = 0; i < WAL_READS_MAX; i++)
		if (w->reads[i].state == READ_IN_FLIGHT)
			return true;
	return false;
}

static int complete(struct wal *w, const struct disk_completion *done)
{
	switch (done->tag) {
	case TAG_LOG:
		return write_done(w, done->result);
	case TAG_VOTE:
		return vote_done(w, done->result);
	case TAG_PREPARE:
		return prepare_done(w, done->result);
	default:
		assert(done->tag >= TAG_READ);
		assert(done->tag < TAG_READ + WAL_READS_MAX);
		read_done(w, (uint32_t)(done->tag - TAG_READ), done->result);
		return 0;
	}
}

static int submit(struct wal *w)
{
	int err = w->disk->ops->submit(w->disk);

	return err == 0 ? 0 : wal_fail(w, err, "", 0, "submit");
}

int wal_poll(struct wal *w, uint64_t now_ns, uint64_t *seq)
{
	struct disk_completion done[DISK_IN_FLIGHT_MAX];
	uint32_t count;
	int err = 0;

	w->now_ns = now_ns;
	if (w->failed != 0)
		return w->failed;
	if (w->memory != NULL) {
		*seq = w->seq;
		return 0;
	}
	count = w->disk->ops->poll(w->disk, done, DISK_IN_FLIGHT_MAX, false);
	/* Every completion is taken, also after one that failed: the flags must stay true. */
	for (uint32_t i = 0; i < count; i++)
		(void)complete(w, &done[i]);
	if (w->failed == 0)
		err = vote_start(w);
	if (w->failed == 0 && err == 0)
		err = write_start(w);
	if (w->failed == 0 && err == 0)
		err = prepare_step(w);
	if (w->failed == 0 && err == 0)
		err = submit(w);
	if (w->failed != 0)
		return w->failed;
	*seq = write_seq_durable(w);
	return err;
}

int wal_read_now(struct wal *w, uint32_t slot, raft_index first, uint32_t count,
		 const struct raft_entry **entries)
{
	struct read *r = &w->reads[slot];
	int err = wal_read(w, slot, first, count);

	if (err == 0)
		err = submit(w);
	if (err != 0)
		return err;
	while (r->state == READ_IN_FLIGHT) {
		struct disk_completion done;

		if (w->disk->ops->poll(w->disk, &done, 1, true) == 1)
			(void)complete(w, &done);
	}
	r->state = READ_IDLE;
	if (r->error != 0)
		return r->error;
	*entries = r->entries;
	return (int)r->count;
}

void wal_get_stats(const struct wal *w, struct wal_stats *out)
{
	*out = w->stats;
}

static void *region_take(struct wal *w, size_t *used, size_t size)
{
	uint8_t *out = w->region + *used;

	*used += (size + FORMAT_UNIT_MAX - 1) / FORMAT_UNIT_MAX * FORMAT_UNIT_MAX;
	assert(*used <= w->region_size);
	return out;
}

/* One region, so that one registration with the kernel covers all that is written from. */
static int buffers_make(struct wal *w)
{
	const struct wal_limits *l = &w->limits;
	size_t rounded = l->write_size_max + FORMAT_UNIT_MAX;
	size_t used = 0;

	w->region_size = l->buffers * rounded + l->zero_size + 5 * (size_t)FORMAT_UNIT_MAX;
	w->region_size = w->region_size / FORMAT_UNIT_MAX * FORMAT_UNIT_MAX;
	w->region = aligned_alloc(FORMAT_UNIT_MAX, w->region_size);
	if (w->region == NULL)
		return -ENOMEM;
	memset(w->region, 0, w->region_size);
	for (uint32_t i = 0; i < l->buffers; i++)
		w->ring[i].data = region_take(w, &used, l->write_size_max);
	w->zeros = region_take(w, &used, l->zero_size);
	w->block = region_take(w, &used, 2 * (size_t)FORMAT_UNIT_MAX);
	w->header = region_take(w, &used, FORMAT_UNIT_MAX);
	w->region_size = used;
	for (uint32_t i = 0; i < WAL_READS_MAX; i++) {
		size_t size = l->point_spacing + l->write_size_max;

		/* WAL_VOLATILE copies entries into it. */
		if (size < WAL_READ_ENTRIES_MAX * RAFT_ENTRY_DATA_MAX)
			size = WAL_READ_ENTRIES_MAX * RAFT_ENTRY_DATA_MAX;
		size = (size + FORMAT_UNIT_MAX - 1) / FORMAT_UNIT_MAX * FORMAT_UNIT_MAX;
		w->reads[i].buffer = aligned_alloc(FORMAT_UNIT_MAX, size);
		if (w->reads[i].buffer == NULL)
			return -ENOMEM;
	}
	return 0;
}

static void release(struct wal *w)
{
	for (size_t i = 0; i < w->segment_count; i++)
		if (w->segments[i].file >= 0)
			w->disk->ops->close(w->disk, w->segments[i].file);
	if (w->prepare.state != PREPARE_IDLE && w->prepare.file >= 0)
		w->disk->ops->close(w->disk, w->prepare.file);
	if (w->vote.file >= 0)
		w->disk->ops->close(w->disk, w->vote.file);
	if (w->disk_owned && w->disk != NULL)
		w->disk->ops->destroy(w->disk);
	for (uint32_t i = 0; i < WAL_READS_MAX; i++)
		free(w->reads[i].buffer);
	memory_destroy(w->memory);
	log_index_free(&w->index);
	free(w->segments);
	free(w->region);
	free(w);
}

void wal_settle(struct wal *w)
{
	while (in_flight(w)) {
		struct disk_completion done;

		if (w->disk->ops->poll(w->disk, &done, 1, true) == 1)
			(void)complete(w, &done);
	}
}

uint64_t wal_start(const struct wal *w)
{
	return w->vote.durable.start;
}

void wal_close(struct wal *w)
{
	if (!w)
		return;
	wal_settle(w);
	release(w);
}

static int disk_make(struct wal *w, const struct wal_options *options)
{
	const char *hint = "";
	int err;

	if (options->disk != NULL) {
		w->disk = options->disk;
		return 0;
	}
	err = disk_uring_create(&w->disk, options->directory, options->create, w->region,
				w->region_size);
	if (err == 0) {
		w->disk_owned = true;
		return 0;
	}
	if (err == -ENOENT)
		hint = ": there is no such directory, and it was not to be created";
	else if (err == -ENOMEM)
		hint = ": the limit of locked memory is too low for the log's buffers: raise it to "
		       "16 MiB (ulimit -l, or LimitMEMLOCK= in the unit)";
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
	if (w == NULL) {
		(void)snprintf(error, WAL_ERROR_MAX, "no memory for the log");
		return -ENOMEM;
	}
	assert(limits->buffers > 1);
	assert(limits->buffers <= STATE_BUFFERS_MAX);
	w->vote.file = -1;
	w->prepare.file = -1;
	w->limits = *limits;
	w->seed = options->identity_seed;
	w->durability = options->durability;
	w->mode = options->durability == WAL_DURABLE ? DISK_DURABLE : DISK_CACHED;
	w->segment_size = options->segment_size;
	(void)snprintf(w->directory, sizeof(w->directory), "%s",
		       options->directory != NULL ? options->directory : "log");
	log_index_init(&w->index, limits->point_spacing);
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
		err = recover(w, options, recovered);
	if (err != 0) {
		(void)snprintf(error, WAL_ERROR_MAX, "%s", w->error);
		wal_close(w);
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
		.point_spacing = STATE_POINT_SPACING,
		.segment_size_min = WAL_SEGMENT_SIZE_MIN,
		.segment_size_step = STATE_SEGMENT_SIZE_STEP,
	};

	return wal_open_limited(out, options, &limits, recovered, error);
}
