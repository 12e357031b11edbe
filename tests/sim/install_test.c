/*
 * Snapshots of other members under whole nodes (S10): whoever needs what the log has no more pulls
 * one, begins its log behind it, and goes on; whatever is lost, ends or changes meanwhile.
 */
#include "tests/sim/world.h"

#include "node/internal.h"
#include "wal/block.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MS UINT64_C(1000000)

enum { LOG_BYTES = 32 * 1024, WAIT_MS = 60000, SNAPSHOTS = 4 };

static struct sim_world w;

static const struct node *node_of(uint32_t i)
{
	return w.node[i].node;
}

static void begin(uint64_t seed, uint32_t nodes, enum wal_durability durability)
{
	sim_world_prepare(&w, seed, nodes);
	w.snapshot_log_bytes = LOG_BYTES;
	w.durability = durability;
	sim_world_begin(&w, 4);
	while (sim_leader(&w) < 0 || !sim_all_formed(&w))
		sim_world_run(&w, MS);
}

static void end(void)
{
	assert(sim_world_verify(&w));
	sim_world_destroy(&w);
}

static uint32_t follower(void)
{
	return (uint32_t)(sim_leader(&w) + 1) % w.node_count;
}

/* Each of the others has cut off what comes after this index. */
static bool all_cut(uint32_t but, raft_index index)
{
	for (uint32_t i = 0; i < w.node_count; i++) {
		if (i != but && wal_first(node_of(i)->wal) <= index + 1)
			return false;
	}
	return true;
}

static void wait_leader(void)
{
	uint64_t until_ns = w.now_ns + WAIT_MS * MS;

	while (sim_leader(&w) < 0) {
		assert(w.now_ns < until_ns);
		sim_world_run(&w, MS);
	}
}

/*
 * What the others' windows have still they would send: they are started again, or, of a log in RAM,
 * it is waited for until the windows have moved on.
 */
static void wait_cut(uint32_t but, raft_index index)
{
	uint64_t until_ns = w.now_ns + WAIT_MS * MS;

	if (w.durability == WAL_VOLATILE)
		index += RAFT_WINDOW;
	while (!all_cut(but, index)) {
		assert(w.now_ns < until_ns);
		sim_world_run(&w, 10 * MS);
	}
	for (uint32_t i = 0; i < w.node_count && w.durability != WAL_VOLATILE; i++) {
		if (i == but)
			continue;
		sim_node_crash(&w, i);
		sim_world_run(&w, MS);
		sim_node_start(&w, i);
		sim_world_run(&w, 500 * MS);
		wait_leader();
	}
}

static void wait_installed(uint32_t i, uint64_t count)
{
	uint64_t until_ns = w.now_ns + WAIT_MS * MS;

	while (node_of(i)->install.installed < count) {
		assert(w.now_ns < until_ns);
		sim_world_run(&w, MS);
	}
}

static void cut_off(uint32_t i, bool cut)
{
	for (uint32_t k = 0; k < w.node_count; k++) {
		if (k == i)
			continue;
		sim_net_cut(w.net, i, k, cut);
		sim_net_cut(w.net, k, i, cut);
	}
}

/* Down until the others have cut what it needs next. The last index that it has. */
static raft_index away(uint32_t i)
{
	raft_index last = raft_last(node_of(i)->raft);

	sim_node_crash(&w, i);
	wait_cut(i, last + 100);
	return last;
}

/* Its log begins behind what it had, and its state is whole. */
static bool has_installed(uint32_t i, raft_index last)
{
	const struct node *n = node_of(i);

	return n && n->raft && wal_first(n->wal) > last + 1 && n->applied > last &&
	       !n->install.held;
}

/* There was no room for it, say, and by now the log has all of it: nothing is wrong any more. */
static void of_a_failure_nothing_is_left(uint32_t i)
{
	struct node *n = w.node[i].node;

	n->install.failed = -ENOSPC;
	node_install_offered(n, &n->snapshot.newest, node_of((i + 1) % 3)->id);
	assert(sim_node_says(&w, i, "could not be installed"));
	sim_world_run(&w, 10 * MS);
	assert(n->install.step == NODE_INSTALL_NONE);
	assert(!sim_node_says(&w, i, "could not be installed"));
}

/* R17, W23: it was away until the others had cut what it needs next. */
static void S10_who_was_away_comes_back_by_a_snapshot(enum wal_durability durability)
{
	for (uint64_t seed = 40; seed < 42; seed++) {
		raft_index last;
		uint32_t i;

		begin(seed, 3, durability);
		sim_world_run(&w, 300 * MS);
		i = follower();
		last = raft_last(node_of(i)->raft);
		/* A log in RAM ends with its process. */
		if (durability == WAL_VOLATILE)
			cut_off(i, true);
		else
			sim_node_crash(&w, i);
		wait_cut(i, last + 100);
		if (durability == WAL_VOLATILE)
			cut_off(i, false);
		else
			sim_node_start(&w, i);
		wait_installed(i, 1);
		assert(node_of(i)->applied > last);
		assert(wal_first(node_of(i)->wal) > last + 1);
		assert(sim_world_settle(&w, 20000 * MS));
		printf("%s: %" PRIu64 " bytes in %" PRIu64 " us\n", wal_durability_name(durability),
		       node_of(i)->snapshot.newest.size, node_of(i)->install.ns / 1000);
		of_a_failure_nothing_is_left(i);
		end();
	}
}

static void S10_frames_are_lost(void)
{
	static const struct sim_net_faults bad = {.loss_ppm = 200000,
						  .duplicate_ppm = 100000,
						  .delay_ns_min = 2000,
						  .delay_ns_max = 2 * MS};
	static const struct sim_net_faults none = {.delay_ns_min = 2000, .delay_ns_max = 20000};

	for (uint64_t seed = 50; seed < 52; seed++) {
		raft_index last;
		uint32_t i;

		begin(seed, 3, WAL_DURABLE);
		sim_world_run(&w, 300 * MS);
		i = follower();
		last = away(i);
		sim_net_set_faults(w.net, &bad);
		sim_node_start(&w, i);
		wait_installed(i, 1);
		assert(has_installed(i, last));
		printf("with loss: %" PRIu64 " bytes in %" PRIu64 " us\n",
		       node_of(i)->snapshot.newest.size, node_of(i)->install.ns / 1000);
		sim_net_set_faults(w.net, &none);
		end();
	}
}

/*
 * R21: whoever gives a snapshot sends each byte of it about once, also where answers take longer
 * than is waited for at first: what was asked for twice measures nothing, and doubles the patience.
 */
static void R21_a_slow_answer_is_not_asked_for_twice(void)
{
	static const struct sim_net_faults slow = {.delay_ns_min = 15 * MS,
						   .delay_ns_max = 18 * MS};
	uint64_t sent = 0, size;
	uint32_t i;

	begin(55, 3, WAL_DURABLE);
	sim_world_run(&w, 8000 * MS); /* for a state of several ranges */
	i = follower();
	away(i);
	sim_net_set_faults(w.net, &slow);
	sim_node_start(&w, i);
	wait_installed(i, 1);
	size = node_of(i)->snapshot.newest.size;
	for (uint32_t k = 0; k < w.node_count; k++)
		sent += node_of(k)->pulls.sent_bytes;
	printf("far away: %" PRIu64 " bytes, %" PRIu64 " sent, in %" PRIu64 " us\n", size, sent,
	       node_of(i)->install.ns / 1000);
	fflush(stdout);
	/* The first is, for nothing was measured before. */
	assert(size > 2 * WAL_RANGE_SIZE_MAX && sent < size + 2 * WAL_RANGE_SIZE_MAX);
	end();
}

/*
 * Who pulls ends again and again, at any moment: what is there of the file is not pulled again, and
 * what was to be installed is, by the next start.
 */
static void S10_who_pulls_is_killed_at_any_moment(void)
{
	uint32_t resumed = 0, finished = 0, half = 0, kills = 0;

	begin(60, 3, WAL_DURABLE);
	sim_world_run(&w, 8000 * MS); /* for a state of several writes */
	for (int round = 0; round < 6; round++) {
		uint32_t i = follower();
		raft_index last = away(i);
		uint64_t until_ns = w.now_ns + WAIT_MS * MS;
		/* Twice in three rounds it is a moment that is short. */
		enum node_install_step until = round % 3 == 0   ? NODE_INSTALL_NONE
					       : round % 3 == 1 ? NODE_INSTALL_OPEN
								: NODE_INSTALL_RESTORE;

		while (!has_installed(i, last)) {
			struct wal_pulled p;

			assert(w.now_ns < until_ns);
			sim_node_start(&w, i);
			finished += node_of(i)->recovered.installs;
			while (node_of(i)->install.step == NODE_INSTALL_NONE &&
			       !has_installed(i, last))
				sim_world_run(&w, MS / 10);
			sim_world_run(&w, sim_random_below(&w.random, 5 * MS));
			while (until != NODE_INSTALL_NONE && node_of(i)->install.step != until &&
			       !has_installed(i, last))
				sim_world_run(&w, MS / 100);
			until = NODE_INSTALL_NONE;
			if (has_installed(i, last))
				break;
			wal_pull_get(node_of(i)->wal, &p);
			resumed += p.scanned > 0;
			half += node_of(i)->install.held;
			sim_node_crash(&w, i);
			kills++;
		}
		assert(sim_world_settle(&w, 20000 * MS));
	}
	printf("killed %u times: %u resumed, %u finished by a start, %u in the middle of a state\n",
	       kills, resumed, finished, half);
	fflush(stdout);
	assert(resumed > 0 && finished > 0 && half > 0);
	end();
}

/* V28, S10: who offered it ends; another one has the same. */
static void S10_the_leader_ends_in_the_middle(void)
{
	uint32_t others = 0;

	begin(70, 3, WAL_DURABLE);
	sim_world_run(&w, 300 * MS);
	for (int round = 0; round < 4; round++) {
		uint32_t i = follower(), leader;
		raft_index last = away(i);

		leader = (uint32_t)sim_leader(&w);
		sim_node_start(&w, i);
		while (node_of(i)->install.step == NODE_INSTALL_NONE)
			sim_world_run(&w, MS / 10);
		sim_world_run(&w, sim_random_below(&w.random, MS));
		sim_node_crash(&w, leader);
		if (node_of(i)->install.step == NODE_INSTALL_PULL) {
			wait_installed(i, 1);
			others++;
		}
		sim_node_start(&w, leader);
		sim_world_run(&w, 500 * MS);
		assert(has_installed(i, last));
		assert(sim_world_settle(&w, 20000 * MS));
	}
	printf("%u went on with another member\n", others);
	assert(others > 0);
	end();
}

static bool others_have(uint32_t but, raft_index index)
{
	struct raft_snapshot list[WAL_SNAPSHOTS_MAX];

	for (uint32_t i = 0; i < w.node_count; i++) {
		uint32_t count = i == but ? 0 : wal_snapshots(node_of(i)->wal, list);

		for (uint32_t k = 0; k < count; k++) {
			if (list[k].index <= index)
				return true;
		}
	}
	return false;
}

/* S10: while it is not heard, what it pulls goes at all who had it: they have newer ones. */
static void S10_what_is_pulled_is_gone_everywhere(void)
{
	uint32_t rounds = 0;

	begin(75, 3, WAL_DURABLE);
	sim_world_run(&w, 1000 * MS);
	for (int round = 0; round < 2; round++) {
		uint32_t i = follower();
		raft_index last = away(i);
		uint64_t until_ns;

		sim_node_start(&w, i);
		while (node_of(i)->install.step == NODE_INSTALL_NONE)
			sim_world_run(&w, MS / 100);
		cut_off(i, true);
		rounds += node_of(i)->install.step == NODE_INSTALL_PULL;
		until_ns = w.now_ns + WAIT_MS * MS;
		while (others_have(i, node_of(i)->install.at.index)) {
			assert(w.now_ns < until_ns);
			sim_world_run(&w, 10 * MS);
		}
		cut_off(i, false);
		wait_installed(i, 1);
		assert(has_installed(i, last));
		assert(sim_world_settle(&w, 20000 * MS));
	}
	printf("%u times what was pulled was gone\n", rounds);
	assert(rounds > 0);
	end();
}

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
 * the log has.
 */
static void W21_who_has_no_whole_snapshot_is_given_one(void)
{
	struct raft_snapshot list[WAL_SNAPSHOTS_MAX];
	uint32_t i;

	begin(90, 3, WAL_DURABLE);
	sim_world_run(&w, 300 * MS);
	i = follower();
	while (wal_first(node_of(i)->wal) == 1)
		sim_world_run(&w, MS);
	for (int round = 0; round < 2; round++) {
		uint32_t leader = (uint32_t)sim_leader(&w);

		if (i == leader)
			i = follower();
		newest_damage(i, wal_snapshots(node_of(i)->wal, list), DAMAGED);
		sim_node_crash(&w, i);
		/* Without the leader of before: it is to be elected with this one's vote. */
		sim_node_crash(&w, leader);
		sim_node_start(&w, i);
		while (!node_of(i)->raft)
			sim_world_run(&w, MS / 10);
		assert(node_of(i)->install.held);
		assert(round > 0 || wal_snapshots(node_of(i)->wal, list) == 0);
		assert(sim_node_says(&w, i, "no snapshot here is whole"));
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

/* R34: it led, cut off, and appended what nobody else has: that goes with what is replaced. */
static void R34_a_tail_that_contradicts_goes(void)
{
	for (uint64_t seed = 80; seed < 82; seed++) {
		raft_index last, commit;
		raft_term term;
		uint32_t i;
		int err;

		begin(seed, 3, WAL_DURABLE);
		sim_world_run(&w, 300 * MS);
		i = (uint32_t)sim_leader(&w);
		cut_off(i, true);
		err = raft_propose(w.node[i].node->raft, (const uint8_t *)"tail", 4, &last, &term);
		assert(!err);
		sim_world_run(&w, 5 * MS); /* it is on the disk */
		last = raft_last(node_of(i)->raft);
		commit = raft_commit(node_of(i)->raft);
		assert(last > commit);
		sim_node_crash(&w, i);
		sim_net_heal(w.net);
		wait_leader();
		wait_cut(i, last + 100);
		sim_node_start(&w, i);
		assert(node_of(i)->recovered.last_index > commit);
		wait_installed(i, 1);
		assert(has_installed(i, last));
		end();
	}
}

int main(void)
{
	S10_who_was_away_comes_back_by_a_snapshot(WAL_DURABLE);
	S10_who_was_away_comes_back_by_a_snapshot(WAL_WRITTEN);
	S10_who_was_away_comes_back_by_a_snapshot(WAL_VOLATILE);
	S10_frames_are_lost();
	R21_a_slow_answer_is_not_asked_for_twice();
	S10_who_pulls_is_killed_at_any_moment();
	S10_the_leader_ends_in_the_middle();
	S10_what_is_pulled_is_gone_everywhere();
	W21_who_has_no_whole_snapshot_is_given_one();
	W21_who_gives_one_finds_it_damaged();
	W21_what_could_not_be_read_is_tried_again();
	W21_where_none_is_whole_one_is_taken();
	R34_a_tail_that_contradicts_goes();
	return 0;
}
