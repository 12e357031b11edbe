/*
 * Shared by the files of a DPDK port: link_dpdk.c (any port), link_memif.c (its connection),
 * link_kernel.c (the kernel's view of an interface).
 */
#ifndef DATAPLANE_LINK_DPDK_H
#define DATAPLANE_LINK_DPDK_H

#include "dataplane/eal.h"

#include <stdatomic.h>

struct rte_mempool;
struct rte_ring;

enum {
	LINK_DEVICE_ARGUMENTS_MAX = 384,
	/*
	 * Buffers and device slots hold whole frames: the MTU and an Ethernet header, rounded up.
	 */
	LINK_SLOT_STANDARD = 2048,
	LINK_SLOT_JUMBO = 16384,
};

/* memif: the state of its connection. */
struct link_memif {
	bool server;
	bool started;        /* rte_eth_dev_start succeeded, and no stop since */
	atomic_bool channel; /* client: its control channel exists */
	uint64_t events;     /* link_control_events when the link's state was read */
	uint64_t retry_ns;   /* client: when to connect again; 0: not yet set */
	uint64_t backoff_ns;
};

/* Shared by the two ends of a net_ring: frames of one end's pool are in the other end's hands. */
struct link_wire {
	uint32_t ends;
	struct rte_ring *ring[2];
	struct rte_mempool *pool[2];
};

struct link_dpdk {
	struct link link; /* first: a link is cast to its port */
	enum link_kind kind;
	uint16_t port;
	bool up;
	struct rte_mempool *pool;
	uint64_t state_ns; /* when the link's state is read again */
	int socket;        /* packet: asks the kernel for the interface's state; or -1 */
	char interface[32];
	struct link_memif memif;
	struct link_wire *wire; /* ring: else NULL */
	struct link_counters counters;
	char device[32]; /* the name of a device that was plugged in for it; "": none */
};

/* Bytes of a device's slot for frames of this MTU. */
uint32_t link_slot_size(uint16_t mtu);

/* Sets link state; counts changes. */
void link_dpdk_up_set(struct link_dpdk *l, bool up);

/* link_memif.c */
int link_memif_arguments(char *out, size_t out_size, const struct link_options *options,
			 char error[EAL_ERROR_MAX]);
/* These two with link_control.h's lock held. */
int link_memif_start(struct link_dpdk *l, const struct link_options *options);
/* Follows the link's state, reconnects. */
void link_memif_poll(struct link_dpdk *l, uint64_t now_ns);

/* link_xdp.c: before the device is opened. */
int link_xdp_prepare(const struct link_options *options, char error[EAL_ERROR_MAX]);
/* The last warning of libbpf and libxdp. */
const char *link_xdp_last_words(void);

/* link_kernel.c */
int link_kernel_check(const struct link_options *options, struct link_mac *mac,
		      char error[EAL_ERROR_MAX]);
/* A socket for link_kernel_running, or -errno. */
int link_kernel_open(void);
bool link_kernel_running(int fd, const char *interface);

#endif
