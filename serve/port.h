/*
 * The needs of requests: three calls to consensus, and three to the node that they reach. The node
 * implements them over the core; tests play them by hand.
 */
#ifndef SERVE_PORT_H
#define SERVE_PORT_H

#include "raft/types.h"
#include "serve/status.h"

#include <stddef.h>

struct serve_leader {
	raft_id id; /* 0: nobody is known to lead */
	bool self;
	bool lost; /* nobody, and not for the while of an election alone: do not wait */
	raft_term term;
	raft_index last; /* the last index of this member's log */
	bool full;       /* the log has no space for another command ... */
	bool frees;      /* ... but for what makes the state no larger */
};

struct serve_port;

struct serve_port_ops {
	/*
	 * Appends a command as a whole. 0 with the term it was appended in; -EAGAIN: no room now,
	 * for this one or any after it; -EREMOTE: this member does not lead.
	 */
	int (*propose)(struct serve_port *port, const uint8_t *data, uint32_t size,
		       raft_term *term);

	/* Asks for a read index, which comes by serve_confirmed. 0 or -errno: not now. */
	int (*read)(struct serve_port *port, uint64_t context);

	void (*leader)(struct serve_port *port, struct serve_leader *out);
};

struct serve_port {
	const struct serve_port_ops *ops;
};

struct serve_host;

struct serve_host_ops {
	/* The node's account of itself, in at most size_max bytes. */
	size_t (*status)(struct serve_host *host, char *out, size_t size_max);
	/* Does what is ordered. OK with an answer in *size bytes, or a refusal without one. */
	enum serve_status (*order)(struct serve_host *host, const uint8_t *data, uint32_t data_size,
				   char *out, size_t size_max, size_t *size);
};

struct serve_host {
	const struct serve_host_ops *ops;
};

#endif
