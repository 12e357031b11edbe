/*
 * A client's input: whose a packet is, what it says, what it says about loss.
 */
#include "dataplane/client_internal.h"

enum {
	/* As many later arrivals say that a part was lost, not overtaken: TCP's number. */
	OVERTAKEN_MAX = 3,
	/* Cookies refused in one request before each further one costs a pause. */
	REHELLOS_MAX = 2,
};

#define PAUSE_NS_MIN (1 * CLIENT_MS)
#define PAUSE_NS_MAX (1000 * CLIENT_MS)

/*
 * A refusal for now. One that cannot be followed by a retry with time for an answer is reported
 * instead: it says more than a deadline that passes.
 */
static void pause_for(struct client *c, uint64_t now_ns, uint64_t wait_ns, enum wire_status status)
{
	uint64_t wait =
		wait_ns << (c->refusals < CLIENT_BACKOFF_SHIFT_MAX ? c->refusals
								   : CLIENT_BACKOFF_SHIFT_MAX);

	c->refusals++;
	if (wait < PAUSE_NS_MIN)
		wait = PAUSE_NS_MIN;
	if (wait > PAUSE_NS_MAX)
		wait = PAUSE_NS_MAX;
	/* Clients that were refused together do not come back together. */
	wait += client_random(c) % (wait / 2);
	if (c->deadline_ns - now_ns < wait + c->timeout_ns / 8) {
		client_refuse(c, status);
		return;
	}
	c->status = status;
	client_enter(c, CLIENT_PAUSE);
	c->timer_ns = now_ns + wait;
}

/* A refusal for now: the request is asked again later. False: it is none. */
static bool refused(struct client *c, uint64_t now_ns, uint8_t status, uint64_t retry_after_us)
{
	const struct status_row *row = status_row(status);

	/* A cookie is asked for at once: receive_bad_cookie. */
	if (!row->again || status == WIRE_BAD_COOKIE)
		return false;
	if (status == WIRE_BUSY) {
		c->retry_after_us = retry_after_us;
		c->probing = true;
	} else {
		/* Of all members alike: whatever this one says. */
		status = WIRE_NO_LEADER;
		retry_after_us = row->hint_us;
	}
	/* Bounded before it is multiplied. */
	if (retry_after_us > PAUSE_NS_MAX / CLIENT_US)
		retry_after_us = PAUSE_NS_MAX / CLIENT_US;
	pause_for(c, now_ns, retry_after_us * CLIENT_US, (enum wire_status)status);
	return true;
}

/* Progress up to `next`: the next hole among those once in flight is lost too (RFC 6582). */
static void repaired(struct client *c, uint64_t now_ns, uint32_t next)
{
	c->resend = next < c->recover;
	c->overtaken = 0;
	c->tries = 0;
	c->timer_ns = now_ns + client_resend_wait(c);
}

static void receive_welcome(struct client *c, uint64_t now_ns, const uint8_t *body, size_t size)
{
	struct wire_hello hello;

	if (c->phase != CLIENT_HELLO || wire_hello_decode(&hello, WIRE_WELCOME, body, size) ||
	    hello.nonce != c->nonce)
		return;
	/* Karn's rule: which of two was answered cannot be told. */
	if (c->sampling && c->tries == 0)
		client_measure(&c->link, now_ns - c->sample_ns);
	c->welcomed = true;
	c->welcome = hello;
	if (c->hello_only)
		client_finish(c, CLIENT_DONE, WIRE_OK);
	else
		client_begin_request(c);
}

static void receive_bad_cookie(struct client *c, uint64_t now_ns)
{
	c->welcomed = false;
	if (c->rehellos++ < REHELLOS_MAX)
		client_begin_hello(c);
	else
		pause_for(c, now_ns, PAUSE_NS_MIN, WIRE_BAD_COOKIE);
}

static void receive_acknowledgement(struct client *c, uint64_t now_ns, uint32_t next_part)
{
	if (c->phase != CLIENT_REQUEST || next_part > c->part_count)
		return;
	if (next_part > c->acked) {
		if (c->sampling && c->sample_part < next_part && c->part_count > 1) {
			client_measure(&c->link, now_ns - c->sample_ns);
			c->sampling = false;
		}
		c->acked = next_part;
		c->probing = false;
		c->taken |= next_part == c->part_count;
		if (c->sent < c->acked)
			c->sent = c->acked;
		repaired(c, now_ns, c->acked);
		return;
	}
	if (next_part < c->acked) {
		/* Overtaken by a later one; but after a silence, the node has let the parts go. */
		if (c->tries > 0) {
			c->acked = next_part;
			c->sent = next_part;
			c->recover = 0;
		}
		return;
	}
	if (c->acked < c->sent && c->acked >= c->recover && ++c->overtaken == OVERTAKEN_MAX)
		client_lost(c, c->sent);
}

/* The node has no more of an answer of which pieces were handed out. */
static void cut_off(struct client *c, uint8_t status)
{
	if (status != WIRE_OK)
		client_finish(c, CLIENT_DONE,
			      status == WIRE_BAD_COOKIE ? WIRE_TIMEOUT : (enum wire_status)status);
}

static void receive_reply(struct client *c, uint64_t now_ns, const uint8_t *body, size_t size)
{
	struct wire_part_reply reply;

	if (c->phase == CLIENT_HELLO || c->phase == CLIENT_PAUSE ||
	    wire_part_reply_decode(&reply, WIRE_REQUEST_REPLY, body, size) ||
	    reply.request_id != c->request_id || reply.cookie != c->welcome.cookie)
		return;
	c->heard = true;
	if (c->piece > 0)
		cut_off(c, reply.status);
	else if (reply.status == WIRE_BAD_COOKIE)
		receive_bad_cookie(c, now_ns);
	else if (reply.status == WIRE_OK)
		receive_acknowledgement(c, now_ns, reply.next_part);
	else if (c->phase == CLIENT_REQUEST &&
		 !refused(c, now_ns, reply.status, reply.retry_after_us))
		client_refuse(c, (enum wire_status)reply.status);
}

/* Of the piece that is read; a refusal may come in the place of any. */
static bool expected(const struct client *c, const struct wire_part *part)
{
	return (c->piece == 0 || part->answer_id == c->answer_id) &&
	       (part->piece == c->piece || part->status != WIRE_OK);
}

/* A part of an answer: joined to those of the same answer, or the first of another. */
static bool join(struct client *c, const struct wire_part *part)
{
	if (!c->answering || part->answer_id != c->answer_id || part->status != c->status ||
	    part->total_size != c->parts.total_size) {
		c->answering = true;
		c->answer_id = part->answer_id;
		c->status = (enum wire_status)part->status;
		c->pulled = 0;
		parts_begin(&c->parts, c->buffer, part->total_size);
	}
	return wire_part_add(&c->parts, part);
}

static void receive_answer(struct client *c, uint64_t now_ns, const uint8_t *body, size_t size)
{
	struct wire_part part;
	uint32_t next;
	bool fresh;

	if (c->phase == CLIENT_HELLO || wire_part_decode(&part, WIRE_ANSWER, body, size) ||
	    part.request_id != c->request_id || part.cookie != c->welcome.cookie ||
	    part.kind != c->kind || part.status == WIRE_BAD_COOKIE || !expected(c, &part))
		return;
	c->heard = true;
	if (c->piece > 0 && part.status != WIRE_OK) {
		cut_off(c, part.status);
		return;
	}
	/* Resent, and yet measured, if the node has said that it had it all along. */
	if (c->phase == CLIENT_REQUEST && c->turn_ns &&
	    (c->tries == 0 || c->acked == c->part_count))
		client_measure(&c->turn, now_ns - c->turn_ns);
	/* The node's last word: it knew if there had been another attempt. */
	if (status_row(part.status)->again)
		c->taken = false;
	if (refused(c, now_ns, part.status, 0)) {
		c->request_id++;
		return;
	}
	c->taken = true;
	next = c->answering ? c->parts.next : 0;
	fresh = join(c, &part);
	if (parts_complete(&c->parts)) {
		client_finish(c, part.more ? CLIENT_PIECE : CLIENT_DONE, c->status);
		return;
	}
	if (c->phase != CLIENT_PULL) {
		client_enter(c, CLIENT_PULL);
		c->resend = c->pulled > c->parts.next;
		c->timer_ns = now_ns + client_resend_wait(c);
	}
	if (c->pulled < c->parts.next)
		c->pulled = c->parts.next;
	if (c->sampling && part.part == c->sample_part) {
		client_measure(&c->link, now_ns - c->sample_ns);
		c->sampling = false;
	}
	if (fresh && c->parts.next > next)
		repaired(c, now_ns, c->parts.next);
	else if (fresh && c->parts.next >= c->recover && ++c->overtaken == OVERTAKEN_MAX)
		client_lost(c, c->pulled);
}

void client_receive(struct client *c, uint64_t now_ns, const uint8_t *payload, size_t size)
{
	const uint8_t *body = payload + WIRE_ENVELOPE_SIZE;
	struct wire_envelope envelope;
	enum wire_verdict verdict;

	if (c->state != CLIENT_WAITING || now_ns >= c->deadline_ns)
		return;
	verdict = wire_envelope_decode(&envelope, payload, size);
	if (verdict == WIRE_VERDICT_VERSION)
		c->other_version = payload[WIRE_AT_VERSION];
	if (verdict != WIRE_VERDICT_GOOD)
		return;
	/* An address that now belongs to another cluster is not followed there. */
	if (c->welcome.cluster_id && envelope.cluster_id != c->welcome.cluster_id)
		return;
	switch (envelope.type) {
	case WIRE_WELCOME:
		receive_welcome(c, now_ns, body, envelope.body_size);
		break;
	case WIRE_REQUEST_REPLY:
		receive_reply(c, now_ns, body, envelope.body_size);
		break;
	case WIRE_ANSWER:
		receive_answer(c, now_ns, body, envelope.body_size);
		break;
	default:
		break;
	}
}
