/*
 * Shared by the two halves of the local socket's thread: a connection, and all of them.
 *
 *	READING -> CALLING -> WRITING -> READING ...
 *	              ^          |
 *	              +----------+  a piece was written, and more follow
 *
 * In CALLING the call is the loop's, else the thread's. One that the client closes meanwhile is
 * kept until its call comes back.
 *
 * There are CALLS_MAX places, and a few more for whoever comes while all of them are at work: to be
 * told so, as an answer to what was asked.
 */
#ifndef DOORS_CALLS_INTERNAL_H
#define DOORS_CALLS_INTERNAL_H

#include "base/ring.h"
#include "dataplane/stream.h"
#include "doors/calls.h"

#include <assert.h>
#include <pthread.h>
#include <sys/un.h>

enum {
	CALLS_TOLD_MAX = 8,
	CALLS_PLACES = CALLS_MAX + CALLS_TOLD_MAX,
	/*
	 * While somebody waits, in ticks of a tenth of a second: who never asked for anything gives
	 * its place up in three, so that the last of a thousand waits for five seconds; who is
	 * between two requests in ten. Who sends or takes less than CALLS_STEP in ten is as good as
	 * silent.
	 */
	CALLS_IDLE_TICKS = 3,
	CALLS_SLOW_TICKS = 10,
	CALLS_STEP = 64 * 1024,
	CALLS_FULL_TICKS = 10, /* then who comes is told that it is full */
	CALLS_RETRY_US = 100000,
};

/*
 * A place may be given up and taken again within one batch of events, of which one may be the
 * former client's hang-up still. It counts for a call alone, and the next one has none yet: nothing
 * but an event of its own reads it, for the batch's tick is its first.
 */
static_assert(CALLS_IDLE_TICKS > 1, "who was accepted in a batch is not read by its tick");

enum connection_state {
	CONNECTION_FREE,
	CONNECTION_READING,
	CONNECTION_CALLING,
	CONNECTION_WRITING
};

struct connection {
	struct call call; /* first: a call is its connection */
	enum connection_state state;
	int fd;
	bool closing;    /* the client went away while CALLING */
	bool asked;      /* once at least */
	uint64_t turn;   /* when it came or asked last, by its place among all who did */
	uint32_t ticks;  /* since it last came a step further */
	uint32_t lately; /* bytes that moved since */
	uint8_t header[STREAM_HEADER_SIZE];
	uint32_t moved; /* bytes of header and then data that were read or written */
};

struct calls {
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	_Atomic uint64_t cluster_id, member_id, base; /* of the welcome */
	_Atomic bool stopping;
	_Atomic uint64_t told; /* that it is full */
	_Atomic bool starved;  /* of descriptors */
	int listener, epoll, wake, tick;
	bool freed;   /* a place, since the listener was looked at */
	bool waiting; /* somebody, for a place or a descriptor: the listener is not looked at */
	bool ticking;
	uint64_t turns;
	uint32_t full_ticks; /* in which somebody waited and nobody gave way */
	pthread_t thread;
	struct ring to_node, from_node;
	struct connection connection[CALLS_PLACES];
	uint8_t *memory; /* of all calls' data and answers */
};

/* listen.c: but for listen_create, on the thread. 0 or -errno with one line in error. */
int listen_create(struct calls *s, char error[CALLS_ERROR_MAX]);
void listen_accept(struct calls *s);
void listen_again(struct calls *s); /* if a place was freed */
void listen_tick(struct calls *s);

/* connection.c: all of it on the thread. */
void connection_open(struct calls *s, struct connection *c, int fd);
/* It came a step further, or the tick begins to count for it. */
static inline void connection_step(struct connection *c)
{
	c->ticks = 0;
	c->lately = 0;
}

/* Of one that is not CALLING. */
void connection_close(struct calls *s, struct connection *c);
void connection_read(struct calls *s, struct connection *c);
void connection_write(struct calls *s, struct connection *c);
/* The client hung up while the call is the loop's. */
void connection_hung_up(struct calls *s, struct connection *c);
/* Its call came back. */
void connection_resume(struct calls *s, struct connection *c);

#endif
