/*
 * The entry window (raft/window.h has its invariants).
 */
#include "raft/window.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int raft_window_init(struct raft_window *w)
{
	w->first = 1;
	w->last = 0;
	w->entry = calloc(RAFT_WINDOW_SLOTS, sizeof(*w->entry));
	w->seq = calloc(RAFT_WINDOW_SLOTS, sizeof(*w->seq));
	w->data = calloc(RAFT_WINDOW_SLOTS, sizeof(*w->data));
	if (!w->entry || !w->seq || !w->data) {
		raft_window_fini(w);
		return -ENOMEM;
	}
	return 0;
}

void raft_window_fini(struct raft_window *w)
{
	free(w->entry);
	free(w->seq);
	free(w->data);
	w->entry = NULL;
	w->seq = NULL;
	w->data = NULL;
}

void raft_window_restart(struct raft_window *w, raft_index base, raft_term base_term,
			 raft_index first)
{
	assert(first > base);
	assert((base == 0) == (base_term == 0));
	w->base = base;
	w->base_term = base_term;
	w->first = first;
	w->last = first - 1;
}

void raft_window_base_set(struct raft_window *w, raft_index base, raft_term base_term)
{
	assert(base >= w->base);
	assert(base <= w->last);
	assert(base_term > 0);
	assert(!raft_window_knows(w, base) || raft_window_term(w, base) == base_term);
	w->base = base;
	w->base_term = base_term;
}

raft_term raft_window_term(const struct raft_window *w, raft_index index)
{
	assert(raft_window_knows(w, index));
	if (!raft_window_has(w, index))
		return index == 0 ? 0 : w->base_term;
	assert(w->entry[raft_window_slot(index)].index == index);
	return w->entry[raft_window_slot(index)].term;
}

bool raft_window_room(const struct raft_window *w, uint64_t count, raft_index evictable)
{
	if (count > RAFT_WINDOW_SLOTS)
		return false;
	raft_index leaves =
		w->last + count; /* the newest index whose slot is taken over, + SLOTS */
	if (leaves < w->first + RAFT_WINDOW_SLOTS)
		return true;
	return leaves - RAFT_WINDOW_SLOTS <= evictable;
}

void raft_window_append(struct raft_window *w, const struct raft_entry *entry)
{
	uint32_t slot = raft_window_slot(entry->index);

	assert(entry->index == w->last + 1);
	assert(entry->size <= RAFT_ENTRY_DATA_MAX);
	if (raft_window_knows(w, w->last))
		assert(entry->term >= raft_window_term(w, w->last));
	if (entry->size > 0)
		memcpy(w->data[slot], entry->data, entry->size);
	w->entry[slot] = *entry;
	w->entry[slot].data = w->data[slot];
	w->seq[slot] = 0;
	w->last = entry->index;
	if (w->last - w->first >= RAFT_WINDOW_SLOTS)
		w->first = w->last - RAFT_WINDOW_SLOTS + 1;
}

void raft_window_truncate(struct raft_window *w, raft_index from)
{
	assert(raft_window_has(w, from));
	assert(from > w->first || from == w->base + 1);
	w->last = from - 1;
}

const struct raft_entry *raft_window_run(const struct raft_window *w, raft_index index,
					 uint32_t *count)
{
	uint32_t slot = raft_window_slot(index);
	uint64_t held = w->last + 1 - index;

	assert(raft_window_has(w, index));
	if (held > RAFT_WINDOW_SLOTS - slot)
		held = RAFT_WINDOW_SLOTS - slot;
	if (*count > held)
		*count = (uint32_t)held;
	return &w->entry[slot];
}

/* Terms never decrease along a log, so this is a binary search. */
raft_index raft_window_floor(const struct raft_window *w, raft_index index, raft_term term)
{
	raft_index low = w->first - 1;
	raft_index high = index < w->last ? index : w->last;

	while (low < high) {
		raft_index middle = high - (high - low) / 2;
		if (raft_window_term(w, middle) <= term)
			low = middle;
		else
			high = middle - 1;
	}
	return low;
}
