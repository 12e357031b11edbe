/*
 * The draw of who hears whom (topology.h).
 */
#include "tests/unit/raft/topology.h"

#include <assert.h>
#include <string.h>

const char *topology_name(enum topology is)
{
	static const char *const name[TOPOLOGY_END] = {
		[TOPOLOGY_WHOLE] = "whole",
		[TOPOLOGY_SPLIT] = "split",
		[TOPOLOGY_PARTIAL] = "partial",
		[TOPOLOGY_ONE_WAY] = "one-way",
		[TOPOLOGY_ONE_WAYS] = "one-ways",
		[TOPOLOGY_CHAIN] = "chain",
		[TOPOLOGY_BRIDGE] = "bridge",
		[TOPOLOGY_STAR] = "star",
		[TOPOLOGY_DEAF] = "deaf-leader",
		[TOPOLOGY_MUTE] = "mute-leader",
		[TOPOLOGY_MATRIX] = "matrix",
		[TOPOLOGY_LINK_FLAPS] = "link-flaps",
		[TOPOLOGY_MEMBER_FLAPS] = "member-flaps",
		[TOPOLOGY_MEMBER_CRASHES] = "member-crashes",
	};

	return name[is];
}

static void order_draw(struct topology_drawn *t, struct cluster *c,
		       const struct cluster_node *leader)
{
	for (uint32_t i = 0; i < c->options.nodes; i++) {
		uint32_t k = (uint32_t)cluster_random(c, i + 1);
		t->order[i] = t->order[k];
		t->order[k] = i;
	}
	for (uint32_t i = 0; leader && i < c->options.nodes; i++) {
		if (&c->node[t->order[i]] == leader) {
			t->order[i] = t->order[0];
			t->order[0] = (uint32_t)(leader - c->node);
		}
	}
}

static void cut_all(struct cluster *c)
{
	memset(c->cut, true, sizeof(c->cut));
	for (uint32_t i = 0; i < CLUSTER_NODES_MAX; i++)
		c->cut[i][i] = false;
}

static void both(struct cluster *c, uint32_t a, uint32_t b, bool cut)
{
	c->cut[a][b] = c->cut[b][a] = cut;
}

/* The members from `first` to `end` of the order hear each other. */
static void join(struct topology_drawn *t, struct cluster *c, uint32_t first, uint32_t end)
{
	for (uint32_t i = first; i < end; i++) {
		for (uint32_t k = first; k < i; k++)
			both(c, t->order[i], t->order[k], false);
	}
}

/* Up to three timeouts of all lengths: the short ones are more than the long ones. */
static uint64_t flap_us(struct cluster *c)
{
	uint64_t us = c->options.election_us_max * 3 >> cluster_random(c, 7);

	return c->now_us + 1 + cluster_random(c, us);
}

static void links_draw(struct topology_drawn *t, struct cluster *c, uint32_t permille)
{
	(void)t;
	for (uint32_t i = 0; i < c->options.nodes; i++) {
		for (uint32_t k = 0; k < c->options.nodes; k++)
			c->cut[i][k] = i != k && cluster_random(c, 1000) < permille;
	}
}

static void few_draw(struct topology_drawn *t, struct cluster *c)
{
	const uint32_t n = c->options.nodes;
	uint32_t links = 1 + (uint32_t)cluster_random(c, n);

	for (uint32_t i = 0; i < links; i++) {
		uint32_t a = (uint32_t)cluster_random(c, n);
		uint32_t b = (a + 1 + (uint32_t)cluster_random(c, n - 1)) % n;
		c->cut[a][b] = true;
	}
	(void)t;
}

/* A side of the order; half of all times the leader is in the smaller one. */
static void split_draw(struct topology_drawn *t, struct cluster *c)
{
	uint32_t size = 1 + (uint32_t)cluster_random(c, c->options.nodes - 1);

	cut_all(c);
	join(t, c, 0, size);
	join(t, c, size, c->options.nodes);
}

static void cuts_draw(struct topology_drawn *t, struct cluster *c)
{
	const uint32_t n = c->options.nodes;
	const uint32_t *o = t->order;

	switch (t->is) {
	case TOPOLOGY_SPLIT:
		split_draw(t, c);
		break;
	case TOPOLOGY_PARTIAL:
		both(c, o[cluster_random(c, 2)], o[n - 1], true);
		break;
	case TOPOLOGY_ONE_WAY:
		if (cluster_random(c, 2))
			c->cut[o[0]][o[1]] = true;
		else
			c->cut[o[1]][o[0]] = true;
		break;
	case TOPOLOGY_ONE_WAYS:
		few_draw(t, c);
		break;
	case TOPOLOGY_CHAIN:
		cut_all(c);
		/* The leader anywhere in it. */
		for (uint32_t i = 0, at = (uint32_t)cluster_random(c, n); i + 1 < n; i++, at++)
			both(c, o[at % n], o[(at + 1) % n], false);
		break;
	case TOPOLOGY_BRIDGE: /* the leader, the bridge, and as many as make a majority with it */
		cut_all(c);
		both(c, o[0], o[1], false);
		join(t, c, 1, 1 + n / 2 + 1);
		break;
	case TOPOLOGY_STAR:
		cut_all(c);
		for (uint32_t i = 0, hub = o[cluster_random(c, n)]; i < n; i++)
			both(c, hub, i, false);
		break;
	case TOPOLOGY_DEAF:
		for (uint32_t i = 1; i < n; i++)
			c->cut[o[i]][o[0]] = true;
		break;
	case TOPOLOGY_MUTE:
		for (uint32_t i = 1; i < n; i++)
			c->cut[o[0]][o[i]] = true;
		break;
	case TOPOLOGY_MATRIX:
		links_draw(t, c, (uint32_t[]){100, 250, 400}[cluster_random(c, 3)]);
		break;
	case TOPOLOGY_WHOLE:
	case TOPOLOGY_LINK_FLAPS:
	case TOPOLOGY_MEMBER_FLAPS:
	case TOPOLOGY_MEMBER_CRASHES:
	case TOPOLOGY_END:
		break;
	}
}

void topology_draw(struct topology_drawn *t, struct cluster *c, enum topology is,
		   const struct cluster_node *leader)
{
	*t = (struct topology_drawn){.is = is, .change_us = UINT64_MAX};
	order_draw(t, c, leader);
	memset(c->cut, 0, sizeof(c->cut));
	cuts_draw(t, c);
	if (is < TOPOLOGY_LINK_FLAPS)
		return;
	/* The leader, or another one; what flaps carries both ways, or one. */
	if (cluster_random(c, 2)) {
		uint32_t first = t->order[0];
		t->order[0] = t->order[1];
		t->order[1] = first;
	}
	uint32_t ways = 1 + (uint32_t)cluster_random(c, 3);
	t->in = ways & 1;
	t->out = ways & 2;
	t->change_us = c->now_us;
}

static void member_crash(struct topology_drawn *t, struct cluster *c, struct cluster_node *n)
{
	if (t->down && n->core)
		cluster_crash(c, n, (uint32_t)cluster_random(c, 3));
	else if (!t->down && !n->core)
		cluster_start(c, n);
}

void topology_change(struct topology_drawn *t, struct cluster *c)
{
	const uint32_t who = t->order[0];
	const uint32_t end = t->is == TOPOLOGY_LINK_FLAPS ? 2 : c->options.nodes;

	assert(t->is >= TOPOLOGY_LINK_FLAPS);
	t->down = !t->down;
	if (t->is == TOPOLOGY_MEMBER_CRASHES)
		member_crash(t, c, &c->node[who]);
	for (uint32_t i = 1; t->is != TOPOLOGY_MEMBER_CRASHES && i < end; i++) {
		c->cut[who][t->order[i]] = t->down && t->out;
		c->cut[t->order[i]][who] = t->down && t->in;
	}
	t->change_us = flap_us(c);
}

void topology_heal(struct topology_drawn *t, struct cluster *c)
{
	memset(c->cut, 0, sizeof(c->cut));
	for (uint32_t i = 0; i < c->options.nodes; i++) {
		c->node[i].disk_held = false;
		if (!c->node[i].core)
			cluster_start(c, &c->node[i]);
	}
	t->is = TOPOLOGY_WHOLE;
	t->change_us = UINT64_MAX;
}
