/* What the store's files have among themselves. */
#ifndef KV_INTERNAL_H
#define KV_INTERNAL_H

#include "kv/store.h"

/* Of a version that is no tombstone. */
uint64_t kv_version_digest(const struct kv_version *version);

#endif
