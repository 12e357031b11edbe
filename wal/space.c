/*
 * How much space there is for the log: what the file system has left, or less, by the quota that
 * all of the directory's files have together. Segments that are kept to be used again are space
 * that is left: no file is made while there is one.
 */
#include "wal/state.h"

static uint64_t used(const struct wal *w)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < w->segment_count; i++)
		sum += w->segments[i].size;
	for (uint32_t i = 0; i < w->snapshot_count; i++)
		sum += w->snapshots[i].info.size;
	if (w->writer.step != SNAPSHOT_IDLE && !w->writer.pulling)
		sum += w->writer.offset;
	return sum + wal_pull_part_size(w);
}

static bool is_low(bool was, uint64_t left, uint64_t all)
{
	const uint64_t percent = WAL_SPACE_LOW - (was ? WAL_SPACE_LESS : 0);

	return all > 0 && left <= all / 100 * (100 - percent);
}

void wal_space_look(struct wal *w, const struct disk_completion *seen)
{
	struct wal_space *space = &w->prepare.space;
	uint64_t left;

	space->used = used(w);
	space->quota = w->quota;
	left = w->quota > space->used ? w->quota - space->used : 0;
	space->disk_left = seen ? seen->value + w->spares.count * (uint64_t)w->segment_size : 0;
	space->disk_size = seen ? seen->all : 0;
	space->known = seen || w->quota > 0;
	space->by_quota = w->quota > 0 && (!seen || left < space->disk_left);
	space->there = space->by_quota ? left : space->disk_left;
	space->quota_low = is_low(space->quota_low, left, w->quota);
	space->disk_low = is_low(space->disk_low, space->disk_left, space->disk_size);
}

void wal_get_space(const struct wal *w, struct wal_space *out)
{
	*out = w->prepare.space;
}
