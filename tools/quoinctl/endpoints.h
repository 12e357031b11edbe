/*
 * Shared by the endpoint commands: each endpoint is asked, all at the same time.
 */
#ifndef TOOLS_QUOINCTL_ENDPOINTS_H
#define TOOLS_QUOINCTL_ENDPOINTS_H

#include "tools/client/status.h"
#include "tools/quoinctl/quoinctl.h"

struct probe {
	const struct options *options;
	struct endpoint *endpoint;
	uint64_t took_ns;
	struct status status;
	const char *text; /* the whole of it, the endpoint's */
	size_t text_size;
	struct wire_hello node; /* of a hash: who answered, and what */
	struct kv_answer answer;
	char error[ERROR_SIZE]; /* empty: it answered */
};

typedef void probe_function(struct probe *p);

/* One result for each endpoint, in their order; the caller frees them. NULL: out of memory. */
struct probe *probe_all(const struct options *options, probe_function *function);

/* A probe_function: the node's own account of itself. */
void probe_status(struct probe *p);

#endif
