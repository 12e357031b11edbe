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

struct endpoint {
	struct address address;
	union {
		struct stream stream; /* of a local one */
		struct datagram datagram;
	};
	/* An answer of several pieces, joined; or given to `take`, if that is not NULL. */
	uint8_t *joined;
	uint32_t joined_size, joined_max;
	endpoint_take *take;
	void *argument;
	bool taken; /* a piece was */
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
	free(e->joined);
	free(e);
}

const char *endpoint_text(const struct endpoint *e)
{
	return e->address.text;
}

/* One more piece of the answer. 0, -ENOMEM, -EFBIG, or what `take` says. */
static int join(struct endpoint *e, const uint8_t *data, uint32_t size)
{
	if (e->take) {
		e->taken = true;
		return e->take(e->argument, data, size);
	}
	if (size > UINT32_MAX / 2 - e->joined_size)
		return -EFBIG;
	if (e->joined_size + size > e->joined_max) {
		uint32_t max = 2 * (e->joined_size + size);
		uint8_t *more = realloc(e->joined, max);

		if (!more)
			return -ENOMEM;
		e->joined = more;
		e->joined_max = max;
	}
	memcpy(e->joined + e->joined_size, data, size);
	e->joined_size += size;
	return 0;
}

/* The last piece: most answers have no other, and are left where they are. */
static int finish(struct endpoint *e, enum wire_status status, const uint8_t *data, uint32_t size,
		  struct endpoint_answer *out)
{
	int err = e->joined_size && status == WIRE_OK ? join(e, data, size) : 0;
	bool joined = e->joined_size && status == WIRE_OK;

	*out = (struct endpoint_answer){
		.status = status,
		.data = joined ? e->joined : data,
		.size = joined ? e->joined_size : size,
	};
	return err;
}

static int stream_exchange(struct endpoint *e, enum wire_request kind, const uint8_t *request,
			   uint32_t size, uint64_t deadline_ns, uint64_t timeout_ns)
{
	uint64_t now = clock_now();
	uint64_t left_us = deadline_ns > now ? (deadline_ns - now) / CLOCK_US : 0;
	int err = stream_connect(&e->stream, &e->address, deadline_ns);

	if (err)
		return err;
	e->joined_size = 0;
	/* Its own verdict should be here before we give up. */
	stream_request(&e->stream, kind, request, size, left_us - left_us / 16 + 1);
	err = stream_wait(&e->stream, deadline_ns);
	while (!err && e->stream.answer.more) {
		err = join(e, stream_data(&e->stream), e->stream.answer.size);
		if (err) {
			stream_close(&e->stream);
			return err;
		}
		if (e->take)
			deadline_ns = clock_now() + timeout_ns;
		stream_next(&e->stream);
		err = stream_wait(&e->stream, deadline_ns);
	}
	return err;
}

/* How long to wait before the next try; 0: the verdict stands. */
static uint64_t retry_pause(const struct stream_header *answer, unsigned int tries)
{
	uint64_t hint_us = answer->time_us ? answer->time_us : status_row(answer->code)->hint_us;
	uint64_t pause = hint_us < PAUSE_NS_MAX / CLOCK_US ? hint_us * CLOCK_US : PAUSE_NS_MAX;

	if (!status_row(answer->code)->again)
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
		int err = stream_exchange(e, kind, request, size, deadline_ns, timeout_ns);

		if (err)
			return err;
		/* Its socket is full, perhaps: then the node is done with this connection. */
		if (answer->code == WIRE_BUSY)
			stream_close(&e->stream);
		pause = retry_pause(answer, tries);
		/* As the UDP client has it: a retry needs time for its answer. */
		if (pause == 0 || e->taken || clock_now() + pause + timeout_ns / 8 > deadline_ns)
			break;
		clock_sleep(pause);
	}
	return finish(e, (enum wire_status)answer->code, stream_data(&e->stream), answer->size,
		      out);
}

static int datagram_ask(struct endpoint *e, enum wire_request kind, const uint8_t *request,
			uint32_t size, uint64_t timeout_ns, struct endpoint_answer *out)
{
	int err = datagram_call(&e->datagram, &e->address, kind, request, size, timeout_ns);
	const uint8_t *data;
	uint32_t piece;

	while (!err && client_get_state(e->datagram.client) == CLIENT_PIECE) {
		data = client_answer(e->datagram.client, &piece);
		err = join(e, data, piece);
		if (!err && e->take)
			datagram_extend(&e->datagram, timeout_ns);
		if (!err)
			err = datagram_next(&e->datagram);
	}
	if (err)
		return err;
	data = client_answer(e->datagram.client, &piece);
	return finish(e, client_status(e->datagram.client), data, piece, out);
}

int endpoint_welcome(struct endpoint *e, uint64_t timeout_ns, struct wire_hello *out)
{
	int err;

	if (e->address.local) {
		if (e->stream.welcome.commit_index == 0)
			stream_close(&e->stream);
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
	e->joined_size = 0;
	if (e->address.local)
		return stream_call(e, kind, request, size, timeout_ns, out);
	return datagram_ask(e, kind, request, size, timeout_ns, out);
}

int endpoint_call_pieces(struct endpoint *e, enum wire_request kind, uint64_t timeout_ns,
			 endpoint_take *take, void *argument, struct endpoint_answer *out)
{
	int err;

	e->take = take;
	e->argument = argument;
	e->taken = false;
	err = endpoint_call(e, kind, NULL, 0, timeout_ns, out);
	e->take = NULL;
	e->taken = false;
	return err;
}

static_assert(WIRE_IP_UDP_SIZE + WIRE_ENVELOPE_SIZE + WIRE_PART_HEADER_SIZE + WIRE_PART_SIZE ==
		      1356,
	      "what endpoint_error_text says");

const char *endpoint_error_text(int err)
{
	switch (err) {
	case -ETIMEDOUT:
		return "context deadline exceeded";
	case -ETIME:
		return "context deadline exceeded: the node greeted, and then nothing came back: "
		       "it went down or hangs, or packets of up to 1,356 bytes do not pass on the "
		       "way (its MTU)";
	case -EMSGSIZE:
		return "packets of up to 1,356 bytes do not pass on the way to it (its MTU)";
	case -EPROTONOSUPPORT:
		return "the node speaks a version of the protocol that this program cannot read: "
		       "use the one of its release";
	case -ECONNREFUSED:
		return "connection refused";
	case -EACCES:
		return "permission denied: it is for root, and for the node's user and group";
	case -ENOENT:
		return "no such socket: no node runs there";
	default:
		return err > 0 ? status_row((unsigned int)err)->words : strerror(-err);
	}
}
