/*
 * Snapshots under whole nodes: taken where the leader says, the same bytes on each, the log cut
 * behind them, and what is started again comes back from them.
 */
#include "tests/sim/world.h"

#include "node/internal.h"
#include "tests/unit/wal/helpers.h"
#include "wal/snapread.h"
#include "wal/snapshot.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MS UINT64_C(1000000)

enum { LOG_BYTES = 32 * 1024, FILE_MAX = 512 * 1024, STREAM_VERSION = 8 };

static struct sim_world w;
static uint64_t log_bytes = LOG_BYTES;

static void begin(uint64_t seed, uint32_t nodes, enum wal_durability durability)
{
	sim_world_prepare(&w, seed, nodes);
	w.snapshot_log_bytes = log_bytes;
	w.durability = durability;
	sim_world_begin(&w, 4);
	while (sim_leader(&w) < 0 || !sim_all_formed(&w))
		sim_world_run(&w, MS);
}

static const struct node_snapshot *of(uint32_t i)
{
	return &w.node[i].node->snapshot;
}

static void snapshot_name(char name[DISK_NAME_MAX], const struct raft_snapshot *s)
{
	snprintf(name, DISK_NAME_MAX, "snapshot-%016" PRIx64 "-%016" PRIx64, s->index, s->term);
}

/* Each that is up has taken so many since it was started. */
static bool all_took(uint64_t count)
{
	for (uint32_t i = 0; i < w.node_count; i++) {
		if (w.node[i].node && of(i)->taken < count)
			return false;
	}
	return true;
}

static void wait_taken(uint64_t count)
{
	uint64_t until_ns = w.now_ns + 600000 * MS;

	while (!all_took(count)) {
		assert(w.now_ns < until_ns);
		sim_world_run(&w, 10 * MS);
	}
}

/* Whoever has one of an index has the same one. How many were compared. */
static uint32_t equal(void)
{
	uint32_t compared = 0;

	for (uint32_t i = 0; i < w.node_count; i++) {
		for (uint32_t k = 0; k < i; k++) {
			const struct raft_snapshot *a = &of(i)->newest, *b = &of(k)->newest;

			if (a->index != b->index)
				continue;
			assert(a->term == b->term && a->size == b->size && a->hash == b->hash);
			compared++;
		}
	}
	return compared;
}

/* D17, D18: and no log is longer than what lies between three markers, and the window. */
static void D17_all_take_the_same_and_the_log_is_cut(enum wal_durability durability)
{
	uint32_t compared = 0;

	begin(17, 3, durability);
	for (uint64_t count = 1; count <= 6; count++) {
		wait_taken(count);
		sim_world_run(&w, 200 * MS);
		compared += equal();
	}
	assert(compared > 6);
	for (uint32_t i = 0; i < 3; i++) {
		const struct node *n = w.node[i].node;
		struct raft_snapshot list[WAL_SNAPSHOTS_MAX];

		assert(of(i)->failures == 0);
		assert(wal_snapshots(n->wal, list) == 2);
		assert(wal_first(n->wal) == of(i)->older.index + 1);
	}
	assert(sim_world_verify(&w));
	printf("%s: %" PRIu64 " snapshots of %" PRIu64 " bytes, %u compared\n",
	       wal_durability_name(durability), of(0)->taken, of(0)->newest.size, compared);
	sim_world_destroy(&w);
}

/* R48: each in turn, and all at once; the log before the base is gone. */
static void N1_who_is_started_again_comes_back_from_one(void)
{
	begin(18, 3, WAL_DURABLE);
	for (int round = 0; round < 6; round++) {
		wait_taken(2);
		for (uint32_t i = 0; i < 3; i++) {
			if (round % 2 == 0 && i != (uint32_t)round / 2)
				continue;
			raft_index first = wal_first(w.node[i].node->wal);

			assert(first > 1);
			sim_node_crash(&w, i);
			sim_node_start(&w, i);
			assert(w.node[i].node->applied + 1 >= first);
			assert(w.node[i].node->applied > 0);
		}
		assert(sim_world_settle(&w, 20000 * MS));
	}
	assert(sim_world_verify(&w));
	sim_world_destroy(&w);
}

/* W21: the newest one is damaged, anywhere: the one before it is as good, and that is said. */
static void W21_a_damaged_one_is_made_up_for(void)
{
	begin(19, 3, WAL_DURABLE);
	for (uint32_t round = 0; round < 8; round++) {
		struct raft_snapshot newest, older;
		char name[DISK_NAME_MAX];

		/* After a start from the older one the very next takes the place of the damaged. */
		while (of(0)->taken < (round ? 1 + round % 3 : 3))
			sim_world_run(&w, MS);
		sim_world_run(&w, 20 * MS);
		newest = of(0)->newest;
		older = of(0)->older;
		sim_node_crash(&w, 0);
		snapshot_name(name, &newest);
		assert(fake_size(w.node[0].disk, name) == newest.size);
		fake_flip(w.node[0].disk, name, (newest.size / 8) * round + 17 * round, round);
		sim_node_start(&w, 0);
		assert(w.node[0].node->applied == older.index);
	}
	assert(sim_world_verify(&w));
	sim_world_destroy(&w);
}

/* Each block of it is right, and in its stream this byte is another one. Its hash. */
static uint64_t stream_change(uint32_t i, const struct raft_snapshot *s, uint32_t at)
{
	static uint8_t file[FILE_MAX];
	struct snapshot_file found = {.info = *s};
	struct block_place place = {s->index, s->term, 1};
	uint64_t hash = 0, end;
	char name[DISK_NAME_MAX];

	assert(s->size <= sizeof(file));
	wal_block_name(name, s->index, s->term);
	fake_get(w.node[i].disk, name, 0, file, s->size);
	assert(memcmp(file + BLOCK_SIZE, "QUOINSTA", 8) == 0);
	file[BLOCK_SIZE + at]++;
	wal_block_seal(file + BLOCK_SIZE, &place);
	assert(wal_snapshot_trailer_find(&found, file + s->size - BLOCK_FILE_STEP, s->size, &end) ==
	       0);
	for (uint64_t block = 0; block < end; block += BLOCK_SIZE)
		hash = wal_block_hash(hash, file + block);
	wal_block_trailer_encode(file + end, found.payload, hash);
	place.number = end / BLOCK_SIZE;
	wal_block_seal(file + end, &place);
	fake_put(w.node[i].disk, name, 0, file, s->size);
	return hash;
}

/* W21: blocks that are right make no state: that is damage as well, and counts for nothing. */
static void W21_a_stream_that_is_none_is_made_up_for(void)
{
	struct raft_snapshot newest, older, list[WAL_SNAPSHOTS_MAX];

	begin(26, 3, WAL_DURABLE);
	wait_taken(3);
	sim_world_run(&w, 20 * MS);
	newest = of(0)->newest;
	older = of(0)->older;
	sim_node_crash(&w, 0);
	(void)stream_change(0, &newest, 0);
	sim_node_start(&w, 0);
	assert(w.node[0].node->applied == older.index);
	assert(wal_snapshots(w.node[0].node->wal, list) == 1 && list[0].index == older.index);
	assert(sim_world_settle(&w, 20000 * MS));
	assert(sim_world_verify(&w));
	sim_world_destroy(&w);
}

/* W21: what this release cannot read is not damaged: it is left as it is, and so is the log. */
static void W21_one_of_another_release_is_left_alone(void)
{
	struct raft_snapshot newest;
	char name[DISK_NAME_MAX], error[NODE_ERROR_MAX];

	begin(24, 3, WAL_DURABLE);
	wait_taken(3);
	newest = of(0)->newest;
	sim_node_crash(&w, 0);
	(void)stream_change(0, &newest, STREAM_VERSION);
	assert(sim_node_try_start(&w, 0, error) == -EPROTO);
	assert(strstr(error, "another release"));
	wal_block_name(name, newest.index, newest.term);
	assert(fake_size(w.node[0].disk, name) == newest.size);
	sim_world_destroy(&w);
}

/* What another one has of it, though: of this release it is none. Whoever asks for it gets that. */
static struct raft_snapshot another_release(uint32_t i)
{
	struct snapshot_file *file;
	struct raft_snapshot s = of(i)->newest;

	s.hash = stream_change(i, &s, STREAM_VERSION);
	file = wal_snapshot_find(w.node[i].node->wal, s.index, s.term);
	file->info.hash = s.hash;
	return s;
}

static void cut_between(uint32_t a, uint32_t b, bool cut)
{
	sim_net_cut(w.net, a, b, cut);
	sim_net_cut(w.net, b, a, cut);
}

/* S10: that it is of another release is seen before the state goes for it, and it is not kept. */
static void S10_one_of_another_release_is_not_installed(void)
{
	struct raft_snapshot foreign, list[WAL_SNAPSHOTS_MAX];
	uint32_t leader, i, other;
	raft_index applied;
	uint64_t hash;
	struct node *n;

	begin(27, 3, WAL_DURABLE);
	wait_taken(1);
	leader = (uint32_t)sim_leader(&w);
	i = (leader + 1) % 3;
	other = (leader + 2) % 3;
	n = w.node[i].node;
	cut_between(i, leader, true);
	while (of(other)->newest.index <= raft_last(n->raft))
		sim_world_run(&w, MS);
	foreign = another_release(other);
	applied = n->applied;
	hash = n->sm->ops->hash(n->sm);
	node_install_offered(n, &foreign, w.node[other].node->id);
	sim_world_run(&w, 5000 * MS);
	assert(n->install.pulled_bytes >= foreign.size &&
	       n->install.pulled_bytes < 2 * foreign.size);
	assert(n->install.failed == -EPROTO && !n->install.held);
	assert(n->applied == applied && n->sm->ops->hash(n->sm) == hash);
	assert(wal_snapshots(n->wal, list) > 0 && list[0].index < foreign.index);
	cut_between(i, leader, false);
	assert(sim_world_settle(&w, 20000 * MS));
	assert(sim_world_verify(&w));
	sim_world_destroy(&w);
}

/* Cut off from the leader it takes what another one has: its log is empty behind that. */
static uint32_t alone_behind(uint64_t seed, struct raft_snapshot *s, uint32_t *leader)
{
	uint32_t i, other;

	begin(seed, 3, WAL_DURABLE);
	wait_taken(1);
	*leader = (uint32_t)sim_leader(&w);
	i = (*leader + 1) % 3;
	other = (*leader + 2) % 3;
	cut_between(i, *leader, true);
	while (of(other)->newest.index <= raft_last(w.node[i].node->raft))
		sim_world_run(&w, MS);
	*s = of(other)->newest;
	node_install_offered(w.node[i].node, s, w.node[other].node->id);
	while (w.node[i].node->install.installed == 0)
		sim_world_run(&w, MS);
	assert(wal_first(w.node[i].node->wal) == s->index + 1);
	sim_node_crash(&w, i);
	return i;
}

/*
 * W21: the one that a log begins behind is damaged then, and nothing else is there: it is fetched
 * anew. Without its beginning nobody says who the members were: refused by name. What cannot be
 * read is not lost by that.
 */
static void W21_what_a_log_begins_behind_is_damaged(void)
{
	enum { WITHIN, AT_ITS_END, AT_ITS_BEGINNING, UNREADABLE, ALL };

	for (int how = 0; how < ALL; how++) {
		bool refused = how >= AT_ITS_BEGINNING;
		struct raft_snapshot s;
		char name[DISK_NAME_MAX], error[NODE_ERROR_MAX];
		uint32_t leader, i = alone_behind(28, &s, &leader);
		const uint64_t at[] = {BLOCK_SIZE + 99, s.size - 9, 99, 0};
		struct fake_disk *disk = w.node[i].disk;

		wal_block_name(name, s.index, s.term);
		if (how < UNREADABLE)
			fake_flip(disk, name, at[how], 3);
		else
			fake_bad(disk, name, at[how], 512, -EIO);
		if (refused) {
			assert(sim_node_try_start(&w, i, error) == -EBADMSG);
			assert(strstr(error, "base: the log begins with entry "));
		} else {
			sim_node_start(&w, i);
			sim_world_run(&w, 100 * MS);
			assert(w.node[i].node->install.held);
			assert(sim_node_says(&w, i, "no snapshot here is whole"));
		}
		assert(fake_exists(disk, name));
		if (how == AT_ITS_BEGINNING)
			fake_flip(disk, name, at[how], 3);
		if (refused) {
			fake_mended(disk, name);
			sim_node_start(&w, i);
			assert(w.node[i].node->applied == s.index);
		}
		cut_between(i, leader, false);
		assert(sim_world_settle(&w, 20000 * MS));
		assert(w.node[i].node->install.installed == !refused);
		assert(sim_world_verify(&w));
		sim_world_destroy(&w);
	}
}

/*
 * The others commit without this member's disk: it has applied, and written down, what its log does
 * not have. From what that is to begin behind is said by the snapshot alone.
 */
static void W23_a_state_that_is_ahead_of_its_log(void)
{
	for (uint64_t seed = 20; seed < 22; seed++) {
		struct raft_snapshot ahead;
		uint32_t i;

		begin(seed, 3, WAL_DURABLE);
		wait_taken(2);
		/* A marker is on its way, and not in its log. */
		while (sim_leader(&w) < 0 || !of((uint32_t)sim_leader(&w))->proposed)
			sim_world_run(&w, MS / 100);
		i = (uint32_t)(sim_leader(&w) + 1) % 3;
		w.node[i].log_hangs = true;
		for (int ms = 0; of(i)->newest.index <= raft_durable(w.node[i].node->raft); ms++) {
			assert(ms < 20000);
			sim_world_run(&w, MS);
		}
		ahead = of(i)->newest;
		w.node[i].log_hangs = false;
		sim_node_crash(&w, i);
		sim_node_start(&w, i);
		assert(w.node[i].node->applied == ahead.index);
		assert(wal_first(w.node[i].node->wal) == ahead.index + 1);
		assert(sim_world_settle(&w, 20000 * MS));
		assert(sim_world_verify(&w));
		sim_world_destroy(&w);
	}
}

/* Somebody put it there: the newest of what is here, and its entry the log's or to come. */
static void expect_refused(const struct raft_snapshot *s, const uint8_t *bytes)
{
	struct fake_disk *disk = w.node[0].disk;
	char name[DISK_NAME_MAX], error[NODE_ERROR_MAX];

	snapshot_name(name, s);
	fake_copy(disk, "identity", name);
	fake_truncate(disk, name, 0);
	fake_put(disk, name, 0, bytes, s->size);
	for (int i = 0; i < 2; i++) {
		assert(sim_node_try_start(&w, 0, error) == -EXDEV);
		assert(strstr(error, "another cluster's: move that file to where it belongs"));
		assert(fake_exists(disk, name));
	}
	fake_remove(disk, name);
	sim_node_start(&w, 0);
	assert(sim_world_settle(&w, 20000 * MS));
}

static void W25_the_snapshot_of_another_cluster_is_no_state(void)
{
	static uint8_t bytes[1 << 20];
	struct raft_snapshot foreign;
	char name[DISK_NAME_MAX];

	log_bytes = LOG_BYTES * 3 / 2;
	begin(30, 3, WAL_DURABLE);
	wait_taken(1);
	foreign = of(0)->newest;
	assert(foreign.size <= sizeof(bytes));
	snapshot_name(name, &foreign);
	fake_get(w.node[0].disk, name, 0, bytes, foreign.size);
	sim_world_destroy(&w);
	log_bytes = LOG_BYTES;
	for (int beyond = 0; beyond < 2; beyond++) {
		raft_index until = beyond ? 20 : foreign.index + 1;

		begin(31 + (uint64_t)beyond, 3, WAL_DURABLE);
		while (raft_durable(w.node[0].node->raft) < until)
			sim_world_run(&w, MS);
		assert(of(0)->newest.index < foreign.index);
		assert((raft_last(w.node[0].node->raft) < foreign.index) == beyond);
		assert(raft_get_term(w.node[0].node->raft) == foreign.term);
		sim_node_crash(&w, 0);
		expect_refused(&foreign, bytes);
		assert(sim_world_verify(&w));
		sim_world_destroy(&w);
	}
}

/* A backup is of no cluster, and names no member: what begins with one was restored (ADR 21). */
static void W25_anybodys_backup_is_no_state(void)
{
	static uint8_t bytes[2 * BLOCK_FILE_STEP];
	static const uint8_t some[] = "QUOINSTA";
	const raft_index index[] = {1, 20};

	begin(33, 3, WAL_DURABLE);
	while (raft_durable(w.node[0].node->raft) < 30)
		sim_world_run(&w, MS);
	for (size_t i = 0; i < 2; i++) {
		struct raft_snapshot backup = {.index = index[i], .size = BLOCK_FILE_STEP};

		backup.term = raft_get_term(w.node[0].node->raft);
		test_snapshot_image(bytes, &backup, NULL, 0, some, sizeof(some));
		sim_node_crash(&w, 0);
		expect_refused(&backup, bytes);
	}
	assert(sim_world_verify(&w));
	sim_world_destroy(&w);
}

int main(void)
{
	D17_all_take_the_same_and_the_log_is_cut(WAL_DURABLE);
	D17_all_take_the_same_and_the_log_is_cut(WAL_VOLATILE);
	N1_who_is_started_again_comes_back_from_one();
	W21_a_damaged_one_is_made_up_for();
	W21_a_stream_that_is_none_is_made_up_for();
	W21_one_of_another_release_is_left_alone();
	S10_one_of_another_release_is_not_installed();
	W21_what_a_log_begins_behind_is_damaged();
	W23_a_state_that_is_ahead_of_its_log();
	W25_the_snapshot_of_another_cluster_is_no_state();
	W25_anybodys_backup_is_no_state();
	return 0;
}
