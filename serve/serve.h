/*
 * Requests, from whole to answered, whichever door they came by.
 *
 *	serve_turn, then whatever the doors bring, then serve_drive; serve_applied and
 *	serve_confirmed as the core hands them out; serve_expire
 */
#ifndef SERVE_SERVE_H
#define SERVE_SERVE_H

#include "kv/sm.h"
#include "raft/types.h"
#include "serve/forward.h"
#include "serve/port.h"

struct serve;

struct serve_options {
	struct sm *sm;
	struct serve_port *port;
	struct serve_peers *peers;
	struct serve_host *host;
	/* Above every id that an earlier life of this member gave to a forward or a read. */
	uint64_t first_id;
	/* Of what is kept by a hash of what others choose: nobody can guess it; never 0. */
	uint64_t salt;
	uint64_t backup_rate; /* bytes a second of all backups together; 0: as they are taken */
};

struct serve_counters {
	uint64_t commands;  /* complete and well-formed */
	uint64_t queries;   /* linearizable */
	uint64_t answers;   /* last words, refusals too */
	uint64_t forwarded; /* commands sent to a leader, once for each leader */
	uint64_t refused;   /* at the door: no place, or no buffer */
	uint64_t over;      /* packets: more than the share of their source */
	uint64_t malformed; /* commands that the state machine cannot read */
	uint64_t timeouts;
	uint64_t commands_failed, reads_failed; /* of these, or for want of a leader */
	uint64_t streams;                       /* answers of more than one piece */
	uint64_t pushes;
	uint64_t streams_cut; /* their revision could be kept no longer, or they gave way */
};

/* 0 or -ENOMEM. */
int serve_create(struct serve **out, const struct serve_options *options);
/* Takes every request from its door: before the doors go. */
void serve_destroy(struct serve *s);

/* A turn of the loop begins: the one place where time enters. */
void serve_turn(struct serve *s, uint64_t now_ns);
/* Whatever can be proposed, forwarded, asked or pushed now. */
void serve_drive(struct serve *s);
/* Ends the requests that ran out of time. */
void serve_expire(struct serve *s);

/* The state machine has applied up to here; `half`: and a part of the next command. */
void serve_progress(struct serve *s, raft_index applied, bool half);
/*
 * The state machine has no state to show, for it is being restored: what this member alone is asked
 * for is refused, and what is to be answered from its state waits. When that is over, commands that
 * the new state knows are answered.
 */
void serve_hold(struct serve *s, bool held);
/* A command was applied. */
void serve_applied(struct serve *s, const struct sm_result *result);
/* The answer to port->read; index 0: ask again. */
void serve_confirmed(struct serve *s, uint64_t context, raft_index index);

/*
 * A command by which this member says something of itself: to the log, or to the leader, once. 0:
 * it is on its way; what comes of it is seen when it was applied. -EAGAIN: not now. Of one part.
 */
int serve_offer(struct serve *s, const uint8_t *data, uint32_t size);

/*
 * Whether this member is a learner. As etcd's it answers what needs nobody else: its status, and
 * queries of its own state. What was begun before goes on.
 */
void serve_set_learner(struct serve *s, bool learner);

/*
 * The state here is not the one that the majority has: nothing is answered from it from now on.
 * What other members forward to a leader goes into the log as before.
 */
void serve_corrupt(struct serve *s);

/* No request is taken any more; what is open gets a moment to finish. */
void serve_stop(struct serve *s);
/* What is here is of no cluster any more: it is not read. */
void serve_retire(struct serve *s);
bool serve_stopped(const struct serve *s);

/* True if something happened since serve_turn that may have made more to do. */
bool serve_active(const struct serve *s);
/* When serve_expire has something to look at; UINT64_MAX: never. */
uint64_t serve_deadline(const struct serve *s);
/* Requests that wait for their last word. */
uint32_t serve_open_count(const struct serve *s);
/* Commands among them that are not known to be committed. */
uint32_t serve_pending_count(const struct serve *s);
const struct serve_counters *serve_get_counters(const struct serve *s);

#endif
