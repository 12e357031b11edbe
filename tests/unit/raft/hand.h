/*
 * One core driven by hand: the test plays the other members, the disk and the clock.
 *
 * The core is member 1; members 2 .. n exist only as messages that the test makes. The table names
 * their directories 0xa0 + id. What the others know of its start is answered already, unless the
 * test says otherwise.
 */
#ifndef TESTS_UNIT_RAFT_HAND_H
#define TESTS_UNIT_RAFT_HAND_H

#include "raft/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { HAND_SENT_MAX = 4096, HAND_HEARTBEAT_US = 20000, HAND_ELECTION_US = 150000 };
enum { HAND_PLACE_4 = 4000, HAND_IDENTITY_4 = 0xa4 };

struct hand {
	struct raft *r;
	uint64_t now_us;
	uint64_t seq; /* newest token handed out */
	struct raft_hard_state hard;
	raft_index persist_first; /* of the newest hand-out of entries */
	raft_index persist_last;
	struct raft_message sent[HAND_SENT_MAX]; /* entry pointers are not followed */
	uint32_t sent_count;
	struct raft_read read[64];
	uint32_t read_count;
	struct raft_fetch fetch[64];
	uint32_t fetch_count;
	raft_index applied;
	struct raft_snapshot offer; /* the newest that was handed out, by whom, and how often any */
	raft_id offer_from;
	uint32_t offers;
	bool log_full;        /* it takes no entries */
	bool quiet;           /* nothing that is ready is taken */
	uint32_t lost, whole; /* how often a ready said so */
	raft_start lost_known;
};

struct hand_options {
	uint32_t nodes;
	const char *terms;   /* of the log, one digit per entry, e.g. "1122" */
	raft_index long_log; /* or: so many entries of term 1 */
	raft_index base;     /* which follow this one, as a snapshot covers it ... */
	raft_term base_term;
	raft_index applied; /* ... or so much, if that is more */
	raft_index noops;   /* the last of them */
	raft_term term;
	raft_id vote;
	bool lost;
	bool unconfirmed;
	raft_identity identity; /* 0: the one that the table names */
	uint32_t append_size_max;
	bool pre_vote;     /* it asks before it stands: else it stands at once */
	bool check_quorum; /* it hears leaders, and leads while a majority answers */
	bool lease_reads;
	uint32_t promise_us;
};

raft_start hand_start(raft_id id, uint32_t count);
void hand_init(struct hand *h, struct hand_options o);
void hand_fini(struct hand *h);

/* Collects everything that is ready; applies at once; persists nothing. */
void hand_take(struct hand *h);
/* All that was handed out is durable; then hand_take. */
void hand_persist(struct hand *h);
void hand_persist_seq(struct hand *h, uint64_t seq);
void hand_tick(struct hand *h, uint64_t us);
void hand_forget(struct hand *h); /* what was sent */

struct raft_message hand_message(const struct hand *h, enum raft_message_type type, raft_id from,
				 raft_term term);
int hand_recv(struct hand *h, const struct raft_message *m);

/* Makes it the leader of the next term, with its first entry durable here and nowhere else. */
void hand_elect(struct hand *h);
void hand_campaign(struct hand *h);
/* `from` would vote for it. */
int hand_prevote(struct hand *h, raft_id from);
/* It answers the probe, and has made nothing durable: entries stream to it from now on. */
void hand_stream(struct hand *h, raft_id from);
struct raft_message hand_answer(const struct hand *h, raft_id from, bool accepted, raft_index prev,
				raft_index match);
int hand_ack(struct hand *h, raft_id from, raft_index match);
int hand_echo(struct hand *h, raft_id from, raft_index match, uint64_t read_seq);
/* It has all, and says its priority. */
void hand_prefer(struct hand *h, raft_id from, uint8_t priority);
int hand_refuse(struct hand *h, raft_id from, raft_index prev, raft_index hint,
		raft_term hint_term);
/* As a leader offers it; the newest that this member has itself. */
int hand_offer(struct hand *h, raft_id from, raft_term term, raft_index index, raft_term of);
void hand_snapshot(struct hand *h, raft_index index);
/* A snapshot of the first table is installed; and what is ready is taken. */
void hand_install(struct hand *h, raft_index index, raft_term term);
/* An append from member `from` of entries with the terms given, one digit each. */
int hand_append(struct hand *h, raft_id from, raft_term term, raft_index prev, raft_term prev_term,
		const char *terms, raft_index commit);
int hand_propose(struct hand *h);

/* The newest message of the type to that member; NULL if there is none. */
const struct raft_message *hand_sent(const struct hand *h, enum raft_message_type type, raft_id to);
uint32_t hand_sent_count(const struct hand *h, enum raft_message_type type, raft_id to);
struct raft_peer *hand_peer(struct hand *h, raft_id id);

/*
 * What `from` answers to this member's start: the start that it knows, and what that acknowledged.
 */
struct raft_message hand_told(const struct hand *h, raft_id from, raft_start known, raft_term term,
			      raft_index index);
/* It knows this start, and no position. */
int hand_told_well(struct hand *h, raft_id from);

int hand_vote_ask(struct hand *h, raft_id from, raft_term term);
bool hand_voted(const struct hand *h, raft_id to);

/* --- changes of members --- */

/* It leads three, and all that it has is committed. */
void hand_lead(struct hand *h);
int hand_change(struct hand *h, struct raft_change c, struct raft_refusal *refusal);
/* All that is there is durable here and on those; a tick lets the leader go on. */
void hand_commit(struct hand *h, raft_id from, raft_id to);
/* Member 4: a learner with a directory; by ADD or REPLACE one that is to vote as soon as it can. */
void hand_add_4(struct hand *h, enum raft_change_kind kind, raft_id replaced);

#endif
