#include "tools/bench/local.h"

#include "base/clock.h"
#include "dataplane/eal.h"
#include "kv/kv.h"
#include "node/node.h"
#include "tools/client/draw.h"
#include "tools/client/status.h"
#include "tools/shared/tree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINK_FRAMES = 1024, STATUS_TEXT_MAX = 16 * 1024 };

#define NETWORK 0xc6120000u /* 198.18.0.0/24 */

/* As by default. */
#define LOCAL_QUOTA (2ull << 30)
#define LOCAL_SNAPSHOT_LOG (256ull << 20)
#define LOCAL_SNAPSHOT_RATE (64ull << 20)

struct local {
	char directory[256];
	bool made;
	uint32_t count;
	struct node *node[LOCAL_NODES_MAX];
	struct link *peer_link[LOCAL_NODES_MAX][LOCAL_NODES_MAX]; /* until a node has them */
	struct link *door_link[LOCAL_NODES_MAX];
	struct link *client_link[LOCAL_NODES_MAX];
	char failed[NODE_ERROR_MAX + 64];
};

uint32_t local_address(uint32_t node)
{
	return NETWORK + 1 + node;
}

static int wire(struct link **a, struct link **b, uint32_t from, uint32_t to,
		char error[EAL_ERROR_MAX])
{
	char name[2][24];
	struct link_options options[2];

	for (int end = 0; end < 2; end++) {
		uint32_t self = end ? to : from, other = end ? from : to;

		snprintf(name[end], sizeof(name[end]), "ring%u-%u", self, other);
		options[end] = (struct link_options){
			.kind = LINK_RING,
			.name = name[end],
			.mac = {{2, (uint8_t)other, 198, 18, 0, (uint8_t)(self + 1)}},
			.mtu = LINK_MTU_DEFAULT,
			.pool_frames = LINK_FRAMES,
		};
	}
	return link_ring_pair(a, b, &options[0], &options[1], error);
}

static int make_links(struct local *l, char error[LOCAL_ERROR_MAX])
{
	int err = 0;

	for (uint32_t i = 0; !err && i < l->count; i++) {
		for (uint32_t j = i + 1; !err && j < l->count; j++)
			err = wire(&l->peer_link[i][j], &l->peer_link[j][i], i, j, error);
		if (!err)
			err = wire(&l->door_link[i], &l->client_link[i], i, 100 + i, error);
	}
	return err;
}

/* Ports in the order of the peers, then the clients'. */
static void set_dataplane(struct local *l, struct node_options *o, uint32_t self)
{
	struct dp_options *dp = &o->dp;

	dp->address = local_address(self);
	dp->prefix = 24;
	dp->udp_client = WIRE_PORT_CLIENT;
	dp->udp_peer = WIRE_PORT_PEER;
	dp->seed = o->seed;
	for (uint32_t i = 0; i < l->count; i++) {
		o->initial.member[i].place = (uint64_t)local_address(i) << 16 | WIRE_PORT_PEER;
		if (i == self)
			continue;
		dp->peer[dp->peer_count++] = (struct dp_peer){
			.address = local_address(i),
			.udp_port = WIRE_PORT_PEER,
			.port = (uint8_t)dp->link_count,
		};
		dp->link[dp->link_count++] = l->peer_link[self][i];
		l->peer_link[self][i] = NULL;
	}
	o->initial.count = l->count;
	o->self = self;
	dp->client_port = (uint8_t)dp->link_count;
	dp->link[dp->link_count++] = l->door_link[self];
	l->door_link[self] = NULL;
}

static int start_node(struct local *l, uint32_t i, enum wal_durability durability,
		      char error[LOCAL_ERROR_MAX])
{
	char name[16], directory[300];
	struct kv_options kv = {.quota = LOCAL_QUOTA, .salt = draw() | 1};
	struct node_options o = {
		.name = name,
		.initial = {.digest = 0xbe7c},
		.heartbeat_us = 20000,
		.election_us_min = 150000,
		.election_us_max = 300000,
		.link_name = "ring",
		.snapshot_log_bytes = LOCAL_SNAPSHOT_LOG,
		.snapshot_rate = LOCAL_SNAPSHOT_RATE,
		.wal = {.directory = directory,
			.durability = durability,
			.segment_size = WAL_SEGMENT_SIZE_DEFAULT,
			.create = true},
	};
	int err;

	snprintf(name, sizeof(name), "n%u", i + 1);
	snprintf(directory, sizeof(directory), "%s/%s", l->directory, name);
	o.seed = draw();
	o.wal.identity_seed = draw();
	err = kv_create(&o.sm, &kv);
	if (err)
		return err;
	set_dataplane(l, &o, i);
	o.now_ns = clock_now();
	return node_create(&l->node[i], &o, error);
}

int local_create(struct local **out, const char *directory, uint32_t nodes,
		 enum wal_durability durability, char error[LOCAL_ERROR_MAX])
{
	struct local *l = calloc(1, sizeof(*l));
	int err = 0;

	snprintf(error, LOCAL_ERROR_MAX, "out of memory");
	if (!l)
		return -ENOMEM;
	l->count = nodes;
	if ((size_t)snprintf(l->directory, sizeof(l->directory), "%s/quoin-bench-XXXXXX",
			     directory) >= sizeof(l->directory))
		err = -ENAMETOOLONG;
	else if (!mkdtemp(l->directory))
		err = -errno;
	l->made = !err;
	if (err)
		snprintf(error, LOCAL_ERROR_MAX, "%s: %s", directory, strerror(-err));
	if (!err)
		err = make_links(l, error);
	for (uint32_t i = 0; !err && i < nodes; i++)
		err = start_node(l, i, durability, error);
	if (err) {
		local_destroy(l);
		return err;
	}
	*out = l;
	return 0;
}

static void destroy_link(struct link *link)
{
	if (link)
		link->ops->destroy(link);
}

void local_destroy(struct local *l)
{
	int err;

	for (uint32_t i = 0; i < l->count; i++) {
		if (l->node[i])
			node_destroy(l->node[i]);
		destroy_link(l->door_link[i]);
		destroy_link(l->client_link[i]);
		for (uint32_t j = 0; j < l->count; j++)
			destroy_link(l->peer_link[i][j]);
	}
	err = l->made ? tree_remove(l->directory) : 0;
	if (err)
		fprintf(stderr, "quoin-bench: %s: could not be removed: %s\n", l->directory,
			strerror(-err));
	free(l);
}

bool local_pump(void *context)
{
	struct local *l = context;
	bool busy = false;

	for (uint32_t i = 0; i < l->count && !l->failed[0]; i++) {
		if (node_poll(l->node[i], clock_now()))
			snprintf(l->failed, sizeof(l->failed), "node n%u ended: %s", i + 1,
				 node_error(l->node[i]));
		busy |= node_busy(l->node[i]);
	}
	return busy;
}

struct link *local_take_link(struct local *l, uint32_t node)
{
	struct link *link = l->client_link[node];

	l->client_link[node] = NULL;
	return link;
}

int local_leader(const struct local *l, uint64_t *term)
{
	struct raft_status status;
	raft_id leader = 0;
	int index = -1;

	for (uint32_t i = 0; i < l->count; i++) {
		node_raft_status(l->node[i], &status);
		if (!status.leader || (leader && status.leader != leader))
			return -1;
		leader = status.leader;
		*term = status.term;
		if (status.role == RAFT_LEADER)
			index = (int)i;
	}
	return index;
}

uint64_t local_log_bytes(struct local *l)
{
	char text[STATUS_TEXT_MAX];
	struct status status;
	uint64_t sum = 0;

	for (uint32_t i = 0; i < l->count; i++) {
		status_parse(&status, text, node_status_text(l->node[i], text, sizeof(text)));
		sum += status.wal_bytes;
	}
	return sum;
}

const char *local_failed(const struct local *l)
{
	return l->failed[0] ? l->failed : NULL;
}
