/*
 * Reading entries back. A read takes the stretch of a segment that begins at the index point before
 * the entry, checks every write in it again, and hands entries out of its buffer; a read that
 * continues where the last one of its slot stopped is answered from the buffer.
 *
 * The buffer holds one stretch between points and one largest write, so the entry is in it.
 */
#include "wal/state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool wal_readable(const struct wal *w, raft_index index)
{
	if (index < w->base.index || index > w->index.last)
		return false;
	for (uint32_t i = 0; i < w->ring_count; i++)
		if (index >= w->ring[(w->ring_first + i) % w->limits.buffers].lowest)
			return false;
	return true;
}

/* Takes the entries that were asked for from the buffer, going on where the last call stopped. */
static void collect(struct wal *w, struct read *r)
{
	raft_index next = r->first;

	r->count = 0;
	while (r->at < r->end && r->count < r->want && wal_readable(w, next)) {
		const struct log_place place = {w->id, r->segment, r->offset + r->at};
		const uint8_t *stream = r->buffer + r->at;
		struct raft_entry entry;
		struct record_header header;
		int err = wal_record_header_decode(&header, stream, &place);

		assert(err == 0);
		if (wal_record_next(&entry, stream, header.stream_size, &r->cursor) != 1) {
			r->at += header.size;
			r->cursor = FORMAT_WRITE_HEADER;
			r->ordinal = 0;
			continue;
		}
		if (entry.index == next && wal_index_point_reached(wal_index_find(&w->index, next),
								   header.number, r->ordinal)) {
			r->entries[r->count++] = entry;
			next++;
		}
		r->ordinal++;
	}
}

static void memory_collect(struct wal *w, struct read *r)
{
	uint8_t *out = r->buffer;

	r->count = 0;
	while (r->count < r->want) {
		const struct raft_entry *entry = wal_memory_get(w->memory, r->first + r->count);

		if (!entry)
			break;
		if (entry->size > 0)
			memcpy(out, entry->data, entry->size);
		r->entries[r->count] = *entry;
		r->entries[r->count++].data = out;
		out += entry->size;
	}
}

static int read_fail(struct wal *w, struct read *r, uint32_t at, int err, const char *why)
{
	/* Final for this read alone; but the line must be there for who asks. */
	if (w->failed == 0)
		(void)snprintf(w->error, sizeof(w->error),
			       "%s/segment-%016" PRIx64 " at offset %" PRIu32 ": read: %s: %s; "
			       "check the disk, and the log with quoin-wal verify",
			       w->directory, r->segment, r->offset + at, why, strerror(-err));
	r->segment = 0;
	r->end = 0;
	r->error = err;
	r->state = READ_READY;
	return err;
}

static int submit(struct wal *w, struct segment *segment, uint32_t slot)
{
	struct read *r = &w->reads[slot];
	int err = w->disk->ops->read(w->disk, segment->file, r->offset, r->buffer, r->end,
				     TAG_READ + slot);

	if (err != 0)
		return err;
	segment->used = ++w->used_clock;
	segment->readers++;
	r->state = READ_IN_FLIGHT;
	return 0;
}

/* The file is opened once for all who wait for it. */
static int file_want(struct wal *w, struct segment *segment, uint32_t slot)
{
	int err = segment->opening ? 0 : wal_segment_open(w, segment, TAG_READ + slot);

	if (err != 0)
		return err;
	segment->opening = true;
	w->reads[slot].state = READ_OPENING;
	return 0;
}

static int start(struct wal *w, uint32_t slot, raft_index first, uint32_t count)
{
	struct read *r = &w->reads[slot];
	const struct index_point *point;
	struct segment *segment;
	uint32_t size;
	int err;

	if (r->state == READ_OPENING || r->state == READ_IN_FLIGHT)
		return -EBUSY;
	r->state = READ_IDLE;
	r->error = 0;
	r->first = first;
	r->want = count < WAL_READ_ENTRIES_MAX ? count : WAL_READ_ENTRIES_MAX;
	if (w->memory)
		memory_collect(w, r);
	else if (!wal_readable(w, first))
		return -ENOENT;
	else
		collect(w, r);
	if (r->count > 0) {
		r->state = READ_READY;
		return 0;
	}
	if (w->memory || count == 0)
		return -ENOENT;

	point = wal_index_find(&w->index, first);
	segment = &w->segments[point->segment - w->base.segment];
	size = segment->end - point->offset;
	if (size > w->limits.point_spacing + w->limits.write_size_max)
		size = w->limits.point_spacing + w->limits.write_size_max;
	r->segment = segment->sequence;
	r->offset = point->offset;
	r->number = point->number;
	r->end = size;
	r->since_ns = w->now_ns;
	err = segment->file < 0 ? file_want(w, segment, slot) : submit(w, segment, slot);
	if (err != 0) {
		r->segment = 0; /* the buffer does not hold what these fields say */
		r->end = 0;
	}
	return err;
}

/* Checks the writes in the buffer and turns them into streams; r->end: where the whole ones end. */
static int buffer_open(struct wal *w, struct read *r)
{
	uint32_t size = r->end;
	uint64_t number = r->number;

	r->end = 0;
	while (r->end < size) {
		struct log_place place = {w->id, r->segment, r->offset + r->end};
		struct record_header header;

		if (wal_record_header_decode(&header, r->buffer + r->end, &place) != 0 ||
		    header.number != number)
			return -EBADMSG;
		if (header.size > size - r->end)
			return 0;
		if (wal_record_open(r->buffer + r->end, &header, &place) != 0)
			return -EBADMSG;
		r->end += header.size;
		number++;
	}
	return 0;
}

static void file_opened(struct wal *w, struct segment *segment, const struct disk_completion *done)
{
	segment->opening = false;
	if (done->result == 0)
		segment->file = (int)done->value;
	else if (wal_no_descriptor(done->result))
		(void)wal_segment_give_way(w); /* to the next try */
	for (uint32_t slot = 0; slot < WAL_READS_MAX; slot++) {
		struct read *r = &w->reads[slot];
		int err = done->result;

		if (r->state != READ_OPENING || r->segment != segment->sequence)
			continue;
		if (err == 0)
			err = submit(w, segment, slot);
		if (err != 0)
			(void)read_fail(w, r, 0, err,
					done->result != 0 ? "opening failed" : "submit failed");
	}
}

void wal_read_done(struct wal *w, uint32_t slot, const struct disk_completion *done)
{
	struct read *r = &w->reads[slot];
	struct segment *segment = &w->segments[r->segment - w->base.segment];
	int damage;

	if (r->state == READ_OPENING) {
		file_opened(w, segment, done);
		return;
	}
	assert(r->state == READ_IN_FLIGHT);
	assert(segment->readers > 0);
	segment->readers--;
	if (done->result != 0) {
		(void)read_fail(w, r, 0, done->result, "failed");
		return;
	}
	damage = buffer_open(w, r);
	r->at = 0;
	r->cursor = FORMAT_WRITE_HEADER;
	r->ordinal = 0;
	collect(w, r);
	r->state = READ_READY;
	if (r->count > 0)
		return;
	if (damage != 0)
		(void)read_fail(w, r, r->end, damage, "not the write that was there");
	else
		r->error = -ENOENT; /* superseded while it was read */
}

int wal_read(struct wal *w, uint32_t slot, raft_index first, uint32_t count)
{
	assert(slot < WAL_READS_MAX);
	if (w->failed != 0)
		return w->failed;
	return start(w, slot, first, count);
}

bool wal_read_poll(struct wal *w, struct wal_read_result *out)
{
	for (uint32_t slot = 0; slot < WAL_READS_MAX; slot++) {
		struct read *r = &w->reads[slot];

		if (r->state != READ_READY)
			continue;
		r->state = READ_IDLE;
		*out = (struct wal_read_result){slot, r->error, r->entries,
						r->error == 0 ? r->count : 0};
		return true;
	}
	return false;
}
