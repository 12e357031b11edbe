/*
 * Members whose log is whole and whose snapshots are not (W21), under whole nodes: whatever the
 * others have, somebody leads in the end, and all have a state again.
 */
#include "tests/sim/world.h"

#include "node/internal.h"
#include "wal/state.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MS UINT64_C(1000000)

enum { LOG_BYTES = 32 * 1024, WAIT_MS = 60000, LITTLE = 100 * 1024 };

static struct sim_world w;

static struct node *node_of(uint32_t i)
{
	return w.node[i].node;
}

static bool leads(uint32_t i)
{
	return sim_leader(&w) == (int)i;
}

static bool has_state(uint32_t i)
{
	return node_of(i)->raft && !node_of(i)->install.held;
}

static bool is_cut(uint32_t i)
{
	return wal_first(node_of(i)->wal) > 1;
}

static bool is_full(uint32_t i)
{
	return node_of(i)->space.full;
}

static void wait(uint32_t i, bool (*is)(uint32_t i), bool wanted)
{
	uint64_t until_ns = w.now_ns + WAIT_MS * MS;

	while (is(i) != wanted) {
		assert(w.now_ns < until_ns);
		sim_world_run(&w, MS);
	}
}

static void begin(uint64_t seed, uint32_t nodes)
{
	sim_world_prepare(&w, seed, nodes);
	w.snapshot_log_bytes = LOG_BYTES;
	sim_world_begin(&w, 4);
	while (sim_leader(&w) < 0 || !sim_all_formed(&w))
		sim_world_run(&w, MS);
	for (uint32_t i = 0; i < nodes; i++)
		wait(i, is_cut, true);
}

static void end(void)
{
	w.resting = false;
	assert(sim_world_verify(&w));
	sim_world_destroy(&w);
}

/* It goes down, and starts without a state. */
static void crash_damaged(uint32_t i)
{
	struct raft_snapshot list[WAL_SNAPSHOTS_MAX];
	uint32_t count = wal_snapshots(node_of(i)->wal, list);

	sim_node_crash(&w, i);
	for (uint32_t k = 0; k < count; k++) {
		char file[DISK_NAME_MAX];

		snprintf(file, sizeof(file), "snapshot-%016" PRIx64 "-%016" PRIx64, list[k].index,
			 list[k].term);
		fake_flip(w.node[i].disk, file, list[k].size / 2, 3);
	}
}

static void start_stateless(uint32_t i)
{
	sim_node_start(&w, i);
	assert(node_of(i)->install.held);
}

/*
 * One of them leads for want of others, and what nobody could apply does not come to the log. It
 * says what it waits for, and not that it applies what it has.
 */
static void leads_in_vain(void)
{
	uint64_t until_ns = w.now_ns + WAIT_MS * MS;
	static char text[16 * 1024];
	raft_index last;

	while (sim_leader(&w) < 0) {
		assert(w.now_ns < until_ns);
		sim_world_run(&w, MS);
	}
	sim_world_run(&w, 100 * MS);
	last = raft_last(node_of((uint32_t)sim_leader(&w))->raft);
	assert(sim_node_says(&w, (uint32_t)sim_leader(&w), "no snapshot here is whole"));
	assert(!sim_node_says(&w, (uint32_t)sim_leader(&w), "applies its log"));
	sim_node_log(&w, (uint32_t)sim_leader(&w), 2000 * MS, text, sizeof(text));
	assert(!strstr(text, "replaying"));
	assert(raft_last(node_of((uint32_t)sim_leader(&w))->raft) == last);
}

static void cut(uint32_t i, uint32_t k)
{
	sim_net_cut(w.net, i, k, true);
	sim_net_cut(w.net, k, i, true);
}

/* Two without a state, and one of them leads. The third one lacks what they have, and is down. */
static void two_stateless(uint64_t seed, uint32_t *leader, uint32_t *other, uint32_t *lags)
{
	raft_index last;

	begin(seed, 3);
	*leader = (uint32_t)sim_leader(&w);
	*other = (*leader + 1) % 3;
	*lags = (*leader + 2) % 3;
	last = raft_last(node_of(*lags)->raft);
	sim_node_crash(&w, *lags);
	while (raft_commit(node_of(*other)->raft) < last + 5)
		sim_world_run(&w, MS);
	/* It is not for want of the log that it lags. */
	assert(wal_first(node_of(*leader)->wal) <= last + 1);
	assert(wal_first(node_of(*other)->wal) <= last + 1);
	crash_damaged(*leader);
	crash_damaged(*other);
	start_stateless(*leader);
	start_stateless(*other);
	leads_in_vain();
}

/*
 * They elect nobody who lacks what they have, and the third one does. So one of them leads for as
 * long as that one takes to have it.
 */
static void W21_two_without_a_state_bring_a_third_up_to_date(void)
{
	for (uint64_t seed = 120; seed < 122; seed++) {
		uint32_t leader, other, lags;

		two_stateless(seed, &leader, &other, &lags);
		sim_node_start(&w, lags);
		wait(lags, leads, true);
		wait(leader, has_state, true);
		wait(other, has_state, true);
		end();
	}
}

/*
 * The one that leads does not reach the third one, and the other one does, which hears the leader,
 * and so helps nobody else to lead.
 */
static void W21_who_reaches_nobody_able_lets_another_one_try(void)
{
	for (uint64_t seed = 124; seed < 126; seed++) {
		uint32_t leader, other, lags;

		two_stateless(seed, &leader, &other, &lags);
		cut((uint32_t)sim_leader(&w), lags);
		sim_node_start(&w, lags);
		wait(lags, leads, true);
		sim_net_heal(w.net);
		wait(leader, has_state, true);
		wait(other, has_state, true);
		end();
	}
}

/*
 * Who leads has a state, and no snapshot that the other one's log follows: it had no room for any.
 * Nobody writes, so no marker is due.
 */
static void W21_one_without_a_state_is_given_a_newer_snapshot(void)
{
	uint32_t other, small, leader;

	begin(130, 3);
	leader = (uint32_t)sim_leader(&w);
	other = (leader + 1) % 3;
	small = (leader + 2) % 3;
	fake_space(w.node[small].disk, true, LITTLE);
	wait(small, is_full, true);
	while (wal_first(node_of(other)->wal) <= node_of(small)->snapshot.newest.index + 1)
		sim_world_run(&w, MS);
	assert(sim_world_settle(&w, 20000 * MS));
	w.resting = true;
	fake_space(w.node[small].disk, false, 0);
	wait(small, is_full, false);
	crash_damaged(other);
	sim_node_crash(&w, leader);
	start_stateless(other);
	wait(small, leads, true);
	assert(node_of(small)->snapshot.newest.index < node_of(other)->applied);
	wait(other, has_state, true);
	assert(node_of(other)->install.installed == 1);
	sim_node_start(&w, leader);
	end();
}

/* As one finds it who reads it for another member. */
static void newest_is_damaged(uint32_t i)
{
	const struct raft_snapshot s = node_of(i)->snapshot.newest;

	wal_snapshot_find(node_of(i)->wal, s.index, s.term)->damaged = true;
	node_snapshot_damaged(node_of(i), s.index, s.term, -EBADMSG);
	sim_world_run(&w, 10 * MS);
}

/* One is taken at once, if there is room; and that it came to nothing is no reason for haste. */
static void D18_where_none_is_whole_a_marker_is_of_use(void)
{
	struct node_snapshot *s;
	uint64_t markers;
	raft_index table;

	begin(140, 1);
	s = &node_of(0)->snapshot;
	w.resting = true;
	sim_world_run(&w, 1000 * MS);
	fake_space(w.node[0].disk, true, 0);
	wait(0, is_full, true);
	newest_is_damaged(0);
	newest_is_damaged(0);
	assert(s->count == 0);
	fake_space(w.node[0].disk, true, LITTLE);
	markers = s->markers;
	sim_world_run(&w, 35000 * MS);
	assert(s->markers == markers && s->count == 0);
	/* A member that does not know the table passes it over. */
	table = s->members_index;
	s->members_index = 0;
	fake_space(w.node[0].disk, false, 0);
	wait(0, is_full, false);
	sim_world_run(&w, 15000 * MS);
	assert(s->markers == markers + 2 && s->count == 0);
	s->members_index = table;
	sim_world_run(&w, 10000 * MS);
	assert(s->markers == markers + 3 && s->count == 1);
	end();
}

int main(void)
{
	W21_two_without_a_state_bring_a_third_up_to_date();
	W21_who_reaches_nobody_able_lets_another_one_try();
	W21_one_without_a_state_is_given_a_newer_snapshot();
	D18_where_none_is_whole_a_marker_is_of_use();
	return 0;
}
