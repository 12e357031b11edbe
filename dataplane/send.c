/*
 * The way out: a frame is taken from its port, the caller writes the body, the headers follow, the queue leaves
 * with dp_flush.
 */
#include "dataplane/dp_internal.h"

#include <assert.h>

static void flush(struct dp_port *port)
{
	if (port->tx_count)
		port->link->ops->tx(port->link, port->tx, port->tx_count);
	port->tx_count = 0;
}

void dp_queue(struct dp *dp, uint8_t port, struct link_frame *frame)
{
	struct dp_port *p = &dp->port[port];

	if (p->tx_count == LINK_BURST_MAX)
		flush(p);
	p->tx[p->tx_count++] = *frame;
}

void dp_flush(struct dp *dp)
{
	for (uint32_t i = 0; i < dp->port_count; i++)
		flush(&dp->port[i]);
}

bool dp_may_answer(struct dp *dp)
{
	uint64_t earned = (dp->now_ns - dp->answers_ns) / (1000000000 / DP_ANSWERS_PER_SECOND);

	if (earned) {
		dp->answers_ns = dp->now_ns;
		dp->answers = earned > DP_ANSWERS_BURST - dp->answers
				      ? DP_ANSWERS_BURST
				      : dp->answers + (uint32_t)earned;
	}
	if (!dp->answers)
		return false;
	dp->answers--;
	return true;
}

static uint8_t *begin(struct dp *dp, uint32_t *size_max)
{
	struct dp_open *o = &dp->open;
	struct link *link = dp->port[o->port].link;
	uint32_t room;

	if (!link->ops->alloc(link, &o->frame)) {
		dp_drop(dp, DP_DROP_TX_POOL);
		return NULL;
	}
	room = (uint32_t)link->mtu + NET_ETHERNET_SIZE;
	if (room > o->frame.size_max)
		room = o->frame.size_max;
	assert(room > NET_HEADERS_SIZE + WIRE_ENVELOPE_SIZE);
	*size_max = room - NET_HEADERS_SIZE - WIRE_ENVELOPE_SIZE;
	o->open = true;
	return o->frame.data + NET_HEADERS_SIZE + WIRE_ENVELOPE_SIZE;
}

uint8_t *dp_begin_peer(struct dp *dp, uint32_t peer, uint32_t *size_max)
{
	struct dp_peer_entry *p = &dp->peer[peer];
	struct dp_open *o = &dp->open;

	assert(!o->open && peer < dp->peer_count);
	if (!p->next_hop || !neighbour_ready(dp, p->next_hop)) {
		dp_drop(dp, DP_DROP_TX_UNRESOLVED);
		return NULL;
	}
	o->to_peer = true;
	o->peer = peer;
	o->port = p->config.port;
	o->mac = p->next_hop->mac;
	o->udp = (struct net_udp){
		.source = dp->options.address,
		.destination = p->config.address,
		.source_port = dp->options.udp_peer,
		.destination_port = p->config.udp_port,
	};
	return begin(dp, size_max);
}

uint8_t *dp_begin_client(struct dp *dp, const struct dp_address *to, uint32_t *size_max)
{
	struct dp_open *o = &dp->open;

	assert(!o->open && to->port < dp->port_count);
	o->to_peer = false;
	o->port = to->port;
	o->mac = to->mac;
	o->udp = (struct net_udp){
		.source = dp->options.address,
		.destination = to->address,
		.source_port = dp->options.udp_client,
		.destination_port = to->udp_port,
	};
	return begin(dp, size_max);
}

void dp_end(struct dp *dp, uint8_t type, size_t size)
{
	struct dp_open *o = &dp->open;
	struct link *link = dp->port[o->port].link;
	struct wire_envelope envelope = {
		.type = type,
		.body_size = (uint16_t)size,
		.cluster_id = dp->options.cluster_id,
		.source_id = dp->options.member_id,
		.source_identity = dp->options.identity,
		.source_incarnation = dp->options.incarnation,
		.destination_identity = o->to_peer ? dp->peer[o->peer].bound : 0,
	};

	assert(o->open);
	o->open = false;
	if (size == 0) {
		link->ops->free(link, &o->frame);
		return;
	}
	assert(NET_HEADERS_SIZE + WIRE_ENVELOPE_SIZE + size <= o->frame.size_max);
	wire_envelope_encode(&envelope, o->frame.data + NET_HEADERS_SIZE);
	o->udp.payload_size = (uint32_t)(WIRE_ENVELOPE_SIZE + size);
	o->frame.size = net_udp_build(o->frame.data, &link->mac, &o->mac, &o->udp);
	if (o->to_peer) {
		dp->counters.tx_peer++;
		dp->peer[o->peer].state.tx_packets++;
	} else {
		dp->counters.tx_client++;
	}
	dp_queue(dp, o->port, &o->frame);
}

bool dp_resolve(struct dp *dp, uint8_t port, uint32_t address, uint16_t udp_port, uint64_t now_ns,
		struct dp_address *out)
{
	struct neighbour *n;

	dp->now_ns = now_ns;
	n = neighbour_find(dp, port, address);
	if (!n || !neighbour_ready(dp, n))
		return false;
	*out = (struct dp_address){
		.address = address, .udp_port = udp_port, .port = port, .mac = n->mac};
	return true;
}
