/*
 * How far ahead a term may be (V7, V29). A term that this member adopts is on its disk for good, so
 * a term is not taken at any height on somebody's word.
 *
 * The furthest honest reason is a member that stood for election all the time while nobody was
 * heard here: once for each shortest election timeout. RAFT_TERMS_UNHEARD_MAX of them are 20 years
 * with timeouts of 150 ms, and 99 days with 2 ms. So much is believed at once, and once in an
 * election timeout. What says more is refused and changes nothing.
 *
 * A member that is further ahead all the same (it was lied to, or was away for longer) is in no
 * hurry and not out for ever: it goes on saying its term, and who hears a member of the table say
 * so for an election timeout comes to meet it, as far as may be believed at once, and twice as far
 * the next time: 31 timeouts span all there is. It skips terms in which nobody stands, and spends
 * its own vote in each.
 *
 * Above half of the range, where only lies can have led, a step is RAFT_TERMS_NEAR_MAX and stays
 * so. The half above it is then enough for 2^41 steps, one in each election timeout: 279 years of
 * lies without a pause with timeouts of 4 ms, so no term is ever reached that has no next one.
 */
#include "raft/internal.h"

static const raft_term TERM_FAR_MAX = RAFT_TERM_MAX / 2;

static raft_term step(const struct raft *r)
{
	if (r->terms.base >= TERM_FAR_MAX)
		return RAFT_TERMS_NEAR_MAX;
	raft_term far = RAFT_TERMS_UNHEARD_MAX << r->terms.doublings;
	return far < TERM_FAR_MAX - r->terms.base ? far : TERM_FAR_MAX - r->terms.base;
}

/* The highest term that is believed now. */
static raft_term limit(const struct raft *r)
{
	raft_term next = r->hard.term + 1; /* an election that begins now is always one */
	raft_term most = r->terms.base + step(r);

	return most > next ? most : next;
}

void raft_terms_tick(struct raft *r)
{
	if (r->now_us - r->terms.base_us < r->election_us_min)
		return;
	r->terms.base = r->hard.term;
	r->terms.base_us = r->now_us;
	if (!r->terms.far_heard)
		r->terms.doublings = 0;
	r->terms.far_heard = false;
}

bool raft_terms_believed(const struct raft *r, raft_term term)
{
	return term <= limit(r);
}

raft_term raft_terms_far(struct raft *r, struct raft_peer *p)
{
	r->terms.far_heard = true;
	if (p->far && r->now_us - p->far_us < r->election_us_min)
		return 0;
	bool insists = p->far;
	p->far = !insists;
	p->far_us = r->now_us;
	if (!insists)
		return 0;
	raft_term meet = limit(r);
	if (r->terms.doublings < RAFT_TERMS_DOUBLINGS_MAX)
		r->terms.doublings++;
	return meet;
}
