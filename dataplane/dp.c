/* The way in: frames become datagrams that passed every check, or are counted by cause. */
#include "dataplane/dp_internal.h"

#include "dataplane/foreign.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	/*
	 * Answers that anybody may ask for: enough for a rack that comes up at once, too few to be
	 * used against a third.
	 */
	ARP_BURST = 64,
	ARP_INTERVAL_NS = 5 * 1000 * 1000,
	ECHO_BURST = 32,
	ECHO_INTERVAL_NS = 10 * 1000 * 1000,
	/* Members that were removed ask once a second, and there are few of them. */
	WHO_BURST = 16,
	WHO_INTERVAL_NS = 10 * 1000 * 1000,
	/* A link that is down is looked at so often. */
	DOWN_NS = 5 * 1000 * 1000,
	CLASS_CLIENT = WIRE_HELLO, /* types below are peers' */
};

static bool bucket_take(struct dp_bucket *b, uint32_t size, uint64_t interval_ns, uint64_t now_ns)
{
	uint64_t more = (now_ns - b->filled_ns) / interval_ns;
	if (more > 0) {
		b->filled_ns += more * interval_ns;
		b->tokens = more >= size - b->tokens ? size : b->tokens + (uint32_t)more;
	}
	if (b->tokens == 0)
		return false;
	b->tokens--;
	return true;
}

static int options_check(const struct dp_options *o)
{
	if (o->link_count == 0 || o->link_count > DP_PORTS_MAX || o->client_port >= o->link_count ||
	    o->peer_count > DP_PEERS_MAX || o->prefix > 32 || o->address == 0 ||
	    (o->udp_client != 0 && o->udp_client == o->udp_peer))
		return -EINVAL;
	for (uint32_t i = 0; i < o->link_count; i++)
		if (!o->link[i] || o->link[i]->mtu < 576)
			return -EINVAL;
	return 0;
}

void dp_self_set(struct dp *dp, const struct dp_self *self)
{
	dp->options.self = *self;
	dp->peers.identity = self->identity;
}

int dp_create(struct dp **out, const struct dp_options *options)
{
	int err = options_check(options);
	if (err != 0)
		return err;
	struct dp *dp = calloc(1, sizeof(*dp));
	if (!dp)
		return -ENOMEM;
	dp->options = *options;
	dp->arp.random = options->seed;
	dp->arp_bucket.tokens = ARP_BURST;
	dp->echo_bucket.tokens = ECHO_BURST;
	dp->who_bucket.tokens = dp->told_bucket.tokens = WHO_BURST;
	for (uint32_t i = 0; i < options->link_count; i++)
		(void)dp_port_add(dp, options->link[i]);
	dp->peers.identity = options->self.identity;
	for (uint32_t i = 0; err == 0 && i < options->peer_count; i++)
		err = dp_peer_set(dp, i, &options->peer[i]);
	if (err != 0) {
		free(dp);
		return err;
	}
	*out = dp;
	return 0;
}

void dp_destroy(struct dp *dp)
{
	if (!dp)
		return;
	if (dp->open.active)
		dp_end(dp, 0, 0);
	dp_release(dp);
	dp_flush(dp);
	for (uint32_t i = 0; i < dp->port_count; i++)
		if (dp->port[i].link)
			dp->port[i].link->ops->destroy(dp->port[i].link);
	free(dp);
}

void dp_release(struct dp *dp)
{
	for (uint32_t i = 0; i < dp->held_count; i++) {
		struct link *link = dp->port[dp->held[i].port].link;
		link->ops->free(link, &dp->held[i].frame);
	}
	dp->held_count = 0;
}

static void conflict_note(struct dp *dp, uint8_t port, const struct net_packet *packet)
{
	struct dp_conflict *c = &dp->conflict;
	bool goes_on = c->lasts && dp->now_ns < c->over_ns;

	hearsay_note(&dp->conflict_said, dp->now_ns);
	*c = (struct dp_conflict){.port = port,
				  .mac = packet->source_mac,
				  .seen_ns = dp->now_ns,
				  .lasts = goes_on,
				  .over_ns = dp->now_ns + OWN_OVER_NS};
	if (hearsay_verdict(&dp->conflict_said, dp->now_ns) == HEARSAY_ALONE)
		c->lasts = true;
}

/* True: the frame was turned into an answer and queued. */
static bool arp_receive(struct dp *dp, uint8_t port, const struct net_packet *packet,
			struct link_frame *frame)
{
	struct dp_port *p = &dp->port[port];

	if (packet->source == p->self.address) {
		dp_drop_count(dp, DP_DROP_ARP_CONFLICT); /* someone else has our address */
		conflict_note(dp, port, packet);
		own_conflict(&p->own, dp->now_ns);
		return false;
	}
	if (packet->destination != p->self.address) {
		dp_drop_count(dp, DP_DROP_IP_OTHER);
		return false;
	}
	if (packet->arp_operation == NET_ARP_REPLY) {
		enum arp_verdict verdict =
			arp_answer(&dp->arp, port, packet->source, &packet->source_mac, dp->now_ns);
		if (verdict != ARP_LEARNED)
			dp_drop_count(dp, verdict == ARP_MOVED ? DP_DROP_ARP_MOVED
							       : DP_DROP_ARP_UNASKED);
		return false;
	}
	if (!bucket_take(&dp->arp_bucket, ARP_BURST, ARP_INTERVAL_NS, dp->now_ns)) {
		dp_drop_count(dp, DP_DROP_RATE_LIMIT);
		return false;
	}
	if (frame->size_max < NET_FRAME_SIZE_MIN) {
		dp_drop_count(dp, DP_DROP_ARP);
		return false;
	}
	frame->size = net_arp_write(frame->data, NET_ARP_REPLY, &p->self, &packet->source_mac,
				    packet->source);
	dp->counters.arp_replies++;
	dp_queue(dp, port, frame);
	return true;
}

/* True: the frame was turned into an answer and queued. */
static bool echo_receive(struct dp *dp, uint8_t port, const struct net_packet *packet,
			 struct link_frame *frame)
{
	if (!bucket_take(&dp->echo_bucket, ECHO_BURST, ECHO_INTERVAL_NS, dp->now_ns)) {
		dp_drop_count(dp, DP_DROP_RATE_LIMIT);
		return false;
	}
	frame->size = net_echo_answer(frame->data, packet, &dp->port[port].self);
	dp->counters.icmp_echo++;
	dp_queue(dp, port, frame);
	return true;
}

/* The envelope and the class of what it carries. DP_DROP_COUNT: good. */
static enum dp_drop envelope_check(const struct dp *dp, const struct net_packet *packet,
				   struct wire_envelope *envelope)
{
	enum wire_verdict verdict =
		wire_envelope_decode(envelope, packet->payload, packet->payload_size);
	if (verdict == WIRE_VERDICT_VERSION)
		return DP_DROP_VERSION;
	if (verdict != WIRE_VERDICT_GOOD)
		return DP_DROP_ENVELOPE;
	/* A client may not know the cluster's id, and a member has none before it is formed. */
	uint64_t ours = dp->options.self.cluster_id;
	bool unknown = ours == 0 || (!packet->to_peer_port && envelope->cluster_id == 0) ||
		       envelope->type == WIRE_FORMATION || envelope->type == WIRE_MEMBERS;
	if (envelope->cluster_id != ours && !unknown)
		return DP_DROP_CLUSTER;
	if (packet->to_peer_port != (envelope->type < CLASS_CLIENT))
		return DP_DROP_CLASS;
	return DP_DROP_COUNT;
}

/*
 * A client that speaks a version which we cannot read is told ours, by an envelope and zeros: what
 * every version reads of it are its first six bytes. Only a HELLO is answered so, and with less
 * than came, so that nobody answers an answer, and nothing is amplified.
 */
static void version_tell(struct dp *dp, uint8_t port, const struct net_packet *packet)
{
	const struct dp_address to = {
		.address = packet->source,
		.udp_port = packet->source_port,
		.port = port,
		.mac = packet->source_mac,
	};
	uint32_t size_max;
	uint8_t *body;

	if (packet->to_peer_port || packet->payload[WIRE_AT_TYPE] != WIRE_HELLO ||
	    packet->payload_size < WIRE_ENVELOPE_SIZE + WIRE_HELLO_SIZE)
		return;
	if (!bucket_take(&dp->echo_bucket, ECHO_BURST, ECHO_INTERVAL_NS, dp->now_ns)) {
		dp_drop_count(dp, DP_DROP_RATE_LIMIT);
		return;
	}
	body = dp_begin_client(dp, &to, &size_max);
	if (!body)
		return;
	memset(body, 0, WIRE_HELLO_SIZE);
	dp_end(dp, WIRE_WELCOME, WIRE_HELLO_SIZE);
}

/* A packet that is not a peer's, for this. */
static void foreign(struct dp *dp, uint8_t port, const struct net_packet *packet,
		    const struct wire_envelope *envelope, enum dp_drop why)
{
	enum dp_foreign_kind kind = foreign_kind(why);
	uint64_t ours = dp->options.self.cluster_id;
	uint64_t id = 0;

	/* Who is of no cluster yet knows no member: only that some are of a cluster can be told. */
	if (kind == DP_FOREIGN_MEMBER && ours == 0 && envelope->cluster_id == 0)
		return;
	/* Of what forms a cluster this was not asked before. */
	if (kind == DP_FOREIGN_MEMBER && envelope->cluster_id != 0 && envelope->cluster_id != ours)
		kind = DP_FOREIGN_CLUSTER;
	switch (kind) {
	case DP_FOREIGN_CLUSTER:
		id = envelope->cluster_id;
		break;
	case DP_FOREIGN_VERSION:
		id = (uint64_t)packet->payload[WIRE_AT_READABLE] << 8 |
		     packet->payload[WIRE_AT_VERSION];
		version_tell(dp, port, packet);
		break;
	case DP_FOREIGN_MEMBER:
		id = envelope->cluster_id != 0 ? envelope->source_id : 0;
		break;
	case DP_FOREIGN_COUNT:
		return;
	}
	foreign_note(&dp->foreign[kind], port, packet, id, dp->now_ns);
}

/*
 * Whoever is of our cluster and no peer there, because it was removed or has moved, is told who the
 * members are if it asks: no more of them than cost the members nothing. The rest of what it says
 * is dropped.
 */
static bool stranger_asks(struct dp *dp, const struct dp_datagram *d, enum dp_drop why)
{
	if (d->envelope.type != WIRE_WHO || dp->options.self.cluster_id == 0 ||
	    (why != DP_DROP_UNKNOWN_PEER && why != DP_DROP_PEER_ADDRESS))
		return false;
	return bucket_take(&dp->who_bucket, WHO_BURST, WHO_INTERVAL_NS, dp->now_ns);
}

/* And if it was asked, what it answers is heard: likewise. */
static bool stranger_answers(struct dp *dp, const struct dp_datagram *d)
{
	const struct dp_address *asked = &dp->asked;

	if (d->envelope.type != WIRE_MEMBERS || dp->options.self.cluster_id == 0 ||
	    d->envelope.cluster_id != dp->options.self.cluster_id || asked->address == 0 ||
	    d->from.address != asked->address || d->from.udp_port != asked->udp_port ||
	    d->from.port != asked->port)
		return false;
	return bucket_take(&dp->told_bucket, WHO_BURST, WHO_INTERVAL_NS, dp->now_ns);
}

bool dp_more(const struct dp *dp)
{
	return dp->more;
}

/* True: a datagram for the node. Else it was counted. */
static bool udp_receive(struct dp *dp, uint8_t port, const struct net_packet *packet,
			struct dp_datagram *out)
{
	enum dp_drop why = envelope_check(dp, packet, &out->envelope);
	if (why != DP_DROP_COUNT) {
		dp_drop_count(dp, why);
		foreign(dp, port, packet, &out->envelope, why);
		return false;
	}
	out->from_peer = packet->to_peer_port;
	out->stranger = false;
	out->body = packet->payload + WIRE_ENVELOPE_SIZE;
	out->from = (struct dp_address){
		.address = packet->source,
		.udp_port = packet->source_port,
		.port = port,
		.mac = packet->source_mac,
	};
	if (!packet->to_peer_port) {
		dp->counters.rx_client++;
		return true;
	}
	struct peer *p = peers_check(&dp->peers, &out->envelope, packet, port, dp->now_ns, &why);
	if (!p) {
		out->from_peer = false;
		out->stranger = stranger_answers(dp, out);
		if (out->stranger)
			return true;
		out->stranger = stranger_asks(dp, out, why);
		if (!out->stranger)
			dp_drop_count(dp, why);
		foreign(dp, port, packet, &out->envelope, why);
		return out->stranger;
	}
	out->peer = (uint32_t)(p - dp->peers.peer);
	out->other_start = out->envelope.source_start != p->state.start;
	dp->counters.rx_peer++;
	return true;
}

/* Takes the frame: holds, answers or frees it. True: it is held, and *out is a datagram. */
static bool frame_receive(struct dp *dp, uint8_t port, struct link_frame *frame,
			  struct dp_datagram *out)
{
	struct dp_port *p = &dp->port[port];
	struct net_packet packet;
	bool taken = false;

	net_parse(&packet, &p->self, frame);
	switch (packet.kind) {
	case NET_DROP:
		dp_drop_count(dp, packet.drop);
		break;
	case NET_ARP:
		taken = arp_receive(dp, port, &packet, frame);
		break;
	case NET_ECHO:
		taken = echo_receive(dp, port, &packet, frame);
		break;
	case NET_UDP:
		if (udp_receive(dp, port, &packet, out)) {
			if (out->from_peer)
				dp->peers.peer[out->peer].state.rx_bytes += frame->size;
			dp->held[dp->held_count++] = (struct dp_held){*frame, port};
			return true;
		}
		break;
	}
	if (!taken)
		p->link->ops->free(p->link, frame);
	return false;
}

static void housekeep(struct dp *dp)
{
	for (uint32_t i = 0; i < dp->arp.count; i++)
		dp_arp_ask(dp, &dp->arp.entry[i]);
	for (uint32_t i = 0; i < dp->port_count; i++)
		if (dp->port[i].link)
			dp_own_send(dp, (uint8_t)i);
}

uint32_t dp_receive(struct dp *dp, uint64_t now_ns, struct dp_datagram out[DP_RECEIVE_MAX])
{
	struct link_frame frame[LINK_BURST_MAX];
	uint32_t count = 0;

	dp_release(dp);
	dp->now_ns = now_ns;
	dp->more = false;
	housekeep(dp);
	for (uint32_t i = 0; i < dp->port_count; i++) {
		uint8_t port = (uint8_t)((dp->port_first + i) % dp->port_count);
		struct link *link = dp->port[port].link;
		uint32_t room = DP_RECEIVE_MAX - count;
		if (room > LINK_BURST_MAX)
			room = LINK_BURST_MAX;
		if (room == 0)
			break;
		if (!link)
			continue;
		uint16_t n = link->ops->rx(link, now_ns, frame, (uint16_t)room);
		assert(n <= room);
		dp->more |= n == room;
		for (uint16_t k = 0; k < n; k++)
			count += frame_receive(dp, port, &frame[k], &out[count]);
	}
	/* Whoever was left out this time comes first the next. */
	dp->port_first = (dp->port_first + 1) % dp->port_count;
	assert(count == dp->held_count);
	return count;
}

uint64_t dp_deadline(const struct dp *dp)
{
	uint64_t next = UINT64_MAX;
	bool up[DP_PORTS_MAX] = {false};

	for (uint32_t i = 0; i < dp->port_count; i++) {
		struct link *link = dp->port[i].link;
		if (!link)
			continue;
		up[i] = link->ops->up(link);
		if (!up[i] && dp->now_ns + DOWN_NS < next)
			next = dp->now_ns + DOWN_NS;
		if (own_deadline(&dp->port[i].own) < next)
			next = own_deadline(&dp->port[i].own);
		if (link->ops->deadline && link->ops->deadline(link) < next)
			next = link->ops->deadline(link);
	}
	/* A question for a link that is down stays due, and nobody can ask it. */
	for (uint32_t i = 0; i < dp->arp.count; i++) {
		const struct arp_entry *e = &dp->arp.entry[i];
		if (up[e->port] && arp_due(e) < next)
			next = arp_due(e);
	}
	return next;
}

const struct dp_counters *dp_get_counters(const struct dp *dp)
{
	return &dp->counters;
}

bool dp_get_conflict(const struct dp *dp, struct dp_conflict *out)
{
	*out = dp->conflict;
	out->lasts &= dp->now_ns < dp->conflict.over_ns;
	return dp->conflict.seen_ns != 0;
}

const struct dp_foreign *dp_get_foreign(const struct dp *dp, enum dp_foreign_kind kind)
{
	assert(kind < DP_FOREIGN_COUNT);
	return &dp->foreign[kind];
}
