/*
 * Peers: who may speak on the peer port, and what was last heard of each.
 *
 *	1. A packet is a peer's if its member id, its address and the port it came by are as they
 *	   were set, and its directory is the one that the member table names.
 *	2. No packet is of a start before the newest one that is known (N10), but for the question
 *	   what we know of that start: whoever was rolled back must learn it. Which one is the
 *	   newest is for whoever keeps it to say (dp_peer_start_set): a packet of another kind than
 *	   that one reads would shut its sender out, and nobody would tell it (V35).
 *	3. A packet that names another receiver than us is refused, and remembered: we are not who
 *	   it takes us for.
 *	4. Before a cluster is formed its members have no ids: FORMATION is a peer's by its address
 *	   alone, whatever cluster and directory it is from. Of a member of ours it is no sign of
 *	   life. Of one whose directory is not known yet nothing else is heard.
 *	5. What a packet is refused for is hearsay about the peer (V35); a packet that passes every
 *	   check contradicts it.
 *	6. Two peers have one id only if they differ in address or directory: one of them was met,
 *	   and is not where, or what, the member table has it (node/meet.c).
 */
#ifndef DATAPLANE_PEERS_H
#define DATAPLANE_PEERS_H

#include "dataplane/arp.h"
#include "dataplane/net.h"

struct peer {
	struct dp_peer options;     /* address 0: nobody is in this place */
	struct dp_peer_state state; /* but for what is made of `said` */
	struct hearsay said[DP_SAID_COUNT];
	struct arp_entry *next_hop; /* itself, or the gateway; NULL: there is no way to it */
	uint64_t large;             /* dp_get_peer_large */
};

struct peers {
	uint32_t count; /* places up to the last that was ever taken */
	struct peer peer[DP_PEERS_MAX];
	uint64_t identity; /* ours */
};

/* The peer that sent it, or NULL and why not. */
struct peer *peers_check(struct peers *peers, const struct wire_envelope *envelope,
			 const struct net_packet *packet, uint8_t port, uint64_t now_ns,
			 enum dp_drop *why);

#endif
