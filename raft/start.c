/*
 * Starts, and their witnesses (D9c). A directory that was rolled back to an older copy of itself
 * does not know what it has promised since; the others do. So each start is asked for: "this is my
 * start; what do you know of me from before?", and until enough have answered, a member gives no
 * vote and what it acknowledges steers the leader and counts for nothing: an acknowledgement also
 * says that nothing was promised in a later term, and that it cannot know yet.
 *
 * A witness remembers the newest start that it saw and the furthest position that was acknowledged
 * to it; both are in its own marks, so they survive its restart. It answers whoever asks. A member
 * is found out if a witness knows a start that is not older than this one and not this one, or a
 * position that the log, as it was recovered, should hold and does not.
 *
 * Enough is every voter, or, if some are silent, a majority and the time in which a silent one
 * would have shown itself.
 */
#include "raft/internal.h"

/* Who did not answer is asked again: it may have been down, and know more than the others. */
static const uint64_t ASK_AGAIN_US = 1000000;

/* And all are: a start may be superseded, by a copy of the directory that ran elsewhere. */
static const uint64_t ASK_ALL_US = 10000000;

static bool all_answered(const struct raft *r)
{
	for (uint32_t i = 0; i < r->peer_count; i++) {
		if (!r->peer[i]->start_answered && r->peer[i]->identity != 0)
			return false;
	}
	return true;
}

static void ask(struct raft *r, bool all)
{
	for (uint32_t i = 0; i < r->peer_count; i++) {
		struct raft_peer *p = r->peer[i];

		p->start_owed = (all || !p->start_answered) && p->identity != 0;
	}
	r->start_ask_us = r->now_us + (r->start_confirmed ? ASK_AGAIN_US : r->heartbeat_us);
}

static void confirm_try(struct raft *r)
{
	if (r->start_confirmed)
		return;
	struct raft_tally tally = {0};

	raft_tally_self(&tally, r, 1);
	for (uint32_t i = 0; i < r->peer_count; i++)
		raft_tally_peer(&tally, r->peer[i], r->peer[i]->start_answered);
	r->start_confirmed =
		raft_tally_all(&tally, r) || (raft_tally_majority(&tally, r) &&
					      r->now_us - r->start_began_us >= r->election_us_min);
}

void raft_start_init(struct raft *r, const struct raft_options *o)
{
	r->start_own = r->start;
	r->start_began_us = r->now_us;
	r->start_term = o->hard_state.term;
	r->start_first = r->window.first;
	r->start_last = o->last_index;
	r->start_last_term = o->base_term;
	r->lost.is = o->lost;
	for (uint32_t i = 0; i < o->witness_count; i++) {
		struct raft_peer *p = raft_peer_find(r, o->witness[i].id);

		if (p)
			p->witness = o->witness[i];
	}
	r->start_ask_all_us = r->now_us + ASK_ALL_US;
	ask(r, true);
	confirm_try(r);
}

void raft_start_restored(struct raft *r, const struct raft_entry *entry)
{
	r->start_terms[raft_window_slot(entry->index)] = entry->term;
	r->start_last_term = entry->term;
}

void raft_restarted(struct raft *r, raft_start start)
{
	assert(!r->in_ready);
	assert(r->lost.is);
	assert(raft_start_count(start) > raft_start_count(r->start));
	r->start = start;
	for (uint32_t i = 0; i < r->peer_count; i++)
		r->peer[i]->start_answered = false;
	ask(r, true);
	raft_changed(r);
}

void raft_start_tick(struct raft *r)
{
	confirm_try(r);
	if (r->now_us >= r->start_ask_all_us) {
		ask(r, true);
		r->start_ask_all_us = r->now_us + ASK_ALL_US;
	} else if (r->now_us >= r->start_ask_us) {
		ask(r, false);
	}
	raft_lost_tick(r);
}

uint64_t raft_start_deadline(const struct raft *r)
{
	uint64_t deadline = r->start_ask_all_us;

	if (r->start_ask_us < deadline && !all_answered(r))
		deadline = r->start_ask_us;

	if (r->lost.is && r->lost.ask_us < deadline)
		deadline = r->lost.ask_us;
	if (r->lost.is && r->lost.told_us > r->now_us && r->lost.told_us < deadline)
		deadline = r->lost.told_us; /* told again, or over */
	return deadline;
}

/* --- the witness ------------------------------------------------------------------------- */

static bool position_above(raft_term term, raft_index index, const struct raft_witness *w)
{
	return term > w->term || (term == w->term && index > w->index);
}

static void witness_set(struct raft *r, struct raft_peer *p)
{
	p->witness.id = p->id;
	p->witness.term = r->hard.term;
	p->witness.index = p->match;
	p->witness.entry_term = raft_window_knows(&r->window, p->match)
					? raft_window_term(&r->window, p->match)
					: 0;
	r->witness_generation++;
}

/* It acknowledged more before, and this leader holds that: it may have lost it. */
static bool goes_back(const struct raft *r, const struct raft_peer *p)
{
	const struct raft_witness *w = &p->witness;

	return p->match < w->index && w->index <= r->window.last &&
	       (w->index < r->window.first ||
		raft_window_term(&r->window, w->index) == w->entry_term);
}

/*
 * No commit rests on that yet: entries of older terms, before the first of this one (paper 5.4.2).
 * A leader that does not hold them may take them away, by one of a term before this.
 */
static bool counts_for_nothing(const struct raft *r, const struct raft_peer *p)
{
	return p->match > r->commit && (r->term_start == 0 || p->match < r->term_start);
}

/* It acknowledged match to this leader. */
void raft_witness_note(struct raft *r, struct raft_peer *p)
{
	if (p->lost || p->unconfirmed || p->match == 0 || counts_for_nothing(r, p) ||
	    !position_above(r->hard.term, p->match, &p->witness) || goes_back(r, p))
		return;
	witness_set(r, p);
}

/* Whole again, it holds what counts: what it acknowledged beyond that to this leader is void. */
void raft_witness_void(struct raft *r, struct raft_peer *p)
{
	if (p->witness.term == r->hard.term)
		witness_set(r, p);
}

/*
 * What its earlier start acknowledged or echoed, it may have lost: it counts when this one says it
 * again, and says that it counts.
 */
static void restarted_reset(const struct raft *r, struct raft_peer *p)
{
	raft_index first = r->window.base + 1; /* that can be sent, after an entry that is known */

	if (r->role == RAFT_LEADER && p->match > 0)
		raft_peer_reset(p, p->match > first ? p->match : first, r->heartbeat_us, r->now_us);
	p->lost = false;
	p->unconfirmed = true;
	p->read_echo = 0;
	p->promised_us = 0;
}

void raft_start_raise(struct raft *r, struct raft_peer *p, raft_start start)
{
	p->witness.id = p->id;
	p->witness.start = start;
	r->witness_generation++;
	restarted_reset(r, p);
}

/* Every message shows its sender's start. False: this is not the newest one, nor will it be. */
bool raft_start_note(struct raft *r, struct raft_peer *p, raft_start start)
{
	if (raft_start_count(start) > raft_start_count(p->witness.start)) {
		raft_start_raise(r, p, start);
	} else if (raft_start_count(start) == raft_start_count(p->witness.start) &&
		   start != p->witness.start) {
		/* No history has both: none that goes on from here is believed to be the newest. */
		p->witness.start = (raft_start)(raft_start_count(start) + 1) << 32;
		r->witness_generation++;
	}
	return start == p->witness.start;
}

void raft_start_tell(struct raft *r, raft_id id, raft_start start)
{
	struct raft_peer *p = raft_peer_find(r, id);

	assert(!r->in_ready);
	if (!p)
		return;
	p->start_asked = start;
	p->start_reply_owed = true;
	raft_changed(r);
}

int raft_start_recv(struct raft_peer *p, const struct raft_message *m)
{
	p->start_asked = m->start;
	p->start_reply_owed = true;
	return 0;
}

/* Another directory is in force under its id, by a word. */
static bool is_aside(const struct raft *r, raft_id id)
{
	for (uint32_t i = 0; i < RAFT_MEMBERS_MAX; i++) {
		if (r->aside[i].id == id)
			return true;
	}
	return false;
}

uint32_t raft_witnesses(const struct raft *r, struct raft_witness out[RAFT_MEMBERS_MAX])
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < RAFT_MEMBERS_MAX; i++) {
		if (r->aside[i].witness.id != 0)
			out[count++] = r->aside[i].witness;
	}
	for (uint32_t i = 0; i < r->peer_count && count < RAFT_MEMBERS_MAX; i++) {
		if (r->peer[i]->witness.id != 0 && !is_aside(r, r->peer[i]->id))
			out[count++] = r->peer[i]->witness;
	}
	return count;
}

uint64_t raft_witnesses_generation(const struct raft *r)
{
	return r->witness_generation;
}

/* --- the one that was started ------------------------------------------------------------ */

/*
 * True: it acknowledged what it did not hold when it was started, and has not taken in since. What
 * it held is judged by the log as it was recovered: a term is adopted as soon as it is heard of, so
 * the one on the disk may be of after a roll-back. An entry that was acknowledged is taken away by
 * leaders of later terms only, which leave entries of theirs.
 */
static bool position_lost(const struct raft *r, const struct raft_peer *p,
			  const struct raft_witness *known)
{
	/* Whole again, it holds all that counted; and of nothing, nothing is lost. */
	if (r->start_settled || known->index == 0)
		return false;
	/* A later term's acknowledgement says nothing of what was held in this one. */
	for (uint32_t i = 0; i < RAFT_ACKNOWLEDGED_TERMS; i++) {
		if (known->term == p->acknowledged[i].term &&
		    known->index <= p->acknowledged[i].index)
			return false;
	}
	if (known->term > r->start_term)
		return true;
	if (known->term < r->start_last_term)
		return false;
	if (known->index > r->start_last)
		return true;
	return known->entry_term != 0 && known->index >= r->start_first &&
	       r->start_terms[raft_window_slot(known->index)] != known->entry_term;
}

int raft_start_reply_recv(struct raft *r, struct raft_peer *p, const struct raft_message *m)
{
	const struct raft_start_reply *reply = &m->start_reply;
	raft_start known = reply->known.start;

	if (reply->asked != r->start)
		return -ESTALE;
	/* Or one that does not believe this start. */
	int err = raft_starts_told(r, p, &known);
	if (err)
		return err;
	/* It may have voted in the term that it is told of, and have forgotten it. */
	bool told = m->term > r->hard.term || (m->term == r->hard.term && !p->start_answered);

	if (m->term > r->hard.term)
		raft_follower_become(r, m->term, 0);
	if (told)
		raft_vote_spend(r, r->id);
	p->start_answered = true;
	/* It noted this start, unless it knows one that cannot be older. */
	if (known != r->start || (!r->lost.is && position_lost(r, p, &reply->known)))
		raft_lost_begin(r, known);
	confirm_try(r);
	return 0;
}

/*
 * A term in which this member stands and of which nobody has heard yet: nobody can have promised
 * anything in it. Told of it, a leader would step down for one whose disk hangs (V5).
 */
static raft_term term_told(const struct raft *r)
{
	return r->role == RAFT_CANDIDATE && !raft_hard_durable(r) ? r->hard.term - 1 : r->hard.term;
}

/* Neither speaks for a term, so neither waits for one to be durable. */
void raft_start_send(struct raft *r)
{
	for (uint32_t i = 0; i < r->peer_count; i++) {
		struct raft_peer *p = r->peer[i];

		if (p->start_owed)
			raft_message_new(r, p, RAFT_MESSAGE_START);
		if (p->start_reply_owed) {
			struct raft_message *m = raft_message_new(r, p, RAFT_MESSAGE_START_REPLY);

			m->term = term_told(r);
			m->start_reply.asked = p->start_asked;
			m->start_reply.known = p->witness;
		}
		p->start_owed = false;
		p->start_reply_owed = false;
	}
}
