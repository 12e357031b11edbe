/* What the dataplane believes of a packet on the peer port: see peers.h. */
#include "dataplane/peers.h"

#include <stddef.h>

static struct peer *find(struct peers *peers, uint64_t member_id)
{
	for (uint32_t i = 0; i < peers->count; i++)
		if (peers->peer[i].as_configured.member_id == member_id)
			return &peers->peer[i];
	return NULL;
}

/* Invariant 1, the second half. */
static bool identity_accepted(struct peer *p, uint64_t identity)
{
	if (identity == 0 || (p->bound != 0 && identity != p->bound)) {
		p->state.other_identity = true;
		return false;
	}
	p->state.other_identity = false;
	return true;
}

/* Invariant 2. */
static bool incarnation_accepted(struct peer *p, const struct wire_envelope *e)
{
	if (p->state.identity == e->source_identity)
		return e->source_incarnation >= p->state.incarnation;
	return true; /* another identity has its own incarnations */
}

struct peer *peers_check(struct peers *peers, const struct wire_envelope *envelope,
			 const struct net_packet *packet, uint8_t port, uint64_t now_ns,
			 enum dp_drop *why)
{
	struct peer *p = envelope->source_id != 0 ? find(peers, envelope->source_id) : NULL;
	if (p == NULL) {
		*why = DP_DROP_UNKNOWN_PEER;
		return NULL;
	}
	if (packet->source != p->as_configured.address ||
	    packet->source_port != p->as_configured.udp_port || port != p->as_configured.port) {
		*why = DP_DROP_PEER_ADDRESS;
		return NULL;
	}
	if (!identity_accepted(p, envelope->source_identity)) {
		*why = DP_DROP_IDENTITY;
		return NULL;
	}
	if (!incarnation_accepted(p, envelope)) {
		*why = DP_DROP_INCARNATION;
		return NULL;
	}
	p->state.identity = envelope->source_identity;
	p->state.incarnation = envelope->source_incarnation;
	p->state.heard_ns = now_ns;
	if (p->next_hop != NULL)
		arp_heard(p->next_hop, &packet->source_mac, now_ns);
	if (envelope->destination_identity != 0) {
		p->state.refuses_us = envelope->destination_identity != peers->identity;
		if (p->state.refuses_us) {
			*why = DP_DROP_MISADDRESSED;
			return NULL;
		}
	}
	p->state.rx_packets++;
	return p;
}

uint64_t peers_destination_identity(const struct peer *peer)
{
	return peer->bound != 0 ? peer->bound : peer->state.identity;
}
