/*
 * The segments of an open log: which files are open, and rolling to the next one.
 */
#include "wal/io.h"
#include "wal/state.h"

#include <errno.h>
#include <stdlib.h>

int wal_segment_append(struct wal *w, const struct segment *segment)
{
	struct segment *added;

	if (w->segment_count == w->segment_capacity) {
		size_t capacity = w->segment_capacity == 0 ? 16 : 2 * w->segment_capacity;
		struct segment *grown = realloc(w->segments, capacity * sizeof(struct segment));

		if (!grown)
			return -ENOMEM;
		w->segments = grown;
		w->segment_capacity = capacity;
	}
	assert(segment->sequence == w->base.segment + w->segment_count);
	added = &w->segments[w->segment_count++];
	*added = *segment;
	added->from = added == w->segments ? 0 : added[-1].from + added[-1].size;
	w->stats.segments = w->segment_count;
	return 0;
}

bool wal_segment_close(struct wal *w, struct segment *segment)
{
	const struct disk_call call = {.kind = DISK_CLOSE, .file = segment->file};

	/* Another time, if the disk has too much to do. */
	if (w->disk->ops->call(w->disk, &call, TAG_CLOSE) != 0)
		return false;
	w->closing++;
	segment->file = -1;
	return true;
}

/*
 * Closes the file that was not read for longest, if more than so many are open. What is written or
 * is still to be synced stays open, so that neither ever waits for a name. True: one is closed.
 */
static bool files_trim(struct wal *w, uint32_t open_max)
{
	size_t kept = w->marker.synced < w->tail ? w->marker.synced : w->tail;
	struct segment *oldest = NULL;
	uint32_t open = 0;

	for (size_t i = 0; i < kept; i++) {
		struct segment *s = &w->segments[i];

		open += s->file >= 0;
		if (s->file >= 0 && s->readers == 0 && (!oldest || s->used < oldest->used))
			oldest = s;
	}
	if (open <= open_max || !oldest)
		return false;
	return wal_segment_close(w, oldest);
}

bool wal_segment_give_way(struct wal *w)
{
	return files_trim(w, 0);
}

int wal_segment_file(struct wal *w, struct segment *segment)
{
	char name[DISK_NAME_MAX];

	if (segment->file >= 0)
		return 0;
	wal_meta_segment_name(name, segment->sequence);
	return wal_io_open(w->disk, name, false, w->mode, &segment->file);
}

int wal_segment_open(struct wal *w, struct segment *segment, uint64_t tag)
{
	struct disk_call call = {.kind = DISK_OPEN, .mode = w->mode};

	(void)files_trim(w, w->files_max - 1);
	wal_meta_segment_name(call.name, segment->sequence);
	return w->disk->ops->call(w->disk, &call, tag);
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
	/* What ended was on stable storage when it did. */
	if (w->durability == WAL_DURABLE)
		w->marker.synced = w->tail;
	(void)files_trim(w, w->files_max);
	return true;
}
