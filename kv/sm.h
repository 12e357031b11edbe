/*
 * The state machine's seam: what the node asks of whatever is replicated.
 *
 * Deterministic: the same entries in the same order give the same state, results and hash on every
 * member. Resumable: one call does a bounded amount of work.
 *
 * A command starts with struct sm_command's fields (kv/command.h has the bytes), so that a retry
 * applies once whatever the command is.
 */
#ifndef KV_SM_H
#define KV_SM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sm_entry {
	uint64_t index;
	const uint8_t *data; /* size bytes of a command, or of a part of one; size 0: a no-op */
	uint32_t size;
	bool first; /* of its chain */
	bool last;
};

/* What a marker says beside that a snapshot is taken there. */
struct sm_mark {
	uint32_t file_version; /* of what the caller puts around the state's bytes */
	/* The newest before it that the majority of the members has, all the same; 0: none is. */
	uint64_t index, hash;
};

/* A command is complete and has been applied, or refused: the same verdict on every member. */
struct sm_result {
	uint64_t session;
	uint64_t sequence;
	/* The verdict: `answer` makes of it what its client is told. Valid until the next call. */
	const uint8_t *data;
	uint32_t size;
	bool marker;         /* it was one: */
	struct sm_mark mark; /* that says so, */
	bool marked;         /* and snapshot_take has the state after it */
};

enum { SM_MEMBERS_MAX = 16, SM_NAME_MAX = 63, SM_CLIENTS_MAX = 4, SM_CLIENT_MAX = 63 };

/* What a member says of itself (kv/command.h has what the texts are of). */
struct sm_attributes {
	char name[SM_NAME_MAX + 1];
	uint32_t client_count;
	char client[SM_CLIENTS_MAX][SM_CLIENT_MAX + 1]; /* where it hears clients */
};

struct sm_counters {
	uint64_t puts, deletes; /* applied: at the start all that the log brings back, too */
	uint64_t ranges; /* answered, whole or the first piece; transactions that only read */
};

enum {
	SM_MARKER_SIZE_MAX = 64,
	SM_COMPACTION_SIZE_MAX = 48,
	SM_CURSORS_MAX = 16, /* half of the large answers that a node can hold at a time */
};

struct sm;
struct sm_cursor;
struct sm_snapshot;

struct sm_ops {
	/*
	 * Applies the next entry of the log, in index order. 1: it completed a command, *result is
	 * set; 0: taken, no command completed (a no-op, part of a chain); -EAGAIN: a bounded step
	 * was done, call again with the same entry, and query nothing in between: it would see half
	 * a command (revision and hash stay those before it). An entry that does not continue an
	 * open chain discards that chain.
	 */
	int (*apply)(struct sm *sm, const struct sm_entry *entry, struct sm_result *result);

	/*
	 * Answers a query from the applied state into out (at most out_size_max bytes). The number
	 * of bytes; -EINVAL if the request is malformed.
	 *
	 * An answer may be larger than one step: then *rest is a cursor, the bytes are the first
	 * piece, and the whole answer is all pieces joined, of one state, whatever is applied
	 * meanwhile; 0 bytes and a cursor: a bounded step was done. -EBUSY: there are
	 * SM_CURSORS_MAX cursors, or they have taken all memory that they may. A caller without a
	 * `rest` (NULL) has all of it done at once, and gets -EMSGSIZE for what does not fit.
	 */
	int (*query)(struct sm *sm, const uint8_t *request, uint32_t size, uint8_t *out,
		     uint32_t out_size_max, struct sm_cursor **rest);

	/*
	 * Makes a command's answer, of its own bytes, the verdict, and the versions that it wrote
	 * and saw: as query, -EBUSY too. Nothing is kept for it: so it is asked for in the moment
	 * that the verdict comes, before anything else is applied. Later, for a retry, what it
	 * needs may be gone: then it says so, and that the command was applied. Not within an apply
	 * that said -EAGAIN.
	 */
	int (*answer)(struct sm *sm, const uint8_t *command, uint32_t size, const uint8_t *verdict,
		      uint32_t verdict_size, uint8_t *out, uint32_t out_size_max,
		      struct sm_cursor **rest);

	/*
	 * The next piece: its bytes, and whether more follow; 0 and more: a bounded step was done.
	 * -ESTALE: its revision could be kept no longer; -EBUSY: as of query, before any piece.
	 * As query, not within an apply that said -EAGAIN.
	 */
	int (*cursor_read)(struct sm *sm, struct sm_cursor *cursor, uint8_t *out,
			   uint32_t out_size_max, bool *more);

	/* After the last piece too. Its place is free at once. */
	void (*cursor_close)(struct sm *sm, struct sm_cursor *cursor);

	/* Gives back what no cursor needs any more, a bounded step of it. True: there is more. */
	bool (*sweep)(struct sm *sm);

	/*
	 * The verdict before the log: 0, or -EINVAL (malformed: never proposed), with session and
	 * sequence filled in for matching the result. `from` is the member that forwards it, or 0
	 * for a client: what a member says of itself is taken from nobody else.
	 */
	int (*check)(struct sm *sm, const uint8_t *command, uint32_t size, uint64_t from,
		     uint64_t *session, uint64_t *sequence);

	/*
	 * The leader's verdict on a command that check found good, before it proposes it: 0, or
	 * -ENOSPC, from the applied state as it is there. It is not part of apply: a member that
	 * replays the log with another quota must come to the same state. What is already in the
	 * log may go past the quota by as much as the log's window holds. `full`: whatever the
	 * quota, -ENOSPC of what would make the state larger.
	 */
	int (*admit)(struct sm *sm, const uint8_t *command, uint32_t size, bool full);

	/*
	 * What apply would say of a command that check found good, if nothing would change: it was
	 * applied, or its session refuses it, or its bytes alone. Then *result is set, and the log
	 * need not hold it (again). False: only apply can tell. From the applied state, so it is
	 * true on each member.
	 */
	bool (*settled)(struct sm *sm, const uint8_t *command, uint32_t size,
			struct sm_result *result);

	/*
	 * An entry of the log says who the members are, from the next one on: what others said of
	 * themselves is forgotten, and nothing more is heard of them. Not within an apply that said
	 * -EAGAIN.
	 */
	void (*members)(struct sm *sm, const uint64_t *ids, uint32_t count);

	/* As applied; NULL: nothing was said. Valid until the next call of apply or members. */
	const struct sm_attributes *(*attributes)(struct sm *sm, uint64_t member);

	/* Over the whole state: equal on members that have applied the same index. */
	uint64_t (*hash)(struct sm *sm);

	/* The store's revision: grows with each command that changes something. */
	uint64_t (*revision)(struct sm *sm);

	/* Up to which old versions were given up; 0: none were. */
	uint64_t (*compact_revision)(struct sm *sm);

	/*
	 * A command that gives up those before `revision`; one that is compacted so far changes
	 * nothing. By the leader alone, as a marker. Its size.
	 */
	uint32_t (*compaction)(uint64_t revision, uint8_t out[SM_COMPACTION_SIZE_MAX]);

	/* The memory of keys and all their versions: what counts against the quota. */
	uint64_t (*size)(struct sm *sm);

	/* How many keys there are. */
	uint64_t (*keys)(struct sm *sm);

	/* This member's work since its start: not a part of the state. Valid as long as sm. */
	const struct sm_counters *(*counters)(struct sm *sm);

	/*
	 * How many bytes snapshot_read would give of the state as it is, at most. Each version has
	 * its key there: where those are long that is far more than `size`.
	 */
	uint64_t (*snapshot_size)(struct sm *sm);

	/*
	 * A command that says: a snapshot is taken here, of the state after this entry. It goes
	 * into the log as one entry, by the leader alone: check refuses it. Its size.
	 */
	uint32_t (*marker)(const struct sm_mark *mark, uint8_t out[SM_MARKER_SIZE_MAX]);

	/*
	 * The state as it is after a marker whose result said `marked`, as bytes that follow from
	 * the log alone: to be taken before the next entry is applied, or not at all. Pinned as a
	 * cursor is: commands are applied while it is read.
	 */
	struct sm_snapshot *(*snapshot_take)(struct sm *sm);
	/*
	 * The next bytes: how many; 0 and more: a bounded step was done. -ESTALE: what it shows
	 * could be kept no longer. As cursor_read, not within an apply that said -EAGAIN.
	 */
	int (*snapshot_read)(struct sm_snapshot *snapshot, uint8_t *out, uint32_t out_size_max,
			     bool *more);
	void (*snapshot_close)(struct sm_snapshot *snapshot);

	/*
	 * The state as it is, for a cluster that is yet to be: without what is of this one alone
	 * (sessions, what members said of themselves). Read and closed as those are. At any time
	 * but within an apply that said -EAGAIN. NULL: out of memory.
	 */
	struct sm_snapshot *(*backup)(struct sm *sm);

	/*
	 * What restore_add would say of a snapshot by its beginning, of which these are 64 bytes or
	 * more, or all. Asked before the state is given up for it, and of no state.
	 */
	int (*restore_look)(const uint8_t *data, size_t size);
	/*
	 * The state is given up, in bounded steps (-EAGAIN), for one that is in a snapshot; cursors
	 * and snapshots find what they show gone. 0, -ENOMEM. From the first step on nothing is
	 * asked but this, restore_add with the bytes in order, cut anywhere, restore_end; and
	 * check, size and counters, which tell nothing of a state. What is open may be closed.
	 */
	int (*restore_begin)(struct sm *sm);
	/*
	 * It takes as long as its bytes want. 0; -EBADMSG: they are no snapshot; -EPROTO: of
	 * another version.
	 */
	int (*restore_add)(struct sm *sm, const uint8_t *data, uint32_t size);
	/*
	 * The index that is applied now. 0: it is not whole: begin again. Or nothing came: then the
	 * state is an empty one, and that is an end too.
	 */
	uint64_t (*restore_end)(struct sm *sm);

	/*
	 * For a lab: the state stops being the others', by these bits of the oldest value. Not
	 * within an apply that said -EAGAIN. False: there is no value.
	 */
	bool (*damage)(struct sm *sm, uint8_t bits);

	void (*destroy)(struct sm *sm);
};

struct sm {
	const struct sm_ops *ops;
};

/*
 * Agreed now, and used by nothing yet (docs/adr/0008-answers-of-one-revision.md): what watches will
 * ask, so that nothing above has to change for them. A state machine that has them will have them
 * beside sm_ops.
 */
struct sm_later_ops {
	/*
	 * The events in a range of keys after the revision *from, in order, at most out_size_max
	 * bytes of them: how many, with *from moved past them; 0: nothing yet. -ESTALE: it is older
	 * than what is kept. A watcher is a position, and nothing is kept for it.
	 */
	int (*events)(struct sm *sm, const uint8_t *filter, uint32_t filter_size, uint64_t *from,
		      uint8_t *out, uint32_t out_size_max);
};

#endif
