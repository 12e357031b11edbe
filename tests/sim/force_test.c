/*
 * A cluster that lost its majority for good, and the member that is forced out of it (ADR 16): what
 * it keeps, whom it still knows, and what a crash at any write of it leaves.
 */
#include "tests/sim/forcing.h"

#include "node/internal.h"
#include "wal/snapshot.h"

#include "tests/unit/test.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { LOG_BYTES = 32 * 1024 };

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
	expect(why_not, "nothing was changed");
	expect(why_not, "data may be lost");
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
		assert_int_equal(force_on(disk, FORCED, 78, full_name), -EINVAL);
		snprintf(other, sizeof(other), "%s", strrchr(why_not, '=') + 1);
		assert_int_equal(force_on(disk, FORCED, 78, other), 0);
		return;
	}
	if (force_on(disk, FORCED, 78, full_name))
		fail_msg("not once more: %s", why_not);
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
	assert_int_equal(force_on(disk, FORCED, 77, full_name), 0);
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

		assert_int_equal(force_on(disk, i / 2 + 1, 70 + i, full_name), 0);
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
	assert_int_equal(force(full_name), 0);
	expect(said, "was forced out of that cluster before");
	/* Its id is a number, with zeros before it or without. */
	snprintf(zeros, sizeof(zeros), "quoin-test:00%s", strchr(full_name, ':') + 1);
	assert_int_equal(force(zeros), 0);
	expect(said, "was forced out of that cluster before");
	sim_node_start(&w, FORCED);
	wait_leading(FORCED);
	add(3, 2);
	sim_node_crash(&w, FORCED);
	assert_int_equal(force(full_name), 0);
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
	assert_int_equal(force(full_name), -EPERM);
	expect(why_not, "needs nobody else");
	sim_world_destroy(&w);
}

/* It has no entry any more up to this one. */
static void wait_cut(raft_index index)
{
	uint64_t until_ns = w.now_ns + 600 * SECOND;

	while (wal_first(w.node[FORCED].node->wal) <= index) {
		assert_true(w.now_ns < until_ns);
		sim_world_run(&w, 10 * MS);
	}
}

/*
 * Its log no longer has the table of the cluster that is given up, nor how that began: its snapshot
 * says who they were, which is in force nowhere afterwards.
 */
static void D18_R35_one_whose_log_was_cut_is_forced(void **state)
{
	unsigned long long certain;
	struct raft_status s;

	(void)state;
	world_begin(53, 1, 3);
	world_end();
	forced();
	w.snapshot_log_bytes = LOG_BYTES;
	sim_node_start(&w, FORCED);
	wait_leading(FORCED);
	/* Before the first marker: what it needs is in the log. */
	add(3, 2);
	node_raft_status(w.node[FORCED].node, &s);
	sim_clients_go_on(&w, FORCED);
	wait_cut(s.members_index);
	sim_node_crash(&w, FORCED);
	sim_node_crash(&w, 3);
	forced();
	/* What is in snapshots was committed. */
	assert_int_equal(sscanf(strstr(said, "all up to "), "all up to index %llu", &certain), 1);
	assert_true(certain > s.members_index);
	expect(said, "given up    none, 198.18.0.4:2380, member ");
	assert_null(strstr(said, "198.18.0.1:2380, member "));
	for (int i = 0; i < 2; i++) {
		sim_node_start(&w, FORCED);
		assert_true(w.node[FORCED].node->applied > s.members_index);
		expect_peers(FORCED, 1);
		wait_leading(FORCED);
		assert_int_equal(raft_get_members(core(FORCED))->count, 1);
		sim_clients_go_on(&w, FORCED);
		sim_node_crash(&w, FORCED);
	}
	sim_world_destroy(&w);
}

/*
 * What is before it was forced is in snapshots of the cluster that it was forced out of, which
 * nobody else may take (W25): one of its own is written as soon as there is space for it.
 */
static void D18_W25_who_joins_a_forced_one_is_given_a_snapshot_of_its_own_cluster(void **state)
{
	const struct node_snapshot *s;

	(void)state;
	sim_world_prepare(&w, 61, 4);
	w.joiners = 1;
	w.snapshot_log_bytes = LOG_BYTES;
	sim_world_begin(&w, 3);
	while (sim_leader(&w) < 0 || !sim_all_formed(&w))
		sim_world_run(&w, MS);
	wait_cut(1);
	world_end();
	w.snapshot_log_bytes = 0;
	forced();
	fake_space(w.node[FORCED].disk, true, 0);
	sim_node_start(&w, FORCED);
	s = &w.node[FORCED].node->snapshot;
	wait_leading(FORCED);
	add_begin(3);
	sim_world_run(&w, 15 * SECOND);
	assert_true(s->failures <= 1); /* before it was known how much there is */
	assert_int_equal(w.node[3].node->install.pulled_bytes, 0);
	/* And one that is offered all the same is refused by who pulled it. */
	raft_snapshot_taken(core(FORCED), &s->newest);
	sim_world_run(&w, 5 * SECOND);
	assert_true(w.node[3].node->install.pulled_bytes > 0);
	assert_int_equal(w.node[3].node->install.installed, 0);
	assert_int_equal(w.node[3].node->snapshot.count, 0);
	fake_space(w.node[FORCED].disk, false, 0);
	add_end(2);
	assert_int_equal(w.node[3].node->install.installed, 1);
	sim_node_crash(&w, 3);
	sim_node_start(&w, 3);
	expect_peers(3, 2);
	sim_clients_go_on(&w, FORCED);
	assert_int_equal(s->taken, 1);
	sim_world_destroy(&w);
}

/*
 * An install was cut short: the snapshot has acknowledged writes that the log lacks, and who the
 * members were. Nothing is forced before the log begins behind it.
 */
static void S10_what_a_snapshot_has_beyond_the_log_is_not_given_up(void **state)
{
	raft_index last;

	(void)state;
	sim_world_prepare(&w, 71, 3);
	w.snapshot_log_bytes = LOG_BYTES;
	sim_world_begin(&w, 3);
	while (sim_leader(&w) < 0 || !sim_all_formed(&w))
		sim_world_run(&w, MS);
	sim_world_run(&w, 200 * MS);
	last = raft_last(core(FORCED));
	sim_node_crash(&w, FORCED);
	while (w.node[0].node->snapshot.newest.index <= last)
		sim_world_run(&w, MS);
	sim_node_crash(&w, 0);
	sim_node_crash(&w, 1);
	snapshot_copy(0, FORCED);
	name_ask();
	assert_int_equal(force(full_name), -EPERM);
	expect(why_not, "install was cut short");
	assert_int_equal(look(w.node[FORCED].disk).joined.id, 0);
	sim_node_start(&w, FORCED);
	assert_true(w.node[FORCED].node->applied > last);
	sim_node_crash(&w, FORCED);
	assert_int_equal(force(full_name), 0);
	assert_true(look(w.node[FORCED].disk).joined.index > last);
	sim_world_destroy(&w);
}

/* No snapshot is whole: there is no state that the rest of the log could follow. */
static void W21_a_cut_log_alone_is_not_forced(void **state)
{
	struct found before, after;
	char file[DISK_NAME_MAX];

	(void)state;
	sim_world_prepare(&w, 59, 3);
	w.snapshot_log_bytes = LOG_BYTES;
	sim_world_begin(&w, 3);
	while (sim_leader(&w) < 0 || !sim_all_formed(&w))
		sim_world_run(&w, MS);
	wait_cut(1);
	world_end();
	name_ask();
	before = look(w.node[FORCED].disk);
	assert_true(before.snapshot_count > 0);
	for (uint32_t i = 0; i < before.snapshot_count; i++) {
		snprintf(file, sizeof(file), "snapshot-%016" PRIx64 "-%016" PRIx64,
			 before.snapshots[i].index, before.snapshots[i].term);
		fake_flip(w.node[FORCED].disk, file, before.snapshots[i].size / 2, 3);
	}
	assert_int_equal(force(full_name), -EBADMSG);
	expect(why_not, "no snapshot there that reaches so far is whole");
	after = look(w.node[FORCED].disk);
	assert_int_equal(after.joined.id, before.joined.id);
	assert_int_equal(after.recovered.record_size, before.recovered.record_size);
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
	expect(why_not, "has lost acknowledged writes");
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
	assert_int_equal(force(full_name),
			 -EINVAL); /* the former full_name: that loss was before */
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
	expect(why_not, "has nothing of what came after this member was removed");
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
	expect(why_not, "volatile keeps no log");
	w.durability = WAL_DURABLE;
	/* Another member's directory. */
	name_ask();
	fake_hold(w.node[0].disk, false);
	assert_int_equal(force_on(w.node[0].disk, FORCED, 1, full_name), -EXDEV);
	fake_destroy(fresh);
	/* R51: it would be led by nobody. */
	sim_node_start(&w, FORCED);
	assert_int_equal(wal_diverged(w.node[FORCED].node->wal, 5), 0);
	sim_world_run(&w, SECOND);
	sim_node_crash(&w, FORCED);
	assert_int_equal(force(full_name), -EPERM);
	expect(why_not, "is not the one that the majority had");
	assert_int_equal(look(w.node[FORCED].disk).joined.id, 0);
	sim_world_destroy(&w);
	/* Formed with others, and not one entry. */
	sim_world_create(&w, 37, 3, 0);
	while (!sim_all_formed(&w))
		sim_world_run(&w, MS);
	sim_node_crash(&w, FORCED);
	name_ask();
	assert_int_equal(force(full_name), -EPERM);
	expect(why_not, "the log of this directory is empty");
	sim_world_destroy(&w);
	/* And not even that. */
	sim_world_create(&w, 41, 3, 0);
	sim_node_crash(&w, FORCED);
	assert_int_equal(force("quoin-test"), -EPERM);
	expect(why_not, "of no cluster yet");
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
		cmocka_unit_test(D18_R35_one_whose_log_was_cut_is_forced),
		cmocka_unit_test(
			D18_W25_who_joins_a_forced_one_is_given_a_snapshot_of_its_own_cluster),
		cmocka_unit_test(S10_what_a_snapshot_has_beyond_the_log_is_not_given_up),
		cmocka_unit_test(W21_a_cut_log_alone_is_not_forced),
		cmocka_unit_test(D16_a_joint_table_that_was_under_way_is_over),
		cmocka_unit_test(D16_V28_who_was_removed_is_forced_where_nobody_else_is_left),
		cmocka_unit_test(D16_what_cannot_be_forced_is_refused_with_a_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
