#include "doors/peer.h"

#include <assert.h>
#include <string.h>

static struct peer_door *peer_of(struct serve_peers *peers)
{
	return (struct peer_door *)peers;
}

/* A packet to a member; NULL: it cannot leave now, and is repeated if it must arrive. */
static uint8_t *begin(struct peer_door *d, raft_id to)
{
	int peer = dp_peer_find(d->dp, to);
	uint32_t size_max;

	return peer < 0 ? NULL : dp_begin_peer(d->dp, (uint32_t)peer, &size_max);
}

static void send_part(struct serve_peers *peers, raft_id to, const struct forward_part *p)
{
	struct peer_door *d = peer_of(peers);
	const struct wire_part part = {
		.request_id = p->id,
		.total_size = p->part.total_size,
		.part = (uint16_t)p->part.number,
		.kind = WIRE_COMMAND,
		.data = p->part.data,
		.size = p->part.size,
	};
	uint8_t *body = begin(d, to);

	if (body)
		dp_end(d->dp, WIRE_PROPOSE, wire_part_encode(&part, WIRE_PROPOSE, body));
}

static void send_reply(struct serve_peers *peers, raft_id to, const struct forward_reply *r)
{
	struct peer_door *d = peer_of(peers);
	const struct wire_part_reply reply = {
		.request_id = r->id,
		.next_part = (uint16_t)r->next_part,
		.status = (uint8_t)r->status,
		.retry_after_us = r->retry_after_us,
	};
	uint8_t *body = begin(d, to);

	if (body)
		dp_end(d->dp, WIRE_PROPOSE_REPLY,
		       wire_part_reply_encode(&reply, WIRE_PROPOSE_REPLY, body));
}

static void receive_part(struct peer_door *d, raft_id from, const struct dp_datagram *datagram)
{
	struct forward_part part;
	struct wire_part wire;

	if (wire_part_decode(&wire, WIRE_PROPOSE, datagram->body, datagram->envelope.body_size)) {
		d->malformed++;
		return;
	}
	part = (struct forward_part){
		.id = wire.request_id,
		.part = {wire.total_size, wire.part, wire.data, wire.size},
	};
	serve_forward_part(d->serve, from, &part);
}

static void receive_reply(struct peer_door *d, raft_id from, const struct dp_datagram *datagram)
{
	struct forward_reply reply;
	struct wire_part_reply wire;

	if (wire_part_reply_decode(&wire, WIRE_PROPOSE_REPLY, datagram->body,
				   datagram->envelope.body_size) ||
	    wire.status == WIRE_BAD_COOKIE) { /* members have none */
		d->malformed++;
		return;
	}
	reply.status = (enum serve_status)wire.status;
	reply.id = wire.request_id;
	reply.next_part = wire.next_part;
	reply.retry_after_us = wire.retry_after_us;
	serve_forward_reply(d->serve, from, &reply);
}

void peer_door_receive(struct peer_door *d, const struct dp_datagram *datagram)
{
	raft_id from = datagram->envelope.source_id; /* and the dataplane has seen to it */

	assert(datagram->from_peer);
	if (datagram->envelope.type == WIRE_PROPOSE)
		receive_part(d, from, datagram);
	else
		receive_reply(d, from, datagram);
}

void peer_door_init(struct peer_door *d, struct dp *dp)
{
	static const struct serve_peers_ops ops = {.send_part = send_part,
						   .send_reply = send_reply};

	memset(d, 0, sizeof(*d));
	d->peers.ops = &ops;
	d->dp = dp;
}
