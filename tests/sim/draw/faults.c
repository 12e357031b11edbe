/*
 * Faults that leave nothing behind when they are over.
 */
#include "tests/sim/draw/draw.h"

#include "node/internal.h"

#include <assert.h>

enum { DRIFT_PPM = 100000 }; /* 0.9 : 1.1 is within what a lease allows (raft/lease.c) */

uint32_t draw_below(struct draw *d, uint32_t bound)
{
	return (uint32_t)sim_random_below(&d->w->random, bound);
}

static uint64_t draw_ms(struct draw *d, uint32_t ms)
{
	return sim_random_below(&d->w->random, ms * DRAW_MS);
}

/* It is the one whose loss is interesting. */
uint32_t draw_pick(struct draw *d)
{
	int leader = sim_leader(d->w);

	if (leader >= 0 && draw_below(d, 2))
		return (uint32_t)leader;
	return draw_below(d, d->w->node_count);
}

static void crash(struct draw *d, uint32_t i, uint32_t ms)
{
	struct sim_node *n = &d->w->node[i];

	if (!n->node)
		return;
	sim_note(d->w, "node %u crashes", i);
	sim_node_crash(d->w, i);
	n->up_at_ns = d->w->now_ns + draw_ms(d, ms);
	d->t->crashes++;
}

/* Power: everybody at once. */
static void crash_all(struct draw *d)
{
	for (uint32_t i = 0; i < d->w->node_count; i++)
		crash(d, i, 200);
}

static void cut(struct draw *d, uint32_t i)
{
	struct sim_world *w = d->w;
	bool in = draw_below(d, 3) != 0, out = !in || draw_below(d, 2);

	sim_note(w, "node %u is cut off:%s%s", i, in ? " in" : "", out ? " out" : "");
	for (uint32_t j = 0; j < w->node_count; j++) {
		/* A partial partition now and then: some of the links only (R27). */
		if (j == i || draw_below(d, 4) == 0)
			continue;
		if (in)
			sim_net_cut(w->net, j, i, true);
		if (out)
			sim_net_cut(w->net, i, j, true);
	}
	d->t->cuts++;
}

static void loss(struct draw *d)
{
	struct sim_net_faults faults = {
		.loss_ppm = draw_below(d, 200000),
		.duplicate_ppm = draw_below(d, 100000),
		.delay_ns_min = 1000 + draw_below(d, 50000),
	};

	faults.delay_ns_max = faults.delay_ns_min + draw_ms(d, 5);
	sim_note(d->w, "frames are lost: %u ppm", faults.loss_ppm);
	sim_net_set_faults(d->w->net, &faults);
}

void draw_calm(struct draw *d)
{
	struct sim_net_faults none = {.delay_ns_min = 2000, .delay_ns_max = 20000};

	sim_note(d->w, "the network is well");
	sim_net_heal(d->w->net);
	sim_net_set_faults(d->w->net, &none);
}

/*
 * R25: some are not told to protect their leader; and were, before a crash (R43). Who has learned
 * that he was removed says so at his next start, and ends.
 */
void draw_start(struct draw *d, uint32_t i)
{
	char error[NODE_ERROR_MAX];
	int err;

	d->w->node[i].no_check_quorum = d->mixed && draw_below(d, 2);
	err = sim_node_try_start(d->w, i, error);
	d->w->node[i].away = err == NODE_REMOVED;
	if (err && err != NODE_REMOVED) {
		sim_note(d->w, "%s", error);
		sim_fail(d->w, i, "does not start", (uint64_t)-err, 0);
	}
}

void draw_restart(struct draw *d, bool all)
{
	struct sim_world *w = d->w;

	for (uint32_t i = 0; i < w->node_count; i++) {
		if (w->node[i].node || w->node[i].away || (!all && w->node[i].up_at_ns > w->now_ns))
			continue;
		sim_note(w, "node %u starts", i);
		draw_start(d, i);
	}
}

/* Any number, in any order, at any time; started as `new` or `existing` afterwards (F1, V1, V2). */
static void wipe(struct draw *d, uint32_t i)
{
	crash(d, i, 500);
	sim_note(d->w, "node %u is wiped", i);
	sim_node_wipe(d->w, i);
	d->w->node[i].existing = draw_below(d, 4) == 0;
	d->w->node[i].up_at_ns = d->w->now_ns + draw_ms(d, 500);
	d->t->wipes++;
}

static void reset(struct draw *d, uint32_t i)
{
	const struct node *n = d->w->node[i].node;

	if (n && node_get_formation(n) != FORMATION_FORMED)
		d->t->resets += sim_node_reset(d->w, i);
}

/* Off by what a lease allows; or, where there is none, one that leaps. */
static void clock_off(struct draw *d, uint32_t i)
{
	if (draw_below(d, 4) == 0 && !d->w->lease_reads) {
		sim_node_leap(d->w, i, draw_ms(d, 2000));
		sim_note(d->w, "node %u: its clock leaps", i);
		d->t->leaps++;
		return;
	}
	int32_t ppm = (int32_t)draw_below(d, 2 * DRIFT_PPM) - DRIFT_PPM;

	sim_node_drift(d->w, i, ppm);
	sim_note(d->w, "node %u: its clock is %d ppm fast", i, ppm);
	d->t->drifts++;
}

static void hang(struct draw *d, uint32_t i)
{
	static const uint32_t ms[] = {100, 1000, 3000};

	d->w->node[i].hangs_until_ns = d->w->now_ns + draw_ms(d, ms[draw_below(d, 3)]);
	sim_note(d->w, "node %u: its disk hangs", i);
	d->t->hangs++;
}

/*
 * Of everybody or of one: no room for another segment, and enough for what is small; or there is
 * again. Of members alone: the first start of a directory needs room.
 */
static void disks_fill(struct draw *d, uint32_t one)
{
	bool all = draw_below(d, 2), full = draw_below(d, 2);

	for (uint32_t i = 0; i < d->w->node_count; i++) {
		const struct node *n = d->w->node[i].node;

		if ((all || i == one) && n && n->raft)
			fake_space(d->w->node[i].disk, full, 1024 * 1024);
	}
	sim_note(d->w, "node %u%s: the disk is %sfull", one, all ? " and all others" : "",
		 full ? "" : "not ");
	d->t->full_disks += full;
}

/* Stopped by the scheduler, and back. */
static void pause_for_a_while(struct draw *d, uint32_t i)
{
	d->w->node[i].paused_until_ns = d->w->now_ns + draw_ms(d, 800);
	sim_note(d->w, "node %u is paused", i);
	d->t->pauses++;
}

void draw_end(struct draw *d)
{
	d->w->ends_ns = 300 * DRAW_MS;
	for (uint32_t i = 0; i < d->w->node_count; i++) {
		struct sim_node *n = &d->w->node[i];
		uint32_t kind = draw_below(d, 8);

		if (n->ends_at != SIM_MOMENT_NONE || draw_below(d, 6))
			continue;
		/* Who is told to end within a pull waits for one; all else comes by itself. */
		if (kind < 2)
			n->ends_at = (enum sim_moment)(1 + draw_below(d, SIM_MOMENTS - 1));
		else if (kind < 7)
			n->ends_at = (enum sim_moment)(SIM_MOMENTS_OWN + 1 +
						       draw_below(d, SIM_MOMENTS_PULL));
		else
			n->ends_at = SIM_INSTALL_NEWER;
	}
}

void draw_fault(struct draw *d)
{
	struct sim_world *w = d->w;
	uint32_t i = draw_pick(d);

	switch (draw_below(d, 13)) {
	case 0:
	case 1:
		crash(d, i, 1500);
		break;
	case 2:
		crash_all(d);
		break;
	case 3:
		cut(d, i);
		break;
	case 4:
		loss(d);
		break;
	case 5:
		pause_for_a_while(d, i);
		break;
	case 6:
		w->node[i].slow_until_ns = w->now_ns + draw_ms(d, 1000);
		d->t->slow_disks++;
		break;
	case 7:
		if (draw_below(d, 1000) < w->wipe_permille)
			wipe(d, i);
		else if (w->wipe_permille > 0)
			reset(d, i);
		break;
	case 8:
		clock_off(d, i);
		break;
	case 9:
		hang(d, i);
		break;
	case 10:
		disks_fill(d, i);
		break;
	default:
		draw_calm(d);
		break;
	}
}
