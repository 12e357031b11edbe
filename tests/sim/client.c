/*
 * Clients of the simulation: each owns one key and is its only writer, so that what a read may
 * give is known exactly. Values count up from 1.
 *
 * "Nothing was done" (base/status.h) is of the request that it ends, and of all attempts of that
 * (dataplane/client.h): so it is of the put if no earlier request of the same put, to whomever,
 * ended in any other way (docs/wire.md).
 */
#include "tests/sim/client.h"

#include "kv/command.h"
#include "kv/kv.h"
#include "node/internal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	CLIENT_PORT_BASE = 16, /* on the switch: after the nodes */
	SIM_CLIENT_RETRY_NS = 200000,
	/* Less than an election takes, so that nobody leads when it is over; and more. */
	SIM_CLIENT_TIMEOUT_NS_MIN = 50000000,
	SIM_CLIENT_TIMEOUT_NS_MAX = 500000000,
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

/* --- sessions -------------------------------------------------------------------------------- */

/* There is no room for all sessions that the clients have: three of them at the least. */
static bool is_forgetful(void)
{
	return (int)KV_SESSIONS_MAX < (int)SIM_CLIENTS_MAX;
}

static void session_begin(struct sim_world *w, struct sim_session *s)
{
	uint64_t size = 1;

	if (sim_random_below(&w->windows, 4))
		size = 1 + sim_random_below(&w->windows, KV_SESSION_WINDOW);
	kv_window_begin(&s->window, sim_random_next(&w->random) | 1, (uint32_t)size);
	s->base = 0;
}

/*
 * Makes it the next put of its client's session. Some sequences are given up before they are sent:
 * so a few clients come to the end of a window.
 */
static void session_next(struct sim_world *w, struct sim_client *c, struct kv_request *request)
{
	struct sim_session *s = c->session;
	struct kv_window *window = &s->window;
	uint64_t room = window->size - (window->next - window->floor);
	uint64_t skip = sim_random_below(&w->windows, 4) ? 0 : sim_random_below(&w->windows, room);

	while (skip-- > 0) {
		kv_window_open(window, request);
		kv_window_close(window, request->sequence);
	}
	w->beside += window->floor < window->next;
	w->far += window->next - window->floor >= KV_SESSION_WINDOW / 2;
	kv_window_open(window, request);
	if (s->base == 0)
		s->base = client_welcome(c->client)->commit_index;
	request->session_base = s->base;
	c->sequence = request->sequence;
}

/* --- clients --------------------------------------------------------------------------------- */

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
	if (i == 0)
		w->windows.state = w->seed ^ 0x77696e646f7773;
	session_begin(w, &w->session[i]);
	c->session = &w->session[i];
	if (i > (is_forgetful() ? 2 : 0) && sim_random_below(&w->windows, 2))
		c->session = w->client[i - 1].session;
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
	session_begin(w, c->session); /* all that have it forget */
	c->put = c->acked = 0;
	c->doubt = false;
	memset(c->denied, 0, sizeof(c->denied));
	c->open = false;
	change_target(w, c);
}

/* --- what it puts ---------------------------------------------------------------------------- */

static struct kv_bytes key_of(const struct sim_world *w, uint32_t client, char key[32])
{
	int size = snprintf(key, 32, "k%u-%" PRIu64, client, w->forgotten);

	return (struct kv_bytes){(const uint8_t *)key, (uint32_t)size};
}

static bool is_denied(const struct sim_client *c, uint64_t put)
{
	return c->denied[put / 64] >> put % 64 & 1;
}

/* SM5: the key's version counts the puts that were done; those that were denied are none. */
static uint64_t version_of(const struct sim_client *c, uint64_t put)
{
	uint64_t version = put;

	for (uint64_t k = 0; k <= put / 64; k++) {
		uint64_t upto = k < put / 64 ? UINT64_MAX : UINT64_MAX >> (63 - put % 64);

		version -= (uint64_t)__builtin_popcountll(c->denied[k] & upto);
	}
	return version;
}

static uint64_t value_of(const struct kv_item *item)
{
	char text[24];

	assert(item->value.size < sizeof(text));
	memcpy(text, item->value.data, item->value.size);
	text[item->value.size] = '\0';
	return strtoull(text, NULL, 10);
}

static void check_item(const struct sim_world *w, const struct sim_client *writer,
		       const struct kv_item *item)
{
	uint64_t value = value_of(item);

	if (value > writer->put)
		fail(w, writer, "SM4: a value that nobody wrote", value, writer->put);
	if (is_denied(writer, value))
		fail(w, writer, "SM13, SM16: it was not to be done any more", value, 0);
	if (item->version != version_of(writer, value))
		fail(w, writer, "SM5: a put was applied more than once, or not at all",
		     item->version, version_of(writer, value));
}

void sim_clients_check_state(const struct sim_world *w, uint32_t i)
{
	struct sm *sm = w->node[i].node->sm;
	uint8_t request[128], answer[256];

	for (uint32_t k = 0; k < w->client_count; k++) {
		char key[32];
		const struct kv_request read = {.operation = KV_RANGE, .key = key_of(w, k, key)};
		struct kv_answer decoded;
		struct kv_item item;
		uint32_t at = 0;

		assert(kv_request_size(&read) <= sizeof(request));
		kv_request_encode(&read, request);
		int size = sm->ops->query(sm, request, (uint32_t)kv_request_size(&read), answer,
					  sizeof(answer), NULL);

		assert(size > 0 && kv_answer_decode(&decoded, answer, (uint32_t)size) == 0);
		if (kv_item_next(&decoded, &at, &item))
			check_item(w, &w->client[k], &item);
	}
}

/* --- requests -------------------------------------------------------------------------------- */

static void send_request(struct sim_world *w, struct sim_client *c)
{
	c->sent = true;
	c->asked_ns = w->now_ns;
	client_request(c->client, c->putting ? WIRE_COMMAND : WIRE_QUERY, c->request,
		       c->request_size, w->now_ns,
		       SIM_CLIENT_TIMEOUT_NS_MIN +
			       sim_random_below(&w->random, SIM_CLIENT_TIMEOUT_NS_MAX -
								    SIM_CLIENT_TIMEOUT_NS_MIN));
}

static void begin(struct sim_world *w, struct sim_client *c)
{
	char key[32], value[24];
	struct kv_request request = {0};

	c->open = true;
	c->began_ns = w->now_ns;
	c->putting = sim_random_below(&w->random, 2) && !c->doubt &&
		     kv_window_has_room(&c->session->window);
	c->key = c->putting || c->doubt ? c->id
					: (uint32_t)sim_random_below(&w->random, w->client_count);
	c->floor = w->client[c->key].acked;
	if (w->read_floor[c->key] > c->floor)
		c->floor = w->read_floor[c->key];
	request.key = key_of(w, c->key, key);
	if (c->putting) {
		c->maybe = false;
		session_next(w, c, &request);
		request.operation = KV_PUT;
		request.value.data = (uint8_t *)value;
		request.value.size = (uint32_t)snprintf(value, sizeof(value), "%" PRIu64, ++c->put);
		assert(c->put < SIM_PUTS_MAX);
	} else {
		request.operation = KV_RANGE;
	}
	c->request_size = (uint32_t)kv_request_size(&request);
	assert(c->request_size <= sizeof(c->request));
	kv_request_encode(&request, c->request);
	send_request(w, c);
}

/* SM16: what a read finds after that is how it stays. */
static void doubt_end(struct sim_world *w, struct sim_client *c, uint64_t value)
{
	c->doubt = false;
	if (value < c->put) {
		c->denied[c->put / 64] |= UINT64_C(1) << c->put % 64;
		return;
	}
	c->acked = c->put;
	w->applied++;
}

static void check_read(struct sim_world *w, struct sim_client *c, const struct kv_answer *answer)
{
	struct kv_item item;
	uint32_t at = 0;
	uint64_t value = 0;

	if (kv_item_next(answer, &at, &item)) {
		value = value_of(&item);
		check_item(w, &w->client[c->key], &item);
	}
	if (value < c->floor)
		fail(w, c, "SM3/SM4: an acknowledged or earlier read put is gone", value, c->floor);
	if (value > w->read_floor[c->key])
		w->read_floor[c->key] = value;
	c->gets++;
	if (c->doubt)
		doubt_end(w, c, value);
}

static void finish_put(struct sim_world *w, struct sim_client *c, const struct kv_answer *answer)
{
	kv_window_close(&c->session->window, c->sequence);
	if (c->session->base < answer->applied_index)
		c->session->base = answer->applied_index;
	if (answer->status == KV_SESSION_EXPIRED) {
		c->doubt = true;
		w->expired++;
		return;
	}
	w->gone += answer->status == KV_ANSWER_GONE;
	c->acked = c->put;
	c->puts++;
}

static bool is_good(const struct sim_client *c, enum kv_status status)
{
	if (is_forgetful() && c->putting &&
	    (status == KV_SESSION_EXPIRED || status == KV_ANSWER_GONE))
		return true;
	return status == KV_OK;
}

static void finish(struct sim_world *w, struct sim_client *c)
{
	struct kv_answer answer;
	uint32_t size;
	const uint8_t *data = client_answer(c->client, &size);
	int err = kv_answer_decode(&answer, data, size);

	assert(err == 0);
	if (!is_good(c, answer.status))
		fail(w, c, kv_status_text(answer.status), answer.status, KV_OK);
	if (c->putting)
		finish_put(w, c, &answer);
	else
		check_read(w, c, &answer);
	c->open = false;
	c->rest_until_ns = w->now_ns + sim_random_below(&w->random, 2000000);
}

/*
 * It is asked for no more. Half of the time it has another session from then on: where the floor
 * goes on, a copy that came late would be refused for that.
 */
static void deny(struct sim_world *w, struct sim_client *c, enum wire_status status)
{
	c->denied[c->put / 64] |= UINT64_C(1) << c->put % 64;
	c->denials[status]++;
	c->open = false;
	sim_note(w, "client %u: put %" PRIu64 " is given up: %s", c->id, c->put,
		 status_row(status)->words);
	kv_window_close(&c->session->window, c->sequence);
	if (sim_random_below(&w->random, 2)) {
		c->session = &w->session[SIM_CLIENTS_MAX + c->id];
		session_begin(w, c->session);
	}
}

/*
 * A read has no effect: it is given up. A put is sent again, elsewhere, as itself; or not, if
 * nothing of it was done.
 */
static void give_up(struct sim_world *w, struct sim_client *c, enum client_state state)
{
	enum wire_status status = client_status(c->client);

	c->timeouts++;
	c->rest_until_ns = w->now_ns + sim_random_below(&w->random, 20000000);
	c->maybe |=
		c->sent && (state == CLIENT_FAILED || status_row(status)->done != STATUS_NOTHING);
	if (!c->putting)
		c->open = false;
	else if (c->open && c->sent && !c->maybe && sim_random_below(&w->random, 2))
		deny(w, c, status);
	change_target(w, c);
}

static void advance(struct sim_world *w, struct sim_client *c)
{
	enum client_state state = client_get_state(c->client);

	if (state == CLIENT_WAITING)
		return;
	if (state == CLIENT_FAILED || (c->sent && client_status(c->client) != WIRE_OK)) {
		give_up(w, c, state);
	} else if (c->sent) {
		c->sent = false;
		finish(w, c);
	} else if (w->now_ns < c->rest_until_ns) {
		return;
	} else if (c->open) {
		send_request(w, c);
	} else if (!w->resting) {
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
		return w->resting && !c->open ? UINT64_MAX : c->rest_until_ns;
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
