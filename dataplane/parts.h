/*
 * A message in parts: the receiving end's assembly. Parts may come in any order, twice, or never.
 */
#ifndef DATAPLANE_PARTS_H
#define DATAPLANE_PARTS_H

#include "dataplane/wire.h"

struct parts {
	uint8_t *buffer; /* the caller's, WIRE_MESSAGE_SIZE_MAX bytes or total_size */
	uint32_t total_size;
	uint32_t part_count;
	uint32_t arrived; /* how many */
	uint32_t next;    /* all below have arrived */
	uint64_t seen[(WIRE_PARTS_MAX + 63) / 64];
};

/* How many parts a message of this size has: at least one. */
uint32_t parts_count(uint32_t total_size);
/* The bytes of part `part`. */
uint32_t parts_size(uint32_t total_size, uint32_t part);

void parts_begin(struct parts *p, uint8_t *buffer, uint32_t total_size);
/* True if it was new. The part has been decoded; one of another total size is refused (false). */
bool parts_add(struct parts *p, const struct wire_part *part);
bool parts_has(const struct parts *p, uint32_t part);
bool parts_complete(const struct parts *p);

#endif
