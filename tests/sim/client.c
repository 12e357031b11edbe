/*
 * Clients of the simulation: each owns one key and is its only writer, so that what a read may
 * give is known exactly. Values count up from 1.
 */
#include "tests/sim/client.h"

#include "kv/command.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	CLIENT_PORT_BASE = 16, /* on the switch: after the nodes */
	SIM_CLIENT_RETRY_NS = 200000,
	SIM_CLIENT_PATIENCE_NS = 1000000000,
};

static void fail(const struct sim_world *w, const struct sim_client *c, const char *what,
		 uint64_t got, uint64_t want)
{
	fprintf(stderr,
		"SEED=%" PRIu64 " at %" PRIu64 " ns, step %" PRIu64
		": client %u, key k%u: %s: got %" PRIu64 ", expected %" PRIu64 "\n",
		w->seed, w->now_ns, w->steps, c->id, c->key, what, got, want);
	abort();
}

void sim_client_create(struct sim_world *w, uint32_t i)
{
	struct sim_client *c = &w->client[i];
	struct dp_options options = {
		.link = {sim_net_link(w->net, CLIENT_PORT_BASE + i)},
		.link_count = 1,
		.address = 0xc6120000u + 100 + i,
		.prefix = 24,
		.udp_client = (uint16_t)(40000 + i),
		.seed = sim_random_next(&w->random),
	};
	int err = dp_create(&c->dp, &options);

	assert(err == 0);
	c->id = i;
	c->session = sim_random_next(&w->random) | 1;
	c->target = i % w->node_count;
	err = client_create(&c->client, sim_random_next(&w->random));
	assert(err == 0);
	c->asked_ns = w->now_ns;
	client_hello(c->client, w->now_ns, SIM_CLIENT_PATIENCE_NS);
}

void sim_client_destroy(struct sim_client *c)
{
	client_destroy(c->client);
	dp_destroy(c->dp);
}

/* Another server: what it knew of the last one's cookie is of no use there. */
static void change_target(struct sim_world *w, struct sim_client *c)
{
	int err;

	c->sent = false;
	c->target = (uint32_t)sim_random_below(&w->random, w->node_count);
	/* Of hosts that come and go it is told who is of the cluster, and not who is up. */
	for (uint32_t k = 0; w->joiners && k < w->node_count && !w->node[c->target].member; k++)
		c->target = (c->target + 1) % w->node_count;
	client_destroy(c->client);
	err = client_create(&c->client, sim_random_next(&w->random));
	assert(err == 0);
	c->asked_ns = w->now_ns;
	client_hello(c->client, w->now_ns, SIM_CLIENT_PATIENCE_NS);
}

void sim_client_forget(struct sim_world *w, struct sim_client *c)
{
	c->session = sim_random_next(&w->random) | 1;
	c->session_base = c->sequence = c->acked = 0;
	c->open = false;
	change_target(w, c);
}

static void send_request(struct sim_world *w, struct sim_client *c)
{
	c->sent = true;
	c->asked_ns = w->now_ns;
	client_request(c->client, c->putting ? WIRE_COMMAND : WIRE_QUERY, c->request,
		       c->request_size, w->now_ns, 500000000);
}

static void begin(struct sim_world *w, struct sim_client *c)
{
	char key[32], value[24];
	struct kv_request request = {0};

	c->open = true;
	c->began_ns = w->now_ns;
	c->putting = sim_random_below(&w->random, 2) || w->resting;
	c->key = c->putting ? c->id : (uint32_t)sim_random_below(&w->random, w->client_count);
	c->floor = w->client[c->key].acked;
	if (w->read_floor[c->key] > c->floor)
		c->floor = w->read_floor[c->key];
	request.key.data = (uint8_t *)key;
	request.key.size =
		(uint32_t)snprintf(key, sizeof(key), "k%u-%" PRIu64, c->key, w->forgotten);
	if (c->putting) {
		if (!c->sequence)
			c->session_base = client_welcome(c->client)->commit_index;
		request.operation = KV_PUT;
		request.session = c->session;
		request.session_base = c->session_base;
		request.sequence = ++c->sequence;
		request.value.data = (uint8_t *)value;
		request.value.size =
			(uint32_t)snprintf(value, sizeof(value), "%" PRIu64, c->sequence);
	} else {
		request.operation = KV_RANGE;
	}
	c->request_size = (uint32_t)kv_request_size(&request);
	assert(c->request_size <= sizeof(c->request));
	kv_request_encode(&request, c->request);
	send_request(w, c);
}

static void check_read(struct sim_world *w, struct sim_client *c, const struct kv_answer *answer)
{
	struct kv_item item;
	uint32_t at = 0;
	char text[24];
	uint64_t value = 0;

	if (kv_item_next(answer, &at, &item)) {
		assert(item.value.size < sizeof(text));
		memcpy(text, item.value.data, item.value.size);
		text[item.value.size] = '\0';
		value = strtoull(text, NULL, 10);
		if (item.version != value)
			fail(w, c, "SM5: a put was applied more than once, or not at all",
			     item.version, value);
	}
	if (value < c->floor)
		fail(w, c, "SM3/SM4: an acknowledged or earlier read put is gone", value, c->floor);
	if (value > w->client[c->key].sequence)
		fail(w, c, "SM4: a value that nobody wrote", value, w->client[c->key].sequence);
	if (value > w->read_floor[c->key])
		w->read_floor[c->key] = value;
	c->gets++;
}

static void finish(struct sim_world *w, struct sim_client *c)
{
	struct kv_answer answer;
	uint32_t size;
	const uint8_t *data = client_answer(c->client, &size);
	int err = kv_answer_decode(&answer, data, size);

	assert(err == 0);
	if (answer.status != KV_OK)
		fail(w, c, kv_status_text(answer.status), answer.status, KV_OK);
	if (c->putting) {
		c->acked = c->sequence;
		c->puts++;
	} else {
		check_read(w, c, &answer);
	}
	c->open = false;
	c->rest_until_ns = w->now_ns + sim_random_below(&w->random, 2000000);
}

/* A read has no effect: it is given up. A put is sent again, elsewhere, as itself. */
static void give_up(struct sim_world *w, struct sim_client *c)
{
	c->timeouts++;
	if (!c->putting)
		c->open = false;
	change_target(w, c);
}

static void advance(struct sim_world *w, struct sim_client *c)
{
	enum client_state state = client_get_state(c->client);

	if (state == CLIENT_WAITING)
		return;
	if (state == CLIENT_FAILED || (c->sent && client_status(c->client) != WIRE_OK)) {
		give_up(w, c);
	} else if (c->sent) {
		c->sent = false;
		finish(w, c);
	} else if (c->open) {
		send_request(w, c);
	} else if (!w->resting && w->now_ns >= c->rest_until_ns) {
		begin(w, c);
	}
}

static void transmit(struct sim_world *w, struct sim_client *c)
{
	uint8_t payload[WIRE_PAYLOAD_1500];
	struct dp_address to;
	uint32_t size_max;
	uint8_t *body;
	size_t size;
	bool there;

	there = dp_resolve(c->dp, 0, w->node[c->target].address, WIRE_PORT_CLIENT, w->now_ns, &to);
	/* Of a host that is gone it waits in vain. */
	if (!there && w->now_ns - c->asked_ns < SIM_CLIENT_PATIENCE_NS)
		return;
	while ((size = client_send(c->client, w->now_ns, payload))) {
		if (!there)
			continue;
		body = dp_begin_client(c->dp, &to, &size_max);
		if (!body)
			return;
		memcpy(body, payload + WIRE_ENVELOPE_SIZE, size - WIRE_ENVELOPE_SIZE);
		dp_end(c->dp, payload[6], size - WIRE_ENVELOPE_SIZE);
	}
}

void sim_client_poll(struct sim_world *w, struct sim_client *c)
{
	struct dp_datagram datagram[DP_RECEIVE_MAX];
	uint32_t count = dp_receive(c->dp, w->now_ns, datagram);

	for (uint32_t i = 0; i < count; i++)
		client_receive(c->client, w->now_ns, datagram[i].body - WIRE_ENVELOPE_SIZE,
			       WIRE_ENVELOPE_SIZE + datagram[i].envelope.body_size);
	dp_release(c->dp);
	advance(w, c);
	transmit(w, c);
	dp_flush(c->dp);
}

uint64_t sim_client_deadline(const struct sim_world *w, const struct sim_client *c)
{
	uint64_t deadline;

	if (client_get_state(c->client) != CLIENT_WAITING)
		return w->resting ? UINT64_MAX : c->rest_until_ns;
	/* A packet that could not be sent, to a host that is down, is tried again in a while. */
	deadline = client_deadline(c->client);
	return deadline > w->now_ns ? deadline : w->now_ns + SIM_CLIENT_RETRY_NS;
}

void sim_clients_go_on(struct sim_world *w, uint32_t instead)
{
	uint64_t gets[SIM_CLIENTS_MAX], puts[SIM_CLIENTS_MAX];
	uint64_t until_ns = w->now_ns + UINT64_C(20000000000);

	for (uint32_t i = 0; i < w->client_count; i++) {
		gets[i] = w->client[i].gets;
		puts[i] = w->client[i].puts;
	}
	for (uint32_t i = 0; i < w->client_count; i++) {
		struct sim_client *c = &w->client[i];

		while (c->gets < gets[i] + 4 * w->client_count || c->puts < puts[i] + 4) {
			assert(w->now_ns < until_ns);
			if (!w->node[c->target].node)
				c->target = instead;
			sim_world_run(w, 1000000);
		}
	}
}
