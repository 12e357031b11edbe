/* The checker of the state machine's numbered invariants, for tests: it walks the whole state. */
#ifndef KV_VERIFY_H
#define KV_VERIFY_H

#include "kv/sm.h"

void kv_verify(const struct sm *sm);

#endif
