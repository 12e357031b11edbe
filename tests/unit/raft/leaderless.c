/*
 * The gaps between leaders, by links, disks and terms (leaderless.h).
 */
#include "tests/unit/raft/leaderless.h"

#include "tests/unit/raft/check.h"

#include <stdlib.h>

void gaps_add(struct gaps *g, uint32_t length)
{
	if (g->count == g->room) {
		g->room = g->room * 2 + 64;
		g->length = realloc(g->length, g->room * sizeof(*g->length));
		assert(g->length);
	}
	g->length[g->count++] = length;
}

static int by_length(const void *a, const void *b)
{
	const uint32_t *x = a;
	const uint32_t *y = b;

	return *x < *y ? -1 : *x > *y;
}

uint32_t gaps_quantile(struct gaps *g, uint32_t permyriad)
{
	if (g->count == 0)
		return 0;
	qsort(g->length, g->count, sizeof(*g->length), by_length);
	uint64_t rank = ((uint64_t)g->count * permyriad + 9999) / 10000;
	return g->length[rank > 0 ? rank - 1 : 0];
}

uint32_t gaps_max(const struct gaps *g)
{
	uint32_t max = 0;

	for (uint32_t i = 0; i < g->count; i++)
		max = g->length[i] > max ? g->length[i] : max;
	return max;
}

void gaps_free(struct gaps *g)
{
	free(g->length);
	*g = (struct gaps){0};
}

static bool awake(const struct cluster_node *n)
{
	return n->core && !n->paused;
}

/* Those with whom it exchanges messages, itself among them. */
static uint32_t exchange(const struct cluster *c, uint32_t i)
{
	uint32_t with = 0;

	for (uint32_t k = 0; k < c->options.nodes; k++) {
		if (awake(&c->node[i]) && awake(&c->node[k]) && !c->cut[i][k] && !c->cut[k][i])
			with |= 1u << k;
	}
	return with;
}

static uint32_t quorum(const struct cluster *c)
{
	return c->options.nodes / 2 + 1;
}

void leaderless_init(struct leaderless *l, const struct cluster *c)
{
	*l = (struct leaderless){.length_max = UINT32_MAX};
	for (uint32_t s = 0; s < 1u << c->options.nodes; s++) {
		if ((uint32_t)__builtin_popcount(s) == quorum(c)) {
			assert(l->majority_count < MAJORITIES_MAX);
			l->majority[l->majority_count++] = (uint8_t)s;
		}
	}
}

enum trust { NO_DISK, DISKS_IN_DOUBT };

static bool can_commit(const struct cluster *c, const struct cluster_node *n, enum trust trust)
{
	uint32_t with = exchange(c, (uint32_t)(n - c->node));
	uint32_t hold = 0;

	for (uint32_t k = 0; k < c->options.nodes; k++) {
		const struct cluster_node *other = &c->node[k];
		bool doubt = trust == DISKS_IN_DOUBT && !other->stalled;
		hold += (with >> k & 1) && (!other->disk_held || doubt) &&
			raft_get_term(other->core) <= raft_get_term(n->core);
	}
	return hold >= quorum(c);
}

static bool disk_in_doubt(const struct cluster *c)
{
	for (uint32_t i = 0; i < c->options.nodes; i++) {
		const struct cluster_node *n = &c->node[i];
		if (awake(n) && raft_get_role(n->core) == RAFT_LEADER &&
		    !can_commit(c, n, NO_DISK) && can_commit(c, n, DISKS_IN_DOUBT))
			return true;
	}
	return false;
}

/* By their numbers: the majorities whose members all hear each other. */
static uint64_t majorities(const struct leaderless *l, const struct cluster *c)
{
	uint32_t with[CLUSTER_NODES_MAX];
	uint64_t found = 0;

	if (disk_in_doubt(c))
		return 0;
	for (uint32_t i = 0; i < c->options.nodes; i++)
		with[i] = c->node[i].disk_held ? 0 : exchange(c, i);
	for (uint32_t m = 0; m < l->majority_count; m++) {
		uint32_t set = l->majority[m];
		bool all = true;

		for (uint32_t i = 0; i < c->options.nodes; i++)
			all = all && (!(set >> i & 1) || (with[i] & set) == set);
		found |= (uint64_t)all << m;
	}
	return found;
}

struct cluster_node *leaderless_leader(struct cluster *c)
{
	for (uint32_t i = 0; i < c->options.nodes; i++) {
		struct cluster_node *n = &c->node[i];
		if (awake(n) && raft_get_role(n->core) == RAFT_LEADER && can_commit(c, n, NO_DISK))
			return n;
	}
	return NULL;
}

bool leaderless_could(const struct leaderless *l, const struct cluster *c)
{
	return majorities(l, c) != 0;
}

static uint32_t length(const struct leaderless *l, const struct cluster *c)
{
	return (uint32_t)((c->now_us - l->since_us) * 1000 / c->options.election_us_max);
}

static void gap_begin(struct leaderless *l, const struct cluster *c, uint64_t whole)
{
	l->open = whole != 0;
	l->whole = whole;
	l->since_us = c->now_us;
	l->begun_in = l->row;
}

void leaderless_look(struct leaderless *l, struct cluster *c)
{
	const struct cluster_node *leader = leaderless_leader(c);
	uint64_t now = leader && !l->open ? 0 : majorities(l, c);

	l->whole &= now;
	if (l->open)
		check(c, length(l, c) <= l->length_max, "D19: without a leader for too long");
	if (leader) {
		raft_term term = raft_get_term(leader->core);
		bool news = term != l->led_term;

		if (l->open && news)
			gaps_add(l->begun_in, length(l, c));
		else if (l->open)
			l->begun_in->came_back++;
		l->changes += news;
		l->led_term = term;
		l->open = false;
	} else if (l->open && l->whole == 0) {
		l->begun_in->cut_short++;
		gap_begin(l, c, now);
	} else if (!l->open && now != 0) {
		gap_begin(l, c, now);
	}
}
