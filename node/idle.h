/*
 * The loop between turns that had nothing to do (D11).
 *
 *	spin   nothing: a core of its own
 *	yield  gives the core to whoever wants it
 *	sleep  yields for a moment after work, then sleeps, longer the longer none comes, never
 *	       past a deadline; heartbeats are no work, and are answered between two sleeps
 */
#ifndef NODE_IDLE_H
#define NODE_IDLE_H

#include <stdbool.h>
#include <stdint.h>

enum idle_policy { IDLE_SPIN, IDLE_YIELD, IDLE_SLEEP };

struct idle {
	enum idle_policy policy;
	uint64_t busy_ns;  /* when there last was work */
	uint64_t sleep_ns; /* how long the next sleep is */
};

void idle_create(struct idle *idle, enum idle_policy policy);

/*
 * After a turn at now_ns that did something, or not, of which more will follow, or not;
 * deadline_ns: when the next thing is due at the latest.
 */
void idle_wait(struct idle *idle, bool active, bool busy, uint64_t now_ns, uint64_t deadline_ns);

#endif
