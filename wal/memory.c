/*
 * The log of WAL_VOLATILE: entries in RAM, bounded by it alone. For measuring what everything but
 * the disk costs; what it acknowledges does not survive the process.
 */
#include "wal/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct memory_entry {
	struct raft_entry entry;
	uint8_t data[];
};

struct memory {
	struct memory_entry **entries; /* by index - 1 */
	uint64_t count;
	uint64_t capacity;
};

int wal_memory_create(struct memory **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

static void cut(struct memory *m, uint64_t count)
{
	while (m->count > count)
		free(m->entries[--m->count]);
}

void wal_memory_destroy(struct memory *m)
{
	if (!m)
		return;
	cut(m, 0);
	free(m->entries);
	free(m);
}

int wal_memory_put(struct memory *m, const struct raft_entry *entry)
{
	struct memory_entry *copy;

	assert(entry->index > 0);
	assert(entry->index <= m->count + 1);
	cut(m, entry->index - 1);
	if (m->count == m->capacity) {
		uint64_t capacity = m->capacity == 0 ? 1024 : 2 * m->capacity;
		struct memory_entry **grown =
			realloc(m->entries, capacity * sizeof(struct memory_entry *));

		if (!grown)
			return -ENOMEM;
		m->entries = grown;
		m->capacity = capacity;
	}
	copy = malloc(sizeof(*copy) + entry->size);
	if (!copy)
		return -ENOMEM;
	copy->entry = *entry;
	copy->entry.data = copy->data;
	if (entry->size > 0)
		memcpy(copy->data, entry->data, entry->size);
	m->entries[m->count++] = copy;
	return 0;
}

const struct raft_entry *wal_memory_get(const struct memory *m, raft_index index)
{
	if (index == 0 || index > m->count)
		return NULL;
	return &m->entries[index - 1]->entry;
}
