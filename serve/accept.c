/*
 * The leader's end of forwarding. A command of one part keeps nothing here: one that arrives twice
 * is proposed twice, and applied once. A larger one is gathered in a request of its own, which
 * stays for a while to answer late duplicates.
 */
#include "serve/internal.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* The door_state of these requests. */
struct gathered {
	raft_id from;
};

static_assert(sizeof(struct gathered) <= REQUEST_DOOR_SIZE, "it has room for that");

static raft_id *sender_of(struct request *q)
{
	return &((struct gathered *)(void *)q->door_state)->from;
}

/* The follower answers its client: nothing is answered from here, nothing is missed. */
static void gone(struct door *door, struct request *q)
{
	(void)door;
	(void)q;
}

void accept_init(struct serve *s)
{
	static const struct door_ops ops = {.gone = gone};

	s->gathering = (struct door){.ops = &ops};
}

static void reply(struct serve *s, raft_id to, uint64_t id, uint32_t next_part,
		  enum serve_status status)
{
	const struct forward_reply r = {
		.id = id,
		.next_part = next_part,
		.status = status,
		.retry_after_us = status == SERVE_BUSY ? SERVE_RETRY_AFTER_US : 0,
	};

	s->peers->ops->send_reply(s->peers, to, &r);
}

static enum serve_status propose(struct serve *s, const struct serve_leader *leader,
				 const uint8_t *data, uint32_t size)
{
	uint64_t session, sequence;
	raft_term term;
	int err;

	if (s->sm->ops->check(s->sm, data, size, &session, &sequence)) {
		s->counters.malformed++;
		return SERVE_INVALID;
	}
	err = command_admit(s, leader, data, size);
	if (err)
		return err == -EAGAIN ? SERVE_BUSY : SERVE_NO_SPACE;
	switch (s->port->ops->propose(s->port, data, size, &term)) {
	case 0:
		return SERVE_OK;
	case -EAGAIN:
		return SERVE_BUSY;
	default:
		return SERVE_NOT_LEADER;
	}
}

/* Where the parts of one forwarded command come together; NULL: there is no room. */
static struct request *gather(struct serve *s, raft_id from, const struct forward_part *p)
{
	struct request *q = NULL;

	while ((q = request_find(&s->requests, &s->gathering, p->id, q))) {
		if (*sender_of(q) == from)
			return q;
	}
	q = request_open(&s->requests, &s->gathering, p->id, p->part.total_size, from);
	if (!q) {
		s->counters.refused++;
		return NULL;
	}
	*sender_of(q) = from;
	parts_begin(q->parts, q->buffer, p->part.total_size);
	return q;
}

static void add(struct serve *s, struct request *q, const struct serve_leader *leader,
		const struct part *part)
{
	enum serve_status status = SERVE_OK;

	q->deadline_ns = s->now_ns + REQUEST_TIMEOUT_NS_DEFAULT;
	if (parts_add(q->parts, part))
		q->asked_ns = s->now_ns;
	if (parts_complete(q->parts)) {
		status = propose(s, leader, q->data, q->size);
		if (status == SERVE_OK) {
			request_move(&s->requests, q, REQUEST_ANSWERED);
			q->deadline_ns = s->now_ns + SERVE_RESEND_NS_MAX;
		}
	}
	/* A refusal leaves the last part wanted: its resend tries again. */
	reply(s, *sender_of(q), q->id, q->parts->next - (status != SERVE_OK), status);
}

void serve_forward_part(struct serve *s, raft_id from, const struct forward_part *p)
{
	struct serve_leader leader;
	struct request *q;

	s->port->ops->leader(s->port, &leader);
	if (!leader.self) {
		reply(s, from, p->id, 0, SERVE_NOT_LEADER);
		return;
	}
	if (parts_count(p->part.total_size) == 1) {
		enum serve_status status = propose(s, &leader, p->part.data, p->part.size);

		reply(s, from, p->id, status == SERVE_OK, status);
		return;
	}
	q = gather(s, from, p);
	if (!q)
		reply(s, from, p->id, 0, SERVE_BUSY);
	else if (q->state == REQUEST_ANSWERED)
		reply(s, from, p->id, q->parts->part_count, SERVE_OK);
	else
		add(s, q, &leader, &p->part);
}
