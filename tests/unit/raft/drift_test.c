/*
 * Leases and clocks (R43), in a simulated cluster: a leader with a lease is cut off, and is asked
 * while the others elect another and commit. Its clock is as slow, and theirs are as fast, as Linux
 * lets anybody set them; or it is stopped, and goes on where it was. No read is stale (RC7), and
 * until the lease ends there are some.
 */
#include "tests/unit/raft/check.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
	SEEDS = 60,
	NODES = 3,
	/* adjtimex: a tick of 9,000 to 11,000 us, and 500 ppm by frequency and by adjtime each. */
	SLOWEST_PPM = -101000,
	FASTEST_PPM = 101000,
	STEP_US = 1000,
};

static uint64_t seed_now;

static void replay_print(struct cluster *c)
{
	(void)c;
	fprintf(stderr, "seed %" PRIu64 "\n", seed_now);
}

static void put(struct cluster *c, struct cluster_node *n)
{
	static const char data = 'x';

	cluster_propose(c, n, &data, sizeof(data));
}

static struct cluster_node *settled(struct cluster *c)
{
	uint64_t end_us = c->now_us + 10 * 1000 * 1000;
	struct cluster_node *leader;

	for (uint64_t commits = c->commits; c->commits < commits + 100;) {
		cluster_run(c, c->now_us + STEP_US);
		leader = cluster_leader(c);
		if (leader)
			put(c, leader);
		check(c, c->now_us < end_us, "nobody leads");
	}
	return cluster_leader(c);
}

static void cut_off(struct cluster *c, struct cluster_node *n)
{
	for (uint32_t i = 0; i < NODES; i++)
		c->cut[i][n - c->node] = c->cut[n - c->node][i] = true;
}

static void others_go_on(struct cluster *c, const struct cluster_node *cut)
{
	for (uint32_t i = 0; i < NODES; i++) {
		struct cluster_node *n = &c->node[i];
		if (n != cut && raft_get_role(n->core) == RAFT_LEADER)
			put(c, n);
	}
}

static struct cluster *cluster_new(uint64_t seed)
{
	const struct cluster_options o = {.nodes = NODES,
					  .seed = seed,
					  .delay_us_min = 20,
					  .delay_us_max = 300,
					  .disk_us_min = 50,
					  .disk_us_max = 500,
					  .append_size_max = 1400,
					  .heartbeat_us = 20000,
					  .election_us_min = 150000,
					  .election_us_max = 300000,
					  .promise_us = 150000,
					  .lease_reads = true};
	struct cluster *c = malloc(sizeof(*c));

	assert(c);
	seed_now = seed;
	cluster_init(c, &o);
	c->failed = replay_print;
	for (uint32_t i = 0; i < NODES; i++)
		cluster_start(c, &c->node[i]);
	return c;
}

static uint64_t lease_reads(const struct cluster_node *n)
{
	struct raft_status s;

	raft_get_status(n->core, &s);
	return s.lease_reads;
}

/* How many reads it served alone; how many elections there were meanwhile. */
static void drift(uint64_t seed, uint64_t *reads, uint64_t *elections)
{
	struct cluster *c = cluster_new(seed);
	struct cluster_node *leader = settled(c);

	for (uint32_t i = 0; i < NODES; i++)
		cluster_clock_rate(c, &c->node[i],
				   &c->node[i] == leader ? SLOWEST_PPM : FASTEST_PPM);
	leader = settled(c);
	cut_off(c, leader);
	uint64_t before = lease_reads(leader), elected = c->elections;
	for (uint64_t end_us = c->now_us + 400 * STEP_US; c->now_us < end_us;) {
		cluster_run(c, c->now_us + STEP_US);
		others_go_on(c, leader);
		cluster_read(c, leader);
	}
	*reads += lease_reads(leader) - before;
	*elections += c->elections - elected;
	cluster_fini(c);
	free(c);
}

/* Stopped for a time; a read is in its mail when it goes on, before it has looked at its clock. */
static void stopped(uint64_t seed, uint64_t *elections)
{
	struct cluster *c = cluster_new(seed);
	struct cluster_node *leader = settled(c);
	uint64_t elected = c->elections, clock_us = cluster_clock(c, leader);

	cluster_pause(leader);
	for (uint64_t end_us = c->now_us + 1000 * STEP_US; c->now_us < end_us;) {
		cluster_run(c, c->now_us + STEP_US);
		others_go_on(c, leader);
	}
	*elections += c->elections - elected;
	cluster_mail_forget(leader);
	/* A turn goes on whose clock was read before; then one that reads it. */
	uint64_t context = c->context_next++;
	leader->read[context % CLUSTER_READS_MAX] =
		(struct cluster_read){.open = true, .context = context, .floor = c->canon.last};
	check(c, raft_read_index(leader->core, context) == 0, "it leads, as far as it knows");
	raft_tick(leader->core, clock_us);
	cluster_drain(c, leader);
	cluster_resume(c, leader);
	cluster_run(c, c->now_us + 1000 * STEP_US);
	cluster_fini(c);
	free(c);
}

/* The others are started again at once, in a hurry, or without a thought for who leads. */
static void restarted(uint64_t seed, uint64_t *reads, uint64_t *elections)
{
	struct cluster *c = cluster_new(seed);
	struct cluster_node *leader = settled(c);
	uint64_t how = seed;

	cut_off(c, leader);
	uint64_t before = lease_reads(leader), elected = c->elections;
	for (uint32_t i = 0; i < NODES; i++) {
		struct cluster_node *n = &c->node[i];
		if (n == leader)
			continue;
		n->hasty = how & 1 ? 8 : 1;
		n->no_check_quorum = how & 2;
		how >>= 2;
		cluster_clock_rate(c, n, FASTEST_PPM);
		cluster_crash(c, n, UINT32_MAX);
		cluster_start(c, n);
	}
	cluster_clock_rate(c, leader, SLOWEST_PPM);
	for (uint64_t end_us = c->now_us + 400 * STEP_US; c->now_us < end_us;) {
		cluster_run(c, c->now_us + STEP_US);
		others_go_on(c, leader);
		cluster_read(c, leader);
	}
	*reads += lease_reads(leader) - before;
	*elections += c->elections - elected;
	cluster_fini(c);
	free(c);
}

int main(void)
{
	uint64_t reads[2] = {0}, elections[3] = {0};

	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		drift(seed, &reads[0], &elections[0]);
		stopped(seed, &elections[1]);
		restarted(seed, &reads[1], &elections[2]);
	}
	printf("%d seeds: %" PRIu64 " and %" PRIu64 " reads under leases; %" PRIu64 ", %" PRIu64
	       " and %" PRIu64 " elections\n",
	       SEEDS, reads[0], reads[1], elections[0], elections[1], elections[2]);
	/* 0.8 of 150 ms, less a heartbeat: at least 90 reads, one each ms, in each. */
	if (reads[0] < 90 * SEEDS || reads[1] < 90 * SEEDS || elections[0] < SEEDS ||
	    elections[1] < SEEDS || elections[2] < SEEDS) {
		fprintf(stderr, "too little happened\n");
		return 1;
	}
	return 0;
}
