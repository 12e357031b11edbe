/*
 * Nodes of a lab brought to where a command wants them: configured, started, heard from, led.
 */
#ifndef TOOLS_LAB_SETTLE_H
#define TOOLS_LAB_SETTLE_H

#include "tools/lab/lab.h"

/*
 * Writes DIR/nK.yaml and has it validated. 0 or an exit status, said why: LAB_EXIT_USAGE for what
 * an option gave.
 */
int lab_node_configure(const struct lab *lab, uint32_t node);

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

/* "2", "n2", or "leader": the node's index; or an exit status, negated, said why. */
int lab_node_find(const struct lab *lab, const char *text);

#endif
