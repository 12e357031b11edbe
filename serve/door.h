/*
 * The seam between requests and how they arrive. A door gives requests and takes answers; what a
 * packet, a frame or a connection is, it keeps to itself.
 *
 *	serve_open   a place for a request; its door may still gather it
 *	serve_begin  it is whole: from here on it is serve's, until its last word
 *	push ...     any number of pieces of the answer, each when the one before was taken
 *	answer       the last piece, or the only one, or a refusal
 *
 * The answer is the pieces joined. A door has room for one piece of a request at a time (its
 * outbox), and says by serve_pulled that it was taken: so a slow reader holds its own stream back,
 * and nothing else.
 *
 * Invariants:
 *	DR1. A request that was begun gets one last word: an answer, or `gone`.
 *	DR2. No push comes before the one before it was pulled.
 */
#ifndef SERVE_DOOR_H
#define SERVE_DOOR_H

#include "serve/status.h"

#include <stdbool.h>
#include <stdint.h>

struct door;
struct request;
struct serve;

enum request_kind {
	REQUEST_COMMAND,     /* changes the store: through the log */
	REQUEST_QUERY,       /* linearizable */
	REQUEST_QUERY_LOCAL, /* from this member's applied state: etcd's "serializable" */
	REQUEST_STATUS,      /* the node's own account of itself */
	REQUEST_ORDER,       /* what its leader does, and nobody else, and at once */
	REQUEST_BACKUP,      /* all of the state, as a linearizable query sees it */
	REQUEST_KIND_COUNT,
};

struct door_ops {
	/*
	 * The last word on q: its status and a piece, valid during the call. True: the door keeps q
	 * to say it again, until q's place is needed or its time is over; false: it is done with q.
	 */
	bool (*answer)(struct door *door, struct request *q, enum serve_status status,
		       const uint8_t *data, uint32_t size);

	/* A piece of the answer; more follow. False: the door cannot take it, and has said so. */
	bool (*push)(struct door *door, struct request *q, const uint8_t *data, uint32_t size);

	/* q's place is taken away without a word: the node ends, or q was never whole. */
	void (*gone)(struct door *door, struct request *q);
};

struct door {
	const struct door_ops *ops;
};

/*
 * A packet of this source is here that has no request to wait in; `proven`: nobody else can have
 * sent it. False: it is more than the share of one (serve/share.h), and is dropped.
 */
bool serve_hear(struct serve *s, uint64_t source, bool proven);
/* What this one asked for takes so many units of it more. */
void serve_charge(struct serve *s, const struct request *q, uint32_t units);
/* Whether a source is told that it was refused: once in a turn. */
bool serve_tell(struct serve *s, uint64_t source);

/*
 * A place for a request of `size` bytes: with `size` over REQUEST_SMALL_SIZE a buffer too. NULL:
 * refused, *why says how. A door whose bytes are its own asks for 0 and sets q->data and q->size.
 * `from` and `id` are what serve_find finds it by, if the door looks for any: who sent it, and how
 * he names it. `source` is who shares what there is with the others; 0: it has no share of its own.
 * `timeout_us` is how long the client waits; 0: the default.
 */
struct request *serve_open(struct serve *s, struct door *door, uint64_t from, uint64_t id,
			   uint32_t size, uint64_t source, uint64_t timeout_us,
			   enum serve_status *why);
/* Something new of it came: a request of which nothing does is not waited for. */
void serve_gathered(struct serve *s, struct request *q);
void serve_begin(struct serve *s, struct request *q, enum request_kind kind);

struct request *serve_find(struct serve *s, const struct door *door, uint64_t from, uint64_t id);

/* Copies a piece into q, for a door that has no room of its own. False: no buffer is free. */
bool serve_keep(struct serve *s, struct request *q, const uint8_t *data, uint32_t size);

/* The last piece was taken: the next may come. */
void serve_pulled(struct serve *s, struct request *q);
/*
 * Some of an answer that serve_keep keeps was sent; `whole`: its last part. One that was given
 * whole, or is not asked for any more, gives its buffer up to another.
 */
void serve_given(struct serve *s, struct request *q, bool whole);

/* The client is gone, and wants no word. */
void serve_cancel(struct serve *s, struct request *q);

#endif
