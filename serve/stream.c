/*
 * Answers of more than one piece. The state machine's cursor holds the revision; a piece is made
 * when the door says that the one before it was taken, one piece in a turn, so that neither many
 * streams nor a fast reader hold the loop.
 */
#include "serve/internal.h"

#include <assert.h>
#include <errno.h>

void stream_end(struct serve *s, struct request *q)
{
	if (!q->rest)
		return;
	s->sm->ops->cursor_close(s->sm, q->rest);
	q->rest = NULL;
}

static void push(struct serve *s, struct request *q, uint32_t size)
{
	s->counters.pushes++;
	s->active = true;
	q->pulled = false;
	q->pushed_ns = s->now_ns;
	if (q->door->ops->push(q->door, q, s->scratch, size))
		return;
	stream_end(s, q);
	request_close(&s->requests, q);
}

void stream_begin(struct serve *s, struct request *q, struct sm_cursor *rest, uint32_t size)
{
	s->counters.streams++;
	q->rest = rest;
	request_move(&s->requests, q, REQUEST_STREAMING);
	push(s, q, size);
}

static void cut(struct serve *s, struct request *q, enum serve_status status)
{
	s->counters.streams_cut++;
	stream_end(s, q);
	serve_refuse(s, q, status);
}

static void step(struct serve *s, struct request *q)
{
	bool more;
	int size =
		s->sm->ops->cursor_read(s->sm, q->rest, s->scratch, PARTS_MESSAGE_SIZE_MAX, &more);

	s->active = true;
	if (size < 0) {
		assert(size == -ESTALE);
		cut(s, q, SERVE_COMPACTED);
	} else if (!more) {
		stream_end(s, q);
		serve_answer(s, q, SERVE_OK, s->scratch, (uint32_t)size);
	} else if (size > 0) {
		push(s, q, (uint32_t)size);
	}
}

void stream_drive(struct serve *s)
{
	struct request_list *list = &s->requests.list[REQUEST_STREAMING];
	struct request *q;

	s->active |= s->sm->ops->sweep(s->sm);
	if (s->half)
		return;
	TAILQ_FOREACH(q, list, list)
	{
		if (!q->pulled)
			continue;
		/* To the end of the line: the others have their turns. */
		request_move(&s->requests, q, REQUEST_STREAMING);
		step(s, q);
		return;
	}
}

/*
 * Over UDP nothing tells of a client that has gone: its answer would keep a cursor for as long as
 * it had said that it would wait. The list is in the order of the newest pieces.
 */
void stream_give_way(struct serve *s)
{
	struct request *q;

	TAILQ_FOREACH(q, &s->requests.list[REQUEST_STREAMING], list)
	{
		if (q->pulled || s->now_ns < q->pushed_ns + SERVE_STREAM_PATIENCE_NS)
			continue;
		cut(s, q, SERVE_TIMEOUT);
		return;
	}
}

void serve_pulled(struct serve *s, struct request *q)
{
	if (q->state == REQUEST_STREAMING) {
		q->pulled = true;
		s->active = true;
	}
}
