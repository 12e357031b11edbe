/*
 * Nodes of a lab brought to where a command wants them: configured, started, heard from, led.
 */
#ifndef TOOLS_LAB_SETTLE_H
#define TOOLS_LAB_SETTLE_H

#include "tools/client/status.h"
#include "tools/lab/lab.h"

/*
 * Writes DIR/nK.yaml and has it validated; `starting`: so many nodes are to start now. 0 or an exit
 * status, said why: LAB_EXIT_USAGE for what an option gave.
 */
int lab_node_configure(const struct lab *lab, uint32_t node, uint32_t starting);

/* Whether a majority of those that vote runs, also without node `but`. */
bool lab_majority_runs(const struct lab *lab, uint32_t but);

/* A host that was restarted has no namespace any more. 0 or an exit status, said why. */
int lab_space_check(const struct lab *lab);

/* Until every node answers and a majority agrees on a leader. Its index, or -1, said why. */
int lab_leader_wait(const struct lab *lab, uint32_t timeout_ms);

/* Waits until one node answers at its admin socket. 0 or an exit status, said why. */
int lab_node_wait(const struct lab *lab, uint32_t node, uint32_t timeout_ms);

/*
 * Waits, after lab_node_wait, until the node has applied all that a leader had when it was found
 * (F24), and says so, or that it cannot be known: no majority runs, or frames are dropped. Times
 * are those of lab_clock_ms. 0 or an exit status, said why.
 */
int lab_current_wait(const struct lab *lab, uint32_t node, uint64_t begun_ms, uint64_t deadline_ms);

/* Has a running node drop and hurt frames as lab->partition says. 0 or an exit status, said why. */
int lab_node_partition(const struct lab *lab, uint32_t node);

/* True, and said with its last words, if the node's process has ended. */
bool lab_node_ended(const struct lab *lab, uint32_t node);

/* Who waits for long is told how far it is: every two seconds, if it is not what was said last. */
enum { LAB_SAID_SIZE = STATUS_SENTENCE_MAX + 64 };
struct lab_progress {
	uint64_t next_ms; /* 0: it begins */
	char said[LAB_SAID_SIZE];
};
/* True: it has been said. */
bool lab_progress_say(struct lab_progress *p, uint32_t node, const char *text);

/* "2", "n2", or "leader": the node's index; or an exit status, negated, said why. */
int lab_node_find(const struct lab *lab, const char *text);
/* Opens the lab for change and finds the node that the command names, as that does. */
int lab_node_open(struct lab *lab, const struct lab_arguments *a);

#endif
