/*
 * The packet link: net_af_packet on a kernel interface.
 */
#include "dataplane/link_dpdk.h"

#include <errno.h>
#include <stdio.h>

enum { FRAMES = 512 /* slots of its ring, each way */, PAGE = 4096 };

static int arguments(char *out, size_t out_size, const struct link_options *options,
		     char error[EAL_ERROR_MAX])
{
	uint32_t slot = link_slot_size(options->mtu);
	/* A block holds whole frames and is whole pages. */
	int n = snprintf(out, out_size,
			 "iface=%s,qpairs=1,framesz=%u,blocksz=%u,framecnt=%u,qdisc_bypass=1",
			 options->interface, slot, slot < PAGE ? PAGE : slot, FRAMES);

	(void)error;
	return n > 0 && (size_t)n < out_size ? 0 : -EINVAL;
}

const struct link_driver link_packet_driver = {
	.device = "net_af_packet",
	.arguments = arguments,
	.poll = link_dpdk_poll,
};
