/*
 * What opening a directory has in hand; shared by create.c and recover.c.
 */
#ifndef WAL_RECOVERY_H
#define WAL_RECOVERY_H

#include "wal/scan.h"
#include "wal/state.h"

struct recovery {
	struct wal *w;
	const struct wal_options *options;
	struct wal_recovered *out;
	struct meta_names names;
	struct meta_identity identity;
	struct meta_vote vote;
	struct scan scan;
	char scan_error[WAL_ERROR_MAX - 128];
	/* Live MEMBERS entries, ascending. */
	raft_index *members;
	size_t members_count;
	size_t members_capacity;
};

int recovery_temporaries_remove(struct recovery *r);

/* A new directory, or what an interrupted creation left of one. create.c */
int recovery_create(struct recovery *r);
/* The identity was drawn anew: what is left of the former one goes, and the log begins. */
int recovery_reset(struct recovery *r);

#endif
