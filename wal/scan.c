/*
 * Invariants:
 *  1. Nothing is written.
 *  2. A place is judged only by what is there and by what was valid before it, never by what would
 *     be convenient: where both readings are possible and one loses acknowledged data, it is
 * damage.
 */
#include "wal/scan.h"

#include "base/bytes.h"
#include "wal/failure.h"
#include "wal/io.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { WINDOW_MIN = 1024 * 1024, WINDOW_ALIGNMENT = FORMAT_UNIT_MAX };

static __attribute__((format(printf, 4, 5))) int
damage(struct scan *s, const struct scan_segment *segment, uint64_t offset, const char *format, ...)
{
	char why[256];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	s->bad_segment = segment->sequence;
	s->bad_offset = offset;
	(void)snprintf(s->error, s->error_size,
		       "segment-%016" PRIx64 " at offset %" PRIu64 ": %s%s", segment->sequence,
		       offset, why, WAL_REFUSED);
	return -EBADMSG;
}

static int failed(struct scan *s, uint64_t sequence, uint64_t offset, const char *what, int err)
{
	(void)snprintf(s->error, s->error_size,
		       "segment-%016" PRIx64 " at offset %" PRIu64 ": %s: %s; nothing was changed",
		       sequence, offset, what, strerror(-err));
	return err;
}

/* The bytes [offset, offset + size) of the segment, or as many as it has. */
static int window_get(struct scan *s, const struct scan_segment *segment, uint32_t offset,
		      uint32_t size, uint8_t **out)
{
	if (offset < s->window_valid || offset + size > s->window_end) {
		uint32_t left = segment->size - offset;
		uint32_t want = left < s->window_size ? left : s->window_size;
		int err = wal_io_read(s->disk, s->file, offset, s->window, want);

		assert(size <= want);
		s->window_end = 0;
		if (err != 0)
			return failed(s, segment->sequence, offset, "cannot be read", err);
		s->window_start = offset;
		s->window_valid = offset;
		s->window_end = offset + want;
	}
	*out = s->window + (offset - s->window_start);
	return 0;
}

static struct log_place place(const struct scan *s, const struct scan_segment *segment,
			      uint32_t offset)
{
	return (struct log_place){s->id, segment->sequence, offset};
}

/* The entries of a write fit to each other and to what was before. */
static int entries_check(struct scan *s, const struct scan_write *write)
{
	const struct record_header *header = write->header;
	uint32_t cursor = FORMAT_WRITE_HEADER;
	uint32_t count = 0;
	struct raft_entry entry;
	int more;

	while ((more = wal_record_next(&entry, write->stream, header->stream_size, &cursor)) == 1) {
		if (count == 0 && entry.index != header->first_index)
			return damage(s, write->segment, write->offset,
				      "write %" PRIu64 ": its header names another first entry",
				      header->number);
		count++;
		if (entry.index < s->base.index) {
			/* The entries that followed it are superseded too. */
			s->last_index = s->base.index - 1;
			s->last_term = s->base.term;
			continue;
		}
		if (entry.index > s->last_index + 1)
			return damage(s, write->segment, write->offset,
				      "write %" PRIu64 ": entry %" PRIu64 " follows %" PRIu64,
				      header->number, entry.index, s->last_index);
		s->last_index = entry.index;
		s->last_term = entry.term;
	}
	if (more != 0 || count != header->count || count == 0)
		return damage(s, write->segment, write->offset,
			      "write %" PRIu64 ": its entries cannot be read", header->number);
	s->entries += count;
	return 0;
}

static int write_accept(struct scan *s, struct scan_segment *segment, uint32_t offset,
			const struct record_header *header, const uint8_t *stream)
{
	struct scan_write write = {segment, offset, header, stream};
	int err = entries_check(s, &write);

	if (err != 0)
		return err;
	s->number = header->number;
	s->bytes += header->size;
	if (header->durable > s->durable)
		s->durable = header->durable;
	if (header->vote_generation > s->vote_generation)
		s->vote_generation = header->vote_generation;
	segment->end = offset + header->size;
	return s->on_write ? s->on_write(s->arg, &write) : 0;
}

/* Reads valid writes from segment->end on. 0 (stopped at segment->end) or -errno. */
static int writes_read(struct scan *s, struct scan_segment *segment)
{
	while (segment->end < segment->size) {
		uint32_t offset = segment->end;
		uint32_t left = segment->size - offset;
		struct log_place here = place(s, segment, offset);
		struct record_header header;
		uint8_t *data;
		int err = window_get(s, segment, offset, s->unit, &data);

		if (err != 0)
			return err;
		if (wal_record_header_decode(&header, data, &here) != 0 ||
		    header.number != s->number + 1 || header.size % s->unit != 0 ||
		    header.size > left || header.size > segment->write_size_max)
			return 0;
		err = window_get(s, segment, offset, header.size, &data);
		if (err != 0)
			return err;
		if (wal_record_open(data, &header, &here) != 0)
			return 0;
		err = write_accept(s, segment, offset, &header, data);
		/* The stream was made in place: what the window holds is no longer the file. */
		if (err != 0)
			return err;
		s->window_valid = segment->end;
	}
	return 0;
}

/* How large the torn write at segment->end can be, judged by its first sector. */
static int torn_extent(struct scan *s, const struct scan_segment *segment, uint32_t *extent)
{
	uint32_t left = segment->size - segment->end;
	struct log_place here = place(s, segment, segment->end);
	struct record_header header;
	uint8_t *data;
	int err = window_get(s, segment, segment->end, s->unit, &data);

	if (err != 0)
		return err;
	*extent = left < segment->write_size_max ? left : segment->write_size_max;
	if (bytes_zero(data, FORMAT_SECTOR))
		return 0;
	if (wal_record_stamp_get(data) != wal_record_stamp(&here, s->number + 1, 0))
		return damage(s, segment, segment->end,
			      "write %" PRIu64 " is due here, and this is neither it nor zero",
			      s->number + 1);
	if (wal_record_header_decode(&header, data, &here) != 0 || header.number != s->number + 1 ||
	    header.size % s->unit != 0 || header.size > *extent)
		return damage(s, segment, segment->end,
			      "the header of write %" PRIu64 " is damaged", s->number + 1);
	*extent = header.size;
	return 0;
}

/* Past segment->end: all zero (torn = 0), or a torn write (its bytes), or damage. */
static int rest_judge(struct scan *s, const struct scan_segment *segment, bool may_tear,
		      uint32_t *torn)
{
	struct log_place here = place(s, segment, segment->end);
	uint32_t extent = 0;
	uint32_t zeros = 0;
	uint32_t last = 0;
	int err;

	*torn = 0;
	for (uint32_t at = segment->end; at < segment->size; at += s->unit) {
		uint8_t *data;

		err = window_get(s, segment, at, s->unit, &data);
		if (err != 0)
			return err;
		if (bytes_zero(data, s->unit)) {
			zeros += at - segment->end < extent || extent == 0;
			continue;
		}
		if (!may_tear)
			return damage(s, segment, at, "not zero, past the end of the log");
		if (extent == 0) {
			err = torn_extent(s, segment, &extent);
			if (err != 0)
				return err;
			err = window_get(s, segment, at, s->unit, &data);
			if (err != 0)
				return err;
		}
		for (uint32_t sector = 0; sector < s->unit; sector += FORMAT_SECTOR) {
			uint32_t in_write = at + sector - segment->end;

			if (bytes_zero(data + sector, FORMAT_SECTOR)) {
				zeros += in_write < extent;
				continue;
			}
			if (in_write >= extent)
				return damage(s, segment, segment->end,
					      "write %" PRIu64
					      " is damaged: more follows it, at offset %" PRIu32,
					      s->number + 1, at + sector);
			if (wal_record_stamp_get(data + sector) !=
			    wal_record_stamp(&here, s->number + 1, in_write))
				return damage(s, segment, at + sector,
					      "after write %" PRIu64 ", a sector that is neither "
					      "zero nor of write %" PRIu64,
					      s->number, s->number + 1);
			last = in_write + FORMAT_SECTOR;
		}
	}
	if (last == 0)
		return 0;
	if (zeros == 0)
		return damage(s, segment, segment->end,
			      "write %" PRIu64 " is whole, and its checksum is wrong",
			      s->number + 1);
	/* The cut zeroes whole units. */
	*torn = (last + s->unit - 1) / s->unit * s->unit;
	return 0;
}

static int segment_open(struct scan *s, uint64_t sequence, struct scan_segment *out)
{
	char name[DISK_NAME_MAX];
	struct meta_segment found;
	uint64_t size;
	int err;

	*out = (struct scan_segment){.sequence = sequence, .end = s->unit};
	wal_meta_segment_name(name, sequence);
	err = wal_io_open(s->disk, name, false, s->mode, &s->file);
	if (err != 0)
		return failed(s, sequence, 0, "cannot be opened", err);
	s->window_end = 0;
	err = s->disk->ops->size(s->disk, s->file, &size);
	if (err != 0)
		return failed(s, sequence, 0, "has no size", err);
	if (size < s->unit)
		return damage(s, out, size, "the file is too short to be a segment");
	err = wal_io_read(s->disk, s->file, 0, s->window, s->unit);
	if (err != 0)
		return failed(s, sequence, 0, "cannot be read", err);
	err = wal_meta_segment_decode(&found, s->window, s->unit, &s->id);
	if (err == -EPROTO)
		return failed(s, sequence, 0, "written by another version of quoin", err);
	if (err == -EXDEV)
		return damage(s, out, 0, "the segment of another log");
	if (err != 0)
		return damage(s, out, 0, "no valid segment header");
	if (found.sequence != sequence)
		return damage(s, out, 0,
			      "the file holds segment %" PRIu64 ", not the one it is "
			      "named for",
			      found.sequence);
	if (found.size != size)
		return damage(s, out, size, "the file has %" PRIu64 " bytes instead of %" PRIu32,
			      size, found.size);
	out->size = found.size;
	out->write_size_max = found.write_size_max;
	return 0;
}

static int window_make(struct scan *s, uint32_t size)
{
	size = size < WINDOW_MIN ? WINDOW_MIN : size;
	if (s->window && s->window_size >= size)
		return 0;
	free(s->window);
	s->window = aligned_alloc(WINDOW_ALIGNMENT, (size + WINDOW_ALIGNMENT - 1) /
							    WINDOW_ALIGNMENT * WINDOW_ALIGNMENT);
	if (!s->window) {
		(void)snprintf(s->error, s->error_size, "no memory to read the log");
		return -ENOMEM;
	}
	s->window_size = size;
	return 0;
}

static int segment_scan(struct scan *s, size_t i)
{
	struct scan_segment *segment = &s->segments[i];
	uint64_t before = s->number;
	uint32_t torn;
	int err;

	if (s->on_segment)
		s->on_segment(s->arg, segment);
	err = window_make(s, segment->write_size_max);
	/*
	 * The next write may be in this segment if the log goes on here, or could not go on in the
	 * one before; past a torn write there is none.
	 */
	if (err == 0 && !s->torn && i <= s->tail + 1)
		err = writes_read(s, segment);
	if (err != 0)
		return err;
	torn = 0;
	if (!s->live)
		err = rest_judge(s, segment, !s->torn && i <= s->tail + 1, &torn);
	if (err != 0)
		return err;
	if (s->number > before || torn > 0)
		s->tail = i;
	if (torn > 0) {
		s->torn = true;
		s->torn_bytes = torn;
	}
	return 0;
}

int wal_scan_run(struct scan *s, const uint64_t *sequences, size_t count)
{
	s->segments = calloc(count == 0 ? 1 : count, sizeof(*s->segments));
	if (!s->segments || window_make(s, WINDOW_MIN) != 0) {
		(void)snprintf(s->error, s->error_size, "no memory to read the log");
		return -ENOMEM;
	}
	s->number = s->base.number;
	s->last_index = s->base.index - 1;
	s->last_term = s->base.term;
	for (size_t i = 0; i < count; i++) {
		struct scan_segment missing = {.sequence = s->base.segment + i};
		int err;

		s->file = -1;
		if (sequences[i] != missing.sequence)
			return damage(s, &missing, 0, "the segment is missing");
		err = segment_open(s, sequences[i], &s->segments[i]);
		if (err == 0) {
			s->segment_count = i + 1;
			err = segment_scan(s, i);
		}
		if (s->file >= 0)
			wal_io_close(s->disk, s->file);
		if (err != 0)
			return err;
	}
	return 0;
}

void wal_scan_free(struct scan *s)
{
	free(s->segments);
	free(s->window);
}
