/*
 * Linearizable queries (thesis 6.4). All queries that arrive in one turn share one read index: its
 * context is asked of the core, and they wait first for its confirmation, then for the apply to
 * reach it.
 */
#include "serve/internal.h"

#include <assert.h>
#include <errno.h>

void query_begin(struct serve *s, struct request *q)
{
	s->counters.queries++;
	serve_resend_reset(s, q);
	request_move(&s->requests, q, REQUEST_READING);
}

void query_answer(struct serve *s, struct request *q)
{
	struct sm_cursor *rest;
	int size;

	assert(serve_readable(s));
	if (q->kind == REQUEST_BACKUP) {
		stream_backup(s, q);
		return;
	}
	size = s->sm->ops->query(s->sm, q->data, q->size, s->scratch, PARTS_MESSAGE_SIZE_MAX,
				 &rest);
	stream_answer(s, q, size, rest, SERVE_BUSY);
}

static void drive_readable(struct serve *s)
{
	struct request *q, *next;

	for (q = TAILQ_FIRST(&s->requests.list[REQUEST_READABLE]); q; q = next) {
		next = TAILQ_NEXT(q, list);
		/* A half-applied command must not show: its apply finishes first. */
		if (q->read_index <= s->applied && serve_readable(s))
			query_answer(s, q);
	}
}

uint64_t query_ask(struct serve *s)
{
	if (s->asked_ns != s->now_ns)
		s->asked = 0;
	if (!s->asked) {
		s->asked = ++s->next_id;
		s->asked_ns = s->now_ns;
		if (s->port->ops->read(s->port, s->asked))
			s->asked = 0;
	}
	return s->asked;
}

void query_drive(struct serve *s)
{
	struct serve_leader leader;
	uint64_t context = 0;
	struct request *q;

	drive_readable(s);
	if (TAILQ_EMPTY(&s->requests.list[REQUEST_READING]))
		return;
	s->port->ops->leader(s->port, &leader);
	if (!leader.id)
		return;
	TAILQ_FOREACH(q, &s->requests.list[REQUEST_READING], list)
	{
		/* Who leads since has not been asked yet. */
		if (q->resend_ns > s->now_ns && q->term == leader.term)
			continue;
		if (!context) {
			context = ++s->next_id;
			if (s->port->ops->read(s->port, context))
				return;
		}
		if (q->term != leader.term)
			serve_resend_reset(s, q);
		q->term = leader.term;
		q->read_context = context;
		serve_resend_later(s, q);
	}
}

/*
 * A later question's answer also serves those that were asked again since: their newest context is
 * the one that counts, and an older answer to them is ignored, which is always safe.
 */
void query_confirmed(struct serve *s, uint64_t context, raft_index index)
{
	struct request *q, *next;

	for (q = TAILQ_FIRST(&s->requests.list[REQUEST_READING]); q; q = next) {
		next = TAILQ_NEXT(q, list);
		if (q->read_context != context)
			continue;
		if (!index) {
			q->read_context = 0;
			q->resend_ns = s->now_ns + SERVE_RESEND_NS_MIN;
			continue;
		}
		q->read_index = index;
		request_move(&s->requests, q, REQUEST_READABLE);
	}
	drive_readable(s);
}
