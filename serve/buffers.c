#include "serve/buffers.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>

static const struct {
	uint32_t size, count;
} classes[BUFFERS_CLASSES] = {
	{BUFFERS_SMALL_SIZE, BUFFERS_SMALL_COUNT},
	{BUFFERS_MIDDLE_SIZE, BUFFERS_MIDDLE_COUNT},
	{PARTS_MESSAGE_SIZE_MAX, BUFFERS_LARGE_COUNT},
};

static size_t memory_size(void)
{
	size_t size = 0;

	for (uint32_t i = 0; i < BUFFERS_CLASSES; i++)
		size += (size_t)classes[i].size * classes[i].count;
	return size;
}

int buffers_create(struct buffers *b)
{
	uint8_t *at;
	uint32_t next = 0;

	at = mmap(NULL, memory_size(), PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (at == MAP_FAILED)
		return -ENOMEM;
	b->memory = at;
	for (uint32_t size_class = 0; size_class < BUFFERS_CLASSES; size_class++) {
		SLIST_INIT(&b->free[size_class]);
		for (uint32_t i = 0; i < classes[size_class].count; i++) {
			struct buffer *buffer = &b->buffer[next++];

			buffer->bytes = at;
			buffer->size_class = size_class;
			buffer->owner = NULL;
			SLIST_INSERT_HEAD(&b->free[size_class], buffer, free);
			at += classes[size_class].size;
		}
	}
	return 0;
}

void buffers_destroy(struct buffers *b)
{
	if (b->memory)
		munmap(b->memory, memory_size());
}

uint32_t buffers_class(uint32_t size)
{
	uint32_t size_class = 0;

	assert(size <= PARTS_MESSAGE_SIZE_MAX);
	while (classes[size_class].size < size)
		size_class++;
	return size_class;
}

uint32_t buffers_first(uint32_t size_class)
{
	uint32_t first = 0;

	for (uint32_t i = 0; i < size_class; i++)
		first += classes[i].count;
	return first;
}

uint32_t buffers_end(uint32_t size_class)
{
	return buffers_first(size_class) + classes[size_class].count;
}

struct buffer *buffers_take(struct buffers *b, uint32_t size_class, struct request *owner)
{
	struct buffer *buffer = SLIST_FIRST(&b->free[size_class]);

	if (!buffer)
		return NULL;
	SLIST_REMOVE_HEAD(&b->free[size_class], free);
	buffer->owner = owner;
	return buffer;
}

void buffers_give(struct buffers *b, struct buffer *buffer)
{
	assert(buffer->owner);
	buffer->owner = NULL;
	SLIST_INSERT_HEAD(&b->free[buffer->size_class], buffer, free);
}
