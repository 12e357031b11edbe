#include "serve/status.h"

#include <assert.h>

const char *serve_status_text(enum serve_status status)
{
#define SERVE_STATUS_TEXT(name, text) [SERVE_##name] = text,
	static const char *const words[SERVE_STATUS_COUNT] = {SERVE_STATUSES(SERVE_STATUS_TEXT)};
#undef SERVE_STATUS_TEXT

	assert(status < SERVE_STATUS_COUNT);
	return words[status];
}
