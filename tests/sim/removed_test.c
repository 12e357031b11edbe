/*
 * The end of a member that was removed (D16): it learns it, says so, ends or waits, and disturbs
 * nobody; and whom it believes that (V28).
 */
#include "tests/sim/hands.h"
#include "tests/sim/members.h"

#include "node/internal.h"

#include "tests/unit/test.h"

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
		members_expect_out(&w, id);
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
		members_expect_out(&w, id);
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
	members_expect_out(&w, id);
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

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(D16_who_was_down_learns_that_it_was_removed),
		cmocka_unit_test(R37_who_is_up_knows_it_from_its_log),
		cmocka_unit_test(D16_a_learner_that_was_down_learns_that_it_was_removed),
		cmocka_unit_test(V28_no_member_alone_ends_another_one),
		cmocka_unit_test(V28_who_hears_a_leader_believes_nobody),
		cmocka_unit_test(V28_who_has_no_directory_yet_asks_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
