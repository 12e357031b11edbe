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

/* How a request uses its buffer. */
static enum buffer_use use_of(const struct request *q)
{
	if (q->state == REQUEST_ANSWERED)
		return q->given ? BUFFER_GIVEN : BUFFER_HELD;
	return q->state == REQUEST_RECEIVING ? BUFFER_HELD : BUFFER_BUSY;
}

/* One that is free, or whose answer was given, is nobody's share. */
static bool is_taken(enum buffer_use use)
{
	return use != BUFFER_FREE && use != BUFFER_GIVEN;
}

static void buffer_use(struct requests *r, struct request *q, enum buffer_use use)
{
	bool was = is_taken(q->buffer->use), is = is_taken(use);

	if (q->source && was && !is)
		shares_give(&r->shares, q->source, q->buffer->size_class);
	assert(was || !is);
	buffers_move(&r->buffers, q->buffer, use);
}

void request_touch(struct requests *r, struct request *q)
{
	q->asked_ns = r->now_ns;
	if (q->buffer)
		buffer_use(r, q, use_of(q));
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
	if (q->buffer)
		buffer_use(r, q, use_of(q));
	if (q->session_listed && state != REQUEST_PROPOSING && state != REQUEST_PROPOSED) {
		LIST_REMOVE(q, by_session);
		q->session_listed = false;
	}
}

static void buffer_give(struct requests *r, uint64_t source, struct buffer *buffer)
{
	if (source && is_taken(buffer->use))
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

static struct request *owner_of_first(const struct requests *r, uint32_t size_class,
				      enum buffer_use use)
{
	const struct buffer *first = TAILQ_FIRST(&r->buffers.list[size_class][use]);

	return first ? first->owner : NULL;
}

/* The one of which nothing was heard for longest, if that is long; each is found so once. */
static struct request *stalest(struct requests *r, uint32_t size_class)
{
	struct request *q;

	while ((q = owner_of_first(r, size_class, BUFFER_HELD)) &&
	       r->now_ns - q->asked_ns > REQUEST_STALE_NS)
		buffer_use(r, q, BUFFER_STALE);
	return owner_of_first(r, size_class, BUFFER_STALE);
}

/* Whoever makes us look at so many buffers pays for it. */
static void looked(struct requests *r, uint64_t source, uint32_t looks)
{
	if (source)
		shares_charge(&r->shares, source, looks / SHARE_LOOKS);
}

/* The stalest of its own, behind however many of others'. */
static struct request *own_stalest(struct requests *r, uint32_t size_class, uint64_t source)
{
	const struct buffer *b;
	uint32_t looks = 0;

	TAILQ_FOREACH(b, &r->buffers.list[size_class][BUFFER_STALE], list)
	{
		if (b->owner->source == source)
			break;
		looks++;
	}
	looked(r, source, looks);
	return b ? b->owner : NULL;
}

/*
 * Of the source that has most, if that is more than this one's share would be: the least recently
 * used that is in nobody's hands.
 */
static struct request *of_the_greediest(struct requests *r, uint32_t size_class, uint64_t source,
					uint32_t taken)
{
	uint32_t most = taken + 1, looks = 0;
	struct request *victim = NULL;

	for (enum buffer_use use = BUFFER_STALE; use <= BUFFER_HELD; use++) {
		const struct buffer *b;

		TAILQ_FOREACH(b, &r->buffers.list[size_class][use], list)
		{
			uint64_t other = b->owner->source;
			uint32_t n = other ? shares_taken(&r->shares, other, size_class) : 0;

			looks++;
			if (other != source && n > most) {
				victim = b->owner;
				most = n;
			}
		}
	}
	looked(r, source, looks);
	return victim;
}

/* One that gives its buffer up, or NULL; in one turn nobody looks at all of them in vain twice. */
static struct request *victim_of(struct requests *r, uint32_t size_class, uint64_t source,
				 uint32_t taken, uint32_t spare)
{
	struct request_barren *barren = &r->barren[size_class];
	struct request *victim = owner_of_first(r, size_class, BUFFER_GIVEN);

	if (victim && (!source || taken < spare))
		return victim;
	/* Who has some gives one of its own for another; who has none may have anybody's. */
	victim = stalest(r, size_class);
	if (victim && taken > 0)
		victim = own_stalest(r, size_class, source);
	if (victim)
		return victim;
	if (spare > 0 || (barren->ns == r->now_ns && taken >= barren->taken))
		return NULL;
	victim = of_the_greediest(r, size_class, source, taken);
	if (!victim)
		*barren = (struct request_barren){r->now_ns, taken};
	return victim;
}

static bool buffer_take(struct requests *r, struct request *q, uint32_t size)
{
	uint32_t size_class = buffers_class(size);
	const uint32_t *count = r->buffers.count[size_class];
	uint32_t spare = count[BUFFER_FREE] + count[BUFFER_GIVEN];
	uint32_t taken = q->source ? shares_taken(&r->shares, q->source, size_class) : 0;
	struct request *victim;

	/* SH4. */
	if (count[BUFFER_FREE] == 0 || (q->source && taken >= spare)) {
		victim = victim_of(r, size_class, q->source, taken, spare);
		if (!victim)
			return false;
		request_close(r, victim);
	}
	q->buffer = buffers_take(&r->buffers, size_class, q);
	if (q->source)
		shares_take(&r->shares, q->source, size_class);
	return true;
}

/* What it has stays until it has a larger one. */
static bool buffer_grow(struct requests *r, struct request *q, uint32_t size)
{
	struct buffer *old = q->buffer;

	if (old && old->size_class >= buffers_class(size))
		return true;
	if (!buffer_take(r, q, size))
		return false;
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
	/* ... and held for nothing else. */
	if (q->answer == q->small_answer)
		request_shed(r, q);
	q->answer_size = size;
	q->given = false;
	request_touch(r, q);
	return true;
}
