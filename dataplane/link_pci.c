/*
 * The pci link: a NIC's own poll-mode driver. EAL probed it at its start (eal_options.pci).
 */
#include "dataplane/link_dpdk.h"

#include <errno.h>
#include <stdio.h>

#include <rte_ethdev.h>

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

const struct link_driver link_pci_driver = {
	.nic = true,
	.open = find,
	.poll = link_dpdk_poll,
};
