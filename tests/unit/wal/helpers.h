/*
 * Shared by the tests of the log: entries whose content follows from their index and term, a log
 * driven until a token is durable, and directories that are gone after the test.
 */
#ifndef TESTS_UNIT_WAL_HELPERS_H
#define TESTS_UNIT_WAL_HELPERS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/wal/fake_disk.h"

#include "wal/state.h"

#include <errno.h>

/*
 * Of a long sweep one step in so many is made: each of them, but under sanitizers, where it takes
 * ten times as long. Odd, so that all bits come up that follow from the step's number.
 */
#ifdef __SANITIZE_ADDRESS__
enum { TEST_STRIDE = 9 };
#else
enum { TEST_STRIDE = 1 };
#endif

/* Limits so small that a few hundred entries roll segments. */
extern const struct wal_limits test_limits;
enum { TEST_SEGMENT_SIZE = 64 * 1024 };

/* Fills entry with data (of RAFT_ENTRY_DATA_MAX bytes) that follows from index and term. */
void test_entry(struct raft_entry *entry, uint8_t *data, raft_index index, raft_term term);

/* NULL, or what is wrong with an entry that test_entry should have made. */
const char *test_entry_check(const struct raft_entry *entry);

/* Appends entries first .. last of the term under the next token; returns the token. */
uint64_t test_append(struct wal *w, raft_index first, raft_index last, raft_term term);

/* Polls until the token is durable. 0 or what wal_poll said. */
int test_persist(struct wal *w, uint64_t seq);

/* Makes a mark and waits until it is durable; one must be due. */
void test_mark(struct wal *w, uint64_t now_ns, const struct raft_witness *witness, uint32_t count);

/* Polls until the next segment is there, and named by a mark; the clock stands still. */
void test_settle(struct wal *w);

/* Asserts that entries first .. last are there, of this term. */
void test_expect(struct wal *w, raft_index first, raft_index last, raft_term term);

/* A log on a fake disk. */
struct test_log {
	struct fake_disk *disk;
	struct wal *wal;
	struct wal_options options;
	struct wal_recovered found;
	char error[WAL_ERROR_MAX];
};

/* A new disk, nothing on it; opened with test_log_open, which returns what wal_open does. */
void test_log_init(struct test_log *t);
int test_log_open(struct test_log *t);
void test_log_close(struct test_log *t); /* the process ends; the disk stays */
void test_log_free(struct test_log *t);

/*
 * Writes `writes` writes of one token each, `entries` entries in each, from index 1 of term 1, and
 * closes. With votes in between, so that both slots were written.
 */
void test_log_fill(struct test_log *t, uint32_t writes, uint32_t entries);

/*
 * Asserts that the directory is refused with this error, that the line names `file`, and that
 * nothing on the disk changed.
 */
void test_log_refused(struct test_log *t, int err, const char *file);

/*
 * Opens a log that lost acknowledged writes: asserts that it says so, in a line that names `file`.
 */
void test_log_lost(struct test_log *t, const char *file);

/*
 * The file of the snapshot of info->index and info->term, of wal_block_file_size(size) bytes; its
 * size and hash go into `info`.
 */
void test_snapshot_image(uint8_t *out, struct raft_snapshot *info, const uint8_t *record,
			 uint32_t record_size, const uint8_t *content, size_t size);
/* An empty snapshot as of this entry, on the disk. */
void test_snapshot_put(struct fake_disk *disk, raft_index index, raft_term term);
/* And listed by the log, which is open. */
void test_snapshot(struct test_log *t, raft_index index, raft_term term);

/*
 * Gives the directory this base, and a snapshot before it; segments before it may stay or be taken
 * away by the caller.
 */
void test_base_put(struct fake_disk *disk, const struct log_base *base);
/* As it is there, or else as a new log's. */
struct log_base test_base_get(const struct fake_disk *disk);

/* Where the n-th write of the log lies (from 0). False: there are not so many. */
struct test_place {
	char file[DISK_NAME_MAX];
	uint64_t offset;
	uint32_t size;
};
bool test_log_write(const struct test_log *t, uint32_t n, struct test_place *out);

/* A new directory in the program's own, which becomes the current one; and away with it. */
char *test_directory_make(void);
void test_directory_remove(char *path);

#endif
