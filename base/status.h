/*
 * The catalogue of statuses: how a request ends, for every room, door and tool. docs/wire.md and
 * quoinctl(1) show the same rows, and a test compares them.
 *
 *	X(name, number on the wire, etcd's words, done, again, hint_us)
 *
 * done: whether what was asked may have happened. NOTHING is said only by who knows it.
 * again: a client comes back with the same request by itself until its deadline; a command keeps
 * its session and its sequence, and is applied once. hint_us: after how long, at first.
 */
#ifndef BASE_STATUS_H
#define BASE_STATUS_H

#include <stdbool.h>
#include <stdint.h>

/* clang-format off */
#define STATUSES(X) \
	X(OK, 0, "", DONE, false, 0) \
	/* Refused at the door. */ \
	X(BUSY, 1, "etcdserver: too many requests", NOTHING, true, 1000) \
	/* Elections take tenths of a second. */ \
	X(NO_LEADER, 2, "etcdserver: no leader", NOTHING, true, 10000) \
	/* Of a stream too: its reader was silent for too long, or gave way. */ \
	X(TIMEOUT, 3, "etcdserver: request timed out", UNKNOWN, false, 0) \
	/* UDP alone: say HELLO again. */ \
	X(BAD_COOKIE, 4, "etcdserver: the client's address is not proven", NOTHING, true, 0) \
	X(INVALID, 5, "etcdserver: malformed request", NOTHING, false, 0) \
	/* Not by this door, or not on this node. */ \
	X(REFUSED, 6, "etcdserver: permission denied", NOTHING, false, 0) \
	/* Between members: ask whoever leads now. */ \
	X(NOT_LEADER, 7, "etcdserver: not leader", NOTHING, true, 10000) \
	/* What was open when the node was stopped may be in the log. */ \
	X(STOPPING, 8, "etcdserver: server stopped", UNKNOWN, false, 0) \
	/* From a leader that has just proved that it leads: see serve/command.c. */ \
	X(NO_SPACE, 9, "etcdserver: mvcc: database space exceeded", NOTHING, false, 0) \
	/* Of a stream: what came is true, and not all. */ \
	X(COMPACTED, 10, "etcdserver: mvcc: required revision has been compacted", NOTHING, false, 0) \
	/* This member does not vote, and may be far behind: another one answers. */ \
	X(LEARNER, 11, "etcdserver: rpc not supported for learner", NOTHING, false, 0) \
	/* Of a command: asked again it is told its answer, while that can be made. */ \
	X(UNANSWERED, 12, "etcdserver: applied, and its answer could not be given", DONE, false, 0) \
	/* The state here is not the one that the majority has: another member answers. */ \
	X(CORRUPT, 13, "etcdserver: corrupt cluster", NOTHING, false, 0)

#define STATUS_ONE(...) +1
enum { STATUS_COUNT = 0 STATUSES(STATUS_ONE) };
#undef STATUS_ONE
/* clang-format on */

enum status_done { STATUS_NOTHING, STATUS_UNKNOWN, STATUS_DONE };

struct status_row {
	const char *words;
	enum status_done done;
	bool again;
	uint32_t hint_us;
};

/* clang-format off */
#define STATUS_ROW(name, number, words, done, again, hint_us) \
	[number] = {words, STATUS_##done, again, hint_us},
/* clang-format on */

/* Of a number that is in no catalogue of ours: its result is unknown. */
static inline const struct status_row *status_row(unsigned int status)
{
	static const struct status_row rows[STATUS_COUNT] = {STATUSES(STATUS_ROW)};
	static const struct status_row other = {"etcdserver: unknown status", STATUS_UNKNOWN, false,
						0};

	return status < STATUS_COUNT ? &rows[status] : &other;
}

#endif
