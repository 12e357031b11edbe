/*
 * Where the log begins: the file `base`. What lies before it was made unnecessary by a snapshot,
 * and may be there or not. Encoding and checking; wal/format.h has the table, wal/move.c moves it.
 *
 * Two slots of one unit; generation g lives in slot g % 2, so the newest is never written over, and
 * a move needs no space. Both say the same before anything that they cut off is removed or used
 * again: so one slot is enough, whichever of them is damaged.
 */
#ifndef WAL_LOG_BASE_H
#define WAL_LOG_BASE_H

#include "raft/types.h"
#include "wal/format.h"

struct log_base {
	uint64_t segment; /* the first one */
	/*
	 * The first entry, and the term of the one before it, which is committed. The first segment
	 * may begin with entries below it: they are passed over.
	 */
	raft_index index;
	raft_term term;
	uint64_t number; /* of the last write before the first segment */
};

/* As it was found. */
struct log_base_slots {
	struct log_base base; /* the newest */
	uint64_t generation;
	uint32_t damaged; /* slots that hold none */
	bool differ;      /* the other one is older, and says something else */
};

/* A log that begins at its beginning. */
static inline struct log_base wal_base_initial(void)
{
	return (struct log_base){.segment = 1, .index = 1};
}

static inline uint64_t wal_base_offset(uint64_t generation, uint32_t unit)
{
	return generation % 2 * unit;
}

/* Encodes the unit bytes of the generation's slot. */
void wal_base_encode(uint8_t *out, uint32_t unit, const struct log_id *id, uint64_t generation,
		     const struct log_base *base);
/* Two slots. 0; with no good one -EBADMSG, -EPROTO (another version), -EXDEV (another log's). */
int wal_base_decode(struct log_base_slots *out, const uint8_t *in, uint32_t unit,
		    const struct log_id *id);

#endif
