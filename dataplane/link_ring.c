/*
 * The ring link: two ends of a wire inside this process (net_ring). They are made as a pair and end
 * one by one; the last one takes the wire with it.
 */
#include "dataplane/link_dpdk.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_eth_ring.h>
#include <rte_mbuf.h>

enum { RING_FRAMES = 1024 /* each way */ };

/* What the two ends share: frames of one end's pool are in the other end's hands. */
struct link_wire {
	uint32_t ends;
	struct rte_ring *ring[2];
	struct rte_mempool *pool[2];
};

/* The last end takes down the wire: frames in it may be of either pool. */
static void wire_leave(struct link_wire *wire)
{
	void *m = NULL;

	assert(wire->ends > 0);
	if (--wire->ends > 0)
		return;
	for (int i = 0; i < 2; i++) {
		while (rte_ring_dequeue(wire->ring[i], &m) == 0)
			rte_pktmbuf_free(m);
		rte_ring_free(wire->ring[i]);
	}
	rte_mempool_free(wire->pool[0]);
	rte_mempool_free(wire->pool[1]);
	free(wire);
}

static void close_end(struct link_dpdk *l)
{
	if (l->own == NULL)
		return; /* not yet at the wire: its pool is its own */
	wire_leave(l->own);
	l->pool = NULL;
}

const struct link_driver link_ring_driver = {
	.two_threads = true,
	.close = close_end,
};

/* One end: frames arrive in the wire's ring `end` and leave through the other. */
static int ring_end(struct link **out, const struct link_options *options, struct link_wire *wire,
		    uint32_t end, char error[EAL_ERROR_MAX])
{
	struct link_options o = *options;
	struct link_dpdk *l;

	o.kind = LINK_RING;
	int err = link_dpdk_new(&l, &o, error);
	if (err != 0)
		return err;
	int port = rte_eth_from_rings(o.name, &wire->ring[end], 1, &wire->ring[1 - end], 1, 0);
	if (port < 0) {
		err = rte_errno > 0 ? -rte_errno : -EIO;
		snprintf(error, EAL_ERROR_MAX, "ring link %s: %s", o.name, strerror(-err));
		link_dpdk_free(l);
		return err;
	}
	l->port = (uint16_t)port;
	snprintf(l->device, sizeof(l->device), "net_ring_%s", o.name);
	err = link_dpdk_start(l, &o, error);
	if (err != 0) {
		l->link.ops->destroy(&l->link);
		return err;
	}
	l->own = wire;
	wire->pool[end] = l->pool;
	wire->ends++;
	*out = &l->link;
	return 0;
}

int link_ring_pair(struct link **a, struct link **b, const struct link_options *a_options,
		   const struct link_options *b_options, char error[EAL_ERROR_MAX])
{
	char name[RTE_RING_NAMESIZE];
	unsigned int flags = RING_F_SP_ENQ | RING_F_SC_DEQ;
	struct link_wire *wire = calloc(1, sizeof(*wire));
	int err = -ENOMEM;

	if (wire == NULL)
		return -ENOMEM;
	snprintf(name, sizeof(name), "r_%s", a_options->name);
	wire->ring[0] = rte_ring_create(name, RING_FRAMES, SOCKET_ID_ANY, flags);
	snprintf(name, sizeof(name), "r_%s", b_options->name);
	wire->ring[1] = rte_ring_create(name, RING_FRAMES, SOCKET_ID_ANY, flags);
	if (wire->ring[0] == NULL || wire->ring[1] == NULL) {
		snprintf(error, EAL_ERROR_MAX, "ring link %s: %s", a_options->name,
			 rte_strerror(rte_errno));
		goto err_wire;
	}
	err = ring_end(a, a_options, wire, 0, error);
	if (err != 0)
		goto err_wire;
	err = ring_end(b, b_options, wire, 1, error);
	if (err == 0)
		return 0;
	(*a)->ops->destroy(*a); /* the only end there: takes the wire with it */
	return err;

err_wire:
	rte_ring_free(wire->ring[0]);
	rte_ring_free(wire->ring[1]);
	free(wire);
	return err;
}
