/*
 * The key-value store that ships: etcd's model (revisions, create, mod, version; an empty store is
 * at revision 1) behind kv/sm.h. Commands and queries are built and taken apart by kv/command.h.
 *
 * Only the newest revision of each key is kept so far; the layout has room for old ones.
 */
#ifndef KV_KV_H
#define KV_KV_H

#include "kv/sm.h"

enum {
	/*
	 * Sessions remembered, of each class (long-lived, one-shot); evicted by log index within
	 * the class, so that one-shot calls cannot evict long-lived sessions. About 128 bytes each.
	 */
	KV_SESSIONS_MAX = 4096,

	/* What a key costs against the quota beyond its key and value bytes. */
	KV_KEY_OVERHEAD = 128,
};

struct kv_options {
	uint64_t quota; /* bytes: the leader admits no put past it, etcd's NOSPACE */
};

/* 0 or -ENOMEM. The sm is destroyed through its ops. */
int kv_create(struct sm **out, const struct kv_options *options);

#endif
