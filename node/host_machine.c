/*
 * CPUs, memory and the kernel's io_uring.
 */
#include "node/host_internal.h"

#include "dataplane/pages.h"
#include "node/cores.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/io_uring.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define LOCKED_ADVICE ": raise the limit to 16 MiB (ulimit -l, or LimitMEMLOCK= in the unit)"

enum {
	MIB = 1 << 20,
	/* The log's buffers, locked for io_uring: 16 of 320 KiB, and some; measured: 5.9 MiB. */
	LOCKED_BYTES = 8 * MIB,
};

/* Whether the loop could run there: asked of the kernel by trying, and taken back. */
static bool cpu_takes_us(unsigned long cpu, const cpu_set_t *before)
{
	cpu_set_t one;
	bool taken;

	if (cpu >= CPU_SETSIZE)
		return false;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	taken = sched_setaffinity(0, sizeof(one), &one) == 0;
	(void)sched_setaffinity(0, sizeof(*before), before);
	return taken;
}

void host_cpus(const struct config *c, struct host_finding *f)
{
	const char *at = c->cpus;
	unsigned long first, last;
	cpu_set_t before;

	if (sched_getaffinity(0, sizeof(before), &before) != 0)
		return;
	host_good(f, "%s of %ld", c->cpus[0] ? c->cpus : "any", sysconf(_SC_NPROCESSORS_ONLN));
	while (cores_next(&at, &first, &last)) {
		for (unsigned long cpu = first; cpu <= last; cpu++) {
			if (cpu_takes_us(cpu, &before))
				continue;
			host_wrong(f,
				   "cpus: %lu: this host has no such CPU, or it is offline, or not "
				   "for this process: CPUs count from 0, and %ld are online",
				   cpu, sysconf(_SC_NPROCESSORS_ONLN));
			return;
		}
	}
}

/*
 * MiB with which no node starts, not even with the smallest stacks, and with which each does that
 * has the usual ones; between them nobody knows. Measured of address space, beside the dataplane's
 * memory: 440 with one member, stacks of 256 KiB and no more than a start takes; 940 at most with
 * seven, four ports for metrics and stacks of 8 MiB. Of data, of which the dataplane's memory is
 * none, for it is shared: 392 and 436, on each link and in both kinds of pages.
 */
void host_limits(const struct config *c, struct host_finding *f)
{
	static const struct {
		__rlimit_resource_t resource;
		uint32_t least, ample;
		bool memory; /* and that of the dataplane */
		const char *what, *option, *key;
	} limits[] = {
		{RLIMIT_AS, 432, 1024, true, "address space", "-v", "LimitAS="},
		{RLIMIT_DATA, 384, 512, false, "data", "-d", "LimitDATA="},
	};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		uint64_t more = limits[i].memory ? c->memory_mib : 0;
		struct rlimit limit;

		if (getrlimit(limits[i].resource, &limit) != 0 ||
		    limit.rlim_cur / MIB >= limits[i].ample + more)
			continue;
		(limit.rlim_cur / MIB < limits[i].least + more ? host_wrong : host_doubtful)(
			f,
			"the limit of this process's %s is %" PRIu64
			" MiB, and a node has enough with %" PRIu64
			": raise it (ulimit %s, or %s in the unit)",
			limits[i].what, (uint64_t)limit.rlim_cur / MIB, limits[i].ample + more,
			limits[i].option, limits[i].key);
		if (f->wrong)
			return;
	}
}

void host_memory(const struct config *c, struct host_finding *f)
{
	bool must = c->huge_pages == CONFIG_HUGE_ON || link_facts(c->link)->huge_pages;
	char text[PAGES_TEXT_MAX];
	bool suffice = pages_suffice(1, c->memory_mib, text);
	uint64_t host_mib = pages_host_mib();

	if (!must && c->memory_mib > host_mib) {
		host_wrong(f,
			   "memory: %uMiB is more than the %" PRIu64
			   " MiB that this host has: set a smaller memory",
			   c->memory_mib, host_mib);
		return;
	}
	if (!must) {
		host_good(f, "%u MiB, in %s", c->memory_mib,
			  c->huge_pages == CONFIG_HUGE_AUTO && suffice ? "huge pages"
								       : "ordinary pages");
		return;
	}
	if (suffice)
		host_good(f, "%u MiB, of %" PRIu64 " MiB in free huge pages", c->memory_mib,
			  pages_read().free * PAGES_MIB);
	else
		host_wrong(f, "memory: %uMiB %s%s", c->memory_mib, text,
			   link_facts(c->link)->huge_pages ? "" : ", or huge-pages: auto");
}

/* The log's way to the disk, and the memory that it locks for that. */
void host_io_uring(const struct config *c, struct host_finding *f)
{
	struct io_uring_params params = {0};
	struct iovec region = {.iov_len = LOCKED_BYTES};
	int ring = (int)syscall(__NR_io_uring_setup, 4, &params);
	long locked;

	(void)c;
	if (ring < 0 && errno == ENOMEM) {
		host_wrong(f, "no memory can be locked for io_uring" LOCKED_ADVICE);
		return;
	}
	if (ring < 0) {
		host_wrong(f,
			   "the kernel refuses io_uring (%s): see sysctl "
			   "kernel.io_uring_disabled, and the container's seccomp profile",
			   strerror(errno));
		return;
	}
	region.iov_base = mmap(NULL, LOCKED_BYTES, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	locked = region.iov_base == MAP_FAILED ? -1
					       : syscall(__NR_io_uring_register, ring,
							 IORING_REGISTER_BUFFERS, &region, 1);
	if (locked < 0)
		host_wrong(f,
			   "%d MiB cannot be locked in memory for the log's buffers "
			   "(%s)" LOCKED_ADVICE,
			   LOCKED_BYTES / MIB, strerror(errno));
	else
		host_good(f, "allowed, with memory locked");
	close(ring);
	if (region.iov_base != MAP_FAILED)
		munmap(region.iov_base, LOCKED_BYTES);
}
