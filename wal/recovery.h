/*
 * The state of opening a directory; shared by create.c and recover.c.
 */
#ifndef WAL_RECOVERY_H
#define WAL_RECOVERY_H

#include "wal/end.h"
#include "wal/scan.h"
#include "wal/state.h"

struct recovery {
	struct wal *w;
	const struct wal_options *options;
	struct wal_recovered *out;
	struct meta_names names;
	struct meta_identity identity;
	struct meta_vote vote;
	struct log_base_slots base;
	struct wal_end end;
	uint64_t start;        /* this one, which is marked and then counted */
	uint64_t number_known; /* the newest write that is known to be durable */
	uint64_t unsynced;     /* the segment of the first write past it; 0: there is none */
	struct scan scan;
	uint64_t steps;
	char scan_error[WAL_ERROR_MAX - 128];
	/* Live MEMBERS entries, ascending. */
	raft_index *members;
	size_t members_count;
	size_t members_capacity;
};

/* examine.c: whose directory it is; and all that is in it. 0 or -errno, the line in w->error. */
int wal_identity_check(struct recovery *r);
int wal_examine(struct recovery *r);

int wal_recovery_temporaries_remove(struct recovery *r);
/* Of snapshots that were being pulled: all but the newest `from`. */
int wal_recovery_parts_remove(struct recovery *r, size_t from);

/* A new directory, or what an interrupted creation left of one. create.c */
int wal_recovery_create(struct recovery *r);
/* Writes the file `mark` whole: this mark, and the next generation of it, which it becomes. */
int wal_mark_make(struct wal *w, struct mark *mark);
/* The identity was drawn anew: what is left of the former one goes, and the log begins. */
int wal_recovery_reset(struct recovery *r);

#endif
