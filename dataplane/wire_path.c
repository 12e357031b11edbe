/*
 * The bodies of PATH and PATH_REPLY (dataplane/wire.h).
 */
#include "dataplane/wire.h"

#include "base/bytes.h"

#include <assert.h>
#include <errno.h>

enum { FIELDS = 12, OVERHEAD = WIRE_IP_UDP_SIZE + WIRE_ENVELOPE_SIZE };

size_t wire_path_encode(const struct wire_path *path, uint8_t type, uint8_t *out)
{
	size_t size = WIRE_PATH_REPLY_SIZE;

	if (type == WIRE_PATH) {
		assert(path->size >= WIRE_PATH_REPLY_SIZE + OVERHEAD);
		size = path->size - OVERHEAD;
	}
	memset(out, 0, size);
	bytes_put64(out, path->round);
	bytes_put32(out + 8, path->size);
	return size;
}

int wire_path_decode(struct wire_path *out, uint8_t type, const uint8_t *data, size_t size)
{
	*out = (struct wire_path){0};
	if (size < WIRE_PATH_REPLY_SIZE || !bytes_zero(data + FIELDS, size - FIELDS))
		return -EINVAL;
	out->round = bytes_get64(data);
	out->size = bytes_get32(data + 8);
	if (out->round == 0 || out->size > UINT16_MAX)
		return -EINVAL;
	return size == (type == WIRE_PATH ? out->size - OVERHEAD : (size_t)WIRE_PATH_REPLY_SIZE)
		       ? 0
		       : -EINVAL;
}
