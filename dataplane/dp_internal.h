/*
 * The dataplane's inside, shared by dp.c (life, counters), receive.c, send.c and neighbour.c.
 *
 * Invariants:
 *	D1. Every frame that rx or alloc gave is held in `held`, `open`, or a port's tx queue, or has been given back.
 *	D2. A neighbour's MAC is known only from an answer to a question of ours.
 */
#ifndef DATAPLANE_DP_INTERNAL_H
#define DATAPLANE_DP_INTERNAL_H

#include "dataplane/dp.h"
#include "dataplane/net.h"

enum {
	/* Each peer, a gateway on each port, and what a DPDK client talks to. */
	NEIGHBOURS_MAX = DP_PEERS_MAX + DP_PORTS_MAX + 16,
	DP_ANSWERS_PER_SECOND = 1000, /* ARP and ICMP answers: no amplifier, no drain */
	DP_ANSWERS_BURST = 64,
};

#define NEIGHBOUR_RETRY_NS_MIN 1000000ull
#define NEIGHBOUR_RETRY_NS_MAX 1000000000ull
#define NEIGHBOUR_REFRESH_NS 30000000000ull /* a known address is asked for again after this */
#define NEIGHBOUR_SILENT_NS 1000000000ull   /* not heard for this long: it may have moved */

struct neighbour {
	uint32_t address;
	uint8_t port;
	bool resolved;
	bool asked; /* a question is open */
	struct link_mac mac;
	uint64_t confirmed_ns; /* its last answer */
	uint64_t heard_ns;     /* its last valid packet, for peers */
	uint64_t ask_ns;       /* the next question not before this */
	uint64_t wait_ns;
};

struct dp_port {
	struct link *link;
	uint16_t tx_count;
	struct link_frame tx[LINK_BURST_MAX];
};

struct dp_peer_entry {
	struct dp_peer config;
	struct dp_peer_state state;
	struct neighbour *next_hop;
	uint64_t bound; /* identity; 0: not bound */
};

/* A packet between dp_begin_* and dp_end. */
struct dp_open {
	bool open;
	bool to_peer;
	uint32_t peer;
	uint8_t port;
	struct link_mac mac;
	struct net_udp udp;
	struct link_frame frame;
};

struct dp {
	struct dp_options options;
	uint64_t now_ns;
	uint32_t port_count;
	struct dp_port port[DP_PORTS_MAX];
	uint32_t peer_count;
	struct dp_peer_entry peer[DP_PEERS_MAX];
	uint32_t neighbour_count;
	struct neighbour neighbour[NEIGHBOURS_MAX];
	uint32_t first_port; /* polled first: takes turns, so that a busy port starves no other */
	struct dp_open open;
	uint32_t held_count;
	struct {
		uint8_t port;
		struct link_frame frame;
	} held[DP_RECEIVE_MAX];
	uint32_t answers;    /* that may be sent now */
	uint64_t answers_ns; /* when that was last filled up */
	struct dp_counters counters;
};

static inline void dp_drop(struct dp *dp, enum dp_drop why)
{
	dp->counters.drop[why]++;
}

/* neighbour.c */
/* The one that packets to `address` go to by this port; NULL: the table is full, or no way. */
struct neighbour *neighbour_find(struct dp *dp, uint8_t port, uint32_t address);
/* True if its MAC is known. Asks if not, and now and then if it is. */
bool neighbour_ready(struct dp *dp, struct neighbour *neighbour);
void neighbour_arp(struct dp *dp, uint8_t port, struct link_frame *frame);
/* Asks for the peers that are not resolved. */
void neighbour_drive(struct dp *dp);

/* send.c */
void dp_queue(struct dp *dp, uint8_t port, struct link_frame *frame);
/* True if one more answer to somebody unproven may go out now. */
bool dp_may_answer(struct dp *dp);

#endif
