/*
 * The segments of an open log: which are open, rolling to the next one, and preparing it in the
 * background.
 *
 * A segment is prepared under a temporary name: zeros over its whole length, synced, then its
 * header, synced, then its name, and the directory synced. So whatever carries a segment's name has
 * a valid header and was durably zero (W16-W18). It starts as soon as there is none to roll to; one
 * step is in flight at a time, so that the log's own writes wait for little.
 */
#include "wal/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Files kept open for reading, beside the ones in use: 64 MiB each, so a read rarely opens one. */
enum { SEGMENT_FILES_MAX = 64 };

int wal_segment_append(struct wal *w, const struct segment *segment)
{
	if (w->segment_count == w->segment_capacity) {
		size_t capacity = w->segment_capacity == 0 ? 16 : 2 * w->segment_capacity;
		struct segment *grown = realloc(w->segments, capacity * sizeof(struct segment));

		if (!grown)
			return -ENOMEM;
		w->segments = grown;
		w->segment_capacity = capacity;
	}
	assert(segment->sequence == w->base.segment + w->segment_count);
	w->segments[w->segment_count++] = *segment;
	w->stats.segments = w->segment_count;
	return 0;
}

/* Closes the file that was not read for longest, if too many are open. */
static void files_trim(struct wal *w)
{
	struct segment *oldest = NULL;
	uint32_t open = 0;

	for (size_t i = 0; i < w->tail; i++) {
		struct segment *s = &w->segments[i];

		open += s->file >= 0;
		if (s->file >= 0 && s->readers == 0 && (!oldest || s->used < oldest->used))
			oldest = s;
	}
	if (open < SEGMENT_FILES_MAX || !oldest)
		return;
	w->disk->ops->close(w->disk, oldest->file);
	oldest->file = -1;
}

int wal_segment_file(struct wal *w, struct segment *segment)
{
	char name[DISK_NAME_MAX];

	segment->used = ++w->used_clock;
	if (segment->file >= 0)
		return 0;
	files_trim(w);
	wal_meta_segment_name(name, segment->sequence);
	return w->disk->ops->open(w->disk, name, false, w->mode, &segment->file);
}

bool wal_segment_wanted(const struct wal *w)
{
	return w->tail + 1 >= w->segment_count;
}

bool wal_segment_roll(struct wal *w)
{
	if (wal_segment_wanted(w))
		return false;
	/* Were it missing later, nobody would know (W20): it is named first. */
	if (w->segments[w->tail + 1].sequence > w->marker.durable.segment)
		return false;
	w->tail++;
	assert(w->segments[w->tail].end == w->unit);
	return true;
}

static int prepare_fail(struct wal *w, int err, const char *operation)
{
	char name[DISK_NAME_MAX];

	wal_meta_segment_name(name, w->prepare.sequence);
	return wal_fail(w, err, name, w->prepare.offset, operation);
}

static int prepare_begin(struct wal *w)
{
	struct prepare *p = &w->prepare;
	char name[DISK_NAME_MAX];
	char temporary[DISK_NAME_MAX];
	int err;

	*p = (struct prepare){.sequence = w->base.segment + w->segment_count,
			      .size = w->segment_size};
	wal_meta_segment_name(name, p->sequence);
	wal_meta_temporary_name(temporary, name);
	err = w->disk->ops->open(w->disk, temporary, true, w->mode, &p->file);
	if (err != 0)
		return prepare_fail(w, err, "create");
	p->state = PREPARE_ZERO;
	return 0;
}

static int prepare_finish(struct wal *w)
{
	struct prepare *p = &w->prepare;
	struct segment segment = {
		.sequence = p->sequence, .size = p->size, .end = w->unit, .file = p->file};
	char name[DISK_NAME_MAX];
	char temporary[DISK_NAME_MAX];
	int err;

	wal_meta_segment_name(name, p->sequence);
	wal_meta_temporary_name(temporary, name);
	err = w->disk->ops->rename(w->disk, temporary, name);
	if (err == 0)
		err = w->disk->ops->sync_names(w->disk);
	if (err == 0)
		err = wal_segment_append(w, &segment);
	if (err != 0)
		return prepare_fail(w, err, "rename");
	p->state = PREPARE_IDLE;
	return 0;
}

int wal_prepare_step(struct wal *w)
{
	struct prepare *p = &w->prepare;
	struct disk *d = w->disk;
	int err = 0;

	if (p->in_flight)
		return 0;
	if (p->state == PREPARE_IDLE) {
		if (!wal_segment_wanted(w))
			return 0;
		err = prepare_begin(w);
		if (err != 0)
			return err;
	}
	switch (p->state) {
	case PREPARE_ZERO: {
		uint32_t left = p->size - p->offset;

		err = d->ops->write(d, p->file, p->offset, w->zeros,
				    left < w->limits.zero_size ? left : w->limits.zero_size,
				    TAG_PREPARE);
		break;
	}
	case PREPARE_ZERO_SYNC:
	case PREPARE_HEADER_SYNC:
		err = d->ops->sync(d, p->file, TAG_PREPARE);
		break;
	case PREPARE_HEADER: {
		struct meta_segment header = {.sequence = p->sequence,
					      .size = p->size,
					      .unit = w->unit,
					      .write_size_max = w->limits.write_size_max};

		wal_meta_segment_encode(w->header, &w->id, &header);
		err = d->ops->write(d, p->file, 0, w->header, w->unit, TAG_PREPARE);
		break;
	}
	case PREPARE_IDLE:
		assert(false);
	}
	if (err != 0)
		return prepare_fail(w, err, "submit");
	p->in_flight = true;
	p->since_ns = w->now_ns;
	return 0;
}

const char *wal_prepare_operation(const struct wal *w)
{
	static const char *const operation[] = {
		[PREPARE_IDLE] = "preparation",
		[PREPARE_ZERO] = "write of zeros",
		[PREPARE_ZERO_SYNC] = "sync of the zeros",
		[PREPARE_HEADER] = "write of the header",
		[PREPARE_HEADER_SYNC] = "sync of the header",
	};

	return operation[w->prepare.state];
}

int wal_prepare_done(struct wal *w, int err)
{
	struct prepare *p = &w->prepare;

	const char *operation = wal_prepare_operation(w);

	assert(p->in_flight);
	p->in_flight = false;
	if (err != 0)
		return prepare_fail(w, err, operation);
	switch (p->state) {
	case PREPARE_ZERO:
		p->offset += p->size - p->offset < w->limits.zero_size ? p->size - p->offset
								       : w->limits.zero_size;
		if (p->offset == p->size)
			p->state = PREPARE_ZERO_SYNC;
		return 0;
	case PREPARE_ZERO_SYNC:
		p->offset = 0;
		p->state = PREPARE_HEADER;
		return 0;
	case PREPARE_HEADER:
		p->state = PREPARE_HEADER_SYNC;
		return 0;
	case PREPARE_HEADER_SYNC:
		return prepare_finish(w);
	case PREPARE_IDLE:
		break;
	}
	assert(false);
	return 0;
}

int wal_prepare_now(struct wal *w)
{
	size_t before = w->segment_count;

	while (w->segment_count == before) {
		struct disk_completion done;
		int err = wal_prepare_step(w);

		if (err == 0) {
			err = w->disk->ops->submit(w->disk);
			if (err != 0)
				err = prepare_fail(w, err, "submit");
		}
		if (err != 0)
			return err;
		while (w->disk->ops->poll(w->disk, &done, 1, true) == 0)
			;
		assert(done.tag == TAG_PREPARE);
		err = wal_prepare_done(w, done.result);
		if (err != 0)
			return err;
	}
	return 0;
}
