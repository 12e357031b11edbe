/*
 * What a node needs of its host, looked at before it starts, and by quoind --check: nothing is
 * changed, and whatever stands in the way of a start is said in the words of the configuration.
 */
#ifndef NODE_HOST_H
#define NODE_HOST_H

#include "config/config.h"

enum { HOST_TEXT_MAX = 512 };

struct host_finding {
	const char *what; /* a word or two */
	bool wrong;       /* a start would fail */
	int status;       /* ... with this exit status; 0: as for anything else */
	bool doubtful;    /* nobody can tell from here; a start warns */
	char text[HOST_TEXT_MAX];
};

typedef void host_tell(void *context, const struct host_finding *finding);

/* Tells each finding; returns the exit status of a start: 0 if nothing is wrong. */
int host_check(const struct config *c, host_tell *tell, void *context);

/* Of the files that this process may have open, so many are for what the log reads. */
uint32_t host_log_files(const struct config *c);

/* What no look at a host can tell, a line each. */
const char *host_unseen(void);

#endif
