/*
 * The wire's codec: dataplane/wire.h has the byte tables.
 *
 * Invariants of every decoder:
 *	1. A length is compared with the bytes that are there before anything behind it is read.
 *	2. What it accepts, the encoder can have written: re-encoding gives the same bytes. So a
 *	   field that must be zero is zero, and no value has two forms.
 *	3. Bad bytes are -EINVAL, never an assertion; what we encode ourselves is asserted.
 */
#include "dataplane/wire.h"

#include "base/bytes.h"
#include "base/parts.h"
#include "raft/entry.h"

#include <errno.h>

enum {
	VOTE_SIZE = 24,
	VOTE_REPLY_SIZE = 16,
	APPEND_REPLY_SIZE = 48,
	READ_SIZE = 16,
	READ_REPLY_SIZE = 24,
	START_SIZE = 8,
	START_REPLY_SIZE = 48,

	/* The largest MTU that a port is given: jumbo frames. */
	MTU_MAX = 9216,
};

static_assert((MTU_MAX - WIRE_IP_UDP_SIZE - WIRE_ENVELOPE_SIZE - WIRE_APPEND_SIZE) /
			      WIRE_ENTRY_HEADER_SIZE <=
		      WIRE_ENTRIES_MAX,
	      "as many empty entries as a frame can carry can be decoded");
static_assert(WIRE_MESSAGE_SIZE_MAX <= UINT32_MAX, "sizes of messages are 32 bits");

static const uint8_t magic[4] = {'Q', 'U', 'O', 'N'};

const char *wire_status_text(enum wire_status status)
{
#define WIRE_STATUS_TEXT(name, number, text) [number] = text,
	static const char *const words[] = {WIRE_STATUSES(WIRE_STATUS_TEXT)};
#undef WIRE_STATUS_TEXT

	static_assert(sizeof(words) / sizeof(words[0]) == WIRE_STATUS_COUNT,
		      "no number is left out");
	return (unsigned int)status < WIRE_STATUS_COUNT ? words[status]
							: "etcdserver: unknown status";
}

static bool type_known(uint8_t type)
{
	return (type >= WIRE_VOTE && type <= WIRE_PATH_REPLY) ||
	       (type >= WIRE_HELLO && type <= WIRE_PULL);
}

void wire_envelope_encode(const struct wire_envelope *envelope, uint8_t *out)
{
	assert(type_known(envelope->type));
	memset(out, 0, WIRE_ENVELOPE_SIZE);
	memcpy(out, magic, sizeof(magic));
	out[4] = WIRE_VERSION;
	out[5] = WIRE_VERSION;
	out[6] = envelope->type;
	bytes_put16(out + 8, envelope->body_size);
	bytes_put64(out + 16, envelope->cluster_id);
	bytes_put64(out + 24, envelope->source_id);
	bytes_put64(out + 32, envelope->source_identity);
	bytes_put64(out + 40, envelope->source_start);
	bytes_put64(out + 48, envelope->destination_identity);
}

enum wire_verdict wire_envelope_decode(struct wire_envelope *out, const uint8_t *data, size_t size)
{
	if (size < WIRE_ENVELOPE_SIZE)
		return WIRE_VERDICT_SHORT;
	if (memcmp(data, magic, sizeof(magic)) != 0)
		return WIRE_VERDICT_MAGIC;
	/* A newer release says by its second byte that we can read it: its bytes are then ours. */
	if (data[5] < 1 || data[5] > WIRE_VERSION || data[4] < data[5])
		return WIRE_VERDICT_VERSION;
	if (!type_known(data[6]))
		return WIRE_VERDICT_TYPE;
	if (bytes_get16(data + 8) != size - WIRE_ENVELOPE_SIZE)
		return WIRE_VERDICT_SIZE;
	if (data[7] != 0 || !bytes_zero(data + 10, 6) || !bytes_zero(data + 56, 32) ||
	    raft_start_count(bytes_get64(data + 40)) > RAFT_START_COUNT_MAX)
		return WIRE_VERDICT_RESERVED;
	*out = (struct wire_envelope){
		.type = data[6],
		.body_size = bytes_get16(data + 8),
		.cluster_id = bytes_get64(data + 16),
		.source_id = bytes_get64(data + 24),
		.source_identity = bytes_get64(data + 32),
		.source_start = bytes_get64(data + 40),
		.destination_identity = bytes_get64(data + 48),
	};
	return WIRE_VERDICT_GOOD;
}

uint32_t wire_append_size_max(uint16_t mtu)
{
	uint32_t headers = WIRE_IP_UDP_SIZE + WIRE_ENVELOPE_SIZE + WIRE_APPEND_SIZE;
	uint32_t usable = mtu < MTU_MAX ? mtu : MTU_MAX;

	return usable > headers ? usable - headers : 0;
}

static size_t append_encode(const struct raft_message *message, uint8_t *out, size_t size_max)
{
	const struct raft_append *append = &message->append;
	size_t size = WIRE_APPEND_SIZE;

	if (append->entry_count > WIRE_ENTRIES_MAX || size_max < size)
		return 0;
	memset(out, 0, WIRE_APPEND_SIZE);
	bytes_put64(out, message->term);
	bytes_put64(out + 8, append->prev_index);
	bytes_put64(out + 16, append->prev_term);
	bytes_put64(out + 24, append->commit);
	bytes_put64(out + 32, append->read_seq);
	bytes_put16(out + 40, (uint16_t)append->entry_count);
	for (uint32_t i = 0; i < append->entry_count; i++) {
		const struct raft_entry *entry = &append->entries[i];

		assert(entry->index == append->prev_index + 1 + i);
		assert(entry->size <= RAFT_ENTRY_DATA_MAX);
		if (size_max - size < (size_t)WIRE_ENTRY_HEADER_SIZE + entry->size)
			return 0;
		memset(out + size, 0, WIRE_ENTRY_HEADER_SIZE);
		bytes_put64(out + size, entry->term);
		bytes_put16(out + size + 8, entry->size);
		out[size + 10] = entry->type;
		out[size + 11] = entry->flags;
		size += WIRE_ENTRY_HEADER_SIZE;
		if (entry->size)
			memcpy(out + size, entry->data, entry->size);
		size += entry->size;
	}
	return size;
}

static void append_reply_encode(const struct raft_message *message, uint8_t *out)
{
	const struct raft_append_reply *reply = &message->append_reply;

	bytes_put64(out, message->term);
	bytes_put64(out + 8, reply->match);
	bytes_put64(out + 16, reply->match_term);
	bytes_put64(out + 24, reply->prev_index);
	bytes_put64(out + 32, reply->read_seq);
	out[40] = reply->accepted;
	out[41] = reply->lost;
	out[42] = reply->unconfirmed;
}

struct raft_body {
	uint8_t wire;     /* enum wire_type */
	uint8_t size_min; /* without entries */
};

/* By enum raft_message_type. */
static const struct raft_body raft_bodies[] = {
	[RAFT_MESSAGE_VOTE] = {WIRE_VOTE, VOTE_SIZE},
	[RAFT_MESSAGE_VOTE_REPLY] = {WIRE_VOTE_REPLY, VOTE_REPLY_SIZE},
	[RAFT_MESSAGE_APPEND] = {WIRE_APPEND, WIRE_APPEND_SIZE},
	[RAFT_MESSAGE_APPEND_REPLY] = {WIRE_APPEND_REPLY, APPEND_REPLY_SIZE},
	[RAFT_MESSAGE_READ] = {WIRE_READ, READ_SIZE},
	[RAFT_MESSAGE_READ_REPLY] = {WIRE_READ_REPLY, READ_REPLY_SIZE},
	[RAFT_MESSAGE_START] = {WIRE_START, START_SIZE},
	[RAFT_MESSAGE_START_REPLY] = {WIRE_START_REPLY, START_REPLY_SIZE},
};

size_t wire_raft_encode(const struct raft_message *message, uint8_t *out, size_t out_size_max,
			uint8_t *type)
{
	const struct raft_body *body;

	assert(message->type >= RAFT_MESSAGE_VOTE);
	assert(message->type <= RAFT_MESSAGE_START_REPLY);
	body = &raft_bodies[message->type];
	if (out_size_max < body->size_min)
		return 0;
	*type = body->wire;
	memset(out, 0, body->size_min);
	bytes_put64(out, message->term);
	switch (message->type) {
	case RAFT_MESSAGE_VOTE:
		bytes_put64(out + 8, message->vote.last_index);
		bytes_put64(out + 16, message->vote.last_term);
		break;
	case RAFT_MESSAGE_VOTE_REPLY:
		out[8] = message->vote_reply.granted;
		break;
	case RAFT_MESSAGE_APPEND:
		return append_encode(message, out, out_size_max);
	case RAFT_MESSAGE_APPEND_REPLY:
		append_reply_encode(message, out);
		break;
	case RAFT_MESSAGE_READ:
		bytes_put64(out + 8, message->read.context);
		break;
	case RAFT_MESSAGE_READ_REPLY:
		bytes_put64(out + 8, message->read_reply.context);
		bytes_put64(out + 16, message->read_reply.index);
		break;
	case RAFT_MESSAGE_START:
		break;
	case RAFT_MESSAGE_START_REPLY:
		bytes_put64(out + 8, message->start_reply.asked);
		bytes_put64(out + 16, message->start_reply.known.start);
		bytes_put64(out + 24, message->start_reply.known.term);
		bytes_put64(out + 32, message->start_reply.known.index);
		bytes_put64(out + 40, message->start_reply.known.entry_term);
		break;
	}
	return body->size_min;
}

/* One entry from `size` bytes; 0: malformed. Returns the bytes that it took. */
static size_t entry_decode(struct raft_entry *out, const uint8_t *data, size_t size)
{
	if (size < WIRE_ENTRY_HEADER_SIZE)
		return 0;
	out->term = bytes_get64(data);
	out->size = bytes_get16(data + 8);
	out->type = data[10];
	out->flags = data[11];
	out->data = data + WIRE_ENTRY_HEADER_SIZE;
	if (out->size > size - WIRE_ENTRY_HEADER_SIZE)
		return 0;
	if (out->term == 0 || !raft_entry_form_valid(out) || !bytes_zero(data + 12, 4))
		return 0;
	return (size_t)WIRE_ENTRY_HEADER_SIZE + out->size;
}

static int append_decode(struct raft_message *out, struct raft_entry *entries, const uint8_t *data,
			 size_t size)
{
	struct raft_append *append = &out->append;
	size_t at = WIRE_APPEND_SIZE;

	append->prev_index = bytes_get64(data + 8);
	append->prev_term = bytes_get64(data + 16);
	append->commit = bytes_get64(data + 24);
	append->read_seq = bytes_get64(data + 32);
	append->entries = entries;
	append->entry_count = bytes_get16(data + 40);
	if (!bytes_zero(data + 42, 6) || append->entry_count > WIRE_ENTRIES_MAX ||
	    append->prev_index > UINT64_MAX - append->entry_count)
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

static int append_reply_decode(struct raft_message *out, const uint8_t *data)
{
	if (data[40] > 1 || data[41] > 1 || data[42] > 1 || !bytes_zero(data + 43, 5))
		return -EINVAL;
	out->append_reply = (struct raft_append_reply){
		.accepted = data[40],
		.lost = data[41],
		.unconfirmed = data[42],
		.match = bytes_get64(data + 8),
		.match_term = bytes_get64(data + 16),
		.prev_index = bytes_get64(data + 24),
		.read_seq = bytes_get64(data + 32),
	};
	return 0;
}

int wire_raft_decode(struct raft_message *out, struct raft_entry entries[WIRE_ENTRIES_MAX],
		     uint8_t type, const uint8_t *data, size_t size)
{
	size_t kind = RAFT_MESSAGE_VOTE;

	while (kind <= RAFT_MESSAGE_START_REPLY && raft_bodies[kind].wire != type)
		kind++;
	if (kind > RAFT_MESSAGE_START_REPLY || size < raft_bodies[kind].size_min ||
	    (type != WIRE_APPEND && size != raft_bodies[kind].size_min))
		return -EINVAL;
	memset(out, 0, sizeof(*out));
	out->type = (enum raft_message_type)kind;
	out->term = bytes_get64(data);
	switch (out->type) {
	case RAFT_MESSAGE_VOTE:
		out->vote.last_index = bytes_get64(data + 8);
		out->vote.last_term = bytes_get64(data + 16);
		return 0;
	case RAFT_MESSAGE_VOTE_REPLY:
		out->vote_reply.granted = data[8] == 1;
		return data[8] <= 1 && bytes_zero(data + 9, 7) ? 0 : -EINVAL;
	case RAFT_MESSAGE_APPEND:
		return append_decode(out, entries, data, size);
	case RAFT_MESSAGE_APPEND_REPLY:
		return append_reply_decode(out, data);
	case RAFT_MESSAGE_READ:
		out->read.context = bytes_get64(data + 8);
		return 0;
	case RAFT_MESSAGE_READ_REPLY:
		out->read_reply.context = bytes_get64(data + 8);
		out->read_reply.index = bytes_get64(data + 16);
		return 0;
	case RAFT_MESSAGE_START:
		return 0;
	case RAFT_MESSAGE_START_REPLY:
		out->start_reply.asked = bytes_get64(data + 8);
		out->start_reply.known.start = bytes_get64(data + 16);
		out->start_reply.known.term = bytes_get64(data + 24);
		out->start_reply.known.index = bytes_get64(data + 32);
		out->start_reply.known.entry_term = bytes_get64(data + 40);
		return 0;
	}
	return -EINVAL;
}

size_t wire_part_encode(const struct wire_part *part, uint8_t *out)
{
	assert(part->size <= WIRE_PART_SIZE);
	memset(out, 0, WIRE_PART_HEADER_SIZE);
	bytes_put64(out, part->cookie);
	bytes_put64(out + 8, part->request_id);
	bytes_put32(out + 16, part->total_size);
	bytes_put16(out + 20, part->part);
	bytes_put16(out + 22, part->wanted);
	out[24] = part->kind;
	out[25] = part->status;
	out[26] = part->more;
	bytes_put32(out + 28, part->piece);
	/* A type has one of the two: the other is 0. */
	assert(part->timeout_us == 0 || part->answer_id == 0);
	bytes_put64(out + 32, part->timeout_us | part->answer_id);
	if (part->size)
		memcpy(out + WIRE_PART_HEADER_SIZE, part->data, part->size);
	return (size_t)WIRE_PART_HEADER_SIZE + part->size;
}

static bool part_fields_valid(const struct wire_part *p, uint8_t type)
{
	uint32_t count = parts_count(p->total_size);

	switch (type) {
	case WIRE_PROPOSE:
		return p->cookie == 0 && p->kind == WIRE_COMMAND && p->timeout_us == 0 &&
		       p->status == 0 && p->wanted == 0 && !p->more && p->piece == 0;
	case WIRE_REQUEST:
		return p->status == 0 && p->wanted == 0 && !p->more && p->piece == 0;
	case WIRE_ANSWER:
		/* Nothing follows a refusal. */
		return p->wanted == 0 && (!p->more || p->status == WIRE_OK);
	case WIRE_PULL:
		return p->status == 0 && p->wanted >= 1 && p->wanted <= count - p->part && !p->more;
	default:
		return false;
	}
}

int wire_part_decode(struct wire_part *out, uint8_t type, const uint8_t *data, size_t size)
{
	bool answers = type == WIRE_ANSWER || type == WIRE_PULL;
	bool pull = type == WIRE_PULL;
	uint32_t data_size;

	if (size < WIRE_PART_HEADER_SIZE || size > WIRE_PART_HEADER_SIZE + WIRE_PART_SIZE)
		return -EINVAL;
	data_size = (uint32_t)size - WIRE_PART_HEADER_SIZE;
	*out = (struct wire_part){
		.cookie = bytes_get64(data),
		.request_id = bytes_get64(data + 8),
		.total_size = bytes_get32(data + 16),
		.part = bytes_get16(data + 20),
		.wanted = bytes_get16(data + 22),
		.kind = data[24],
		.status = data[25],
		.more = data[26] == 1,
		.piece = bytes_get32(data + 28),
		.timeout_us = answers ? 0 : bytes_get64(data + 32),
		.answer_id = answers ? bytes_get64(data + 32) : 0,
		.data = pull ? NULL : data + WIRE_PART_HEADER_SIZE,
		.size = data_size,
	};
	if (data[26] > 1 || data[27] != 0 || out->total_size > WIRE_MESSAGE_SIZE_MAX ||
	    out->part >= parts_count(out->total_size))
		return -EINVAL;
	if (data_size != (pull ? 0 : parts_size(out->total_size, out->part)))
		return -EINVAL;
	if (out->kind < WIRE_COMMAND || out->kind >= WIRE_REQUEST_END ||
	    out->status >= WIRE_STATUS_COUNT || !part_fields_valid(out, type))
		return -EINVAL;
	return 0;
}

size_t wire_part_reply_encode(const struct wire_part_reply *reply, uint8_t *out)
{
	memset(out, 0, WIRE_PART_REPLY_SIZE);
	bytes_put64(out, reply->cookie);
	bytes_put64(out + 8, reply->request_id);
	bytes_put16(out + 16, reply->next_part);
	out[18] = reply->status;
	bytes_put64(out + 24, reply->retry_after_us);
	return WIRE_PART_REPLY_SIZE;
}

int wire_part_reply_decode(struct wire_part_reply *out, const uint8_t *data, size_t size)
{
	if (size != WIRE_PART_REPLY_SIZE)
		return -EINVAL;
	*out = (struct wire_part_reply){
		.cookie = bytes_get64(data),
		.request_id = bytes_get64(data + 8),
		.next_part = bytes_get16(data + 16),
		.status = data[18],
		.retry_after_us = bytes_get64(data + 24),
	};
	if (out->next_part > WIRE_PARTS_MAX || out->status >= WIRE_STATUS_COUNT ||
	    !bytes_zero(data + 19, 5))
		return -EINVAL;
	return 0;
}

size_t wire_settings_encode(const struct wire_settings *settings, uint8_t *out)
{
	memset(out, 0, WIRE_SETTINGS_SIZE);
	bytes_put64(out, settings->heartbeat_us);
	bytes_put64(out + 8, settings->election_us_min);
	bytes_put64(out + 16, settings->election_us_max);
	out[24] = settings->durability;
	bytes_put64(out + 32, settings->question);
	bytes_put64(out + 40, settings->answer);
	return WIRE_SETTINGS_SIZE;
}

int wire_settings_decode(struct wire_settings *out, const uint8_t *data, size_t size)
{
	if (size != WIRE_SETTINGS_SIZE || !bytes_zero(data + 25, 7))
		return -EINVAL;
	*out = (struct wire_settings){
		.heartbeat_us = bytes_get64(data),
		.election_us_min = bytes_get64(data + 8),
		.election_us_max = bytes_get64(data + 16),
		.durability = data[24],
		.question = bytes_get64(data + 32),
		.answer = bytes_get64(data + 40),
	};
	return 0;
}

size_t wire_hello_encode(const struct wire_hello *hello, uint8_t type, uint8_t *out)
{
	assert(type == WIRE_HELLO || type == WIRE_WELCOME);
	memset(out, 0, WIRE_HELLO_SIZE);
	bytes_put64(out, hello->nonce);
	if (type == WIRE_WELCOME) {
		bytes_put64(out + 8, hello->cookie);
		bytes_put64(out + 16, hello->cluster_id);
		bytes_put64(out + 24, hello->member_id);
		bytes_put64(out + 32, hello->applied_index);
	}
	return WIRE_HELLO_SIZE;
}

int wire_hello_decode(struct wire_hello *out, uint8_t type, const uint8_t *data, size_t size)
{
	size_t used = type == WIRE_WELCOME ? 40 : 8;

	if (size != WIRE_HELLO_SIZE || (type != WIRE_HELLO && type != WIRE_WELCOME) ||
	    !bytes_zero(data + used, WIRE_HELLO_SIZE - used))
		return -EINVAL;
	*out = (struct wire_hello){.nonce = bytes_get64(data)};
	if (type == WIRE_WELCOME) {
		out->cookie = bytes_get64(data + 8);
		out->cluster_id = bytes_get64(data + 16);
		out->member_id = bytes_get64(data + 24);
		out->applied_index = bytes_get64(data + 32);
	}
	return 0;
}
