/*
 * Beginning the log anew, behind a snapshot. It is a move of the base past all that there is: to
 * the segment that comes next, which may be made already or not.
 */
#include "wal/state.h"

#include <errno.h>

int wal_reset(struct wal *w, raft_index index, raft_term term)
{
	struct segment *tail;
	int err;

	assert(index + 1 >= w->base.index);
	if (w->failed == 0 && !wal_snapshot_find(w, index, term))
		return -ENOENT;
	wal_settle(w);
	if (w->failed != 0)
		return w->failed;
	w->base.index = w->mover.next.index = index + 1;
	w->base.term = w->mover.next.term = term;
	w->last_index = index;
	if (w->memory) {
		wal_memory_restart(w->memory, index + 1);
		return 0;
	}
	tail = &w->segments[w->tail];
	w->mover.next.segment = tail->sequence + 1;
	w->mover.next.number = w->number;
	err = wal_move_now(w);
	if (err != 0)
		return err;
	/* What was to be written is not: nothing is behind the snapshot but what comes now. */
	w->ring_count = 0;
	tail->end = tail->size;
	wal_index_cut(&w->index, 0);
	w->index.last = index;
	w->number_durable = w->number;
	w->marker.synced = w->tail;
	if (w->marker.step == MARK_SYNC)
		w->marker.step = MARK_IDLE; /* of what is gone; the next one is due */
	return 0;
}
