/*
 * Requests in, answers out, by the datagram.
 *
 * A client's address is proven by its cookie, a keyed hash of the address that only this start of
 * this node can make, before anything is kept for it or anything larger than its packet is sent to
 * it.
 *
 * The outbox of a request is the piece that serve keeps for it; it stays until the client asks for
 * the next one, or for as long as serve keeps an answered request.
 */
#include "doors/udp.h"

#include "doors/words.h"
#include "serve/request.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum {
	PULL_PARTS_MAX = 32, /* for one PULL, as many as a burst takes */
};

struct udp_door {
	struct door door; /* first: a door is cast to its udp_door */
	struct serve *serve;
	struct dp *dp;
	struct door_welcome welcome;
	uint64_t answers; /* ids of answers made so far */
	uint8_t key[UDP_DOOR_KEY_SIZE];
	struct udp_door_counters counters;
};

/* The door_state of this door's requests. */
struct udp_request {
	struct dp_address from;
	uint64_t cookie;
	uint64_t answer_id;
	uint32_t pieces; /* made so far: the last one is in the outbox */
	bool more;       /* and others follow it */
};

static_assert(sizeof(struct udp_request) <= REQUEST_DOOR_SIZE, "it has room for that");
static_assert((int)UDP_DOOR_KEY_SIZE == (int)crypto_shorthash_KEYBYTES, "a key is a key");

static struct udp_door *udp_of(struct door *door)
{
	return (struct udp_door *)door;
}

static struct udp_request *udp_request_of(struct request *q)
{
	return (struct udp_request *)(void *)q->door_state;
}

static uint64_t cookie_of(const struct udp_door *d, const struct dp_address *from)
{
	uint8_t in[6], hash[crypto_shorthash_BYTES];
	uint64_t cookie;

	memcpy(in, &from->address, 4);
	memcpy(in + 4, &from->udp_port, 2);
	crypto_shorthash(hash, in, sizeof(in), d->key);
	memcpy(&cookie, hash, sizeof(cookie));
	return cookie | 1; /* never 0 */
}

static void send_welcome(struct udp_door *d, const struct dp_datagram *datagram)
{
	struct wire_hello hello;
	uint32_t size_max;
	uint8_t *body;

	if (wire_hello_decode(&hello, WIRE_HELLO, datagram->body, datagram->envelope.body_size)) {
		d->counters.malformed++;
		return;
	}
	body = dp_begin_client(d->dp, &datagram->from, &size_max);
	if (!body)
		return;
	hello.cookie = cookie_of(d, &datagram->from);
	hello.cluster_id = d->welcome.cluster_id;
	hello.member_id = d->welcome.member_id;
	hello.commit_index = d->welcome.base;
	dp_end(d->dp, WIRE_WELCOME, wire_hello_encode(&hello, WIRE_WELCOME, body));
}

static void send_reply(struct udp_door *d, const struct dp_address *to, uint64_t cookie,
		       uint64_t id, uint32_t next_part, enum wire_status status)
{
	const struct wire_part_reply reply = {
		.cookie = cookie,
		.request_id = id,
		.next_part = (uint16_t)next_part,
		.status = (uint8_t)status,
		.retry_after_us = status_row(status)->hint_us,
	};
	uint32_t size_max;
	uint8_t *body = dp_begin_client(d->dp, to, &size_max);

	if (body)
		dp_end(d->dp, WIRE_REQUEST_REPLY,
		       wire_part_reply_encode(&reply, WIRE_REQUEST_REPLY, body));
}

static void send_answer_part(struct udp_door *d, struct request *q, uint32_t i)
{
	const struct udp_request *u = udp_request_of(q);
	const struct wire_part part = {
		.cookie = u->cookie,
		.request_id = q->id,
		.total_size = q->answer_size,
		.part = (uint16_t)i,
		.kind = (uint8_t)words_wire_kind(q->kind),
		.status = (uint8_t)q->status,
		.more = u->more,
		.piece = u->pieces - 1,
		.answer_id = u->answer_id,
		.data = q->answer + (size_t)i * WIRE_PART_SIZE,
		.size = parts_size(q->answer_size, i),
	};
	uint32_t size_max;
	uint8_t *body = dp_begin_client(d->dp, &u->from, &size_max);

	if (!body)
		return;
	dp_end(d->dp, WIRE_ANSWER, wire_part_encode(&part, WIRE_ANSWER, body));
	serve_charge(d->serve, q, 1);
	serve_given(d->serve, q, i + 1 == parts_count(q->answer_size));
}

/* Into the outbox, and its first part to the client unasked. */
static bool put_piece(struct udp_door *d, struct request *q, const uint8_t *data, uint32_t size,
		      bool more)
{
	struct udp_request *u = udp_request_of(q);
	bool taken = true;

	/*
	 * Without a buffer for it the answer is not kept: the client is told to come again, and its
	 * retry is a new query. A command was applied, and to come again would say that it was not:
	 * it is told so.
	 */
	if (!serve_keep(d->serve, q, data, size)) {
		d->counters.refused_buffer++;
		if (q->kind != REQUEST_COMMAND) {
			send_reply(d, &u->from, u->cookie, q->id, 0, WIRE_BUSY);
			return false;
		}
		q->status = SERVE_UNANSWERED;
		serve_keep(d->serve, q, NULL, 0);
		taken = !more;
		more = false;
	}
	if (u->pieces == 0)
		u->answer_id = ++d->answers;
	u->pieces++;
	u->more = more;
	send_answer_part(d, q, 0);
	return taken;
}

static bool udp_answer(struct door *door, struct request *q, enum serve_status status,
		       const uint8_t *data, uint32_t size)
{
	assert(q->status == status);
	return put_piece(udp_of(door), q, data, size, false);
}

static bool udp_push(struct door *door, struct request *q, const uint8_t *data, uint32_t size)
{
	return put_piece(udp_of(door), q, data, size, true);
}

/* A client that hears nothing asks again. */
static void udp_gone(struct door *door, struct request *q)
{
	(void)door;
	(void)q;
}

/* Ids are a client's own: others have the same, and so has another one of its host. */
static uint64_t client_of(const struct dp_address *from)
{
	return (uint64_t)from->address << 16 | from->udp_port;
}

static struct request *find(struct udp_door *d, const struct dp_address *from, uint64_t id)
{
	return serve_find(d->serve, &d->door, client_of(from), id);
}

static void begin(struct udp_door *d, struct request *q, uint8_t kind)
{
	enum request_kind serve_kind;
	bool known = words_serve_kind(kind, &serve_kind);

	assert(known); /* receive_request lets no other pass */
	serve_begin(d->serve, q, serve_kind);
}

/* A host, whatever ports it uses: never 0, and no member's id but by chance. */
static uint64_t source_of(const struct dp_address *from)
{
	return UINT64_C(1) << 32 | from->address;
}

static void receive_first(struct udp_door *d, const struct dp_address *from,
			  const struct wire_part *part)
{
	enum serve_status why;
	struct request *q;

	q = serve_open(d->serve, &d->door, client_of(from), part->request_id, part->total_size,
		       source_of(from), part->timeout_us, &why);
	if (!q) {
		/* A client that hears nothing asks again. */
		if (serve_tell(d->serve, source_of(from)))
			send_reply(d, from, part->cookie, part->request_id, 0,
				   (enum wire_status)why);
		return;
	}
	*udp_request_of(q) = (struct udp_request){.from = *from, .cookie = part->cookie};
	q->strayed = part->repeated;
	if (!q->buffer) {
		memcpy(q->small, part->data, part->size);
		begin(d, q, part->kind);
		return;
	}
	wire_part_add(&q->buffer->parts, part);
	send_reply(d, from, part->cookie, q->id, q->buffer->parts.next, WIRE_OK);
}

static void receive_request(struct udp_door *d, const struct dp_address *from,
			    const struct wire_part *part)
{
	enum request_kind kind;
	bool known = words_serve_kind(part->kind, &kind);
	/* What is here whole with its first packet costs a place, or as a copy a packet. */
	bool whole = known && part->total_size <= WIRE_PART_SIZE;
	struct request *q;

	if (!whole && !serve_hear(d->serve, source_of(from), true))
		return;
	/* For the local socket alone; looked at in each part, for the last one decides. */
	if (!known) {
		send_reply(d, from, part->cookie, part->request_id, 0, WIRE_REFUSED);
		return;
	}
	q = find(d, from, part->request_id);
	if (!q) {
		receive_first(d, from, part);
		return;
	}
	if (whole && !serve_hear(d->serve, source_of(from), true))
		return;
	if (udp_request_of(q)->pieces) {
		send_answer_part(d, q, 0);
		return;
	}
	if (q->state != REQUEST_RECEIVING) {
		send_reply(d, from, part->cookie, q->id, parts_count(q->size), WIRE_OK);
		return;
	}
	if (wire_part_add(&q->buffer->parts, part))
		serve_gathered(d->serve, q);
	send_reply(d, from, part->cookie, q->id, q->buffer->parts.next, WIRE_OK);
	if (parts_complete(&q->buffer->parts))
		begin(d, q, part->kind);
}

/* A pull of the piece after that in the outbox says that this one was taken. */
static void receive_pull(struct udp_door *d, const struct dp_address *from,
			 const struct wire_part *part)
{
	struct request *q = find(d, from, part->request_id);
	struct udp_request *u = q ? udp_request_of(q) : NULL;
	uint32_t count;

	if (!q || !u->pieces || (part->answer_id && part->answer_id != u->answer_id)) {
		/* Nobody can continue the answer that it has begun to read. */
		if (part->piece)
			send_reply(d, from, part->cookie, part->request_id, 0, WIRE_TIMEOUT);
		return;
	}
	if (part->piece == u->pieces && u->more) {
		serve_pulled(d->serve, q);
		return;
	}
	if (part->piece != u->pieces - 1) {
		/* Its stream has ended meanwhile: this says how. */
		if (q->status != SERVE_OK)
			send_answer_part(d, q, 0);
		return;
	}
	count = parts_count(q->answer_size);
	for (uint32_t i = part->part; i < count && i < part->part + (uint32_t)part->wanted &&
				      i < part->part + (uint32_t)PULL_PARTS_MAX;
	     i++)
		send_answer_part(d, q, i);
}

void udp_door_receive(struct udp_door *d, const struct dp_datagram *datagram)
{
	uint64_t source = source_of(&datagram->from);
	uint8_t type = datagram->envelope.type;
	struct wire_part part;

	if (type == WIRE_HELLO) {
		if (serve_hear(d->serve, source, false))
			send_welcome(d, datagram);
		return;
	}
	if ((type != WIRE_REQUEST && type != WIRE_PULL) ||
	    wire_part_decode(&part, type, datagram->body, datagram->envelope.body_size)) {
		d->counters.malformed++;
		return;
	}
	if (part.cookie != cookie_of(d, &datagram->from)) {
		d->counters.refused_cookie++;
		if (serve_hear(d->serve, source, false))
			send_reply(d, &datagram->from, part.cookie, part.request_id, 0,
				   WIRE_BAD_COOKIE);
		return;
	}
	if (type == WIRE_REQUEST)
		receive_request(d, &datagram->from, &part);
	else if (serve_hear(d->serve, source, true))
		receive_pull(d, &datagram->from, &part);
}

int udp_door_create(struct udp_door **out, const struct udp_door_options *o)
{
	static const struct door_ops ops = {
		.answer = udp_answer, .push = udp_push, .gone = udp_gone};
	struct udp_door *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	d->door.ops = &ops;
	d->serve = o->serve;
	d->dp = o->dp;
	memcpy(d->key, o->key, sizeof(d->key));
	*out = d;
	return 0;
}

void udp_door_destroy(struct udp_door *d)
{
	free(d);
}

void udp_door_set_welcome(struct udp_door *d, const struct door_welcome *welcome)
{
	d->welcome = *welcome;
}

const struct udp_door_counters *udp_door_get_counters(const struct udp_door *d)
{
	return &d->counters;
}
