/*
 * The wire's codec: what is written is read back, and nothing else is read at all.
 */
#include "base/bytes.h"
#include "base/parts.h"
#include "dataplane/wire.h"
#include "tests/unit/dataplane/wire_bodies.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BOTH (RAFT_ENTRY_FIRST | RAFT_ENTRY_LAST)

static void assert_entry_equal(const struct raft_entry *a, const struct raft_entry *b)
{
	assert_int_equal(a->index, b->index);
	assert_int_equal(a->term, b->term);
	assert_int_equal(a->size, b->size);
	assert_int_equal(a->type, b->type);
	assert_int_equal(a->flags, b->flags);
	if (a->size)
		assert_memory_equal(a->data, b->data, a->size);
}

static void assert_message_equal(const struct raft_message *a, const struct raft_message *b)
{
	assert_int_equal(a->type, b->type);
	assert_int_equal(a->term, b->term);
	switch (a->type) {
	case RAFT_MESSAGE_VOTE:
	case RAFT_MESSAGE_PREVOTE:
		assert_int_equal(a->vote.last_index, b->vote.last_index);
		assert_int_equal(a->vote.last_term, b->vote.last_term);
		assert_int_equal(a->vote.transfer, b->vote.transfer);
		break;
	case RAFT_MESSAGE_TIMEOUT_NOW:
		assert_int_equal(a->timeout_now.read_seq, b->timeout_now.read_seq);
		break;
	case RAFT_MESSAGE_VOTE_REPLY:
	case RAFT_MESSAGE_PREVOTE_REPLY:
		assert_int_equal(a->vote_reply.granted, b->vote_reply.granted);
		break;
	case RAFT_MESSAGE_APPEND:
		assert_int_equal(a->append.prev_index, b->append.prev_index);
		assert_int_equal(a->append.prev_term, b->append.prev_term);
		assert_int_equal(a->append.commit, b->append.commit);
		assert_int_equal(a->append.read_seq, b->append.read_seq);
		assert_int_equal(a->append.urgent, b->append.urgent);
		assert_int_equal(a->append.entry_count, b->append.entry_count);
		for (uint32_t i = 0; i < a->append.entry_count; i++)
			assert_entry_equal(&a->append.entries[i], &b->append.entries[i]);
		break;
	case RAFT_MESSAGE_APPEND_REPLY:
		assert_int_equal(a->append_reply.accepted, b->append_reply.accepted);
		assert_int_equal(a->append_reply.lost, b->append_reply.lost);
		assert_int_equal(a->append_reply.unconfirmed, b->append_reply.unconfirmed);
		assert_int_equal(a->append_reply.stalled, b->append_reply.stalled);
		assert_int_equal(a->append_reply.stateless, b->append_reply.stateless);
		assert_int_equal(a->append_reply.unfit, b->append_reply.unfit);
		assert_int_equal(a->append_reply.match, b->append_reply.match);
		assert_int_equal(a->append_reply.match_term, b->append_reply.match_term);
		assert_int_equal(a->append_reply.prev_index, b->append_reply.prev_index);
		assert_int_equal(a->append_reply.read_seq, b->append_reply.read_seq);
		assert_int_equal(a->append_reply.priority, b->append_reply.priority);
		assert_int_equal(a->append_reply.promise_us, b->append_reply.promise_us);
		break;
	case RAFT_MESSAGE_READ:
		assert_int_equal(a->read.context, b->read.context);
		break;
	case RAFT_MESSAGE_READ_REPLY:
		assert_int_equal(a->read_reply.context, b->read_reply.context);
		assert_int_equal(a->read_reply.index, b->read_reply.index);
		break;
	case RAFT_MESSAGE_START:
		break;
	case RAFT_MESSAGE_START_REPLY:
		assert_int_equal(a->start_reply.asked, b->start_reply.asked);
		assert_int_equal(a->start_reply.known.start, b->start_reply.known.start);
		assert_int_equal(a->start_reply.known.term, b->start_reply.known.term);
		assert_int_equal(a->start_reply.known.index, b->start_reply.known.index);
		assert_int_equal(a->start_reply.known.entry_term, b->start_reply.known.entry_term);
		break;
	case RAFT_MESSAGE_SNAPSHOT:
		assert_int_equal(a->snapshot.index, b->snapshot.index);
		assert_int_equal(a->snapshot.term, b->snapshot.term);
		assert_int_equal(a->snapshot.size, b->snapshot.size);
		assert_int_equal(a->snapshot.hash, b->snapshot.hash);
		break;
	}
}

static void raft_bodies_round_trip(void **state)
{
	static struct raft_entry entries[WIRE_ENTRIES_MAX];
	uint8_t body[BODIES_SIZE_MAX];

	(void)state;
	for (int i = 0; i < BODIES_MESSAGES; i++) {
		struct raft_message back;
		uint8_t type = 0;
		size_t size = wire_raft_encode(&bodies_messages[i], body, sizeof(body), &type);

		assert_int_not_equal(size, 0);
		assert_int_equal(wire_raft_decode(&back, entries, type, body, size), 0);
		assert_message_equal(&bodies_messages[i], &back);
		/* It fits exactly, and not in a byte less. */
		assert_int_equal(wire_raft_encode(&bodies_messages[i], body, size, &type), size);
		assert_int_equal(wire_raft_encode(&bodies_messages[i], body, size - 1, &type), 0);
	}
}

static void N4_every_truncation_and_every_extension_is_refused(void **state)
{
	uint8_t body[BODIES_SIZE_MAX + 1] = {0}, type;
	uint64_t types = 0;
	size_t size;

	(void)state;
	for (int i = 0; (size = bodies_good(i, &type, body)) > 0; i++) {
		if (type > BODIES_ENVELOPE && type < BODIES_STREAM_REQUEST)
			types |= 1ull << type;
		assert_int_equal(bodies_decode(type, body, size), 0);
		for (size_t less = 0; less < size; less++)
			assert_int_equal(bodies_decode(type, body, less), -EINVAL);
		body[size] = 0;
		assert_int_equal(bodies_decode(type, body, size + 1), -EINVAL);
	}
	/* 1 to 22 and 32 to 37: none was left out. */
	assert_int_equal(types, 0x3f007ffffeull);
}

static void N9_bit_flips_never_do_harm(void **state)
{
	uint8_t body[BODIES_SIZE_MAX], type;
	size_t size;

	(void)state;
	for (int i = 0; (size = bodies_good(i, &type, body)) > 0; i++) {
		for (size_t bit = 0; bit < size * 8; bit++) {
			/*
			 * The data of a large body is opaque: its first bytes stand for the rest.
			 */
			if (bit / 8 > 256 && bit % 61)
				continue;
			body[bit / 8] ^= (uint8_t)(1 << bit % 8);
			bodies_decode(type, body, size);
			body[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	}
}

static void a_body_of_an_unknown_type_is_refused(void **state)
{
	static struct raft_entry entries[WIRE_ENTRIES_MAX];
	uint8_t body[64] = {0};
	struct raft_message message;
	struct wire_part part;
	struct wire_hello hello;

	(void)state;
	for (int type = 0; type < 256; type++) {
		uint8_t t = (uint8_t)type;

		if (t < WIRE_VOTE || t > WIRE_READ_REPLY)
			assert_int_equal(wire_raft_decode(&message, entries, t, body, 24), -EINVAL);
		if (t != WIRE_PROPOSE && t != WIRE_REQUEST && t != WIRE_ANSWER && t != WIRE_PULL) {
			body[24] = WIRE_COMMAND;
			assert_int_equal(wire_part_decode(&part, t, body, 40), -EINVAL);
			body[24] = 0;
		}
		if (t != WIRE_HELLO && t != WIRE_WELCOME)
			assert_int_equal(wire_hello_decode(&hello, t, body, 64), -EINVAL);
	}
}

/* One byte at an offset of a good body makes it bad. */
struct spoiled {
	int body;
	size_t at;
	uint8_t value;
};

enum { APPEND_5 = 5, PART = BODIES_MESSAGES, NO_TYPE = RAFT_ENTRY_TYPE_END };

static const struct spoiled spoiled[] = {
	/* Entries start at 48: a no-op of 16 bytes, a command of 17, ... */
	{2, 8, 2},                            /* granted is neither yes nor no */
	{2, 9, 1},                            /* zero */
	{6, 40, 2},                           /* accepted */
	{6, 43, RAFT_PRIORITY_MAX + 1},       /* priority */
	{APPEND_5, 40, 4},                    /* fewer entries than bytes */
	{APPEND_5, 40, 6},                    /* more */
	{APPEND_5, 41, 0xff},                 /* more than there can be */
	{APPEND_5, 42, 2},                    /* urgent is neither yes nor no */
	{APPEND_5, 43, 1},                    /* zero */
	{APPEND_5, 47, 1},                    /* zero */
	{APPEND_5, 48, 0},                    /* an entry of term 0 */
	{APPEND_5, 48, 10},                   /* of a term above the message's */
	{APPEND_5, 48, 4},                    /* and the next is of a lower one */
	{APPEND_5, 16, 4},                    /* prev_term above the entry's */
	{APPEND_5, 48 + 8, 1},                /* a no-op with data */
	{APPEND_5, 48 + 10, 0},               /* type */
	{APPEND_5, 48 + 10, NO_TYPE},         /* type */
	{APPEND_5, 48 + 11, RAFT_ENTRY_LAST}, /* half a no-op */
	{APPEND_5, 48 + 11, BOTH | 4},        /* an unknown flag */
	{APPEND_5, 48 + 12, 1},               /* zero */
	{APPEND_5, 48 + 15, 1},               /* zero */
	{APPEND_5, 48 + 16 + 9, 0xff},        /* larger than an entry may be */
	{PART + 0, 0, 1},                     /* PROPOSE with a cookie */
	{PART + 0, 24, WIRE_QUERY},           /* PROPOSE of what is not a command */
	{PART + 0, 32, 1},                    /* PROPOSE with a timeout */
	{PART + 1, 17, 4},                    /* a total of less than this part */
	{PART + 1, 19, 1},                    /* a total beyond all bounds */
	{PART + 1, 18, 0x30},                 /* a total just beyond it */
	{PART + 1, 20, 3},                    /* the last part is not whole */
	{PART + 1, 20, 4},                    /* beyond the last part */
	{PART + 1, 22, 1},                    /* wanted */
	{PART + 1, 24, 0},                    /* kind */
	{PART + 1, 24, WIRE_REQUEST_END},     /* kind */
	{PART + 1, 25, 1},                    /* status */
	{PART + 1, 26, 2},                    /* flags that a REQUEST has not */
	{PART + 1, 27, 1},                    /* zero */
	{PART + 1, 28, 1},                    /* a piece of a REQUEST */
	{PART + 1, 31, 1},                    /* the same */
	{PART + 2, 25, STATUS_COUNT},         /* status */
	{PART + 2, 26, 1},                    /* nothing follows a refusal */
	{PART + 2, 26, 2},                    /* flags */
	{PART + 2, 27, 1},                    /* zero */
	{PART + 3, 26, 1},                    /* nothing follows a PULL */
	{PART + 0, 28, 1},                    /* a piece of a PROPOSE */
	{PART + 2, 22, 1},                    /* wanted */
	{PART + 3, 22, 0},                    /* a PULL of nothing */
	{PART + 3, 22, 4},                    /* a PULL past the end */
	{PART + 3, 23, 0xff},                 /* far past it */
	{PART + 3, 25, 1},                    /* status */
	{PART + 4, 18, STATUS_COUNT},         /* status */
	{PART + 4, 19, 1},                    /* zero */
	{PART + 4, 23, 1},                    /* zero */
	{PART + 4, 17, 0xff},                 /* more parts than there can be */
	{PART + 6, 8, 1},                     /* zero after a HELLO's nonce */
	{PART + 6, 63, 1},                    /* zero */
	{PART + 7, 40, 1},                    /* zero after a WELCOME */
	{PART + 7, 63, 1},                    /* zero */
};

static void every_rule_of_a_body_is_kept(void **state)
{
	uint8_t body[BODIES_SIZE_MAX], type;

	(void)state;
	for (size_t i = 0; i < sizeof(spoiled) / sizeof(spoiled[0]); i++) {
		const struct spoiled *s = &spoiled[i];
		size_t size = bodies_good(s->body, &type, body);

		assert_true(s->at < size);
		assert_int_not_equal(body[s->at], s->value);
		body[s->at] = s->value;
		if (bodies_decode(type, body, size) != -EINVAL)
			fail_msg("body %d with %u at %zu was accepted", s->body, s->value, s->at);
	}
}

static void the_last_index_is_in_range_too(void **state)
{
	static struct raft_entry entries[WIRE_ENTRIES_MAX];
	struct raft_message message;
	uint8_t body[BODIES_SIZE_MAX], type;
	size_t size = bodies_good(APPEND_5, &type, body);

	(void)state;
	bytes_put64(body + 8, RAFT_INDEX_MAX - 5);
	assert_int_equal(wire_raft_decode(&message, entries, type, body, size), 0);
	assert_int_equal(entries[4].index, RAFT_INDEX_MAX);
	bytes_put64(body + 8, RAFT_INDEX_MAX - 4);
	assert_int_equal(wire_raft_decode(&message, entries, type, body, size), -EINVAL);
}

static void a_jumbo_frame_of_empty_entries_is_decoded(void **state)
{
	static struct raft_entry entries[WIRE_ENTRIES_MAX], back[WIRE_ENTRIES_MAX];
	uint8_t body[BODIES_SIZE_MAX], type;
	uint32_t count = wire_append_size_max(9216) / WIRE_ENTRY_HEADER_SIZE;
	struct raft_message message = {
		.type = RAFT_MESSAGE_APPEND,
		.term = 1,
		.append = {.entries = entries, .entry_count = count},
	};
	struct raft_message out;
	size_t size;

	(void)state;
	assert_true(count <= WIRE_ENTRIES_MAX);
	for (uint32_t i = 0; i < count; i++)
		entries[i] = (struct raft_entry){
			.index = i + 1, .term = 1, .type = RAFT_ENTRY_NOOP, .flags = BOTH};
	size = wire_raft_encode(&message, body, sizeof(body), &type);
	assert_true(size > 0);
	assert_true(size + WIRE_ENVELOPE_SIZE + WIRE_IP_UDP_SIZE <= 9216);
	assert_int_equal(wire_raft_decode(&out, back, type, body, size), 0);
	assert_int_equal(out.append.entry_count, count);
}

static void the_arithmetic_of_an_mtu(void **state)
{
	(void)state;
	assert_int_equal(wire_append_size_max(1500), 1336);
	assert_true(wire_append_size_max(1500) >= WIRE_ENTRY_HEADER_SIZE + RAFT_ENTRY_DATA_MAX);
	assert_int_equal(wire_append_size_max(9216), 9052);
	assert_int_equal(wire_append_size_max(65535), 9052);
	assert_int_equal(wire_append_size_max(164), 0);
	assert_int_equal(wire_append_size_max(0), 0);
}

static void N12_no_answer_is_larger_than_what_an_unproven_address_sent(void **state)
{
	const struct wire_hello hello = {1, 2, 3, 4, 5};
	const struct wire_part_reply reply = {.status = WIRE_BAD_COOKIE};
	struct wire_part part = {.kind = WIRE_STATUS, .wanted = 1};
	struct wire_members members = {.to = 1, .joined = {.cluster_id = 2, .index = 3}};
	uint8_t a[BODIES_SIZE_MAX], b[BODIES_SIZE_MAX];

	(void)state;
	assert_true(wire_hello_encode(&hello, WIRE_HELLO, a) >=
		    wire_hello_encode(&hello, WIRE_WELCOME, b));
	/* The smallest REQUEST and a PULL, against the refusal of their cookie. */
	assert_true(wire_part_encode(&part, WIRE_PULL, a) >=
		    wire_part_reply_encode(&reply, WIRE_REQUEST_REPLY, b));
	/* A stranger's question, against the largest table. */
	for (raft_id id = 1; id <= RAFT_MEMBERS_MAX; id++)
		members.joined.members.member[members.joined.members.count++] =
			(struct raft_member){.id = id, .identity = id, .voter = id == 1};
	assert_true(wire_who_encode(1, a) >= wire_members_encode(&members, b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(raft_bodies_round_trip),
		cmocka_unit_test(N4_every_truncation_and_every_extension_is_refused),
		cmocka_unit_test(N9_bit_flips_never_do_harm),
		cmocka_unit_test(a_body_of_an_unknown_type_is_refused),
		cmocka_unit_test(every_rule_of_a_body_is_kept),
		cmocka_unit_test(the_last_index_is_in_range_too),
		cmocka_unit_test(a_jumbo_frame_of_empty_entries_is_decoded),
		cmocka_unit_test(the_arithmetic_of_an_mtu),
		cmocka_unit_test(N12_no_answer_is_larger_than_what_an_unproven_address_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
