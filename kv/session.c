/* See kv/session.h for why forgetting a session never applies a command twice. */
#include "kv/session.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mix.h"
#include "kv/hash.h"

static uint32_t class_of(const struct kv_request *request)
{
	return (request->flags & KV_ONE_SHOT) != 0 ? 1 : 0;
}

/* Ids come from clients, who do not know the salt: neither a run of ids nor chosen ones meet. */
static struct kv_session_bucket *bucket_of(const struct kv_session_table *table, uint64_t id)
{
	return &table->bucket[mix(id ^ table->salt) & table->bucket_mask];
}

static uint64_t session_digest(const struct kv_session *session)
{
	uint64_t digest = kv_hash_mix(session->class_number, session->id);

	digest = kv_hash_mix(digest, session->floor);
	digest = kv_hash_mix(digest, session->applied);
	digest = kv_hash_mix(digest, session->evicted_index);
	return kv_hash_mix(digest, session->last_index);
}

/* The index names the command, and with it the session. */
static uint64_t verdict_digest(const struct kv_verdict *verdict)
{
	uint64_t digest = kv_hash_bytes(verdict->size, verdict->data, verdict->size);

	return kv_hash_mix(kv_hash_mix(digest, verdict->index), verdict->sequence);
}

/* Chains of one on average. */
static uint32_t bucket_count(uint32_t sessions_max)
{
	uint32_t count = 1;

	while (count < sessions_max * KV_SESSION_CLASSES)
		count *= 2;
	return count;
}

static bool class_create(struct kv_session_class *class, uint32_t sessions_max,
			 uint32_t verdicts_max)
{
	TAILQ_INIT(&class->order);
	TAILQ_INIT(&class->kept);
	TAILQ_INIT(&class->spare);
	class->session = calloc(sessions_max, sizeof(*class->session));
	class->verdict = calloc(verdicts_max, sizeof(*class->verdict));
	return class->session && class->verdict;
}

struct kv_session_table *kv_session_table_create(uint64_t salt, uint32_t sessions_max,
						 uint32_t verdicts_max)
{
	struct kv_session_table *table = calloc(1, sizeof(*table));
	bool whole;

	assert(salt);
	assert(sessions_max);
	assert(verdicts_max);
	assert(verdicts_max <= UINT16_MAX);
	if (!table)
		return NULL;
	table->salt = salt;
	table->sessions_max = sessions_max;
	table->verdicts_max = verdicts_max;
	table->bucket_mask = bucket_count(sessions_max) - 1;
	table->bucket = calloc(table->bucket_mask + 1, sizeof(*table->bucket));
	whole = table->bucket != NULL;
	for (size_t i = 0; i < KV_SESSION_CLASSES; i++)
		whole &= class_create(&table->classes[i], sessions_max, verdicts_max);
	if (whole)
		return table;
	kv_session_table_destroy(table);
	return NULL;
}

void kv_session_table_destroy(struct kv_session_table *table)
{
	for (size_t i = 0; i < KV_SESSION_CLASSES; i++) {
		free(table->classes[i].session);
		free(table->classes[i].verdict);
	}
	free(table->bucket);
	free(table);
}

struct kv_session *kv_session_find(const struct kv_session_table *table, uint64_t id)
{
	struct kv_session *session;

	LIST_FOREACH(session, bucket_of(table, id), chain)
	{
		if (session->id == id)
			return session;
	}
	return NULL;
}

static uint16_t *verdict_place(struct kv_session *session, uint64_t sequence)
{
	return &session->verdict[sequence % KV_SESSION_WINDOW];
}

static const struct kv_verdict *verdict_find(const struct kv_session_table *table,
					     const struct kv_session *session, uint64_t sequence)
{
	uint16_t number = session->verdict[sequence % KV_SESSION_WINDOW];

	return number ? &table->classes[session->class_number].verdict[number - 1] : NULL;
}

/* One command at a time was the rule of clients before the window: they send no floor. */
static uint64_t floor_of(const struct kv_request *request)
{
	return request->floor ? request->floor : request->sequence;
}

static bool is_applied(const struct kv_session *session, uint64_t sequence)
{
	uint64_t at = sequence - session->floor;

	return at < KV_SESSION_WINDOW && (session->applied >> at & 1) != 0;
}

/* Its base is an index below its own, and nothing that was forgotten was applied after it. */
static bool is_first(const struct kv_request *request, uint64_t index, uint64_t evicted_index)
{
	return request->session_base >= evicted_index && request->session_base < index;
}

enum kv_session_judgement kv_session_judge(const struct kv_session_table *table,
					   const struct kv_request *request, uint64_t index,
					   struct kv_bytes *verdict)
{
	const struct kv_session *session = kv_session_find(table, request->session);
	uint32_t class_number = class_of(request);
	uint64_t evicted_index = table->classes[class_number].evicted_index;

	assert(request->session != 0);
	assert(request->sequence != 0);
	assert(floor_of(request) <= request->sequence);
	if (request->sequence - floor_of(request) >= KV_SESSION_WINDOW)
		return KV_SESSION_BEYOND;
	if (session) {
		const struct kv_verdict *kept;

		if (session->class_number != class_number)
			return KV_SESSION_MISNAMED;
		if (request->sequence < session->floor)
			return KV_SESSION_STALE;
		if (is_applied(session, request->sequence)) {
			kept = verdict_find(table, session, request->sequence);
			if (!kept)
				return KV_SESSION_LOST;
			*verdict = (struct kv_bytes){kept->data, kept->size};
			return KV_SESSION_DUPLICATE;
		}
		evicted_index = session->evicted_index;
	}
	return is_first(request, index, evicted_index) ? KV_SESSION_NEW : KV_SESSION_UNKNOWN;
}

static void verdict_drop(struct kv_session_table *table, struct kv_verdict *verdict)
{
	struct kv_session_class *class = &table->classes[verdict->session->class_number];

	table->digest -= verdict->digest;
	*verdict_place(verdict->session, verdict->sequence) = 0;
	TAILQ_REMOVE(&class->kept, verdict, order);
	TAILQ_INSERT_HEAD(&class->spare, verdict, order);
	class->kept_count--;
	class->kept_size -= verdict->size;
}

/* All sequences below leave the session: as many steps as it had bits set below. */
static void floor_raise(struct kv_session_table *table, struct kv_session *session, uint64_t floor)
{
	struct kv_session_class *class = &table->classes[session->class_number];
	uint64_t by = floor - session->floor, gone = session->applied;

	assert(floor > session->floor);
	if (by < KV_SESSION_WINDOW)
		gone &= (UINT64_C(1) << by) - 1;
	for (; gone; gone &= gone - 1) {
		uint64_t sequence = session->floor + (uint64_t)__builtin_ctzll(gone);
		uint16_t number = *verdict_place(session, sequence);

		if (number)
			verdict_drop(table, &class->verdict[number - 1]);
	}
	session->applied = by < KV_SESSION_WINDOW ? session->applied >> by : 0;
	session->floor = floor;
}

/* The oldest of the class, with all its verdicts: its place is free. */
static struct kv_session *session_forget(struct kv_session_table *table,
					 struct kv_session_class *class)
{
	struct kv_session *oldest = TAILQ_FIRST(&class->order);

	assert(oldest);
	assert(oldest->last_index > class->evicted_index);
	class->evicted_index = oldest->last_index;
	table->digest -= oldest->digest;
	for (uint32_t i = 0; i < KV_SESSION_WINDOW; i++) {
		if (oldest->verdict[i])
			verdict_drop(table, &class->verdict[oldest->verdict[i] - 1]);
	}
	TAILQ_REMOVE(&class->order, oldest, order);
	LIST_REMOVE(oldest, chain);
	return oldest;
}

/* The last of its class, with nothing applied yet. */
static struct kv_session *session_make(struct kv_session_table *table, uint32_t class_number,
				       uint64_t id)
{
	struct kv_session_class *class = &table->classes[class_number];
	/* What goes to make room for it is another, and says nothing of this one. */
	uint64_t evicted_index = class->evicted_index;
	struct kv_session *session = class->count < table->sessions_max
					     ? &class->session[class->count++]
					     : session_forget(table, class);

	session->id = id;
	session->floor = 0;
	session->applied = 0;
	session->last_index = 0;
	session->evicted_index = evicted_index;
	session->digest = 0;
	session->class_number = (uint8_t)class_number;
	TAILQ_INSERT_TAIL(&class->order, session, order);
	LIST_INSERT_HEAD(bucket_of(table, id), session, chain);
	return session;
}

static void session_applied(struct kv_session_table *table, struct kv_session *session,
			    uint64_t sequence, uint64_t index)
{
	struct kv_session_class *class = &table->classes[session->class_number];
	const struct kv_session *newest;

	assert(!is_applied(session, sequence));
	TAILQ_REMOVE(&class->order, session, order);
	newest = TAILQ_LAST(&class->order, kv_session_order);
	assert(!newest || newest->last_index < index);
	TAILQ_INSERT_TAIL(&class->order, session, order);
	session->applied |= UINT64_C(1) << (sequence - session->floor);
	session->last_index = index;
	table->digest -= session->digest;
	session->digest = session_digest(session);
	table->digest += session->digest;
}

static struct kv_verdict *verdict_take(struct kv_session_table *table,
				       struct kv_session_class *class)
{
	struct kv_verdict *verdict;

	if (class->kept_count == table->verdicts_max)
		verdict_drop(table, TAILQ_FIRST(&class->kept));
	verdict = TAILQ_FIRST(&class->spare);
	if (verdict)
		TAILQ_REMOVE(&class->spare, verdict, order);
	else /* none was ever dropped that is not in use */
		verdict = &class->verdict[class->kept_count];
	return verdict;
}

static void verdict_keep(struct kv_session_table *table, struct kv_session *session,
			 uint64_t sequence, uint64_t index, struct kv_bytes data)
{
	struct kv_session_class *class = &table->classes[session->class_number];
	struct kv_verdict *verdict = verdict_take(table, class);

	assert(data.size <= KV_VERDICT_SIZE_MAX);
	assert(*verdict_place(session, sequence) == 0);
	verdict->session = session;
	verdict->sequence = sequence;
	verdict->index = index;
	verdict->size = (uint8_t)data.size;
	if (data.size)
		memcpy(verdict->data, data.data, data.size);
	verdict->digest = verdict_digest(verdict);
	table->digest += verdict->digest;
	TAILQ_INSERT_TAIL(&class->kept, verdict, order);
	class->kept_count++;
	class->kept_size += verdict->size;
	*verdict_place(session, sequence) = (uint16_t)(1 + (verdict - class->verdict));
}

void kv_session_remember(struct kv_session_table *table, const struct kv_request *request,
			 uint64_t index, struct kv_bytes verdict)
{
	struct kv_session *session = kv_session_find(table, request->session);
	uint64_t floor = floor_of(request);

	if (!session)
		session = session_make(table, class_of(request), request->session);
	assert(session->class_number == class_of(request));
	if (floor > session->floor)
		floor_raise(table, session, floor);
	session_applied(table, session, request->sequence, index);
	verdict_keep(table, session, request->sequence, index, verdict);
}

uint64_t kv_session_table_hash(const struct kv_session_table *table)
{
	uint64_t hash = table->digest;

	for (size_t i = 0; i < KV_SESSION_CLASSES; i++) {
		hash = kv_hash_mix(hash, table->classes[i].count);
		hash = kv_hash_mix(hash, table->classes[i].evicted_index);
	}
	return hash;
}

void kv_session_add(struct kv_session_table *table, const struct kv_session *like)
{
	struct kv_session *session;

	assert(table->classes[like->class_number].count < table->sessions_max);
	session = session_make(table, like->class_number, like->id);
	session->floor = like->floor;
	session->applied = like->applied;
	session->evicted_index = like->evicted_index;
	session->last_index = like->last_index;
	session->digest = session_digest(session);
	table->digest += session->digest;
}

void kv_verdict_add(struct kv_session_table *table, const struct kv_verdict *like)
{
	verdict_keep(table, like->session, like->sequence, like->index,
		     (struct kv_bytes){like->data, like->size});
}

static uint64_t class_verify(const struct kv_session_table *table, uint32_t number)
{
	const struct kv_session_class *class = &table->classes[number];
	const struct kv_session *session;
	const struct kv_verdict *verdict;
	uint64_t index_before = class->evicted_index, digest = 0, size = 0;
	uint32_t count = 0, kept_count = 0, places = 0;

	TAILQ_FOREACH(session, &class->order, order)
	{
		assert(session->last_index > index_before); /* KE1, KE2 */
		assert(session->evicted_index <= class->evicted_index);
		assert(session->class_number == number);
		assert(session->floor != 0);
		assert(session->applied != 0); /* KE5 */
		assert(kv_session_find(table, session->id) == session);
		for (uint32_t i = 0; i < KV_SESSION_WINDOW; i++)
			places += session->verdict[i] != 0;
		index_before = session->last_index;
		digest += session_digest(session);
		count++;
	}
	assert(count == class->count);
	index_before = 0;
	TAILQ_FOREACH(verdict, &class->kept, order)
	{
		assert(verdict->index > index_before); /* KE1 */
		assert(verdict->index > verdict->session->evicted_index);
		assert(verdict->index <= verdict->session->last_index);
		assert(verdict->session->class_number == number);
		assert(is_applied(verdict->session, verdict->sequence)); /* KE5 */
		assert(verdict_find(table, verdict->session, verdict->sequence) == verdict);
		index_before = verdict->index;
		digest += verdict_digest(verdict);
		size += verdict->size;
		kept_count++;
	}
	assert(kept_count == places);
	assert(kept_count == class->kept_count);
	assert(kept_count <= table->verdicts_max);
	assert(size == class->kept_size);
	return digest;
}

void kv_session_table_verify(const struct kv_session_table *table)
{
	uint64_t digest = 0;

	for (uint32_t i = 0; i < KV_SESSION_CLASSES; i++)
		digest += class_verify(table, i);
	assert(digest == table->digest); /* KE3 */
}
