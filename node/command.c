/*
 * Commands: from a complete request to a leader's log, here or on the leader. A command may be
 * proposed more than once (a leader fell, a reply was lost): its session and sequence make the
 * state machine apply it once.
 */
#include "node/internal.h"

#include <assert.h>
#include <errno.h>

void command_begin(struct node *n, struct request *q)
{
	if (n->sm->ops->check(n->sm, q->data, q->size, &q->session, &q->sequence)) {
		n->counters.malformed++;
		door_refuse(n, q, WIRE_INVALID);
		return;
	}
	n->counters.commands++;
	request_move(&n->requests, q, REQUEST_PROPOSING);
	request_list_session(&n->requests, q);
	q->resend_ns = n->now_ns;
	q->resend_wait_ns = NODE_RESEND_NS_MIN;
}

static void resend_later(struct node *n, struct request *q)
{
	q->resend_ns = n->now_ns + q->resend_wait_ns;
	if (q->resend_wait_ns < NODE_RESEND_NS_MAX)
		q->resend_wait_ns *= 2;
}

static void send_part(struct node *n, struct request *q, uint32_t peer, uint16_t i)
{
	struct wire_part part = {
		.request_id = q->forward_id,
		.total_size = q->size,
		.part = i,
		.kind = WIRE_COMMAND,
		.data = q->data + (size_t)i * WIRE_PART_SIZE,
		.size = parts_size(q->size, i),
	};
	uint32_t size_max;
	uint8_t *body = dp_begin_peer(n->dp, peer, &size_max);

	if (body)
		dp_end(n->dp, WIRE_PROPOSE, wire_part_encode(&part, body));
}

/* Parts in flight up to the window past what the leader has. */
static void send_window(struct node *n, struct request *q, uint32_t peer)
{
	uint32_t count = parts_count(q->size);
	uint32_t end = q->parts_acked + (uint32_t)NODE_FORWARD_PARTS;

	for (uint32_t i = q->parts_sent; i < end && i < count; i++) {
		send_part(n, q, peer, (uint16_t)i);
		q->parts_sent = (uint16_t)(i + 1);
	}
}

static void forward(struct node *n, struct request *q, raft_id leader)
{
	int peer = node_peer_find(n, leader);

	if (peer < 0)
		return;
	if (!q->forward_id || q->term != raft_get_term(n->raft)) {
		/* Never that of an earlier life: the leader may still hold parts under it (R42). */
		q->forward_id = ((WAL_START_COUNT(n->recovered.start) << 40) + ++n->next_id) *
					REQUESTS_MAX +
				(uint64_t)(q - n->requests.slot);
		q->parts_acked = 0;
		n->counters.forwarded++;
	}
	q->term = raft_get_term(n->raft);
	q->parts_sent = q->parts_acked;
	send_window(n, q, (uint32_t)peer);
	resend_later(n, q);
}

/*
 * The verdict of admit, made final: "no space" says that nothing was done, so it waits (-EAGAIN)
 * until what this leader's log holds is applied, an earlier copy of the command too.
 */
static int admit(struct node *n, const uint8_t *data, uint32_t size)
{
	int error = n->sm->ops->admit(n->sm, data, size);
	struct raft_status status;

	if (!error)
		return 0;
	raft_get_status(n->raft, &status);
	return n->applied == status.last ? error : -EAGAIN;
}

/* False: the log has no room now, for this one or any after it. */
static bool propose(struct node *n, struct request *q)
{
	raft_index index;
	int error = admit(n, q->data, q->size);

	if (error == -EAGAIN)
		return true;
	if (error == -ENOSPC) {
		door_refuse(n, q, WIRE_NO_SPACE);
		return true;
	}
	assert(error == 0);
	error = raft_propose(n->raft, q->data, q->size, &index, &q->term);
	if (error == -EAGAIN || error == -EREMOTE)
		return false;
	assert(error == 0);
	request_move(&n->requests, q, REQUEST_PROPOSED);
	return true;
}

/*
 * A leader that took a command has it in its log for the whole of its term, so nothing is repeated
 * while the term lasts. After it the command may be lost: it is proposed again.
 */
static void drive_proposed(struct node *n)
{
	raft_term term = raft_get_term(n->raft);
	struct request *q, *next;

	if (n->driven_term == term)
		return;
	n->driven_term = term;
	for (q = TAILQ_FIRST(&n->requests.list[REQUEST_PROPOSED]); q; q = next) {
		next = TAILQ_NEXT(q, list);
		if (q->term == term)
			continue;
		q->resend_ns = n->now_ns;
		q->resend_wait_ns = NODE_RESEND_NS_MIN;
		request_move(&n->requests, q, REQUEST_PROPOSING);
	}
}

void command_drive(struct node *n)
{
	raft_id leader = raft_leader(n->raft);
	struct request *q, *next;

	drive_proposed(n);
	if (!leader)
		return;
	for (q = TAILQ_FIRST(&n->requests.list[REQUEST_PROPOSING]); q; q = next) {
		next = TAILQ_NEXT(q, list);
		if (leader == n->id) {
			if (!propose(n, q))
				return;
		} else if (q->resend_ns <= n->now_ns) {
			forward(n, q, leader);
		}
	}
}

void command_applied(struct node *n, const struct sm_result *result)
{
	struct request *q;

	while ((q = request_find_session(&n->requests, result->session, result->sequence)))
		door_answer(n, q, WIRE_OK, result->data, result->size);
}

void command_propose_reply(struct node *n, uint32_t peer, const struct wire_part_reply *reply)
{
	struct request *q = &n->requests.slot[reply->request_id % REQUESTS_MAX];

	/* In an older term's log it may be lost, and a new term puts back only what it finds. */
	if (q->state != REQUEST_PROPOSING || q->forward_id != reply->request_id ||
	    q->term != raft_get_term(n->raft) || n->peer[peer].member_id != raft_leader(n->raft))
		return;
	if (reply->status == WIRE_BUSY) {
		/* The hint is a peer's word: it may not put the command off for good. */
		q->resend_ns = n->now_ns + (reply->retry_after_us < NODE_RESEND_NS_MAX / 1000
						    ? reply->retry_after_us * 1000
						    : NODE_RESEND_NS_MAX);
		return;
	}
	if (reply->status == WIRE_NO_SPACE || reply->status == WIRE_INVALID) {
		door_refuse(n, q, (enum wire_status)reply->status);
		return;
	}
	if (reply->status != WIRE_OK || reply->next_part > parts_count(q->size))
		return; /* NOT_LEADER: the resend asks whoever leads then */
	if (reply->next_part <= q->parts_acked)
		return;
	q->parts_acked = reply->next_part;
	if (q->parts_sent < q->parts_acked)
		q->parts_sent = q->parts_acked;
	q->resend_wait_ns = NODE_RESEND_NS_MIN;
	q->resend_ns = n->now_ns + q->resend_wait_ns;
	if (q->parts_acked == parts_count(q->size))
		request_move(&n->requests, q, REQUEST_PROPOSED);
	else
		send_window(n, q, peer);
}

static void send_propose_reply(struct node *n, uint32_t peer, uint64_t id, uint32_t next_part,
			       enum wire_status status)
{
	struct wire_part_reply reply = {
		.request_id = id,
		.next_part = (uint16_t)next_part,
		.status = (uint8_t)status,
		.retry_after_us = status == WIRE_BUSY ? NODE_RETRY_AFTER_US : 0,
	};
	uint32_t size_max;
	uint8_t *body = dp_begin_peer(n->dp, peer, &size_max);

	if (body)
		dp_end(n->dp, WIRE_PROPOSE_REPLY, wire_part_reply_encode(&reply, body));
}

static enum wire_status propose_forwarded(struct node *n, const uint8_t *data, uint32_t size)
{
	uint64_t session, sequence;
	raft_index index;
	raft_term term;

	if (n->sm->ops->check(n->sm, data, size, &session, &sequence)) {
		n->counters.malformed++;
		return WIRE_INVALID;
	}
	int error = admit(n, data, size);
	if (error)
		return error == -EAGAIN ? WIRE_BUSY : WIRE_NO_SPACE;
	switch (raft_propose(n->raft, data, size, &index, &term)) {
	case 0:
		return WIRE_OK;
	case -EAGAIN:
		return WIRE_BUSY;
	default:
		return WIRE_NOT_LEADER;
	}
}

/*
 * The leader's end. A command of one part keeps nothing here: one that arrives twice is proposed
 * twice, and applied once. A larger one is assembled in a request of its own, which stays for a
 * while to answer late duplicates.
 */
void command_propose_part(struct node *n, uint32_t peer, const struct wire_part *part)
{
	struct request *q;
	enum wire_status status;

	if (raft_leader(n->raft) != n->id) {
		send_propose_reply(n, peer, part->request_id, 0, WIRE_NOT_LEADER);
		return;
	}
	if (parts_count(part->total_size) == 1) {
		status = propose_forwarded(n, part->data, part->size);
		send_propose_reply(n, peer, part->request_id, status == WIRE_OK, status);
		return;
	}
	q = request_find_peer(&n->requests, peer, part->request_id);
	if (!q) {
		q = request_open(&n->requests, REQUEST_FROM_PEER, part->request_id,
				 part->total_size);
		if (!q) {
			send_propose_reply(n, peer, part->request_id, 0, WIRE_BUSY);
			return;
		}
		q->peer = peer;
		parts_begin(q->parts, q->buffer, part->total_size);
	}
	if (q->state == REQUEST_ANSWERED) {
		send_propose_reply(n, peer, q->id, q->parts->part_count, WIRE_OK);
		return;
	}
	q->deadline_ns = n->now_ns + REQUEST_TIMEOUT_NS_DEFAULT;
	parts_add(q->parts, part);
	status = WIRE_OK;
	if (parts_complete(q->parts)) {
		status = propose_forwarded(n, q->data, q->size);
		if (status == WIRE_OK) {
			request_move(&n->requests, q, REQUEST_ANSWERED);
			q->deadline_ns = n->now_ns + NODE_RESEND_NS_MAX;
		}
	}
	/* A refusal leaves the last part wanted: its resend tries again. */
	send_propose_reply(n, peer, q->id, q->parts->next - (status != WIRE_OK), status);
}
