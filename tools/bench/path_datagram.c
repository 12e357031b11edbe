/*
 * Clients of dataplane/client.h over a carrier.
 *
 * A carrier whose clients share one address cannot tell whose a datagram is; the ids in it can.
 * Each client's newest id (its HELLO's nonce, its request id) is noted as it leaves.
 */
#include "base/clock.h"
#include "base/mix.h"
#include "dataplane/client.h"
#include "tools/bench/carrier.h"
#include "tools/client/draw.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

enum { BUCKETS = 4096, BURST = 64 };

/* Timers are looked at this often: the shortest resend of a client is a millisecond. */
#define SCAN_NS (500 * CLOCK_US)

struct datagram_client {
	struct client *client;
	LIST_ENTRY(datagram_client) by_id;
	uint64_t id; /* 0: not listed */
	bool open;
	bool due; /* has something to send now */
};

LIST_HEAD(bucket, datagram_client);

struct path_datagram {
	struct path path;
	struct carrier *carrier;
	struct datagram_client *client; /* path.client_count */
	uint32_t *due;                  /* their indexes */
	uint32_t due_count;
	uint64_t scanned_ns;
	struct bucket bucket[BUCKETS];
};

static struct path_datagram *self_of(struct path *path)
{
	return (struct path_datagram *)path;
}

static struct bucket *bucket_of(struct path_datagram *p, uint64_t id)
{
	return &p->bucket[mix(id) >> 52];
}

static void mark_due(struct path_datagram *p, uint32_t i)
{
	if (p->client[i].due)
		return;
	p->client[i].due = true;
	p->due[p->due_count++] = i;
}

/* The id by which an answer to this payload is known: 0 if there is none. */
static uint64_t id_of(uint8_t type, const uint8_t *body, size_t size)
{
	struct wire_hello hello;
	struct wire_part part;
	struct wire_part_reply reply;

	switch (type) {
	case WIRE_HELLO:
	case WIRE_WELCOME:
		return wire_hello_decode(&hello, type, body, size) ? 0 : hello.nonce;
	case WIRE_REQUEST:
	case WIRE_ANSWER:
	case WIRE_PULL:
		return wire_part_decode(&part, type, body, size) ? 0 : part.request_id;
	case WIRE_REQUEST_REPLY:
		return wire_part_reply_decode(&reply, type, body, size) ? 0 : reply.request_id;
	default:
		return 0;
	}
}

static uint64_t payload_id(const uint8_t *payload, size_t size)
{
	struct wire_envelope envelope;

	if (wire_envelope_decode(&envelope, payload, size) != WIRE_VERDICT_GOOD)
		return 0;
	return id_of(envelope.type, payload + WIRE_ENVELOPE_SIZE, envelope.body_size);
}

static void note_id(struct path_datagram *p, struct datagram_client *c, const uint8_t *payload,
		    size_t size)
{
	uint64_t id = payload_id(payload, size);

	if (id == c->id)
		return;
	if (c->id)
		LIST_REMOVE(c, by_id);
	c->id = id;
	if (id)
		LIST_INSERT_HEAD(bucket_of(p, id), c, by_id);
}

static struct datagram_client *find(struct path_datagram *p, const uint8_t *payload, size_t size)
{
	uint64_t id = payload_id(payload, size);
	struct datagram_client *c;

	if (!id)
		return NULL;
	LIST_FOREACH(c, bucket_of(p, id), by_id)
	{
		if (c->id == id)
			return c;
	}
	return NULL;
}

static void send_due(struct path_datagram *p, uint64_t now)
{
	uint8_t payload[WIRE_PAYLOAD_1500];
	size_t size;

	for (uint32_t i = 0; i < p->due_count; i++) {
		struct datagram_client *c = &p->client[p->due[i]];

		c->due = false;
		while ((size = client_send(c->client, now, payload)) > 0) {
			note_id(p, c, payload, size);
			p->carrier->ops->send(p->carrier, p->due[i], payload, size, now);
		}
	}
	p->due_count = 0;
	p->carrier->ops->flush(p->carrier);
}

static void scan_timers(struct path_datagram *p, uint64_t now)
{
	if (now - p->scanned_ns < SCAN_NS)
		return;
	p->scanned_ns = now;
	for (uint32_t i = 0; i < p->path.client_count; i++) {
		if (p->client[i].open && client_deadline(p->client[i].client) <= now)
			mark_due(p, i);
	}
}

static bool finished(struct datagram_client *c)
{
	if (!c->open || client_get_state(c->client) == CLIENT_WAITING)
		return false;
	c->open = false;
	return true;
}

/* A burst of what has come. Returns how many clients finished; *any: something came. */
static uint32_t receive(struct path_datagram *p, uint64_t now, uint32_t *done, uint32_t max,
			bool *any)
{
	uint32_t count = 0;
	const uint8_t *payload;
	size_t size;
	int index;

	for (int i = 0; i < BURST && count < max; i++) {
		struct datagram_client *c;

		size = p->carrier->ops->receive(p->carrier, now, &index, &payload);
		if (!size)
			break;
		*any = true;
		c = index >= 0 ? &p->client[index] : find(p, payload, size);
		if (!c)
			continue;
		client_receive(c->client, now, payload, size);
		if (finished(c))
			done[count++] = (uint32_t)(c - p->client);
		else if (c->open)
			mark_due(p, (uint32_t)(c - p->client));
	}
	return count;
}

/* Those whose deadline passed: client_send has said so. */
static uint32_t collect_failed(struct path_datagram *p, uint32_t *done, uint32_t max)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < p->path.client_count && count < max; i++) {
		if (finished(&p->client[i]))
			done[count++] = i;
	}
	return count;
}

static uint32_t datagram_poll(struct path *path, uint64_t wait_ns, uint32_t *done, uint32_t max)
{
	struct path_datagram *p = self_of(path);
	uint64_t now = clock_now();
	bool scan = now - p->scanned_ns >= SCAN_NS, any = false;
	uint32_t count;

	scan_timers(p, now);
	send_due(p, now);
	count = receive(p, clock_now(), done, max, &any);
	if (scan)
		count += collect_failed(p, done + count, max - count);
	if (!any && count == 0 && p->due_count == 0)
		p->carrier->ops->wait(p->carrier, wait_ns < SCAN_NS ? wait_ns : SCAN_NS);
	return count;
}

static void datagram_request(struct path *path, uint32_t client, enum wire_request kind,
			     const uint8_t *data, uint32_t size, uint64_t now_ns,
			     uint64_t timeout_ns)
{
	struct path_datagram *p = self_of(path);

	assert(!p->client[client].open);
	client_request(p->client[client].client, kind, data, size, now_ns, timeout_ns);
	p->client[client].open = true;
	mark_due(p, client);
}

static void datagram_hello(struct path *path, uint32_t client, uint64_t now_ns, uint64_t timeout_ns)
{
	struct path_datagram *p = self_of(path);

	assert(!p->client[client].open);
	client_hello(p->client[client].client, now_ns, timeout_ns);
	p->client[client].open = true;
	mark_due(p, client);
}

static void datagram_answer(struct path *path, uint32_t client, struct path_answer *out)
{
	const struct client *c = self_of(path)->client[client].client;

	*out = (struct path_answer){.status = WIRE_TIMEOUT,
				    .retry_after_us = client_retry_after_us(c)};
	if (client_get_state(c) != CLIENT_DONE)
		return;
	out->status = client_status(c);
	out->data = client_answer(c, &out->size);
}

static uint64_t datagram_base(struct path *path, uint32_t client)
{
	const struct client *c = self_of(path)->client[client].client;

	return client_welcomed(c) ? client_welcome(c)->commit_index : 0;
}

static void datagram_destroy(struct path *path)
{
	struct path_datagram *p = self_of(path);

	for (uint32_t i = 0; p->client && i < path->client_count; i++) {
		if (p->client[i].client)
			client_destroy(p->client[i].client);
	}
	p->carrier->ops->destroy(p->carrier);
	free(p->client);
	free(p->due);
	free(p);
}

int path_datagram_create(struct path **out, struct carrier *carrier, uint32_t clients,
			 char error[PATH_ERROR_MAX])
{
	static const struct path_ops ops = {
		.request = datagram_request,
		.hello = datagram_hello,
		.poll = datagram_poll,
		.answer = datagram_answer,
		.base = datagram_base,
		.destroy = datagram_destroy,
	};
	struct path_datagram *p = calloc(1, sizeof(*p));
	int err = 0;

	snprintf(error, PATH_ERROR_MAX, "out of memory");
	if (!p) {
		carrier->ops->destroy(carrier);
		return -ENOMEM;
	}
	p->path = (struct path){&ops, clients};
	p->carrier = carrier;
	p->client = calloc(clients, sizeof(*p->client));
	p->due = calloc(clients, sizeof(*p->due));
	if (!p->client || !p->due)
		err = -ENOMEM;
	for (uint32_t i = 0; !err && i < clients; i++)
		err = client_create(&p->client[i].client, draw());
	if (err) {
		datagram_destroy(&p->path);
		return err;
	}
	*out = &p->path;
	return 0;
}
