/*
 * Snapshots that are not whole, or cannot be read, under whole nodes (W21): who has none is given
 * one, and who gives one looks at it first.
 */
#include "tests/sim/installing.h"

#include "wal/block.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { SNAPSHOTS = 4 };

enum how { DAMAGED, UNREADABLE };
static char file[SNAPSHOTS][DISK_NAME_MAX];

/* The newest of node i, so many; which they are is in `file`. */
static void newest_damage(uint32_t i, uint32_t count, enum how how)
{
	struct raft_snapshot list[WAL_SNAPSHOTS_MAX];

	assert(count <= SNAPSHOTS && wal_snapshots(node_of(i)->wal, list) >= count);
	for (uint32_t k = 0; k < count; k++) {
		uint64_t at = list[k].size / 2 / BLOCK_SIZE * BLOCK_SIZE;

		wal_block_name(file[k], list[k].index, list[k].term);
		if (how == DAMAGED)
			fake_flip(w.node[i].disk, file[k], at + 9, 3);
		else
			fake_bad(w.node[i].disk, file[k], at, BLOCK_SIZE, -EIO);
	}
}

static bool is_there(uint32_t i, uint32_t k)
{
	return fake_exists(w.node[i].disk, file[k]);
}

static void wait_gone(uint32_t i, uint32_t k)
{
	uint64_t until_ns = w.now_ns + WAIT_MS * MS;

	while (is_there(i, k)) {
		assert(w.now_ns < until_ns);
		sim_world_run(&w, MS);
	}
}

/* It knows of one that is whole there, or of none. */
static void wait_whole(uint32_t i, bool any)
{
	uint64_t until_ns = w.now_ns + WAIT_MS * MS;

	while ((node_of(i)->snapshot.count > 0) != any) {
		assert(w.now_ns < until_ns);
		sim_world_run(&w, MS);
	}
}

static void wait_has_installed(uint32_t i, raft_index last)
{
	uint64_t until_ns = w.now_ns + WAIT_MS * MS;

	while (!has_installed(i, last)) {
		assert(w.now_ns < until_ns);
		sim_world_run(&w, MS);
	}
}

/*
 * W21: none of the snapshots here is whole. The log is, so it votes and acknowledges; it stands for
 * nothing and serves nothing before another member has given it one, which may be older than what
 * the log has. One that is whole, and that the log does not reach down to any more, is of no use.
 */
static void W21_who_has_no_whole_snapshot_is_given_one(void)
{
	struct raft_snapshot list[WAL_SNAPSHOTS_MAX];
	char first[DISK_NAME_MAX];
	uint32_t i;

	begin(90, 3, WAL_DURABLE);
	i = follower();
	while (wal_snapshots(node_of(i)->wal, list) == 0)
		sim_world_run(&w, MS);
	wal_block_name(first, list[0].index, list[0].term);
	fake_copy(w.node[i].disk, first, "aside");
	while (wal_first(node_of(i)->wal) <= list[0].index + 1)
		sim_world_run(&w, MS);
	for (int round = 0; round < 2; round++) {
		uint32_t leader = (uint32_t)sim_leader(&w);

		if (i == leader)
			i = follower();
		newest_damage(i, wal_snapshots(node_of(i)->wal, list), DAMAGED);
		sim_node_crash(&w, i);
		/* Without the leader of before: it is to be elected with this one's vote. */
		sim_node_crash(&w, leader);
		if (fake_exists(w.node[i].disk, "aside"))
			fake_copy(w.node[i].disk, "aside", first);
		sim_node_start(&w, i);
		while (!node_of(i)->raft)
			sim_world_run(&w, MS / 10);
		assert(node_of(i)->install.held);
		assert(round > 0 || wal_snapshots(node_of(i)->wal, list) == 1);
		assert(sim_node_says(&w, i, "no snapshot here is whole"));
		assert(node_of(i)->snapshot.newest.index == 0);
		wait_leader();
		assert(sim_leader(&w) != (int)i);
		wait_installed(i, 1);
		assert(!node_of(i)->install.held);
		sim_node_start(&w, leader);
		assert(sim_world_settle(&w, 20000 * MS));
		sim_world_run(&w, 3000 * MS);
	}
	end();
}

/*
 * W21: what the leader offers is damaged, and it finds out when another member pulls it. Nobody
 * else has it and nothing commits meanwhile: it is the one before that is pulled. What is not what
 * was written goes. What could not be read may be the next time: it goes where space is short, or
 * when two that are whole are newer.
 */
static void W21_who_gives_one_finds_it_damaged(void)
{
	struct raft_snapshot list[WAL_SNAPSHOTS_MAX];

	begin(100, 3, WAL_DURABLE);
	sim_world_run(&w, 300 * MS);
	for (int round = 0; round < 3; round++) {
		uint32_t i = follower(), leader;
		raft_index last = away(i), newest;

		leader = (uint32_t)sim_leader(&w);
		while (wal_snapshots(node_of(leader)->wal, list) < 2)
			sim_world_run(&w, MS);
		sim_node_crash(&w, 3 - i - leader);
		fake_space_all(w.node[leader].disk, UINT64_C(1) << (round == 2 ? 40 : 35));
		fake_space(w.node[leader].disk, true, UINT64_C(1) << 34);
		newest = node_of(leader)->snapshot.newest.index;
		newest_damage(leader, 1, round == 0 ? DAMAGED : UNREADABLE);
		sim_node_start(&w, i);
		wait_has_installed(i, last);
		assert(round != 1 || is_there(leader, 0));
		if (round != 1)
			wait_gone(leader, 0);
		assert(round == 1 || node_of(leader)->snapshot.older.index <= newest);
		sim_node_start(&w, 3 - i - leader);
		assert(sim_world_settle(&w, 20000 * MS));
		wait_gone(leader, 0);
	}
	end();
}

/* W21: where there is nothing else; nothing commits meanwhile. */
static void W21_what_could_not_be_read_is_tried_again(void)
{
	struct raft_snapshot list[WAL_SNAPSHOTS_MAX];
	uint32_t i, leader, count;
	raft_index last;

	begin(105, 3, WAL_DURABLE);
	sim_world_run(&w, 300 * MS);
	i = follower();
	last = away(i);
	leader = (uint32_t)sim_leader(&w);
	sim_node_crash(&w, 3 - i - leader);
	count = wal_snapshots(node_of(leader)->wal, list);
	newest_damage(leader, count, UNREADABLE);
	sim_node_start(&w, i);
	wait_whole(leader, false);
	sim_world_run(&w, 15000 * MS);
	assert(!has_installed(i, last));
	for (uint32_t k = 0; k < count; k++) {
		assert(is_there(leader, k));
		fake_mended(w.node[leader].disk, file[k]);
	}
	wait_has_installed(i, last);
	sim_node_start(&w, 3 - i - leader);
	assert(sim_world_settle(&w, 20000 * MS));
	end();
}

/*
 * Nobody is left who could give one: another is taken at once, however short the log is; then those
 * that were needed by their names go, however many.
 */
static void W21_where_none_is_whole_one_is_taken(void)
{
	struct raft_snapshot list[WAL_SNAPSHOTS_MAX];
	uint32_t i, leader, count;

	begin(110, 3, WAL_DURABLE);
	sim_world_run(&w, 300 * MS);
	i = follower();
	w.snapshot_log_bytes = UINT64_C(1) << 30; /* who is started from now on */
	away(i);
	leader = (uint32_t)sim_leader(&w);
	sim_node_crash(&w, 3 - i - leader);
	count = wal_snapshots(node_of(leader)->wal, list);
	newest_damage(leader, count, DAMAGED);
	sim_node_start(&w, i);
	wait_whole(leader, false);
	sim_node_start(&w, 3 - i - leader);
	assert(sim_world_settle(&w, 20000 * MS));
	wait_whole(leader, true);
	for (uint32_t k = 0; k < count; k++)
		wait_gone(leader, k);
	assert(node_of(i)->install.installed > 0);
	end();
}

int main(void)
{
	W21_who_has_no_whole_snapshot_is_given_one();
	W21_who_gives_one_finds_it_damaged();
	W21_what_could_not_be_read_is_tried_again();
	W21_where_none_is_whole_one_is_taken();
	return 0;
}
