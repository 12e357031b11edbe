/*
 * Snapshots between members: a range of one that is here, for a peer; and one that is pulled from
 * peers, into a file that becomes a snapshot when it is whole (docs/snapshot-format.md). Nothing
 * here blocks: wal_poll drives it, and wal_deadline says when it has to.
 */
#ifndef WAL_PULL_H
#define WAL_PULL_H

#include "wal/wal.h"

enum {
	WAL_RANGES_MAX = 2, /* that are read, or handed out, at a time */
	WAL_RANGE_SIZE_MAX = 256 * 1024,
};

/*
 * Reads bytes of a listed snapshot as they lie in its file, whose blocks are checked. What is there
 * of the range if it ends behind the file. Returns the slot; -ENOENT: it is not listed, or
 * begins at its end or behind; -EAGAIN: no slot is free; -EINVAL: a length of 0, or above
 * WAL_RANGE_SIZE_MAX; -ENOMEM; or -errno for ever, as wal_poll says it. The snapshot is not removed
 * before the slot is released (wal_snapshot_remove: -EAGAIN).
 */
int wal_range_read(struct wal *w, raft_index index, raft_term term, uint64_t offset,
		   uint32_t length);
/*
 * 0: `size` bytes at `data`, valid until the slot is released; -EAGAIN: not read yet; -EBADMSG: a
 * block is damaged; -errno of the opening or the read that failed. None is an end of the log.
 */
int wal_range_get(const struct wal *w, uint32_t slot, const uint8_t **data, uint32_t *size);
/* By such an error the snapshot is damaged, and listed no more. */
bool wal_range_damaged(int err);
/* At any time; what is in flight ends by itself. */
void wal_range_release(struct wal *w, uint32_t slot);

/*
 * Begins to pull this one, or goes on with what there is of it from before a restart, an abort or
 * another leader; what there is of any other goes. 0; -EAGAIN: one is being pulled, or written
 * (wal_snapshot_begin), for they share their buffers, or this one is read still; -EEXIST: it is
 * listed, and whoever read it found nothing wrong with it (another one takes its place); -EINVAL:
 * no snapshot can be of that size; -ENOMEM; or -errno for ever, as wal_poll says it.
 */
int wal_pull_begin(struct wal *w, const struct raft_snapshot *offer);
/*
 * The first bytes at `from` or behind that are wanted now: not there yet, and there is room for
 * them. Whoever asks for them goes on behind them, and from 0 again when an answer must be lost.
 * False: there are none, for all is there, or until what is there is on the disk.
 */
bool wal_pull_wants(const struct wal *w, uint64_t from, uint64_t *offset, uint32_t *length);
/*
 * Bytes from a peer, in any order and cut, and more than once. 0: taken, or there already, as far
 * as there is room; -EAGAIN: none of them are wanted now; -EBADMSG: a block that they made whole is
 * not the one that belongs there: that block is wanted again. Who sends such is damaged, or lies.
 */
int wal_pull_add(struct wal *w, uint64_t offset, const uint8_t *data, size_t size);
/*
 * -EINPROGRESS; 0: it is whole, its size and its hash are as offered, it is durable under its name,
 * and listed (or none was begun). Or it is not to be: -ECANCELED; -EBADMSG: all blocks are right,
 * and together they are not what was offered: what there was is removed; or there was no space for
 * it, as of wal_snapshot_result, and what there was is removed. Any other failure is the log's end.
 */
int wal_pull_result(const struct wal *w);
/*
 * It is not pulled any more, unless it is there already: the result says which, once it is not
 * -EINPROGRESS. `keep`: what there is of it stays, for the next wal_pull_begin (in WAL_VOLATILE
 * nothing does).
 */
void wal_pull_abort(struct wal *w, bool keep);
/* How many bytes more it takes on the disk than what there is of one takes now. */
uint64_t wal_pull_lacks(const struct wal *w, const struct raft_snapshot *offer);

/* How far it is. */
struct wal_pulled {
	struct raft_snapshot offer; /* index 0: none is pulled */
	uint64_t scanned;           /* bytes of it that were there from before, and right */
	uint64_t there;             /* bytes of it that are there, from its beginning on */
	uint64_t damaged;           /* blocks that were not right */
};
void wal_pull_get(const struct wal *w, struct wal_pulled *out);

#endif
