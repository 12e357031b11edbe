/*
 * Commands: from a complete request to a leader's log, here or on the leader. A command may be
 * proposed more than once (a leader fell, a reply was lost): its session and sequence make the
 * state machine apply it once.
 */
#include "serve/internal.h"

#include <assert.h>
#include <errno.h>

void command_begin(struct serve *s, struct request *q)
{
	if (s->sm->ops->check(s->sm, q->data, q->size, &q->session, &q->sequence)) {
		s->counters.malformed++;
		serve_refuse(s, q, SERVE_INVALID);
		return;
	}
	s->counters.commands++;
	request_move(&s->requests, q, REQUEST_PROPOSING);
	request_list_session(&s->requests, q);
	serve_resend_reset(s, q);
}

/*
 * "No space" says that nothing was done, so it waits until what this leader's log holds is applied:
 * an earlier copy of the command may be in it.
 */
int command_admit(struct serve *s, const struct serve_leader *leader, const uint8_t *data,
		  uint32_t size)
{
	int err = leader->full ? -ENOSPC : s->sm->ops->admit(s->sm, data, size);

	if (!err)
		return 0;
	assert(err == -ENOSPC);
	return s->applied == leader->last ? err : -EAGAIN;
}

/* False: the log has no room now, for this one or any after it. */
static bool propose(struct serve *s, struct request *q, const struct serve_leader *leader)
{
	int err = command_admit(s, leader, q->data, q->size);

	if (err == -EAGAIN)
		return true;
	if (err == -ENOSPC) {
		serve_refuse(s, q, SERVE_NO_SPACE);
		return true;
	}
	err = s->port->ops->propose(s->port, q->data, q->size, &q->term);
	if (err == -EAGAIN || err == -EREMOTE)
		return false;
	assert(err == 0);
	request_move(&s->requests, q, REQUEST_PROPOSED);
	return true;
}

/*
 * A leader that took a command has it in its log for the whole of its term, so nothing is repeated
 * while the term lasts. After it the command may be lost: it is proposed again.
 */
static void drive_proposed(struct serve *s, raft_term term)
{
	struct request *q, *next;

	if (s->proposed_term == term)
		return;
	s->proposed_term = term;
	for (q = TAILQ_FIRST(&s->requests.list[REQUEST_PROPOSED]); q; q = next) {
		next = TAILQ_NEXT(q, list);
		if (q->term == term)
			continue;
		serve_resend_reset(s, q);
		request_move(&s->requests, q, REQUEST_PROPOSING);
	}
}

void command_drive(struct serve *s)
{
	struct serve_leader leader;
	struct request *q, *next;

	s->port->ops->leader(s->port, &leader);
	drive_proposed(s, leader.term);
	if (!leader.id)
		return;
	for (q = TAILQ_FIRST(&s->requests.list[REQUEST_PROPOSING]); q; q = next) {
		next = TAILQ_NEXT(q, list);
		if (leader.self) {
			if (!propose(s, q, &leader))
				return;
		} else if (q->resend_ns <= s->now_ns) {
			forward_send(s, q, &leader);
		}
	}
}

void serve_applied(struct serve *s, const struct sm_result *result)
{
	struct request *q;

	while ((q = request_find_session(&s->requests, result->session, result->sequence)))
		serve_answer(s, q, SERVE_OK, result->data, result->size);
}
