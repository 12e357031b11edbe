/*
 * Snapshots of other members under whole nodes (S10): whoever needs what the log has no more pulls
 * one, begins its log behind it, and goes on; whatever is lost, ends or changes meanwhile.
 */
#include "tests/sim/installing.h"

#include "serve/internal.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

enum { PULLS_CUT = 3, ELSEWHERE = 9 };

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
	static const struct sim_net_faults fast = {.delay_ns_min = 2000, .delay_ns_max = 20000};
	uint64_t sent = 0, size;
	uint32_t i;

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
	sim_net_set_faults(w.net, &fast);
	assert(sim_world_settle(&w, 20000 * MS));
}

static struct wal_pulled pulled(uint32_t i)
{
	struct wal_pulled p;

	wal_pull_get(node_of(i)->wal, &p);
	return p;
}

/* Of a pull: there is something of it on the disk. */
static bool is_at(uint32_t i, enum node_install_step step)
{
	return node_of(i)->install.step == step &&
	       (step != NODE_INSTALL_PULL || pulled(i).there > 0);
}

/*
 * Who pulls ends again and again, at any moment: what is there of the file is not pulled again, and
 * what was to be installed is, by the next start.
 */
static void S10_who_pulls_is_killed_at_any_moment(void)
{
	uint32_t resumed = 0, finished = 0, half = 0, kills = 0;

	for (int round = 0; round < 6; round++) {
		uint32_t i = follower();
		raft_index last = away(i);
		uint64_t until_ns = w.now_ns + WAIT_MS * MS;
		uint32_t first = kills;
		/* At first it is a moment that is short; in a pull again and again. */
		enum node_install_step until = round % 3 == 0   ? NODE_INSTALL_PULL
					       : round % 3 == 1 ? NODE_INSTALL_OPEN
								: NODE_INSTALL_RESTORE;

		while (!has_installed(i, last)) {
			bool scanned = false;
			uint64_t moment_ns;

			assert(w.now_ns < until_ns);
			sim_node_start(&w, i);
			while (!node_of(i)->raft)
				sim_world_run(&w, MS / 100);
			finished += node_of(i)->recovered.installs;
			assert(!node_of(i)->recovered.installs || has_installed(i, last));
			while (node_of(i)->install.step == NODE_INSTALL_NONE &&
			       !has_installed(i, last))
				sim_world_run(&w, MS / 10);
			moment_ns = w.now_ns + sim_random_below(&w.random, 5 * MS);
			while (!has_installed(i, last) &&
			       (until == NODE_INSTALL_NONE ? w.now_ns < moment_ns
							   : !is_at(i, until))) {
				sim_world_run(&w, MS / 100);
				scanned |= pulled(i).scanned > 0;
				assert(node_of(i)->serve->held == node_of(i)->install.held);
			}
			if (until != NODE_INSTALL_PULL || kills == first + PULLS_CUT)
				until = NODE_INSTALL_NONE;
			resumed += scanned;
			if (has_installed(i, last))
				break;
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
}

/* In one world, for it takes a while to be as large. */
static void of_a_state_of_several_ranges(void)
{
	begin(60, 3, WAL_DURABLE);
	sim_world_run(&w, 14000 * MS);
	R21_a_slow_answer_is_not_asked_for_twice();
	S10_who_pulls_is_killed_at_any_moment();
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

static void change(uint32_t leader, struct raft_change c)
{
	uint64_t until_ns = w.now_ns + WAIT_MS * MS;
	struct raft_refusal refusal;
	raft_index index;

	while (raft_members_change(w.node[leader].node->raft, &c, 1, &index, &refusal)) {
		assert(w.now_ns < until_ns);
		sim_world_run(&w, MS);
	}
	while (raft_commit(node_of(leader)->raft) < index)
		sim_world_run(&w, MS);
}

/*
 * S10, D16: a learner was away while the leader, the only one that votes, came to stand elsewhere:
 * it is given what it needs from there, where its own table has nobody (seed 9043).
 */
static void S10_who_gives_it_moved_meanwhile(void)
{
	uint32_t i, leader, other;
	raft_index last;

	begin(120, 3, WAL_DURABLE);
	sim_world_run(&w, 300 * MS);
	leader = (uint32_t)sim_leader(&w);
	i = follower();
	other = 3 - i - leader;
	change(leader, (struct raft_change){.kind = RAFT_CHANGE_DEMOTE, .id = node_of(i)->id});
	change(leader, (struct raft_change){.kind = RAFT_CHANGE_DEMOTE, .id = node_of(other)->id});
	sim_world_run(&w, 300 * MS);
	last = raft_last(node_of(i)->raft);
	sim_node_crash(&w, i);
	change(leader, (struct raft_change){.kind = RAFT_CHANGE_UPDATE,
					    .id = node_of(leader)->id,
					    .place = sim_host_place(ELSEWHERE)});
	sim_node_crash(&w, other); /* nobody else has it */
	sim_node_crash(&w, leader);
	w.node[leader].address = (uint32_t)(sim_host_place(ELSEWHERE) >> 16);
	w.node[leader].moved = true;
	sim_node_start(&w, leader);
	wait_cut(i, last);
	sim_node_start(&w, i);
	wait_installed(i, 1);
	assert(has_installed(i, last));
	sim_node_start(&w, other);
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
	of_a_state_of_several_ranges();
	S10_the_leader_ends_in_the_middle();
	S10_what_is_pulled_is_gone_everywhere();
	S10_who_gives_it_moved_meanwhile();
	R34_a_tail_that_contradicts_goes();
	return 0;
}
