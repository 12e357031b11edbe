#include "doors/words.h"

static const enum wire_status statuses[SERVE_STATUS_COUNT] = {
	[SERVE_OK] = WIRE_OK,
	[SERVE_BUSY] = WIRE_BUSY,
	[SERVE_NO_LEADER] = WIRE_NO_LEADER,
	[SERVE_TIMEOUT] = WIRE_TIMEOUT,
	[SERVE_INVALID] = WIRE_INVALID,
	[SERVE_REFUSED] = WIRE_REFUSED,
	[SERVE_NOT_LEADER] = WIRE_NOT_LEADER,
	[SERVE_STOPPING] = WIRE_STOPPING,
	[SERVE_NO_SPACE] = WIRE_NO_SPACE,
	[SERVE_COMPACTED] = WIRE_COMPACTED,
};

/* Those that are no request are the admin socket's alone: see doors/unix.h. */
static const enum wire_request kinds[REQUEST_KIND_COUNT] = {
	[REQUEST_COMMAND] = WIRE_COMMAND,
	[REQUEST_QUERY] = WIRE_QUERY,
	[REQUEST_QUERY_LOCAL] = WIRE_QUERY_LOCAL,
	[REQUEST_STATUS] = WIRE_STATUS,
};

enum wire_status words_wire_status(enum serve_status status)
{
	assert(status < SERVE_STATUS_COUNT);
	return statuses[status];
}

bool words_serve_status(uint8_t wire, enum serve_status *out)
{
	for (int i = 0; i < SERVE_STATUS_COUNT; i++) {
		if (statuses[i] == (enum wire_status)wire) {
			*out = (enum serve_status)i;
			return true;
		}
	}
	return false;
}

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
