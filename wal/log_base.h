/*
 * Where the log begins: the file `base`. What lies before it was made unnecessary (later: by a
 * snapshot), and may be there or not; the file is durable before anything is removed. Encoding and
 * checking; wal/format.h has the table.
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

/* A log that begins at its beginning. */
static inline struct log_base wal_base_initial(void)
{
	return (struct log_base){.segment = 1, .index = 1};
}

/* Encodes unit bytes. */
void wal_base_encode(uint8_t *out, uint32_t unit, const struct log_id *id,
		     const struct log_base *base);
/* 0, -EBADMSG, -EPROTO (another version), -EXDEV (another log's). */
int wal_base_decode(struct log_base *out, const uint8_t *in, uint32_t unit,
		    const struct log_id *id);

#endif
