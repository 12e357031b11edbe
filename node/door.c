/*
 * The door: requests in, answers out. What cannot be taken is refused here with a hint when to come
 * again.
 *
 * A client's address is proven by its cookie, a keyed hash of the address that only this start of
 * this node can make, before anything is kept for it or anything larger than its packet is sent to
 * it.
 */
#include "node/internal.h"

#include <assert.h>
#include <string.h>

static uint64_t cookie_of(const struct node *n, const struct dp_address *from)
{
	uint8_t in[6], hash[crypto_shorthash_BYTES];
	uint64_t cookie;

	memcpy(in, &from->address, 4);
	memcpy(in + 4, &from->udp_port, 2);
	crypto_shorthash(hash, in, sizeof(in), n->cookie_key);
	memcpy(&cookie, hash, sizeof(cookie));
	return cookie | 1; /* never 0 */
}

static void welcome(struct node *n, const struct dp_datagram *d)
{
	struct wire_hello hello;
	uint32_t size_max;
	uint8_t *body;

	if (wire_hello_decode(&hello, WIRE_HELLO, d->body, d->envelope.body_size)) {
		n->counters.malformed++;
		return;
	}
	body = dp_begin_client(n->dp, &d->from, &size_max);
	if (!body)
		return;
	hello.cookie = cookie_of(n, &d->from);
	hello.cluster_id = n->cluster_id;
	hello.member_id = n->id;
	hello.applied_index = raft_commit(n->raft);
	dp_end(n->dp, WIRE_WELCOME, wire_hello_encode(&hello, WIRE_WELCOME, body));
}

static void send_reply(struct node *n, const struct dp_address *to, const struct wire_part *part,
		       uint32_t next_part, enum wire_status status)
{
	struct wire_part_reply reply = {
		.cookie = part->cookie,
		.request_id = part->request_id,
		.next_part = (uint16_t)next_part,
		.status = (uint8_t)status,
		.retry_after_us = status == WIRE_BUSY ? NODE_RETRY_AFTER_US : 0,
	};
	uint32_t size_max;
	uint8_t *body = dp_begin_client(n->dp, to, &size_max);

	if (body)
		dp_end(n->dp, WIRE_REQUEST_REPLY, wire_part_reply_encode(&reply, body));
}

static void send_answer_part(struct node *n, const struct request *q, uint32_t i)
{
	struct wire_part part = {
		.cookie = q->cookie,
		.request_id = q->id,
		.total_size = q->answer_size,
		.part = (uint16_t)i,
		.kind = (uint8_t)q->kind,
		.status = (uint8_t)q->status,
		.answer_id = q->answer_id,
		.data = q->answer + (size_t)i * WIRE_PART_SIZE,
		.size = parts_size(q->answer_size, i),
	};
	uint32_t size_max;
	uint8_t *body = dp_begin_client(n->dp, &q->from, &size_max);

	if (body)
		dp_end(n->dp, WIRE_ANSWER, wire_part_encode(&part, body));
}

static void begin(struct node *n, struct request *q)
{
	switch (q->kind) {
	case WIRE_COMMAND:
		command_begin(n, q);
		return;
	case WIRE_QUERY:
		query_begin(n, q);
		return;
	case WIRE_QUERY_LOCAL: {
		int size = n->applying_count == 0
				   ? n->sm->ops->query(n->sm, q->data, q->size, n->scratch,
						       WIRE_MESSAGE_SIZE_MAX)
				   : -1;

		if (size < 0)
			door_refuse(n, q, n->applying_count == 0 ? WIRE_INVALID : WIRE_BUSY);
		else
			door_answer(n, q, WIRE_OK, n->scratch, (uint32_t)size);
		return;
	}
	case WIRE_STATUS:
		door_answer(
			n, q, WIRE_OK, n->scratch,
			(uint32_t)node_status_text(n, (char *)n->scratch, METRICS_STATUS_SIZE_MAX));
		return;
	case WIRE_FAULT:
		if (q->origin == REQUEST_FROM_ADMIN)
			door_refuse(n, q, control_faults(n, q->data, q->size));
		else
			door_refuse(n, q, WIRE_REFUSED);
		return;
	}
	door_refuse(n, q, WIRE_INVALID);
}

static uint64_t deadline_of(const struct node *n, uint64_t timeout_us)
{
	if (timeout_us == 0)
		return n->now_ns + REQUEST_TIMEOUT_NS_DEFAULT;
	if (timeout_us > REQUEST_TIMEOUT_NS_MAX / 1000)
		return n->now_ns + REQUEST_TIMEOUT_NS_MAX;
	return n->now_ns + timeout_us * 1000;
}

static struct request *open_client(struct node *n, const struct dp_datagram *d,
				   const struct wire_part *part)
{
	struct request *q = n->stopping ? NULL
					: request_open(&n->requests, REQUEST_FROM_CLIENT,
						       part->request_id, part->total_size);

	if (!q)
		return NULL;
	q->from = d->from;
	q->cookie = part->cookie;
	q->kind = (enum wire_request)part->kind;
	q->deadline_ns = deadline_of(n, part->timeout_us);
	if (q->buffer)
		parts_begin(q->parts, q->buffer, part->total_size);
	return q;
}

static void receive_request(struct node *n, const struct dp_datagram *d,
			    const struct wire_part *part)
{
	struct request *q = request_find_client(&n->requests, &d->from, part->request_id);

	if (!q) {
		q = open_client(n, d, part);
		if (!q) {
			n->counters.refused_busy++;
			send_reply(n, &d->from, part, 0, n->stopping ? WIRE_STOPPING : WIRE_BUSY);
			return;
		}
		if (!q->buffer) {
			memcpy(q->small, part->data, part->size);
			begin(n, q);
			return;
		}
	}
	if (q->state == REQUEST_ANSWERED) {
		send_answer_part(n, q, 0);
		return;
	}
	if (q->state != REQUEST_RECEIVING) {
		send_reply(n, &d->from, part, parts_count(q->size), WIRE_OK);
		return;
	}
	parts_add(q->parts, part);
	send_reply(n, &d->from, part, q->parts->next, WIRE_OK);
	if (parts_complete(q->parts))
		begin(n, q);
}

static void receive_pull(struct node *n, const struct dp_datagram *d, const struct wire_part *part)
{
	struct request *q = request_find_client(&n->requests, &d->from, part->request_id);
	uint32_t count;

	if (!q || q->state != REQUEST_ANSWERED ||
	    (part->answer_id && part->answer_id != q->answer_id))
		return;
	count = parts_count(q->answer_size);
	for (uint32_t i = part->part; i < count && i < part->part + (uint32_t)part->wanted &&
				      i < part->part + (uint32_t)NODE_FORWARD_PARTS;
	     i++)
		send_answer_part(n, q, i);
}

void door_receive(struct node *n, const struct dp_datagram *d)
{
	struct wire_part part;

	if (d->envelope.type == WIRE_HELLO) {
		welcome(n, d);
		return;
	}
	if ((d->envelope.type != WIRE_REQUEST && d->envelope.type != WIRE_PULL) ||
	    wire_part_decode(&part, d->envelope.type, d->body, d->envelope.body_size)) {
		n->counters.malformed++;
		return;
	}
	if (part.cookie != cookie_of(n, &d->from)) {
		n->counters.refused_cookie++;
		send_reply(n, &d->from, &part, 0, WIRE_BAD_COOKIE);
		return;
	}
	if (d->envelope.type == WIRE_REQUEST)
		receive_request(n, d, &part);
	else
		receive_pull(n, d, &part);
}

void door_admin(struct node *n)
{
	struct admin_call *call;

	while (n->admin && (call = admin_take(n->admin))) {
		struct request *q =
			n->stopping ? NULL
				    : request_open(&n->requests, REQUEST_FROM_ADMIN, call->id, 0);

		n->active = true;
		if (!q) {
			call->status = n->stopping ? WIRE_STOPPING : WIRE_BUSY;
			call->retry_after_us = NODE_RETRY_AFTER_US;
			call->answer_size = 0;
			admin_give(n->admin, call);
			continue;
		}
		q->call = call;
		q->kind = (enum wire_request)call->kind;
		q->data = call->data;
		q->size = call->size;
		q->deadline_ns = deadline_of(n, call->timeout_us);
		begin(n, q);
	}
}

void door_answer(struct node *n, struct request *q, enum wire_status status, const uint8_t *answer,
		 uint32_t size)
{
	n->counters.answers++;
	n->active = true;
	q->status = status;
	q->answer_id = ++n->next_id;
	if (q->origin == REQUEST_FROM_ADMIN) {
		struct admin_call *call = q->call;

		assert(size <= WIRE_MESSAGE_SIZE_MAX);
		call->status = (uint8_t)status;
		call->retry_after_us = status == WIRE_BUSY ? NODE_RETRY_AFTER_US : 0;
		call->answer_size = size;
		if (size)
			memcpy(call->answer, answer, size);
		request_close(&n->requests, q);
		admin_give(n->admin, call);
		return;
	}
	/*
	 * Without a buffer for it the answer is not kept: the client is told to come again, and its
	 * retry is a new query, or a command that the state machine remembers.
	 */
	if (!request_set_answer(&n->requests, q, answer, size)) {
		struct wire_part part = {.cookie = q->cookie, .request_id = q->id};

		send_reply(n, &q->from, &part, 0, WIRE_BUSY);
		request_close(&n->requests, q);
		return;
	}
	request_move(&n->requests, q, REQUEST_ANSWERED);
	q->deadline_ns = n->now_ns + REQUEST_KEEP_NS;
	send_answer_part(n, q, 0);
}

void door_refuse(struct node *n, struct request *q, enum wire_status status)
{
	door_answer(n, q, status, NULL, 0);
}

/* Why a command or query that ran out of time did so. */
static enum wire_status timeout_status(const struct node *n, const struct request *q)
{
	bool untouched = q->state == REQUEST_READING || q->state == REQUEST_READABLE ||
			 (q->state == REQUEST_PROPOSING && !q->forward_id && !q->term);

	return untouched && !raft_leader(n->raft) ? WIRE_NO_LEADER : WIRE_TIMEOUT;
}

static bool is_command(enum request_state state)
{
	return state == REQUEST_PROPOSING || state == REQUEST_PROPOSED;
}

static void expire_list(struct node *n, enum request_state state)
{
	bool stop = n->stopping && n->now_ns >= n->stop_ns + NODE_STOP_NS;
	struct request *q, *next;

	for (q = TAILQ_FIRST(&n->requests.list[state]); q; q = next) {
		next = TAILQ_NEXT(q, list);
		if (!stop && q->deadline_ns > n->now_ns)
			continue;
		if (state == REQUEST_RECEIVING || state == REQUEST_ANSWERED) {
			request_close(&n->requests, q);
			continue;
		}
		n->counters.timeouts++;
		n->counters.proposals_failed += is_command(state);
		n->counters.reads_failed += !is_command(state);
		door_refuse(n, q, stop ? WIRE_STOPPING : timeout_status(n, q));
	}
}

void door_expire(struct node *n)
{
	if (n->now_ns < n->next_expiry_ns)
		return;
	n->next_expiry_ns = n->now_ns + NODE_EXPIRY_SCAN_NS;
	if (n->requests.open) {
		expire_list(n, REQUEST_RECEIVING);
		expire_list(n, REQUEST_PROPOSING);
		expire_list(n, REQUEST_PROPOSED);
		expire_list(n, REQUEST_READING);
		expire_list(n, REQUEST_READABLE);
	}
	/* Answers were kept in the order of their deadlines, but for a peer's, which are few. */
	for (struct request *q = TAILQ_FIRST(&n->requests.list[REQUEST_ANSWERED]);
	     q && q->deadline_ns <= n->now_ns; q = TAILQ_FIRST(&n->requests.list[REQUEST_ANSWERED]))
		request_close(&n->requests, q);
}
