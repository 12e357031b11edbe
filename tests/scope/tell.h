/*
 * How a world came to be what it is, in lines that a person can read.
 */
#ifndef TESTS_SCOPE_TELL_H
#define TESTS_SCOPE_TELL_H

#include "tests/scope/world.h"

/* All of these print nothing before it is set. */
extern bool telling;

void tell_event(const struct world *w, uint32_t step, const struct event *e);
void tell(const char *what);
void tell_sent(const struct raft_message *m);
void tell_write(uint32_t i, const struct raft_ready *ready);
void tell_read(uint32_t i, const struct raft_read *read);
/* The members after it. */
void tell_world(const struct world *w);

#endif
