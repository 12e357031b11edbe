/*
 * Snapshots in a simulated cluster (cluster.h): what a node does of them beside its core.
 *
 * The checkers look at whole logs, so what lies below a base stays in a stored log, as it was
 * committed; that nobody reads it there is checked.
 */
#include "tests/unit/raft/check.h"

#include "base/mix.h"

#include <stdlib.h>
#include <string.h>

enum { PULL_AGAIN_US = 20000 };

/* The table as of a committed entry, and its index; 0: as the cluster was formed. */
static raft_index members_at(struct cluster *c, raft_index index, struct raft_members *out)
{
	for (raft_index i = index; i > 0; i--) {
		const struct stored *s = &c->canon.entry[i];

		if (s->type != RAFT_ENTRY_MEMBERS)
			continue;
		check(c, raft_members_decode(out, s->data, s->size) == 0, "a committed table");
		return i;
	}
	return 0;
}

/* As committed, up to there. */
static void log_fill(struct cluster *c, struct stored_log *log, raft_index last)
{
	log->last = 0;
	for (raft_index i = 1; i <= last; i++)
		stored_log_set(log, i, c->canon.entry[i]);
}

static void drain(struct cluster *c, struct cluster_node *n)
{
	raft_tick(n->core, cluster_clock(c, n));
	cluster_drain(c, n);
}

void cluster_snapshot_take(struct cluster *c, struct cluster_node *n)
{
	const raft_index index = n->applied;
	struct raft_members members;

	if (n->held_us || index <= n->snapshot[0].index || members_at(c, index, &members) == 0)
		return;
	n->snapshot[1] = n->snapshot[0];
	n->snapshot[0] = (struct raft_snapshot){.index = index,
						.term = c->canon.entry[index].term,
						.size = 100 * index,
						.hash = mix(index)};
	raft_snapshot_taken(n->core, &n->snapshot[0]);
	c->snapshots++;
	drain(c, n);
}

void cluster_base_move(struct cluster *c, struct cluster_node *n, raft_index to)
{
	if (to > n->core->durable)
		to = n->core->durable;
	if (to > n->core->applied)
		to = n->core->applied;
	if (to <= n->base)
		return;
	raft_base_set(n->core, to, n->disk.entry[to].term);
	n->base = to;
	c->base_moves++;
	drain(c, n);
}

/* --- a snapshot that is fetched ----------------------------------------------------------- */

static void pull_begin(struct cluster *c, struct cluster_node *n)
{
	n->pull = n->offered;
	n->pull_us = c->now_us + 1 + cluster_random(c, c->options.pull_us_max);
}

void cluster_offered(struct cluster *c, struct cluster_node *n, const struct raft_snapshot *offer)
{
	check(c, offer->index <= c->canon.last, "RC13: offered what nobody committed");
	check(c, offer->term == c->canon.entry[offer->index].term, "RC13: offered another entry");
	check(c, offer->index > n->core->commit || n->core->apply_held,
	      "RC13: offered what is here");
	n->offered = *offer;
	if (c->observer && c->observer->offered)
		c->observer->offered(c, n);
	/* It may go on with what it has begun. */
	if (n->pull.index == 0 || cluster_random(c, 2) == 0)
		pull_begin(c, n);
}

static bool to_be_had(const struct cluster *c, const struct cluster_node *n)
{
	for (uint32_t i = 0; i < c->options.nodes; i++) {
		const struct cluster_node *k = &c->node[i];
		bool reached = k != n && k->core && !k->paused && !c->cut[i][n - c->node] &&
			       !c->cut[n - c->node][i];

		if (reached && (k->snapshot[0].index == n->pull.index ||
				k->snapshot[1].index == n->pull.index))
			return true;
	}
	return false;
}

/* An entry that is not committed goes with the log, and was acknowledged perhaps. */
static bool replaces(const struct cluster *c, const struct cluster_node *n, raft_index index)
{
	if (n->disk.last > index)
		return true;
	return n->disk.last > 0 &&
	       n->disk.entry[n->disk.last].term != c->canon.entry[n->disk.last].term;
}

static void log_replace(struct cluster *c, struct cluster_node *n)
{
	const struct raft_snapshot *s = &n->snapshot[0];

	if (replaces(c, n, s->index)) {
		c->tails_replaced++;
		n->ever_lost = true; /* its witnesses may know more (ADR 5) */
	}
	log_fill(c, &n->disk, s->index);
	n->base = s->index;
}

static bool wanted(const struct cluster_node *n, const struct raft_snapshot *s)
{
	return raft_snapshot_wanted(n->core, s->index, s->term) == RAFT_SNAPSHOT_ALONE;
}

/* Each offer is handed out once: the newest is remembered for as long as it is of use. */
static void pull_next(struct cluster *c, struct cluster_node *n)
{
	n->pull = (struct raft_snapshot){0};
	if (wanted(n, &n->offered))
		pull_begin(c, n);
}

/* Nobody waits to hear whether he was rolled back: for him all others are up. */
static bool may_end(const struct cluster *c, const struct cluster_node *n)
{
	for (uint32_t i = 0; i < c->options.nodes; i++) {
		if (c->node[i].asked_us)
			return false;
	}
	return c->options.install_crashes && !n->untold;
}

static void install(struct cluster *c, struct cluster_node *n)
{
	struct raft_members members;
	raft_index members_index;

	n->snapshot[1] = (struct raft_snapshot){0};
	n->snapshot[0] = n->pull;
	/* It has its name, and the log is what it was: the next start goes on from there. */
	if (may_end(c, n) && cluster_random(c, 8) == 0) {
		c->install_crashes++;
		cluster_crash(c, n, (uint32_t)cluster_random(c, cluster_persists_pending(n) + 1));
		return;
	}
	log_replace(c, n);
	log_fill(c, &n->memory, n->base);
	for (struct persist *op = n->pending; op; op = op->next)
		op->count = 0;
	n->applied = n->base;
	members_index = members_at(c, n->base, &members);
	raft_apply_hold(n->core, true);
	n->held_us = c->now_us + 1 + cluster_random(c, c->options.pull_us_max);
	raft_snapshot_installed(n->core, n->base, n->snapshot[0].term, &members, members_index);
	raft_snapshot_taken(n->core, &n->snapshot[0]);
	c->installs++;
	if (c->observer && c->observer->installed)
		c->observer->installed(c, n);
	pull_next(c, n);
	drain(c, n);
}

void cluster_pull_end(struct cluster *c, struct cluster_node *n)
{
	if (!wanted(n, &n->pull)) {
		pull_next(c, n);
		c->pulls_in_vain++;
	} else if (!to_be_had(c, n)) {
		pull_begin(c, n); /* the newest offer's, if it is another one */
		n->pull_us += PULL_AGAIN_US;
	} else {
		install(c, n);
	}
}

void cluster_hold_end(struct cluster *c, struct cluster_node *n)
{
	n->held_us = 0;
	raft_apply_hold(n->core, false);
	drain(c, n);
}

/* --- life --------------------------------------------------------------------------------- */

/* A snapshot that the log does not hold was to be installed: its start does it. */
void cluster_snapshot_start(struct cluster *c, struct cluster_node *n, struct raft_options *o)
{
	struct raft_snapshot *newest = &n->snapshot[0], *older = &n->snapshot[1];
	bool finish = newest->index > n->disk.last ||
		      (newest->index > 0 && n->disk.entry[newest->index].term != newest->term);

	if (finish) {
		log_replace(c, n);
		c->installs_finished++;
	} else if (older->index > 0 && older->index >= n->base && cluster_random(c, 4) == 0) {
		*newest = *older; /* the newer one is damaged */
		*older = (struct raft_snapshot){0};
		c->fallbacks++;
	}
	o->base_index = n->base;
	o->base_term = n->base ? n->disk.entry[n->base].term : 0;
	o->applied = newest->index;
	o->last_index = n->disk.last;
	n->pull = n->offered = (struct raft_snapshot){0};
	n->held_us = 0;
}
