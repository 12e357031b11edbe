/*
 * The end of a member that was removed (D16): it learns it, says so, ends or waits, and disturbs
 * nobody; and whom it believes that (V28). And members that are not where, or what, their cluster
 * has them: moved, or new directories at their addresses.
 */
#include "tests/sim/hands.h"
#include "tests/sim/members.h"

#include "node/internal.h"

#include "tests/unit/test.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)

static struct sim_world w;
static struct metrics numbers;

static void world_begin(uint64_t seed, uint32_t nodes, bool waits)
{
	sim_world_prepare(&w, seed, nodes);
	w.removed_waits = waits;
	sim_world_begin(&w, 0);
	while (sim_leader(&w) < 0 || !sim_all_formed(&w))
		sim_world_run(&w, MS);
	sim_world_run(&w, 500 * MS);
}

/* It is in no table any more, not even as one that goes. */
static void expect_out(raft_id id)
{
	uint64_t until_ns = w.now_ns + 10 * SECOND;

	while (raft_members_find(raft_get_members(members_leader(&w)->raft), id)) {
		assert_true(w.now_ns < until_ns);
		sim_world_run(&w, MS);
	}
	sim_world_run(&w, SECOND); /* committed, and told of */
}

/* Whoever had it removed may have asked it: for a second it tells by what table that was. */
static void expect_answer(uint32_t i)
{
	struct node *n = w.node[i].node;
	char own[32], index[32];

	snprintf(own, sizeof(own), " id=%016" PRIx64 " ", n->id);
	snprintf(index, sizeof(index), "members_index %" PRIu64 "\n", n->joined.index);
	assert_true(sim_node_says(&w, i, index));
	assert_true(sim_node_says(&w, i, "\nmember "));
	assert_false(sim_node_says(&w, i, own));
	if (w.removed_waits)
		return;
	sim_world_run(&w, SECOND - 10 * MS);
	assert_false(node_stopping(n));
	sim_world_run(&w, 20 * MS);
}

/* It says so within a few seconds, has no core any more, and stops by itself unless it waits. */
static void expect_removed(uint32_t i)
{
	struct node *n = w.node[i].node;

	for (uint64_t until_ns = w.now_ns + 5 * SECOND; !node_removed(n); sim_world_run(&w, MS))
		assert_true(w.now_ns < until_ns);
	expect_answer(i);
	sim_world_run(&w, 50 * MS);
	assert_int_equal(node_stopped(n), !w.removed_waits);
	assert_null(n->raft);
	assert_int_equal(node_stopping(n), !w.removed_waits);
	assert_true(node_deadline(n) > w.now_ns); /* it rests while it waits */
	assert_false(wal_busy(n->wal));
	assert_true(sim_node_says(&w, i, "formation removed\n"));
	assert_true(
		sim_node_says(&w, i, "error this member was removed from its cluster: it was "));
	assert_true(sim_node_says(&w, i, "and the member table at log index "));
}

static uint32_t other_than_leader(void)
{
	return ((uint32_t)sim_leader(&w) + 1) % 3;
}

/*
 * It was down when it was removed. Started again it asks, is told by those whom it knew, and ends;
 * started once more it says the same at once, also when nobody is there. Told to wait it waits,
 * with nothing but its status.
 */
static void D16_who_was_down_learns_that_it_was_removed(void **state)
{
	(void)state;
	for (int waits = 0; waits < 2; waits++) {
		char error[NODE_ERROR_MAX];
		uint64_t told = 0;

		world_begin(101 + (uint64_t)waits, 3, waits);
		uint32_t down = other_than_leader();
		raft_id id = w.node[down].node->id;
		sim_node_crash(&w, down);
		members_change(&w, (struct raft_change){.kind = RAFT_CHANGE_REMOVE, .id = id});
		expect_out(id);
		const struct members_calm calm = members_calm_begin(&w);
		sim_node_start(&w, down);
		expect_removed(down);
		sim_world_run(&w, 3 * SECOND);
		members_expect_calm(&w, &calm);
		for (uint32_t i = 0; i < 3; i++) {
			if (i != down)
				told += w.node[i].node->counters.strangers_told;
		}
		assert_true(told >= 2 && told <= 4);

		sim_node_crash(&w, down);
		for (uint32_t i = 0; i < 3; i++)
			sim_net_cut(w.net, down, i, true);
		int err = sim_node_try_start(&w, down, error);
		assert_int_equal(err, waits ? 0 : NODE_REMOVED);
		if (waits) {
			sim_world_run(&w, SECOND);
			expect_removed(down);
			node_metrics_collect(w.node[down].node, &numbers);
			node_removed_text(error, &w.node[down].node->joined);
			assert_string_equal(numbers.waiting, error); /* no part of it */
		} else {
			assert_non_null(strstr(error, "this member was removed from its cluster"));
			assert_non_null(strstr(error, "quoinctl member add"));
		}
		members_expect_calm(&w, &calm);
		sim_world_destroy(&w);
	}
}

/* Up when it was removed, it has it from its log: who follows, who learns, and who leads. */
static void R37_who_is_up_knows_it_from_its_log(void **state)
{
	(void)state;
	for (int role = 0; role < 3; role++) {
		world_begin(111 + (uint64_t)role, 3, false);
		uint32_t leads = (uint32_t)sim_leader(&w);
		uint32_t i = role == 2 ? leads : other_than_leader();
		raft_id id = w.node[i].node->id;
		uint64_t elections = w.elections;

		if (role == 1) {
			members_change(&w,
				       (struct raft_change){.kind = RAFT_CHANGE_DEMOTE, .id = id});
			sim_world_run(&w, SECOND);
			assert_false(
				raft_members_find(raft_get_members(members_leader(&w)->raft), id)
					->voter);
		}
		members_change(&w, (struct raft_change){.kind = RAFT_CHANGE_REMOVE, .id = id});
		expect_removed(i);
		expect_out(id);
		assert_int_equal(raft_members_voters(raft_get_members(members_leader(&w)->raft)),
				 2);
		/* Who led handed over: one election, and none because nobody was heard. */
		assert_int_equal(w.elections, elections + (role == 2));
		sim_world_destroy(&w);
	}
}

/* A learner that was down hears it as well. */
static void D16_a_learner_that_was_down_learns_that_it_was_removed(void **state)
{
	(void)state;
	world_begin(121, 3, false);
	uint32_t down = other_than_leader();
	raft_id id = w.node[down].node->id;
	members_change(&w, (struct raft_change){.kind = RAFT_CHANGE_DEMOTE, .id = id});
	sim_world_run(&w, SECOND);
	sim_node_crash(&w, down);
	members_change(&w, (struct raft_change){.kind = RAFT_CHANGE_REMOVE, .id = id});
	expect_out(id);
	sim_node_start(&w, down);
	expect_removed(down);
	sim_world_destroy(&w);
}

/* --- whom it believes --------------------------------------------------------------------- */

static uint32_t asked; /* a member that hears no leader, and has asked */

static int place_at(uint32_t from)
{
	struct node *n = w.node[asked].node;

	return node_peer_at(n, sim_host_place(from));
}

/* What node `from` would say to it if it were removed. */
static struct wire_members word(uint32_t from)
{
	struct node *n = w.node[asked].node;
	struct wire_members m = {.to = n->recovered.identity,
				 .question = n->peer[place_at(from)].who,
				 .joined = {.cluster_id = n->cluster_id, .index = 1000}};

	for (uint32_t i = 0; i < raft_get_members(n->raft)->count; i++) {
		const struct raft_member *k = &raft_get_members(n->raft)->member[i];

		if (k->id != n->id)
			m.joined.members.member[m.joined.members.count++] = *k;
	}
	return m;
}

static void hear_now(const struct wire_members *m, uint32_t from)
{
	static uint8_t body[WIRE_MEMBERS_SIZE_MAX];
	struct dp_datagram d = {.from_peer = true, .peer = (uint32_t)place_at(from), .body = body};

	d.envelope.body_size = (uint16_t)wire_members_encode(m, body);
	node_join_receive(w.node[asked].node, &d);
}

static void hear(const struct wire_members *m, uint32_t from)
{
	hear_now(m, from);
	sim_world_run(&w, 10 * MS);
}

/* The node i is cut off, until it has asked all others, and they have not answered. */
static void ask_alone(uint32_t i)
{
	uint64_t until_ns = w.now_ns + 5 * SECOND;

	asked = i;
	sim_net_cut_off(w.net, i, w.node_count);
	for (;;) {
		uint32_t open = 0;

		for (uint32_t k = 0; k < w.node_count; k++)
			open += k != i && w.node[i].node->peer[place_at(k)].who != 0;
		if (open == w.node_count - 1)
			return;
		assert_true(w.now_ns < until_ns);
		sim_world_run(&w, MS);
	}
}

/* V28: five members; it takes three of the other four, and each of these is no word of one. */
static void V28_no_member_alone_ends_another_one(void **state)
{
	struct wire_members m;

	(void)state;
	world_begin(131, 5, false);
	ask_alone((uint32_t)sim_leader(&w));
	struct node *n = w.node[asked].node;
	uint32_t others[4], count = 0;
	for (uint32_t i = 0; i < 5; i++) {
		if (i != asked)
			others[count++] = i;
	}

	for (uint32_t k = 0; k < 2; k++) {
		m = word(others[k]);
		hear(&m, others[k]);
	}
	assert_false(node_removed(n));
	assert_true(sim_node_says(&w, asked,
				  "says that this member was removed (member table at log index "
				  "1000), and no majority of the others does"));
	hear(&m, others[1]); /* twice the same */
	m = word(others[2]);
	m.question++; /* of nobody's question */
	hear(&m, others[2]);
	m = word(others[3]);
	hear(&m, others[2]); /* with what another one was asked */
	m = word(others[2]);
	m.joined.cluster_id++;
	hear(&m, others[2]);
	m = word(others[2]);
	m.joined.index = 1; /* no newer than what it knows to be committed */
	hear(&m, others[2]);
	m = word(others[2]);
	m.joined.members = *raft_get_members(n->raft); /* a table that it is in */
	hear(&m, others[2]);
	assert_false(node_removed(n));
	m = word(others[2]);
	hear(&m, others[2]);
	assert_true(node_removed(n));
	sim_world_destroy(&w);
}

/* Who hears a leader is needed: it asks nobody, and is told nothing. */
static void V28_who_hears_a_leader_believes_nobody(void **state)
{
	uint64_t question[3];

	(void)state;
	world_begin(141, 3, false);
	ask_alone(other_than_leader());
	struct node *n = w.node[asked].node;
	for (uint32_t i = 0; i < 3; i++)
		question[i] = i == asked ? 0 : n->peer[place_at(i)].who;
	sim_net_heal(w.net);
	while (raft_leader(n->raft) == 0)
		sim_world_run(&w, MS / 10);
	for (uint32_t i = 0; i < 3; i++) {
		if (i == asked)
			continue;
		n->peer[place_at(i)].who = question[i]; /* as if it had not come to forget it */
		struct wire_members m = word(i);
		hear_now(&m, i);
		assert_int_equal(n->peer[place_at(i)].gone_index, 0);
	}
	assert_false(n->gone_sure);
	sim_world_destroy(&w);
}

/* One frame in the name of a learner whose directory is not known yet, from elsewhere. */
static void V28_who_has_no_directory_yet_asks_nothing(void **state)
{
	struct raft_change add = {.kind = RAFT_CHANGE_ADD_LEARNER, .place = sim_host_place(8)};
	uint8_t payload[WIRE_ENVELOPE_SIZE + WIRE_WHO_SIZE] = {0};
	struct raft_refusal refusal;
	raft_index index;

	(void)state;
	world_begin(181, 3, false);
	hands_open(&w);
	assert_int_equal(raft_members_change(members_leader(&w)->raft, &add, 1, &index, &refusal),
			 0);
	sim_world_run(&w, SECOND);
	for (uint32_t to = 0; to < 3; to++) {
		uint32_t from = (to + 1) % 3;
		struct wire_envelope e = hands_envelope(from, to, WIRE_WHO, WIRE_WHO_SIZE);

		assert_non_null(raft_members_find(raft_get_members(w.node[to].node->raft), add.id));
		e.source_id = add.id;
		e.source_identity = 0;
		wire_envelope_encode(&e, payload);
		wire_who_encode(1, payload + WIRE_ENVELOPE_SIZE);
		hands_offer(from, to, WIRE_PORT_PEER, payload, sizeof(payload));
		sim_world_run(&w, 10 * MS);
		assert_int_equal(w.node[to].node->counters.strangers_told, 0);
	}
	hands_close();
	sim_world_destroy(&w);
}

/* --- not where it was -------------------------------------------------------------------- */

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
	expect_out(id);
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
		world_begin(151 + (uint64_t)turn, turn > 1 ? 4 : 3, false);
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
	world_begin(181, 3, false);
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
	world_begin(191, 3, false);
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

/* W25: the directory of another member is refused, also by one that joined. */
static void W25_no_member_takes_the_directory_of_another_one(void **state)
{
	char error[NODE_ERROR_MAX];

	(void)state;
	world_begin(161, 3, false);
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
	world_begin(171, 3, false);
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
		cmocka_unit_test(D16_who_was_down_learns_that_it_was_removed),
		cmocka_unit_test(R37_who_is_up_knows_it_from_its_log),
		cmocka_unit_test(D16_a_learner_that_was_down_learns_that_it_was_removed),
		cmocka_unit_test(V28_no_member_alone_ends_another_one),
		cmocka_unit_test(V28_who_hears_a_leader_believes_nobody),
		cmocka_unit_test(V28_who_has_no_directory_yet_asks_nothing),
		cmocka_unit_test(D16_a_founder_moves),
		cmocka_unit_test(D16_who_was_to_move_is_found_where_it_is),
		cmocka_unit_test(D16_who_was_found_where_it_was_is_not_up),
		cmocka_unit_test(W25_no_member_takes_the_directory_of_another_one),
		cmocka_unit_test(F1_a_new_directory_is_refused_where_a_member_joined),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
