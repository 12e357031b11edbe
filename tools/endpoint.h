/*
 * One endpoint of a cluster, for command-line tools: calls that block until there is an answer or a
 * deadline has passed.
 *
 *	HOST:PORT   UDP to a node's client port, by a kernel socket; HOST is a literal IPv4 address
 *	unix:PATH   a node's local admin socket
 *
 * Refusals for now (no leader, too many requests) are retried inside, until the deadline.
 */
#ifndef TOOLS_ENDPOINT_H
#define TOOLS_ENDPOINT_H

#include "dataplane/wire.h"

enum { ENDPOINT_ERROR_MAX = 256 };

struct endpoint;

struct endpoint_answer {
	enum wire_status status;
	const uint8_t *data; /* size bytes, valid until the next call */
	uint32_t size;
};

/* 0, or -EINVAL and one line in error. Sends nothing and connects to nothing. */
int endpoint_open(struct endpoint **out, const char *text, char error[ENDPOINT_ERROR_MAX]);
void endpoint_close(struct endpoint *e);
const char *endpoint_text(const struct endpoint *e);

/*
 * The node behind it: its cluster, its id, the index that it has applied, which is the base for a
 * session that begins now. 0, or -errno: -ETIMEDOUT, -ECONNREFUSED, ...: nothing was asked of it.
 */
int endpoint_welcome(struct endpoint *e, uint64_t timeout_ns, struct wire_hello *out);

/*
 * One request. 0: the node's verdict is in *out. -ETIMEDOUT, -ECONNRESET, ...: there was none, and
 * the result of a command is unknown: it may be asked again under the same session and sequence.
 */
int endpoint_call(struct endpoint *e, enum wire_request kind, const uint8_t *request, uint32_t size,
		  uint64_t timeout_ns, struct endpoint_answer *out);

/* What to tell a user about a result of the two above. */
const char *endpoint_error_text(int error);

#endif
