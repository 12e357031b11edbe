/*
 * The checkers (world.h numbers what they hold), and how a run ends that found something.
 */
#ifndef TESTS_SCOPE_CHECK_H
#define TESTS_SCOPE_CHECK_H

#include "tests/scope/world.h"

/* Says how it came to this, and ends the process (search.c). */
_Noreturn void scope_fail(const char *what);

#define check(condition, what)            \
	do {                              \
		if (!(condition))         \
			scope_fail(what); \
	} while (0)

/* Something was handed out to a disk. */
void check_log(const struct world *w, uint32_t i, const struct log *log);
void check_message(struct world *w, uint32_t i, const struct raft_message *m);
void check_apply(const struct world *w, uint32_t i, const struct raft_entry *e);
void check_read(struct world *w, uint32_t i, const struct raft_read *read);
/* After each event, and before its messages leave. */
void check_state(struct world *w, uint32_t i);

#endif
