/* Good bodies: see wire_bodies.h. */
#include "tests/unit/dataplane/wire_bodies.h"

#include "dataplane/stream.h"
#include "raft/formation.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

uint8_t bodies_buffer[BODIES_SIZE_MAX];

static uint8_t pattern[RAFT_ENTRY_DATA_MAX];

#define BOTH (RAFT_ENTRY_FIRST | RAFT_ENTRY_LAST)

static const struct raft_entry some_entries[] = {
	{.index = 8, .term = 3, .type = RAFT_ENTRY_NOOP, .flags = BOTH},
	{.index = 9,
	 .term = 3,
	 .data = pattern,
	 .size = 1,
	 .type = RAFT_ENTRY_COMMAND,
	 .flags = BOTH},
	{.index = 10,
	 .term = 4,
	 .data = pattern,
	 .size = RAFT_ENTRY_DATA_MAX,
	 .type = RAFT_ENTRY_COMMAND,
	 .flags = RAFT_ENTRY_FIRST},
	{.index = 11, .term = 4, .data = pattern, .size = 7, .type = RAFT_ENTRY_COMMAND},
	{.index = 12,
	 .term = 5,
	 .data = pattern,
	 .size = 32,
	 .type = RAFT_ENTRY_MEMBERS,
	 .flags = BOTH},
};

const struct raft_message bodies_messages[] = {
	{.type = RAFT_MESSAGE_VOTE, .term = 7, .vote = {.last_index = 5, .last_term = 6}},
	{.type = RAFT_MESSAGE_VOTE,
	 .term = RAFT_TERM_MAX,
	 .vote = {.last_index = RAFT_INDEX_MAX, .last_term = RAFT_TERM_MAX - 1}},
	{.type = RAFT_MESSAGE_VOTE_REPLY, .term = 7, .vote_reply = {true}},
	{.type = RAFT_MESSAGE_VOTE_REPLY, .term = 7, .vote_reply = {false}},
	{.type = RAFT_MESSAGE_APPEND,
	 .term = 9,
	 .append = {.prev_index = 7, .prev_term = 2, .commit = 6, .read_seq = 77}},
	{.type = RAFT_MESSAGE_APPEND,
	 .term = 9,
	 .append = {.prev_index = 7,
		    .prev_term = 2,
		    .commit = 6,
		    .read_seq = 77,
		    .entries = some_entries,
		    .entry_count = 5}},
	{.type = RAFT_MESSAGE_APPEND_REPLY,
	 .term = 9,
	 .append_reply = {true, .match = 1, .match_term = 2, .prev_index = 3, .read_seq = 4}},
	{.type = RAFT_MESSAGE_APPEND_REPLY,
	 .term = 9,
	 .append_reply = {.match = 5,
			  .match_term = 6,
			  .prev_index = 7,
			  .read_seq = 8,
			  .priority = RAFT_PRIORITY_MAX,
			  .promise_us = UINT32_MAX}},
	{.type = RAFT_MESSAGE_READ, .term = 9, .read = {1234567890123456789}},
	{.type = RAFT_MESSAGE_READ_REPLY, .term = 9, .read_reply = {98765, 43210}},
	{.type = RAFT_MESSAGE_START},
	{.type = RAFT_MESSAGE_START_REPLY,
	 .term = 9,
	 .start_reply = {.asked = 1ull << 33,
			 .known = {.start = 5ull << 32, .term = 3, .index = 4, .entry_term = 2}}},
	{.type = RAFT_MESSAGE_APPEND_REPLY, .term = 9, .append_reply = {.lost = true, .match = 5}},
	{.type = RAFT_MESSAGE_APPEND_REPLY,
	 .term = 9,
	 .append_reply = {.unconfirmed = true, .stalled = true, .match = 5}},
	{.type = RAFT_MESSAGE_APPEND_REPLY,
	 .term = 9,
	 .append_reply = {.stateless = true, .unfit = true, .match = 5}},
	{.type = RAFT_MESSAGE_APPEND, .term = 9, .append = {.read_seq = 77, .urgent = true}},
	{.type = RAFT_MESSAGE_VOTE, .term = 7, .vote = {.transfer = true}},
	{.type = RAFT_MESSAGE_PREVOTE, .term = 7, .vote = {.last_index = 5, .last_term = 6}},
	{.type = RAFT_MESSAGE_PREVOTE_REPLY, .term = 7, .vote_reply = {true}},
	{.type = RAFT_MESSAGE_PREVOTE_REPLY, .term = 6, .vote_reply = {false}},
	{.type = RAFT_MESSAGE_TIMEOUT_NOW, .term = 7, .timeout_now = {77}},
	{.type = RAFT_MESSAGE_SNAPSHOT,
	 .term = 7,
	 .snapshot = {.index = 5, .term = 6, .size = 8192, .hash = UINT64_MAX}},
};

static_assert(sizeof(bodies_messages) / sizeof(bodies_messages[0]) == BODIES_MESSAGES,
	      "as the header says");

static int members_decode(uint8_t type, const uint8_t *data, size_t size)
{
	struct formation_message formation;
	struct wire_members members;
	uint64_t question;

	if (type == WIRE_FORMATION)
		return wire_formation_decode(&formation, data, size);
	return type == WIRE_MEMBERS ? wire_members_decode(&members, data, size)
				    : wire_who_decode(&question, data, size);
}

static int snapshot_decode(uint8_t type, const uint8_t *data, size_t size)
{
	struct wire_snapshot_range range;
	const uint8_t *bytes;

	return type == WIRE_SNAPSHOT_PULL ? wire_snapshot_pull_decode(&range, data, size)
					  : wire_snapshot_chunk_decode(&range, &bytes, data, size);
}

int bodies_decode(uint8_t type, const uint8_t *data, size_t size)
{
	static struct raft_entry entries[WIRE_ENTRIES_MAX];
	uint8_t *copy = malloc(size ? size : 1);
	struct raft_message message;
	struct wire_part_reply reply;
	struct wire_settings settings;
	struct wire_hello hello;
	struct wire_part part;
	struct wire_path path;
	struct wire_envelope envelope;
	struct stream_header header;
	int result;

	assert_non_null(copy);
	memcpy(copy, data, size);
	switch (type) {
	case BODIES_ENVELOPE:
		result = wire_envelope_decode(&envelope, copy, size) == WIRE_VERDICT_GOOD ? 0
											  : -EINVAL;
		break;
	case BODIES_STREAM_REQUEST:
	case BODIES_STREAM_ANSWER:
		result =
			size != STREAM_HEADER_SIZE
				? -EINVAL
				: stream_header_decode(&header,
						       type == BODIES_STREAM_REQUEST ? STREAM_CLIENT
										     : STREAM_NODE,
						       copy);
		result = result ? -EINVAL : 0;
		break;
	case WIRE_PROPOSE:
	case WIRE_REQUEST:
	case WIRE_ANSWER:
	case WIRE_PULL:
		result = wire_part_decode(&part, type, copy, size);
		break;
	case WIRE_PROPOSE_REPLY:
	case WIRE_REQUEST_REPLY:
		result = wire_part_reply_decode(&reply, type, copy, size);
		break;
	case WIRE_HELLO:
	case WIRE_WELCOME:
		result = wire_hello_decode(&hello, type, copy, size);
		break;
	case WIRE_SETTINGS:
		result = wire_settings_decode(&settings, copy, size);
		break;
	case WIRE_PATH:
	case WIRE_PATH_REPLY:
		result = wire_path_decode(&path, type, copy, size);
		break;
	case WIRE_FORMATION:
	case WIRE_MEMBERS:
	case WIRE_WHO:
		result = members_decode(type, copy, size);
		break;
	case WIRE_SNAPSHOT_PULL:
	case WIRE_SNAPSHOT_CHUNK:
		result = snapshot_decode(type, copy, size);
		break;
	default:
		result = wire_raft_decode(&message, entries, type, copy, size);
	}
	free(copy);
	assert_true(result == 0 || result == -EINVAL);
	return result;
}

/* Requests, and what answers them. */
static size_t request_good(int i, uint8_t *type, uint8_t *body)
{
	struct wire_part_reply reply = {1, 2, 3, WIRE_BUSY, 1000};
	struct wire_part part = {.cookie = 1,
				 .request_id = 2,
				 .total_size = 3 * WIRE_PART_SIZE + 5,
				 .kind = WIRE_COMMAND,
				 .data = pattern,
				 .size = WIRE_PART_SIZE};

	switch (i) {
	case 0:
		*type = WIRE_PROPOSE;
		part.cookie = 0;
		return wire_part_encode(&part, *type, body);
	case 1:
		*type = WIRE_REQUEST;
		part.timeout_us = 5000000;
		return wire_part_encode(&part, *type, body);
	case 2:
		*type = WIRE_ANSWER;
		part.part = 3;
		part.size = 5;
		part.status = WIRE_TIMEOUT;
		part.answer_id = 99;
		return wire_part_encode(&part, *type, body);
	case 3:
		*type = WIRE_PULL;
		part.part = 1;
		part.wanted = 3;
		part.size = 0;
		return wire_part_encode(&part, *type, body);
	case 4:
		*type = WIRE_PROPOSE_REPLY;
		reply.cookie = 0;
		return wire_part_reply_encode(&reply, *type, body);
	default:
		*type = WIRE_REQUEST_REPLY;
		return wire_part_reply_encode(&reply, *type, body);
	}
}

static size_t formation_good(bool accepted, uint8_t *body)
{
	struct formation_message formation = {.say = FORMATION_SAY_REFUSE,
					      .identity = 1,
					      .to = 2,
					      .cluster_id = 3,
					      .table = {.digest = 4}};

	if (accepted) {
		formation.say = FORMATION_SAY_ACCEPTED;
		formation.to = 0;
		formation.table.count = 2;
		formation.table.member[0] = (struct formation_member){7 << 16 | 1, 8};
		formation.table.member[1] = (struct formation_member){9 << 16 | 1, 10};
	}
	return wire_formation_encode(&formation, body);
}

/* What is no packet's body. */
static size_t other_good(uint8_t type, uint8_t *body)
{
	const struct wire_envelope envelope = {.type = WIRE_VOTE,
					       .body_size = 24,
					       .cluster_id = 1,
					       .source_id = 2,
					       .source_identity = 3,
					       .source_start = 4,
					       .destination_identity = 5};
	const struct stream_header header = {.size = 7, .code = WIRE_COMMAND, .id = 8};

	if (type != BODIES_ENVELOPE) {
		stream_header_encode(
			&header, type == BODIES_STREAM_REQUEST ? STREAM_CLIENT : STREAM_NODE, body);
		return STREAM_HEADER_SIZE;
	}
	wire_envelope_encode(&envelope, body);
	memset(body + WIRE_ENVELOPE_SIZE, 1, envelope.body_size);
	return (size_t)WIRE_ENVELOPE_SIZE + envelope.body_size;
}

size_t bodies_good(int i, uint8_t *type, uint8_t *body)
{
	static const uint8_t types[] = {
		WIRE_HELLO,           WIRE_WELCOME,       WIRE_SETTINGS,
		WIRE_FORMATION,       WIRE_FORMATION,     WIRE_PATH,
		WIRE_PATH_REPLY,      BODIES_ENVELOPE,    BODIES_STREAM_REQUEST,
		BODIES_STREAM_ANSWER, WIRE_MEMBERS,       WIRE_WHO,
		WIRE_SNAPSHOT_PULL,   WIRE_SNAPSHOT_CHUNK};
	const struct wire_snapshot_range range = {6, 5, 4, 8192, 1200};
	static const struct wire_members members = {
		.to = 9,
		.question = 10,
		.joined = {.cluster_id = 1,
			   .id = 4,
			   .index = 7,
			   .members = {.count = 2,
				       .member = {{.id = 3, .identity = 8, .voter = true},
						  {.id = 4, .identity = 9, .joins = true}}}}};
	const struct wire_hello hello = {1, 2, 3, 4, 5};
	const struct wire_path path = {8, 1200};
	const struct wire_settings settings = {.heartbeat_us = 20000,
					       .election_us_min = 150000,
					       .election_us_max = 300000,
					       .durability = 1,
					       .full = true,
					       .client_port = 2379,
					       .heard_ms = 5,
					       .question = 6,
					       .answer = 7,
					       .snapshot_index = 8,
					       .snapshot_term = 9,
					       .snapshot_hash = 10,
					       .snapshot_own = true,
					       .diverged = true,
					       .snapshot_lacks = true};

	for (size_t k = 0; k < sizeof(pattern); k++)
		pattern[k] = (uint8_t)(k * 7 + 1);
	if (i < BODIES_MESSAGES)
		return wire_raft_encode(&bodies_messages[i], body, BODIES_SIZE_MAX, type);
	i -= BODIES_MESSAGES;
	if (i < 6)
		return request_good(i, type, body);
	i -= 6;
	if (i >= (int)sizeof(types))
		return 0;
	*type = types[i];
	switch (*type) {
	case WIRE_HELLO:
	case WIRE_WELCOME:
		return wire_hello_encode(&hello, *type, body);
	case WIRE_PATH:
	case WIRE_PATH_REPLY:
		return wire_path_encode(&path, *type, body);
	case WIRE_SETTINGS:
		return wire_settings_encode(&settings, body);
	case WIRE_FORMATION:
		return formation_good(i > 3, body);
	case WIRE_MEMBERS:
		return wire_members_encode(&members, body);
	case WIRE_WHO:
		return wire_who_encode(11, body);
	case WIRE_SNAPSHOT_PULL:
		return wire_snapshot_pull_encode(&range, body);
	case WIRE_SNAPSHOT_CHUNK:
		return wire_snapshot_chunk_encode(&range, pattern, body);
	default:
		return other_good(*type, body);
	}
}

bool bodies_form_at(enum wire_form form, uint8_t type, size_t size, size_t *at)
{
	static const struct {
		uint8_t type, form;
	} forms[] = {
		{BODIES_ENVELOPE, WIRE_FORM_ENVELOPE},
		{BODIES_STREAM_REQUEST, WIRE_FORM_STREAM_REQUEST},
		{BODIES_STREAM_ANSWER, WIRE_FORM_STREAM_ANSWER},
		{WIRE_VOTE, WIRE_FORM_VOTE},
		{WIRE_VOTE_REPLY, WIRE_FORM_VOTE_REPLY},
		{WIRE_PREVOTE, WIRE_FORM_PREVOTE},
		{WIRE_PREVOTE_REPLY, WIRE_FORM_PREVOTE_REPLY},
		{WIRE_TIMEOUT_NOW, WIRE_FORM_TIMEOUT_NOW},
		{WIRE_APPEND, WIRE_FORM_APPEND},
		{WIRE_APPEND_REPLY, WIRE_FORM_APPEND_REPLY},
		{WIRE_READ, WIRE_FORM_READ},
		{WIRE_READ_REPLY, WIRE_FORM_READ_REPLY},
		{WIRE_PROPOSE, WIRE_FORM_PROPOSE},
		{WIRE_PROPOSE_REPLY, WIRE_FORM_PROPOSE_REPLY},
		{WIRE_SETTINGS, WIRE_FORM_SETTINGS},
		{WIRE_START, WIRE_FORM_START},
		{WIRE_START_REPLY, WIRE_FORM_START_REPLY},
		{WIRE_FORMATION, WIRE_FORM_FORMATION},
		{WIRE_MEMBERS, WIRE_FORM_MEMBERS},
		{WIRE_WHO, WIRE_FORM_WHO},
		{WIRE_SNAPSHOT, WIRE_FORM_SNAPSHOT},
		{WIRE_SNAPSHOT_PULL, WIRE_FORM_SNAPSHOT_PULL},
		{WIRE_SNAPSHOT_CHUNK, WIRE_FORM_SNAPSHOT_CHUNK},
		{WIRE_PATH, WIRE_FORM_PATH},
		{WIRE_PATH_REPLY, WIRE_FORM_PATH_REPLY},
		{WIRE_HELLO, WIRE_FORM_HELLO},
		{WIRE_WELCOME, WIRE_FORM_WELCOME},
		{WIRE_REQUEST, WIRE_FORM_REQUEST},
		{WIRE_REQUEST_REPLY, WIRE_FORM_REQUEST_REPLY},
		{WIRE_ANSWER, WIRE_FORM_ANSWER},
		{WIRE_PULL, WIRE_FORM_PULL},
	};

	*at = 0;
	if (form == WIRE_FORM_ENTRY || form == WIRE_FORM_FORMATION_MEMBER) {
		bool entry = form == WIRE_FORM_ENTRY;

		*at = entry ? (size_t)WIRE_FORM_SIZE_APPEND : (size_t)WIRE_FORM_SIZE_FORMATION;
		return type == (entry ? WIRE_APPEND : WIRE_FORMATION) && size > *at;
	}
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (forms[i].form == form)
			return forms[i].type == type;
	}
	return false;
}
