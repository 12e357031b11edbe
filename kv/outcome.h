/*
 * What the log makes of a command: the members agree on it, the session remembers it, and with the
 * command's own bytes and the versions in the store it is all that its answer needs (kv/render.h).
 *
 *	     0    1 status (enum kv_status)
 *	     1    1 operation; 0: of a command that could not be read
 *	     2    1 flags (1: it wrote: then `revision` is its own)
 *	     3    1 zero
 *	     4    4 digest of the command, but for its header's numbers
 *	     8    8 revision of the store after it
 *	    16    8 raft index at which it was applied
 *	    24    8 keys that it deleted, by itself: not within a transaction
 *	    32   16 a bit for each transaction in the command, in the order of its bytes: its
 *	            comparisons held. Of one that was not looked at it is 0.
 */
#ifndef KV_OUTCOME_H
#define KV_OUTCOME_H

#include <assert.h>

#include "kv/command.h"
#include "kv/kv.h"

enum {
	KV_VERDICT_SIZE = 48,
	KV_TXNS_MAX = 128, /* in one command: bits of a verdict */
};

static_assert((int)KV_VERDICT_SIZE <= (int)KV_VERDICT_SIZE_MAX, "a session remembers it");

struct kv_outcome {
	enum kv_status status;
	enum kv_operation operation;
	bool wrote;
	uint32_t digest;
	uint64_t revision;
	uint64_t applied_index;
	uint64_t deleted;
	uint8_t branches[KV_TXNS_MAX / 8];
};

void kv_outcome_encode(const struct kv_outcome *outcome, uint8_t out[KV_VERDICT_SIZE]);
void kv_outcome_decode(struct kv_outcome *out, const uint8_t data[KV_VERDICT_SIZE]);

bool kv_outcome_branch(const struct kv_outcome *outcome, uint32_t txn);
void kv_outcome_take(struct kv_outcome *outcome, uint32_t txn);

/* Of a whole command: a retry may show another base, or floor. */
uint32_t kv_outcome_digest(const uint8_t *command, size_t size);

#endif
