/*
 * A simulated world: real nodes (raft, wal, dataplane, kv, the node's loop) and real clients over a
 * fake network and fake disks, in one thread, in virtual time. One seed gives one run, exactly.
 *
 * Checked, always:
 *	SM1. One term has at most one leader.
 *	SM2. Members that have applied the same index have the same state (hash).
 *	SM3. A put that was answered is never lost: a later read gives it or a newer one.
 *	SM4. A read gives nothing that was overwritten before it began, and nothing from the future.
 *	SM5. A put is applied once, however often it was sent: the key's version counts the puts.
 *	SM6. A cluster is formed while nobody is left of the one before, from its table alone; with
 *	     fewer than a majority of its members nothing is committed.
 *	SM7. A disk that keeps what it confirmed is never taken for one that lost it.
 *	SM8. Connected members that were never wiped go on; who does not says why, and a reset is
 *	     the way out where somebody was wiped while the cluster was being formed.
 *	SM9. No two members have committed different entries at an index; what left a member's
 *	     window was committed before.
 *	SM10. Two logs with an entry of one index and term are the same up to there.
 *	SM11. A leader has every entry that was committed before its term.
 *	SM12. The table by which a member ends as one that was removed is committed.
 *	SM13. A put of which its client was told that nothing was done, and that it asked for no
 *	     more, is never read, and is in nobody's state.
 *	SM14. What is due at the end of a turn that did nothing, the next turns do: deadlines are no
 *	     loop.
 *	SM15. In calm each member knows of each where it is, what it is called, and where it hears
 *	     clients.
 *	SM16. A put of which its client was told that its session expired was applied before that
 *	     or never is.
 */
#ifndef TESTS_SIM_WORLD_H
#define TESTS_SIM_WORLD_H

#include "tests/sim/marks.h"
#include "tests/sim/net.h"
#include "tests/sim/random.h"

#include "dataplane/client.h"
#include "kv/window.h"
#include "node/node.h"
#include "tests/unit/wal/fake_disk.h"

enum {
	SIM_NODES_MAX = 14,
	SIM_CLIENTS_MAX = 6,
	SIM_TERMS_MAX = 4096,
	SIM_TAGS = 88,
	SIM_TABLES_MAX = 1024,
	SIM_PUTS_MAX = 1 << 16,
};

/* A host, with a disk; who runs on it may be another member after a while. */
struct sim_node {
	struct node *node; /* NULL: down */
	struct fake_disk *disk;
	uint32_t address;
	raft_id member;           /* who ran on it last */
	raft_index members_index; /* of the newest table in its log, when it was up last */
	bool joiner;              /* it is none of those that form a cluster, and waits to join */
	bool away;                /* down, until somebody starts it again */
	bool lost;                /* what the member that is bound to it had is gone */
	uint8_t priority;
	bool no_pre_vote, no_check_quorum;
	uint32_t hasty; /* its timers are so many times shorter; 0: the default ones */
	uint64_t disk_due_ns
		[SIM_TAGS]; /* when the operation with this tag completes; 0: none is in flight */
	uint64_t paused_until_ns;
	uint64_t slow_until_ns;            /* its disk takes a hundred times as long */
	uint64_t disk_ns;                  /* of each operation of its disk; 0: a time is drawn */
	bool disk_hangs;                   /* what is in flight, and what comes, does not end */
	uint64_t hangs_until_ns;           /* likewise, for a while */
	bool reads_hang;                   /* likewise, of what is read back alone */
	bool log_hangs;                    /* likewise, of what is written to the log alone */
	uint64_t active_turns, busy_turns; /* node_active, node_busy */
	uint64_t up_at_ns;
	/* Its clock: it stood at clock_ns at the world's clock_at_ns, and is so much too fast. */
	uint64_t clock_ns, clock_at_ns;
	int32_t drift_ppm;
	bool moved;    /* its configuration has its address, and not that of its number */
	bool existing; /* started as `initial-cluster-state: existing` */
	uint32_t due;  /* so many turns did nothing, one after the other, and left something due */
	enum sim_moment ends_at; /* where it ends, once, if the world has such ends */
	uint32_t life; /* counts its directories: a wipe, a reset, a volatile start makes one */
};

/* What clients put under, one or several of them. */
struct sim_session {
	struct kv_window window;
	uint64_t base; /* the newest index that any of them was shown; 0: none yet */
};

struct sim_client {
	struct dp *dp;
	struct client *client;
	uint32_t id;
	uint32_t target;
	struct sim_session *session;
	uint64_t sequence;                  /* of its open put */
	uint64_t put;                       /* what it puts: counts up, whatever the session */
	uint64_t acked;                     /* the newest put that was answered */
	uint64_t denied[SIM_PUTS_MAX / 64]; /* puts that were given up as not done, a bit each */
	bool open;                          /* an operation is open */
	bool sent;                          /* and this server was asked */
	bool putting; /* it is a put: repeated with its sequence until it is answered, or denied */
	bool maybe;   /* it may have been done by whom was asked before */
	bool doubt;   /* the newest put's session expired: its key is read before all else */
	uint32_t key; /* read: whose */
	uint64_t floor; /* read: the newest put of that key that was answered when it began */
	uint64_t began_ns, asked_ns;
	uint8_t request[256];
	uint32_t request_size;
	uint64_t rest_until_ns;
	uint64_t puts, gets, timeouts;
	uint64_t denials[STATUS_COUNT]; /* puts that were given up, by what they were told */
};

/* A table of members that is committed. */
struct sim_table {
	raft_index index;
	raft_term term;
	struct raft_members members;
};

struct sim_world {
	uint64_t seed;
	struct sim_random random;
	uint64_t now_ns;
	uint32_t node_count, client_count;
	bool removed_waits;    /* started as `removed-member: wait` */
	uint32_t joiners_know; /* whom they are configured to ask, as bits; 0: all that formed */
	uint32_t joiners;      /* the last of the nodes: they wait to join, and are not started */
	struct sim_net *net;
	struct sim_node node[SIM_NODES_MAX];
	struct sim_client client[SIM_CLIENTS_MAX];
	/* Each client's at first, of which others may have a part; and what it may have later. */
	struct sim_session session[2 * SIM_CLIENTS_MAX];
	struct sim_random windows; /* what is drawn for sessions changes nothing else */
	uint64_t beside;           /* puts that began while others of their session were open */
	uint64_t far;              /* ... and half a window above the oldest of them, or more */
	uint64_t expired, applied; /* puts whose session expired; and that were found applied */
	uint64_t gone;             /* puts that were applied, and whose answer was gone */
	uint64_t cluster_id;       /* of the newest cluster; 0: none was formed yet */
	uint64_t clusters, resets;
	uint64_t given_up;  /* out of this one a member was forced: who is of it is not checked */
	uint64_t forgotten; /* clusters that are gone: what still comes has other keys */
	uint32_t cluster_life[SIM_NODES_MAX];     /* the directories that it was formed of, ... */
	uint64_t cluster_identity[SIM_NODES_MAX]; /* ... unless one was wiped just before */
	raft_id leader_of_term[SIM_TERMS_MAX];
	struct sim_table table[SIM_TABLES_MAX]; /* of its log, in order */
	uint32_t table_count;
	uint64_t read_floor
		[SIM_CLIENTS_MAX]; /* of a key: the newest value that any finished read gave */
	uint64_t steps;
	uint64_t elections;
	bool resting; /* clients begin nothing new */
	enum wal_durability durability;
	uint64_t snapshot_log_bytes; /* as the option; 0: no snapshots */
	uint64_t log_keep_bytes;     /* likewise */
	/* Snapshots that members took, logs that were cut, what was installed, and by a start. */
	uint64_t taken, cut, installed, finished;
	struct sim_marks marks;
	uint64_t ends_ns; /* nodes end at their moments, for so long at most; 0: none does */
	struct compactor_options compaction; /* as the option */
	bool lease_reads;
	bool losses;            /* disks that lose what they confirmed: SM7 says nothing */
	uint32_t wipe_permille; /* of the faults that may be a wipe */
};

/* In two steps, so that what is drawn for a world can be set before its nodes start; or in one. */
void sim_world_prepare(struct sim_world *w, uint64_t seed, uint32_t nodes);
void sim_world_hosts(struct sim_world *w, uint32_t founders, uint32_t joiners);
void sim_world_begin(struct sim_world *w, uint32_t clients);
void sim_world_create(struct sim_world *w, uint64_t seed, uint32_t nodes, uint32_t clients);
void sim_world_destroy(struct sim_world *w);

/* Runs until virtual time now + ns; checks on every step. */
void sim_world_run(struct sim_world *w, uint64_t ns);
/* The same, and all that the log of node i says meanwhile. */
void sim_node_log(struct sim_world *w, uint32_t i, uint64_t ns, char *text, size_t size_max);
/*
 * Runs until `leader` leads alone in the newest term and all nodes that are up agree. False: not
 * within ns.
 */
bool sim_world_settle(struct sim_world *w, uint64_t ns);

void sim_node_start(struct sim_world *w, uint32_t i);
/* Its status, valid until one is asked for again; and whether that has these words. */
const char *sim_node_status(struct sim_world *w, uint32_t i);
bool sim_node_says(struct sim_world *w, uint32_t i, const char *words);
/* 0, or what node_create says. */
int sim_node_try_start(struct sim_world *w, uint32_t i, char error[NODE_ERROR_MAX]);
void sim_node_crash(struct sim_world *w, uint32_t i);
/* Its clock runs so much too fast from now on; or stands so much later at once. */
void sim_node_drift(struct sim_world *w, uint32_t i, int32_t ppm);
void sim_node_leap(struct sim_world *w, uint32_t i, uint64_t ns);
/* Where a host's member is heard by the others; one that moved is where its own address is. */
uint64_t sim_host_place(uint32_t host);
uint64_t sim_node_place(const struct sim_world *w, uint32_t i);
/* Down; its directory is emptied: from then on it is another one. */
void sim_node_wipe(struct sim_world *w, uint32_t i);
/* `quoinctl formation reset` at it. False: refused, for it has a term or an entry. */
bool sim_node_reset(struct sim_world *w, uint32_t i);
/* The members that are to come are of this one, which one member of the newest was forced to. */
void sim_world_forced(struct sim_world *w, uint64_t cluster_id);
bool sim_all_formed(const struct sim_world *w);
/* What happened, for whoever looks why the world failed: the last of it is printed then. */
__attribute__((format(printf, 2, 3))) void sim_note(const struct sim_world *w, const char *format,
						    ...);
__attribute__((noreturn)) void sim_fail(const struct sim_world *w, uint32_t i, const char *what,
					uint64_t a, uint64_t b);
/* The one that leads in the newest term, or -1. */
int sim_leader(const struct sim_world *w);

/* The newest table of members that is committed; NULL: none is yet. */
const struct sim_table *sim_table(const struct sim_world *w);
/* It is up, and of that table. */
bool sim_is_member(const struct sim_world *w, uint32_t i);

/*
 * Runs until the members agree and each client has read every key. With all members up, in calm.
 */
void sim_world_agree(struct sim_world *w);
/* Runs until a cluster is formed; with all up, in calm. */
void sim_world_form(struct sim_world *w);
/*
 * Ends the workload, in calm, all nodes up: every open put is answered, every key is read back, and
 * all members have one hash. False: too few are left of the cluster, so nothing goes on, and that
 * was verified.
 */
bool sim_world_verify(struct sim_world *w);

#endif
