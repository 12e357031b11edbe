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
		for (uint32_t use = 0; use < BUFFER_USE_COUNT; use++)
			TAILQ_INIT(&b->list[size_class][use]);
		b->count[size_class][BUFFER_FREE] = classes[size_class].count;
		for (uint32_t i = 0; i < classes[size_class].count; i++) {
			struct buffer *buffer = &b->buffer[next++];

			buffer->bytes = at;
			buffer->size_class = size_class;
			buffer->use = BUFFER_FREE;
			buffer->owner = NULL;
			TAILQ_INSERT_HEAD(&b->list[size_class][BUFFER_FREE], buffer, list);
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

void buffers_move(struct buffers *b, struct buffer *buffer, enum buffer_use use)
{
	struct buffer_list *list = b->list[buffer->size_class];
	uint32_t *count = b->count[buffer->size_class];

	count[use]++;
	count[buffer->use]--;
	TAILQ_REMOVE(&list[buffer->use], buffer, list);
	buffer->use = use;
	/* The free one that was used last is taken first: its pages are warm. */
	if (use == BUFFER_FREE)
		TAILQ_INSERT_HEAD(&list[use], buffer, list);
	else
		TAILQ_INSERT_TAIL(&list[use], buffer, list);
}

struct buffer *buffers_take(struct buffers *b, uint32_t size_class, struct request *owner)
{
	struct buffer *buffer = TAILQ_FIRST(&b->list[size_class][BUFFER_FREE]);

	if (!buffer)
		return NULL;
	buffer->owner = owner;
	buffers_move(b, buffer, BUFFER_BUSY);
	return buffer;
}

void buffers_give(struct buffers *b, struct buffer *buffer)
{
	assert(buffer->owner);
	buffer->owner = NULL;
	buffers_move(b, buffer, BUFFER_FREE);
}
