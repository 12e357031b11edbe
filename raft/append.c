/*
 * AppendEntries at the follower (paper 5.3, figure 2), and the answer it owes for it; and the offer
 * of a snapshot, which begins as an append of nothing after its last entry.
 *
 * Entries at or below the commit index are never touched. An entry below the window is committed,
 * hence equal in every leader's log: it matches without its term being looked at. So it is below
 * the base (R16); the base itself is compared, for its term is known (R61).
 *
 * Above it an entry gives way to the leader's if the terms differ, for that proves that ours is
 * committed nowhere, nor is what follows it (paper 5.4.3: else the leader had it). Nothing else
 * proves that, so whatever else differs stays, is refused, and is told (V36):
 *
 * - The same index and term with other bytes. One leader of that term lied, or one of the two logs
 *   is damaged; which one, nobody can tell from here, for votes and probes compare index and term
 *   alone. Ours may be committed: it was acknowledged to who sent it. Above all, what follows it
 *   may be, also with the present leader, which has counted this member for it: truncated for an
 *   entry further down, it would vote for one that lacks what it helped to commit. So a lie that
 *   is over would cost true writes. Refused, it costs this member, which has no way back by a
 *   command yet.
 * - Other entries than this leader has proved to match in its term: it contradicts itself.
 * - What would take two changes of the member table back: no honest log has two that are not
 *   committed, and the table before them is not known here.
 */
#include "raft/internal.h"

#include <string.h>

/* One (index, term) has one content: the log's own bytes, or somebody lies (RX8). */
static bool same(const struct raft *r, const struct raft_entry *e)
{
	const struct raft_entry *own = &r->window.entry[raft_window_slot(e->index)];

	return own->term == e->term && own->type == e->type && own->flags == e->flags &&
	       own->size == e->size && (e->size == 0 || memcmp(own->data, e->data, e->size) == 0);
}

/* The first entry that contradicts the log, NULL if none does. */
static const struct raft_entry *conflict_find(const struct raft *r, const struct raft_append *a)
{
	const struct raft_window *w = &r->window;

	for (uint32_t i = 0; i < a->entry_count; i++) {
		const struct raft_entry *e = &a->entries[i];
		if (e->index > w->last)
			return NULL;
		if (raft_window_has(w, e->index) ? !same(r, e)
						 : raft_window_knows(w, e->index) &&
							   raft_window_term(w, e->index) != e->term)
			return e;
	}
	return NULL;
}

/*
 * V36: one of the two logs is wrong, and which one cannot be told from here: the first difference
 * is named until a restart.
 */
static int contradicts(struct raft *r, const struct raft_peer *p, raft_index index, raft_term term)
{
	struct raft_contradiction *c = &r->contradiction;

	if (c->count++ == 0) {
		c->committed = index <= r->commit;
		c->index = index;
		c->ours = raft_window_term(&r->window, index);
		c->theirs = term;
		c->from = p->id;
	}
	return -EPROTO;
}

/* What this leader, or all leaders, have said is there for good. */
static bool settled(const struct raft *r, raft_index index)
{
	return index <= r->commit || index <= r->owed.proved;
}

/* Of what is in force, one change at most is taken back (thesis 4.1). */
static bool erasable(const struct raft *r, const struct raft_entry *e)
{
	return !settled(r, e->index) && e->term != raft_window_term(&r->window, e->index) &&
	       (r->members_index < e->index || r->members_before_index < e->index ||
		r->members_before_index <= r->members_begun);
}

/* Appends what is not there yet, as far as it fits. Returns the last index that now matches. */
static raft_index entries_take(struct raft *r, const struct raft_append *a)
{
	for (uint32_t i = 0; i < a->entry_count; i++) {
		const struct raft_entry *e = &a->entries[i];
		struct raft_members members;
		if (e->index <= r->window.last)
			continue;
		if (!raft_log_room(r, 1))
			return e->index - 1; /* the leader sends the rest again */
		raft_log_append(r, e);
		if (e->type == RAFT_ENTRY_MEMBERS &&
		    raft_members_decode(&members, e->data, e->size) == 0)
			raft_members_adopt(r, &members, e->index);
	}
	return a->prev_index + a->entry_count;
}

/*
 * The hint: the highest index at which the logs may still agree. An entry of ours whose term is
 * above prev_term cannot be in the leader's log at or below prev_index, so whole terms are skipped;
 * the leader does the same with the hint's term, and they meet in O(terms) rounds.
 */
static void refuse(struct raft *r, const struct raft_append *a)
{
	raft_index hint = raft_window_floor(&r->window, a->prev_index - 1, a->prev_term);

	if (hint < r->commit)
		hint = r->commit; /* committed: every leader's log agrees */
	r->owed.refuse_owed = true;
	r->owed.refuse_prev = a->prev_index;
	r->owed.refuse_hint = hint;
	r->owed.refuse_hint_term = raft_window_term(&r->window, hint);
	r->owed.refuse_read_seq = a->read_seq;
}

static void accept(struct raft *r, const struct raft_append *a, raft_index matched)
{
	struct raft_owed *o = &r->owed;
	/*
	 * A heartbeat, and a message with a new read token, are answered at once with what is
	 * durable: the leader must hear from us however slow the disk is. Other answers wait for
	 * the entries.
	 */
	raft_index needs = a->entry_count == 0 || a->read_seq > o->read_echoed ? 0 : matched;

	if (matched > o->proved)
		o->proved = matched;
	if (!o->accept_owed || needs < o->accept_needs)
		o->accept_needs = needs;
	o->accept_owed = true;
	o->accept_prev = a->prev_index;
	if (o->refuse_prev <= o->proved)
		o->refuse_owed = false; /* overtaken */
	/* R12: only as far as this message proved the logs to match. */
	raft_index commit = a->commit < matched ? a->commit : matched;
	if (commit > r->commit)
		r->commit = commit;
}

/* The leader of this term speaks, under its read token. */
static void leader_heard(struct raft *r, const struct raft_peer *p, uint64_t read_seq)
{
	raft_follower_become(r, r->hard.term, p->id);
	/* It may have elected it, and have been rolled back since: no other one of this term. */
	raft_vote_spend(r, p->id);
	raft_election_restart(r);
	r->deferred = false;
	r->held.timeouts = 0;
	r->leader_heard = true;
	if (read_seq > r->leader_seq)
		r->leader_seq = read_seq;
	if (read_seq > r->owed.read_seq || r->owed.answered)
		r->owed.read_seq = read_seq;
	r->owed.answered = false;
}

/* 1: the logs agree up to there, as far as is known here; 0: they do not; -EPROTO. */
static int prev_look(struct raft *r, const struct raft_peer *p, const struct raft_append *a)
{
	bool known = raft_window_knows(&r->window, a->prev_index);
	bool differs = known && raft_window_term(&r->window, a->prev_index) != a->prev_term;

	if (differs && settled(r, a->prev_index))
		return contradicts(r, p, a->prev_index, a->prev_term);
	return !differs && a->prev_index <= r->window.last;
}

/* What it covers is committed, at the leader and so wherever a log holds its last entry. */
int raft_snapshot_recv(struct raft *r, struct raft_peer *p, const struct raft_message *m)
{
	const struct raft_snapshot *s = &m->snapshot;
	const struct raft_append a = {
		.prev_index = s->index, .prev_term = s->term, .commit = s->index};
	int agree;

	leader_heard(r, p, 0);
	agree = prev_look(r, p, &a);
	if (agree < 0)
		return agree;
	if (agree)
		accept(r, &a, s->index);
	if (!agree || r->apply_held)
		raft_offer_note(r, p, s);
	if (s->index > r->owed.offered)
		r->owed.offered = s->index;
	raft_told_judge(r, 0);
	return 0;
}

int raft_append_recv(struct raft *r, struct raft_peer *p, const struct raft_message *m)
{
	const struct raft_append *a = &m->append;
	int agree;

	leader_heard(r, p, a->read_seq);
	agree = prev_look(r, p, a);
	if (agree < 0)
		return agree;
	if (!agree) {
		refuse(r, a);
		return 0;
	}
	const struct raft_entry *conflict = conflict_find(r, a);
	if (conflict && !erasable(r, conflict))
		return contradicts(r, p, conflict->index, conflict->term);
	if (conflict) /* R15: only what conflicts is erased, and what follows it */
		raft_log_truncate(r, conflict->index);
	accept(r, a, entries_take(r, a));
	raft_told_judge(r, a->commit);
	return 0;
}

static struct raft_message *reply_new(struct raft *r, const struct raft_peer *p)
{
	return raft_message_new(r, p, RAFT_MESSAGE_APPEND_REPLY);
}

/* What this leader, as a witness, may know of this start (start.c). */
static void acknowledged_note(const struct raft *r, struct raft_peer *p, raft_index match)
{
	/* Of nothing there is nothing to know, and a place of the few would be taken. */
	if (match == 0)
		return;
	if (r->hard.term > p->acknowledged[0].term) {
		memmove(&p->acknowledged[1], &p->acknowledged[0],
			sizeof(p->acknowledged) - sizeof(p->acknowledged[0]));
		p->acknowledged[0].term = r->hard.term;
		p->acknowledged[0].index = 0;
	}
	/* What was proved in a term stays (RI8), and is not overwritten. */
	assert(match >= p->acknowledged[0].index);
	p->acknowledged[0].index = match;
}

/* Makes the answers that may leave now; the term is durable (the caller checked). */
void raft_owed_send(struct raft *r)
{
	struct raft_owed *o = &r->owed;
	raft_index match = o->proved < r->durable ? o->proved : r->durable;
	bool accepts = match > o->match_sent || (o->accept_owed && match >= o->accept_needs);

	if (!accepts && !o->refuse_owed)
		return;
	struct raft_peer *p = raft_peer_find(r, r->leader);
	if (!p)
		return;
	if (accepts) {
		struct raft_message *m = reply_new(r, p);
		m->append_reply.accepted = true;
		m->append_reply.match = match;
		m->append_reply.prev_index = o->accept_prev;
		m->append_reply.read_seq = o->read_seq;
		acknowledged_note(r, p, match);
		o->match_sent = match;
		o->read_echoed = o->read_seq;
		o->answered = true;
		o->accept_owed = false; /* what becomes durable later is told for itself */
	}
	if (o->refuse_owed) {
		struct raft_message *m = reply_new(r, p);
		m->append_reply.match = o->refuse_hint;
		m->append_reply.match_term = o->refuse_hint_term;
		m->append_reply.prev_index = o->refuse_prev;
		/* Of the message refused, not the newest: the leader dates the refusal by it. */
		m->append_reply.read_seq = o->refuse_read_seq;
		o->refuse_owed = false;
	}
}
