/* See kv/history.h. */
#include "kv/history.h"

#include <assert.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "kv/version.h"

enum {
	TAG = 1,
	/* A last chunk that is nearly empty is made anew: it would stay as long as its key does. */
	SPARSE = 8,
};

static_assert(sizeof(struct kv_chunk) + KV_CHUNK_MIN * sizeof(void *) == 64, "as stated");

static struct kv_chunk *chunk_of(const struct kv_history *history)
{
	return history->tagged & TAG ? (struct kv_chunk *)(history->tagged - TAG) : NULL;
}

static struct kv_version *only_of(const struct kv_history *history)
{
	return history->tagged & TAG ? NULL : (struct kv_version *)history->tagged;
}

static struct kv_chunk *chunk_create(uint32_t room)
{
	struct kv_chunk *chunk = malloc(sizeof(*chunk) + room * sizeof(chunk->version[0]));

	assert(chunk); /* see Memory in kv/store.h */
	*chunk = (struct kv_chunk){.older = chunk, .newer = chunk, .room = room};
	return chunk;
}

static int64_t size_of(const struct kv_chunk *chunk)
{
	return (int64_t)malloc_usable_size((void *)(uintptr_t)chunk);
}

static void head_set(struct kv_history *history, struct kv_chunk *chunk)
{
	history->tagged = (uintptr_t)chunk | TAG;
}

static uint32_t room_after(uint32_t count)
{
	uint32_t room = 2 * count;

	if (room < KV_CHUNK_MIN)
		return KV_CHUNK_MIN;
	return room < KV_CHUNK_MAX ? room : KV_CHUNK_MAX;
}

/* Behind the newest. As large as what is in use was, and that again. */
static struct kv_chunk *chunk_add(struct kv_history *history, struct kv_chunk *newest)
{
	struct kv_chunk *chunk = chunk_create(room_after(newest->end - newest->first));

	chunk->older = newest;
	chunk->newer = newest->newer;
	newest->newer->older = chunk;
	newest->newer = chunk;
	head_set(history, chunk);
	return chunk;
}

int64_t kv_history_append(struct kv_history *history, struct kv_version *version)
{
	struct kv_version *only = only_of(history);
	struct kv_chunk *chunk = chunk_of(history);
	int64_t grown = 0;

	if (!chunk && !only) {
		history->tagged = (uintptr_t)version;
		return 0;
	}
	if (only) {
		chunk = chunk_create(KV_CHUNK_MIN);
		chunk->version[chunk->end++] = only;
		head_set(history, chunk);
		grown = size_of(chunk);
	} else if (chunk->end == chunk->room) {
		chunk = chunk_add(history, chunk);
		grown = size_of(chunk);
	}
	chunk->version[chunk->end++] = version;
	return grown;
}

/* The oldest chunk goes. */
static int64_t chunk_remove(struct kv_chunk *oldest)
{
	struct kv_chunk *newest = oldest->older;
	int64_t size = size_of(oldest);

	assert(newest != oldest); /* KH2: another version is left */
	newest->newer = oldest->newer;
	oldest->newer->older = newest;
	free(oldest);
	return -size;
}

/* The last one, `chunk`, in as much memory as it needs. */
static int64_t chunk_fit(struct kv_history *history, struct kv_chunk *chunk)
{
	uint32_t count = chunk->end - chunk->first;
	int64_t grown = -size_of(chunk);

	if (count == 1) {
		history->tagged = (uintptr_t)chunk->version[chunk->first];
	} else {
		struct kv_chunk *fit = chunk_create(room_after(count));

		memcpy(fit->version, chunk->version + chunk->first,
		       count * sizeof(chunk->version[0]));
		fit->end = count;
		head_set(history, fit);
		grown += size_of(fit);
	}
	free(chunk);
	return grown;
}

int64_t kv_history_drop_oldest(struct kv_history *history)
{
	struct kv_chunk *newest = chunk_of(history), *oldest;
	int64_t grown = 0;
	uint32_t count;

	assert(history->tagged);
	if (!newest) {
		history->tagged = 0;
		return 0;
	}
	oldest = newest->newer;
	oldest->first++;
	if (oldest->first == oldest->end)
		grown = chunk_remove(oldest);
	newest = chunk_of(history);
	assert(newest); /* KH2: there were two versions at least */
	count = newest->end - newest->first;
	if (newest->newer == newest &&
	    (count == 1 || (newest->room > KV_CHUNK_MIN && count * SPARSE <= newest->room)))
		grown += chunk_fit(history, newest);
	return grown;
}

void kv_history_destroy(struct kv_history *history)
{
	struct kv_chunk *newest = chunk_of(history), *chunk = newest;

	while (chunk) {
		struct kv_chunk *older = chunk->older;

		free(chunk);
		chunk = older == newest ? NULL : older;
	}
	history->tagged = 0;
}

struct kv_version *kv_history_newest(const struct kv_history *history)
{
	const struct kv_chunk *chunk = chunk_of(history);

	return chunk ? chunk->version[chunk->end - 1] : only_of(history);
}

struct kv_version *kv_history_oldest(const struct kv_history *history)
{
	const struct kv_chunk *chunk = chunk_of(history);

	return chunk ? chunk->newer->version[chunk->newer->first] : only_of(history);
}

static bool is_after(const struct kv_version *version, struct kv_revision at)
{
	return kv_revision_compare(kv_version_revision(version), at) > 0;
}

struct kv_version *kv_history_find(const struct kv_history *history, struct kv_revision at)
{
	struct kv_version *only = only_of(history);
	const struct kv_chunk *newest = chunk_of(history), *chunk = newest;
	uint32_t low, high;

	if (!chunk)
		return only && !is_after(only, at) ? only : NULL;
	while (is_after(chunk->version[chunk->first], at)) {
		chunk = chunk->older;
		if (chunk == newest)
			return NULL;
	}
	/* version[low] is not after it, version[high] is, or there is none. */
	low = chunk->first;
	high = chunk->end;
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (is_after(chunk->version[middle], at))
			high = middle;
		else
			low = middle;
	}
	return chunk->version[low];
}

uint64_t kv_history_verify(const struct kv_history *history)
{
	const struct kv_chunk *newest = chunk_of(history), *chunk = newest;
	struct kv_revision before = {0};
	uint64_t size = 0;
	uint32_t count = 0;

	if (!chunk) {
		assert(only_of(history));
		return 0;
	}
	do {
		chunk = chunk->newer;                 /* first the oldest */
		assert(chunk->older->newer == chunk); /* KH3 */
		assert(chunk->first < chunk->end);    /* KH2 */
		assert(chunk->end <= chunk->room);
		for (uint32_t i = chunk->first; i < chunk->end; i++) {
			assert(is_after(chunk->version[i], before)); /* KH1 */
			before = kv_version_revision(chunk->version[i]);
			count++;
		}
		size += (uint64_t)size_of(chunk);
	} while (chunk != newest);
	assert(count > 1); /* KH2 */
	return size;
}
