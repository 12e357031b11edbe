/* The way out: packets to peers and clients, questions for MAC addresses, the ports' queues. */
#include "dataplane/dp_internal.h"

#include "base/subnet.h"

#include <assert.h>
#include <string.h>

enum { ENVELOPE_OFFSET = NET_HEADERS_SIZE, BODY_OFFSET = NET_HEADERS_SIZE + WIRE_ENVELOPE_SIZE };

static void port_flush(struct dp_port *p)
{
	if (p->queued == 0)
		return;
	p->link->ops->tx(p->link, p->queue, p->queued);
	p->queued = 0;
}

void dp_queue(struct dp *dp, uint8_t port, const struct link_frame *frame)
{
	struct dp_port *p = &dp->port[port];
	assert(p->queued < LINK_BURST_MAX);
	p->queue[p->queued++] = *frame;
	if (p->queued == LINK_BURST_MAX)
		port_flush(p);
}

void dp_flush(struct dp *dp)
{
	for (uint32_t i = 0; i < dp->port_count; i++)
		port_flush(&dp->port[i]);
}

uint32_t dp_next_hop(const struct dp_options *options, uint32_t address)
{
	return subnet_has(options->address, options->prefix, address) ? address : options->gateway;
}

void dp_arp_ask(struct dp *dp, struct arp_entry *e)
{
	struct dp_port *p = &dp->port[e->port];
	const struct link_mac *to = &net_mac_broadcast;
	struct link_frame frame;

	if (dp->now_ns < arp_due(e) || !p->link->ops->up(p->link))
		return;
	if (!p->link->ops->alloc(p->link, &frame)) {
		dp_drop_count(dp, DP_DROP_TX_POOL);
		arp_put_off(e, dp->now_ns);
		return;
	}
	assert(frame.size_max >= NET_FRAME_SIZE_MIN);
	if (arp_ask(&dp->arp, e, dp->now_ns) == ARP_ASK_IT)
		to = &e->mac;
	frame.size = net_arp_write(frame.data, NET_ARP_REQUEST, &p->self, to, e->address);
	dp->counters.arp_requests++;
	dp_queue(dp, e->port, &frame);
}

static void own_say(struct dp *dp, uint8_t port, enum own_frame what)
{
	struct dp_port *p = &dp->port[port];
	struct net_self self = p->self;
	struct link_frame frame;

	if (!p->link->ops->alloc(p->link, &frame)) {
		dp_drop_count(dp, DP_DROP_TX_POOL);
		own_put_off(&p->own, what, dp->now_ns);
		return;
	}
	own_said(&p->own, what, dp->now_ns);
	if (what == OWN_PROBE)
		self.address = 0;
	assert(frame.size_max >= NET_FRAME_SIZE_MIN);
	frame.size = net_arp_write(frame.data, NET_ARP_REQUEST, &self, &net_mac_broadcast,
				   p->self.address);
	dp->counters.arp_own++;
	dp_queue(dp, port, &frame);
}

void dp_own_send(struct dp *dp, uint8_t port)
{
	struct dp_port *p = &dp->port[port];
	enum own_frame due;

	while ((due = own_due(&p->own, p->link->ops->up(p->link), dp->now_ns)) != OWN_NOTHING)
		own_say(dp, port, due);
}

/* Opens a packet on a port: the caller fills in where it goes. */
static uint8_t *packet_open(struct dp *dp, uint8_t port, uint32_t *size_max)
{
	struct dp_port *p = &dp->port[port];
	struct dp_open *o = &dp->open;
	uint32_t room;

	if (!p->link->ops->alloc(p->link, &o->frame)) {
		dp_drop_count(dp, DP_DROP_TX_POOL);
		return NULL;
	}
	assert(o->frame.size_max > BODY_OFFSET);
	assert(o->frame.size_max >= NET_FRAME_SIZE_MIN);
	room = o->frame.size_max - BODY_OFFSET;
	o->size_max = (uint32_t)p->self.mtu - WIRE_IP_UDP_SIZE - WIRE_ENVELOPE_SIZE;
	if (o->size_max > room)
		o->size_max = room;
	if (o->size_max > DP_BODY_SIZE_MAX)
		o->size_max = DP_BODY_SIZE_MAX;
	o->active = true;
	o->port = port;
	o->udp.source_mac = p->self.mac;
	o->udp.source = dp->options.address;
	*size_max = o->size_max;
	return o->frame.data + BODY_OFFSET;
}

uint8_t *dp_begin_peer(struct dp *dp, uint32_t peer, uint32_t *size_max)
{
	assert(!dp->open.active);
	assert(peer < DP_PEERS_MAX);
	struct peer *p = &dp->peers.peer[peer];

	/* Nobody is in this place, or there is no way to him. */
	if (!p->next_hop) {
		dp_drop_count(dp, DP_DROP_TX_UNRESOLVED);
		return NULL;
	}
	struct link *link = dp->port[p->options.port].link;
	if (!link->ops->up(link) || !arp_want(p->next_hop)) {
		dp_arp_ask(dp, p->next_hop);
		dp_drop_count(dp, DP_DROP_TX_UNRESOLVED);
		return NULL;
	}
	uint8_t *body = packet_open(dp, p->options.port, size_max);
	if (!body)
		return NULL;
	dp->open.peer = p;
	dp->open.destination_identity = p->options.identity;
	dp->open.udp.destination_mac = p->next_hop->mac;
	dp->open.udp.destination = p->options.address;
	dp->open.udp.source_port = dp->options.udp_peer;
	dp->open.udp.destination_port = p->options.udp_port;
	return body;
}

/* The way that the question came. */
static uint8_t *begin_back(struct dp *dp, const struct dp_address *to, uint16_t source_port,
			   uint64_t identity, uint32_t *size_max)
{
	assert(!dp->open.active);
	assert(to->port < dp->port_count);
	struct link *link = dp->port[to->port].link;

	/* The port that he came by may be gone by now. */
	if (!link || !link->ops->up(link)) {
		dp_drop_count(dp, DP_DROP_TX_UNRESOLVED);
		return NULL;
	}
	if (link->ops->spare && link->ops->spare(link) < DP_RESERVED) {
		dp_drop_count(dp, DP_DROP_TX_RESERVED);
		return NULL;
	}
	uint8_t *body = packet_open(dp, to->port, size_max);
	if (!body)
		return NULL;
	dp->open.peer = NULL;
	dp->open.destination_identity = identity;
	dp->open.udp.destination_mac = to->mac;
	dp->open.udp.destination = to->address;
	dp->open.udp.source_port = source_port;
	dp->open.udp.destination_port = to->udp_port;
	return body;
}

uint8_t *dp_begin_client(struct dp *dp, const struct dp_address *to, uint32_t *size_max)
{
	return begin_back(dp, to, dp->options.udp_client, 0, size_max);
}

uint8_t *dp_begin_stranger(struct dp *dp, const struct dp_address *to, uint64_t identity,
			   uint32_t *size_max)
{
	return begin_back(dp, to, dp->options.udp_peer, identity, size_max);
}

uint8_t *dp_begin_question(struct dp *dp, const struct dp_address *to, uint32_t *size_max)
{
	uint8_t *body = begin_back(dp, to, dp->options.udp_peer, 0, size_max);

	if (body)
		dp->asked = *to;
	return body;
}

void dp_end(struct dp *dp, uint8_t type, size_t size)
{
	struct dp_open *o = &dp->open;
	struct dp_port *p = &dp->port[o->port];

	assert(o->active);
	assert(size <= o->size_max);
	o->active = false;
	/* What was to be said does not fit in what the link takes. */
	if (size == 0) {
		dp_drop_count(dp, DP_DROP_TX_SIZE);
		p->link->ops->free(p->link, &o->frame);
		return;
	}
	struct wire_envelope envelope = {
		.type = type,
		.body_size = (uint16_t)size,
		.cluster_id = dp->options.self.cluster_id,
		.source_id = dp->options.self.member_id,
		.source_identity = dp->options.self.identity,
		.source_start = dp->options.self.start,
		.destination_identity = type == WIRE_FORMATION ? 0 : o->destination_identity,
	};
	wire_envelope_encode(&envelope, o->frame.data + ENVELOPE_OFFSET);
	o->frame.size = net_udp_write(o->frame.data, &o->udp, (uint32_t)size + WIRE_ENVELOPE_SIZE);
	if (o->peer) {
		dp->counters.tx_peer++;
		o->peer->state.tx_packets++;
		o->peer->state.tx_bytes += o->frame.size;
		if (type != WIRE_PATH && size > WIRE_SMALL_SIZE)
			o->peer->large++;
	} else {
		dp->counters.tx_client++;
	}
	dp_queue(dp, o->port, &o->frame);
}

bool dp_resolve(struct dp *dp, uint8_t port, uint32_t address, uint16_t udp_port, uint64_t now_ns,
		struct dp_address *out)
{
	uint32_t hop = dp_next_hop(&dp->options, address);

	assert(port < dp->port_count);
	if (hop == 0)
		return false;
	struct arp_entry *e = arp_entry_get(&dp->arp, port, hop);
	if (!e)
		return false;
	dp->now_ns = now_ns;
	bool known = arp_want(e);
	dp_arp_ask(dp, e);
	if (!known)
		return false;
	*out = (struct dp_address){
		.address = address, .udp_port = udp_port, .port = port, .mac = e->mac};
	return true;
}
