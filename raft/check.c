/*
 * The checks of raft/check.h.
 */
#include "raft/check.h"

#include "raft/entry.h"

static bool append_valid(const struct raft_message *m)
{
	const struct raft_append *a = &m->append;
	raft_term term = a->prev_term;

	if (a->prev_index > RAFT_INDEX_MAX || a->commit > RAFT_INDEX_MAX ||
	    a->read_seq > RAFT_READ_SEQ_MAX || a->prev_term > m->term ||
	    (a->prev_index == 0) != (a->prev_term == 0) || a->entry_count > RAFT_WINDOW ||
	    (a->entry_count > 0 && !a->entries))
		return false;
	for (uint32_t i = 0; i < a->entry_count; i++) {
		const struct raft_entry *e = &a->entries[i];
		if (e->index != a->prev_index + 1 + i || e->term < term || e->term == 0 ||
		    e->term > m->term || !raft_entry_valid(e))
			return false;
		term = e->term;
	}
	return true;
}

static bool append_reply_valid(const struct raft_message *m)
{
	const struct raft_append_reply *reply = &m->append_reply;

	if (reply->match > RAFT_INDEX_MAX || reply->prev_index > RAFT_INDEX_MAX ||
	    reply->read_seq > RAFT_READ_SEQ_MAX || reply->match_term > m->term)
		return false;
	if (reply->accepted)
		return true;
	/* Nothing precedes 0: that answer carries a term only. */
	return reply->prev_index == 0 ? reply->match == 0 : reply->match < reply->prev_index;
}

/* An index is of a term. */
static bool position_valid(raft_term term, raft_index index)
{
	return index <= RAFT_INDEX_MAX && (term != 0 || index == 0);
}

static bool body_valid(const struct raft_message *m)
{
	switch (m->type) {
	case RAFT_MESSAGE_VOTE:
	case RAFT_MESSAGE_PREVOTE:
		return m->vote.last_term < m->term && m->vote.last_index <= RAFT_INDEX_MAX &&
		       (m->vote.last_index == 0) == (m->vote.last_term == 0);
	case RAFT_MESSAGE_APPEND:
		return append_valid(m);
	case RAFT_MESSAGE_APPEND_REPLY:
		return append_reply_valid(m);
	case RAFT_MESSAGE_READ_REPLY:
		return m->read_reply.index <= RAFT_INDEX_MAX;
	case RAFT_MESSAGE_START_REPLY:
		return position_valid(m->start_reply.known.term, m->start_reply.known.index) &&
		       m->start_reply.known.entry_term <= RAFT_TERM_MAX;
	case RAFT_MESSAGE_TIMEOUT_NOW:
		return m->timeout_now.read_seq <= RAFT_READ_SEQ_MAX;
	case RAFT_MESSAGE_SNAPSHOT:
		return m->snapshot.index > 0 && m->snapshot.index <= RAFT_SNAPSHOT_INDEX_MAX &&
		       m->snapshot.term > 0 && m->snapshot.term <= m->term;
	case RAFT_MESSAGE_VOTE_REPLY:
	case RAFT_MESSAGE_PREVOTE_REPLY:
	case RAFT_MESSAGE_READ:
	case RAFT_MESSAGE_START:
		return true;
	}
	return false;
}

int raft_check_format(const struct raft *r, const struct raft_message *m)
{
	bool of_start = m->type == RAFT_MESSAGE_START || m->type == RAFT_MESSAGE_START_REPLY;

	if (m->to != r->id || m->from == r->id || m->identity == 0 || m->term > RAFT_TERM_MAX ||
	    (m->term == 0 && !of_start) || raft_start_count(m->start) > RAFT_START_COUNT_MAX)
		return -EINVAL;
	return body_valid(m) ? 0 : -EINVAL;
}

/* RX11, RX12. An answer that comes late is of an older term, or is no leader's any more. */
static int append_reply_check(const struct raft *r, const struct raft_peer *p,
			      const struct raft_append_reply *reply)
{
	if (r->role != RAFT_LEADER)
		return -ESTALE;
	if (reply->match > p->named || reply->prev_index > p->named ||
	    reply->read_seq > r->reads.seq)
		return -ERANGE;
	return 0;
}

int raft_check_state(const struct raft *r, const struct raft_peer *p, const struct raft_message *m)
{
	switch (m->type) {
	case RAFT_MESSAGE_VOTE_REPLY:
		return r->role != RAFT_CANDIDATE || p->vote_requested ? 0 : -ERANGE;
	case RAFT_MESSAGE_PREVOTE_REPLY:
		return r->role != RAFT_PRECANDIDATE || p->vote_requested ? 0 : -ERANGE;
	case RAFT_MESSAGE_TIMEOUT_NOW:
		if (r->leader != 0 && r->leader != p->id)
			return -EPROTO;
		if (r->leader == 0)
			return -ESTALE; /* it has overtaken the appends, or comes after all */
		return m->timeout_now.read_seq < r->leader_seq ? -ESTALE : 0;
	case RAFT_MESSAGE_APPEND:
	case RAFT_MESSAGE_SNAPSHOT:
		if (r->leader != 0 && r->leader != p->id)
			return -EPROTO; /* a second leader in one term */
		return 0;
	case RAFT_MESSAGE_APPEND_REPLY:
		return append_reply_check(r, p, &m->append_reply);
	case RAFT_MESSAGE_READ:
		return r->role == RAFT_LEADER ? 0 : -ESTALE; /* it asks again, and somebody else */
	case RAFT_MESSAGE_READ_REPLY:
		/* V11: an honest answer that comes when this server follows somebody else. */
		return r->leader == m->from ? 0 : -ESTALE;
	case RAFT_MESSAGE_VOTE:
	case RAFT_MESSAGE_PREVOTE:
	case RAFT_MESSAGE_START:
	case RAFT_MESSAGE_START_REPLY:
		return 0;
	}
	return -EINVAL;
}
