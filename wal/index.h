/*
 * Where an entry lies: a sparse index in memory over the log's live entries, some 40 bytes for each
 * 64 KiB of log, rebuilt at recovery.
 *
 * A point says where the entry with index `first` was written. Entries that follow it in write
 * order continue it, until one supersedes; there another point stands, and the points that it made
 * dead are gone. So the live entry i is the first one with index i at or after the last point with
 * first <= i.
 */
#ifndef WAL_INDEX_H
#define WAL_INDEX_H

#include "raft/types.h"

#include <stddef.h>

struct index_point {
	raft_index first;
	raft_term term;   /* of that entry */
	uint64_t number;  /* of the write it is in */
	uint64_t segment; /* its sequence */
	uint32_t offset;  /* of that write in the segment */
	uint32_t ordinal; /* of the entry in that write, from 0 */
};

struct log_index {
	struct index_point *points; /* ascending, strictly, by first */
	size_t count;
	size_t capacity;
	uint32_t spacing; /* bytes of log between points, where nothing is superseded */
	raft_index last;  /* newest live entry; 0: none */
};

/* `last`: the index before the first entry that will be added. */
void wal_index_init(struct log_index *x, uint32_t spacing, raft_index last);
void wal_index_free(struct log_index *x);

/* The next entry in write order: point->first is its index, at most x->last + 1. 0 or -ENOMEM. */
int wal_index_add(struct log_index *x, const struct index_point *point);

/* Everything above `last` is superseded. */
void wal_index_cut(struct log_index *x, raft_index last);

/* Nothing below `first` is looked for any more. */
void wal_index_trim(struct log_index *x, raft_index first);

/* The point that covers a live index. */
const struct index_point *wal_index_find(const struct log_index *x, raft_index index);

/* The newest point at or before that place in the log; NULL: there is none. */
const struct index_point *wal_index_at(const struct log_index *x, uint64_t segment,
				       uint32_t offset);

/* True if the entry at (number, ordinal) was written at or after the point. */
static inline bool wal_index_point_reached(const struct index_point *point, uint64_t number,
					   uint32_t ordinal)
{
	return number > point->number || (number == point->number && ordinal >= point->ordinal);
}

#endif
