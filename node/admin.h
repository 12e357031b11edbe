/*
 * The local admin socket: a unix stream socket (mode 0660) that takes the same requests as UDP
 * 2379, in the format of dataplane/stream.h.
 *
 * A thread of its own serves it. A call passes to the loop and back through two bounded
 * single-producer single-consumer rings; whoever took it from a ring owns it.
 */
#ifndef NODE_ADMIN_H
#define NODE_ADMIN_H

#include "dataplane/wire.h"

#include <stdint.h>

enum {
	ADMIN_CALLS_MAX = 64, /* connections: each has one call */
	ADMIN_ERROR_MAX = 256,
};

struct admin;

struct admin_call {
	uint8_t kind; /* enum wire_request */
	uint64_t id;
	uint64_t timeout_us;
	uint8_t *data; /* WIRE_MESSAGE_SIZE_MAX bytes, of which size are used */
	uint32_t size;

	uint8_t status; /* enum wire_status */
	uint64_t retry_after_us;
	uint8_t *answer; /* WIRE_MESSAGE_SIZE_MAX bytes, of which answer_size are used */
	uint32_t answer_size;
};

/*
 * Listens on `path` (a stale socket file of a dead process is replaced; a live one is -EADDRINUSE)
 * and starts the thread. 0 or -errno with one line in error.
 */
int admin_create(struct admin **out, const char *path, uint64_t cluster_id, uint64_t member_id,
		 char error[ADMIN_ERROR_MAX]);
/* Every call must have been handed back. Removes the socket file. */
void admin_destroy(struct admin *a);

/* For the loop: the next call, or NULL; and back, once status and answer are set. */
struct admin_call *admin_take(struct admin *a);
void admin_give(struct admin *a, struct admin_call *call);

/* The index that a WELCOME shows: a client's session base. Any thread. */
void admin_set_base(struct admin *a, uint64_t index);

#endif
