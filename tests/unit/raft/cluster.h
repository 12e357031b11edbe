/*
 * Several real cores in one process, in virtual time: the network, the disks and the state machines
 * are simulated here, and the checkers run at every step. Used by the randomised test, by unit
 * tests that need a whole cluster, and by the trace driver.
 *
 * Checked, always:
 *
 *	RC1  Election safety: a term has at most one leader.
 *	RC2  Log matching: an (index, term) has one content and one predecessor term, everywhere.
 *	RC3  Leader completeness: a new leader holds every entry that was ever committed, unless a
 *	    later term committed any.
 *	RC4  State machine safety: every core applies the same entries, from 1, without a gap.
 *	RC5  What a leader commits is on a majority of disks of each set of its table at that
 *	    moment, and of its own term or before an entry that is; else on those of all members.
 *	RC6  An answer that leaves is covered by the disk: term, vote, entries.
 *	RC7  A confirmed read has an index at or above all that was committed when it was asked.
 *	RC8  commit, and a leader's match for a peer, never go back within a start (a term), but for
 *	    a peer that lost what it acknowledged.
 *	RC9  A member that lost what it acknowledged gives no vote, asks for none, and says so in
 *	    each acknowledgement (D9c).
 *	RC10 One whose disk kept all that it confirmed is never told that it lost something.
 *	RC11 The table in force is that of the newest MEMBERS entry of the log, or one that was told
 *	    and is newer; at most one in a log is not committed.
 *	RC13 A snapshot is offered of what is committed, to who does not have it; nobody reads back
 *	    what lies at or below his base.
 *	RC12 Voters change by way of a joint table: its old set are the voters before it, its new
 *	    set those after it; who votes was a member before. Who is elected votes, or did until
 *	    a table that is not committed.
 *
 * Failed checks print what and where, then end the process through cluster->failed.
 */
#ifndef TESTS_UNIT_RAFT_CLUSTER_H
#define TESTS_UNIT_RAFT_CLUSTER_H

#include "raft/internal.h"

#include <stdio.h>

enum {
	CLUSTER_NODES_MAX = 32, /* with all that join one after another */

	CLUSTER_READS_MAX = 256,
	CLUSTER_LATE_US = 3000000,

	/* Frames that wait for one that is paused: a ring of a port. What comes then is lost. */
	CLUSTER_WAITING_MAX = 1024,
};

struct stored {
	raft_term term;
	uint16_t size;
	uint8_t type;
	uint8_t flags;
	uint8_t *data; /* lives as long as the cluster */
};

struct stored_log {
	struct stored *entry; /* entry[i] has index i; entry[0] is unused */
	raft_index last;
	raft_index room;
};

/* Sets an entry, and forgets those that follow it. */
void stored_log_set(struct stored_log *log, raft_index index, struct stored entry);

struct persist {
	struct persist *next;
	uint64_t seq;
	uint64_t began_us; /* when the one before it was done */
	uint64_t done_us;
	bool hard_set;
	struct raft_hard_state hard;
	raft_index first;
	uint32_t count;
	struct stored entry[];
};

struct cluster_read {
	bool open;
	uint64_t context;
	raft_index floor; /* committed anywhere when it was asked */
};

struct cluster_node {
	raft_id id;
	raft_identity identity;
	struct raft *core; /* NULL: down */
	bool disk_held;    /* writes are taken and never finish */
	bool stalled;      /* ... so long that its core was told (options.disk_stall_us) */
	bool paused;       /* it gets no time: no tick, no mail, no word of its disk */
	bool wiped;        /* it lost its directory: it stays down */
	bool outside;      /* it has not joined yet, or was removed and has ended: it stays down */
	bool lost;         /* its disk says that it lost what it acknowledged */
	bool in_doubt;     /* it is, or will be found to be */
	bool ever_lost;    /* it lost something, or was rolled back, once */
	bool untold;       /* it was rolled back, and nobody has told it yet */
	uint32_t starts;   /* as its disk counts them */
	raft_start start;  /* the newest */
	struct raft_witness witness[RAFT_MEMBERS_MAX]; /* as its disk has them */
	uint32_t witness_count;

	bool no_pre_vote, no_check_quorum; /* in its next starts */
	uint32_t hasty; /* and so many times shorter timers; 0: as in the options */

	/* Its snapshots, the newest first, and what its log begins behind: durable. */
	struct raft_snapshot snapshot[2];
	raft_index base;
	struct raft_snapshot offered, pull; /* the newest; the one that it fetches: index 0: none */
	uint64_t pull_us;
	bool pull_held;   /* it does not go on */
	uint64_t held_us; /* its state machine is being restored until then; 0: it is not */

	/* What it was told when it joined, as its directory has it; index 0: nothing. */
	struct raft_members told;
	raft_index told_index;

	/* Its clock said base_us at since_us of the cluster's, and goes so much faster since. */
	struct {
		uint64_t base_us, since_us;
		int32_t ppm;
	} clock;
	struct cluster_mail *waiting; /* while it is paused, in order */
	uint32_t waiting_count;

	struct raft_hard_state disk_hard;
	struct stored_log disk;
	struct stored_log *ghost; /* what was on the disk, each time before some of it was lost */
	uint32_t ghosts;
	struct stored_log memory; /* as handed out to persist */
	struct persist *pending;  /* in order */
	struct {
		struct raft_hard_state hard;
		struct stored_log log;
		bool lost;
		struct raft_witness witness[RAFT_MEMBERS_MAX];
		uint32_t witness_count;
		uint32_t starts;  /* 0: there is no copy */
		uint64_t crashes; /* of the cluster, when it was taken */
		struct raft_snapshot snapshot[2];
		raft_index base;
	} copy;            /* of its directory, as it was once */
	uint64_t asked_us; /* it was rolled back within a start, and asked then; 0: not */
	uint64_t persisted;

	struct {
		bool open;
		uint64_t done_us;
		struct raft_fetch fetch;
	} fetch[RAFT_READY_FETCH_MAX];

	raft_index applied;
	raft_index commit_seen;
	raft_term term_seen;
	enum raft_role role_seen;
	raft_id peer_seen[RAFT_PLACES_MAX];
	raft_index match_seen[RAFT_PLACES_MAX];
	raft_start start_seen[RAFT_PLACES_MAX]; /* ... and of which start of it */
	struct cluster_read read[CLUSTER_READS_MAX];
	uint64_t reads_confirmed;
	uint64_t reads_refused;
};

struct cluster_mail {
	struct cluster_mail *next;
	uint64_t at_us;
	uint64_t order;
	struct raft_message message;
	struct raft_entry entry[];
};

struct cluster;

/* For the trace driver; each may be NULL. */
struct cluster_observer {
	void (*sent)(struct cluster *c, const struct raft_message *m);
	void (*received)(struct cluster *c, const struct raft_message *m, int err);
	void (*persisting)(struct cluster *c, struct cluster_node *n,
			   const struct raft_ready *ready);
	void (*persisted)(struct cluster *c, struct cluster_node *n);
	void (*applying)(struct cluster *c, struct cluster_node *n, const struct raft_entry *e);
	void (*read)(struct cluster *c, struct cluster_node *n, const struct raft_read *read);
	void (*offered)(struct cluster *c, struct cluster_node *n);
	void (*installed)(struct cluster *c, struct cluster_node *n);
	void (*changed)(struct cluster *c, struct cluster_node *n); /* after every event */
	void (*told)(struct cluster *c, struct cluster_node *from, struct cluster_node *to,
		     raft_index index);
};

struct cluster_options {
	uint32_t nodes;
	uint64_t seed;
	uint32_t loss_permille;
	uint32_t duplicate_permille;
	uint32_t late_permille;              /* arrive a second time, up to CLUSTER_LATE_US later */
	uint64_t delay_us_min, delay_us_max; /* of a message */
	uint64_t disk_us_min, disk_us_max;   /* of a write */
	uint64_t disk_stall_us;              /* the age of a write that is told; 0: none is */
	uint32_t fetch_fail_permille;
	uint32_t append_size_max;
	uint64_t heartbeat_us, election_us_min, election_us_max;
	uint64_t promise_us;
	bool no_pre_vote, no_check_quorum;
	bool lease_reads;
	bool no_timeout_now;  /* all of these are lost: nobody can hand over */
	uint64_t pull_us_max; /* of fetching a snapshot, and of restoring one */
	bool install_crashes; /* some end in the middle */
};

struct cluster {
	struct cluster_options options;
	const struct cluster_observer *observer;
	void *observer_data;
	uint64_t random;
	uint64_t now_us;
	uint64_t steps;
	uint64_t still; /* of them, since time last passed */
	uint64_t mail_order;
	bool timers_off; /* only messages and disks move: for traces */
	uint64_t context_next;
	struct cluster_node node[CLUSTER_NODES_MAX];
	bool cut[CLUSTER_NODES_MAX][CLUSTER_NODES_MAX]; /* [from][to] */
	struct cluster_mail *mail;                      /* by at_us, then order */

	/* The checkers' memory. */
	raft_id *leader_of; /* by term */
	raft_term leader_of_room;
	struct stored_log canon; /* committed, by anybody, ever */
	struct raft_members formed;
	struct raft_members members; /* the newest committed table */
	raft_index members_index;    /* 0: as the cluster was formed */
	struct cluster_fact *fact;
	uint32_t fact_count;

	/* So that a run that tests nothing is seen. */
	uint64_t elections, commits, fetches, reads, crashes, wipes, proposals, delivered, dropped;
	uint64_t losses, roll_backs, found_out;
	uint64_t tables, joints, removed_leaders; /* committed; those that led until then */
	uint64_t snapshots, base_moves, installs, tails_replaced, install_crashes;
	uint64_t installs_finished, fallbacks, pulls_in_vain;

	void (*failed)(struct cluster *c);
	struct cluster_block *block;
};

void cluster_init(struct cluster *c, const struct cluster_options *options);
void cluster_fini(struct cluster *c);

uint64_t cluster_random(struct cluster *c, uint64_t below);

/* One event: the next message, completion or deadline; false if none comes before until_us. */
bool cluster_step(struct cluster *c, uint64_t until_us);
void cluster_run(struct cluster *c, uint64_t until_us);

/* A clock of its own: it never goes back. */
uint64_t cluster_clock(const struct cluster *c, const struct cluster_node *n);
void cluster_clock_set(struct cluster *c, struct cluster_node *n, uint64_t base_us, int32_t ppm);
void cluster_clock_rate(struct cluster *c, struct cluster_node *n, int32_t ppm);
void cluster_clock_jump(struct cluster *c, struct cluster_node *n, uint64_t us);
/* It is descheduled; and finds all that came meanwhile, at once, when it goes on. */
void cluster_pause(struct cluster_node *n);
void cluster_resume(struct cluster *c, struct cluster_node *n);
/* What waits for it is lost, as where a ring overflows. */
void cluster_mail_forget(struct cluster_node *n);

void cluster_start(struct cluster *c, struct cluster_node *n);
/* Questions and answers about each other's starts arrive, before all else. */
void cluster_starts_settle(struct cluster *c);
/* `keep` of the writes in flight reach the disk before the crash. */
void cluster_crash(struct cluster *c, struct cluster_node *n, uint32_t keep);
/* Down; its directory is gone, so it stays down: a new one is of no cluster. */
void cluster_wipe(struct cluster *c, struct cluster_node *n);
/* Down; its disk loses all entries above `keep`, and its mark tells so (D9c). */
void cluster_lose(struct cluster *c, struct cluster_node *n, raft_index keep);
/* A copy of its directory; later, down, the copy is put in its place. Nothing in it tells so. */
void cluster_copy(struct cluster *c, struct cluster_node *n);
void cluster_roll_back(struct cluster *c, struct cluster_node *n);
uint32_t cluster_persists_pending(const struct cluster_node *n);
/* Lets the oldest write in flight finish now, held or not. */
bool cluster_persist_finish(struct cluster *c, struct cluster_node *n);

int cluster_propose(struct cluster *c, struct cluster_node *n, const void *data, size_t size);
int cluster_read(struct cluster *c, struct cluster_node *n);
int cluster_transfer(struct cluster *c, struct cluster_node *n, raft_id to);
void cluster_drain(struct cluster *c, struct cluster_node *n);

/*
 * Changes of members. A new one is a slot, whose number is its id and which is down, until a leader
 * has bound its directory and somebody tells it a table that he knows to be committed.
 */
struct cluster_node *cluster_slot(struct cluster *c); /* NULL: there is none left */
int cluster_change(struct cluster *c, struct cluster_node *n, struct raft_change *changes,
		   uint32_t count, raft_index *index, struct raft_refusal *refusal);
/* The index of the newest table that it knows to be committed; 0: that of the formation. */
raft_index cluster_known(const struct cluster_node *n, struct raft_members *out);
bool cluster_join(struct cluster *c, struct cluster_node *n, struct cluster_node *teller);
void cluster_tell(struct cluster *c, struct cluster_node *from, struct cluster_node *to);
/* Somebody wrote who is no peer: each tells the other what he knows. */
void cluster_stranger(struct cluster *c, struct cluster_node *to, struct cluster_node *from);
/* Who was started and hears no leader asks all that he knows who the members are (node/who.c). */
void cluster_asked(struct cluster *c, struct cluster_node *to, struct cluster_node *from);
/*
 * Snapshots: of all that a member has applied, if that is more than it has one of; and its log
 * begins behind an index that the newest covers, or as far as it may. Who is offered one fetches it
 * by himself.
 */
void cluster_snapshot_take(struct cluster *c, struct cluster_node *n);
void cluster_base_move(struct cluster *c, struct cluster_node *n, raft_index to);

/* In the table that is committed, or in one that is in force anywhere. */
bool cluster_member(const struct cluster *c, const struct cluster_node *n);
/* As its disk has them. */
void cluster_members_read(struct cluster *c, const struct cluster_node *n, struct raft_options *o);

/* Of cluster_snapshot.c for the others. */
void cluster_offered(struct cluster *c, struct cluster_node *n, const struct raft_snapshot *offer);
void cluster_pull_end(struct cluster *c, struct cluster_node *n);
void cluster_hold_end(struct cluster *c, struct cluster_node *n);
void cluster_snapshot_start(struct cluster *c, struct cluster_node *n, struct raft_options *o);

/* Of cluster.c for cluster_time.c, and the other way round. */
void cluster_mail_deliver(struct cluster *c, struct cluster_mail **at);
void cluster_mail_take(struct cluster *c, struct cluster_node *to, struct cluster_mail *mail);
void cluster_mail_wait(struct cluster *c, struct cluster_node *to, struct cluster_mail *mail);
void cluster_fetch_answer(struct cluster *c, struct cluster_node *n, uint32_t slot);
void cluster_disk_moved(struct cluster *c, struct cluster_node *n);

struct cluster_node *cluster_leader(struct cluster *c); /* of the highest term; NULL: none */
struct cluster_node *cluster_node(struct cluster *c, raft_id id);

#endif
