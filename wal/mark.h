/*
 * The file `mark`: what the log's end is at least, kept beside the log (W24). Two slots of one
 * unit; the mark of generation g lives in slot g % 2, so the newest is never written over. Encoding
 * and checking; wal/format.h has the table, wal/marker.c writes them.
 *
 * A mark is a lower bound: if one slot cannot be read, the other is still true.
 */
#ifndef WAL_MARK_H
#define WAL_MARK_H

#include "wal/format.h"
#include "wal/wal.h"

struct mark {
	uint64_t generation;
	/* All of this was on stable storage when the mark was begun. */
	uint64_t number;  /* the newest write of the log */
	uint64_t segment; /* the highest segment, also if it was only prepared */
	uint64_t vote_generation;
	uint64_t start;
	bool lost;
	uint64_t diverged; /* 0, or the index that wal_diverged was told */
	uint32_t witness_count;
	struct raft_witness witness[RAFT_MEMBERS_MAX];
};

static inline uint64_t wal_mark_offset(uint64_t generation, uint32_t unit)
{
	return generation % 2 * unit;
}

/* Encodes the unit bytes of the generation's slot. */
void wal_mark_encode(uint8_t *out, uint32_t unit, const struct log_id *id, const struct mark *mark);

/*
 * The newest mark of two slots (2 * unit bytes); *damaged: how many of them are not marks.
 * -EBADMSG: both are not, and out is zero.
 */
int wal_mark_decode(struct mark *out, uint32_t *damaged, const uint8_t *in, uint32_t unit,
		    const struct log_id *id);

#endif
