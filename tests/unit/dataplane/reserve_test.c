/* What clients leave to members: buffers, and the way through a queue that has grown long (N14). */
#include "tests/unit/dataplane/dp_world.h"
#include "tests/unit/test.h"

#include <string.h>

static bool answer_client(struct world *w)
{
	const struct dp_address to = {.address = PEER_2, .udp_port = 5000, .mac = other_mac};
	uint32_t size_max;
	uint8_t *body = dp_begin_client(w->dp, &to, &size_max);

	if (!body)
		return false;
	memset(body, 0, 64);
	dp_end(w->dp, WIRE_WELCOME, 64);
	return true;
}

/* However many answers clients have coming, what members are owed in a turn finds its buffers. */
static void N14_clients_leave_buffers_to_members(void **state)
{
	struct world *w = *state;
	uint32_t answered = 0;

	world_resolve(w);
	fake_link_budget_set(w->link, DP_RESERVED + 10);
	while (answer_client(w))
		answered++;
	assert_int_equal(answered, 11);
	assert_int_equal(world_drops(w, DP_DROP_TX_RESERVED), 1);
	for (uint32_t i = 0; i < DP_RESERVED - 1; i++)
		assert_true(world_send_peer(w, 0));
	assert_false(world_send_peer(w, 0));
	assert_int_equal(world_drops(w, DP_DROP_TX_POOL), 1);
}

static void client_sends(struct world *w, uint32_t address, uint32_t count)
{
	struct peer_packet p = world_client_packet();

	p.udp.source = address;
	while (count-- > 0)
		world_send_packet(w, &p);
}

struct taken {
	uint32_t of_peers, of_flood, of_others;
};

/* Bursts until the queue is empty, as a node reads it when it drains it. */
static struct taken read_all(struct world *w, uint32_t flood)
{
	struct taken t = {0};

	do {
		world_turn(w, 0);
		for (uint32_t i = 0; i < w->count; i++) {
			const struct dp_datagram *d = &w->datagram[i];

			if (d->from_peer)
				t.of_peers++;
			else if (d->from.address == flood)
				t.of_flood++;
			else
				t.of_others++;
		}
	} while (dp_more(w->dp));
	return t;
}

static void N14_V37_a_flood_neither_hides_members_nor_takes_all(void **state)
{
	struct world *w = *state;
	struct peer_packet heartbeat = world_peer_packet();
	struct taken t;

	world_resolve(w);
	dp_drain(w->dp, true);
	client_sends(w, 0xc6120042, 500);
	world_send_packet(w, &heartbeat);
	client_sends(w, 0xc6120043, 8);
	client_sends(w, 0xc6120042, 400);
	client_sends(w, 0xc6120044, 8);
	world_send_packet(w, &heartbeat);
	t = read_all(w, 0xc6120042);
	assert_int_equal(t.of_peers, 2);
	assert_int_equal(t.of_others, 16);
	assert_in_range(t.of_flood, 1, DP_CLIENTS_MAX - 16);
	assert_int_equal(world_drops(w, DP_DROP_CLIENT_SHARE), 900 - t.of_flood);
	/* The next time it has its share again. */
	dp_drain(w->dp, true);
	client_sends(w, 0xc6120042, 10);
	assert_int_equal(read_all(w, 0xc6120042).of_flood, 10);
}

/* A burst is no flood: while nothing is drained nothing is dropped. */
static void a_burst_of_clients_is_taken_whole(void **state)
{
	struct world *w = *state;

	dp_drain(w->dp, false);
	client_sends(w, 0xc6120042, 500);
	assert_int_equal(read_all(w, 0xc6120042).of_flood, 500);
	assert_int_equal(world_drops(w, DP_DROP_CLIENT_SHARE), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(N14_clients_leave_buffers_to_members),
		TEST(N14_V37_a_flood_neither_hides_members_nor_takes_all),
		TEST(a_burst_of_clients_is_taken_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
