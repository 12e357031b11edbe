/* Ports as they come and go while the dataplane runs, and what is to be known of each. */
#include "dataplane/dp_internal.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

int dp_port_add(struct dp *dp, struct link *link)
{
	const struct dp_options *o = &dp->options;
	uint32_t i = 0;

	assert(!dp->open.active);
	while (i < DP_PORTS_MAX && dp->port[i].link)
		i++;
	if (i == DP_PORTS_MAX)
		return -ENOSPC;
	dp->port[i] = (struct dp_port){
		.link = link,
		.self = {.mac = link->mac,
			 .mtu = link->mtu,
			 .address = o->address,
			 .udp_client = o->udp_client,
			 .udp_peer = o->udp_peer},
	};
	if (dp->port_count <= i)
		dp->port_count = i + 1;
	return (int)i;
}

struct link *dp_port_remove(struct dp *dp, uint32_t port)
{
	struct dp_port *p = &dp->port[port];
	struct link *link = p->link;

	assert(port < dp->port_count);
	assert(link);
	assert(port != dp->options.client_port);
	assert(!dp->open.active);
	for (uint32_t i = 0; i < dp->peers.count; i++) {
		if (dp->peers.peer[i].options.address && dp->peers.peer[i].options.port == port) {
			dp->peers.peer[i].options.port = DP_PORT_NONE;
			dp->peers.peer[i].next_hop = NULL;
		}
	}
	for (uint32_t i = 0; i < dp->arp.count; i++) {
		struct arp_entry *e = &dp->arp.entry[i];

		if (e->address != 0 && e->port == port)
			arp_entry_put(e);
	}
	dp_release(dp);
	for (uint16_t i = 0; i < p->queued; i++)
		link->ops->free(link, &p->queue[i]);
	*p = (struct dp_port){0};
	return link;
}

const struct link *dp_get_port(const struct dp *dp, uint32_t port)
{
	assert(port < dp->port_count);
	return dp->port[port].link;
}

const char *dp_get_port_gone(const struct dp *dp, uint32_t port)
{
	assert(port < dp->port_count);
	struct link *link = dp->port[port].link;
	return link->ops->gone ? link->ops->gone(link) : NULL;
}

const char *dp_get_port_narrow(const struct dp *dp, uint32_t port, uint32_t *mtu)
{
	assert(port < dp->port_count);
	struct link *link = dp->port[port].link;
	return link->ops->narrow ? link->ops->narrow(link, mtu) : NULL;
}

const char *dp_get_port_strange(const struct dp *dp, uint32_t port, struct link_mac *now)
{
	assert(port < dp->port_count);
	struct link *link = dp->port[port].link;
	return link->ops->strange ? link->ops->strange(link, now) : NULL;
}

uint32_t dp_get_port_count(const struct dp *dp)
{
	return dp->port_count;
}

bool dp_get_up(const struct dp *dp, uint32_t port)
{
	assert(port < dp->port_count);
	return dp->port[port].link->ops->up(dp->port[port].link);
}

bool dp_get_port_dead(const struct dp *dp, uint32_t port)
{
	return !dp_get_up(dp, port) && !dp->port[port].link->waits;
}

void dp_get_link(const struct dp *dp, uint32_t port, bool *up, struct link_counters *out,
		 const char **name)
{
	*up = dp_get_up(dp, port);
	struct link *link = dp->port[port].link;
	link->ops->counters(link, out);
	*name = link->name;
}
