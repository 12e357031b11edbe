#include "tools/bench/target.h"

#include "dataplane/eal.h"
#include "tools/bench/local.h"
#include "tools/bench/target_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int target_start_eal(struct target *t, uint32_t memory_mib, char error[TARGET_ERROR_MAX])
{
	char prefix[32];
	struct eal_options eal = {
		.file_prefix = prefix,
		.memory_mib = memory_mib,
		.memory = EAL_MEMORY_HUGE_IF_FREE,
	};
	int err;

	snprintf(prefix, sizeof(prefix), "quoin-bench-%d", getpid());
	err = eal_start(&eal, error);
	t->eal = !err;
	return err;
}

bool target_choose(struct target *t, enum target_node who, const char *name, bool leads,
		   uint32_t chosen)
{
	size_t used = strlen(t->spoken_to);

	if ((who == TARGET_LEADER && !leads) || (who == TARGET_FOLLOWER && (leads || chosen == 1)))
		return false;
	snprintf(t->spoken_to + used, sizeof(t->spoken_to) - used, "%s%s", used ? "," : "", name);
	return true;
}

int target_none_chosen(const struct target *t, enum target_node who, char error[TARGET_ERROR_MAX])
{
	snprintf(error, TARGET_ERROR_MAX, "none of the nodes that were asked, %u, %s",
		 t->local ? t->nodes : t->cluster.count,
		 who == TARGET_FOLLOWER ? "is a follower that answers"
					: "says that it leads: is there a majority?");
	return -EHOSTUNREACH;
}

int target_open_datagrams(struct target *t, const struct carrier_dp_options *dp,
			  const uint32_t *servers, uint32_t count, uint32_t clients,
			  char error[TARGET_ERROR_MAX])
{
	struct carrier *carrier;
	int err = carrier_dp_create(&carrier, dp, error);

	if (err)
		return err;
	carrier_dp_choose(carrier, servers, count);
	return path_datagram_create(&t->path, carrier, clients, error);
}

int target_open(struct target *out, const struct target_options *o, char error[TARGET_ERROR_MAX])
{
	memset(out, 0, sizeof(*out));
	return o->in_process ? target_open_local(out, o, error)
			     : target_open_cluster(out, o, error);
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

	if (t->local) {
		leader = local_leader(t->local, &term);
	} else {
		cluster_refresh(&t->cluster);
		leader = cluster_leader(&t->cluster);
		term = leader < 0 ? 0 : t->cluster.node[leader].status.term;
	}
	if (leader >= 0)
		t->term = term;
	return t->term;
}

/* A list may leave members out, or name one twice. */
static bool names_all(const struct target *t)
{
	const struct cluster_node *node = t->cluster.node;

	for (uint32_t i = 0; i < t->cluster.count; i++) {
		for (uint32_t j = 0; j < i; j++) {
			if (node[i].status.member_id == node[j].status.member_id)
				return false;
		}
	}
	return t->cluster.count == t->nodes;
}

bool target_log_bytes(struct target *t, uint64_t *out)
{
	bool all = true;

	*out = 0;
	if (t->local) {
		*out = local_log_bytes(t->local);
		return true;
	}
	cluster_refresh(&t->cluster);
	all = names_all(t);
	for (uint32_t i = 0; i < t->cluster.count; i++) {
		*out += t->cluster.node[i].status.wal_bytes;
		all &= !t->cluster.node[i].error;
	}
	return all;
}

const char *target_failed(const struct target *t)
{
	return t->local ? local_failed(t->local) : NULL;
}
