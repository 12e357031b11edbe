/*
 * The stream of the local admin socket (a unix stream socket, mode 0660), which takes the same
 * requests as UDP 2379. On connect the node sends the body of a WELCOME (dataplane/wire.h,
 * WIRE_HELLO_SIZE bytes, nonce and cookie 0). Then, one at a time:
 *
 *	a header (dataplane/wire_fields.h) and then `size` bytes, each way
 *
 * An answer may come in several pieces, each with a header of its own; the answer is their data
 * joined, and its status the last one's. Nothing is asked for in between: a reader that does not
 * read holds its answer back.
 */
#ifndef DATAPLANE_STREAM_H
#define DATAPLANE_STREAM_H

#include "dataplane/wire.h"

enum { STREAM_HEADER_SIZE = 24 };

struct stream_header {
	uint32_t size;    /* of what follows */
	uint8_t code;     /* the kind of a request, the status of an answer */
	bool more;        /* an answer's: pieces follow this one */
	uint64_t id;      /* of the request */
	uint64_t time_us; /* a request's timeout, an answer's hint when to come again */
};

/* Whose header it is: a client's request, or a node's answer. */
enum stream_end { STREAM_CLIENT, STREAM_NODE };

void stream_header_encode(const struct stream_header *h, enum stream_end from,
			  uint8_t out[STREAM_HEADER_SIZE]);

/* 0, or -EPROTO: the other end speaks something else, and nothing after it can be read. */
int stream_header_decode(struct stream_header *out, enum stream_end from,
			 const uint8_t in[STREAM_HEADER_SIZE]);

#endif
