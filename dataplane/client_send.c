/*
 * A client's output: the next missing thing first, then more within the window.
 */
#include "dataplane/client_internal.h"

static uint32_t window_end(const struct client *c)
{
	uint32_t end = c->acked + (c->probing ? 1 : CLIENT_WINDOW);

	return end < c->part_count ? end : c->part_count;
}

/* How many parts the next PULL beyond those already asked for is about; 0: none is due. */
static uint32_t pull_more(const struct client *c)
{
	uint32_t left = c->parts.part_count - c->pulled;
	uint32_t room;

	if (c->pulled - c->parts.next > CLIENT_WINDOW / 2)
		return 0;
	room = CLIENT_WINDOW - (c->pulled - c->parts.next);
	return left < room ? left : room;
}

bool client_sendable(const struct client *c)
{
	return c->resend || (c->phase == CLIENT_REQUEST && c->sent < window_end(c)) ||
	       (c->phase == CLIENT_PULL && pull_more(c) > 0);
}

static size_t seal(struct client *c, uint8_t *payload, uint8_t type, size_t body_size)
{
	const struct wire_envelope envelope = {
		.type = type,
		.body_size = (uint16_t)body_size,
		.cluster_id = c->welcome.cluster_id,
	};

	assert(WIRE_ENVELOPE_SIZE + body_size <= WIRE_PAYLOAD_1500);
	wire_envelope_encode(&envelope, payload);
	return WIRE_ENVELOPE_SIZE + body_size;
}

static void sample(struct client *c, uint64_t now_ns, uint32_t part)
{
	if (c->sampling)
		return;
	c->sampling = true;
	c->sample_ns = now_ns;
	c->sample_part = part;
}

static size_t send_hello(struct client *c, uint64_t now_ns, uint8_t *payload)
{
	const struct wire_hello hello = {.nonce = c->nonce};

	sample(c, now_ns, 0);
	return seal(c, payload, WIRE_HELLO,
		    wire_hello_encode(&hello, WIRE_HELLO, payload + WIRE_ENVELOPE_SIZE));
}

static size_t send_request(struct client *c, uint64_t now_ns, uint8_t *payload)
{
	/* The node's own verdict should be here before we give up: it gets 15/16 of the time. */
	uint64_t left_us = (c->deadline_ns - now_ns) / CLIENT_US;
	struct wire_part part = {
		.cookie = c->welcome.cookie,
		.request_id = c->request_id,
		.total_size = c->size,
		.kind = (uint8_t)c->kind,
		.timeout_us =
			left_us < WIRE_WAIT_US_MAX ? left_us - left_us / 16 + 1 : WIRE_WAIT_US_MAX,
		.repeated = c->taken && c->kind == WIRE_COMMAND,
	};
	uint32_t i;

	if (c->resend && c->sent > 0) {
		/* All arrived, or there is but one: any part asks for the answer. */
		i = c->acked < c->part_count ? c->acked : c->part_count - 1;
		c->sampling = false;
	} else {
		i = c->sent++;
		sample(c, now_ns, i);
		if (c->sent == c->part_count && c->tries == 0)
			c->turn_ns = now_ns;
	}
	part.part = (uint16_t)i;
	part.size = parts_size(c->size, i);
	part.data = c->request + (size_t)i * WIRE_PART_SIZE;
	return seal(c, payload, WIRE_REQUEST,
		    wire_part_encode(&part, WIRE_REQUEST, payload + WIRE_ENVELOPE_SIZE));
}

static size_t send_pull(struct client *c, uint64_t now_ns, uint8_t *payload)
{
	struct wire_part part = {
		.cookie = c->welcome.cookie,
		.request_id = c->request_id,
		.total_size = c->parts.total_size,
		.kind = (uint8_t)c->kind,
		.piece = c->piece,
		.answer_id = c->answer_id,
	};
	uint32_t first, wanted;

	if (c->resend) {
		first = c->parts.next;
		wanted = 1;
		while (first + wanted < c->pulled && wanted < CLIENT_WINDOW &&
		       !parts_has(&c->parts, first + wanted))
			wanted++;
		if (c->pulled < first + wanted)
			c->pulled = first + wanted;
		c->sampling = false;
	} else {
		first = c->pulled;
		wanted = pull_more(c);
		c->pulled += wanted;
		sample(c, now_ns, first);
	}
	part.part = (uint16_t)first;
	part.wanted = (uint16_t)wanted;
	return seal(c, payload, WIRE_PULL,
		    wire_part_encode(&part, WIRE_PULL, payload + WIRE_ENVELOPE_SIZE));
}

size_t client_send(struct client *c, uint64_t now_ns, uint8_t *payload)
{
	bool again;
	size_t size = 0;

	client_tick(c, now_ns);
	if (c->state != CLIENT_WAITING || !client_sendable(c))
		return 0;
	again = c->resend;
	switch (c->phase) {
	case CLIENT_HELLO:
		size = send_hello(c, now_ns, payload);
		break;
	case CLIENT_REQUEST:
		size = send_request(c, now_ns, payload);
		break;
	case CLIENT_PULL:
		size = send_pull(c, now_ns, payload);
		break;
	case CLIENT_PAUSE:
		break;
	}
	c->resend = false;
	if (again || c->timer_ns == CLIENT_NEVER)
		c->timer_ns = now_ns + client_resend_wait(c);
	return size;
}
