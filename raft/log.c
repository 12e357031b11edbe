/*
 * The log in memory: room for entries, appending and truncating them.
 */
#include "raft/internal.h"

/*
 * True if `count` entries may follow the last one: LW4 holds after it, and what leaves the window
 * is committed, but not the newest committed entry (LW2), and durable (LW3).
 */
bool raft_log_room(const struct raft *r, uint64_t count)
{
	raft_index below_commit = r->commit > 0 ? r->commit - 1 : 0;
	raft_index evictable = below_commit < r->durable ? below_commit : r->durable;

	return r->window.last + count - r->commit < RAFT_WINDOW_SLOTS &&
	       raft_window_room(&r->window, count, evictable);
}

/* The caller made sure of room. */
void raft_log_append(struct raft *r, const struct raft_entry *entry)
{
	assert(raft_log_room(r, 1));
	raft_window_append(&r->window, entry);
}

/*
 * Overwritten entries lose their tokens with their slots, and the durable index falls back: the
 * disk holds other entries there until the new ones are persisted (R5).
 */
void raft_log_truncate(struct raft *r, raft_index from)
{
	assert(from > r->commit);
	assert(from > r->owed.proved);
	raft_window_truncate(&r->window, from);
	if (r->handed >= from)
		r->handed = from - 1;
	if (r->durable >= from)
		r->durable = from - 1;
	raft_members_rollback(r, from);
}
