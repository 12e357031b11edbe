/*
 * Shared by the two kinds of target: a cluster of processes, and one in this process.
 */
#ifndef TOOLS_BENCH_TARGET_INTERNAL_H
#define TOOLS_BENCH_TARGET_INTERNAL_H

#include "base/clock.h"
#include "tools/bench/carrier.h"
#include "tools/bench/target.h"

#define TARGET_LEADER_NS (10 * CLOCK_S)
#define TARGET_RESOLVE_NS (3 * CLOCK_S)

/* Each: 0 or -errno with one line in error; target_close in either case. */
int target_open_cluster(struct target *t, const struct target_options *o,
			char error[TARGET_ERROR_MAX]);
int target_open_local(struct target *t, const struct target_options *o,
		      char error[TARGET_ERROR_MAX]);

int target_start_eal(struct target *t, uint32_t memory_mib, char error[TARGET_ERROR_MAX]);

/* True if this node is to be spoken to, which is noted; `chosen` have been before it. */
bool target_choose(struct target *t, enum target_node who, const char *name, bool leads,
		   uint32_t chosen);
int target_none_chosen(const struct target *t, enum target_node who, char error[TARGET_ERROR_MAX]);

/* A path over the dataplane. The links are the carrier's from here on, also if it fails. */
int target_open_datagrams(struct target *t, const struct carrier_dp_options *dp,
			  const uint32_t *servers, uint32_t count, uint32_t clients,
			  char error[TARGET_ERROR_MAX]);

#endif
