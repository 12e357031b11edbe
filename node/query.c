/*
 * Linearizable queries (thesis 6.4). All queries that arrive in one turn share one read index: its
 * context is asked of raft, and they wait first for its confirmation, then for the apply to reach
 * it.
 */
#include "node/internal.h"

#include <errno.h>

static void resend_later(struct node *n, struct request *q)
{
	q->resend_ns = n->now_ns + q->resend_wait_ns;
	if (q->resend_wait_ns < NODE_RESEND_NS_MAX)
		q->resend_wait_ns *= 2;
}

void query_begin(struct node *n, struct request *q)
{
	n->counters.queries++;
	q->read_context = 0;
	q->resend_ns = n->now_ns;
	q->resend_wait_ns = NODE_RESEND_NS_MIN;
	request_move(&n->requests, q, REQUEST_READING);
}

static void answer(struct node *n, struct request *q)
{
	int size = n->sm->ops->query(n->sm, q->data, q->size, n->scratch, WIRE_MESSAGE_SIZE_MAX);

	if (size < 0)
		door_refuse(n, q, WIRE_INVALID);
	else
		door_answer(n, q, WIRE_OK, n->scratch, (uint32_t)size);
}

static void drive_readable(struct node *n)
{
	struct request *q, *next;

	for (q = TAILQ_FIRST(&n->requests.list[REQUEST_READABLE]); q; q = next) {
		next = TAILQ_NEXT(q, list);
		/* A half-applied command must not show: its apply finishes first. */
		if (q->read_index <= n->applied && n->applying_count == 0)
			answer(n, q);
	}
}

void query_drive(struct node *n)
{
	uint64_t context = 0;
	struct request *q;

	drive_readable(n);
	if (!raft_leader(n->raft))
		return;
	TAILQ_FOREACH(q, &n->requests.list[REQUEST_READING], list)
	{
		if (q->resend_ns > n->now_ns)
			continue;
		if (!context) {
			context = (WAL_START_COUNT(n->recovered.start) << 40) + ++n->next_id;
			if (raft_read_index(n->raft, context))
				return;
		}
		q->read_context = context;
		resend_later(n, q);
	}
}

/*
 * A later question's answer also serves those that were asked again since: their newest context is
 * the one that counts, and an older answer to them is ignored, which is always safe.
 */
void query_confirmed(struct node *n, const struct raft_read *read)
{
	struct request *q, *next;

	for (q = TAILQ_FIRST(&n->requests.list[REQUEST_READING]); q; q = next) {
		next = TAILQ_NEXT(q, list);
		if (q->read_context != read->context)
			continue;
		if (!read->index) {
			q->read_context = 0;
			q->resend_ns = n->now_ns + NODE_RESEND_NS_MIN;
			continue;
		}
		q->read_index = read->index;
		request_move(&n->requests, q, REQUEST_READABLE);
	}
	drive_readable(n);
}
