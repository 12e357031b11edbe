/*
 * How a request ends, and when what it asked of others is asked again.
 */
#include "serve/internal.h"

void serve_answer(struct serve *s, struct request *q, enum serve_status status, const uint8_t *data,
		  uint32_t size)
{
	s->counters.answers++;
	s->active = true;
	s->spoke_ns = s->now_ns;
	q->status = status;
	if (!q->door->ops->answer(q->door, q, status, data, size)) {
		request_close(&s->requests, q);
		return;
	}
	request_move(&s->requests, q, REQUEST_ANSWERED);
	q->deadline_ns = s->now_ns + REQUEST_KEEP_NS;
}

void serve_refuse(struct serve *s, struct request *q, enum serve_status status)
{
	serve_answer(s, q, status, NULL, 0);
}

void serve_resend_reset(const struct serve *s, struct request *q)
{
	q->resend_ns = s->now_ns;
	q->resend_wait_ns = SERVE_RESEND_NS_MIN;
}

void serve_resend_later(const struct serve *s, struct request *q)
{
	q->resend_ns = s->now_ns + q->resend_wait_ns;
	if (q->resend_wait_ns < SERVE_RESEND_NS_MAX)
		q->resend_wait_ns *= 2;
}
