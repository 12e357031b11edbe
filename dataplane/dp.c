#include "dataplane/dp_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool options_valid(const struct dp_options *o)
{
	if (o->link_count == 0 || o->link_count > DP_PORTS_MAX || o->peer_count > DP_PEERS_MAX ||
	    o->client_port >= o->link_count || o->address == 0 || o->prefix > 32)
		return false;
	for (uint32_t i = 0; i < o->link_count; i++) {
		if (o->link[i]->mtu < LINK_MTU_DEFAULT)
			return false;
	}
	for (uint32_t i = 0; i < o->peer_count; i++) {
		if (o->peer[i].port >= o->link_count || o->peer[i].member_id == 0 ||
		    o->peer[i].member_id == o->member_id || o->peer[i].address == o->address)
			return false;
	}
	return o->member_id == 0 || (o->identity != 0 && o->incarnation != 0);
}

int dp_create(struct dp **out, const struct dp_options *options)
{
	struct dp *dp;

	if (!options_valid(options))
		return -EINVAL;
	dp = calloc(1, sizeof(*dp));
	if (!dp)
		return -ENOMEM;
	dp->options = *options;
	dp->port_count = options->link_count;
	for (uint32_t i = 0; i < options->link_count; i++)
		dp->port[i].link = options->link[i];
	dp->peer_count = options->peer_count;
	dp->answers = DP_ANSWERS_BURST;
	for (uint32_t i = 0; i < options->peer_count; i++) {
		dp->peer[i].config = options->peer[i];
		/* The table has room for all peers and gateways: NULL is a peer without a way. */
		dp->peer[i].next_hop =
			neighbour_find(dp, options->peer[i].port, options->peer[i].address);
	}
	*out = dp;
	return 0;
}

void dp_destroy(struct dp *dp)
{
	assert(!dp->open.open);
	dp_release(dp);
	dp_flush(dp);
	for (uint32_t i = 0; i < dp->port_count; i++)
		dp->port[i].link->ops->destroy(dp->port[i].link);
	free(dp);
}

uint64_t dp_deadline(const struct dp *dp)
{
	uint64_t deadline = UINT64_MAX;

	for (uint32_t i = 0; i < dp->peer_count; i++) {
		const struct neighbour *n = dp->peer[i].next_hop;

		if (n && !n->resolved && n->ask_ns < deadline)
			deadline = n->ask_ns;
	}
	return deadline;
}

void dp_bind_identity(struct dp *dp, uint32_t peer, uint64_t identity)
{
	assert(peer < dp->peer_count);
	dp->peer[peer].bound = identity;
}

const char *dp_drop_name(enum dp_drop drop)
{
#define DP_DROP_NAME(name, text) [DP_DROP_##name] = text,
	static const char *const names[] = {DP_DROPS(DP_DROP_NAME)};
#undef DP_DROP_NAME

	assert(drop < DP_DROP_COUNT);
	return names[drop];
}

const struct dp_counters *dp_get_counters(const struct dp *dp)
{
	return &dp->counters;
}

void dp_get_peer(const struct dp *dp, uint32_t peer, struct dp_peer_state *out)
{
	const struct dp_peer_entry *p = &dp->peer[peer];

	assert(peer < dp->peer_count);
	*out = p->state;
	out->resolved = p->next_hop && p->next_hop->resolved;
}

void dp_get_link(const struct dp *dp, uint32_t port, bool *up, struct link_counters *out,
		 const char **name)
{
	struct link *link = dp->port[port].link;

	assert(port < dp->port_count);
	*up = link->ops->up(link);
	link->ops->counters(link, out);
	*name = link->name;
}
