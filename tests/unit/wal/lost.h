/*
 * A log that is made to lose its end, and what must come of it.
 */
#ifndef TESTS_UNIT_WAL_LOST_H
#define TESTS_UNIT_WAL_LOST_H

#include "tests/unit/wal/helpers.h"

enum { WRITES = 24, ENTRIES = 12, MS = 1000 * 1000 };

/*
 * Some segments of acknowledged writes, WRITES + 1 of them, all of them marked, and one prepared
 * behind; closed. Returns how many segments there are.
 */
uint64_t lost_fill(struct test_log *t);

/* Zeros all writes from this one on (from 0). */
void lost_zero(struct test_log *t, uint32_t from);

/*
 * It opens, says what it lost in a line that names `file`, still says so after more was appended,
 * and no longer once it is whole. Frees the log.
 */
void lost_until_whole(struct test_log *t, const char *file);

#endif
