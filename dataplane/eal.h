/*
 * DPDK's EAL and its ports. The only headers of DPDK are in eal.c and link_*.c.
 */
#ifndef DATAPLANE_EAL_H
#define DATAPLANE_EAL_H

#include "dataplane/kind.h"
#include "dataplane/link.h"

enum { EAL_ERROR_MAX = 512 };

enum eal_severity { EAL_SAYS_ERROR, EAL_SAYS_WARNING, EAL_SAYS_INFO };

enum eal_memory {
	EAL_MEMORY_ORDINARY, /* ring, memif and packet only */
	EAL_MEMORY_HUGE_IF_FREE,
	EAL_MEMORY_HUGE,
};

/* Where lines of DPDK and its drivers go, from any of its threads; none may wait in it. */
struct eal_log {
	void (*line)(void *context, enum eal_severity severity, const char *text);
	void *context;
	bool verbose; /* what is merely informative, too */
};

struct eal_options {
	const char *file_prefix; /* one per process on a host */
	/* a CPU list for the polling thread, such as "2" or "0-1"; NULL: all online */
	const char *lcores;
	uint32_t memory_mib;
	enum eal_memory memory;
	uint32_t pci_count; /* devices to probe, and no others */
	const char *pci[4];
	struct eal_log log;    /* line NULL: standard error */
	bool (*goes_on)(void); /* asked while a start waits for others; NULL: it does */
};

/*
 * Once per process. 0 or -errno with one line in error. -EAGAIN: huge pages were free and are
 * not to be had; another process may start in ordinary memory. -EINTR: goes_on said no.
 */
int eal_start(const struct eal_options *options, char error[EAL_ERROR_MAX]);
void eal_stop(void);

struct link_options {
	enum link_kind kind;
	const char *name; /* of the device: unique in the process, at most 24 bytes */
	struct link_mac mac;
	uint16_t mtu;
	uint32_t pool_frames; /* buffers of this port's pool */

	const char *interface; /* packet, xdp: the kernel interface. pci: the address */
	const char
		*socket; /* memif: abstract if it starts with '@' (scoped by network namespace) */
	bool server;     /* memif: this end listens */
};

/*
 * Opens and starts a port. Its frames come from a pool of its own. 0 or -errno with one line in
 * error.
 */
int link_dpdk_create(struct link **out, const struct link_options *options,
		     char error[EAL_ERROR_MAX]);

/* Whether a kernel interface is one that packet and xdp can take. 0 or -errno, with a line. */
int link_interface_check(const struct link_options *options, char error[EAL_ERROR_MAX]);
/* Whether it has a link now: a cable, and somebody at its other end. */
bool link_interface_runs(const char *interface);
/* Whether the kernel tells of a port's program and address as it runs: 0, or -errno. */
int link_interface_told(void);

/* Two ends of a wire inside this process (net_ring). */
int link_ring_pair(struct link **a, struct link **b, const struct link_options *a_options,
		   const struct link_options *b_options, char error[EAL_ERROR_MAX]);

#endif
