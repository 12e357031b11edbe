/*
 * Joins the entries of a command that is larger than one entry (a chain) in one buffer.
 *
 * A chain is broken when a leader died while appending it: the entries that its successor appends
 * then do not continue it, and what was gathered is thrown away. Every member sees the same
 * entries and so throws away the same.
 *
 * Invariants:
 *  KJ1. A chain is open exactly between its first entry and its last one, and the next entry of an
 *       open chain is the one at next_index, not first, and not empty.
 *  KJ2. The buffer never holds more than KV_CHAIN_SIZE_MAX bytes. A committed chain that is longer
 *       (no door lets it in) is followed to its end, so that its client gets a verdict.
 */
#ifndef KV_CHAIN_H
#define KV_CHAIN_H

#include "kv/command.h"
#include "kv/sm.h"

enum {
	/* The largest command. */
	KV_CHAIN_SIZE_MAX = KV_REQUEST_SIZE_MAX,
};

struct kv_chain {
	uint8_t *buffer; /* KV_CHAIN_SIZE_MAX bytes */
	uint32_t size;
	bool open;
	bool too_long;
	uint64_t next_index;
	uint64_t digest; /* of the gathered bytes */
};

/* 0 or -ENOMEM. */
int kv_chain_init(struct kv_chain *chain);
void kv_chain_destroy(struct kv_chain *chain);

/* Nothing was gathered. */
void kv_chain_discard(struct kv_chain *chain);

/*
 * Takes the next entry of the log. True: it completes a command. *command is then either in the
 * entry itself or in the buffer, valid until the next call; *too_long says that bytes are missing
 * at its end.
 */
bool kv_chain_add(struct kv_chain *chain, const struct sm_entry *entry, struct kv_bytes *command,
		  bool *too_long);

/* The same command again, from the same entry, whose data may have moved. */
struct kv_bytes kv_chain_command(const struct kv_chain *chain, const struct sm_entry *entry);

uint64_t kv_chain_hash(const struct kv_chain *chain);

#endif
