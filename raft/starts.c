/*
 * How far ahead a start may be (RX2, RX18). A start that is taken for a member's newest shuts out
 * all before it, so none is taken at any height on somebody's word.
 *
 * More than RAFT_STARTS_UNHEARD_MAX starts no member has made while it was not heard. So much is
 * believed at once, and once in an election timeout; and half of it of one's own start, so that
 * those who know the former one believe what is taken above it. What says more is refused and
 * changes nothing.
 *
 * A member that is further ahead all the same (a witness was rolled back, or lied to, or it was
 * told of a lie) is not out for ever: who says so for an election timeout, and nothing else in
 * between, is met, as far as may be believed at once, and twice as far the next time: 12 steps
 * span all that honest starts and former lies can have led to. A witness goes to meet it with a
 * start that nobody has, a member with a new one of its own.
 *
 * Above half of the range, where only lies can have led, a step is STEP_NEAR and stays so: with one
 * step in each election timeout of 4 ms that half lasts for 74 hours of lies without a pause, and
 * for 116 days with 150 ms.
 */
#include "raft/internal.h"

#include <errno.h>

enum { STEP_NEAR = 16, DOUBLINGS_MAX = 10 /* of 2^20: half of the range */ };

static const uint32_t FAR_MAX = RAFT_START_COUNT_MAX / 2;

/* The highest count that is believed from this one on, with steps of this many. */
static uint32_t limit(uint32_t base, uint32_t most, uint32_t doublings)
{
	if (base >= FAR_MAX)
		return base + STEP_NEAR < RAFT_START_COUNT_MAX ? base + STEP_NEAR
							       : RAFT_START_COUNT_MAX;
	uint32_t left = FAR_MAX - base;
	return most << doublings < left ? base + (most << doublings) : FAR_MAX;
}

/* What is too far ahead was said; true: again, an election timeout after it was first. */
static bool insists(const struct raft *r, struct raft_far *far)
{
	if (far->heard && r->now_us - far->us < r->election_us_min)
		return false;
	far->heard = !far->heard;
	far->us = r->now_us;
	return !far->heard;
}

static void doubled(struct raft_far *far)
{
	if (far->doublings < DOUBLINGS_MAX)
		far->doublings++;
}

static void base_renew(const struct raft *r, struct raft_peer *p)
{
	if (p->start_base_set && r->now_us - p->start_base_us < r->election_us_min)
		return;
	p->start_base_set = true;
	p->start_base = raft_start_count(p->witness.start);
	p->start_base_us = r->now_us;
}

bool raft_starts_believed(const struct raft *r, struct raft_peer *p, raft_start start,
			  raft_start *meet)
{
	uint32_t count = raft_start_count(start);
	uint32_t known = raft_start_count(p->witness.start);

	*meet = 0;
	base_renew(r, p);
	if (count <= known + 1 || count <= limit(p->start_base, RAFT_STARTS_UNHEARD_MAX, 0)) {
		p->start_far = (struct raft_far){0};
		return true;
	}
	if (insists(r, &p->start_far)) {
		uint32_t most = limit(known, RAFT_STARTS_UNHEARD_MAX, p->start_far.doublings);

		doubled(&p->start_far);
		/* Below what it says, or that would have been believed. */
		*meet = (raft_start)(most < count ? most : count - 1) << 32;
	}
	return false;
}

int raft_starts_told(struct raft *r, struct raft_peer *p, raft_start *known)
{
	uint32_t count = raft_start_count(*known), own = raft_start_count(r->start), meet;

	if (count < own || count >= RAFT_START_COUNT_MAX)
		return -EINVAL;
	if (*known == r->start ||
	    count <= limit(raft_start_count(r->start_own), RAFT_STARTS_TOLD_MAX, 0)) {
		p->told_far = (struct raft_far){0};
		return 0;
	}
	/* One at a time: the others are to hear of each. */
	if (r->lost.told || !insists(r, &p->told_far))
		return -EDOM;
	meet = limit(own, RAFT_STARTS_TOLD_MAX, p->told_far.doublings);
	doubled(&p->told_far);
	if (meet < count)
		*known = (raft_start)meet << 32;
	r->start_own = *known;
	return 0;
}
