/*
 * Whole nodes that come together, lose a directory or the end of a log, and what the others make of
 * it: the cases V1, V2, V14, V15, R56, step by step (sim.c draws them at random).
 */
#include "tests/sim/world.h"

#include "node/internal.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS 1000000ull

static struct sim_world w;

static void begin(uint64_t seed)
{
	sim_world_create(&w, seed, 3, 3);
	while (sim_leader(&w) < 0 || !sim_all_formed(&w))
		sim_world_run(&w, MS);
}

static uint64_t acknowledged(void)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < w.client_count; i++)
		sum += w.client[i].puts;
	return sum;
}

static void run_until_puts(uint64_t more)
{
	uint64_t want = acknowledged() + more, end = w.now_ns + 20000 * MS;

	while (acknowledged() < want && w.now_ns < end)
		sim_world_run(&w, MS);
	if (acknowledged() < want)
		sim_fail(&w, 0, "no put is acknowledged", acknowledged(), want);
}

static struct raft_status status_of(uint32_t i)
{
	struct raft_status s;

	node_raft_status(w.node[i].node, &s);
	return s;
}

static void expect_text(uint32_t i, const char *words)
{
	if (!sim_node_says(&w, i, words)) {
		fprintf(stderr, "it does not say \"%s\":\n%s", words, sim_node_status(&w, i));
		sim_fail(&w, i, "its status", 0, 0);
	}
}

/* A and B hold what C does not; B is wiped, and hears both; A and C do not hear each other. */
static void V1_the_vote_of_a_wiped_member(void)
{
	begin(1);
	const uint32_t a = (uint32_t)sim_leader(&w), b = (a + 1) % 3, c = (a + 2) % 3;

	sim_node_crash(&w, c);
	run_until_puts(50);
	sim_node_crash(&w, b);
	sim_node_wipe(&w, b);
	sim_net_cut(w.net, a, c, true);
	sim_net_cut(w.net, c, a, true);
	sim_node_start(&w, b);
	sim_node_start(&w, c);
	uint64_t before = acknowledged();
	sim_world_run(&w, 5000 * MS);
	assert(status_of(c).role != RAFT_LEADER);
	assert(acknowledged() == before);
	expect_text(b, "error this data directory is new, and cluster ");
	sim_net_heal(w.net);
	assert(sim_world_verify(&w)); /* SM3: each put that was acknowledged is there */
	sim_world_destroy(&w);
}

/* All have formed; then the third is away for good, and the others start again. */
static void V2_two_of_three_go_on_without_the_third(void)
{
	begin(2);
	sim_node_crash(&w, 2);
	sim_node_crash(&w, 0);
	sim_node_start(&w, 0);
	run_until_puts(50);
	sim_node_crash(&w, 1);
	sim_node_crash(&w, 0);
	sim_node_start(&w, 1);
	sim_node_start(&w, 0);
	run_until_puts(50);
	sim_node_start(&w, 2);
	assert(sim_world_verify(&w));
	sim_world_destroy(&w);
}

/* One that waits for others says for whom, and ends when it is told to. */
static void a_member_that_waits_ends_at_once(void)
{
	sim_world_prepare(&w, 3, 3);
	sim_world_begin(&w, 0);
	sim_node_crash(&w, 2);
	sim_node_wipe(&w, 2);
	sim_world_run(&w, 500 * MS);
	assert(!sim_all_formed(&w));
	expect_text(0, "error no cluster yet: member n2 does not answer");
	node_stop(w.node[0].node);
	sim_world_run(&w, MS);
	assert(node_stopped(w.node[0].node));
	sim_world_destroy(&w);
}

/* Caught up by the others, it counts again; until then it is in no majority. */
static void expect_lost_and_whole(uint32_t i)
{
	uint64_t end = w.now_ns + 10000 * MS;

	w.losses = true;
	sim_node_start(&w, i);
	/* In small steps: to catch up takes but a few writes. */
	while (!status_of(i).lost && w.now_ns < end)
		sim_world_run(&w, MS / 100);
	assert(status_of(i).lost);
	expect_text(i, "error this member lost writes that it had acknowledged");
	while (status_of(i).lost && w.now_ns < end)
		sim_world_run(&w, MS);
	assert(!status_of(i).lost);
	/* It stays so: the sign is gone from its disk too. */
	sim_world_run(&w, 300 * MS);
	sim_node_crash(&w, i);
	sim_node_start(&w, i);
	w.losses = false;
	assert(sim_world_verify(&w));
	sim_world_destroy(&w);
}

/* Until a mark covers all that was written. */
static void rest(void)
{
	w.resting = true;
	sim_world_run(&w, 400 * MS);
	w.resting = false;
}

static void V14_files_that_are_missing_at_the_end(void)
{
	begin(4);
	const uint32_t i = ((uint32_t)sim_leader(&w) + 1) % 3;
	char name[64];

	run_until_puts(200);
	rest();
	sim_node_crash(&w, i);
	for (uint64_t sequence = 1; sequence < 100; sequence++) {
		snprintf(name, sizeof(name), "segment-%016" PRIx64, sequence);
		if (sequence > 1 && fake_exists(w.node[i].disk, name))
			fake_remove(w.node[i].disk, name);
	}
	expect_lost_and_whole(i);
}

static void V14_last_writes_that_are_zeroed(void)
{
	enum { UNIT = 4096 };
	static const uint8_t zeros[UNIT];
	uint64_t end;

	begin(5);
	const uint32_t i = ((uint32_t)sim_leader(&w) + 1) % 3;
	uint8_t block[UNIT];

	run_until_puts(200);
	rest();
	sim_node_crash(&w, i);
	end = fake_size(w.node[i].disk, "segment-0000000000000001");
	do {
		end -= UNIT;
		fake_get(w.node[i].disk, "segment-0000000000000001", end, block, UNIT);
	} while (memcmp(block, zeros, UNIT) == 0);
	for (int k = 0; k < 40; k++, end -= UNIT)
		fake_put(w.node[i].disk, "segment-0000000000000001", end, zeros, UNIT);
	expect_lost_and_whole(i);
}

/* A copy of its directory from the start before comes back: by exactly one start. */
static void V15_a_directory_that_was_rolled_back(void)
{
	begin(6);
	const uint32_t i = ((uint32_t)sim_leader(&w) + 1) % 3;
	struct fake_disk *copy;

	run_until_puts(50);
	sim_node_crash(&w, i);
	copy = fake_clone(w.node[i].disk, 7);
	sim_node_start(&w, i);
	run_until_puts(200);
	sim_node_crash(&w, i);
	fake_destroy(w.node[i].disk);
	w.node[i].disk = copy;
	expect_lost_and_whole(i);
}

/* A log whose cluster nobody knows any more is not a fresh directory. */
static void R56_a_log_without_its_cluster(void)
{
	char error[NODE_ERROR_MAX];
	uint64_t hash;
	int err;

	begin(8);
	run_until_puts(20);
	sim_node_crash(&w, 0);
	fake_remove(w.node[0].disk, "cluster");
	hash = fake_hash(w.node[0].disk);
	err = sim_node_try_start(&w, 0, error);
	if (err != -EBADMSG || !strstr(error, "/cluster: missing")) {
		fprintf(stderr, "%d: %s\n", err, error);
		sim_fail(&w, 0, "R56: it starts without the record of its cluster", 0, 0);
	}
	if (hash != fake_hash(w.node[0].disk))
		sim_fail(&w, 0, "R56: what was refused was changed", 0, 0);
	sim_world_destroy(&w);
}

int main(void)
{
	V1_the_vote_of_a_wiped_member();
	V2_two_of_three_go_on_without_the_third();
	a_member_that_waits_ends_at_once();
	V14_files_that_are_missing_at_the_end();
	V14_last_writes_that_are_zeroed();
	V15_a_directory_that_was_rolled_back();
	R56_a_log_without_its_cluster();
	return 0;
}
