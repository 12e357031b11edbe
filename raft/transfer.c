/*
 * Leadership transfer (thesis 3.10). The leader stops taking commands, so that what the other one
 * lacks comes to an end; tells it to stand for election when it has all; and goes on itself if
 * nothing came of it within the shortest election timeout. Who is told so stands at once, without
 * asking before, and its VOTE says that the leader wants it: those who hear that leader vote for it
 * all the same.
 *
 * A TIMEOUT_NOW that comes late is of an older term, or shows an older read token than the leader
 * has sent since: a new one goes out with every round of heartbeats. It ends the lease (lease.c),
 * for whoever promised to hear this leader out votes all the same (R44).
 */
#include "raft/internal.h"

/* Heard of late; it holds what it acknowledged, and its disk goes on. */
static bool reachable(const struct raft *r, const struct raft_peer *p)
{
	return p->voter && raft_peer_counts(p) && !p->stalled &&
	       (p->heard || (p->heard_us > 0 && r->now_us - p->heard_us < r->election_us_min));
}

/* It stands if it is told to, as far as it said. */
static bool may_lead(const struct raft *r, const struct raft_peer *p)
{
	return !p->unfit && !raft_peer_takes(r, p);
}

/* It may be there: a leader of a moment ago did not hear everybody yet. */
static bool may_be_heard(const struct raft *r, raft_id to)
{
	for (uint32_t i = 0; i < r->peer_count; i++) {
		const struct raft_peer *p = r->peer[i];

		if (p->voter && raft_peer_counts(p) && !p->heard && p->heard_us == 0 &&
		    (to == 0 || to == p->id))
			return r->now_us - r->contact.since_us < r->election_us_min;
	}
	return false;
}

static uint64_t heard_us(const struct raft *r, const struct raft_peer *p)
{
	return p->heard ? r->now_us : p->heard_us;
}

/*
 * It has more of the log; or as much, and the other one missed a heartbeat: it may be gone; or as
 * much and as lately, and a higher priority.
 */
static bool better(const struct raft *r, const struct raft_peer *p, const struct raft_peer *than)
{
	if (p->match != than->match)
		return p->match > than->match;
	if (heard_us(r, p) > heard_us(r, than) + r->heartbeat_us)
		return true;
	return p->priority > than->priority &&
	       heard_us(r, than) <= heard_us(r, p) + r->heartbeat_us;
}

/* The one to lead rather than others; NULL: there is none. */
static struct raft_peer *best(struct raft *r)
{
	struct raft_peer *found = NULL;

	for (uint32_t i = 0; i < r->peer_count; i++) {
		struct raft_peer *p = r->peer[i];

		if (reachable(r, p) && may_lead(r, p) && (!found || better(r, p, found)))
			found = p;
	}
	return found;
}

int raft_transfer(struct raft *r, raft_id to)
{
	assert(!r->in_ready);
	if (r->role != RAFT_LEADER)
		return -EREMOTE;
	if (to == r->id)
		return -EALREADY;
	struct raft_peer *p = to ? raft_peer_find(r, to) : best(r);
	if (to && (!p || !p->voter))
		return -ENOENT;
	if (!p || !reachable(r, p))
		return may_be_heard(r, to) ? -EAGAIN : -EHOSTUNREACH;
	if (p->unfit)
		return -EPERM;
	if (raft_peer_takes(r, p))
		return -ESTALE;
	if (r->transfer.to)
		return r->transfer.to == p->id || to == 0 ? 0 : -EBUSY;
	r->transfer = (struct raft_transfer){
		.to = p->id,
		.send_us = r->now_us,
		.deadline_us = r->now_us + r->election_us_min,
	};
	raft_transfer_try(r);
	raft_changed(r);
	return 0;
}

raft_id raft_get_transfer(const struct raft *r)
{
	return r->transfer.to;
}

/* It may have everything by now. */
void raft_transfer_try(struct raft *r)
{
	struct raft_transfer *t = &r->transfer;

	if (!t->to || r->now_us < t->send_us)
		return;
	struct raft_peer *p = raft_peer_find(r, t->to);
	if (!p || p->match < r->window.last)
		return;
	p->timeout_now_owed = true;
	r->lease_void = true;
	/* Frames are lost; and one that a newer read token has overtaken looks late. */
	t->send_us = r->now_us + p->retransmit_us;
}

void raft_transfer_tick(struct raft *r)
{
	struct raft_transfer *t = &r->transfer;

	if (!t->to)
		return;
	const struct raft_peer *p = raft_peer_find(r, t->to);
	if (r->now_us >= t->deadline_us || !p || !p->voter || !raft_peer_counts(p) ||
	    !may_lead(r, p)) {
		raft_transfer_end(r);
		return;
	}
	raft_transfer_try(r);
}

/*
 * W21: it leads for want of others alone: whoever has a state, and then the log, is to. If for long
 * nobody able comes nearer to that, another one may reach whom it does not, and hears it, and so
 * elects nobody. False: it leads no more.
 */
bool raft_transfer_held(struct raft *r)
{
	if (!r->apply_held)
		return true;
	const struct raft_peer *p = best(r);
	if (p && p->match > r->held.match) {
		r->held.match = p->match;
		r->held.since_us = r->now_us;
	}
	if (r->now_us >= raft_held_deadline(r)) {
		raft_held_in_vain(r);
		return false;
	}
	if (raft_knows_commit(r))
		(void)raft_transfer(r, 0);
	return true;
}

void raft_transfer_end(struct raft *r)
{
	r->transfer = (struct raft_transfer){0};
}

uint64_t raft_transfer_deadline(const struct raft *r)
{
	const struct raft_transfer *t = &r->transfer;

	if (!t->to)
		return UINT64_MAX;
	return t->send_us > r->now_us && t->send_us < t->deadline_us ? t->send_us : t->deadline_us;
}

/*
 * R46: its disk hangs, and others have made more durable: the one with most of the log is to lead
 * now. Whether they commit without it does not matter: of three it may reach one alone, which the
 * third reaches too, and would vote for nobody as long as it hears this one. Where all disks are
 * slow nothing were won (V5): one that takes half of the shortest election timeout to make an entry
 * durable is no better. False: it leads no more.
 */
bool raft_transfer_stalled(struct raft *r)
{
	assert(r->role == RAFT_LEADER);
	if (!r->disk_stalled)
		return true;
	struct raft_peer *p = best(r);
	if (!p || p->match <= r->durable || p->srtt_us >= r->election_us_min / 2)
		return true;
	raft_transfer_away(r);
	return false;
}

/* In a tick: it leads no more, and the one with most of the log is to, if there is one. */
void raft_transfer_away(struct raft *r)
{
	struct raft_peer *p = best(r);

	if (p)
		p->timeout_now_owed = true;
	raft_follower_become(r, r->hard.term, 0);
	r->election_restarted = false; /* from this tick on */
}

int raft_timeout_now_recv(struct raft *r)
{
	if (raft_may_campaign(r))
		raft_campaign(r, true);
	return 0;
}
