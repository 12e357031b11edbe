/*
 * The packet link: net_af_packet on a kernel interface. link_packet_socket.c has what its driver
 * should have done otherwise.
 *
 * DPDK's driver does not tell of the frames for which the kernel found no room in its ring: the
 * kernel counts them for the driver's socket, which is looked for among this process's own (V32).
 */
#include "dataplane/link_packet.h"

#include <assert.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>

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
	const uint8_t *received; /* the ring's first place */
	struct tpacket_req ring;
	uint64_t taken; /* frames, by the driver: the next one is at the place of this number */
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
	p->ring = ring;
	p->received = p->socket.first - (size_t)ring.tp_block_size * ring.tp_block_nr;
	l->own = p;
	l->up = true;
	return 0;
}

static uint32_t status_at(const struct packet *p, uint64_t number)
{
	size_t place = (size_t)(number % p->ring.tp_frame_nr);
	const void *at = p->received + place * p->ring.tp_frame_size;
	const volatile struct tpacket2_hdr *header = at;

	return header->tp_status;
}

/*
 * A client on this host, or a virtual machine beside us, has left the checksum to a device, and
 * none was on the way. The kernel says so of the frame, and the driver does not pass it on: so the
 * driver is given those alone that were looked at (N5).
 */
static uint16_t receive(struct link_dpdk *l, struct rte_mbuf **burst, uint16_t max)
{
	struct packet *p = l->own;
	bool unmade[LINK_BURST_MAX];
	uint16_t count = 0;
	uint32_t status;

	assert(max <= LINK_BURST_MAX);
	while (count < max && ((status = status_at(p, p->taken + count)) & TP_STATUS_USER) != 0)
		unmade[count++] = (status & TP_STATUS_CSUMNOTREADY) != 0;
	if (count == 0)
		return 0;
	count = rte_eth_rx_burst(l->port, 0, burst, count);
	for (uint16_t i = 0; i < count; i++)
		if (unmade[i])
			burst[i]->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_NONE;
	p->taken += count;
	return count;
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
	.receive = receive,
	.room = room,
	.sent = sent,
	.refused = refused,
	.missed = missed,
	.look = link_look,
	.poll = poll,
};
