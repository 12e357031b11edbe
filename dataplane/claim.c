/* The probes before the start: see claim.h. */
#include "dataplane/claim.h"

#include "dataplane/net.h"

static struct net_self self_of(const struct link *link, uint32_t address)
{
	return (struct net_self){.mac = link->mac, .mtu = link->mtu, .address = address};
}

void claim_begin(struct claim *c, struct link *link, uint32_t address, uint64_t now_ns)
{
	*c = (struct claim){
		.link = link, .address = address, .begun_ns = now_ns, .next_ns = now_ns};
}

/* False: there is no buffer, and nobody was asked. */
static bool ask(const struct claim *c)
{
	struct net_self nobody = self_of(c->link, 0);
	struct link_frame frame;

	if (!c->link->ops->alloc(c->link, &frame))
		return false;
	frame.size =
		net_arp_write(frame.data, NET_ARP_REQUEST, &nobody, &net_mac_broadcast, c->address);
	c->link->ops->tx(c->link, &frame, 1);
	return true;
}

/* It uses the address; or is about to, and asks who has it. */
static bool is_answer(const struct claim *c, const struct net_packet *packet)
{
	return packet->kind == NET_ARP &&
	       (packet->source == c->address ||
		(packet->source == 0 && packet->destination == c->address &&
		 packet->arp_operation == NET_ARP_REQUEST));
}

static void hear(struct claim *c, uint64_t now_ns)
{
	struct net_self self = self_of(c->link, c->address);
	struct link_frame frame[LINK_BURST_MAX];
	struct net_packet packet;
	uint16_t n = c->link->ops->rx(c->link, now_ns, frame, LINK_BURST_MAX);

	for (uint16_t i = 0; i < n; i++) {
		net_parse(&packet, &self, &frame[i]);
		if (c->asked > 0 && is_answer(c, &packet)) {
			c->answers += !c->answered;
			c->answered = true;
			c->who = packet.source_mac;
		}
		c->link->ops->free(c->link, &frame[i]);
	}
}

enum claim_verdict claim_turn(struct claim *c, uint64_t now_ns)
{
	hear(c, now_ns);
	if (c->answers == CLAIM_ANSWERS)
		return CLAIM_TAKEN;
	if (now_ns < c->next_ns)
		return CLAIM_ASKS;
	if (c->asked == CLAIM_PROBES)
		return CLAIM_FREE;
	if (c->link->ops->up(c->link) && ask(c)) {
		c->asked++;
		c->answered = false;
		c->next_ns = now_ns + CLAIM_PROBE_NS;
		return CLAIM_ASKS;
	}
	return now_ns - c->begun_ns < CLAIM_LINK_NS ? CLAIM_WAITS : CLAIM_UNASKED;
}
