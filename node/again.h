/*
 * A second start in the place of the first. DPDK starts once in a process. When huge pages were
 * counted and are not to be had after all (huge-pages: auto), the program begins again, as it was
 * called, and does not ask for them: once, so that this ends.
 */
#ifndef NODE_AGAIN_H
#define NODE_AGAIN_H

#include <stdbool.h>

/* First of all: what it was called with, before anything is taken out of it. */
void again_note(void);

/* Whether this is the second start. */
bool again_is_second(void);

/* Does not return, but with -errno. */
int again_begin(char **argv);

#endif
