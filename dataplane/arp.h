/*
 * The MAC addresses of next hops: peers, the gateway, servers that a client asks for. A fixed
 * table; pure but for the time it is given: it says when to ask, the dataplane asks.
 *
 *	1. Only an answer that was asked for is learned.
 *	2. Who is known is asked alone, at the address that is known, before everybody is. While
 *	   it answers or is heard no answer moves it (N6): whoever forges a frame from elsewhere
 *	   gains a question to the one whom he would like to be.
 *	3. Everybody's answer moves a neighbour only if it was silent for seconds, or if it is
 *	   silent (for ARP_STILL_NS, and to three questions) and frames that passed every check
 *	   came from the new address.
 *	4. An address that is known stays in use while it is asked for again.
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
	ARP_DOUBT_NS = 100 * 1000 * 1000,   /* its frames come from elsewhere: ask so often */
	ARP_ALONE_MAX = 3,                  /* questions to it alone (Linux: ucast_solicit) */
	/*
	 * ... of one doubt, so far apart: three, and who comes back from elsewhere is known 30 ms
	 * after his first frame, long before anybody with timeouts of 150 ms stands for election.
	 * Above a round trip within a data center, and above a turn of a loop that shares its core.
	 */
	ARP_ALONE_NS = 10 * 1000 * 1000,
	ARP_NO_BUFFER_NS = 1000 * 1000,   /* a pool that is empty has frames again in some turns */
	ARP_STILL_NS = 150 * 1000 * 1000, /* a loop that shares its core may stand still so long */
};

static const uint64_t ARP_REFRESH_NS =
	30ull * 1000 * 1000 * 1000;                             /* used and heard: ask so often */
static const uint64_t ARP_LIVE_NS = 10ull * 1000 * 1000 * 1000; /* invariant 3 */

struct arp_entry {
	uint32_t address; /* 0: the place is free */
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
	uint64_t doubt_ns;     /* ... because of a doubt */
	uint64_t wait_ns;      /* the back-off while unresolved */
	uint32_t alone;        /* questions to it alone that it has not answered */
	bool asked_all;        /* everybody was asked since */
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

/* Nobody needs it any more. */
void arp_entry_put(struct arp_entry *e);

/* When it is due (arp_due): whom to ask. It counts as asked. */
enum arp_question { ARP_ASK_IT, ARP_ASK_ALL };
enum arp_question arp_ask(struct arp *arp, struct arp_entry *e, uint64_t now_ns);

/* It is due, and there is no buffer to ask it with: nobody was asked. */
void arp_put_off(struct arp_entry *e, uint64_t now_ns);

/* A frame that passed every check came from it. */
void arp_heard(struct arp_entry *e, const struct link_mac *mac, uint64_t now_ns);

/* MOVED: it would be somewhere else than it is known to be (invariants 2 and 3). */
enum arp_verdict { ARP_LEARNED, ARP_UNASKED, ARP_MOVED };
enum arp_verdict arp_answer(struct arp *arp, uint8_t port, uint32_t address,
			    const struct link_mac *mac, uint64_t now_ns);

/* When an entry is to be asked for next. UINT64_MAX: while nothing is to be sent to it. */
uint64_t arp_due(const struct arp_entry *e);

#endif
