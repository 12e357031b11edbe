/*
 * The losses of a member of a simulated cluster (cluster.h): its directory, the end of its log, all
 * since a copy was taken.
 */
#include "tests/unit/raft/cluster.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void log_copy(struct stored_log *to, const struct stored_log *from)
{
	to->last = 0;
	for (raft_index i = 1; i <= from->last; i++)
		stored_log_set(to, i, from->entry[i]);
}

static void ghost_note(struct cluster_node *n)
{
	n->ghost = realloc(n->ghost, (n->ghosts + 1) * sizeof(n->ghost[0]));
	assert(n->ghost);
	n->ghost[n->ghosts] = (struct stored_log){.last = 0};
	log_copy(&n->ghost[n->ghosts++], &n->disk);
}

void cluster_wipe(struct cluster *c, struct cluster_node *n)
{
	assert(!n->core);
	ghost_note(n);
	n->disk.last = 0;
	n->disk_hard = (struct raft_hard_state){0};
	n->base = 0;
	memset(n->snapshot, 0, sizeof(n->snapshot));
	n->wiped = true;
	c->wipes++;
}

void cluster_lose(struct cluster *c, struct cluster_node *n, raft_index keep)
{
	assert(!n->core);
	assert(keep < n->disk.last);
	assert(keep >= n->base);
	ghost_note(n);
	n->disk.last = keep;
	n->lost = true;
	n->untold = false;
	n->in_doubt = n->ever_lost = true;
	c->losses++;
}

void cluster_copy(struct cluster *c, struct cluster_node *n)
{
	n->copy.hard = n->disk_hard;
	n->copy.lost = n->lost;
	n->copy.starts = n->starts;
	n->copy.crashes = c->crashes;
	memcpy(n->copy.witness, n->witness, sizeof(n->witness));
	n->copy.witness_count = n->witness_count;
	memcpy(n->copy.snapshot, n->snapshot, sizeof(n->snapshot));
	n->copy.base = n->base;
	log_copy(&n->copy.log, &n->disk);
}

void cluster_roll_back(struct cluster *c, struct cluster_node *n)
{
	assert(!n->core);
	assert(n->copy.starts > 0);
	ghost_note(n);
	log_copy(&n->disk, &n->copy.log);
	n->disk_hard = n->copy.hard;
	n->starts = n->copy.starts;
	memcpy(n->witness, n->copy.witness, sizeof(n->witness));
	n->witness_count = n->copy.witness_count;
	memcpy(n->snapshot, n->copy.snapshot, sizeof(n->snapshot));
	n->base = n->copy.base;
	n->lost = n->copy.lost;
	n->untold = !n->lost;
	n->in_doubt = n->ever_lost = true;
	c->roll_backs++;
}
