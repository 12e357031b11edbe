/* The checks of a packet on the peer port: see peers.h. */
#include "dataplane/peers.h"

#include <stddef.h>

static bool from_there(const struct peer *p, const struct net_packet *packet, uint8_t port)
{
	return packet->source == p->options.address && packet->source_port == p->options.udp_port &&
	       port == p->options.port;
}

static struct peer *find(struct peers *peers, uint64_t member_id)
{
	for (uint32_t i = 0; member_id != 0 && i < peers->count; i++)
		if (peers->peer[i].options.member_id == member_id)
			return &peers->peer[i];
	return NULL;
}

static struct peer *find_by_address(struct peers *peers, const struct net_packet *packet,
				    uint8_t port)
{
	for (uint32_t i = 0; i < peers->count; i++)
		if (from_there(&peers->peer[i], packet, port))
			return &peers->peer[i];
	return NULL;
}

/* Invariant 2. */
static bool start_accepted(struct peer *p, const struct wire_envelope *e)
{
	struct dp_peer_state *s = &p->state;

	if (raft_start_count(e->source_start) > raft_start_count(s->start) &&
	    raft_start_plausible(s->start, e->source_start))
		s->start = e->source_start;
	s->old_start = e->source_start != s->start;
	return !s->old_start || e->type == WIRE_START;
}

static void heard(struct peer *p, const struct net_packet *packet, uint64_t now_ns)
{
	p->state.heard_ns = now_ns;
	if (p->next_hop)
		arp_heard(p->next_hop, &packet->source_mac, now_ns);
}

/* Invariant 4. */
static struct peer *formation_check(struct peers *peers, const struct wire_envelope *envelope,
				    const struct net_packet *packet, uint8_t port, uint64_t now_ns,
				    enum dp_drop *why)
{
	struct peer *p = find_by_address(peers, packet, port);

	*why = DP_DROP_PEER_ADDRESS;
	if (!p)
		return NULL;
	*why = DP_DROP_IDENTITY;
	if (envelope->source_identity == 0)
		return NULL;
	heard(p, packet, now_ns);
	p->state.other_identity =
		p->options.identity != 0 && envelope->source_identity != p->options.identity;
	p->state.rx_packets++;
	return p;
}

struct peer *peers_check(struct peers *peers, const struct wire_envelope *envelope,
			 const struct net_packet *packet, uint8_t port, uint64_t now_ns,
			 enum dp_drop *why)
{
	struct peer *p;

	if (envelope->type == WIRE_FORMATION)
		return formation_check(peers, envelope, packet, port, now_ns, why);
	p = find(peers, envelope->source_id);
	*why = DP_DROP_UNKNOWN_PEER;
	if (!p)
		return NULL;
	*why = DP_DROP_PEER_ADDRESS;
	if (!from_there(p, packet, port))
		return NULL;
	p->state.other_identity = envelope->source_identity != p->options.identity;
	*why = DP_DROP_IDENTITY;
	if (p->state.other_identity)
		return NULL;
	*why = DP_DROP_START;
	if (!start_accepted(p, envelope))
		return NULL;
	heard(p, packet, now_ns);
	if (envelope->destination_identity != 0) {
		p->state.refuses_us = envelope->destination_identity != peers->identity;
		*why = DP_DROP_MISADDRESSED;
		if (p->state.refuses_us)
			return NULL;
	}
	p->state.rx_packets++;
	return p;
}
