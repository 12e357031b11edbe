/*
 * The key-value store that ships: etcd's model (revisions, create, mod, version; an empty store is
 * at revision 1) behind kv/sm.h. Commands and queries are built and taken apart by kv/command.h.
 *
 * Every version of a key stays until it is compacted (kv/store.h). An answer of several pieces is
 * of the revision at which it began (kv/pins.h).
 */
#ifndef KV_KV_H
#define KV_KV_H

#include "kv/sm.h"

enum {
/*
 * Sessions remembered, of each class (long-lived, one-shot); evicted by log index within the class,
 * so that one-shot calls cannot evict long-lived sessions. And verdicts, of each class: four of a
 * session, or of 256 sessions all that a window holds. A door that retries within a second needs
 * those of as many commands as are on their way at a time, and the requests of seven nodes are
 * 14,336.
 *
 * Memory, when all are in use: of a class 4,096 sessions of 216 bytes and 16,384 verdicts of 120;
 * of both, with 8,192 buckets of 8 bytes, 5.5 MiB.
 */
#ifdef KV_TEST_SESSIONS
	KV_SESSIONS_MAX = KV_TEST_SESSIONS,
	KV_VERDICTS_MAX = KV_TEST_SESSIONS,
#else
	KV_SESSIONS_MAX = 4096,
	KV_VERDICTS_MAX = 16384,
#endif
	KV_VERDICT_SIZE_MAX = 64,

/*
 * A piece of an answer ends here, or after its first item: tens of microseconds, however large the
 * whole answer is.
 */
#ifdef KV_TEST_PIECE_SIZE
	KV_PIECE_SIZE = KV_TEST_PIECE_SIZE,
#else
	KV_PIECE_SIZE = 256 * 1024,
#endif
};

/* What compactions would free but for readers, at most, unless a quarter of the quota is more. */
#define KV_PINNED_SIZE_MIN (64u << 20)

struct kv_options {
	/*
	 * Bytes of memory for keys and all their versions: the leader admits no put past it, etcd's
	 * NOSPACE. What is overwritten or deleted counts until it is compacted.
	 */
	uint64_t quota;
	/* Bytes that readers hold back from compactions; 0: as above. */
	uint64_t pinned_size_max;
	/*
	 * Of what is kept by a hash of what clients choose: nobody can guess it; never 0. It is
	 * another on each member: nothing that they agree on depends on it.
	 */
	uint64_t salt;
};

/* 0 or -ENOMEM. The sm is destroyed through its ops. */
int kv_create(struct sm **out, const struct kv_options *options);

#endif
