/*
 * Processes of the lab: started in its namespace, known by pid and start time, signalled through a
 * pidfd so that no other process can be hit.
 */
#ifndef TOOLS_LAB_PROCESS_H
#define TOOLS_LAB_PROCESS_H

#include "tools/lab/lab.h"

enum process_state {
	PROCESS_GONE,
	PROCESS_RUNS,
	PROCESS_PAUSED,
};
const char *process_state_name(enum process_state state);

enum process_state lab_process_state(const struct lab *lab, uint32_t node);

/*
 * Starts quoind for a node: a session of its own, output appended to its log. Fills in pid and
 * start time. 0 or an exit status, said why.
 */
int lab_process_start(struct lab *lab, uint32_t node);

/* 0; -ESRCH if it does not run (any more). */
int lab_process_signal(const struct lab *lab, uint32_t node, int signal);

/* Whether a node ends by it, at once or in good order: node/signals.c. */
bool lab_signal_ends(int signal);

/* Ends it in good order, if it runs. 0 or an exit status, said why. */
enum { LAB_STOP_MS = 10 * 1000 };
int lab_process_stop(const struct lab *lab, uint32_t node);

/* Waits until it is gone. 0 or -ETIMEDOUT. */
int lab_process_wait(const struct lab *lab, uint32_t node, uint32_t timeout_ms);

/* Kills all processes of a network namespace, until there are none; not the caller. 0 or -errno. */
int lab_process_kill_inside(const char *netns);

/* Runs a program to its end, no shell. 0, its exit status, or -errno; what it said is in `said`. */
enum { PROCESS_SAID_SIZE = 512 };
int lab_process_run(const char *const argv[], char said[PROCESS_SAID_SIZE]);

/* How a child of this process ended, if it has: "exited with status 4". Else NULL. */
const char *lab_process_end(const struct lab *lab, uint32_t node, char out[64]);

/*
 * Copies the last `lines` lines of a file that stand behind its first `from` bytes, each indented;
 * 0: all of them. Returns how many they were.
 */
uint32_t lab_process_tail(const char *path, uint64_t from, uint32_t lines, const char *indent,
			  FILE *out);

/* A process's start time, in ticks since boot, and its state's letter. 0 or -errno. */
int lab_process_stat(pid_t pid, uint64_t *start_time, char *state);
/* The same from the text of /proc/PID/stat; false if it is not one. */
bool lab_process_stat_parse(const char *text, uint64_t *start_time, char *state);

#endif
