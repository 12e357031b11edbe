/*
 * Reads under a lease (thesis 6.4.1), an option that is off by default: they rest on clocks.
 *
 * Who echoes a round of contact.c heard this leader after the round was begun, and promises with
 * the echo to elect no other for so long (contact.c: stickiness). So until the promises of a
 * majority end nobody else leads, nothing is committed that this leader does not know, and its
 * reads need no round of their own. A member's promise is counted from the tick in which the round
 * was begun, which is before it was heard. Its word is void if it starts anew, and does not count
 * as long as it is not sure of that start, as for any read.
 *
 * It may be started anew with shorter timers, or without check_quorum, and does not know any more
 * whom it heard. So nothing longer than promise_us_max is ever promised, and for so long after a
 * start a member elects nobody, itself neither, whatever its settings are by then (contact.c), but
 * whom a leader wants. A node's is the default election timeout (node/core.c): with that, or a
 * longer one, nobody waits for it.
 *
 * Drift: a promise is a span of its clock and is waited for on this one. All that is asked of the
 * clocks is that neither goes wrong by more than Linux lets anybody set: adjtimex takes a tick of
 * 9,000 to 11,000 us instead of 10,000, and 500 ppm besides by its frequency and as much by
 * adjtime(3). The slowest leader and the fastest follower are 0.899 : 1.101, which is 0.816. So a
 * fifth of each promise is not used. (chronyd slews by 83,333 ppm at most if not told otherwise,
 * ntpd by 500.) What no allowance covers is a clock that stands still while others go on: that of a
 * virtual machine that is suspended, or moved.
 *
 * Stale time (R43): a loop that was stopped goes on with the time that it read before. So no read
 * is confirmed by the time of a tick which may have been read before the read came in: that of the
 * next tick may, for the mail of a turn is read after its clock. The lease has to hold at the tick
 * after that, which says that this leader was still the only one when the read had come. How long
 * the answer then takes does not matter. A read that meets no lease then goes by a round.
 *
 * A TIMEOUT_NOW ends all promises, for whoever hears the leader votes for the one that it wants. It
 * may be late, as long as the term lasts, and so there is no lease for the rest of the term (R44).
 */
#include "raft/internal.h"

enum { DRIFT_DIVISOR = 5 };

/* It echoed a token that was not known before. */
void raft_lease_promised(const struct raft *r, struct raft_peer *p, uint32_t promise_us)
{
	const struct raft_contact *c = &r->contact;
	uint64_t until_us = c->begun_us + promise_us - promise_us / DRIFT_DIVISOR;

	if (c->seq == 0 || p->read_echo < c->seq || promise_us == 0)
		return;
	if (until_us > p->promised_us)
		p->promised_us = until_us;
}

static uint64_t majority_us(const struct raft *r)
{
	struct raft_tally tally = {0};

	raft_tally_self(&tally, r, UINT64_MAX); /* it elects nobody as long as it leads */
	for (uint32_t i = 0; i < r->peer_count; i++) {
		const struct raft_peer *p = r->peer[i];

		raft_tally_peer(&tally, p, raft_peer_counts(p) ? p->promised_us : 0);
	}
	return raft_tally_majority(&tally, r);
}

/* At the last tick. */
bool raft_lease_held(const struct raft *r)
{
	assert(r->role == RAFT_LEADER);
	return r->lease_reads && !r->lease_void && r->now_us < majority_us(r);
}
