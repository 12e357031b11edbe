/*
 * How much space there is for the log: what the file system has left, or less, by the quota that
 * all of the directory's files have together. Segments that are kept to be used again are space
 * that is left for the log: no file is made while there is one. They are none for a snapshot, and
 * the next one has a reserve: without it the log could never be cut again.
 */
#include "wal/state.h"

uint64_t wal_space_part(const struct wal *w)
{
	const struct puller *p = &w->puller;

	if (!w->writer.pulling || w->writer.offset < p->part.size)
		return p->part.size;
	return w->writer.offset;
}

static uint64_t used(const struct wal *w)
{
	uint64_t sum = 0;

	if (w->segment_count > 0) {
		const struct segment *last = &w->segments[w->segment_count - 1];

		sum = last->from + last->size - w->segments[0].from;
	}
	for (uint32_t i = 0; i < w->snapshot_count; i++)
		sum += w->snapshots[i].info.size;
	if (w->writer.step != SNAPSHOT_IDLE && !w->writer.pulling)
		sum += w->writer.offset;
	return sum + wal_space_part(w);
}

static bool is_low(bool was, uint64_t left, uint64_t all)
{
	const uint64_t percent = WAL_SPACE_LOW - (was ? WAL_SPACE_LESS : 0);

	return all > 0 && left <= all / 100 * (100 - percent);
}

void wal_space_reserve(struct wal *w, uint64_t bytes)
{
	w->prepare.reserve = bytes;
}

/* What of it is not written yet. */
static uint64_t reserve_left(const struct wal *w)
{
	const struct snapshot_writer *s = &w->writer;
	uint64_t there = s->step != SNAPSHOT_IDLE && !s->pulling ? s->offset : 0;

	return w->prepare.reserve > there ? w->prepare.reserve - there : 0;
}

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

bool wal_space_holds(const struct wal *w, uint64_t more)
{
	uint64_t spares = w->spares.count * (uint64_t)w->segment_size;

	return w->quota == 0 || used(w) + spares + more <= w->quota;
}

void wal_space_look(struct wal *w, const struct disk_completion *seen)
{
	struct wal_space *space = &w->prepare.space;
	const uint64_t spares = w->spares.count * (uint64_t)w->segment_size;
	uint64_t left;

	space->used = used(w);
	space->quota = w->quota;
	left = w->quota > space->used ? w->quota - space->used : 0;
	space->reserve = reserve_left(w);
	space->disk_left = seen ? seen->value + spares : 0;
	space->disk_size = seen ? seen->all : 0;
	space->known = seen || w->quota > 0;
	space->by_quota = w->quota > 0 && (!seen || left < space->disk_left);
	space->there = space->by_quota ? left : space->disk_left;
	space->files = less(space->there, spares);
	space->quota_low = is_low(space->quota_low, less(left, space->reserve), w->quota);
	space->disk_low =
		is_low(space->disk_low, less(space->disk_left, space->reserve), space->disk_size);
}

void wal_get_space(const struct wal *w, struct wal_space *out)
{
	*out = w->prepare.space;
	out->ready = 0;
	for (size_t i = w->tail; i < w->segment_count; i++)
		out->ready += w->segments[i].size - w->segments[i].end;
}

uint64_t wal_bytes_behind(const struct wal *w, raft_index index)
{
	const struct index_point *point;
	const struct segment *tail, *begins;

	if (w->memory || index + 1 < w->base.index || index >= w->index.last)
		return 0;
	point = wal_index_find(&w->index, index + 1);
	tail = &w->segments[w->tail];
	begins = &w->segments[point->segment - w->base.segment];
	return tail->from + tail->end - (begins->from + point->offset);
}
