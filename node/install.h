/*
 * Snapshots between members (S10, ADR 19): one that is pulled from another member, and takes
 * the place of the state here (install.c, pull.c); and what others pull from here (pulls.c).
 */
#ifndef NODE_INSTALL_H
#define NODE_INSTALL_H

#include "dataplane/dp.h"
#include "wal/pull.h"
#include "wal/snapshot.h"

struct node;

enum {
	NODE_PULL_ASKED_MAX = 2, /* as many as a member reads for others at a time */
	NODE_PULLS_MAX = 4,      /* of one peer, that wait */
};

enum node_install_step {
	NODE_INSTALL_NONE,
	NODE_INSTALL_PULL,    /* it comes, from peers */
	NODE_INSTALL_GONE,    /* nobody has it, or the rest of it */
	NODE_INSTALL_END,     /* what there is of it ends */
	NODE_INSTALL_OPEN,    /* it is here whole, and its first block is read */
	NODE_INSTALL_CLEAR,   /* it is the log's beginning: the state before it goes */
	NODE_INSTALL_RESTORE, /* the state is made of it */
	NODE_INSTALL_REMOVE,  /* nobody needs it any more */
};

/* Some bytes that a member was asked for. */
struct node_pull_asked {
	uint64_t offset;
	uint32_t length, came; /* came: length 0: nothing is asked for */
	uint64_t asked_ns, heard_ns;
	bool again; /* it was asked for before: its answer measures nothing */
};

/* The bytes of one, from whoever has it (pull.c). */
struct node_pull {
	raft_id from;     /* who is asked */
	uint32_t turn;    /* how many were before that one */
	uint32_t silent;  /* so often in a row nothing came */
	uint32_t doubled; /* ... it came when it was asked for again, and measured nothing */
	uint64_t trip_ns, varies_ns; /* smoothed; 0: not measured yet */
	struct node_pull_asked asked[NODE_PULL_ASKED_MAX];
};

struct node_install {
	enum node_install_step step;
	bool held;                  /* there is no state here that may be shown */
	struct raft_snapshot offer; /* the newest, and not begun; index 0: none */
	raft_id offer_from;
	struct raft_snapshot at; /* unless step is NONE */
	raft_id at_from;
	struct node_pull pull;
	uint64_t again_ns; /* it is begun then at the earliest */
	int failed;        /* why the last try ended, as long as it is tried again */
	uint64_t began_ns, told_ns;
	bool opened;
	const uint8_t *data; /* of it, not restored yet */
	size_t left;
	uint64_t bytes; /* that are */

	uint64_t installed, pulled_bytes, ns; /* counted */
};

/* What a peer waits for. */
struct node_peer_pulls {
	struct wire_snapshot_range range[NODE_PULLS_MAX];
	uint32_t count;
};

struct node_pulls {
	struct node_pulls_slot {
		bool used;
		uint32_t slot; /* the log's */
		uint32_t peer;
		uint64_t taken; /* who it was that had this place */
		struct wire_snapshot_range range;
		uint32_t sent;
		uint64_t began_ns;
	} slot[WAL_RANGES_MAX];
	uint32_t next;             /* the place whose turn it is */
	uint64_t sent_bytes, over; /* counted; over: asked for more than may wait */
};

/* install.c: `from`, a leader, offers one that is wanted here. */
void node_install_offered(struct node *n, const struct raft_snapshot *offer, raft_id from);
void node_install_drive(struct node *n);
/* When it has something to do though nothing happens. */
uint64_t node_install_deadline(const struct node *n);
void node_install_end(struct node *n);
/* That are here of it. */
uint64_t node_install_bytes(const struct node *n);
/* "installing snapshot index= bytes= of= from="; empty: it does not. */
size_t node_install_text(const struct node *n, char *out, size_t size);

/* pull.c */
void node_pull_begin(struct node *n, raft_id from);
void node_pull_drive(struct node *n);
uint64_t node_pull_deadline(const struct node *n);
/* CHUNK. */
void node_pull_receive(struct node *n, const struct dp_datagram *datagram);

/* pulls.c */
/* PULL, of a member. */
void node_pulls_receive(struct node *n, const struct dp_datagram *datagram);
void node_pulls_drive(struct node *n);

#endif
