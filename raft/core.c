/*
 * The core's life: creation and restore, time, the door for messages, changes of term, status.
 */
#include "raft/check.h"
#include "raft/formation.h"
#include "raft/internal.h"

#include "base/mix.h"

#include <stdlib.h>
#include <string.h>

/* No truncation takes it back. */
static bool members_settled(const struct raft_options *o)
{
	return o->members_index <= o->applied || o->members_index == o->members_begun;
}

/*
 * A cluster that has committed anything has written its table. One that was restored begins behind
 * another one's state, and has committed nothing (ADR 21); only one that was forced begins behind
 * any other base without (ADR 16), and decides alone.
 */
static bool members_known(const struct raft_options *o)
{
	return o->base_index <= FORMATION_ORIGIN_INDEX || o->members_index > 0 ||
	       (o->members.count == 1 && raft_members_voters(&o->members) == 1);
}

static bool members_options_valid(const struct raft_options *o)
{
	if (!raft_members_valid(&o->members) || o->members_begun > o->members_index ||
	    !members_known(o) ||
	    (o->members_index > o->last_index && o->members_index != o->members_begun))
		return false;
	return members_settled(o) || (raft_members_valid(&o->members_before) &&
				      o->members_before_index < o->members_index);
}

static bool log_options_valid(const struct raft_options *o)
{
	return (o->last_index == o->base_index || o->hard_state.term > 0) &&
	       o->last_index <= RAFT_INDEX_MAX && o->hard_state.term <= RAFT_TERM_MAX &&
	       (o->base_index == 0) == (o->base_term == 0) && o->base_term <= RAFT_TERM_MAX &&
	       o->base_index <= o->applied && o->applied <= o->last_index;
}

static bool options_valid(const struct raft_options *o)
{
	if (o->id == 0 || o->identity == 0 || o->start == 0 || !members_options_valid(o) ||
	    !log_options_valid(o))
		return false;
	return o->election_timeout_us_min > 0 &&
	       o->election_timeout_us_min <= o->election_timeout_us_max && o->heartbeat_us > 0 &&
	       o->heartbeat_us < o->election_timeout_us_min && o->priority <= RAFT_PRIORITY_MAX &&
	       (o->check_quorum || !o->lease_reads) &&
	       o->append_size_max >= RAFT_ENTRY_DATA_MAX + RAFT_ENTRY_OVERHEAD;
}

static int slots_init(struct raft *r)
{
	for (uint32_t i = 0; i < RAFT_SLOTS_MAX; i++) {
		r->slot[i].data = calloc(RAFT_FETCH_ENTRIES_MAX, sizeof(*r->slot[i].data));
		if (!r->slot[i].data)
			return -ENOMEM;
	}
	return 0;
}

int raft_create(struct raft **out, const struct raft_options *o)
{
	if (!options_valid(o))
		return -EINVAL;
	struct raft *r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	int err = raft_window_init(&r->window);
	if (!err)
		err = slots_init(r);
	r->start_terms = calloc(RAFT_WINDOW_SLOTS, sizeof(*r->start_terms));
	if (!r->start_terms)
		err = -ENOMEM;
	if (err) {
		raft_destroy(r);
		return err;
	}
	r->id = o->id;
	r->identity = o->identity;
	r->own_place = o->place;
	r->start = o->start;
	r->election_us_min = o->election_timeout_us_min;
	r->election_us_max = o->election_timeout_us_max;
	r->heartbeat_us = o->heartbeat_us;
	r->append_size_max = o->append_size_max;
	r->pre_vote = o->pre_vote;
	r->check_quorum = o->check_quorum;
	r->lease_reads = o->lease_reads;
	r->priority = o->priority;
	r->random = o->seed;
	r->now_us = o->now_us;
	r->hard = o->hard_state;
	/* A snapshot may be durable before its term is: nothing was promised in that yet (R18). */
	if (r->hard.term < o->base_term) {
		r->hard = (struct raft_hard_state){.term = o->base_term};
		r->hard_changed = true;
	}
	r->terms.base = r->hard.term;
	r->terms.base_us = r->now_us;
	r->restore_last = o->last_index;
	r->restored = o->last_index == o->base_index;
	raft_index first = o->base_index + 1;
	if (o->last_index >= o->base_index + RAFT_WINDOW_SLOTS)
		first = o->last_index - RAFT_WINDOW_SLOTS + 1;
	raft_window_restart(&r->window, o->base_index, o->base_term, first);
	r->handed = r->durable = o->base_index;
	r->commit = r->apply_handed = r->applied = o->applied;
	r->members = o->members;
	r->members_index = o->members_index;
	r->members_begun = o->members_begun;
	r->gone_over = members_settled(o);
	r->members_before = r->gone_over ? o->members : o->members_before;
	r->members_before_index = r->gone_over ? o->members_index : o->members_before_index;
	r->tick_due = true;
	r->ready_due = true;
	raft_places_sync(r);
	r->send_turn = r->peer_count; /* the next one is the first */
	raft_start_init(r, o);
	raft_contact_init(r, o->promise_us_max);
	raft_election_restart(r);
	*out = r;
	return 0;
}

void raft_destroy(struct raft *r)
{
	if (!r)
		return;
	for (uint32_t i = 0; i < RAFT_SLOTS_MAX; i++)
		free(r->slot[i].data);
	raft_window_fini(&r->window);
	free(r->start_terms);
	free(r);
}

/* Restored entries are durable; the commit index follows from the bounds in raft/window.h. */
void raft_restore(struct raft *r, const struct raft_entry *entry)
{
	raft_index bound = 0;

	assert(entry->index == r->window.last + 1);
	assert(entry->index <= r->restore_last);
	assert(entry->term > 0);
	assert(entry->term <= r->hard.term);
	if (entry->index >= RAFT_WINDOW_SLOTS)
		bound = entry->index - (RAFT_WINDOW_SLOTS - 1);
	if (entry->type == RAFT_ENTRY_COMMAND && entry->index > RAFT_WINDOW_COMMANDS &&
	    entry->index - RAFT_WINDOW_COMMANDS > bound)
		bound = entry->index - RAFT_WINDOW_COMMANDS;
	if (bound > r->commit)
		r->commit = bound;
	raft_window_append(&r->window, entry);
	raft_start_restored(r, entry);
	r->handed = entry->index;
	r->durable = entry->index;
	r->restored = entry->index == r->restore_last;
	if (r->restored)
		raft_changed(r);
}

/*
 * Events between two ticks carry no time of their own. A node that was descheduled reads its mail
 * first, so the new span must count from the tick after the event, not from the one before it.
 */
void raft_election_restart(struct raft *r)
{
	uint64_t width = (uint64_t)r->election_us_max - r->election_us_min + 1;

	r->election_span_us = r->election_us_min + mix_next(&r->random) % width;
	r->election_deadline_us = r->now_us + r->election_span_us;
	r->election_restarted = true;
}

bool raft_hard_durable(const struct raft *r)
{
	return !r->hard_changed && r->persisted >= r->hard_seq;
}

/*
 * Paper 5.1: a server that sees a higher term adopts it and follows. All that was owed in the term
 * before is forgotten with it. Also the way back for a candidate that finds a leader in its term.
 */
void raft_follower_become(struct raft *r, raft_term term, raft_id leader)
{
	assert(term >= r->hard.term);
	if (term > r->hard.term) {
		r->hard.term = term;
		r->hard.vote = 0;
		r->hard_changed = true;
		r->leader_seq = 0;
		memset(&r->owed, 0, sizeof(r->owed));
		for (uint32_t i = 0; i < r->peer_count; i++) {
			r->peer[i]->vote_reply_owed = false;
			r->peer[i]->timeout_now_owed = false;
		}
	}
	if (r->role == RAFT_LEADER) {
		raft_reads_drop(r);
		raft_transfer_end(r);
		raft_election_restart(r);
	}
	r->role = RAFT_FOLLOWER;
	r->leader = leader;
}

/* Of all that a tick and a ready look at: they do not look before (quiet, nothing_due). */
void raft_changed(struct raft *r)
{
	r->tick_due = true;
	r->ready_due = true;
	if (RAFT_CHECKS_EVENTS)
		raft_check_invariants(r);
}

static void candidate_tick(struct raft *r)
{
	if (r->now_us < r->vote_resend_us)
		return;
	/* Frames are lost; a voter's answer is the same however often it is asked. */
	for (uint32_t i = 0; i < r->peer_count; i++) {
		struct raft_peer *p = r->peer[i];
		p->vote_request_owed = raft_peer_votes(p) && !p->vote_answered;
	}
	r->vote_resend_us = r->now_us + r->heartbeat_us;
}

static void election_tick(struct raft *r)
{
	raft_told_timeout(r);
	raft_held_timeout(r);
	if (raft_may_campaign(r) && !raft_hears_leader(r) && !raft_defers(r)) {
		raft_stand(r);
	} else {
		r->leader = 0; /* silent for too long, whoever may stand for election */
		raft_election_restart(r);
	}
	r->election_restarted = false;
}

/* Nothing happened since the last tick, and by then nothing is due. */
static bool quiet(struct raft *r, uint64_t now_us)
{
	if (r->tick_due)
		return false;
	if (r->due_us == 0)
		r->due_us = raft_deadline(r);
	return now_us < r->due_us;
}

void raft_tick(struct raft *r, uint64_t now_us)
{
	assert(!r->in_ready);
	assert(now_us >= r->now_us);
	assert(r->restored);
	bool nothing = quiet(r, now_us);

	r->now_us = now_us;
	raft_terms_tick(r);
	if (nothing && !RAFT_CHECKS_EVENTS)
		return;
	if (r->election_restarted) {
		r->election_deadline_us = now_us + r->election_span_us;
		r->election_restarted = false;
	}
	raft_leader_note(r);
	raft_members_tick(r);
	raft_start_tick(r);
	if (r->role == RAFT_LEADER) {
		raft_leader_tick(r);
	} else if (now_us >= r->election_deadline_us) {
		election_tick(r);
	} else if (r->role != RAFT_FOLLOWER) {
		candidate_tick(r);
	}
	assert(!nothing || raft_deadline(r) == r->due_us);
	if (nothing)
		return;
	raft_changed(r);
	r->tick_due = false;
	r->due_us = 0;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t raft_deadline(const struct raft *r)
{
	uint64_t deadline = r->election_deadline_us;

	if (r->ready_more)
		return r->now_us;
	if (r->role == RAFT_LEADER)
		deadline = raft_leader_deadline(r);
	else if (r->role != RAFT_FOLLOWER)
		deadline = earlier(deadline, r->vote_resend_us);
	deadline = earlier(deadline, raft_start_deadline(r));
	deadline = earlier(deadline, raft_members_deadline(r));
	for (uint32_t i = 0; r->retry_us > r->now_us && i < RAFT_SLOTS_MAX; i++) {
		const struct raft_slot *s = &r->slot[i];
		if (s->state == RAFT_SLOT_IDLE && s->retry_us > r->now_us)
			deadline = earlier(deadline, s->retry_us);
	}
	return deadline > r->now_us ? deadline : r->now_us;
}

static int message_dispatch(struct raft *r, struct raft_peer *p, const struct raft_message *m)
{
	switch (m->type) {
	case RAFT_MESSAGE_VOTE:
		return raft_vote_recv(r, p, m);
	case RAFT_MESSAGE_VOTE_REPLY:
		return raft_vote_reply_recv(r, p, m);
	case RAFT_MESSAGE_APPEND:
		return raft_append_recv(r, p, m);
	case RAFT_MESSAGE_APPEND_REPLY:
		return raft_append_reply_recv(r, p, m);
	case RAFT_MESSAGE_READ:
		return raft_read_recv(r, p, m);
	case RAFT_MESSAGE_READ_REPLY:
		return raft_read_reply_recv(r, m);
	case RAFT_MESSAGE_PREVOTE_REPLY:
		return raft_prevote_reply_recv(r, p, m);
	case RAFT_MESSAGE_TIMEOUT_NOW:
		return raft_timeout_now_recv(r);
	case RAFT_MESSAGE_SNAPSHOT:
		return raft_snapshot_recv(r, p, m);
	case RAFT_MESSAGE_PREVOTE:
	case RAFT_MESSAGE_START:
	case RAFT_MESSAGE_START_REPLY:
		break;
	}
	return -EINVAL;
}

/* RX3: a term that is too far ahead changes nothing, for now. */
static bool term_believed(struct raft *r, struct raft_peer *p, const struct raft_message *m)
{
	bool reply = m->type == RAFT_MESSAGE_START_REPLY;

	if (raft_terms_believed(r, m->term) &&
	    (!reply || raft_terms_believed(r, m->start_reply.known.term))) {
		p->far = false;
		return true;
	}
	raft_term meet = raft_terms_far(r, p);
	if (meet > r->hard.term) {
		raft_follower_become(r, meet, 0);
		raft_vote_spend(r, r->id);
	}
	return false;
}

/*
 * A vote while a leader is heard: its term is not even adopted. Not one that was given already, nor
 * one that the leader asks for.
 */
static bool disturbs(const struct raft *r, const struct raft_message *m)
{
	bool given = m->term == r->hard.term && r->hard.vote == m->from;

	return m->type == RAFT_MESSAGE_VOTE && m->term >= r->hard.term && !m->vote.transfer &&
	       !given && raft_hears_leader(r);
}

/* The answer that a term to come would be granted: nobody is in that term yet. */
static bool of_next_term(const struct raft_message *m)
{
	return m->type == RAFT_MESSAGE_PREVOTE_REPLY && m->vote_reply.granted;
}

static int message_take(struct raft *r, struct raft_peer *p, const struct raft_message *m)
{
	if (m->type == RAFT_MESSAGE_PREVOTE)
		return raft_prevote_recv(r, p, m);
	if (of_next_term(m))
		return raft_check_state(r, p, m) ? -ERANGE : raft_prevote_reply_recv(r, p, m);
	if (disturbs(r, m))
		return -EBUSY;
	if (m->term < r->hard.term) {
		/* Paper 5.1: rejected, and told the term, so that it stops. */
		if (m->type == RAFT_MESSAGE_VOTE)
			p->vote_reply_owed = true;
		else if (m->type == RAFT_MESSAGE_APPEND || m->type == RAFT_MESSAGE_SNAPSHOT)
			p->stale_reply_owed = true;
		return -ESTALE;
	}
	bool newer = m->term > r->hard.term;
	if (newer)
		raft_follower_become(r, m->term, 0);
	int err = raft_check_state(r, p, m);
	if (!err)
		err = message_dispatch(r, p, m);
	else if (err == -ESTALE && newer)
		err = 0; /* it told the term */
	raft_lost_end_try(r);
	return err;
}

/* Of a member, in good form. */
static int member_recv(struct raft *r, struct raft_peer *p, const struct raft_message *m)
{
	bool newest = raft_start_note(r, p, m->start);

	/* Knowledge of starts belongs to no term. */
	if (m->type == RAFT_MESSAGE_START)
		return raft_start_recv(p, m);
	if (!newest)
		return -ESTALE; /* from before a restart, or of a directory rolled back */
	if (!term_believed(r, p, m))
		return -EDOM;
	if (m->type == RAFT_MESSAGE_START_REPLY)
		return raft_start_reply_recv(r, p, m);
	return message_take(r, p, m);
}

int raft_recv(struct raft *r, const struct raft_message *m)
{
	assert(!r->in_ready);
	assert(r->restored);
	int err = raft_check_format(r, m);
	if (err)
		return err;
	struct raft_peer *p = raft_peer_find(r, m->from);
	if (!p || p->identity == 0)
		return -ENOENT; /* or a member of a table to come, in which it has a directory */
	if (m->identity != p->identity)
		return -EKEYREJECTED; /* before terms: another directory must not disturb anybody */
	raft_start meet;
	if (raft_starts_believed(r, p, m->start, &meet))
		err = member_recv(r, p, m);
	else
		err = -EDOM;
	if (meet)
		raft_start_raise(r, p, meet);
	raft_changed(r);
	return err;
}

void raft_get_status(const struct raft *r, struct raft_status *out)
{
	memset(out, 0, sizeof(*out));
	out->role = r->role;
	out->term = r->hard.term;
	out->vote = r->hard.vote;
	out->leader = r->leader;
	out->commit = r->commit;
	out->applied = r->applied;
	out->durable = r->durable;
	out->last = r->window.last;
	out->last_term = raft_window_term(&r->window, r->window.last);
	out->window_first = r->window.first;
	out->base = r->window.base;
	out->snapshot = r->snapshot;
	if (raft_snapshot_wanted(r, r->offer.what.index, r->offer.what.term)) {
		out->offered = r->offer.what;
		out->offered_by = r->offer.from;
	}
	out->members = *raft_get_members(r);
	out->members_index = r->told_index ? r->told_index : r->members_index;
	out->members_before = r->told_index ? r->told : r->members_before;
	out->members_before_index = r->told_index ? r->told_index : r->members_before_index;
	out->lost = r->lost.is;
	out->start_confirmed = r->start_confirmed;
	out->disk_stalled = r->disk_stalled;
	out->transfer = r->transfer.to;
	out->quorum_lost = r->quorum_lost;
	out->lease_reads = r->lease_reads_count;
	out->replay_last = r->start_last;
	out->contradiction = r->contradiction;
	for (uint32_t i = 0; r->role == RAFT_LEADER && i < r->peer_count; i++) {
		const struct raft_peer *p = r->peer[i];
		out->progress[out->progress_count++] = (struct raft_progress){
			.id = p->id,
			.match = p->match,
			.next = p->next,
			.heard_us = p->heard_us,
			.rtt_us = p->srtt_us,
			.lost = p->lost,
			.installs = raft_peer_installs(r, p),
		};
	}
}

raft_id raft_leader(const struct raft *r)
{
	return r->leader;
}

enum raft_role raft_get_role(const struct raft *r)
{
	return r->role;
}

raft_term raft_get_term(const struct raft *r)
{
	return r->hard.term;
}

raft_index raft_last(const struct raft *r)
{
	return r->window.last;
}

raft_index raft_durable(const struct raft *r)
{
	return r->durable;
}

raft_index raft_commit(const struct raft *r)
{
	return r->commit;
}

uint64_t raft_quorum_lost(const struct raft *r)
{
	return r->quorum_lost;
}

bool raft_is_mute(const struct raft *r)
{
	return r->disk_stalled && !raft_hard_durable(r);
}
