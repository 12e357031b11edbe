/*
 * Other programs, run without a shell.
 */
#ifndef TOOLS_SHARED_CHILD_H
#define TOOLS_SHARED_CHILD_H

#include <sys/types.h>

/*
 * Starts argv[0], found in PATH unless it has a slash, with these as its standard input, output
 * and errors; -1: this program's. Its process id or -errno.
 */
pid_t child_start(const char *const *argv, int in, int out, int errors);

/* Waits for its end: 0, its exit status, or -errno; -EINTR: a signal ended it. */
int child_wait(pid_t pid);

#endif
