/*
 * The host's huge pages, of 2 MiB each, as its kernel counts them; without DPDK.
 */
#ifndef DATAPLANE_PAGES_H
#define DATAPLANE_PAGES_H

#include <stdbool.h>
#include <stdint.h>

enum { PAGES_MIB = 2, PAGES_TEXT_MAX = 256 };

struct pages {
	uint64_t there, free; /* free: and promised to nobody */
};

/* None, on a kernel that has none. */
struct pages pages_read(void);

static inline uint64_t pages_for(uint32_t mib)
{
	return (mib + PAGES_MIB - 1) / PAGES_MIB;
}

/* All the memory of this host; UINT64_MAX: it is not told. */
uint64_t pages_host_mib(void);

/* Whether `nodes` of them could have `mib` each now; if not, how many there should be. */
bool pages_suffice(uint32_t nodes, uint32_t mib, char text[PAGES_TEXT_MAX]);

/*
 * Several nodes of a host must not all count the same free pages: until the one that holds this
 * has taken its own, the others wait, but not for ever for one that is stopped in between. It is
 * the lock of a directory that the unit makes, and root where it is not there: so nobody but the
 * unit's group can hold it, and it is the same one in every namespace that has the host's /run.
 * Nodes that have a /run of their own share none. The descriptor's close ends it; or -errno:
 * -ETIMEDOUT if another has held it for so long, -EINTR if goes_on (NULL: nobody is asked) said no.
 */
#define PAGES_LOCK "/run/quoin"
int pages_lock(const char *directory, uint32_t wait_ms, bool (*goes_on)(void));

#endif
