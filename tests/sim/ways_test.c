/*
 * Ports of members that come and go (node/ways.c), made and closed by the test's own hands: whom
 * the node asks for, when, and what it does with what it gets.
 */
#include "tests/sim/world.h"

#include "dataplane/dp_internal.h"
#include "node/internal.h"

#include "tests/unit/dataplane/fake_link.h"
#include "tests/unit/test.h"

#include <string.h>

#define MS 1000000ull
#define SECOND (1000 * MS)
#define ADDRESS 0xc6120001u /* of the first node */
#define LATER (ADDRESS + 20)

enum { ASKED_MAX = 64 };

static struct sim_world w;
static struct node *n;
static uint32_t self;        /* its host */
static struct fake_net *net; /* of ports that lead nowhere */

static struct hands {
	struct ways ways;
	uint32_t asked_count, told_count;
	uint32_t asked[ASKED_MAX];
	bool full;
	struct way told[ASKED_MAX]; /* to the node, from told_count on */
	uint32_t told_end;
	uint32_t closed_count;
	struct link *closed[ASKED_MAX];
} hands;

static bool ask(struct ways *ways, uint32_t address)
{
	(void)ways;
	if (hands.full)
		return false;
	assert_true(hands.asked_count < ASKED_MAX);
	hands.asked[hands.asked_count++] = address;
	return true;
}

static bool next(struct ways *ways, struct way *out)
{
	(void)ways;
	if (hands.told_count == hands.told_end)
		return false;
	*out = hands.told[hands.told_count++];
	return true;
}

static void close_port(struct ways *ways, struct link *link)
{
	(void)ways;
	hands.closed[hands.closed_count++] = link;
	link->ops->destroy(link);
}

static void world_begin(void)
{
	static const struct ways_ops ops = {.ask = ask, .next = next, .close = close_port};

	sim_world_create(&w, 41, 3, 1);
	while (sim_leader(&w) < 0 || !sim_all_formed(&w))
		sim_world_run(&w, MS);
	net = fake_net_create(NULL);
	hands = (struct hands){.ways.ops = &ops};
	self = ((uint32_t)sim_leader(&w) + 1) % 3;
	n = w.node[self].node;
	/* From here on each has a port of its own; the one that is there leads to who is there. */
	n->options.ways = &hands.ways;
	for (uint32_t i = 0; node_peer_next(n, &i); i++)
		n->port_to[0] = n->peer[i].at.address;
}

static void world_end(void)
{
	sim_world_destroy(&w);
	assert_int_equal(fake_net_taken(net), 0);
	fake_net_destroy(net);
}

static struct raft_members table_with(const struct raft_member *more)
{
	struct raft_members t = *raft_get_members(n->raft);
	uint32_t at = t.count++;

	for (; at > 0 && t.member[at - 1].id > more->id; at--)
		t.member[at] = t.member[at - 1];
	t.member[at] = *more;
	return t;
}

static struct raft_member member(raft_id id, uint32_t address)
{
	return (struct raft_member){.id = id,
				    .identity = id + 1,
				    .voter = true,
				    .place = (uint64_t)address << 16 | WIRE_PORT_PEER};
}

/* What became of the question for this address. NULL: it failed. */
static struct link *tell(uint32_t address, bool made)
{
	struct link_mac mac = {{2, 0, 0, 0, 9, (uint8_t)hands.told_end}};
	struct link *link = made ? fake_net_link(net, &mac, LINK_MTU_DEFAULT) : NULL;

	hands.told[hands.told_end++] = (struct way){address, link, "no memory for ports"};
	return link;
}

static void D16_a_port_is_asked_for_and_taken_into_use_when_it_is_there(void **state)
{
	struct raft_member m = member(77, LATER);
	struct raft_members t;
	struct link *link;
	uint32_t place, ports;

	(void)state;
	world_begin();
	ports = dp_get_port_count(n->dp);
	t = table_with(&m);
	node_members_follow(n, &t);
	place = (uint32_t)node_peer_find(n, 77);
	assert_int_equal(n->peer[place].at.port, DP_PORT_NONE);
	sim_world_run(&w, SECOND); /* it goes on meanwhile, and asks once */
	assert_int_equal(hands.asked_count, 1);
	assert_int_equal(hands.asked[0], LATER);
	assert_false(n->failed);
	link = tell(LATER, true);
	sim_world_run(&w, 100 * MS);
	assert_int_equal(n->peer[place].at.port, ports);
	assert_ptr_equal(dp_get_port(n->dp, ports), link);
	assert_int_equal(n->dp->peers.peer[place].options.port, ports);
	/* And it is closed when he has gone. */
	node_members_follow(n, raft_get_members(n->raft));
	sim_world_run(&w, 100 * MS);
	assert_int_equal(hands.closed_count, 1);
	assert_ptr_equal(hands.closed[0], link);
	assert_null(dp_get_port(n->dp, ports));
	sim_world_run(&w, SECOND);
	assert_int_equal(hands.asked_count, 1);
	world_end();
}

static void D16_what_fails_is_told_and_asked_for_again_seldom(void **state)
{
	struct raft_member m = member(77, LATER);
	struct raft_members t;

	(void)state;
	world_begin();
	t = table_with(&m);
	node_members_follow(n, &t);
	sim_world_run(&w, SECOND);
	(void)tell(LATER, false);
	sim_world_run(&w, 5 * SECOND);
	assert_int_equal(hands.asked_count, 1);
	assert_true(
		sim_node_says(&w, self,
			      "error the port to member 000000000000004d cannot be made: no memory "
			      "for ports (it is tried again)"));
	sim_world_run(&w, 6 * SECOND);
	assert_int_equal(hands.asked_count, 2);
	(void)tell(LATER, true);
	sim_world_run(&w, 100 * MS);
	assert_false(sim_node_says(&w, self, "cannot be made"));
	assert_int_not_equal(n->peer[node_peer_find(n, 77)].at.port, DP_PORT_NONE);
	world_end();
}

/* He goes while his port is being made; and comes back meanwhile. */
static void D16_a_port_that_nobody_waits_for_is_closed(void **state)
{
	struct raft_member m = member(77, LATER);
	struct raft_members t;
	struct link *first, *second;

	(void)state;
	world_begin();
	t = table_with(&m);
	node_members_follow(n, &t);
	sim_world_run(&w, 100 * MS);
	node_members_follow(n, raft_get_members(n->raft));
	sim_world_run(&w, 100 * MS);
	first = tell(LATER, true);
	sim_world_run(&w, 100 * MS);
	assert_int_equal(hands.closed_count, 1);
	assert_ptr_equal(hands.closed[0], first);

	node_members_follow(n, &t);
	sim_world_run(&w, 100 * MS);
	node_members_follow(n, raft_get_members(n->raft));
	node_members_follow(n, &t);
	sim_world_run(&w, 100 * MS);
	assert_int_equal(hands.asked_count, 2); /* what is being made is asked for once */
	second = tell(LATER, true);
	sim_world_run(&w, 100 * MS);
	assert_ptr_equal(dp_get_port(n->dp, n->peer[node_peer_find(n, 77)].at.port), second);
	assert_int_equal(hands.closed_count, 1);
	world_end();
}

/* Replaced where it stands: both by the one port, which stays when the former goes. */
static void D16_two_at_one_address_have_one_port(void **state)
{
	struct raft_member m = member(77, LATER);
	struct raft_members with, both, after;
	struct link *link;
	uint8_t port;

	(void)state;
	world_begin();
	with = table_with(&m);
	both = with;
	m = member(79, LATER);
	both.member[both.count++] = m;
	for (uint32_t i = both.count - 1; i > 0 && both.member[i - 1].id > both.member[i].id; i--) {
		both.member[i] = both.member[i - 1];
		both.member[i - 1] = m;
	}
	after = table_with(&m);
	node_members_follow(n, &both);
	sim_world_run(&w, 100 * MS);
	assert_int_equal(hands.asked_count, 1);
	link = tell(LATER, true);
	sim_world_run(&w, 100 * MS);
	port = n->peer[node_peer_find(n, 77)].at.port;
	assert_int_equal(n->peer[node_peer_find(n, 79)].at.port, port);
	node_members_follow(n, &after);
	sim_world_run(&w, 100 * MS);
	assert_int_equal(hands.asked_count, 1);
	assert_int_equal(hands.closed_count, 0);
	assert_ptr_equal(dp_get_port(n->dp, port), link);
	assert_int_equal(n->dp->peers.peer[node_peer_find(n, 79)].options.port, port);
	world_end();
}

/* As many as can be are there: he waits until one has gone. */
static void D16_without_a_place_for_a_port_a_member_waits(void **state)
{
	struct raft_member m = member(77, LATER);
	struct raft_members t;

	(void)state;
	world_begin();
	hands.full = true;
	t = table_with(&m);
	node_members_follow(n, &t);
	sim_world_run(&w, SECOND);
	assert_int_equal(hands.asked_count, 0);
	hands.full = false;
	sim_world_run(&w, 100 * MS);
	assert_int_equal(hands.asked_count, 1);
	world_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(D16_a_port_is_asked_for_and_taken_into_use_when_it_is_there),
		cmocka_unit_test(D16_what_fails_is_told_and_asked_for_again_seldom),
		cmocka_unit_test(D16_a_port_that_nobody_waits_for_is_closed),
		cmocka_unit_test(D16_two_at_one_address_have_one_port),
		cmocka_unit_test(D16_without_a_place_for_a_port_a_member_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
