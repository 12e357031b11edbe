#include "tools/bench/target.h"

#include "base/clock.h"
#include "dataplane/eal.h"
#include "tools/bench/carrier.h"
#include "tools/bench/local.h"
#include "tools/bench/stop.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
	EAL_MEMORY_MIB = 128,
	EAL_MEMORY_LOCAL_MIB = 512, /* thirty ports' pools of 1024 frames of 2.2 KiB: 70 MiB */
	CLIENT_FRAMES = 4096,
};

#define LEADER_NS (10 * CLOCK_S)
#define RESOLVE_NS (3 * CLOCK_S)

static int start_eal(struct target *t, uint32_t memory_mib, char error[TARGET_ERROR_MAX])
{
	char prefix[32];
	struct eal_options eal = {
		.file_prefix = prefix,
		.memory_mib = memory_mib,
		.huge_pages = eal_huge_pages_free(memory_mib),
	};
	int result;

	snprintf(prefix, sizeof(prefix), "quoin-bench-%d", getpid());
	result = eal_start(&eal, error);
	t->eal = !result;
	return result;
}

/* Which nodes are spoken to: indexes into the cluster. How many; 0 with an error. */
static uint32_t choose(struct target *t, enum target_node node, uint32_t out[CLUSTER_NODES_MAX],
		       char error[TARGET_ERROR_MAX])
{
	int leader = cluster_leader(&t->cluster);
	uint32_t count = 0;

	for (uint32_t i = 0; i < t->cluster.count; i++) {
		bool leads = (int)i == leader;

		if (t->cluster.node[i].error || (node == TARGET_LEADER && !leads) ||
		    (node == TARGET_FOLLOWER && (leads || count == 1)))
			continue;
		snprintf(t->spoken_to + strlen(t->spoken_to),
			 sizeof(t->spoken_to) - strlen(t->spoken_to), "%s%s", count ? "," : "",
			 t->cluster.node[i].status.name);
		out[count++] = i;
	}
	if (!count)
		snprintf(error, TARGET_ERROR_MAX, "none of the %u nodes %s", t->cluster.count,
			 node == TARGET_FOLLOWER ? "is a follower that answers"
						 : "says that it leads: is there a majority?");
	return count;
}

static int wait_for_leader(struct target *t, char error[TARGET_ERROR_MAX])
{
	uint64_t deadline = clock_now() + LEADER_NS;
	uint32_t answered;

	for (;;) {
		answered = cluster_refresh(&t->cluster);
		if (cluster_leader(&t->cluster) >= 0)
			return 0;
		if (clock_now() >= deadline || stop_requested())
			break;
		clock_sleep(20 * CLOCK_MS);
	}
	if (!answered)
		snprintf(error, TARGET_ERROR_MAX, "%s: %s: no node answers",
			 t->cluster.node[0].ask.text,
			 endpoint_error_text(t->cluster.node[0].error));
	else
		snprintf(error, TARGET_ERROR_MAX, "%u of %u nodes answer, and none leads", answered,
			 t->cluster.count);
	return -EHOSTUNREACH;
}

static int open_memif(struct target *t, const uint32_t *chosen, uint32_t count, uint32_t clients,
		      char error[TARGET_ERROR_MAX])
{
	struct carrier_dp_options dp = {.prefix = t->cluster.prefix,
					.resolve_timeout_ns = RESOLVE_NS};
	uint32_t servers[CLUSTER_NODES_MAX];
	struct carrier *carrier;
	int result = start_eal(t, EAL_MEMORY_MIB, error);

	for (uint32_t i = 0; !result && i < count; i++) {
		const struct cluster_node *n = &t->cluster.node[chosen[i]];
		char name[24];
		struct link_options link = {
			.kind = LINK_MEMIF,
			.name = name,
			.mac = {{2, 0xbe, 0x7c, 0, 0, (uint8_t)i}},
			.mtu = LINK_MTU_DEFAULT,
			.pool_frames = CLIENT_FRAMES,
			.socket = n->memif,
			.queue_count = 1,
		};

		snprintf(name, sizeof(name), "bench%u", i);
		result = link_dpdk_create(&dp.server[i].link, &link, error);
		if (result)
			break;
		dp.server[i].address = ntohl(n->client.udp.sin_addr.s_addr);
		dp.server[i].udp_port = ntohs(n->client.udp.sin_port);
		/* The lab's own address for clients; on memif nobody else has it. */
		dp.address = (dp.server[i].address & ~0xffu) | 254;
		servers[i] = i;
		dp.server_count++;
	}
	if (result) {
		for (uint32_t i = 0; i < dp.server_count; i++)
			dp.server[i].link->ops->destroy(dp.server[i].link);
		return result;
	}
	result = carrier_dp_create(&carrier, &dp, error);
	if (result)
		return result;
	carrier_dp_choose(carrier, servers, count);
	return path_datagram_create(&t->path, carrier, clients, error);
}

static int open_kernel(struct target *t, const uint32_t *chosen, uint32_t count, uint32_t clients,
		       bool udp, char error[TARGET_ERROR_MAX])
{
	struct address endpoints[CLUSTER_NODES_MAX];
	struct carrier *carrier;
	int result;

	for (uint32_t i = 0; i < count; i++) {
		const struct cluster_node *n = &t->cluster.node[chosen[i]];

		endpoints[i] = udp ? n->client : n->admin;
		if (!endpoints[i].text[0]) {
			snprintf(error, TARGET_ERROR_MAX, "%s: no %s endpoint of it is known",
				 n->ask.text, udp ? "UDP" : "unix");
			return -EINVAL;
		}
	}
	if (!udp)
		return path_unix_create(&t->path, endpoints, count, clients, error);
	result = carrier_udp_create(&carrier, endpoints, count, clients, error);
	if (result)
		return result;
	return path_datagram_create(&t->path, carrier, clients, error);
}

static int open_cluster_path(struct target *t, const struct target_options *o,
			     char error[TARGET_ERROR_MAX])
{
	static const char *const names[] = {
		[TARGET_PATH_UDP] = "udp",
		[TARGET_PATH_MEMIF] = "memif",
		[TARGET_PATH_UNIX] = "unix",
	};
	enum target_path path = o->path;
	uint32_t chosen[CLUSTER_NODES_MAX];
	uint32_t count = choose(t, o->node, chosen, error);

	if (!count)
		return -EHOSTUNREACH;
	if (path == TARGET_PATH_DEFAULT)
		path = t->cluster.node[chosen[0]].memif[0]         ? TARGET_PATH_MEMIF
		       : t->cluster.node[chosen[0]].client.text[0] ? TARGET_PATH_UDP
								   : TARGET_PATH_UNIX;
	snprintf(t->client_path, sizeof(t->client_path), "%s", names[path]);
	if (path == TARGET_PATH_UDP && t->cluster.node[chosen[0]].memif[0]) {
		snprintf(error, TARGET_ERROR_MAX,
			 "--client-path udp: this lab's link is memif, which the kernel's UDP does "
			 "not reach: memif or unix");
		return -EINVAL;
	}
	if (path != TARGET_PATH_MEMIF)
		return open_kernel(t, chosen, count, o->clients, path == TARGET_PATH_UDP, error);
	if (!t->cluster.node[chosen[0]].memif[0]) {
		snprintf(error, TARGET_ERROR_MAX,
			 "--client-path memif: needs a lab whose link is memif (--dir)");
		return -EINVAL;
	}
	return open_memif(t, chosen, count, o->clients, error);
}

static int open_cluster(struct target *t, const struct target_options *o,
			char error[TARGET_ERROR_MAX])
{
	int result = o->endpoints ? cluster_from_endpoints(&t->cluster, o->endpoints, error)
				  : cluster_from_lab(&t->cluster, o->directory, error);

	if (!result)
		result = cluster_enter(&t->cluster, error);
	if (!result)
		result = wait_for_leader(t, error);
	if (!result)
		result = cluster_agree(&t->cluster, t->durability, t->link, error);
	if (result)
		return result;
	t->nodes = t->cluster.count;
	if (o->durability && strcmp(o->durability, t->durability) != 0) {
		snprintf(error, TARGET_ERROR_MAX,
			 "--durability %s: the nodes run %s (it is set in their configuration)",
			 o->durability, t->durability);
		return -EINVAL;
	}
	return open_cluster_path(t, o, error);
}

static int local_wait_for_leader(struct local *l, char error[TARGET_ERROR_MAX])
{
	uint64_t deadline = clock_now() + LEADER_NS, term;
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

static int open_local(struct target *t, const struct target_options *o,
		      char error[TARGET_ERROR_MAX])
{
	enum wal_durability durability = WAL_DURABLE;
	struct carrier_dp_options dp = {
		.prefix = 24,
		.address = local_address(200),
		.pump = local_pump,
		.resolve_timeout_ns = RESOLVE_NS,
	};
	uint32_t chosen[LOCAL_NODES_MAX], count = 0;
	struct carrier *carrier;
	int leader, result;

	for (int i = WAL_DURABLE; o->durability && i <= WAL_VOLATILE; i++) {
		if (!strcmp(o->durability, wal_durability_name((enum wal_durability)i)))
			durability = (enum wal_durability)i;
	}
	snprintf(t->durability, sizeof(t->durability), "%s", wal_durability_name(durability));
	snprintf(t->link, sizeof(t->link), "ring");
	snprintf(t->client_path, sizeof(t->client_path), "ring");
	t->nodes = o->nodes;
	result = start_eal(t, EAL_MEMORY_LOCAL_MIB, error);
	if (!result)
		result = local_create(&t->local, o->directory, o->nodes, durability, error);
	if (result)
		return result;
	leader = local_wait_for_leader(t->local, error);
	if (leader < 0)
		return leader;
	dp.pump_context = t->local;
	for (uint32_t i = 0; i < o->nodes; i++) {
		bool leads = (int)i == leader;

		dp.server[i].link = local_take_link(t->local, i);
		dp.server[i].address = local_address(i);
		dp.server[i].udp_port = WIRE_PORT_CLIENT;
		dp.server_count++;
		if (o->node == TARGET_ANY || (o->node == TARGET_LEADER && leads) ||
		    (o->node == TARGET_FOLLOWER && !leads && !count)) {
			snprintf(t->spoken_to + strlen(t->spoken_to),
				 sizeof(t->spoken_to) - strlen(t->spoken_to), "%sn%u",
				 count ? "," : "", i + 1);
			chosen[count++] = i;
		}
	}
	result = carrier_dp_create(&carrier, &dp, error);
	if (result)
		return result;
	carrier_dp_choose(carrier, chosen, count ? count : 1);
	return path_datagram_create(&t->path, carrier, o->clients, error);
}

int target_open(struct target *out, const struct target_options *o, char error[TARGET_ERROR_MAX])
{
	memset(out, 0, sizeof(*out));
	return o->in_process ? open_local(out, o, error) : open_cluster(out, o, error);
}

void target_close(struct target *t)
{
	if (t->path)
		t->path->ops->destroy(t->path);
	if (t->local)
		local_destroy(t->local);
	if (t->eal)
		eal_stop();
}

uint64_t target_term(struct target *t)
{
	uint64_t term = 0;
	int leader;

	if (t->local)
		return local_leader(t->local, &term) < 0 ? 0 : term;
	cluster_refresh(&t->cluster);
	leader = cluster_leader(&t->cluster);
	return leader < 0 ? 0 : t->cluster.node[leader].status.term;
}

const char *target_failed(const struct target *t)
{
	return t->local ? local_failed(t->local) : NULL;
}
