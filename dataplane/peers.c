/* The checks of a packet on the peer port: see peers.h. */
#include "dataplane/peers.h"

#include <stddef.h>

static bool from_there(const struct peer *p, const struct net_packet *packet, uint8_t port)
{
	return packet->source == p->options.address && packet->source_port == p->options.udp_port &&
	       port == p->options.port;
}

/*
 * One member may be in two places: where the table has it, and where it was met (invariant 6). The
 * one that the packet is of, also by its directory; NULL, and why: neither is there.
 */
static struct peer *find(struct peers *peers, const struct wire_envelope *envelope,
			 const struct net_packet *packet, uint8_t port, enum dp_drop *why)
{
	struct peer *found = NULL;

	*why = DP_DROP_UNKNOWN_PEER;
	for (uint32_t i = 0; envelope->source_id != 0 && i < peers->count; i++) {
		struct peer *p = &peers->peer[i];

		if (p->options.member_id != envelope->source_id)
			continue;
		*why = DP_DROP_PEER_ADDRESS;
		if (!from_there(p, packet, port))
			continue;
		if (p->options.identity == envelope->source_identity)
			return p;
		found = p;
	}
	return found;
}

/*
 * Two members are at one address while one of them replaces the other there: by their directories
 * they are told apart, and an unknown one may be that of who has none yet.
 */
static struct peer *find_by_address(struct peers *peers, const struct net_packet *packet,
				    uint8_t port, uint64_t identity)
{
	struct peer *found = NULL;

	for (uint32_t i = 0; i < peers->count; i++) {
		struct peer *p = &peers->peer[i];

		if (!from_there(p, packet, port))
			continue;
		if (p->options.identity == identity)
			return p;
		if (!found || p->options.identity == 0)
			found = p;
	}
	return found;
}

/* Or one that may be it, as who keeps the newest will say. */
static bool newest_start(const struct peer *p, const struct wire_envelope *e)
{
	raft_start known = p->state.start;

	return e->source_start == known ||
	       (raft_start_count(e->source_start) > raft_start_count(known) &&
		raft_start_plausible(known, e->source_start));
}

/* Its frames come from there: whoever it is, what is answered has to find its way. */
static void came_from(struct peer *p, const struct net_packet *packet, uint64_t now_ns)
{
	if (p->next_hop)
		arp_heard(p->next_hop, &packet->source_mac, now_ns);
}

/* Invariant 4. */
static struct peer *formation_check(struct peers *peers, const struct wire_envelope *envelope,
				    const struct net_packet *packet, uint8_t port, uint64_t now_ns,
				    enum dp_drop *why)
{
	struct peer *p = find_by_address(peers, packet, port, envelope->source_identity);

	*why = DP_DROP_PEER_ADDRESS;
	if (!p)
		return NULL;
	*why = DP_DROP_IDENTITY;
	if (envelope->source_identity == 0)
		return NULL;
	came_from(p, packet, now_ns);
	if (p->options.identity == 0)
		p->state.heard_ns = now_ns;
	else if (envelope->source_identity != p->options.identity)
		hearsay_note(&p->said[DP_SAID_IDENTITY], now_ns);
	p->state.rx_packets++;
	return p;
}

/* Invariants 3 and 5. False: it is meant for somebody else. */
static bool for_us(const struct peers *peers, struct peer *p, const struct wire_envelope *envelope,
		   uint64_t now_ns)
{
	if (envelope->destination_identity == 0)
		return true;
	if (envelope->destination_identity == peers->identity) {
		hearsay_deny(&p->said[DP_SAID_RECEIVER]);
		return true;
	}
	hearsay_note(&p->said[DP_SAID_RECEIVER], now_ns);
	return false;
}

struct peer *peers_check(struct peers *peers, const struct wire_envelope *envelope,
			 const struct net_packet *packet, uint8_t port, uint64_t now_ns,
			 enum dp_drop *why)
{
	struct peer *p;

	if (envelope->type == WIRE_FORMATION || envelope->type == WIRE_MEMBERS)
		return formation_check(peers, envelope, packet, port, now_ns, why);
	p = find(peers, envelope, packet, port, why);
	if (!p)
		return NULL;
	*why = DP_DROP_IDENTITY;
	/* Of one whose directory is not known yet only FORMATION is heard. */
	if (envelope->source_identity != p->options.identity || p->options.identity == 0) {
		hearsay_note(&p->said[DP_SAID_IDENTITY], now_ns);
		return NULL;
	}
	/* Invariant 2. */
	*why = DP_DROP_START;
	if (!newest_start(p, envelope)) {
		hearsay_note(&p->said[DP_SAID_START], now_ns);
		p->state.other_start = envelope->source_start;
		p->state.other_start_ns = now_ns;
		if (envelope->type != WIRE_START)
			return NULL;
	} else {
		p->state.heard_ns = now_ns;
		hearsay_deny(&p->said[DP_SAID_IDENTITY]);
		hearsay_deny(&p->said[DP_SAID_START]);
	}
	came_from(p, packet, now_ns);
	*why = DP_DROP_MISADDRESSED;
	if (!for_us(peers, p, envelope, now_ns))
		return NULL;
	p->state.rx_packets++;
	return p;
}
