/* The probe before the start: see claim.h. */
#include "dataplane/claim.h"

#include "dataplane/net.h"

static struct net_self self_of(const struct link *link, uint32_t address)
{
	return (struct net_self){.mac = link->mac, .mtu = link->mtu, .address = address};
}

void claim_ask(struct link *link, uint32_t address)
{
	struct net_self nobody = self_of(link, 0);
	struct link_frame frame;

	if (!link->ops->alloc(link, &frame))
		return;
	frame.size =
		net_arp_write(frame.data, NET_ARP_REQUEST, &nobody, &net_mac_broadcast, address);
	link->ops->tx(link, &frame, 1);
}

bool claim_heard(struct link *link, uint32_t address, uint64_t now_ns, struct link_mac *who)
{
	struct net_self self = self_of(link, address);
	struct link_frame frame[LINK_BURST_MAX];
	struct net_packet packet;
	bool claimed = false;
	uint16_t n = link->ops->rx(link, now_ns, frame, LINK_BURST_MAX);

	for (uint16_t i = 0; i < n; i++) {
		net_parse(&packet, &self, &frame[i]);
		/* Its own, or another's probe for the same. */
		if (packet.kind == NET_ARP &&
		    (packet.source == address ||
		     (packet.source == 0 && packet.destination == address &&
		      packet.arp_operation == NET_ARP_REQUEST))) {
			*who = packet.source_mac;
			claimed = true;
		}
		link->ops->free(link, &frame[i]);
	}
	return claimed;
}
