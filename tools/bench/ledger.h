/*
 * What a cluster said of the puts of each key, so that somebody can ask it afterwards whether it
 * kept its word: a key's version is the number of its puts, so it has at least as many as were
 * acknowledged, and at most those that may have been done beside them.
 *
 * The file: a line with the prefix of all keys, then one for each key that was put: its number, how
 * many puts were acknowledged, how many may have been done, and of the acknowledged one with the
 * highest revision that revision and the number that its value begins with.
 */
#ifndef TOOLS_BENCH_LEDGER_H
#define TOOLS_BENCH_LEDGER_H

#include <stdint.h>

enum { LEDGER_NUMBER_SIZE = 16 }; /* hexadecimal digits, at the beginning of a value */

struct ledger_key {
	uint64_t acknowledged, unknown;
	uint64_t revision, number;
};

struct ledger {
	uint32_t count;
	struct ledger_key *key;
};

/* 0 or -ENOMEM. */
int ledger_create(struct ledger *out, uint32_t keys);
void ledger_destroy(struct ledger *l);

void ledger_acknowledged(struct ledger *l, uint32_t key, uint64_t revision, uint64_t number);
void ledger_unknown(struct ledger *l, uint32_t key);

/* 0 or -errno. */
int ledger_write(const struct ledger *l, const char *prefix, const char *file);

#endif
