/*
 * What whole nodes believe of the members by another one's word, and what they pass on (D16, V28).
 */
#include "tests/sim/members.h"

#include "node/internal.h"

#include "tests/unit/test.h"

#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)

static struct sim_world w;

static void hear(uint32_t i, const struct wire_members *m, uint32_t from)
{
	static uint8_t body[WIRE_MEMBERS_SIZE_MAX];
	struct node *n = w.node[i].node;
	struct dp_datagram d = {.from_peer = true, .body = body};

	d.envelope.body_size = (uint16_t)wire_members_encode(m, body);
	for (uint32_t k = 0; k < DP_PEERS_MAX; k++) {
		if (n->peer[k].at.address == (uint32_t)(sim_host_place(from) >> 16))
			d.peer = k;
	}
	d.envelope.source_identity = n->peer[d.peer].at.identity;
	node_join_receive(n, &d);
}

/*
 * V28: cut off, it is told by one member of a table with the two of them alone, and then, as it
 * asked, of one without it: by its own log there is a third, who says nothing of that.
 */
static void V28_no_member_alone_ends_another_one_in_two_steps(void **state)
{
	struct wire_members m = {0};
	const struct raft_members *t;
	uint32_t who, mad, asked = 0;
	struct node *n;

	(void)state;
	members_world_begin(&w, 97, 0, 0);
	who = ((uint32_t)sim_leader(&w) + 1) % 3;
	mad = (who + 1) % 3;
	n = w.node[who].node;
	sim_net_cut_off(w.net, who, 3);
	while (raft_leader(n->raft) != 0)
		sim_world_run(&w, MS);
	m.to = n->recovered.identity;
	m.joined = (struct raft_joined){
		.cluster_id = n->cluster_id, .id = n->id, .index = raft_last(n->raft) + 5};
	t = raft_get_members(n->raft);
	for (uint32_t i = 0; i < t->count; i++) {
		if (t->member[i].id == n->id || t->member[i].id == w.node[mad].node->id)
			m.joined.members.member[m.joined.members.count++] = t->member[i];
	}
	hear(who, &m, mad);
	assert_int_equal(raft_get_members(n->raft)->count, 2);
	while (asked == 0) {
		sim_world_run(&w, MS);
		for (uint32_t k = 0; k < DP_PEERS_MAX; k++) {
			if (n->peer[k].at.member_id == w.node[mad].node->id && n->peer[k].who)
				asked = k + 1;
		}
	}
	m.question = n->peer[asked - 1].who;
	m.joined.id = 0;
	m.joined.index += 5;
	m.joined.members.count = 1;
	m.joined.members.member[0] =
		*raft_members_find(raft_get_members(n->raft), w.node[mad].node->id);
	hear(who, &m, mad);
	sim_world_run(&w, SECOND);
	assert_false(node_removed(n));
	sim_world_destroy(&w);
}

/*
 * V28: nor by another one that believes it. Without a leader one of three is told by the second of
 * a table without the third; asked by that one who the members are, it has nothing to say but that.
 */
static void V28_no_member_alone_ends_another_one_by_one_that_it_lied_to(void **state)
{
	struct wire_members m = {0};
	struct raft_members *t = &m.joined.members;
	uint32_t who, mad, lied_to;
	uint32_t words = 0;

	(void)state;
	members_world_begin(&w, 103, 0, 0);
	mad = (uint32_t)sim_leader(&w);
	who = (mad + 1) % 3;
	lied_to = (mad + 2) % 3;
	struct node *n = w.node[who].node, *believes = w.node[lied_to].node;
	sim_net_cut_off(w.net, mad, 3);
	sim_net_cut_off(w.net, who, 3);
	while (raft_leader(n->raft) != 0 || raft_leader(believes->raft) != 0)
		sim_world_run(&w, MS);
	m.to = believes->recovered.identity;
	m.joined.cluster_id = n->cluster_id;
	m.joined.id = believes->id;
	m.joined.index = raft_last(n->raft) + 100;
	for (uint32_t i = 0; i < 3; i++) {
		const struct raft_member *at = &raft_get_log_members(n->raft)->member[i];

		if (at->id != n->id)
			t->member[t->count++] = *at;
	}
	const struct wire_members lie = m;
	hear(lied_to, &lie, mad);
	assert_int_equal(raft_get_members(believes->raft)->count, 2);
	sim_net_heal(w.net);
	sim_net_cut_off(w.net, mad, 3);
	m.to = n->recovered.identity;
	m.joined.id = 0;
	for (uint32_t i = 0; i < 5000; i++) {
		int peer = node_peer_find(n, w.node[mad].node->id);

		sim_world_run(&w, MS);
		assert_false(node_removed(n));
		hear(lied_to, &lie, mad);
		m.question = n->peer[peer].who;
		words += m.question != 0;
		if (m.question != 0)
			hear(who, &m, mad);
	}
	assert_true(words > 2);
	assert_int_equal(raft_get_members(believes->raft)->count, 2);
	sim_world_destroy(&w);
}

/*
 * V28: cut off, it is told of a table in which it votes alone, of the entry behind its log's last
 * one. Its log goes on, with commands; cut off again it is what it was, one of three.
 */
static void V28_who_was_told_that_it_is_alone_does_not_lead(void **state)
{
	struct wire_members m = {0};
	uint32_t who, mad;
	struct node *n;

	(void)state;
	members_world_begin(&w, 101, 0, 2);
	mad = (uint32_t)sim_leader(&w);
	who = (mad + 1) % 3;
	n = w.node[who].node;
	sim_net_cut_off(w.net, who, 3);
	while (raft_leader(n->raft) != 0)
		sim_world_run(&w, MS);
	m.to = n->recovered.identity;
	m.joined = (struct raft_joined){
		.cluster_id = n->cluster_id, .id = n->id, .index = raft_last(n->raft) + 1};
	for (uint32_t i = 0; i < 3; i++) {
		struct raft_member at = raft_get_members(n->raft)->member[i];

		at.voter = at.id == n->id;
		if (at.id == n->id || at.id == w.node[mad].node->id)
			m.joined.members.member[m.joined.members.count++] = at;
	}
	hear(who, &m, mad);
	assert_int_equal(raft_get_members(n->raft)->count, 2);
	sim_net_heal(w.net);
	while (raft_commit(n->raft) < m.joined.index + 10)
		sim_world_run(&w, MS);
	sim_net_cut_off(w.net, who, 3);
	raft_index last = raft_last(n->raft);
	for (uint32_t i = 0; i < 500; i++) {
		sim_world_run(&w, 10 * MS);
		assert_int_not_equal(raft_get_role(n->raft), RAFT_LEADER);
	}
	assert_int_equal(raft_last(n->raft), last);
	assert_int_equal(raft_get_members(n->raft)->count, 3);
	sim_world_destroy(&w);
}

/*
 * V28: the leader fell, and one that lies tells each of the others, in the name of that one, of a
 * table with it alone, of an entry that no log comes to. They elect one of them all the same.
 */
static void V28_who_is_told_of_what_never_comes_elects_a_leader(void **state)
{
	struct wire_members m;
	uint32_t mad;
	uint64_t until_ns;

	(void)state;
	members_world_begin(&w, 103, 0, 0);
	mad = (uint32_t)sim_leader(&w);
	sim_net_cut_off(w.net, mad, 3);
	for (uint32_t k = 1; k < 3; k++) {
		struct node *n = w.node[(mad + k) % 3].node;

		while (raft_leader(n->raft) != 0)
			sim_world_run(&w, MS / 10);
		m = (struct wire_members){.to = n->recovered.identity,
					  .joined = {.cluster_id = n->cluster_id,
						     .id = n->id,
						     .index = RAFT_INDEX_MAX}};
		for (uint32_t i = 0; i < 3; i++) {
			const struct raft_member *at = &raft_get_members(n->raft)->member[i];

			if (at->id == n->id || at->id == w.node[mad].node->id)
				m.joined.members.member[m.joined.members.count++] = *at;
		}
		hear((mad + k) % 3, &m, mad);
		assert_int_equal(raft_get_members(n->raft)->count, 2);
	}
	until_ns = w.now_ns + 20 * SECOND;
	while (sim_leader(&w) < 0 || (uint32_t)sim_leader(&w) == mad) {
		assert_true(w.now_ns < until_ns);
		sim_world_run(&w, MS);
	}
	sim_world_destroy(&w);
}

/*
 * V28: told twice, or by another cluster, a directory keeps what it was told first. A member that
 * follows a leader is told nothing; a voter that asks to be let in has forgotten what it promised;
 * and before anything is committed nobody is told of anything.
 */
static void V28_who_is_told_of_members_and_when(void **state)
{
	struct wire_members m = {.joined = {.cluster_id = 77, .id = 5, .index = 9}};
	uint32_t follower;
	raft_index index;

	(void)state;
	members_world_begin(&w, 83, 1, 0);
	sim_node_start(&w, 3);
	sim_world_run(&w, 10 * MS);
	m.to = w.node[3].node->recovered.identity;
	m.joined.members = (struct raft_members){
		.count = 1, .member = {{.id = 5, .identity = m.to, .voter = true, .place = 1}}};
	hear(3, &m, 0);
	assert_int_equal(w.node[3].node->joined.cluster_id, 77);
	m.joined.cluster_id = 78;
	hear(3, &m, 0);
	assert_int_equal(w.node[3].node->joined.cluster_id, 77);

	follower = ((uint32_t)sim_leader(&w) + 1) % 3;
	struct node *n = w.node[follower].node;
	index = raft_get_members(n->raft)->count;
	m.to = n->recovered.identity;
	m.joined = (struct raft_joined){.cluster_id = n->cluster_id,
					.id = n->id,
					.index = RAFT_INDEX_MAX,
					.members = *raft_get_members(n->raft)};
	raft_id gone = 0;
	for (uint32_t k = 0; k < 3; k++) {
		raft_id id = m.joined.members.member[k].id;

		if (id != n->id && id != w.node[sim_leader(&w)].node->id)
			gone = k;
	}
	for (uint32_t k = (uint32_t)gone; k < 2; k++)
		m.joined.members.member[k] = m.joined.members.member[k + 1];
	m.joined.members.count = 2;
	hear(follower, &m, (uint32_t)sim_leader(&w));
	assert_int_equal(raft_get_members(n->raft)->count, index);

	/* A voter's own identity, from its own address. */
	uint32_t leads = (uint32_t)sim_leader(&w);
	struct node *l = w.node[leads].node;
	int place = node_peer_find(l, n->id);
	struct dp_peer_state before, after;
	dp_get_peer(l->dp, (uint32_t)place, &before);
	node_join_hear(l, (uint32_t)place, n->recovered.identity, 1);
	dp_get_peer(l->dp, (uint32_t)place, &after);
	/* A refusal, which is shorter than any table. */
	assert_int_equal(after.tx_packets, before.tx_packets + 1);
	assert_true(after.tx_bytes - before.tx_bytes < 14 + 28 + WIRE_ENVELOPE_SIZE + 8 + 48 * 3);
	sim_world_destroy(&w);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(V28_who_is_told_of_members_and_when),
		cmocka_unit_test(V28_no_member_alone_ends_another_one_in_two_steps),
		cmocka_unit_test(V28_no_member_alone_ends_another_one_by_one_that_it_lied_to),
		cmocka_unit_test(V28_who_was_told_that_it_is_alone_does_not_lead),
		cmocka_unit_test(V28_who_is_told_of_what_never_comes_elects_a_leader),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
