/*
 * How a request begins, and by what it ends.
 */
#include "serve/internal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

int serve_create(struct serve **out, const struct serve_options *o)
{
	struct serve *s = calloc(1, sizeof(*s));
	int err = -ENOMEM;

	if (!s)
		return -ENOMEM;
	s->sm = o->sm;
	s->port = o->port;
	s->peers = o->peers;
	s->host = o->host;
	s->next_id = o->first_id;
	s->backup_rate = o->backup_rate;
	s->scratch = malloc(PARTS_MESSAGE_SIZE_MAX);
	if (!s->scratch)
		goto err_serve;
	err = requests_create(&s->requests, o->salt);
	if (err)
		goto err_scratch;
	accept_init(s);
	*out = s;
	return 0;

err_scratch:
	free(s->scratch);
err_serve:
	free(s);
	return err;
}

void serve_destroy(struct serve *s)
{
	struct request *q;

	for (int state = REQUEST_RECEIVING; state < REQUEST_ANSWERED; state++) {
		while ((q = TAILQ_FIRST(&s->requests.list[state])))
			serve_cancel(s, q);
	}
	requests_destroy(&s->requests);
	free(s->scratch);
	free(s);
}

void serve_drive(struct serve *s)
{
	command_drive(s);
	query_drive(s);
	stream_drive(s);
}

void serve_progress(struct serve *s, raft_index applied, bool half)
{
	assert(applied >= s->applied);
	s->applied = applied;
	s->half = half;
}

void serve_hold(struct serve *s, bool held)
{
	bool over = s->held && !held;

	s->held = held;
	if (over)
		command_restored(s);
}

void serve_confirmed(struct serve *s, uint64_t context, raft_index index)
{
	/* Rare: the store is full, or was a moment ago. */
	if (s->asked_ns && s->now_ns - s->asked_ns <= REQUEST_TIMEOUT_NS_MAX) {
		command_confirmed(s, context, index);
		accept_confirmed(s, context, index);
	}
	query_confirmed(s, context, index);
}

static uint64_t deadline_of(const struct serve *s, uint64_t timeout_us)
{
	if (timeout_us == 0)
		return s->now_ns + REQUEST_TIMEOUT_NS_DEFAULT;
	if (timeout_us > REQUEST_TIMEOUT_NS_MAX / 1000)
		return s->now_ns + REQUEST_TIMEOUT_NS_MAX;
	return s->now_ns + timeout_us * 1000;
}

bool serve_hear(struct serve *s, uint64_t source, bool proven)
{
	if (shares_hear(&s->requests.shares, source, proven))
		return true;
	s->counters.over++;
	return false;
}

void serve_charge(struct serve *s, const struct request *q, uint32_t units)
{
	shares_charge(&s->requests.shares, q->source, units);
}

bool serve_tell(struct serve *s, uint64_t source)
{
	return shares_tell(&s->requests.shares, source);
}

struct request *serve_open(struct serve *s, struct door *door, uint64_t from, uint64_t id,
			   uint32_t size, uint64_t source, uint64_t timeout_us,
			   enum serve_status *why)
{
	struct request *q;

	s->active = true;
	*why = s->stopping ? SERVE_STOPPING : SERVE_BUSY;
	q = s->stopping ? NULL : request_open(&s->requests, door, from, id, size, source);
	if (s->stopping)
		s->spoke_ns = s->now_ns;
	if (!q) {
		s->counters.refused++;
		s->counters.over += !request_may_open(&s->requests, source);
		return NULL;
	}
	q->deadline_ns = deadline_of(s, timeout_us);
	if (q->buffer)
		parts_begin(&q->buffer->parts, q->buffer->bytes, size);
	return q;
}

static void order(struct serve *s, struct request *q)
{
	size_t size = 0;
	enum serve_status status = s->host->ops->order(
		s->host, q->data, q->size, (char *)s->scratch, PARTS_MESSAGE_SIZE_MAX, &size);

	if (status == SERVE_OK)
		serve_answer(s, q, SERVE_OK, s->scratch, (uint32_t)size);
	else
		serve_refuse(s, q, status);
}

/*
 * What needs the cluster. A command of which a copy may be elsewhere is none of that: that nothing
 * was done is not said of it, so it goes on its way to the leader.
 */
static bool not_for_learner(const struct request *q)
{
	return q->kind == REQUEST_QUERY || q->kind == REQUEST_BACKUP ||
	       (q->kind == REQUEST_COMMAND && !q->strayed);
}

static void begin(struct serve *s, struct request *q)
{
	if (q->source)
		shares_begin(&s->requests.shares, q->source,
			     q->kind == REQUEST_STATUS ? SHARE_STATUS : SHARE_REQUEST);
	if (q->door == &s->gathering) {
		accept_begin(s, q);
		return;
	}
	if (s->corrupt && q->kind != REQUEST_STATUS && q->kind != REQUEST_ORDER) {
		corrupt_refuse(s, q);
		return;
	}
	if (s->learner && not_for_learner(q)) {
		serve_refuse(s, q, SERVE_LEARNER);
		return;
	}
	switch (q->kind) {
	case REQUEST_COMMAND:
		command_begin(s, q);
		return;
	case REQUEST_QUERY:
	case REQUEST_BACKUP:
		query_begin(s, q);
		return;
	case REQUEST_QUERY_LOCAL:
		if (s->retired || s->held)
			serve_refuse(s, q, SERVE_NO_LEADER);
		else if (s->half)
			serve_refuse(s, q, SERVE_BUSY);
		else
			query_answer(s, q);
		return;
	case REQUEST_STATUS:
		serve_answer(s, q, SERVE_OK, s->scratch,
			     (uint32_t)s->host->ops->status(s->host, (char *)s->scratch,
							    PARTS_MESSAGE_SIZE_MAX));
		return;
	case REQUEST_ORDER:
		order(s, q);
		return;
	case REQUEST_KIND_COUNT:
		break;
	}
	serve_refuse(s, q, SERVE_INVALID);
}

void serve_begin(struct serve *s, struct request *q, enum request_kind kind)
{
	assert(q->state == REQUEST_RECEIVING);
	q->kind = kind;
	if (!q->source || shares_may_begin(&s->requests.shares, q->source))
		begin(s, q);
	else
		request_move(&s->requests, q, REQUEST_WAITING);
}

void serve_forward_part(struct serve *s, raft_id from, const struct forward_part *p)
{
	struct request *q = accept_part(s, from, p);

	if (q)
		serve_begin(s, q, REQUEST_COMMAND);
}

/* Those that came first are first, but for what their sources have had. */
static void waiting_drive(struct serve *s)
{
	struct request *q, *next;

	for (q = TAILQ_FIRST(&s->requests.list[REQUEST_WAITING]); q; q = next) {
		next = TAILQ_NEXT(q, list);
		if (!shares_may_begin(&s->requests.shares, q->source))
			continue;
		request_move(&s->requests, q, REQUEST_RECEIVING);
		begin(s, q);
	}
}

void serve_turn(struct serve *s, uint64_t now_ns)
{
	assert(now_ns >= s->now_ns);
	s->now_ns = now_ns;
	s->requests.now_ns = now_ns;
	s->active = false;
	shares_turn(&s->requests.shares);
	waiting_drive(s);
}

struct request *serve_find(struct serve *s, const struct door *door, uint64_t from, uint64_t id)
{
	return request_find(&s->requests, door, from, id);
}

void serve_gathered(struct serve *s, struct request *q)
{
	request_touch(&s->requests, q);
}

bool serve_keep(struct serve *s, struct request *q, const uint8_t *data, uint32_t size)
{
	return request_set_answer(&s->requests, q, data, size);
}

void serve_given(struct serve *s, struct request *q, bool whole)
{
	q->given = q->given || whole;
	request_touch(&s->requests, q);
}

void serve_cancel(struct serve *s, struct request *q)
{
	stream_end(s, q);
	q->door->ops->gone(q->door, q);
	request_close(&s->requests, q);
}

void serve_set_learner(struct serve *s, bool learner)
{
	s->learner = learner;
}

bool serve_active(const struct serve *s)
{
	return s->active || s->requests.in_state[REQUEST_WAITING] > 0;
}

uint32_t serve_open_count(const struct serve *s)
{
	return s->requests.open;
}

uint32_t serve_pending_count(const struct serve *s)
{
	return s->requests.in_state[REQUEST_PROPOSING] + s->requests.in_state[REQUEST_PROPOSED];
}

const struct serve_counters *serve_get_counters(const struct serve *s)
{
	return &s->counters;
}
