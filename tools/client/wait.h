/*
 * Waiting for a descriptor, at most until a deadline.
 */
#ifndef TOOLS_CLIENT_WAIT_H
#define TOOLS_CLIENT_WAIT_H

#include <stdint.h>

/* 0: it is ready for `events`, or a signal came: whoever asked looks for itself. -ETIMEDOUT. */
int wait_ready(int fd, short events, uint64_t deadline_ns);

#endif
