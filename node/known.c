/*
 * A node's members and state, for the files beside this one and for whoever holds the node.
 */
#include "node/internal.h"

#include <arpa/inet.h>
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
		if (n->peer[i].at.member_id == id)
			return (int)i;
	}
	return -1;
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
	int peer = node_peer_find(n, id);

	if (id == n->id)
		return n->name;
	return peer < 0 ? "none" : n->peer[peer].name;
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
	return node_joined(n) ? FORMATION_FORMED : n->formation.state;
}

uint64_t node_hash(const struct node *n)
{
	return n->sm->ops->hash(n->sm);
}
