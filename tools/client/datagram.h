/*
 * A client's end of UDP (dataplane/client.h) over a kernel socket. Each call waits until the client
 * is done: it keeps its own deadline.
 */
#ifndef TOOLS_CLIENT_DATAGRAM_H
#define TOOLS_CLIENT_DATAGRAM_H

#include "dataplane/client.h"
#include "tools/client/address.h"

struct datagram {
	int fd;                /* -1: no socket yet */
	struct client *client; /* NULL: it begins with the next call */
};

void datagram_create(struct datagram *out);
void datagram_destroy(struct datagram *d);

/*
 * 0: welcomed, or answered, or a piece of the answer is here; else -errno. Either is read from
 * d->client.
 */
int datagram_welcome(struct datagram *d, const struct address *to, uint64_t timeout_ns);
int datagram_call(struct datagram *d, const struct address *to, enum wire_request kind,
		  const uint8_t *request, uint32_t size, uint64_t timeout_ns);
/* After a piece: to the next one, by the call's deadline. */
int datagram_next(struct datagram *d);
/* The call's deadline is so far from now. */
void datagram_extend(struct datagram *d, uint64_t timeout_ns);

#endif
