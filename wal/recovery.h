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

/* One line in w->error, after the directory's name; returns err. */
__attribute__((format(printf, 3, 4))) int recovery_refuse(struct wal *w, int err,
							  const char *format, ...);
int recovery_io_refuse(struct wal *w, int err, const char *file, const char *operation);

/* Reads a file that must have exactly this size. */
int recovery_file_read(struct wal *w, const char *name, uint8_t *data, uint64_t size);

/* Writes `identity`, durably, in place of the one that is there. */
int recovery_identity_make(struct wal *w);
int recovery_temporaries_remove(struct recovery *r);

/* A new directory, or what an interrupted creation left of one. create.c */
int recovery_create(struct recovery *r);
raft_identity recovery_identity_draw(const struct wal_options *options);

#endif
