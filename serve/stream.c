/*
 * Answers of more than one piece. The state machine's cursor holds the revision; a piece is made
 * when the door says that the one before it was taken, one piece in a turn, so that neither many
 * streams nor a fast reader hold the loop.
 */
#include "serve/internal.h"

#include <assert.h>
#include <errno.h>

static uint32_t streams_of(const struct serve *s, const struct request *q)
{
	return q->source ? shares_taken(&s->requests.shares, q->source, SHARE_STREAM) : 0;
}

static uint32_t streams_left(const struct serve *s)
{
	assert(s->requests.in_state[REQUEST_STREAMING] <= SM_CURSORS_MAX);
	return SM_CURSORS_MAX - s->requests.in_state[REQUEST_STREAMING];
}

/*
 * How many of others' must end before it may begin (SH4, with the last one for the local socket).
 * One of its own is as good as two: it has one less, and leaves one more.
 */
static int wanting(const struct serve *s, const struct request *asks)
{
	int left = (int)streams_left(s);

	return asks->source ? (int)streams_of(s, asks) + 2 - left : 1 - left;
}

bool stream_may_begin(const struct serve *s, const struct request *q)
{
	return wanting(s, q) <= 0;
}

void stream_end(struct serve *s, struct request *q)
{
	if (!q->rest && !q->backup)
		return;
	if (q->source)
		shares_give(&s->requests.shares, q->source, SHARE_STREAM);
	if (q->rest)
		s->sm->ops->cursor_close(s->sm, q->rest);
	if (q->backup) {
		s->sm->ops->snapshot_close(q->backup);
		s->backups--;
	}
	q->rest = NULL;
	q->backup = NULL;
}

static void push(struct serve *s, struct request *q, uint32_t size)
{
	s->counters.pushes++;
	s->active = true;
	q->pulled = false;
	q->pushed_ns = s->now_ns;
	if (q->door->ops->push(q->door, q, s->scratch, size))
		return;
	stream_end(s, q);
	request_close(&s->requests, q);
}

/* q->rest or q->backup is set. */
static void begin(struct serve *s, struct request *q, uint32_t size)
{
	s->counters.streams++;
	if (q->source)
		shares_take(&s->requests.shares, q->source, SHARE_STREAM);
	request_move(&s->requests, q, REQUEST_STREAMING);
	if (size)
		push(s, q, size);
	else
		q->pulled = true; /* what it waits for is the state machine */
	s->active = true;
}

/* A command was applied, whatever becomes of its answer. */
void stream_cut(struct serve *s, struct request *q, enum serve_status status)
{
	s->counters.streams_cut++;
	stream_end(s, q);
	serve_refuse(s, q, q->kind == REQUEST_COMMAND ? SERVE_UNANSWERED : status);
}

/* The next piece of a backup, and when another may follow. */
static int backup_read(struct serve *s, struct request *q, bool *more)
{
	int size = s->sm->ops->snapshot_read(q->backup, s->scratch, SERVE_BACKUP_PIECE, more);

	if (size < 0)
		return size;
	q->deadline_ns = s->now_ns + SERVE_BACKUP_PATIENCE_NS;
	if (s->backup_rate)
		s->backup_ns = s->now_ns + (uint32_t)size * UINT64_C(1000000000) / s->backup_rate;
	return size;
}

static void step(struct serve *s, struct request *q)
{
	bool more;
	int size = q->backup ? backup_read(s, q, &more)
			     : s->sm->ops->cursor_read(s->sm, q->rest, s->scratch,
						       PARTS_MESSAGE_SIZE_MAX, &more);

	s->active = true;
	if (size < 0) {
		assert(size == -ESTALE || size == -EBUSY);
		stream_cut(s, q, size == -ESTALE ? SERVE_COMPACTED : SERVE_BUSY);
	} else if (!more) {
		stream_end(s, q);
		serve_answer(s, q, SERVE_OK, s->scratch, (uint32_t)size);
	} else if (size > 0) {
		push(s, q, (uint32_t)size);
	}
}

void stream_drive(struct serve *s)
{
	struct request_list *list = &s->requests.list[REQUEST_STREAMING];
	struct request *q;

	if (s->held)
		return;
	s->active |= s->sm->ops->sweep(s->sm);
	if (s->half)
		return;
	TAILQ_FOREACH(q, list, list)
	{
		if (!q->pulled || (q->backup && s->now_ns < s->backup_ns))
			continue;
		/* To the end of the line: the others have their turns. */
		request_move(&s->requests, q, REQUEST_STREAMING);
		step(s, q);
		return;
	}
}

static bool is_silent(const struct serve *s, const struct request *q)
{
	return !q->pulled && s->now_ns >= q->pushed_ns + SERVE_STREAM_PATIENCE_NS;
}

static bool is_own(const struct request *q, const struct request *asks)
{
	return asks->source && q->source == asks->source;
}

static bool are_silent_enough(const struct serve *s, const struct request *asks)
{
	int want = wanting(s, asks);
	const struct request *q;

	TAILQ_FOREACH(q, &s->requests.list[REQUEST_STREAMING], list)
	{
		if (is_silent(s, q))
			want -= is_own(q, asks) ? 2 : 1;
	}
	return want <= 0;
}

/* The one that was silent for longest, of its own if there is one. */
static struct request *silent_of(const struct serve *s, const struct request *asks)
{
	struct request *q, *silent = NULL;

	TAILQ_FOREACH(q, &s->requests.list[REQUEST_STREAMING], list)
	{
		if (!is_silent(s, q))
			continue;
		if (is_own(q, asks))
			return q;
		if (!silent)
			silent = q;
	}
	return silent;
}

/* For who has none, the slowest of the source that has most, if that has one more than it gives. */
static struct request *greedy_of(const struct serve *s, const struct request *asks)
{
	uint32_t most = (uint32_t)wanting(s, asks);
	struct request *q, *greedy = NULL;

	if (streams_of(s, asks))
		return NULL;
	TAILQ_FOREACH(q, &s->requests.list[REQUEST_STREAMING], list)
	{
		if (streams_of(s, q) > most) {
			greedy = q;
			most = streams_of(s, q);
		}
	}
	return greedy;
}

/*
 * Over UDP nothing tells of a client that has gone: its answer would keep a cursor for as long as
 * it had said that it would wait. And who goes on slowly keeps its own as long. The list is in
 * the order of the newest pieces. As many end as it takes, and none if that is not enough. Where
 * there is room the state machine is still giving cursors back: nobody's end is wanted.
 */
void stream_give_way(struct serve *s, const struct request *asks)
{
	bool silent = are_silent_enough(s, asks);
	struct request *q;

	while (!stream_may_begin(s, asks)) {
		q = silent ? silent_of(s, asks) : greedy_of(s, asks);
		if (!q)
			return;
		stream_cut(s, q, SERVE_TIMEOUT);
	}
}

void serve_pulled(struct serve *s, struct request *q)
{
	if (q->state == REQUEST_STREAMING) {
		q->pulled = true;
		s->active = true;
	}
}

void stream_answer(struct serve *s, struct request *q, int size, struct sm_cursor *rest,
		   enum serve_status busy)
{
	if (size >= 0 && rest && !stream_may_begin(s, q)) {
		s->sm->ops->cursor_close(s->sm, rest);
		size = -EBUSY;
	}
	if (size == -EBUSY)
		stream_give_way(s, q);
	if (size < 0)
		serve_refuse(s, q, size == -EBUSY ? busy : SERVE_INVALID);
	else if ((q->rest = rest))
		begin(s, q, (uint32_t)size);
	else
		serve_answer(s, q, SERVE_OK, s->scratch, (uint32_t)size);
}

void stream_backup(struct serve *s, struct request *q)
{
	const bool may = s->backups < SERVE_BACKUPS_MAX && stream_may_begin(s, q);

	q->backup = may ? s->sm->ops->backup(s->sm) : NULL;
	if (q->backup) {
		s->backups++;
		begin(s, q, 0);
		return;
	}
	if (s->backups < SERVE_BACKUPS_MAX)
		stream_give_way(s, q);
	serve_refuse(s, q, SERVE_BUSY);
}

uint64_t stream_deadline(const struct serve *s)
{
	const struct request *q;

	if (s->backups == 0)
		return UINT64_MAX;
	TAILQ_FOREACH(q, &s->requests.list[REQUEST_STREAMING], list)
	{
		if (q->backup && q->pulled)
			return s->backup_ns;
	}
	return UINT64_MAX;
}
