/*
 * Forwarding of large commands across a restart of the follower, in the simulated world: what a
 * leader holds of a command whose follower died must never become part of another one (R42).
 */
#include "tests/sim/world.h"

#include "kv/command.h"
#include "node/internal.h"
#include "serve/internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { VALUE_SIZE = 200 * 1000 };

#define MS 1000000ull

static struct sim_world w;

static uint32_t put_encode(uint8_t **out, uint64_t session, char fill)
{
	uint8_t *value = malloc(VALUE_SIZE);
	struct kv_request request = {
		.operation = KV_PUT,
		.session = session,
		.sequence = 1,
		.key = {.data = (const uint8_t *)"big", .size = 3},
		.value = {.data = value, .size = VALUE_SIZE},
	};
	uint32_t size = (uint32_t)kv_request_size(&request);

	assert(value);
	memset(value, fill, VALUE_SIZE);
	*out = malloc(size);
	assert(*out);
	kv_request_encode(&request, *out);
	free(value);
	return size;
}

static void client_ask(uint32_t target, enum wire_request kind, const uint8_t *data, uint32_t size)
{
	struct sim_client *c = &w.client[0];
	int err;

	client_destroy(c->client);
	err = client_create(&c->client, 1 + w.now_ns);
	assert(err == 0);
	c->target = target;
	client_request(c->client, kind, data, size, w.now_ns, 3000 * MS);
}

static const struct request *leader_receiving(uint32_t leader)
{
	return TAILQ_FIRST(&w.node[leader].node->serve->requests.list[REQUEST_RECEIVING]);
}

/* The value as a linearizable read gives it: all of it is `fill`. */
static void check_value(uint32_t target, char fill)
{
	struct kv_request request = {.operation = KV_RANGE,
				     .key = {.data = (const uint8_t *)"big", .size = 3}};
	uint8_t bytes[256];
	struct kv_answer answer;
	struct kv_item item;
	uint32_t at = 0, size;

	kv_request_encode(&request, bytes);
	client_ask(target, WIRE_QUERY, bytes, (uint32_t)kv_request_size(&request));
	while (client_get_state(w.client[0].client) == CLIENT_WAITING)
		sim_world_run(&w, MS);
	assert(client_get_state(w.client[0].client) == CLIENT_DONE);
	const uint8_t *data = client_answer(w.client[0].client, &size);
	if (kv_answer_decode(&answer, data, size) || !kv_item_next(&answer, &at, &item))
		abort();
	assert(item.version == 1);
	assert(item.value.size == VALUE_SIZE);
	for (uint32_t i = 0; i < VALUE_SIZE; i++)
		assert(item.value.data[i] == (uint8_t)fill);
}

/* Returns the leader; the other two follow. */
static uint32_t world_begin(void)
{
	sim_world_create(&w, 7, 3, 1);
	w.resting = true;
	while (sim_leader(&w) < 0 || !sim_all_formed(&w))
		sim_world_run(&w, MS);
	return (uint32_t)sim_leader(&w);
}

static void parts_of_an_earlier_life_are_not_joined(void)
{
	uint8_t *first, *second;
	uint32_t size;

	const uint32_t leader = world_begin(), follower = (leader + 1) % 3;

	/* The follower dies when the leader has some of the parts. */
	size = put_encode(&first, 5, 'a');
	client_ask(follower, WIRE_COMMAND, first, size);
	while (!leader_receiving(leader) || leader_receiving(leader)->buffer->parts.next < 2)
		sim_world_run(&w, 1000);
	assert(!parts_complete(&leader_receiving(leader)->buffer->parts));
	sim_node_crash(&w, follower);
	sim_net_drop_port(w.net, follower);
	sim_node_start(&w, follower);
	while (!w.node[follower].node->raft || raft_leader(w.node[follower].node->raft) == 0)
		sim_world_run(&w, MS);
	assert(sim_leader(&w) == (int)leader);
	assert(leader_receiving(leader));

	/* Another command of the same size, as the first one of the follower's new life. */
	size = put_encode(&second, 6, 'b');
	client_ask(follower, WIRE_COMMAND, second, size);
	while (client_get_state(w.client[0].client) == CLIENT_WAITING)
		sim_world_run(&w, MS);
	assert(client_get_state(w.client[0].client) == CLIENT_DONE);
	check_value(leader, 'b');
	sim_world_destroy(&w);
	free(first);
	free(second);
}

int main(void)
{
	parts_of_an_earlier_life_are_not_joined();
	return 0;
}
