/*
 * Neighbours: who is asked for, what is believed (N6), and what is answered.
 */
#include "dataplane/dp_internal.h"

#include <string.h>

static uint32_t next_hop_of(const struct dp *dp, uint32_t address)
{
	const struct dp_options *o = &dp->options;
	uint32_t mask = o->prefix == 0 ? 0 : 0xffffffffu << (32 - o->prefix);

	return ((address ^ o->address) & mask) == 0 ? address : o->gateway;
}

struct neighbour *neighbour_find(struct dp *dp, uint8_t port, uint32_t address)
{
	uint32_t next_hop = next_hop_of(dp, address);
	struct neighbour *n;

	if (next_hop == 0)
		return NULL;
	for (uint32_t i = 0; i < dp->neighbour_count; i++) {
		n = &dp->neighbour[i];
		if (n->address == next_hop && n->port == port)
			return n;
	}
	if (dp->neighbour_count == NEIGHBOURS_MAX)
		return NULL;
	n = &dp->neighbour[dp->neighbour_count++];
	*n = (struct neighbour){
		.address = next_hop, .port = port, .wait_ns = NEIGHBOUR_RETRY_NS_MIN};
	return n;
}

static void ask(struct dp *dp, struct neighbour *n)
{
	struct link *link = dp->port[n->port].link;
	struct link_frame frame;

	n->ask_ns = dp->now_ns + n->wait_ns;
	if (n->wait_ns < NEIGHBOUR_RETRY_NS_MAX)
		n->wait_ns *= 2;
	if (!link->ops->up(link) || !link->ops->alloc(link, &frame))
		return;
	frame.size = net_arp_build(frame.data, &link->mac, &net_broadcast, NET_ARP_REQUEST,
				   dp->options.address, n->address);
	n->asked = true;
	dp->counters.arp_requests++;
	dp_queue(dp, n->port, &frame);
}

bool neighbour_ready(struct dp *dp, struct neighbour *n)
{
	bool silent = n->heard_ns != 0 && dp->now_ns - n->heard_ns > NEIGHBOUR_SILENT_NS;
	bool old = dp->now_ns - n->confirmed_ns > NEIGHBOUR_REFRESH_NS;

	if ((!n->resolved || silent || old) && dp->now_ns >= n->ask_ns)
		ask(dp, n);
	return n->resolved;
}

void neighbour_drive(struct dp *dp)
{
	for (uint32_t i = 0; i < dp->peer_count; i++) {
		struct neighbour *n = dp->peer[i].next_hop;

		if (n && !n->resolved && dp->now_ns >= n->ask_ns)
			ask(dp, n);
	}
}

/* An answer counts if it was asked for, and moves a neighbour only if that one has fallen silent. */
static void learn(struct dp *dp, uint8_t port, const struct net_arp *arp)
{
	for (uint32_t i = 0; i < dp->neighbour_count; i++) {
		struct neighbour *n = &dp->neighbour[i];

		if (n->address != arp->sender || n->port != port)
			continue;
		if (!n->asked)
			break;
		if (n->resolved && !net_mac_equal(&n->mac, &arp->sender_mac) &&
		    dp->now_ns - n->heard_ns < NEIGHBOUR_SILENT_NS) {
			dp_drop(dp, DP_DROP_ARP_CONFLICT);
			return;
		}
		n->mac = arp->sender_mac;
		n->resolved = true;
		n->asked = false;
		n->confirmed_ns = dp->now_ns;
		n->wait_ns = NEIGHBOUR_RETRY_NS_MIN;
		dp->counters.arp_replies++;
		return;
	}
	dp_drop(dp, DP_DROP_ARP);
}

/* Takes the frame. */
void neighbour_arp(struct dp *dp, uint8_t port, struct link_frame *frame)
{
	struct link *link = dp->port[port].link;
	struct net_arp arp;

	if (!net_arp_parse(&arp, frame->data + NET_ETHERNET_SIZE,
			   frame->size - NET_ETHERNET_SIZE)) {
		dp_drop(dp, DP_DROP_ARP);
	} else if (arp.sender == dp->options.address) {
		dp_drop(dp, DP_DROP_ARP_CONFLICT); /* somebody else claims our address */
	} else if (arp.operation == NET_ARP_REPLY) {
		learn(dp, port, &arp);
	} else if (arp.target == dp->options.address && frame->size_max >= NET_FRAME_SIZE_MIN) {
		if (dp_may_answer(dp)) {
			frame->size = net_arp_build(frame->data, &link->mac, &arp.sender_mac,
						    NET_ARP_REPLY, dp->options.address, arp.sender);
			dp_queue(dp, port, frame);
			return;
		}
		dp_drop(dp, DP_DROP_RATE_LIMIT);
	}
	link->ops->free(link, frame);
}
