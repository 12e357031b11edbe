/*
 * What the files of a DPDK port share: link_dpdk.c (any port), link_NAME.c (what is particular to
 * one kind), link_kernel.c (what the kernel says of an interface), link_look.c (whether it still
 * says so).
 */
#ifndef DATAPLANE_LINK_DPDK_H
#define DATAPLANE_LINK_DPDK_H

#include "dataplane/eal.h"
#include "dataplane/looks.h"

#include <net/if.h>
#include <stdatomic.h>

struct rte_mbuf;
struct rte_mempool;

enum {
	LINK_DEVICE_ARGUMENTS_MAX = 384,
	LINK_PACKET_FRAMES = 512, /* slots of a packet socket's ring, each way */
	LINK_DESCRIPTORS = 1024,  /* of each queue; the device may round it */
};

struct link_dpdk;

/* One kind of port: link_NAME.c has one under the name link_NAME_driver. */
struct link_driver {
	const char *device; /* DPDK's driver, of which a device is plugged in; NULL: see open */
	bool nic;           /* is told its MTU and address, and asked for checksums */
	bool controlled;    /* has a control thread: bursts and poll under link_control.h's lock */
	bool two_threads;   /* a frame may be freed by another thread than the one that polls */

	/* Each may be NULL, but that a driver with a device has arguments. */

	/* Before anything is made. */
	int (*prepare)(const struct link_options *options, char error[EAL_ERROR_MAX]);
	/* The device's own words for the options. */
	int (*arguments)(char *out, size_t out_size, const struct link_options *options,
			 char error[EAL_ERROR_MAX]);
	/* Sets l->port, if there is no device to plug in. */
	int (*open)(struct link_dpdk *l, const struct link_options *options,
		    char error[EAL_ERROR_MAX]);
	/* Instead of rte_eth_dev_start; if it fails, close follows. */
	int (*start)(struct link_dpdk *l, const struct link_options *options);
	/* How the port stands: by looks.h's thread alone, and before it begins. */
	void (*look)(struct link_dpdk *l);
	/* Before the device is stopped, with link_control.h's lock held. */
	void (*stop)(struct link_dpdk *l);
	/* Before each burst that is received: the link's state, and what keeps it up. */
	void (*poll)(struct link_dpdk *l, uint64_t now_ns);
	/* When the device is gone, with link_control.h's lock held: what start made. */
	void (*close)(struct link_dpdk *l);
	/* Frames that the device had no room for, if DPDK's driver does not tell of them. */
	uint64_t (*missed)(struct link_dpdk *l);
	/* How many of so many frames its driver takes without waiting for the device. */
	uint16_t (*room)(struct link_dpdk *l, uint16_t count);
	/* Instead of rte_eth_rx_burst; not of one that is controlled. */
	uint16_t (*receive)(struct link_dpdk *l, struct rte_mbuf **burst, uint16_t max);
	/* After each burst that was sent; not of one that is controlled. */
	void (*sent)(struct link_dpdk *l, uint16_t count);
	/* Frames that were counted as sent and were not: instead of what DPDK's driver says. */
	uint64_t (*refused)(struct link_dpdk *l);
	/* What its libraries warned of last, for an error. */
	const char *(*last_words)(void);
};

extern const struct link_driver link_ring_driver;
#define LINK_DRIVER_DECLARE(KIND, name, device, huge, mtu, held, what) \
	extern const struct link_driver link_##name##_driver;
LINK_KINDS(LINK_DRIVER_DECLARE)
#undef LINK_DRIVER_DECLARE

enum { LINK_NAME_MAX = 32 };

/* A look's own. */
struct link_interface {
	int socket, netlink; /* ask the kernel; -1: none */
	int index;           /* the name may be another's by now */
	bool xdp;
	uint32_t program; /* of XDP, as it was at the start; 0: none was seen yet */
	uint32_t rounds, asked;
};

struct link_dpdk {
	struct link link; /* first: a link is cast to its port */
	const struct link_driver *driver;
	uint16_t port;
	bool up;
	struct rte_mempool *pool;
	char interface[LINK_NAME_MAX]; /* the kernel's at the start, or the device */
	char renamed[LINK_NAME_MAX];   /* the kernel's, as name_now found it last */
	struct link_interface at;      /* the kernel's */
	struct look look;
	bool looked_at; /* looks_begin was called */
	/* What a look found; of the sentence the first one counts, and it is there before gone. */
	atomic_bool runs, gone;
	char gone_why[384];
	atomic_uint interface_mtu; /* as it was last told; 0: not yet */
	/* Another address than the port's, and it is not promiscuous: as a number; 0: it has not */
	atomic_uint_least64_t interface_mac;
	struct {
		atomic_uint_least64_t missed, no_buffer, rx_errors, tx_errors;
	} told;    /* by a NIC */
	void *own; /* the driver's, from its start to its close */
	struct link_counters counters;
	char device[32]; /* the name of a device that was plugged in for it; "": none */
};

/* Sets link state; counts changes. */
void link_dpdk_up_set(struct link_dpdk *l, bool up);

/* It is deaf for good, and why, as a whole sentence. Of one thread alone. */
void link_dpdk_gone_set(struct link_dpdk *l, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* A port's poll, if it is looked at. */
void link_dpdk_poll(struct link_dpdk *l, uint64_t now_ns);

/* For who makes a port of his own: with a pool and without a device; gone again; and started. */
int link_dpdk_new(struct link_dpdk **out, const struct link_options *options,
		  char error[EAL_ERROR_MAX]);
void link_dpdk_free(struct link_dpdk *l);
int link_dpdk_start(struct link_dpdk *l, const struct link_options *options,
		    char error[EAL_ERROR_MAX]);

/* link_kernel.c */
int link_kernel_check(const struct link_options *options, struct link_mac *mac,
		      char error[EAL_ERROR_MAX]);
/* A socket to ask the kernel with, or -errno. */
int link_kernel_open(void);
/* Of the interface that had this name and number, whatever it is called now. */
enum link_kernel_state { LINK_KERNEL_GONE, LINK_KERNEL_DOWN, LINK_KERNEL_RUNNING };
enum link_kernel_state link_kernel_state(int fd, int index);
/* Of the interface that has this number now; 0: it is not told. */
uint32_t link_kernel_mtu(int fd, int index);
/* Its name now. False: it is not told. */
bool link_kernel_name(int fd, int index, char out[LINK_NAME_MAX]);
/* By how many its frames come, and its name by now; 0: it is not told, or not by its driver. */
uint32_t link_kernel_queues(int fd, int index, char name[IFNAMSIZ]);
/* Its number, or -errno. */
int link_kernel_index(int fd, const char *interface);
/* The first of this process's sockets that `is` says yes to, a driver's that hides it; or -1. */
int link_kernel_socket(bool (*is)(int fd, int interface), int interface);

/* link_look.c: of the port's interface */
int link_look_open(struct link_dpdk *l, const struct link_options *options);
void link_look(struct link_dpdk *l);
void link_look_close(struct link_dpdk *l);

#endif
