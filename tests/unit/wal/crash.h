/*
 * A workload on the fake disk, and what was asked of the log and acknowledged: shared by the files
 * of the crash test.
 */
#ifndef TESTS_UNIT_WAL_CRASH_H
#define TESTS_UNIT_WAL_CRASH_H

#include "tests/unit/wal/fake_disk.h"
#include "tests/unit/wal/helpers.h"

enum {
	EVENTS_MAX = 4096,
	VOTES_MAX = 512,
	TOKENS_MAX = 1024,
	DEPTH_MAX = 2,
	STATES_MIN = 1000,
	OVERTIME_MAX = 60, /* seconds */
};

/* All that was asked of the log, in order, and how much of it the log acknowledged. */
struct model {
	struct {
		raft_index index;
		raft_term term;
	} events[EVENTS_MAX];
	uint32_t event_count;
	struct raft_hard_state votes[VOTES_MAX];
	uint32_t vote_count;
	struct {
		uint32_t events;
		uint32_t votes;
	} tokens[TOKENS_MAX]; /* by seq: what was asked up to it */
	uint64_t seq;
	uint32_t events_acked;
	uint32_t votes_acked;
	raft_identity identity;        /* 0: no open has returned */
	struct log_base base;          /* where it began at first */
	raft_index first, first_asked; /* where it begins durably, and where it is to */
	raft_index committed;          /* up to here nothing is superseded */
	raft_index snapshot;           /* that is being written; 0: none */
	uint64_t snapshot_given;
	raft_index snapshot_there;      /* the newest that was said to be there; 0: none */
	raft_index given;               /* the one that it began with; 0: none */
	struct raft_snapshot pull;      /* that is being pulled; index 0: none */
	struct raft_snapshot installs;  /* that is whole, and the log is not begun behind it */
	struct raft_snapshot resetting; /* behind which it is being begun */
	uint64_t start;
};

/* What was tried. */
struct counts {
	uint64_t states;
	uint64_t losses;
	uint64_t moves;  /* of the base */
	uint64_t reused; /* segments */
	uint64_t snapshots;
	uint64_t pulls;
	uint64_t resumed; /* of them, with something there already */
	uint64_t resets;
};

struct world {
	struct wal *wal; /* the first one, once it is open */
	uint64_t now_ns;
	uint64_t seed;
	uint64_t random;
	struct fake_disk *disk;
	enum wal_durability durability;
	uint32_t unit;
	struct model *model;
	uint32_t depth;
	uint32_t sparseness; /* of a nested world: crash before one step in so many */
	bool aging;          /* nothing crashes yet */
	bool lying;          /* stop at the first failure, which is what is hoped for */
	struct counts *counts;
	char failure[1024];
};

uint64_t crash_roll(struct world *w, uint64_t bound);
struct wal_options crash_options(const struct world *w, struct fake_disk *disk);

/* WAL_WRITTEN and a power cut of this moment. Fills w->failure. */
void crash_written(struct world *w, struct fake_disk *disk, enum fake_style style);

/*
 * A power cut of this moment, after which writes are gone that had been marked. Fills w->failure.
 */
void crash_loss(struct world *w, struct fake_disk *disk);

/* The log's last entry after so many events, and the term of each, from the base on. */
raft_index crash_live(const struct model *m, uint32_t events, raft_term *terms);

/* Goes on with a snapshot, or begins one: `terms` of the entries up to `last`. */
void crash_snapshot_more(struct world *w, struct wal *wal, raft_index last, const raft_term *terms);
/* What one of this entry holds. */
const uint8_t *crash_snapshot_content(raft_index index, size_t *size);
/* NULL, or what is wrong with those that were found, beside a log of the first `events`. */
const char *crash_snapshot_check(const struct model *m, struct wal *wal,
				 const struct wal_recovered *found, uint32_t events);
/* A power cut of this moment, and a bit of a snapshot that flips. Fills w->failure. */
void crash_snapshot_decay(struct world *w, struct fake_disk *disk);

/* Goes on with a pull, or begins one, or ends an install. True: the log is a new one. */
bool crash_pull_more(struct world *w, struct wal *wal, raft_index last, raft_term term);
/* What was found is the log that it was to become. */
void crash_reset_found(struct model *m, const struct wal_recovered *found);
/* A start goes on with what it found. NULL, or what is wrong. */
const char *crash_pull_resume(struct world *w, struct wal *wal, const struct wal_recovered *found);

/* A crash of this moment, and decay where nothing was written. Fills w->failure. */
void crash_decay(struct world *w, struct fake_disk *disk, enum fake_style style);

#endif
