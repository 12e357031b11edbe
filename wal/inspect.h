/*
 * Reading a log's directory without being its node: changes nothing, takes no lock, cuts no tail.
 */
#ifndef WAL_INSPECT_H
#define WAL_INSPECT_H

#include "raft/types.h"
#include "wal/wal.h"

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
	struct wal_witness witness[RAFT_MEMBERS_MAX];
	uint32_t witness_count;
	/* Where the log begins, and the term of the entry and the number of the write before. */
	uint64_t first_segment;
	raft_index first_index;
	raft_term before_term;
	uint64_t before_number;
	uint32_t record_size; /* of the membership room's record; 0: none */

	uint64_t segments;
	uint64_t writes;
	uint64_t entries; /* superseded ones too */
	uint64_t bytes;   /* of valid writes */
	raft_index last_index;
	raft_term last_term;
	/* Where the log ends. */
	uint64_t end_segment;
	uint32_t end_offset;
	uint32_t torn_bytes; /* there: a write that was not acknowledged; the next start cuts it */
};

/*
 * Reads the whole directory. identity, vote, mark and record in *out are filled before the first
 * call, the rest at the end. 0; -EBADMSG: damage, or the log ends before its mark, and the line in
 * error names the place; -EPROTO: of another
 * version; another -errno: it cannot be read.
 */
int wal_inspect(const char *directory, const struct wal_inspect_ops *ops, void *arg,
		struct wal_inspect_result *out, char error[WAL_ERROR_MAX]);

#endif
