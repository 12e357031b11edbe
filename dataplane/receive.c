/*
 * The way in: a frame is answered (ARP, ICMP echo), dropped and counted by its first fault, or handed up as a
 * datagram whose envelope has been checked.
 */
#include "dataplane/dp_internal.h"

#include <assert.h>
#include <string.h>

/* Members say who they are and whom they mean; what does not fit is refused here (D9b, N10). */
static enum dp_drop check_peer(struct dp *dp, const struct net_udp *udp,
			       const struct wire_envelope *e, uint32_t *peer)
{
	struct dp_peer_entry *p = NULL;

	for (uint32_t i = 0; i < dp->peer_count && !p; i++) {
		if (dp->peer[i].config.member_id == e->source_id) {
			p = &dp->peer[i];
			*peer = i;
		}
	}
	if (!p)
		return DP_DROP_UNKNOWN_PEER;
	if (udp->source != p->config.address || udp->source_port != p->config.udp_port)
		return DP_DROP_PEER_ADDRESS;
	if (e->source_identity == 0)
		return DP_DROP_IDENTITY;
	if (p->bound && e->source_identity != p->bound) {
		p->state.other_identity = true;
		return DP_DROP_IDENTITY;
	}
	if (e->destination_identity && e->destination_identity != dp->options.identity) {
		p->state.refuses_us = true;
		return DP_DROP_MISADDRESSED;
	}
	if (e->source_identity == p->state.identity && e->source_incarnation < p->state.incarnation)
		return DP_DROP_INCARNATION;
	p->state.other_identity = false;
	p->state.refuses_us = p->state.refuses_us && !e->destination_identity;
	p->state.identity = e->source_identity;
	p->state.incarnation = e->source_incarnation;
	p->state.heard_ns = dp->now_ns;
	p->state.rx_packets++;
	if (p->next_hop && p->next_hop->address == p->config.address)
		p->next_hop->heard_ns = dp->now_ns;
	return DP_DROP_COUNT;
}

static enum dp_drop check_envelope(struct dp *dp, const struct net_udp *udp, bool peer_port,
				   struct dp_datagram *out)
{
	struct wire_envelope *e = &out->envelope;
	enum wire_verdict verdict = wire_envelope_decode(e, udp->payload, udp->payload_size);

	if (verdict == WIRE_VERDICT_VERSION)
		return DP_DROP_VERSION;
	if (verdict != WIRE_VERDICT_GOOD)
		return DP_DROP_ENVELOPE;
	if (e->cluster_id != dp->options.cluster_id && dp->options.cluster_id != 0 &&
	    (peer_port || e->cluster_id != 0))
		return DP_DROP_CLUSTER;
	if ((e->type < WIRE_HELLO) != peer_port)
		return DP_DROP_CLASS;
	out->body = udp->payload + WIRE_ENVELOPE_SIZE;
	out->from_peer = peer_port;
	return peer_port ? check_peer(dp, udp, e, &out->peer) : DP_DROP_COUNT;
}

static enum dp_drop receive_udp(struct dp *dp, uint8_t port, const struct link_frame *frame,
				uint32_t ip_size, struct dp_datagram *out)
{
	const uint8_t *ip = frame->data + NET_ETHERNET_SIZE;
	bool peer_port;
	struct net_udp udp;
	enum dp_drop why = net_udp_parse(&udp, ip, ip_size, frame->checksum_good);

	if (why != DP_DROP_COUNT)
		return why;
	peer_port = udp.destination_port == dp->options.udp_peer && dp->options.udp_peer;
	if (!peer_port &&
	    (udp.destination_port != dp->options.udp_client || !dp->options.udp_client))
		return DP_DROP_UDP_PORT;
	why = check_envelope(dp, &udp, peer_port, out);
	if (why != DP_DROP_COUNT)
		return why;
	if (peer_port) {
		dp->counters.rx_peer++;
	} else {
		dp->counters.rx_client++;
		out->from.address = udp.source;
		out->from.udp_port = udp.source_port;
		out->from.port = port;
		memcpy(out->from.mac.byte, frame->data + 6, 6);
	}
	return DP_DROP_COUNT;
}

/* True if the frame carries the datagram in *out and stays with the caller; else it is taken. */
static bool receive_frame(struct dp *dp, uint8_t port, struct link_frame *frame,
			  struct dp_datagram *out)
{
	struct link *link = dp->port[port].link;
	uint8_t *ip = frame->data + NET_ETHERNET_SIZE;
	uint32_t size;
	uint16_t type;
	enum dp_drop why = net_ethernet_parse(frame, &link->mac, link->mtu, &type);

	if (why == DP_DROP_COUNT && type == NET_TYPE_ARP) {
		neighbour_arp(dp, port, frame);
		return false;
	}
	size = frame->size - NET_ETHERNET_SIZE;
	if (why == DP_DROP_COUNT)
		why = net_ip_parse(ip, &size, frame->checksum_good, dp->options.address);
	if (why == DP_DROP_COUNT && ip[9] == NET_PROTOCOL_ICMP) {
		if (!dp_may_answer(dp)) {
			why = DP_DROP_RATE_LIMIT;
		} else if (net_icmp_answer(frame->data, &link->mac, size)) {
			dp->counters.icmp_echo++;
			dp_queue(dp, port, frame);
			return false;
		} else {
			why = DP_DROP_ICMP;
		}
	} else if (why == DP_DROP_COUNT && ip[9] != NET_PROTOCOL_UDP) {
		why = DP_DROP_IP_PROTOCOL;
	} else if (why == DP_DROP_COUNT) {
		why = receive_udp(dp, port, frame, size, out);
	}
	if (why == DP_DROP_COUNT)
		return true;
	dp_drop(dp, why);
	link->ops->free(link, frame);
	return false;
}

static uint32_t receive_port(struct dp *dp, uint8_t port, struct dp_datagram *out, uint32_t count)
{
	struct link *link = dp->port[port].link;
	struct link_frame frame[LINK_BURST_MAX];
	uint32_t room = DP_RECEIVE_MAX - count;
	uint16_t got = link->ops->rx(link, dp->now_ns, frame,
				     (uint16_t)(room < LINK_BURST_MAX ? room : LINK_BURST_MAX));

	for (uint16_t i = 0; i < got; i++) {
		if (!receive_frame(dp, port, &frame[i], &out[count]))
			continue;
		dp->held[count].port = port;
		dp->held[count].frame = frame[i];
		count++;
	}
	return count;
}

uint32_t dp_receive(struct dp *dp, uint64_t now_ns, struct dp_datagram out[DP_RECEIVE_MAX])
{
	uint32_t count = 0;

	assert(dp->held_count == 0);
	dp->now_ns = now_ns;
	neighbour_drive(dp);
	/* A port without room is still visited: its link has its own housekeeping. */
	for (uint32_t i = 0; i < dp->port_count; i++)
		count = receive_port(dp, (uint8_t)((dp->first_port + i) % dp->port_count), out,
				     count);
	dp->first_port = (dp->first_port + 1) % dp->port_count;
	dp->held_count = count;
	return count;
}

void dp_release(struct dp *dp)
{
	for (uint32_t i = 0; i < dp->held_count; i++) {
		struct link *link = dp->port[dp->held[i].port].link;

		link->ops->free(link, &dp->held[i].frame);
	}
	dp->held_count = 0;
}
