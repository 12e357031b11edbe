/*
 * The checker of the invariants that raft/internal.h numbers; it says there when it runs.
 */
#include "raft/internal.h"

static void leader_check(const struct raft *r)
{
	assert(r->hard.vote == r->id); /* RI5 */
	assert(r->leader == r->id);
	assert(raft_hard_durable(r));
	assert(r->met == 0); /* RI11 */
	for (uint32_t i = 0; i < r->peer_count; i++) {
		const struct raft_peer *p = r->peer[i];
		assert(p->match <= r->window.last); /* RI6 */
		assert(p->match < p->next);
		assert(p->next <= r->window.last + 1);
		assert(!p->probing || p->inflight_count <= 1);
		assert(p->inflight_count <= RAFT_INFLIGHT_MESSAGES_MAX);
		assert((p->inflight_count == 0) == (p->inflight_size == 0));
	}
}

/* RI12 */
static void aside_check(const struct raft *r)
{
	for (uint32_t i = 0; i < RAFT_MEMBERS_MAX; i++) {
		const raft_id id = r->aside[i].id;

		assert(id == 0 || r->told_index > 0);
		for (uint32_t k = 0; k < i; k++)
			assert(id == 0 || id != r->aside[k].id);
	}
}

void raft_check_invariants(const struct raft *r)
{
	const struct raft_window *w = &r->window;

	assert(r->durable <= r->handed); /* RI1 */
	assert(r->handed <= w->last);
	assert(r->commit <= w->last); /* RI2 */
	assert(r->applied <= r->apply_handed);
	assert(r->apply_handed <= r->commit);
	assert(w->first <= (r->commit > w->base ? r->commit : w->base + 1)); /* RI3 */
	assert(w->first <= r->durable + 1);
	assert(w->last - r->commit < RAFT_WINDOW_SLOTS);
	assert(w->last + 1 - w->first <= RAFT_WINDOW_SLOTS);
	assert(raft_window_term(w, w->last) <= r->hard.term);       /* RI4 */
	assert(r->role == RAFT_LEADER || r->reads.wait_count == 0); /* RI7 */
	assert(r->reads.confirmed + r->reads.leased <= r->reads.wait_count);
	assert(r->reads.aged <= r->reads.leased);
	assert(r->reads.wait_count + r->reads.done_count <= RAFT_READY_READS_MAX);
	assert(r->owed.proved <= w->last);                                           /* RI8 */
	assert(r->members_index <= w->last || r->members_index == r->members_begun); /* RI9 */
	assert(r->members_before_index <= r->members_index);
	assert(r->told_index == 0 || r->told_index > w->last);
	assert(r->told_index == 0 || r->role == RAFT_FOLLOWER);
	aside_check(r);
	assert(!r->lost.is || r->role == RAFT_FOLLOWER);   /* RI10 */
	assert(!r->transfer.to || r->role == RAFT_LEADER); /* RI11 */
	assert(w->base <= r->applied);                     /* RI13 */
	assert(w->base <= r->durable);
	assert(r->snapshot.index == 0 || r->snapshot.index >= w->base);
	assert(r->snapshot.index <= r->applied);
	assert(r->persisted <= r->seq);
	assert(r->hard_seq <= r->seq);
	if (r->role == RAFT_LEADER)
		leader_check(r);
}
