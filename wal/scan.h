/*
 * Reading a log from its base on: checks every write, finds the end, and tells a torn tail from
 * damage. Changes nothing on disk; recovery and quoin-wal both stand on it.
 *
 * The decision at the first place that holds no valid write, where write N was due:
 *
 *	all zero to the end of the log                    the log ends here
 *	every sector zero or stamped for N at this place,
 *	  within one write, at least one of them zero      torn: N was never acknowledged, unless
 *	                                                   a mark knows better (wal_end_tail)
 *	anything else                                     damage
 *
 * Where N was never acknowledged nothing was ever written behind it, so there and in N itself a
 * sector of zeros in which one bit was flipped (V22), and a unit that cannot be read (V25), hold
 * nothing: they are told, and zeroed again. They are no zeros either: that N was not acknowledged
 * must show without them. docs/wal-format.md has the proof.
 *
 * One write is in flight at a time, and it begins where the last one ended, or, when a segment had
 * no room for it, at the start of the next one; so "to the end of the log" means through every
 * later segment too. And so a place that shows neither N nor zeros holds nothing if N, whole or
 * torn, is at the start of the next segment.
 */
#ifndef WAL_SCAN_H
#define WAL_SCAN_H

#include "wal/log_base.h"
#include "wal/meta.h"
#include "wal/record.h"

struct scan_segment {
	uint64_t sequence;
	uint32_t size;
	uint32_t write_size_max;
	uint32_t end;     /* where its valid writes end */
	raft_index first; /* in its first valid write; 0: it has none */
	uint64_t before;  /* the number of the write before that */
};

/* A valid write, as a stream. */
struct scan_write {
	const struct scan_segment *segment;
	uint32_t offset;
	const struct record_header *header;
	const uint8_t *stream;
};

/* A unit in which nothing was ever written, and which is not zero. */
struct scan_decayed {
	uint64_t sequence;
	uint32_t offset;
};

/* Where write N was due, and cannot be told from what decayed. sequence 0: there is none such. */
struct scan_doubt {
	uint64_t sequence;
	uint32_t due;
	uint32_t at; /* what cannot be read; with err 0 all of it can */
	int err;
};

/* With more the disk is failing, and each that cannot be read takes it seconds. */
enum { SCAN_DECAYED_MAX = 64 };

struct scan {
	/* The caller's. */
	struct disk *disk;
	struct log_id id;
	struct log_base base;
	uint32_t unit;
	int (*on_write)(void *arg, const struct scan_write *write); /* 0 or -errno; may be NULL */
	/* A segment begins; may be NULL. */
	void (*on_segment)(void *arg, const struct scan_segment *segment);
	void *arg;
	/* A node may be writing at this moment: what follows the last valid write is not judged. */
	bool live;
	char *error; /* one line, error_size bytes */
	size_t error_size;

	/* The results. */
	struct scan_segment *segments;
	size_t segment_count;
	size_t tail;              /* the segment in which the log ends */
	uint64_t number;          /* of the last valid write */
	uint64_t durable;         /* the highest claim in any valid write */
	uint64_t vote_generation; /* likewise */
	raft_index last_index;
	raft_term last_term;
	uint64_t entries; /* in all writes, superseded ones too */
	uint64_t bytes;   /* in all valid writes */
	bool torn;        /* at the end of the tail, within torn_bytes of it */
	uint32_t torn_bytes;
	struct scan_decayed decayed[SCAN_DECAYED_MAX];
	uint32_t decayed_count;
	/* Where the damage is, if it is -EBADMSG. */
	uint64_t bad_segment;
	uint64_t bad_offset;

	/* Its own. */
	struct scan_doubt doubt;
	uint8_t *window;
	uint32_t window_size;
	uint32_t window_start; /* in the segment's file */
	uint32_t window_valid; /* from here on it holds what the file does */
	uint32_t window_end;
	uint32_t window_bad; /* up to here it is read by the smallest piece: a larger one failed */
	int file;
};

/*
 * Reads the segments (sequences ascending, none below the base). 0 or -errno with the line in
 * error.
 */
int wal_scan_run(struct scan *s, const uint64_t *sequences, size_t count);
void wal_scan_free(struct scan *s);

/* The device has the place, and cannot give back what it holds. */
bool wal_scan_unreadable(int err);

#endif
