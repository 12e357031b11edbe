/*
 * A node's members and state, for the files beside this one and for whoever holds the node.
 */
#include "node/internal.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool node_peer_next(const struct node *n, uint32_t *i)
{
	while (*i < n->places && n->peer[*i].at.address == 0)
		++*i;
	return *i < n->places;
}

uint64_t node_peer_place(const struct node_peer *p)
{
	return (uint64_t)p->at.address << 16 | p->at.udp_port;
}

uint64_t node_own_place(const struct node *n)
{
	const struct dp_options *o = &n->options.dp;

	return (uint64_t)o->address << 16 | o->udp_peer;
}

const char *node_place_text(uint64_t place, char out[NODE_PLACE_TEXT_SIZE])
{
	struct in_addr in = {.s_addr = htonl((uint32_t)(place >> 16))};
	char address[INET_ADDRSTRLEN];

	snprintf(out, NODE_PLACE_TEXT_SIZE, "%s:%u",
		 inet_ntop(AF_INET, &in, address, sizeof(address)), (unsigned)(place & 0xffff));
	return out;
}

int node_peer_find(const struct node *n, raft_id id)
{
	for (uint32_t i = 0; id != 0 && node_peer_next(n, &i); i++) {
		if (n->peer[i].at.member_id == id && !n->peer[i].met_ns)
			return (int)i;
	}
	return -1;
}

int node_peer_met(const struct node *n)
{
	return (int)n->met - 1;
}

int node_peer_at(const struct node *n, uint64_t place)
{
	for (uint32_t i = 0; node_peer_next(n, &i); i++) {
		if (node_peer_place(&n->peer[i]) == place)
			return (int)i;
	}
	return -1;
}

const char *node_member_name(const struct node *n, raft_id id)
{
	int peer = node_peer_find(n, id), met = node_peer_met(n);

	if (id == n->id)
		return n->name;
	if (peer < 0 && met >= 0 && n->peer[met].at.member_id == id)
		peer = met;
	return peer < 0 ? "none" : n->peer[peer].name;
}

void node_raft_status(const struct node *n, struct raft_status *out)
{
	memset(out, 0, sizeof(*out));
	if (n->raft)
		raft_get_status(n->raft, out);
}

const struct raft_members *node_members_committed(const struct raft_status *s, raft_index *index)
{
	bool newest = s->members_index <= s->commit;

	*index = newest ? s->members_index : s->members_before_index;
	return newest ? &s->members : &s->members_before;
}

bool node_members_told(const struct node *n)
{
	struct raft_status s;

	node_raft_status(n, &s);
	return s.members_index > s.last;
}

const struct raft_members *node_members_vouched(const struct raft_status *s, raft_index *index)
{
	const struct raft_members *table = node_members_committed(s, index);

	if (s->members_index > s->last)
		*index = 0;
	return table;
}

bool node_removed(const struct node *n)
{
	return n->joined.removed;
}

/* What it was and by what comes first: a service manager's line, and /readyz, are short. */
void node_removed_text(char out[NODE_ERROR_MAX], const struct raft_joined *removed)
{
	snprintf(out, NODE_ERROR_MAX,
		 "this member was removed from its cluster: it was %016" PRIx64
		 ", and the member table at log index %" PRIu64 " of cluster %016" PRIx64
		 " is without it. Copy nothing from data-dir, remove it; a new member comes in "
		 "here with initial-cluster-state: existing and quoinctl member add at a member "
		 "that is up",
		 removed->id, removed->index, removed->cluster_id);
}

uint64_t node_cluster_id(const struct node *n)
{
	return n->cluster_id;
}

enum formation_state node_get_formation(const struct node *n)
{
	return node_joined(n) ? FORMATION_FORMED : n->formation.state;
}

const struct sm_attributes *node_attributes(const struct node *n, raft_id id)
{
	return n->install.held ? NULL : n->sm->ops->attributes(n->sm, id);
}

uint64_t node_hash(const struct node *n)
{
	return n->install.held ? 0 : n->sm->ops->hash(n->sm);
}
