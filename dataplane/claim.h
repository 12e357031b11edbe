/*
 * Whether somebody has our address already (RFC 5227, 2.1), asked before a node says its first word
 * with it. Of a port that nobody else uses yet.
 */
#ifndef DATAPLANE_CLAIM_H
#define DATAPLANE_CLAIM_H

#include "dataplane/link.h"

/* Sends one probe, if there is a buffer. */
void claim_ask(struct link *link, uint32_t address);
/* Reads what came. True: somebody else uses the address, or is about to. */
bool claim_heard(struct link *link, uint32_t address, uint64_t now_ns, struct link_mac *who);

#endif
