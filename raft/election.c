/*
 * Elections (paper 5.2, 5.4.1): RequestVote, its answer, and the count.
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
}

/*
 * Who may take part in an election: not one that lost what it acknowledged, nor one that cannot
 * know yet whether it did (D9c; docs/adr/0004-unanimous-formation.md has the table).
 */
static bool may_vote(const struct raft *r)
{
	return !r->lost.is && r->start_confirmed;
}

bool raft_may_campaign(const struct raft *r)
{
	if (r->hard.term >= RAFT_TERM_MAX)
		return false; /* there is no next one */
	return raft_votes(r) && may_vote(r) && raft_hard_durable(r) && !r->disk_stalled;
}

bool raft_election_due(const struct raft *r, uint64_t now_us)
{
	return r->role != RAFT_LEADER && !r->election_restarted &&
	       now_us >= r->election_deadline_us;
}

/*
 * What its log held when it was started is not applied yet: as a leader it would serve nothing
 * before that. An entry that it appended since does not count, so no failover waits for this.
 */
static bool replays(const struct raft *r)
{
	return r->start_last > r->applied + RAFT_REPLAY_MIN;
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
	if (!stalled && r->role == RAFT_FOLLOWER)
		raft_election_restart(r);
	if (!stalled && r->role == RAFT_CANDIDATE)
		r->election_restarted = true; /* with its patience */
	raft_vote_count(r);                   /* a candidate that was elected meanwhile */
	raft_changed(r);
}

void raft_campaign(struct raft *r)
{
	assert(r->role != RAFT_LEADER);
	raft_follower_become(r, r->hard.term + 1, 0);
	r->role = RAFT_CANDIDATE;
	r->hard.vote = r->id;
	r->lost.voted_term = r->hard.term;
	for (uint32_t i = 0; i < r->peer_count; i++) {
		struct raft_peer *p = r->peer[i];
		p->vote_requested = false;
		p->vote_answered = false; /* R22: the set of voters belongs to the term */
		p->vote_granted = false;
		p->vote_request_owed = raft_peer_votes(p);
	}
	vote_began(r);
	r->vote_resend_us = r->now_us + r->heartbeat_us;
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
	struct raft_tally tally = {0};

	/* With a disk that keeps nothing it would lead, and commit nothing (D8). */
	if (r->role != RAFT_CANDIDATE || !raft_hard_durable(r) || r->disk_stalled)
		return;
	raft_tally_self(&tally, r, 1);
	for (uint32_t i = 0; i < r->peer_count; i++)
		raft_tally_peer(&tally, r->peer[i], r->peer[i]->vote_granted);
	if (raft_tally_majority(&tally, r))
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
		assert(r->role == RAFT_FOLLOWER);
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
	p->vote_answered = true;
	if (m->vote_reply.granted)
		p->vote_granted = true;
	raft_vote_count(r);
	return 0;
}
