/*
 * Randomised clusters: loss, duplication, reordering, disks that are slow or hang, crashes, pauses,
 * clocks that are off, partitions, changes of members, snapshots and bases, in virtual time, with
 * the checkers of cluster.h at every step; then the faults end, and the cluster must elect, commit
 * and apply everywhere, and have the members that were asked for.
 *
 *	random_test                     a few seeds of each kind, to a budget
 *	random_test --seed N [--steps N] [--nodes N]   one campaign, exactly
 */
#include "base/clock.h"
#include "base/mix.h"
#include "tests/unit/raft/check.h"
#include "tests/unit/raft/drawn.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	STEPS_DEFAULT = 30000,
	BUDGET_MS = 6000,
	SEEDS_MIN = 4,   /* even if the machine is slow */
	SEEDS_MAX = 150, /* beyond the budget, until all kinds of changes happened */

	DRIFT_PPM = 100000, /* of a clock: 0.9 : 1.1 is within what a lease allows (raft/lease.c) */
};

static const char *program;
static uint64_t steps_wanted = STEPS_DEFAULT;
static uint64_t within_start, within_start_lost; /* roll-backs within a start, and of those lost */
static uint64_t held;                            /* crashes that did not happen (must_go_on) */
static uint64_t pauses, transfers;

static void replay_print(struct cluster *c)
{
	fprintf(stderr, "replay: %s --seed %" PRIu64 " --steps %" PRIu64 " --nodes %u\n", program,
		c->options.seed, steps_wanted, c->formed.count);
}

static struct cluster_options options_draw(uint64_t seed, uint32_t nodes)
{
	uint64_t x = seed * MIX_STEP >> 16;
	struct cluster_options o = {
		.nodes = nodes,
		.seed = seed,
		.loss_permille = (uint32_t[]){0, 10, 50, 200}[x & 3],
		.duplicate_permille = (uint32_t[]){0, 20, 200, 20}[x >> 2 & 3],
		.late_permille = (uint32_t[]){0, 30, 0, 5}[x >> 11 & 3],
		.delay_us_min = 20,
		.delay_us_max = (uint64_t[]){30, 200, 5000, 40000}[x >> 4 & 3],
		.disk_us_min = 50,
		.disk_us_max = (uint64_t[]){60, 500, 20000, 60000}[x >> 6 & 3],
		.disk_stall_us = (uint64_t[]){300000, 0, 50000, 300000}[x >> 13 & 3],
		.fetch_fail_permille = (uint32_t[]){0, 500}[x >> 8 & 1],
		.append_size_max = (uint32_t[]){1216, 1400, 9000, 2500}[x >> 9 & 3],
		.lease_reads = x >> 15 & 1,
		.heartbeat_us = 20000,
		.election_us_min = 150000,
		.election_us_max = 300000,
		.promise_us = 150000,
		/* R37: then a leader that is to go has to end the change itself. */
		.no_timeout_now = (x >> 15 & 3) == 0,
		.pull_us_max = (uint64_t[]){1, 2000, 50000, 500000}[x >> 17 & 3],
		.install_crashes = x >> 19 & 1,
	};
	return o;
}

static void propose(struct cluster *c, struct cluster_node *n)
{
	static uint8_t data[RAFT_ENTRY_DATA_MAX * 4];
	uint64_t kind = cluster_random(c, 20);
	size_t size = kind == 0 ? 1 + (size_t)cluster_random(c, sizeof(data))
				: 8 + (size_t)cluster_random(c, 24);

	memset(data, (int)(c->proposals & 0xff), size < 64 ? size : 64);
	memcpy(data, &c->proposals, size < 8 ? size : 8);
	cluster_propose(c, n, data, size);
}

/* Two sides, which hear each other in one direction or not at all; or each link by itself. */
static void partition_draw(struct cluster *c)
{
	uint64_t side = cluster_random(c, 1ull << c->options.nodes);
	bool one_way = cluster_random(c, 3) == 0;
	bool each = cluster_random(c, 3) == 0;

	for (uint32_t i = 0; i < c->options.nodes; i++) {
		for (uint32_t k = 0; k < c->options.nodes; k++) {
			bool apart = (side >> i & 1) != (side >> k & 1);
			c->cut[i][k] = apart && (!one_way || (side >> i & 1));
			if (each)
				c->cut[i][k] = i != k && cluster_random(c, 3) == 0;
		}
	}
}

static bool may_start(const struct cluster_node *n)
{
	return !n->core && !n->wiped && !n->outside;
}

/* Every other member has a start of it above that count in its marks: one that is up will tell. */
static bool witnessed(const struct cluster *c, const struct cluster_node *n, uint32_t starts)
{
	for (uint32_t i = 0; i < c->options.nodes; i++) {
		const struct cluster_node *k = &c->node[i];
		bool knows = k == n || !raft_members_find(&c->members, k->id);

		for (uint32_t w = 0; w < k->witness_count; w++)
			knows = knows || (k->witness[w].id == n->id &&
					  raft_start_count(k->witness[w].start) > starts);
		if (!knows)
			return false;
	}
	return true;
}

/*
 * What stays undecidable (docs/adr/0005-marks-and-witnesses.md): a copy that is started again
 * before a frame of it arrived. Its count would then be above the one that somebody knows, as that
 * of one that was never rolled back is. So it goes on until it was told, or until all others have
 * heard this start and know the next count.
 */
static bool must_go_on(const struct cluster *c, const struct cluster_node *n)
{
	if (!n->untold || witnessed(c, n, n->starts))
		return false;
	held++;
	return true;
}

static void crash(struct cluster *c, struct cluster_node *n, uint32_t keep)
{
	if (n->core && !must_go_on(c, n))
		cluster_crash(c, n, keep);
}

/* A clock of its own: off by what a lease allows; or, where there is none, one that leaps. */
static void clock_draw(struct cluster *c, struct cluster_node *n)
{
	if (cluster_random(c, 4) == 0 && !c->options.lease_reads)
		cluster_clock_jump(c, n, cluster_random(c, 2000000));
	else
		cluster_clock_rate(c, n, (int32_t)cluster_random(c, 2 * DRIFT_PPM) - DRIFT_PPM);
}

/* It is descheduled, or goes on, and finds what came, if that was not more than its ring holds. */
static void pause_draw(struct cluster *c, struct cluster_node *n)
{
	if (!n->core)
		return;
	if (!n->paused) {
		cluster_pause(n);
		pauses++;
		return;
	}
	if (cluster_random(c, 4) == 0)
		cluster_mail_forget(n);
	cluster_resume(c, n);
}

/* Whoever takes itself for the leader hands over, to anybody. */
static void transfer_draw(struct cluster *c)
{
	for (uint32_t i = 0; i < c->options.nodes; i++) {
		struct cluster_node *n = &c->node[i];
		if (n->core && !n->paused && raft_get_role(n->core) == RAFT_LEADER)
			transfers += cluster_transfer(c, n,
						      cluster_random(c, c->options.nodes + 1)) == 0;
	}
}

static void fault(struct cluster *c)
{
	struct cluster_node *n = &c->node[cluster_random(c, c->options.nodes)];

	switch (cluster_random(c, 14)) {
	case 13:
		transfer_draw(c);
		break;
	case 10:
	case 11:
		pause_draw(c, n);
		break;
	case 12:
		clock_draw(c, n);
		break;
	case 0:
	case 1:
		crash(c, n, (uint32_t)cluster_random(c, cluster_persists_pending(n) + 1));
		break;
	case 2:
		partition_draw(c);
		break;
	case 3:
		n->disk_held = !n->disk_held;
		break;
	case 4: /* all at once */
		if (cluster_random(c, 4) != 0)
			break;
		for (uint32_t i = 0; i < c->options.nodes; i++)
			crash(c, &c->node[i], (uint32_t)cluster_random(c, 3));
		break;
	case 5:
	case 6:
		memset(c->cut, 0, sizeof(c->cut));
		break;
	default:
		for (uint32_t i = 0; i < c->options.nodes; i++) {
			c->node[i].disk_held = false;
			if (c->node[i].paused)
				cluster_resume(c, &c->node[i]);
			if (may_start(&c->node[i]))
				cluster_start(c, &c->node[i]);
		}
		break;
	}
}

/*
 * At most a minority of the members have lost something, for ever or for now, and no change is
 * under way: nobody can know of a loss that was not found out, and leave for it.
 */
static bool may_lose(const struct cluster *c, const struct cluster_node *n)
{
	uint32_t losers = 0;

	for (uint32_t i = 0; i < c->members.count; i++) {
		const struct cluster_node *k = &c->node[c->members.member[i].id - 1];
		losers += k != n && (k->wiped || k->in_doubt);
	}
	return !n->wiped && !n->outside && raft_members_find(&c->members, n->id) &&
	       drawn_settled(c) && losers < (raft_members_voters(&c->members) - 1) / 2;
}

/* All that are asked what they know of a start answer it, before time makes a majority enough. */
static bool calm(const struct cluster *c, const struct cluster_node *except)
{
	if (c->options.loss_permille > 0)
		return false;
	for (uint32_t i = 0; i < c->options.nodes; i++) {
		const struct cluster_node *k = &c->node[i];

		for (uint32_t j = 0; j < c->options.nodes; j++) {
			if (c->cut[i][j])
				return false;
		}
		if (k->paused || (k != except && !k->outside && (!k->core || k->in_doubt)))
			return false;
	}
	return true;
}

/* What a leader's own disk was counted for, nobody was told. */
static bool has_led(const struct cluster *c, const struct cluster_node *n)
{
	for (raft_term term = n->copy.hard.term; term <= n->term_seen; term++) {
		if (c->leader_of[term] == n->id)
			return true;
	}
	return false;
}

/*
 * A copy of this very start: no count shows it, only what the others saw it acknowledge, and the
 * terms that they are in. None of them was started since, so none has forgotten.
 */
static void roll_back_within_a_start(struct cluster *c, struct cluster_node *n)
{
	if (cluster_random(c, 2) == 0) {
		cluster_copy(c, n);
		return;
	}
	if (!n->core || n->copy.starts != n->starts || n->copy.crashes != c->crashes ||
	    has_led(c, n) || !calm(c, n) || !may_lose(c, n) || must_go_on(c, n))
		return;
	cluster_crash(c, n, (uint32_t)cluster_random(c, cluster_persists_pending(n) + 1));
	cluster_roll_back(c, n);
	cluster_start(c, n);
	n->asked_us = c->now_us;
}

/* No further fault until it was answered. */
static bool a_start_is_asked_for(const struct cluster *c)
{
	for (uint32_t i = 0; i < c->options.nodes; i++) {
		if (c->node[i].asked_us)
			return true;
	}
	return false;
}

/* What was not found to be lost by now was not: the copy held all that it had promised. */
static void answered_look(struct cluster *c)
{
	for (uint32_t i = 0; i < c->options.nodes; i++) {
		struct cluster_node *n = &c->node[i];

		if (!n->asked_us || c->now_us < n->asked_us + c->options.election_us_min)
			continue;
		n->asked_us = 0;
		n->untold = false;
		n->in_doubt = n->core->lost.is;
		within_start++;
		within_start_lost += n->in_doubt;
	}
}

/* Of the members. */
static uint32_t wiped_count(const struct cluster *c)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < c->options.nodes; i++)
		count += c->node[i].wiped && raft_members_find(&c->members, i + 1);
	return count;
}

/* A directory is lost, the end of a log, or all since a copy was taken (R7, W24, V15). */
static void lose(struct cluster *c)
{
	struct cluster_node *n = &c->node[cluster_random(c, c->options.nodes)];
	uint64_t kind = cluster_random(c, 8);

	if (kind == 0) {
		cluster_copy(c, n);
		return;
	}
	if (!may_lose(c, n) ||
	    (kind < 4 && (n->copy.starts == 0 || !witnessed(c, n, n->copy.starts))) ||
	    (kind > 3 && kind < 7 && n->disk.last == n->base) ||
	    (kind == 7 && (wiped_count(c) > 0 || cluster_random(c, 8) != 0)))
		return;
	if (n->core)
		cluster_crash(c, n, (uint32_t)cluster_random(c, cluster_persists_pending(n) + 1));
	if (kind < 4)
		cluster_roll_back(c, n);
	else if (kind == 7)
		cluster_wipe(c, n);
	else
		cluster_lose(c, n, n->base + cluster_random(c, n->disk.last - n->base));
}

static void client(struct cluster *c)
{
	struct cluster_node *n = &c->node[cluster_random(c, c->options.nodes)];
	struct cluster_node *leader = cluster_leader(c);
	uint64_t burst = cluster_random(c, 4) == 0 ? 20 : 1;

	for (; leader && !leader->paused && burst > 0; burst--)
		propose(c, leader);
	if (n->core && !n->paused && cluster_random(c, 2) == 0)
		cluster_read(c, n);
	/* Each that takes itself for the leader is asked: one that is cut off has no others. */
	for (uint32_t i = 0; i < c->options.nodes; i++) {
		n = &c->node[i];
		if (n->core && !n->paused && raft_get_role(n->core) == RAFT_LEADER)
			cluster_read(c, n);
	}
}

/* Ends, and is started again at once: its last words and its next start arrive together. */
static void again(struct cluster *c, struct cluster_node *n)
{
	if (!n->core)
		return;
	crash(c, n, (uint32_t)cluster_random(c, cluster_persists_pending(n) + 1));
	if (may_start(n))
		cluster_start(c, n);
}

/* Those whose acknowledgements count: members, and of them voters. */
static uint32_t counting(const struct cluster *c, bool voters)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < c->members.count; i++) {
		const struct raft_member *m = &c->members.member[i];
		const struct cluster_node *n = &c->node[m->id - 1];
		count += n->core && !n->core->lost.is && n->core->start_confirmed &&
			 (m->voter || !voters);
	}
	return count;
}

static bool in_doubt(const struct cluster *c)
{
	for (uint32_t i = 0; i < c->members.count; i++) {
		const struct cluster_node *n = &c->node[c->members.member[i].id - 1];
		if (n->wiped || n->in_doubt)
			return true;
	}
	return false;
}

/* Whole, and as far as all. */
static bool caught_up(const struct cluster *c, const struct cluster_node *n)
{
	return n->wiped || !raft_members_find(&c->members, n->id) ||
	       (n->core && n->applied == c->canon.last && !n->in_doubt);
}

/*
 * No more faults: within a few elections the cluster must be whole again. False: it need not be,
 * and is not.
 */
static bool heal(struct cluster *c, struct drawn *d, struct drawn_totals *t)
{
	uint64_t reads = c->reads;

	memset(c->cut, 0, sizeof(c->cut));
	c->options.loss_permille = 0;
	c->options.fetch_fail_permille = 0;
	c->options.install_crashes = false;
	c->options.delay_us_max = 200;
	c->options.disk_us_max = 500;
	for (uint32_t i = 0; i < c->options.nodes; i++) {
		c->node[i].disk_held = false;
		if (c->node[i].paused)
			cluster_resume(c, &c->node[i]);
		if (may_start(&c->node[i]))
			cluster_start(c, &c->node[i]);
	}
	uint64_t end = c->now_us + 20 * 1000 * 1000;
	while (c->now_us < end) {
		cluster_run(c, c->now_us + 100 * 1000);
		answered_look(c);
		bool members = drawn_heal(c, d, t);
		struct cluster_node *leader = cluster_leader(c);
		bool whole = members && leader && c->canon.last == leader->core->window.last;
		for (uint32_t i = 0; i < c->options.nodes; i++)
			whole = whole && caught_up(c, &c->node[i]);
		if (whole && c->reads > reads)
			return true;
		if (whole)
			cluster_read(c, leader);
	}
	/*
	 * The window of these tests is so small that elections alone can fill it; the way out needs
	 * all voters (replicate.c), and one of them is gone for ever, or lost: it waits for a
	 * commit.
	 */
	if (cluster_leader(c) && cluster_leader(c)->core->term_start == 0 &&
	    counting(c, false) < c->members.count)
		return false;
	/*
	 * Whole again, and ended before its leader heard it: at its next start what it acknowledged
	 * before the loss is still known. With one beside it that is wiped, or has lost something
	 * since, there may be no majority.
	 */
	if (in_doubt(c) && counting(c, true) <= raft_members_voters(&c->members) / 2)
		return false;
	check(c, false, "liveness: the cluster does not recover when the faults end");
	return false;
}

struct totals {
	uint64_t steps, elections, commits, fetches, reads, crashes, wipes, losses, roll_backs,
		found_out;
	struct drawn_snapshots snapshots;
};

static void campaign(uint64_t seed, uint32_t nodes, struct totals *t, struct drawn_totals *drawn)
{
	const struct cluster_options o = options_draw(seed, nodes);
	struct cluster *c = malloc(sizeof(*c));
	struct drawn *d = calloc(1, sizeof(*d));

	assert(c && d);
	cluster_init(c, &o);
	c->failed = replay_print;
	for (uint32_t i = 0; i < nodes; i++) {
		/* R25: one run in four has members that were not told to protect their leader. */
		c->node[i].no_pre_vote = seed % 4 == 3 && cluster_random(c, 2);
		c->node[i].no_check_quorum = seed % 4 == 3 && cluster_random(c, 2);
		cluster_start(c, &c->node[i]);
	}
	while (c->steps < steps_wanted) {
		cluster_run(c, c->now_us + cluster_random(c, 4000));
		client(c);
		answered_look(c);
		if (!a_start_is_asked_for(c)) {
			if (cluster_random(c, 40) == 0)
				fault(c);
			if (cluster_random(c, 100) == 0)
				lose(c);
			if (cluster_random(c, 150) == 0)
				again(c, &c->node[cluster_random(c, c->options.nodes)]);
			if (cluster_random(c, 20) == 0)
				roll_back_within_a_start(
					c, &c->node[cluster_random(c, c->options.nodes)]);
			if (cluster_random(c, 15) == 0)
				drawn_change(c, d, drawn);
			if (cluster_random(c, 10) == 0)
				drawn_join(c, drawn);
			if (cluster_random(c, 20) == 0)
				drawn_end(c, drawn);
		}
		if (seed % 3 != 0 && cluster_random(c, 6) == 0)
			drawn_snapshot(c);
		c->steps++;
	}
	if (heal(c, d, drawn))
		drawn_check(c, d, drawn);
	t->steps += c->steps;
	t->elections += c->elections;
	t->commits += c->commits;
	t->fetches += c->fetches;
	t->reads += c->reads;
	t->crashes += c->crashes;
	t->wipes += c->wipes;
	t->losses += c->losses;
	t->roll_backs += c->roll_backs;
	t->found_out += c->found_out;
	drawn_snapshots_add(&t->snapshots, c);
	cluster_fini(c);
	free(d);
	free(c);
}

static uint64_t now_ms(void)
{
	return clock_now() / CLOCK_MS;
}

/* A run in which one of these did not happen shows nothing about it. */
static bool all_happened(const struct drawn_totals *t, const struct totals *s)
{
	return t->done && t->refused && t->rolled_back && t->joints && t->of_leaders &&
	       t->leaders_removed && t->finished_by_others && t->joined && t->ended &&
	       drawn_snapshots_all(&s->snapshots);
}

static void drawn_print(const struct drawn_totals *t)
{
	printf("members: %" PRIu64 " changes done, %" PRIu64 " refused, %" PRIu64
	       " rolled back; %" PRIu64 " tables, %" PRIu64 " joint; %" PRIu64
	       " of leaders, %" PRIu64 " led until their removal; %" PRIu64 " replaced, %" PRIu64
	       " by another leader than began it; %" PRIu64 " joined, %" PRIu64 " ended\n",
	       t->done, t->refused, t->rolled_back, t->tables, t->joints, t->of_leaders,
	       t->leaders_removed, t->replaced, t->finished_by_others, t->joined, t->ended);
}

static bool more(const struct drawn_totals *t, const struct totals *s, uint64_t seeds,
		 uint64_t took_ms)
{
	return seeds < SEEDS_MIN || took_ms < BUDGET_MS ||
	       (!all_happened(t, s) && seeds < SEEDS_MAX);
}

static int usage(void)
{
	fprintf(stderr, "usage: %s [--seed N] [--steps N] [--nodes N]\n", program);
	return 2;
}

int main(int argc, char **argv)
{
	uint64_t seed = 0;
	uint64_t nodes = 0;
	struct totals t = {0};
	struct drawn_totals drawn = {0};
	uint64_t start = now_ms();

	program = argv[0];
	for (int i = 1; i < argc; i += 2) {
		if (i + 1 == argc)
			return usage();
		uint64_t value = strtoull(argv[i + 1], NULL, 10);
		if (strcmp(argv[i], "--seed") == 0)
			seed = value;
		else if (strcmp(argv[i], "--steps") == 0)
			steps_wanted = value;
		else if (strcmp(argv[i], "--nodes") == 0 && value >= 1 && value <= RAFT_VOTERS_MAX)
			nodes = value;
		else
			return usage();
	}
	uint64_t first = seed ? seed : 1, s = first;
	printf("SEED=%" PRIu64 " steps=%" PRIu64 " nodes=%s window=%d budget_ms=%d\n", first,
	       steps_wanted, nodes ? "as given" : "1 to 5 in turn", RAFT_WINDOW_SLOTS, BUDGET_MS);
	fflush(stdout);
	for (; seed ? s == seed : more(&drawn, &t, s - first, now_ms() - start); s++) {
		uint32_t n = nodes ? (uint32_t)nodes : (uint32_t[]){3, 5, 1, 3, 2, 5, 4}[s % 7];
		campaign(s, n, &t, &drawn);
	}
	printf("%" PRIu64 " seeds, %" PRIu64 " steps (at least %" PRIu64 "), %" PRIu64
	       " elections, %" PRIu64 " commits, %" PRIu64 " fetches, %" PRIu64 " reads, %" PRIu64
	       " crashes, %" PRIu64 " wipes, %" PRIu64 " lost ends, %" PRIu64
	       " roll-backs (%" PRIu64 " within a start), found out %" PRIu64 " times (%" PRIu64
	       "), %" PRIu64 " crashes held back, %" PRIu64 " pauses, %" PRIu64
	       " transfers, %" PRIu64 " ms\n",
	       s - first, t.steps, (seed ? 1 : SEEDS_MIN) * steps_wanted, t.elections, t.commits,
	       t.fetches, t.reads, t.crashes, t.wipes, t.losses, t.roll_backs, within_start,
	       t.found_out, within_start_lost, held, pauses, transfers, now_ms() - start);
	drawn_print(&drawn);
	drawn_snapshots_print(&t.snapshots);
	return seed || all_happened(&drawn, &t) ? 0 : 1;
}
