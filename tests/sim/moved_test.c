/*
 * Members that are not where, or what, their cluster has them (D16): moved, or new directories at
 * their addresses.
 */
#include "tests/sim/members.h"

#include "node/internal.h"
#include "raft/internal.h"

#include "tests/unit/test.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)

static struct sim_world w;

static void world_begin(uint64_t seed, uint32_t nodes)
{
	sim_world_prepare(&w, seed, nodes);
	sim_world_begin(&w, 0);
	while (sim_leader(&w) < 0 || !sim_all_formed(&w))
		sim_world_run(&w, MS);
	sim_world_run(&w, 500 * MS);
}

static uint32_t other_than_leader(void)
{
	return ((uint32_t)sim_leader(&w) + 1) % 3;
}

enum { ELSEWHERE = 9 }; /* the host */

static void update(raft_id id, uint32_t host)
{
	struct raft_change c = {
		.kind = RAFT_CHANGE_UPDATE, .id = id, .place = sim_host_place(host)};
	struct raft_refusal refusal;
	raft_index index;

	assert_int_equal(raft_members_change(members_leader(&w)->raft, &c, 1, &index, &refusal), 0);
}

static void expect_led(uint32_t i)
{
	uint64_t until_ns = w.now_ns + 5 * SECOND;

	while (!raft_leader(w.node[i].node->raft) ||
	       w.node[i].node->applied < raft_commit(members_leader(&w)->raft)) {
		assert_true(w.now_ns < until_ns);
		sim_world_run(&w, MS);
	}
}

/* As if it had come in by MEMBERS. */
static void join(uint32_t i)
{
	struct node *n = w.node[i].node;
	struct raft_joined j = {.cluster_id = n->cluster_id,
				.id = n->id,
				.index = 1,
				.members = *raft_get_members(n->raft)};
	uint8_t record[RAFT_JOINED_SIZE_MAX];

	assert_int_equal(wal_record_write(n->wal, record, raft_joined_encode(&j, record)), 0);
}

/* Of four, one that is neither this one, which is not the leader, nor the leader. */
static uint32_t make_room(uint32_t but)
{
	uint32_t gone = (but + 1) % 4;
	raft_id id = w.node[gone].node->id;

	members_change(&w, (struct raft_change){.kind = RAFT_CHANGE_REMOVE, .id = id});
	members_expect_out(&w, id);
	sim_node_crash(&w, gone);
	return gone; /* where it was */
}

/*
 * A founder moves: its own list is another one than it was formed with, which it says once; the
 * others hear it when they are told where it is, before it is started there or after. Where a
 * member was that is gone it may be too, whatever it was formed with, or told of when it joined.
 */
static void D16_a_founder_moves(void **state)
{
	char log[8192], there[128];

	(void)state;
	for (int turn = 0; turn < 4; turn++) {
		const bool first = turn > 0;
		world_begin(151 + (uint64_t)turn, turn > 1 ? 4 : 3);
		uint32_t i = other_than_leader(), to = turn > 1 ? make_room(i) : ELSEWHERE;
		raft_id id = w.node[i].node->id;
		const struct members_calm calm = members_calm_begin(&w);

		if (turn == 3)
			join(i);
		sim_node_crash(&w, i);
		if (first)
			update(id, to);
		sim_world_run(&w, SECOND);
		w.node[i].address = (uint32_t)(sim_host_place(to) >> 16);
		w.node[i].moved = true;
		sim_node_start(&w, i);
		sim_node_log(&w, i, 2 * SECOND, log, sizeof(log));
		assert_int_equal(strstr(log, " initial_cluster_differs members=") != NULL,
				 turn < 2);
		assert_int_equal(strstr(log, " elsewhere why=") != NULL, !first);
		assert_int_equal(
			sim_node_says(&w, i, "error the member table has this member at 198.18.0."),
			!first);
		if (!first) {
			assert_true(sim_node_says(&w, i, "and it is at 198.18.0.10:2380"));
			snprintf(there, sizeof(there),
				 "start it with network.address, and itself in initial-cluster, at "
				 "198.18.0.%u:2380; or",
				 i + 1);
			assert_true(sim_node_says(&w, i, there));
		}
		if (!first)
			update(id, ELSEWHERE);
		expect_led(i);
		assert_int_equal(w.node[i].node->id, id);
		assert_false(sim_node_says(&w, i, "error the member table has"));
		members_expect_calm(&w, &calm);
		sim_world_destroy(&w);
	}
}

/*
 * A leader falls with a table that moves a member, which nobody else has: it finds that member
 * where it still is, and follows it, though by its own table it is elsewhere.
 */
static void D16_who_was_to_move_is_found_where_it_is(void **state)
{
	(void)state;
	world_begin(181, 3);
	uint32_t fell = (uint32_t)sim_leader(&w), moves = (fell + 1) % 3;
	raft_id id = w.node[moves].node->id;

	sim_net_cut_off(w.net, fell, 3);
	update(id, ELSEWHERE);
	uint64_t until_ns = w.now_ns + 10 * SECOND;
	while (sim_leader(&w) != (int)moves) {
		assert_true(w.now_ns < until_ns);
		if (sim_leader(&w) != (int)fell)
			(void)raft_transfer(members_leader(&w)->raft, id);
		sim_world_run(&w, 10 * MS);
	}
	sim_net_heal(w.net);
	expect_led(fell);
	assert_int_equal(raft_leader(w.node[fell].node->raft), id);
	sim_world_run(&w, SECOND);
	assert_false(w.node[fell].node->places_before);
	sim_world_destroy(&w);
}

/*
 * ... and the one that is elected by it is not to rest anything on it (CH3): as soon as that table
 * is committed, it is where nobody is.
 */
static void D16_who_was_found_where_it_was_is_not_up(void **state)
{
	(void)state;
	world_begin(191, 3);
	const uint32_t fell = (uint32_t)sim_leader(&w), moves = (fell + 1) % 3;
	const raft_id id = w.node[moves].node->id, fallen = w.node[fell].node->id;
	struct raft_change c = {.kind = RAFT_CHANGE_REMOVE, .id = fallen};
	struct raft *next = w.node[(fell + 2) % 3].node->raft;
	struct raft_refusal refusal;
	raft_index index;
	bool counted = false;

	sim_net_cut_off(w.net, moves, 3);
	update(id, ELSEWHERE);
	while (raft_members_find(raft_get_members(next), id)->place != sim_host_place(ELSEWHERE))
		sim_world_run(&w, MS / 100);
	sim_node_crash(&w, fell);
	sim_net_heal(w.net);
	for (uint64_t ns = 0; ns < 10 * SECOND && !counted; ns += MS / 100) {
		int err = raft_members_change(next, &c, 1, &index, &refusal);

		assert_true(err == -EREMOTE || err == -EPERM);
		counted = err == -EPERM && refusal.reason == RAFT_REFUSED_NO_QUORUM_NOW;
		sim_world_run(&w, MS / 100);
	}
	assert_true(counted);
	assert_int_equal(refusal.have, 1);
	sim_world_destroy(&w);
}

/*
 * A leader without check-quorum hears nobody and leads on: it, too, looks for whom its table moves
 * where that one still is, or nothing is ever committed (seed 920025).
 */
static void D16_a_leader_that_leads_on_looks_in_both_places(void **state)
{
	(void)state;
	world_begin(211, 3);
	const uint32_t leads = (uint32_t)sim_leader(&w), moves = (leads + 1) % 3;
	struct raft *r = w.node[leads].node->raft;

	r->check_quorum = false;
	sim_node_crash(&w, (leads + 2) % 3);
	sim_net_cut_off(w.net, moves, 3);
	update(w.node[moves].node->id, ELSEWHERE);
	sim_world_run(&w, 2 * SECOND);
	assert_true(raft_commit(r) < r->members_index);
	sim_net_heal(w.net);
	uint64_t until_ns = w.now_ns + 10 * SECOND;
	while (raft_commit(r) < r->members_index) {
		assert_int_equal(sim_leader(&w), leads);
		assert_true(w.now_ns < until_ns);
		sim_world_run(&w, MS);
	}
	sim_world_destroy(&w);
}

/* CH7: a leader that moved itself says so, and takes in nobody who would seek it there already. */
static void D16_a_leader_that_moved_takes_nobody_in(void **state)
{
	struct raft_change add = {.kind = RAFT_CHANGE_ADD, .place = sim_host_place(8)};
	struct raft_refusal refusal;
	raft_index index;
	char log[8192];

	(void)state;
	world_begin(201, 1);
	assert_false(sim_node_says(&w, 0, "error the member table has this member at"));
	update(w.node[0].node->id, ELSEWHERE);
	sim_node_log(&w, 0, 100 * MS, log, sizeof(log));
	assert_non_null(strstr(log, " elsewhere why="));
	assert_true(sim_node_says(&w, 0, "error the member table has this member at 198.18.0.10:"));
	assert_true(sim_node_says(&w, 0, " 198.18.0.1:2380 here"));
	assert_int_equal(raft_members_change(w.node[0].node->raft, &add, 1, &index, &refusal),
			 -EPERM);
	assert_int_equal(refusal.reason, RAFT_REFUSED_ELSEWHERE);
	sim_node_crash(&w, 0);
	w.node[0].address = (uint32_t)(sim_host_place(ELSEWHERE) >> 16);
	w.node[0].moved = true;
	sim_node_start(&w, 0);
	members_change(&w, add);
	sim_world_destroy(&w);
}

/* Of three the one that leads is heard no more, and ends that: it is given no advice before. */
static void D16_a_leader_of_three_that_moved_gives_no_advice_while_it_leads(void **state)
{
	char log[8192];

	(void)state;
	world_begin(205, 3);
	const uint32_t moves = (uint32_t)sim_leader(&w);

	update(w.node[moves].node->id, ELSEWHERE);
	sim_node_log(&w, moves, 100 * MS, log, sizeof(log));
	assert_null(strstr(log, " elsewhere why="));
	sim_node_log(&w, moves, 3 * SECOND, log, sizeof(log));
	assert_non_null(strstr(log, "or, if another one leads, quoinctl member update"));
	sim_world_destroy(&w);
}

/* W25: the directory of another member is refused, also by one that joined. */
static void W25_no_member_takes_the_directory_of_another_one(void **state)
{
	char error[NODE_ERROR_MAX];

	(void)state;
	world_begin(161, 3);
	for (int joined = 0; joined < 2; joined++) {
		if (joined)
			join(1);
		sim_node_crash(&w, 1);
		struct fake_disk *own = w.node[1].disk;
		uint32_t others = w.node[2].node != NULL ? 2 : 0;

		sim_node_crash(&w, others);
		struct fake_disk *other = w.node[others].disk;
		w.node[others].disk = own;
		assert_int_equal(sim_node_try_start(&w, others, error), -EXDEV);
		assert_non_null(
			strstr(error, "this is the directory of the member at 198.18.0.2:2380"));
		w.node[others].disk = other;
		sim_node_start(&w, others);
		sim_node_start(&w, 1);
		sim_world_run(&w, SECOND);
	}
	sim_world_destroy(&w);
}

/*
 * F1, F10: a new directory, configured to form a cluster, at the address of one that joined: it is
 * refused by founders, who formed none with that address, and by those that joined.
 */
static void F1_a_new_directory_is_refused_where_a_member_joined(void **state)
{
	struct formation_message m = {.say = FORMATION_SAY_HELLO, .table = {.digest = 5}};

	(void)state;
	world_begin(171, 3);
	uint32_t follows = other_than_leader();
	for (int joined = 0; joined < 2; joined++) {
		struct node *n = w.node[follows].node;
		uint8_t body[WIRE_FORMATION_SIZE_MAX];
		struct dp_peer_state before, after;
		struct dp_datagram d = {.from_peer = true, .body = body};

		d.peer = (uint32_t)node_peer_find(n, members_leader(&w)->id);
		d.envelope.source_identity = 0xbad;
		d.envelope.body_size = (uint16_t)wire_formation_encode(&m, body);
		uint64_t *there = &n->formation.table.member[sim_leader(&w)].place, was = *there;

		if (joined)
			n->joined = (struct raft_joined){.cluster_id = n->cluster_id, .id = n->id};
		else
			*there = sim_host_place(ELSEWHERE); /* as if the leader had come later */
		dp_get_peer(n->dp, d.peer, &before);
		node_formation_receive(n, &d);
		dp_get_peer(n->dp, d.peer, &after);
		assert_int_equal(after.tx_packets, before.tx_packets + 1);
		n->joined = (struct raft_joined){0};
		*there = was;
	}
	sim_world_destroy(&w);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(D16_a_founder_moves),
		cmocka_unit_test(D16_who_was_to_move_is_found_where_it_is),
		cmocka_unit_test(D16_who_was_found_where_it_was_is_not_up),
		cmocka_unit_test(D16_a_leader_that_leads_on_looks_in_both_places),
		cmocka_unit_test(D16_a_leader_that_moved_takes_nobody_in),
		cmocka_unit_test(D16_a_leader_of_three_that_moved_gives_no_advice_while_it_leads),
		cmocka_unit_test(W25_no_member_takes_the_directory_of_another_one),
		cmocka_unit_test(F1_a_new_directory_is_refused_where_a_member_joined),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
