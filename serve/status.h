/*
 * How a request ends, in serve's own words. Each door says it in its own: a table there maps every
 * row, and a test holds that none is left out.
 */
#ifndef SERVE_STATUS_H
#define SERVE_STATUS_H

enum serve_status {
	SERVE_OK,
	SERVE_BUSY,      /* refused at the door: nothing was done; worth a retry after a moment */
	SERVE_NO_LEADER, /* nothing was done */
	SERVE_TIMEOUT,   /* the result is unknown; of a stream: its reader was silent too long */
	SERVE_INVALID,
	SERVE_REFUSED,    /* not allowed by this door, or on this node */
	SERVE_NOT_LEADER, /* between members: ask whoever leads now; nothing was done */
	SERVE_STOPPING,
	SERVE_NO_SPACE, /* nothing was done */
	/* A stream's revision could be kept no longer: what it said so far is true and not all. */
	SERVE_COMPACTED,
	SERVE_STATUS_COUNT
};

#endif
