/*
 * The simulation: each round is a world of its own with its seed; faults come at random while
 * clients write and read and members come and go (draw/draw.h), then everything is healed and
 * verified.
 *
 *	sim [--seed N] [--rounds N] [--seconds N] [--nodes N]
 *
 * It runs until the seconds (or QUOIN_LOOP_SECONDS) are used, and at least SIM_ROUNDS_MIN rounds;
 * a failure prints what happened last and the seed of its round, and `sim --seed N --rounds 1` is
 * that round again.
 */
#include "tests/sim/draw/draw.h"

#include "kv/kv.h"
#include "node/internal.h"
#include "raft/internal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	SIM_ROUNDS_MIN = 4,   /* two of each kind */
	SIM_ROUNDS_ALL = 150, /* in so many each thing that is drawn comes up */
	SIM_FAULT_STEPS = 30,
	SIM_SPARE_HOSTS = 3,
	SIM_REST_STEPS_MAX = 1000, /* a second and node */
	/* D19: of the longest election timeout, 300 ms. */
	SIM_LEADER_MS_MAX = 8 * 300,
	SIM_HEAL_MS_MAX = 30000,
	SIM_LOG_BYTES_MIN = 4096,
	/* Built with a core of a small window, so that what is below it matters all the time. */
	SIM_BELOW = (int)RAFT_WINDOW_SLOTS < (int)RAFT_WINDOW,
	SIM_FORGETS = (int)KV_SESSIONS_MAX < (int)SIM_CLIENTS_MAX, /* built to forget sessions */
};

struct totals {
	uint64_t rounds, steps, elections, puts, gets, timeouts, clusters, stood_still, delivered;
	uint64_t leaderless_ms, leaderless_ms_max; /* after the faults */
	uint64_t expired, applied, gone;           /* puts whose session was forgotten */
	uint64_t beside, far;                      /* puts within a window */
	uint64_t taken, cut, installed, finished;  /* of snapshots */
	uint64_t rest_steps_max; /* a second and node, when nobody wants anything */
	uint64_t denials[STATUS_COUNT];
	struct sim_marks marks;
	struct draw_totals draw;
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

/*
 * Half of the worlds keep their members. Of these, half keep all directories; in the others wipes
 * come now and then, or so often that most come while a cluster is being formed.
 */
static void world_draw(struct draw *d)
{
	static const uint32_t wipes[] = {0, 0, 100, 700};
	struct sim_world *w = d->w;
	bool preferred = draw_below(d, 2);

	d->mixed = draw_below(d, 4) == 0;
	w->lease_reads = draw_below(d, 2);
	w->removed_waits = draw_below(d, 2);
	w->durability = (enum wal_durability)draw_below(d, d->members ? 2 : 3);
	if (!d->members)
		w->wipe_permille = wipes[draw_below(d, 4)];
	if (draw_below(d, 4) || SIM_BELOW)
		w->snapshot_log_bytes = (uint64_t)SIM_LOG_BYTES_MIN << draw_below(d, 5);
	if (draw_below(d, 2))
		w->log_keep_bytes = (uint64_t)SIM_LOG_BYTES_MIN << draw_below(d, 10);
	for (uint32_t i = 0; i < w->node_count; i++) {
		w->node[i].no_pre_vote = d->mixed && draw_below(d, 2);
		w->node[i].no_check_quorum = d->mixed && draw_below(d, 2);
		w->node[i].priority = preferred ? (uint8_t)draw_below(d, 3) : 0;
	}
}

static bool leads(const struct sim_world *w)
{
	int leader = sim_leader(w);
	const struct raft *r = leader < 0 ? NULL : w->node[leader].node->raft;

	return r && r->term_start != 0 && r->commit >= r->term_start;
}

/*
 * D19: in calm somebody leads, and has committed in its term; the time counts once each stands
 * where all tables have it, for until then not all hear each other.
 */
static void check_led(struct draw *d, struct totals *t)
{
	struct sim_world *w = d->w;
	uint64_t began_ns = w->now_ns, end_ns = w->now_ns + SIM_HEAL_MS_MAX * DRAW_MS, ms = 0;

	while (!leads(w)) {
		if (w->now_ns < end_ns && !draw_in_place(d)) {
			draw_heal(d);
			began_ns = w->now_ns;
		}
		ms = (w->now_ns - began_ns) / DRAW_MS;
		if (ms > SIM_LEADER_MS_MAX) {
			draw_note_members(d);
			sim_fail(w, 0, "D19: nobody leads", ms, SIM_LEADER_MS_MAX);
		}
		sim_world_run(w, DRAW_MS);
	}
	t->leaderless_ms += ms;
	if (ms > t->leaderless_ms_max)
		t->leaderless_ms_max = ms;
}

static void members_verify(struct draw *d, struct totals *t)
{
	struct sim_world *w = d->w;
	uint64_t end_ns;

	if (w->clusters == 0)
		sim_world_form(w);
	draw_heal(d); /* whoever is to stand elsewhere does */
	check_led(d, t);
	end_ns = w->now_ns + SIM_HEAL_MS_MAX * DRAW_MS;
	while (!draw_heal(d)) {
		if (w->now_ns < end_ns) {
			sim_world_run(w, 50 * DRAW_MS);
			continue;
		}
		draw_note_members(d);
		sim_fail(w, 0, "the members do not come to rest", 0, 0);
	}
	sim_world_agree(w);
	draw_check_members(d);
}

/*
 * Nobody wants anything: heartbeats and their answers pass, and hardly anything else (D11), beside
 * the questions of directories that wait to be of a cluster, as often as heartbeats.
 */
static void check_rest(struct sim_world *w, struct totals *t)
{
	uint64_t before, steps;

	if (!sim_world_settle(w, 20000 * DRAW_MS))
		sim_fail(w, 0, "no agreement before the rest", 0, 0);
	w->resting = true;
	before = w->steps;
	sim_world_run(w, 1000 * DRAW_MS);
	steps = w->steps - before;
	if (steps > SIM_REST_STEPS_MAX * w->node_count)
		sim_fail(w, 0, "they do not rest", steps, SIM_REST_STEPS_MAX * w->node_count);
	if (steps / w->node_count > t->rest_steps_max)
		t->rest_steps_max = steps / w->node_count;
}

static void heal(struct draw *d, struct totals *t)
{
	struct sim_world *w = d->w;

	draw_calm(d);
	for (uint32_t i = 0; i < w->node_count; i++) {
		w->node[i].existing = false;
		w->node[i].paused_until_ns = w->node[i].hangs_until_ns = w->now_ns;
		fake_space(w->node[i].disk, false, 0);
	}
	draw_restart(d, true);
	if (d->members) {
		members_verify(d, t);
		check_rest(w, t);
		return;
	}
	restart_existing(w);
	if (sim_world_verify(w))
		check_rest(w, t);
	else
		t->stood_still++;
}

static void one_step(struct draw *d)
{
	struct sim_world *w = d->w;

	/* Formation takes milliseconds: what comes while it lasts must come soon. */
	if (SIM_BELOW)
		draw_end(d);
	sim_world_run(w, sim_random_below(&w->random, (w->clusters ? 400 : 40) * DRAW_MS));
	w->ends_ns = 0;
	draw_restart(d, false);
	if (draw_below(d, 2))
		draw_fault(d);
	if (draw_below(d, 6) == 0)
		draw_transfer(d);
	if (!d->members || !sim_table(w))
		return;
	draw_hosts(d);
	draw_change(d);
	if (draw_below(d, 6) == 0)
		draw_lose(d);
}

static void totals_add(struct totals *t, const struct sim_world *w)
{
	t->rounds++;
	t->steps += w->steps;
	t->elections += w->elections;
	t->clusters += w->clusters;
	t->draw.resets += w->resets;
	t->delivered += sim_net_delivered(w->net);
	t->taken += w->taken;
	t->cut += w->cut;
	t->installed += w->installed;
	t->finished += w->finished;
	for (enum sim_moment m = SIM_MOMENT_NONE; m < SIM_MOMENTS; m++)
		t->marks.at[m] += w->marks.at[m];
	t->marks.resumed_started += w->marks.resumed_started;
	t->marks.resumed_lost += w->marks.resumed_lost;
	t->marks.resumed_leader += w->marks.resumed_leader;
	t->marks.soon += w->marks.soon;
	t->marks.begun += w->marks.begun;
	t->marks.below += w->marks.below;
	t->beside += w->beside;
	t->far += w->far;
	t->expired += w->expired;
	t->applied += w->applied;
	t->gone += w->gone;
	for (uint32_t i = 0; i < w->client_count; i++) {
		t->puts += w->client[i].puts;
		t->gets += w->client[i].gets;
		t->timeouts += w->client[i].timeouts;
		for (uint32_t k = 0; k < STATUS_COUNT; k++)
			t->denials[k] += w->client[i].denials[k];
	}
}

static void round_run(uint64_t seed, uint32_t nodes, struct totals *t)
{
	static struct sim_world w;
	static struct draw d;

	d = (struct draw){.w = &w, .t = &t->draw, .members = seed % 2};
	sim_world_prepare(&w, seed, 1);
	if (!nodes)
		nodes = 1 + draw_below(&d, RAFT_VOTERS_MAX);
	sim_world_hosts(&w, nodes, d.members ? SIM_SPARE_HOSTS : 0);
	world_draw(&d);
	sim_world_begin(&w, 4);
	for (int i = 0; i < SIM_FAULT_STEPS; i++)
		one_step(&d);
	heal(&d, t);
	check_questions(&w);
	totals_add(t, &w);
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

static void print(const struct totals *t)
{
	const struct draw_totals *d = &t->draw;

	printf("%" PRIu64 " rounds (at least %d): %" PRIu64 " steps, %" PRIu64
	       " elections, %" PRIu64 " puts, %" PRIu64 " gets, %" PRIu64 " given up, %" PRIu64
	       " clusters, %" PRIu64 " stood still, %" PRIu64 " frames\n",
	       t->rounds, SIM_ROUNDS_MIN, t->steps, t->elections, t->puts, t->gets, t->timeouts,
	       t->clusters, t->stood_still, t->delivered);
	printf("faults: %" PRIu64 " crashes, %" PRIu64 " cuts, %" PRIu64 " pauses, %" PRIu64
	       " slow disks, %" PRIu64 " that hung, %" PRIu64 " full, %" PRIu64
	       " clocks that drift, %" PRIu64 " that leapt, %" PRIu64 " wiped directories, %" PRIu64
	       " resets\n",
	       d->crashes, d->cuts, d->pauses, d->slow_disks, d->hangs, d->full_disks, d->drifts,
	       d->leaps, d->wipes, d->resets);
	printf("members: %" PRIu64 " changes asked for, %" PRIu64 " refused, %" PRIu64
	       " done (%" PRIu64 " of leaders), %" PRIu64 " rolled back; %" PRIu64
	       " tables, %" PRIu64 " joint; %" PRIu64 " joined, %" PRIu64 " moved (%" PRIu64
	       " of two voters), %" PRIu64 " lost, %" PRIu64 " ended, %" PRIu64
	       " knew why (%" PRIu64 " were told in the end); %" PRIu64 " hand-overs\n",
	       d->asked, d->refused, d->done, d->of_leaders, d->rolled_back, d->tables, d->joints,
	       d->joined, d->moved, d->moved_of_two, d->lost, d->ended, d->learned, d->told,
	       d->transfers);
	printf("puts beside others of their session: %" PRIu64 ", %" PRIu64
	       " of them far above the oldest; %" PRIu64 " expired (%" PRIu64
	       " had been applied), of %" PRIu64 " the answer was gone\n",
	       t->beside, t->far, t->expired, t->applied, t->gone);
	printf("snapshots: %" PRIu64 " taken, %" PRIu64 " times a log was cut, %" PRIu64
	       " installed, %" PRIu64 " finished by a start\n",
	       t->taken, t->cut, t->installed, t->finished);
	printf("pulls that went on: %" PRIu64 " after a start, %" PRIu64 " after a loss, %" PRIu64
	       " under another leader; %" PRIu64 " soon after another, %" PRIu64
	       " of logs longer than the window; %" PRIu64 " starts behind a base\n",
	       t->marks.resumed_started, t->marks.resumed_lost, t->marks.resumed_leader,
	       t->marks.soon, t->marks.below, t->marks.begun);
	for (enum sim_moment m = SIM_MOMENT_NONE + 1; SIM_BELOW && m < SIM_MOMENTS; m++)
		printf("%s%s %" PRIu64 "%s", m == 1 ? "ended at: " : "", sim_moment_name(m),
		       t->marks.at[m], m + 1 < SIM_MOMENTS ? ", " : "\n");
	printf("puts given up as not done: %" PRIu64 " for want of a leader, %" PRIu64
	       " of space, %" PRIu64 " by a learner\n",
	       t->denials[WIRE_NO_LEADER], t->denials[WIRE_NO_SPACE], t->denials[WIRE_LEARNER]);
	printf("without a leader after the faults: %" PRIu64 " ms in all, %" PRIu64
	       " at most (of %d)\n",
	       t->leaderless_ms, t->leaderless_ms_max, SIM_LEADER_MS_MAX);
	printf("at rest, a second and node: %" PRIu64 " steps at most (of %d)\n", t->rest_steps_max,
	       SIM_REST_STEPS_MAX);
}

/* A run that is long enough, and never met something, proves nothing of it. */
static void check_met(const struct totals *t)
{
	const struct draw_totals *d = &t->draw;
	const struct {
		const char *what;
		uint64_t count;
	} met[] = {
		{"crashes", d->crashes},
		{"cuts", d->cuts},
		{"pauses", d->pauses},
		{"slow disks", d->slow_disks},
		{"disks that hung", d->hangs},
		{"full disks", d->full_disks},
		{"clocks that drift", d->drifts},
		{"clocks that leapt", d->leaps},
		{"wiped directories", d->wipes},
		{"hand-overs", d->transfers},
		{"changes refused", d->refused},
		{"changes of leaders", d->of_leaders},
		{"joint tables", d->joints},
		{"who joined", d->joined},
		{"who moved", d->moved},
		{"one of two who moved", d->moved_of_two},
		{"who lost his directory", d->lost},
		{"who ended", d->ended},
		{"who was removed and knew it", d->learned},
		{"snapshots", t->taken},
		{"logs that were cut", t->cut},
		{"snapshots that were installed", t->installed},
		{"pulls that went on after a start", t->marks.resumed_started + !SIM_BELOW},
		{"pulls that went on after a loss", t->marks.resumed_lost + !SIM_BELOW},
		{"pulls that went on under another leader", t->marks.resumed_leader + !SIM_BELOW},
		{"installs soon after another", t->marks.soon + !SIM_BELOW},
		{"installs of logs longer than the window", t->marks.below + !SIM_BELOW},
		{"starts behind a base", t->marks.begun},
		{"puts beside others of their session", t->beside},
		{"puts far above the oldest of their session", t->far},
		{"puts whose session expired", t->expired + !SIM_FORGETS},
		{"puts that were applied and whose session expired", t->applied + !SIM_FORGETS},
		{"puts whose answer was gone", t->gone + !SIM_FORGETS},
		{"puts denied for want of a leader", t->denials[WIRE_NO_LEADER]},
		{"puts denied for want of space", t->denials[WIRE_NO_SPACE]},
		{"puts denied by a learner", t->denials[WIRE_LEARNER]},
	};

	for (size_t i = 0; t->rounds >= SIM_ROUNDS_ALL && i < sizeof(met) / sizeof(met[0]); i++) {
		if (met[i].count > 0)
			continue;
		fprintf(stderr, "in %" PRIu64 " rounds it never met: %s\n", t->rounds, met[i].what);
		exit(1);
	}
	for (enum sim_moment m = 1; SIM_BELOW && t->rounds >= SIM_ROUNDS_ALL && m < SIM_MOMENTS;
	     m++) {
		if (t->marks.at[m] > 0)
			continue;
		fprintf(stderr, "in %" PRIu64 " rounds nobody ended at %s\n", t->rounds,
			sim_moment_name(m));
		exit(1);
	}
}

int main(int argc, char **argv)
{
	uint64_t seed = argument(argc, argv, "--seed", (uint64_t)time(NULL));
	uint64_t rounds = argument(argc, argv, "--rounds", 0);
	const char *loop = getenv("QUOIN_LOOP_SECONDS");
	uint64_t seconds = argument(argc, argv, "--seconds", loop ? strtoull(loop, NULL, 10) : 20);
	uint64_t nodes = argument(argc, argv, "--nodes", 0);
	time_t end = time(NULL) + (time_t)seconds;
	static struct totals t;

	printf("SEED=%" PRIu64 " rounds=%" PRIu64 " seconds=%" PRIu64 " nodes=%" PRIu64 "\n", seed,
	       rounds, seconds, nodes);
	fflush(stdout);
	for (uint64_t i = 0; rounds ? i < rounds : i < SIM_ROUNDS_MIN || time(NULL) < end; i++)
		round_run(seed + i, (uint32_t)nodes, &t);
	print(&t);
	check_met(&t);
	assert(!SIM_FORGETS || t.expired > 0);
	assert(rounds || (t.puts > 0 && t.gets > 0 && t.draw.crashes > 0 && t.draw.done > 0));
	return 0;
}
