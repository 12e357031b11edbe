/*
 * The blocks of a snapshot's file; docs/snapshot-format.md has the tables. Pure functions over
 * buffers. A file is the same bytes on every member: nothing in it says whose it is.
 *
 * A block says by itself which snapshot it belongs to and where it lies in it, so whoever pulls a
 * snapshot knows of each block whether it is right, whoever sent it, and after a restart which of
 * them it has.
 */
#ifndef WAL_BLOCK_H
#define WAL_BLOCK_H

#include "raft/types.h"
#include "wal/disk.h"

enum {
	BLOCK_SIZE = 4096, /* whatever the disk's unit */
	BLOCK_PAYLOAD = 4080,
	BLOCK_FILE_STEP = 65536, /* a file is a multiple of it: it can be written in any unit */
	BLOCK_RECORD_MAX = 2048,
};

/* Of a stream's bytes: so that the size of no file is beyond a number. */
#define BLOCK_STREAM_MAX (UINT64_C(1) << 62)

/* Whose block it is. */
struct block_place {
	raft_index index;
	raft_term term;
	uint64_t number; /* in the file, from 0 */
};

/* The payload is in place: stamp and checksum are put behind it. */
void wal_block_seal(uint8_t *block, const struct block_place *place);
bool wal_block_good(const uint8_t *block, const struct block_place *place);

/* Goes over the payload of every block but the trailer, in order; begins with 0. */
uint64_t wal_block_hash(uint64_t hash, const uint8_t *block);

/* The first block: unsealed. */
void wal_block_header_encode(uint8_t *block, raft_index index, raft_term term,
			     const uint8_t *record, uint32_t record_size);
/* Sealed and good by itself. 0; -EBADMSG; -EPROTO (another version). */
int wal_block_header_decode(const uint8_t *block, struct block_place *place, const uint8_t **record,
			    uint32_t *record_size);

/* The last block: unsealed. `payload` bytes of the stream lie in the blocks behind the header. */
void wal_block_trailer_encode(uint8_t *block, uint64_t payload, uint64_t hash);
/* 0, -EBADMSG. */
int wal_block_trailer_decode(const uint8_t *block, uint64_t *payload, uint64_t *hash);

/*
 * Blocks of the stream, and the size of the file with header, trailer and zeros behind it; up to
 * BLOCK_STREAM_MAX.
 */
static inline uint64_t wal_block_count(uint64_t payload)
{
	return (payload + BLOCK_PAYLOAD - 1) / BLOCK_PAYLOAD;
}

static inline uint64_t wal_block_file_size(uint64_t payload)
{
	uint64_t size = (wal_block_count(payload) + 2) * BLOCK_SIZE;

	return (size + BLOCK_FILE_STEP - 1) / BLOCK_FILE_STEP * BLOCK_FILE_STEP;
}

/* "snapshot-" and both in hexadecimal. */
void wal_block_name(char name[DISK_NAME_MAX], raft_index index, raft_term term);
/* False: it is no snapshot's name. */
bool wal_block_name_parse(const char *name, raft_index *index, raft_term *term);

#endif
