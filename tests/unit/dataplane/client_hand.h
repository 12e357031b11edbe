/*
 * The client's tests play the node by hand, in virtual time: what they share.
 */
#ifndef TESTS_UNIT_DATAPLANE_CLIENT_HAND_H
#define TESTS_UNIT_DATAPLANE_CLIENT_HAND_H

#include "dataplane/client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define US 1000ull
#define MS 1000000ull

enum { CLUSTER = 77, COOKIE = 4242 };

static struct client *client;
static uint64_t now;
static uint8_t data[100 * WIRE_PART_SIZE];

/* The last packet that the client sent, taken apart. */
static struct wire_envelope sent;
static struct wire_hello sent_hello;
static struct wire_part sent_part;
static uint8_t sent_bytes[WIRE_PAYLOAD_1500];

static inline int setup(void **state)
{
	(void)state;
	now = 1000 * MS;
	memset(&sent_part, 0, sizeof(sent_part));
	return client_create(&client, 1);
}

static inline int teardown(void **state)
{
	(void)state;
	client_destroy(client);
	return 0;
}

/* One packet out of the client, of the type that the test expects; 0: it has none. */
static inline void expect(uint8_t type)
{
	size_t size = client_send(client, now, sent_bytes);
	const uint8_t *body = sent_bytes + WIRE_ENVELOPE_SIZE;

	if (type == 0) {
		assert_int_equal(size, 0);
		return;
	}
	assert_true(size > 0);
	assert_true(size <= WIRE_PAYLOAD_1500);
	assert_int_equal(wire_envelope_decode(&sent, sent_bytes, size), WIRE_VERDICT_GOOD);
	assert_int_equal(sent.type, type);
	assert_int_equal(sent.source_id, 0);
	if (type == WIRE_HELLO)
		assert_int_equal(wire_hello_decode(&sent_hello, type, body, sent.body_size), 0);
	else
		assert_int_equal(wire_part_decode(&sent_part, type, body, sent.body_size), 0);
}

static inline void receive(uint8_t type, uint64_t cluster_id, uint8_t *packet, size_t body_size)
{
	const struct wire_envelope envelope = {
		.type = type, .body_size = (uint16_t)body_size, .cluster_id = cluster_id};

	wire_envelope_encode(&envelope, packet);
	client_receive(client, now, packet, WIRE_ENVELOPE_SIZE + body_size);
}

static inline void welcome(uint64_t nonce, uint64_t cookie)
{
	const struct wire_hello hello = {nonce, cookie, CLUSTER, 5, 1234};
	uint8_t packet[WIRE_PAYLOAD_1500];

	receive(WIRE_WELCOME, CLUSTER, packet,
		wire_hello_encode(&hello, WIRE_WELCOME, packet + WIRE_ENVELOPE_SIZE));
}

static inline void reply(uint64_t id, uint32_t next, enum wire_status status, uint64_t retry_us)
{
	const struct wire_part_reply r = {.cookie = sent_part.cookie,
					  .request_id = id,
					  .next_part = (uint16_t)next,
					  .status = (uint8_t)status,
					  .retry_after_us = retry_us};
	uint8_t packet[WIRE_PAYLOAD_1500];

	receive(WIRE_REQUEST_REPLY, CLUSTER, packet,
		wire_part_reply_encode(&r, WIRE_REQUEST_REPLY, packet + WIRE_ENVELOPE_SIZE));
}

static inline struct wire_part answer_part(enum wire_status status, uint32_t total, uint32_t part)
{
	return (struct wire_part){.cookie = sent_part.cookie,
				  .request_id = sent_part.request_id,
				  .kind = sent_part.kind,
				  .status = (uint8_t)status,
				  .total_size = total,
				  .part = (uint16_t)part,
				  .answer_id = 9,
				  .data = data + (size_t)part * WIRE_PART_SIZE,
				  .size = parts_size(total, part)};
}

static inline void answer_with(const struct wire_part *part)
{
	uint8_t packet[WIRE_PAYLOAD_1500];

	receive(WIRE_ANSWER, CLUSTER, packet,
		wire_part_encode(part, WIRE_ANSWER, packet + WIRE_ENVELOPE_SIZE));
}

static inline void answer(enum wire_status status, uint32_t total, uint32_t part)
{
	struct wire_part p = answer_part(status, total, part);

	answer_with(&p);
}

/* To the first REQUEST of a request of one part. */
static inline void begin(enum wire_request kind, uint32_t size, uint64_t timeout_ns)
{
	client_request(client, kind, data, size, now, timeout_ns);
	expect(WIRE_HELLO);
	expect(0);
	now += 100 * US;
	welcome(sent_hello.nonce, COOKIE);
	expect(WIRE_REQUEST);
}

static inline void assert_done(enum client_state state, enum wire_status status)
{
	assert_int_equal(client_get_state(client), state);
	assert_int_equal(client_status(client), status);
	assert_int_equal(client_deadline(client), UINT64_MAX);
	expect(0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
