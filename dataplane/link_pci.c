/*
 * The pci link: a NIC's own poll-mode driver. EAL probed it at its start (eal_options.pci).
 */
#include "dataplane/link_dpdk.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>

#include <rte_ethdev.h>

enum { STATS_ROUNDS = 50 /* once a second: who reads them reads totals */ };

static_assert(LINK_HELD_PCI == 2 * LINK_DESCRIPTORS, "a buffer for each place in both queues");

static int find(struct link_dpdk *l, const struct link_options *options, char error[EAL_ERROR_MAX])
{
	if (options->interface != NULL &&
	    rte_eth_dev_get_port_by_name(options->interface, &l->port) == 0)
		return 0;
	snprintf(error, EAL_ERROR_MAX,
		 "device %s: no driver of DPDK's has taken it: it takes most NICs from vfio-pci, "
		 "and Mellanox ones beside the kernel's own driver (docs/deploy.md, 4)",
		 options->interface != NULL ? options->interface : "(none)");
	return -ENODEV;
}

/*
 * Both come on EAL's interrupt thread. A removal is told by few drivers (RTE_ETH_DEV_INTR_RMV),
 * Mellanox's and mana: of a device that is bound to vfio or uio by none. One that was reset by its
 * host, which a virtual function can be, would have to be set up anew.
 */
static int deaf(uint16_t port, enum rte_eth_event_type event, void *argument, void *nothing)
{
	struct link_dpdk *l = argument;

	(void)port;
	(void)nothing;
	link_dpdk_gone_set(l,
			   event == RTE_ETH_EVENT_INTR_RMV
				   ? "the device %s was removed: start again when it is there"
				   : "the device %s was reset, and nothing is received or sent by "
				     "it any more: start again",
			   l->interface);
	return 0;
}

/* Also while `deaf` runs, which is short: l is freed next. */
static void ignore(struct link_dpdk *l, enum rte_eth_event_type event)
{
	while (rte_eth_dev_callback_unregister(l->port, event, deaf, l) == -EAGAIN)
		(void)sched_yield();
}

static void stop(struct link_dpdk *l)
{
	ignore(l, RTE_ETH_EVENT_INTR_RMV);
	ignore(l, RTE_ETH_EVENT_INTR_RESET);
}

static int start(struct link_dpdk *l, const struct link_options *options)
{
	int err;

	snprintf(l->interface, sizeof(l->interface), "%s", options->interface);
	err = rte_eth_dev_callback_register(l->port, RTE_ETH_EVENT_INTR_RMV, deaf, l);
	if (err == 0)
		err = rte_eth_dev_callback_register(l->port, RTE_ETH_EVENT_INTR_RESET, deaf, l);
	if (err == 0)
		err = rte_eth_dev_start(l->port);
	l->up = err == 0;
	return err;
}

/*
 * DPDK's calls on a device are for one thread at a time, but that others receive and send: once the
 * port runs, these are its only ones. For some drivers (mlx5) each is a call of the kernel's, which
 * takes its lock of all networking.
 */
static void look(struct link_dpdk *l)
{
	struct rte_eth_link state;
	struct rte_eth_stats stats;

	atomic_store(&l->runs, rte_eth_link_get_nowait(l->port, &state) == 0 &&
				       state.link_status == RTE_ETH_LINK_UP);
	if (l->at.rounds++ % STATS_ROUNDS != 0 || rte_eth_stats_get(l->port, &stats) != 0)
		return;
	atomic_store(&l->told.missed, stats.imissed);
	atomic_store(&l->told.no_buffer, stats.rx_nombuf);
	atomic_store(&l->told.rx_errors, stats.ierrors);
	atomic_store(&l->told.tx_errors, stats.oerrors);
}

const struct link_driver link_pci_driver = {
	.nic = true,
	.open = find,
	.start = start,
	.look = look,
	.stop = stop,
	.poll = link_dpdk_poll,
};
