/*
 * The mirror (mirror.h).
 */
#include "tests/scope/mirror.h"

#include "tests/scope/check.h"
#include "tests/scope/live.h"
#include "tests/scope/pool.h"

#include <stdlib.h>

static uint32_t order;
static struct world world;
static void *kept[2]; /* in turns */

static void keep(void)
{
	void *next = kept[1];

	for (uint32_t i = 0; i < scope->members; i++)
		live_touch(&world, i);
	world_keep(&world, next);
	kept[1] = kept[0];
	kept[0] = next;
}

void mirror_begin(uint32_t which)
{
	order = which;
	for (uint32_t k = 0; k < 2; k++) {
		free(kept[k]);
		kept[k] = calloc(1, world_kept_size());
		assert(kept[k]);
	}
	world_begin(&world, order);
	keep();
}

static raft_id id_of(raft_id id)
{
	return same_renamed(order, (uint32_t)id - 1) + 1;
}

/* How many before the k-th are on the same way. */
static uint32_t way_before(const struct world *w, uint32_t k)
{
	const struct raft_message *m = pool_message(w->net[k]);
	uint32_t count = 0;

	for (uint32_t i = 0; i < k; i++) {
		const struct raft_message *before = pool_message(w->net[i]);

		count += before->from == m->from && before->to == m->to;
	}
	return count;
}

static uint32_t mail_find(const struct world *w, uint32_t k)
{
	const struct raft_message *m = pool_message(w->net[k]);

	for (uint32_t i = 0; i < world.net_count; i++) {
		const struct raft_message *own = pool_message(world.net[i]);

		if (own->from == id_of(m->from) && own->to == id_of(m->to) &&
		    pool_message_body(world.net[i]) == pool_message_body(w->net[k]) &&
		    (!scope->ordered || way_before(&world, i) == way_before(w, k)))
			return i;
	}
	scope_fail("with other numbers another message is in flight: see same.c");
}

void mirror_step(const struct world *w, const struct event *e)
{
	static struct world next;
	struct event own = *e;

	if (e->kind <= EVENT_LOSE)
		own.who = (uint8_t)mail_find(w, e->who);
	else
		own.who = (uint8_t)same_renamed(order, e->who);
	if (e->kind == EVENT_TRANSFER || e->kind == EVENT_TELL || e->kind == EVENT_MEET)
		own.what = (uint8_t)same_renamed(order, e->what);
	if (e->kind == EVENT_CRASH) {
		own.what = (uint8_t)((e->what & CRASH_HARD) |
				     same_renamed(order, e->what >> CRASH_FIRST) << CRASH_FIRST);
		for (uint32_t k = 0; k < scope->members; k++)
			if (e->what & 1u << k)
				own.what |= (uint8_t)(1u << same_renamed(order, k));
	}
	check(world_step(&world, &own, &next), "with other numbers this cannot happen: see same.c");
	world = next;
	keep();
}

uint64_t mirror_hash(void)
{
	return world_hash(&world);
}
