#include "serve/request.h"

#include "base/mix.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * Both numbers are others' to choose. The salt is inside: whoever does not know it finds no two
 * pairs that fall together.
 */
static uint32_t bucket_of(const struct requests *r, uint64_t a, uint64_t b)
{
	return (uint32_t)mix(a ^ mix(b ^ r->shares.salt)) & (REQUEST_BUCKETS - 1);
}

int requests_create(struct requests *r, uint64_t salt)
{
	assert(salt);
	memset(r, 0, sizeof(*r));
	r->shares.salt = salt;
	for (int i = 0; i < REQUEST_STATE_COUNT; i++)
		TAILQ_INIT(&r->list[i]);
	r->slot = calloc(REQUESTS_MAX, sizeof(*r->slot));
	if (!r->slot)
		return -ENOMEM;
	for (int i = 0; i < REQUESTS_MAX; i++)
		TAILQ_INSERT_TAIL(&r->list[REQUEST_FREE], &r->slot[i], list);
	r->in_state[REQUEST_FREE] = REQUESTS_MAX;
	return buffers_create(&r->buffers);
}

void requests_destroy(struct requests *r)
{
	buffers_destroy(&r->buffers);
	free(r->slot);
}

static bool is_open(enum request_state state)
{
	return state != REQUEST_FREE && state != REQUEST_ANSWERED;
}

/* One more is open, or one less; who has no share takes none of another's. */
static void opened(struct requests *r, const struct request *q)
{
	r->open++;
	if (q->source)
		shares_open(&r->shares, q->source);
}

static void closed(struct requests *r, const struct request *q)
{
	r->open--;
	if (q->source)
		shares_close(&r->shares, q->source);
}

void request_move(struct requests *r, struct request *q, enum request_state state)
{
	if (is_open(state) && !is_open(q->state))
		opened(r, q);
	else if (!is_open(state) && is_open(q->state))
		closed(r, q);
	r->in_state[state]++;
	r->in_state[q->state]--;
	TAILQ_REMOVE(&r->list[q->state], q, list);
	q->state = state;
	TAILQ_INSERT_TAIL(&r->list[state], q, list);
	if (q->session_listed && state != REQUEST_PROPOSING && state != REQUEST_PROPOSED) {
		LIST_REMOVE(q, by_session);
		q->session_listed = false;
	}
}

static void buffer_give(struct requests *r, uint64_t source, struct buffer *buffer)
{
	shares_give(&r->shares, source, buffer->size_class);
	buffers_give(&r->buffers, buffer);
}

void request_shed(struct requests *r, struct request *q)
{
	if (q->buffer)
		buffer_give(r, q->source, q->buffer);
	q->buffer = NULL;
}

void request_close(struct requests *r, struct request *q)
{
	assert(q->state != REQUEST_FREE);
	request_shed(r, q);
	LIST_REMOVE(q, by_id);
	request_move(r, q, REQUEST_FREE);
}

/* One that is whole in nobody's hands: it is being gathered, or only kept. */
static bool may_give_up(const struct request *q)
{
	return q->state == REQUEST_RECEIVING || q->state == REQUEST_ANSWERED;
}

static bool is_idle(const struct requests *r, const struct request *q)
{
	return may_give_up(q) && ((q->state == REQUEST_ANSWERED && q->given) ||
				  r->now_ns - q->asked_ns > REQUEST_STALE_NS);
}

/* The one that was used longest ago, and of one source if it is to be; answers come first. */
static struct request *oldest(struct requests *r, uint32_t size_class, bool idle,
			      const uint64_t *source)
{
	struct request *best = NULL;

	for (uint32_t i = buffers_first(size_class); i < buffers_end(size_class); i++) {
		struct request *q = r->buffers.buffer[i].owner;

		if (!(idle ? is_idle(r, q) : may_give_up(q)) || (source && q->source != *source))
			continue;
		if (!best || q->state > best->state ||
		    (q->state == best->state && q->asked_ns < best->asked_ns))
			best = q;
	}
	return best;
}

/* Of the source that has most, if that is more than this one's share would be. */
static struct request *of_the_greediest(struct requests *r, uint32_t size_class, uint64_t source)
{
	uint32_t most = shares_taken(&r->shares, source, size_class) + 1;
	struct request *victim = NULL;

	for (uint32_t i = buffers_first(size_class); i < buffers_end(size_class); i++) {
		struct request *q = r->buffers.buffer[i].owner;
		uint32_t n = shares_taken(&r->shares, q->source, size_class);

		if (q->source != source && n > most && may_give_up(q)) {
			victim = q;
			most = n;
		}
	}
	return victim ? oldest(r, size_class, false, &victim->source) : NULL;
}

/* One that gives its buffer up, or NULL; in one turn nobody looks in vain twice. */
static struct request *victim_of(struct requests *r, uint32_t size_class, uint64_t source)
{
	struct request_barren *barren = &r->barren[size_class];
	uint32_t taken = shares_taken(&r->shares, source, size_class);
	struct request *victim;

	if (barren->ns == r->now_ns && taken >= barren->taken)
		return NULL;
	victim = oldest(r, size_class, true, NULL);
	if (!victim)
		victim = of_the_greediest(r, size_class, source);
	if (!victim)
		*barren = (struct request_barren){r->now_ns, taken};
	return victim;
}

static bool buffer_take(struct requests *r, struct request *q, uint32_t size)
{
	uint32_t size_class = buffers_class(size);
	struct request *victim;

	q->buffer = buffers_take(&r->buffers, size_class, q);
	if (!q->buffer) {
		victim = victim_of(r, size_class, q->source);
		if (!victim)
			return false;
		request_close(r, victim);
		q->buffer = buffers_take(&r->buffers, size_class, q);
	}
	shares_take(&r->shares, q->source, size_class);
	return true;
}

/* What it has stays until it has a larger one. */
static bool buffer_grow(struct requests *r, struct request *q, uint32_t size)
{
	struct buffer *old = q->buffer;

	if (old && old->size_class >= buffers_class(size))
		return true;
	if (!buffer_take(r, q, size)) {
		q->buffer = old;
		return false;
	}
	if (old)
		buffer_give(r, q->source, old);
	return true;
}

bool request_may_open(const struct requests *r, uint64_t source)
{
	return !source || shares_may_open(&r->shares, source, REQUESTS_MAX - r->open);
}

struct request *request_open(struct requests *r, struct door *door, uint64_t from, uint64_t id,
			     uint32_t size, uint64_t source)
{
	struct request *q = TAILQ_FIRST(&r->list[REQUEST_FREE]);

	if (!request_may_open(r, source))
		return NULL;
	if (!q) {
		q = TAILQ_FIRST(&r->list[REQUEST_ANSWERED]);
		if (!q)
			return NULL;
		request_close(r, q);
	}
	memset((uint8_t *)q + offsetof(struct request, door), 0,
	       offsetof(struct request, small) - offsetof(struct request, door));
	q->door = door;
	q->from = from;
	q->id = id;
	q->size = size;
	q->source = source;
	q->asked_ns = r->now_ns;
	q->data = q->small;
	if (size > REQUEST_SMALL_SIZE) {
		if (!buffer_take(r, q, size))
			return NULL;
		q->data = q->buffer->bytes;
	}
	LIST_INSERT_HEAD(&r->by_id[bucket_of(r, id, from)], q, by_id);
	request_move(r, q, REQUEST_RECEIVING);
	return q;
}

struct request *request_find(struct requests *r, const struct door *door, uint64_t from,
			     uint64_t id)
{
	struct request *q;

	LIST_FOREACH(q, &r->by_id[bucket_of(r, id, from)], by_id)
	{
		if (q->id == id && q->from == from && q->door == door)
			return q;
	}
	return NULL;
}

void request_list_session(struct requests *r, struct request *q)
{
	assert(!q->session_listed);
	LIST_INSERT_HEAD(&r->by_session[bucket_of(r, q->session, q->sequence)], q, by_session);
	q->session_listed = true;
}

struct request *request_find_session(struct requests *r, uint64_t session, uint64_t sequence)
{
	struct request *q;

	LIST_FOREACH(q, &r->by_session[bucket_of(r, session, sequence)], by_session)
	{
		if (q->session == session && q->sequence == sequence)
			return q;
	}
	return NULL;
}

bool request_set_answer(struct requests *r, struct request *q, const uint8_t *answer, uint32_t size)
{
	assert(size <= PARTS_MESSAGE_SIZE_MAX);
	q->answer = q->small_answer;
	if (size > REQUEST_SMALL_SIZE) {
		/* The request's own bytes are no longer needed: their buffer may do. */
		if (!buffer_grow(r, q, size))
			return false;
		q->answer = q->buffer->bytes;
	}
	if (size)
		memcpy(q->answer, answer, size);
	q->answer_size = size;
	q->asked_ns = r->now_ns;
	q->given = false;
	return true;
}
