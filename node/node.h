/*
 * A node: one loop over raft, wal, dataplane and the state machine. The same node_poll runs on a
 * pinned core against a NIC, in a thread against a virtual device, and among others in one
 * simulated process.
 */
#ifndef NODE_NODE_H
#define NODE_NODE_H

#include "dataplane/dp.h"
#include "dataplane/fault.h"
#include "dataplane/ways.h"
#include "kv/sm.h"
#include "node/compactor.h"
#include "raft/formation.h"
#include "raft/joined.h"
#include "raft/raft.h"
#include "wal/wal.h"

#include <errno.h>

struct node;

/* What node_poll says when a port is gone: no disk says so. */
#define NODE_PORT_GONE (-ENETDOWN)
/* What node_create says of the directory of a member that was removed. */
#define NODE_REMOVED (-EIDRM)
struct calls;
struct journal;
struct metrics_exchange;

struct node_options {
	const char *name;
	/*
	 * As configured: digest, origin, places; identities 0. dp.peer are the others, in this
	 * order.
	 */
	struct formation_table initial;
	/* formation_options.digest_then; NULL: that of `initial`. */
	uint64_t (*digest)(const void *config, const struct formation_table *then);
	const void *config;
	uint32_t self;      /* this member's place */
	bool existing;      /* waits to join: never forms a cluster */
	bool removed_waits; /* once it was removed it waits, and does not stop */
	uint64_t seed;
	uint64_t heartbeat_us;
	uint64_t election_us_min;
	uint64_t election_us_max;
	bool pre_vote, check_quorum, lease_reads;
	uint8_t priority;
	uint64_t disk_stall_us; /* 0: the same as election_us_max, but 50 ms at least */
	const char *link_name;  /* for status */
	uint64_t quota_bytes;   /* for status: of the state machine */
	/* So many bytes of log, or as many as the state has, are between two snapshots. */
	uint64_t snapshot_log_bytes;
	uint64_t log_keep_bytes; /* of log that stay before the newest one, if there is space */
	bool snapshot_often;     /* however large the state, and blocks of the disk: for tests */
	uint64_t snapshot_rate;  /* bytes a second of one that is written; 0: all at once */
	struct compactor_options compaction;
	bool fault_injection;
	struct fault_rules *faults; /* NULL: none can be set */
	/*
	 * Each member has a port of its own, made when it is taken on; dp.link are the first of
	 * them, and clients'. NULL: one port leads to all. It outlives the node, and is the
	 * caller's.
	 */
	struct ways *ways;

	struct wal_options wal;
	struct dp_options dp;    /* `self`, and the peers' ids, are filled in by the node */
	struct sm *sm;           /* owned by the node from here on */
	struct journal *journal; /* NULL: no log lines */
	const char *peer_name[DP_PEERS_MAX]; /* as dp.peer, for log and status; NULL: the id */
	uint64_t now_ns;
	/* Asked all the while node_create stands still for the log. False: -EINTR. May be NULL. */
	bool (*goes_on)(void);
};

enum { NODE_ERROR_MAX = 512 };

/*
 * W25: why the directory of another member, or of another configuration, is not this node's. Of a
 * formation that formation_create refused with -EXDEV, with these options.
 */
void node_formation_foreign(char out[NODE_ERROR_MAX], const struct formation *f,
			    const struct formation_options *options, const char *directory,
			    const char *name);
/* Of the directory of a member that was removed. */
void node_removed_text(char out[NODE_ERROR_MAX], const struct raft_joined *removed);
/* Why a log with a term or an entry is refused without a formed cluster's record (R56). */
void node_formation_unformed(char out[NODE_ERROR_MAX], const char *directory);
/* ... of one that was restored, and is to join. */
void node_formation_restored(char out[NODE_ERROR_MAX], const char *directory);

/*
 * Opens the log, recovers, joins the dataplane. The links in options->dp belong to the node from
 * here on, also on failure. 0 or -errno with one line in error.
 */
int node_create(struct node **out, const struct node_options *options, char error[NODE_ERROR_MAX]);
void node_destroy(struct node *n);

/*
 * One turn of the loop; the one place where time enters. 0, or -errno: the node must end
 * (node_error).
 */
int node_poll(struct node *n, uint64_t now_ns);
/* An interface of this host has the node's address: the kernel answers for it. "": none has. */
void node_address_taken(struct node *n, const char *interface);

const char *node_error(const struct node *n);

/* The earliest time at which anything is due if nothing arrives. */
uint64_t node_deadline(const struct node *n);

/* True if the last turn did anything: the next one may at once have more to do. */
bool node_active(const struct node *n);
/*
 * It did more than an idle cluster does all the time, so more will follow soon; or a disk write is
 * in flight, whose end nothing announces: do not sleep long now.
 */
bool node_busy(const struct node *n);

/* The name of a member, or its id in hex. Valid until the next call. */
const char *node_member_name(const struct node *n, raft_id id);

/*
 * From now on calls of the local socket are answered; it is the caller's and outlives the node.
 * 0 or -ENOMEM.
 */
int node_serve_calls(struct node *n, struct calls *calls);

/* From now on what it is asked for is answered; it is the caller's and outlives the node. */
void node_serve_metrics(struct node *n, struct metrics_exchange *exchange);

/*
 * Stop: refuses new requests; a leader hands over first, for an election timeout at most. True once
 * nothing is pending that a moment could finish.
 */
void node_stop(struct node *n);

/* The longest that a turn, or the end, may stand still for the disk: then the process ends. */
uint64_t node_patience_ns(const struct node *n);
bool node_stopping(const struct node *n);
/* This member was removed from its cluster; unless it is to wait it stops by itself. */
bool node_removed(const struct node *n);
bool node_stopped(const struct node *n);
/*
 * The last thing before node_destroy, if it stopped: what is known goes to the disk, and what is in
 * flight ends. 0, or -errno: it did not (node_error), and what the disk still has is not given
 * back.
 */
int node_end(struct node *n);

/* All zero before the cluster is formed. */
void node_raft_status(const struct node *n, struct raft_status *out);
/* FORMED too if it joined one that was. */
enum formation_state node_get_formation(const struct node *n);
int node_formation_reset(struct node *n);
enum { NODE_FORMATION_TEXT_MAX = 2048 };
/* Lines that begin with "error": whom it waits for, and what to do. Empty once it is formed. */
size_t node_formation_text(const struct node *n, char *out, size_t size_max);
uint64_t node_cluster_id(const struct node *n); /* 0 before the cluster is formed */
uint64_t node_hash(const struct node *n);

/* One line on what it does, for a service manager. */
void node_summary(const struct node *n, char *out, size_t size);

/* "key value\n" lines: what WIRE_STATUS answers. Returns the size. */
size_t node_status_text(struct node *n, char *out, size_t size_max);

#endif
