/*
 * A simulated cluster at work (scene.h).
 */
#include "tests/unit/raft/scene.h"

#include "tests/unit/raft/check.h"

#include <stdlib.h>

struct cluster_options scene_options(uint32_t nodes, uint64_t seed)
{
	return (struct cluster_options){
		.nodes = nodes,
		.seed = seed,
		.delay_us_min = 20,
		.delay_us_max = 200,
		.disk_us_min = 50,
		.disk_us_max = 500,
		.disk_stall_us = 300000,
		.append_size_max = 1400,
		.heartbeat_us = 20000,
		.election_us_min = 150000,
		.election_us_max = 300000,
		.promise_us = 150000,
	};
}

struct scene *scene_new(const struct cluster_options *o)
{
	struct scene *s = calloc(1, sizeof(*s));

	assert(s);
	cluster_init(&s->c, o);
	for (uint32_t i = 0; i < o->nodes; i++)
		cluster_start(&s->c, &s->c.node[i]);
	leaderless_init(&s->l, &s->c);
	s->l.row = &s->gaps;
	s->t.change_us = UINT64_MAX;
	s->pause_us = 4 * o->heartbeat_us;
	return s;
}

void scene_free(struct scene *s)
{
	cluster_fini(&s->c);
	gaps_free(&s->gaps);
	free(s);
}

uint64_t scene_timeouts(const struct scene *s, uint64_t count)
{
	return count * s->c.options.election_us_max;
}

/* Each that takes itself for the leader is asked: one that is cut off has no others. */
static void client(struct scene *s)
{
	struct cluster *c = &s->c;

	for (uint32_t i = 0; i < c->options.nodes; i++) {
		struct cluster_node *n = &c->node[i];
		if (!n->core || n->paused || raft_get_role(n->core) != RAFT_LEADER)
			continue;
		if (cluster_propose(c, n, &c->proposals, sizeof(c->proposals)) == 0)
			s->accepted_us = c->now_us;
		cluster_read(c, n);
	}
	s->client_us = c->now_us + cluster_random(c, s->pause_us);
}

static void run(struct scene *s, uint64_t us, bool for_leader)
{
	struct cluster *c = &s->c;
	const uint64_t until_us = c->now_us + us;

	leaderless_look(&s->l, c);
	while (c->now_us < until_us && !(for_leader && leaderless_leader(c))) {
		uint64_t next = until_us < s->client_us ? until_us : s->client_us;

		if (s->t.change_us < next)
			next = s->t.change_us;
		if (!cluster_step(c, next) && next == s->t.change_us)
			topology_change(&s->t, c);
		else if (c->now_us >= s->client_us)
			client(s);
		leaderless_look(&s->l, c);
	}
}

void scene_run(struct scene *s, uint64_t us)
{
	run(s, us, false);
}

struct cluster_node *scene_leader(struct scene *s, uint64_t us)
{
	run(s, us, true);
	return leaderless_leader(&s->c);
}

struct cluster_node *scene_settle(struct scene *s)
{
	struct cluster *c = &s->c;
	uint64_t end_us = c->now_us + scene_timeouts(s, 40) + 2000000;
	struct cluster_node *leader = NULL;

	s->client_us = UINT64_MAX;
	while (!leader && c->now_us < end_us) {
		scene_run(s, c->options.heartbeat_us);
		leader = leaderless_leader(c);
		if (leader && c->canon.last != leader->core->window.last)
			leader = NULL;
		for (uint32_t i = 0; i < c->options.nodes; i++) {
			if (c->node[i].applied != c->canon.last)
				leader = NULL;
		}
	}
	check(c, leader,
	      "what was acknowledged is not everywhere, long after the network is whole");
	return leader;
}

struct cluster_node *scene_other(struct scene *s, const struct cluster_node *n)
{
	const uint32_t nodes = s->c.options.nodes;
	uint32_t i = (uint32_t)(n - s->c.node);

	return &s->c.node[(i + 1 + cluster_random(&s->c, nodes - 1)) % nodes];
}

void scene_cut(struct scene *s, const struct cluster_node *n, bool out, bool in)
{
	const uint32_t who = (uint32_t)(n - s->c.node);

	for (uint32_t i = 0; i < s->c.options.nodes; i++) {
		s->c.cut[who][i] = i != who && out;
		s->c.cut[i][who] = i != who && in;
	}
}

struct scene *scene_working(uint32_t nodes, uint64_t seed, struct cluster_node **leader)
{
	const struct cluster_options o = scene_options(nodes, seed);
	struct scene *s = scene_new(&o);

	*leader = scene_settle(s);
	s->client_us = s->c.now_us;
	scene_run(s, cluster_random(&s->c, scene_timeouts(s, 1)));
	s->l.changes = 0;
	return s;
}
