/*
 * What a load costs beside its time: CPU of the nodes and of the client, bytes of the nodes' logs
 * and of the device below them. Counted between cost_begin and cost_end, over any number of them.
 */
#ifndef TOOLS_BENCH_COST_H
#define TOOLS_BENCH_COST_H

#include "tools/bench/target.h"

struct cost_sample {
	uint64_t node_cpu_ns, client_cpu_ns, log_bytes, device_bytes;
};

struct cost {
	const char *directory; /* on the device */
	struct cost_sample from, sum;
	bool unknown_cpu, unknown_log, unknown_device; /* a sample of it was not to be had */
};

void cost_begin(struct cost *c, struct target *t);
void cost_end(struct cost *c, struct target *t);

#endif
