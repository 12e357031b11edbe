/*
 * Members that come and go while a node runs (D16), by tables that are handed to it: whom it takes
 * on, whom it lets go, and what is left of one who had the place before (R60, R37).
 */
#include "tests/sim/hands.h"

#include "dataplane/dp_internal.h"
#include "metrics/text.h"
#include "node/internal.h"

#include "tests/unit/test.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MS 1000000ull
#define SECOND (1000 * MS)
#define ADDRESS 0xc6120001u /* of the first node */

enum { FRAME_MAX = 1600, OTHER_HOST = 9 };

static struct sim_world w;
static struct node *n; /* who follows: no leader, so that its core's own table stays */
static uint32_t self, gone, stays;

static void world_begin(void)
{
	sim_world_create(&w, 31, 3, 1);
	while (sim_leader(&w) < 0 || !sim_all_formed(&w))
		sim_world_run(&w, MS);
	sim_world_run(&w, 3 * SECOND); /* settings, ways and round trips are known */
	stays = (uint32_t)sim_leader(&w);
	self = (stays + 1) % 3;
	gone = (stays + 2) % 3;
	n = w.node[self].node;
	hands_open(&w);
}

static void world_end(void)
{
	hands_close();
	sim_world_destroy(&w);
}

static raft_id id_of(uint32_t i)
{
	return w.node[i].node->id;
}

static struct raft_members table_now(void)
{
	struct raft_status status;

	node_raft_status(n, &status);
	return status.members;
}

static void table_remove(struct raft_members *t, raft_id id)
{
	uint32_t k = 0;

	for (uint32_t i = 0; i < t->count; i++) {
		if (t->member[i].id != id)
			t->member[k++] = t->member[i];
	}
	t->count = k;
}

static void table_add(struct raft_members *t, const struct raft_member *m)
{
	uint32_t at = t->count++;

	for (; at > 0 && t->member[at - 1].id > m->id; at--)
		t->member[at] = t->member[at - 1];
	t->member[at] = *m;
}

/* But for where it is, what it is called, and the how manieth it is. */
static bool untouched(const struct node_peer *p)
{
	struct node_peer empty = {.at = p->at, .taken = p->taken};

	memcpy(empty.name, p->name, sizeof(empty.name));
	histogram_create(&empty.round_trip, NODE_ROUND_TRIP_NS_MIN, NODE_ROUND_TRIP_BUCKETS);
	return memcmp(p, &empty, sizeof(empty)) == 0;
}

static uint64_t dropped(enum dp_drop why)
{
	return dp_get_counters(n->dp)->drop[why];
}

/* A packet of a kind that members send, of whoever this says it is. */
static void offer(uint32_t host, const struct wire_envelope *e)
{
	uint8_t payload[FRAME_MAX] = {0};

	wire_envelope_encode(e, payload);
	hands_offer(host, self, WIRE_PORT_PEER, payload, WIRE_ENVELOPE_SIZE + e->body_size);
	sim_world_run(&w, 2 * MS);
}

static struct wire_envelope settings_of(uint32_t member)
{
	return hands_envelope(member, self, WIRE_SETTINGS, 64);
}

static void a_table_of_the_log_has_where_members_are(void **state)
{
	struct raft_members t;

	(void)state;
	world_begin();
	t = table_now();
	assert_int_equal(t.count, 3);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(raft_members_find(&t, id_of(i))->place, sim_host_place(i));
	assert_true(raft_commit(n->raft) > 0);
	world_end();
}

static void R37_a_member_that_is_let_go_is_counted_and_dropped(void **state)
{
	struct wire_envelope e;
	struct raft_members t;
	int stayed;
	uint64_t before;
	bool words;

	(void)state;
	world_begin();
	t = table_now();
	stayed = node_peer_find(n, id_of(stays));
	e = settings_of(gone);
	table_remove(&t, id_of(gone));
	node_members_follow(n, &t);
	assert_int_equal(n->peers, 1);
	assert_int_equal(node_peer_find(n, id_of(gone)), -1);
	assert_int_equal(dp_peer_find(n->dp, id_of(gone)), -1);
	assert_int_equal(node_peer_find(n, id_of(stays)), stayed); /* its place is the same */

	before = dropped(DP_DROP_UNKNOWN_PEER);
	offer(gone, &e);
	assert_true(dropped(DP_DROP_UNKNOWN_PEER) > before);
	/* It goes on to speak: that is told, and the others go on. */
	sim_world_run(&w, 5 * SECOND);
	words = sim_node_says(&w, self, "there is no such member at that address");
	assert_true(words);
	assert_false(sim_node_says(&w, self, "has not been heard"));
	assert_int_equal(sim_leader(&w), stays);
	world_end();
}

static void R60_who_takes_the_place_finds_it_empty(void **state)
{
	struct raft_member next = {.id = 77, .identity = 78, .voter = true};
	struct raft_members t;
	struct dp_peer_state dp;
	uint64_t former_question;
	uint32_t place;

	(void)state;
	world_begin();
	t = table_now();
	place = (uint32_t)node_peer_find(n, id_of(gone));
	assert_true(n->peer[place].settings.heartbeat_us > 0);
	assert_true(n->peer[place].path.round > 0);
	assert_false(untouched(&n->peer[place]));
	former_question = question_number(n, NODE_QUESTION_PATH, place, 1);

	table_remove(&t, id_of(gone));
	node_members_follow(n, &t);
	next.place = sim_host_place(OTHER_HOST);
	table_add(&t, &next);
	node_members_follow(n, &t);
	assert_int_equal(node_peer_find(n, 77), place);
	assert_true(untouched(&n->peer[place]));
	assert_string_equal(n->peer[place].name, "000000000000004d");
	assert_int_not_equal(question_number(n, NODE_QUESTION_PATH, place, 1), former_question);
	dp_get_peer(n->dp, place, &dp);
	assert_memory_equal(&dp, &(struct dp_peer_state){0}, sizeof(dp));
	assert_int_equal(dp_get_peer_large(n->dp, place), 0);
	assert_int_equal(n->dp->peers.peer[place].next_hop->address, ADDRESS + OTHER_HOST);
	/* Nobody is called as the one before was, and nothing is said of that one. */
	sim_world_run(&w, 4 * SECOND);
	assert_true(sim_node_says(&w, self, "member 000000000000004d has not been heard"));
	world_end();
}

/* The member of a table in one step with its successor, at the same address. */
static void R60_a_successor_at_the_same_address_is_another_one(void **state)
{
	struct raft_member next = {.id = 77, .identity = 78, .voter = true};
	struct wire_envelope former, latter;
	struct raft_members t;
	uint64_t before, heard;
	uint32_t place;

	(void)state;
	world_begin();
	t = table_now();
	former = latter = settings_of(gone);
	latter.source_id = 77;
	latter.source_identity = 78;
	latter.source_start = UINT64_C(1) << 32 | 5;
	table_remove(&t, id_of(gone));
	next.place = sim_host_place(gone);
	table_add(&t, &next);
	node_members_follow(n, &t);
	place = (uint32_t)node_peer_find(n, 77);
	assert_true(untouched(&n->peer[place]));

	before = dropped(DP_DROP_UNKNOWN_PEER);
	offer(gone, &former);
	assert_true(dropped(DP_DROP_UNKNOWN_PEER) > before);
	heard = n->dp->peers.peer[place].state.rx_packets;
	offer(gone, &latter);
	assert_int_equal(n->dp->peers.peer[place].state.rx_packets, heard + 1);
	world_end();
}

/* Replaced where it stands (MT4): both are members for a while, at one address. */
static void R60_two_at_one_address_are_told_apart(void **state)
{
	struct raft_member next = {.id = 77, .joins = true};
	struct wire_envelope former, latter;
	const struct peer *old, *new;
	struct raft_members t;
	uint32_t place;

	(void)state;
	world_begin();
	t = table_now();
	former = settings_of(gone);
	former.type = WIRE_FORMATION;
	former.destination_identity = 0;
	latter = former;
	latter.cluster_id = latter.source_id = 0;
	latter.source_identity = 78;
	next.place = sim_host_place(gone);
	next.replaces = id_of(gone);
	table_add(&t, &next);
	for (int bound = 0; bound < 2; bound++) {
		node_members_follow(n, &t);
		place = (uint32_t)node_peer_find(n, 77);
		new = &n->dp->peers.peer[place];
		old = &n->dp->peers.peer[node_peer_find(n, id_of(gone))];
		assert_int_equal(n->peers, 3);
		const uint64_t of_new = new->state.rx_packets, of_old = old->state.rx_packets;
		const uint64_t said = old->said[DP_SAID_IDENTITY].count;

		offer(gone, &latter);
		assert_int_equal(new->state.rx_packets, of_new + 1);
		offer(gone, &former);
		assert_true(old->state.rx_packets > of_old);
		assert_int_equal(new->state.rx_packets, of_new + 1);
		assert_int_equal(old->said[DP_SAID_IDENTITY].count, said);
		for (uint32_t i = 0; i < t.count; i++) {
			if (t.member[i].id == 77)
				t.member[i].identity = 78;
		}
	}
	world_end();
}

static void a_member_that_moves_keeps_its_place_and_its_name(void **state)
{
	struct wire_envelope e;
	struct raft_members t;
	char name[64];
	uint64_t before;
	uint32_t place;

	(void)state;
	world_begin();
	t = table_now();
	place = (uint32_t)node_peer_find(n, id_of(gone));
	memcpy(name, n->peer[place].name, sizeof(name));
	e = settings_of(gone);
	for (uint32_t i = 0; i < t.count; i++) {
		if (t.member[i].id == id_of(gone))
			t.member[i].place = sim_host_place(OTHER_HOST);
	}
	node_members_follow(n, &t);
	assert_int_equal(node_peer_find(n, id_of(gone)), place);
	assert_string_equal(n->peer[place].name, name);
	assert_true(untouched(&n->peer[place])); /* of the way, and of what came by it */
	before = dropped(DP_DROP_PEER_ADDRESS);
	offer(gone, &e);
	assert_true(dropped(DP_DROP_PEER_ADDRESS) > before);
	/* And back: it is heard again, with the start that was known of it. */
	t = table_now();
	node_members_follow(n, &t);
	sim_world_run(&w, 5 * SECOND);
	assert_false(sim_node_says(&w, self, "has not been heard"));
	assert_true(n->peer[place].settings.heartbeat_us > 0);
	world_end();
}

/* A learner whose directory is not known yet: FORMATION alone is heard of it. */
static void a_member_without_a_directory_is_not_heard_as_one(void **state)
{
	struct raft_member next = {.id = 77, .identity = 0, .place = sim_host_place(OTHER_HOST)};
	struct wire_envelope e;
	struct raft_members t;
	uint64_t before;

	(void)state;
	world_begin();
	t = table_now();
	e = settings_of(gone);
	e.source_id = 77;
	table_add(&t, &next);
	node_members_follow(n, &t);
	before = dropped(DP_DROP_IDENTITY);
	for (uint64_t identity = 0; identity < 2; identity++) {
		e.source_identity = identity;
		offer(OTHER_HOST, &e);
	}
	assert_int_equal(n->peers, 3);
	assert_int_equal(n->peer[node_peer_find(n, 77)].settings.heartbeat_us, 0);
	assert_true(dropped(DP_DROP_IDENTITY) + dropped(DP_DROP_ENVELOPE) >= before + 2);
	world_end();
}

/* No table is refused by a node that has it in its log: it says whom it cannot reach. */
static void who_cannot_be_reached_is_told_and_nobody_else_suffers(void **state)
{
	struct raft_member next = {.id = 77, .identity = 78, .place = 0x0a000001ull << 16 | 2380};
	struct raft_members t;

	(void)state;
	world_begin();
	t = table_now();
	table_add(&t, &next); /* no gateway */
	next = (struct raft_member){.id = 79, .identity = 80, .place = sim_host_place(self)};
	table_add(&t, &next); /* our own address */
	node_members_follow(n, &t);
	assert_int_equal(n->peers, 3); /* whoever stands here is replaced by us, or is gone */
	sim_world_run(&w, 5 * SECOND);
	assert_true(sim_node_says(&w, self, "member 000000000000004d cannot be reached"));
	assert_false(sim_node_says(&w, self, "member 000000000000004f"));
	assert_int_equal(sim_leader(&w), stays);
	t = table_now();
	node_members_follow(n, &t);
	assert_int_equal(n->peers, 2);
	assert_false(sim_node_says(&w, self, "cannot be reached"));
	world_end();
}

/* Sixteen come and go, again and again: no place, and no MAC address, is lost. */
static void R60_places_do_not_run_out(void **state)
{
	struct raft_members t;

	(void)state;
	world_begin();
	for (uint32_t round = 0; round < 50; round++) {
		t = table_now();
		for (uint32_t i = 0; t.count < RAFT_MEMBERS_MAX; i++) {
			const struct raft_member m = {
				.id = 1000 * (round + 1) + i,
				.identity = 5,
				.place = sim_host_place(20 + (round * 13 + i) % 200)};
			table_add(&t, &m);
		}
		node_members_follow(n, &t);
		assert_int_equal(n->peers, RAFT_MEMBERS_MAX - 1);
		for (uint32_t i = 0; node_peer_next(n, &i); i++)
			assert_false(n->peer[i].no_way);
		sim_world_run(&w, 20 * MS);
	}
	t = table_now();
	node_members_follow(n, &t);
	assert_int_equal(n->peers, 2);
	sim_world_run(&w, SECOND);
	assert_int_equal(sim_leader(&w), stays);
	world_end();
}

/* Each state, and who is told of by no address or name but the table's. */
static void status_says_what_each_member_is(void **state)
{
	char text[4096], line[256];
	struct metrics_text t = {.at = text, .size_max = sizeof(text)};
	struct raft_members table;

	(void)state;
	world_begin();
	table = table_now();
	table_add(&table, &(struct raft_member){.id = 7,
						.joins = true,
						.replaces = id_of(gone),
						.place = sim_host_place(OTHER_HOST)});
	node_table_text(n, &table, &t);
	for (uint32_t i = 0; i < 3; i++) {
		snprintf(line, sizeof(line),
			 " id=%016" PRIx64 " address=198.18.0.%u:2380 client_port=2379 "
			 "state=voter bound=1 replaces=- name=n%u clients=198.18.0.%u:2379\n",
			 id_of(i), i + 1, i, i + 1);
		assert_non_null(strstr(text, line));
	}
	snprintf(line, sizeof(line),
		 "member 0000000000000007 id=0000000000000007 address=198.18.0.10:2380 "
		 "client_port=- "
		 "state=joining bound=0 replaces=%016" PRIx64 " name=- clients=-\n",
		 id_of(gone));
	assert_non_null(strstr(text, line));

	/* Two sets of voters, and a learner that stays one. */
	for (uint32_t i = 0; i < table.count; i++) {
		struct raft_member *m = &table.member[i];

		m->voter_before = m->voter;
		m->joins = false;
		m->replaces = 0;
		m->leaves = m->id == id_of(gone);
		m->voter = m->id == id_of(stays) || m->id == 7;
	}
	table_add(&table,
		  &(struct raft_member){.id = 8, .identity = 8, .place = sim_host_place(20)});
	t.size = 0;
	node_table_text(n, &table, &t);
	static const char *const states[] = {"leaving", "demoted", "voter", "entering", "learner"};
	const raft_id ids[] = {id_of(gone), id_of(self), id_of(stays), 7, 8};
	for (int i = 0; i < 5; i++) {
		const char *at;

		snprintf(line, sizeof(line), " id=%016" PRIx64 " ", ids[i]);
		at = strstr(text, line);
		assert_non_null(at);
		snprintf(line, sizeof(line), " state=%s ", states[i]);
		at = strstr(at, " state=");
		assert_memory_equal(at, line, strlen(line));
	}
	world_end();
}

static void expect_tally(uint32_t members, uint32_t are, bool majority)
{
	const struct node_tally t = node_votes_tally(n, members);

	assert_int_equal(t.are, are);
	assert_int_equal(t.of, 3);
	assert_int_equal(t.majority, majority);
}

/* Two learners that are silent, a voter that is full, two sets that decide. */
static void R66_a_learner_counts_nowhere_in_what_is_told(void **state)
{
	struct raft_member next = {.id = 77, .place = sim_host_place(OTHER_HOST)};
	struct raft_members table;
	uint32_t all = NODE_SELF;

	(void)state;
	world_begin();
	for (uint32_t i = 0; node_peer_next(n, &i); i++)
		all |= 1u << i;
	expect_tally(all, 3, true);

	table = table_now();
	table_add(&table, &next);
	next.id = 79;
	next.place++;
	table_add(&table, &next);
	node_members_follow(n, &table);
	node_votes_follow(n, &table);
	expect_tally(all, 3, true);
	expect_tally(all & ~(uint32_t)NODE_SELF, 2, true);
	/* Learners make no majority. */
	expect_tally(NODE_SELF | 1u << node_peer_find(n, 77) | 1u << node_peer_find(n, 79), 1,
		     false);
	n->peer[node_peer_find(n, 77)].settings.full = true;
	n->peer[node_peer_find(n, 77)].settings.heartbeat_us = 1;
	n->dp->peers.peer[node_peer_find(n, 77)].state.heard_ns = n->now_ns;
	assert_false(node_space_refuses(n));

	/* Joint: three leave, and the learners and this one come. */
	for (uint32_t i = 0; i < table.count; i++) {
		struct raft_member *m = &table.member[i];

		m->voter_before = m->voter;
		m->voter = m->id == n->id || m->id == 77 || m->id == 79;
	}
	node_votes_follow(n, &table);
	expect_tally(all, 1, false);                                     /* of the new ones */
	expect_tally(NODE_SELF | 1u << node_peer_find(n, 77), 1, false); /* of the old ones */
	expect_tally(all | 1u << node_peer_find(n, 77), 2, true);
	world_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_table_of_the_log_has_where_members_are),
		cmocka_unit_test(R37_a_member_that_is_let_go_is_counted_and_dropped),
		cmocka_unit_test(R60_who_takes_the_place_finds_it_empty),
		cmocka_unit_test(R60_a_successor_at_the_same_address_is_another_one),
		cmocka_unit_test(R60_two_at_one_address_are_told_apart),
		cmocka_unit_test(a_member_that_moves_keeps_its_place_and_its_name),
		cmocka_unit_test(a_member_without_a_directory_is_not_heard_as_one),
		cmocka_unit_test(who_cannot_be_reached_is_told_and_nobody_else_suffers),
		cmocka_unit_test(R60_places_do_not_run_out),
		cmocka_unit_test(R66_a_learner_counts_nowhere_in_what_is_told),
		cmocka_unit_test(status_says_what_each_member_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
