/*
 * Time in a simulated cluster (cluster.h): the next event, each member's own clock, members that
 * get no time, and disks that have been silent for too long.
 */
#include "tests/unit/raft/check.h"

#include <assert.h>
#include <stdlib.h>

static const uint64_t MILLION = 1000000;

/* Events at one moment: a full ring for each member, and what it does about it, is far less. */
static const uint64_t STILL_MAX = 1000000;

/* ---- clocks ---- */

static uint64_t rate(const struct cluster_node *n)
{
	assert(n->clock.ppm > -(int32_t)MILLION);
	return (uint64_t)((int64_t)MILLION + n->clock.ppm);
}

uint64_t cluster_clock(const struct cluster *c, const struct cluster_node *n)
{
	return n->clock.base_us + (c->now_us - n->clock.since_us) * rate(n) / MILLION;
}

/* The cluster's time at which its clock says `clock_us`. */
static uint64_t when(const struct cluster *c, const struct cluster_node *n, uint64_t clock_us)
{
	if (clock_us <= cluster_clock(c, n))
		return c->now_us;
	uint64_t ahead = clock_us - n->clock.base_us;
	if (ahead > UINT64_MAX / MILLION - MILLION)
		return UINT64_MAX;
	return n->clock.since_us + (ahead * MILLION + rate(n) - 1) / rate(n);
}

void cluster_clock_set(struct cluster *c, struct cluster_node *n, uint64_t base_us, int32_t ppm)
{
	n->clock.base_us = base_us;
	n->clock.since_us = c->now_us;
	n->clock.ppm = ppm;
}

void cluster_clock_rate(struct cluster *c, struct cluster_node *n, int32_t ppm)
{
	cluster_clock_set(c, n, cluster_clock(c, n), ppm);
}

void cluster_clock_jump(struct cluster *c, struct cluster_node *n, uint64_t us)
{
	n->clock.base_us += us;
	(void)c;
}

/* ---- pauses ---- */

void cluster_pause(struct cluster_node *n)
{
	assert(n->core);
	n->paused = true;
}

void cluster_mail_wait(struct cluster *c, struct cluster_node *to, struct cluster_mail *mail)
{
	struct cluster_mail **at = &to->waiting;

	if (to->waiting_count == CLUSTER_WAITING_MAX) {
		c->dropped++;
		free(mail);
		return;
	}
	while (*at)
		at = &(*at)->next;
	mail->next = NULL;
	*at = mail;
	to->waiting_count++;
}

static struct cluster_mail *waiting_take(struct cluster_node *n)
{
	struct cluster_mail *mail = n->waiting;

	n->waiting = mail->next;
	n->waiting_count--;
	return mail;
}

void cluster_mail_forget(struct cluster_node *n)
{
	while (n->waiting)
		free(waiting_take(n));
}

/* The mail first, as the loop of a node reads it, then its clock; then its disk has its turn. */
void cluster_resume(struct cluster *c, struct cluster_node *n)
{
	assert(n->paused);
	n->paused = false;
	while (n->waiting)
		cluster_mail_take(c, n, waiting_take(n));
	raft_tick(n->core, cluster_clock(c, n));
	cluster_drain(c, n);
}

/* ---- disks that hang ---- */

static uint64_t stall_due(const struct cluster *c, const struct cluster_node *n)
{
	if (c->options.disk_stall_us == 0 || !n->pending || n->stalled)
		return UINT64_MAX;
	return n->pending->began_us + c->options.disk_stall_us;
}

static void stall_tell(struct cluster *c, struct cluster_node *n, bool stalled)
{
	n->stalled = stalled;
	raft_disk_stalled(n->core, stalled);
	raft_tick(n->core, cluster_clock(c, n));
	cluster_drain(c, n);
}

/* A write was done, late or not: the next one's time begins now. */
void cluster_disk_moved(struct cluster *c, struct cluster_node *n)
{
	if (n->pending)
		n->pending->began_us = c->now_us;
	if (n->stalled)
		stall_tell(c, n, false);
}

/* ---- the next event ---- */

struct event {
	enum { NONE, MAIL, DISK, STALL, FETCH, PULL, HOLD, TICK } what;
	uint64_t at_us;
	struct cluster_node *who;
	uint32_t slot;
};

static void sooner(struct event *next, struct event other)
{
	if (other.at_us < next->at_us)
		*next = other;
}

static void node_look(const struct cluster *c, struct cluster_node *n, struct event *next)
{
	if (n->pending && !n->disk_held)
		sooner(next, (struct event){DISK, n->pending->done_us, n, 0});
	sooner(next, (struct event){STALL, stall_due(c, n), n, 0});
	for (uint32_t k = 0; k < RAFT_READY_FETCH_MAX; k++) {
		if (n->fetch[k].open)
			sooner(next, (struct event){FETCH, n->fetch[k].done_us, n, k});
	}
	if (n->pull.index && !n->pull_held)
		sooner(next, (struct event){PULL, n->pull_us, n, 0});
	if (n->held_us)
		sooner(next, (struct event){HOLD, n->held_us, n, 0});
	if (!c->timers_off)
		sooner(next, (struct event){TICK, when(c, n, raft_deadline(n->core)), n, 0});
}

bool cluster_step(struct cluster *c, uint64_t until_us)
{
	struct event next = {.what = NONE, .at_us = until_us + 1};

	if (c->mail)
		sooner(&next, (struct event){MAIL, c->mail->at_us, NULL, 0});
	for (uint32_t i = 0; i < c->options.nodes; i++) {
		if (c->node[i].core && !c->node[i].paused)
			node_look(c, &c->node[i], &next);
	}
	if (next.what == NONE) {
		c->now_us = until_us > c->now_us ? until_us : c->now_us;
		return false;
	}
	check(c, next.at_us > c->now_us || ++c->still < STILL_MAX, "time stands still");
	if (next.at_us > c->now_us) {
		c->now_us = next.at_us;
		c->still = 0;
	}
	c->steps++;
	if (next.what == MAIL) {
		cluster_mail_deliver(c, &c->mail);
	} else if (next.what == DISK) {
		cluster_persist_finish(c, next.who);
	} else if (next.what == STALL) {
		stall_tell(c, next.who, true);
	} else if (next.what == FETCH) {
		cluster_fetch_answer(c, next.who, next.slot);
	} else if (next.what == PULL) {
		cluster_pull_end(c, next.who);
	} else if (next.what == HOLD) {
		cluster_hold_end(c, next.who);
	} else {
		raft_tick(next.who->core, cluster_clock(c, next.who));
		cluster_drain(c, next.who);
	}
	return true;
}

void cluster_run(struct cluster *c, uint64_t until_us)
{
	while (cluster_step(c, until_us))
		;
}
