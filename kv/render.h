/*
 * Answers are rendered, not remembered (ADR 18): of a command's bytes, its verdict, and the
 * versions that it wrote and saw, which stay until they are compacted.
 *
 * Invariants:
 *	RE1. A rendering is the same whenever it is made, and on every member; or it says that what
 *	     it needs is gone.
 *	RE2. What it says is of the command whose bytes the verdict is of, or nothing is said.
 */
#ifndef KV_RENDER_H
#define KV_RENDER_H

#include "kv/cursor.h"
#include "kv/outcome.h"

/*
 * As sm_ops.answer. `command` is one that sm_ops.check found good, whoever sent it: it need not be
 * the one that the verdict is of.
 */
int kv_render(struct kv_cursors *cursors, struct kv_bytes command, const uint8_t *outcome,
	      uint8_t *out, uint32_t out_size_max, struct kv_cursor **rest);

#endif
