/*
 * The door between members: forwarded commands in the wire's words, both ways.
 */
#ifndef DOORS_PEER_H
#define DOORS_PEER_H

#include "dataplane/dp.h"
#include "serve/forward.h"

struct serve;

struct peer_door {
	struct serve_peers peers; /* first: serve's way out is cast to its peer_door */
	struct serve *serve;      /* set once there is one */
	struct dp *dp;
	uint64_t malformed;
};

void peer_door_init(struct peer_door *d, struct dp *dp);

/* A PROPOSE or PROPOSE_REPLY. */
void peer_door_receive(struct peer_door *d, const struct dp_datagram *datagram);

#endif
