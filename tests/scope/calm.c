/*
 * From a state on, without faults (calm.h).
 */
#include "tests/scope/calm.h"

#include "tests/scope/check.h"
#include "tests/scope/live.h"
#include "tests/scope/pool.h"
#include "tests/scope/tell.h"

enum {
	/* Each member's timer fires twice: one that lacks nothing stands, in a term of its own. */
	ROUNDS_MAX = 2 * MEMBERS_MAX + 2,
	MAIL_MAX = 1000, /* far more than it takes */
};

uint64_t calm_looked, calm_full;

static struct world world;
static uint32_t down; /* for good; MEMBERS_MAX: nobody is */

static void mail_deliver(void)
{
	uint32_t count = 0;

	while (world.net_count > 0) {
		check(count++ < MAIL_MAX, "SC11: they do not come to an end of what they say");
		if (pool_message(world.net[0])->to == down + 1u ||
		    pool_message(world.net[0])->from == down + 1u)
			world_lose(&world, 0);
		else
			world_deliver(&world, 0);
	}
	world.crowded = false;
}

static uint32_t leader_find(void)
{
	uint32_t leader = MEMBERS_MAX;

	for (uint32_t i = 0; i < scope->members; i++) {
		const struct member *m = world.member[i];

		if (i != down && m->role == RAFT_LEADER &&
		    (leader == MEMBERS_MAX || m->term > world.member[leader]->term))
			leader = i;
	}
	return leader;
}

static bool agreed(uint32_t leader)
{
	const struct member *l = world.member[leader];

	for (uint32_t i = 0; i < scope->members; i++) {
		const struct member *m = world.member[i];

		if (i == down)
			continue;
		if (m->term != l->term || m->memory.last != l->memory.last ||
		    m->commit != l->memory.last)
			return false;
	}
	return true;
}

static bool full(void)
{
	for (uint32_t i = 0; i < scope->members; i++)
		if (world.member[i]->memory.last == LOG_MAX)
			return true;
	return false;
}

static void stand(uint32_t i)
{
	if (i != down)
		world_timeout(&world, i);
}

void calm_check(const struct world *from, const struct calm *how)
{
	down = how->without;
	world = *from;
	calm_looked++;
	tell("from here on everything works");
	tell(how->silent ? "... and what was in flight is lost"
			 : "... and all that is in flight arrives");
	if (down != MEMBERS_MAX)
		tell("... but for one member, which is down");
	while (how->silent && world.net_count > 0)
		world_lose(&world, 0);
	for (uint32_t i = 0; i < scope->members; i++)
		if (i != down)
			world_release(&world, i);
	mail_deliver();
	for (uint32_t round = 0; round < ROUNDS_MAX; round++) {
		uint32_t leader = leader_find();

		if (leader < MEMBERS_MAX && agreed(leader))
			return;
		if (full()) {
			calm_full++;
			return;
		}
		for (uint32_t i = 0; i < scope->members; i++)
			if (leader == MEMBERS_MAX && i != down)
				world_silence(&world, i);
		tell(leader == MEMBERS_MAX ? "nobody leads: the next election timer fires"
					   : "the leader's heartbeats are due");
		if (leader == MEMBERS_MAX)
			stand(round % scope->members);
		else
			world_heartbeat(&world, leader);
		mail_deliver();
	}
	scope_fail("SC11: all works again, and still they do not agree");
}
