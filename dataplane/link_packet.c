/*
 * The packet link: net_af_packet on a kernel interface. link_packet_socket.c has what its driver
 * should have done otherwise.
 *
 * DPDK's driver does not tell of the frames for which the kernel found no room in its ring: the
 * kernel counts them for the driver's socket, which is looked for among this process's own (V32).
 */
#include "dataplane/link_packet.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <rte_ethdev.h>

enum { PAGE = 4096 };

/* A block holds whole frames and is whole pages. */
static struct tpacket_req ring_of(uint16_t mtu)
{
	uint32_t slot = link_slot_size(mtu), block = slot < PAGE ? PAGE : slot;

	return (struct tpacket_req){
		.tp_frame_size = slot,
		.tp_frame_nr = LINK_PACKET_FRAMES,
		.tp_block_size = block,
		.tp_block_nr = LINK_PACKET_FRAMES / (block / slot),
	};
}

static int arguments(char *out, size_t out_size, const struct link_options *options,
		     char error[EAL_ERROR_MAX])
{
	const struct tpacket_req ring = ring_of(options->mtu);
	int n = snprintf(
		out, out_size, "iface=%s,qpairs=1,framesz=%u,blocksz=%u,framecnt=%u,qdisc_bypass=1",
		options->interface, ring.tp_frame_size, ring.tp_block_size, ring.tp_frame_nr);

	(void)error;
	return n > 0 && (size_t)n < out_size ? 0 : -EINVAL;
}

struct packet {
	struct link_packet_socket socket;
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
	const struct tpacket_req ring = ring_of(options->mtu);
	int interface = (int)if_nametoindex(options->interface);
	int fd = link_kernel_socket(is_of, interface);
	int err = p ? 0 : -ENOMEM;

	if (err == 0)
		err = fd >= 0 ? link_packet_socket_make(&p->socket, fd, interface, &ring) : -ENODEV;
	if (err == 0)
		err = rte_eth_dev_start(l->port);
	if (err != 0) {
		free(p);
		return err;
	}
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

	if (getsockopt(p->socket.fd, SOL_PACKET, PACKET_STATISTICS, &stats, &size) == 0)
		p->missed += stats.tp_drops;
	return p->missed;
}

static void poll(struct link_dpdk *l, uint64_t now_ns)
{
	struct packet *p = l->own;

	link_dpdk_poll(l, now_ns);
	if (l->up)
		link_packet_socket_drive(&p->socket, now_ns);
}

static uint16_t room(struct link_dpdk *l, uint16_t count)
{
	const struct packet *p = l->own;

	return link_packet_socket_room(&p->socket, count);
}

static void sent(struct link_dpdk *l, uint16_t count)
{
	struct packet *p = l->own;

	link_packet_socket_sent(&p->socket, count);
}

static uint64_t refused(struct link_dpdk *l)
{
	const struct packet *p = l->own;

	return p->socket.refused;
}

const struct link_driver link_packet_driver = {
	.device = "net_af_packet",
	.arguments = arguments,
	.start = start,
	.close = end,
	.room = room,
	.sent = sent,
	.refused = refused,
	.missed = missed,
	.poll = poll,
};
