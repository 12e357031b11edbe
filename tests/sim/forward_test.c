/*
 * Forwarding of large commands across a restart of the follower, in the simulated world: what a
 * leader holds of a command whose follower died must never become part of another one (R42).
 */
#include "tests/sim/world.h"

#include "kv/command.h"
#include "node/internal.h"

#include <assert.h>
#include <errno.h>
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
	int error;

	client_destroy(c->client);
	error = client_create(&c->client, 1 + w.now_ns);
	assert(error == 0);
	c->target = target;
	client_request(c->client, kind, data, size, w.now_ns, 3000 * MS);
}

static const struct request *leader_receiving(uint32_t leader)
{
	return TAILQ_FIRST(&w.node[leader].node->requests.list[REQUEST_RECEIVING]);
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
	while (sim_leader(&w) < 0 || !sim_all_bound(&w))
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
	while (!leader_receiving(leader) || leader_receiving(leader)->parts->next < 2)
		sim_world_run(&w, 1000);
	assert(!parts_complete(leader_receiving(leader)->parts));
	sim_node_crash(&w, follower);
	sim_net_drop_port(w.net, follower);
	sim_node_start(&w, follower);
	while (raft_leader(w.node[follower].node->raft) == 0)
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

/* The request of a follower's client while no forward of it reaches the leader. */
static struct request *forwarding(uint32_t leader, uint32_t follower, uint8_t **command)
{
	struct request_list *list = &w.node[follower].node->requests.list[REQUEST_PROPOSING];
	uint32_t size = put_encode(command, 5, 'a');

	sim_net_cut(w.net, follower, leader, true);
	client_ask(follower, WIRE_COMMAND, *command, size);
	while (!TAILQ_FIRST(list) || !TAILQ_FIRST(list)->forward_id)
		sim_world_run(&w, 1000);
	return TAILQ_FIRST(list);
}

static void reply(uint32_t leader, uint32_t follower, const struct request *q,
		  enum wire_status status)
{
	struct node *n = w.node[follower].node;
	const struct wire_part_reply r = {
		.request_id = q->forward_id,
		.next_part = (uint16_t)(status == WIRE_OK ? parts_count(q->size) : 0),
		.status = (uint8_t)status,
	};
	int peer = node_peer_find(n, 0x100 + leader);

	assert(peer >= 0);
	command_propose_reply(n, (uint32_t)peer, &r);
}

/* Nothing would ever put it back: its log may be gone with its term. */
static void a_late_acceptance_of_an_older_term_does_not_count(void)
{
	const uint32_t leader = world_begin(), follower = (leader + 1) % 3;
	uint8_t *command;
	struct request *q = forwarding(leader, follower, &command);

	q->term--;
	reply(leader, follower, q, WIRE_OK);
	assert(q->state == REQUEST_PROPOSING);
	q->term++;
	reply(leader, follower, q, WIRE_OK);
	assert(q->state == REQUEST_PROPOSED);
	sim_world_destroy(&w);
	free(command);
}

static int no_space(struct sm *sm, const uint8_t *command, uint32_t size)
{
	(void)sm;
	(void)command;
	(void)size;
	return -ENOSPC;
}

/* "No space" says that nothing was done: not while a copy in the log may still be applied. */
static void no_space_waits_for_a_copy_in_the_log(void)
{
	const uint32_t leader = world_begin();
	struct node *n = w.node[leader].node;
	const struct sm_ops *ops = n->sm->ops;
	struct sm_ops full = *ops;
	uint8_t *command;
	uint32_t size = put_encode(&command, 5, 'a');
	struct request *q;

	full.admit = no_space;
	for (uint32_t i = 0; i < 3; i++)
		sim_net_cut(w.net, leader, i, i != leader);
	client_ask(leader, WIRE_COMMAND, command, size);
	while (!(q = TAILQ_FIRST(&n->requests.list[REQUEST_PROPOSED])))
		sim_world_run(&w, 1000);
	/* As after a term in between, the leader's again, which still has it in its log. */
	request_move(&n->requests, q, REQUEST_PROPOSING);
	n->sm->ops = &full;
	sim_world_run(&w, MS);
	assert(q->state == REQUEST_PROPOSING);
	sim_net_heal(w.net);
	while (q->state == REQUEST_PROPOSING)
		sim_world_run(&w, MS);
	assert(q->status == WIRE_OK);
	/* Nothing is in the log: the verdict comes at once. */
	free(command);
	size = put_encode(&command, 6, 'b');
	while (sim_leader(&w) < 0 || !sim_world_settle(&w, 1000 * MS))
		sim_world_run(&w, MS);
	w.resting = true;
	assert(sim_leader(&w) == (int)leader);
	client_ask(leader, WIRE_COMMAND, command, size);
	while (client_get_state(w.client[0].client) == CLIENT_WAITING)
		sim_world_run(&w, MS);
	assert(client_status(w.client[0].client) == WIRE_NO_SPACE);
	n->sm->ops = ops;
	sim_world_destroy(&w);
	free(command);
}

int main(void)
{
	parts_of_an_earlier_life_are_not_joined();
	a_late_acceptance_of_an_older_term_does_not_count();
	no_space_waits_for_a_copy_in_the_log();
	return 0;
}
