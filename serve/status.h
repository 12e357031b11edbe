/*
 * How a request ends, in serve's own words. Each door says it in its own: a table there maps every
 * row, and a test holds that none is left out.
 */
#ifndef SERVE_STATUS_H
#define SERVE_STATUS_H

/* X(name, etcd's words for it). */
/* clang-format off */
#define SERVE_STATUSES(X) \
	X(OK, "") \
	/* Refused at the door: nothing was done; worth a retry after a moment. */ \
	X(BUSY, "etcdserver: too many requests") \
	/* Nothing was done. */ \
	X(NO_LEADER, "etcdserver: no leader") \
	/* The result is unknown. */ \
	X(TIMEOUT, "etcdserver: request timed out") \
	X(INVALID, "etcdserver: malformed request") \
	/* Not allowed by this door, or on this node. */ \
	X(REFUSED, "etcdserver: permission denied") \
	/* Between members: ask whoever leads now; nothing was done. */ \
	X(NOT_LEADER, "etcdserver: not leader") \
	X(STOPPING, "etcdserver: server stopped") \
	/* Nothing was done. */ \
	X(NO_SPACE, "etcdserver: mvcc: database space exceeded") \
	/* A stream's revision could be kept no longer: what it said so far is true and not all. */ \
	X(COMPACTED, "etcdserver: mvcc: required revision has been compacted")
/* clang-format on */

#define SERVE_STATUS_ENUM(name, text) SERVE_##name,
enum serve_status { SERVE_STATUSES(SERVE_STATUS_ENUM) SERVE_STATUS_COUNT };
#undef SERVE_STATUS_ENUM

const char *serve_status_text(enum serve_status status);

#endif
