/*
 * One node of a cluster, asked by calls that block until there is an answer or a deadline has
 * passed.
 *
 * Refusals for now (no leader, too many requests) are retried inside, until the deadline.
 */
#ifndef TOOLS_CLIENT_ENDPOINT_H
#define TOOLS_CLIENT_ENDPOINT_H

#include "dataplane/wire.h"
#include "tools/client/address.h"

struct endpoint;

struct endpoint_answer {
	enum wire_status status;
	const uint8_t *data; /* size bytes, valid until the next call */
	uint32_t size;
};

/* 0 or -ENOMEM. Sends nothing and connects to nothing. */
int endpoint_create(struct endpoint **out, const struct address *to);
/* The same of an address as it is typed: 0, or -errno and one line in error. */
int endpoint_open(struct endpoint **out, const char *text, char error[ADDRESS_ERROR_MAX]);
void endpoint_close(struct endpoint *e);
const char *endpoint_text(const struct endpoint *e);

/*
 * The node behind it: its cluster, its id, and what it knows to be committed, which is the base for
 * a session that begins now; 0: it knows of nothing now, and the next call asks it anew. 0, or
 * -errno: -ETIMEDOUT, -ECONNREFUSED, ...: nothing was asked of it.
 */
int endpoint_welcome(struct endpoint *e, uint64_t timeout_ns, struct wire_hello *out);

/*
 * One request. 0: the node's verdict is in *out. -ETIMEDOUT, -ETIME (the node greeted, and then not
 * a word came), -ECONNRESET, ...: there was none, and
 * the result of a command is unknown: it may be asked again under the same session and sequence.
 */
int endpoint_call(struct endpoint *e, enum wire_request kind, const uint8_t *request, uint32_t size,
		  uint64_t timeout_ns, struct endpoint_answer *out);

/*
 * One whose answer may be larger than memory: its pieces are given to `take` as they come, the last
 * is in *out. timeout_ns is for the first and between two. What `take` returns but 0 ends it, and
 * is returned. An answer of which a piece was taken is good if all of this was, and the verdict.
 */
typedef int endpoint_take(void *argument, const uint8_t *data, uint32_t size);
int endpoint_call_pieces(struct endpoint *e, enum wire_request kind, uint64_t timeout_ns,
			 endpoint_take *take, void *argument, struct endpoint_answer *out);

/* Why there is no good answer: err is the -errno of a call, or the node's verdict (above 0). */
const char *endpoint_error_text(int err);

#endif
