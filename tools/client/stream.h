/*
 * A client's end of an admin socket's stream (dataplane/stream.h): one request at a time. Only
 * stream_connect and stream_wait wait, so that one thread may have many of them.
 *
 * A stream that broke in the middle of an answer is never read on: it is closed, and its owner may
 * connect anew.
 */
#ifndef TOOLS_CLIENT_STREAM_H
#define TOOLS_CLIENT_STREAM_H

#include "dataplane/stream.h"
#include "tools/client/address.h"

struct stream {
	int fd;                    /* -1: not connected */
	struct wire_hello welcome; /* what the node said of itself when it was connected to */
	uint64_t id;               /* of the newest request */

	/* The request; its data is the caller's. */
	uint8_t header[STREAM_HEADER_SIZE];
	const uint8_t *data;
	uint32_t size;
	uint32_t sent; /* of both */

	/* The answer, or a piece of it: its header as it came, its data, and what came after. */
	uint8_t *in;
	uint32_t in_max;
	uint32_t received;
	struct stream_header answer; /* once it is whole; zero before */
};

/*
 * An answer of more than answer_max bytes breaks the stream. Ids count from `id` on. 0 or -ENOMEM.
 */
int stream_create(struct stream *out, uint32_t answer_max, uint64_t id);
void stream_destroy(struct stream *s);

/* Connects and reads the WELCOME; nothing to do for one that is connected. 0 or -errno. */
int stream_connect(struct stream *s, const struct address *to, uint64_t deadline_ns);
void stream_close(struct stream *s);

/* Opens a request: stream_move sends it. `data` stays the caller's until it is answered. */
void stream_request(struct stream *s, enum wire_request kind, const uint8_t *data, uint32_t size,
		    uint64_t timeout_us);

/*
 * Moves what the socket takes and has: 0, the answer is whole, or with answer.more a piece of it;
 * -EAGAIN, go on when the socket is ready for stream_events; else the stream broke and is closed.
 */
int stream_move(struct stream *s);
short stream_events(const struct stream *s); /* POLLIN or POLLOUT */

/* Moves until it ends or the deadline has passed: -ETIMEDOUT, and the stream is closed. */
int stream_wait(struct stream *s, uint64_t deadline_ns);

/* Of a whole answer or piece, valid until the next: answer.size bytes. */
const uint8_t *stream_data(const struct stream *s);

/* After a piece that others follow: stream_move goes on with the next one. */
void stream_next(struct stream *s);

#endif
