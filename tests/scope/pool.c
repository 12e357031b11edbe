/*
 * Entries and messages by number (pool.h).
 */
#include "tests/scope/pool.h"

#include "base/mix.h"

#include <stdlib.h>
#include <string.h>

enum {
	ENTRIES = 1 << 12,
	MESSAGES = 1 << 20,
	PLACES = MESSAGES * 2,
	MESSAGE_ENTRIES = 8,
};

static struct {
	uint64_t hash; /* 0: free */
	struct raft_entry entry;
	uint8_t data[RAFT_ENTRY_DATA_MAX];
} entry_table[ENTRIES];
static uint32_t entry_count;

struct pooled {
	uint64_t hash, body;
	struct raft_message message;
	struct raft_entry entry[MESSAGE_ENTRIES];
};
static struct pooled *message_table; /* from 1 on, in the order in which they were first sent */
static uint32_t message_count;
static uint32_t place[PLACES]; /* by hash; 0: free */

/* By multiplication and folding, two streams of 16 bytes at a time (as wyhash does). */
uint64_t pool_hash(const void *data, size_t size, uint64_t seed)
{
	const uint8_t *p = data;
	uint64_t a = seed ^ MIX_STEP, b = seed, w[4] = {0};

	for (; size >= 32; size -= 32, p += 32) {
		memcpy(w, p, 32);
		a = pool_fold(w[0] ^ a, w[1]);
		b = pool_fold(w[2] ^ b, w[3]);
	}
	if (size > 0) {
		memset(w, 0, sizeof(w));
		memcpy(w, p, size);
		a = pool_fold(w[0] ^ a, w[1]);
		b = pool_fold(w[2] ^ b, w[3]);
	}
	return pool_fold(a, b ^ size);
}

uint64_t pool_entry_hash(const struct raft_entry *e)
{
	const uint64_t head[3] = {e->index, e->term,
				  (uint64_t)e->size << 16 | (uint64_t)e->type << 8 | e->flags};

	return pool_hash(e->data, e->size, pool_hash(head, sizeof(head), 1)) | 1;
}

uint16_t pool_entry_add(const struct raft_entry *e)
{
	uint64_t hash = pool_entry_hash(e);
	uint32_t at = (uint32_t)(hash >> 40) % ENTRIES;

	while (entry_table[at].hash != 0 && entry_table[at].hash != hash)
		at = (at + 1) % ENTRIES;
	if (entry_table[at].hash == 0) {
		assert(++entry_count < ENTRIES / 2);
		entry_table[at].hash = hash;
		entry_table[at].entry = *e;
		if (e->size > 0)
			memcpy(entry_table[at].data, e->data, e->size);
		entry_table[at].entry.data = entry_table[at].data;
	}
	return (uint16_t)at;
}

const struct raft_entry *pool_entry(uint16_t id)
{
	return &entry_table[id].entry;
}

static uint64_t body_hash(const struct raft_message *m)
{
	struct raft_message bare = *m;
	uint64_t entries = 0;

	bare.from = 0;
	bare.to = 0;
	bare.identity = 0;
	if (m->type == RAFT_MESSAGE_APPEND) {
		for (uint32_t i = 0; i < m->append.entry_count; i++)
			entries = entries * 0x10001 +
				  entry_table[pool_entry_add(&m->append.entries[i])].hash;
		bare.append.entries = NULL;
	}
	return pool_hash(&bare, sizeof(bare), entries);
}

uint32_t pool_message_add(const struct raft_message *m)
{
	uint64_t body = body_hash(m), hash = pool_fold(body, m->from << 8 | m->to | 1 << 16);
	uint32_t at = (uint32_t)(hash >> 40) % PLACES;

	if (!message_table) {
		message_table = calloc(MESSAGES, sizeof(*message_table));
		assert(message_table);
	}
	while (place[at] != 0 && message_table[place[at]].hash != hash)
		at = (at + 1) % PLACES;
	if (place[at] != 0)
		return place[at];
	place[at] = ++message_count;
	assert(message_count < MESSAGES);
	struct pooled *p = &message_table[message_count];
	p->hash = hash;
	p->body = body;
	p->message = *m;
	if (m->type == RAFT_MESSAGE_APPEND) {
		assert(m->append.entry_count <= MESSAGE_ENTRIES);
		for (uint32_t i = 0; i < m->append.entry_count; i++)
			p->entry[i] = *pool_entry(pool_entry_add(&m->append.entries[i]));
		p->message.append.entries = p->entry;
	}
	return message_count;
}

const struct raft_message *pool_message(uint32_t id)
{
	return &message_table[id].message;
}

uint64_t pool_message_hash(uint32_t id)
{
	return message_table[id].hash;
}

uint64_t pool_message_body(uint32_t id)
{
	return message_table[id].body;
}

uint32_t pool_message_count(void)
{
	return message_count;
}
