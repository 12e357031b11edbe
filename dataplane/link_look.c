/*
 * How a kernel interface stands that a port takes its frames from: looked at again and again, off
 * the loop (looks.h). What leaves the port deaf for good is told once, and why; an interface that
 * is down, or whose MTU is too small, may be put right, and the port goes on.
 */
#include "dataplane/link_dpdk.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	/*
	 * Asked under the kernel's lock of all networking, which is others' as well: five times a
	 * second, where flags and MTU, which take none, are asked for in each round.
	 */
	DEEP_ROUNDS = 10,
	HEAD = NLMSG_LENGTH(NLMSG_ALIGN(sizeof(struct ifinfomsg))),
	ANSWER_MAX = 16384, /* of one interface, without its statistics: about 1,500 bytes */
};

struct facts {
	uint8_t mac[6];
	bool mac_told, promiscuous;
	uint32_t program[4], programs; /* of XDP: their ids */
};

/* The next of those that fill this space; NULL: there is none that is whole. */
static const struct rtattr *next(const uint8_t **at, size_t *size)
{
	const struct rtattr *a = (const void *)*at;
	size_t step;

	if (*size < sizeof(*a) || a->rta_len < sizeof(*a) || a->rta_len > *size)
		return NULL;
	step = RTA_ALIGN((size_t)a->rta_len);
	*size -= step < *size ? step : *size;
	*at += step;
	return a;
}

static const uint8_t *value(const struct rtattr *a)
{
	return (const uint8_t *)a + RTA_LENGTH(0);
}

static size_t value_size(const struct rtattr *a)
{
	return a->rta_len - RTA_LENGTH(0);
}

static void programs_read(struct facts *f, const struct rtattr *xdp)
{
	const uint8_t *at = value(xdp);
	size_t size = value_size(xdp);

	for (const struct rtattr *a; (a = next(&at, &size));) {
		switch (a->rta_type) {
		case IFLA_XDP_PROG_ID:
		case IFLA_XDP_DRV_PROG_ID:
		case IFLA_XDP_SKB_PROG_ID:
		case IFLA_XDP_HW_PROG_ID:
			if (value_size(a) == sizeof(uint32_t) && f->programs < 4)
				memcpy(&f->program[f->programs++], value(a), sizeof(uint32_t));
			break;
		default:
			break;
		}
	}
}

static void facts_read(struct facts *f, const uint8_t *at, size_t size)
{
	uint32_t count;

	for (const struct rtattr *a; (a = next(&at, &size));) {
		switch (a->rta_type & NLA_TYPE_MASK) {
		case IFLA_ADDRESS:
			f->mac_told = value_size(a) == sizeof(f->mac);
			if (f->mac_told)
				memcpy(f->mac, value(a), sizeof(f->mac));
			break;
		case IFLA_PROMISCUITY:
			if (value_size(a) != sizeof(count))
				break;
			memcpy(&count, value(a), sizeof(count));
			f->promiscuous = count > 0;
			break;
		case IFLA_XDP:
			programs_read(f, a);
			break;
		default:
			break;
		}
	}
}

/* False: the kernel does not say. */
static bool facts_ask(int netlink, int interface, uint32_t number, struct facts *f)
{
	struct {
		struct nlmsghdr h;
		struct ifinfomsg info;
		struct rtattr mask;
		uint32_t value;
	} ask = {
		.h = {.nlmsg_len = sizeof(ask),
		      .nlmsg_type = RTM_GETLINK,
		      .nlmsg_flags = NLM_F_REQUEST,
		      .nlmsg_seq = number},
		.info = {.ifi_index = interface},
		.mask = {.rta_len = RTA_LENGTH(sizeof(ask.value)), .rta_type = IFLA_EXT_MASK},
		.value = RTEXT_FILTER_SKIP_STATS,
	};
	union {
		struct nlmsghdr h;
		uint8_t bytes[ANSWER_MAX];
	} answer;
	ssize_t size;

	*f = (struct facts){0};
	if (send(netlink, &ask, sizeof(ask), MSG_DONTWAIT) != (ssize_t)sizeof(ask))
		return false;
	/* The answer is there when send returns; before it may be one that was not waited for. */
	do
		size = recv(netlink, &answer, sizeof(answer), MSG_DONTWAIT | MSG_TRUNC);
	while (size >= (ssize_t)sizeof(answer.h) && answer.h.nlmsg_seq != number);
	if (size < HEAD || size > ANSWER_MAX || answer.h.nlmsg_len < HEAD ||
	    answer.h.nlmsg_len > (size_t)size || answer.h.nlmsg_type != RTM_NEWLINK)
		return false;
	facts_read(f, answer.bytes + HEAD, answer.h.nlmsg_len - HEAD);
	return true;
}

static bool has_program(const struct facts *f, uint32_t program)
{
	for (uint32_t i = 0; i < f->programs; i++)
		if (f->program[i] == program)
			return true;
	return false;
}

/*
 * A program of its own, or another address: what netlink tells. An address is no end: a veth hands
 * on frames for any, where a NIC that is not promiscuous drops those for the former one.
 */
static void facts_look(struct link_dpdk *l)
{
	struct link_interface *at = &l->at;
	uint64_t mac = 0;
	struct facts f;

	if (at->netlink < 0 || !facts_ask(at->netlink, at->index, ++at->asked, &f))
		return;
	if (at->xdp && at->program == 0 && f.programs > 0)
		at->program = f.program[0];
	if (at->program != 0 && !has_program(&f, at->program))
		link_dpdk_gone_set(
			l,
			"the XDP program of interface %s, by which this node gets its frames, was "
			"taken away, or another one put in its place: start again, and it is put "
			"there again",
			l->interface);
	if (f.mac_told && !f.promiscuous && memcmp(f.mac, l->link.mac.byte, 6) != 0)
		memcpy(&mac, f.mac, sizeof(f.mac));
	atomic_store(&l->interface_mac, mac);
}

/* Frames come by a program of ours and by one queue: each can be taken away (F6). */
static void deep_look(struct link_dpdk *l)
{
	struct link_interface *at = &l->at;
	char name[IFNAMSIZ] = "";
	uint32_t queues = at->xdp ? link_kernel_queues(at->socket, at->index, name) : 1;

	facts_look(l);
	if (queues > 1)
		link_dpdk_gone_set(
			l,
			"the frames of interface %s come by %u queues by now, and link xdp hears "
			"the first alone: ethtool -L %s combined 1, or rx 1, and start again",
			name, queues, name);
}

void link_look(struct link_dpdk *l)
{
	struct link_interface *at = &l->at;
	enum link_kernel_state state;
	uint32_t mtu;

	/* Once gone it stays gone, whoever has its number next. */
	if (atomic_load(&l->gone))
		return;
	state = link_kernel_state(at->socket, at->index);
	atomic_store(&l->runs, state == LINK_KERNEL_RUNNING);
	if (state == LINK_KERNEL_GONE) {
		link_dpdk_gone_set(
			l,
			"the interface %s was removed, and its port does not come back, not even "
			"with one of the same name: start again when the interface is there",
			l->interface);
		return;
	}
	mtu = link_kernel_mtu(at->socket, at->index);
	if (mtu != 0)
		atomic_store(&l->interface_mtu, mtu);
	if (at->rounds++ % DEEP_ROUNDS == 0)
		deep_look(l);
}

static int netlink_open(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	return fd >= 0 ? fd : -errno;
}

int link_interface_told(void)
{
	int fd = netlink_open();

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

int link_look_open(struct link_dpdk *l, const struct link_options *options)
{
	struct link_interface *at = &l->at;

	snprintf(l->interface, sizeof(l->interface), "%s", options->interface);
	at->xdp = options->kind == LINK_XDP;
	at->socket = link_kernel_open();
	at->netlink = netlink_open(); /* without it less is seen: link_interface_told */
	if (at->socket < 0)
		return at->socket;
	at->index = link_kernel_index(at->socket, l->interface);
	return at->index < 0 ? at->index : 0;
}

void link_look_close(struct link_dpdk *l)
{
	if (l->at.socket >= 0)
		close(l->at.socket);
	if (l->at.netlink >= 0)
		close(l->at.netlink);
}
