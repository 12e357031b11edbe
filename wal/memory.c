/*
 * The log of WAL_VOLATILE: entries in RAM, bounded by it and by the base. For measuring what
 * everything but the disk costs; what it acknowledges does not survive the process.
 *
 * Entries hang on chunks of pointers, so that no append and no trimming touches more than a few.
 */
#include "wal/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	CHUNK = 4096,
	STEP_MAX = 256, /* entries given back in one turn: some ten microseconds */
};

struct memory_entry {
	struct raft_entry entry;
	uint64_t before; /* bytes of all the entries before it */
	uint8_t data[];
};

struct chunk {
	struct memory_entry *entries[CHUNK];
};

struct memory {
	struct chunk **chunks;
	size_t count;
	size_t capacity;
	raft_index origin; /* of the first place in the first chunk */
	raft_index held;   /* the lowest that is held still */
	raft_index first;  /* the lowest that is there */
	raft_index next;   /* behind the last */
};

int wal_memory_create(struct memory **out)
{
	*out = calloc(1, sizeof(**out));
	if (!*out)
		return -ENOMEM;
	wal_memory_restart(*out, 1);
	return 0;
}

static struct memory_entry **place(const struct memory *m, raft_index index)
{
	uint64_t at = index - m->origin;

	assert(index >= m->origin);
	assert(at / CHUNK < m->count);
	return &m->chunks[at / CHUNK]->entries[at % CHUNK];
}

static void cut(struct memory *m, raft_index next)
{
	while (m->next > next)
		free(*place(m, --m->next));
}

void wal_memory_restart(struct memory *m, raft_index first)
{
	if (m->next > m->held)
		cut(m, m->held);
	while (m->count > 0)
		free(m->chunks[--m->count]);
	m->origin = m->held = m->first = m->next = first;
}

void wal_memory_destroy(struct memory *m)
{
	if (!m)
		return;
	wal_memory_restart(m, 1);
	free(m->chunks);
	free(m);
}

/* Room for one more. */
static int grow(struct memory *m)
{
	if (m->next - m->origin < m->count * CHUNK)
		return 0;
	if (m->count == m->capacity) {
		size_t capacity = m->capacity == 0 ? 16 : 2 * m->capacity;
		struct chunk **grown = realloc(m->chunks, capacity * sizeof(struct chunk *));

		if (!grown)
			return -ENOMEM;
		m->chunks = grown;
		m->capacity = capacity;
	}
	m->chunks[m->count] = malloc(sizeof(struct chunk));
	if (!m->chunks[m->count])
		return -ENOMEM;
	m->count++;
	return 0;
}

/* Bytes of all entries up to the last; where that count begins is all one. */
static uint64_t end(const struct memory *m)
{
	const struct memory_entry *last = m->next > m->held ? *place(m, m->next - 1) : NULL;

	return last ? last->before + RAFT_ENTRY_OVERHEAD + last->entry.size : 0;
}

int wal_memory_put(struct memory *m, const struct raft_entry *entry)
{
	struct memory_entry *copy;

	assert(entry->index >= m->first);
	assert(entry->index <= m->next);
	cut(m, entry->index);
	if (grow(m) != 0)
		return -ENOMEM;
	copy = malloc(sizeof(*copy) + entry->size);
	if (!copy)
		return -ENOMEM;
	copy->entry = *entry;
	copy->before = end(m);
	copy->entry.data = copy->data;
	if (entry->size > 0)
		memcpy(copy->data, entry->data, entry->size);
	*place(m, m->next++) = copy;
	return 0;
}

const struct raft_entry *wal_memory_get(const struct memory *m, raft_index index)
{
	return index >= m->first && index < m->next ? &(*place(m, index))->entry : NULL;
}

raft_index wal_memory_look_back(const struct memory *m, raft_index index, uint64_t bytes,
				raft_term *term)
{
	raft_index low = m->first, high = index + 1;
	uint64_t to;

	if (!wal_memory_get(m, index))
		return 0;
	to = (*place(m, index))->before;
	if (to - (*place(m, low))->before < bytes)
		return 0;
	while (high - low > 1) {
		raft_index middle = low + (high - low) / 2;

		if (to - (*place(m, middle))->before >= bytes)
			low = middle;
		else
			high = middle;
	}
	*term = (*place(m, low))->entry.term;
	return low;
}

void wal_memory_trim(struct memory *m, raft_index first)
{
	assert(first >= m->first);
	assert(first <= m->next);
	m->first = first;
}

void wal_memory_step(struct memory *m)
{
	for (int i = 0; i < STEP_MAX && m->held < m->first; i++, m->held++)
		free(*place(m, m->held));
	while (m->count > 0 && m->held - m->origin >= CHUNK) {
		free(m->chunks[0]);
		memmove(m->chunks, m->chunks + 1, --m->count * sizeof(*m->chunks));
		m->origin += CHUNK;
	}
}
