/*
 * Requests, from their first byte to the end of what their door keeps of them.
 *
 *	RECEIVING -> PROPOSING -> PROPOSED -> ANSWERED                a command
 *	RECEIVING -> READING -> READABLE (-> STREAMING) -> ANSWERED   a linearizable query
 *	RECEIVING -> ANSWERED                                         what needs neither; a command
 *	                                                              that a peer forwarded
 *
 * Each of them may have to wait, RECEIVING -> WAITING -> RECEIVING, for its source's next share of
 * a turn (serve/share.h).
 *
 * The table is bounded; a request that finds no place is refused at the door. An ANSWERED request
 * stays for its door to say the answer again, until its place is needed, and not longer than
 * REQUEST_KEEP_NS.
 */
#ifndef SERVE_REQUEST_H
#define SERVE_REQUEST_H

#include "base/parts.h"
#include "raft/types.h"
#include "serve/buffers.h"
#include "serve/door.h"
#include "serve/share.h"

#include <assert.h>
#include <stddef.h>
#include <sys/queue.h>

struct sm_cursor;
struct sm_snapshot;

enum {
	/*
	 * 5.6 MiB with their small messages: all that is in flight of 32 sessions whose windows are
	 * full, or of 16 where one source has them all (SH4).
	 */
	REQUESTS_MAX = 2048,
	REQUEST_BUCKETS = 4096,
	REQUEST_SMALL_SIZE = PARTS_PART_SIZE,
	REQUEST_DOOR_SIZE = 48,
};

#define REQUEST_KEEP_NS 2000000000ull
/* A large answer that was not given whole is not asked for any more: several silences. */
#define REQUEST_STALE_NS 200000000ull
/* Nothing new came of a request that is gathered: it is given up, whatever its client said. */
#define REQUEST_SILENT_NS 2000000000ull
#define REQUEST_TIMEOUT_NS_MAX 60000000000ull
#define REQUEST_TIMEOUT_NS_DEFAULT 5000000000ull

enum request_state {
	REQUEST_FREE,
	REQUEST_RECEIVING, /* its door gathers it */
	REQUEST_WAITING,   /* it is whole, and its source has had its share of this turn */
	REQUEST_PROPOSING, /* a command that no leader is known to have taken */
	REQUEST_PROPOSED,  /* in a leader's log: waits for its apply */
	REQUEST_READING,   /* waits for a read index */
	REQUEST_READABLE,  /* has one: waits for the apply to reach it */
	REQUEST_STREAMING, /* its answer leaves piece by piece */
	REQUEST_ANSWERED,  /* kept for its door */
	REQUEST_STATE_COUNT,
};

struct request {
	TAILQ_ENTRY(request) list; /* of its state */
	enum request_state state;

	/* From here on cleared by request_open. */
	struct door *door;
	LIST_ENTRY(request) by_id;
	LIST_ENTRY(request) by_session; /* PROPOSING and PROPOSED */
	uint64_t id;                    /* as who sent it names it, ... */
	uint64_t from;                  /* ... and who that is, as the door names him */
	enum request_kind kind;
	enum serve_status status; /* ANSWERED */
	uint64_t deadline_ns;
	uint64_t source; /* who sent it, as far as shares go; 0: who has no share */

	uint8_t *data; /* small, a buffer's, or its door's */
	uint32_t size;
	struct buffer *buffer; /* or NULL */

	uint64_t session, sequence; /* of a command */
	bool session_listed;

	/* Forwarding to the leader, on a follower. */
	uint64_t forward_id;
	raft_term term;       /* in which it was proposed, forwarded or, a query, asked about */
	uint32_t parts_acked; /* the leader has all below */
	uint32_t parts_sent;
	uint64_t resend_ns; /* when to forward, propose or ask for a read again */
	uint64_t resend_wait_ns;

	bool strayed; /* a copy may be elsewhere: that nothing was done is never said */

	uint64_t read_context; /* of a command: asked before it is refused for want of space */
	raft_index read_index;
	raft_term asked_term;
	raft_index asked_last; /* the leader's, when it first found no room in that term */
	/* STREAMING: of the answer, one of them. */
	struct sm_cursor *rest;
	struct sm_snapshot *backup;
	bool pulled;        /* STREAMING: the door has room for the next piece */
	uint64_t pushed_ns; /* STREAMING: when the newest piece left */

	uint8_t *answer; /* as serve_keep left it */
	uint32_t answer_size;
	/* When its door was last asked for some of it; RECEIVING: was last given something new. */
	uint64_t asked_ns;
	bool given; /* ... all of it was, once at least */

	/* The door's own, opaque here; cleared too. */
	_Alignas(8) uint8_t door_state[REQUEST_DOOR_SIZE];

	uint8_t small[REQUEST_SMALL_SIZE];
	uint8_t small_answer[REQUEST_SMALL_SIZE];
};

static_assert((int)BUFFERS_SMALL_COUNT >= (int)REQUESTS_MAX, "there is one for each");

TAILQ_HEAD(request_list, request);
LIST_HEAD(request_bucket, request);

/* When a buffer was looked for in vain, by one that had so many of its class. */
struct request_barren {
	uint64_t ns;
	uint32_t taken;
};

struct requests {
	uint64_t now_ns;      /* of this turn */
	struct request *slot; /* REQUESTS_MAX */
	struct request_list list[REQUEST_STATE_COUNT];
	struct request_bucket by_id[REQUEST_BUCKETS];
	struct request_bucket by_session[REQUEST_BUCKETS];
	uint32_t in_state[REQUEST_STATE_COUNT]; /* the lists' lengths */
	uint32_t open;                          /* neither FREE nor ANSWERED */
	struct shares shares;                   /* of these, and of the loop's time; has the salt */
	struct buffers buffers;
	struct request_barren barren[BUFFERS_CLASSES];
};

/*
 * 0 or -ENOMEM. `salt`: what ids and sessions are kept by is a hash of it and them, so that nobody
 * who chooses them, and not the salt, chooses how long a look-up takes (V37); never 0.
 */
int requests_create(struct requests *r, uint64_t salt);
void requests_destroy(struct requests *r);

/*
 * A new request in RECEIVING, or NULL: the table is full of open ones, or its source has its share.
 * With `size` over REQUEST_SMALL_SIZE it gets a buffer, or NULL too.
 *
 * Buffers of one size are shared out (N13, V31): a source has at most as many as it leaves to
 * others, free or with an answer that was given (SH4), whatever becomes of its requests and for how
 * long. So a source that comes finds some. What was given gives its buffer up where none is free.
 * Who has its share gets another for one of its own of which nothing was heard for
 * REQUEST_STALE_NS; who has none, where none is left, for anybody's. And then, where none is left,
 * the source that has at least two more than the one that asks gives the least recently used that
 * is only gathered or given. What a request at work has is nobody's to take.
 */
struct request *request_open(struct requests *r, struct door *door, uint64_t from, uint64_t id,
			     uint32_t size, uint64_t source);
/* Whether a source has less than its share of the places (SH4). */
bool request_may_open(const struct requests *r, uint64_t source);
void request_move(struct requests *r, struct request *q, enum request_state state);
void request_close(struct requests *r, struct request *q);
/* Something new of it came, or some of its answer was asked for. */
void request_touch(struct requests *r, struct request *q);
/* Its bytes are not needed any more: nobody waits for its buffer. */
void request_shed(struct requests *r, struct request *q);

/* NULL: there is none. A door that looks for its requests has one of each name at most. */
struct request *request_find(struct requests *r, const struct door *door, uint64_t from,
			     uint64_t id);

/* Commands are found again by (session, sequence) when they have been applied. */
void request_list_session(struct requests *r, struct request *q);
struct request *request_find_session(struct requests *r, uint64_t session, uint64_t sequence);

/* Copies the answer in: false if it needs a buffer and there is none. */
bool request_set_answer(struct requests *r, struct request *q, const uint8_t *answer,
			uint32_t size);

#endif
