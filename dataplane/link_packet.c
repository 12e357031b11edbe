/*
 * The packet link: net_af_packet on a kernel interface. link_packet_socket.c has what its driver
 * should do otherwise.
 *
 * DPDK's driver does not tell of the frames for which the kernel found no room in its ring: the
 * kernel counts them for the driver's socket, which is looked for among this process's own (V32).
 */
#include "dataplane/link_dpdk.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <rte_ethdev.h>

enum { PAGE = 4096 };

static int arguments(char *out, size_t out_size, const struct link_options *options,
		     char error[EAL_ERROR_MAX])
{
	uint32_t slot = link_slot_size(options->mtu);
	/* A block holds whole frames and is whole pages. */
	int n = snprintf(out, out_size,
			 "iface=%s,qpairs=1,framesz=%u,blocksz=%u,framecnt=%u,qdisc_bypass=1",
			 options->interface, slot, slot < PAGE ? PAGE : slot, LINK_PACKET_FRAMES);

	(void)error;
	return n > 0 && (size_t)n < out_size ? 0 : -EINVAL;
}

struct packet {
	int socket; /* the driver's; -1: not found */
	uint64_t missed;
};

static bool is_of(int fd, int interface)
{
	struct sockaddr_ll address;
	socklen_t size = sizeof(address);

	return getsockname(fd, (struct sockaddr *)&address, &size) == 0 &&
	       address.sll_family == AF_PACKET && address.sll_ifindex == interface;
}

static int start(struct link_dpdk *l, const struct link_options *options)
{
	struct packet *p = calloc(1, sizeof(*p));
	int err = p ? rte_eth_dev_start(l->port) : -ENOMEM;

	if (err != 0) {
		free(p);
		return err;
	}
	p->socket = link_kernel_socket(is_of, (int)if_nametoindex(options->interface));
	l->own = p;
	l->up = true;
	return 0;
}

static void end(struct link_dpdk *l)
{
	free(l->own);
	l->own = NULL;
}

/* The kernel begins at 0 again when it was asked. */
static uint64_t missed(struct link_dpdk *l)
{
	struct packet *p = l->own;
	struct tpacket_stats stats;
	socklen_t size = sizeof(stats);

	if (p->socket >= 0 &&
	    getsockopt(p->socket, SOL_PACKET, PACKET_STATISTICS, &stats, &size) == 0)
		p->missed += stats.tp_drops;
	return p->missed;
}

static uint64_t refused(void)
{
	return link_packet_refused;
}

const struct link_driver link_packet_driver = {
	.device = "net_af_packet",
	.arguments = arguments,
	.start = start,
	.close = end,
	.refused = refused,
	.missed = missed,
	.poll = link_dpdk_poll,
};
