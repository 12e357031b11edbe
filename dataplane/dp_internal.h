/*
 * Shared by the dataplane's two directions: dp.c (creation and the way in) and dp_send.c (the way
 * out).
 *
 *	1. A frame is in one place: the link, the list of held frames, a port's queue, or the open
 *	   packet. Each leaves by one tx or free.
 *	2. Nothing is allocated after dp_create.
 */
#ifndef DATAPLANE_DP_INTERNAL_H
#define DATAPLANE_DP_INTERNAL_H

#include "dataplane/arp.h"
#include "dataplane/net.h"
#include "dataplane/own.h"
#include "dataplane/peers.h"

/* A token bucket: `size` answers at once, one more each interval. */
struct dp_bucket {
	uint32_t tokens;
	uint64_t filled_ns;
};

struct dp_port {
	struct link *link;
	struct net_self self;
	struct own own;
	uint16_t queued;
	struct link_frame queue[LINK_BURST_MAX];
};

/* The packet between dp_begin_* and dp_end. */
struct dp_open {
	bool active;
	uint8_t port;
	struct peer *peer; /* NULL: a client's */
	struct link_frame frame;
	struct net_udp udp;
	uint32_t size_max;
	uint64_t destination_identity;
};

struct dp_held {
	struct link_frame frame;
	uint8_t port;
};

struct dp {
	uint64_t now_ns; /* of the last dp_receive */
	uint32_t port_count;
	uint32_t port_first; /* polled first next time */
	struct dp_port port[DP_PORTS_MAX];
	struct dp_options options;
	struct peers peers;
	struct arp arp;
	struct dp_bucket arp_bucket, echo_bucket, who_bucket, told_bucket;
	struct dp_address asked; /* the stranger who was asked last; address 0: nobody was */
	uint32_t held_count;
	struct dp_held held[DP_RECEIVE_MAX];
	struct dp_open open;
	bool more;                   /* in a device's queue, perhaps */
	struct dp_conflict conflict; /* seen_ns 0: none */
	struct hearsay conflict_said;
	struct dp_counters counters;
	struct dp_foreign foreign[DP_FOREIGN_COUNT];
};

static inline void dp_drop_count(struct dp *dp, enum dp_drop drop)
{
	dp->counters.drop[drop]++;
}

/* Queues a whole frame on a port; flushes the port when its queue is full. */
void dp_queue(struct dp *dp, uint8_t port, const struct link_frame *frame);

/* Asks for a next hop's MAC address, if it is due. */
void dp_arp_ask(struct dp *dp, struct arp_entry *e);

/* Announces our address, asks who else has it: what is due. */
void dp_own_send(struct dp *dp, uint8_t port);

/* The next hop for an address: itself, or the gateway. 0: there is none. */
uint32_t dp_next_hop(const struct dp_options *options, uint32_t address);

#endif
