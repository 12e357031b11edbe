/*
 * The leader's end of forwarding. A command of one part that finds room keeps nothing here: one
 * that arrives twice is proposed twice, and applied once. A larger one is gathered in a request of
 * its own, and one that finds no room waits in one until its refusal is certain. It stays for a
 * while to answer late duplicates, so that none of them is proposed after its refusal.
 */
#include "serve/internal.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

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
		.retry_after_us = status_row(status)->hint_us,
	};

	s->peers->ops->send_reply(s->peers, to, &r);
}

static enum serve_status propose(struct serve *s, const uint8_t *data, uint32_t size)
{
	raft_term term;

	switch (s->port->ops->propose(s->port, data, size, &term)) {
	case 0:
		return SERVE_OK;
	case -EAGAIN:
		return SERVE_BUSY;
	default:
		return SERVE_NOT_LEADER;
	}
}

/* A place to keep one; NULL: there is no room. */
static struct request *keep(struct serve *s, raft_id from, const struct forward_part *p)
{
	struct request *q =
		request_open(&s->requests, &s->gathering, from, p->id, p->part.total_size, from);

	if (!q) {
		s->counters.refused++;
		s->counters.over += !request_may_open(&s->requests, from);
		return NULL;
	}
	if (q->buffer)
		parts_begin(&q->buffer->parts, q->buffer->bytes, p->part.total_size);
	return q;
}

/* What becomes of a command that is here whole. Its end is kept for late duplicates. */
static enum serve_status judge(struct serve *s, struct request *q,
			       const struct serve_leader *leader)
{
	enum serve_status status = SERVE_INVALID;
	int err;

	if (s->sm->ops->check(s->sm, q->data, q->size, q->from, &q->session, &q->sequence)) {
		s->counters.malformed++;
		return SERVE_INVALID;
	}
	err = command_admit(s, q, leader);
	if (!err)
		status = propose(s, q->data, q->size);
	else
		status = err == -EAGAIN ? SERVE_BUSY : SERVE_NO_SPACE;
	if (status == SERVE_OK || status == SERVE_NO_SPACE) {
		q->status = status;
		request_move(&s->requests, q, REQUEST_ANSWERED);
		q->deadline_ns = s->now_ns + SERVE_RESEND_NS_MAX;
		/* What is kept for late duplicates is the word. */
		request_shed(&s->requests, q);
	}
	return status;
}

static void say(struct serve *s, struct request *q, enum serve_status status)
{
	uint32_t next = q->buffer ? q->buffer->parts.next : parts_count(q->size);

	/* A refusal leaves the last part wanted: its resend tries again. */
	reply(s, q->from, q->id, next - (status != SERVE_OK), status);
}

void accept_begin(struct serve *s, struct request *q)
{
	struct serve_leader leader;

	s->port->ops->leader(s->port, &leader);
	say(s, q, leader.self ? judge(s, q, &leader) : SERVE_NOT_LEADER);
}

/* True: it is whole. */
static bool add(struct serve *s, struct request *q, const struct part *part)
{
	bool whole = true;

	q->deadline_ns = s->now_ns + REQUEST_TIMEOUT_NS_DEFAULT;
	if (q->buffer) {
		if (parts_add(&q->buffer->parts, part))
			request_touch(&s->requests, q);
		whole = parts_complete(&q->buffer->parts);
	} else {
		memcpy(q->small, part->data, part->size);
	}
	if (!whole)
		say(s, q, SERVE_OK);
	return whole;
}

/* A command of one part that finds room is proposed without a place here. True: it was. */
static bool at_once(struct serve *s, const struct serve_leader *leader, raft_id from,
		    const struct forward_part *p)
{
	uint64_t session, sequence;
	enum serve_status status = SERVE_INVALID;

	if (parts_count(p->part.total_size) != 1)
		return false;
	if (s->sm->ops->check(s->sm, p->part.data, p->part.size, from, &session, &sequence))
		s->counters.malformed++;
	else if (command_judge(s, leader, p->part.data, p->part.size))
		return false;
	else
		status = propose(s, p->part.data, p->part.size);
	reply(s, from, p->id, status == SERVE_OK, status);
	return true;
}

struct request *accept_part(struct serve *s, raft_id from, const struct forward_part *p)
{
	struct serve_leader leader;
	struct request *q;

	s->port->ops->leader(s->port, &leader);
	if (!leader.self) {
		reply(s, from, p->id, 0, SERVE_NOT_LEADER);
		return NULL;
	}
	q = request_find(&s->requests, &s->gathering, from, p->id);
	if (q && q->state != REQUEST_RECEIVING) {
		if (q->state == REQUEST_ANSWERED)
			say(s, q, q->status);
		return NULL;
	}
	/* What comes by way of one member has its share too: it knows its own clients alone. */
	if (!q && shares_may_begin(&s->requests.shares, from) && at_once(s, &leader, from, p)) {
		shares_begin(&s->requests.shares, from, SHARE_REQUEST);
		return NULL;
	}
	if (!q)
		q = keep(s, from, p);
	if (!q && shares_tell(&s->requests.shares, from))
		reply(s, from, p->id, 0, SERVE_BUSY);
	return q && add(s, q, &p->part) ? q : NULL;
}

/* The follower is told at once, for its client waits; of what waits for its turn then. */
void accept_confirmed(struct serve *s, uint64_t context, raft_index index)
{
	static const enum request_state states[] = {REQUEST_RECEIVING, REQUEST_WAITING};
	struct serve_leader leader;
	struct request *q, *next;
	enum serve_status status;

	s->port->ops->leader(s->port, &leader);
	for (uint32_t i = 0; i < 2; i++) {
		for (q = TAILQ_FIRST(&s->requests.list[states[i]]); q; q = next) {
			next = TAILQ_NEXT(q, list);
			if (q->door != &s->gathering || q->read_context != context)
				continue;
			q->read_context = index ? context : 0;
			q->read_index = index;
			if (!index || !leader.self || states[i] == REQUEST_WAITING)
				continue;
			status = judge(s, q, &leader);
			if (status != SERVE_BUSY)
				say(s, q, status);
		}
	}
}
