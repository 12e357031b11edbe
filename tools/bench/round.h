/*
 * One round of losing the leader, while writers go on (writers.h). First a control: nothing is
 * done, for WINDOW. Then the leader is hurt (hurt.h), and from that moment on are measured
 *
 *	detection     a survivor is a candidate, or in a higher term
 *	new leader    a survivor says that it leads
 *	first commit  a put through a survivor, begun after the detection, is acknowledged: so
 *	              the old leader cannot be the one that committed it
 *	gap           the longest time in which no put was acknowledged, within WINDOW or
 *	              until the first commit, whichever is later
 *	control       the same of the control
 *
 * Survivors are asked over their admin sockets in turn, the same in both.
 */
#ifndef TOOLS_BENCH_ROUND_H
#define TOOLS_BENCH_ROUND_H

#include "tools/bench/hurt.h"
#include "tools/bench/writers.h"

enum phase { PHASE_DETECTION, PHASE_ELECTION, PHASE_COMMIT, PHASE_GAP, PHASE_CONTROL, PHASES };

struct round_options {
	const struct cluster *cluster;
	const struct manner *manner;
	const char *directory; /* of the lab */
	uint64_t window_ns;
};

/*
 * Loses node `leader` of a cluster that was refreshed, waits for the first commit without it, and
 * gives it back. us: how long each phase took. Questions that failed on the way are added to
 * *errors. 0 or -errno with a line on stderr; without a line: -EINTR, by a signal, and -EAGAIN:
 * during the control somebody was elected, and nothing was done.
 */
int round_run(const struct round_options *options, struct writers *writers, uint32_t number,
	      uint32_t leader, double us[PHASES], uint64_t *errors);

#endif
