/*
 * Reading a log's directory without being its node: changes nothing, takes no lock, cuts no tail.
 */
#ifndef WAL_INSPECT_H
#define WAL_INSPECT_H

#include "raft/types.h"
#include "wal/wal.h"

/*
 * What the next start of the node would make of the directory, decided by the same code (F25).
 * While a node has it open, what follows the last valid write is not judged.
 */
enum wal_verdict {
	WAL_UNREADABLE, /* nothing can be said: of another version, or the disk failed */
	WAL_GOOD,       /* it opens */
	WAL_TORN,       /* it opens; a write at its end that was cut short is cut off */
	WAL_LOST,       /* it opens as a log that lost acknowledged writes, or cannot tell */
	WAL_DAMAGED,    /* it is refused */
	WAL_NEW,        /* there is no log, or the making of one was cut short: one is made */
};
const char *wal_verdict_name(enum wal_verdict verdict);

/* A segment as its header says. */
struct wal_inspect_segment {
	uint64_t sequence;
	uint32_t size;
};

/* A valid write. */
struct wal_inspect_write {
	uint64_t segment; /* sequence */
	uint32_t offset;
	uint32_t size; /* on disk */
	uint64_t number;
	uint64_t durable; /* the last write known to be on stable storage when it was made */
	uint64_t vote_generation; /* likewise, of the vote file */
	uint32_t entries;
};

/* Called in the order of the log; any may be NULL. Pointers are valid during the call. */
struct wal_inspect_ops {
	void (*segment)(void *arg, const struct wal_inspect_segment *segment);
	void (*write)(void *arg, const struct wal_inspect_write *write);
	void (*entry)(void *arg, const struct raft_entry *entry);
};

struct wal_inspect_result {
	raft_identity identity;
	enum wal_durability durability;
	uint32_t unit;
	bool live; /* a node has it open: what follows the last valid write was not judged */
	enum wal_verdict verdict;

	struct raft_hard_state hard_state;
	uint64_t start;
	uint64_t vote_generation;
	bool vote_torn; /* one slot is a write that was cut short: the next start overwrites it */

	/* The newest mark; generation 0 and number 0 if there is none. */
	uint64_t mark_generation;
	uint64_t mark_number;  /* the newest write that was acknowledged by then */
	uint64_t mark_segment; /* the highest segment that was there */
	uint32_t mark_damaged; /* slots that are not marks: one may be a write that was cut short */
	bool mark_lost;
	raft_index mark_diverged;
	struct raft_witness witness[RAFT_MEMBERS_MAX];
	uint32_t witness_count;
	uint32_t base_damaged; /* slots that hold no base: one may be a write that was cut short */
	/* Where the log begins, and the term of the entry and the number of the write before. */
	uint64_t first_segment;
	raft_index first_index;
	raft_term before_term;
	uint64_t before_number;
	/* As in wal_recovered. */
	struct raft_snapshot snapshots[WAL_SNAPSHOTS_MAX];
	uint32_t snapshot_count;
	struct wal_damaged snapshots_damaged[WAL_SNAPSHOTS_MAX];
	uint32_t snapshots_damaged_count;
	struct raft_snapshot part;
	uint8_t record[WAL_RECORD_SIZE_MAX]; /* the membership room's, which is not judged here */
	uint32_t record_size;                /* 0: none */

	uint64_t segments;
	uint64_t writes;
	uint64_t entries; /* superseded ones too */
	uint64_t bytes;   /* of valid writes */
	raft_index last_index;
	raft_term last_term;
	/* Where the log ends. */
	uint64_t end_segment;
	uint32_t end_offset;
	uint32_t torn_bytes; /* there, of a write, and cut by the next start */
	/* Units past it that are not zero, or not readable: zeroed then. */
	uint32_t decayed;
	uint64_t decayed_segment; /* the first one's */
	uint32_t decayed_offset;
	enum wal_tail tail; /* of both */
};

/*
 * Reads the whole directory; of snapshots the first and the last block, and with no `ops` all of
 * them. identity, vote, mark and record in *out are filled before the first
 * call, the rest at the end. 0: WAL_GOOD or WAL_TORN; else -errno and one line in error, which
 * names the place; -EPROTO: of another version.
 */
int wal_inspect(const char *directory, const struct wal_inspect_ops *ops, void *arg,
		struct wal_inspect_result *out, char error[WAL_ERROR_MAX]);

/* The same on a disk that stays the caller's. */
int wal_inspect_disk(struct disk *disk, bool live, const char *directory,
		     const struct wal_inspect_ops *ops, void *arg, struct wal_inspect_result *out,
		     char error[WAL_ERROR_MAX]);

/*
 * Whose directory it is, by its identity, its term and the membership room's record alone. What of
 * these files is missing or cannot be read is not judged: a start, and the whole inspection, tell
 * it.
 */
struct wal_inspect_owner {
	raft_identity identity; /* 0: not known, or there is no log yet */
	uint8_t record[WAL_RECORD_SIZE_MAX];
	uint32_t record_size; /* 0: there is none */
	raft_term term;       /* 0: none, or it cannot be read */
};

/*
 * Of a directory that is to be opened with this durability. 0; -EXDEV with a start's own words in
 * error: it was used with another one, that excludes it.
 */
int wal_inspect_owner(const char *directory, enum wal_durability durability,
		      struct wal_inspect_owner *out, char error[WAL_ERROR_MAX]);

#endif
