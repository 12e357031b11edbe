/*
 * A cluster that lost its majority for good, and the member that is forced out of it (ADR 16): what
 * it keeps, whom it still knows, and what a crash at any write of it leaves.
 */
#include "tests/sim/client.h"

#include "node/force.h"
#include "node/internal.h"

#include "tests/unit/test.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)

enum { FORCED = 2, TOKEN_SIZE = 32 };

static struct sim_world w;
static char said[4096], error[NODE_ERROR_MAX], name[96];

static const char token[TOKEN_SIZE] = "quoin-test";

/* Three that formed a cluster, and as many as may join it, not started. */
static void world_begin(uint64_t seed, uint32_t joiners, uint32_t clients)
{
	sim_world_prepare(&w, seed, 3 + joiners);
	w.joiners = joiners;
	sim_world_begin(&w, clients);
	while (sim_leader(&w) < 0 || !sim_all_formed(&w))
		sim_world_run(&w, MS);
	sim_world_run(&w, SECOND);
}

static void crash_all(void)
{
	for (uint32_t i = 0; i < 3; i++)
		sim_node_crash(&w, i);
}

/* All have all of it; then the process of each ends, or its host. */
static void world_end(void)
{
	w.resting = true;
	assert_true(sim_world_settle(&w, 20 * SECOND));
	w.resting = false;
	crash_all();
}

/* quoind --force-new-cluster NAME, on this disk of node i, as it was configured at the start. */
static int force_on(struct fake_disk *disk, uint32_t i, uint64_t seed, const char *typed)
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
	err = node_force(&o, token, typed, out, error);
	fclose(out);
	return err;
}

static int force(const char *typed)
{
	fake_hold(w.node[FORCED].disk, false);
	return force_on(w.node[FORCED].disk, FORCED, 77, typed);
}

static void expect(const char *text, const char *words)
{
	if (!strstr(text, words))
		fail_msg("not \"%s\": %s", words, text);
}

/* What it says is to be typed. */
static void name_ask(void)
{
	const char *at;

	assert_int_equal(force("quoin-test"), -EINVAL);
	at = strstr(error, "--force-new-cluster=quoin-test:");
	assert_non_null(at);
	snprintf(name, sizeof(name), "%s", strchr(at, '=') + 1);
}

/* The world knows the cluster that it is of since. */
static void forced(void)
{
	unsigned long long id;
	const char *at;

	name_ask();
	assert_int_equal(force(name), 0);
	at = strstr(said, "cluster     ");
	assert_non_null(at);
	assert_int_equal(sscanf(at, "cluster %llx", &id), 1);
	sim_world_forced(&w, id);
}

static void wait_leading(uint32_t i)
{
	uint64_t until_ns = w.now_ns + 5 * SECOND;
	struct raft_status s;

	do {
		sim_world_run(&w, MS);
		node_raft_status(w.node[i].node, &s);
		assert_true(w.now_ns < until_ns);
	} while (s.role != RAFT_LEADER || s.commit < s.last);
}

static struct raft *core(uint32_t i)
{
	return w.node[i].node->raft;
}

static void add(uint32_t i, uint32_t voters)
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
	while (raft_members_voters(raft_get_members(core(FORCED))) != voters ||
	       raft_members_joint(raft_get_members(core(FORCED)))) {
		assert_true(w.now_ns < until_ns);
		sim_world_run(&w, MS);
	}
}

/* As soon as it has a core: nobody of the former cluster, not even as one that is gone. */
static void expect_peers(uint32_t i, uint32_t count)
{
	struct raft_members peers;

	while (!core(i))
		sim_world_run(&w, MS / 10);
	raft_get_peers(core(i), &peers);
	assert_int_equal(peers.count, count);
}

/*
 * The drill. All that its log has is there afterwards, whoever acknowledged it; the table of one is
 * an entry of the log, in a term of its own; two fresh ones make it a cluster of three.
 */
static void D16_the_last_of_three_is_forced_and_grows_again(void **state)
{
	struct raft_status s;
	raft_index last;
	raft_term term;

	(void)state;
	world_begin(11, 2, 3);
	world_end();
	name_ask();
	expect(error, "nothing was changed");
	expect(error, "data may be lost");
	forced();
	expect(said, "the only one");
	expect(said, "given up    none, 198.18.0.1:2380, member ");
	expect(said, "given up    none, 198.18.0.2:2380, member ");
	sim_node_start(&w, FORCED);
	last = w.node[FORCED].node->recovered.last_index;
	term = w.node[FORCED].node->recovered.hard_state.term;
	wait_leading(FORCED);
	node_raft_status(w.node[FORCED].node, &s);
	assert_int_equal(s.members_index, last + 1);
	assert_true(s.term > term);
	assert_int_equal(s.members.count, 1);
	assert_int_equal(s.members.member[0].place, sim_host_place(FORCED));
	assert_string_equal(node_formation_state(w.node[FORCED].node), "forced");
	sim_node_crash(&w, FORCED);
	sim_node_start(&w, FORCED);
	expect_peers(FORCED, 1);
	wait_leading(FORCED);
	add(3, 2);
	add(4, 3);
	sim_world_run(&w, SECOND);
	for (uint32_t i = FORCED; i < 5; i++) {
		sim_node_crash(&w, i);
		sim_node_start(&w, i);
		expect_peers(i, 3);
	}
	sim_clients_go_on(&w, FORCED);
	sim_world_destroy(&w);
}

/*
 * Old members that come back on their old directories are the old cluster again, whatever the
 * forced one does: it hears none of them and they hear none of it. Each side is told so.
 */
static void F1_old_members_that_come_back_disturb_nobody(void **state)
{
	struct raft_status before, after;
	static char text[8192];

	(void)state;
	world_begin(13, 0, 0);
	world_end();
	forced();
	sim_node_start(&w, FORCED);
	wait_leading(FORCED);
	node_raft_status(w.node[FORCED].node, &before);
	sim_node_start(&w, 0);
	sim_world_run(&w, 3 * SECOND);
	sim_node_start(&w, 1);
	sim_node_log(&w, FORCED, 15 * SECOND, text, sizeof(text));
	node_raft_status(w.node[FORCED].node, &after);
	assert_int_equal(after.role, RAFT_LEADER);
	assert_int_equal(after.term, before.term);
	assert_int_equal(after.last, before.last);
	assert_int_equal(after.members.count, 1);
	expect(text, "out of which this member was forced");
	sim_node_log(&w, 0, 11 * SECOND, text, sizeof(text));
	expect(text, "arrive from where member n2 of this one");
	expect(text, "it was forced out of it (quoind --force-new-cluster)");
	node_raft_status(w.node[0].node, &after);
	assert_int_equal(after.members.count, 3);
	assert_int_not_equal(node_cluster_id(w.node[0].node), node_cluster_id(w.node[FORCED].node));
	sim_world_destroy(&w);
}

/* What a directory is after a crash. */
struct found {
	int err;
	struct wal_recovered recovered;
	struct raft_joined joined; /* id 0: it is of the cluster that it formed */
};

static struct found look(struct fake_disk *disk)
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
	assert_int_equal(wal_close(wal), 0);
	return f;
}

static struct {
	struct found before;
	uint32_t steps, stayed, became, lost;
	bool ended; /* it has said that it did it */
} crash;

/*
 * The old cluster's, or the new one's, whole; its log and its term are what they were; and what was
 * typed, typed again, makes it the new one.
 */
static void crash_judge(struct fake_disk *disk)
{
	struct found f = look(disk);
	const struct wal_recovered *b = &crash.before.recovered;
	char other[96];

	assert_int_equal(f.recovered.last_index, b->last_index);
	assert_int_equal(f.recovered.last_term, b->last_term);
	assert_int_equal(f.recovered.hard_state.term, b->hard_state.term);
	assert_int_equal(f.recovered.hard_state.vote, b->hard_state.vote);
	assert_int_equal(f.recovered.members_index, b->members_index);
	if (f.joined.id == 0) {
		assert_false(crash.ended);
		assert_int_equal(f.recovered.lost, b->lost);
		assert_int_equal(f.recovered.record_size, b->record_size);
		assert_memory_equal(f.recovered.record, b->record, b->record_size);
		crash.stayed++;
	} else {
		assert_int_equal(f.joined.index, b->last_index);
		assert_int_equal(f.joined.formerly, w.cluster_id);
		assert_false(f.recovered.lost && (!b->lost || crash.ended));
		crash.became++;
		crash.lost += f.recovered.lost;
	}
	if (f.joined.id != 0 && f.recovered.lost) {
		/* That it has lost something is to be accepted of the new one. */
		assert_int_equal(force_on(disk, FORCED, 78, name), -EINVAL);
		snprintf(other, sizeof(other), "%s", strrchr(error, '=') + 1);
		assert_int_equal(force_on(disk, FORCED, 78, other), 0);
		return;
	}
	if (force_on(disk, FORCED, 78, name))
		fail_msg("not once more: %s", error);
	f = look(disk);
	assert_false(f.recovered.lost);
	assert_int_equal(f.joined.formerly, w.cluster_id);
	assert_int_equal(f.joined.members.count, 1);
	assert_int_equal(f.joined.members.member[0].identity, b->identity);
}

static void crash_here(void *context, struct fake_disk *disk)
{
	(void)context;
	crash.steps++;
	for (uint32_t i = 0; i < 2 * FAKE_STYLES; i++) {
		struct fake_disk *after = fake_clone(disk, crash.steps * 2 * FAKE_STYLES + i);

		if (i % 2)
			fake_power_cut(after, (enum fake_style)(i / 2));
		else
			fake_kill(after, (enum fake_style)(i / 2));
		crash_judge(after);
		fake_destroy(after);
	}
}

/* Power and kill, before each step of it and after the last one. */
static void crash_everywhere(void)
{
	struct fake_disk *disk = fake_clone(w.node[FORCED].disk, 1);

	memset(&crash, 0, sizeof(crash));
	crash.before = look(disk);
	fake_set_hook(disk, crash_here, NULL);
	assert_int_equal(force_on(disk, FORCED, 77, name), 0);
	crash.ended = true;
	crash_here(NULL, disk);
	fake_set_hook(disk, NULL, NULL);
	fake_destroy(disk);
	printf("# %u steps, %u times the old cluster, %u times the new one, %u with its loss\n",
	       crash.steps, crash.stayed, crash.became, crash.lost);
	assert_true(crash.stayed > 0 && crash.became > FAKE_STYLES);
	assert_int_equal(crash.lost > 0, crash.before.recovered.lost);
}

static void W30_a_crash_leaves_the_old_cluster_or_the_new_one(void **state)
{
	(void)state;
	world_begin(17, 0, 1);
	world_end();
	name_ask();
	crash_everywhere();
	fake_truncate(w.node[FORCED].disk, "mark", 512);
	crash_everywhere();
	sim_world_destroy(&w);
}

/* Two members, or two copies of one directory: nobody of the one is heard by the other. */
static void F1_two_that_are_forced_are_two_clusters(void **state)
{
	struct found f[3];

	(void)state;
	world_begin(43, 0, 0);
	world_end();
	name_ask();
	for (uint32_t i = 0; i < 3; i++) {
		struct fake_disk *disk = fake_clone(w.node[i / 2 + 1].disk, i);

		assert_int_equal(force_on(disk, i / 2 + 1, 70 + i, name), 0);
		f[i] = look(disk);
		fake_destroy(disk);
	}
	assert_int_not_equal(f[0].joined.cluster_id, f[1].joined.cluster_id);
	assert_int_not_equal(f[1].joined.cluster_id, f[2].joined.cluster_id);
	assert_int_not_equal(f[2].joined.cluster_id, w.cluster_id);
	sim_world_destroy(&w);
}

/* Done twice, it is done once, also when the cluster has grown since; and each time it is told. */
static void D16_the_same_once_more_does_nothing(void **state)
{
	struct found first, again;
	char zeros[128];

	(void)state;
	world_begin(19, 1, 0);
	world_end();
	forced();
	first = look(w.node[FORCED].disk);
	assert_int_equal(force(name), 0);
	expect(said, "was forced out of that cluster before");
	/* Its id is a number, with zeros before it or without. */
	snprintf(zeros, sizeof(zeros), "quoin-test:00%s", strchr(name, ':') + 1);
	assert_int_equal(force(zeros), 0);
	expect(said, "was forced out of that cluster before");
	sim_node_start(&w, FORCED);
	wait_leading(FORCED);
	add(3, 2);
	sim_node_crash(&w, FORCED);
	assert_int_equal(force(name), 0);
	expect(said, "nothing was changed");
	again = look(w.node[FORCED].disk);
	assert_int_equal(first.recovered.record_size, again.recovered.record_size);
	assert_memory_equal(first.recovered.record, again.recovered.record,
			    first.recovered.record_size);
	sim_node_start(&w, FORCED);
	sim_world_run(&w, 3 * SECOND);
	assert_int_equal(raft_get_members(core(FORCED))->count, 2);
	assert_true(sim_leader(&w) >= 0);
	/* That one is lost too: by the name that it has now. */
	sim_node_crash(&w, FORCED);
	sim_node_crash(&w, 3);
	forced();
	sim_node_start(&w, FORCED);
	wait_leading(FORCED);
	assert_int_equal(raft_get_members(core(FORCED))->count, 1);
	/* Alone, it needs nobody. */
	sim_node_crash(&w, FORCED);
	name_ask();
	assert_int_equal(force(name), -EPERM);
	expect(error, "needs nobody else");
	sim_world_destroy(&w);
}

/* ADR 5: a majority has lost acknowledged writes, and nothing goes on. */
static void W24_a_member_that_lost_writes_is_forced(void **state)
{
	struct raft_status s;

	(void)state;
	world_begin(23, 0, 2);
	world_end();
	w.losses = true;
	for (uint32_t i = 0; i < 3; i++) {
		fake_truncate(w.node[i].disk, "mark", 512);
		sim_node_start(&w, i);
	}
	w.resting = true;
	sim_world_run(&w, 10 * SECOND);
	assert_int_equal(sim_leader(&w), -1);
	crash_all();
	w.resting = false;
	name_ask();
	expect(error, "has lost acknowledged writes");
	forced();
	expect(said, "which is accepted");
	sim_node_start(&w, FORCED);
	wait_leading(FORCED);
	node_raft_status(w.node[FORCED].node, &s);
	assert_false(s.lost);
	sim_clients_go_on(&w, FORCED);
	/* And once more: then it is the only voter, and has lost what it had. */
	sim_node_crash(&w, FORCED);
	fake_truncate(w.node[FORCED].disk, "mark", 512);
	sim_node_start(&w, FORCED);
	sim_world_run(&w, 5 * SECOND);
	assert_int_equal(sim_leader(&w), -1);
	sim_node_crash(&w, FORCED);
	assert_int_equal(force(name), -EINVAL); /* the former name: that loss was before */
	forced();
	sim_node_start(&w, FORCED);
	wait_leading(FORCED);
	sim_clients_go_on(&w, FORCED);
	sim_world_destroy(&w);
}

/*
 * A change that was under way, and is committed nowhere, is over: neither set of it decides
 * any more. What else is not committed stays.
 */
static void D16_a_joint_table_that_was_under_way_is_over(void **state)
{
	struct raft_change c = {.kind = RAFT_CHANGE_REMOVE};
	struct raft_refusal refusal;
	raft_index index, last;
	struct found f;

	(void)state;
	world_begin(29, 0, 0);
	while (sim_leader(&w) != FORCED) {
		(void)raft_transfer(core((uint32_t)sim_leader(&w)), w.node[FORCED].node->id);
		sim_world_run(&w, 10 * MS);
	}
	sim_world_run(&w, SECOND);
	c.id = w.node[0].node->id;
	sim_node_crash(&w, 0);
	assert_int_equal(raft_members_change(core(FORCED), &c, 1, &index, &refusal), 0);
	sim_node_crash(&w, 1);
	sim_world_run(&w, 20 * MS);
	last = raft_last(core(FORCED));
	assert_true(raft_members_joint(raft_get_members(core(FORCED))));
	sim_node_crash(&w, FORCED);
	fake_hold(w.node[FORCED].disk, false);
	f = look(w.node[FORCED].disk);
	assert_int_equal(f.recovered.members_index, index);
	assert_int_equal(f.recovered.last_index, last);
	forced();
	sim_node_start(&w, FORCED);
	wait_leading(FORCED);
	assert_int_equal(raft_get_members(core(FORCED))->count, 1);
	assert_false(raft_members_joint(raft_get_members(core(FORCED))));
	assert_true(raft_commit(core(FORCED)) > last);
	sim_world_destroy(&w);
}

/*
 * Who was removed has all that was acknowledged before: where it is all that is left, by a leader
 * gone mad for one, it is no end of the data.
 */
static void D16_V28_who_was_removed_is_forced_where_nobody_else_is_left(void **state)
{
	struct raft_change c = {.kind = RAFT_CHANGE_REMOVE};
	struct raft_refusal refusal;
	raft_index index;

	(void)state;
	world_begin(47, 0, 0);
	c.id = w.node[FORCED].node->id;
	assert_int_equal(
		raft_members_change(core((uint32_t)sim_leader(&w)), &c, 1, &index, &refusal), 0);
	sim_world_run(&w, 5 * SECOND);
	assert_true(node_removed(w.node[FORCED].node));
	crash_all();
	name_ask();
	expect(error, "has nothing of what came after this member was removed");
	forced();
	sim_node_start(&w, FORCED);
	wait_leading(FORCED);
	assert_int_equal(raft_get_members(core(FORCED))->count, 1);
	assert_true(raft_commit(core(FORCED)) > index);
	sim_world_destroy(&w);
}

/* What there is nothing to be saved of, or is in use, or keeps nothing. */
static void D16_what_cannot_be_forced_is_refused_with_a_reason(void **state)
{
	struct fake_disk *fresh = fake_create(4096, 1);

	(void)state;
	world_begin(31, 0, 0);
	assert_int_equal(force_on(fresh, 0, 1, "quoin-test"), -ENOENT);
	world_end();
	w.durability = WAL_VOLATILE;
	assert_int_equal(force("quoin-test"), -EPERM);
	expect(error, "volatile keeps no log");
	w.durability = WAL_DURABLE;
	/* Another member's directory. */
	name_ask();
	fake_hold(w.node[0].disk, false);
	assert_int_equal(force_on(w.node[0].disk, FORCED, 1, name), -EXDEV);
	fake_destroy(fresh);
	sim_world_destroy(&w);
	/* Formed with others, and not one entry. */
	sim_world_create(&w, 37, 3, 0);
	while (!sim_all_formed(&w))
		sim_world_run(&w, MS);
	sim_node_crash(&w, FORCED);
	name_ask();
	assert_int_equal(force(name), -EPERM);
	expect(error, "the log of this directory is empty");
	sim_world_destroy(&w);
	/* And not even that. */
	sim_world_create(&w, 41, 3, 0);
	sim_node_crash(&w, FORCED);
	assert_int_equal(force("quoin-test"), -EPERM);
	expect(error, "of no cluster yet");
	sim_world_destroy(&w);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(D16_the_last_of_three_is_forced_and_grows_again),
		cmocka_unit_test(F1_old_members_that_come_back_disturb_nobody),
		cmocka_unit_test(W30_a_crash_leaves_the_old_cluster_or_the_new_one),
		cmocka_unit_test(F1_two_that_are_forced_are_two_clusters),
		cmocka_unit_test(D16_the_same_once_more_does_nothing),
		cmocka_unit_test(W24_a_member_that_lost_writes_is_forced),
		cmocka_unit_test(D16_a_joint_table_that_was_under_way_is_over),
		cmocka_unit_test(D16_V28_who_was_removed_is_forced_where_nobody_else_is_left),
		cmocka_unit_test(D16_what_cannot_be_forced_is_refused_with_a_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
