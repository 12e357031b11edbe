/*
 * The ends that time brings: a deadline, the stop of the node, an answer that was kept long enough.
 */
#include "serve/internal.h"

/* Why a command or query that ran out of time did so. */
static enum serve_status timeout_status(const struct serve *s, const struct request *q)
{
	bool untouched = q->state == REQUEST_READING || q->state == REQUEST_READABLE ||
			 ((q->state == REQUEST_PROPOSING || q->state == REQUEST_WAITING) &&
			  !q->forward_id && !q->term && !q->strayed);
	struct serve_leader leader;

	s->port->ops->leader(s->port, &leader);
	return untouched && !leader.id ? SERVE_NO_LEADER : SERVE_TIMEOUT;
}

/* The time is ours: what a client says of its own patience holds no buffer. */
static bool is_silent(const struct serve *s, const struct request *q)
{
	return q->state == REQUEST_RECEIVING && q->buffer && !parts_complete(&q->buffer->parts) &&
	       s->now_ns - q->asked_ns >= REQUEST_SILENT_NS;
}

static void expire(struct serve *s, struct request *q, enum serve_status status)
{
	s->counters.commands_failed += q->kind == REQUEST_COMMAND;
	s->counters.reads_failed += q->kind != REQUEST_COMMAND;
	stream_end(s, q);
	serve_refuse(s, q, status);
}

/* Where there is no leader to wait for, nobody waits for his time to be up. */
static void expire_leaderless(struct serve *s)
{
	static const enum request_state states[] = {REQUEST_PROPOSING, REQUEST_PROPOSED,
						    REQUEST_READING, REQUEST_READABLE};
	struct request *q;

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		while ((q = TAILQ_FIRST(&s->requests.list[states[i]])))
			expire(s, q, timeout_status(s, q));
	}
}

static void expire_list(struct serve *s, enum request_state state)
{
	bool stop = s->stopping && s->now_ns >= s->stop_ns + SERVE_STOP_NS;
	struct request *q, *next;

	for (q = TAILQ_FIRST(&s->requests.list[state]); q; q = next) {
		next = TAILQ_NEXT(q, list);
		if (!stop && q->deadline_ns > s->now_ns && !is_silent(s, q))
			continue;
		if (state == REQUEST_RECEIVING || q->door == &s->gathering) {
			serve_cancel(s, q);
			continue;
		}
		s->counters.timeouts++;
		expire(s, q, stop ? SERVE_STOPPING : timeout_status(s, q));
	}
}

void serve_expire(struct serve *s)
{
	struct request *q;

	if (s->leaderless)
		expire_leaderless(s);
	if (s->now_ns < s->next_expiry_ns)
		return;
	s->next_expiry_ns = s->now_ns + SERVE_EXPIRY_SCAN_NS;
	for (int state = REQUEST_RECEIVING; s->requests.open && state < REQUEST_ANSWERED; state++)
		expire_list(s, (enum request_state)state);
	/* Kept in the order of their deadlines, but for a peer's, which are few. */
	while ((q = TAILQ_FIRST(&s->requests.list[REQUEST_ANSWERED])) &&
	       q->deadline_ns <= s->now_ns)
		request_close(&s->requests, q);
}

/* When there is nobody left who is to hear of the stop; 0: nobody is. */
static uint64_t linger_end(const struct serve *s)
{
	uint64_t end = s->spoke_ns + SERVE_LINGER_NS, most = s->stop_ns + SERVE_STOP_NS;

	if (s->spoke_ns == 0)
		return 0;
	return end < most ? end : most;
}

uint64_t serve_deadline(const struct serve *s)
{
	if (s->requests.open)
		return s->next_expiry_ns < stream_deadline(s) ? s->next_expiry_ns
							      : stream_deadline(s);
	return s->stopping && linger_end(s) > s->now_ns ? linger_end(s) : UINT64_MAX;
}

void serve_stop(struct serve *s)
{
	s->stopping = true;
	s->stop_ns = s->now_ns;
}

void serve_retire(struct serve *s)
{
	s->retired = true;
}

bool serve_stopped(const struct serve *s)
{
	return s->stopping && s->requests.open == 0 && s->now_ns >= linger_end(s);
}
