/*
 * The codec of what is not raft's: requests and answers in parts, greetings, settings, and the
 * local socket's headers. The invariants are those of wire.c.
 */
#include "dataplane/wire.h"

#include "base/parts.h"
#include "dataplane/stream.h"
#include "dataplane/wire_fields.h"

#include <errno.h>

/* --- parts ------------------------------------------------------------------------------- */

/* WIRE_FORM_COUNT: it carries none. */
static enum wire_form part_form(uint8_t type)
{
	switch (type) {
	case WIRE_PROPOSE:
		return WIRE_FORM_PROPOSE;
	case WIRE_REQUEST:
		return WIRE_FORM_REQUEST;
	case WIRE_ANSWER:
		return WIRE_FORM_ANSWER;
	case WIRE_PULL:
		return WIRE_FORM_PULL;
	default:
		return WIRE_FORM_COUNT;
	}
}

/* What no row of one field says: a PULL asks for what there is. */
static bool part_valid(enum wire_form form, const uint8_t *data)
{
	uint32_t count;

	if (!wire_form_valid(form, data))
		return false;
	count = parts_count((uint32_t)WIRE_GET(data, PULL_TOTAL_SIZE));
	return form != WIRE_FORM_PULL ||
	       WIRE_GET(data, PULL_WANTED) <= count - WIRE_GET(data, PULL_PART);
}

size_t wire_part_encode(const struct wire_part *part, uint8_t type, uint8_t *out)
{
	enum wire_form form = part_form(type);

	assert(form != WIRE_FORM_COUNT);
	assert(part->size <= WIRE_PART_SIZE);
	memset(out, 0, WIRE_PART_HEADER_SIZE);
	WIRE_PUT(out, REQUEST_COOKIE, part->cookie);
	WIRE_PUT(out, REQUEST_REQUEST_ID, part->request_id);
	WIRE_PUT(out, REQUEST_TOTAL_SIZE, part->total_size);
	WIRE_PUT(out, REQUEST_PART, part->part);
	WIRE_PUT(out, REQUEST_WANTED, part->wanted);
	WIRE_PUT(out, REQUEST_KIND, part->kind);
	WIRE_PUT(out, REQUEST_STATUS, part->status);
	WIRE_PUT(out, REQUEST_FLAGS, part->more || part->repeated);
	WIRE_PUT(out, REQUEST_PIECE, part->piece);
	WIRE_PUT(out, REQUEST_TIME, type == WIRE_REQUEST ? part->timeout_us : part->answer_id);
	assert(part_valid(form, out));
	if (part->size)
		memcpy(out + WIRE_PART_HEADER_SIZE, part->data, part->size);
	return (size_t)WIRE_PART_HEADER_SIZE + part->size;
}

int wire_part_decode(struct wire_part *out, uint8_t type, const uint8_t *data, size_t size)
{
	enum wire_form form = part_form(type);
	bool pull = type == WIRE_PULL;
	uint64_t time;

	if (form == WIRE_FORM_COUNT || size < WIRE_PART_HEADER_SIZE ||
	    size > WIRE_PART_HEADER_SIZE + WIRE_PART_SIZE || !part_valid(form, data))
		return -EINVAL;
	time = WIRE_GET(data, REQUEST_TIME);
	*out = (struct wire_part){
		.cookie = WIRE_GET(data, REQUEST_COOKIE),
		.request_id = WIRE_GET(data, REQUEST_REQUEST_ID),
		.total_size = (uint32_t)WIRE_GET(data, REQUEST_TOTAL_SIZE),
		.part = (uint16_t)WIRE_GET(data, REQUEST_PART),
		.wanted = (uint16_t)WIRE_GET(data, REQUEST_WANTED),
		.kind = (uint8_t)WIRE_GET(data, REQUEST_KIND),
		.status = (uint8_t)WIRE_GET(data, REQUEST_STATUS),
		.more = type == WIRE_ANSWER && WIRE_GET(data, REQUEST_FLAGS) == 1,
		.repeated = type == WIRE_REQUEST && WIRE_GET(data, REQUEST_FLAGS) == 1,
		.piece = (uint32_t)WIRE_GET(data, REQUEST_PIECE),
		.timeout_us = type == WIRE_REQUEST ? time : 0,
		.answer_id = type == WIRE_REQUEST ? 0 : time,
		.data = pull ? NULL : data + WIRE_PART_HEADER_SIZE,
		.size = (uint32_t)size - WIRE_PART_HEADER_SIZE,
	};
	return out->size == (pull ? 0 : parts_size(out->total_size, out->part)) ? 0 : -EINVAL;
}

/* The four that carry a part have one layout, so one's offsets are all's; so have the replies. */
#define SAME(a, b, field)                                                                     \
	static_assert((int)WIRE_AT_##a##_##field == (int)WIRE_AT_##b##_##field &&             \
			      (int)WIRE_BYTES_##a##_##field == (int)WIRE_BYTES_##b##_##field, \
		      "layout")
#define SAME_PART(type)                  \
	SAME(type, REQUEST, COOKIE);     \
	SAME(type, REQUEST, REQUEST_ID); \
	SAME(type, REQUEST, TOTAL_SIZE); \
	SAME(type, REQUEST, PART);       \
	SAME(type, REQUEST, WANTED);     \
	SAME(type, REQUEST, KIND);       \
	SAME(type, REQUEST, STATUS);     \
	SAME(type, REQUEST, FLAGS);      \
	SAME(type, REQUEST, PIECE);      \
	SAME(type, REQUEST, TIME)
SAME_PART(PROPOSE);
SAME_PART(ANSWER);
SAME_PART(PULL);
SAME(PROPOSE_REPLY, REQUEST_REPLY, COOKIE);
SAME(PROPOSE_REPLY, REQUEST_REPLY, REQUEST_ID);
SAME(PROPOSE_REPLY, REQUEST_REPLY, NEXT_PART);
SAME(PROPOSE_REPLY, REQUEST_REPLY, STATUS);
SAME(PROPOSE_REPLY, REQUEST_REPLY, RETRY_AFTER_US);

static enum wire_form reply_form(uint8_t type)
{
	return type == WIRE_PROPOSE_REPLY ? WIRE_FORM_PROPOSE_REPLY : WIRE_FORM_REQUEST_REPLY;
}

size_t wire_part_reply_encode(const struct wire_part_reply *reply, uint8_t type, uint8_t *out)
{
	assert(type == WIRE_PROPOSE_REPLY || type == WIRE_REQUEST_REPLY);
	memset(out, 0, WIRE_PART_REPLY_SIZE);
	WIRE_PUT(out, REQUEST_REPLY_COOKIE, reply->cookie);
	WIRE_PUT(out, REQUEST_REPLY_REQUEST_ID, reply->request_id);
	WIRE_PUT(out, REQUEST_REPLY_NEXT_PART, reply->next_part);
	WIRE_PUT(out, REQUEST_REPLY_STATUS, reply->status);
	WIRE_PUT(out, REQUEST_REPLY_RETRY_AFTER_US, reply->retry_after_us);
	assert(wire_form_valid(reply_form(type), out));
	return WIRE_PART_REPLY_SIZE;
}

int wire_part_reply_decode(struct wire_part_reply *out, uint8_t type, const uint8_t *data,
			   size_t size)
{
	if ((type != WIRE_PROPOSE_REPLY && type != WIRE_REQUEST_REPLY) ||
	    size != WIRE_PART_REPLY_SIZE || !wire_form_valid(reply_form(type), data))
		return -EINVAL;
	*out = (struct wire_part_reply){
		.cookie = WIRE_GET(data, REQUEST_REPLY_COOKIE),
		.request_id = WIRE_GET(data, REQUEST_REPLY_REQUEST_ID),
		.next_part = (uint16_t)WIRE_GET(data, REQUEST_REPLY_NEXT_PART),
		.status = (uint8_t)WIRE_GET(data, REQUEST_REPLY_STATUS),
		.retry_after_us = WIRE_GET(data, REQUEST_REPLY_RETRY_AFTER_US),
	};
	return 0;
}

/* --- settings, greetings ----------------------------------------------------------------- */

size_t wire_settings_encode(const struct wire_settings *settings, uint8_t *out)
{
	memset(out, 0, WIRE_SETTINGS_SIZE);
	WIRE_PUT(out, SETTINGS_HEARTBEAT_US, settings->heartbeat_us);
	WIRE_PUT(out, SETTINGS_ELECTION_US_MIN, settings->election_us_min);
	WIRE_PUT(out, SETTINGS_ELECTION_US_MAX, settings->election_us_max);
	WIRE_PUT(out, SETTINGS_DURABILITY, settings->durability);
	WIRE_PUT(out, SETTINGS_FULL, settings->full);
	WIRE_PUT(out, SETTINGS_CLIENT_PORT, settings->client_port);
	WIRE_PUT(out, SETTINGS_HEARD_MS, settings->heard_ms);
	WIRE_PUT(out, SETTINGS_QUESTION, settings->question);
	WIRE_PUT(out, SETTINGS_ANSWER, settings->answer);
	WIRE_PUT(out, SETTINGS_SNAPSHOT_INDEX, settings->snapshot_index);
	WIRE_PUT(out, SETTINGS_SNAPSHOT_TERM, settings->snapshot_term);
	WIRE_PUT(out, SETTINGS_SNAPSHOT_HASH, settings->snapshot_hash);
	WIRE_PUT(out, SETTINGS_SNAPSHOT_OWN, settings->snapshot_own);
	WIRE_PUT(out, SETTINGS_DIVERGED, settings->diverged);
	WIRE_PUT(out, SETTINGS_SNAPSHOT_LACKS, settings->snapshot_lacks);
	assert(wire_form_valid(WIRE_FORM_SETTINGS, out));
	return WIRE_SETTINGS_SIZE;
}

int wire_settings_decode(struct wire_settings *out, const uint8_t *data, size_t size)
{
	if (size != WIRE_SETTINGS_SIZE || !wire_form_valid(WIRE_FORM_SETTINGS, data))
		return -EINVAL;
	*out = (struct wire_settings){
		.client_port = (uint16_t)WIRE_GET(data, SETTINGS_CLIENT_PORT),
		.heard_ms = (uint32_t)WIRE_GET(data, SETTINGS_HEARD_MS),
		.full = (uint8_t)WIRE_GET(data, SETTINGS_FULL),
		.heartbeat_us = WIRE_GET(data, SETTINGS_HEARTBEAT_US),
		.election_us_min = WIRE_GET(data, SETTINGS_ELECTION_US_MIN),
		.election_us_max = WIRE_GET(data, SETTINGS_ELECTION_US_MAX),
		.durability = (uint8_t)WIRE_GET(data, SETTINGS_DURABILITY),
		.question = WIRE_GET(data, SETTINGS_QUESTION),
		.answer = WIRE_GET(data, SETTINGS_ANSWER),
		.snapshot_index = WIRE_GET(data, SETTINGS_SNAPSHOT_INDEX),
		.snapshot_term = WIRE_GET(data, SETTINGS_SNAPSHOT_TERM),
		.snapshot_hash = WIRE_GET(data, SETTINGS_SNAPSHOT_HASH),
		.snapshot_own = WIRE_GET(data, SETTINGS_SNAPSHOT_OWN) != 0,
		.diverged = WIRE_GET(data, SETTINGS_DIVERGED) != 0,
		.snapshot_lacks = WIRE_GET(data, SETTINGS_SNAPSHOT_LACKS) != 0,
	};
	return 0;
}

size_t wire_hello_encode(const struct wire_hello *hello, uint8_t type, uint8_t *out)
{
	assert(type == WIRE_HELLO || type == WIRE_WELCOME);
	memset(out, 0, WIRE_HELLO_SIZE);
	WIRE_PUT(out, HELLO_NONCE, hello->nonce);
	if (type == WIRE_HELLO)
		return WIRE_HELLO_SIZE;
	WIRE_PUT(out, WELCOME_COOKIE, hello->cookie);
	WIRE_PUT(out, WELCOME_CLUSTER_ID, hello->cluster_id);
	WIRE_PUT(out, WELCOME_MEMBER_ID, hello->member_id);
	WIRE_PUT(out, WELCOME_COMMIT_INDEX, hello->commit_index);
	assert(wire_form_valid(WIRE_FORM_WELCOME, out));
	return WIRE_HELLO_SIZE;
}

int wire_hello_decode(struct wire_hello *out, uint8_t type, const uint8_t *data, size_t size)
{
	if (size != WIRE_HELLO_SIZE || (type != WIRE_HELLO && type != WIRE_WELCOME) ||
	    !wire_form_valid(type == WIRE_HELLO ? WIRE_FORM_HELLO : WIRE_FORM_WELCOME, data))
		return -EINVAL;
	*out = (struct wire_hello){.nonce = WIRE_GET(data, HELLO_NONCE)};
	if (type == WIRE_WELCOME) {
		out->cookie = WIRE_GET(data, WELCOME_COOKIE);
		out->cluster_id = WIRE_GET(data, WELCOME_CLUSTER_ID);
		out->member_id = WIRE_GET(data, WELCOME_MEMBER_ID);
		out->commit_index = WIRE_GET(data, WELCOME_COMMIT_INDEX);
	}
	return 0;
}

/* --- the local socket -------------------------------------------------------------------- */

static_assert((int)WIRE_FORM_SIZE_STREAM_REQUEST == (int)STREAM_HEADER_SIZE, "layout");
static_assert((int)WIRE_FORM_SIZE_STREAM_ANSWER == (int)STREAM_HEADER_SIZE, "layout");
SAME(STREAM_REQUEST, STREAM_ANSWER, SIZE);
SAME(STREAM_REQUEST, STREAM_ANSWER, FLAGS);
SAME(STREAM_REQUEST, STREAM_ANSWER, REQUEST_ID);
SAME(STREAM_REQUEST, STREAM_ANSWER, TIME_US);
static_assert((int)WIRE_AT_STREAM_REQUEST_KIND == (int)WIRE_AT_STREAM_ANSWER_STATUS, "layout");

static enum wire_form stream_form(enum stream_end from)
{
	return from == STREAM_CLIENT ? WIRE_FORM_STREAM_REQUEST : WIRE_FORM_STREAM_ANSWER;
}

void stream_header_encode(const struct stream_header *h, enum stream_end from,
			  uint8_t out[STREAM_HEADER_SIZE])
{
	memset(out, 0, STREAM_HEADER_SIZE);
	WIRE_PUT(out, STREAM_ANSWER_SIZE, h->size);
	WIRE_PUT(out, STREAM_ANSWER_STATUS, h->code);
	WIRE_PUT(out, STREAM_ANSWER_FLAGS, h->more);
	WIRE_PUT(out, STREAM_ANSWER_REQUEST_ID, h->id);
	WIRE_PUT(out, STREAM_ANSWER_TIME_US, h->time_us);
	assert(wire_form_valid(stream_form(from), out));
}

int stream_header_decode(struct stream_header *out, enum stream_end from,
			 const uint8_t in[STREAM_HEADER_SIZE])
{
	*out = (struct stream_header){
		.size = (uint32_t)WIRE_GET(in, STREAM_ANSWER_SIZE),
		.code = (uint8_t)WIRE_GET(in, STREAM_ANSWER_STATUS),
		.more = WIRE_GET(in, STREAM_ANSWER_FLAGS) == 1,
		.id = WIRE_GET(in, STREAM_ANSWER_REQUEST_ID),
		.time_us = WIRE_GET(in, STREAM_ANSWER_TIME_US),
	};
	return wire_form_valid(stream_form(from), in) ? 0 : -EPROTO;
}
