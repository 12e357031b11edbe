/*
 * How a scope begins: with members that were just started; or with the first of them as leader, and
 * with what it has done so far. Mail then arrives in an order that depends on no member's number
 * (same.c).
 */
#include "tests/scope/check.h"
#include "tests/scope/live.h"
#include "tests/scope/pool.h"

#include <string.h>

static uint32_t last_member(void)
{
	return scope->members - 1;
}

static raft_id deaf; /* who hears nothing; 0: nobody */

/*
 * What is on the way that comes first, if members had their numbers of before; but for mail to the
 * last member, if that is not to hear it, and to who is away. NET_MAX: there is none.
 */
static uint32_t mail_first(const struct world *w, uint32_t order, bool last_hears)
{
	uint32_t best = NET_MAX, best_way = UINT32_MAX;

	for (uint32_t k = 0; k < w->net_count; k++) {
		const struct raft_message *m = pool_message(w->net[k]);
		uint32_t way = same_number(order, (uint32_t)m->from - 1) * MEMBERS_MAX +
			       same_number(order, (uint32_t)m->to - 1);

		if (way < best_way && m->to != deaf && (last_hears || m->to != last_member() + 1)) {
			best = k;
			best_way = way;
		}
	}
	return best;
}

static void mail_deliver(struct world *w, uint32_t order, bool last_hears)
{
	uint32_t k;

	while ((k = mail_first(w, order, last_hears)) < NET_MAX)
		world_deliver(w, k);
	for (k = w->net_count; k-- > 0;)
		if (pool_message(w->net[k])->to == deaf)
			world_lose(w, k);
}

static void mail_lose(struct world *w)
{
	while (w->net_count > 0)
		world_lose(w, 0);
}

/* The leader's first entry, and so many commands, are committed and applied by all who hear. */
static void lead(struct world *w, uint32_t i, uint32_t order)
{
	raft_index commit = (raft_index)scope->lacks + (scope->tail ? 2 : 1);

	world_timeout(w, i);
	mail_deliver(w, order, !scope->joins && !scope->tail);
	for (uint32_t k = 0; k < scope->lacks; k++) {
		check(world_propose(w, i), "a leader takes no command");
		mail_deliver(w, order, false);
	}
	if (scope->lacks > 0) {
		world_heartbeat(w, i); /* with the commit */
		mail_deliver(w, order, false);
	}
	mail_lose(w);
	for (uint32_t k = 0; k < scope->members; k++)
		check(w->member[k]->commit == commit ||
			      (k == last_member() &&
			       (scope->joins || scope->away || scope->lacks > 0)),
		      "nothing is committed at the beginning");
}

/* The last one led, and has commands that nobody hears of; who follows it is silent from now on. */
static void tail_begin(struct world *w, uint32_t order)
{
	world_timeout(w, last_member());
	mail_deliver(w, order, true);
	for (uint32_t k = 0; k < scope->tail; k++) {
		check(world_propose(w, last_member()), "a leader takes no command");
		mail_lose(w);
	}
	for (uint32_t i = 0; i < last_member(); i++)
		world_silence(w, i);
}

/* All but the last are started again, with a snapshot in place of a log; what leads is theirs. */
static void base_begin(struct world *w, uint32_t i, uint32_t order)
{
	for (uint32_t k = 0; k < last_member(); k++) {
		struct member *m = live_touch(w, k);

		m->base = m->disk.last;
		live_create(w, k, NULL, 0);
		live_starts_settle(w, k, (1u << scope->members) - 1, 0);
		world_silence(w, k);
	}
	world_timeout(w, i);
	mail_deliver(w, order, false);
}

/*
 * It starts with what the leader told it (D16), all others have answered about its start, and what
 * it lacks is on its way.
 */
static void join(struct world *w, uint32_t i, uint32_t leader, uint32_t order)
{
	struct member *m = live_touch(w, i);

	m->begun = (uint8_t)w->member[leader]->commit;
	m->begun_entry = w->member[leader]->memory.entry[m->begun];
	live_create(w, i, NULL, 0);
	live_starts_settle(w, i, (1u << scope->members) - 1, leader);
	world_heartbeat(w, leader);
	mail_deliver(w, order, false);
}

static bool leads_joint(const struct world *w, uint32_t i)
{
	struct raft_members members;

	live_table_find(w->member[i], &w->member[i]->memory, &members);
	return raft_members_joint(&members);
}

/* As soon as its joint table is committed, the leader ends it: that is on its way to all. */
static void change_begin(struct world *w, uint32_t i, uint32_t order)
{
	check(world_change(w, i, scope->begun), "a change is refused at the beginning");
	while (leads_joint(w, i))
		world_deliver(w, mail_first(w, order, true));
}

/* The learner has its directory now; who is away does not hear of it. */
static void bind(struct world *w, uint32_t i, uint32_t order)
{
	struct raft_change c = {.kind = RAFT_CHANGE_BIND,
				.id = scope->members,
				.identity = live_identity(last_member())};
	struct raft_refusal refusal;
	raft_index index;

	live_touch(w, i);
	check(raft_members_change(live_core(i), &c, 1, &index, &refusal) == 0,
	      "a learner is not bound at the beginning");
	live_drain(w, i);
	mail_deliver(w, order, false);
	check(w->member[i]->commit == index, "a learner is not bound at the beginning");
}

/* The change is committed, and all that hear know it. */
static void change_end(struct world *w, uint32_t i, uint32_t order)
{
	mail_deliver(w, order, true);
	world_heartbeat(w, i);
	mail_deliver(w, order, true);
	mail_lose(w);
	check(w->member[last_member()]->commit == w->member[i]->memory.last,
	      "a change is not committed at the beginning");
}

void world_begin(struct world *w, uint32_t order)
{
	const uint32_t leader = same_renamed(order, 0);
	const bool later = scope->joins || scope->away;
	uint32_t started = scope->members - later;

	memset(w, 0, sizeof(*w));
	for (uint32_t i = 0; i < scope->members; i++)
		live_clear(w, i);
	for (uint32_t i = 0; i < started; i++)
		live_create(w, i, NULL, 0);
	live_starts_settle(w, 0, (1u << started) - 1, 0);
	for (uint32_t i = 0; i < started; i++)
		world_silence(w, i); /* since they were started */
	if (scope->tail)
		tail_begin(w, order);
	if (scope->led)
		lead(w, leader, order);
	if (scope->based)
		base_begin(w, leader, order);
	deaf = scope->away;
	if (scope->away)
		bind(w, leader, order);
	if (later)
		join(w, last_member(), leader, order);
	if (scope->away)
		mail_deliver(w, order, true);
	if (scope->begun)
		change_begin(w, leader, order);
	if (scope->away)
		change_end(w, leader, order);
	deaf = 0;
	for (uint32_t i = 0; i < scope->members; i++)
		live_touch(w, i)->held = scope->slow;
	world_settle(w);
}
