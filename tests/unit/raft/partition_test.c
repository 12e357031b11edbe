/*
 * D19 in virtual time: wherever there is a majority whose members all hear each other, the cluster
 * is without a leader for three of the longest election timeouts at most, in 99 of 100 times, and
 * never for more than eight. Networks are cut in every way that topology.h names, at random moments
 * and for random times, with loss, delay, duplicates and slow disks, and at times one that hangs;
 * the timers are those of the stated profile and those for servers of their own. All of it with the
 * checkers of cluster.h, and what was acknowledged is there when the network is whole again.
 *
 *	partition_test [--seconds N]    seeds in turn, for so long (or QUOIN_LOOP_SECONDS)
 *	partition_test --seed N [--topology NAME]   one of them, exactly
 */
#include "base/clock.h"
#include "base/mix.h"
#include "tests/unit/raft/check.h"
#include "tests/unit/raft/scene.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	SECONDS = 8,
	SEEDS_MIN = 30, /* even if the machine is slow */
	EPISODES = 12,  /* of one seed */

	/* In thousandths of the longest election timeout. */
	LENGTH_P99_MAX = 3000,
	LENGTH_MAX = 8000,
	/* A quantile of fewer says nothing. */
	SAMPLES_MIN = 200,

	/* A network that stands still has so many leaders at most after its first one. */
	CHANGES_MAX = 2,

	/* Rows after those of the topologies. */
	ROW_HUNG = TOPOLOGY_END,
	ROW_REJOINED,
	ROWS,

	SIZES = 3, /* of clusters */
};

static const uint32_t sizes[SIZES] = {3, 5, 7};

static const char *program;
static const struct scene *now;
static enum topology only = TOPOLOGY_END; /* all of them */
static struct gaps all[SIZES][ROWS];
static struct gaps *row; /* of clusters of this size */
static uint64_t episodes, steps, elections, commits, stable, rejoins;

static void replay_print(struct cluster *c)
{
	fprintf(stderr, "  drawn: %s; who is not heard by whom:", topology_name(now->t.is));
	for (uint32_t i = 0; i < c->options.nodes * c->options.nodes; i++) {
		uint32_t from = i / c->options.nodes;
		uint32_t to = i % c->options.nodes;
		if (c->cut[from][to])
			fprintf(stderr, " n%u n%u,", from + 1, to + 1);
	}
	for (uint32_t i = 0; i < c->options.nodes; i++) {
		if (c->node[i].disk_held)
			fprintf(stderr, " n%u's disk hangs", i + 1);
	}
	fprintf(stderr, "\nreplay: %s --seed %" PRIu64 "%s%s\n", program, c->options.seed,
		only == TOPOLOGY_END ? "" : " --topology ",
		only == TOPOLOGY_END ? "" : topology_name(only));
}

/* All in parts of the longest election timeout: 300 ms, or 4 ms. */
static struct cluster_options options_draw(uint64_t seed)
{
	const uint64_t x = seed * MIX_STEP >> 16;
	const bool bare = x >> 12 & 1;
	const uint64_t longest = bare ? 4000 : 300000;
	struct cluster_options o = {
		.nodes = sizes[seed % SIZES],
		.seed = seed,
		.loss_permille = (uint32_t[]){0, 0, 10, 50}[x & 3],
		.duplicate_permille = (uint32_t[]){0, 20, 200, 0}[x >> 2 & 3],
		.late_permille = (uint32_t[]){0, 0, 0, 5}[x >> 4 & 3],
		.delay_us_min = 2,
		.delay_us_max = longest / (uint64_t[]){1500, 300, 100, 60}[x >> 6 & 3],
		.disk_us_min = 1,
		.disk_us_max = longest / (uint64_t[]){3000, 600, 30, 15}[x >> 8 & 3],
		.disk_stall_us = bare ? 50000 : 300000, /* node/disk.c: without a word of it */
		.append_size_max = (uint32_t[]){1216, 1400, 9000, 2500}[x >> 10 & 3],
		.heartbeat_us = bare ? 200 : 20000,
		.election_us_min = longest / 2,
		.election_us_max = longest,
		.promise_us = longest / 2,
	};
	return o;
}

/* A leader is found there, whether or not there is a majority whose members all hear each other. */
static bool has_leader_in_the_end(const struct scene *s)
{
	return (s->t.is == TOPOLOGY_CHAIN && s->c.options.nodes <= 5) || s->t.is == TOPOLOGY_STAR ||
	       leaderless_could(&s->l, &s->c);
}

/* It has a leader by now, and keeps it: no storm (R28, R30). */
static void keeps_leader(struct scene *s)
{
	struct cluster *c = &s->c;
	const struct cluster_node *leader = scene_leader(s, scene_timeouts(s, 8));
	check(c, leader, "no leader, where there can be one");
	raft_term term = raft_get_term(leader->core);
	scene_run(s, scene_timeouts(s, 8));
	check(c, leaderless_leader(c) == leader && raft_get_term(leader->core) == term,
	      "the leader changes, and nothing else did");
	check(c, s->l.changes <= CHANGES_MAX, "a storm of elections");
	if (s->l.changes > s->l.row->changes_max)
		s->l.row->changes_max = s->l.changes;
	stable++;
}

static void disk_hang(struct scene *s)
{
	struct cluster *c = &s->c;
	struct cluster_node *n = cluster_leader(c);

	if (!n || cluster_random(c, 2))
		n = &c->node[cluster_random(c, c->options.nodes)];
	n->disk_held = true;
	s->l.row = &row[ROW_HUNG];
}

/*
 * The network changes while there is a leader, or while one is to be found: it ends, or all do. Not
 * all where nobody hears a majority: who was started votes when one has told what it knows of it.
 */
static void restarts_draw(struct scene *s, bool alone)
{
	struct cluster *c = &s->c;
	uint64_t which = cluster_random(c, 8) + alone;
	struct cluster_node *leader = cluster_leader(c);

	for (uint32_t i = 0; i < c->options.nodes; i++) {
		struct cluster_node *n = &c->node[i];
		if (!n->core || which > 2 || (which > 0 && n != leader))
			continue;
		cluster_crash(c, n, (uint32_t)cluster_random(c, 3));
		cluster_start(c, n);
	}
}

static void episode(struct scene *s)
{
	struct cluster *c = &s->c;
	enum topology is = only;

	if (is == TOPOLOGY_END)
		is = 1 + (enum topology)cluster_random(c, TOPOLOGY_END - 1);
	bool alone = is == TOPOLOGY_CHAIN || is == TOPOLOGY_STAR;
	if (alone || cluster_random(c, 4) == 0)
		scene_settle(s);
	s->client_us = alone ? UINT64_MAX : c->now_us;
	scene_run(s, cluster_random(c, scene_timeouts(s, 1)));
	topology_draw(&s->t, c, is, cluster_leader(c));
	restarts_draw(s, alone);
	s->l.row = &row[is];
	s->l.changes = 0;
	bool hung = !alone && cluster_random(c, 8) == 0;
	if (hung)
		disk_hang(s);
	scene_run(s, cluster_random(c, scene_timeouts(s, 12)));
	if (is < TOPOLOGY_LINK_FLAPS && !hung && has_leader_in_the_end(s) &&
	    cluster_random(c, 4) == 0)
		keeps_leader(s);
	topology_heal(&s->t, c);
	s->l.row = &row[TOPOLOGY_WHOLE];
	check(c, scene_leader(s, scene_timeouts(s, 8)),
	      "no leader when the network is whole again");
	episodes++;
}

/*
 * R30: one that hears nobody, or that nobody hears, for however long, comes back: the leader stays,
 * and so does the term.
 */
static void rejoin(struct scene *s)
{
	struct cluster *c = &s->c;
	const struct cluster_node *leader = scene_settle(s);
	raft_term term = raft_get_term(leader->core);
	const struct cluster_node *n = scene_other(s, leader);
	uint32_t ways = 1 + (uint32_t)cluster_random(c, 3);

	s->client_us = c->now_us;
	s->l.row = &row[ROW_REJOINED];
	scene_cut(s, n, ways & 1, ways & 2);
	scene_run(s, cluster_random(c, scene_timeouts(s, 1) << cluster_random(c, 5)));
	scene_cut(s, n, false, false);
	scene_run(s, scene_timeouts(s, 3));
	check(c, leaderless_leader(c) == leader && raft_get_term(leader->core) == term,
	      "R30: one that came back has deposed the leader");
	check(c, raft_get_term(n->core) == term, "R30: its term has grown without it");
	rejoins++;
}

static void campaign(uint64_t seed)
{
	const struct cluster_options o = options_draw(seed);
	struct scene *s = scene_new(&o);

	now = s;
	row = all[seed % SIZES];
	s->c.failed = replay_print;
	s->l.length_max = LENGTH_MAX;
	s->l.row = &row[TOPOLOGY_WHOLE];
	for (uint32_t i = 0; i < EPISODES; i++)
		episode(s);
	/* Frames that are lost so often are one's own way to be deposed. */
	if (o.loss_permille < 50)
		rejoin(s);
	scene_settle(s);
	steps += s->c.steps;
	elections += s->c.elections;
	commits += s->c.commits;
	scene_free(s);
	now = NULL;
}

static void row_print(const char *name, struct gaps *g)
{
	static const uint32_t permyriad[] = {5000, 9000, 9900, 9990};

	printf("%-15s %6u", name, g->count);
	for (uint32_t i = 0; i < 4; i++)
		printf(" %6.2f", gaps_quantile(g, permyriad[i]) / 1000.0);
	printf(" %6.2f %9u %9u %7u\n", gaps_max(g) / 1000.0, g->came_back, g->cut_short,
	       g->changes_max);
}

static void merge(struct gaps *to, const struct gaps *from)
{
	for (uint32_t i = 0; i < from->count; i++)
		gaps_add(to, from->length[i]);
	to->came_back += from->came_back;
	to->cut_short += from->cut_short;
	if (from->changes_max > to->changes_max)
		to->changes_max = from->changes_max;
}

/* Prints it, and frees it. False: it is not within the bound. */
static bool within(const char *name, struct gaps *g)
{
	uint32_t p99 = gaps_quantile(g, 9900);
	bool good = g->count < SAMPLES_MIN || p99 <= LENGTH_P99_MAX;

	row_print(name, g);
	if (!good)
		printf("D19: %s: more than 1 in 100 last longer than %.2f timeouts\n", name,
		       LENGTH_P99_MAX / 1000.0);
	gaps_free(g);
	return good;
}

static const char *row_name(uint32_t i)
{
	return i == ROW_HUNG ? "disk-hung" : i == ROW_REJOINED ? "rejoined" : topology_name(i);
}

static bool report(void)
{
	bool good = true;

	printf("time without a leader, in longest election timeouts\n");
	printf("%-15s %6s %6s %6s %6s %6s %6s %9s %9s %7s\n", "", "gaps", "p50", "p90", "p99",
	       "p99.9", "max", "came back", "cut short", "changes");
	for (uint32_t i = 0; i < ROWS; i++) {
		struct gaps sum = {0};

		for (uint32_t k = 0; k < SIZES; k++)
			merge(&sum, &all[k][i]);
		good = within(row_name(i), &sum) && good;
	}
	for (uint32_t k = 0; k < SIZES; k++) {
		struct gaps sum = {0};
		char name[16];

		for (uint32_t i = 0; i < ROWS; i++) {
			merge(&sum, &all[k][i]);
			gaps_free(&all[k][i]);
		}
		snprintf(name, sizeof(name), "%u members", sizes[k]);
		good = within(name, &sum) && good;
	}
	return good;
}

static int usage(void)
{
	fprintf(stderr, "usage: %s [--seconds N] [--seed N] [--topology NAME]\n", program);
	return 2;
}

int main(int argc, char **argv)
{
	const char *loop = getenv("QUOIN_LOOP_SECONDS");
	uint64_t seconds = loop ? strtoull(loop, NULL, 10) : SECONDS;
	uint64_t seed = 0;
	uint64_t start = clock_now();

	program = argv[0];
	for (int i = 1; i < argc; i += 2) {
		if (i + 1 == argc)
			return usage();
		if (strcmp(argv[i], "--seed") == 0)
			seed = strtoull(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--seconds") == 0)
			seconds = strtoull(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--topology") != 0)
			return usage();
		for (enum topology k = 1; strcmp(argv[i], "--topology") == 0 && k < TOPOLOGY_END;
		     k++) {
			if (strcmp(argv[i + 1], topology_name(k)) == 0)
				only = k;
		}
	}
	uint64_t first = seed ? seed : 1;
	uint64_t s = first;
	printf("SEED=%" PRIu64 " episodes=%d topology=%s window=%d seconds=%" PRIu64 "\n", first,
	       EPISODES, only == TOPOLOGY_END ? "any" : topology_name(only), RAFT_WINDOW_SLOTS,
	       seconds);
	fflush(stdout);
	for (; seed ? s == seed : s - first < SEEDS_MIN || clock_now() - start < seconds * CLOCK_S;
	     s++)
		campaign(s);
	bool good = report();
	printf("%" PRIu64 " seeds (at least %d), %" PRIu64 " episodes, %" PRIu64 " steps, %" PRIu64
	       " elections, %" PRIu64 " commits, %" PRIu64
	       " times a leader was to be kept, %" PRIu64 " members came back, %" PRIu64 " ms\n",
	       s - first, SEEDS_MIN, episodes, steps, elections, commits, stable, rejoins,
	       (clock_now() - start) / CLOCK_MS);
	return good ? 0 : 1;
}
