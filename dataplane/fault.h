/*
 * Faults injected between the dataplane and a link: for the lab and the tests. A link that wraps a
 * link.
 *
 * A rule names the IPv4 address of a remote host and a direction; frames to or from it are dropped,
 * and counted. ARP obeys the rules too.
 */
#ifndef DATAPLANE_FAULT_H
#define DATAPLANE_FAULT_H

#include "dataplane/link.h"

enum { FAULT_RULES_MAX = 32 };

struct fault_rule {
	uint32_t address;  /* host byte order */
	bool drop_rx;      /* frames from it */
	bool drop_tx;      /* frames to it */
	uint32_t loss_ppm; /* 0 or 1000000: every frame; else one at random of a million */
};

/* The rules are shared by all wrapped links of a node, and outlive them. */
struct fault_rules {
	uint32_t count;
	struct fault_rule rule[FAULT_RULES_MAX];
	uint64_t dropped_rx, dropped_tx;
	uint64_t random; /* state of the generator: a seed at start */
};

/* Owns `inner` from here on. 0 or -ENOMEM. */
int fault_link_create(struct link **out, struct link *inner, struct fault_rules *rules);

#endif
