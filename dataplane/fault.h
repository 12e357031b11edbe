/*
 * Faults injected between the dataplane and a link: for the lab and the tests. A link that wraps a
 * link.
 *
 * A rule names the IPv4 address of a remote host, a direction and what happens to frames to or from
 * it. ARP obeys the rules too. Of several rules that name a frame, each has its turn: what one of
 * them drops is dropped, and delays add up.
 *
 *	1. A frame that waits is a buffer of its port's pool: at most FAULT_HELD_MAX of them each
 *	   way wait in a port, and what finds no place is dropped, as in a queue that is full.
 *	2. Those that wait the same time leave in the order in which they came.
 */
#ifndef DATAPLANE_FAULT_H
#define DATAPLANE_FAULT_H

#include "dataplane/link.h"

enum {
	FAULT_RULES_MAX = 64,
	/* A quarter of the smallest pool that a configuration may ask for, both ways. */
	FAULT_HELD_MAX = 128,
};

enum fault_kind {
	FAULT_DROP,
	FAULT_DUPLICATE, /* the copy follows the frame at once */
	FAULT_DELAY,
	FAULT_REORDER, /* what comes in the next FAULT_REORDER_NS may overtake it */
	FAULT_MTU,     /* IP packets above `mtu` bytes vanish: a hole */
};

enum { FAULT_REORDER_NS = 5 * 1000 * 1000 };

struct fault_rule {
	enum fault_kind kind;
	uint32_t address; /* host byte order */
	bool rx;          /* frames from it */
	bool tx;          /* frames to it */
	uint32_t ppm;     /* 0 or 1000000: every frame; else one at random of a million */
	uint32_t delay_us, jitter_us; /* DELAY: at least; and up to so much more, at random */
	uint32_t mtu;                 /* MTU */
};

struct fault_counters {
	uint64_t dropped_rx, dropped_tx; /* by DROP and MTU */
	uint64_t duplicated, delayed, reordered;
	uint64_t no_place; /* dropped: as many waited as may */
};

/* The rules are shared by all wrapped links of a node, and outlive them. */
struct fault_rules {
	uint32_t count;
	struct fault_rule rule[FAULT_RULES_MAX];
	uint64_t random; /* state of the generator: a seed at start */
	struct fault_counters counters;
};

/* Owns `inner` from here on. 0 or -ENOMEM. */
int fault_link_create(struct link **out, struct link *inner, struct fault_rules *rules);

#endif
