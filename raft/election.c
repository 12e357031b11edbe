/*
 * Elections (paper 5.2, 5.4.1; thesis 9.6): RequestVote, its answer, and the count; before them the
 * question whether it would be won, which changes nothing: no term, no vote, no timer of whoever is
 * asked. So a member that cannot be elected has the term of those that can.
 *
 * A vote is a fact on the disk before it is a message: requests leave once the candidate's own vote
 * is durable, which is also when it counts; a grant leaves once it is durable. The answer is made
 * when it leaves, from the hard state of that moment, so a term has one vote whatever is asked.
 */
#include "raft/internal.h"

#include "base/mix.h"

/*
 * A vote takes as long as the disk does, and the votes that a candidate asks for take as long as
 * the voters' disks do. So the timer of one that voted begins anew when its vote is durable, nobody
 * stands again before that, and a candidate waits so much longer as its own vote took, for the
 * others have such disks too (V5). The random part grows with it: with slow disks more than one
 * stands before any of them is heard. So a term costs one write, and a cluster whose writes take
 * longer than its timeouts elects a leader all the same; but a candidate waits no longer than this.
 */
static const uint32_t PATIENCE_TIMEOUTS_MAX = 8;

/*
 * W21: who has nothing to apply to could serve nothing, and leaves it to others to lead. But two
 * such members of three elect no third one whose log is behind theirs. So after so many timeouts
 * without a leader one of them leads all the same: it brings that one up to date, and hands over
 * (transfer.c). Each time that it led in vain it is more patient: another one is the first then,
 * and where nobody is left to hand over to, terms are few.
 */
enum { HELD_TIMEOUTS = 8, HELD_TIMEOUTS_MAX = 64 };

static void patience_add(struct raft *r)
{
	uint64_t write_us = r->now_us - r->vote_us;
	uint64_t us = write_us + mix_next(&r->random) % (2 * write_us + 1);
	uint64_t us_max = PATIENCE_TIMEOUTS_MAX * (uint64_t)r->election_us_max;

	r->election_span_us += us < us_max ? us : us_max;
	r->election_deadline_us = r->now_us + r->election_span_us;
}

static void vote_began(struct raft *r)
{
	r->vote_new = true;
	r->vote_us = r->now_us;
	raft_election_restart(r);
}

/* Something has become durable. */
void raft_vote_durable(struct raft *r)
{
	if (!r->vote_new || !raft_hard_durable(r))
		return;
	assert(r->role != RAFT_LEADER); /* its vote was durable before it led */
	r->vote_new = false;
	raft_election_restart(r);
	if (r->role == RAFT_CANDIDATE)
		patience_add(r);
	r->vote_us = r->now_us;
}

/* Somebody stands, with this vote: whoever asks now is too late, or comes back in a timeout. */
static bool voted_lately(const struct raft *r)
{
	return r->hard.vote != 0 && (r->vote_new || r->now_us - r->vote_us < r->election_us_min);
}

/*
 * Who may take part in an election: not one that lost what it acknowledged, nor one that cannot
 * know yet whether it did (D9c; docs/adr/0004-unanimous-formation.md has the table).
 */
static bool may_vote(const struct raft *r)
{
	return !r->lost.is && r->start_confirmed;
}

/*
 * A voter; and one that is removed, or made a learner, by an entry that is not committed as far as
 * it knows (thesis 4.2.2). It may be the only one up that has the entry, and whoever lacks it is
 * not elected by it. It does not vote for itself, and leads until that entry is committed.
 */
static bool electable(const struct raft *r)
{
	const struct raft_member *before = raft_members_find(&r->members_before, r->id);

	if (raft_votes(r))
		return true;
	return r->members_index > r->commit && before && before->identity == r->identity &&
	       (before->voter || before->voter_before);
}

bool raft_may_campaign(const struct raft *r)
{
	if (r->unfit)
		return false;
	if (r->hard.term >= RAFT_TERM_MAX)
		return false; /* there is no next one */
	/*
	 * A majority holds the table that it was told, and it does not: it would lose; and nobody's
	 * word alone is to make it lead.
	 */
	if (r->told_index || r->members_begun > r->window.last)
		return false;
	if (r->apply_held && r->held.timeouts < r->held.patience)
		return false;
	return electable(r) && may_vote(r) && raft_hard_durable(r) && !r->disk_stalled;
}

bool raft_election_due(const struct raft *r, uint64_t now_us)
{
	if (r->role == RAFT_LEADER)
		return raft_contact_lost(r, now_us);
	return !r->election_restarted && now_us >= r->election_deadline_us;
}

void raft_held_timeout(struct raft *r)
{
	if (r->apply_held && r->held.timeouts < r->held.patience)
		r->held.timeouts++;
}

void raft_held_begin(struct raft *r)
{
	r->held = (struct raft_held){.patience = HELD_TIMEOUTS, .since_us = r->now_us};
}

/* It leads from now on. */
void raft_held_leads(struct raft *r)
{
	r->held.timeouts = 0;
	r->held.match = 0;
	r->held.since_us = r->now_us;
}

/* When it has led in vain for as long as it waited before it stood. */
uint64_t raft_held_deadline(const struct raft *r)
{
	if (!r->apply_held)
		return UINT64_MAX;
	return r->held.since_us + r->held.patience * (uint64_t)r->election_us_max;
}

void raft_held_in_vain(struct raft *r)
{
	if (r->held.patience < HELD_TIMEOUTS_MAX)
		r->held.patience *= 2;
	raft_follower_become(r, r->hard.term, 0);
	r->election_restarted = false; /* from this tick on */
}

/*
 * What its log held when it was started is not applied yet: as a leader it would serve nothing
 * before that. An entry that it appended since does not count, so no failover waits for this.
 */
static bool replays(const struct raft *r)
{
	return r->start_last > r->applied + RAFT_REPLAY_MIN;
}

uint8_t raft_priority(const struct raft *r)
{
	return raft_may_campaign(r) && !replays(r) ? r->priority : 0;
}

void raft_priority_set(struct raft *r, uint8_t priority)
{
	assert(!r->in_ready && priority <= RAFT_PRIORITY_MAX);
	r->priority = priority;
}

bool raft_defers(struct raft *r)
{
	bool defers = replays(r) && !raft_alone(r) && !r->deferred;

	r->deferred |= defers;
	return defers;
}

void raft_disk_stalled(struct raft *r, bool stalled)
{
	assert(!r->in_ready);
	if (stalled == r->disk_stalled)
		return;
	r->disk_stalled = stalled;
	if (!stalled && (r->role == RAFT_FOLLOWER || r->role == RAFT_PRECANDIDATE))
		raft_election_restart(r);
	if (!stalled && r->role == RAFT_CANDIDATE)
		r->election_restarted = true; /* with its patience */
	raft_vote_count(r);                   /* a candidate that was elected meanwhile */
	raft_changed(r);
}

void raft_unfit(struct raft *r)
{
	assert(!r->in_ready);
	r->unfit = true;
	raft_changed(r);
}

static void requests_begin(struct raft *r)
{
	for (uint32_t i = 0; i < r->peer_count; i++) {
		struct raft_peer *p = r->peer[i];
		p->vote_requested = false;
		p->vote_answered = false; /* R22: the set of voters belongs to the term */
		p->vote_granted = false;
		p->vote_request_owed = raft_peer_votes(p);
	}
	r->vote_resend_us = r->now_us + r->heartbeat_us;
}

void raft_campaign(struct raft *r, bool transfer)
{
	assert(r->role != RAFT_LEADER);
	raft_follower_become(r, r->hard.term + 1, 0);
	r->role = RAFT_CANDIDATE;
	r->hard.vote = r->id;
	r->lost.voted_term = r->hard.term;
	r->vote_transfer = transfer;
	requests_begin(r);
	vote_began(r);
}

/* Those that would vote for it, itself among them. */
static bool majority_grants(const struct raft *r)
{
	struct raft_tally tally = {0};

	raft_tally_self(&tally, r, 1);
	for (uint32_t i = 0; i < r->peer_count; i++)
		raft_tally_peer(&tally, r->peer[i], r->peer[i]->vote_granted);
	return raft_tally_majority(&tally, r);
}

/* Its timeout is over. */
void raft_stand(struct raft *r)
{
	assert(r->role != RAFT_LEADER);
	if (!r->pre_vote) {
		raft_campaign(r, false);
		return;
	}
	r->role = RAFT_PRECANDIDATE;
	r->leader = 0;
	requests_begin(r);
	raft_election_restart(r);
	if (majority_grants(r)) /* alone */
		raft_campaign(r, false);
}

void raft_vote_spend(struct raft *r, raft_id id)
{
	if (r->hard.vote != 0 || r->hard.term == 0)
		return;
	r->hard.vote = id;
	r->hard_changed = true;
}

/* Counts again after a grant, and when the candidate's own vote has become durable. */
void raft_vote_count(struct raft *r)
{
	/* With a disk that keeps nothing it would lead, and commit nothing (D8). */
	if (r->role != RAFT_CANDIDATE || !raft_hard_durable(r) || r->disk_stalled)
		return;
	if (majority_grants(r))
		raft_leader_become(r);
}

/* Paper 5.4.1: the later last term wins; in the same term, the longer log. */
static bool log_up_to_date(const struct raft *r, const struct raft_vote *v)
{
	raft_term last_term = raft_window_term(&r->window, r->window.last);

	if (v->last_term != last_term)
		return v->last_term > last_term;
	return v->last_index >= r->window.last;
}

int raft_vote_recv(struct raft *r, struct raft_peer *p, const struct raft_message *m)
{
	if (!may_vote(r))
		return 0;
	/* R23: a candidate and a leader have voted for themselves: hard.vote is never 0 there. */
	if (r->hard.vote == 0 && log_up_to_date(r, &m->vote)) {
		if (r->disk_stalled)
			return 0; /* not refused either: it asks again, and the disk may go on */
		assert(r->role == RAFT_FOLLOWER || r->role == RAFT_PRECANDIDATE);
		r->role = RAFT_FOLLOWER;
		r->hard.vote = m->from;
		r->lost.voted_term = r->hard.term;
		r->hard_changed = true;
		vote_began(r); /* only a vote that is granted restarts the timer */
	}
	p->vote_reply_owed = true;
	return 0;
}

int raft_vote_reply_recv(struct raft *r, struct raft_peer *p, const struct raft_message *m)
{
	if (r->role != RAFT_CANDIDATE)
		return 0; /* late, and of no use */
	p->vote_answered = true;
	if (m->vote_reply.granted)
		p->vote_granted = true;
	raft_vote_count(r);
	return 0;
}

/*
 * Thesis 9.6. Of a term that is not above ours: its sender is behind, and told the term, for it may
 * have what we lack (R24). Who hears a leader, or may not vote, does not answer: it is asked again.
 */
int raft_prevote_recv(struct raft *r, struct raft_peer *p, const struct raft_message *m)
{
	bool behind = m->term <= r->hard.term;

	if (!behind && (raft_hears_leader(r) || voted_lately(r)))
		return -EBUSY;
	if (!behind && (!may_vote(r) || r->disk_stalled))
		return 0;
	p->prevote_granted = !behind && log_up_to_date(r, &m->vote) ? m->term : 0;
	p->prevote_reply_owed = true;
	return behind ? -ESTALE : 0;
}

/* The grant of a term to come; a refusal is of a term that is, and met as every message's. */
int raft_prevote_reply_recv(struct raft *r, struct raft_peer *p, const struct raft_message *m)
{
	bool of_this = m->term == r->hard.term + m->vote_reply.granted;

	if (r->role != RAFT_PRECANDIDATE || !of_this)
		return -ESTALE;
	p->vote_answered = true;
	if (!m->vote_reply.granted)
		return 0;
	p->vote_granted = true;
	if (majority_grants(r) && raft_may_campaign(r))
		raft_campaign(r, false);
	return 0;
}

static void request_send(struct raft *r, struct raft_peer *p)
{
	bool pre = r->role == RAFT_PRECANDIDATE;
	struct raft_message *m =
		raft_message_new(r, p, pre ? RAFT_MESSAGE_PREVOTE : RAFT_MESSAGE_VOTE);

	m->term += pre;
	m->vote.last_index = r->window.last;
	m->vote.last_term = raft_window_term(&r->window, r->window.last);
	m->vote.transfer = !pre && r->vote_transfer;
	p->vote_requested = true;
}

/* Granted for a term that somebody is in by now: refused, in that term. */
static void prevote_reply_send(struct raft *r, struct raft_peer *p)
{
	struct raft_message *m = raft_message_new(r, p, RAFT_MESSAGE_PREVOTE_REPLY);

	if (p->prevote_granted <= r->hard.term)
		return;
	m->term = p->prevote_granted;
	m->vote_reply.granted = true;
}

/* What is owed to it; the term is durable (the caller checked). */
void raft_votes_send(struct raft *r, struct raft_peer *p)
{
	bool stands = r->role == RAFT_PRECANDIDATE || r->role == RAFT_CANDIDATE;

	if (p->vote_request_owed && stands)
		request_send(r, p);
	if (p->vote_reply_owed && !r->lost.is)
		raft_message_new(r, p, RAFT_MESSAGE_VOTE_REPLY)->vote_reply.granted =
			r->hard.vote == p->id;
	if (p->prevote_reply_owed && !r->lost.is)
		prevote_reply_send(r, p);
	p->vote_request_owed = false;
	p->vote_reply_owed = false;
	p->prevote_reply_owed = false;
}
