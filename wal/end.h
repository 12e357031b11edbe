/*
 * Whether the log ends where it must at least: what the marks and the vote file know of its end
 * (W24), beside what was found. Changes nothing; recovery and quoin-wal both ask.
 */
#ifndef WAL_END_H
#define WAL_END_H

#include "wal/mark.h"
#include "wal/meta.h"
#include "wal/scan.h"

struct wal_end {
	struct mark mark;
	/* Why there is no mark, in words; empty if there is. */
	char mark_why[64];
	uint32_t slots_damaged;
	uint64_t vote_number;     /* the newest write that the vote file knows to be durable */
	uint64_t vote_generation; /* of the vote file */
	uint64_t vote_start;      /* likewise */
};

/* Reads the bytes of the mark's file: size bytes in `in`. */
void wal_end_mark(struct wal_end *end, const uint8_t *in, uint64_t size, uint32_t unit,
		  const struct log_id *id);

/*
 * True: acknowledged writes are gone, and `why` is one line that says what was found and what was
 * marked. `live`: a node writes meanwhile, so a segment may be newer than the list of names.
 */
bool wal_end_lost(const struct wal_end *end, const struct scan *s, bool live, char *why,
		  size_t size);

/* Of what is past the end of the log that was found, and was written in this mode. */
enum wal_tail wal_end_tail(const struct wal_end *end, const struct scan *s, bool lost,
			   enum wal_durability durability);

/* The newest write and segment that anything knows of. */
uint64_t wal_end_number(const struct wal_end *end, const struct scan *s);
uint64_t wal_end_segment(const struct wal_end *end, const struct scan *s);

/*
 * 0; -EBADMSG: the vote file is older than what hung on it, which is never taken back, so what this
 * member voted for is not known. The line is in `why`.
 */
int wal_end_vote(const struct wal_end *end, const struct scan *s, char *why, size_t size);

#endif
