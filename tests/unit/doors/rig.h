/*
 * A node without consensus: serve over the real store, and writes that come from beside. Doors are
 * added by the tests; time is virtual.
 *
 * The store begins with RIG_KEYS keys of RIG_VALUE bytes, 50 MB in all, whose bytes follow from key
 * and version, so that an answer can be checked to the last one.
 */
#ifndef TESTS_UNIT_DOORS_RIG_H
#define TESTS_UNIT_DOORS_RIG_H

#include "kv/command.h"
#include "serve/serve.h"
#include "tests/unit/test.h"

enum {
	RIG_KEYS = 12500,
	RIG_VALUE = 4000,
	RIG_ITEM = KV_ITEM_HEADER_SIZE + 6 + RIG_VALUE,
	RIG_ANSWER = KV_ANSWER_HEADER_SIZE + RIG_KEYS * RIG_ITEM,
	RIG_QUERY_MAX = 128,
	/* What five rounds of writes take from a reader do not fit; what three do does. */
	RIG_PIN_BUDGET = 3 * (RIG_ANSWER + RIG_KEYS * 200),
};

struct rig {
	struct sm *sm;
	struct serve *serve;
	struct serve_port port;
	struct serve_peers peers;
	struct serve_host host;
	uint64_t now_ns;
	uint64_t index, sequence;
	uint64_t context; /* of a read that waits for its confirmation */
	uint32_t writes;
	uint64_t compacted;  /* the revision */
	uint64_t pinned_max; /* the most that readers ever held back */
};

void rig_open(struct rig *rig);
void rig_close(struct rig *rig);

/* Around what a test's doors receive. */
void rig_turn_begin(struct rig *rig, uint64_t ns);
void rig_turn_end(struct rig *rig);

/* A command, through the log. */
void rig_apply(struct rig *rig, const uint8_t *command, uint32_t size);

/*
 * The next `count` writes: every key is overwritten, then all are deleted by tens, then they are
 * put anew, over and over. What was before them is compacted.
 */
void rig_write(struct rig *rig, uint32_t count);

/* The query of all keys. Its size. */
uint32_t rig_query(uint8_t out[RIG_QUERY_MAX]);
/* A command that deletes 40 keys and asks for what they had: 160 KiB. Its size. */
uint32_t rig_deletion(uint8_t out[RIG_QUERY_MAX]);
/* All keys as they were at the beginning, and nothing else. */
void rig_check(const uint8_t *answer, size_t size);

/* Gives back what no reader needs, to the end: nothing may be left. */
void rig_check_clean(struct rig *rig);

#endif
