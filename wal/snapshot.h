/*
 * Snapshots of the state machine as files beside the log (D17); docs/snapshot-format.md. What is in
 * them is the state machine's; a record of the caller's stands in the first block.
 *
 * One is written at a time, by pieces, off the hot path: the caller gives what there is room for,
 * wal_poll drives the rest. Under its name it is whole and durable. In WAL_VOLATILE it lies in RAM.
 *
 * The newest ones that are whole by their first and last block are known (wal_snapshots); reading
 * one checks every block. The log's base is never above the newest one.
 */
#ifndef WAL_SNAPSHOT_H
#define WAL_SNAPSHOT_H

#include "wal/wal.h"

/* Of the file, which is the same bytes on members of one version. */
enum { WAL_SNAPSHOT_VERSION = 3 };

/* Newest first, but for those that a reader found damaged; `size` is the file's. How many. */
uint32_t wal_snapshots(const struct wal *w, struct raft_snapshot out[WAL_SNAPSHOTS_MAX]);

/*
 * Begins one of the state as of this entry. 0; -EAGAIN: one is being written, or this one read that
 * was found damaged; -EEXIST: it is there, and not found so; or -errno for ever, as wal_poll says
 * it. What was said of the one before is forgotten.
 */
int wal_snapshot_begin(struct wal *w, raft_index index, raft_term term, const uint8_t *record,
		       uint32_t record_size);
/* How many bytes wal_snapshot_write takes now. 0: later; wal_deadline says when the rate lets. */
size_t wal_snapshot_room(const struct wal *w);
/* The next bytes of the stream, copied; then none for as long as `rate` bytes a second demand. */
void wal_snapshot_write(struct wal *w, const uint8_t *data, size_t size, uint64_t rate);
/* That was all of it. */
void wal_snapshot_finish(struct wal *w);
/* What there is of it goes, unless it is there already: the result says which. */
void wal_snapshot_abort(struct wal *w);
/*
 * -EINPROGRESS; 0: it is there, durably, and listed (or none was begun). Or it is gone: -ECANCELED;
 * or there was no space for it, which is an alarm and no end (-ENOSPC, -EDQUOT, -EFBIG, or one of
 * wal_refused_now): it may be begun again. Any other failure is the log's end.
 */
int wal_snapshot_result(const struct wal *w);

/*
 * Takes one off the list and removes it, in the background. 0; -ENOENT; -EAGAIN: another one is on
 * its way, or it is being read, or made anew; -EBUSY: the base needs it.
 */
int wal_snapshot_remove(struct wal *w, raft_index index, raft_term term);

/*
 * Whoever read it made nothing of it, by this error (else than by one of wal_range_damaged nothing
 * is said of it): it is listed no more, nor does it count for anything; another one may be written
 * or pulled in its place. Who reads it by what is declared here or in pull.h has said so.
 */
void wal_snapshot_damaged(struct wal *w, raft_index index, raft_term term, int err);
/*
 * Those that are there still, newest first, and are not what was written; or could not be read, and
 * are below `kept`. How many.
 */
uint32_t wal_snapshots_useless(const struct wal *w, raft_index kept,
			       struct raft_snapshot out[WAL_SNAPSHOTS_MAX]);
/* What could not be read is listed again: a disk may do what it did not before. False: nothing. */
bool wal_snapshots_again(struct wal *w);

/*
 * Reads one from its beginning: large reads, two in flight. One reader at a time. 0; -ENOENT;
 * -EAGAIN: there is one; -ENOMEM.
 */
int wal_snapshot_open(struct wal *w, raft_index index, raft_term term);
/*
 * The next bytes of the stream, valid until the next call. 1; 0: that was all, and all of it was
 * right; -EAGAIN: not read yet (wal_poll); -EBADMSG: damaged, the place is in wal_error; -errno of
 * a read that failed, likewise. What was read from a snapshot that ends so is of no use.
 */
int wal_snapshot_next(struct wal *w, const uint8_t **data, size_t *size);
/* At start, before the loop runs: the same, and stands still for what is not read yet. */
int wal_snapshot_next_now(struct wal *w, const uint8_t **data, size_t *size);
/* The record in its first block, once wal_snapshot_next has given anything but -EAGAIN. */
const uint8_t *wal_snapshot_record(const struct wal *w, uint32_t *size);
void wal_snapshot_close(struct wal *w);

#endif
