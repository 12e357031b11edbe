/*
 * A cluster of processes, a lab's or a list's, and the client path that leads to it.
 */
#include "dataplane/eal.h"
#include "tools/bench/stop.h"
#include "tools/bench/target_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { EAL_MEMORY_MIB = 128, CLIENT_FRAMES = 4096 };

/* Which nodes are spoken to: indexes into the cluster. How many. */
static uint32_t choose(struct target *t, enum target_node who, uint32_t out[CLUSTER_NODES_MAX])
{
	int leader = cluster_leader(&t->cluster);
	uint32_t count = 0;

	for (uint32_t i = 0; i < t->cluster.count; i++) {
		const struct cluster_node *n = &t->cluster.node[i];

		if (!n->error && target_choose(t, who, n->status.name, (int)i == leader, count))
			out[count++] = i;
	}
	return count;
}

static int wait_for_leader(struct target *t, char error[TARGET_ERROR_MAX])
{
	uint64_t deadline = clock_now() + TARGET_LEADER_NS;
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
					.resolve_timeout_ns = TARGET_RESOLVE_NS};
	uint32_t servers[CLUSTER_NODES_MAX];
	int err = target_start_eal(t, EAL_MEMORY_MIB, error);

	for (uint32_t i = 0; !err && i < count; i++) {
		const struct cluster_node *n = &t->cluster.node[chosen[i]];
		char name[24];
		struct link_options link = {
			.kind = LINK_MEMIF,
			.name = name,
			.mac = {{2, 0xbe, 0x7c, 0, 0, (uint8_t)i}},
			.mtu = LINK_MTU_DEFAULT,
			.pool_frames = CLIENT_FRAMES,
			.socket = n->memif,
		};

		snprintf(name, sizeof(name), "bench%u", i);
		err = link_dpdk_create(&dp.server[i].link, &link, error);
		if (err)
			break;
		dp.server[i].address = ntohl(n->client.udp.sin_addr.s_addr);
		dp.server[i].udp_port = ntohs(n->client.udp.sin_port);
		/* The lab's own address for clients; on memif nobody else has it. */
		dp.address = (dp.server[i].address & ~0xffu) | 254;
		servers[i] = i;
		dp.server_count++;
	}
	if (err) {
		for (uint32_t i = 0; i < dp.server_count; i++)
			dp.server[i].link->ops->destroy(dp.server[i].link);
		return err;
	}
	return target_open_datagrams(t, &dp, servers, count, clients, error);
}

static int open_kernel(struct target *t, const struct target_options *o, const uint32_t *chosen,
		       uint32_t count, bool udp, char error[TARGET_ERROR_MAX])
{
	uint32_t clients = o->clients;
	struct address endpoints[CLUSTER_NODES_MAX];
	struct carrier *carrier;
	int err;

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
		return path_unix_create(&t->path, endpoints, count, clients, o->value_size, error);
	err = carrier_udp_create(&carrier, endpoints, count, clients, error);
	if (err)
		return err;
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
	uint32_t count = choose(t, o->node, chosen);

	if (!count)
		return target_none_chosen(t, o->node, error);
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
		return open_kernel(t, o, chosen, count, path == TARGET_PATH_UDP, error);
	if (!t->cluster.node[chosen[0]].memif[0]) {
		snprintf(error, TARGET_ERROR_MAX,
			 "--client-path memif: needs a lab whose link is memif (--dir)");
		return -EINVAL;
	}
	return open_memif(t, chosen, count, o->clients, error);
}

int target_open_cluster(struct target *t, const struct target_options *o,
			char error[TARGET_ERROR_MAX])
{
	const struct status *leader;
	int err = o->endpoints ? cluster_from_endpoints(&t->cluster, o->endpoints, error)
			       : cluster_from_lab(&t->cluster, o->directory, error);

	if (!err)
		err = cluster_enter(&t->cluster, error);
	if (!err)
		err = wait_for_leader(t, error);
	if (!err)
		err = cluster_agree(&t->cluster, t->durability, t->link, error);
	if (err)
		return err;
	/* A list need not name all of them, but a commit waits for a majority of all. */
	leader = &t->cluster.node[cluster_leader(&t->cluster)].status;
	t->nodes = leader->peers + 1;
	t->term = leader->term;
	snprintf(t->idle, sizeof(t->idle), "%s", t->cluster.idle);
	if (o->durability && strcmp(o->durability, t->durability) != 0) {
		snprintf(error, TARGET_ERROR_MAX,
			 "--durability %s: the nodes run %s (it is set in their configuration)",
			 o->durability, t->durability);
		return -EINVAL;
	}
	return open_cluster_path(t, o, error);
}
