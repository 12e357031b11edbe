/*
 * Assembly of a message from its parts: a bit for each part, and the bytes where they belong.
 *
 * Invariants: `arrived` bits of `seen` are set; the bits below `next` are, that of `next` is not.
 */
#include "base/parts.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

uint32_t parts_count(uint32_t total_size)
{
	/* Not rounded up by adding: a size near 2^32 must not wrap. */
	uint32_t whole = total_size / PARTS_PART_SIZE;

	return whole + (total_size % PARTS_PART_SIZE != 0 || whole == 0);
}

uint32_t parts_size(uint32_t total_size, uint32_t number)
{
	uint32_t before = number * PARTS_PART_SIZE;

	assert(number < parts_count(total_size));
	return total_size - before < PARTS_PART_SIZE ? total_size - before : PARTS_PART_SIZE;
}

void parts_begin(struct parts *p, uint8_t *buffer, uint32_t total_size)
{
	assert(total_size <= PARTS_MESSAGE_SIZE_MAX);
	p->buffer = buffer;
	p->total_size = total_size;
	p->part_count = parts_count(total_size);
	p->arrived = 0;
	p->next = 0;
	/* Only the words in use: a message of one part is the common one. */
	memset(p->seen, 0, (p->part_count + 63) / 64 * sizeof(p->seen[0]));
}

bool parts_has(const struct parts *p, uint32_t number)
{
	assert(number < p->part_count);
	return p->seen[number / 64] >> (number % 64) & 1;
}

bool parts_add(struct parts *p, const struct part *part)
{
	uint32_t i = part->number;

	if (part->total_size != p->total_size || i >= p->part_count ||
	    part->size != parts_size(p->total_size, i) || parts_has(p, i))
		return false;
	if (part->size)
		memcpy(p->buffer + (size_t)i * PARTS_PART_SIZE, part->data, part->size);
	p->seen[i / 64] |= 1ull << (i % 64);
	p->arrived++;
	while (p->next < p->part_count && parts_has(p, p->next))
		p->next++;
	assert(p->arrived <= p->part_count);
	assert(p->next <= p->arrived);
	return true;
}

bool parts_complete(const struct parts *p)
{
	return p->arrived == p->part_count;
}
