/*
 * The host's huge pages, of 2 MiB each, as its kernel counts them; without DPDK.
 */
#ifndef DATAPLANE_PAGES_H
#define DATAPLANE_PAGES_H

#include <stdbool.h>
#include <stdint.h>

enum { PAGES_MIB = 2, PAGES_TEXT_MAX = 192 };

struct pages {
	uint64_t there, free; /* free: and promised to nobody */
};

/* None, on a kernel that has none. */
struct pages pages_read(void);

static inline uint64_t pages_for(uint32_t mib)
{
	return (mib + PAGES_MIB - 1) / PAGES_MIB;
}

/* Whether `nodes` of them could have `mib` each now; if not, how many there should be. */
bool pages_suffice(uint32_t nodes, uint32_t mib, char text[PAGES_TEXT_MAX]);

/*
 * Several nodes of a host must not all count the same free pages: until the one that holds this
 * has taken its own, the others wait, but not for ever for one that is stopped in between. The
 * descriptor's close ends it; -1: not to be had within the time.
 */
int pages_lock(uint32_t wait_ms);

#endif
