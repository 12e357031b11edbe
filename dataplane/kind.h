/*
 * The kinds of ports: the one table. The configuration takes its choices and checks from it, the
 * node and the lab what a kind needs, link_dpdk.c the drivers: a row here names the driver of
 * dataplane/link_NAME.c.
 *
 * Plain facts, without DPDK: the one header of this room that config/ may include.
 */
#ifndef DATAPLANE_KIND_H
#define DATAPLANE_KIND_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

/* What a port is the end of, and so which key of the configuration tells it. */
enum link_device {
	LINK_DEVICE_NONE,      /* both ends are in one process */
	LINK_DEVICE_SOCKET,    /* joins two processes: a port for each peer, one for clients */
	LINK_DEVICE_INTERFACE, /* the kernel's */
	LINK_DEVICE_NIC,       /* by its PCI address; probed when DPDK starts */
};

enum {
	/*
	 * Buffers and device slots hold whole frames: the MTU, an Ethernet header and DPDK's room
	 * before the data, rounded up.
	 */
	LINK_SLOT_STANDARD = 2048,
	LINK_SLOT_JUMBO = 16384,
	LINK_SLOT_LOST = 14 + 128,
	LINK_MEMIF_RING_LOG2 = 10, /* 1024 slots each way, in a file that both ends share */
};

enum {
	LINK_HELD_XDP = 2 * 2048, /* the kernel's fill and completion queues */
	LINK_HELD_PCI = 2 * 1024, /* LINK_DESCRIPTORS of each queue */
};

/*
 * X(KIND, name, device, true if only huge pages will do, the largest MTU, how many buffers of its
 * pool are always in the hands of its device or of the kernel, what it is).
 *
 * xdp: a frame of the kernel's is a buffer of ours whole, 2,368 bytes, less 320 before its data,
 * 256 of the kernel's own and 14 of the Ethernet header; it has none of more than a page. What is
 * larger would vanish there.
 */
/* clang-format off */
#define LINK_KINDS(X) \
	X(MEMIF, memif, SOCKET, false, 9000, 0, "shared memory between processes of one host") \
	X(PACKET, packet, INTERFACE, false, 9000, 0, "a kernel interface by AF_PACKET") \
	X(XDP, xdp, INTERFACE, true, 1778, LINK_HELD_XDP, "a kernel interface by AF_XDP") \
	X(PCI, pci, NIC, true, 9000, LINK_HELD_PCI, "a NIC that DPDK drives itself")
/* clang-format on */

#define LINK_KIND_ENUM(KIND, name, device, huge, mtu, held, what) LINK_##KIND,
enum link_kind {
	LINK_RING, /* inside one process: made in pairs, and no choice of the configuration's */
	LINK_KINDS(LINK_KIND_ENUM) LINK_KIND_COUNT,
};
#undef LINK_KIND_ENUM

struct link_facts {
	const char *name;
	enum link_device device;
	bool huge_pages; /* without them it cannot be */
	uint32_t mtu_max;
	uint32_t held_frames; /* beside network.frames, and of the same size */
};

static inline const struct link_facts *link_facts(enum link_kind kind)
{
#define LINK_KIND_FACTS(KIND, name, device, huge, mtu, held, what) \
	[LINK_##KIND] = {#name, LINK_DEVICE_##device, huge, mtu, held},
	static const struct link_facts facts[LINK_KIND_COUNT] = {
		[LINK_RING] = {"ring", LINK_DEVICE_NONE, false, 9000, 0},
		LINK_KINDS(LINK_KIND_FACTS)};
#undef LINK_KIND_FACTS

	assert(kind < LINK_KIND_COUNT);
	return &facts[kind];
}

/* Bytes of a device's slot for frames of this MTU. */
static inline uint32_t link_slot_size(uint16_t mtu)
{
	return mtu + LINK_SLOT_LOST <= LINK_SLOT_STANDARD ? LINK_SLOT_STANDARD : LINK_SLOT_JUMBO;
}

static inline const char *link_kind_name(enum link_kind kind)
{
	return link_facts(kind)->name;
}

#endif
