/*
 * Does it go on? Whatever happened: if from now on every disk and every message does what it
 * should, somebody leads, and all hold the same log, and all of it is committed (SC11).
 */
#ifndef TESTS_SCOPE_CALM_H
#define TESTS_SCOPE_CALM_H

#include "tests/scope/world.h"

/* How often it was looked at, and how often not to the end: the log was full. */
extern uint64_t calm_looked, calm_full;

struct calm {
	uint32_t without; /* this one is down for good; MEMBERS_MAX: nobody is */
	bool silent;      /* what was in flight is lost */
};

/* A log has no room for more: fails, or if it was looked ahead ends that. */
_Noreturn void calm_log_full(void);

void calm_check(const struct world *from, const struct calm *how);

#endif
