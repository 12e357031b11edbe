/*
 * A follower's end of forwarding: the command in parts, a window of them in flight, repeated until
 * the leader says that it has them all, or another leads.
 */
#include "serve/internal.h"

#include <assert.h>
#include <errno.h>

/* Parts in flight up to the window past what the leader has. */
static void send_window(struct serve *s, struct request *q, raft_id leader)
{
	uint32_t count = parts_count(q->size);

	for (uint32_t i = q->parts_sent; i < q->parts_acked + SERVE_FORWARD_PARTS && i < count;
	     i++) {
		const struct forward_part part = {
			.id = q->forward_id,
			.part = {.total_size = q->size,
				 .number = i,
				 .data = q->data + (size_t)i * PARTS_PART_SIZE,
				 .size = parts_size(q->size, i)},
		};

		s->peers->ops->send_part(s->peers, leader, &part);
		q->parts_sent = i + 1;
	}
}

void forward_send(struct serve *s, struct request *q, const struct serve_leader *leader)
{
	if (!q->forward_id || q->term != leader->term) {
		/* The former copy may be on its way: a refusal of this one is none of that. */
		q->strayed |= q->forward_id != 0;
		/* Never that of an earlier life: the leader may still hold parts under it (R42). */
		q->forward_id = ++s->next_id * REQUESTS_MAX + (uint64_t)(q - s->requests.slot);
		q->parts_acked = 0;
		serve_resend_reset(s, q);
		s->counters.forwarded++;
	}
	q->term = leader->term;
	q->parts_sent = q->parts_acked;
	send_window(s, q, leader->id);
	serve_resend_later(s, q);
}

int serve_offer(struct serve *s, const uint8_t *data, uint32_t size)
{
	struct serve_leader leader;
	raft_term term;

	assert(parts_count(size) == 1);
	s->port->ops->leader(s->port, &leader);
	if (!leader.id || leader.full)
		return -EAGAIN;
	if (leader.self)
		return s->port->ops->propose(s->port, data, size, &term) ? -EAGAIN : 0;
	/* No request of ours is forwarded under this id, so the answer to it is nobody's. */
	const struct forward_part part = {
		.id = ++s->next_id * REQUESTS_MAX,
		.part = {.total_size = size, .data = data, .size = size},
	};

	s->peers->ops->send_part(s->peers, leader.id, &part);
	return 0;
}

static void acknowledged(struct serve *s, struct request *q, raft_id leader, uint32_t next_part)
{
	/* Overtaken by a later one; but after a silence, the leader has let the parts go. */
	if (next_part < q->parts_acked && q->resend_wait_ns > SERVE_RESEND_NS_MIN) {
		q->parts_acked = q->parts_sent = next_part;
		send_window(s, q, leader);
	}
	if (next_part <= q->parts_acked || next_part > parts_count(q->size))
		return;
	q->parts_acked = next_part;
	if (q->parts_sent < next_part)
		q->parts_sent = next_part;
	q->resend_wait_ns = SERVE_RESEND_NS_MIN;
	q->resend_ns = s->now_ns + q->resend_wait_ns;
	if (next_part == parts_count(q->size))
		request_move(&s->requests, q, REQUEST_PROPOSED);
	else
		send_window(s, q, leader);
}

void serve_forward_reply(struct serve *s, raft_id from, const struct forward_reply *reply)
{
	struct request *q = &s->requests.slot[reply->id % REQUESTS_MAX];
	struct serve_leader leader;

	s->port->ops->leader(s->port, &leader);
	/* In an older term's log it may be lost, and a new term puts back only what it finds. */
	if (q->state != REQUEST_PROPOSING || q->forward_id != reply->id || q->term != leader.term ||
	    from != leader.id)
		return;
	switch (reply->status) {
	case SERVE_OK:
		acknowledged(s, q, from, reply->next_part);
		break;
	case SERVE_BUSY:
		/* The hint is a peer's word: it may not put the command off for good. */
		q->resend_ns = s->now_ns + (reply->retry_after_us < SERVE_RESEND_NS_MAX / 1000
						    ? reply->retry_after_us * 1000
						    : SERVE_RESEND_NS_MAX);
		break;
	case SERVE_NO_SPACE:
		if (!q->strayed)
			serve_refuse(s, q, SERVE_NO_SPACE);
		break;
	case SERVE_INVALID:
		serve_refuse(s, q, reply->status);
		break;
	case SERVE_NOT_LEADER: /* the resend asks whoever leads then */
	case SERVE_NO_LEADER:
	case SERVE_TIMEOUT:
	case SERVE_REFUSED:
	case SERVE_STOPPING:
	case SERVE_COMPACTED:
	case SERVE_LEARNER:
	case SERVE_UNANSWERED:
	case SERVE_CORRUPT:
	case SERVE_BAD_COOKIE:
		break;
	}
}
