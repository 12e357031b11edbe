/*
 * A cluster of one store that several fake nodes serve, over loopback UDP and over real admin
 * sockets: what the command-line tools talk to in their tests. It follows docs/wire.md; what it
 * lacks is consensus.
 */
#ifndef TESTS_UNIT_TOOLS_FAKE_NODE_H
#define TESTS_UNIT_TOOLS_FAKE_NODE_H

#include "doors/calls.h"
#include "kv/sm.h"

#include <pthread.h>
#include <stdatomic.h>

enum { FAKE_CLUSTER_ID = 0x1111, FAKE_ANSWER_BUSY_US = 2000 };

struct sm_snapshot;

struct fake_store {
	pthread_mutex_t lock;
	struct sm_snapshot *backup; /* the one that is on its way, or NULL */
	struct sm *sm;
	uint64_t index;    /* of the last entry */
	uint64_t commands; /* that came, duplicates too */
	uint64_t leader;   /* its id */
	uint64_t term;
	bool steadfast;  /* the leader stays, whatever it is told */
	char order[256]; /* of members, as it came last */
	uint32_t tables; /* that came by orders */
	uint32_t orders; /* that came, whatever became of them */
};

struct fake_node;

/* Faults, changed by a test while the node runs. */
struct fake_faults {
	_Atomic int busy;      /* so many requests are refused as busy */
	_Atomic int no_leader; /* so many find no leader */
	_Atomic int learner;   /* so many reads are asked of a learner */
	_Atomic int no_space;  /* commands: its log has no space */
	_Atomic int refusing;  /* so many requests are answered by this status */
	_Atomic int refusal;
	_Atomic int order_refusal; /* not 0: each order ends so */
	_Atomic int swallow;       /* so many are done, and their answers never leave */
	_Atomic int unreadable;    /* so many commands end OK, and their answer not in an item */
	_Atomic int lose_in_1000;  /* UDP packets, each way */
	_Atomic int hole;          /* 0: none; else larger UDP payloads vanish, each way */
	_Atomic int version;       /* 0: ours; else it reads and speaks this one */
	_Atomic bool silent;       /* nothing is answered at all */
	_Atomic int falls;         /* at the next order: 3 leads then, in the next term */
	_Atomic bool goes;         /* the next order removes it: then its status is all it has */
	_Atomic bool gone;
	_Atomic bool newer;   /* its table has members 1 and 2 alone */
	_Atomic bool forced;  /* it is of a cluster of its own */
	_Atomic bool wiped;   /* it is of none, and its configuration names fake1 and fake9 */
	_Atomic bool unled;   /* it greets as one that knows of nothing committed */
	_Atomic bool differs; /* its store hashes to something that no other node's does */
	_Atomic int compacts; /* so many hashes are of a store that was compacted since */
	/* After so many pieces of a backup it is cut, or nothing is answered any more. */
	_Atomic int cut_after, silent_after;
	/* On link packet, it names as its only peer this one, by its name or by its id alone. */
	struct fake_node *_Atomic names, *_Atomic names_by_id;
};

/* What is left of the order: nothing, or a table that is not at its end. */
enum { FAKE_FALLS_WITHOUT = 1, FAKE_FALLS_WITH };

struct fake_slot;

struct fake_node {
	struct fake_store *store;
	uint64_t id;
	struct fake_faults faults;
	char directory[32], path[64];
	char udp[32], local[80]; /* as endpoints */

	int fd;
	struct calls *calls;
	pthread_t thread;
	_Atomic bool stopping;
	uint64_t random, cookie, answers;
	struct fake_slot *slots;
};

void fake_store_create(struct fake_store *s);
void fake_store_destroy(struct fake_store *s);

/*
 * fake_pieces.c: the piece after, and its size; *rest is NULL if it is the last one. And the first
 * of a backup, whose snapshot *rest is then; what becomes of one that goes on.
 */
uint32_t fake_piece_next(struct fake_store *s, struct sm_cursor **rest, uint8_t *out);
uint32_t fake_backup_begin(struct fake_store *s, uint8_t *out, struct sm_cursor **rest);
enum wire_status fake_backup_status(struct fake_node *n, uint8_t kind, struct sm_cursor **rest);

void fake_node_start(struct fake_node *n, struct fake_store *store, uint64_t id);
void fake_node_stop(struct fake_node *n);

#endif
