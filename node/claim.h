/*
 * A node's address is its own: looked at before its first packet, and on this host later too.
 */
#ifndef NODE_CLAIM_H
#define NODE_CLAIM_H

#include "dataplane/dp.h"
#include "dataplane/looks.h"

#include <pthread.h>
#include <stdatomic.h>

struct journal;

enum { CLAIM_TEXT_MAX = 32 };

/*
 * wire: there is one, with a kernel on it. 0, or -EADDRINUSE with a line there; takes 180 ms from
 * when the ports have a link, which are waited for (dataplane/claim.h). -EINTR: goes_on said no.
 */
int claim_address(const struct dp_options *dp, bool wire, bool (*goes_on)(void),
		  struct journal *journal);

/* 1: an interface of this host has it, with this prefix length; 0: none has; -errno: not told. */
int claim_kernel_has(uint32_t address, char interface[CLAIM_TEXT_MAX], uint32_t *prefix);

/* Whether one has it later: looked at every ten seconds, off the loop (dataplane/looks.h). */
struct claim_watch {
	struct look look;
	uint32_t address;
	uint32_t seen; /* the loop's: of changes */
	atomic_uint
		changes; /* of what is below, under the lock: nothing is asked while it is held */
	pthread_mutex_t lock;
	char interface[CLAIM_TEXT_MAX]; /* "": none; it stays as it is while that is not told */
};

/* 0 or -errno. */
int claim_watch_begin(struct claim_watch *w, uint32_t address);
/* False: nothing new, or not yet to be had; it does not wait. */
bool claim_watch_news(struct claim_watch *w, char interface[CLAIM_TEXT_MAX]);
void claim_watch_end(struct claim_watch *w);

#endif
