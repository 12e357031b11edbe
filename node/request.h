/*
 * Requests of clients, from their first part to the end of their answer's retransmission.
 *
 *	RECEIVING -> PROPOSING -> PROPOSED -> ANSWERED        a command
 *	RECEIVING -> READING -> READABLE -> ANSWERED          a linearizable query
 *	RECEIVING -> ANSWERED                                 a command that a peer forwarded
 *
 * The table is bounded; a request that finds no slot is refused at the door. An ANSWERED request
 * stays for retransmission until its slot is needed, and not longer than REQUEST_KEEP_NS.
 */
#ifndef NODE_REQUEST_H
#define NODE_REQUEST_H

#include "dataplane/dp.h"
#include "dataplane/parts.h"
#include "raft/types.h"

#include <sys/queue.h>

struct admin_call;

enum {
	REQUESTS_MAX = 2048, /* 5.5 MiB with their small messages; a closed-loop client has one */
	REQUEST_BUCKETS = 4096,
	REQUEST_SMALL_SIZE = WIRE_PART_SIZE,
	REQUEST_BUFFERS_MAX = 16, /* large messages at a time: 16 x 1.63 MiB = 26 MiB */
};

#define REQUEST_KEEP_NS 2000000000ull
#define REQUEST_TIMEOUT_NS_MAX 60000000000ull
#define REQUEST_TIMEOUT_NS_DEFAULT 5000000000ull

enum request_state {
	REQUEST_FREE,
	REQUEST_RECEIVING, /* parts are missing */
	REQUEST_PROPOSING, /* a command that no leader is known to have taken */
	REQUEST_PROPOSED,  /* in a leader's log: waits for its apply */
	REQUEST_READING,   /* waits for a read index */
	REQUEST_READABLE,  /* has one: waits for the apply to reach it */
	REQUEST_ANSWERED,  /* kept for retransmission */
	REQUEST_STATE_COUNT,
};

enum request_origin {
	REQUEST_FROM_CLIENT,
	REQUEST_FROM_ADMIN,
	REQUEST_FROM_PEER,
};

struct request {
	TAILQ_ENTRY(request) list; /* of its state */
	enum request_state state;

	enum request_origin origin; /* from here on cleared by request_open */
	LIST_ENTRY(request) by_id;
	LIST_ENTRY(request) by_session; /* PROPOSING and PROPOSED */
	enum wire_request kind;
	uint64_t deadline_ns;

	struct dp_address from;  /* of a client */
	uint32_t peer;           /* of a peer */
	struct admin_call *call; /* of the admin socket */
	uint64_t cookie;
	uint64_t id;

	uint8_t *data; /* small, a buffer of the pool, or the admin call's */
	uint32_t size;
	struct parts *parts; /* RECEIVING: of the buffer */
	uint8_t *buffer;     /* of the pool, or NULL */

	uint64_t session, sequence; /* of a command */
	bool session_listed;

	/* Forwarding to the leader, on a follower. */
	uint64_t forward_id;
	raft_term term;       /* in which it was proposed or forwarded */
	uint16_t parts_acked; /* of PROPOSE */
	uint16_t parts_sent;
	uint64_t resend_ns; /* when to forward, propose or ask for a read again */
	uint64_t resend_wait_ns;

	uint64_t read_context;
	raft_index read_index;

	enum wire_status status;
	uint64_t answer_id;
	uint8_t *answer;
	uint32_t answer_size;

	uint8_t small[REQUEST_SMALL_SIZE];
	uint8_t small_answer[REQUEST_SMALL_SIZE];
};

TAILQ_HEAD(request_list, request);
LIST_HEAD(request_bucket, request);

struct requests {
	struct request *slot; /* REQUESTS_MAX */
	struct request_list list[REQUEST_STATE_COUNT];
	struct request_bucket by_id[REQUEST_BUCKETS];
	struct request_bucket by_session[REQUEST_BUCKETS];
	uint32_t in_state[REQUEST_STATE_COUNT]; /* the lists' lengths */
	uint32_t open;                          /* neither FREE nor ANSWERED */
	uint8_t *buffer[REQUEST_BUFFERS_MAX];
	struct parts *parts[REQUEST_BUFFERS_MAX];
	bool buffer_taken[REQUEST_BUFFERS_MAX];
	uint64_t refused_busy; /* at the door: no slot or no buffer */
};

/* 0 or -ENOMEM. */
int requests_create(struct requests *r);
void requests_destroy(struct requests *r);

/*
 * A new request in RECEIVING, or NULL: the table is full of open ones. With `size` over
 * REQUEST_SMALL_SIZE it gets a buffer of the pool, or NULL too.
 */
struct request *request_open(struct requests *r, enum request_origin origin, uint64_t id,
			     uint32_t size);
void request_move(struct requests *r, struct request *q, enum request_state state);
void request_close(struct requests *r, struct request *q);

struct request *request_find_client(struct requests *r, const struct dp_address *from, uint64_t id);
struct request *request_find_peer(struct requests *r, uint32_t peer, uint64_t id);

/* Commands are found again by (session, sequence) when they have been applied. */
void request_list_session(struct requests *r, struct request *q);
struct request *request_find_session(struct requests *r, uint64_t session, uint64_t sequence);

/* Copies the answer in: false if it needs a buffer and there is none. */
bool request_set_answer(struct requests *r, struct request *q, const uint8_t *answer,
			uint32_t size);

#endif
