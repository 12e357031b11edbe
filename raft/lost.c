/*
 * A member that lost what it had acknowledged (D9c): its log ends before its mark, or a witness
 * knows of a later start or position (start.c). It neither votes nor campaigns, and what it
 * acknowledges counts for nothing; it is sent entries all the same. It is whole again when it holds
 * all that a leader, elected without its vote, knew to be committed when it was asked after the
 * loss was known: then it holds every write that it can ever have helped to acknowledge.
 */
#include "raft/internal.h"

#include "base/mix.h"

/*
 * A new start is a write that the node stands still for, and the others forget what the former one
 * acknowledged. Whoever is told of a loss again and again takes one in this time (V28).
 */
static const uint64_t AGAIN_US = 1000000;

/*
 * It gave its vote in this term, and did not know what it had promised: whoever leads the term may
 * lack what is committed, and this member's next start would not know that any more. So it leaves
 * the term, durably, and with it goes that leader; the next one is elected without it.
 */
static void voted_leave(struct raft *r)
{
	bool other = r->leader != 0 && r->leader != r->hard.vote;

	if (other || r->lost.voted_term != r->hard.term || r->hard.term >= RAFT_TERM_MAX)
		return;
	raft_follower_become(r, r->hard.term + 1, 0);
	raft_vote_spend(r, r->id);
}

void raft_lost_begin(struct raft *r, raft_start known)
{
	if (!r->lost.is)
		r->lost.told_us = 0; /* the sign is durable before anything goes on */
	if (!r->lost.told || known > r->lost.known)
		r->lost.known = known;
	r->lost.told = true;
	r->lost.times++;
	r->lost.is = true;
	r->lost.ended = false;
	r->lost.context = 0;
	r->lost.target = 0;
	r->lost.ask_us = r->now_us;
	if (r->role != RAFT_FOLLOWER)
		raft_follower_become(r, r->hard.term, 0);
	voted_leave(r);
}

/* Asks the leader for a read index, as a client's read does; the question may be lost. */
void raft_lost_tick(struct raft *r)
{
	struct raft_lost *l = &r->lost;

	raft_lost_end_try(r); /* one that was told again and again waits for time alone */
	if (!l->is || r->now_us < l->ask_us)
		return;
	l->ask_us = r->now_us + r->heartbeat_us;
	if (r->leader == 0 || (l->target != 0 && l->asked_term == r->hard.term))
		return;
	/*
	 * One question for a term, however often it is sent: the answer may take longer than that.
	 * Its callers' contexts are theirs to choose; that one is the same is as likely as a guess.
	 */
	if (l->context == 0 || l->asked_term != r->hard.term)
		l->context = mix(r->start ^ ++l->asked);
	l->asked_term = r->hard.term;
	l->target = 0;
	l->ask_owed = true;
}

void raft_lost_send(struct raft *r)
{
	const struct raft_peer *p;

	if (!r->lost.ask_owed)
		return;
	p = raft_peer_find(r, r->leader);
	if (p)
		raft_message_new(r, p, RAFT_MESSAGE_READ)->read.context = r->lost.context;
	r->lost.ask_owed = false;
}

bool raft_lost_read_reply(struct raft *r, const struct raft_message *m)
{
	struct raft_lost *l = &r->lost;

	if (l->context == 0 || m->read_reply.context != l->context)
		return false;
	l->target = m->read_reply.index;
	return true;
}

void raft_lost_end_try(struct raft *r)
{
	struct raft_lost *l = &r->lost;

	/* The sign is durable, and its newest start is known, before it goes away. */
	if (l->told || (l->times > 1 && r->now_us < l->told_us))
		return;
	if (l->target == 0 || l->asked_term != r->hard.term || r->leader == 0 ||
	    r->commit < l->target || r->durable < l->target)
		return;
	assert(l->is); /* nobody else asks */
	*l = (struct raft_lost){.voted_term = l->voted_term,
				.asked = l->asked,
				.times = l->times,
				.told_us = l->told_us,
				.ended = true};
	r->start_settled = true;
}

void raft_lost_out(struct raft *r, struct raft_ready *out)
{
	struct raft_lost *l = &r->lost;

	out->whole = l->ended;
	l->ended = false;
	out->lost = l->told && r->now_us >= l->told_us;
	if (!out->lost)
		return;
	out->lost_known = l->known;
	l->told = false;
	l->told_us = r->now_us + AGAIN_US;
}
