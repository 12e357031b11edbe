/*
 * Fuzz target: every decoder of the wire, and a client that is given what decodes badly (N9, N15).
 *
 * The first byte chooses what the rest is: a packet for the envelope and its body, a body of a
 * given type, or a row of packets for a client in the middle of a request. What a decoder accepts
 * must encode to the same bytes: then no malformed form of anything was accepted.
 *
 * LLVMFuzzerTestOneInput is what libFuzzer calls; without libFuzzer, fuzz.h brings a main.
 */
#include "base/parts.h"
#include "dataplane/client.h"
#include "dataplane/wire.h"
#include "raft/formation.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

static uint8_t out[WIRE_ENVELOPE_SIZE + 65536];

static void require(bool truth)
{
	if (!truth)
		abort();
}

static void body(uint8_t type, const uint8_t *data, size_t size)
{
	static struct raft_entry entries[WIRE_ENTRIES_MAX];
	struct raft_message message;
	struct wire_part_reply reply;
	struct wire_settings settings;
	struct wire_path path;
	struct wire_hello hello;
	struct wire_part part;
	struct formation_message formation;
	struct wire_members members;
	struct wire_snapshot_range range;
	const uint8_t *bytes;
	uint64_t question;
	uint8_t type_back;
	size_t back = 0;

	if (wire_raft_decode(&message, entries, type, data, size) == 0) {
		back = wire_raft_encode(&message, out, sizeof(out), &type_back);
		require(type_back == type);
	} else if (wire_part_decode(&part, type, data, size) == 0) {
		back = wire_part_encode(&part, type, out);
	} else if (wire_hello_decode(&hello, type, data, size) == 0) {
		back = wire_hello_encode(&hello, type, out);
	} else if (wire_part_reply_decode(&reply, type, data, size) == 0) {
		back = wire_part_reply_encode(&reply, type, out);
	} else if (type == WIRE_FORMATION && wire_formation_decode(&formation, data, size) == 0) {
		back = wire_formation_encode(&formation, out);
	} else if (type == WIRE_MEMBERS && wire_members_decode(&members, data, size) == 0) {
		back = wire_members_encode(&members, out);
	} else if (type == WIRE_WHO && wire_who_decode(&question, data, size) == 0) {
		back = wire_who_encode(question, out);
	} else if (type == WIRE_SNAPSHOT_PULL &&
		   wire_snapshot_pull_decode(&range, data, size) == 0) {
		back = wire_snapshot_pull_encode(&range, out);
	} else if (type == WIRE_SNAPSHOT_CHUNK &&
		   wire_snapshot_chunk_decode(&range, &bytes, data, size) == 0) {
		back = wire_snapshot_chunk_encode(&range, bytes, out);
	} else if ((type == WIRE_PATH || type == WIRE_PATH_REPLY) &&
		   wire_path_decode(&path, type, data, size) == 0) {
		back = wire_path_encode(&path, type, out);
	} else if (type == WIRE_SETTINGS && wire_settings_decode(&settings, data, size) == 0) {
		back = wire_settings_encode(&settings, out);
	} else {
		return;
	}
	require(back == size);
	require(memcmp(out, data, size) == 0);
}

static void packet(const uint8_t *data, size_t size)
{
	struct wire_envelope envelope;

	if (wire_envelope_decode(&envelope, data, size) != WIRE_VERDICT_GOOD)
		return;
	require(envelope.body_size == size - WIRE_ENVELOPE_SIZE);
	wire_envelope_encode(&envelope, out);
	out[4] = data[4]; /* a newer release that we can read */
	require(memcmp(out, data, WIRE_ENVELOPE_SIZE) == 0);
	body(envelope.type, data + WIRE_ENVELOPE_SIZE, envelope.body_size);
}

/* A packet that passes the client's first checks; what it says is the input's. */
static size_t crafted(uint8_t type, const uint8_t *sent, const uint8_t *data, size_t size,
		      uint8_t *to)
{
	struct wire_hello hello = {.cookie = 1};
	struct wire_part_reply reply = {
		.next_part = data[0], .status = data[1] % 9, .retry_after_us = data[2] * 100u};
	struct wire_part part = {.part = data[0] % 8,
				 .status = data[1] & 0x80 ? data[1] % 9 : 0,
				 .kind = WIRE_COMMAND};

	memcpy(&hello.nonce, sent, 8);
	if (type == WIRE_WELCOME)
		return wire_hello_encode(&hello, type, to);
	memcpy(&reply.cookie, sent, 8);
	memcpy(&reply.request_id, sent + 8, 8);
	if (type == WIRE_REQUEST_REPLY)
		return wire_part_reply_encode(&reply, WIRE_REQUEST_REPLY, to);
	part.cookie = reply.cookie;
	part.request_id = reply.request_id;
	part.answer_id = data[2] / 200;
	part.total_size = data[3] & 0x80 ? 7 * WIRE_PART_SIZE + data[3] : data[3];
	if (part.part >= parts_count(part.total_size))
		part.part = 0;
	part.data = data;
	part.size = parts_size(part.total_size, part.part);
	return part.size <= size ? wire_part_encode(&part, WIRE_ANSWER, to) : 0;
}

static size_t answer(uint8_t *to, const uint8_t *sent, const uint8_t *data, size_t size)
{
	static const uint8_t answers[] = {WIRE_WELCOME, WIRE_REQUEST_REPLY, WIRE_ANSWER};
	struct wire_envelope envelope = {.type = answers[data[0] % 3]};
	size_t body_size = 0;

	if (data[1] % 8)
		body_size = crafted(envelope.type, sent + WIRE_ENVELOPE_SIZE, data + 2, size - 2,
				    to + WIRE_ENVELOPE_SIZE);
	if (body_size == 0) {
		body_size = size - 2;
		memcpy(to + WIRE_ENVELOPE_SIZE, data + 2, body_size);
	}
	envelope.body_size = (uint16_t)body_size;
	wire_envelope_encode(&envelope, to);
	return WIRE_ENVELOPE_SIZE + body_size;
}

static void conversation(const uint8_t *data, size_t size)
{
	static uint8_t request[5 * WIRE_PART_SIZE], sent[WIRE_PAYLOAD_1500];
	static uint8_t received[WIRE_ENVELOPE_SIZE + 65536];
	struct client *client;
	uint64_t now = 1;

	require(client_create(&client, size) == 0);
	client_request(client, WIRE_COMMAND, request, size ? data[0] * 20u : 0, now, 1000000000);
	while (client_get_state(client) == CLIENT_WAITING) {
		size_t taken = size < 2 ? 0 : 8 + (data[1] & 0xc0 ? data[0] : 1250u);
		int burst = 0;

		while (client_send(client, now, sent) > 0)
			require(++burst <= 70);
		if (client_get_state(client) != CLIENT_WAITING)
			break;
		require(client_deadline(client) > now);
		if (taken == 0 || taken > size) {
			now = client_deadline(client);
			continue;
		}
		client_receive(client, now, received, answer(received, sent, data + 2, taken - 2));
		data += taken;
		size -= taken;
		now += 1000;
	}
	require(now <= 1000000001);
	client_destroy(client);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	if (data[0] % 8 == 0)
		conversation(data + 1, size - 1);
	else if (data[0] % 8 == 1)
		packet(data + 1, size - 1);
	else
		body(data[1], data + 2, size - 2);
	return 0;
}

/* Seeds: one good body of each type, so that mutations start near what is accepted. */
size_t fuzz_seed_input(uint64_t n, uint8_t *input)
{
	static const uint8_t data[WIRE_PART_SIZE] = {1};
	static const struct raft_entry entries[3] = {
		{1, 1, NULL, 0, RAFT_ENTRY_NOOP, 3},
		{2, 1, data, 100, RAFT_ENTRY_COMMAND, 3},
		{3, 2, data, WIRE_PART_SIZE, RAFT_ENTRY_COMMAND, 1},
	};
	struct raft_message message = {.type = (enum raft_message_type)(1 + n % 8), .term = 3};
	struct wire_part part = {.total_size = WIRE_PART_SIZE, .kind = WIRE_COMMAND, .data = data};
	const struct wire_part_reply reply = {.next_part = 1};
	const struct wire_hello hello = {1, 2, 3, 4, 5};
	const struct formation_message formation = {
		.say = FORMATION_SAY_ACCEPTED,
		.table = {.count = 2,
			  .member = {{.place = 1 << 16 | 1, .identity = 1}, {2 << 16 | 1, 2}}},
	};
	const struct wire_snapshot_range range = {6, 5, 4, 8192, 1200};
	uint8_t *to = input + 2;

	input[0] = 2;
	if (message.type == RAFT_MESSAGE_APPEND) {
		message.append.entries = entries;
		message.append.entry_count = (uint32_t)(n / 6) % 4;
	}
	part.size = n % 18 == 9 ? 0 : WIRE_PART_SIZE;
	part.wanted = n % 18 == 9;
	switch (n % 18) {
	case 16:
		input[1] = WIRE_SNAPSHOT_PULL;
		return 2 + wire_snapshot_pull_encode(&range, to);
	case 17:
		input[1] = WIRE_SNAPSHOT_CHUNK;
		return 2 + wire_snapshot_chunk_encode(&range, data, to);
	case 6:
	case 7:
	case 8:
	case 9:
		input[1] = (const uint8_t[]){WIRE_PROPOSE, WIRE_REQUEST, WIRE_ANSWER,
					     WIRE_PULL}[n % 18 - 6];
		return 2 + wire_part_encode(&part, input[1], to);
	case 10:
		input[1] = WIRE_REQUEST_REPLY;
		return 2 + wire_part_reply_encode(&reply, input[1], to);
	case 11:
	case 12:
		input[1] = n % 18 == 11 ? WIRE_HELLO : WIRE_WELCOME;
		return 2 + wire_hello_encode(&hello, input[1], to);
	case 13:
		input[0] = 1;
		wire_envelope_encode(&(struct wire_envelope){.type = WIRE_VOTE, .body_size = 24},
				     input + 1);
		memset(input + 1 + WIRE_ENVELOPE_SIZE, 1, 24);
		return 1 + WIRE_ENVELOPE_SIZE + 24;
	case 14:
		input[1] = WIRE_FORMATION;
		return 2 + wire_formation_encode(&formation, to);
	case 15:
		input[0] = 0;
		for (size_t i = 1; i < 4096; i++)
			input[i] = (uint8_t)(n * 7 + i * (n / 18));
		return 4096;
	default:
		return 2 + wire_raft_encode(&message, to, 4096, &input[1]);
	}
}
