/*
 * A client path: how a number of clients reach nodes. Each client has one request open at a time.
 * One thread drives all of them.
 *
 *	unix    a stream to the admin socket for each client
 *	udp     a kernel UDP socket for each client
 *	memif   one DPDK port that all share, told apart by request id
 *	ring    the same inside this process, with the nodes driven in between (in-process)
 */
#ifndef TOOLS_BENCH_PATH_H
#define TOOLS_BENCH_PATH_H

#include "dataplane/wire.h"
#include "doors/calls.h"

#include <stdbool.h>
#include <stddef.h>

enum {
	PATH_CLIENTS_MAX = 1024,
	PATH_UNIX_CLIENTS_MAX = CALLS_MAX - 1, /* of a node: one place is for its status */
	PATH_ERROR_MAX = 512,
};

struct path_answer {
	/* WIRE_TIMEOUT also if no answer came: the result of a command is unknown. */
	enum wire_status status;
	const char *why; /* no answer came: what the connection met; NULL: nothing is known */
	bool unasked;    /* the node has not had the whole of it, or nothing */
	uint64_t retry_after_us; /* of a refusal on the way to this answer; 0: there was none */
	const uint8_t *data;     /* valid until the client's next request */
	uint32_t size;
};

struct path;

struct path_ops {
	/* Opens a request; `data` stays the caller's and stays there until it is done. */
	void (*request)(struct path *path, uint32_t client, enum wire_request kind,
			const uint8_t *data, uint32_t size, uint64_t now_ns, uint64_t timeout_ns);
	/*
	 * Only the greeting, for the round trip of the path: HELLO to WELCOME, or connect to
	 * WELCOME.
	 */
	void (*hello)(struct path *path, uint32_t client, uint64_t now_ns, uint64_t timeout_ns);
	/*
	 * Sends what is due, takes what has come. The clients that finished since the last call
	 * are in done (at most max): how many. May sleep until something comes, at most wait_ns.
	 */
	uint32_t (*poll)(struct path *path, uint64_t wait_ns, uint32_t *done, uint32_t max);
	void (*answer)(struct path *path, uint32_t client, struct path_answer *out);
	/* What the client's node knew to be committed when it greeted the client. */
	uint64_t (*base)(struct path *path, uint32_t client);
	void (*destroy)(struct path *path);
};

struct path {
	const struct path_ops *ops;
	uint32_t client_count;
};

/*
 * clients[i] speaks to endpoints[i % count], each a node's admin socket. Answers hold values of
 * value_size bytes. 0, or -errno and one line in error. -EINVAL: so many have no place.
 */
struct address;
int path_unix_create(struct path **out, const struct address *endpoints, uint32_t count,
		     uint32_t clients, uint32_t value_size, char error[PATH_ERROR_MAX]);

/* A carrier of datagrams under clients of dataplane/client.h: owned, also if it fails. */
struct carrier;
int path_datagram_create(struct path **out, struct carrier *carrier, uint32_t clients,
			 char error[PATH_ERROR_MAX]);

#endif
