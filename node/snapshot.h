/*
 * Snapshots of the state machine, as far as the node has to do with them: taken and written, and
 * what they let go of the log (snapshot.c).
 */
#ifndef NODE_SNAPSHOT_H
#define NODE_SNAPSHOT_H

#include "kv/sm.h"
#include "raft/raft.h"

struct node;

enum {
	NODE_SNAPSHOT_RECORD_MAX = 1024,
	NODE_SNAPSHOT_RECORD_VERSION = 1,
	NODE_SNAPSHOT_STEP_SIZE = 64 * 1024,
};

/* What is said beside the state in a snapshot (snapshot_record.c). */
struct node_snapshot_record {
	uint64_t cluster_id;
	raft_index members_index;
	struct raft_members members;
};

/* Snapshots of the state machine, as far as the node has to do with them (snapshot.c). */
struct node_snapshot {
	/* Of the newest table that is applied; index 0: none was yet. */
	struct raft_members members;
	raft_index members_index;
	raft_index marked, marked_before; /* the newest marker that was applied, and the last */
	uint64_t log_bytes;               /* that were applied since the newest */
	uint64_t state_bytes;             /* that the state had at it */
	raft_index proposed; /* the marker that this leader proposed last, in `term`; 0: none */
	raft_term term;

	bool writing;
	struct raft_snapshot at;   /* while it is: which; its size and hash are not known yet */
	struct sm_snapshot *state; /* ... and what is left of it; NULL: the log has all of it */
	uint64_t bytes, began_ns;

	struct raft_snapshot newest, older; /* that are whole here; index 0: there is none */
	struct raft_snapshot oldest;        /* not to be kept */
	uint32_t count;
	/* Behind which the log is to begin, as the core was told; and what `newest` asks for. */
	raft_index base, keep, keep_of;
	raft_term base_term, keep_term;
	/* The newest is of the cluster that this one was forced out of: nobody else takes it. */
	bool former;
	uint64_t former_ns; /* no marker for that before */
	uint64_t full_ns;   /* ... nor for want of space */
	uint64_t lacks_ns;  /* ... nor for another member, twice as long each time */
	uint32_t lacks_doublings;
	uint64_t again_ns; /* what could not be read is not tried again before */

	uint64_t markers, passed, taken, failures, taken_ns; /* counted */
	uint8_t buffer[NODE_SNAPSHOT_STEP_SIZE];
};

/* What is wrong with one that cannot be read, or is not what was written. */
const char *node_snapshot_damage(int err);
void node_snapshot_begin(struct node *n); /* with a core */
void node_snapshot_drive(struct node *n);
void node_snapshot_end(struct node *n);
/* An entry was applied; one with a member table; a marker, just now. */
void node_snapshot_applied(struct node *n, const struct raft_entry *entry);
void node_snapshot_members(struct node *n, const struct raft_entry *entry);
void node_snapshot_marked(struct node *n, const struct raft_entry *e, const struct sm_mark *mark);
/* One of another member is the newest now; `alone`: the log begins behind it. */
void node_snapshot_installed(struct node *n, const struct node_snapshot_record *record, bool alone);
void node_snapshot_restored(struct node *n); /* ... and the state is that */
/* What lies there is not what was written: it goes, and the one before it is as good. */
void node_snapshot_damaged(struct node *n, raft_index index, raft_term term, int err);
/* None is written for another is pulled. False: it is not ended yet. */
bool node_snapshot_stop(struct node *n);

/* snapshot_record.c: what is said beside the state as it is now; its size. */
uint32_t node_snapshot_record_encode(const struct node *n, uint8_t out[NODE_SNAPSHOT_RECORD_MAX]);
/* 0; -EBADMSG; -EPROTO: of another version. */
int node_snapshot_record(const uint8_t *record, uint32_t size, struct node_snapshot_record *out);

#endif
