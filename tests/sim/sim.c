/*
 * The simulation: each round is a world of its own with its seed; faults come at random while
 * clients write and read, then everything is healed and verified.
 *
 *	sim [--seed N] [--rounds N] [--seconds N] [--nodes N]
 *
 * It runs until the seconds (or QUOIN_LOOP_SECONDS) are used, and at least SIM_ROUNDS_MIN rounds;
 * a failure prints the seed of its round, and `sim --seed N --rounds 1` is that round again.
 */
#include "tests/sim/world.h"

#include "node/internal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SIM_ROUNDS_MIN = 3, SIM_FAULT_STEPS = 30 };

#define MS 1000000ull

struct totals {
	uint64_t rounds, steps, elections, puts, gets, timeouts, crashes, cuts, pauses, slow_disks,
		wipes, resets, clusters, stood_still, delivered;
};

/* Whatever happens to them, members never ask so often that they are not heard (N9). */
static void check_questions(const struct sim_world *w)
{
	for (uint32_t i = 0; i < w->node_count; i++) {
		const struct node *n = w->node[i].node;

		if (n && n->counters.over_seldom > 0)
			sim_fail(w, i, "an honest member was not heard", n->counters.over_seldom,
				 0);
	}
}

static uint32_t up_count(const struct sim_world *w)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < w->node_count; i++)
		count += w->node[i].node != NULL;
	return count;
}

/* Half of the time the leader: it is the one whose loss is interesting. */
static uint32_t pick(struct sim_world *w)
{
	int leader = sim_leader(w);

	if (leader >= 0 && sim_random_below(&w->random, 2))
		return (uint32_t)leader;
	return (uint32_t)sim_random_below(&w->random, w->node_count);
}

static void fault_crash(struct sim_world *w, struct totals *t)
{
	uint32_t i = pick(w);

	if (w->node[i].node) {
		sim_node_crash(w, i);
		w->node[i].up_at_ns = w->now_ns + sim_random_below(&w->random, 1500 * MS);
		t->crashes++;
	}
}

static void fault_cut(struct sim_world *w, struct totals *t)
{
	uint32_t i = pick(w);
	bool in = sim_random_below(&w->random, 3) != 0,
	     out = !in || sim_random_below(&w->random, 2);

	for (uint32_t j = 0; j < w->node_count; j++) {
		/* A partial partition now and then: some of the links only (R27). */
		if (j == i || sim_random_below(&w->random, 4) == 0)
			continue;
		if (in)
			sim_net_cut(w->net, j, i, true);
		if (out)
			sim_net_cut(w->net, i, j, true);
	}
	t->cuts++;
}

static void fault_loss(struct sim_world *w)
{
	struct sim_net_faults faults = {
		.loss_ppm = (uint32_t)sim_random_below(&w->random, 200000),
		.duplicate_ppm = (uint32_t)sim_random_below(&w->random, 100000),
		.delay_ns_min = 1000 + sim_random_below(&w->random, 50000),
	};

	faults.delay_ns_max = faults.delay_ns_min + sim_random_below(&w->random, 5 * MS);
	sim_net_set_faults(w->net, &faults);
}

static void calm(struct sim_world *w)
{
	struct sim_net_faults none = {.delay_ns_min = 2000, .delay_ns_max = 20000};

	sim_net_heal(w->net);
	sim_net_set_faults(w->net, &none);
}

/* A member that waits to join would wait for ever, if nobody is left to let it in. */
static void restart_existing(struct sim_world *w)
{
	for (uint32_t i = 0; i < w->node_count; i++) {
		if (node_get_formation(w->node[i].node) == FORMATION_FRESH) {
			sim_node_crash(w, i);
			sim_node_start(w, i);
		}
	}
}

static void restart_due(struct sim_world *w, bool all)
{
	for (uint32_t i = 0; i < w->node_count; i++) {
		if (!w->node[i].node && (all || w->node[i].up_at_ns <= w->now_ns))
			sim_node_start(w, i);
	}
}

/* Any number, in any order, at any time; started as `new` or `existing` afterwards (F1, V1, V2). */
static void fault_wipe(struct sim_world *w, struct totals *t)
{
	uint32_t i = pick(w);

	if (w->node[i].node)
		sim_node_crash(w, i);
	sim_node_wipe(w, i);
	w->node[i].existing = sim_random_below(&w->random, 4) == 0;
	w->node[i].up_at_ns = w->now_ns + sim_random_below(&w->random, 500 * MS);
	t->wipes++;
}

static void fault_reset(struct sim_world *w, struct totals *t)
{
	uint32_t i = pick(w);

	if (w->node[i].node && node_get_formation(w->node[i].node) != FORMATION_FORMED)
		t->resets += sim_node_reset(w, i);
}

static void fault(struct sim_world *w, struct totals *t)
{
	uint32_t i;

	switch (sim_random_below(&w->random, 10)) {
	case 0:
	case 1:
		fault_crash(w, t);
		break;
	case 2: /* power: everybody at once */
		for (i = 0; i < w->node_count; i++) {
			if (w->node[i].node)
				sim_node_crash(w, i);
			w->node[i].up_at_ns = w->now_ns + sim_random_below(&w->random, 200 * MS);
		}
		t->crashes += w->node_count;
		break;
	case 3:
		fault_cut(w, t);
		break;
	case 4:
		fault_loss(w);
		break;
	case 5: /* stopped by the scheduler, and back */
		i = pick(w);
		w->node[i].paused_until_ns = w->now_ns + sim_random_below(&w->random, 800 * MS);
		t->pauses++;
		break;
	case 6:
		i = pick(w);
		w->node[i].slow_until_ns = w->now_ns + sim_random_below(&w->random, 1000 * MS);
		t->slow_disks++;
		break;
	case 7:
		if (sim_random_below(&w->random, 1000) < w->wipe_permille)
			fault_wipe(w, t);
		else if (w->wipe_permille > 0)
			fault_reset(w, t);
		break;
	default:
		calm(w);
		break;
	}
}

/*
 * Half of the worlds keep all directories; in the others wipes come now and then, or so often that
 * most come while a cluster is being formed.
 */
static void world_draw(struct sim_world *w)
{
	static const uint32_t wipes[] = {0, 0, 100, 700};

	w->wipe_permille = wipes[sim_random_below(&w->random, 4)];
	w->durability = (enum wal_durability)sim_random_below(&w->random, 3);
}

static void round_run(uint64_t seed, uint32_t nodes, struct totals *t)
{
	static struct sim_world w;

	sim_world_prepare(&w, seed, nodes);
	world_draw(&w);
	sim_world_begin(&w, 4);
	for (int i = 0; i < SIM_FAULT_STEPS; i++) {
		/* Formation takes milliseconds: what comes while it lasts must come soon. */
		sim_world_run(&w, sim_random_below(&w.random, (w.clusters ? 400 : 40) * MS));
		restart_due(&w, false);
		fault(&w, t);
	}
	calm(&w);
	for (uint32_t i = 0; i < nodes; i++)
		w.node[i].existing = false;
	restart_due(&w, true);
	restart_existing(&w);
	assert(up_count(&w) == nodes);
	t->stood_still += !sim_world_verify(&w);
	t->rounds++;
	t->steps += w.steps;
	check_questions(&w);
	t->elections += w.elections;
	t->clusters += w.clusters;
	t->resets += w.resets;
	t->delivered += sim_net_delivered(w.net);
	for (uint32_t i = 0; i < w.client_count; i++) {
		t->puts += w.client[i].puts;
		t->gets += w.client[i].gets;
		t->timeouts += w.client[i].timeouts;
	}
	sim_world_destroy(&w);
}

static uint64_t argument(int argc, char **argv, const char *name, uint64_t otherwise)
{
	for (int i = 1; i + 1 < argc; i++) {
		if (!strcmp(argv[i], name))
			return strtoull(argv[i + 1], NULL, 10);
	}
	return otherwise;
}

int main(int argc, char **argv)
{
	uint64_t seed = argument(argc, argv, "--seed", (uint64_t)time(NULL));
	uint64_t rounds = argument(argc, argv, "--rounds", 0);
	const char *loop = getenv("QUOIN_LOOP_SECONDS");
	uint64_t seconds = argument(argc, argv, "--seconds", loop ? strtoull(loop, NULL, 10) : 20);
	uint64_t nodes = argument(argc, argv, "--nodes", 0);
	time_t end = time(NULL) + (time_t)seconds;
	struct totals t = {0};

	printf("SEED=%" PRIu64 " rounds=%" PRIu64 " seconds=%" PRIu64 " nodes=%" PRIu64 "\n", seed,
	       rounds, seconds, nodes);
	fflush(stdout);
	for (uint64_t i = 0; rounds ? i < rounds : i < SIM_ROUNDS_MIN || time(NULL) < end; i++) {
		uint32_t count = nodes ? (uint32_t)nodes : (seed + i) % 4 == 3 ? 5 : 3;

		round_run(seed + i, count, &t);
	}
	printf("%" PRIu64 " rounds (at least %d): %" PRIu64 " steps, %" PRIu64
	       " elections, %" PRIu64 " puts, %" PRIu64 " gets, %" PRIu64 " given up, %" PRIu64
	       " crashes, %" PRIu64 " cuts, %" PRIu64 " pauses, %" PRIu64 " slow disks, %" PRIu64
	       " wiped directories, %" PRIu64 " resets, %" PRIu64 " clusters, %" PRIu64
	       " stood still, %" PRIu64 " frames\n",
	       t.rounds, SIM_ROUNDS_MIN, t.steps, t.elections, t.puts, t.gets, t.timeouts,
	       t.crashes, t.cuts, t.pauses, t.slow_disks, t.wipes, t.resets, t.clusters,
	       t.stood_still, t.delivered);
	assert(t.puts > 0 && t.gets > 0 && t.crashes > 0);
	return 0;
}
