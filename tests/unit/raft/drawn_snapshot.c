/*
 * Snapshots and bases at random (drawn.h).
 */
#include "tests/unit/raft/drawn.h"

#include <inttypes.h>

/* Up to where the older snapshot covers it, as a node does (ADR 19); or as far as it may at all. */
void drawn_snapshot(struct cluster *c)
{
	struct cluster_node *n = &c->node[cluster_random(c, c->options.nodes)];

	if (!n->core || n->paused)
		return;
	if (cluster_random(c, 2) == 0)
		cluster_snapshot_take(c, n);
	else
		cluster_base_move(c, n, n->snapshot[cluster_random(c, 2)].index);
}

void drawn_snapshots_add(struct drawn_snapshots *t, const struct cluster *c)
{
	t->taken += c->snapshots;
	t->bases += c->base_moves;
	t->installed += c->installs;
	t->replaced += c->tails_replaced;
	t->crashed += c->install_crashes;
	t->finished += c->installs_finished;
	t->damaged += c->fallbacks;
	t->in_vain += c->pulls_in_vain;
}

bool drawn_snapshots_all(const struct drawn_snapshots *t)
{
	return t->installed && t->replaced && t->crashed && t->finished && t->damaged && t->in_vain;
}

void drawn_snapshots_print(const struct drawn_snapshots *t)
{
	printf("snapshots: %" PRIu64 " taken, %" PRIu64 " bases moved; %" PRIu64
	       " installed, %" PRIu64 " in place of other entries, %" PRIu64
	       " crashed in the middle, %" PRIu64 " finished at a start; %" PRIu64
	       " damaged, %" PRIu64 " fetched in vain\n",
	       t->taken, t->bases, t->installed, t->replaced, t->crashed, t->finished, t->damaged,
	       t->in_vain);
}
