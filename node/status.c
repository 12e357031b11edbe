/*
 * A node's own account of itself: "key value" lines. Readers ignore keys that they do not know.
 */
#include "node/internal.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct text {
	char *at;
	size_t size, size_max;
};

__attribute__((format(printf, 2, 3))) static void line(struct text *t, const char *format, ...)
{
	va_list args;
	int written;

	va_start(args, format);
	written = vsnprintf(t->at + t->size, t->size_max - t->size, format, args);
	va_end(args);
	/* A line that does not fit whole is left out: half a value would be a wrong one. */
	if (written > 0 && (size_t)written < t->size_max - t->size)
		t->size += (size_t)written;
}

static const char *role_name(enum raft_role role)
{
	switch (role) {
	case RAFT_FOLLOWER:
		return "follower";
	case RAFT_CANDIDATE:
		return "candidate";
	case RAFT_LEADER:
		return "leader";
	}
	return "?";
}

static void status_peers(struct node *n, struct text *t, const struct raft_status *raft)
{
	for (uint32_t i = 0; i < n->peer_count; i++) {
		struct dp_peer_state state;
		struct in_addr in = {.s_addr = htonl(n->peer[i].address)};
		raft_index match = 0;

		dp_get_peer(n->dp, i, &state);
		for (uint32_t j = 0; j < raft->progress_count; j++) {
			if (raft->progress[j].id == n->peer[i].member_id)
				match = raft->progress[j].match;
		}
		line(t,
		     "peer %s id=%016" PRIx64 " address=%s heard_ms=%" PRId64 " match=%" PRIu64
		     "\n",
		     n->peer_name[i], n->peer[i].member_id, inet_ntoa(in),
		     state.heard_ns ? (int64_t)((n->now_ns - state.heard_ns) / 1000000) : -1,
		     match);
		if (settings_differ(n, i))
			line(t,
			     "warning member %s differs: durability %s, heartbeat %" PRIu64
			     " us, election timeout %" PRIu64 " to %" PRIu64 " us\n",
			     n->peer_name[i],
			     wal_durability_name(
				     (enum wal_durability)n->peer_settings[i].durability),
			     n->peer_settings[i].heartbeat_us, n->peer_settings[i].election_us_min,
			     n->peer_settings[i].election_us_max);
		if (state.refuses_us)
			line(t,
			     "error member %s knows this member by another identity: this data "
			     "directory is new; "
			     "restore the old one, or give the member a new place in the cluster\n",
			     n->peer_name[i]);
		if (state.other_identity)
			line(t,
			     "error member %s has a new data directory and is refused: its votes "
			     "and "
			     "acknowledgements do not count\n",
			     n->peer_name[i]);
	}
}

static void status_counters(struct node *n, struct text *t)
{
	const struct dp_counters *c = dp_get_counters(n->dp);
	const struct serve_counters *serve = serve_get_counters(n->serve);
	struct wal_stats wal;

	wal_get_stats(n->wal, &wal);
	line(t, "wal_writes %" PRIu64 "\nwal_bytes %" PRIu64 "\nwal_entries %" PRIu64 "\n",
	     wal.writes, wal.bytes, wal.entries);
	line(t, "requests_open %u\nrequests_refused %" PRIu64 "\n", serve_open_count(n->serve),
	     serve->refused);
	line(t, "commands %" PRIu64 "\nqueries %" PRIu64 "\nforwarded %" PRIu64 "\n",
	     serve->commands, serve->queries, serve->forwarded);
	line(t,
	     "rx_peer %" PRIu64 "\nrx_client %" PRIu64 "\ntx_peer %" PRIu64 "\ntx_client %" PRIu64
	     "\n",
	     c->rx_peer, c->rx_client, c->tx_peer, c->tx_client);
	for (uint32_t i = 0; i < DP_DROP_COUNT; i++) {
		if (c->drop[i])
			line(t, "drop_%s %" PRIu64 "\n", dp_drop_name((enum dp_drop)i), c->drop[i]);
	}
	if (n->faults)
		line(t, "fault_rules %u\nfault_dropped %" PRIu64 "\n", n->faults->count,
		     n->faults->dropped_rx + n->faults->dropped_tx);
}

size_t node_status_text(struct node *n, char *out, size_t size_max)
{
	struct text t = {.at = out, .size_max = size_max};
	struct raft_status raft;

	raft_get_status(n->raft, &raft);
	line(&t, "name %s\ncluster_id %016" PRIx64 "\nmember_id %016" PRIx64 "\nversion %s\n",
	     n->name, n->cluster_id, n->id, QUOIN_VERSION);
	line(&t, "identity %016" PRIx64 "\nincarnation %" PRIu64 "\n", n->recovered.identity,
	     WAL_START_COUNT(n->recovered.start));
	line(&t, "role %s\nleader %016" PRIx64 "\nraft_term %" PRIu64 "\n", role_name(raft.role),
	     raft.leader, raft.term);
	line(&t,
	     "raft_index %" PRIu64 "\nraft_applied_index %" PRIu64 "\ncommit_index %" PRIu64
	     "\ndurable_index %" PRIu64 "\n",
	     raft.last, n->applied, raft.commit, raft.durable);
	line(&t, "revision %" PRIu64 "\ndb_size %" PRIu64 "\n", n->sm->ops->revision(n->sm),
	     n->sm->ops->size(n->sm));
	line(&t, "durability %s\nlink %s\nauth off\n", wal_durability_name(n->durability),
	     n->link_name);
	line(&t, "uptime_ms %" PRIu64 "\nhash %016" PRIx64 "\n",
	     (n->now_ns - n->started_ns) / 1000000, node_hash(n));
	if (!raft.leader)
		line(&t, "error etcdserver: no leader\n");
	if (raft.self_replaced)
		line(&t,
		     "error this data directory is new, and the cluster's log binds this member to "
		     "another one: it neither votes nor acknowledges\n");
	status_peers(n, &t, &raft);
	status_counters(n, &t);
	return t.size;
}
