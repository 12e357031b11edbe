/*
 * A message in numbered parts of one size, and its assembly at the receiving end: parts may come in
 * any order, twice, or never. What a part looks like in a packet is its sender's affair.
 */
#ifndef BASE_PARTS_H
#define BASE_PARTS_H

#include <stdbool.h>
#include <stdint.h>

enum {
	/* With the headers of any packet it fits in an MTU of 1500, with room for a tunnel. */
	PARTS_PART_SIZE = 1200,
	/* A message as a whole: a value of 1.5 MiB, with its key and headers. */
	PARTS_MESSAGE_SIZE_MAX = 1536 * 1024 + 128 * 1024,
	PARTS_COUNT_MAX = (PARTS_MESSAGE_SIZE_MAX + PARTS_PART_SIZE - 1) / PARTS_PART_SIZE,
};

struct part {
	uint32_t total_size; /* of the whole message */
	uint32_t number;     /* from 0 */
	const uint8_t *data;
	uint32_t size;
};

struct parts {
	uint8_t *buffer; /* the caller's, PARTS_MESSAGE_SIZE_MAX bytes or total_size */
	uint32_t total_size;
	uint32_t part_count;
	uint32_t arrived; /* how many */
	uint32_t next;    /* all below have arrived */
	uint64_t seen[(PARTS_COUNT_MAX + 63) / 64];
};

/* How many parts a message of this size has: at least one. */
uint32_t parts_count(uint32_t total_size);
/* The bytes of one part. */
uint32_t parts_size(uint32_t total_size, uint32_t number);

void parts_begin(struct parts *p, uint8_t *buffer, uint32_t total_size);
/*
 * True if it was new. One of another total size, or of a size that its number cannot have, is not
 * taken.
 */
bool parts_add(struct parts *p, const struct part *part);
bool parts_has(const struct parts *p, uint32_t number);
bool parts_complete(const struct parts *p);

#endif
