/*
 * One round of losing the leader. From the moment at which quoin-lab is told to do it:
 *
 *	detection     a survivor is a candidate, or in a higher term
 *	election      a survivor says that it leads
 *	first commit  a put through a survivor is acknowledged
 *
 * Survivors are asked over their admin sockets, one after another, with a short sleep between; the
 * puts are made when the loss has been detected, one through each survivor, so that the old leader
 * cannot be the one that committed them.
 */
#ifndef TOOLS_BENCH_ROUND_H
#define TOOLS_BENCH_ROUND_H

#include "tools/bench/cluster.h"

enum phase { PHASE_DETECTION, PHASE_ELECTION, PHASE_COMMIT, PHASES };

/* How a leader is lost, and given back: commands of quoin-lab. */
struct manner {
	const char *name;
	const char *command;
	const char *undo;
	bool cuts; /* the command wants both sides of a partition, its undoing nothing */
};

struct round_options {
	const struct cluster *cluster;
	const struct manner *manner;
	const char *directory; /* of the lab */
};

/*
 * Loses node `leader` of a cluster that was refreshed, waits for the first commit without it, and
 * gives it back. `number` is for messages. us: how long each phase took. Questions and puts that
 * failed on the way are added to *errors. 0 or -errno with a line on stderr; -EINTR: by a signal,
 * without a line.
 */
int round_run(const struct round_options *options, uint32_t number, int leader, double us[PHASES],
	      uint64_t *errors);

#endif
