/*
 * The entry window: the tail of the log in memory, a ring of slots that own their entries' bytes.
 *
 * All below the window is committed and durable, and is read back through fetches. Invariants:
 *
 * The log itself begins behind its base (ADR 9): what lies at or below that is in a snapshot, is
 * committed, and is read back by nobody. A log that was never cut has base 0. The window may still
 * hold entries at or below the base, until they are evicted as any others.
 *
 *	LW1  The window holds every index in [first, last]; it is empty only while the log is, and
 *	     then last is the base.
 *	LW2  first <= max(commit, base + 1): the newest committed entry stays, or is the base, whose
 *	     term is kept; so its term is always known (R61), and a truncation empties the window
 *	     only where it empties the log.
 *	LW3  A slot is reused only for an index whose predecessor in it was committed and durable.
 *	LW4  last - commit < RAFT_WINDOW_SLOTS.
 *
 * LW4 must be restored after a restart, when the commit index is forgotten, and the first entry of
 * the next term needs a place too, or a full log could never commit again. So the last
 * RAFT_WINDOW_RESERVE places are for first entries of a term alone: every command was appended with
 * last - commit <= RAFT_WINDOW_SLOTS - RAFT_WINDOW_RESERVE. Both bounds are facts about the cluster
 * (some leader knew that commit index), so after a restart
 *
 *	commit >= max(base, last - (SLOTS - 1), last command - (SLOTS - RESERVE))
 *
 * Only RESERVE elections in a row that commit nothing, on a full window, could use the reserve up;
 * replicate.c has the way out of that.
 */
#ifndef RAFT_WINDOW_H
#define RAFT_WINDOW_H

#include "raft/types.h"

#include <stddef.h>

enum {
#ifdef RAFT_TEST_WINDOW
	/* Tests of what happens below the window build the core once more with a small one. */
	RAFT_WINDOW_SLOTS = RAFT_TEST_WINDOW,
#else
	RAFT_WINDOW_SLOTS = RAFT_WINDOW,
#endif
	RAFT_WINDOW_RESERVE = RAFT_WINDOW_SLOTS / 8,
	RAFT_WINDOW_COMMANDS = RAFT_WINDOW_SLOTS - RAFT_WINDOW_RESERVE,
};

static_assert((RAFT_WINDOW_SLOTS & (RAFT_WINDOW_SLOTS - 1)) == 0, "a slot is index & (SLOTS - 1)");
static_assert(RAFT_CHAIN_MAX * 5 <= RAFT_WINDOW - RAFT_WINDOW / 8, "chains fit beside the reserve");

struct raft_window {
	raft_index base; /* the log begins behind it */
	raft_term base_term;
	raft_index first; /* lowest index held; base + 1 while the log is empty */
	raft_index last;  /* the base: the log is empty */
	struct raft_entry *entry;
	uint64_t *seq; /* token under which the entry was handed out to persist; 0: not yet */
	uint8_t (*data)[RAFT_ENTRY_DATA_MAX];
};

int raft_window_init(struct raft_window *w);
void raft_window_fini(struct raft_window *w);

/*
 * Holds nothing any more: the log begins behind the base, and the next one appended is `first`,
 * which is behind it (entries of the log that are not held lie between).
 */
void raft_window_restart(struct raft_window *w, raft_index base, raft_term base_term,
			 raft_index first);

/* The base moves up, to an index whose term is known. */
void raft_window_base_set(struct raft_window *w, raft_index base, raft_term base_term);

static inline uint32_t raft_window_slot(raft_index index)
{
	return (uint32_t)(index & (RAFT_WINDOW_SLOTS - 1));
}

static inline bool raft_window_has(const struct raft_window *w, raft_index index)
{
	return index >= w->first && index <= w->last;
}

/* Its term is at hand: it is in the window, the base, or 0. */
static inline bool raft_window_knows(const struct raft_window *w, raft_index index)
{
	return raft_window_has(w, index) || index == w->base || index == 0;
}

/* Of one that it knows; 0 for index 0. */
raft_term raft_window_term(const struct raft_window *w, raft_index index);

/* True if `count` more fit when only indexes <= evictable may leave. */
bool raft_window_room(const struct raft_window *w, uint64_t count, raft_index evictable);

/* Copies the entry behind the last one. The caller has checked raft_window_room. */
void raft_window_append(struct raft_window *w, const struct raft_entry *entry);

/* Forgets every index >= from. */
void raft_window_truncate(struct raft_window *w, raft_index from);

/* Entries from `index` as an array: *count is cut to what is held, and at the end of the ring. */
const struct raft_entry *raft_window_run(const struct raft_window *w, raft_index index,
					 uint32_t *count);

/* The highest index in [first, index] whose term is at most `term`; first - 1 if there is none. */
raft_index raft_window_floor(const struct raft_window *w, raft_index index, raft_term term);

#endif
