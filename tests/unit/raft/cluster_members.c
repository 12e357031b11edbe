/*
 * Changes of members in a simulated cluster (cluster.h).
 */
#include "tests/unit/raft/check.h"

#include <assert.h>
#include <stdlib.h>

struct cluster_node *cluster_slot(struct cluster *c)
{
	if (c->options.nodes == CLUSTER_NODES_MAX)
		return NULL;
	struct cluster_node *n = &c->node[c->options.nodes++];
	n->id = c->options.nodes;
	n->identity = 0xa0 + n->id;
	n->outside = true;
	cluster_clock_set(c, n, c->now_us, 0);
	return n;
}

int cluster_change(struct cluster *c, struct cluster_node *n, struct raft_change *changes,
		   uint32_t count, raft_index *index, struct raft_refusal *refusal)
{
	int err = raft_members_change(n->core, changes, count, index, refusal);

	raft_tick(n->core, cluster_clock(c, n));
	cluster_drain(c, n);
	return err;
}

raft_index cluster_known(const struct cluster_node *n, struct raft_members *out)
{
	const struct raft *r = n->core;

	*out = *raft_get_members(r);
	if (r->told_index)
		return r->told_index;
	if (r->members_index <= r->commit || r->members_index == r->members_begun)
		return r->members_index;
	*out = r->members_before;
	if (r->members_before_index <= r->commit || r->members_before_index == r->members_begun)
		return r->members_before_index;
	return 0;
}

bool cluster_join(struct cluster *c, struct cluster_node *n, struct cluster_node *teller)
{
	struct raft_members members;
	raft_index index = cluster_known(teller, &members);
	const struct raft_member *self = raft_members_find(&members, n->id);

	assert(n->outside);
	if (index == 0 || !self || self->identity != n->identity)
		return false;
	n->told = members;
	n->told_index = index;
	n->outside = false;
	cluster_start(c, n);
	return true;
}

/* Of the table in force. */
static raft_index in_force(const struct raft *r)
{
	return r->told_index ? r->told_index : r->members_index;
}

void cluster_tell(struct cluster *c, struct cluster_node *from, struct cluster_node *to)
{
	struct raft_members members;
	raft_index index = cluster_known(from, &members);

	if (index == 0 || !to->core || to->paused || c->cut[from - c->node][to - c->node] ||
	    cluster_random(c, 1000) < c->options.loss_permille || index <= in_force(to->core))
		return;
	check(c, index <= c->members_index, "a table is told that nobody committed");
	if (c->observer && c->observer->told)
		c->observer->told(c, from, to, index);
	raft_members_told(to->core, &members, index);
	raft_tick(to->core, cluster_clock(c, to));
	cluster_drain(c, to);
}

void cluster_stranger(struct cluster *c, struct cluster_node *to, struct cluster_node *from)
{
	if (!from->core)
		return;
	cluster_tell(c, to, from);
	cluster_tell(c, from, to);
}

void cluster_asked(struct cluster *c, struct cluster_node *to, struct cluster_node *from)
{
	struct raft_members members;

	if (from->core && raft_leader(from->core) == 0 &&
	    cluster_known(to, &members) > in_force(from->core))
		cluster_tell(c, to, from);
}

bool cluster_member(const struct cluster *c, const struct cluster_node *n)
{
	if (raft_members_find(&c->members, n->id))
		return true;
	for (uint32_t i = 0; i < c->options.nodes; i++) {
		const struct cluster_node *k = &c->node[i];

		if (k->core && raft_members_find(raft_get_members(k->core), n->id))
			return true;
	}
	return false;
}

/* The newest MEMBERS entry at or below `from` on the disk; 0: the initial cluster. */
static raft_index members_find(struct cluster *c, const struct cluster_node *n, raft_index from,
			       struct raft_members *out)
{
	for (raft_index i = from; i > 0; i--) {
		const struct stored *s = &n->disk.entry[i];
		if (s->type != RAFT_ENTRY_MEMBERS)
			continue;
		check(c, raft_members_decode(out, s->data, s->size) == 0, "a table on the disk");
		return i;
	}
	*out = c->formed;
	return 0;
}

void cluster_members_read(struct cluster *c, const struct cluster_node *n, struct raft_options *o)
{
	o->members_index = members_find(c, n, n->disk.last, &o->members);
	if (o->members_index > 0)
		o->members_before_index =
			members_find(c, n, o->members_index - 1, &o->members_before);
	if (n->told_index > o->members_index) {
		o->members = o->members_before = n->told;
		o->members_index = o->members_before_index = o->members_begun = n->told_index;
	} else if (n->told_index > o->members_before_index) {
		o->members_before = n->told;
		o->members_before_index = o->members_begun = n->told_index;
	}
}
