/* Peers as they are taken on, changed and let go while the dataplane runs. */
#include "dataplane/dp_internal.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

static bool port_is(const struct dp *dp, uint8_t port)
{
	return port == DP_PORT_NONE || (port < dp->port_count && dp->port[port].link);
}

static int peer_check(const struct dp *dp, const struct dp_peer *p)
{
	const struct dp_options *o = &dp->options;
	bool ours = p->member_id != 0 && p->member_id == o->self.member_id;

	return ours || p->address == 0 || p->address == o->address || p->udp_port == 0 ||
			       !port_is(dp, p->port) || dp_next_hop(o, p->address) == 0
		       ? -EINVAL
		       : 0;
}

/* Of a peer that is gone: what is learned of strangers is bounded, and nobody asks for them. */
static void hop_put(struct dp *dp, struct arp_entry *hop)
{
	for (uint32_t i = 0; i < dp->peers.count; i++)
		if (dp->peers.peer[i].next_hop == hop)
			return;
	if (hop)
		arp_entry_put(hop);
}

/* Where it was, and what was said of it there, says nothing of where it is now. */
static void peer_forget(struct peer *p)
{
	memset(p->said, 0, sizeof(p->said));
	p->state = (struct dp_peer_state){.rx_packets = p->state.rx_packets,
					  .tx_packets = p->state.tx_packets,
					  .rx_bytes = p->state.rx_bytes,
					  .tx_bytes = p->state.tx_bytes};
}

int dp_peer_set(struct dp *dp, uint32_t peer, const struct dp_peer *options)
{
	const struct dp_options *o = &dp->options;
	int err = peer_check(dp, options);

	assert(peer < DP_PEERS_MAX);
	assert(!dp->open.active);
	struct peer *p = &dp->peers.peer[peer];
	if (err != 0)
		return err;
	struct arp_entry *hop = NULL, *before = p->next_hop;
	if (options->port != DP_PORT_NONE) {
		hop = arp_entry_get(&dp->arp, options->port, dp_next_hop(o, options->address));
		if (!hop)
			return -ENOSPC;
	}
	/* Another member: but for an id that the one who is there had not got yet. */
	if (p->options.member_id != 0 && options->member_id != p->options.member_id)
		*p = (struct peer){0};
	else if (options->identity != p->options.identity || options->address != p->options.address)
		peer_forget(p);
	if (raft_start_count(options->start) > raft_start_count(p->state.start))
		p->state.start = options->start;
	p->options = *options;
	p->next_hop = hop;
	if (before != hop)
		hop_put(dp, before);
	if (dp->peers.count <= peer)
		dp->peers.count = peer + 1;
	return 0;
}

void dp_peer_start_set(struct dp *dp, uint32_t peer, raft_start start)
{
	assert(peer < DP_PEERS_MAX);
	assert(dp->peers.peer[peer].options.address != 0);
	dp->peers.peer[peer].state.start = start;
}

void dp_peer_unset(struct dp *dp, uint32_t peer)
{
	assert(peer < DP_PEERS_MAX);
	assert(!dp->open.active);
	struct arp_entry *hop = dp->peers.peer[peer].next_hop;
	dp->peers.peer[peer] = (struct peer){0};
	hop_put(dp, hop);
}

int dp_peer_find(const struct dp *dp, uint64_t member_id)
{
	for (uint32_t i = 0; member_id != 0 && i < dp->peers.count; i++)
		if (dp->peers.peer[i].options.member_id == member_id)
			return (int)i;
	return -1;
}

void dp_get_peer(const struct dp *dp, uint32_t peer, struct dp_peer_state *out)
{
	assert(peer < DP_PEERS_MAX);
	*out = dp->peers.peer[peer].state;
	out->resolved = dp->peers.peer[peer].next_hop && dp->peers.peer[peer].next_hop->resolved;
	for (uint32_t i = 0; i < DP_SAID_COUNT; i++)
		out->said[i] = hearsay_verdict(&dp->peers.peer[peer].said[i], dp->now_ns);
}

uint64_t dp_get_peer_heard(const struct dp *dp, uint32_t peer)
{
	assert(peer < DP_PEERS_MAX);
	return dp->peers.peer[peer].state.heard_ns;
}

uint64_t dp_get_peer_large(const struct dp *dp, uint32_t peer)
{
	assert(peer < DP_PEERS_MAX);
	return dp->peers.peer[peer].large;
}
