/*
 * A member whose state is not the majority's (R51): what it is asked for from its state is refused.
 * A command, too: its verdict would be of that state.
 */
#include "serve/internal.h"

static bool is_shown(const struct request *q)
{
	return q->kind != REQUEST_STATUS && q->kind != REQUEST_ORDER;
}

/* Of a command of which a copy may be elsewhere it is not said that nothing was done. */
void corrupt_refuse(struct serve *s, struct request *q)
{
	bool perhaps = q->kind == REQUEST_COMMAND &&
		       (q->strayed || q->forward_id || q->term || q->state == REQUEST_PROPOSED);

	serve_refuse(s, q, perhaps ? SERVE_TIMEOUT : SERVE_CORRUPT);
}

void serve_corrupt(struct serve *s)
{
	static const enum request_state states[] = {REQUEST_PROPOSING, REQUEST_PROPOSED,
						    REQUEST_READING, REQUEST_READABLE,
						    REQUEST_STREAMING};
	struct request *q, *next;

	s->corrupt = true;
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		for (q = TAILQ_FIRST(&s->requests.list[states[i]]); q; q = next) {
			next = TAILQ_NEXT(q, list);
			if (q->door == &s->gathering || !is_shown(q))
				continue;
			if (states[i] == REQUEST_STREAMING)
				stream_cut(s, q, SERVE_CORRUPT);
			else
				corrupt_refuse(s, q);
		}
	}
}
