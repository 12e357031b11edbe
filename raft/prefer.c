/*
 * Priority: who leads rather than others. A voter tells its own with each answer, and 0 while it
 * could not lead: it replays its log, its disk is stalled, it is not sure of its start.
 *
 * A leader that has committed in its term hands over to the voter with the highest priority above
 * its own, once that has answered without a break for several election timeouts, said the same
 * priority all the time, has the log but for what is on its way, and a disk that is not slow. The
 * transfer is as one that was asked for (transfer.c). Nobody hands over to an equal or a lower one,
 * so it ends with the highest that can lead.
 *
 * What came of it shows later: it may not stand, or lead and fail. So the next attempt of this
 * member, in whatever term, has to wait, and twice as long each time; only after twice the longest
 * such time without an attempt that is forgotten. One that comes and goes is handed the lead ever
 * more seldom by each of the others.
 */
#include "raft/internal.h"

/* With 150 to 300 ms: 1.2 s, and between attempts at most 77 s. */
enum { STEADY_TIMEOUTS = 4, DOUBLINGS_MAX = 6 };

/* What it gets while no command is taken. */
static const raft_index BEHIND_MAX = RAFT_WINDOW_SLOTS / 32;

static uint64_t steady_us(const struct raft *r)
{
	return STEADY_TIMEOUTS * (uint64_t)r->election_us_max;
}

/* With its answer. */
void raft_prefer_told(struct raft_peer *p, uint8_t priority)
{
	p->unsteady |= p->priority != priority;
	p->priority = priority;
}

/* In a tick; it was heard since the one before. */
void raft_prefer_heard(const struct raft *r, struct raft_peer *p)
{
	if (p->unsteady || r->now_us - p->heard_us >= r->election_us_min)
		p->steady_us = r->now_us;
	p->unsteady = false;
}

static bool may_hand_over(const struct raft *r)
{
	return r->term_start != 0 && r->commit >= r->term_start && !r->transfer.to;
}

/* When it has been steady for long enough; UINT64_MAX: it is not to lead as it is. */
static uint64_t due_us(const struct raft *r, const struct raft_peer *p)
{
	const struct raft_prefer *f = &r->prefer;
	uint64_t due = p->steady_us + steady_us(r);

	if (p->priority <= r->priority || p->unsteady || !p->voter || !raft_peer_counts(p) ||
	    raft_peer_installs(r, p) || p->match + BEHIND_MAX < r->window.last ||
	    p->srtt_us >= r->election_us_min / 2)
		return UINT64_MAX;
	if (f->tried && f->tried_us + (steady_us(r) << f->doublings) > due)
		due = f->tried_us + (steady_us(r) << f->doublings);
	return due;
}

static void tried(struct raft *r)
{
	struct raft_prefer *f = &r->prefer;
	uint64_t longest_us = steady_us(r) << DOUBLINGS_MAX;

	if (!f->tried || r->now_us - f->tried_us >= 2 * longest_us)
		f->doublings = 0;
	else if (f->doublings < DOUBLINGS_MAX)
		f->doublings++;
	f->tried = true;
	f->tried_us = r->now_us;
}

void raft_prefer_tick(struct raft *r)
{
	const struct raft_peer *best = NULL;

	if (!may_hand_over(r))
		return;
	for (uint32_t i = 0; i < r->peer_count; i++) {
		const struct raft_peer *p = r->peer[i];

		if (r->now_us >= due_us(r, p) && r->now_us - p->heard_us < r->election_us_min &&
		    (!best || p->priority > best->priority))
			best = p;
	}
	if (best && raft_transfer(r, best->id) == 0)
		tried(r);
}

/* What is due and was not begun waits for an event: it is silent. */
uint64_t raft_prefer_deadline(const struct raft *r)
{
	uint64_t deadline = UINT64_MAX;

	for (uint32_t i = 0; may_hand_over(r) && i < r->peer_count; i++) {
		uint64_t due = due_us(r, r->peer[i]);

		if (due > r->now_us && due < deadline)
			deadline = due;
	}
	return deadline;
}
