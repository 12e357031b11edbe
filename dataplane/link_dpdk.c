/*
 * A DPDK port as a link: one receive queue, one transmit queue, a pool of its own.
 *
 *	1. The pool belongs to one polling thread; its frames are single-segment.
 *	2. What the device gives that is not one non-empty segment is counted and freed here (N3).
 *	3. What the device refuses to send is counted and freed here: tx takes all.
 *
 * This file takes what every kind of port has in common; what is particular to one is its
 * link_driver, in link_NAME.c.
 */
#include "dataplane/link_dpdk.h"
#include "dataplane/link_control.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_bus_vdev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#define DRIVER(KIND, name, device, huge, mtu, held, what) [LINK_##KIND] = &link_##name##_driver,
static const struct link_driver *const drivers[LINK_KIND_COUNT] = {[LINK_RING] = &link_ring_driver,
								   LINK_KINDS(DRIVER)};
#undef DRIVER

static_assert(LINK_SLOT_LOST == RTE_ETHER_HDR_LEN + RTE_PKTMBUF_HEADROOM, "kind.h has it too");

void link_dpdk_up_set(struct link_dpdk *l, bool up)
{
	if (l->up == up)
		return;
	l->up = up;
	l->counters.link_changes++;
}

static struct link_dpdk *port_of(struct link *link)
{
	return (struct link_dpdk *)(void *)link;
}

void link_dpdk_poll(struct link_dpdk *l, uint64_t now_ns)
{
	(void)now_ns;
	link_dpdk_up_set(l, atomic_load_explicit(&l->runs, memory_order_relaxed) &&
				    !atomic_load_explicit(&l->gone, memory_order_relaxed));
}

void link_dpdk_gone_set(struct link_dpdk *l, const char *format, ...)
{
	va_list arguments;

	if (atomic_load(&l->gone))
		return;
	va_start(arguments, format);
	(void)vsnprintf(l->gone_why, sizeof(l->gone_why), format, arguments);
	va_end(arguments);
	atomic_store(&l->gone, true);
}

/* Housekeeping, then one burst. */
static uint16_t burst_rx(struct link_dpdk *l, uint64_t now_ns, struct rte_mbuf **burst,
			 uint16_t max)
{
	const struct link_driver *driver = l->driver;

	if (driver->controlled) {
		if (!link_control_try())
			return 0;
		driver->poll(l, now_ns);
		uint16_t n = l->up ? rte_eth_rx_burst(l->port, 0, burst, max) : 0;
		link_control_leave();
		return n;
	}
	if (driver->poll != NULL)
		driver->poll(l, now_ns);
	if (driver->receive != NULL)
		return driver->receive(l, burst, max);
	return rte_eth_rx_burst(l->port, 0, burst, max);
}

static uint16_t burst_tx(struct link_dpdk *l, struct rte_mbuf **burst, uint16_t count)
{
	if (!l->up)
		return 0;
	if (l->driver->controlled && !link_control_try())
		return 0;
	if (l->driver->room != NULL)
		count = l->driver->room(l, count);
	uint16_t n = rte_eth_tx_burst(l->port, 0, burst, count);
	if (l->driver->controlled)
		link_control_leave();
	else if (l->driver->sent != NULL)
		l->driver->sent(l, n);
	return n;
}

/*
 * "None" says that it is sound though the checksum in it is not: who sent it has left that to a
 * device, as a kernel does between two machines of one host, and none was on the way. Of GOOD, BAD
 * and NONE the last one has the bits of both others, and what is unknown has neither.
 */
static void frame_fill(struct link_frame *frame, struct rte_mbuf *m)
{
	frame->data = rte_pktmbuf_mtod(m, uint8_t *);
	frame->size = m->data_len;
	frame->size_max = (uint32_t)m->buf_len - m->data_off;
	frame->ip_vouched = (m->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_GOOD) != 0;
	frame->l4_vouched = (m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_GOOD) != 0;
	frame->handle = m;
}

static uint16_t port_rx(struct link *link, uint64_t now_ns, struct link_frame *frames, uint16_t max)
{
	struct link_dpdk *l = port_of(link);
	struct rte_mbuf *burst[LINK_BURST_MAX];
	uint16_t count = 0;

	assert(max <= LINK_BURST_MAX);
	uint16_t n = burst_rx(l, now_ns, burst, max);
	for (uint16_t i = 0; i < n; i++) {
		struct rte_mbuf *m = burst[i];
		if (m->nb_segs != 1 || m->data_len == 0 || m->pkt_len != m->data_len) {
			l->counters.rx_segmented++;
			rte_pktmbuf_free(m);
			continue;
		}
		/* The kernel has taken a VLAN tag out of it: not a frame for us (N2). */
		if ((m->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0) {
			l->counters.rx_tagged++;
			rte_pktmbuf_free(m);
			continue;
		}
		l->counters.rx_bytes += m->data_len;
		frame_fill(&frames[count++], m);
	}
	l->counters.rx_frames += count;
	return count;
}

static bool port_alloc(struct link *link, struct link_frame *frame)
{
	struct link_dpdk *l = port_of(link);
	struct rte_mbuf *m = rte_pktmbuf_alloc(l->pool);
	if (m == NULL)
		return false;
	frame->data = rte_pktmbuf_mtod(m, uint8_t *);
	frame->size = 0;
	frame->size_max = rte_pktmbuf_tailroom(m);
	frame->ip_vouched = frame->l4_vouched = false;
	frame->handle = m;
	return true;
}

static uint32_t port_spare(struct link *link)
{
	return rte_mempool_avail_count(port_of(link)->pool);
}

static void port_free(struct link *link, struct link_frame *frame)
{
	(void)link;
	rte_pktmbuf_free(frame->handle);
	frame->handle = NULL;
	frame->data = NULL;
}

static void port_tx(struct link *link, struct link_frame *frames, uint16_t count)
{
	struct link_dpdk *l = port_of(link);
	struct rte_mbuf *burst[LINK_BURST_MAX];
	uint64_t bytes = 0;
	uint64_t refused = 0;

	assert(count <= LINK_BURST_MAX);
	for (uint16_t i = 0; i < count; i++) {
		struct rte_mbuf *m = frames[i].handle;
		assert(frames[i].data == rte_pktmbuf_mtod(m, uint8_t *));
		assert(frames[i].size >= LINK_FRAME_SIZE_MIN);
		assert(frames[i].size <= frames[i].size_max);
		m->data_len = (uint16_t)frames[i].size;
		m->pkt_len = frames[i].size;
		m->ol_flags = 0; /* a frame may be a received one, answered in place */
		bytes += frames[i].size;
		burst[i] = m;
		frames[i].handle = NULL;
	}
	uint16_t sent = burst_tx(l, burst, count);
	for (uint16_t i = sent; i < count; i++) {
		bytes -= burst[i]->data_len;
		rte_pktmbuf_free(burst[i]);
		refused++;
	}
	l->counters.tx_frames += sent;
	l->counters.tx_bytes += bytes;
	l->counters.tx_dropped += refused;
}

static bool port_up(struct link *link)
{
	return port_of(link)->up;
}

static const char *port_gone(struct link *link)
{
	return atomic_load(&port_of(link)->gone) ? port_of(link)->gone_why : NULL;
}

/* For a command that is typed: the kernel tells it without waiting for anybody. */
static const char *name_now(struct link_dpdk *l)
{
	return link_kernel_name(l->at.socket, l->at.index, l->renamed) ? l->renamed : l->interface;
}

static const char *port_narrow(struct link *link, uint32_t *mtu)
{
	struct link_dpdk *l = port_of(link);

	*mtu = atomic_load(&l->interface_mtu);
	if (*mtu == 0 || *mtu >= link->mtu)
		return NULL;
	return name_now(l);
}

static const char *port_strange(struct link *link, struct link_mac *now)
{
	struct link_dpdk *l = port_of(link);
	uint64_t mac = atomic_load(&l->interface_mac);

	memcpy(now->byte, &mac, sizeof(now->byte));
	return mac != 0 ? name_now(l) : NULL;
}

/* A NIC's as they were told last: some drivers ask the kernel for them (looks.h). */
static bool stats_get(struct link_dpdk *l, struct rte_eth_stats *stats)
{
	if (!l->driver->nic)
		return rte_eth_stats_get(l->port, stats) == 0;
	*stats = (struct rte_eth_stats){.imissed = atomic_load(&l->told.missed),
					.rx_nombuf = atomic_load(&l->told.no_buffer),
					.ierrors = atomic_load(&l->told.rx_errors),
					.oerrors = atomic_load(&l->told.tx_errors)};
	return true;
}

static void port_counters(struct link *link, struct link_counters *out)
{
	struct link_dpdk *l = port_of(link);
	struct rte_eth_stats stats;

	*out = l->counters;
	out->buffers_free = rte_mempool_avail_count(l->pool);
	if (l->driver->refused != NULL)
		out->tx_dropped += l->driver->refused(l);
	if (l->driver->missed != NULL)
		out->rx_missed += l->driver->missed(l);
	if (!stats_get(l, &stats))
		return;
	out->rx_missed += stats.imissed;
	out->rx_no_buffer += stats.rx_nombuf;
	out->rx_errors += stats.ierrors;
	if (l->driver->refused == NULL)
		out->tx_dropped += stats.oerrors;
}

void link_dpdk_free(struct link_dpdk *l)
{
	rte_mempool_free(l->pool);
	free(l);
}

static void port_destroy(struct link *link)
{
	struct link_dpdk *l = port_of(link);

	if (l->looked_at)
		looks_end(&l->look);
	link_control_enter();
	if (l->driver->stop != NULL)
		l->driver->stop(l);
	(void)rte_eth_dev_stop(l->port);
	if (l->driver->controlled)
		link_control_disown(l);
	(void)rte_eth_dev_close(l->port);
	if (l->device[0] != 0)
		(void)rte_vdev_uninit(l->device);
	if (l->driver->close != NULL)
		l->driver->close(l);
	link_control_leave();
	link_look_close(l);
	link_dpdk_free(l);
}

static const struct link_ops port_ops = {
	.rx = port_rx,
	.alloc = port_alloc,
	.tx = port_tx,
	.free = port_free,
	.spare = port_spare,
	.up = port_up,
	.gone = port_gone,
	.narrow = port_narrow,
	.strange = port_strange,
	.counters = port_counters,
	.destroy = port_destroy,
};

static int pool_create(struct link_dpdk *l, const struct link_options *options,
		       char error[EAL_ERROR_MAX])
{
	char name[RTE_MEMPOOL_NAMESIZE];
	uint32_t frames = options->pool_frames + link_facts(options->kind)->held_frames;

	snprintf(name, sizeof(name), "p_%s", options->name);
	l->pool = rte_pktmbuf_pool_create_by_ops(
		name, frames, 0, 0, (uint16_t)(link_slot_size(options->mtu) + RTE_PKTMBUF_HEADROOM),
		SOCKET_ID_ANY, l->driver->two_threads ? "ring_mp_mc" : "ring_sp_sc");
	if (l->pool != NULL)
		return 0;
	int err = rte_errno > 0 ? rte_errno : ENOMEM;
	snprintf(error, EAL_ERROR_MAX, "%s: no memory for %u frames of %u bytes: raise memory",
		 options->name, frames, link_slot_size(options->mtu));
	return -err;
}

static const char *last_words(const struct link_dpdk *l)
{
	return l->driver->last_words != NULL ? l->driver->last_words() : "";
}

/* Plugs in a virtual device. */
static int port_plug(struct link_dpdk *l, const struct link_options *options,
		     char error[EAL_ERROR_MAX])
{
	char arguments[LINK_DEVICE_ARGUMENTS_MAX];

	int err = l->driver->arguments(arguments, sizeof(arguments), options, error);
	if (err != 0)
		return err;
	snprintf(l->device, sizeof(l->device), "%s_%s", l->driver->device, options->name);
	err = rte_vdev_init(l->device, arguments);
	if (err == 0)
		err = rte_eth_dev_get_port_by_name(l->device, &l->port);
	if (err != 0)
		snprintf(error, EAL_ERROR_MAX, "%s link %s (%s): %s %s",
			 link_kind_name(options->kind), options->name, arguments, strerror(-err),
			 last_words(l));
	return err;
}

static int port_open(struct link_dpdk *l, const struct link_options *options,
		     char error[EAL_ERROR_MAX])
{
	if (l->driver->open != NULL)
		return l->driver->open(l, options, error);
	return port_plug(l, options, error);
}

static int port_setup(struct link_dpdk *l, const struct link_options *options)
{
	struct rte_eth_conf conf = {0};
	struct rte_eth_dev_info info;
	uint16_t rx_descriptors = LINK_DESCRIPTORS;
	uint16_t tx_descriptors = LINK_DESCRIPTORS;
	unsigned int socket = (unsigned int)SOCKET_ID_ANY;

	int err = rte_eth_dev_info_get(l->port, &info);
	if (err != 0)
		return err;
	/* Only a NIC is told its MTU and asked for checksums: the virtual ones have their own. */
	if (l->driver->nic) {
		conf.rxmode.mtu = options->mtu;
		conf.rxmode.offloads = info.rx_offload_capa & (RTE_ETH_RX_OFFLOAD_IPV4_CKSUM |
							       RTE_ETH_RX_OFFLOAD_UDP_CKSUM);
		conf.intr_conf.rmv = (*info.dev_flags & RTE_ETH_DEV_INTR_RMV) != 0;
	}
	err = rte_eth_dev_configure(l->port, 1, 1, &conf);
	if (err == 0)
		err = rte_eth_dev_adjust_nb_rx_tx_desc(l->port, &rx_descriptors, &tx_descriptors);
	if (err == 0)
		err = rte_eth_rx_queue_setup(l->port, 0, rx_descriptors, socket, NULL, l->pool);
	if (err == 0)
		err = rte_eth_tx_queue_setup(l->port, 0, tx_descriptors, socket, NULL);
	return err;
}

static int mac_set(struct link_dpdk *l, const struct link_options *options)
{
	static const struct link_mac none;
	struct rte_ether_addr address;

	if (memcmp(&options->mac, &none, sizeof(none)) != 0) {
		l->link.mac = options->mac;
		if (!l->driver->nic)
			return 0;
		memcpy(address.addr_bytes, options->mac.byte, sizeof(address.addr_bytes));
		return rte_eth_dev_default_mac_addr_set(l->port, &address);
	}
	int err = rte_eth_macaddr_get(l->port, &address);
	memcpy(l->link.mac.byte, address.addr_bytes, sizeof(l->link.mac.byte));
	return err;
}

int link_dpdk_start(struct link_dpdk *l, const struct link_options *options,
		    char error[EAL_ERROR_MAX])
{
	int err = port_setup(l, options);
	if (err == 0)
		err = mac_set(l, options);
	if (err == 0 && l->driver->start != NULL)
		err = l->driver->start(l, options);
	else if (err == 0) {
		err = rte_eth_dev_start(l->port);
		l->up = err == 0;
	}
	if (err != 0)
		snprintf(error, EAL_ERROR_MAX, "%s link %s does not start: %s %s",
			 link_kind_name(options->kind), options->name, strerror(-err),
			 last_words(l));
	return err;
}

static int options_check(const struct link_options *options, char error[EAL_ERROR_MAX])
{
	if (options->name == NULL || options->name[0] == 0 || strlen(options->name) > 24 ||
	    strpbrk(options->name, ",/ ") != NULL || options->mtu < 576 || options->mtu > 9216 ||
	    options->pool_frames < 2 * LINK_BURST_MAX) {
		snprintf(
			error, EAL_ERROR_MAX,
			"link %s: expected a short name, an MTU of 576 to 9216, at least %d frames",
			options->name != NULL ? options->name : "", 2 * LINK_BURST_MAX);
		return -EINVAL;
	}
	return 0;
}

int link_dpdk_new(struct link_dpdk **out, const struct link_options *options,
		  char error[EAL_ERROR_MAX])
{
	struct link_dpdk *l;
	int err = options_check(options, error);

	if (err != 0)
		return err;
	l = calloc(1, sizeof(*l));
	if (l == NULL) {
		snprintf(error, EAL_ERROR_MAX, "%s", strerror(ENOMEM));
		return -ENOMEM;
	}
	l->link.ops = &port_ops;
	l->link.mtu = options->mtu;
	l->link.mac = options->mac;
	l->link.waits = link_facts(options->kind)->device == LINK_DEVICE_SOCKET;
	snprintf(l->link.name, sizeof(l->link.name), "%s", options->name);
	l->driver = drivers[options->kind];
	l->at.socket = l->at.netlink = -1;
	err = pool_create(l, options, error);
	if (err != 0)
		free(l);
	else
		*out = l;
	return err;
}

static void look_make(void *port)
{
	struct link_dpdk *l = port;

	l->driver->look(l);
}

/* The first one at once: how it stands is known before anybody asks. */
static int looking_begin(struct link_dpdk *l, char error[EAL_ERROR_MAX])
{
	int err;

	look_make(l);
	l->look = (struct look){.make = look_make, .context = l, .every = 1};
	err = looks_begin(&l->look);
	if (err != 0)
		snprintf(error, EAL_ERROR_MAX,
			 "link %s: no thread that looks at how its port stands: %s", l->link.name,
			 strerror(-err));
	l->looked_at = err == 0;
	return err;
}

int link_dpdk_create(struct link **out, const struct link_options *options,
		     char error[EAL_ERROR_MAX])
{
	struct link_options o = *options;
	bool interface = link_facts(o.kind)->device == LINK_DEVICE_INTERFACE;
	const struct link_driver *driver = drivers[o.kind];
	struct link_dpdk *l;
	int err = options_check(&o, error);

	if (err != 0)
		return err;
	if (o.kind == LINK_RING)
		return -EINVAL; /* a ring has two ends: link_ring_pair */
	/* The kernel delivers what is sent to the interface's own address, and no other. */
	if (interface)
		err = link_kernel_check(&o, &o.mac, error);
	if (err == 0 && driver->prepare != NULL)
		err = driver->prepare(&o, error);
	if (err == 0)
		err = link_dpdk_new(&l, &o, error);
	if (err != 0)
		return err;
	link_control_enter();
	if (driver->controlled)
		link_control_own(l);
	err = port_open(l, &o, error);
	link_control_leave();
	if (err != 0) {
		link_dpdk_free(l);
		return err;
	}
	if (interface)
		err = link_look_open(l, &o);
	if (err != 0)
		snprintf(error, EAL_ERROR_MAX, "interface %s: %s", o.interface, strerror(-err));
	link_control_enter();
	if (err == 0)
		err = link_dpdk_start(l, &o, error);
	link_control_leave();
	if (err == 0 && driver->look != NULL)
		err = looking_begin(l, error);
	if (err != 0)
		port_destroy(&l->link);
	else
		*out = &l->link;
	return err;
}
