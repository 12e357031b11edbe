#include "tests/sim/forcing.h"

#include "node/force.h"
#include "node/internal.h"
#include "wal/snapshot.h"

#include "tests/unit/test.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOKEN_SIZE = 32 };

struct sim_world w;
char said[4096], why_not[NODE_ERROR_MAX], full_name[96];

static const char token[TOKEN_SIZE] = "quoin-test";

void world_begin(uint64_t seed, uint32_t joiners, uint32_t clients)
{
	sim_world_prepare(&w, seed, 3 + joiners);
	w.joiners = joiners;
	sim_world_begin(&w, clients);
	while (sim_leader(&w) < 0 || !sim_all_formed(&w))
		sim_world_run(&w, MS);
	sim_world_run(&w, SECOND);
}

void crash_all(void)
{
	for (uint32_t i = 0; i < 3; i++)
		sim_node_crash(&w, i);
}

void world_end(void)
{
	w.resting = true;
	assert_true(sim_world_settle(&w, 20 * SECOND));
	w.resting = false;
	crash_all();
}

int force_on(struct fake_disk *disk, uint32_t i, uint64_t seed, const char *typed)
{
	FILE *out = fmemopen(said, sizeof(said), "w");
	struct node_options o = {
		.name = "n2",
		.initial = {.digest = 0x51696d51u, .count = 3},
		.self = i,
		.seed = seed,
		.wal = {.directory = "sim",
			.disk = fake_disk_of(disk),
			.durability = w.durability,
			.segment_size = WAL_SEGMENT_SIZE_MIN,
			.identity_seed = seed},
	};
	int err;

	for (uint32_t j = 0; j < 3; j++)
		o.initial.member[j].place = sim_host_place(j);
	assert_non_null(out);
	memset(said, 0, sizeof(said));
	err = node_force(&o, token, typed, out, why_not);
	fclose(out);
	return err;
}

int force(const char *typed)
{
	fake_hold(w.node[FORCED].disk, false);
	return force_on(w.node[FORCED].disk, FORCED, 77, typed);
}

void expect(const char *text, const char *words)
{
	if (!strstr(text, words))
		fail_msg("not \"%s\": %s", words, text);
}

void name_ask(void)
{
	const char *at;

	assert_int_equal(force("quoin-test"), -EINVAL);
	at = strstr(why_not, "--force-new-cluster=quoin-test:");
	assert_non_null(at);
	snprintf(full_name, sizeof(full_name), "%s", strchr(at, '=') + 1);
}

void forced(void)
{
	unsigned long long id;
	const char *at;

	name_ask();
	assert_int_equal(force(full_name), 0);
	at = strstr(said, "cluster     ");
	assert_non_null(at);
	assert_int_equal(sscanf(at, "cluster %llx", &id), 1);
	sim_world_forced(&w, id);
}

void wait_leading(uint32_t i)
{
	uint64_t until_ns = w.now_ns + 5 * SECOND;
	struct raft_status s;

	do {
		sim_world_run(&w, MS);
		node_raft_status(w.node[i].node, &s);
		assert_true(w.now_ns < until_ns);
	} while (s.role != RAFT_LEADER || s.commit < s.last);
}

struct raft *core(uint32_t i)
{
	return w.node[i].node->raft;
}

void add_begin(uint32_t i)
{
	struct raft_change c = {.kind = RAFT_CHANGE_ADD, .place = sim_host_place(i)};
	uint64_t until_ns = w.now_ns + 20 * SECOND;
	struct raft_refusal refusal;
	raft_index index;

	sim_node_start(&w, i);
	while (raft_members_change(core(FORCED), &c, 1, &index, &refusal)) {
		assert_true(w.now_ns < until_ns);
		sim_world_run(&w, MS);
	}
}

void add_end(uint32_t voters)
{
	uint64_t until_ns = w.now_ns + 20 * SECOND;

	while (raft_members_voters(raft_get_members(core(FORCED))) != voters ||
	       raft_members_joint(raft_get_members(core(FORCED)))) {
		assert_true(w.now_ns < until_ns);
		sim_world_run(&w, MS);
	}
}

void add(uint32_t i, uint32_t voters)
{
	add_begin(i);
	add_end(voters);
}

void expect_peers(uint32_t i, uint32_t count)
{
	struct raft_members peers;

	while (!core(i))
		sim_world_run(&w, MS / 10);
	raft_get_peers(core(i), &peers);
	assert_int_equal(peers.count, count);
}

struct found look(struct fake_disk *disk)
{
	struct found f = {0};
	struct wal_options o = {.directory = "sim",
				.disk = fake_disk_of(disk),
				.segment_size = WAL_SEGMENT_SIZE_MIN,
				.identity_seed = 5};
	char why[WAL_ERROR_MAX];
	struct wal *wal;

	f.err = wal_open(&wal, &o, &f.recovered, why);
	if (f.err)
		fail_msg("it does not open: %s", why);
	(void)raft_joined_decode(&f.joined, f.recovered.record, f.recovered.record_size);
	f.snapshot_count = wal_snapshots(wal, f.snapshots);
	assert_int_equal(wal_close(wal), 0);
	return f;
}

void snapshot_copy(uint32_t from, uint32_t to)
{
	const struct found f = look(w.node[from].disk);
	const struct raft_snapshot *s = &f.snapshots[0];
	uint8_t *bytes = malloc(s->size);
	char file[DISK_NAME_MAX];

	assert_non_null(bytes);
	snprintf(file, sizeof(file), "snapshot-%016" PRIx64 "-%016" PRIx64, s->index, s->term);
	fake_get(w.node[from].disk, file, 0, bytes, s->size);
	fake_copy(w.node[to].disk, "identity", file);
	fake_truncate(w.node[to].disk, file, 0);
	fake_put(w.node[to].disk, file, 0, bytes, s->size);
	free(bytes);
}
