/*
 * Breadth first through all states of a scope. What is kept of a state is its hash, where it came
 * from and by which event: 13 bytes. It is made again by going that way, from where the way of the
 * one before it parts, which costs little: neighbours come from neighbours.
 */
#ifndef TESTS_SCOPE_SEARCH_H
#define TESTS_SCOPE_SEARCH_H

#include "tests/scope/world.h"

struct search_options {
	uint64_t seconds;    /* it ends then, or after the last one of all */
	uint64_t states_min; /* ... but not before these */
	uint64_t states_max; /* ... and after these: what memory is taken for */
	bool levels;         /* a line for each depth */
};

/* Returns how many states it saw. Ends the process if a check fails. */
uint64_t search_run(const struct scope *which, const struct search_options *options);

/* Goes one way, "3,0,12", and tells it. */
void search_replay(const struct scope *which, const char *way);

#endif
