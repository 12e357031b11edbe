/*
 * The log on disk: entries in segments, the term and vote in two alternating slots, the directory's
 * identity. docs/wal-format.md has the byte tables and the rule by which a record is valid.
 *
 * One write of the log is in flight at a time; what wal_append brings meanwhile forms the next one
 * (group commit by double buffering, never a timer). wal_poll reports progress as a token: the
 * newest raft persist_seq up to which everything is durable in the sense of the directory's
 * durability mode.
 *
 * Errors at run time are final: wal_poll returns -errno once a write failed, forever; the process
 * ends (a failed write is never retried: its pages are gone).
 */
#ifndef WAL_WAL_H
#define WAL_WAL_H

#include "base/histogram.h"
#include "raft/members.h"
#include "raft/types.h"
#include "wal/disk.h"

#include <errno.h>

enum wal_durability {
	WAL_DURABLE, /* acknowledged means on stable storage */
	WAL_WRITTEN, /* acknowledged means in the page cache: survives the process, not the host */
	/* acknowledged means in RAM; the directory holds no log, and a restart is a new node */
	WAL_VOLATILE,
};

/* "durable", "written", "volatile" */
const char *wal_durability_name(enum wal_durability durability);

/* A directory may be opened with another one than before, but not where one of them is volatile. */
static inline bool wal_durability_fits(enum wal_durability before, enum wal_durability now)
{
	return (before == WAL_VOLATILE) == (now == WAL_VOLATILE);
}

enum {
	WAL_SEGMENT_SIZE_MIN = 4 * 1024 * 1024, /* holds the largest command, 1.55 MiB, twice */
	WAL_SEGMENT_SIZE_DEFAULT = 64 * 1024 * 1024,
	/* Kept open for reading, beside those in use: 64 MiB each, so a read rarely opens one. */
	WAL_FILES_MAX = 64,
	WAL_ERROR_MAX = 512,
	WAL_RECORD_SIZE_MAX = 1024,
	WAL_SNAPSHOTS_MAX = 8,
};

struct wal_recovered;

/* How far a wal_open is. */
struct wal_opening {
	uint64_t steps;        /* that are done: while this stands still, the disk does */
	const char *operation; /* what it waits for, or did last */
	const char *name;      /* and in which file, if it is one alone; or "" */
	uint64_t segments;     /* that are read, of so many; 0 of 0: they are not known yet */
	uint64_t segments_all;
	uint64_t bytes; /* of the log, that were found good so far */
};

struct wal_options {
	const char *directory; /* for messages, and for the real disk if `disk` is NULL */
	struct disk *disk;     /* NULL: io_uring on `directory`; else owned by the caller */
	enum wal_durability durability;
	uint32_t segment_size;  /* a multiple of 1 MiB, at least WAL_SEGMENT_SIZE_MIN */
	uint64_t identity_seed; /* fresh randomness: of a new directory's identity, of each start */
	uint32_t files_max;     /* 1 to WAL_FILES_MAX, if there are fewer; 0: as many */
	/* What segments and snapshots may take together, if the file system has it; 0: all. */
	uint64_t quota;
	bool create; /* make the directory if it is not there or empty; else -ENOENT */
	/*
	 * How long whoever must stand still for the disk does so, once the log is open: then it
	 * is the log's end (V18). 0: for ever.
	 */
	uint64_t wait_ns;
	/*
	 * Called while wal_open stands still: after each step, and each 100 ms that one takes.
	 * False: it is given up (-EINTR), as if the process had been killed then. May be NULL.
	 */
	bool (*goes_on)(void *context, const struct wal_opening *at);
	/*
	 * Called once all that lies in a directory was found good, and before any of it is changed:
	 * of `found` identity, hard_state, last_index, lost and the record are filled in. Not 0:
	 * wal_open returns it, with an empty `error`, and nothing was changed. May be NULL.
	 */
	int (*judge)(void *context, const struct wal_recovered *found);
	void *context;
};

/*
 * Of what is cut or zeroed at the log's end: whether it had been acknowledged. A mark proves that
 * it had. In WAL_WRITTEN nothing proves that it had not: acknowledged is what the page cache has,
 * and a power cut takes that.
 */
enum wal_tail { WAL_TAIL_UNACKNOWLEDGED, WAL_TAIL_UNKNOWN, WAL_TAIL_ACKNOWLEDGED };
/* Of a write: "was not acknowledged", or what else there is. */
const char *wal_tail_text(enum wal_tail tail);

/* The log as it was found. */
struct wal_recovered {
	bool created;           /* the directory is new */
	raft_identity identity; /* drawn when the directory was created */
	/*
	 * This start, durably: newer than any before, and unlike any that a copy of this directory
	 * may make (V15).
	 */
	uint64_t start;
	struct raft_hard_state hard_state;
	raft_index last_index; /* 0: an empty log */
	raft_term last_term;
	/* of the newest MEMBERS entry in the log, and the one before; 0: none */
	raft_index members_index;
	raft_index members_before_index;
	/* Cut from the tail, at this offset: what there was of a write (tail). */
	uint64_t torn_bytes;
	uint64_t torn_segment; /* its sequence; 0: nothing was torn */
	/* What was read: entries, superseded ones too, in so many bytes of so many segments. */
	uint64_t entries;
	uint64_t bytes;
	uint64_t segments;
	uint64_t torn_offset;
	/*
	 * So many units past the end were not zero, or could not be read (V22, V25); they were
	 * zeroed again. Unless `tail` says otherwise nothing was ever written there. Where the
	 * first one is; 0: there was none.
	 */
	uint64_t decayed;
	uint64_t decayed_segment;
	uint64_t decayed_offset;
	enum wal_tail tail; /* of both, if there are any */
	/* Of a log that lost writes, in a file beside it: what was cut. "": there is none. */
	char kept[DISK_NAME_MAX];
	/*
	 * A slot of the vote file was a write that was cut short: nothing that hung on it left. And
	 * so many slots of the mark held none, cut short or decayed: beside one, the other is older
	 * by one mark. Both were written again (V16). Of the base likewise, where one is enough.
	 */
	bool vote_torn;
	uint32_t mark_damaged;
	uint32_t base_damaged;
	/*
	 * Acknowledged writes are gone (W24): the log ends before its mark, or nobody can tell, or
	 * it was so at an earlier start and wal_whole was not called since. Whoever opened it
	 * neither votes nor campaigns nor acknowledges before it is caught up. One line says what
	 * was found and what was marked.
	 */
	bool lost;
	char lost_why[WAL_ERROR_MAX];
	raft_index diverged; /* as wal_diverged was told, at whatever start; 0: it was not */
	/* Of the peers, as the newest mark has it. */
	struct raft_witness witness[RAFT_MEMBERS_MAX];
	uint32_t witness_count;
	/* Where the log begins: the lowest index that it holds, and the term of the one before. */
	raft_index first_index;
	raft_term before_term;
	/*
	 * Snapshots that are whole by their first and last block, newest first; `installs`: the
	 * newest one is of an entry that the log does not have (it ends before it, or has another
	 * one there), so the state is to be restored from it, and the log begun behind it. And
	 * those that are not whole, which are left alone: by which block.
	 */
	struct raft_snapshot snapshots[WAL_SNAPSHOTS_MAX];
	uint32_t snapshot_count;
	bool installs;
	struct raft_snapshot
		part; /* that was being pulled: so much there is of it; index 0: none */
	struct wal_damaged {
		char name[DISK_NAME_MAX];
		uint64_t offset;
		int error;
	} snapshots_damaged[WAL_SNAPSHOTS_MAX];
	uint32_t snapshots_damaged_count;
	/* The record that wal_record_write kept; size 0: none. */
	uint32_t record_size;
	uint8_t record[WAL_RECORD_SIZE_MAX];
};

struct wal;

/*
 * Opens the directory, recovers and cuts a torn tail; synchronous. A log that has lost acknowledged
 * writes opens, and recovered->lost says so. `error` receives one line that
 * names the file and offset at fault and what to do. 0, or -EWOULDBLOCK (another process has it),
 * -ENOENT (not there, and not `create`), -EXDEV (volatile beside durable or written), -EBADMSG
 * (damage: refused, nothing was changed), -EPROTO (a format of another version), -EINTR
 * (options->goes_on), -errno of the disk.
 */
int wal_open(struct wal **out, const struct wal_options *options, struct wal_recovered *recovered,
	     char error[WAL_ERROR_MAX]);

/*
 * Keeps the membership room's record, in place of the one before, durably when it returns:
 * synchronous, waits for what is in flight. A crash leaves the old one or the new one.
 *
 * Size 0 makes the directory a new one, as if it had been wiped: the record is gone, and another
 * identity is drawn. -EBUSY, and nothing changed, if there is an entry or a term, or if
 * acknowledged writes were lost. After 0 this log takes nothing more (-ESTALE): the caller closes
 * it, and the next wal_open finds a created, empty directory of the new identity, also after a
 * crash.
 *
 * WAL_VOLATILE: nothing is kept on disk, and no start finds a record. 0, or -errno for ever, as
 * wal_poll says it.
 */
int wal_record_write(struct wal *w, const uint8_t *data, uint32_t size);

/*
 * The log begins at entry `first` from now on, and before_term is the term of the entry before it,
 * which is durable here and covered by a snapshot; what is below is no longer read (-ENOENT).
 * Asynchronous, driven by wal_poll: the base is durable before anything that it cuts off is used
 * again or removed, so a crash leaves the old one or the new one. 0, also if it begins there or
 * later already; -ENOENT: no snapshot that is listed covers it; -EAGAIN: the one before is not done
 * yet, or that entry is not durable; or -errno for ever, as wal_poll says it.
 */
int wal_base_move(struct wal *w, raft_index first, raft_term before_term);
/*
 * The log begins behind a snapshot that is listed, and is empty: what is before that goes, and what
 * is behind it, on the disk or on its way there; tokens of it may still be said, and a hard state
 * is kept. Synchronous, waits for what is in flight; durable when it returns, and a crash before
 * leaves the old log or the new one. Writes are numbered on, and a log that lost writes stays so
 * until wal_whole. 0; -ENOENT: no such snapshot is listed; or -errno for ever, as wal_poll says it.
 */
int wal_reset(struct wal *w, raft_index index, raft_term term);
/*
 * An entry, and its term, with so many bytes of the log behind it up to `index`, and little more:
 * at 64 KiB, or a write, exact. 0: there is not so much of the log, or nothing of `index` yet.
 */
raft_index wal_look_back(const struct wal *w, raft_index index, uint64_t bytes, raft_term *term);
/* The lowest index that can be read back, were it written. */
raft_index wal_first(const struct wal *w);

/*
 * Marks (docs/wal-format.md): how far the log has come is written beside it, so that an end that is
 * missing is noticed. A mark is due 100 ms after the last one began, if anything became durable or
 * the witnesses changed since; and at once after wal_whole. The caller asks at every turn, and
 * hands in what it knows of the peers; wal_mark does nothing if none is due, begins with the next
 * wal_poll otherwise, and holds up no write of the log. Until the next one they are kept.
 */
bool wal_mark_due(const struct wal *w, uint64_t now_ns);
void wal_mark(struct wal *w, uint64_t now_ns, const struct raft_witness *witness, uint32_t count);
/* The caller's knowledge of the peers is no longer what it last handed in. */
void wal_witness_changed(struct wal *w);
/*
 * At a stop, before wal_close: waits for what is in flight, and makes a mark of all that is known,
 * if none says it. Synchronous; nothing is appended after it. A failure is the log's end, as any
 * other: 0, or -errno for ever, as wal_poll says it.
 */
int wal_mark_last(struct wal *w, const struct raft_witness *witness, uint32_t count);
/*
 * When the next mark falls due, so that an idle loop wakes for it. UINT64_MAX: nothing is waiting.
 */
uint64_t wal_deadline(const struct wal *w);

/*
 * A peer knows a newer start of this directory, or the same count with another nonce: it was rolled
 * back. Marked lost and given a start above both, durably when it returns; synchronous, waits for
 * what is in flight. 0; -ERANGE: no start can be that high, and nothing was done; or -errno for
 * ever, as wal_poll says it.
 */
int wal_lost(struct wal *w, uint64_t start_known);

/*
 * What is made of this log here is not what the others have made of theirs, as a snapshot of this
 * index showed: a sign for each start to come, durable when it returns. Synchronous, waits for what
 * is in flight. Nothing takes it away. 0, or -errno for ever, as wal_poll says it.
 */
int wal_diverged(struct wal *w, raft_index index);

/*
 * The log was brought up to what had been acknowledged: the next mark, which is due at once, takes
 * the sign of loss away and says what is durable then. A crash before it is durable leaves the
 * sign.
 */
void wal_whole(struct wal *w);

/* This start: as recovered, or as wal_lost drew it since. */
uint64_t wal_start(const struct wal *w);

/*
 * Waits for what is in flight; does not flush what was never submitted. 0; -ETIMEDOUT: not all of
 * it ended within wait_ns, and nothing was given back, for its buffers are the disk's. wal_error
 * says what hangs; the process ends, or this is called again.
 */
int wal_close(struct wal *w);

/* How many entry bytes (data + 64 each) can be appended now. */
size_t wal_room(const struct wal *w);

/*
 * Takes entries (copied) and, if not NULL, a hard state into the write that is forming; all of it
 * is durable once wal_poll reports seq. An entry whose index is not above the last supersedes what
 * it overlaps. The caller has checked wal_room. 0, -ENOBUFS.
 */
int wal_append(struct wal *w, uint64_t seq, const struct raft_hard_state *hard_state,
	       const struct raft_entry *entries, uint32_t count);

/*
 * Drives writes, segment preparation and reads: completes, starts the next write if none is in
 * flight. *seq: the newest token that is durable. 0, or -errno for ever after a failed write, with
 * the last word in wal_error.
 */
int wal_poll(struct wal *w, uint64_t now_ns, uint64_t *seq);
const char *wal_error(const struct wal *w);

/*
 * What everybody waits for: the oldest of the writes of the log and of the vote that are in flight,
 * since no acknowledgement and no vote leaves before them; and, while entries find no segment to
 * be written to, of what prepares and names one. Marks and segments made ahead hold up nobody.
 * False: there is none.
 */
struct wal_waiting {
	uint64_t since_ns; /* when it was handed to the disk, by wal_poll's clock */
	const char *operation;
	char file[DISK_NAME_MAX];
	uint64_t offset;
};
bool wal_get_waiting(const struct wal *w, struct wal_waiting *out);
/* For the lab: from now on, or no longer, its disk does nothing that it is asked for. */
void wal_hold(struct wal *w, bool held);
uint64_t wal_waiting_since(const struct wal *w); /* UINT64_MAX: for nothing */
/*
 * The same of what is read back. No acknowledgement and no vote waits for it, so it is a thing of
 * its own: it keeps back what is to be applied again, or a member that is far behind.
 */
bool wal_get_reading(const struct wal *w, struct wal_waiting *out);
uint64_t wal_reading_since(const struct wal *w);

/*
 * Whether there is space for the log to go on (D8, V17). While it is full nothing new should be
 * appended but what must be, and some that frees: elections and what is under way go on in the
 * segment that is ready. It goes by itself, within a second of there being space.
 */
struct wal_space {
	bool full;
	int error; /* by what: -ENOSPC, -EDQUOT, -EFBIG, or one of wal_refused_now */
	/* Bytes, of the next segment, of what stands beside it, and of that the next snapshot. */
	uint64_t wanted, reserve;
	bool known; /* what there is of them when last seen */
	uint64_t there;
	uint64_t files; /* of that, for what is no segment */
	bool by_quota;  /* so many by wal_options.quota, and the file system has more */
	/* WAL_SPACE_LOW percent of either are used, and until it is less by WAL_SPACE_LESS. */
	bool quota_low, disk_low;
	uint64_t ready;                /* of segments that are there, and not written */
	uint64_t used, quota;          /* by segments and snapshots, of so many; 0: of all */
	uint64_t disk_left, disk_size; /* of the file system; size 0: it does not say */
};
enum { WAL_SPACE_LOW = 90, WAL_SPACE_LESS = 2 };
void wal_get_space(const struct wal *w, struct wal_space *out);
/*
 * So much is to be left for the next snapshot, which is what lets go of the log: with less the
 * space is full, though the log itself could go on.
 */
void wal_space_reserve(struct wal *w, uint64_t bytes);
/* How much of the log is behind that entry, on the disk, to within 64 KiB; 0: not known. */
uint64_t wal_bytes_behind(const struct wal *w, raft_index index);

/*
 * True while a write is forming, or has been in flight for as long as writes usually take: the loop
 * must not sleep long. A disk that hangs burns no core.
 */
bool wal_busy(const struct wal *w);

/*
 * Reads up to `count` entries from `first` back: asynchronous, one per slot (0 .. WAL_READS_MAX -
 * 1). wal_read_poll hands out a finished one: entries point into the slot's buffer, valid until the
 * next wal_read of that slot. Entries not yet handed to the disk cannot be read back (-ENOENT).
 */
enum { WAL_READS_MAX = RAFT_MEMBERS_MAX + 1, WAL_READ_ENTRIES_MAX = 64 };

/* The process, or the host, has no file descriptor left: nothing is wrong with the disk. */
static inline bool wal_no_descriptor(int err)
{
	return err == -EMFILE || err == -ENFILE;
}

/* Somebody took the directory away from the process: its owner, its mode, a rule of the host. */
static inline bool wal_not_allowed(int err)
{
	return err == -EACCES || err == -EPERM;
}

/*
 * A file cannot be made or opened now, and nothing is wrong with the disk. What is: -EIO and all
 * else; -EROFS too, for that is what a file system becomes that has found itself damaged.
 */
static inline bool wal_refused_now(int err)
{
	return wal_no_descriptor(err) || wal_not_allowed(err) || err == -ENOMEM || err == -EAGAIN ||
	       err == -EINTR;
}

struct wal_read_result {
	uint32_t slot;
	int error; /* 0 or -errno; damage is -EBADMSG; wal_refused_now: try again later */
	const struct raft_entry *entries;
	uint32_t count;
};
int wal_read(struct wal *w, uint32_t slot, raft_index first, uint32_t count);
bool wal_read_poll(struct wal *w, struct wal_read_result *out);

/* At start, before the loop runs: the same, synchronous. Returns the count or -errno. */
int wal_read_now(struct wal *w, uint32_t slot, raft_index first, uint32_t count,
		 const struct raft_entry **entries);

enum {
	/* etcd's buckets, from 1 ms to 8.2 s, and six finer ones below: ours are there. */
	WAL_WRITE_TIME_NS_MIN = 15625,
	WAL_WRITE_TIME_BUCKETS = 20,
};

struct wal_stats {
	uint64_t writes;
	uint64_t bytes;
	uint64_t entries;
	uint64_t segments; /* of the log */
	uint64_t reused;   /* segments that were prepared out of former ones */
	uint64_t marks;
	uint64_t torn_bytes; /* cut when it was opened */
	uint64_t decayed;    /* units zeroed again when it was opened */
	uint64_t put_off;    /* what the kernel did not do and was asked for again (disk.h) */
	/* Of a write, from its submission to the wal_poll that found it done. */
	struct histogram write_time;
};
void wal_get_stats(const struct wal *w, struct wal_stats *out);

#endif
