/*
 * The local socket: a unix stream socket (mode 0660) that takes the same requests as UDP 2379, in
 * the format of dataplane/stream.h. A thread of its own serves it.
 *
 * A connection has one call at a time. The call passes to the loop and back through two bounded
 * single-producer single-consumer rings; whoever took it from a ring owns it. An answer of several
 * pieces goes to and fro for each: the call comes back to the loop when a piece was written, so
 * that a reader who is slow, or stands still, is waited for by the thread alone.
 */
#ifndef DOORS_CALLS_H
#define DOORS_CALLS_H

#include "dataplane/wire.h"
#include "doors/welcome.h"

enum {
	CALLS_MAX = 64, /* connections: each has one call */
	CALLS_ERROR_MAX = 256,
};

struct calls;

enum call_event {
	CALL_REQUEST, /* kind, id, timeout_us and data are set */
	CALL_WRITTEN, /* the piece before: the next one may come */
	CALL_GONE,    /* the client went away in the middle of an answer: give it back */
};

struct call {
	enum call_event event; /* why the loop has it */
	uint8_t kind;          /* enum wire_request */
	uint64_t id;
	uint64_t timeout_us;
	uint8_t *data; /* WIRE_MESSAGE_SIZE_MAX bytes, of which size are used */
	uint32_t size;

	uint8_t status; /* enum wire_status */
	bool more;      /* other pieces follow this one: the call comes back */
	uint64_t retry_after_us;
	uint8_t *answer; /* WIRE_MESSAGE_SIZE_MAX bytes, of which answer_size are used */
	uint32_t answer_size;

	/* Of whoever takes and gives, and of no use to the thread. */
	void *owner;
	uint8_t last_word;
};

/*
 * Listens on `path` (a stale socket file of a dead process is replaced; a live one is -EADDRINUSE)
 * and starts the thread. 0 or -errno with one line in error.
 */
int calls_create(struct calls **out, const char *path, const struct door_welcome *welcome,
		 char error[CALLS_ERROR_MAX]);
/* Ends the thread: calls that are not given back by then end with it. Removes the socket file. */
void calls_destroy(struct calls *c);

/* For the loop: the next call, or NULL; and back, once status and answer are set. */
struct call *calls_take(struct calls *c);
void calls_give(struct calls *c, struct call *call);

/* What keeps clients out. */
struct calls_trouble {
	uint64_t told; /* that all places are taken: by calls at work, or by who sends slowly */
	bool starved;  /* there is no descriptor for one that waits */
};
void calls_trouble_get(const struct calls *c, struct calls_trouble *out);

/* Said to whoever connects from now on. */
void calls_set_welcome(struct calls *c, const struct door_welcome *welcome);

#endif
