/*
 * A node's members and state, for the files beside this one and for whoever holds the node.
 */
#include "node/internal.h"

#include <string.h>

int node_peer_find(const struct node *n, raft_id id)
{
	for (uint32_t i = 0; i < n->peer_count; i++) {
		if (n->peer[i].member_id == id)
			return (int)i;
	}
	return -1;
}

const char *node_member_name(const struct node *n, raft_id id)
{
	int peer = node_peer_find(n, id);

	if (id == n->id)
		return n->name;
	return peer < 0 ? "none" : n->peer_name[peer];
}

void node_raft_status(const struct node *n, struct raft_status *out)
{
	memset(out, 0, sizeof(*out));
	if (n->raft)
		raft_get_status(n->raft, out);
}

uint64_t node_cluster_id(const struct node *n)
{
	return n->cluster_id;
}

enum formation_state node_get_formation(const struct node *n)
{
	return n->formation.state;
}

uint64_t node_hash(const struct node *n)
{
	return n->sm->ops->hash(n->sm);
}
