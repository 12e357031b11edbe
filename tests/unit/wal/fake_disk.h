/*
 * A disk that can lose power. It sits below wal/disk.h, so the code that runs on it is the log's
 * own.
 *
 * It promises as much as a real one, and no more:
 *  - a completed write to a file opened DISK_DURABLE, and whatever a completed sync covers, is on
 *    the media; sectors of 512 bytes are written whole or not at all;
 *  - of everything else, in flight or only in the cache, any subset of sectors may be on the media
 *    after a crash, in any combination;
 *  - a sync that fails has been told once: what it was to bring to the media is still seen, and the
 *    next sync succeeds without it; who reads past the cache sees what the media has;
 *  - a name is durable after sync_names; before it, each create, rename and remove may be there or
 *    not, and a rename may leave both names.
 *
 * It asserts that the log keeps the seam's rules: alignment, hands off a buffer in flight, and no
 * file open twice but for reading.
 */
#ifndef TESTS_UNIT_WAL_FAKE_DISK_H
#define TESTS_UNIT_WAL_FAKE_DISK_H

#include "wal/disk.h"

/* Which of the sectors and names that were not safe are there after the crash. */
enum fake_style {
	FAKE_NONE,
	FAKE_ALL,
	FAKE_RANDOM, /* each by the toss of a coin */
	FAKE_PREFIX, /* the first so many */
	FAKE_SUFFIX, /* the last so many: out of order */
	FAKE_ALL_BUT_ONE,
	FAKE_ONLY_ONE,
	FAKE_STYLES,
};

/* Lies that a disk, or a log that asks for too little, could tell. */
struct fake_lies {
	bool ack_early;      /* a write completes when it is submitted, and lands later */
	bool ignore_durable; /* DISK_DURABLE is taken as DISK_CACHED */
	bool ignore_names;   /* sync_names does nothing */
};

struct fake_disk;

struct fake_disk *fake_create(uint32_t unit, uint64_t seed);
struct disk *fake_disk_of(struct fake_disk *f);
void fake_destroy(struct fake_disk *f);

/* The same disk at this moment, for trying something out on it. Its files are all closed. */
struct fake_disk *fake_clone(const struct fake_disk *f, uint64_t seed);

/* The power fails: what was not safe is there as the style says. Nothing is open or in flight. */
void fake_power_cut(struct fake_disk *f, enum fake_style style);

/* The process is killed: what it had in flight lands as the style says, in the cache. */
void fake_kill(struct fake_disk *f, enum fake_style style);

void fake_set_lies(struct fake_disk *f, struct fake_lies lies);

/* Called before each step that a crash could come before. */
void fake_set_hook(struct fake_disk *f, void (*hook)(void *arg, struct fake_disk *f), void *arg);

/*
 * The operation after `after` more ones fails: a write or sync by its completion, a name by its
 * return. Whatever is retried afterwards would work: the log must not retry.
 */
void fake_fail(struct fake_disk *f, uint64_t after, int err);
void fake_fail_reads(struct fake_disk *f, uint64_t after, int err);
/* While so many files are open, no other is: -EMFILE. 0: the process has no limit. */
void fake_files_max(struct fake_disk *f, uint32_t max);
uint32_t fake_files(const struct fake_disk *f);      /* open now */
uint64_t fake_operations(const struct fake_disk *f); /* so far: what fake_fail counts */

/*
 * While held, nothing completes but what fake_release lets go: everything with this tag; and what a
 * poll that waits needs.
 */
void fake_hold(struct fake_disk *f, bool hold);
/* From now on its space is counted: so many bytes are left, and nothing takes more. */
void fake_space(struct fake_disk *f, bool counts, uint64_t space);
/* And it says that it has so many in all; 0: it does not say. */
void fake_space_all(struct fake_disk *f, uint64_t all);

/* While it is not 0: of each open and change of a name; of each look at the space that is left. */
void fake_names_fail(struct fake_disk *f, int err);
void fake_look_fails(struct fake_disk *f, int err);

/* Files are opened, from now on, by who asks for no lock of them: as wal/disk_reader.c does. */
void fake_no_locks(struct fake_disk *f);

/* The disk does not answer: nothing completes, and who waits does so in vain. */
void fake_hang(struct fake_disk *f, bool hang);
bool fake_release(struct fake_disk *f, uint64_t tag);
bool fake_has(const struct fake_disk *f, uint64_t tag); /* is it in flight, and held? */

/* The media, directly. Files are named; contents are changed in place. */
bool fake_exists(const struct fake_disk *f, const char *name);
uint64_t fake_size(const struct fake_disk *f, const char *name);
void fake_get(const struct fake_disk *f, const char *name, uint64_t offset, void *data,
	      size_t size);
void fake_put(struct fake_disk *f, const char *name, uint64_t offset, const void *data,
	      size_t size);
void fake_flip(struct fake_disk *f, const char *name, uint64_t offset, uint32_t bit);
/* Reads that touch this part of it fail, until all of it was written at once. */
void fake_bad(struct fake_disk *f, const char *name, uint64_t offset, size_t size, int err);
void fake_mended(struct fake_disk *f, const char *name); /* all of it can be read again */
void fake_remove(struct fake_disk *f, const char *name);
void fake_copy(struct fake_disk *f, const char *from, const char *to);
void fake_truncate(struct fake_disk *f, const char *name, uint64_t size);
uint64_t fake_hash(const struct fake_disk *f); /* of all names and contents */

#endif
