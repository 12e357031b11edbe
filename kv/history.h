/*
 * The versions of one key, in order of their revisions.
 *
 * Most keys have one version, and then its pointer is all there is. More are in chunks of pointers,
 * the newest chunk first: so a new version is appended without copying the others, the one of a
 * revision is found by a short walk and a binary search, and the oldest goes at once.
 *
 * Invariants:
 *  KH1. Versions ascend by (main, sub), through a chunk and from a chunk to the next newer one.
 *  KH2. No chunk is empty. A history of one version has none.
 *  KH3. The chunks are a ring: the newest one's `newer` is the oldest, whose `older` is the newest.
 */
#ifndef KV_HISTORY_H
#define KV_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kv_version;

/* The place of an operation among all others: its transaction, and where it is in it. */
struct kv_revision {
	uint64_t main;
	uint32_t sub;
};

/* All that a transaction did. */
static inline struct kv_revision kv_revision_of(uint64_t main)
{
	return (struct kv_revision){.main = main, .sub = UINT32_MAX};
}

static inline int kv_revision_compare(struct kv_revision a, struct kv_revision b)
{
	if (a.main != b.main)
		return a.main < b.main ? -1 : 1;
	return (a.sub > b.sub) - (a.sub < b.sub);
}

enum {
	KV_CHUNK_MIN = 4, /* 64 bytes */
	/* 32 KiB. A key of ten million versions has 2,500 of these: its oldest is 0.1 ms away. */
	KV_CHUNK_MAX = 4096,
};

struct kv_chunk {
	struct kv_chunk *older, *newer;
	uint32_t first, end; /* in use: [first, end) */
	uint32_t room;
	struct kv_version *version[];
};

/* Empty: all zero. */
struct kv_history {
	uintptr_t tagged; /* a version; or a chunk, with the lowest bit set: the newest one */
};

/* Both return by how many bytes the history's own memory has grown. */
int64_t kv_history_append(struct kv_history *history, struct kv_version *version);
int64_t kv_history_drop_oldest(struct kv_history *history);

/* Not the versions. */
void kv_history_destroy(struct kv_history *history);

/* NULL: it is empty. */
struct kv_version *kv_history_newest(const struct kv_history *history);
struct kv_version *kv_history_oldest(const struct kv_history *history);
/* The newest one at or before `at`; NULL: it begins later. */
struct kv_version *kv_history_find(const struct kv_history *history, struct kv_revision at);

/* Bytes of its own memory; asserts what the invariants state. */
uint64_t kv_history_verify(const struct kv_history *history);

#endif
