/*
 * A world in which a member is forced out of its cluster (ADR 16): quoind --force-new-cluster on
 * its disk, what that said, and what there is afterwards.
 */
#ifndef TESTS_SIM_FORCING_H
#define TESTS_SIM_FORCING_H

#include "tests/sim/client.h"

#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)

enum { FORCED = 2 };

extern struct sim_world w;
/* What the newest one said, and the name that is to be typed. */
extern char said[4096], why_not[NODE_ERROR_MAX], full_name[96];

/* What a directory is after a crash. */
struct found {
	int err;
	struct wal_recovered recovered;
	struct raft_joined joined; /* id 0: it is of the cluster that it formed */
	struct raft_snapshot snapshots[WAL_SNAPSHOTS_MAX];
	uint32_t snapshot_count;
};

/* Three that formed a cluster, and as many as may join it, not started. */
void world_begin(uint64_t seed, uint32_t joiners, uint32_t clients);
void crash_all(void);
/* All have all of it; then the process of each ends, or its host. */
void world_end(void);
/* quoind --force-new-cluster NAME, on this disk of node i, as it was configured at the start. */
int force_on(struct fake_disk *disk, uint32_t i, uint64_t seed, const char *typed);
int force(const char *typed);
void expect(const char *text, const char *words);
/* What it says is to be typed. */
void name_ask(void);
/* The world knows the cluster that it is of since. */
void forced(void);
void wait_leading(uint32_t i);
struct raft *core(uint32_t i);
/* It is started, and asked for; then a voter. */
void add_begin(uint32_t i);
void add_end(uint32_t voters);
void add(uint32_t i, uint32_t voters);
/* As soon as it has a core: nobody of the former cluster, not even as one that is gone. */
void expect_peers(uint32_t i, uint32_t count);
struct found look(struct fake_disk *disk);
/* The newest snapshot of one is on the disk of the other, as if it had pulled it. */
void snapshot_copy(uint32_t from, uint32_t to);

#endif
