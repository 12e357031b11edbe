/*
 * Entries below the window, read back through the log: one slot for each peer, one for apply.
 *
 * All below the window is committed, so an answer is true whenever it comes, also in a later
 * term; it is dropped only if nobody waits for it any more.
 *
 * V28: what was read for a peer is sent to it, and the next read follows the sending. Where its
 * word alone leads elsewhere (it steps back and holds nothing more since, lost what it had, was
 * started again, or has what it was never sent), a few reads are free, and the rest wait: a member
 * that says so without end would have a leader read its log as fast as it can answer.
 */
#include "raft/internal.h"

#include <string.h>

/* Or not to be asked for yet. */
static bool under_way(const struct raft *r, const struct raft_slot *s)
{
	return s->state == RAFT_SLOT_ASKED || s->state == RAFT_SLOT_OPEN || r->now_us < s->retry_us;
}

void raft_fetch_ask(struct raft *r, uint32_t slot, raft_index first, raft_index last)
{
	struct raft_slot *s = &r->slot[slot];
	uint64_t count = last - first + 1;

	assert(first > r->window.base);
	assert(first <= last);
	assert(last < r->window.first);
	if (under_way(r, s))
		return;
	s->state = RAFT_SLOT_ASKED;
	r->fetches_asked++;
	s->first = first;
	s->asked = count < RAFT_FETCH_ENTRIES_MAX ? (uint32_t)count : RAFT_FETCH_ENTRIES_MAX;
	s->count = 0;
}

/* One that is handed out is answered, with nothing (raft_fetched). */
void raft_fetch_base(struct raft *r)
{
	for (uint32_t i = 0; i < RAFT_SLOTS_MAX; i++) {
		struct raft_slot *s = &r->slot[i];

		if (s->state != RAFT_SLOT_ASKED || s->first > r->window.base)
			continue;
		s->state = RAFT_SLOT_IDLE;
		r->fetches_asked--;
	}
}

struct raft_slot *raft_peer_slot(struct raft *r, const struct raft_peer *p)
{
	return &r->slot[1 + (p - r->place)];
}

static void retry_set(struct raft *r, struct raft_slot *s, uint64_t us)
{
	s->retry_us = us;
	if (us > r->retry_us)
		r->retry_us = us;
}

void raft_fetch_ask_for(struct raft *r, struct raft_peer *p, raft_index first, raft_index last)
{
	static const uint64_t ahead_us = (RAFT_STRAYS_MAX - 1) * (uint64_t)RAFT_STRAY_US;
	struct raft_slot *s = raft_peer_slot(r, p);

	if (under_way(r, s))
		return;
	if (p->strayed && p->stray_us > r->now_us + ahead_us) {
		s->state = RAFT_SLOT_IDLE;
		retry_set(r, s, p->stray_us - ahead_us);
		return;
	}
	if (p->strayed)
		p->stray_us = (p->stray_us > r->now_us ? p->stray_us : r->now_us) + RAFT_STRAY_US;
	p->strayed = false;
	raft_fetch_ask(r, (uint32_t)(s - r->slot), first, last);
}

const struct raft_entry *raft_fetch_run(const struct raft_slot *s, raft_index index,
					uint32_t *count)
{
	if (index < s->first || index >= s->first + s->count)
		return NULL;
	uint32_t skip = (uint32_t)(index - s->first);
	if (*count > s->count - skip)
		*count = s->count - skip;
	return &s->entry[skip];
}

void raft_fetched(struct raft *r, uint32_t slot, const struct raft_entry *entries, uint32_t count)
{
	assert(!r->in_ready);
	assert(slot < RAFT_SLOTS_MAX);
	struct raft_slot *s = &r->slot[slot];
	assert(s->state == RAFT_SLOT_OPEN);
	assert(count <= s->asked);

	s->state = RAFT_SLOT_IDLE;
	if (count == 0) {
		/* Not to be had now: ask again in a while rather than in every ready. */
		retry_set(r, s, r->now_us + r->heartbeat_us);
		raft_changed(r);
		return;
	}
	for (uint32_t i = 0; i < count; i++) {
		assert(entries[i].index == s->first + i);
		assert(entries[i].size <= RAFT_ENTRY_DATA_MAX);
		s->entry[i] = entries[i];
		if (entries[i].size > 0)
			memcpy(s->data[i], entries[i].data, entries[i].size);
		s->entry[i].data = s->data[i];
	}
	s->count = count;
	s->state = RAFT_SLOT_FILLED;
	raft_changed(r);
}
