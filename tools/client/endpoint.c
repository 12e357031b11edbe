/*
 * Invariants:
 *	1. No call outlasts its deadline but by the time of one system call.
 *	2. After a call without an answer the next one starts anew: what comes late is nobody's.
 */
#include "tools/client/endpoint.h"

#include "base/clock.h"
#include "tools/client/datagram.h"
#include "tools/client/draw.h"
#include "tools/client/stream.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAUSE_NS_MIN CLOCK_MS
#define PAUSE_NS_MAX (100 * CLOCK_MS)
#define PAUSE_NO_LEADER_NS (10 * CLOCK_MS)

struct endpoint {
	struct address address;
	union {
		struct stream stream; /* of a local one */
		struct datagram datagram;
	};
};

int endpoint_create(struct endpoint **out, const struct address *to)
{
	struct endpoint *e = calloc(1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	e->address = *to;
	if (!to->local)
		datagram_create(&e->datagram);
	else if (stream_create(&e->stream, WIRE_MESSAGE_SIZE_MAX, draw()))
		goto err_free;
	*out = e;
	return 0;

err_free:
	free(e);
	return -ENOMEM;
}

int endpoint_open(struct endpoint **out, const char *text, char error[ADDRESS_ERROR_MAX])
{
	struct address address;
	int err = address_parse(&address, text, error);

	if (err)
		return err;
	err = endpoint_create(out, &address);
	if (err)
		snprintf(error, ADDRESS_ERROR_MAX, "out of memory");
	return err;
}

void endpoint_close(struct endpoint *e)
{
	if (!e)
		return;
	if (e->address.local)
		stream_destroy(&e->stream);
	else
		datagram_destroy(&e->datagram);
	free(e);
}

const char *endpoint_text(const struct endpoint *e)
{
	return e->address.text;
}

static int stream_exchange(struct endpoint *e, enum wire_request kind, const uint8_t *request,
			   uint32_t size, uint64_t deadline_ns)
{
	uint64_t now = clock_now();
	uint64_t left_us = deadline_ns > now ? (deadline_ns - now) / CLOCK_US : 0;
	int err = stream_connect(&e->stream, &e->address, deadline_ns);

	if (err)
		return err;
	/* Its own verdict should be here before we give up. */
	stream_request(&e->stream, kind, request, size, left_us - left_us / 16 + 1);
	return stream_wait(&e->stream, deadline_ns);
}

/* How long to wait before the next try; 0: the verdict stands. */
static uint64_t retry_pause(const struct stream_header *answer, unsigned int tries)
{
	uint64_t pause;

	if (answer->code == WIRE_BUSY)
		pause = answer->time_us < PAUSE_NS_MAX / CLOCK_US ? answer->time_us * CLOCK_US
								  : PAUSE_NS_MAX;
	else if (answer->code == WIRE_NO_LEADER || answer->code == WIRE_NOT_LEADER)
		pause = PAUSE_NO_LEADER_NS;
	else
		return 0;
	if (pause < PAUSE_NS_MIN)
		pause = PAUSE_NS_MIN;
	pause <<= tries < 6 ? tries : 6;
	return pause < PAUSE_NS_MAX ? pause : PAUSE_NS_MAX;
}

static int stream_call(struct endpoint *e, enum wire_request kind, const uint8_t *request,
		       uint32_t size, uint64_t timeout_ns, struct endpoint_answer *out)
{
	const struct stream_header *answer = &e->stream.answer;
	uint64_t deadline_ns = clock_now() + timeout_ns, pause;

	for (unsigned int tries = 0;; tries++) {
		int err = stream_exchange(e, kind, request, size, deadline_ns);

		if (err)
			return err;
		pause = retry_pause(answer, tries);
		/* As the UDP client has it: a retry needs time for its answer. */
		if (pause == 0 || clock_now() + pause + timeout_ns / 8 > deadline_ns)
			break;
		clock_sleep(pause);
	}
	out->status = (enum wire_status)answer->code;
	out->data = stream_data(&e->stream);
	out->size = answer->size;
	return 0;
}

static int datagram_ask(struct endpoint *e, enum wire_request kind, const uint8_t *request,
			uint32_t size, uint64_t timeout_ns, struct endpoint_answer *out)
{
	int err = datagram_call(&e->datagram, &e->address, kind, request, size, timeout_ns);

	if (err)
		return err;
	out->status = client_status(e->datagram.client);
	out->data = client_answer(e->datagram.client, &out->size);
	return 0;
}

int endpoint_welcome(struct endpoint *e, uint64_t timeout_ns, struct wire_hello *out)
{
	int err;

	if (e->address.local) {
		err = stream_connect(&e->stream, &e->address, clock_now() + timeout_ns);
		if (!err)
			*out = e->stream.welcome;
	} else {
		err = datagram_welcome(&e->datagram, &e->address, timeout_ns);
		if (!err)
			*out = *client_welcome(e->datagram.client);
	}
	return err;
}

int endpoint_call(struct endpoint *e, enum wire_request kind, const uint8_t *request, uint32_t size,
		  uint64_t timeout_ns, struct endpoint_answer *out)
{
	assert(size <= WIRE_MESSAGE_SIZE_MAX);
	*out = (struct endpoint_answer){.status = WIRE_TIMEOUT};
	if (e->address.local)
		return stream_call(e, kind, request, size, timeout_ns, out);
	return datagram_ask(e, kind, request, size, timeout_ns, out);
}

const char *endpoint_error_text(int err)
{
	switch (err) {
	case -ETIMEDOUT:
		return "context deadline exceeded";
	case -ECONNREFUSED:
		return "connection refused";
	default:
		return err > 0 ? wire_status_text((enum wire_status)err) : strerror(-err);
	}
}
