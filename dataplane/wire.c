/*
 * The wire's codec: dataplane/wire.h has the byte tables.
 *
 * Invariants of every decoder:
 *	1. A length is compared with the bytes that are there before anything behind it is read.
 *	2. What it accepts, the encoder can have written: re-encoding gives the same bytes. So a
 *	   field that must be zero is zero, and no value has two forms.
 *	3. Bad bytes are -EINVAL, never an assertion; what we encode ourselves is asserted against
 *	   the same table.
 */
#include "dataplane/wire.h"

#include "base/bytes.h"
#include "base/parts.h"
#include "dataplane/wire_fields.h"
#include "raft/entry.h"

#include <errno.h>

enum {
	/* The largest MTU that a port is given: jumbo frames. */
	MTU_MAX = 9216,
};

static_assert((int)WIRE_FORM_SIZE_ENVELOPE == (int)WIRE_ENVELOPE_SIZE, "layout");
static_assert((int)WIRE_FORM_SIZE_APPEND == (int)WIRE_APPEND_SIZE, "layout");
static_assert((int)WIRE_FORM_SIZE_ENTRY == (int)WIRE_ENTRY_HEADER_SIZE, "layout");
static_assert((int)WIRE_FORM_SIZE_SETTINGS == (int)WIRE_SETTINGS_SIZE, "layout");
static_assert((int)WIRE_FORM_SIZE_HELLO == (int)WIRE_HELLO_SIZE, "layout");
static_assert((int)WIRE_FORM_SIZE_WELCOME == (int)WIRE_HELLO_SIZE, "layout");
static_assert((int)WIRE_FORM_SIZE_REQUEST == (int)WIRE_PART_HEADER_SIZE, "layout");
static_assert((int)WIRE_FORM_SIZE_REQUEST_REPLY == (int)WIRE_PART_REPLY_SIZE, "layout");
static_assert((MTU_MAX - WIRE_IP_UDP_SIZE - WIRE_ENVELOPE_SIZE - WIRE_APPEND_SIZE) /
			      WIRE_ENTRY_HEADER_SIZE <=
		      WIRE_ENTRIES_MAX,
	      "as many empty entries as a frame can carry can be decoded");
static_assert(WIRE_MESSAGE_SIZE_MAX <= UINT32_MAX, "sizes of messages are 32 bits");

static bool type_known(uint8_t type)
{
	return (type >= WIRE_VOTE && type <= WIRE_SNAPSHOT_CHUNK) ||
	       (type >= WIRE_HELLO && type <= WIRE_PULL);
}

void wire_envelope_encode(const struct wire_envelope *envelope, uint8_t *out)
{
	assert(type_known(envelope->type));
	memset(out, 0, WIRE_ENVELOPE_SIZE);
	WIRE_PUT(out, ENVELOPE_MAGIC, WIRE_MAGIC);
	WIRE_PUT(out, ENVELOPE_VERSION, WIRE_VERSION);
	WIRE_PUT(out, ENVELOPE_READABLE, WIRE_VERSION);
	WIRE_PUT(out, ENVELOPE_TYPE, envelope->type);
	WIRE_PUT(out, ENVELOPE_BODY_SIZE, envelope->body_size);
	WIRE_PUT(out, ENVELOPE_CLUSTER_ID, envelope->cluster_id);
	WIRE_PUT(out, ENVELOPE_SOURCE_ID, envelope->source_id);
	WIRE_PUT(out, ENVELOPE_SOURCE_IDENTITY, envelope->source_identity);
	WIRE_PUT(out, ENVELOPE_SOURCE_START, envelope->source_start);
	WIRE_PUT(out, ENVELOPE_DESTINATION_IDENTITY, envelope->destination_identity);
	assert(wire_form_valid(WIRE_FORM_ENVELOPE, out));
}

enum wire_verdict wire_envelope_decode(struct wire_envelope *out, const uint8_t *data, size_t size)
{
	uint64_t version, readable;

	if (size < WIRE_ENVELOPE_SIZE)
		return WIRE_VERDICT_SHORT;
	if (WIRE_GET(data, ENVELOPE_MAGIC) != WIRE_MAGIC)
		return WIRE_VERDICT_MAGIC;
	version = WIRE_GET(data, ENVELOPE_VERSION);
	readable = WIRE_GET(data, ENVELOPE_READABLE);
	/* A newer release says by its second byte that we can read it: its bytes are then ours. */
	if (readable < 1 || readable > WIRE_VERSION || version < readable)
		return WIRE_VERDICT_VERSION;
	if (!type_known(data[WIRE_AT_ENVELOPE_TYPE]))
		return WIRE_VERDICT_TYPE;
	if (WIRE_GET(data, ENVELOPE_BODY_SIZE) != size - WIRE_ENVELOPE_SIZE)
		return WIRE_VERDICT_SIZE;
	if (!wire_form_valid(WIRE_FORM_ENVELOPE, data))
		return WIRE_VERDICT_RANGE;
	*out = (struct wire_envelope){
		.type = (uint8_t)WIRE_GET(data, ENVELOPE_TYPE),
		.body_size = (uint16_t)WIRE_GET(data, ENVELOPE_BODY_SIZE),
		.cluster_id = WIRE_GET(data, ENVELOPE_CLUSTER_ID),
		.source_id = WIRE_GET(data, ENVELOPE_SOURCE_ID),
		.source_identity = WIRE_GET(data, ENVELOPE_SOURCE_IDENTITY),
		.source_start = WIRE_GET(data, ENVELOPE_SOURCE_START),
		.destination_identity = WIRE_GET(data, ENVELOPE_DESTINATION_IDENTITY),
	};
	return WIRE_VERDICT_GOOD;
}

/* Behind the headers, one of the body among them. */
static uint32_t room(uint16_t mtu, uint32_t body_header)
{
	uint32_t headers = WIRE_IP_UDP_SIZE + WIRE_ENVELOPE_SIZE + body_header;
	uint32_t usable = mtu < MTU_MAX ? mtu : MTU_MAX;

	return usable > headers ? usable - headers : 0;
}

uint32_t wire_append_size_max(uint16_t mtu)
{
	return room(mtu, WIRE_APPEND_SIZE);
}

uint32_t wire_snapshot_chunk_size_max(uint16_t mtu)
{
	return room(mtu, WIRE_CHUNK_HEADER_SIZE);
}

/* --- raft's messages --------------------------------------------------------------------- */

static size_t entry_encode(const struct raft_entry *entry, uint8_t *out)
{
	memset(out, 0, WIRE_ENTRY_HEADER_SIZE);
	WIRE_PUT(out, ENTRY_TERM, entry->term);
	WIRE_PUT(out, ENTRY_SIZE, entry->size);
	WIRE_PUT(out, ENTRY_TYPE, entry->type);
	WIRE_PUT(out, ENTRY_FLAGS, entry->flags);
	assert(wire_form_valid(WIRE_FORM_ENTRY, out));
	if (entry->size)
		memcpy(out + WIRE_ENTRY_HEADER_SIZE, entry->data, entry->size);
	return (size_t)WIRE_ENTRY_HEADER_SIZE + entry->size;
}

/* The entries behind the body; 0: they do not fit. */
static size_t entries_encode(const struct raft_message *message, uint8_t *out, size_t size_max)
{
	const struct raft_append *append = &message->append;
	size_t size = WIRE_APPEND_SIZE;

	for (uint32_t i = 0; i < append->entry_count; i++) {
		const struct raft_entry *entry = &append->entries[i];

		assert(entry->index == append->prev_index + 1 + i);
		assert(entry->size <= RAFT_ENTRY_DATA_MAX);
		if (size_max - size < (size_t)WIRE_ENTRY_HEADER_SIZE + entry->size)
			return 0;
		size += entry_encode(entry, out + size);
	}
	return size;
}

static void append_encode(const struct raft_append *append, uint8_t *out)
{
	WIRE_PUT(out, APPEND_PREV_INDEX, append->prev_index);
	WIRE_PUT(out, APPEND_PREV_TERM, append->prev_term);
	WIRE_PUT(out, APPEND_COMMIT, append->commit);
	WIRE_PUT(out, APPEND_READ_SEQ, append->read_seq);
	WIRE_PUT(out, APPEND_ENTRY_COUNT, append->entry_count);
	WIRE_PUT(out, APPEND_URGENT, append->urgent);
}

static_assert((int)WIRE_FORM_SIZE_APPEND_REPLY <= (int)WIRE_APPEND_SIZE,
	      "an answer passes where an empty APPEND does, and no way is probed for it (path.h)");

/* Bits of its doubts. */
static const uint64_t DOUBT_START = 1, DOUBT_DISK = 2, DOUBT_STATE = 4, DOUBT_LEAD = 8;

static void append_reply_encode(const struct raft_append_reply *reply, uint8_t *out)
{
	WIRE_PUT(out, APPEND_REPLY_MATCH, reply->match);
	WIRE_PUT(out, APPEND_REPLY_MATCH_TERM, reply->match_term);
	WIRE_PUT(out, APPEND_REPLY_PREV_INDEX, reply->prev_index);
	WIRE_PUT(out, APPEND_REPLY_READ_SEQ, reply->read_seq);
	WIRE_PUT(out, APPEND_REPLY_ACCEPTED, reply->accepted);
	WIRE_PUT(out, APPEND_REPLY_LOST, reply->lost);
	WIRE_PUT(out, APPEND_REPLY_DOUBTS,
		 (reply->unconfirmed ? DOUBT_START : 0) | (reply->stalled ? DOUBT_DISK : 0) |
			 (reply->stateless ? DOUBT_STATE : 0) | (reply->unfit ? DOUBT_LEAD : 0));
	WIRE_PUT(out, APPEND_REPLY_PRIORITY, reply->priority);
	WIRE_PUT(out, APPEND_REPLY_PROMISE_US, reply->promise_us);
}

/* PREVOTE begins as VOTE does, and so do their answers. */
static_assert((int)WIRE_AT_PREVOTE_LAST_INDEX == (int)WIRE_AT_VOTE_LAST_INDEX &&
		      (int)WIRE_AT_PREVOTE_LAST_TERM == (int)WIRE_AT_VOTE_LAST_TERM &&
		      (int)WIRE_AT_PREVOTE_REPLY_GRANTED == (int)WIRE_AT_VOTE_REPLY_GRANTED,
	      "layout");

static void vote_encode(const struct raft_vote *vote, uint8_t *out)
{
	WIRE_PUT(out, VOTE_LAST_INDEX, vote->last_index);
	WIRE_PUT(out, VOTE_LAST_TERM, vote->last_term);
}

static void snapshot_encode(const struct raft_snapshot *snapshot, uint8_t *out)
{
	WIRE_PUT(out, SNAPSHOT_INDEX, snapshot->index);
	WIRE_PUT(out, SNAPSHOT_ENTRY_TERM, snapshot->term);
	WIRE_PUT(out, SNAPSHOT_SIZE, snapshot->size);
	WIRE_PUT(out, SNAPSHOT_HASH, snapshot->hash);
}

static void start_reply_encode(const struct raft_start_reply *reply, uint8_t *out)
{
	WIRE_PUT(out, START_REPLY_ASKED, reply->asked);
	WIRE_PUT(out, START_REPLY_KNOWN_START, reply->known.start);
	WIRE_PUT(out, START_REPLY_KNOWN_TERM, reply->known.term);
	WIRE_PUT(out, START_REPLY_KNOWN_INDEX, reply->known.index);
	WIRE_PUT(out, START_REPLY_ENTRY_TERM, reply->known.entry_term);
}

struct raft_body {
	uint8_t wire;     /* enum wire_type */
	uint8_t form;     /* enum wire_form */
	uint8_t size_min; /* without entries */
};

/* By enum raft_message_type. */
#define RAFT_BODY(type) \
	[RAFT_MESSAGE_##type] = {WIRE_##type, WIRE_FORM_##type, WIRE_FORM_SIZE_##type}
static const struct raft_body raft_bodies[] = {
	RAFT_BODY(VOTE),          RAFT_BODY(VOTE_REPLY),  RAFT_BODY(APPEND),
	RAFT_BODY(APPEND_REPLY),  RAFT_BODY(READ),        RAFT_BODY(READ_REPLY),
	RAFT_BODY(START),         RAFT_BODY(START_REPLY), RAFT_BODY(PREVOTE),
	RAFT_BODY(PREVOTE_REPLY), RAFT_BODY(TIMEOUT_NOW), RAFT_BODY(SNAPSHOT),
};

/* Of types, from RAFT_MESSAGE_VOTE on. */
enum { RAFT_BODY_LAST = sizeof(raft_bodies) / sizeof(raft_bodies[0]) - 1 };

/* Every one begins with its term. */
static_assert((int)WIRE_AT_VOTE_TERM == 0 && (int)WIRE_AT_APPEND_TERM == 0 &&
		      (int)WIRE_AT_READ_TERM == 0 && (int)WIRE_AT_START_TERM == 0,
	      "layout");

size_t wire_raft_encode(const struct raft_message *message, uint8_t *out, size_t out_size_max,
			uint8_t *type)
{
	const struct raft_body *body;

	assert(message->type >= RAFT_MESSAGE_VOTE);
	assert((size_t)message->type <= RAFT_BODY_LAST);
	body = &raft_bodies[message->type];
	if (out_size_max < body->size_min)
		return 0;
	*type = body->wire;
	memset(out, 0, body->size_min);
	WIRE_PUT(out, VOTE_TERM, message->term);
	switch (message->type) {
	case RAFT_MESSAGE_VOTE:
		vote_encode(&message->vote, out);
		WIRE_PUT(out, VOTE_TRANSFER, message->vote.transfer);
		break;
	case RAFT_MESSAGE_PREVOTE:
		vote_encode(&message->vote, out);
		break;
	case RAFT_MESSAGE_VOTE_REPLY:
	case RAFT_MESSAGE_PREVOTE_REPLY:
		WIRE_PUT(out, VOTE_REPLY_GRANTED, message->vote_reply.granted);
		break;
	case RAFT_MESSAGE_TIMEOUT_NOW:
		WIRE_PUT(out, TIMEOUT_NOW_READ_SEQ, message->timeout_now.read_seq);
		break;
	case RAFT_MESSAGE_APPEND:
		if (message->append.entry_count > WIRE_ENTRIES_MAX)
			return 0;
		append_encode(&message->append, out);
		break;
	case RAFT_MESSAGE_APPEND_REPLY:
		append_reply_encode(&message->append_reply, out);
		break;
	case RAFT_MESSAGE_READ:
		WIRE_PUT(out, READ_CONTEXT, message->read.context);
		break;
	case RAFT_MESSAGE_READ_REPLY:
		WIRE_PUT(out, READ_REPLY_CONTEXT, message->read_reply.context);
		WIRE_PUT(out, READ_REPLY_INDEX, message->read_reply.index);
		break;
	case RAFT_MESSAGE_START:
		break;
	case RAFT_MESSAGE_START_REPLY:
		start_reply_encode(&message->start_reply, out);
		break;
	case RAFT_MESSAGE_SNAPSHOT:
		snapshot_encode(&message->snapshot, out);
		break;
	}
	assert(wire_form_valid(body->form, out));
	return message->type == RAFT_MESSAGE_APPEND ? entries_encode(message, out, out_size_max)
						    : body->size_min;
}

/* One entry from `size` bytes; 0: malformed. Returns the bytes that it took. */
static size_t entry_decode(struct raft_entry *out, const uint8_t *data, size_t size)
{
	if (size < WIRE_ENTRY_HEADER_SIZE || !wire_form_valid(WIRE_FORM_ENTRY, data))
		return 0;
	out->term = WIRE_GET(data, ENTRY_TERM);
	out->size = (uint16_t)WIRE_GET(data, ENTRY_SIZE);
	out->type = (uint8_t)WIRE_GET(data, ENTRY_TYPE);
	out->flags = (uint8_t)WIRE_GET(data, ENTRY_FLAGS);
	out->data = data + WIRE_ENTRY_HEADER_SIZE;
	if (out->size > size - WIRE_ENTRY_HEADER_SIZE || !raft_entry_form_valid(out))
		return 0;
	return (size_t)WIRE_ENTRY_HEADER_SIZE + out->size;
}

static int append_decode(struct raft_message *out, struct raft_entry *entries, const uint8_t *data,
			 size_t size)
{
	struct raft_append *append = &out->append;
	size_t at = WIRE_APPEND_SIZE;

	append->prev_index = WIRE_GET(data, APPEND_PREV_INDEX);
	append->prev_term = WIRE_GET(data, APPEND_PREV_TERM);
	append->commit = WIRE_GET(data, APPEND_COMMIT);
	append->read_seq = WIRE_GET(data, APPEND_READ_SEQ);
	append->urgent = WIRE_GET(data, APPEND_URGENT) == 1;
	append->entries = entries;
	append->entry_count = (uint32_t)WIRE_GET(data, APPEND_ENTRY_COUNT);
	if (append->prev_index > RAFT_INDEX_MAX - append->entry_count)
		return -EINVAL;
	for (uint32_t i = 0; i < append->entry_count; i++) {
		raft_term before = i ? entries[i - 1].term : append->prev_term;
		size_t taken = entry_decode(&entries[i], data + at, size - at);

		/* Terms never fall along a log, and a leader has none above its own. */
		if (!taken || entries[i].term < before || entries[i].term > out->term)
			return -EINVAL;
		entries[i].index = append->prev_index + 1 + i;
		at += taken;
	}
	return at == size ? 0 : -EINVAL;
}

static void append_reply_decode(struct raft_append_reply *out, const uint8_t *data)
{
	*out = (struct raft_append_reply){
		.accepted = WIRE_GET(data, APPEND_REPLY_ACCEPTED) == 1,
		.lost = WIRE_GET(data, APPEND_REPLY_LOST) == 1,
		.unconfirmed = (WIRE_GET(data, APPEND_REPLY_DOUBTS) & DOUBT_START) != 0,
		.stalled = (WIRE_GET(data, APPEND_REPLY_DOUBTS) & DOUBT_DISK) != 0,
		.stateless = (WIRE_GET(data, APPEND_REPLY_DOUBTS) & DOUBT_STATE) != 0,
		.unfit = (WIRE_GET(data, APPEND_REPLY_DOUBTS) & DOUBT_LEAD) != 0,
		.priority = (uint8_t)WIRE_GET(data, APPEND_REPLY_PRIORITY),
		.promise_us = (uint32_t)WIRE_GET(data, APPEND_REPLY_PROMISE_US),
		.match = WIRE_GET(data, APPEND_REPLY_MATCH),
		.match_term = WIRE_GET(data, APPEND_REPLY_MATCH_TERM),
		.prev_index = WIRE_GET(data, APPEND_REPLY_PREV_INDEX),
		.read_seq = WIRE_GET(data, APPEND_REPLY_READ_SEQ),
	};
}

static void vote_decode(struct raft_vote *out, const uint8_t *data)
{
	out->last_index = WIRE_GET(data, VOTE_LAST_INDEX);
	out->last_term = WIRE_GET(data, VOTE_LAST_TERM);
}

static void start_reply_decode(struct raft_start_reply *out, const uint8_t *data)
{
	out->asked = WIRE_GET(data, START_REPLY_ASKED);
	out->known.start = WIRE_GET(data, START_REPLY_KNOWN_START);
	out->known.term = WIRE_GET(data, START_REPLY_KNOWN_TERM);
	out->known.index = WIRE_GET(data, START_REPLY_KNOWN_INDEX);
	out->known.entry_term = WIRE_GET(data, START_REPLY_ENTRY_TERM);
}

static void snapshot_decode(struct raft_snapshot *out, const uint8_t *data)
{
	out->index = WIRE_GET(data, SNAPSHOT_INDEX);
	out->term = WIRE_GET(data, SNAPSHOT_ENTRY_TERM);
	out->size = WIRE_GET(data, SNAPSHOT_SIZE);
	out->hash = WIRE_GET(data, SNAPSHOT_HASH);
}

int wire_raft_decode(struct raft_message *out, struct raft_entry entries[WIRE_ENTRIES_MAX],
		     uint8_t type, const uint8_t *data, size_t size)
{
	size_t kind = RAFT_MESSAGE_VOTE;

	while (kind <= RAFT_BODY_LAST && raft_bodies[kind].wire != type)
		kind++;
	if (kind > RAFT_BODY_LAST || size < raft_bodies[kind].size_min ||
	    (type != WIRE_APPEND && size != raft_bodies[kind].size_min) ||
	    !wire_form_valid(raft_bodies[kind].form, data))
		return -EINVAL;
	memset(out, 0, sizeof(*out));
	out->type = (enum raft_message_type)kind;
	out->term = WIRE_GET(data, VOTE_TERM);
	switch (out->type) {
	case RAFT_MESSAGE_VOTE:
		vote_decode(&out->vote, data);
		out->vote.transfer = WIRE_GET(data, VOTE_TRANSFER) == 1;
		break;
	case RAFT_MESSAGE_PREVOTE:
		vote_decode(&out->vote, data);
		break;
	case RAFT_MESSAGE_TIMEOUT_NOW:
		out->timeout_now.read_seq = WIRE_GET(data, TIMEOUT_NOW_READ_SEQ);
		break;
	case RAFT_MESSAGE_VOTE_REPLY:
	case RAFT_MESSAGE_PREVOTE_REPLY:
		out->vote_reply.granted = WIRE_GET(data, VOTE_REPLY_GRANTED) == 1;
		break;
	case RAFT_MESSAGE_APPEND:
		return append_decode(out, entries, data, size);
	case RAFT_MESSAGE_APPEND_REPLY:
		append_reply_decode(&out->append_reply, data);
		break;
	case RAFT_MESSAGE_READ:
		out->read.context = WIRE_GET(data, READ_CONTEXT);
		break;
	case RAFT_MESSAGE_READ_REPLY:
		out->read_reply.context = WIRE_GET(data, READ_REPLY_CONTEXT);
		out->read_reply.index = WIRE_GET(data, READ_REPLY_INDEX);
		break;
	case RAFT_MESSAGE_START:
		break;
	case RAFT_MESSAGE_START_REPLY:
		start_reply_decode(&out->start_reply, data);
		break;
	case RAFT_MESSAGE_SNAPSHOT:
		snapshot_decode(&out->snapshot, data);
		break;
	}
	return 0;
}
