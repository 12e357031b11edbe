/*
 * The client's end of the protocol: its requests, its phases and its timers. docs/wire.md has the
 * sequences.
 */
#include "dataplane/client_internal.h"

#include "base/mix.h"

#include <errno.h>
#include <stdlib.h>

/* Unanswered PULLs after which the node may have let the answer go. */
enum { PULL_TRIES_MAX = 6 };

/* Requests sent again without a word from the node that greeted us: chance loses no so many. */
enum { UNHEARD_TRIES = 3 };

#define RESEND_NS_INITIAL (20 * CLIENT_MS) /* until a round trip has been measured */
#define RESEND_NS_MIN (1 * CLIENT_MS) /* below it, a node that yields its core would be nagged */
#define RESEND_NS_MAX (500 * CLIENT_MS)

uint64_t client_random(struct client *c)
{
	return mix_next(&c->random);
}

void client_measure(struct client_estimate *e, uint64_t took_ns)
{
	uint64_t off = took_ns > e->smooth_ns ? took_ns - e->smooth_ns : e->smooth_ns - took_ns;

	if (e->smooth_ns == 0) {
		e->smooth_ns = took_ns;
		e->vary_ns = took_ns / 2;
		return;
	}
	e->vary_ns = (3 * e->vary_ns + off) / 4;
	e->smooth_ns = (7 * e->smooth_ns + took_ns) / 8;
}

uint64_t client_resend_wait(const struct client *c)
{
	bool turn = c->phase == CLIENT_REQUEST && (c->part_count == 1 || c->acked == c->part_count);
	const struct client_estimate *e = turn ? &c->turn : &c->link;
	uint64_t wait = e->smooth_ns + 4 * e->vary_ns;

	if (e->smooth_ns == 0)
		wait = RESEND_NS_INITIAL;
	if (wait < RESEND_NS_MIN)
		wait = RESEND_NS_MIN;
	wait <<= c->tries < CLIENT_BACKOFF_SHIFT_MAX ? c->tries : CLIENT_BACKOFF_SHIFT_MAX;
	return wait < RESEND_NS_MAX ? wait : RESEND_NS_MAX;
}

void client_enter(struct client *c, enum client_phase phase)
{
	c->phase = phase;
	c->resend = false;
	c->recover = 0;
	c->overtaken = 0;
	c->tries = 0;
	c->timer_ns = CLIENT_NEVER;
	c->sampling = false;
}

void client_begin_hello(struct client *c)
{
	client_enter(c, CLIENT_HELLO);
	c->resend = true;
	c->nonce = client_random(c);
}

void client_begin_request(struct client *c)
{
	client_enter(c, CLIENT_REQUEST);
	c->acked = 0;
	c->sent = 0;
}

static void begin(struct client *c)
{
	if (c->welcomed)
		client_begin_request(c);
	else
		client_begin_hello(c);
}

void client_finish(struct client *c, enum client_state state, enum wire_status status)
{
	c->state = state;
	c->status = status;
	c->timer_ns = CLIENT_NEVER;
}

void client_refuse(struct client *c, enum wire_status status)
{
	if (c->taken && c->kind == WIRE_COMMAND)
		client_finish(c, CLIENT_FAILED, WIRE_TIMEOUT);
	else
		client_finish(c, CLIENT_DONE, status);
}

void client_lost(struct client *c, uint32_t in_flight_end)
{
	c->resend = true;
	c->recover = in_flight_end;
}

static void timer_fired(struct client *c)
{
	c->timer_ns = CLIENT_NEVER;
	c->tries++;
	switch (c->phase) {
	case CLIENT_HELLO:
		c->resend = true;
		break;
	case CLIENT_REQUEST:
		c->taken |= c->sent == c->part_count;
		client_lost(c, c->sent);
		break;
	case CLIENT_PULL:
		/* Pieces of this answer were handed out: it goes on, or not at all. */
		if (c->tries > PULL_TRIES_MAX && c->piece == 0)
			client_begin_request(c);
		else
			client_lost(c, c->pulled);
		break;
	case CLIENT_PAUSE:
		begin(c);
		break;
	}
}

void client_tick(struct client *c, uint64_t now_ns)
{
	if (c->state != CLIENT_WAITING)
		return;
	if (now_ns >= c->deadline_ns) {
		if (c->phase == CLIENT_PAUSE)
			client_refuse(c, c->status);
		else
			client_finish(c, CLIENT_FAILED, WIRE_TIMEOUT);
	} else if (now_ns >= c->timer_ns) {
		timer_fired(c);
	}
}

void client_extend(struct client *c, uint64_t now_ns, uint64_t timeout_ns)
{
	c->deadline_ns = timeout_ns < CLIENT_NEVER - now_ns ? now_ns + timeout_ns : CLIENT_NEVER;
}

static void open_request(struct client *c, uint64_t now_ns, uint64_t timeout_ns)
{
	assert(c->state != CLIENT_WAITING);
	c->state = CLIENT_WAITING;
	c->timeout_ns = timeout_ns;
	client_extend(c, now_ns, timeout_ns);
	c->answering = false;
	c->piece = 0;
	c->probing = false;
	c->refusals = 0;
	c->rehellos = 0;
	c->retry_after_us = 0;
	c->heard = false;
	c->taken = false;
	c->other_version = 0;
}

uint64_t client_deadline(const struct client *c)
{
	if (c->state != CLIENT_WAITING)
		return CLIENT_NEVER;
	if (client_sendable(c))
		return 0;
	return c->timer_ns < c->deadline_ns ? c->timer_ns : c->deadline_ns;
}

int client_create(struct client **out, uint64_t seed)
{
	struct client *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	/* Pages of it that no answer reaches are never touched. */
	c->buffer = malloc(WIRE_MESSAGE_SIZE_MAX);
	if (!c->buffer) {
		free(c);
		return -ENOMEM;
	}
	c->random = seed;
	c->request_id = client_random(c);
	c->timer_ns = CLIENT_NEVER;
	*out = c;
	return 0;
}

void client_destroy(struct client *c)
{
	if (!c)
		return;
	free(c->buffer);
	free(c);
}

void client_request(struct client *c, enum wire_request kind, const uint8_t *request, uint32_t size,
		    uint64_t now_ns, uint64_t timeout_ns)
{
	assert(size <= WIRE_MESSAGE_SIZE_MAX);
	open_request(c, now_ns, timeout_ns);
	c->hello_only = false;
	c->kind = kind;
	c->request = request;
	c->size = size;
	c->part_count = parts_count(size);
	c->request_id++;
	c->turn_ns = 0;
	begin(c);
}

void client_hello(struct client *c, uint64_t now_ns, uint64_t timeout_ns)
{
	open_request(c, now_ns, timeout_ns);
	c->hello_only = true;
	client_begin_hello(c);
}

enum client_state client_get_state(const struct client *c)
{
	return c->state;
}

enum wire_status client_status(const struct client *c)
{
	return c->status;
}

uint64_t client_retry_after_us(const struct client *c)
{
	return c->retry_after_us;
}

const uint8_t *client_answer(const struct client *c, uint32_t *size)
{
	bool whole = (c->state == CLIENT_DONE || c->state == CLIENT_PIECE) && c->answering &&
		     parts_complete(&c->parts);

	*size = whole ? c->parts.total_size : 0;
	return c->buffer;
}

void client_next(struct client *c)
{
	assert(c->state == CLIENT_PIECE);
	c->state = CLIENT_WAITING;
	c->piece++;
	c->pulled = 0;
	/* How large it is, its first part says. */
	parts_begin(&c->parts, c->buffer, 0);
	client_enter(c, CLIENT_PULL);
}

uint8_t client_other_version(const struct client *c)
{
	return c->other_version;
}

bool client_unheard(const struct client *c)
{
	return c->state == CLIENT_FAILED && c->phase == CLIENT_REQUEST && !c->heard &&
	       c->tries >= UNHEARD_TRIES;
}

bool client_welcomed(const struct client *c)
{
	return c->welcomed;
}

const struct wire_hello *client_welcome(const struct client *c)
{
	return &c->welcome;
}
