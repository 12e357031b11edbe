/*
 * Memory for messages that are larger than one part, in three sizes: a value of a few kilobytes
 * does not take the place of the largest there may be. Untouched pages cost nothing, so a node
 * without large requests pays for none: 58 MiB are the most.
 */
#ifndef SERVE_BUFFERS_H
#define SERVE_BUFFERS_H

#include "base/parts.h"

#include <stdint.h>
#include <sys/queue.h>

struct request;

enum {
	BUFFERS_CLASSES = 3,
	BUFFERS_SMALL_SIZE = 16 * 1024,
	BUFFERS_SMALL_COUNT = 1024, /* as many as one source may have requests */
	BUFFERS_MIDDLE_SIZE = 128 * 1024,
	BUFFERS_MIDDLE_COUNT = 128,
	BUFFERS_LARGE_COUNT = 16, /* of PARTS_MESSAGE_SIZE_MAX */
	BUFFERS_COUNT = BUFFERS_SMALL_COUNT + BUFFERS_MIDDLE_COUNT + BUFFERS_LARGE_COUNT,
};

struct buffer {
	SLIST_ENTRY(buffer) free;
	uint8_t *bytes;
	uint32_t size_class;
	struct request *owner; /* NULL: it is free */
	struct parts parts;    /* for who gathers a message in it */
};

SLIST_HEAD(buffer_list, buffer);

struct buffers {
	uint8_t *memory;
	struct buffer_list free[BUFFERS_CLASSES];
	struct buffer buffer[BUFFERS_COUNT]; /* in the order of their classes */
};

/* 0 or -ENOMEM. */
int buffers_create(struct buffers *b);
void buffers_destroy(struct buffers *b);

/* The class of the smallest that holds so many bytes, and where it is in `buffer`. */
uint32_t buffers_class(uint32_t size);
uint32_t buffers_first(uint32_t size_class);
uint32_t buffers_end(uint32_t size_class);

/* NULL: none of this class is free. */
struct buffer *buffers_take(struct buffers *b, uint32_t size_class, struct request *owner);
void buffers_give(struct buffers *b, struct buffer *buffer);

#endif
