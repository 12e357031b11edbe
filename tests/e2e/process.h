/*
 * One node as a child of the test: its environment, its limits and its exit status are the test's.
 * It is alone in its cluster and in a network namespace of its own.
 */
#ifndef TESTS_E2E_PROCESS_H
#define TESTS_E2E_PROCESS_H

#include "tests/e2e/cluster.h"

enum { PROCESS_ARGUMENTS_MAX = 8 };

struct process {
	struct cluster c; /* of this node alone, for cluster_status: no lab */
	char dir[80];     /* with n1, the data directory, and n1.yaml */
	char config[112];
	bool own_namespace; /* of the network */
	pid_t pid;
	int status; /* as waitpid says it, once it ended */
};

/* The directory and the configuration; `more` goes at its beginning. */
void process_prepare(struct process *p, const char *more);
/* The configuration anew, for the next start. */
void process_configure(struct process *p, const char *more);
/* "NAME=ADDRESS", one that is not there. */
void process_member_add(struct process *p, const char *member);

/*
 * Starts quoind --config FILE and the arguments, a NULL behind them (NULL: none). `before` is
 * called in the child, before it becomes quoind; it sees to its descriptors and limits.
 */
void process_start(struct process *p, const char *const *arguments, void (*before)(void *context),
		   void *context);

/* Its socket answers and it leads. */
void process_wait_leading(struct process *p);

/* True once it ended; false if it has not within the time. */
bool process_wait(struct process *p, uint32_t timeout_ms);
/* It must end with this exit status. */
void process_must_exit(struct process *p, int status);

/* The last line of its n1.log, if `before` made it one; else "". */
void process_last_word(const struct process *p, char *out, size_t size);

/* Its directory, and itself if it is still there. */
void process_remove(struct process *p);

#endif
