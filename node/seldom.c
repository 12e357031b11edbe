/*
 * What a member asks another one seldom: for its vote, for what it knows of a start, for its
 * settings, whether a packet passes, how far a cluster is formed. Each is answered at once, and may
 * cost a write before that. So who asks more often than any member does is not heard (N9, V28): it
 * would cost all others the answers.
 *
 * Questions of a kind are heard so far apart, and as many at once as wait after a pause.
 */
#include "node/internal.h"

enum { SELDOM_AHEAD = 512 }; /* what a queue holds */

/* 4,000 in a second, of 5 us each, are 2 % of a core. */
#define SELDOM_NS_MAX 250000ull

static uint64_t apart_ns(const struct node *n, enum node_seldom what)
{
	/* Who stands for election asks once in a heartbeat: twice as often. */
	uint64_t half_ns = n->options.heartbeat_us * 1000 / 2;

	/* A round is up to PATH_PROBES_MAX answers, and a member begins ten in a second. */
	if (what == NODE_SELDOM_PATH)
		return PATH_ROUND_NS / 4;
	return half_ns < SELDOM_NS_MAX ? half_ns : SELDOM_NS_MAX;
}

bool seldom_hear(struct node *n, uint32_t peer, enum node_seldom what)
{
	uint64_t *next_ns = &n->peer[peer].seldom_ns[what], apart = apart_ns(n, what);

	if (*next_ns < n->now_ns)
		*next_ns = n->now_ns;
	if (*next_ns - n->now_ns >= SELDOM_AHEAD * apart) {
		n->counters.over_seldom++;
		return false;
	}
	*next_ns += apart;
	return true;
}
