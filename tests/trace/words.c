/*
 * Messages, entries and refusals as prose.
 */
#include "tests/trace/words.h"

#include "raft/entry.h"

#include <errno.h>
#include <inttypes.h>

const char *trace_error_name(int err)
{
	switch (err) {
	case -EINVAL:
		return "it breaks a rule";
	case -ENOENT:
		return "its sender is no member";
	case -EKEYREJECTED:
		return "the table names another directory";
	case -ESTALE:
		return "its term is over, or its start";
	case -EBUSY:
		return "a leader is heard";
	case -EDOM:
		return "a term or start that is too far ahead";
	case -ERANGE:
		return "it answers what was never said";
	case -EPROTO:
		return "it contradicts what is committed, or the leader of its term";
	case -EREMOTE:
		return "not the leader";
	case -EAGAIN:
		return "not now";
	default:
		return "?";
	}
}

void trace_entries_print(FILE *out, const struct raft_append *a)
{
	if (a->entry_count == 0) {
		fprintf(out, "empty");
		return;
	}
	for (uint32_t i = 0; i < a->entry_count; i++) {
		const struct raft_entry *e = &a->entries[i];
		fprintf(out, "%s%" PRIu64 "/%" PRIu64 " %s", i ? ", " : "entries ", e->index,
			e->term, raft_entry_type_name(e->type));
	}
}

static void append_reply_print(FILE *out, const struct raft_append_reply *a)
{
	if (a->accepted)
		fprintf(out, "match %" PRIu64, a->match);
	else if (a->prev_index == 0)
		fprintf(out, "refused, the term is over");
	else
		fprintf(out, "refused at %" PRIu64 ", hint %" PRIu64 "/%" PRIu64, a->prev_index,
			a->match, a->match_term);
	if (a->read_seq > 0)
		fprintf(out, ", read token %" PRIu64, a->read_seq);
	if (a->lost || a->unconfirmed)
		fprintf(out, ", does not count");
	if (a->stateless)
		fprintf(out, ", has no state");
	if (a->unfit)
		fprintf(out, ", is not to lead");
}

void trace_message_print(FILE *out, const struct raft_message *m)
{
	fprintf(out, "n%" PRIu64 " -> n%" PRIu64 " ", m->from, m->to);
	switch (m->type) {
	case RAFT_MESSAGE_VOTE:
		fprintf(out,
			"RequestVote(term %" PRIu64 ", candidate n%" PRIu64 ", last log %" PRIu64
			"/%" PRIu64,
			m->term, m->from, m->vote.last_index, m->vote.last_term);
		if (m->vote.transfer)
			fprintf(out, ", as the leader wants it");
		break;
	case RAFT_MESSAGE_PREVOTE:
		fprintf(out,
			"PreVote(for term %" PRIu64 ", candidate n%" PRIu64 ", last log %" PRIu64
			"/%" PRIu64,
			m->term, m->from, m->vote.last_index, m->vote.last_term);
		break;
	case RAFT_MESSAGE_PREVOTE_REPLY:
		fprintf(out, "PreVote answer(%sterm %" PRIu64 ", %s",
			m->vote_reply.granted ? "for " : "", m->term,
			m->vote_reply.granted ? "would be granted" : "refused");
		break;
	case RAFT_MESSAGE_TIMEOUT_NOW:
		fprintf(out, "TimeoutNow(term %" PRIu64, m->term);
		break;
	case RAFT_MESSAGE_SNAPSHOT:
		fprintf(out, "Snapshot(term %" PRIu64 ", up to %" PRIu64 "/%" PRIu64, m->term,
			m->snapshot.index, m->snapshot.term);
		break;
	case RAFT_MESSAGE_VOTE_REPLY:
		fprintf(out, "RequestVote answer(term %" PRIu64 ", %s", m->term,
			m->vote_reply.granted ? "granted" : "refused");
		break;
	case RAFT_MESSAGE_APPEND:
		fprintf(out,
			"AppendEntries(term %" PRIu64 ", prev %" PRIu64 "/%" PRIu64
			", commit %" PRIu64 ", ",
			m->term, m->append.prev_index, m->append.prev_term, m->append.commit);
		trace_entries_print(out, &m->append);
		if (m->append.read_seq > 0)
			fprintf(out, ", read token %" PRIu64, m->append.read_seq);
		break;
	case RAFT_MESSAGE_APPEND_REPLY:
		fprintf(out, "AppendEntries answer(term %" PRIu64 ", ", m->term);
		append_reply_print(out, &m->append_reply);
		break;
	case RAFT_MESSAGE_READ:
		fprintf(out, "Read(term %" PRIu64 ", read %" PRIu64, m->term, m->read.context);
		break;
	case RAFT_MESSAGE_READ_REPLY:
		fprintf(out, "Read answer(term %" PRIu64 ", read %" PRIu64 ", index %" PRIu64,
			m->term, m->read_reply.context, m->read_reply.index);
		break;
	case RAFT_MESSAGE_START:
	case RAFT_MESSAGE_START_REPLY:
		break; /* seen by what it brings about */
	}
	fprintf(out, ")");
}
