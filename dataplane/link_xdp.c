/*
 * The xdp link's needs beside its port. The PMD has libxdp put a program on the interface that
 * hands each frame to our socket. libxdp and libbpf come with the PMD, as plugins: they are spoken
 * to only if they are there.
 *
 * DPDK's driver does not tell of the frames for which the ring to us was full: the kernel counts
 * them for the driver's socket, which is looked for among this process's own (V32).
 */
#include "dataplane/link_dpdk.h"

#include <dlfcn.h>
#include <errno.h>
#include <linux/if_xdp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <rte_eal.h>
#include <rte_ethdev.h>

typedef int print_function(int level, const char *format, va_list arguments);

/*
 * The libraries explain themselves on stderr, also when all is well; the last line is kept for an
 * error of ours.
 */
static char last_words[256];

__attribute__((format(printf, 2, 0))) static int keep(int level, const char *format,
						      va_list arguments)
{
	if (level > 0) /* a warning is 0, in both libraries; the rest is chatter */
		return 0;
	int n = vsnprintf(last_words, sizeof(last_words), format, arguments);
	last_words[strcspn(last_words, "\n")] = 0;
	return n;
}

static void listen_to(const char *library, const char *name)
{
	print_function *(*set)(print_function *);
	void *handle = dlopen(library, RTLD_LAZY | RTLD_NOLOAD);
	if (handle == NULL)
		return;
	void *found = dlsym(handle, name);
	if (found != NULL) {
		memcpy(&set, &found, sizeof(set));
		(void)set(keep);
	}
	dlclose(handle);
}

static int prepare(const struct link_options *options, char error[EAL_ERROR_MAX])
{
	struct rlimit limit;

	if (!rte_eal_has_hugepages()) {
		snprintf(error, EAL_ERROR_MAX,
			 "xdp link %s: the kernel takes its buffers from huge pages only: set "
			 "huge-pages: on",
			 options->name);
		return -ENOTSUP;
	}
	/* Buffers are locked in memory: without CAP_IPC_LOCK within this limit. */
	if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_MEMLOCK, &limit);
	}
	/* Its dispatcher would leave pinned objects behind when we are killed. */
	if (setenv("LIBXDP_SKIP_DISPATCHER", "1", 1) != 0)
		return -errno;
	last_words[0] = 0;
	listen_to("libbpf.so.1", "libbpf_set_print");
	listen_to("libxdp.so.1", "libxdp_set_print");
	return 0;
}

static const char *last_words_of(void)
{
	return last_words;
}

static int arguments(char *out, size_t out_size, const struct link_options *options,
		     char error[EAL_ERROR_MAX])
{
	int n = snprintf(out, out_size,
			 "iface=%s,start_queue=0,queue_count=1,force_copy=1,busy_budget=0",
			 options->interface);

	(void)error;
	return n > 0 && (size_t)n < out_size ? 0 : -EINVAL;
}

struct xdp {
	int socket; /* the driver's; -1: not found */
};

/* It has no name to ask for. A process has one such port. */
static bool is_ours(int fd, int interface)
{
	socklen_t size = sizeof(int);
	int domain;

	(void)interface;
	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_XDP;
}

static int start(struct link_dpdk *l, const struct link_options *options)
{
	struct xdp *x = calloc(1, sizeof(*x));
	int err = x ? rte_eth_dev_start(l->port) : -ENOMEM;

	(void)options;
	if (err != 0) {
		free(x);
		return err;
	}
	x->socket = link_kernel_socket(is_ours, l->at.index);
	l->own = x;
	l->up = true;
	return 0;
}

static void end(struct link_dpdk *l)
{
	free(l->own);
	l->own = NULL;
}

/* Those for which there was no buffer, or that were too large for it, the driver tells of. */
static uint64_t missed(struct link_dpdk *l)
{
	const struct xdp *x = l->own;
	struct xdp_statistics stats;
	socklen_t size = sizeof(stats);

	/* An older kernel tells of less. */
	if (x->socket < 0 || getsockopt(x->socket, SOL_XDP, XDP_STATISTICS, &stats, &size) != 0 ||
	    size < sizeof(stats))
		return 0;
	return stats.rx_ring_full;
}

const struct link_driver link_xdp_driver = {
	.device = "net_af_xdp",
	.prepare = prepare,
	.arguments = arguments,
	.start = start,
	.close = end,
	.missed = missed,
	.look = link_look,
	.poll = link_dpdk_poll,
	.last_words = last_words_of,
};
