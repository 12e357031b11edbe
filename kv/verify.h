/* The checker of the state machine's numbered invariants, for tests: it walks the whole state. */
#ifndef KV_VERIFY_H
#define KV_VERIFY_H

#include "kv/sm.h"

void kv_verify(struct sm *sm);

/* The bytes that a compaction would have freed, had there been no readers: as far as counted. */
uint64_t kv_pinned_size(struct sm *sm);

#endif
