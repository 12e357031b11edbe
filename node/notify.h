/*
 * What quoind tells its service manager (sd_notify(3)): that it is ready, what it does, that its
 * loop turns, that it ends. Without a NOTIFY_SOCKET nothing is told.
 *
 * It is one datagram a time. libsystemd's sd_notify would wait for a manager that does not take it;
 * here it is tried again in a later turn (JO1 is about the log; the loop waits for nobody).
 */
#ifndef NODE_NOTIFY_H
#define NODE_NOTIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { NOTIFY_STATUS_SIZE = 160 };
/* TimeoutStopSec of the unit, less the least that a disk is waited for. */
#define NOTIFY_STOP_NS (15 * UINT64_C(1000000000))

struct notify {
	int fd; /* -1: nobody to tell */
	struct sockaddr_un to;
	socklen_t to_size;
	uint64_t watchdog_ns; /* between two signs of life; 0: none are wanted */
	uint64_t alive_ns;    /* when the next is due */
	uint64_t status_ns;   /* likewise */
	uint64_t patience_ns; /* the loop may stand still for its disk for so long, and then ends */
	uint64_t hand_over_ns; /* a leader that ends waits for another one for so long at most */
	bool ready;
	char status[NOTIFY_STATUS_SIZE]; /* as it was told */
};

/* From the environment, which has it no longer then. */
void notify_open(struct notify *n);
void notify_close(struct notify *n);

/* Whether a line on what it does is wanted now: at most one a second. */
bool notify_wants_status(struct notify *n, uint64_t now_ns);

/* A turn of the loop: ready, and alive. `status` NULL: as before. */
void notify_turn(struct notify *n, uint64_t now_ns, const char *status);

/* It ends: a hand-over, the patience, and NOTIFY_STOP_NS more are enough. */
void notify_stopping(struct notify *n);

#endif
