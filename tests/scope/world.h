/*
 * A small world of real cores: members with their disks, the messages in flight, and what the
 * checkers remember. Its state is plain memory: a member is copied out and in again, and two worlds
 * are the same if their bytes are.
 *
 * A core runs at one fixed place (live[i]), so the pointers in it stay true wherever its bytes are
 * kept meanwhile. Time does not pass by itself: a timer fires when an event says so, and every time
 * is set back after it (settle.c). A write is done at once, unless the member's disk is held. What
 * is asked about a start is answered within the step that needs it.
 *
 * Checked after every event (check.c):
 *
 *	SC1  Election safety: a term has at most one leader.
 *	SC2  Log matching: an (index, term) has one content and one past, in every log and on every
 *	     disk.
 *	SC3  Leader completeness: a leader holds every entry that was committed before its term.
 *	SC4  State machine safety: what any member commits or applies is what was committed first.
 *	SC5  What a leader commits is on a majority of disks, and of its own term or before an entry
 *	     that is.
 *	SC6  What a message says is on the disk: term, vote, entries.
 *	SC7  A term has one vote of a member, whatever it forgot in a crash.
 *	SC8  A confirmed read has an index at or above all that was committed when it was asked.
 *	SC9  Neither commit nor a leader's match goes back; nothing contradicts, nothing is lost.
 *	SC10 A question whether one would be elected changes neither term nor vote; nor, while a
 *	     leader is heard, does a VOTE that it did not ask for.
 *	SC13 A snapshot is offered of what is committed, and to who lacks it.
 *	SC12 Of the member tables in a log at most one is not committed, and none says again what
 *	     the one before it said: a joint one is left once.
 *
 * And in one state of some (calm.c):
 *
 *	SC11 If everything works from then on, somebody leads, and all that it holds is committed
 *	     everywhere.
 */
#ifndef TESTS_SCOPE_WORLD_H
#define TESTS_SCOPE_WORLD_H

#include "raft/internal.h"

enum {
	MEMBERS_MAX = RAFT_MEMBERS_MAX,
	LOG_MAX = RAFT_WINDOW_SLOTS - 1,
	WRITES_MAX = 4,
	NET_MAX = 20,
	TERMS_MAX = 31, /* those of who looks ahead among them */
	READS_MAX = 2,
	EVENTS_MAX = 255,
	ORDERS_MAX = 6, /* of three members */
};

enum event_kind {
	EVENT_DELIVER, /* a message arrives */
	EVENT_COPY,    /* ... and stays in flight */
	EVENT_LOSE,    /* it never will */
	EVENT_FINISH,  /* a member's oldest write is durable */
	EVENT_HOLD,    /* its disk takes writes and finishes none by itself */
	EVENT_RELEASE,
	EVENT_CRASH,     /* and a restart: what was in flight to its disk is gone */
	EVENT_TIMEOUT,   /* an election's; a leader's, which hears no majority; a transfer's */
	EVENT_SILENCE,   /* a member has heard no leader, and given no vote, for a while */
	EVENT_HEARTBEAT, /* a leader's heartbeats and retransmissions are due */
	EVENT_TRANSFER,
	EVENT_CHANGE, /* of members */
	EVENT_TELL,   /* a member is told a committed table, and keeps it */
	EVENT_MEET,   /* one that hears no leader meets a stranger, by a newer committed table */
	EVENT_PROPOSE,
	EVENT_READ,
	EVENT_SNAPSHOT, /* of all that a member has applied; its log begins behind that */
	EVENT_INSTALL,  /* what a member was offered is here, and wanted */
	EVENT_KINDS,
};

struct event {
	uint8_t kind;
	uint8_t who;  /* a member; of a message: its place in flight */
	uint8_t what; /* a crash's and a change's flags; a transfer: to whom; a timeout: 1: its */
};

enum crash_flag {
	CRASH_ANSWERS = (1 << MEMBERS_MAX) - 1, /* by member */
	CRASH_HARD = 1 << MEMBERS_MAX,          /* term and vote are written before the entries */
	CRASH_FIRST = 5,                        /* from this bit on: who answers first */
};

/* A change of members: who leaves (0: nobody), and whether the learner is made a voter. */
enum change_flag {
	CHANGE_LEAVES = 7,
	CHANGE_PROMOTES = 8,
};

/* What may happen at all, and how often. */
struct scope {
	const char *name;
	uint32_t members;
	bool learner;     /* the last of them, at the beginning */
	bool joins;       /* ... which is to vote, was just told the first table, and has no log */
	uint8_t replaces; /* ... and whom it is to replace */
	uint8_t lacks;    /* ... or it lacks so many commands that are committed */
	/*
	 * ... or it had no directory in the first table, joined while this one was away, and is a
	 * stranger to it; `begun` is committed.
	 */
	uint8_t away;
	/*
	 * ... or it lacks them, all others have a snapshot of them in place of a log, and were
	 * started again; it led before them, and has so many commands that nobody else has.
	 */
	bool based;
	uint8_t tail;
	uint8_t begun;   /* a change, which the leader ends when its joint table is committed */
	bool led;        /* it begins with a leader, and its first entry committed everywhere */
	bool slow;       /* every write is an event */
	bool ordered;    /* between two members no message overtakes another */
	bool bursts;     /* ... and all that are in flight there arrive together */
	bool alike;      /* members differ by their numbers alone: states that do are the same */
	bool leases;     /* reads are answered under them */
	bool all_answer; /* about a start, or else one alone */
	uint8_t pre_vote, check_quorum; /* by member: switched on */
	raft_term term_max;
	uint8_t most[EVENT_KINDS]; /* but for what is not counted: world.c */
};

struct write {
	uint64_t seq;
	struct raft_hard_state hard;
	bool hard_set;
	uint8_t first;
	uint8_t count;
	uint16_t entry[LOG_MAX]; /* of the pool */
};

struct log {
	uint8_t last;
	uint16_t entry[LOG_MAX + 1]; /* of the pool; entry[0] is unused */
};

/* A member beside its core, which follows it in memory. */
struct member {
	struct raft_hard_state hard; /* on its disk, and so is the next one */
	struct log disk;
	struct log memory; /* as handed out to the disk */
	struct write write[WRITES_MAX];
	uint32_t write_count;
	bool held;
	uint32_t starts;
	/* Its log begins behind that entry, of which it has a snapshot; what it is offered. */
	uint8_t base;
	uint8_t offered;
	/* The tables of these indices, and their entries of the pool; 0: none. */
	uint8_t begun; /* it joined with it, and its directory has it */
	uint16_t begun_entry;
	uint8_t told; /* in force while its log ends before it, until it crashes */
	uint16_t told_entry;

	/* For the checkers: what it said and did. */
	raft_term voted_term; /* the newest in which a vote of it left, and for whom */
	raft_id voted_for;
	raft_term term; /* of its core, and so are the next ones */
	enum raft_role role;
	bool hears; /* a leader, or it has given its vote: it would elect nobody else */
	bool waits; /* as a leader: for a majority to answer a round */
	bool hands; /* as a leader: over */
	raft_index commit;
	raft_index match[RAFT_PLACES_MAX];
	raft_start match_start[RAFT_PLACES_MAX];
};

struct read {
	uint8_t by;    /* index of a member + 1; 0: not asked */
	uint8_t floor; /* committed anywhere when it was asked */
	bool done;
};

struct world {
	const struct member *member[MEMBERS_MAX]; /* its bytes, or live[i] */
	uint64_t hash[MEMBERS_MAX][ORDERS_MAX];   /* same.c */
	uint64_t touched;                         /* by member: they are in live[] */
	bool crowded;                             /* more is in flight than there is room for */

	/* From here on compared as bytes. */
	uint8_t used[EVENT_KINDS];
	uint8_t leader_of[TERMS_MAX + 1];
	struct log canon;                /* all that was ever committed */
	uint8_t canon_term[LOG_MAX + 1]; /* ... by the leader of which term */
	struct read read[READS_MAX];
	uint32_t net_count;
	uint32_t net[NET_MAX]; /* of the pool, by sender and receiver; then ordered, or by hash */
};

extern const struct scope *scope;

/* What happened, for the last line of a run. */
extern struct world_counts {
	uint64_t commits, elections, applied, reads, crowded;
} world_counts;

/* The first state of the scope, with members numbered so: they are in live[]. */
void world_begin(struct world *w, uint32_t order);

/* All that can happen now, always in the same order. Returns how much. */
uint32_t world_events(const struct world *w, struct event out[EVENTS_MAX]);

/* It has what it was offered. False: nothing, or it is not wanted any more. */
bool world_install(struct world *w, uint32_t i);

/* False: it cannot happen after all. Else *to is what `from` becomes, with members in live[]. */
bool world_step(const struct world *from, const struct event *e, struct world *to);

/* Single events, for who begins a scope or looks ahead: members stay in live[]. */
void world_deliver(struct world *w, uint32_t k);
void world_lose(struct world *w, uint32_t k);
void world_release(struct world *w, uint32_t i);
void world_timeout(struct world *w, uint32_t i);
void world_heartbeat(struct world *w, uint32_t i);
void world_hand_over_end(struct world *w, uint32_t i); /* ... and its heartbeats are due */
void world_silence(struct world *w, uint32_t i);       /* it has heard nobody for a while */
/* False: it does not take that. */
bool world_propose(struct world *w, uint32_t i);
bool world_change(struct world *w, uint32_t i, uint32_t what);
bool world_meet(struct world *w, uint32_t i, uint32_t whom);

/* After each event: those that it touched say only what matters. */
void world_settle(struct world *w);

/* Its members that changed are copied from live[] to where they are kept. */
size_t world_kept_size(void);
void world_keep(struct world *w, void *kept);

/* Equal for worlds that are the same. */
uint64_t world_hash(const struct world *w);

#endif
