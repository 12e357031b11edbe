/*
 * Fuzz target: the core's step from decoded bytes (N9, N15).
 *
 * A core of three, four or five members, a follower, a leader or one that lost writes, is given a
 * row of events: a message that another member may have sent, as bytes that are decoded, time, a
 * disk that is done, a command, a read, a snapshot that was offered and is here, a base. The core
 * asserts its invariants after each (raft/internal.h); and whatever it wants to say must have a
 * form on the wire, whose encoder asserts every range: so no message of anybody leads it to where
 * it could not speak.
 *
 * The input: a byte for the beginning; then events: kind, who, and for a message type, size (2) and
 * body.
 */
#include "dataplane/wire.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/raft/hand.h"

#include "base/bytes.h"
#include "base/mix.h"

#include <stdlib.h>

enum { HEAD_SIZE = 5, EVENTS = 10, EVENT_MESSAGE = 0 };

static void require(bool truth)
{
	if (!truth)
		abort();
}

/* Entries are in the window until the core is given something else. */
static void say(struct hand *h)
{
	static uint8_t body[WIRE_PAYLOAD_1500];
	uint8_t type;

	for (uint32_t i = 0; i < h->sent_count; i++)
		require(wire_raft_encode(&h->sent[i], body, sizeof(body), &type) > 0);
	hand_forget(h);
	h->read_count = 0;
	h->fetch_count = 0;
}

static void message(struct hand *h, raft_id from, uint8_t type, const uint8_t *body, size_t size)
{
	static struct raft_entry entries[WIRE_ENTRIES_MAX];
	struct raft_message decoded;
	const struct raft_message ends = hand_message(h, RAFT_MESSAGE_VOTE, from, 1);

	if (wire_raft_decode(&decoded, entries, type, body, size) != 0)
		return;
	decoded.from = ends.from;
	decoded.to = ends.to;
	decoded.identity = ends.identity;
	decoded.start = ends.start;
	(void)raft_recv(h->r, &decoded);
	hand_take(h);
}

static void install(struct hand *h)
{
	if (h->offers > 0 &&
	    raft_snapshot_wanted(h->r, h->offer.index, h->offer.term) == RAFT_SNAPSHOT_ALONE)
		hand_install(h, h->offer.index, h->offer.term);
}

static void base_move(struct hand *h)
{
	const struct raft_window *w = &h->r->window;
	raft_index to = h->applied < h->r->durable ? h->applied : h->r->durable;

	if (to <= w->base || !raft_window_knows(w, to))
		return;
	hand_snapshot(h, to);
	raft_base_set(h->r, to, raft_window_term(w, to));
	hand_take(h);
}

static void event(struct hand *h, uint8_t kind, uint8_t who)
{
	static const uint8_t data[] = "command";
	raft_index index;
	raft_term term;

	switch (kind % EVENTS) {
	case 1:
	case 2:
		hand_persist(h);
		break;
	case 3:
		hand_tick(h, who * 1000u);
		break;
	case 4:
		hand_tick(h, HAND_ELECTION_US + who * 1000u);
		break;
	case 5:
		(void)raft_propose(h->r, data, sizeof(data), &index, &term);
		hand_take(h);
		break;
	case 6:
		(void)raft_read_index(h->r, who);
		hand_take(h);
		break;
	case 7:
		install(h);
		break;
	case 8:
		base_move(h);
		break;
	default:
		raft_disk_stalled(h->r, who % 2);
		hand_take(h);
		break;
	}
}

static void begin(struct hand *h, uint8_t how)
{
	struct hand_options o = {.nodes = 3 + how % 3};

	if (how & 4) {
		o.terms = "1122";
		o.term = 3;
	}
	if (how & 64) {
		o.base = 3;
		o.base_term = 1;
	}
	o.lost = (how & 24) == 24;
	o.unconfirmed = (how & 32) != 0;
	hand_init(h, o);
	if ((how & 24) == 8 && !o.unconfirmed) {
		hand_persist(h); /* a base may have raised the term */
		hand_elect(h);
		hand_ack(h, 2, raft_last(h->r));
	}
	say(h);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct hand h;

	if (size < 1)
		return 0;
	begin(&h, data[0]);
	data++;
	size--;
	while (size >= 2) {
		uint8_t kind = data[0] % EVENTS, who = data[1];
		size_t body = 0;

		if (kind == EVENT_MESSAGE) {
			if (size < HEAD_SIZE)
				break;
			body = bytes_get16(data + 3);
			if (body > size - HEAD_SIZE)
				body = size - HEAD_SIZE;
			message(&h, 2 + who % 4, data[2], data + HEAD_SIZE, body);
			body += HEAD_SIZE - 2;
		} else {
			event(&h, kind, who);
		}
		say(&h);
		data += 2 + body;
		size -= 2 + body;
	}
	hand_fini(&h);
	return 0;
}

/* --- seeds: messages as members would send them ------------------------------------------ */

/* Small numbers, which are near what the core holds; n is used up. */
static uint64_t take(uint64_t *n, uint64_t below)
{
	uint64_t value = *n % below;

	*n /= below;
	return value;
}

static struct raft_append append_draw(struct raft_entry entry[2], raft_term term, uint64_t *n)
{
	static const uint8_t data[] = "entry";
	struct raft_append a = {.entries = entry};

	a.prev_term = take(n, 3) % (term + 1);
	a.prev_index = a.prev_term ? 1 + take(n, 6) : 0;
	a.commit = take(n, 6);
	a.read_seq = take(n, 4);
	a.entry_count = (uint32_t)take(n, 3);
	for (uint32_t i = 0; i < 2; i++)
		entry[i] = (struct raft_entry){.index = a.prev_index + 1 + i,
					       .term = term,
					       .data = data,
					       .size = sizeof(data),
					       .type = RAFT_ENTRY_COMMAND,
					       .flags = 3};
	return a;
}

static size_t append_message(uint8_t *to, uint64_t *n)
{
	struct raft_message m = {
		.type = (enum raft_message_type)(1 + take(n, RAFT_MESSAGE_SNAPSHOT)),
		.term = 1 + take(n, 5)};
	struct raft_entry entry[2];
	size_t size;

	switch (m.type) {
	case RAFT_MESSAGE_TIMEOUT_NOW:
		m.timeout_now.read_seq = take(n, 4);
		break;
	case RAFT_MESSAGE_SNAPSHOT:
		m.snapshot.term = 1 + take(n, m.term);
		m.snapshot.index = 1 + take(n, 12);
		m.snapshot.size = 1 + take(n, 4096);
		break;
	case RAFT_MESSAGE_VOTE:
	case RAFT_MESSAGE_PREVOTE:
		m.vote.transfer = m.type == RAFT_MESSAGE_VOTE && take(n, 4) == 0;
		m.vote.last_term = take(n, m.term);
		m.vote.last_index = m.vote.last_term ? 1 + take(n, 6) : 0;
		break;
	case RAFT_MESSAGE_VOTE_REPLY:
	case RAFT_MESSAGE_PREVOTE_REPLY:
		m.vote_reply.granted = take(n, 2);
		break;
	case RAFT_MESSAGE_APPEND:
		m.append = append_draw(entry, m.term, n);
		break;
	case RAFT_MESSAGE_APPEND_REPLY:
		m.append_reply.accepted = take(n, 2);
		m.append_reply.match = take(n, 8);
		m.append_reply.prev_index = take(n, 8);
		m.append_reply.read_seq = take(n, 4);
		m.append_reply.lost = take(n, 8) == 0;
		break;
	case RAFT_MESSAGE_READ:
		m.read.context = take(n, 8);
		break;
	case RAFT_MESSAGE_READ_REPLY:
		m.read_reply.context = take(n, 8);
		m.read_reply.index = take(n, 8);
		break;
	case RAFT_MESSAGE_START:
		break;
	case RAFT_MESSAGE_START_REPLY:
		m.start_reply.asked = hand_start(1, 1);
		m.start_reply.known.start = hand_start(1, 1 + (uint32_t)take(n, 2));
		m.start_reply.known.term = take(n, 4);
		m.start_reply.known.index = take(n, 8);
		break;
	}
	to[0] = EVENT_MESSAGE;
	to[1] = (uint8_t)take(n, 4);
	size = wire_raft_encode(&m, to + HEAD_SIZE, 1024, &to[2]);
	require(size > 0);
	bytes_put16(to + 3, (uint16_t)size);
	return HEAD_SIZE + size;
}

size_t fuzz_seed_input(uint64_t n, uint8_t *input)
{
	uint64_t state = n;
	size_t at = 1;

	input[0] = (uint8_t)mix(n);
	for (int i = 0; i < 24; i++) {
		uint64_t bits = mix(++state ^ n << 20);

		if (take(&bits, 3)) {
			at += append_message(input + at, &bits);
		} else {
			input[at++] = (uint8_t)(1 + take(&bits, EVENTS - 1));
			input[at++] = (uint8_t)take(&bits, 64);
		}
	}
	return at;
}
