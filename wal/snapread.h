/*
 * What a snapshot's file is by its first and last block: recovery and quoin-wal both ask.
 */
#ifndef WAL_SNAPREAD_H
#define WAL_SNAPREAD_H

#include "wal/block.h"

/* One that is there. */
struct snapshot_file {
	struct raft_snapshot info;
	uint64_t payload;
	bool damaged;     /* whoever read it found it so, or could not: it counts for nothing */
	bool unreadable;  /* it is only that it could not be read: the next time it may be */
	uint8_t **chunks; /* of WAL_VOLATILE: the file, in pieces of limits.snapshot_size */
	size_t chunk_count;
};

/*
 * Synchronous. 0; -EBADMSG, or -EPROTO: it is no whole snapshot, by the block at *offset; -errno of
 * a file that could not be read. `out` is damaged if its first block is right and its end is not.
 */
int wal_snapshot_probe(struct disk *d, raft_index index, raft_term term, struct snapshot_file *out,
		       uint64_t *offset);

/* How much there is of one that is pulled. 0; -errno: it could not be opened. */
int wal_snapshot_part_size(struct disk *d, raft_index index, raft_term term, uint64_t *size);

/*
 * The last step of a file of `size` bytes: its trailer is the last block that is not zero. `out`
 * has index and term, and gets size and hash of the stream. 0; -EBADMSG, at *offset.
 */
int wal_snapshot_trailer_find(struct snapshot_file *out, const uint8_t *step, uint64_t size,
			      uint64_t *offset);

/*
 * What a snapshot must cover so that a log may begin there: false, the newest whole one is older,
 * or there is none, and `why` says so in a line.
 */
struct log_base;
bool wal_snapshot_covers(const struct snapshot_file *newest, const struct log_base *base, char *why,
			 size_t size);

/*
 * All of it, block by block. 0; -EBADMSG: damaged at *offset; -errno of a read that failed,
 * likewise.
 */
int wal_snapshot_verify(struct disk *d, const struct snapshot_file *file, uint64_t *offset);

#endif
