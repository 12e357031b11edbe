/*
 * A member that was away while all whom it knew left, moved or were replaced: it finds its cluster
 * by itself (D16), and by nothing that a forger, or who was removed, may use (V28, node/meet.c).
 */
#include "tests/sim/hands.h"
#include "tests/sim/members.h"

#include "base/bytes.h"
#include "node/internal.h"
#include "raft/internal.h"

#include "tests/unit/test.h"

#include <string.h>

#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)

enum { AWAY = 2, PREVOTE_REPLY_SIZE = 16, START_REPLY_SIZE = 48 };

static struct sim_world w;

static void world_begin(uint64_t seed, uint32_t founders, uint32_t joiners, uint32_t clients)
{
	sim_world_prepare(&w, seed, founders);
	sim_world_hosts(&w, founders, joiners);
	sim_world_begin(&w, clients);
	while (sim_leader(&w) < 0 || !sim_all_formed(&w))
		sim_world_run(&w, MS);
	sim_world_run(&w, 500 * MS);
}

/* The member of host `from` by a new directory on host `to`, which may be the same one. */
static void replace(uint32_t from, uint32_t to)
{
	const uint32_t voters = raft_members_voters(raft_get_members(members_leader(&w)->raft));
	struct raft_change c = {.kind = RAFT_CHANGE_REPLACE,
				.replaced = w.node[from].node->id,
				.place = sim_node_place(&w, to)};

	if (from == to)
		sim_node_crash(&w, from);
	if (from == to)
		sim_node_wipe(&w, from);
	w.node[to].joiner = true;
	sim_node_start(&w, to);
	members_expect_voter(&w, members_change(&w, c), voters);
	sim_world_run(&w, SECOND);
	if (from != to)
		sim_node_crash(&w, from);
}

/* It follows whoever leads, has all that is committed, and knows all where they are. */
static void expect_back(uint32_t i)
{
	uint64_t until_ns = w.now_ns + 10 * SECOND;
	struct node *n = w.node[i].node, *l = members_leader(&w);
	raft_index last = raft_commit(l->raft);

	while (!n->raft || raft_leader(n->raft) != l->id || n->applied < last) {
		if (w.now_ns > until_ns && n->raft)
			fail_msg("node %u: leader %llx, applied %llu of %llu", i,
				 (unsigned long long)raft_leader(n->raft),
				 (unsigned long long)n->applied, (unsigned long long)last);
		sim_world_run(&w, MS);
	}
	sim_world_run(&w, SECOND); /* who is gone is a peer for a while */
	assert_int_equal(node_peer_met(n), -1);
	assert_int_equal(n->raft->met, 0);
	assert_int_equal(n->raft->told_index, 0);
	assert_memory_equal(raft_get_members(n->raft), raft_get_members(l->raft),
			    sizeof(struct raft_members));
	assert_int_equal(n->peers, raft_get_members(l->raft)->count - 1);
}

/* --- found --------------------------------------------------------------------------------- */

/* The others were replaced one after another: elsewhere, or where they stood. */
static void D16_who_was_away_finds_those_who_replaced_all_others(void **state)
{
	(void)state;
	for (int k = 0; k < 4; k++) {
		bool learner = k & 1, in_place = k & 2;

		/* Who is replaced where it stood is not there meanwhile. */
		uint32_t founders = in_place ? 5 : 3;
		world_begin(201 + (uint64_t)k, founders, 2, k == 0);
		raft_id id = w.node[AWAY].node->id;
		if (learner)
			members_change(&w,
				       (struct raft_change){.kind = RAFT_CHANGE_DEMOTE, .id = id});
		sim_world_run(&w, SECOND);
		sim_node_crash(&w, AWAY);
		for (uint32_t i = 0; i < founders; i++) {
			if (i != AWAY)
				replace(i, in_place ? i : 3 + i);
		}
		const struct members_calm calm = members_calm_begin(&w);
		sim_node_start(&w, AWAY);
		expect_back(AWAY);
		assert_int_equal(w.node[AWAY].node->id, id);
		assert_true(w.node[AWAY].node->raft->start_confirmed); /* it may vote */
		members_expect_calm(&w, &calm);
		sim_world_destroy(&w);
	}
}

/* It is told of first. */
static void move(uint32_t i)
{
	raft_id id = w.node[i].node->id;
	uint64_t place = sim_node_place(&w, i) + (UINT64_C(20) << 16);

	members_change(&w,
		       (struct raft_change){.kind = RAFT_CHANGE_UPDATE, .id = id, .place = place});
	sim_world_run(&w, SECOND);
	sim_node_crash(&w, i);
	w.node[i].address = (uint32_t)(place >> 16);
	w.node[i].moved = true;
	sim_node_start(&w, i);
	sim_world_run(&w, SECOND);
}

/* They are the members that it knows, elsewhere: four, one after another. */
static void D16_who_was_away_finds_those_who_moved(void **state)
{
	(void)state;
	world_begin(211, 5, 0, 0);
	sim_node_crash(&w, AWAY);
	for (uint32_t i = 0; i < 5; i++) {
		if (i != AWAY)
			move(i);
	}
	const struct members_calm calm = members_calm_begin(&w);
	sim_node_start(&w, AWAY);
	expect_back(AWAY);
	members_expect_calm(&w, &calm);
	sim_world_destroy(&w);
}

/* It was cut off, not down: it can vote, and is needed to elect one whom it never met. */
static void R32_who_was_cut_off_votes_for_one_whom_it_never_met(void **state)
{
	(void)state;
	world_begin(221, 3, 2, 0);
	struct node *n = w.node[AWAY].node;
	sim_net_cut_off(w.net, AWAY, 5);
	sim_world_run(&w, 2 * SECOND); /* it leads nobody, if it did */
	replace(0, 3);
	replace(1, 4);
	uint32_t leads = (uint32_t)sim_leader(&w), stays = 7 - leads;
	const raft_term term = raft_get_term(members_leader(&w)->raft);
	sim_node_crash(&w, leads);
	sim_net_heal(w.net);
	sim_world_run(&w, 10 * SECOND);
	assert_int_equal(sim_leader(&w), stays);
	assert_true(raft_get_term(members_leader(&w)->raft) > term);
	assert_int_equal(raft_leader(n->raft), members_leader(&w)->id);
	assert_int_equal(node_peer_met(n), -1);
	sim_world_destroy(&w);
}

/*
 * It was down while some of the others moved, and comes back when it is they who are left: it is
 * needed to elect one of them, and they are its witnesses, though it knows them elsewhere.
 */
static void D16_who_was_down_votes_for_one_that_moved(void **state)
{
	static const uint32_t moves[4][2] = {{0, 0}, {1, 1}, {0, 1}, {3, 4}};

	(void)state;
	for (int k = 0; k < 4; k++) {
		world_begin(226 + (uint64_t)k, k < 2 ? 3 : 5, 0, 0);
		/* Of three nobody moves while one is down, as far as is known. */
		while (sim_leader(&w) == AWAY) {
			(void)raft_transfer(w.node[AWAY].node->raft, w.node[0].node->id);
			sim_world_run(&w, SECOND);
		}
		sim_node_crash(&w, AWAY);
		move(moves[k][0]);
		if (!w.node[moves[k][1]].moved)
			move(moves[k][1]);
		for (uint32_t i = 0; i < w.node_count; i++) {
			if (i != AWAY && !w.node[i].moved)
				sim_node_crash(&w, i);
		}
		sim_node_start(&w, AWAY);
		/* One is met at a time, and all that moved are needed. */
		const uint64_t until_ns = w.now_ns + 30 * SECOND;
		const struct node *away = w.node[AWAY].node;
		while (!away->raft || raft_leader(away->raft) == 0) {
			assert_true(w.now_ns < until_ns);
			sim_world_run(&w, MS);
		}
		sim_world_run(&w, SECOND);
		assert_true(w.node[sim_leader(&w)].moved);
		assert_int_equal(raft_leader(away->raft), members_leader(&w)->id);
		assert_true(away->raft->start_confirmed);
		assert_int_equal(node_peer_met(away), -1);
		sim_world_destroy(&w);
	}
}

/* Of those that it knows one is left, of whom it has heard that it is to come. */
static void D16_who_was_away_finds_a_learner_that_has_come(void **state)
{
	(void)state;
	world_begin(231, 3, 3, 0);
	raft_id learner = members_change(&w, (struct raft_change){.kind = RAFT_CHANGE_ADD_LEARNER,
								  .place = sim_node_place(&w, 3)});
	sim_world_run(&w, SECOND);
	sim_node_crash(&w, AWAY);
	sim_node_start(&w, 3);
	sim_world_run(&w, SECOND);
	members_change(&w, (struct raft_change){.kind = RAFT_CHANGE_PROMOTE, .id = learner});
	members_expect_voter(&w, learner, 4);
	replace(0, 4);
	replace(1, 5);
	while (members_leader(&w)->id != learner) {
		(void)raft_transfer(members_leader(&w)->raft, learner);
		sim_world_run(&w, 10 * MS);
	}
	for (uint32_t i = 4; i < 6; i++)
		sim_net_cut(w.net, i, AWAY, true);
	const struct members_calm calm = members_calm_begin(&w);
	sim_node_start(&w, AWAY);
	expect_back(AWAY);
	members_expect_calm(&w, &calm);
	sim_world_destroy(&w);
}

/* --- what others may make of it ------------------------------------------------------------ */

enum { STRANGER = 8, OTHER = 9 }; /* hosts where nobody is */

static struct node *n; /* cut off from all */

static void alone_begin(uint64_t seed, uint32_t founders)
{
	world_begin(seed, founders, 0, 0);
	hands_open(&w);
	n = w.node[AWAY].node;
	sim_net_cut_off(w.net, AWAY, founders);
	while (raft_leader(n->raft) != 0)
		sim_world_run(&w, MS);
}

static void alone_end(void)
{
	hands_close();
	sim_world_destroy(&w);
}

static struct wire_envelope stranger(uint8_t type, size_t size)
{
	struct wire_envelope e = hands_envelope(AWAY, AWAY, type, size);

	e.source_id = 99;
	e.source_identity = 98;
	e.source_start = UINT64_C(1) << 32 | 5;
	return e;
}

static void offer_from(uint32_t host, const struct wire_envelope *e, const uint8_t *body)
{
	uint8_t payload[2048] = {0};

	wire_envelope_encode(e, payload);
	if (body)
		memcpy(payload + WIRE_ENVELOPE_SIZE, body, e->body_size);
	hands_offer(host, AWAY, WIRE_PORT_PEER, payload, WIRE_ENVELOPE_SIZE + e->body_size);
}

/* They speak so often, for so long. How many questions left for them. */
static uint64_t strangers_speak(uint32_t host, uint64_t every_ns, uint64_t ns)
{
	const struct wire_envelope e = stranger(WIRE_SETTINGS, WIRE_SETTINGS_SIZE);
	const uint64_t until_ns = w.now_ns + ns;
	const uint64_t before = dp_get_counters(n->dp)->tx_client;

	while (w.now_ns < until_ns) {
		offer_from(host, &e, NULL);
		sim_world_run(&w, every_ns);
	}
	return dp_get_counters(n->dp)->tx_client - before;
}

/* V35: a burst, or packets while a leader is heard, are no reason; and a flood is none for more. */
static void V28_a_stranger_is_asked_seldom_and_late(void **state)
{
	(void)state;
	alone_begin(241, 3);
	assert_int_equal(strangers_speak(STRANGER, MS, SECOND), 0);
	sim_world_run(&w, 5 * SECOND);
	assert_int_equal(strangers_speak(STRANGER, MS, 2 * SECOND), 0);
	(void)strangers_speak(STRANGER, MS, 2 * SECOND);
	uint64_t asked = strangers_speak(STRANGER, MS, 5 * SECOND);
	assert_true(asked >= 4 && asked <= 6);
	assert_int_equal(n->peers, 2);
	/* None comes any more, so nobody is asked. */
	const uint64_t before = dp_get_counters(n->dp)->tx_client;
	sim_world_run(&w, 2 * SECOND);
	assert_true(dp_get_counters(n->dp)->tx_client <= before + 1);

	sim_net_heal(w.net);
	while (raft_leader(n->raft) == 0)
		sim_world_run(&w, MS);
	assert_int_equal(strangers_speak(STRANGER, 10 * MS, 8 * SECOND), 0);
	assert_int_equal(n->meeting.question, 0);
	alone_end();
}

/* What the stranger says when he is asked, well. */
static struct wire_members answer(uint32_t host)
{
	struct wire_members m = {.to = n->recovered.identity,
				 .question = n->meeting.question,
				 .joined = {.cluster_id = n->cluster_id,
					    .id = n->id,
					    .index = 1000,
					    .members = {.count = 2}}};
	const struct raft_member self = *raft_members_find(raft_get_members(n->raft), n->id);

	m.joined.members.member[0] = (struct raft_member){
		.id = 99, .identity = 98, .voter = true, .place = sim_host_place(host)};
	m.joined.members.member[1] = self;
	return m;
}

/* As `as`, at that host; a table's ids ascend. */
static void name_in(struct wire_members *m, struct raft_member as, uint32_t host)
{
	const struct raft_member self = *raft_members_find(&m->joined.members, n->id);

	as.place = sim_host_place(host);
	m->joined.members.member[as.id > n->id] = as;
	m->joined.members.member[as.id < n->id] = self;
}

static void say_from(uint32_t host, const struct wire_envelope *e, const struct wire_members *m)
{
	uint8_t body[WIRE_MEMBERS_SIZE_MAX];
	struct wire_envelope said = *e;

	said.body_size = (uint16_t)wire_members_encode(m, body);
	said.destination_identity = 0;
	offer_from(host, &said, body);
	sim_world_run(&w, 5 * MS);
}

/* He speaks until one question is open, and then no more. */
static void ask_open(const struct wire_envelope *as)
{
	struct wire_envelope e = stranger(WIRE_SETTINGS, WIRE_SETTINGS_SIZE);
	const uint64_t until_ns = w.now_ns + 10 * SECOND;

	e.source_id = as->source_id;
	e.source_identity = as->source_identity;
	for (n->meeting.question = 0; n->meeting.question == 0;) {
		assert_true(w.now_ns < until_ns);
		offer_from(STRANGER, &e, NULL);
		sim_world_run(&w, 100 * MS);
	}
}

static void V28_an_answer_is_what_was_asked_for_and_true_of_both(void **state)
{
	(void)state;
	alone_begin(251, 3);
	const struct raft_member known =
		*raft_members_find(raft_get_members(n->raft), w.node[0].node->id);
	for (int k = 0; k < 13; k++) {
		struct wire_envelope e = stranger(WIRE_MEMBERS, 0);
		ask_open(&e);
		struct wire_members m = answer(STRANGER);
		struct raft_member *who = &m.joined.members.member[0], other = known;
		struct raft_member *self = &m.joined.members.member[1];
		uint32_t from = STRANGER;

		if (k == 0)
			m.question++;
		else if (k == 1)
			from = OTHER, who->place = sim_host_place(OTHER);
		else if (k == 2)
			m.joined.cluster_id++;
		else if (k == 3)
			e.cluster_id++;
		else if (k == 4)
			m.joined.index = 1; /* no newer than what is known to be committed */
		else if (k == 5)
			who->id = 97; /* and another one answers */
		else if (k == 6)
			who->identity = 97;
		else if (k == 7)
			who->place = sim_host_place(OTHER);
		else if (k == 8)
			self->identity = 97;
		else if (k == 9)
			m.to = 97;
		else if (k == 10)
			m.joined.id = 99;
		other.identity = e.source_identity;
		if (k == 11)
			name_in(&m, other, STRANGER); /* who has another directory */
		if (k == 11)
			e.source_id = known.id;
		say_from(from, &e, &m);
		assert_int_equal(node_peer_met(n) >= 0, k == 12);
		assert_int_equal(n->peers, 2 + (k == 12));
	}
	alone_end();
}

/* 0: nobody. */
static raft_id met(void)
{
	return node_peer_met(n) < 0 ? 0 : n->peer[node_peer_met(n)].at.member_id;
}

/* In the name of this member of the table, from elsewhere, or as one whom nobody knows. */
static void meet(const struct raft_member *as)
{
	struct wire_envelope e = stranger(WIRE_MEMBERS, 0);
	struct wire_members m;

	if (as) {
		e.source_id = as->id;
		e.source_identity = as->identity;
	}
	ask_open(&e);
	m = answer(STRANGER);
	if (as)
		name_in(&m, *as, STRANGER);
	say_from(STRANGER, &e, &m);
	assert_int_equal(met(), e.source_id);
}

/* The members of the table stay where they are, whoever is met, and in whose name. */
static void V28_who_is_met_takes_nobodys_place(void **state)
{
	struct node_peer before[2];

	(void)state;
	alone_begin(261, 3);
	const struct raft_member known =
		*raft_members_find(raft_get_members(n->raft), w.node[0].node->id);
	memcpy(before, n->peer, sizeof(before));
	for (int k = 0; k < 2; k++) {
		const uint32_t count = raft_get_members(n->raft)->count;

		meet(k ? &known : NULL);
		assert_int_equal(n->peers, 3); /* one at a time */
		assert_int_equal(met(), k ? known.id : 99);
		for (int i = 0; i < 2; i++)
			assert_memory_equal(&n->peer[i].at, &before[i].at, sizeof(before[i].at));
		assert_int_equal(raft_get_members(n->raft)->count, count);
		assert_int_equal(n->raft->told_index, 0);
		assert_int_equal(n->raft->peer_count, 2 + !k);
		assert_int_equal(n->raft->voters, 3);
		/* He tells a table unasked, and asks for nothing. */
		struct wire_envelope e = stranger(WIRE_MEMBERS, 0);
		struct wire_members m = answer(STRANGER);
		if (k) {
			e.source_id = known.id;
			e.source_identity = known.identity;
		}
		say_from(STRANGER, &e, &m);
		assert_int_equal(n->raft->told_index, 0);
	}
	/* He falls silent. */
	sim_world_run(&w, 4 * SECOND);
	assert_int_equal(met(), 0);
	assert_int_equal(n->raft->met, 0);
	assert_int_equal(n->peers, 2);
	/* Or the one whose id he bears is heard where the table has him. */
	meet(&known);
	sim_net_heal(w.net);
	const uint64_t until_ns = w.now_ns + SECOND;
	while (met() != 0) {
		assert_true(w.now_ns < until_ns);
		sim_world_run(&w, MS);
	}
	alone_end();
}

/*
 * He bears the id and the directory of a member, and grants this one its election; as that member
 * does where it is, which makes it stand.
 */
static void V28_who_is_met_elects_nobody(void **state)
{
	uint8_t body[PREVOTE_REPLY_SIZE] = {0};
	raft_term term;

	(void)state;
	alone_begin(271, 3);
	const struct raft_member known =
		*raft_members_find(raft_get_members(n->raft), w.node[0].node->id);
	meet(&known);
	term = raft_get_term(n->raft);
	struct wire_envelope e = hands_envelope(0, AWAY, WIRE_PREVOTE_REPLY, sizeof(body));
	for (int k = 0; k < 2; k++) {
		const uint64_t until_ns = w.now_ns + SECOND;

		while (w.now_ns < until_ns && raft_get_term(n->raft) == term) {
			bytes_put64(body, term + 1);
			body[8] = 1;
			offer_from(k ? 0 : STRANGER, &e, body);
			sim_world_run(&w, 10 * MS);
		}
		assert_int_equal(raft_get_term(n->raft), term + (uint64_t)k);
	}
	alone_end();
}

/*
 * He says that he knows a later start of this one: with a member's directory he is its witness, or
 * he would be one that is silent when a disk was rolled back; as one whom nobody knows he is not.
 */
static void D9c_who_is_met_is_a_witness_if_he_is_a_member(void **state)
{
	uint8_t body[START_REPLY_SIZE] = {0};

	(void)state;
	for (int k = 0; k < 2; k++) {
		alone_begin(275 + (uint64_t)k, 3);
		w.losses = true; /* as far as the world is told (SM7) */
		const struct raft_member known =
			*raft_members_find(raft_get_members(n->raft), w.node[0].node->id);
		const uint64_t start = n->raft->start;
		struct wire_envelope e = stranger(WIRE_START_REPLY, sizeof(body));
		if (k)
			e = hands_envelope(0, AWAY, WIRE_START_REPLY, sizeof(body));
		meet(k ? &known : NULL);
		bytes_put64(body, raft_get_term(n->raft));
		bytes_put64(body + 8, start);
		bytes_put64(body + 16, start + (UINT64_C(1) << 32));
		offer_from(STRANGER, &e, body);
		sim_world_run(&w, 10 * MS);
		assert_int_equal(n->raft->lost.is || n->raft->lost.times > 0, k);
		alone_end();
	}
}

/* One of the table comes, and there is no other place: whoever was met goes. */
static void D16_a_table_has_room_beside_who_was_met(void **state)
{
	struct raft_members t;

	(void)state;
	alone_begin(281, 3);
	meet(NULL);
	t = *raft_get_members(n->raft);
	for (uint32_t i = 0; t.count < RAFT_MEMBERS_MAX; i++) {
		struct raft_member m = {.id = UINT64_MAX - 16 + i, .identity = 1000 + i};

		m.place = sim_host_place(40 + i);
		t.member[t.count++] = m;
		node_members_follow(n, &t);
		assert_int_equal(n->peers, t.count - 1 + 1);
		assert_int_equal(met(), 99);
	}
	assert_int_equal(n->peers, DP_PEERS_MAX);
	/* Of a table without this member there are as many as places. */
	for (uint32_t i = 0; i < t.count; i++) {
		if (t.member[i].id != n->id)
			continue;
		t.member[i].id--;
		t.member[i].place = sim_host_place(39);
	}
	node_members_follow(n, &t);
	assert_int_equal(n->peers, DP_PEERS_MAX);
	assert_int_equal(met(), 0);
	node_members_follow(n, raft_get_members(n->raft));
	alone_end();
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(D16_who_was_away_finds_those_who_replaced_all_others),
		cmocka_unit_test(D16_who_was_away_finds_those_who_moved),
		cmocka_unit_test(R32_who_was_cut_off_votes_for_one_whom_it_never_met),
		cmocka_unit_test(D16_who_was_down_votes_for_one_that_moved),
		cmocka_unit_test(D16_who_was_away_finds_a_learner_that_has_come),
		cmocka_unit_test(V28_a_stranger_is_asked_seldom_and_late),
		cmocka_unit_test(V28_an_answer_is_what_was_asked_for_and_true_of_both),
		cmocka_unit_test(V28_who_is_met_takes_nobodys_place),
		cmocka_unit_test(V28_who_is_met_elects_nobody),
		cmocka_unit_test(D9c_who_is_met_is_a_witness_if_he_is_a_member),
		cmocka_unit_test(D16_a_table_has_room_beside_who_was_met),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
