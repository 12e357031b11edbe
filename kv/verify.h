/* The checker of the state machine's numbered invariants, for tests: it walks the whole state. */
#ifndef KV_VERIFY_H
#define KV_VERIFY_H

#include "kv/sm.h"

void kv_verify(struct sm *sm);

/* The bytes of older versions that are kept for readers. */
uint64_t kv_pinned_size(struct sm *sm);

#endif
