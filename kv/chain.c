/* See kv/chain.h. */
#include "kv/chain.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kv/hash.h"

int kv_chain_init(struct kv_chain *chain)
{
	*chain = (struct kv_chain){.buffer = malloc(KV_CHAIN_SIZE_MAX)};
	return chain->buffer ? 0 : -ENOMEM;
}

void kv_chain_destroy(struct kv_chain *chain)
{
	free(chain->buffer);
}

void kv_chain_discard(struct kv_chain *chain)
{
	chain->open = false;
	chain->too_long = false;
	chain->size = 0;
	chain->next_index = 0;
	chain->digest = 0;
}

static void chain_append(struct kv_chain *chain, const struct sm_entry *entry)
{
	uint32_t room = KV_CHAIN_SIZE_MAX - chain->size;
	uint32_t size = entry->size < room ? entry->size : room;

	assert(chain->open);
	assert(chain->size <= KV_CHAIN_SIZE_MAX);
	memcpy(chain->buffer + chain->size, entry->data, size);
	chain->digest = kv_hash_bytes(chain->digest, entry->data, size);
	chain->size += size;
	chain->too_long |= size < entry->size;
	chain->next_index = entry->index + 1;
}

struct kv_bytes kv_chain_command(const struct kv_chain *chain, const struct sm_entry *entry)
{
	assert(entry->last);
	if (entry->first)
		return (struct kv_bytes){.data = entry->data, .size = entry->size};
	return (struct kv_bytes){.data = chain->buffer, .size = chain->size};
}

bool kv_chain_add(struct kv_chain *chain, const struct sm_entry *entry, struct kv_bytes *command,
		  bool *too_long)
{
	bool continues = chain->open && !entry->first && entry->size > 0 &&
			 entry->index == chain->next_index;

	*too_long = false;
	if (!continues) {
		kv_chain_discard(chain);
		/* A no-op, or the tail of a chain whose head is gone. */
		if (entry->size == 0 || !entry->first)
			return false;
		if (entry->last) {
			*command = kv_chain_command(chain, entry);
			return true;
		}
		chain->open = true;
	}
	chain_append(chain, entry);
	if (!entry->last)
		return false;

	*command = kv_chain_command(chain, entry);
	*too_long = chain->too_long;
	uint32_t size = chain->size;
	kv_chain_discard(chain);
	chain->size = size; /* of the command in the buffer, until the next entry */
	return true;
}

uint64_t kv_chain_hash(const struct kv_chain *chain)
{
	if (!chain->open)
		return 0;
	return kv_hash_mix(kv_hash_mix(chain->digest, chain->size), chain->next_index);
}
