/*
 * Snapshots, as far as the core has to do with them (paper, section 7; D17, D18; ADR 19).
 *
 * The log begins behind its base. A leader cannot send what lies there, nor prove by it that two
 * logs agree; so a peer that needs it is offered a snapshot that covers it, which the peer's node
 * fetches by itself, from whoever has it. All that a leader knows of that is the offer: it comes
 * once at once, and then at the pace of heartbeats, for frames are lost, and counts in no window.
 * Heartbeats go on, with the base as the entry before: the peer refuses that, and is heard (R19,
 * R55), until its log has it, whichever snapshot or leader that came of. From then on it is sent
 * entries.
 *
 * Whoever is offered what its log holds already has been told that it is committed, and answers as
 * to an append (append.c). Else its node hears of it, and nothing else follows from it: the log
 * goes on to be what it is until another one is here, durable and whole (R65).
 */
#include "raft/internal.h"

/* --- the leader --------------------------------------------------------------------------- */

/* Who is gone is told so, and needs no state for that; but one may come back with its table. */
static bool offerable(const struct raft *r, const struct raft_peer *p)
{
	return r->snapshot.index > 0 && !(p->gone && r->members_index <= r->commit);
}

void raft_offer_send(struct raft *r, struct raft_peer *p)
{
	bool newer = p->offered < r->snapshot.index;

	if (!offerable(r, p) || (!newer && r->now_us - p->offer_us < r->heartbeat_us))
		return;
	raft_message_new(r, p, RAFT_MESSAGE_SNAPSHOT)->snapshot = r->snapshot;
	p->offered = r->snapshot.index;
	p->offer_us = r->now_us;
	if (p->named < p->offered)
		p->named = p->offered;
}

uint64_t raft_offer_deadline(const struct raft *r, const struct raft_peer *p)
{
	return offerable(r, p) ? p->offer_us + r->heartbeat_us : UINT64_MAX;
}

void raft_snapshot_taken(struct raft *r, const struct raft_snapshot *snapshot)
{
	assert(!r->in_ready);
	assert(snapshot->index >= r->window.base);
	assert(snapshot->index <= r->applied);
	assert((snapshot->index == 0) == (snapshot->term == 0));
	r->snapshot = *snapshot;
	raft_changed(r);
}

void raft_base_set(struct raft *r, raft_index index, raft_term term)
{
	assert(!r->in_ready);
	assert(index <= r->applied);
	assert(index <= r->durable);
	assert(index <= r->snapshot.index);
	raft_window_base_set(&r->window, index, term);
	raft_fetch_base(r);
	raft_changed(r);
}

/* --- who is offered one ------------------------------------------------------------------- */

/*
 * The newest of a term's leader: one that comes late does not take its place. But who finds its
 * newest damaged offers the one before, again and again (W21).
 */
void raft_offer_note(struct raft *r, const struct raft_peer *p, const struct raft_snapshot *s)
{
	struct raft_offer *o = &r->offer;
	bool same = o->from == p->id && o->what.index == s->index && o->what.term == s->term &&
		    o->what.size == s->size && o->what.hash == s->hash;

	if (same || (s->index < r->owed.offered && s->index != o->late)) {
		o->late = same ? 0 : s->index;
		return;
	}
	*o = (struct raft_offer){.what = *s, .from = p->id, .due = true};
}

void raft_offer_gone(struct raft *r)
{
	assert(!r->in_ready);
	r->offer = (struct raft_offer){0};
}

/* If it still brings anything. */
void raft_offer_out(struct raft *r, struct raft_ready *out)
{
	struct raft_offer *o = &r->offer;

	if (!o->due)
		return;
	o->due = false;
	if (raft_snapshot_wanted(r, o->what.index, o->what.term) == RAFT_SNAPSHOT_USELESS)
		return;
	r->ready_offer = o->what;
	out->offer = &r->ready_offer;
	out->offer_from = o->from;
}

/*
 * What is committed is in every leader's log, so what this one has proved here is of use to nobody
 * else; and a leader lacks nothing.
 */
enum raft_snapshot_use raft_snapshot_wanted(const struct raft *r, raft_index index, raft_term term)
{
	const struct raft_window *w = &r->window;
	bool holds = index <= r->commit ||
		     (raft_window_has(w, index) && raft_window_term(w, index) == term);

	if (holds && r->apply_held && index >= r->applied)
		return RAFT_SNAPSHOT_BESIDE;
	if (holds || index <= r->owed.proved || r->role == RAFT_LEADER)
		return RAFT_SNAPSHOT_USELESS;
	return RAFT_SNAPSHOT_ALONE;
}

/*
 * The log is one that ends at this entry. What was handed out to persist of the one before has
 * another token than what comes after, or none (R5). The leader whose offer it is has it, and named
 * it to this member: it is told at once.
 */
static void log_replace(struct raft *r, raft_index index, raft_term term)
{
	struct raft_owed *o = &r->owed;

	raft_window_restart(&r->window, index, term, index + 1);
	raft_fetch_base(r);
	r->handed = r->durable = index;
	r->snapshot = (struct raft_snapshot){0};
	o->refuse_owed = false;
	if (index <= o->offered) {
		o->proved = index;
		o->accept_prev = index;
	}
}

void raft_snapshot_installed(struct raft *r, raft_index index, raft_term term,
			     const struct raft_members *members, raft_index members_index)
{
	enum raft_snapshot_use use = raft_snapshot_wanted(r, index, term);

	assert(!r->in_ready);
	assert(use != RAFT_SNAPSHOT_USELESS);
	assert(term <= r->hard.term); /* R18 */
	assert(members_index > 0);
	assert(members_index <= index);
	if (use == RAFT_SNAPSHOT_ALONE) {
		/* It asked for votes with a log that is no more. */
		if (r->role != RAFT_FOLLOWER)
			raft_follower_become(r, r->hard.term, 0);
		log_replace(r, index, term);
		raft_members_installed(r, members, members_index);
	}
	if (r->commit < index)
		r->commit = index;
	r->applied = r->apply_handed = index;
	raft_lost_end_try(r);
	raft_changed(r);
}

void raft_apply_hold(struct raft *r, bool held)
{
	assert(!r->in_ready);
	r->apply_held = held;
	raft_held_begin(r);
	raft_changed(r);
}
