/*
 * What the tests of the log share: entries whose content follows from their index and term, a log
 * driven until a token is durable, and directories that are gone after the test.
 */
#ifndef TESTS_UNIT_WAL_HELPERS_H
#define TESTS_UNIT_WAL_HELPERS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wal/state.h"

#include <errno.h>

enum { TEST_CLUSTER = 0xc1, TEST_MEMBER = 0x11 };

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

/* Asserts that entries first .. last are there, of this term. */
void test_expect(struct wal *w, raft_index first, raft_index last, raft_term term);

/* A new directory under the current one, by name; and away with it. */
char *test_directory_make(void);
void test_directory_remove(char *path);

#endif
