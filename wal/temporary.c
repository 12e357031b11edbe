#include "wal/temporary.h"

#include "wal/io.h"
#include "wal/record.h"
#include "wal/scan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE = 1024 * 1024 };

static_assert(PIECE % FORMAT_UNIT_MAX == 0, "a piece is whole units, whatever they are");

/* The place of the first write in it, or 0: there is none. */
static int write_find(struct disk *d, int file, struct log_place *place, uint32_t unit,
		      uint8_t *piece)
{
	struct record_header header;
	uint64_t size;
	int err = d->ops->size(d, file, &size);

	for (uint64_t from = 0; err == 0 && from + unit <= size; from += PIECE) {
		uint64_t left = (size - from) / unit * unit;
		size_t want = left < PIECE ? (size_t)left : PIECE;

		err = wal_io_read(d, file, from, piece, want);
		for (size_t at = 0; err == 0 && at < want; at += unit) {
			place->offset = from + at;
			if (place->offset > 0 &&
			    wal_record_header_decode(&header, piece + at, place) == 0)
				return 0;
		}
	}
	place->offset = 0;
	return err;
}

/* Which segment it is, above the base: 0, none. */
static int header_read(struct disk *d, int file, struct log_place *place, uint32_t unit,
		       uint8_t *piece)
{
	struct meta_segment found;
	uint64_t size;
	int err = d->ops->size(d, file, &size);

	if (err != 0 || size < unit)
		return err;
	err = wal_io_read(d, file, 0, piece, unit);
	/* What it holds is read by nobody. */
	if (wal_scan_unreadable(err))
		return 0;
	if (err == 0 && wal_meta_segment_decode(&found, piece, unit, &place->id) == 0)
		place->segment = found.sequence;
	return err;
}

static bool listed(const struct meta_names *names, uint64_t sequence)
{
	for (size_t i = 0; i < names->segment_count; i++)
		if (names->segments[i] == sequence)
			return true;
	return false;
}

/* What the file holds of a segment that is nowhere else. place->offset 0: nothing. */
static int judge(struct disk *d, const char *name, const struct meta_names *names,
		 struct log_place *place, uint32_t unit, uint8_t *piece, char *why, size_t size)
{
	int file;
	int err = wal_io_open(d, name, false, DISK_DURABLE, &file);

	place->offset = 0;
	if (err == 0) {
		/* Of one below the base its header says whether it is another one by now. */
		if (place->segment == 0)
			err = header_read(d, file, place, unit, piece);
		/* Under both names it is one file. */
		if (err == 0 && place->segment > 0 && !listed(names, place->segment))
			err = write_find(d, file, place, unit, piece);
		wal_io_close(d, file);
	}
	if (err != 0)
		(void)snprintf(why, size, "%s: cannot be read: %s", name, strerror(-err));
	if (err != 0 || place->offset == 0)
		return err;
	(void)snprintf(why, size,
		       "%s at offset %" PRIu64
		       ": it holds writes of this log, so it was a segment already, and the "
		       "disk lost its new name: rename it to segment-%016" PRIx64,
		       name, place->offset, place->segment);
	return -EBADMSG;
}

int wal_temporary_judge(struct disk *d, const struct meta_names *names, const struct log_id *id,
			uint32_t unit, char *why, size_t size)
{
	uint8_t *piece = NULL;
	int err = 0;

	for (size_t i = 0; err == 0 && i < names->temporary_count + names->below; i++) {
		struct log_place place = {.id = *id};
		char name[DISK_NAME_MAX];

		if (i >= names->temporary_count)
			wal_meta_segment_name(name, names->segments[i - names->temporary_count]);
		else if (wal_meta_temporary_segment(names->temporary[i], &place.segment))
			memcpy(name, names->temporary[i], sizeof(name));
		else
			continue;
		piece = piece ? piece : aligned_alloc(FORMAT_UNIT_MAX, PIECE);
		err = piece ? judge(d, name, names, &place, unit, piece, why, size) : -ENOMEM;
	}
	free(piece);
	return err;
}
