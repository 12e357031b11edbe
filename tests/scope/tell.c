/*
 * What happened, for a person (tell.h).
 */
#include "tests/scope/tell.h"

#include "tests/scope/pool.h"

#include <inttypes.h>
#include <stdio.h>

bool telling;

static const char *message_name(const struct raft_message *m)
{
	switch (m->type) {
	case RAFT_MESSAGE_VOTE:
		return "asks for a vote";
	case RAFT_MESSAGE_VOTE_REPLY:
		return m->vote_reply.granted ? "gives its vote" : "refuses its vote";
	case RAFT_MESSAGE_PREVOTE:
		return "asks whether it would be elected";
	case RAFT_MESSAGE_PREVOTE_REPLY:
		return m->vote_reply.granted ? "would vote for it" : "would not vote for it";
	case RAFT_MESSAGE_TIMEOUT_NOW:
		return "hands over";
	case RAFT_MESSAGE_SNAPSHOT:
		return "offers a snapshot";
	case RAFT_MESSAGE_APPEND:
		return m->append.entry_count > 0 ? "append" : "empty append";
	case RAFT_MESSAGE_APPEND_REPLY:
		return m->append_reply.accepted ? "accepts" : "refuses";
	case RAFT_MESSAGE_READ:
		return "asks for a read index";
	case RAFT_MESSAGE_READ_REPLY:
		return "answers a read";
	case RAFT_MESSAGE_START:
		return "asks about its start";
	case RAFT_MESSAGE_START_REPLY:
		return "answers about a start";
	}
	return "?";
}

/* The entries as a list of index/term. */
static void entries_print(const struct raft_entry *entry, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		printf(" %" PRIu64 "/%" PRIu64 "%s", entry[i].index, entry[i].term,
		       entry[i].type == RAFT_ENTRY_NOOP      ? " (no-op)"
		       : entry[i].type == RAFT_ENTRY_MEMBERS ? " (members)"
							     : "");
}

static void message_print(const struct raft_message *m)
{
	printf("n%" PRIu64 " -> n%" PRIu64 ": %s, term %" PRIu64, m->from, m->to, message_name(m),
	       m->term);
	switch (m->type) {
	case RAFT_MESSAGE_VOTE:
	case RAFT_MESSAGE_PREVOTE:
		printf(", log ends at %" PRIu64 "/%" PRIu64, m->vote.last_index, m->vote.last_term);
		break;
	case RAFT_MESSAGE_APPEND:
		printf(", after %" PRIu64 "/%" PRIu64 ", commit %" PRIu64 ", token %" PRIu64,
		       m->append.prev_index, m->append.prev_term, m->append.commit,
		       m->append.read_seq);
		if (m->append.entry_count > 0)
			printf(":");
		entries_print(m->append.entries, m->append.entry_count);
		break;
	case RAFT_MESSAGE_APPEND_REPLY:
		printf(", match %" PRIu64 " (after %" PRIu64 "), token %" PRIu64,
		       m->append_reply.match, m->append_reply.prev_index, m->append_reply.read_seq);
		break;
	case RAFT_MESSAGE_READ_REPLY:
		printf(", index %" PRIu64, m->read_reply.index);
		break;
	case RAFT_MESSAGE_SNAPSHOT:
		printf(" up to %" PRIu64 "/%" PRIu64, m->snapshot.index, m->snapshot.term);
		break;
	case RAFT_MESSAGE_VOTE_REPLY:
	case RAFT_MESSAGE_PREVOTE_REPLY:
	case RAFT_MESSAGE_TIMEOUT_NOW:
	case RAFT_MESSAGE_READ:
	case RAFT_MESSAGE_START:
	case RAFT_MESSAGE_START_REPLY:
		break;
	}
	printf("\n");
}

static void crash_print(const struct event *e)
{
	printf("n%u crashes and starts again%s; told what is known of it by", e->who + 1,
	       e->what & CRASH_HARD ? " (term and vote had reached the disk)" : "");
	for (uint32_t k = 0; k < scope->members; k++)
		if (e->what & 1u << k)
			printf(" n%u", k + 1);
	printf(", n%u first\n", (e->what >> CRASH_FIRST) + 1);
}

void tell_event(const struct world *w, uint32_t step, const struct event *e)
{
	static const char *const what[EVENT_KINDS] = {
		[EVENT_DELIVER] = "arrives: ",
		[EVENT_COPY] = "arrives, and once more later: ",
		[EVENT_LOSE] = "is lost: ",
		[EVENT_FINISH] = "'s oldest write is durable",
		[EVENT_HOLD] = "'s disk is slow from now on",
		[EVENT_RELEASE] = "'s disk has done all writes",
		[EVENT_TIMEOUT] = "'s election timer fires",
		[EVENT_SILENCE] = " has heard no leader for a while",
		[EVENT_HEARTBEAT] = "'s heartbeats are due",
		[EVENT_PROPOSE] = " is given a command",
		[EVENT_READ] = " is asked for a read",
		[EVENT_SNAPSHOT] = " takes a snapshot, and its log begins behind that",
		[EVENT_INSTALL] = " has the snapshot that it was offered",
	};

	if (!telling)
		return;
	printf("%3u  ", step);
	if (e->kind == EVENT_CRASH) {
		crash_print(e);
	} else if (e->kind == EVENT_TELL) {
		printf("n%u is told the committed table of n%u\n", e->who + 1, e->what + 1);
	} else if (e->kind == EVENT_MEET) {
		printf("n%u meets n%u\n", e->who + 1, e->what + 1);
	} else if (e->kind == EVENT_CHANGE) {
		printf("n%u is told to change members:%s", e->who + 1,
		       e->what & CHANGE_PROMOTES ? " the learner votes" : "");
		if (e->what & CHANGE_LEAVES)
			printf(" n%u leaves", e->what & CHANGE_LEAVES);
		printf("\n");
	} else if (e->kind == EVENT_TRANSFER) {
		printf("n%u is to hand over to n%u\n", e->who + 1, e->what + 1);
	} else if (e->kind == EVENT_TIMEOUT && w->member[e->who]->role == RAFT_LEADER) {
		printf("n%u %s\n", e->who + 1,
		       e->what ? "gives the handing over up"
			       : "has heard no majority for too long");
	} else if (e->kind <= EVENT_LOSE) {
		printf("%s", what[e->kind]);
		message_print(pool_message(w->net[e->who]));
	} else {
		printf("n%u%s\n", e->who + 1, what[e->kind]);
	}
}

void tell(const char *what)
{
	if (telling)
		printf("     %s\n", what);
}

void tell_sent(const struct raft_message *m)
{
	if (!telling)
		return;
	printf("\t  sends ");
	message_print(m);
}

void tell_write(uint32_t i, const struct raft_ready *ready)
{
	if (!telling)
		return;
	printf("\t  n%u writes", i + 1);
	if (ready->hard_state)
		printf(" term %" PRIu64 ", vote %" PRIu64, ready->hard_state->term,
		       ready->hard_state->vote);
	entries_print(ready->entries, ready->entry_count);
	printf("\n");
}

void tell_read(uint32_t i, const struct raft_read *read)
{
	if (telling)
		printf("\t  n%u: read %" PRIu64 " at index %" PRIu64 "\n", i + 1, read->context,
		       read->index);
}

void tell_world(const struct world *w)
{
	static const char *const role[] = {[RAFT_FOLLOWER] = "follows",
					   [RAFT_PRECANDIDATE] = "asks",
					   [RAFT_CANDIDATE] = "stands",
					   [RAFT_LEADER] = "leads"};

	if (!telling)
		return;
	for (uint32_t i = 0; i < scope->members; i++) {
		const struct member *m = w->member[i];

		printf("\t  n%u %s in term %" PRIu64 ", committed %" PRIu64 ", log", i + 1,
		       role[m->role], m->term, m->commit);
		for (uint32_t k = 1; k <= m->memory.last; k++)
			entries_print(pool_entry(m->memory.entry[k]), 1);
		printf("; disk: term %" PRIu64 ", vote %" PRIu64 ", to %u\n", m->hard.term,
		       m->hard.vote, m->disk.last);
	}
}
