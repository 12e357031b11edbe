/*
 * Peers: who may speak on the peer port, and what was last heard of each.
 *
 *	1. A packet is a peer's if its member id, its address and the port it came by are as
 *	   configured, and its identity is the one that the log binds to the member (if it does).
 *	2. Of one identity no packet is older than the newest incarnation seen (N10).
 *	3. A packet that names another receiver than us is refused, and remembered: we are new
 *	   under an old name.
 */
#ifndef DATAPLANE_PEERS_H
#define DATAPLANE_PEERS_H

#include "dataplane/arp.h"
#include "dataplane/net.h"

struct peer {
	struct dp_peer as_configured;
	struct dp_peer_state state;
	uint64_t bound;             /* identity; 0: none yet */
	struct arp_entry *next_hop; /* itself, or the gateway */
};

struct peers {
	uint32_t count;
	struct peer peer[DP_PEERS_MAX];
	uint64_t identity; /* ours */
};

/* The peer that sent it, or NULL and why not. */
struct peer *peers_check(struct peers *peers, const struct wire_envelope *envelope,
			 const struct net_packet *packet, uint8_t port, uint64_t now_ns,
			 enum dp_drop *why);

/* What a packet to it names as the receiver's identity: 0 if we know none. */
uint64_t peers_destination_identity(const struct peer *peer);

#endif
