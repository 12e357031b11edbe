/*
 * Nodes in this process, over ring.
 */
#include "tools/bench/local.h"
#include "tools/bench/stop.h"
#include "tools/bench/target_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Thirty ports' pools of 1024 frames of 2.2 KiB: 70 MiB. */
enum { EAL_MEMORY_MIB = 512 };

static int wait_for_leader(struct local *l, char error[TARGET_ERROR_MAX])
{
	uint64_t deadline = clock_now() + TARGET_LEADER_NS, term;
	int leader;

	while ((leader = local_leader(l, &term)) < 0 && !local_failed(l)) {
		if (clock_now() >= deadline || stop_requested()) {
			snprintf(error, TARGET_ERROR_MAX, "no leader in this process in 10 s");
			return -EHOSTUNREACH;
		}
		if (!local_pump(l))
			clock_sleep(100 * CLOCK_US);
	}
	if (local_failed(l)) {
		snprintf(error, TARGET_ERROR_MAX, "%s", local_failed(l));
		return -EIO;
	}
	return leader;
}

int target_open_local(struct target *t, const struct target_options *o,
		      char error[TARGET_ERROR_MAX])
{
	enum wal_durability durability = WAL_DURABLE;
	struct carrier_dp_options dp = {
		.prefix = 24,
		.address = local_address(200),
		.pump = local_pump,
		.resolve_timeout_ns = TARGET_RESOLVE_NS,
	};
	uint32_t chosen[LOCAL_NODES_MAX], count = 0;
	int leader, err;

	for (int i = WAL_DURABLE; o->durability && i <= WAL_VOLATILE; i++) {
		if (!strcmp(o->durability, wal_durability_name((enum wal_durability)i)))
			durability = (enum wal_durability)i;
	}
	snprintf(t->durability, sizeof(t->durability), "%s", wal_durability_name(durability));
	snprintf(t->link, sizeof(t->link), "ring");
	snprintf(t->client_path, sizeof(t->client_path), "ring");
	t->nodes = o->nodes;
	err = target_start_eal(t, EAL_MEMORY_MIB, error);
	if (!err)
		err = local_create(&t->local, o->directory, o->nodes, durability, error);
	if (err)
		return err;
	leader = wait_for_leader(t->local, error);
	if (leader < 0)
		return leader;
	target_term(t);
	dp.pump_context = t->local;
	for (uint32_t i = 0; i < o->nodes; i++) {
		char name[16];

		snprintf(name, sizeof(name), "n%u", i + 1);
		if (target_choose(t, o->node, name, (int)i == leader, count))
			chosen[count++] = i;
	}
	if (!count)
		return target_none_chosen(t, o->node, error);
	for (; dp.server_count < o->nodes; dp.server_count++)
		dp.server[dp.server_count] = (struct carrier_server){
			.link = local_take_link(t->local, dp.server_count),
			.address = local_address(dp.server_count),
			.udp_port = WIRE_PORT_CLIENT,
		};
	return target_open_datagrams(t, &dp, chosen, count, o->clients, error);
}
