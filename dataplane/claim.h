/*
 * Whether somebody has our address already (RFC 5227, 2.1), asked before a node says its first word
 * with it. Of a port that nobody else uses yet. Pure but for the time it is given and the port.
 *
 *	1. Nobody is asked before the port has a link: a NIC has none for seconds after its start.
 *	2. One frame may be forged: the address is taken when several questions were answered, each
 *	   in its time. A kernel that has it answers all of them; so does another node of ours.
 *	3. Another's question for the same address counts as an answer: he is about to use it.
 */
#ifndef DATAPLANE_CLAIM_H
#define DATAPLANE_CLAIM_H

#include "dataplane/link.h"

enum {
	CLAIM_PROBES = 3,
	CLAIM_ANSWERS = 2, /* one of them may be lost */
	/* A kernel on the same wire answers within a millisecond. */
	CLAIM_PROBE_NS = 60 * 1000 * 1000,
};

/* So long DPDK itself waits for the link of a NIC (rte_eth_link_get). */
static const uint64_t CLAIM_LINK_NS = 9ull * 1000 * 1000 * 1000;

struct claim {
	struct link *link;
	uint32_t address;
	uint64_t begun_ns, next_ns;
	uint32_t asked, answers;
	bool answered; /* the last question */
	struct link_mac who;
};

enum claim_verdict {
	CLAIM_WAITS, /* for a link */
	CLAIM_ASKS,
	CLAIM_FREE,
	CLAIM_TAKEN,  /* by `who`, or somebody pretends so */
	CLAIM_UNASKED /* there was no link in CLAIM_LINK_NS */
};

void claim_begin(struct claim *c, struct link *link, uint32_t address, uint64_t now_ns);
/* Reads what came, asks if it is due. The first two verdicts: again. */
enum claim_verdict claim_turn(struct claim *c, uint64_t now_ns);

#endif
