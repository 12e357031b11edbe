/*
 * The bodies of SNAPSHOT_PULL and SNAPSHOT_CHUNK (dataplane/wire.h).
 */
#include "dataplane/wire.h"

#include "dataplane/wire_fields.h"

#include <errno.h>
#include <string.h>

static_assert((int)WIRE_FORM_SIZE_SNAPSHOT_CHUNK == (int)WIRE_CHUNK_HEADER_SIZE, "layout");

/* A CHUNK begins as its PULL does. */
static_assert((int)WIRE_AT_SNAPSHOT_PULL_INDEX == (int)WIRE_AT_SNAPSHOT_CHUNK_INDEX &&
		      (int)WIRE_AT_SNAPSHOT_PULL_ENTRY_TERM ==
			      (int)WIRE_AT_SNAPSHOT_CHUNK_ENTRY_TERM &&
		      (int)WIRE_AT_SNAPSHOT_PULL_HASH == (int)WIRE_AT_SNAPSHOT_CHUNK_HASH &&
		      (int)WIRE_AT_SNAPSHOT_PULL_OFFSET == (int)WIRE_AT_SNAPSHOT_CHUNK_OFFSET &&
		      (int)WIRE_AT_SNAPSHOT_PULL_LENGTH == (int)WIRE_AT_SNAPSHOT_CHUNK_SIZE,
	      "layout");

static void range_encode(const struct wire_snapshot_range *range, uint8_t *out)
{
	memset(out, 0, WIRE_FORM_SIZE_SNAPSHOT_PULL);
	WIRE_PUT(out, SNAPSHOT_PULL_INDEX, range->index);
	WIRE_PUT(out, SNAPSHOT_PULL_ENTRY_TERM, range->term);
	WIRE_PUT(out, SNAPSHOT_PULL_HASH, range->hash);
	WIRE_PUT(out, SNAPSHOT_PULL_OFFSET, range->offset);
	WIRE_PUT(out, SNAPSHOT_PULL_LENGTH, range->length);
}

static void range_decode(struct wire_snapshot_range *out, const uint8_t *data)
{
	*out = (struct wire_snapshot_range){
		.index = WIRE_GET(data, SNAPSHOT_PULL_INDEX),
		.term = WIRE_GET(data, SNAPSHOT_PULL_ENTRY_TERM),
		.hash = WIRE_GET(data, SNAPSHOT_PULL_HASH),
		.offset = WIRE_GET(data, SNAPSHOT_PULL_OFFSET),
		.length = (uint32_t)WIRE_GET(data, SNAPSHOT_PULL_LENGTH),
	};
}

size_t wire_snapshot_pull_encode(const struct wire_snapshot_range *pull, uint8_t *out)
{
	range_encode(pull, out);
	assert(wire_form_valid(WIRE_FORM_SNAPSHOT_PULL, out));
	return WIRE_FORM_SIZE_SNAPSHOT_PULL;
}

int wire_snapshot_pull_decode(struct wire_snapshot_range *out, const uint8_t *data, size_t size)
{
	if (size != WIRE_FORM_SIZE_SNAPSHOT_PULL || !wire_form_valid(WIRE_FORM_SNAPSHOT_PULL, data))
		return -EINVAL;
	range_decode(out, data);
	return 0;
}

size_t wire_snapshot_chunk_encode(const struct wire_snapshot_range *of, const uint8_t *data,
				  uint8_t *out)
{
	range_encode(of, out);
	assert(wire_form_valid(WIRE_FORM_SNAPSHOT_CHUNK, out));
	if (of->length)
		memcpy(out + WIRE_CHUNK_HEADER_SIZE, data, of->length);
	return (size_t)WIRE_CHUNK_HEADER_SIZE + of->length;
}

int wire_snapshot_chunk_decode(struct wire_snapshot_range *of, const uint8_t **data,
			       const uint8_t *body, size_t size)
{
	if (size < WIRE_CHUNK_HEADER_SIZE || !wire_form_valid(WIRE_FORM_SNAPSHOT_CHUNK, body))
		return -EINVAL;
	range_decode(of, body);
	*data = body + WIRE_CHUNK_HEADER_SIZE;
	return size == (size_t)WIRE_CHUNK_HEADER_SIZE + of->length ? 0 : -EINVAL;
}
