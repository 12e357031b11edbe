/*
 * The bodies of PATH and PATH_REPLY (dataplane/wire.h).
 */
#include "dataplane/wire.h"

#include "base/bytes.h"
#include "dataplane/wire_fields.h"

#include <assert.h>
#include <errno.h>

enum { OVERHEAD = WIRE_IP_UDP_SIZE + WIRE_ENVELOPE_SIZE };

static_assert((int)WIRE_FORM_SIZE_PATH == (int)WIRE_PATH_REPLY_SIZE, "layout");
static_assert((int)WIRE_FORM_SIZE_PATH_REPLY == (int)WIRE_PATH_REPLY_SIZE, "layout");
static_assert((int)WIRE_AT_PATH_SIZE == (int)WIRE_AT_PATH_REPLY_SIZE, "layout");

static enum wire_form path_form(uint8_t type)
{
	return type == WIRE_PATH ? WIRE_FORM_PATH : WIRE_FORM_PATH_REPLY;
}

static size_t path_size(uint8_t type, uint32_t packet_size)
{
	return type == WIRE_PATH ? packet_size - OVERHEAD : (size_t)WIRE_PATH_REPLY_SIZE;
}

size_t wire_path_encode(const struct wire_path *path, uint8_t type, uint8_t *out)
{
	size_t size = path_size(type, path->size);

	assert(path->size >= WIRE_PATH_SIZE_MIN);
	memset(out, 0, size);
	WIRE_PUT(out, PATH_ROUND, path->round);
	WIRE_PUT(out, PATH_SIZE, path->size);
	assert(wire_form_valid(path_form(type), out));
	return size;
}

int wire_path_decode(struct wire_path *out, uint8_t type, const uint8_t *data, size_t size)
{
	*out = (struct wire_path){0};
	if (size < WIRE_PATH_REPLY_SIZE || !wire_form_valid(path_form(type), data))
		return -EINVAL;
	out->round = WIRE_GET(data, PATH_ROUND);
	out->size = (uint32_t)WIRE_GET(data, PATH_SIZE);
	return size == path_size(type, out->size) &&
			       bytes_zero(data + WIRE_FORM_SIZE_PATH, size - WIRE_FORM_SIZE_PATH)
		       ? 0
		       : -EINVAL;
}
