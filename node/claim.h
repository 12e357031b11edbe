/*
 * A node's address is its own: looked at before its first packet, and on this host later too.
 */
#ifndef NODE_CLAIM_H
#define NODE_CLAIM_H

#include "dataplane/dp.h"

struct journal;

enum { CLAIM_TEXT_MAX = 32 };

/*
 * wire: there is one, with a kernel on it. 0, or -EADDRINUSE with a line there; takes 180 ms from
 * when the ports have a link, which are waited for (dataplane/claim.h). -EINTR: goes_on said no.
 */
int claim_address(const struct dp_options *dp, bool wire, bool (*goes_on)(void),
		  struct journal *journal);

/* True: an interface of this host has the address, with this prefix length. */
bool claim_kernel_has(uint32_t address, char interface[CLAIM_TEXT_MAX], uint32_t *prefix);

#endif
