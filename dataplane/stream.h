/*
 * The stream of the local admin socket (a unix stream socket, mode 0660), which takes the same
 * requests as UDP 2379. On connect the node sends the body of a WELCOME (dataplane/wire.h,
 * WIRE_HELLO_SIZE bytes, nonce and cookie 0). Then, one at a time:
 *
 *	request: a header and then `size` bytes          answer: a header and then `size` bytes
 *	     0    4 size, WIRE_MESSAGE_SIZE_MAX at most       0    4 size, the same
 *	     4    1 kind (enum wire_request)                  4    1 status (enum wire_status)
 *	     5    1 zero                                      5    1 flags: 1, more pieces follow
 *	     6    2 zero                                      6    2 zero
 *	     8    8 request id                                8    8 request id
 *	    16    8 timeout, microseconds                    16    8 retry after, microseconds
 *
 * An answer may come in several pieces, each with a header of its own; the answer is their data
 * joined, and its status the last one's. Nothing is asked for in between: a reader that does not
 * read holds its answer back.
 */
#ifndef DATAPLANE_STREAM_H
#define DATAPLANE_STREAM_H

#include "base/bytes.h"
#include "dataplane/wire.h"

#include <errno.h>

enum { STREAM_HEADER_SIZE = 24 };

struct stream_header {
	uint32_t size;    /* of what follows */
	uint8_t code;     /* the kind of a request, the status of an answer */
	bool more;        /* an answer's: pieces follow this one */
	uint64_t id;      /* of the request */
	uint64_t time_us; /* a request's timeout, an answer's hint when to come again */
};

static inline void stream_header_encode(const struct stream_header *h,
					uint8_t out[STREAM_HEADER_SIZE])
{
	memset(out, 0, STREAM_HEADER_SIZE);
	bytes_put32(out, h->size);
	out[4] = h->code;
	out[5] = h->more;
	bytes_put64(out + 8, h->id);
	bytes_put64(out + 16, h->time_us);
}

/* 0, or -EPROTO: the other end speaks something else, and nothing after it can be read. */
static inline int stream_header_decode(struct stream_header *out,
				       const uint8_t in[STREAM_HEADER_SIZE])
{
	*out = (struct stream_header){
		.size = bytes_get32(in),
		.code = in[4],
		.more = in[5] == 1,
		.id = bytes_get64(in + 8),
		.time_us = bytes_get64(in + 16),
	};
	return out->size <= WIRE_MESSAGE_SIZE_MAX && in[5] <= 1 && !in[6] && !in[7] ? 0 : -EPROTO;
}

#endif
