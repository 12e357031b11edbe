/*
 * The log's inside, shared by the files of this room and by nobody else.
 *
 * Entries take this way: wal_append packs them into the last of a ring of buffers (the one that is
 * forming); wal_poll, when no write is in flight, seals the oldest buffer and writes it; when that
 * completes, its tokens are durable and the buffer is free. The term and vote go the same way
 * beside it, through one record of their own, and before the entries that came with them or later:
 * what a leader overwrites is not overwritten on the disk before its term is there. A token is
 * durable when nothing that came with it or before it is pending on either way.
 *
 * Invariants:
 *  1. At most one write of the log, one of the vote file, one step of preparing a segment, one of a
 *     mark and one of moving the base are in flight.
 *  2. number counts the writes that were started; no acknowledged block is written again.
 *  3. Once `failed` is set nothing is started and nothing more is acknowledged.
 */
#ifndef WAL_STATE_H
#define WAL_STATE_H

#include "wal/failure.h"
#include "wal/index.h"
#include "wal/log_base.h"
#include "wal/mark.h"
#include "wal/meta.h"
#include "wal/pull.h"
#include "wal/record.h"
#include "wal/snapread.h"
#include "wal/wal.h"

/* Sizes that production fixes and tests make small. */
struct wal_limits {
	uint32_t write_size_max; /* bytes of the largest write */
	uint32_t buffers;        /* in the ring */
	uint32_t zero_size;      /* bytes of one step of preparing a segment */
	uint64_t zero_rate;     /* bytes of them in a second, while there is time; 0: all at once */
	uint32_t snapshot_size; /* bytes of one write of a snapshot: whole steps of its format */
	uint32_t snapshot_read; /* and of one read */
	uint32_t point_spacing; /* bytes of log between two points of the index */
	uint32_t segment_size_min;
	uint32_t segment_size_step;
};

enum {
	/*
	 * 16 buffers of 256 KiB, less a header and at most one entry's waste each, take 3,900,000
	 * bytes of entries: the largest command (1315 entries, 1.66 MB with 64 for each) twice.
	 * With the zeros, the vote and the mark 4.5 MiB are locked, of the usual limit of 8.
	 */
	STATE_WRITE_SIZE_MAX = 256 * 1024,
	STATE_BUFFERS = 16,
	STATE_BUFFERS_MAX = 16,
	STATE_ZERO_SIZE = 256 * 1024,
	STATE_ZERO_RATE = 128 * 1024 * 1024, /* a segment of 64 MiB in half a second */
	STATE_SNAPSHOT_SIZE = 256 * 1024,
	STATE_SNAPSHOT_READ = 1024 * 1024,
	STATE_POINT_SPACING = 64 * 1024,
	STATE_SEGMENT_SIZE_STEP = 1024 * 1024,
	/*
	 * Beside segments: identity, cluster and mark are replaced under temporary names, of
	 * at most two units of 64 KiB each, and the directory grows by a block.
	 */
	STATE_SPACE_SPARE = 1024 * 1024,
	STATE_SEGMENT_SIZE_MAX = 1024 * 1024 * 1024, /* offsets are 32 bits, with room to add */
};

/* create.c */
raft_identity wal_identity_draw(uint64_t seed);
/* Writes `identity`, durably, in place of the one that is there. */
int wal_identity_make(struct wal *w, uint64_t formerly);
/* The start that follows `before`: one more, and a nonce of its own. */
uint64_t wal_start_after(const struct wal *w, uint64_t before);

/*
 * wait.c: waits until nothing is in flight, or so long that it is the log's end: then something is,
 * and its buffers are the disk's still.
 */
void wal_settle(struct wal *w);
int wal_wait(struct wal *w); /* for one completion, and takes it: 0 or -ETIMEDOUT */
bool wal_in_flight(const struct wal *w);

/* wal.c: a completion to whom it belongs. 0 or -errno for ever. */
int wal_complete(struct wal *w, const struct disk_completion *done);

/* As wal_open, with limits. */
int wal_open_limited(struct wal **out, const struct wal_options *options,
		     const struct wal_limits *limits, struct wal_recovered *recovered,
		     char error[WAL_ERROR_MAX]);

/* No room in the file system, its quota or a limit of files' sizes; or it may not be made now. */
static inline bool wal_no_space(int err)
{
	return err == -ENOSPC || err == -EDQUOT || err == -EFBIG || wal_refused_now(err);
}

/* Tags say whose completion it is; a read's is TAG_READ + slot. */
enum {
	TAG_LOG = 1,
	TAG_VOTE = 2,
	TAG_PREPARE = 3,
	TAG_MARK = 4,
	TAG_CLOSE = 5,
	TAG_BASE = 6,
	TAG_SNAPSHOT = 7,
	TAG_SNAPSHOT_REMOVE = 8,
	TAG_READ = 16,           /* + slot */
	TAG_SNAPSHOT_WRITE = 64, /* + buffer */
	TAG_SNAPSHOT_READ = 72,  /* its opening; + 1 + piece */
	TAG_RANGE = 80,          /* + slot */
};

struct buffer {
	uint8_t *data;
	uint32_t used; /* stream bytes, header included */
	uint32_t count;
	raft_index first;
	raft_index lowest; /* the lowest index in it */
	uint64_t seq_first, seq_last;
};

struct segment {
	uint64_t sequence;
	uint32_t size;
	uint32_t end;     /* where its completed writes end */
	uint64_t from;    /* bytes of all before it, since the log was opened */
	raft_index first; /* in its first write; 0: it has none yet */
	uint64_t before;  /* the number of the write before that */
	int file;         /* -1: closed */
	bool opening;     /* asked for by a read */
	uint32_t readers;
	uint64_t used; /* for closing the one that was not used for longest */
};

enum prepare_state {
	PREPARE_IDLE,
	PREPARE_LOOK, /* is there space for the one after the one that is ready? */
	PREPARE_SPACE,
	PREPARE_REUSE, /* a segment below the base becomes this one: under its temporary name, */
	PREPARE_OPEN,  /* and as a new one from its zeros on */
	PREPARE_CREATE,
	PREPARE_ALLOCATE,
	PREPARE_ZERO,
	PREPARE_ZERO_SYNC,
	PREPARE_HEADER,
	PREPARE_HEADER_SYNC,
	PREPARE_RENAME,
	PREPARE_NAMES_SYNC,
	/* There was no space: what was made of it goes, and it is tried again later. */
	PREPARE_CLOSE,
	PREPARE_REMOVE,
	PREPARE_STATES,
};

struct prepare {
	enum prepare_state state;
	bool in_flight;
	uint64_t since_ns; /* in flight */
	uint64_t sequence;
	uint64_t spare; /* the former sequence of what is used again; 0: it is a new file */
	uint32_t size;
	uint32_t offset; /* of the next zeros */
	int file;
	uint64_t next_ns; /* not before this is space looked for */
	uint64_t zero_ns; /* nor before this the next zeros written, while there is time */
	uint64_t reserve; /* bytes, for the next snapshot */
	struct wal_space space;
};

/* Segments below the base, of this size and still under their names, that are to be used again. */
enum { STATE_SPARES_MAX = 4 };
struct spares {
	uint64_t sequence[STATE_SPARES_MAX];
	uint32_t count;
};

enum move_state {
	MOVE_IDLE,
	MOVE_WRITE,  /* one slot of the base, then the other */
	MOVE_DROP,   /* the first segment leaves, when it is not read */
	MOVE_REMOVE, /* and it is not to be used again */
};

struct mover {
	enum move_state state;
	bool in_flight;
	uint64_t since_ns; /* in flight */
	struct log_base next;
	uint64_t generation; /* of the newest slot that is durable */
	uint32_t slots;      /* that say `next` */
	uint64_t leaving;    /* the segment that is being removed */
	uint64_t next_ns;    /* not before this is it tried again */
	uint8_t *block;
	int file;
};

struct vote {
	struct meta_vote durable; /* the newest that is known to be on stable storage */
	struct meta_vote writing;
	bool in_flight;
	uint64_t since_ns; /* in flight */
	uint64_t writing_seq;
	bool changed; /* `next` waits to be written */
	struct raft_hard_state next;
	uint64_t next_seq;
	int file;
};

enum mark_step {
	MARK_IDLE,
	MARK_SYNC, /* WAL_WRITTEN: what it will say is brought to stable storage */
	MARK_WRITE,
};

struct marker {
	struct mark durable; /* the newest that is known to be on stable storage */
	struct mark writing;
	enum mark_step step;
	bool in_flight;
	uint64_t since_ns;    /* in flight */
	bool asked;           /* by wal_mark; begins with the next wal_poll */
	bool whole;           /* the next one takes the sign of loss away */
	bool witness_changed; /* since the last one */
	uint64_t next_ns;     /* no other one before */
	struct raft_witness witness[RAFT_MEMBERS_MAX];
	uint32_t witness_count;
	/* Positions in `segments`: all before `synced` are on stable storage. */
	size_t synced;
	size_t sync_at;
	size_t sync_last;
	uint64_t sync_number;
	uint8_t *block;
	int file;
};

enum {
	STATE_SNAPSHOT_BUFFERS = 3, /* one that is filled, and two on their way */
	STATE_SNAPSHOT_READS = 2,
};

struct snapshot_buffer {
	uint8_t *data;
	uint32_t used;
	uint64_t offset;
	bool queued; /* full, to be written */
	bool in_flight;
};

enum snapshot_step {
	SNAPSHOT_IDLE,
	SNAPSHOT_OPEN, /* of what there is of one that is pulled, */
	SNAPSHOT_SCAN, /* and how far it is right */
	SNAPSHOT_CREATE,
	SNAPSHOT_WRITE,
	SNAPSHOT_SYNC,
	SNAPSHOT_CLOSE,
	SNAPSHOT_RENAME,
	SNAPSHOT_NAMES_SYNC,
	/* It is not to be: what is in flight ends, the file is closed and removed. */
	SNAPSHOT_DROP,
	SNAPSHOT_REMOVE,
};

struct snapshot_writer {
	enum snapshot_step step;
	bool pulling;          /* it is pulled, and has a name of its own until it is whole */
	bool in_flight;        /* of the steps but the writes */
	bool finishing, ended; /* all of it was given; and the trailer is in a buffer */
	bool aborted;
	int result;
	uint64_t since_ns;
	int file;
	struct block_place place; /* of the block that forms */
	uint32_t fill;            /* payload in it */
	uint64_t payload, hash;
	uint64_t offset; /* of the next buffer in the file */
	uint64_t next_ns;
	uint32_t at; /* the buffer that forms */
	struct snapshot_buffer buffers[STATE_SNAPSHOT_BUFFERS];
	struct snapshot_file made; /* WAL_VOLATILE: what there is of it */
};

/* What only a pull has (pull.c); buffers, hash and place are the writer's. */
struct puller {
	struct raft_snapshot offer;
	int result;
	bool keep;       /* what there is of it, when it is aborted */
	uint64_t *there; /* of each byte in the buffers */
	uint64_t scanned, damaged;
	uint32_t zeros;               /* times that those of its end were wanted again */
	uint64_t scan_end;            /* of what was there */
	uint32_t scan_size, scan_at;  /* of the piece that is in the buffer */
	struct raft_snapshot part;    /* that is in the directory; index 0: none is */
	struct raft_snapshot leaving; /* and is to be removed */
};

struct snapshot_piece {
	uint8_t *data;
	uint64_t offset;
	uint32_t size;
	bool in_flight, ready;
	int error;
};

struct snapshot_reader {
	bool open, opening;
	int fd;
	struct snapshot_file file;
	struct snapshot_piece pieces[STATE_SNAPSHOT_READS];
	uint32_t next_read, next_taken;
	bool taken;       /* next_taken was handed out */
	uint64_t read_to; /* in the file */
	uint64_t number;  /* of the next block */
	uint64_t given;   /* of the stream */
	uint64_t hash;
	int error;
	uint32_t record_size;
	uint8_t record[BLOCK_RECORD_MAX];
};

enum range_step { RANGE_IDLE, RANGE_WANTED, RANGE_CHECK, RANGE_READY };

/* Bytes of a snapshot for a peer. Its file stays open for the next ones. */
struct range {
	bool taken; /* by a caller */
	enum range_step step;
	bool in_flight; /* the opening, or the read */
	int error;
	int fd;
	raft_index index;
	raft_term term;
	uint64_t offset;
	uint32_t size;
	uint64_t from;    /* where what is in `data` begins: at a unit */
	uint32_t checked; /* bytes of it */
	uint8_t *data;
	uint64_t used_ns;
};

enum read_state { READ_IDLE, READ_OPENING, READ_IN_FLIGHT, READ_READY };

/* One of the readers: the file's bytes from `offset` on, valid writes as streams up to `end`. */
struct read {
	enum read_state state;
	uint64_t since_ns; /* in flight */
	int error;
	raft_index first;
	uint32_t want;
	uint32_t count;
	uint8_t *buffer;
	uint64_t segment; /* sequence; 0: the buffer holds nothing */
	uint32_t offset;
	uint32_t end;
	uint64_t number; /* of the write at offset */
	/* Where the last hand-out stopped in the buffer. */
	uint32_t at;
	uint32_t cursor;
	uint32_t ordinal;
	struct raft_entry entries[WAL_READ_ENTRIES_MAX];
};

struct memory; /* WAL_VOLATILE keeps its entries here */

struct wal {
	struct disk *disk;
	bool disk_owned;
	bool locked;
	char directory[256];
	struct log_id id;
	enum wal_durability durability;
	uint64_t quota;
	enum disk_mode mode; /* of the segments */
	uint32_t unit;
	uint32_t segment_size;
	uint32_t files_max;
	struct wal_limits limits;

	bool lost; /* acknowledged writes are gone, and nobody has brought them back yet */
	raft_index diverged; /* wal_diverged */
	int failed;
	char error[WAL_ERROR_MAX];

	uint8_t *region; /* every buffer that is written from: the ring, zeros, the vote */
	size_t region_size;
	uint8_t *zeros;
	uint8_t *block;  /* both slots of the vote, or the identity, at open; then a slot */
	uint8_t *header; /* a segment's header while it is written */

	struct buffer ring[STATE_BUFFERS_MAX];
	uint32_t ring_first; /* the oldest pending one */
	uint32_t ring_count; /* pending: in flight, waiting, forming */
	bool in_flight;      /* ring_first is */
	uint32_t in_flight_size;
	uint64_t in_flight_ns; /* since when */

	struct log_base base;
	struct segment *segments; /* ascending, without gaps, from base.segment on */
	size_t segment_count;
	size_t segment_capacity;
	size_t tail; /* the one that is written */
	uint64_t used_clock;
	struct prepare prepare;
	struct spares spares;
	struct mover mover;
	uint32_t closing; /* files on their way to being closed */

	struct vote vote;
	struct marker marker;
	uint64_t number;         /* of the newest write that was started */
	uint64_t number_durable; /* of the newest one known to be on stable storage */
	raft_index last_index;   /* as appended */
	uint64_t seq;            /* newest token appended */
	uint64_t seed;           /* what is drawn at random comes of it */
	uint64_t now_ns;         /* as the last wal_poll said */

	struct snapshot_file snapshots[WAL_SNAPSHOTS_MAX]; /* newest first */
	uint32_t snapshot_count;
	struct snapshot_writer writer;
	struct puller puller;
	struct snapshot_reader reader;
	struct range ranges[WAL_RANGES_MAX];
	bool removing; /* one of them */

	struct log_index index;
	struct read reads[WAL_READS_MAX];
	struct memory *memory;

	struct wal_stats stats;
};

/* segment.c */
int wal_segment_append(struct wal *w, const struct segment *segment);
bool wal_segment_close(struct wal *w, struct segment *segment); /* false: not now */
int wal_segment_file(struct wal *w, struct segment *segment);   /* opens it if need be, at once */
int wal_segment_open(struct wal *w, struct segment *segment, uint64_t tag); /* asynchronously */
/* A descriptor is wanted: one that only a later read would use goes, if there is one. */
bool wal_segment_give_way(struct wal *w);
bool wal_segment_roll(struct wal *w);         /* false: the next one is not ready */
bool wal_segment_wanted(const struct wal *w); /* there is none to roll to */
int wal_prepare_step(struct wal *w);          /* starts the next step if none is in flight */
int wal_prepare_done(struct wal *w, const struct disk_completion *done);
uint64_t wal_prepare_deadline(const struct wal *w);
int wal_prepare_now(struct wal *w);                     /* a whole segment, at open */
const char *wal_prepare_operation(const struct wal *w); /* what is in flight */
/* A segment that is below the base now: true, it is kept to be used again. */
bool wal_spare_add(struct wal *w, const struct segment *segment);

/* space.c: a look at the file system; NULL: it does not say. */
void wal_space_look(struct wal *w, const struct disk_completion *seen);
/* So many bytes more than there are now are within the quota. */
bool wal_space_holds(const struct wal *w, uint64_t more);
uint64_t wal_space_part(const struct wal *w); /* of what is pulled, or was left of it */

/* write.c */
int wal_write_start(struct wal *w);
int wal_write_done(struct wal *w, int err);
int wal_vote_start(struct wal *w);
int wal_vote_done(struct wal *w, int err);
uint64_t wal_write_seq_durable(const struct wal *w);

/* move.c */
int wal_move_step(struct wal *w);
int wal_move_done(struct wal *w, const struct disk_completion *done);
uint64_t wal_move_deadline(const struct wal *w);
/* Both slots say mover.next, at once; what is below it leaves as after a move. */
int wal_move_now(struct wal *w);
/* There is too little space beside a segment that is to be used again: it is removed. */
void wal_move_give_way(struct wal *w);
/* Opens the file at `found`, which is w->base, and makes both slots say it. */
int wal_base_open(struct wal *w, const struct log_base_slots *found);

/* snaplist.c */
void wal_snapshot_list(struct wal *w, const struct snapshot_file *file);
void wal_snapshot_unlist(struct wal *w, struct snapshot_file *file);
/* One, but this, covers the log up to there, and nothing is known to be wrong with it. */
bool wal_snapshot_reaches(const struct wal *w, raft_index index, const struct snapshot_file *but);
struct snapshot_file *wal_snapshot_find(struct wal *w, raft_index index, raft_term term);
void wal_snapshot_chunks_free(struct snapshot_file *file);
void wal_snapshots_free(struct wal *w);

/* snapshot.c */
/* Somebody reads it: neither is it removed, nor does another file take its place. */
bool wal_snapshot_in_use(struct wal *w, raft_index index, raft_term term);
int wal_snapshot_remove_done(struct wal *w, int err);
/* That was all that was given: what the last block lacks, and the end, if there is room for it. */
void wal_snapshot_tail(struct wal *w);

/* snapfile.c */
struct snapshot_buffer *wal_snapfile_buffer(struct wal *w); /* that is filled */
void wal_snapfile_queue(struct wal *w);                     /* it is full: to be written */
bool wal_snapfile_takes(const struct snapshot_writer *s);   /* bytes, or will */
/* It is not to be: what there is of it goes, and this is its result. */
void wal_snapfile_fail(struct wal *w, int err);
/* It cannot go on, nor can the log. */
int wal_snapfile_failed(struct wal *w, int err, const char *operation);
/* What the disk said when it was asked for something of TAG_SNAPSHOT. */
int wal_snapfile_submitted(struct wal *w, int err);
static inline bool wal_snapfile_free(const struct snapshot_buffer *b)
{
	return !b->queued && !b->in_flight;
}
int wal_snapshot_step(struct wal *w);
int wal_snapshot_done(struct wal *w, const struct disk_completion *done);
int wal_snapshot_write_done(struct wal *w, uint32_t i, int err);
bool wal_snapshot_in_flight(const struct wal *w);
uint64_t wal_snapshot_deadline(const struct wal *w);

/* pull.c */
int wal_pull_opened(struct wal *w);
int wal_pull_scan_step(struct wal *w);
void wal_pull_read_done(struct wal *w, int err);
void wal_pull_ended(struct wal *w, bool left); /* or is there, or gone */
void wal_pull_leave_step(struct wal *w);       /* what there is of one, and is of no use */

/* range.c */
int wal_range_step(struct wal *w);
void wal_range_done(struct wal *w, uint32_t slot, const struct disk_completion *done);
bool wal_range_in_flight(const struct wal *w);
/* Somebody has bytes of it, or will; its file is open no longer where nobody has. */
bool wal_range_of(struct wal *w, raft_index index, raft_term term);
void wal_ranges_free(struct wal *w);

/* snapread.c */
bool wal_snapshot_reading(const struct wal *w); /* something is in flight */
void wal_snapshot_reader_free(struct wal *w);   /* at the log's end, while nothing is */
void wal_snapshot_read_done(struct wal *w, uint32_t i, const struct disk_completion *done);

/* read.c: on disk, and not superseded by anything that waits to be written */
bool wal_readable(const struct wal *w, raft_index index);
void wal_read_done(struct wal *w, uint32_t slot, const struct disk_completion *done);

/* marker.c */
enum { MARK_INTERVAL_NS = 100 * 1000 * 1000 };
int wal_mark_step(struct wal *w);
int wal_mark_done(struct wal *w, int err);

/* recover.c: fills w and out from the directory. */
int wal_recover(struct wal *w, const struct wal_options *options, struct wal_recovered *out);

/* memory.c */
int wal_memory_create(struct memory **out);
void wal_memory_destroy(struct memory *m);
int wal_memory_put(struct memory *m, const struct raft_entry *entry);
/* Points out into the memory: valid until wal_memory_put. NULL: not there. */
const struct raft_entry *wal_memory_get(const struct memory *m, raft_index index);
/* As wal_look_back. */
raft_index wal_memory_look_back(const struct memory *m, raft_index index, uint64_t bytes,
				raft_term *term);
/* What is below `first` is no longer there; it is given back bit by bit by wal_memory_step. */
void wal_memory_trim(struct memory *m, raft_index first);
void wal_memory_step(struct memory *m);
/* All of it goes; the next entry is this one. */
void wal_memory_restart(struct memory *m, raft_index first);

#endif
