/*
 * What clients asked of a cluster and were told, and whether one copy of the store could have said
 * all of it.
 *
 * Every put has a value of its own, so that a read names the put that it saw. That makes judging a
 * register exact and cheap: Gibbons and Korach, "Testing shared memories" (SIAM J. Comput., 1997),
 * section 4.
 *
 * An operation precedes another if it ended before that began. A history is right if:
 *
 *  HI1. Each key is linearizable: some order of its operations keeps what precedes what, and each
 *       read sees the put before it. Per key is enough, for linearizability is local (Herlihy and
 *       Wing, 1990).
 *  HI2. Nothing is seen that was never asked for, or that the client was told was not done.
 *  HI3. A put has one revision, no two have the same, and all who saw it say so.
 *  HI4. Revisions follow time: what was told at one revision precedes nothing told at a lower one,
 *       and a put's is above all that preceded it.
 *  HI5. A read shows the newest put of its key at or below the revision that it names: a range is
 *       one moment of the store.
 */
#ifndef TESTS_SOAK_HISTORY_H
#define TESTS_SOAK_HISTORY_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum history_kind { HISTORY_PUT, HISTORY_GET };

enum history_outcome {
	HISTORY_DONE,     /* acknowledged, or read */
	HISTORY_UNKNOWN,  /* a put: it may have been done, or still be */
	HISTORY_NOT_DONE, /* a put: its client was told that nothing was done */
};

/* An unknown put never ends. */
#define HISTORY_NEVER UINT64_MAX

struct history_operation {
	enum history_kind kind;
	enum history_outcome outcome;
	uint32_t client, key;
	uint64_t begin_ns, end_ns; /* above 0, of one clock */
	uint64_t value;            /* put or seen; a read's 0: there is no such key */
	uint64_t mod_revision;     /* of that value; 0: not known, or no value */
	uint64_t revision;         /* of the store, as the answer names it; 0: not known */
};

struct history {
	struct history_operation *operation;
	size_t count, capacity;
};

enum { HISTORY_WORDS_MAX = 1024 };

/* 0 or -ENOMEM. */
int history_add(struct history *h, const struct history_operation *operation);
void history_destroy(struct history *h);

/* 0 if it is right; 1 with the rule and the operations that break it in words; -ENOMEM. */
int history_judge(const struct history *h, char words[HISTORY_WORDS_MAX]);

/* As text, a line for each operation, and back: 0 or -errno. */
int history_write(const struct history *h, FILE *file);
int history_read(struct history *h, FILE *file);

#endif
