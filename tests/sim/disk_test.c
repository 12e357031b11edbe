/*
 * Disks that are slow, or hang, under whole nodes: who leads, and what goes on.
 */
#include "tests/sim/world.h"

#include "kv/command.h"
#include "node/internal.h"
#include "raft/internal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MS 1000000ull

/* Of the smallest size, and a window behind them: the start does not look into the second one. */
enum { SEGMENTS_THREE = 12000 + RAFT_WINDOW };

static struct sim_world w;

/* Returns the leader; all three are of the cluster. */
static uint32_t world_begin(void)
{
	sim_world_create(&w, 7, 3, 0);
	while (sim_leader(&w) < 0 || !sim_all_formed(&w))
		sim_world_run(&w, MS);
	sim_world_run(&w, 100 * MS);
	return (uint32_t)sim_leader(&w);
}

static raft_term term_of(uint32_t i)
{
	return raft_get_term(w.node[i].node->raft);
}

/* Proposes puts of a full entry each, until the leader takes no more. Returns how many. */
static uint32_t fill(uint32_t leader)
{
	uint8_t value[1000] = {1}, bytes[1200];
	struct kv_request request = {.operation = KV_PUT,
				     .session = 9,
				     .key = {.data = (const uint8_t *)"k", .size = 1},
				     .value = {.data = value, .size = sizeof(value)}};
	raft_index index;
	raft_term term;
	uint32_t count = 0;

	for (;; count++) {
		request.sequence = count + 1;
		kv_request_encode(&request, bytes);
		if (raft_propose(w.node[leader].node->raft, bytes, kv_request_size(&request),
				 &index, &term))
			return count;
	}
}

/* Since a follower last heard its leader. */
static uint64_t silence_us(uint32_t i)
{
	const struct raft *r = w.node[i].node->raft;

	return r->now_us - (r->election_deadline_us - r->election_span_us);
}

/*
 * More waits for the disk than its buffers take: heartbeats leave all the same, so nobody else
 * stands for election, and whoever else asks for something gets it.
 */
static void V9_a_leader_with_a_full_log_is_heard(void)
{
	uint32_t leader = world_begin();
	raft_term term = term_of(leader);
	uint64_t waited = 0, silence = 0;

	w.node[leader].disk_ns = 140 * MS;
	for (int i = 0; i < 1500; i++) {
		fill(leader);
		waited += wal_room(w.node[leader].node->wal) < 400000;
		sim_world_run(&w, MS);
		assert(sim_leader(&w) == (int)leader);
		for (uint32_t k = 0; k < 3; k++) {
			assert(term_of(k) == term);
			if (k != leader && silence_us(k) > silence)
				silence = silence_us(k);
		}
	}
	assert(waited > 500);    /* else the log was never full, and nothing was tried */
	assert(silence < 40000); /* two heartbeats */
	sim_world_destroy(&w);
}

/*
 * A follower whose disk hangs says so, with the file and the time, and stands for no election when
 * the leader is gone; once its disk answers it says nothing more, and may be elected.
 */
static void V20_a_member_whose_disk_hangs_says_so_and_does_not_stand(void)
{
	uint32_t leader = world_begin(), hung = (leader + 1) % 3;
	uint64_t stall_ns = w.node[hung].node->disk_stall_ns;
	uint64_t stood;

	assert(stall_ns >= 50 * MS);
	w.node[hung].disk_hangs = true;
	fill(leader);
	sim_world_run(&w, stall_ns / 2);
	assert(!sim_node_says(&w, hung, "error the disk does not answer"));
	sim_world_run(&w, stall_ns);
	assert(sim_node_says(&w, hung, "error the disk does not answer: a write of "));
	struct raft_status status;
	node_raft_status(w.node[hung].node, &status);
	assert(status.disk_stalled); /* the core was told: it stands for nothing */
	assert(sim_node_says(&w, hung, "segment-0000000000000001 at offset "));
	assert(sim_node_says(&w, hung, "disk_stalled 1"));
	assert(!node_busy(w.node[hung].node));
	assert(w.node[hung].node->counters.disk_stalls == 1);
	stood = w.node[hung].node->counters.elections_started;
	sim_node_crash(&w, leader);
	sim_world_run(&w, 3000 * MS);
	/* The other one asks, and gets no vote. */
	assert(sim_leader(&w) < 0 || sim_leader(&w) == (int)leader);
	assert(w.node[hung].node->counters.elections_started == stood);
	w.node[hung].disk_hangs = false;
	while (sim_leader(&w) < 0 || sim_leader(&w) == (int)leader)
		sim_world_run(&w, MS);
	sim_world_run(&w, 1000 * MS);
	assert(!sim_node_says(&w, hung, "the disk does not answer"));
	assert(sim_node_says(&w, hung, "disk_stalled 0"));
	sim_world_destroy(&w);
}

/* A node alone, with three segments and a window behind them. */
static raft_index long_log(void)
{
	struct sim_node *n = &w.node[0];

	sim_world_create(&w, 7, 1, 0);
	while (n->node->applied < SEGMENTS_THREE) {
		sim_world_run(&w, 20 * MS);
		if (sim_leader(&w) == 0)
			fill(0);
	}
	return n->node->applied;
}

static void start_again(void)
{
	sim_node_crash(&w, 0);
	sim_node_start(&w, 0);
	while (w.node[0].node->raft == NULL)
		sim_world_run(&w, 1);
}

/*
 * A member reads old segments back, for itself after a start and for others, and each that it opens
 * takes a descriptor. Without one it waits, a member like any other, until there is one; and it
 * makes do with those that it has.
 */
static void F14_V17_a_segment_that_cannot_be_opened_now_is_no_end(void)
{
	raft_index last = long_log();
	struct sim_node *n = &w.node[0];

	start_again();
	fake_files_max(n->disk, 1);
	sim_world_run(&w, 1000 * MS);
	assert(n->node->applied > 0 && n->node->applied < last);
	assert(sim_leader(&w) == 0);
	assert(!node_busy(n->node));
	fake_files_max(n->disk, 0);
	for (int i = 0; i < 5000 && n->node->applied < last; i++)
		sim_world_run(&w, MS);
	assert(n->node->applied >= last);

	/* Nor if it may not be opened: somebody took the directory away, and gave it back. */
	start_again();
	fake_names_fail(n->disk, -EACCES);
	sim_world_run(&w, 1000 * MS);
	assert(n->node->applied > 0 && n->node->applied < last);
	assert(sim_leader(&w) == 0);
	assert(!node_busy(n->node));
	fake_names_fail(n->disk, 0);
	for (int i = 0; i < 5000 && n->node->applied < last; i++)
		sim_world_run(&w, MS);
	assert(n->node->applied >= last);

	start_again();
	fake_files_max(n->disk, fake_files(n->disk));
	for (int i = 0; i < 5000 && n->node->applied < last; i++)
		sim_world_run(&w, MS);
	assert(n->node->applied >= last);
	sim_world_destroy(&w);
}

/*
 * A member that is started again reads its log back, and the disk hangs at that. It says so, with
 * the place; and votes, for a vote is a write, and the others may need it.
 */
static void V20_a_read_that_hangs_is_told_and_keeps_nobody_from_voting(void)
{
	struct sim_node *n = &w.node[0];
	struct raft_status raft;

	(void)long_log();
	start_again();
	n->reads_hang = true;
	for (int i = 0; i < 5000 && n->node->stall[NODE_STALL_READ].since_ns == UINT64_MAX; i++)
		sim_world_run(&w, MS);
	sim_world_run(&w, n->node->disk_stall_ns / 2);
	node_poll(n->node, w.now_ns); /* alone it has nothing to do */
	assert(sim_node_says(&w, 0, "disk_stalled 0"));
	sim_world_run(&w, n->node->disk_stall_ns);
	node_poll(n->node, w.now_ns);
	assert(n->node->counters.disk_stalls == 1);
	assert(sim_node_says(&w, 0, "error the disk does not answer: a read of "));
	assert(sim_node_says(&w, 0, "what is to be read back waits until it ends"));
	assert(sim_node_says(&w, 0, "disk_stalled 1"));
	assert(!sim_node_says(&w, 0, "neither votes nor campaigns"));
	assert(!node_busy(n->node));
	node_raft_status(n->node, &raft);
	assert(!raft.disk_stalled);
	n->reads_hang = false;
	for (int i = 0; i < 5000 && n->node->applied < SEGMENTS_THREE; i++)
		sim_world_run(&w, MS);
	assert(n->node->applied >= SEGMENTS_THREE);
	assert(sim_node_says(&w, 0, "disk_stalled 0"));
	assert(!sim_node_says(&w, 0, "the disk does not answer"));
	sim_world_destroy(&w);
}

static bool takes_commands(uint32_t i)
{
	return !node_space_refuses(w.node[i].node);
}

/*
 * D8: a leader whose disk is full refuses what the others could keep, so it hands over to one that
 * has space, and nobody stands for election; where too few have some it stays.
 */
static void D8_a_full_leader_hands_over(void)
{
	uint32_t leader = world_begin(), other = (leader + 1) % 3, third = (leader + 2) % 3;
	raft_term term = term_of(leader);

	fake_space(w.node[other].disk, true, 0);
	sim_world_run(&w, 3000 * MS);
	assert(sim_node_says(&w, other, "disk_full 1"));
	assert(sim_leader(&w) == (int)leader && takes_commands(leader));
	fake_space(w.node[leader].disk, true, 0);
	for (int i = 0; i < 10000 && !sim_node_says(&w, leader, "disk_full 1"); i++)
		sim_world_run(&w, MS);
	sim_world_run(&w, 3000 * MS);
	assert(sim_leader(&w) == (int)leader && term_of(leader) == term);
	assert(!takes_commands(leader));
	fake_space(w.node[other].disk, false, 0);
	for (int i = 0; i < 10000 && sim_leader(&w) == (int)leader; i++)
		sim_world_run(&w, MS);
	assert(sim_leader(&w) == (int)other || sim_leader(&w) == (int)third);
	sim_world_run(&w, 3000 * MS);
	assert(sim_leader(&w) != (int)leader && takes_commands((uint32_t)sim_leader(&w)));
	assert(term_of(leader) == term + 1);
	sim_world_destroy(&w);
}

static void wait_led(uint32_t i, bool led)
{
	for (int ms = 0; ms < 60000 && (sim_leader(&w) == (int)i) != led; ms++)
		sim_world_run(&w, MS);
	assert((sim_leader(&w) == (int)i) == led);
}

/* D8: and is not given the lead back for its priority before it has space. */
static void D8_a_full_member_is_not_preferred(void)
{
	raft_term term;

	sim_world_prepare(&w, 11, 3);
	w.node[1].priority = 9;
	sim_world_begin(&w, 0);
	wait_led(1, true);
	fake_space(w.node[1].disk, true, 0);
	wait_led(1, false);
	while (sim_leader(&w) < 0)
		sim_world_run(&w, MS);
	term = term_of((uint32_t)sim_leader(&w));
	sim_world_run(&w, 20000 * MS);
	assert(sim_leader(&w) >= 0 && term_of((uint32_t)sim_leader(&w)) == term);
	fake_space(w.node[1].disk, false, 0);
	wait_led(1, true);
	sim_world_destroy(&w);
}

/* So much of a full log is for what frees space, and for nothing else. */
static void use_up(const struct node *leader, const struct node *full)
{
	for (int i = 0; i < 3000 && full->space_lack == NODE_SPACE_FULL; i++) {
		raft_index index;
		raft_term term;

		(void)raft_propose(leader->raft, (const uint8_t *)"frees", 5, &index, &term);
		sim_world_run(&w, MS);
	}
	assert(full->space_lack == NODE_SPACE_NONE);
}

/*
 * D8: a segment of the log for each snapshot that is written meanwhile, and half of one that is
 * ready is left. What a majority has no room for is not taken.
 */
static void D8_what_frees_space_has_a_part_of_a_full_log(void)
{
	uint32_t leader = world_begin(), i = (leader + 1) % 3, k = (leader + 2) % 3;
	const uint32_t segment = WAL_SEGMENT_SIZE_MIN;
	struct node *n = w.node[i].node, *other = w.node[k].node;
	const struct node *led = w.node[leader].node;

	while (n->space.ready < segment + segment / 2 || other->space.ready <= segment)
		sim_world_run(&w, MS);
	fake_space(w.node[i].disk, true, 0);
	fake_space(w.node[k].disk, true, 0);
	sim_world_run(&w, 3000 * MS);
	assert(node_space_refuses(led) && node_space_frees(led));
	use_up(led, n);
	assert(n->space.ready >= segment / 2);
	sim_world_run(&w, 100 * MS);
	assert(sim_leader(&w) == (int)leader && !node_space_frees(led));
	/* As a snapshot would have it. */
	n->full_since = other->full_since = raft_last(n->raft);
	sim_world_run(&w, 100 * MS);
	assert(node_space_frees(led));
	use_up(led, n);
	assert(n->space.ready < segment / 2);
	sim_world_run(&w, 100 * MS);
	assert(!node_space_frees(led));
	fake_space(w.node[i].disk, false, 0);
	fake_space(w.node[k].disk, false, 0);
	for (int ms = 0; ms < 10000 && node_space_refuses(led); ms++)
		sim_world_run(&w, MS);
	assert(n->space_lack == NODE_SPACE_THERE && takes_commands(leader));
	sim_world_destroy(&w);
}

int main(void)
{
	D8_what_frees_space_has_a_part_of_a_full_log();
	D8_a_full_leader_hands_over();
	D8_a_full_member_is_not_preferred();
	V20_a_read_that_hangs_is_told_and_keeps_nobody_from_voting();
	F14_V17_a_segment_that_cannot_be_opened_now_is_no_end();
	V20_a_member_whose_disk_hangs_says_so_and_does_not_stand();
	V9_a_leader_with_a_full_log_is_heard();
	return 0;
}
