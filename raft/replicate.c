/*
 * The leader: progress of every peer, commit, retransmission.
 *
 * The index that a peer acknowledged only grows (R13) and next stays above it (R14), whatever is
 * duplicated, delayed or reordered. A refusal of what it acknowledged was made before that, and
 * says nothing (V3). A peer that came back with less is another start of it, or says that it lost
 * something (D9c): then its progress begins anew. That can only delay commits, never undo one:
 * commit never goes back (R11).
 */
#include "raft/internal.h"

#include <string.h>

static uint32_t retransmit_us_base(const struct raft *r, const struct raft_peer *p)
{
	uint64_t us = 4 * (uint64_t)p->srtt_us;

	if (us < RAFT_RETRANSMIT_US_MIN)
		us = RAFT_RETRANSMIT_US_MIN;
	if (us > r->heartbeat_us || p->srtt_us == 0)
		us = r->heartbeat_us;
	return (uint32_t)us;
}

static void inflight_clear(struct raft_peer *p)
{
	p->inflight_head = 0;
	p->inflight_count = 0;
	p->inflight_size = 0;
	p->sample_index = 0;
	p->sample_acked = false;
}

void raft_peer_reset(struct raft_peer *p, raft_index next, uint32_t retransmit_us, uint64_t now_us)
{
	p->match = 0;
	p->next = next;
	p->probing = true;
	p->slowed = false;
	p->strayed = true;
	p->probe_prev = next - 1;
	p->agreed = 0;
	p->commit_told = 0;
	p->empty_owed = false;
	p->hello_owed = false;
	inflight_clear(p);
	p->sent_high = 0;
	p->empty_us = now_us;
	p->await_us = now_us;
	p->heard_us = 0;
	p->heard = false;
	p->priority = 0;
	p->unsteady = true;
	p->retransmit_us = retransmit_us;
	p->srtt_us = 0;
	p->read_echo = 0;
	p->promised_us = 0;
	p->lost = false;
	p->unconfirmed = false;
	p->stalled = false;
	p->stateless = false;
	p->unfit = false;
}

/*
 * Sends again from `next`, one message until it is answered. One whose disk hangs answers as well,
 * each time that it is asked, with nothing more made durable: what it was sent waits there in
 * memory, or did not fit. So after a step back entries stream again when its disk has moved (V4).
 */
static void probe_from(struct raft_peer *p, raft_index next)
{
	assert(next > p->match); /* R14 */
	p->slowed = true;
	p->next = next;
	p->probing = true;
	p->probe_prev = next - 1;
	inflight_clear(p);
}

/*
 * A vote counted: leads. The peers first hear an empty append (paper 5.2), then the first entry of
 * the term, which commits what is left of the terms before it (R9; thesis 6.4).
 */
void raft_leader_become(struct raft *r)
{
	assert(r->role == RAFT_CANDIDATE);
	assert(raft_hard_durable(r));
	if (r->met != 0)
		raft_meet(r, 0, 0);
	r->role = RAFT_LEADER;
	r->leader = r->id;
	r->term_start = 0;
	r->lease_void = false;
	for (uint32_t i = 0; i < r->peer_count; i++) {
		struct raft_peer *p = r->peer[i];
		raft_peer_reset(p, r->window.last + 1, r->heartbeat_us, r->now_us);
		p->named = 0;
		p->offered = 0;
		p->reads = 0;
		p->hello_owed = true;
	}
	raft_contact_begin(r);
	raft_held_leads(r);
	raft_term_start(r);
	raft_commit_advance(r);
}

/*
 * The first entry of the term: a no-op; of the cluster's first term, the table that it was formed
 * with. Waits if the window has no room: until more of the log is durable.
 */
void raft_term_start(struct raft *r)
{
	if (r->role != RAFT_LEADER || r->term_start != 0 || !raft_log_room(r, 1))
		return;
	if (r->members_index == 0) {
		/* The one that the cluster was formed with: the first entry of all. */
		const struct raft_members formed = r->members;

		raft_members_put(r, &formed);
	} else {
		const struct raft_entry noop = {
			.index = r->window.last + 1,
			.term = r->hard.term,
			.type = RAFT_ENTRY_NOOP,
			.flags = RAFT_ENTRY_FIRST | RAFT_ENTRY_LAST,
		};
		raft_log_append(r, &noop);
	}
	r->term_start = r->window.last;
}

/* The durable index of each voter, this server's own disk among them (R4). */
static void matches_tally(const struct raft *r, struct raft_tally *t)
{
	raft_tally_self(t, r, r->durable);
	for (uint32_t i = 0; i < r->peer_count; i++) {
		const struct raft_peer *p = r->peer[i];

		raft_tally_peer(t, p, raft_peer_counts(p) ? p->match : 0);
	}
}

/*
 * R9, R10 (paper 5.4.2): what a majority holds durably is committed if it is of this term; all
 * before it is then committed with it. Terms never decrease along a log, so if the highest such
 * index is of an older term, so are all below it.
 *
 * The way out of a window that elections have filled (raft/window.h): the term has no entry of its
 * own yet, because there is no room. Then what *every* member holds durably is committed whatever
 * its term. They told so in this term, so each leader to come is one of them, or is elected by one,
 * has it, and never overwrites it; the example of figure 8 needs a voter that has something else.
 * Every member, learners too: who is a learner here may be a voter by an entry that is not
 * committed, in the logs of others (R67). Who may vote next is a member of the newest table that is
 * committed, or of the one after it; both are known here, and a directory that is not bound yet
 * holds nothing and is at least two tables away from a vote.
 */
static raft_index held_by_all(const struct raft *r)
{
	raft_index reached = r->durable;

	for (uint32_t i = 0; i < r->peer_count; i++) {
		const struct raft_peer *p = r->peer[i];
		raft_index match = p->lost || p->unconfirmed ? 0 : p->match;

		if (p->identity == 0 || (p->gone && r->members_index <= r->commit))
			continue;
		if (match < reached)
			reached = match;
	}
	return reached;
}

void raft_commit_advance(struct raft *r)
{
	struct raft_tally tally = {0};

	if (r->role != RAFT_LEADER)
		return;
	matches_tally(r, &tally);
	raft_index reached = r->term_start == 0 ? held_by_all(r) : raft_tally_majority(&tally, r);
	if (reached <= r->commit)
		return;
	if (r->term_start != 0 && raft_window_term(&r->window, reached) != r->hard.term)
		return;
	r->commit = reached;
	raft_term_start(r);
}

static void inflight_free(const struct raft *r, struct raft_peer *p)
{
	const struct raft_inflight *ring = r->inflight[p - r->place];

	while (p->inflight_count > 0 && ring[p->inflight_head].last_index <= p->match) {
		p->inflight_size -= ring[p->inflight_head].size;
		p->inflight_head = (p->inflight_head + 1) % RAFT_INFLIGHT_MESSAGES_MAX;
		p->inflight_count--;
	}
}

static void accepted(struct raft *r, struct raft_peer *p, const struct raft_append_reply *reply)
{
	if (reply->prev_index > p->agreed)
		p->agreed = reply->prev_index;
	if (reply->match > p->match)
		p->slowed = false;
	/* The log agrees up to the probe, durable or not: stream from here. */
	if ((reply->prev_index == p->probe_prev && !p->slowed) || reply->match + 1 >= p->next)
		p->probing = false;
	/* It has what no log can give it: entries follow. */
	if (raft_peer_installs(r, p) && p->agreed >= r->window.base)
		probe_from(p, p->agreed + 1);
	if (reply->match <= p->match)
		return;
	p->match = reply->match;
	raft_witness_note(r, p);
	if (p->next <= p->match) {
		p->next = p->match + 1;
		p->strayed |= p->match > p->sent_high;
	}
	inflight_free(r, p);
	p->await_us = r->now_us;
	p->retransmit_us = retransmit_us_base(r, p);
	if (p->sample_index != 0 && p->match >= p->sample_index)
		p->sample_acked = true;
	raft_transfer_try(r);
	raft_commit_advance(r);
}

/* The other half of the hint in append.c: skip our terms above the one at the follower's hint. */
static raft_index back_off(const struct raft *r, const struct raft_append_reply *reply)
{
	if (reply->match < r->window.first)
		return reply->match;
	return raft_window_floor(&r->window, reply->match, reply->match_term);
}

static void refused(struct raft *r, struct raft_peer *p, const struct raft_append_reply *reply)
{
	if (reply->prev_index <= p->match)
		return; /* made before it acknowledged that */
	if (reply->prev_index >= p->next)
		return; /* not sent since the last back-off */
	if (p->probing && reply->prev_index != p->probe_prev)
		return;
	raft_index agree = back_off(r, reply);
	p->strayed |= p->slowed; /* once more, and it has made nothing more durable */
	probe_from(p, (agree > p->match ? agree : p->match) + 1);
	p->retransmit_us = retransmit_us_base(r, p);
}

/*
 * D9c: what it acknowledged before it lost it is void; what it then takes in counts once it is
 * whole.
 */
static void lost_note(struct raft *r, struct raft_peer *p, const struct raft_append_reply *reply)
{
	bool counted = raft_peer_counts(p);

	/* It begins again where it says that the logs may agree. */
	if (reply->lost && !p->lost && p->match > 0)
		raft_peer_reset(p, reply->match + 1, r->heartbeat_us, r->now_us);
	if (p->lost && !reply->lost)
		raft_witness_void(r, p);
	p->lost = reply->lost;
	p->unconfirmed = reply->unconfirmed;
	if (counted || !raft_peer_counts(p))
		return;
	raft_witness_note(r, p);
	raft_commit_advance(r);
	raft_contact_echoed(r);
	raft_reads_confirm(r);
}

int raft_append_reply_recv(struct raft *r, struct raft_peer *p, const struct raft_message *m)
{
	const struct raft_append_reply *reply = &m->append_reply;

	p->heard |= !m->elsewhere; /* CH3 */
	p->stalled = reply->stalled;
	p->stateless = reply->stateless;
	p->unfit = reply->unfit;
	lost_note(r, p, reply);
	raft_prefer_told(p, reply->priority);
	if (reply->read_seq > p->read_echo) {
		p->read_echo = reply->read_seq;
		raft_lease_promised(r, p, reply->promise_us);
		raft_contact_echoed(r);
		raft_reads_confirm(r);
	}
	if (reply->accepted)
		accepted(r, p, reply);
	else /* that of prev 0 carries a term only, and changes nothing */
		refused(r, p, reply);
	return 0;
}

static void sample_take(const struct raft *r, struct raft_peer *p, uint64_t now_us)
{
	/* RFC 6298's smoothing; a sample of 0 us still says that it was measured. */
	uint32_t sample = (uint32_t)(now_us - p->sample_us);

	if (sample == 0)
		sample = 1;
	if (p->srtt_us == 0)
		p->srtt_us = sample;
	else
		p->srtt_us = (uint32_t)((7 * (uint64_t)p->srtt_us + sample) / 8);
	if (p->srtt_us == 0)
		p->srtt_us = 1;
	p->sample_acked = false;
	p->sample_index = 0;
	p->retransmit_us = retransmit_us_base(r, p);
}

static bool read_unanswered(const struct raft *r, const struct raft_peer *p)
{
	return p->read_echo < raft_reads_awaited(r);
}

/*
 * Nothing came back in time: the same probe again; or, if it was streaming, from the last point
 * known to agree. Never from match, which is 0 until something of this term was acknowledged: that
 * would send the whole log to a peer that was merely away.
 */
static void resume(struct raft_peer *p)
{
	raft_index from = p->probing ? p->probe_prev : p->agreed;

	p->strayed |= from > p->sent_high;
	probe_from(p, (from > p->match ? from : p->match) + 1);
}

static void peer_tick(struct raft *r, struct raft_peer *p)
{
	if (p->heard) {
		raft_prefer_heard(r, p);
		p->heard_us = r->now_us;
		p->heard = false;
	}
	if (p->sample_acked)
		sample_take(r, p, r->now_us);
	if (p->inflight_count > 0 && r->now_us - p->await_us >= p->retransmit_us) {
		resume(p);
		if (p->retransmit_us < r->heartbeat_us / 2)
			p->retransmit_us *= 2;
		else
			p->retransmit_us = r->heartbeat_us;
	}
	/*
	 * R19: whatever this peer's log is busy with, and whatever the others are. An append with
	 * entries is no heartbeat: where large frames vanish, small ones may pass (N17).
	 */
	if (r->now_us - p->empty_us >= r->heartbeat_us)
		p->empty_owed = true;
	if (read_unanswered(r, p) && r->now_us - p->empty_us >= retransmit_us_base(r, p))
		p->empty_owed = true;
}

void raft_leader_tick(struct raft *r)
{
	if (!raft_contact_tick(r) || !raft_transfer_stalled(r))
		return;
	raft_transfer_tick(r); /* a change may wait for its end */
	if (!raft_transfer_held(r) || !raft_reconfigure_tick(r))
		return;
	raft_reads_tick(r);
	for (uint32_t i = 0; i < r->peer_count; i++)
		peer_tick(r, r->peer[i]);
	raft_prefer_tick(r);
}

uint64_t raft_leader_deadline(const struct raft *r)
{
	uint64_t deadline = raft_contact_deadline(r);

	if (r->reads.leased > 0)
		return r->now_us; /* the next tick is what they wait for */
	if (raft_held_deadline(r) < deadline)
		deadline = raft_held_deadline(r);
	if (raft_transfer_deadline(r) < deadline)
		deadline = raft_transfer_deadline(r);
	if (raft_prefer_deadline(r) < deadline)
		deadline = raft_prefer_deadline(r);
	for (uint32_t i = 0; i < r->peer_count; i++) {
		const struct raft_peer *p = r->peer[i];
		uint64_t due = p->empty_us + r->heartbeat_us;

		if (p->identity == 0)
			continue; /* nothing is sent to it */
		if (p->inflight_count > 0 && p->await_us + p->retransmit_us < due)
			due = p->await_us + p->retransmit_us;
		if (raft_peer_takes(r, p) && raft_offer_deadline(r, p) < due)
			due = raft_offer_deadline(r, p);
		if (read_unanswered(r, p) && p->empty_us + retransmit_us_base(r, p) < due)
			due = p->empty_us + retransmit_us_base(r, p);
		if (due < deadline)
			deadline = due;
	}
	return deadline;
}
