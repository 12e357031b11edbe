/*
 * Commands: from a complete request to a leader's log, here or on the leader. A command may be
 * proposed more than once (a leader fell, a reply was lost): its session and sequence make the
 * state machine apply it once.
 */
#include "serve/internal.h"

#include <assert.h>
#include <errno.h>

void command_answer(struct serve *s, struct request *q, const struct sm_result *result)
{
	struct sm_cursor *rest;
	int size;

	size = s->sm->ops->answer(s->sm, q->data, q->size, result->data, result->size, s->scratch,
				  PARTS_MESSAGE_SIZE_MAX, &rest);
	stream_answer(s, q, size, rest, SERVE_UNANSWERED);
}

/* The store knows its end. True: it was answered. Nothing is read of half a command. */
static bool settled(struct serve *s, struct request *q)
{
	struct sm_result result;

	if (!serve_readable(s) || !s->sm->ops->settled(s->sm, q->data, q->size, &result))
		return false;
	command_answer(s, q, &result);
	return true;
}

void command_begin(struct serve *s, struct request *q)
{
	if (s->sm->ops->check(s->sm, q->data, q->size, 0, &q->session, &q->sequence)) {
		s->counters.malformed++;
		serve_refuse(s, q, SERVE_INVALID);
		return;
	}
	s->counters.commands++;
	/* A retry. Whatever there is no room or no leader for, its end is known, and told. */
	if (settled(s, q))
		return;
	request_move(&s->requests, q, REQUEST_PROPOSING);
	request_list_session(&s->requests, q);
	serve_resend_reset(s, q);
}

int command_judge(const struct serve *s, const struct serve_leader *leader, const uint8_t *data,
		  uint32_t size)
{
	if (leader->full && !leader->frees)
		return -ENOSPC;
	return s->sm->ops->admit(s->sm, data, size, leader->full);
}

/*
 * "No space" says that nothing was done. An earlier copy of the command may be in this leader's
 * log: so all that was in it when the command came is applied first, and the store is asked; what
 * others add meanwhile is no copy, and keeps nobody waiting. It may be in the log of another who
 * leads meanwhile: so a majority confirms that this one does, to a question that is younger than
 * the command. And a copy may be on its way to a member that was forwarded to before: then it is
 * never said.
 */
int command_admit(struct serve *s, struct request *q, const struct serve_leader *leader)
{
	int err = command_judge(s, leader, q->data, q->size);
	struct sm_result result;

	if (!err)
		return 0;
	/* Its own door tells the end, when its store has come as far as ours. */
	if (s->sm->ops->settled(s->sm, q->data, q->size, &result))
		return -EAGAIN;
	assert(err == -ENOSPC);
	if (q->asked_term != leader->term) {
		q->asked_term = leader->term;
		q->asked_last = leader->last;
		q->read_context = 0;
		q->read_index = 0;
	}
	if (s->applied < q->asked_last || q->strayed)
		return -EAGAIN;
	if (q->read_index)
		return err;
	if (!q->read_context)
		q->read_context = query_ask(s);
	return -EAGAIN;
}

void command_confirmed(struct serve *s, uint64_t context, raft_index index)
{
	struct request *q;

	TAILQ_FOREACH(q, &s->requests.list[REQUEST_PROPOSING], list)
	{
		if (q->read_context != context)
			continue;
		q->read_context = index ? context : 0;
		q->read_index = index;
		s->active = true;
	}
}

/* False: the log has no room now, for this one or any after it. */
static bool propose(struct serve *s, struct request *q, const struct serve_leader *leader)
{
	int err;

	q->strayed |= q->forward_id != 0;
	err = command_admit(s, q, leader);
	if (err == -EAGAIN)
		return true;
	if (err == -ENOSPC) {
		serve_refuse(s, q, SERVE_NO_SPACE);
		return true;
	}
	err = s->port->ops->propose(s->port, q->data, q->size, &q->term);
	if (err == -EAGAIN || err == -EREMOTE)
		return false;
	assert(err == 0);
	request_move(&s->requests, q, REQUEST_PROPOSED);
	return true;
}

/*
 * A leader that took a command has it in its log for the whole of its term, so nothing is repeated
 * while the term lasts. After it the command may be lost: it is proposed again.
 */
static void drive_proposed(struct serve *s, raft_term term)
{
	struct request *q, *next;

	if (s->proposed_term == term)
		return;
	s->proposed_term = term;
	for (q = TAILQ_FIRST(&s->requests.list[REQUEST_PROPOSED]); q; q = next) {
		next = TAILQ_NEXT(q, list);
		if (q->term == term)
			continue;
		serve_resend_reset(s, q);
		request_move(&s->requests, q, REQUEST_PROPOSING);
	}
}

void command_drive(struct serve *s)
{
	struct serve_leader leader;
	struct request *q, *next;

	s->port->ops->leader(s->port, &leader);
	drive_proposed(s, leader.term);
	s->leaderless = leader.lost;
	if (!leader.id)
		return;
	for (q = TAILQ_FIRST(&s->requests.list[REQUEST_PROPOSING]); q; q = next) {
		next = TAILQ_NEXT(q, list);
		/* Who leads since has not been asked yet. */
		if (!leader.self && q->resend_ns > s->now_ns && q->term == leader.term)
			continue;
		/* What was new when it came may be known by now. */
		if ((!leader.self || leader.full) && settled(s, q))
			continue;
		if (leader.self) {
			if (!propose(s, q, &leader))
				return;
		} else {
			forward_send(s, q, &leader);
		}
	}
}

void serve_applied(struct serve *s, const struct sm_result *result)
{
	struct request *q;

	while ((q = request_find_session(&s->requests, result->session, result->sequence)))
		command_answer(s, q, result);
}

void command_restored(struct serve *s)
{
	static const enum request_state states[] = {REQUEST_PROPOSING, REQUEST_PROPOSED};
	struct request *q, *next;

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		for (q = TAILQ_FIRST(&s->requests.list[states[i]]); q; q = next) {
			next = TAILQ_NEXT(q, list);
			(void)settled(s, q);
		}
	}
}
