/*
 * What a device may give, made by hand: buffers of several segments, of none, with lengths that
 * contradict each other, and what it says of checksums. The port and the wire are real (net_ring),
 * so is the pool that counts what comes back. And which devices there are at all.
 */
#include "base/clock.h"
#include "dataplane/dp.h"
#include "dataplane/eal.h"

#include "tests/unit/test.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_bus_vdev.h>
#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

enum { FRAMES = 512, FRAME_SIZE = 64, WAIT_SECONDS = 20 };

static struct link *ours, *theirs;
static struct rte_mempool *pool;
static struct rte_ring *wire; /* what is put in here arrives at ours */
static unsigned int pool_free;

static int start(void **state)
{
	const struct link_options a = {.name = "ours", .mtu = 1500, .pool_frames = FRAMES};
	const struct link_options b = {.name = "theirs", .mtu = 1500, .pool_frames = FRAMES};
	char error[EAL_ERROR_MAX] = "", prefix[32];
	struct eal_options o = {.file_prefix = prefix, .memory_mib = 64};

	(void)state;
	snprintf(prefix, sizeof(prefix), "frames%d", (int)getpid());
	if (eal_start(&o, error) != 0) {
		fprintf(stderr, "%s\n", error);
		return -1;
	}
	/* N8: nobody has been asked for yet. */
	if (rte_eth_dev_count_avail() != 0)
		return -1;
	if (link_ring_pair(&ours, &theirs, &a, &b, error) != 0) {
		fprintf(stderr, "%s\n", error);
		return -1;
	}
	wire = rte_ring_lookup("r_ours");
	pool = rte_pktmbuf_pool_create("hand", FRAMES, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
				       SOCKET_ID_ANY);
	if (!wire || !pool)
		return -1;
	pool_free = rte_mempool_avail_count(pool);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	theirs->ops->destroy(theirs);
	rte_mempool_free(pool);
	eal_stop();
	return 0;
}

/* By name it is still known; of each process that ran there would be one. */
static void F4_no_directory_of_eal_is_left(void **state)
{
	(void)state;
	assert_int_equal(access(rte_eal_get_runtime_dir(), F_OK), -1);
	assert_int_equal(errno, ENOENT);
}

static struct rte_mbuf *segment(uint16_t size)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

	if (!m)
		abort(); /* the pool has room for all of a test */
	memset(rte_pktmbuf_mtod(m, void *), 0x5a, size);
	m->data_len = size;
	m->pkt_len = size;
	return m;
}

/* first and rest as one packet */
static struct rte_mbuf *chain(uint16_t first, uint16_t rest)
{
	struct rte_mbuf *m = segment(first), *tail = segment(rest);

	assert_int_equal(rte_pktmbuf_chain(m, tail), 0);
	return m;
}

/* What arrives of it: a frame, whose size is returned, or 0. */
static uint32_t arrives_as(struct rte_mbuf *m, struct link_frame *as)
{
	struct link_frame frame;
	uint32_t size;

	assert_int_equal(rte_ring_enqueue(wire, m), 0);
	if (ours->ops->rx(ours, 1, &frame, 1) == 0) {
		assert_int_equal(rte_ring_count(wire), 0);
		return 0;
	}
	size = frame.size;
	*as = frame;
	ours->ops->free(ours, &frame);
	return size;
}

static uint32_t arrives(struct rte_mbuf *m)
{
	struct link_frame as;

	return arrives_as(m, &as);
}

static uint64_t segmented(void)
{
	struct link_counters c;

	ours->ops->counters(ours, &c);
	return c.rx_segmented;
}

static void N3_what_is_not_one_whole_segment_is_counted_and_given_back(void **state)
{
	uint64_t before = segmented(), frames;
	struct link_counters c;
	struct rte_mbuf *m;

	(void)state;
	assert_int_equal(arrives(segment(FRAME_SIZE)), FRAME_SIZE);
	ours->ops->counters(ours, &c);
	frames = c.rx_frames;
	/* Headers in the first and the rest behind, headers cut in two, one byte, none at all. */
	assert_int_equal(arrives(chain(42, 22)), 0);
	assert_int_equal(arrives(chain(10, 54)), 0);
	assert_int_equal(arrives(chain(1, 1500)), 0);
	assert_int_equal(arrives(chain(0, FRAME_SIZE)), 0);
	assert_int_equal(arrives(chain(FRAME_SIZE, 0)), 0);
	assert_int_equal(arrives(segment(0)), 0);
	/* It says that there is more than the segment has, and less. */
	m = segment(FRAME_SIZE);
	m->pkt_len = FRAME_SIZE + 1;
	assert_int_equal(arrives(m), 0);
	m = segment(FRAME_SIZE);
	m->pkt_len = FRAME_SIZE - 1;
	assert_int_equal(arrives(m), 0);
	assert_int_equal(segmented(), before + 8);
	ours->ops->counters(ours, &c);
	assert_int_equal(c.rx_frames, frames);
	/* N7: all of every chain. */
	assert_int_equal(rte_mempool_avail_count(pool), pool_free);
}

static void N2_a_tag_that_was_taken_out_is_counted_as_one(void **state)
{
	struct link_counters before, after;
	struct rte_mbuf *m = segment(FRAME_SIZE);

	(void)state;
	ours->ops->counters(ours, &before);
	m->ol_flags |= RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
	m->vlan_tci = 7;
	assert_int_equal(arrives(m), 0);
	ours->ops->counters(ours, &after);
	assert_int_equal(after.rx_tagged, before.rx_tagged + 1);
	assert_int_equal(after.rx_errors, before.rx_errors);
	assert_int_equal(rte_mempool_avail_count(pool), pool_free);
}

#define IP(word) RTE_MBUF_F_RX_IP_CKSUM_##word
#define L4(word) RTE_MBUF_F_RX_L4_CKSUM_##word

/* "None": not made, as a virtual NIC has it from its host, whose kernel left it to a device. */
static void N5_a_device_vouches_for_each_checksum(void **state)
{
	static const struct {
		uint64_t flags;
		bool ip, l4;
	} row[] = {
		{IP(GOOD) | L4(GOOD), true, true},
		{0, false, false}, /* unknown: it did not look */
		{IP(GOOD), true, false},
		{L4(GOOD), false, true},
		{IP(GOOD) | L4(BAD), true, false},
		{IP(BAD) | L4(GOOD), false, true},
		{IP(BAD) | L4(BAD), false, false},
		{IP(GOOD) | L4(NONE), true, true},
		{IP(NONE) | L4(GOOD), true, true},
		{L4(NONE), false, true}, /* all that virtio ever says */
		{IP(BAD) | L4(NONE), false, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct rte_mbuf *m = segment(FRAME_SIZE);
		struct link_frame as;

		m->ol_flags |= row[i].flags;
		assert_int_equal(arrives_as(m, &as), FRAME_SIZE);
		if (as.ip_vouched != row[i].ip || as.l4_vouched != row[i].l4)
			fail_msg("row %zu", i);
	}
}

static void N3_the_dataplane_never_sees_them(void **state)
{
	struct dp_options o = {.link = {ours},
			       .link_count = 1,
			       .address = 0xc6120001u,
			       .prefix = 24,
			       .udp_client = WIRE_PORT_CLIENT,
			       .udp_peer = WIRE_PORT_PEER,
			       .self = {.identity = 1, .start = 1}};
	static struct dp_datagram out[DP_RECEIVE_MAX];
	uint64_t before = segmented(), drops = 0;
	struct dp *dp;

	(void)state;
	assert_int_equal(dp_create(&dp, &o), 0);
	for (int i = 0; i < 8; i++)
		assert_int_equal(rte_ring_enqueue(wire, chain((uint16_t)(i * 9), 60)), 0);
	assert_int_equal(rte_ring_enqueue(wire, segment(13)), 0);
	assert_int_equal(dp_receive(dp, 1, out), 0);
	assert_int_equal(segmented(), before + 8);
	for (int i = 0; i < DP_DROP_COUNT; i++)
		drops += dp_get_counters(dp)->drop[i];
	assert_int_equal(drops, 1);
	assert_int_equal(dp_get_counters(dp)->drop[DP_DROP_RUNT], 1);
	assert_int_equal(rte_mempool_avail_count(pool), pool_free);
	dp_destroy(dp);
}

/* --- devices ----------------------------------------------------------------------------- */

static uint32_t devices(const char *bus)
{
	struct rte_dev_iterator it;
	struct rte_device *device;
	uint32_t count = 0;

	RTE_DEV_FOREACH(device, bus, &it)
	{
		count++;
	}
	return count;
}

static void N8_no_device_is_probed_that_was_not_named(void **state)
{
	(void)state;
	/* This host has PCI devices of its own; the wire's two ends are all that there is. */
	assert_int_equal(devices("bus=pci"), 0);
	assert_int_equal(rte_eth_dev_count_total(), 2);
}

/* DPDK's own, which a driver calls when its device tells of such a thing. */
struct rte_eth_dev;
struct rte_eth_dev *rte_eth_dev_allocated(const char *name);
int rte_eth_dev_callback_process(struct rte_eth_dev *dev, enum rte_eth_event_type event,
				 void *result);

/*
 * A NIC that is removed, or reset by its host, tells that once (F6). Here it is DPDK's null device:
 * all but the device itself is what link pci does.
 */
static void F6_a_nic_that_is_gone_is_told(void **state)
{
	static const struct {
		enum rte_eth_event_type event;
		const char *why;
	} is[] = {
		{RTE_ETH_EVENT_INTR_RMV, "the device net_null0 was removed: "},
		{RTE_ETH_EVENT_INTR_RESET, "the device net_null0 was reset, "},
	};
	const struct link_options o = {.kind = LINK_PCI,
				       .name = "nic",
				       .interface = "net_null0",
				       .mtu = 1500,
				       .pool_frames = FRAMES};
	char error[EAL_ERROR_MAX] = "";
	struct link_frame frame;
	struct link *nic;

	(void)state;
	for (size_t i = 0; i < sizeof(is) / sizeof(is[0]); i++) {
		assert_int_equal(rte_vdev_init("net_null0", "no-rx=1"), 0);
		if (link_dpdk_create(&nic, &o, error) != 0)
			fail_msg("%s", error);
		assert_int_equal(nic->ops->rx(nic, 1, &frame, 1), 0);
		assert_true(nic->ops->up(nic));
		assert_null(nic->ops->gone(nic));
		rte_eth_dev_callback_process(rte_eth_dev_allocated("net_null0"), is[i].event, NULL);
		assert_non_null(nic->ops->gone(nic));
		assert_non_null(strstr(nic->ops->gone(nic), is[i].why));
		assert_int_equal(nic->ops->rx(nic, 1, &frame, 1), 0);
		assert_false(nic->ops->up(nic));
		nic->ops->destroy(nic);
		(void)rte_vdev_uninit("net_null0");
	}
}

/* What a NIC's driver says of it, where DPDK's virtual ones have nothing to say. */
static const struct rte_eth_stats said = {
	.imissed = 1, .rx_nombuf = 20, .ierrors = 300, .oerrors = 4000};
static uint16_t speaks = UINT16_MAX;
static uint32_t busy, unregistered;

/* The function of this name in librte_ethdev, behind ours. */
static void real(const char *name, void *function)
{
	void *found = dlsym(RTLD_NEXT, name);

	assert_non_null(found);
	memcpy(function, &found, sizeof(found));
}

int rte_eth_stats_get(uint16_t port, struct rte_eth_stats *stats)
{
	int (*function)(uint16_t, struct rte_eth_stats *);

	if (port == speaks) {
		*stats = said;
		return 0;
	}
	real("rte_eth_stats_get", &function);
	return function(port, stats);
}

/* -EAGAIN: the callback runs just now. */
int rte_eth_dev_callback_unregister(uint16_t port, enum rte_eth_event_type event,
				    rte_eth_dev_cb_fn callback, void *argument)
{
	int (*function)(uint16_t, enum rte_eth_event_type, rte_eth_dev_cb_fn, void *);
	int err;

	if (busy > 0) {
		busy--;
		return -EAGAIN;
	}
	real("rte_eth_dev_callback_unregister", &function);
	err = function(port, event, callback, argument);
	unregistered += err == 0;
	return err;
}

static bool waits_up(struct link *link, bool up)
{
	struct link_frame frame;

	for (int i = 0; i < WAIT_SECONDS * 100; i++) {
		assert_int_equal(link->ops->rx(link, 1, &frame, 1), 0);
		if (link->ops->up(link) == up)
			return true;
		clock_sleep(10 * CLOCK_MS);
	}
	return false;
}

/*
 * How it stands, what its driver counts, and that its removal is asked for where it is told: of
 * DPDK's ring device, whose link is set down and up (F6).
 */
static void F6_a_nic_is_looked_at(void **state)
{
	const struct link_options o = {.kind = LINK_PCI,
				       .name = "nic",
				       .interface = "net_ring7",
				       .mtu = 1500,
				       .pool_frames = FRAMES};
	char error[EAL_ERROR_MAX] = "";
	struct rte_eth_dev_info info;
	struct link_counters c;
	struct rte_eth_conf conf;
	struct link *nic;
	uint32_t *flags;
	uint16_t port;

	(void)state;
	assert_int_equal(rte_vdev_init("net_ring7", ""), 0);
	assert_int_equal(rte_eth_dev_get_port_by_name("net_ring7", &port), 0);
	assert_int_equal(rte_eth_dev_info_get(port, &info), 0);
	/* As the drivers have it that tell of a removal. */
	memcpy(&flags, &info.dev_flags, sizeof(flags));
	*flags |= RTE_ETH_DEV_INTR_RMV;
	speaks = port;
	if (link_dpdk_create(&nic, &o, error) != 0)
		fail_msg("%s", error);
	assert_int_equal(rte_eth_dev_conf_get(port, &conf), 0);
	assert_int_equal(conf.intr_conf.rmv, 1);
	nic->ops->counters(nic, &c);
	assert_int_equal(c.rx_missed, 1);
	assert_int_equal(c.rx_no_buffer, 20);
	assert_int_equal(c.rx_errors, 300);
	assert_int_equal(c.tx_dropped, 4000);
	assert_true(waits_up(nic, true));
	assert_int_equal(rte_eth_dev_set_link_down(port), 0);
	assert_true(waits_up(nic, false));
	assert_int_equal(rte_eth_dev_set_link_up(port), 0);
	assert_true(waits_up(nic, true));
	/* Who is told just now is waited for. */
	busy = 5;
	unregistered = 0;
	nic->ops->destroy(nic);
	assert_int_equal(unregistered, 2);
	speaks = UINT16_MAX;
	(void)rte_vdev_uninit("net_ring7");
}

int main(void)
{
	/* The last one takes the link with it. */
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(F4_no_directory_of_eal_is_left),
		cmocka_unit_test(N8_no_device_is_probed_that_was_not_named),
		cmocka_unit_test(N3_what_is_not_one_whole_segment_is_counted_and_given_back),
		cmocka_unit_test(N2_a_tag_that_was_taken_out_is_counted_as_one),
		cmocka_unit_test(N5_a_device_vouches_for_each_checksum),
		cmocka_unit_test(F6_a_nic_that_is_gone_is_told),
		cmocka_unit_test(F6_a_nic_is_looked_at),
		cmocka_unit_test(N3_the_dataplane_never_sees_them),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
