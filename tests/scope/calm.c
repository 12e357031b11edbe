/*
 * From a state on, without faults (calm.h).
 */
#include "tests/scope/calm.h"

#include "tests/scope/check.h"
#include "tests/scope/live.h"
#include "tests/scope/pool.h"
#include "tests/scope/tell.h"

#include <setjmp.h>

enum {
	/*
	 * Each member's timer fires twice in a row, for others may have voted in the first term
	 * that it stands in; and all of that once more, for some hear of a term but now.
	 */
	ROUNDS_MAX = 4 * MEMBERS_MAX + 2,
	MAIL_MAX = 1000, /* far more than it takes */
};

uint64_t calm_looked, calm_full;

static struct world world;
static bool looking;
static jmp_buf stop;
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

/* Whoever was offered a snapshot has it, and tells so. */
static void snapshots_install(void)
{
	for (uint32_t i = 0; i < scope->members; i++) {
		if (i != down && world_install(&world, i))
			mail_deliver();
	}
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

/* Who is of the leader's table; it has one, for no change is asked for any more. */
static bool agreed(uint32_t leader)
{
	const struct member *l = world.member[leader];
	struct raft_members members;

	live_table_find(l, &l->memory, &members);
	for (uint32_t k = 0; k < members.count; k++) {
		const struct member *m = world.member[members.member[k].id - 1];

		if (members.member[k].id == down + 1u)
			continue;
		if (m->term != l->term || m->memory.last != l->memory.last ||
		    m->commit != l->memory.last)
			return false;
	}
	return !raft_members_joint(&members);
}

/* No room for what comes next: what would follow is not looked at. */
_Noreturn void calm_log_full(void)
{
	if (!looking)
		scope_fail("the log is too long for this scope");
	longjmp(stop, 1);
}

static raft_term last_term(const struct member *m)
{
	return m->memory.last == 0 ? 0 : pool_entry(m->memory.entry[m->memory.last])->term;
}

/* Neither in the newest table nor in the newest committed one: it is a stranger there (R59). */
static bool stranger(const struct member *voter, const struct member *candidate)
{
	struct raft_members table, committed;
	struct log known = voter->memory;
	raft_id id = 1;

	while (world.member[id - 1] != candidate)
		id++;
	if (known.last > voter->commit)
		known.last = (uint8_t)voter->commit;
	live_table_find(voter, &voter->memory, &table);
	live_table_find(voter, &known, &committed);
	return !raft_members_find(&table, id) && !raft_members_find(&committed, id);
}

/* Paper 5.4.1 */
static bool votes_for(const struct member *voter, const struct member *candidate)
{
	if (stranger(voter, candidate))
		return false;
	if (last_term(voter) != last_term(candidate))
		return last_term(voter) < last_term(candidate);
	return voter->memory.last <= candidate->memory.last;
}

/* Of these voters of a table a majority is up, and lacks nothing less than it does. */
static bool majority_for(const struct raft_members *members, bool before, const struct member *c)
{
	uint32_t voters = 0, votes = 0;

	for (uint32_t k = 0; k < members->count; k++) {
		const struct raft_member *m = &members->member[k];

		if (before ? !m->voter_before : !m->voter)
			continue;
		voters++;
		votes += m->id != down + 1u && votes_for(world.member[m->id - 1], c);
	}
	return voters == 0 || votes > voters / 2;
}

static bool votes_in(const struct raft_members *members, uint32_t i)
{
	const struct raft_member *m = raft_members_find(members, i + 1);

	return m && (m->voter || m->voter_before);
}

/*
 * By its own table it would be elected. Without this a cluster whose members know different tables
 * may wait for the one that is down, with all majorities up: for a learner with an entry of it, for
 * one. Who is removed by what is not committed can be needed (thesis 4.2.2).
 */
static bool can_lead(uint32_t i)
{
	const struct member *m = world.member[i];
	struct raft_members members, before;
	raft_index index = live_table_find(m, &m->memory, &members);
	struct log older = m->memory;

	older.last = index > 0 && index <= older.last ? (uint8_t)(index - 1) : older.last;
	live_table_find(m, &older, &before);
	if (!votes_in(&members, i) && (index <= m->commit || !votes_in(&before, i)))
		return false;
	return majority_for(&members, false, m) && majority_for(&members, true, m);
}

static bool somebody_can_lead(void)
{
	for (uint32_t i = 0; i < scope->members; i++)
		if (i != down && can_lead(i))
			return true;
	return false;
}

static void stand(uint32_t i)
{
	if (i != down)
		world_timeout(&world, i);
}

/* Who does not hear who leads finds it out, and asks whom it does not know (node/meet.c). */
static void strangers_meet(uint32_t leader)
{
	for (uint32_t i = 0; scope->away && i < scope->members; i++) {
		if (i == leader || i == down)
			continue;
		live_touch(&world, i);
		if (leader != MEMBERS_MAX && raft_leader(live_core(i)) != leader + 1)
			world_timeout(&world, i);
		for (uint32_t k = 0; k < scope->members; k++)
			if (k != i && k != down)
				(void)world_meet(&world, i, k);
	}
}

static void look(const struct world *from, const struct calm *how)
{
	down = how->without;
	world = *from;
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
	if (!somebody_can_lead())
		return;
	calm_looked++;
	for (uint32_t round = 0; round < ROUNDS_MAX; round++) {
		uint32_t leader = leader_find();

		if (leader < MEMBERS_MAX && agreed(leader))
			return;
		for (uint32_t i = 0; i < scope->members; i++)
			if (leader == MEMBERS_MAX && i != down)
				world_silence(&world, i);
		strangers_meet(leader);
		tell(leader == MEMBERS_MAX ? "nobody leads: the next election timer fires"
					   : "the leader's heartbeats are due");
		if (leader == MEMBERS_MAX)
			stand(round / 2 % scope->members);
		else
			world_hand_over_end(&world, leader);
		mail_deliver();
		snapshots_install();
		/* Whoever hears no majority of its own table steps down (D19). */
		if (leader < MEMBERS_MAX && !agreed(leader)) {
			world_timeout(&world, leader);
			mail_deliver();
		}
	}
	scope_fail("SC11: all works again, and still they do not agree");
}

void calm_check(const struct world *from, const struct calm *how)
{
	looking = true;
	if (setjmp(stop) == 0)
		look(from, how);
	else
		calm_full++;
	looking = false;
}
