/* What clients leave to members: buffers (N14). */
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(N14_clients_leave_buffers_to_members),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
