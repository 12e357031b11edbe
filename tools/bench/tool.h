/*
 * quoin-lab, run for one command: found beside this program, or else in PATH.
 */
#ifndef TOOLS_BENCH_TOOL_H
#define TOOLS_BENCH_TOOL_H

#include <sys/types.h>

/* Starts it: its process id, or -errno with a line on stderr. `option`, `argument` may be NULL. */
pid_t tool_lab_begin(const char *command, const char *option, const char *argument,
		     const char *directory);
/* Waits for its end. 0, or -errno with a line on stderr. */
int tool_lab_end(pid_t pid, const char *command);

int tool_lab(const char *command, const char *argument, const char *directory);

#endif
