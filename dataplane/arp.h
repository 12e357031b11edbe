/*
 * The MAC addresses of next hops: peers, the gateway, servers that a client asks for. A fixed
 * table; pure but for the time it is given: it says when to ask, the dataplane asks.
 *
 *	1. Only an answer that was asked for is learned.
 *	2. The address of a live neighbour (frames that passed every check came from it in the
 *	   last seconds) is not moved by an answer (N6), unless such frames now come from the new
 *	   one as well.
 *	3. An address that is known stays in use while it is asked for again.
 */
#ifndef DATAPLANE_ARP_H
#define DATAPLANE_ARP_H

#include "dataplane/dp.h"

enum {
	/* Each peer, a gateway on each port, and servers that a client resolves. */
	ARP_ENTRIES_MAX = DP_PEERS_MAX + DP_PORTS_MAX + 31,
	ARP_WAIT_MIN_NS = 1000 * 1000,
	ARP_WAIT_MAX_NS = 1000 * 1000 * 1000,
	ARP_SILENT_NS = 1000 * 1000 * 1000, /* used and not heard for so long: ask again */
};

static const uint64_t ARP_REFRESH_NS =
	30ull * 1000 * 1000 * 1000;                             /* used and heard: ask so often */
static const uint64_t ARP_LIVE_NS = 10ull * 1000 * 1000 * 1000; /* invariant 2 */

struct arp_entry {
	uint32_t address;
	uint8_t port;
	bool resolved;
	bool wanted; /* someone had something to send since it was last answered */
	bool asked;  /* a question is open */
	struct link_mac mac;
	struct link_mac other; /* where frames came from last that were not from mac */
	uint64_t other_ns;     /* when; 0: never */
	uint64_t heard_ns;     /* frames from mac */
	uint64_t answered_ns;  /* the last answer */
	uint64_t ask_ns;       /* not asked before this time */
	uint64_t wait_ns;      /* the back-off while unresolved */
};

struct arp {
	uint32_t count;
	struct arp_entry entry[ARP_ENTRIES_MAX];
	uint64_t random;
};

/* Finds or adds. NULL: the table is full. */
struct arp_entry *arp_entry_get(struct arp *arp, uint8_t port, uint32_t address);

/* Something is to be sent to it. True: and its MAC address is known. */
bool arp_want(struct arp_entry *e);

/* True: ask now. It counts as asked. */
bool arp_ask(struct arp *arp, struct arp_entry *e, uint64_t now_ns);

/* A frame that passed every check came from it. */
void arp_heard(struct arp_entry *e, const struct link_mac *mac, uint64_t now_ns);

enum arp_verdict { ARP_LEARNED, ARP_UNASKED, ARP_CONFLICT };
enum arp_verdict arp_answer(struct arp *arp, uint8_t port, uint32_t address,
			    const struct link_mac *mac, uint64_t now_ns);

/* When arp_ask may be true next for an entry. UINT64_MAX: while nothing is to be sent to it. */
uint64_t arp_due(const struct arp_entry *e);

#endif
