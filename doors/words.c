#include "doors/words.h"

/* Those that are no request are the admin socket's alone: see doors/unix.h. */
static const enum wire_request kinds[REQUEST_KIND_COUNT] = {
	[REQUEST_COMMAND] = WIRE_COMMAND,
	[REQUEST_QUERY] = WIRE_QUERY,
	[REQUEST_QUERY_LOCAL] = WIRE_QUERY_LOCAL,
	[REQUEST_STATUS] = WIRE_STATUS,
	[REQUEST_ORDER] = WIRE_ORDER,
	[REQUEST_BACKUP] = WIRE_BACKUP,
};

enum wire_request words_wire_kind(enum request_kind kind)
{
	assert(kind < REQUEST_KIND_COUNT);
	return kinds[kind];
}

bool words_serve_kind(uint8_t wire, enum request_kind *out)
{
	for (int i = 0; i < REQUEST_KIND_COUNT; i++) {
		if (kinds[i] && kinds[i] == (enum wire_request)wire) {
			*out = (enum request_kind)i;
			return true;
		}
	}
	return false;
}
