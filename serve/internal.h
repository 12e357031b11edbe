/*
 * Serve's inside: what the files of serve/ share.
 *
 * Invariants:
 *	SV1. An answer that says OK to a command is made of the verdict of its apply, or of what
 *	     the state machine remembers of that; and once it was applied nothing says otherwise.
 *	SV2. A query is answered from a state that has applied at least its confirmed read index.
 *	SV3. Every piece of one answer is of one revision.
 */
#ifndef SERVE_INTERNAL_H
#define SERVE_INTERNAL_H

#include "serve/request.h"
#include "serve/serve.h"

enum {
	SERVE_FORWARD_PARTS = 32, /* of one command in flight, as many as a burst takes */
	/*
	 * One that is on its way, and one that somebody takes by hand meanwhile. They share a rate,
	 * so more of them would only hold their revisions longer.
	 */
	SERVE_BACKUPS_MAX = 2,
	/* Less than the largest piece of another answer. */
	SERVE_BACKUP_PIECE = 256 * 1024,
};

#define SERVE_RESEND_NS_MIN 2000000ull
#define SERVE_RESEND_NS_MAX 200000000ull
#define SERVE_EXPIRY_SCAN_NS 2000000ull
/* A reader that has taken nothing for so long gives way to another if there is no room for both. */
#define SERVE_STREAM_PATIENCE_NS 1000000000ull
/*
 * A backup takes as long as it takes; its reader is given up when it has taken nothing for so long:
 * a disk that it writes to may stand still for seconds.
 */
#define SERVE_BACKUP_PATIENCE_NS 10000000000ull
/* Requests that are open when the node is stopped get this long to finish. */
#define SERVE_STOP_NS 500000000ull
/*
 * Whoever was answered, or refused because of the stop, asks again at once, and is told so: many
 * times the way there and back. Else he waited for one that is gone, for as long as his patience
 * lasts.
 */
#define SERVE_LINGER_NS 20000000ull

struct serve {
	struct sm *sm;
	struct serve_port *port;
	struct serve_peers *peers;
	struct serve_host *host;

	uint64_t now_ns;
	bool active;
	bool retired; /* serve_retire */
	bool stopping;
	uint64_t stop_ns;
	uint64_t spoke_ns; /* a last word, or a refusal because of the stop; 0: none yet */
	uint64_t next_expiry_ns;
	uint64_t next_id; /* of forwards and read contexts */
	uint64_t asked;   /* by query_ask, in the turn of asked_ns */
	uint64_t asked_ns;

	struct requests requests;
	struct door gathering;   /* of the commands that peers forward here */
	raft_term proposed_term; /* PROPOSED commands of an older term have been put back */
	raft_index applied;
	bool half;       /* a part of the next command shows: nothing may be read */
	bool held;       /* serve_hold */
	bool leaderless; /* there was no leader to wait for */
	bool learner;
	bool corrupt; /* serve_corrupt */

	uint8_t *scratch; /* PARTS_MESSAGE_SIZE_MAX: an answer before its door has it */

	uint32_t backups; /* that are on their way */
	uint64_t backup_rate;
	uint64_t backup_ns; /* before it none of them gets its next piece */

	struct serve_counters counters;
};

/* What the state machine has may be shown. */
static inline bool serve_readable(const struct serve *s)
{
	return !s->half && !s->held;
}

/* serve.c: the last word, and other ends. */
void serve_answer(struct serve *s, struct request *q, enum serve_status status, const uint8_t *data,
		  uint32_t size);
void serve_refuse(struct serve *s, struct request *q, enum serve_status status);

/* When to try again: later each time. */
void serve_resend_reset(const struct serve *s, struct request *q);
void serve_resend_later(const struct serve *s, struct request *q);

/* command.c: from a complete command to a leader's log. */
void command_begin(struct serve *s, struct request *q);
void command_drive(struct serve *s);
/* Whether the log may take it: 0 or -ENOSPC, which is not final. */
int command_judge(const struct serve *s, const struct serve_leader *leader, const uint8_t *data,
		  uint32_t size);
/*
 * That verdict on a whole command, made final. 0, -ENOSPC, or -EAGAIN: it cannot be
 * said yet. command_confirmed: the answer to what was asked for it.
 */
int command_admit(struct serve *s, struct request *q, const struct serve_leader *leader);
void command_confirmed(struct serve *s, uint64_t context, raft_index index);
/* Another state: those whose end it knows are told. */
void command_restored(struct serve *s);

/* forward.c: a follower's end; accept.c: the leader's. */
void forward_send(struct serve *s, struct request *q, const struct serve_leader *leader);
void accept_init(struct serve *s);
/* The request that this part makes whole, or NULL; and then what becomes of it. */
struct request *accept_part(struct serve *s, raft_id from, const struct forward_part *p);
void accept_begin(struct serve *s, struct request *q);
void accept_confirmed(struct serve *s, uint64_t context, raft_index index);

/* A verdict, told: from the moment it came, or of a retry. */
void command_answer(struct serve *s, struct request *q, const struct sm_result *result);

/* query.c: linearizable queries. */
void query_begin(struct serve *s, struct request *q);
void query_drive(struct serve *s);
/* Asks whether this leader leads, once for all in a turn: the context, or 0: not now. */
uint64_t query_ask(struct serve *s);
void query_confirmed(struct serve *s, uint64_t context, raft_index index);
/* From the state as it is. */
void query_answer(struct serve *s, struct request *q);

/* corrupt.c: what is asked of a state that is not to be shown. */
void corrupt_refuse(struct serve *s, struct request *q);

/* stream.c: the rest of answers that are larger than one piece. */
/*
 * The state machine has made the first piece of an answer in the scratch: its size, or why it has
 * not. `busy` is said if there is no room for the rest of it.
 */
void stream_answer(struct serve *s, struct request *q, int size, struct sm_cursor *rest,
		   enum serve_status busy);
void stream_drive(struct serve *s);
/* Whether there is a cursor for one more answer of its source (SH4). */
bool stream_may_begin(const struct serve *s, const struct request *q);
/*
 * There is none: readers that are silent for long give way, its source's own first; or, where all
 * are taken, to one of a source that has none the slowest of the source that has most.
 */
void stream_give_way(struct serve *s, const struct request *asks);
/* The answer ends early. */
void stream_cut(struct serve *s, struct request *q, enum serve_status status);
/* The cursor is not needed any more. */
void stream_end(struct serve *s, struct request *q);
/* All of the state as it is, in pieces. */
void stream_backup(struct serve *s, struct request *q);
/* When a backup that waits for its rate gets its next piece; UINT64_MAX: none does. */
uint64_t stream_deadline(const struct serve *s);

#endif
