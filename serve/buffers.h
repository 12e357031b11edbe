/*
 * Memory for messages that are larger than one part, in three sizes: a value of a few kilobytes
 * does not take the place of the largest there may be. Untouched pages cost nothing, so a node
 * without large requests pays for none: 116 MiB are the most.
 *
 * There are twice as many of each size as one source may have (SH4).
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
	BUFFERS_SMALL_COUNT = 2048, /* as many as there are requests: none is in want of one */
	BUFFERS_MIDDLE_SIZE = 128 * 1024,
	BUFFERS_MIDDLE_COUNT = 256,
	BUFFERS_LARGE_COUNT = 32, /* of PARTS_MESSAGE_SIZE_MAX */
	BUFFERS_COUNT = BUFFERS_SMALL_COUNT + BUFFERS_MIDDLE_COUNT + BUFFERS_LARGE_COUNT,
};

enum buffer_use {
	BUFFER_FREE,
	BUFFER_GIVEN, /* an answer's that was given whole: whoever wants it may have it */
	BUFFER_STALE, /* one that was held, until nothing was heard of it for a while */
	BUFFER_HELD,  /* of a request that is gathered, of an answer that is being given */
	BUFFER_BUSY,  /* of a request that is at work */
	BUFFER_USE_COUNT,
};

struct buffer {
	TAILQ_ENTRY(buffer) list; /* of its use */
	uint8_t *bytes;
	uint32_t size_class;
	enum buffer_use use;
	struct request *owner; /* NULL: it is free */
	struct parts parts;    /* for who gathers a message in it */
};

TAILQ_HEAD(buffer_list, buffer);

struct buffers {
	uint8_t *memory;
	/* In the order in which they came to be used so: the least recently used are first. */
	struct buffer_list list[BUFFERS_CLASSES][BUFFER_USE_COUNT];
	uint32_t count[BUFFERS_CLASSES][BUFFER_USE_COUNT]; /* the lists' lengths */
	struct buffer buffer[BUFFERS_COUNT];
};

/* 0 or -ENOMEM. */
int buffers_create(struct buffers *b);
void buffers_destroy(struct buffers *b);

/* The class of the smallest that holds so many bytes. */
uint32_t buffers_class(uint32_t size);

/* NULL: none of this class is free. It is busy. */
struct buffer *buffers_take(struct buffers *b, uint32_t size_class, struct request *owner);
void buffers_give(struct buffers *b, struct buffer *buffer);
/* It comes last among those that are used so. */
void buffers_move(struct buffers *b, struct buffer *buffer, enum buffer_use use);

#endif
