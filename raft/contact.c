/*
 * Whether a majority and its leader hear each other (thesis 6.2, CheckQuorum; 4.2.3).
 *
 * A leader makes a round of each interval of heartbeats: a new read token, echoed by who answers.
 * One round is open at a time, and closes when a majority has echoed it. A leader whose round stays
 * open for the shortest election timeout is heard by nobody, or hears nobody, whatever it can still
 * send (R64): it steps down, and its clients go elsewhere. What counts is how long a round waits,
 * not when an answer was read: a leader that was descheduled finds the answers in its mail, and one
 * that was paused for long finds who leads by now (R47).
 *
 * Whoever heard a leader within that time elects no other, and its term stays as it is; so does who
 * leads. A member that comes back, or that hears too little, disturbs nobody (R27 to R30). One that
 * was just started may have heard a leader, and promised (lease.c), before it crashed.
 *
 * Who is not sure of its start yet is heard all the same; who lost what it acknowledged cannot help
 * to commit, and so does not keep a leader either.
 */
#include "raft/internal.h"

static void elects_not_before(struct raft *r, uint64_t us)
{
	if (us > r->elects_us)
		r->elects_us = us;
}

/* It may have promised in an earlier start, and had other timers then, or check_quorum. */
void raft_contact_init(struct raft *r, uint32_t promise_us_max)
{
	if (r->hard.term > 0)
		elects_not_before(r, r->now_us + promise_us_max);
	if (!r->check_quorum)
		return;
	elects_not_before(r, r->now_us + r->election_us_min);
	r->promise_us = r->election_us_min < promise_us_max ? r->election_us_min : promise_us_max;
}

/* The first round is due. */
void raft_contact_begin(struct raft *r)
{
	r->contact = (struct raft_contact){.due_us = r->now_us, .since_us = r->now_us};
}

/*
 * Where this leader's disk goes on, and what it holds is not committed for want of the others': one
 * whose disk hangs is no reason to lead on, for there may be others that could commit (R46). Where
 * all hang, as those of one host do, nothing were won.
 */
static bool keeps_leader(const struct raft *r, const struct raft_peer *p)
{
	bool waits = r->commit < r->durable && !r->disk_stalled;

	return !p->lost && !(p->stalled && waits);
}

static uint64_t seq_echoed(const struct raft *r)
{
	struct raft_tally tally = {0};

	raft_tally_self(&tally, r, r->reads.seq);
	for (uint32_t i = 0; i < r->peer_count; i++) {
		const struct raft_peer *p = r->peer[i];

		raft_tally_peer(&tally, p, keeps_leader(r, p) ? p->read_echo : 0);
	}
	return raft_tally_majority(&tally, r);
}

void raft_contact_echoed(struct raft *r)
{
	struct raft_contact *c = &r->contact;

	if (c->open && seq_echoed(r) >= c->seq)
		c->open = false;
}

static void round_begin(struct raft *r)
{
	struct raft_contact *c = &r->contact;

	c->seq = ++r->reads.seq;
	c->begun_us = r->now_us;
	r->reads.announce = true;
	c->open = true;
	c->due_us = r->now_us + r->heartbeat_us;
	c->lost_us = r->now_us + r->election_us_min;
	raft_contact_echoed(r); /* a single voter is its own majority */
}

bool raft_contact_lost(const struct raft *r, uint64_t now_us)
{
	return r->contact.open && now_us >= r->contact.lost_us;
}

/* False: it leads no more. */
bool raft_contact_tick(struct raft *r)
{
	if (!r->check_quorum)
		return true;
	raft_contact_echoed(r); /* disks move, too */
	if (raft_contact_lost(r, r->now_us)) {
		r->quorum_lost++;
		raft_follower_become(r, r->hard.term, 0);
		r->election_restarted = false; /* from this tick on */
		return false;
	}
	if (!r->contact.open && r->now_us >= r->contact.due_us)
		round_begin(r);
	return true;
}

uint64_t raft_contact_deadline(const struct raft *r)
{
	if (!r->check_quorum)
		return UINT64_MAX;
	return r->contact.open ? r->contact.lost_us : r->contact.due_us;
}

void raft_leader_note(struct raft *r)
{
	if (r->leader_heard && r->check_quorum)
		elects_not_before(r, r->now_us + r->election_us_min);
	r->leader_heard = false;
}

bool raft_hears_leader(const struct raft *r)
{
	if (r->check_quorum && (r->role == RAFT_LEADER || r->leader_heard))
		return true;
	return r->now_us < r->elects_us;
}
