/*
 * The xdp link's needs beside its port. The PMD has libxdp put a program on the interface that
 * hands each frame to our socket. libxdp and libbpf come with the PMD, as plugins: they are spoken
 * to only if they are there.
 */
#include "dataplane/link_dpdk.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <rte_eal.h>

enum { HELD_FRAMES = 2 * 2048 /* of the kernel's fill and completion queues */ };

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
			 "vm.nr_hugepages and huge-pages: on",
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

const struct link_driver link_xdp_driver = {
	.device = "net_af_xdp",
	.held_frames = HELD_FRAMES,
	.prepare = prepare,
	.arguments = arguments,
	.poll = link_dpdk_poll,
	.last_words = last_words_of,
};
