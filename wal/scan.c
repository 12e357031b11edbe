/*
 * Invariants:
 *  1. Nothing is written, and what is read is what the disk holds: in every mode past the page
 *     cache, which after a failed sync shows what no other sync will write.
 *  2. A place is judged only by what is there and by what was valid before it, never by what would
 *     be convenient: where both readings are possible and one loses acknowledged data, it is
 *     damage.
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

bool wal_scan_unreadable(int err)
{
	/* ENODATA is the kernel's word for a bad medium, EILSEQ for a checksum of the device. */
	return err == -EIO || err == -ENODATA || err == -EILSEQ;
}

/*
 * The bytes [offset, offset + size) of the segment, or as many as it has. One unit that cannot be
 * read must not hide its neighbours: behind a read that failed the window is as small as can be.
 */
static int window_get(struct scan *s, const struct scan_segment *segment, uint32_t offset,
		      uint32_t size, uint8_t **out)
{
	if (offset < s->window_valid || offset + size > s->window_end) {
		uint32_t left = segment->size - offset;
		uint32_t want = left < s->window_size ? left : s->window_size;
		int err = -EIO;

		assert(size <= want);
		s->window_end = 0;
		if (offset < s->window_bad)
			want = size;
		else
			err = wal_io_read(s->disk, s->file, offset, s->window, want);
		if (wal_scan_unreadable(err)) {
			if (want > size)
				s->window_bad = offset + want;
			want = size;
			err = wal_io_read(s->disk, s->file, offset, s->window, want);
		}
		if (err != 0)
			return failed(s, segment->sequence, offset, "cannot be read", err);
		s->window_start = offset;
		s->window_valid = offset;
		s->window_end = offset + want;
	}
	*out = s->window + (offset - s->window_start);
	return 0;
}

/* What it may have held is judged by what is around it. */
static bool passed_over(struct scan *s, int err)
{
	if (!wal_scan_unreadable(err))
		return false;
	s->error[0] = '\0';
	return true;
}

/* Of where write N was due; both places are told, for a write may be large. */
static int unread(struct scan *s, uint64_t sequence, uint32_t due, uint32_t at, int err)
{
	(void)snprintf(s->error, s->error_size,
		       "segment-%016" PRIx64 " at offset %" PRIu32 ": cannot be read: %s (write "
		       "%" PRIu64 " is due at offset %" PRIu32 "); nothing was changed",
		       sequence, at, strerror(-err), s->number + 1, due);
	return err;
}

/* The first unit of them that cannot be read. */
static uint32_t unread_find(struct scan *s, const struct scan_segment *segment, uint32_t offset,
			    uint32_t size)
{
	uint32_t at = offset;
	uint8_t *data;

	while (at < offset + size && window_get(s, segment, at, s->unit, &data) == 0)
		at += s->unit;
	return at < offset + size ? at : offset; /* by now it can be read */
}

/* Whether N lies there only the next segment can show (doubt_end). */
static void doubt_begin(struct scan *s, const struct scan_segment *segment, int err, uint32_t at)
{
	if (s->doubt.sequence == 0)
		s->doubt = (struct scan_doubt){segment->sequence, segment->end, at, err};
}

/* N, or a part of it, is at the start of the next segment: so nothing of it is where it may be. */
static void doubt_end(struct scan *s)
{
	s->doubt.sequence = 0;
}

static int doubt_refuse(struct scan *s)
{
	const struct scan_segment segment = {.sequence = s->doubt.sequence};

	if (s->doubt.err != 0)
		return unread(s, s->doubt.sequence, s->doubt.due, s->doubt.at, s->doubt.err);
	return damage(s, &segment, s->doubt.due,
		      "write %" PRIu64 " may have been whole, and is damaged", s->number + 1);
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
	doubt_end(s);
	if (segment->end == s->unit) {
		segment->first = header->first_index;
		segment->before = s->number;
	}
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

		/* Of an open log it is not judged by what follows. */
		if (wal_scan_unreadable(err) && s->live)
			doubt_begin(s, segment, err, offset);
		if (passed_over(s, err))
			return 0;
		if (err != 0)
			return err;
		if (wal_record_header_decode(&header, data, &here) != 0 ||
		    header.number != s->number + 1 || header.size % s->unit != 0 ||
		    header.size > left || header.size > segment->write_size_max)
			return 0;
		err = window_get(s, segment, offset, header.size, &data);
		if (wal_scan_unreadable(err) && s->live)
			return unread(s, segment->sequence, offset,
				      unread_find(s, segment, offset, header.size), err);
		if (passed_over(s, err))
			return 0;
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

/* What stands past the last valid write of a segment, where write N was due. */
struct rest {
	const struct scan_segment *segment;
	struct log_place here;
	bool may_tear;   /* N may lie here */
	uint32_t extent; /* N ends there at the latest; 0: nothing of it was seen */
	uint32_t sure;   /* and nowhere else, as its header says; 0: that is not known */
	uint32_t last;   /* where the last sector of N that was seen ends */
	uint32_t zero;   /* the first sector that is zero; UINT32_MAX: none is */
	int err;         /* of the first unit that could not be read, there */
	uint32_t err_at;
};

/* A sector in which one bit is set, as one that was zero and decayed. */
static bool one_bit(const uint8_t *sector)
{
	uint32_t bits = 0;

	for (uint32_t at = 0; at < FORMAT_SECTOR; at += 8)
		bits += (uint32_t)__builtin_popcountll(bytes_get64(sector + at));
	return bits == 1;
}

static bool blank(const uint8_t *sector)
{
	return bytes_zero(sector, FORMAT_SECTOR) || one_bit(sector);
}

/* Nothing that was acknowledged can have been here (rest_end); it is to be zeroed again. */
static int decayed_note(struct scan *s, const struct rest *r, uint32_t at)
{
	uint32_t unit = at / s->unit * s->unit;
	struct scan_decayed *last = &s->decayed[s->decayed_count - (s->decayed_count > 0)];

	if (s->decayed_count > 0 && last->sequence == r->segment->sequence && last->offset == unit)
		return 0;
	if (s->decayed_count == SCAN_DECAYED_MAX)
		return damage(s, r->segment, at,
			      "more than %d places past the end of the log were never written and "
			      "are not zero: the disk or the memory is failing",
			      (int)SCAN_DECAYED_MAX);
	s->decayed[s->decayed_count++] = (struct scan_decayed){r->segment->sequence, unit};
	return 0;
}

/* How large the torn write at segment->end can be, judged by its first sector. */
static int torn_extent(struct scan *s, struct rest *r)
{
	const struct scan_segment *segment = r->segment;
	uint32_t left = segment->size - segment->end;
	struct record_header header;
	uint8_t *data;
	int err = window_get(s, segment, segment->end, s->unit, &data);

	r->extent = left < segment->write_size_max ? left : segment->write_size_max;
	if (passed_over(s, err))
		return 0;
	if (err != 0)
		return err;
	if (blank(data))
		return 0;
	if (wal_record_stamp_get(data) != wal_record_stamp(&r->here, s->number + 1, 0))
		return damage(s, segment, segment->end,
			      "write %" PRIu64 " is due here, and this is neither it nor zero",
			      s->number + 1);
	doubt_end(s);
	if (wal_record_header_decode(&header, data, &r->here) != 0 ||
	    header.number != s->number + 1 || header.size % s->unit != 0 || header.size > r->extent)
		return damage(s, segment, segment->end,
			      "the header of write %" PRIu64 " is damaged", s->number + 1);
	r->extent = r->sure = header.size;
	return 0;
}

/* A sector that is not blank: of write N, or damage. */
static int rest_sector(struct scan *s, struct rest *r, const uint8_t *sector, uint32_t at)
{
	uint32_t in_write = at - r->segment->end;

	if (in_write >= r->extent)
		return damage(s, r->segment, r->segment->end,
			      "write %" PRIu64 " is damaged: more follows it, at offset %" PRIu32,
			      s->number + 1, at);
	if (wal_record_stamp_get(sector) != wal_record_stamp(&r->here, s->number + 1, in_write))
		return damage(s, r->segment, at,
			      "after write %" PRIu64 ", a sector that is neither zero nor of "
			      "write %" PRIu64,
			      s->number, s->number + 1);
	doubt_end(s);
	r->last = in_write + FORMAT_SECTOR;
	return 0;
}

static int rest_unit(struct scan *s, struct rest *r, uint32_t at)
{
	uint8_t *data;
	int err = window_get(s, r->segment, at, s->unit, &data);

	if (passed_over(s, err)) {
		if (r->err == 0)
			r->err_at = at;
		if (r->err == 0)
			r->err = err;
		return decayed_note(s, r, at);
	}
	for (uint32_t sector = at; err == 0 && sector < at + s->unit; sector += FORMAT_SECTOR) {
		const uint8_t *in = data + (sector - at);

		if (bytes_zero(in, FORMAT_SECTOR)) {
			if (sector - r->segment->end < r->zero)
				r->zero = sector - r->segment->end;
			continue;
		}
		if (one_bit(in)) {
			err = decayed_note(s, r, sector);
			continue;
		}
		if (!r->may_tear)
			return damage(s, r->segment, sector, "not zero, past the end of the log");
		if (r->extent == 0) {
			err = torn_extent(s, r);
			if (err == 0)
				err = window_get(s, r->segment, at, s->unit, &data);
		}
		if (err == 0)
			err = rest_sector(s, r, data + (sector - at), sector);
	}
	return err;
}

/* N, if it was ever written, has at least so much. */
static uint32_t rest_sure(const struct scan *s, const struct rest *r)
{
	uint32_t seen = (r->last + s->unit - 1) / s->unit * s->unit;

	return r->sure > 0 ? r->sure : seen > 0 ? seen : s->unit;
}

/*
 * Write N was never whole if one sector that it must have had is zero: exactly zero, for what
 * decayed shows nothing. Then N was not acknowledged, and nothing was ever written behind it. Where
 * nothing of N is seen, and nothing shows that it is not there, it may be in the next segment.
 */
static int rest_end(struct scan *s, const struct rest *r, uint32_t *torn)
{
	uint32_t sure = rest_sure(s, r);

	if (r->may_tear && r->zero >= sure && r->last == 0) {
		doubt_begin(s, r->segment, r->err_at - r->segment->end < sure ? r->err : 0,
			    r->err_at);
		return 0;
	}
	if (r->may_tear && r->zero >= sure)
		return damage(s, r->segment, r->segment->end,
			      r->last < sure
				      ? "write %" PRIu64 " may have been whole, and is damaged"
				      : "write %" PRIu64 " is whole, and its checksum is wrong",
			      s->number + 1);
	/* The cut zeroes whole units. */
	*torn = (r->last + s->unit - 1) / s->unit * s->unit;
	return 0;
}

/* Past segment->end: nothing was written (torn = 0), or a torn write (its bytes), or damage. */
static int rest_judge(struct scan *s, const struct scan_segment *segment, bool may_tear,
		      uint32_t *torn)
{
	struct rest r = {.segment = segment,
			 .here = place(s, segment, segment->end),
			 .may_tear = may_tear,
			 .zero = UINT32_MAX};
	int err = 0;

	*torn = 0;
	for (uint32_t at = segment->end; err == 0 && at < segment->size; at += s->unit)
		err = rest_unit(s, &r, at);
	if (err == 0 && segment->end < segment->size)
		err = rest_end(s, &r, torn);
	/* Whether N is whole is not known, for part of it could not be read. */
	if (err == -EBADMSG && r.err != 0 && r.err_at - segment->end < rest_sure(s, &r))
		return unread(s, segment->sequence, segment->end, r.err_at, r.err);
	return err;
}

static int segment_open(struct scan *s, uint64_t sequence, struct scan_segment *out)
{
	char name[DISK_NAME_MAX];
	struct meta_segment found;
	uint64_t size;
	int err;

	*out = (struct scan_segment){.sequence = sequence, .end = s->unit};
	wal_meta_segment_name(name, sequence);
	err = wal_io_open(s->disk, name, false, DISK_DURABLE, &s->file);
	if (err != 0)
		return failed(s, sequence, 0, "cannot be opened", err);
	s->window_end = 0;
	s->window_bad = 0;
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
		(void)snprintf(s->error, s->error_size, "%s: " WAL_OTHER_VERSION, name);
	if (err == -EPROTO)
		return err;
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
		/* What a later segment holds is damage only if N is not what was in doubt. */
		if (err == -EBADMSG && s->doubt.sequence != 0)
			break;
		if (err != 0)
			return err;
	}
	return s->doubt.sequence != 0 ? doubt_refuse(s) : 0;
}

void wal_scan_free(struct scan *s)
{
	free(s->segments);
	free(s->window);
}
