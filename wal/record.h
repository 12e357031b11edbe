/*
 * One write of the log: entries packed into a stream, the stream laid over stamped sectors, and
 * back. Pure functions over buffers; wal/format.h has the tables. (What the membership room calls
 * its record is in cluster.h.)
 */
#ifndef WAL_RECORD_H
#define WAL_RECORD_H

#include "raft/types.h"
#include "wal/format.h"

#include <stddef.h>

/* The header of a write, decoded. */
struct record_header {
	uint32_t size;  /* on disk */
	uint32_t count; /* entries */
	uint64_t number;
	uint64_t durable;
	uint64_t vote_generation;
	raft_index first_index;
	uint32_t stream_size;
};

/* Stream bytes (header included) that a write of `size` bytes on disk holds. */
static inline uint32_t wal_record_capacity(uint32_t size)
{
	return size / FORMAT_SECTOR * FORMAT_PAYLOAD;
}

/* Bytes on disk of a stream: whole units. */
static inline uint32_t wal_record_disk_size(uint32_t stream_size, uint32_t unit)
{
	uint32_t sectors = (stream_size + FORMAT_PAYLOAD - 1) / FORMAT_PAYLOAD;

	return (sectors * FORMAT_SECTOR + unit - 1) / unit * unit;
}

/* Stream bytes of an entry. */
static inline uint32_t wal_record_entry_size(uint32_t data_size)
{
	return FORMAT_ENTRY_HEADER + (data_size + 7) / 8 * 8;
}

/* Appends an entry to the stream at *used; the caller has checked that it fits. */
void wal_record_put(uint8_t *stream, uint32_t *used, const struct raft_entry *entry);

/*
 * Turns the stream at the start of buffer (whose first FORMAT_WRITE_HEADER bytes are free) into
 * what goes to disk: header->size bytes, in place. Everything in header is the caller's.
 */
void wal_record_seal(uint8_t *buffer, const struct record_header *header,
		     const struct log_place *place);

/* The stamp that write `number` gives the sector at place->offset + at. */
uint64_t wal_record_stamp(const struct log_place *place, uint64_t number, uint32_t at);

/* The stamp that a sector carries. */
uint64_t wal_record_stamp_get(const uint8_t *sector);

/* Decodes the header by itself. 0; -EBADMSG if it is not valid at this place. */
int wal_record_header_decode(struct record_header *out, const uint8_t *sector,
			     const struct log_place *place);

/*
 * Checks a whole write of header->size bytes (as wal_record_header_decode found it) and, if it is
 * good, turns it into its stream, in place. 0 or -EBADMSG, and then nothing was changed.
 */
int wal_record_open(uint8_t *buffer, const struct record_header *header,
		    const struct log_place *place);

/*
 * Walks the entries of a stream: *cursor starts at FORMAT_WRITE_HEADER. 1: out is filled and points
 * into the stream; 0: past the last; -EBADMSG.
 */
int wal_record_next(struct raft_entry *out, const uint8_t *stream, uint32_t stream_size,
		    uint32_t *cursor);

#endif
